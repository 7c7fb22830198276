"""One emitted function, in either style, from one graph.

`readable` computes each node in a named statement. `fast` makes the same statements
write into arrays that are allocated once for given sizes of the named dimensions, and
kept by `functools.lru_cache`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ...ir.facts import Role
from ...ir.graph import Graph, OneRow
from ...ir.node import Node
from ...ir.sizes import SizeBound
from ...ir.types import is_floating
from ...program.footprint import Footprint, OneRowFootprint
from ...program.memory import MemoryPlan, plan_memory
from ...program.plan import Style
from ...program.schedule import Chain, batches_of, schedule
from ...program.storage import storage_of
from ...pysource.writer import Writer
from .comments import phase_of, write_commented
from .expressions import (
    assign,
    call,
    literal,
    name,
    names_read,
    parse,
    subscript,
)
from .kernels import Kernel
from .names import Names
from .operands import Constants, Operands, Preparation
from .sizes import size_of_axis, size_sources, write_size_check, write_sizes
from .workspace import Held, Workspace, side_by_side

Ending = Callable[[Sequence[ast.expr]], list[ast.stmt]]
"""The last statements of a function, from the values of its outputs."""


@dataclass(frozen=True)
class Function:
    """What to emit: a graph as `name(parameters, *inputs)`."""

    name: str
    graph: Graph
    inputs: tuple[Node, ...]
    """The placeholders that the function takes, used or not, in order."""
    ending: Ending
    docstring: str
    random: bool = False
    """Whether it takes a generator `rng`."""
    starts_generator: bool = False
    """Whether it starts a generator, always the same, where it is given none."""
    held: Held | None = None
    """In fast style, outputs that are no new arrays."""
    results: tuple[str, ...] = ()
    """With `held`, what to call the values that `ending` returns."""
    reserved: tuple[str, ...] = ()
    """Variables that `ending` uses for itself."""
    source: str = "parameters"
    """The first argument, if any: a mapping that holds parameters, and placeholders
    that are no arguments, by name."""
    converts: bool = False
    """Whether, in fast style, inputs may be of another floating dtype than declared."""
    tile: int | None = None
    """In fast style, how many numbers a tile has; None for no tiles."""
    follows_dtypes: bool = True
    """Whether, in fast style, it computes in the dtype that parameters have, where all
    is declared alike."""
    size_bounds: tuple[SizeBound, ...] = ()
    """What has to hold of named sizes."""
    size_error: str = "ValueError"
    """The exception that says that it does not."""
    one_row: OneRow | None = None
    """In fast style, what another function computes instead for data of one row."""

    def for_one_row(self, *, follows_dtypes: bool) -> Function:
        """That other function."""
        assert self.one_row is not None
        outputs = self.one_row.graph.outputs
        images = dict(zip(self.graph.outputs, outputs, strict=True))
        held = self.held
        if held is not None:
            nodes = {key: images[node] for key, node in held.nodes.items()}
            held = replace(held, nodes=nodes, is_shared=True)
        return replace(
            self,
            name=f"{self.name}_for_one_row",
            graph=self.one_row.graph,
            docstring=f"Do what `{self.name}` does for data of one row, on vectors.",
            held=held,
            converts=False,
            follows_dtypes=follows_dtypes,
            size_bounds=(),
            one_row=None,
        )


@dataclass(frozen=True)
class Written:
    """What other code needs to know of an emitted function."""

    quick_call: ast.expr
    """A call on the function's own arguments; in fast style its result may be arrays
    of the workspace, which the next call overwrites."""
    workspace: Workspace
    has_tiles: bool
    has_checks: bool = False
    """Whether it checks positions."""
    one_row: tuple[str, Written] | None = None
    """The dimension and the function that is called where it is 1."""

    def footprint(self, tile: int) -> Footprint:
        """What the function's arrays take, besides parameters, inputs and results."""
        own = self.workspace.footprint(tile)
        if self.one_row is None:
            return own
        dimension, written = self.one_row
        row = written.workspace.footprint(tile)
        return replace(
            own,
            sizes=tuple(sorted({*own.sizes, dimension})),
            one_row=OneRowFootprint(dimension, row.workspace, row.tiles),
        )


