"""Functions as steps: all that is decided about a function before it is printed.

A graph becomes steps in order, each with the form of its value, the array that this is
written to, what has to hold and what runs before. The values without a statement, those
that are made with the workspace, the sizes that the code needs: all is here, as data.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from ..ir.facts import Role
from ..ir.graph import Graph, OneRow
from ..ir.node import Node
from .early_sums import early_sums, stages_of, with_early_sums
from .forms import Entries, Forms
from .function import Declared, Function, Variant
from .lowering import Lowering
from .native import Supports
from .outline import outlined
from .steps import read_by, sizes_of
from .storage import arrays_of_results, storage_of
from .workspace import Workspace


def lower(
    declared: Declared,
    *,
    fast: bool,
    bodies: dict[Graph, Function] | None = None,
    native: Supports | None = None,
) -> Function:
    """Decide how a function is computed, in fast or in readable style.

    Args:
        declared: the function.
        fast: the style.
        bodies: functions of bodies that were lowered already, to which more are added.
        native: says which values another language computes, if any.
    """
    if native is not None:
        # Code in C has the declared dtypes, and loops of any number of rows.
        declared = replace(declared, follows_dtypes=False, one_row=None)
    if not fast:
        declared = replace(declared, graph=outlined(declared.graph))
    graph, bodies = declared.graph, {} if bodies is None else bodies
    entries = Entries() if fast else None
    forms = Forms(graph, fast=fast, entries=entries, groups=not fast)
    persistent = declared.persistent if fast else None
    kept = persistent.nodes.values() if persistent is not None else ()
    copied = persistent.copied() if persistent is not None else {}
    results = (*graph.outputs, *copied.values())
    hoisted: Mapping[Node, None] = {}
    if fast and native is None:
        hoisted = decided_by_sizes(graph.nodes, forms, graph.outputs)
    out = arrays_of_results(graph) if fast and declared.is_body else ()
    given = persistent.written() if persistent is not None else dict.fromkeys(out)
    sums = list[tuple[Node, ...]]()
    if persistent is not None and declared.is_shared:
        sums = early_sums(graph, persistent)
    stages = stages_of(graph, sums)
    lowering = Lowering(lower, declared, fast, entries, bodies, native, stages)
    steps, memory = lowering.steps(
        graph,
        forms,
        results,
        elsewhere=hoisted,
        fresh={storage_of(node) for node in graph.outputs}
        - {storage_of(node) for node in (*kept, *out)},
        dedicated=given,
    )
    steps = with_early_sums(steps, sums)
    read = read_by(steps, forms, results)
    stored = {*graph.inputs, *graph.parameters}
    stored -= {*declared.inputs, *declared.given}
    workspace = Workspace.of(
        memory,
        persistent,
        arrays=lowering.arrays,
        typed_by=[n for n in graph.nodes if n in stored or n.op.role is Role.ARGUMENT]
        if declared.follows_dtypes
        else [],
        hoisted=[(node, node in read) for node in _read_of(hoisted, read)],
        entries=entries or Entries(),
        forms=forms.with_leaves(()),
    )
    symbols = {name for bound in declared.size_bounds for name in bound.symbols}
    symbols |= set(workspace.symbols).union(*(sizes_of(step, forms) for step in steps))
    for node in results:
        symbols |= forms.sizes_of_value(node)
    told = {str(size) for node in declared.inputs for size in node.shape}
    one_row = None
    if declared.one_row is not None and fast:
        other = _for_one_row(declared, declared.one_row, workspace.is_typed)
        other = lower(other, fast=True, bodies=bodies, native=native)
        one_row = Variant(declared.one_row.dimension, other)
    return Function(
        declared,
        forms,
        steps,
        tuple(node for node in graph.nodes if node in stored),
        copied,
        workspace,
        tuple(sorted(symbols & told)),
        tuple(sorted(symbols - told)),
        fast,
        one_row,
        out,
    )


def _for_one_row(declared: Declared, one_row: OneRow, is_typed: bool) -> Declared:
    """The function for data of one row."""
    images = dict(zip(declared.graph.outputs, one_row.graph.outputs, strict=True))
    persistent = declared.persistent
    if persistent is not None:
        nodes = {key: images[node] for key, node in persistent.nodes.items()}
        persistent = replace(persistent, nodes=nodes, is_shared=True)
    return replace(
        declared,
        name=f"{declared.name}_for_one_row",
        graph=one_row.graph,
        persistent=persistent,
        converts=False,
        is_shared=False,
        follows_dtypes=is_typed,
        size_bounds=(),
        one_row=None,
    )


def decided_by_sizes(
    nodes: Iterable[Node], forms: Forms, outputs: Sequence[Node]
) -> dict[Node, None]:
    """Arrays that only the sizes of inputs decide: they are made with the workspace.

    Outputs are not, since who gets them may write to them.
    """
    found: dict[Node, None] = {}
    results = {storage_of(node) for node in outputs}
    for node in nodes:
        known = (
            parent in found or parent.op.role is Role.CONSTANT for parent in node.inputs
        )
        if (
            node.ndim
            and not forms.is_inline(node)
            and node.op.pure
            and node.op.numpy is not None
            and not node.op.bodies
            and not node.op.is_statements(node)
            and node not in results
            and all(known)
        ):
            found[node] = None
    return found


def _read_of(hoisted: Mapping[Node, None], read: Collection[Node]) -> list[Node]:
    """Those of the hoisted values that anything reads."""
    wanted = set(read)
    for node in reversed(tuple(hoisted)):
        if node in wanted:
            wanted.update(node.inputs)
    return [node for node in hoisted if node in wanted]
