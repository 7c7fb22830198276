"""Folding of constants: nothing known at compile time is computed at run time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import GraphcError
from ..ir.evaluate import Array, evaluate_node
from ..ir.graph import Graph
from ..ir.literal import constant_of, is_constant, uniform_value
from ..ir.node import Node
from ..ir.types import TupleType
from ..ops.shape import BROADCAST_TO, broadcast_to
from ..ops.source import constant
from .rewriting import Rule, Uses, apply_rules

_LARGEST = 1024


@dataclass(frozen=True)
class FoldConstants:
    """Replace pure nodes of constants by their value.

    Before: any graph. After: no pure primitive has only small constants as inputs,
    and no elementwise op only arrays of one repeated value, except where folding is
    refused. Sound when the value is computed as the program would compute it: by the
    op's own NumPy template, in the same dtype.

    Refused: a result of more than 1024 elements that is larger than the inputs, which
    the program would then have to carry; and a NaN or infinity that arises from finite
    inputs, which the program must meet at its own line.
    """

    name: str = "fold constants"
    broadcast: bool = False
    """True to fold broadcast numbers into arrays, too. Until the end of the pipeline
    they stay numbers, because an operand that is a number is broadcast for nothing."""

    @property
    def reasons(self) -> Mapping[str, str]:
        """Each rule, and when it is sound."""
        return {rule.name: rule.sound_when for rule in self._rules}

    @property
    def _rules(self) -> tuple[Rule, ...]:
        return FOLDING_ALL if self.broadcast else FOLDING

    def run(self, graph: Graph) -> Graph:
        """The graph with constants folded."""
        return apply_rules(graph, self._rules)


def _value(node: Node, arrays: Sequence[Array]) -> Array | None:
    try:
        value = evaluate_node(node, arrays)
    except (GraphcError, ArithmeticError, IndexError, ValueError):
        # The program raises it at the line where the user can see it.
        return None
    finite = all(_finite(array) for array in arrays)
    return None if finite and not _finite(value) else value


def _finite(array: Array) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _fold(node: Node, uses: Uses) -> Node | None:
    if node.op is BROADCAST_TO and not node.inputs[0].shape:
        return None
    if not node.inputs or not node.op.pure or node.op.is_block:
        return None
    if isinstance(node.type, TupleType):
        return None
    if not all(is_constant(parent) for parent in node.inputs):
        return None
    if any(not isinstance(size, int) for size in node.shape):
        return None
    arrays = [constant_of(parent) for parent in node.inputs]
    size = int(node.size)
    if size > _LARGEST and size > max(array.size for array in arrays):
        return None
    value = _value(node, arrays)
    if value is None or value.dtype != node.dtype or value.shape != node.shape:
        return None
    first = value.reshape(-1)[:1]
    if size > 1 and first.tobytes() * size == value.tobytes():
        return broadcast_to(constant(first.reshape(())), node.shape)
    return constant(value)


def _broadcast(node: Node, uses: Uses) -> Node | None:
    number = node.inputs[0]
    known = all(isinstance(size, int) for size in node.shape)
    if not is_constant(number) or not known or int(node.size) > _LARGEST:
        return None
    value = evaluate_node(node, [constant_of(number)])
    return constant(value)


def _fold_uniform(node: Node, uses: Uses) -> Node | None:
    if node.op.kind != "elementwise" or not node.op.pure or not node.inputs:
        return None
    values: list[np.generic] = []
    for parent in node.inputs:
        value = uniform_value(parent)
        if value is None:
            return None
        values.append(value)
    scalars = [constant(np.asarray(value)) for value in values]
    small = node.op.build(tuple(scalars), node.attributes)
    value = _value(small, [constant_of(scalar) for scalar in scalars])
    if value is None or value.dtype != node.dtype:
        return None
    return broadcast_to(constant(value), node.shape)


_SOUND = "the op is pure and its value no larger than a program should carry"

FOLDING = (
    Rule(
        "op(repeated constants) -> broadcast_to(constant)",
        (),
        _fold_uniform,
        "the op is elementwise, so equal elements give equal elements",
    ),
    Rule("op(constants) -> constant", (), _fold, _SOUND),
)

FOLDING_ALL = (
    *FOLDING,
    Rule("broadcast_to(number) -> constant", (BROADCAST_TO,), _broadcast, _SOUND),
)