class _Body:
    """The statements of a function and what they turned out to need."""

    def __init__(
        self, function: Function, names: Names, constants: Constants, *, fast: bool
    ) -> None:
        self.function = function
        self.names = names
        graph = function.graph
        names.assign(graph.nodes)
        self.operands = Operands(graph, names, constants, fast=fast, has_workspace=fast)
        self.nodes = [n for n in graph.nodes if not self.operands.is_inline(n)]
        self.hoisted = sized_only(self.nodes, graph.outputs) if fast else {}
        self.nodes = [node for node in self.nodes if node not in self.hoisted]
        self.steps: list[Node | Chain] = list(self.nodes)
        stored = {*graph.inputs, *graph.parameters} - set(function.inputs)
        self.stored = [n for n in graph.nodes if n in stored]
        self.memory = MemoryPlan()
        self.held = function.held if fast else None
        if fast:
            self._plan()
        self.kernels = {
            chain: Kernel(chain, self.memory, self.operands, names)
            for chain in self.steps
            if isinstance(chain, Chain)
        }
        self.statements = {
            node: self._statements(node)
            for node in self.steps
            if isinstance(node, Node)
        }
        results = [self.operands.value(node) for node in graph.outputs]
        self.ending = [*self._copies(), *function.ending(results)]
        self.has_checks = False
        self.prepared = self._prepare()
        self._drop_unread_variables()

    def _copies(self) -> list[ast.stmt]:
        """Put what was computed elsewhere into the arrays that are kept."""
        copies: list[ast.stmt] = []
        if self.held is not None:
            for key, node in self.held.copied().items():
                slot = subscript(name(self.held.variable), key)
                whole = ast.Subscript(slot, ast.Constant(...), ast.Store())
                copies.append(ast.Assign([whole], self.operands.value(node)))
        return copies

    def _drop_unread_variables(self) -> None:
        """Where an array goes by another name already, don't give it one more."""
        written = [s for statements in self.statements.values() for s in statements]
        written += [each.statement for p in self.prepared.values() for each in p]
        read = names_read([*written, *self.ending])
        for kernel in self.kernels.values():
            read |= kernel.passed_names()
        for node in self.memory.arrays:
            if self.names[node] not in read and node in self.statements:
                self.statements[node] = self._statements(node, named=False)
        for node in reversed(tuple(self.hoisted)):
            if self.names[node] in read:
                read |= {self.names[parent] for parent in node.inputs}
            else:
                del self.hoisted[node]

    def _prepare(self) -> dict[Node | Chain, list[Preparation]]:
        """Statements to run before those of a step, each of them once."""
        prepared: dict[Node | Chain, list[Preparation]] = {}
        known: set[str] = set()
        for step in self.steps:
            found = [p for node in flatten([step]) for p in self.operands.checks(node)]
            self.has_checks |= bool(found)
            if isinstance(step, Node) and step in self.memory.arrays:
                found += self.operands.preparations(step)
            texts = [ast.unparse(each.statement) for each in found]
            new = dict(zip(texts, found, strict=True))
            prepared[step] = [each for text, each in new.items() if text not in known]
            known |= set(texts)
        return prepared

    def _plan(self) -> None:
        graph, held = self.function.graph, self.held
        inline = {n for n in graph.nodes if self.operands.is_inline(n)}
        if self.function.tile is not None:
            batches = batches_of(graph.nodes)
            self.steps = schedule(
                self.nodes, inline, graph.outputs, self.function.tile, batches
            )
        chains = [step for step in self.steps if isinstance(step, Chain)]
        stays = {storage_of(node) for node in (held.nodes.values() if held else ())}
        results = {storage_of(node) for node in graph.outputs}
        self.memory = plan_memory(
            list(flatten(self.steps)),
            inline,
            graph.outputs,
            results - stays,
            dedicated=held.written() if held else (),
            chains=chains,
        )
        for node in self.memory.allocated:
            literal(node.shape, self.operands.dimension)

    def _statements(self, node: Node, *, named: bool = True) -> list[ast.stmt]:
        target = self.names[node]
        array = self.memory.arrays.get(node)
        if array is None:
            return self.operands.statements(node, target)
        array = self.names[array]
        return self.operands.statements_into(node, target if named else array, array)

    def write_stored(self, writer: Writer) -> None:
        """Fetch the parameters."""
        for node in self.stored:
            stored = subscript(name(self.function.source), node.name)
            with writer.about(node):
                writer.statement(assign(self.names[node], stored))

    def write(self, writer: Writer, workspace: Workspace) -> None:
        """Write the statements of the values, and the ending."""
        phases = {phase_of(first_of(step)) for step in self.steps}
        current = ""
        for step in self.steps:
            phase = phase_of(first_of(step))
            if len(phases) > 1 and phase != current and current in ("", "Forward"):
                writer.heading(phase)
                current = phase
            for each in self.prepared[step]:
                with writer.about(step if each.checked is None else each.checked):
                    writer.statement(each.statement)
            if isinstance(step, Chain):
                self.kernels[step].write_call(writer, workspace.dtype)
            else:
                self._write_value(writer, step)
        if len(phases) > 1:
            writer.blank()
        for statement in self.ending:
            writer.statement(statement)

    def _write_value(self, writer: Writer, node: Node) -> None:
        """Write the statements of a value, and its shape where it is written."""
        statements = list(self.statements[node])
        array = self.memory.arrays.get(node)
        if array is not None:
            while self.names[array] not in names_read(statements[:1]):
                with writer.about(node):
                    writer.statement(statements.pop(0))
        write_commented(writer, node, statements)


def sized_only(nodes: Sequence[Node], outputs: Sequence[Node]) -> dict[Node, None]:
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
            and not node.op.is_statements
            and node not in results
            and all(known)
        ):
            found[node] = None
    return found


def first_of(step: Node | Chain) -> Node:
    """The value that is computed first."""
    return step.nodes[0] if isinstance(step, Chain) else step


