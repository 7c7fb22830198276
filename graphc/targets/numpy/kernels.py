"""A chain of elementwise ops as a function of one tile, and the call that runs it."""

from __future__ import annotations

import ast
from collections.abc import Callable

from ...ir.dims import format_shape
from ...ir.node import Node
from ...program.function import Tiled
from ...pysource.writer import Writer
from .constants import Constants
from .expressions import assign, call, literal, name
from .names import Names
from .steps import write_steps
from .values import Values


class Kernel:
    """The emitted function of a chain.

    Its arguments are called as in the function that calls it: there an argument is a
    whole array, here a tile of it.
    """

    def __init__(self, tiled: Tiled, names: Names) -> None:
        first = next(iter(tiled.chain.outputs))
        self.name = names.reserve_in_module(f"{names[first]}_tile")
        self._tiled = tiled
        self._names = names
        # In a loop, several arguments may be one array of the function around it.
        self._arrays = [*{names[node]: node for node in tiled.tiled}.values()]

    def write(self, writer: Writer, constants: Constants) -> None:
        """Write the function."""
        tiled, names = self._tiled, self._names
        arguments = [names[node] for node in (*self._arrays, *tiled.whole)]
        arguments += [names.symbol(symbol) for symbol in tiled.symbols]
        arguments += [names[node] for node in tiled.scratch]
        with writer.function(self.name, arguments):
            shape = format_shape(tiled.chain.shape)
            writer.docstring(f"Compute one tile of arrays of shape {shape}.")
            write_steps(writer, tiled.computes, Values(names, constants, tiled.forms))

    def write_call(
        self, writer: Writer, values: Values, dtype: Callable[[Node], ast.expr]
    ) -> None:
        """Write the statements that compute the chain's outputs."""
        step, names = self._tiled, self._names
        for node in step.fresh:
            array = call("np.empty", literal(node.shape, values.size), dtype(node))
            writer.statement(assign(names[node], array))
        written = set(step.arrays.values())
        tiled = [
            name(names[node]) if node in written else values.value(node)
            for node in self._arrays
        ]
        whole = [values.value(node) for node in step.whole]
        whole += [values.size(symbol) for symbol in step.symbols]
        scratch = [dtype(node) for node in step.scratch]
        groups = [ast.Tuple(list(g), ast.Load()) for g in (tiled, whole, scratch)]
        writer.statement(ast.Expr(call("run_in_tiles", name(self.name), *groups)))
        for node in step.chain.outputs:
            array = step.arrays[node]
            if node is not array:
                writer.statement(assign(names[node], name(names[array])))
