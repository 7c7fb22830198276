"""One emitted function, in either style, from its steps.

`readable` computes each node in a named statement. `fast` makes the same statements
write into arrays that are allocated once for given sizes of the named dimensions, and
kept by `functools.lru_cache`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ...ir.evaluate import stream_name
from ...ir.facts import Role
from ...ir.node import Node
from ...ir.types import is_floating
from ...ir.walk import ancestors
from ...program.function import (
    Block,
    Branch,
    Call,
    Function,
    Loop,
    Native,
    Ready,
    Tiled,
    Variant,
)
from ...program.storage import storage_of
from ...program.workspace import Persistent
from ...pysource.writer import Writer
from ..c.module import values_of
from ..c.source import is_checked_in_c
from .bodies import BranchText, LoopText
from .constants import Constants
from .expressions import assign, call, literal, name, one_or_tuple, parse, subscript
from .kernels import Kernel
from .names import Names
from .naming import name_values
from .sizes import size_of_axis, size_sources, write_size_check, write_sizes
from .steps import Several, shape_comment, write_several, write_steps
from .values import Values
from .workspace import Allocation, names_of_entries, side_by_side

Ending = Callable[[Sequence[ast.expr]], list[ast.stmt]]
"""The last statements of a function, from the values of its outputs."""

Opening = Callable[[Names], list[ast.stmt]]
"""Statements of a function, in the names of its values."""


@dataclass(frozen=True)
class Wording:
    """Parts of an emitted function that no step says."""

    docstring: str
    ending: Ending
    results: tuple[str, ...] = ()
    """With persistent outputs, what to call the values that `ending` returns."""
    reserved: tuple[str, ...] = ()
    """Variables that `ending` uses for itself."""
    size_error: str = "ValueError"
    """The exception that says that sizes are wrong."""
    opening: Opening | None = None
    """The first statements, that give values to `Declared.given`."""

    def for_one_row(self, function: str) -> Wording:
        """The wording of the function for one row."""
        docstring = f"Do what `{function}` does for data of one row, on vectors."
        return replace(self, docstring=docstring)


class _Printer:
    """A function and the names of everything in it."""

    def __init__(
        self,
        function: Function,
        wording: Wording,
        names: Names,
        constants: Constants,
        name: str = "",
    ) -> None:
        self.function, self.wording, self.constants = function, wording, constants
        self.outer, self.name = names, name or function.name
        self.bodies: list[_Printer] = []
        self.calls: dict[Function, str] = {}
        for step in function.all_steps():
            if isinstance(step, Call) and step.function not in self.calls:
                self._name_body(step.function)
        reserved = ("out", *wording.reserved) if function.out else wording.reserved
        self.names = names = names.function_scope(reserved)
        graph = function.declared.graph
        self.counters = name_values(graph, function.steps, function.forms, names)
        self.kernels = {
            step: Kernel(step, names)
            for step in function.all_steps()
            if isinstance(step, Tiled)
        }
        entries = names_of_entries(function.workspace, names)
        self.entries = entries
        self.numbers: set[Node] = set()
        self.values = Values(names, constants, function.forms, entries)
        self.allocation = Allocation(
            self.name, function.workspace, names, constants, entries
        )

    def _name_body(self, body: Function) -> None:
        """Name the function of a body, and print it here if it is a new one."""
        known, is_new = self.constants.function(body)
        self.calls[body] = known
        if is_new:
            verb, where = ("Write", " to `out`") if body.out else ("Return", "")
            docstring = f"{verb} the results of `{body.name}`{where}."
            wording = Wording(docstring, _returned)
            printer = _Printer(body, wording, self.outer, self.constants, known)
            self.bodies.append(printer)

    @property
    def persistent(self) -> Persistent | None:
        """Outputs in arrays that stay."""
        return self.function.workspace.persistent

    @property
    def arguments(self) -> list[str]:
        """The parameters of the emitted function."""
        declared = self.function.declared
        arguments = [self.names[node] for node in declared.inputs]
        if declared.source:
            arguments.insert(0, declared.source)
        arguments += [self.names.symbol(size) for size in self.function.given_symbols]
        if self.function.out:
            arguments += ["*", "out"]
        arguments += ["rng=None"] if declared.random else []
        arguments += ["start_sum=None"] if self.function.starts_sums else []
        return [*arguments, "then=None"] if self.function.last_region else arguments

    @property
    def copies(self) -> bool:
        """True where a function of another name works in place, and this one copies."""
        return self.persistent is not None and not self.persistent.is_shared

    @property
    def quick_call(self) -> ast.expr:
        """A call on the function's own arguments; in fast style its result may be
        arrays of the workspace, which the next call overwrites."""
        passed = [a for a in self.arguments if a != "start_sum=None"]
        return call(self.quick, *(name(a.partition("=")[0]) for a in passed))

    @property
    def quick(self) -> str:
        """The name of the function that computes."""
        return f"{self.name}_in_place" if self.copies else self.name

    def write(self, writer: Writer) -> None:
        """Write the function, after those that it calls."""
        for printer in self.bodies:
            printer.write(writer)
        kernels, body = Writer(), Writer()
        for kernel in self.kernels.values():
            kernel.write(kernels, self.constants)
        other = None
        variant = self.function.one_row
        if variant is not None:
            wording = self.wording.for_one_row(self.function.name)
            other = _Printer(variant.function, wording, self.outer, self.constants)
        self._write_body(body, variant, other)
        if other is not None:
            other.write(writer)
        self.allocation.write_functions(writer)
        writer.append(kernels)
        writer.append(body)
        if self.persistent is not None and self.copies:
            self._write_copying(writer, self.persistent)

    def _write_body(
        self, writer: Writer, variant: Variant | None, other: _Printer | None
    ) -> None:
        function, wording, names = self.function, self.wording, self.names
        declared = function.declared
        with writer.function(self.quick, self.arguments):
            docstring = wording.docstring
            if self.persistent is not None:
                variable = self.persistent.variable
                results = "loss and gradients" if function.keeps_first else variable
                docstring += f"\n\nThe next call overwrites the {results}."
            if function.last_region is not None:
                docstring += "\nAfter them runs the update `then`, if any."
            if function.starts_sums:
                docstring += "\n`start_sum` is told of gradients that are known early."
            writer.docstring(docstring)
            if declared.graph.draws:
                writer.statement(assign("rng", call("random_streams", name("rng"))))
            for node in function.stored:
                stored = subscript(name(declared.source), node.name)
                with writer.about(node):
                    statement = assign(names[node], stored)
                    writer.statement(statement, beside=shape_comment(node))
            if wording.opening is not None:
                names.assign(declared.given)
                for statement in wording.opening(names):
                    writer.statement(statement)
            if declared.converts and function.is_fast:
                self._write_conversions(writer)
            write_sizes(writer, function.symbols, declared.inputs, names)
            for bound in declared.size_bounds:
                write_size_check(writer, bound, wording.size_error, names)
            if variant is not None and other is not None:
                self._write_shortcut(writer, variant.dimension, other.quick_call)
            self.allocation.write_unpacking(writer)
            if function.out:
                given = [ast.Name(names[node], ast.Store()) for node in function.out]
                writer.statement(ast.Assign([one_or_tuple(given)], name("out")))
            results = [n for n in declared.graph.outputs if n.origin.derivative is None]
            write_steps(
                writer,
                function.steps,
                self.values,
                self._run,
                # Of parts in C one may be of both passes.
                headings=not (function.starts_sums and function.regions),
                blocks=function.is_fast,
                forward={*ancestors(results)},
            )
            for key, node in function.copied.items():
                assert self.persistent is not None
                slot = subscript(name(self.persistent.variable), key)
                whole = ast.Subscript(slot, ast.Constant(...), ast.Store())
                with writer.about(node):
                    writer.statement(ast.Assign([whole], self.values.value(node)))
            outputs = declared.graph.outputs
            results = [self._result(outputs[place]) for place in function.returned]
            for statement in wording.ending(results):
                writer.statement(statement)

    def _run(self, writer: Writer, step: Several, values: Values) -> None:
        """Write a step that computes several values."""
        if isinstance(step, Tiled):
            self.kernels[step].write_call(writer, values, self.allocation.dtype)
        elif isinstance(step, Loop):
            LoopText(
                outside=values,
                inside=self._inside,
                dtype=self._dtype,
                run=self._run,
                numbers=self.numbers,
                counter=self.counters.get(step, ""),
                entries=self.entries,
            ).write(writer, step)
        elif isinstance(step, Branch):
            BranchText(
                outside=values,
                inside=self._inside,
                dtype=self._dtype,
                run=self._run,
            ).write(writer, step)
        elif isinstance(step, Native):
            self._write_native(writer, step, values)
        elif isinstance(step, Ready):
            told = call("start_sum", *(values.value(node) for node in step.nodes))
            with writer.block("if start_sum is not None:"):
                writer.statement(ast.Expr(told))
        else:
            self._write_call(writer, step, values)

    def _write_native(self, writer: Writer, step: Native, values: Values) -> None:
        """Write the call of a function in C."""
        names, region = self.names, step.region
        for node in step.fresh:
            array = call(
                "np.empty", literal(node.shape, values.size), self._dtype(node)
            )
            with writer.about(node):
                writer.statement(assign(names[node], array), shape_comment(node))
        names.assign([n for n in values_of(region) if n not in names])
        in_c = [check for check in step.checks if is_checked_in_c(check, region)]
        for check in step.checks:
            if not is_checked_in_c(check, region):
                with writer.about(check.positions):
                    writer.statement(values.check(check))
        function = self.constants.c.add(self.name, region, names, in_c)
        arrays = [values.value(node) for node in region.read]
        arrays += [name(names[node]) for node in region.results]
        arrays += [subscript(name("rng"), stream_name(n)) for n in region.draws]
        if step.room is not None:
            arrays.append(name(self.entries[step.room]))
        sizes = [name(names.symbol(symbol)) for symbol in region.symbols]
        arguments: list[ast.expr] = [
            ast.Constant(function.name),
            ast.Tuple(arrays, ast.Load()),
        ]
        numbers = [values.number(node) for node in region.numbers]
        if sizes or numbers:
            arguments.append(ast.Tuple(list(sizes), ast.Load()))
        if numbers:
            arguments.append(ast.Tuple(numbers, ast.Load()))
        then: list[ast.keyword] = []
        if step is self.function.last_region:
            self.constants.c_regions[self.function.name] = function.name
            then = [ast.keyword("then", name("then"))]
        called = ast.Expr(ast.Call(name("call_c"), arguments, then))
        with writer.about(region.first):
            if not in_c:
                writer.statement(called)
                return
            with writer.block("try:"):
                writer.statement(called)
            with writer.block("except IndexError:"):
                for check in in_c:
                    writer.statement(values.check(check))
                writer.statement(ast.Raise())

    def _write_call(self, writer: Writer, step: Call, values: Values) -> None:
        """Write a call, which is given arrays for the results that need one."""
        names = self.names
        given = [values.value(node) for node in step.given]
        given += [values.size(size) for size in step.function.given_symbols]
        fresh = set(step.fresh)
        for node, array in step.out.items():
            if node in fresh:
                shape = literal(node.shape, values.size)
                value = call("np.empty", shape, self._dtype(node))
            elif names[node] != names[array]:
                value = name(names[array])
            else:
                continue
            with writer.about(node):
                writer.statement(assign(names[node], value), shape_comment(node))
        function = self.calls[step.function]
        called = call(function, *given)
        if step.out:
            out = one_or_tuple([name(names[node]) for node in step.out])
            called = call(function, *given, out=out)
        returned = [step.results[place] for place in step.function.returned]
        if returned:
            write_several(writer, returned, called, names)
        else:
            writer.statement(ast.Expr(called))

    def _dtype(self, node: Node) -> ast.expr:
        """The dtype of an array that a loop or a branch fills: that of a parameter,
        where those may be of another one than declared, as in a check of gradients."""
        declared, workspace = self.function.declared, self.function.workspace
        if declared.follows_dtypes and not workspace.is_typed:
            for like in declared.graph.parameters:
                if like.dtype == node.dtype and is_floating(node.dtype):
                    return ast.Attribute(name(self.names[like]), "dtype", ast.Load())
        return self.allocation.dtype(node)

    def _inside(self, block: Block) -> Values:
        """The values of a body inside the function."""
        return Values(self.names, self.constants, block.forms, self.entries)

    def _result(self, node: Node) -> ast.expr:
        """A result; in fast style a copy of what would be an argument's array."""
        value = self.values.value(node)
        is_argument = storage_of(node).op.role is Role.ARGUMENT
        if is_argument and node.ndim and self.function.is_fast:
            return call("np.copy", value)
        return value

    def _write_copying(self, writer: Writer, persistent: Persistent) -> None:
        """Write the function that returns arrays of the caller's own."""
        own = ("then=None", "start_sum=None")
        arguments = [each for each in self.arguments if each not in own]
        with writer.function(self.name, arguments):
            writer.docstring(self.wording.docstring)
            self._write_dtype_check(writer)
            names = self.wording.results
            results = [ast.Name(variable, ast.Store()) for variable in names]
            target = ast.Tuple(list(results), ast.Store())
            passed = [name(argument.partition("=")[0]) for argument in arguments]
            writer.statement(ast.Assign([target], call(self.quick, *passed)))
            copies = side_by_side(
                name(persistent.variable), persistent.order, persistent.nodes
            )
            returned = [
                copies
                if variable == persistent.variable
                else call("np.copy", name(variable))
                if self.function.keeps_first and variable == names[0]
                else name(variable)
                for variable in names
            ]
            writer.statement(ast.Return(ast.Tuple(returned, ast.Load())))

    def _write_dtype_check(self, writer: Writer) -> None:
        """Check that parameters have the dtype that the workspace takes from one."""
        if self.function.workspace.is_typed:
            writer.statement(ast.Expr(call("check_dtypes", name("parameters"))))

    def _write_conversions(self, writer: Writer) -> None:
        """Make floating inputs what the arrays of the workspace are made for."""
        # Where gradients are written in place, each microsecond counts.
        if self.persistent is None:
            self._write_dtype_check(writer)
        used = set(self.function.declared.graph.inputs)
        for node in self.function.declared.inputs:
            if is_floating(node.dtype) and node in used:
                variable = self.names[node]
                in_order = ast.Constant("C")
                dtype = self.allocation.dtype(node)
                array = call("np.asarray", name(variable), dtype, order=in_order)
                with writer.about(node):
                    writer.statement(assign(variable, array))

    def _write_shortcut(
        self, writer: Writer, dimension: str, quick_call: ast.expr
    ) -> None:
        """Return at once what the function for one row returns."""
        names = self.names
        sources = list(size_sources(dimension, self.function.declared.inputs))
        # Lists have a length, too. Where inputs disagree, this function finds it out.
        sizes = [
            size_of_axis(names[node], axis) if axis else call("len", name(names[node]))
            for node, axis in sources
        ]
        if dimension in self.function.symbols:
            sizes[0] = name(names.symbol(dimension))
        is_one = ast.Compare(
            sizes[0], [ast.Eq() for _ in sizes], [*sizes[1:], ast.Constant(1)]
        )
        test: ast.expr = is_one
        if self.function.starts_sums:
            # All ranks start the same sums, however many rows they have.
            is_alone = parse("start_sum is None")
            test = ast.BoolOp(ast.And(), [is_one, is_alone])
        with writer.block(ast.If(test, [], [])):
            writer.statement(ast.Return(quick_call))


def _returned(values: Sequence[ast.expr]) -> list[ast.stmt]:
    return [ast.Return(one_or_tuple(values))] if values else []


def write_function(
    writer: Writer,
    function: Function,
    wording: Wording,
    names: Names,
    constants: Constants,
) -> ast.expr:
    """Write a function, and those that it calls; return a call on its own arguments."""
    printer = _Printer(function, wording, names, constants)
    printer.write(writer)
    return printer.quick_call