def flatten(steps: Iterable[Node | Chain]) -> Iterator[Node]:
    """All values in the order in which they are computed."""
    for step in steps:
        if isinstance(step, Chain):
            yield from step.nodes
        else:
            yield step


def signature(function: Function, names: Names) -> list[str]:
    """The parameters of the emitted function."""
    arguments = [names[node] for node in function.inputs]
    if function.source:
        arguments.insert(0, function.source)
    return [*arguments, "rng=None"] if function.random else arguments


def _write_copying(
    writer: Writer,
    function: Function,
    held: Held,
    arguments: Sequence[str],
    quick_call: ast.expr,
    workspace: Workspace,
) -> None:
    """Write the function that returns arrays of the caller's own."""
    with writer.function(function.name, arguments):
        writer.docstring(function.docstring)
        _write_dtype_check(writer, workspace)
        results = [ast.Name(variable, ast.Store()) for variable in function.results]
        target = ast.Tuple(list(results), ast.Store())
        writer.statement(ast.Assign([target], quick_call))
        copies = side_by_side(name(held.variable), held.order, held.nodes)
        returned = [
            copies if variable == held.variable else name(variable)
            for variable in function.results
        ]
        writer.statement(ast.Return(ast.Tuple(returned, ast.Load())))


def _write_dtype_check(writer: Writer, workspace: Workspace) -> None:
    """Make sure that parameters have the dtype that the workspace takes from one."""
    if workspace.is_typed:
        writer.statement(ast.Expr(call("check_dtypes", name("parameters"))))


def _write_conversions(writer: Writer, body: _Body, workspace: Workspace) -> None:
    """Make floating inputs what the arrays of the workspace are made for."""
    # Where gradients are written in place, each microsecond counts.
    if body.held is None:
        _write_dtype_check(writer, workspace)
    used = set(body.function.graph.inputs)
    for node in body.function.inputs:
        if is_floating(node.dtype) and node in used:
            variable = body.names[node]
            in_order = ast.Constant("C")
            dtype = workspace.dtype(node)
            array = call("np.asarray", name(variable), dtype, order=in_order)
            with writer.about(node):
                writer.statement(assign(variable, array))


def _write_shortcut(
    writer: Writer,
    function: Function,
    one_row: tuple[str, Written],
    symbols: Collection[str],
    names: Names,
) -> None:
    """Return at once what the function for one row returns."""
    dimension, written = one_row
    sources = list(size_sources(dimension, function.inputs))
    # Lists have a length, too. Where inputs disagree, this function finds it out.
    sizes = [
        size_of_axis(names[node], axis) if axis else call("len", name(names[node]))
        for node, axis in sources
    ]
    if dimension in symbols:
        sizes[0] = name(names.symbol(dimension))
    is_one = ast.Compare(
        sizes[0], [ast.Eq() for _ in sizes], [*sizes[1:], ast.Constant(1)]
    )
    with writer.block(f"if {ast.unparse(is_one)}:"):
        writer.statement(ast.Return(written.quick_call))


def write_function(
    writer: Writer,
    function: Function,
    names: Names,
    constants: Constants,
    style: Style,
) -> Written:
    """Write `function` in the given style."""
    outer = names
    names = outer.function_scope(function.reserved)
    body = _Body(function, names, constants, fast=style == "fast")
    workspace = Workspace(
        function.name,
        body.memory,
        body.held,
        typed_by=body.stored if function.follows_dtypes else (),
        hoisted=body.hoisted,
        names=names,
        operands=body.operands,
    )
    one_row = None
    if function.one_row is not None and style == "fast":
        other = function.for_one_row(follows_dtypes=workspace.is_typed)
        written = write_function(writer, other, outer, constants, style)
        one_row = (function.one_row.dimension, written)
    arguments = signature(function, names)
    copies = body.held is not None and not body.held.is_shared
    quick = f"{function.name}_in_place" if copies else function.name
    workspace.write_allocations(writer)
    for kernel in body.kernels.values():
        kernel.write(writer)
    with writer.function(quick, arguments):
        docstring = function.docstring
        if body.held is not None:
            docstring += f"\n\nThe next call overwrites the {body.held.variable}."
        writer.docstring(docstring)
        if function.random and function.starts_generator:
            started = parse("np.random.default_rng(0) if rng is None else rng")
            writer.statement(assign("rng", started))
        body.write_stored(writer)
        if function.converts and style == "fast":
            _write_conversions(writer, body, workspace)
        symbols = body.operands.dimensions | set(workspace.symbols)
        symbols |= {name for bound in function.size_bounds for name in bound.symbols}
        write_sizes(writer, symbols, function.inputs, names)
        for bound in function.size_bounds:
            write_size_check(writer, bound, function.size_error, names)
        if one_row is not None:
            _write_shortcut(writer, function, one_row, symbols, names)
        workspace.write_unpacking(writer)
        body.write(writer, workspace)
    passed = [name(argument.partition("=")[0]) for argument in arguments]
    quick_call = call(quick, *passed)
    if body.held is not None and copies:
        _write_copying(writer, function, body.held, arguments, quick_call, workspace)
    return Written(quick_call, workspace, bool(body.kernels), body.has_checks, one_row)
