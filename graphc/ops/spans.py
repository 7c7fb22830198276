"""Between which integers the values of an op are: what positions can be trusted.

Arithmetic is followed as far as labels and positions usually go: constants, counting,
shifts by a number, remainders and bounds. Of all else nothing is known, and it is
checked when the program runs.
"""

from __future__ import annotations

import numpy as np

from ..ir.dims import Dim, Dimension
from ..ir.facts import Role
from ..ir.node import Node
from ..ir.op import Origin, Span, Spans
from ..ir.types import DType, is_integer


def _fits(span: Span, dtype: DType) -> bool:
    """Whether integers are values of a dtype, so that none wraps."""
    if not is_integer(dtype):
        return False
    limits = np.iinfo(dtype)
    known = [size for size in span[:2] if not isinstance(size, Dim)]
    return all(limits.min <= size <= limits.max for size in known)


def span_of_first(node: Node, spans: Spans) -> Span | None:
    """For ops whose values are all values of their first input."""
    return spans[0]


def span_of_constant(node: Node, spans: Spans) -> Span | None:
    """The least and the largest element."""
    array = node.attributes["value"].array
    if not is_integer(array.dtype) or not array.size:
        return None
    return Span(int(array.min()), int(array.max()), True)


def span_of_cast(node: Node, spans: Spans) -> Span | None:
    """For `astype`, where no value is another one afterwards."""
    if node.inputs[0].dtype.kind == "b":
        return Span(0, 1, False)
    return spans[0] if spans[0] and _fits(spans[0], node.dtype) else None


def span_of_sum(node: Node, spans: Spans) -> Span | None:
    """For `x1 + x2`."""
    x1, x2 = spans
    if x1 is None or x2 is None:
        return None
    static = x1.is_static and x2.is_static
    span = Span(x1.low + x2.low, x1.high + x2.high, static)
    return span if _fits(span, node.dtype) else None


def span_of_difference(node: Node, spans: Spans) -> Span | None:
    """For `x1 - x2`."""
    x1, x2 = spans
    if x1 is None or x2 is None:
        return None
    static = x1.is_static and x2.is_static
    span = Span(x1.low - x2.high, x1.high - x2.low, static)
    return span if _fits(span, node.dtype) else None


def span_of_remainder(node: Node, spans: Spans) -> Span | None:
    """For `x1 % x2`, where `x2` is one positive number or size."""
    divisor = spans[1]
    if divisor is None or divisor.low != divisor.high or not is_integer(node.dtype):
        return None
    size = divisor.high
    if isinstance(size, int) and size < 1:
        return None
    return Span(0, size - 1, False)


def span_of_clip(node: Node, spans: Spans) -> Span | None:
    """For `clip` with both bounds."""
    if len(spans) < 3 or spans[1] is None or spans[2] is None:
        return None
    low, high = spans[1].low, spans[2].high
    # Where bounds cross, the upper one is taken.
    crossed = isinstance(low, int) and isinstance(high, int) and low > high
    return Span(high if crossed else low, high, False)


def span_of_choice(node: Node, spans: Spans) -> Span | None:
    """For `where`: what is known of both."""
    _, x, y = spans
    if x is None or y is None:
        return None
    lows = [size for size in (x.low, y.low) if isinstance(size, int)]
    highs: list[Dimension] = [x.high, y.high]
    if x.high != y.high and any(isinstance(size, Dim) for size in highs):
        return None
    if x.low != y.low and len(lows) < 2:
        return None
    low = min(lows) if len(lows) == 2 else x.low
    high = x.high if x.high == y.high else max(int(x.high), int(y.high))
    return Span(low, high, False)


def _only_number(node: Node) -> int | None:
    """The integer that is every element of a constant."""
    while node.op.kind == "view":
        node = node.inputs[0]
    if node.op.role is not Role.CONSTANT or not is_integer(node.dtype):
        return None
    array = node.attributes["value"].array
    return int(array.min()) if array.size and array.min() == array.max() else None


def _origin(node: Node, low: int, high: int) -> Origin | None:
    """Bounds of an input, if all between them are values of its dtype's arithmetic."""
    if not is_integer(node.dtype):
        return None
    limits = np.iinfo(node.dtype)
    if limits.min <= low and high <= limits.max:
        return node, low, high, None
    return None


def bounded_sum(node: Node, low: int, high: int) -> Origin | None:
    """For `x + number`."""
    for x, other in (node.inputs, node.inputs[::-1]):
        number = _only_number(other)
        if number is not None:
            return _origin(x, low - number, high - number)
    return None


def bounded_difference(node: Node, low: int, high: int) -> Origin | None:
    """For `x - number`."""
    number = _only_number(node.inputs[1])
    if number is None:
        return None
    return _origin(node.inputs[0], low + number, high + number)


def bounded_cast(node: Node, low: int, high: int) -> Origin | None:
    """For `astype` of integers."""
    return _origin(node.inputs[0], low, high)


def bounded_choice(node: Node, low: int, high: int) -> Origin | None:
    """For `where(labels != ignored, labels, number)`, as losses ignore a label."""
    condition, labels, other = node.inputs
    if condition.op.name == "equal":
        labels, other = other, labels
    elif condition.op.name != "not_equal":
        return None
    if condition.inputs[0] is not labels:
        return None
    ignored, number = _only_number(condition.inputs[1]), _only_number(other)
    if ignored is None or number is None or not low <= number <= high:
        return None
    return labels, low, high, ignored
