"""Rules that follow from what ops declare: neutral numbers, absorbing ones and such."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from ...ir.evaluate import evaluate_node
from ...ir.literal import constant_of, is_constant, is_uniform, uniform_value
from ...ir.node import Node
from ...ir.op import OPS, Op
from ...ops.shape import broadcast_to
from ...ops.source import astype, constant
from ..rewriting import Rule, Uses
from .masks import is_number
from .values import is_nonnegative

_LARGEST = 1024

ALWAYS = "for every operand: IEEE 754 defines both sides alike"


def fit(x: Node, node: Node) -> Node | None:
    """`x` broadcast to the type of `node`; None where only a cast could give it."""
    return broadcast_to(x, node.shape) if x.dtype == node.dtype else None


def _neutral(node: Node, uses: Uses) -> Node | None:
    for place, value in enumerate(node.op.facts.neutral):
        if value is not None and is_uniform(node.inputs[place], value):
            return broadcast_to(astype(node.inputs[1 - place], node.dtype), node.shape)
    return None


def _absorbing(node: Node, uses: Uses) -> Node | None:
    for place, value in enumerate(node.op.facts.absorbing):
        absorbs, other = node.inputs[place], node.inputs[1 - place]
        if value is None or not is_uniform(absorbs, value) or not is_number(other):
            continue
        if value or other.dtype.kind != "f" or is_nonnegative(other):
            return fit(absorbs, node)
    return None


def _idempotent(node: Node, uses: Uses) -> Node | None:
    x, y = node.inputs
    return fit(x, node) if x is y else None


def _involutive(node: Node, uses: Uses) -> Node | None:
    inner = node.inputs[0]
    if inner.op is not node.op or inner.inputs[0].dtype != node.dtype:
        return None
    return inner.inputs[0]


def _associative(node: Node, uses: Uses) -> Node | None:
    if node.op.facts.associative != "exact" and node.dtype.kind not in "iu":
        return None
    for place in (0, 1):
        inner, outer = node.inputs[1 - place], _known(node.inputs[place])
        if inner.op is not node.op or outer is None:
            continue
        for position in (0, 1):
            x, known = inner.inputs[1 - position], _known(inner.inputs[position])
            if known is None or any(n.dtype != node.dtype for n in (x, known, outer)):
                continue
            merged = evaluate_node(
                node.op(known, outer), (constant_of(known), constant_of(outer))
            )
            if np.isnan(merged).any() or (node.dtype.kind == "f" and not merged.all()):
                continue
            operands = (x, constant(merged))[:: 1 if position else -1]
            return fit(node.op.build(operands, {}), node)
    return None


def _known(node: Node) -> Node | None:
    """The constant that a node is, as small as it broadcasts to it."""
    value = uniform_value(node)
    if value is not None:
        return constant(value)
    is_small = is_constant(node) and constant_of(node).size <= _LARGEST
    return node if is_small else None


def written(op: Op, *operands: str) -> str:
    """An op of operands as a rule's name says it."""
    names = dict(zip(op.inputs, operands, strict=True))
    formula = (op.facts.notation or str(op.numpy)).replace("np.", "")
    return re.sub(r"\w+", lambda word: names.get(word[0], word[0]), formula)


def _number(value: float) -> str:
    return str(value) if str(value) == "-0.0" else f"{value:g}"


def _in_brackets(op: Op, *operands: str) -> str:
    text = written(op, *operands)
    return text if text.endswith(")") else f"({text})"


def rules_of(op: Op) -> Iterator[Rule]:
    """The rules that the facts of an op make."""
    facts = op.facts
    for place, number in [*enumerate(facts.neutral)][::-1]:
        if number is not None:
            operands = ("x", _number(number))[:: 1 if place else -1]
            yield Rule(f"{written(op, *operands)} -> x", (op,), _neutral, ALWAYS)
            break
    for place, number in [*enumerate(facts.absorbing)][::-1]:
        if number is not None:
            operands = ("x", _number(number))[:: 1 if place else -1]
            yield Rule(
                f"{written(op, *operands)} -> {_number(number)}",
                (op,),
                _absorbing,
                "x is a number whatever comes in, neither NaN nor an infinity; and not "
                "negative, if its sign would be that of a zero",
            )
            break
    if facts.idempotent:
        yield Rule(f"{written(op, 'x', 'x')} -> x", (op,), _idempotent, ALWAYS)
    if facts.involutive:
        name = f"{written(op, _in_brackets(op, 'x'))} -> x"
        yield Rule(name, (op,), _involutive, "x is of the type of the result")
    if facts.associative is not None:
        left = written(op, _in_brackets(op, "x", "c1"), "c2")
        right = written(op, "x", _in_brackets(op, "c1", "c2"))
        yield Rule(
            f"{left} -> {right}",
            (op,),
            _associative,
            "for integers, which wrap alike; of floating numbers, where the op gives "
            "one of its operands, and op(c1, c2) is neither NaN nor 0",
        )


DECLARED = tuple(rule for op in OPS.values() for rule in rules_of(op))
