"""Functions as steps: all that is decided about a function before it is printed.

A graph becomes steps in order, each with the form of its value, the array that this is
written to, what has to hold and what runs before. The values without a statement, those
that are made with the workspace, the sizes that the code needs: all is here, as data.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..ir.dims import symbols_of
from ..ir.facts import Role
from ..ir.graph import Graph, OneRow
from ..ir.node import Node
from ..ir.types import TupleType
from .forms import Entries, Forms, is_literal
from .function import (
    Call,
    Compute,
    Declared,
    Function,
    Step,
    Tiled,
    Variant,
    given_to,
)
from .memory import MemoryPlan, plan_memory
from .schedule import Chain, batches_of, schedule
from .storage import storage_of
from .workspace import Workspace


def lower(
    declared: Declared, *, fast: bool, bodies: dict[Graph, Function] | None = None
) -> Function:
    """Decide how a function is computed, in fast or in readable style.

    Args:
        declared: the function.
        fast: the style.
        bodies: functions of bodies that were lowered already, to which more are added.
    """
    graph, bodies = declared.graph, {} if bodies is None else bodies
    entries = Entries() if fast else None
    forms = Forms(graph, fast=fast, entries=entries)
    inline = {node for node in graph.nodes if forms.is_inline(node)}
    nodes = [node for node in graph.nodes if node not in inline]
    hoisted = decided_by_sizes(nodes, graph.outputs) if fast else {}
    nodes = [node for node in nodes if node not in hoisted]
    persistent = declared.persistent if fast else None
    order: list[Node | Chain] = list(nodes)
    memory = MemoryPlan()
    if fast:
        if declared.tile is not None:
            batches = batches_of(graph.nodes)
            order = schedule(nodes, inline, graph.outputs, declared.tile, batches)
        kept = persistent.nodes.values() if persistent is not None else ()
        stays = {storage_of(node) for node in kept}
        memory = plan_memory(
            list(in_order(order)),
            inline,
            graph.outputs,
            {storage_of(node) for node in graph.outputs} - stays,
            dedicated=persistent.written() if persistent is not None else (),
            chains=[step for step in order if isinstance(step, Chain)],
        )
    steps: list[Step] = [
        _tiled(step, forms, memory)
        if isinstance(step, Chain)
        else _call(step, forms, declared, graph, bodies, fast=fast)
        if step.op.bodies
        else replace(step_of(step, forms, memory), results=_results(step, graph))
        for step in order
    ]
    copied = persistent.copied() if persistent is not None else {}
    results = [*graph.outputs, *copied.values()]
    steps = list(_each_once(steps))
    read = _read(steps, forms, results)
    steps = [
        next(named_where_read([step], read)) if isinstance(step, Compute) else step
        for step in steps
    ]
    stored = {*graph.inputs, *graph.parameters} - set(declared.inputs)
    workspace = Workspace.of(
        memory,
        persistent,
        typed_by=[n for n in graph.nodes if n in stored or n.op.role is Role.ARGUMENT]
        if declared.follows_dtypes
        else [],
        hoisted=_read_of(hoisted, read),
        entries=entries or Entries(),
        forms=forms.with_leaves(()),
    )
    symbols = {name for bound in declared.size_bounds for name in bound.symbols}
    symbols |= set(workspace.symbols).union(*(_sizes(step, forms) for step in steps))
    for node in results:
        symbols |= forms.sizes_of_value(node)
    told = {str(size) for node in declared.inputs for size in node.shape}
    one_row = None
    if declared.one_row is not None and fast:
        other = _for_one_row(declared, declared.one_row, workspace.is_typed)
        other = lower(other, fast=True, bodies=bodies)
        one_row = Variant(declared.one_row.dimension, other)
    return Function(
        declared,
        forms,
        tuple(steps),
        tuple(node for node in graph.nodes if node in stored),
        copied,
        workspace,
        tuple(sorted(symbols & told)),
        tuple(sorted(symbols - told)),
        fast,
        one_row,
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
        follows_dtypes=is_typed,
        size_bounds=(),
        one_row=None,
    )


def _call(
    node: Node,
    forms: Forms,
    caller: Declared,
    graph: Graph,
    bodies: dict[Graph, Function],
    *,
    fast: bool,
) -> Call:
    """The step of a call; a body that is called from several places is one function."""
    body = node.bodies[0]
    if body not in bodies:
        declared = Declared(
            node.name or "body",
            body,
            body.arguments,
            source="",
            tile=caller.tile,
            follows_dtypes=caller.follows_dtypes,
        )
        bodies[body] = lower(declared, fast=fast, bodies=bodies)
    indices: list[int] = [node.attributes["index"] for node in body.arguments]
    checks = tuple(forms.checks(node))
    given = tuple(node.inputs[index] for index in indices)
    return Call(node, bodies[body], given, _results(node, graph), checks)


def _results(node: Node, graph: Graph) -> tuple[Node | None, ...]:
    """Of a node with several results, those values; None for one that nothing reads."""
    if not isinstance(node.type, TupleType):
        return ()
    results: list[Node | None] = [None] * len(node.type.items)
    for user in graph.users[node]:
        results[user.attributes["index"]] = user
    return tuple(results)


def step_of(node: Node, forms: Forms, memory: MemoryPlan) -> Compute:
    """The step that computes a value into the array that is planned for it."""
    array = memory.arrays.get(node)
    checks = tuple(forms.checks(node))
    if array is None:
        return Compute(node, forms[node], checks=checks)
    before, form = forms.into(node)
    return Compute(node, form, array, checks=checks, before=before)


def _tiled(chain: Chain, caller: Forms, memory: MemoryPlan) -> Tiled:
    """The step of a chain. It refers to what it is given as its caller does."""
    inside = set(chain.nodes)
    given = dict.fromkeys(
        parent
        for node in chain.nodes
        for parent in node.inputs
        if parent not in inside and not is_literal(parent)
    )
    arrays = dict.fromkeys(memory.arrays[node] for node in chain.nodes)
    scratch = dict.fromkeys(memory.scratch.get(chain, ()))
    # The first argument tells how large a tile is: it must not be broadcast.
    tiled = [node for node in arrays if node not in scratch]
    tiled += [node for node in given if chain.is_tiled(node) and node not in arrays]
    forms = caller.with_leaves(given)
    computes = [
        Compute(node, forms.into(node)[1], memory.arrays[node]) for node in chain.nodes
    ]
    symbols = {name for each in computes for name in forms.sizes(each.form)}
    return Tiled(
        chain,
        forms,
        tuple(named_where_read(computes, reads(computes, forms))),
        tuple(tiled),
        tuple(node for node in given if not chain.is_tiled(node)),
        tuple(scratch),
        tuple(node for node in chain.outputs if node in memory.fresh),
        {node: memory.arrays[node] for node in chain.nodes},
        tuple(sorted(symbols)),
        tuple(check for node in chain.nodes for check in caller.checks(node)),
    )


def _each_once(steps: Iterable[Step]) -> Iterator[Step]:
    """Steps without checks and preparations that an earlier one has made."""
    known: set[object] = set()
    for step in steps:
        checks = tuple(c for c in dict.fromkeys(step.checks) if c not in known)
        known.update(checks)
        if not isinstance(step, Compute) or step.before is None:
            yield replace(step, checks=checks) if step.checks else step
            continue
        key = (
            step.before.template.body,
            tuple(step.before.operands.items()),
            tuple(step.before.arrays.values()),
        )
        before = None if key in known else step.before
        known.add(key)
        yield replace(step, checks=checks, before=before)


def named_where_read(
    computes: Iterable[Compute], read: Collection[Node]
) -> Iterator[Compute]:
    """Steps in which an array that has a name gets no other one that nobody reads."""
    for each in computes:
        is_named = each.array is None or each.node in read
        yield each if is_named else replace(each, is_named=False)


def reads(computes: Iterable[Compute], forms: Forms) -> set[Node]:
    """The values that code reads by name."""
    found: set[Node] = set()
    for each in computes:
        found.update(forms.variables(each.form))
        if each.before is not None:
            found.update(forms.variables(each.before))
    return found


def _read(steps: Iterable[Step], forms: Forms, results: Iterable[Node]) -> set[Node]:
    """The values that steps and results read by name."""
    found = {each for node in results for each in forms.read_by_value(node)}
    for step in steps:
        if isinstance(step, Compute):
            found |= reads([step], forms)
        else:
            for node in given_to(step):
                found.update(forms.read_by_value(node))
        for check in step.checks:
            found.update(forms.read_by_value(check.positions))
    return found


def _sizes(step: Step, forms: Forms) -> set[str]:
    """The named sizes that the code of a step refers to, where it stands."""
    if isinstance(step, Compute):
        found = forms.sizes(step.form)
        if step.before is not None:
            found |= forms.sizes(step.before)
    else:
        if isinstance(step, Call):
            found = set(step.function.given_symbols)
        else:
            found = {*step.symbols, *symbols_of(step.chain.shape)}
        for node in given_to(step):
            found |= forms.sizes_of_value(node)
    for check in step.checks:
        found |= forms.sizes_of_value(check.positions)
        found |= set(symbols_of((check.low, check.high)))
    return found


def decided_by_sizes(
    nodes: Sequence[Node], outputs: Sequence[Node]
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


def in_order(steps: Iterable[Node | Chain]) -> Iterator[Node]:
    """All values in the order in which they are computed."""
    for step in steps:
        if isinstance(step, Chain):
            yield from step.nodes
        else:
            yield step
