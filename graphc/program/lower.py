"""Functions as steps: all that is decided about a function before it is printed.

A graph becomes steps in order, each with the form of its value, the array that this is
written to, what has to hold and what runs before. The values without a statement, those
that are made with the workspace, the sizes that the code needs: all is here, as data.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..ir.bodies import copied_for
from ..ir.dims import Dimension
from ..ir.facts import Role
from ..ir.graph import Graph, OneRow
from ..ir.node import Node
from ..ir.types import TensorType
from .footprint import CACHE_LINE
from .forms import Entries, Entry, Forms
from .function import (
    Block,
    Call,
    Carried,
    Compute,
    Declared,
    Function,
    Loop,
    Stacked,
    Step,
    Variant,
)
from .memory import MemoryPlan, plan_memory
from .schedule import Chain, batches_of, schedule
from .steps import (
    each_once,
    in_order,
    named_where_read,
    read_by,
    results_read,
    sizes_of,
    step_of,
    tiled_step,
)
from .storage import is_written, storage_of, writes_in_place
from .workspace import Workspace, empty_arrays


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
    persistent = declared.persistent if fast else None
    kept = persistent.nodes.values() if persistent is not None else ()
    copied = persistent.copied() if persistent is not None else {}
    results = (*graph.outputs, *copied.values())
    hoisted = decided_by_sizes(graph.nodes, forms, graph.outputs) if fast else {}
    lowering = _Lowering(declared, fast, entries, bodies)
    steps, memory = lowering.steps(
        graph,
        forms,
        results,
        elsewhere=hoisted,
        fresh={storage_of(node) for node in graph.outputs}
        - {storage_of(node) for node in kept},
        dedicated=persistent.written() if persistent is not None else (),
    )
    read = read_by(steps, forms, results)
    stored = {*graph.inputs, *graph.parameters} - set(declared.inputs)
    workspace = Workspace.of(
        memory,
        persistent,
        arrays=lowering.arrays,
        typed_by=[n for n in graph.nodes if n in stored or n.op.role is Role.ARGUMENT]
        if declared.follows_dtypes
        else [],
        hoisted=_read_of(hoisted, read),
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
        other = lower(other, fast=True, bodies=bodies)
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


@dataclass
class _Lowering:
    """The way to steps for all graphs of one function: its own, and bodies inside."""

    declared: Declared
    fast: bool
    entries: Entries | None
    functions: dict[Graph, Function]
    """Of bodies that are called."""
    arrays: list[Entry] = field(default_factory=list[Entry])
    """Those of loops, besides what plans of memory have."""

    def steps(
        self,
        graph: Graph,
        forms: Forms,
        results: Iterable[Node],
        *,
        elsewhere: Collection[Node] = (),
        fresh: Collection[Node] = (),
        dedicated: Collection[Node] = (),
        destinations: Mapping[Node, Node] | None = None,
    ) -> tuple[tuple[Step, ...], MemoryPlan]:
        """The steps of a graph, and the arrays that they write to.

        Args:
            graph: values in primitives.
            forms: theirs.
            results: what is read after all steps.
            elsewhere: values that are computed elsewhere.
            fresh: values that need a new array at each run.
            dedicated: values that have an array of their own already.
            destinations: values that replace another one, and that one.
        """
        inline = {node for node in graph.nodes if forms.is_inline(node)}
        nodes = [n for n in graph.nodes if n not in inline and n not in elsewhere]
        order: list[Node | Chain] = list(nodes)
        memory = MemoryPlan()
        if self.fast:
            tile = self.declared.tile
            if tile is not None:
                batches = batches_of(graph.nodes)
                order = schedule(nodes, inline, graph.outputs, tile, batches)
            memory = plan_memory(
                list(in_order(order)),
                inline,
                graph.outputs,
                fresh,
                destinations,
                dedicated,
                chains=[step for step in order if isinstance(step, Chain)],
            )
        steps = list(
            each_once(self._step(each, graph, forms, memory, fresh) for each in order)
        )
        read = read_by(steps, forms, results)
        named = (
            next(named_where_read([step], read)) if isinstance(step, Compute) else step
            for step in steps
        )
        return tuple(named), memory

    def _step(
        self,
        each: Node | Chain,
        graph: Graph,
        forms: Forms,
        memory: MemoryPlan,
        fresh: Collection[Node],
    ) -> Step:
        if isinstance(each, Chain):
            return tiled_step(each, forms, memory)
        if each.op.role is Role.LOOP:
            return self._loop(each, graph, fresh)
        if each.op.bodies:
            return self._call(each, graph, forms)
        return replace(step_of(each, forms, memory), results=results_read(each, graph))

    def _call(self, node: Node, graph: Graph, forms: Forms) -> Call:
        """The step of a call; a body that is called again is the same function."""
        body = node.bodies[0]
        if body not in self.functions:
            declared = Declared(
                node.name or "body",
                body,
                body.arguments,
                source="",
                tile=self.declared.tile,
                follows_dtypes=self.declared.follows_dtypes,
            )
            self.functions[body] = lower(
                declared, fast=self.fast, bodies=self.functions
            )
        indices: list[int] = [node.attributes["index"] for node in body.arguments]
        checks = tuple(forms.checks(node))
        given = tuple(node.inputs[index] for index in indices)
        results = results_read(node, graph)
        return Call(node, self.functions[body], given, results, checks)

    def _loop(self, node: Node, graph: Graph, fresh: Collection[Node]) -> Loop:
        """The step of a loop, and the arrays that it needs."""
        body = copied_for(node)
        forms = Forms(body, fast=self.fast, entries=self.entries)
        count: int = node.attributes["carries"]
        after = count + node.attributes["sequences"]
        results = results_read(node, graph)
        arguments: dict[int, Node] = {
            each.attributes["index"]: each for each in body.arguments
        }
        stacked: dict[Node, Stacked] = {}
        copies: list[Stacked] = []
        for result, value in zip(results[count:], body.outputs[count:], strict=True):
            if result is None:
                continue
            direct = self.fast and value not in stacked and is_written(value)
            direct = direct and not forms.is_inline(value)
            is_fresh = not self.fast or result in fresh
            each = Stacked(result, value, direct, is_fresh)
            if direct:
                stacked[value] = each
            copies.append(each)
            if not is_fresh:
                self._allocate(result)
        length: Dimension = node.attributes["length"]
        is_run = isinstance(length, int) and length > 0
        carried: list[Carried] = []
        own, replaced = set(stacked), dict[Node, Node]()
        for index in range(count):
            # Where no turn reads it, it is what is read after the last one, if any.
            variable, value = arguments.get(index, results[index]), body.outputs[index]
            if variable is None:
                continue
            each = Carried(variable, node.inputs[index], value, results[index])
            if self.fast and variable.ndim:
                # Without a turn, it is the start, whose array others may get later.
                is_lent = value in stacked and not is_run
                is_fresh = results[index] in fresh or is_lent
                each = replace(each, is_fresh=is_fresh)
                if value not in stacked:
                    is_new = is_written(value) and not forms.is_inline(value)
                    is_new = is_new and value not in own and value not in replaced
                    spare = None
                    if is_new and _is_replaced(variable, value, body):
                        replaced[value] = variable
                    elif is_new:
                        own.add(value)
                        self._allocate(value)
                    else:
                        wish = f"next_{variable.name or 'carry'}"
                        spare = self._allocate(variable.type, wish)
                    self._allocate(variable)
                    each = replace(
                        each,
                        has_array=True,
                        spare=spare,
                        is_replaced=value in replaced,
                    )
            carried.append(each)
        items = [i for i in sorted(arguments) if count <= i < after]
        shared = [i for i in sorted(arguments) if i >= after]
        steps, memory = self.steps(
            body, forms, body.outputs, dedicated=own, destinations=replaced
        )
        self.arrays += empty_arrays(memory)
        return Loop(
            node,
            Block(body, forms, steps),
            length,
            node.attributes["reverse"],
            tuple(carried),
            tuple(copies),
            tuple((arguments[i], node.inputs[i]) for i in items),
            tuple((arguments[i], node.inputs[i]) for i in shared),
            results,
        )

    def _allocate(self, value: Node | TensorType, wish: str = "") -> Entry:
        """An array of the workspace for a value, or for one of a type."""
        kind = value.type if isinstance(value, Node) else value
        owner = value if isinstance(value, Node) else None
        size = kind.size * kind.dtype.itemsize + CACHE_LINE
        entry = Entry("empty", kind, owner, wish, bytes=size)
        self.arrays.append(entry)
        return entry


def _is_replaced(variable: Node, value: Node, body: Graph) -> bool:
    """True where the array of a carried value may take that of the next turn."""
    return (
        writes_in_place(value)
        and set(body.users.get(variable, ())) == {value}
        and variable not in {*body.outputs}
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
