"""Hyperparameters as constants of a module, each used by its name everywhere."""

from __future__ import annotations

import ast
import unicodedata
from collections.abc import Iterable, Iterator
from typing import cast

from ...ir.graph import Graph
from ...ir.hyperparameters import Hyperparameter, Setting, Term, settings_of
from ...ir.literal import term_of_constant
from ...ir.node import Node
from ...pysource.writer import Writer
from .expressions import assign, literal, name, parse
from .names import Names


class Settings:
    """The constants of a module that hold hyperparameters."""

    def __init__(self, names: Names, graphs: Iterable[Graph]) -> None:
        """Name the hyperparameters of graphs and of all bodies in them.

        Equal ones share a constant. Where several have one name, that of a layer or of
        a group begins with its owner's.
        """
        found: dict[Setting, Setting] = {}
        for graph in graphs:
            for each in _settings_in(graph):
                found.setdefault(each, each)
        ordered = sorted(found.values(), key=lambda each: each.place)
        called = [each.name for each in ordered]
        self._variables: dict[Setting, str] = {}
        self._used: set[Setting] = set()
        for each in ordered:
            is_one_of_many = called.count(each.name) > 1 and each.owner
            wish = f"{each.owner}_{each.name}" if is_one_of_many else each.name
            self._variables[each] = names.reserve_in_module(_identifier(wish))

    def expression(self, term: Term) -> ast.expr:
        """A number as it is computed from constants."""
        if isinstance(term, Setting):
            self._used.add(term)
            return name(self._variables[term])
        if not isinstance(term, tuple):
            return literal(term, str)
        symbol, *parts = cast("tuple[str, *tuple[Term, ...]]", term)
        values = [self.expression(part) for part in parts]
        if len(values) == 1:
            return ast.UnaryOp(ast.USub(), values[0])
        pattern = cast("ast.BinOp", parse(f"x {symbol} y"))
        return ast.BinOp(values[0], pattern.op, values[1])

    @property
    def used(self) -> dict[str, Setting]:
        """The constants that the text reads, by their variables."""
        found = ((self._variables[each], each) for each in self._variables)
        return {variable: each for variable, each in found if each in self._used}

    def write(self, writer: Writer, *, lists: bool = False) -> None:
        """Write the constants that the text reads, and a list of them."""
        for variable, each in self.used.items():
            writer.statement(assign(variable, literal(each.value, str)))
        if lists:
            writer.comment("Options of the command line, which checkpoints remember.")
            writer.statement(assign("HYPERPARAMETERS", parse(repr((*self.used,)))))


def _settings_in(graph: Graph) -> Iterator[Setting]:
    for each in graph.nested:
        for node in each.nodes:
            yield from _settings_of_node(node)


def _settings_of_node(node: Node) -> Iterator[Setting]:
    term = term_of_constant(node)
    if term is not None:
        yield from settings_of(term)
    for value in node.attributes.values():
        if isinstance(value, Hyperparameter):
            yield from settings_of(value.term)


def _identifier(text: str) -> str:
    upper = "".join(c if c.isalnum() else "_" for c in text).upper()
    return unicodedata.normalize("NFKC", upper)  # As Python spells it in `globals()`.
