"""Nodes as formulas, by what their ops declare."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..ir.batching import elementwise
from ..ir.dims import Dim, symbols_of
from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.literal import constant_of
from ..ir.node import Node
from ..ir.op import OPS, Op
from ..ir.types import TupleType, is_floating
from ..ir.walk import reading_order
from ..ops.source import input as declared_input
from . import tree as build
from .arrays import lifted, standing_in, with_args
from .options import words
from .parse import choice, parse, parse_elements
from .tree import Tree

Depth = int | None
"""Levels of blocks that are opened; None for all."""


_MOST_OPENED = 90
"""Parts of a formula beyond which a block without one of its own stays closed."""


def deeper(depth: Depth) -> Depth:
    """The depth inside a block that was opened."""
    return None if depth is None else depth - 1


@dataclass
class Translation:
    """Formulas of nodes over symbols."""

    known: dict[Node, Tree]
    """Nodes that stand by a name, and what was translated already."""
    depth: Depth = 1
    opens_known: bool = True
    """False where functions that a textbook calls by name stay closed."""
    total_of: Callable[[Node], Tree | None] = lambda node: None
    """The formula of a node that adds up over rows."""
    _constants: int = field(default=0)

    def of(self, node: Node) -> Tree:
        """The formula of a node."""
        known = self.known
        for one in reading_order([node], lambda n: () if n in known else n.inputs):
            if one not in known:
                known[one] = self.open(one)
        return known[node]

    def open(self, node: Node) -> Tree:
        """The formula of a node whose inputs are known, though its name is."""
        found = self.total_of(node)
        if found is not None:
            return found
        args = [self.known[parent] for parent in node.inputs]
        return self._open(node, args, self.depth)

    def _open(self, node: Node, args: Sequence[Tree], depth: Depth) -> Tree:
        if not node.inputs:
            return self._source(node)
        if node.op.role is Role.RESULT:
            found = self._result_of_body(node)
            if found is not None:
                return found
        text = self._text(node, depth)
        if text is not None:
            return self._parsed(text, node, args, depth)
        mathematics = node.op.mathematics
        is_closed = mathematics.is_known and not self.opens_known
        is_written = depth == 1 and mathematics.written_of(node) is not None
        is_open = node.op.is_block and not is_closed and not is_written
        if is_open and (depth is None or depth > 0):
            return self._expanded(node, args, depth)
        return applied(node, args, depth)

    def _result_of_body(self, node: Node) -> Tree | None:
        """The result of a choice by cases, and of a function as its body, if short."""
        whole, index = node.inputs[0], int(node.attributes["index"])
        role = whole.op.role
        if role is not Role.BRANCH and not whole.op.facts.recomputes:
            return None
        args = [self.known[parent] for parent in whole.inputs]
        found = [
            values_of_body(body, args, self.depth, self.opens_known)[
                body.outputs[index]
            ]
            for body in whole.bodies
        ]
        if sum(tree.weight for tree in found) > _MOST_OPENED:
            return None
        return choice(found[0], args[0], found[1]) if len(found) > 1 else found[0]

    def parsed(self, text: str, node: Node, args: Sequence[Tree], **more: Tree) -> Tree:
        """A formula in the language of `parse`, with the inputs of a node in it."""
        return self._parsed(text, node, args, self.depth, **more)

    def _text(self, node: Node, depth: Depth) -> str | None:
        op = node.op
        if op.is_block and depth is not None and depth <= 0:
            return None
        mathematics = op.mathematics
        if mathematics.is_known and not self.opens_known:
            return None
        given = mathematics.formula
        if given is not None:
            return given(node) if callable(given) else given
        return op.sympy

    def _parsed(
        self, text: str, node: Node, args: Sequence[Tree], depth: Depth, **more: Tree
    ) -> Tree:
        def apply(name: str, given: Sequence[Tree], options: Mapping[str, Any]) -> Tree:
            inputs = [_stand_in(x, n) for n, x in enumerate(given)]
            inner = OPS[name].build(tuple(inputs), options)
            return self._open(
                inner, given, deeper(depth) if node.op.is_block else depth
            )

        if ":" in text:
            shape = more.pop("result", _result(node)).shape
            known = [*args, *more.values()]
            stand_ins = standing_in(known)
            names = {**_sizes_by_name(node), **_of_inputs(node, stand_ins)}
            names |= dict(zip(more, stand_ins[len(args) :], strict=True))
            found = parse_elements(text, names, shape, apply)
            return with_args(lifted(found), stand_ins, known)
        names = {**node.attributes, "result": _result(node), **more}
        names |= _of_inputs(node, args)
        try:
            return parse(text, names, apply)
        except (KeyError, ValueError):
            if node.op.is_users:
                return applied(node, args)
            raise

    def _expanded(self, node: Node, args: Sequence[Tree], depth: Depth) -> Tree:
        inner = Translation(
            dict(zip(node.inputs, args, strict=True)), deeper(depth), self.opens_known
        )
        found = inner.of(node.expansion)
        is_short = found.weight <= _MOST_OPENED
        if is_short and (depth is None or not any(map(is_movement, found.walk()))):
            return found
        return applied(node, args, depth)

    def _source(self, node: Node) -> Tree:
        role = node.op.role
        if role is Role.SIZE:
            return build.size(node.attributes["size"])
        value = None
        if role is Role.FULL:
            value = node.attributes["value"]
        elif role is Role.CONSTANT:
            array = constant_of(node)
            if array.size and (array == array.flat[0]).all():
                value = array.flat[0]
        if value is not None:
            whole = build.number(_shortest(value, node.dtype))
            return whole if not node.shape else build.view(whole, node.shape, ())
        if role is Role.CONSTANT:
            self._constants += 1
            name = node.label or f"C{self._constants}"
            return build.symbol(name, node.shape, node)
        return applied(node, [])


def _of_inputs(node: Node, args: Sequence[Tree]) -> dict[str, Any]:
    """The formulas of inputs by their names."""
    names: dict[str, Any] = {}
    for position, name in enumerate(node.op.inputs):
        if name.startswith("*"):
            rest = args[position:]
            names[name[1:]] = rest[0] if len(rest) == 1 else tuple(rest)
            for place, arg in enumerate(rest):
                names[f"{name[1:]}{place}"] = arg
        else:
            names[name] = args[position]
    parts = node.attributes.get("parts", "")
    rest = args[len(node.op.inputs) - 1 :]
    names.update(zip(parts.split(), rest, strict=False))
    return names


def values_of_body(
    body: Graph, args: Sequence[Tree], depth: Depth = 1, opens_known: bool = False
) -> dict[Node, Tree]:
    """The formulas of the values of a body, over those of its arguments."""
    order = reading_order(body.outputs, lambda one: one.inputs)
    known = {
        one: args[int(one.attributes["index"])]
        for one in order
        if one.op.role is Role.ARGUMENT
    }
    inner = Translation(known, depth, opens_known)
    for one in order:
        inner.of(one)
    return inner.known


def _sizes_by_name(node: Node) -> dict[str, Any]:
    """The named sizes of a node, as texts of elements call them."""
    values = [
        one for one in (*node.inputs, node) if not isinstance(one.type, TupleType)
    ]
    names = symbols_of(size for one in values for size in one.shape)
    return {f"dim_{name}": build.size(Dim(name)) for name in names}


def _shortest(value: Any, dtype: np.dtype[Any]) -> float:
    """The number with the fewest digits that rounds to a value of a dtype."""
    return float(str(np.dtype(dtype).type(value)) if is_floating(dtype) else value)


def _result(node: Node) -> Tree:
    shape = () if isinstance(node.type, TupleType) else node.shape
    return build.symbol("result", shape)


def _stand_in(x: Tree, number: int) -> Node:
    return declared_input(f"x{number}", x.shape, "float64")


def is_map(op: Op) -> bool:
    """True of an op that goes by elements."""
    return op.kind == "elementwise" or (
        op.is_block and (op.jvp == "diagonal" or op.batch is elementwise)
    )


def is_movement(tree: Tree) -> bool:
    """True of an op that only moves elements, which says little in a formula."""
    return tree.head == "apply" and tree.data.op.kind in ("movement", "view")


def applied(node: Node, args: Sequence[Tree], depth: Depth = None) -> Tree:
    """An op as a function of its arguments, or in the form that it declares."""
    op = node.op
    name = op.mathematics.symbol or op.name
    if op.bodies and (own := node.attributes.get("name")):
        name = str(own)
    if isinstance(node.type, TupleType):
        return build.Tree("apply", tuple(args), (), name, data=build.Application(node))
    if op.role is Role.RESULT:
        index = int(node.attributes["index"])
        names: Sequence[str] = node.inputs[0].op.outputs
        below: str = names[index] if names else str(index)
        return build.application(name, node, args, written=f"<0>_{{{below}}}")
    text = ", ".join(words(node))
    written = None
    if not (op.is_block and depth is not None and depth <= 0):
        written = op.mathematics.written_of(node)
    if written is None and not args and text:
        written = f"{name}({text})"
    if written is not None:
        below = f"_{{{text}}}" if text else ""
        written = written.replace("_{<options>}", below)
        return build.application(name, node, args, written=written)
    return build.application(name, node, args, text, is_map(op))
