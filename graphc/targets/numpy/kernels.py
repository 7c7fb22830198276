"""A chain of elementwise ops as a function of one tile, and the call that runs it."""

from __future__ import annotations

import ast
from collections.abc import Callable

from ...ir.dims import format_shape
from ...ir.node import Node
from ...program.memory import MemoryPlan
from ...program.schedule import Chain
from ...pysource.writer import Writer
from .comments import phase_of, write_commented
from .expressions import assign, call, literal, name, names_read
from .names import Names
from .operands import Operands


class Kernel:
    """The emitted function of a chain.

    Its arguments are called as in the function that calls it: there an argument is a
    whole array, here a tile of it.
    """

    def __init__(
        self, chain: Chain, memory: MemoryPlan, operands: Operands, names: Names
    ) -> None:
        self.name = names.reserve_in_module(f"{names[next(iter(chain.outputs))]}_tile")
        self._chain = chain
        self._memory = memory
        self._caller = operands
        self._names = names
        self._scratch = dict.fromkeys(memory.scratch.get(chain, ()))
        outside = dict.fromkeys(self._outside())
        arrays = dict.fromkeys(memory.arrays[node] for node in chain.nodes)
        # The first argument tells how large a tile is: it must not be broadcast.
        self._tiled = [node for node in arrays if node not in self._scratch]
        self._tiled += [n for n in outside if chain.is_tiled(n) and n not in arrays]
        self._fixed = [node for node in outside if not chain.is_tiled(node)]
        self._operands = operands.with_leaves(outside)
        self._statements = {node: self._write_into(node) for node in chain.nodes}
        written = [s for statements in self._statements.values() for s in statements]
        read = names_read(written)
        for node in chain.nodes:
            if names[node] not in read:
                self._statements[node] = self._write_into(node, named=False)
        self._sizes = sorted(self._operands.dimensions)
        for symbol in self._sizes:
            operands.dimension(symbol)
        literal(chain.shape, operands.dimension)

    def _outside(self) -> list[Node]:
        """Values from outside that the chain reads by name."""
        inside = set(self._chain.nodes)
        read = (parent for node in self._chain.nodes for parent in node.inputs)
        return [
            node
            for node in dict.fromkeys(read)
            if node not in inside and not self._caller.is_literal(node)
        ]

    def passed_names(self) -> set[str]:
        """The variables of the caller that a call passes on."""
        arguments = (*self._tiled, *self._fixed)
        return names_read([self._caller.value(node) for node in arguments])

    def _write_into(self, node: Node, *, named: bool = True) -> list[ast.stmt]:
        array = self._names[self._memory.arrays[node]]
        target = self._names[node] if named else array
        return self._operands.statements_into(node, target, array)

    def write(self, writer: Writer) -> None:
        """Write the function."""
        arguments = [*self._tiled, *self._fixed]
        names = [self._names[node] for node in arguments]
        names += [self._names.symbol(symbol) for symbol in self._sizes]
        names += [self._names[node] for node in self._scratch]
        with writer.function(self.name, names):
            shape = format_shape(self._chain.shape)
            writer.docstring(f"Compute one tile of arrays of shape {shape}.")
            phases = {phase_of(node) for node in self._chain.nodes}
            current = ""
            for node, statements in self._statements.items():
                phase = phase_of(node)
                if len(phases) > 1 and phase != current and current in ("", "Forward"):
                    writer.heading(phase)
                    current = phase
                write_commented(writer, node, statements)

    def write_call(self, writer: Writer, dtype: Callable[[Node], ast.expr]) -> None:
        """Write the statements that compute the chain's outputs."""
        with writer.about(self._chain.nodes[0]):
            self._write_call(writer, dtype)

    def _write_call(self, writer: Writer, dtype: Callable[[Node], ast.expr]) -> None:
        for node in self._chain.outputs:
            if node in self._memory.fresh:
                shape = literal(node.shape, self._caller.dimension)
                array = call("np.empty", shape, dtype(node))
                writer.statement(assign(self._names[node], array))
        written = set(self._memory.arrays.values())
        tiled = [
            name(self._names[node]) if node in written else self._caller.value(node)
            for node in self._tiled
        ]
        fixed = [self._caller.value(node) for node in self._fixed]
        fixed += [self._caller.dimension(symbol) for symbol in self._sizes]
        scratch = [dtype(node) for node in self._scratch]
        groups = [ast.Tuple(list(g), ast.Load()) for g in (tiled, fixed, scratch)]
        writer.statement(ast.Expr(call("run_in_tiles", name(self.name), *groups)))
        for node in self._chain.outputs:
            variable = self._names[node]
            array = self._names[self._memory.arrays[node]]
            if variable != array:
                writer.statement(assign(variable, name(array)))
