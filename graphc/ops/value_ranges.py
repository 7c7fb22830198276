"""Ranges of integers that an op may give, so that positions in bounds are known.

Arithmetic is followed as far as labels and positions usually go: constants, counting,
shifts by a number, remainders and bounds. Of all else nothing is known, and it is
checked when the program runs.
"""

from __future__ import annotations

import numpy as np

from ..ir.dims import Dim, Dimension
from ..ir.literal import uniform_value
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import InputRange, ValueRange, ValueRanges
from ..ir.types import DType, is_integer


def _fits(found: ValueRange, dtype: DType) -> bool:
    """True where integers are values of a dtype, so that none wraps."""
    if not is_integer(dtype):
        return False
    limits = np.iinfo(dtype)
    known = [size for size in found[:2] if not isinstance(size, Dim)]
    return all(limits.min <= size <= limits.max for size in known)


def range_of_first(node: Node, ranges: ValueRanges) -> ValueRange | None:
    """For ops whose values are all values of their first input."""
    return ranges[0]


def range_of_constant(node: Node, ranges: ValueRanges) -> ValueRange | None:
    """The least and the largest element."""
    array = node.attributes["value"].array
    if not is_integer(array.dtype) or not array.size:
        return None
    return ValueRange(int(array.min()), int(array.max()), True)


def range_of_cast(node: Node, ranges: ValueRanges) -> ValueRange | None:
    """For `astype`, where no value is another one afterwards."""
    if node.inputs[0].dtype.kind == "b":
        return ValueRange(0, 1, False)
    return ranges[0] if ranges[0] and _fits(ranges[0], node.dtype) else None


def range_of_sum(node: Node, ranges: ValueRanges) -> ValueRange | None:
    """For `x1 + x2`."""
    x1, x2 = ranges
    if x1 is None or x2 is None:
        return None
    static = x1.is_static and x2.is_static
    found = ValueRange(x1.low + x2.low, x1.high + x2.high, static)
    return found if _fits(found, node.dtype) else None


def range_of_difference(node: Node, ranges: ValueRanges) -> ValueRange | None:
    """For `x1 - x2`."""
    x1, x2 = ranges
    if x1 is None or x2 is None:
        return None
    static = x1.is_static and x2.is_static
    found = ValueRange(x1.low - x2.high, x1.high - x2.low, static)
    return found if _fits(found, node.dtype) else None


def range_of_remainder(node: Node, ranges: ValueRanges) -> ValueRange | None:
    """For `x1 % x2`, where `x2` is one positive number or size."""
    divisor = ranges[1]
    if divisor is None or divisor.low != divisor.high or not is_integer(node.dtype):
        return None
    size = divisor.high
    if isinstance(size, int) and size < 1:
        return None
    return ValueRange(0, size - 1, False)


def _formula_of_clip(node: Node) -> str:
    if len(node.inputs) > 2:
        return "Min(Max(x, bounds0), bounds1)"
    return f"{'Max' if node.attributes['lower'] else 'Min'}(x, bounds)"


clip_mathematics = Mathematics(formula=_formula_of_clip)


def range_of_clip(node: Node, ranges: ValueRanges) -> ValueRange | None:
    """For `clip` with both bounds."""
    if len(ranges) < 3 or ranges[1] is None or ranges[2] is None:
        return None
    low, high = ranges[1].low, ranges[2].high
    # Where bounds cross, the upper one is taken.
    crossed = isinstance(low, int) and isinstance(high, int) and low > high
    return ValueRange(high if crossed else low, high, False)


def range_of_choice(node: Node, ranges: ValueRanges) -> ValueRange | None:
    """For `where`: what is known of both."""
    _, x, y = ranges
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
    return ValueRange(low, high, False)


def _only_number(node: Node) -> int | None:
    """The integer that is every element of a node."""
    found = uniform_value(node) if is_integer(node.dtype) else None
    return None if found is None else int(found)


def _range_within(node: Node, low: int, high: int) -> InputRange | None:
    """Bounds of an input, if all between them are values of its dtype's arithmetic."""
    if not is_integer(node.dtype):
        return None
    limits = np.iinfo(node.dtype)
    if limits.min <= low and high <= limits.max:
        return node, low, high, None
    return None


def input_range_of_sum(node: Node, low: int, high: int) -> InputRange | None:
    """For `x + number`."""
    for x, other in (node.inputs, node.inputs[::-1]):
        number = _only_number(other)
        if number is not None:
            return _range_within(x, low - number, high - number)
    return None


def input_range_of_difference(node: Node, low: int, high: int) -> InputRange | None:
    """For `x - number`."""
    number = _only_number(node.inputs[1])
    if number is None:
        return None
    return _range_within(node.inputs[0], low + number, high + number)


def input_range_of_cast(node: Node, low: int, high: int) -> InputRange | None:
    """For `astype` of integers."""
    return _range_within(node.inputs[0], low, high)


def input_range_of_choice(node: Node, low: int, high: int) -> InputRange | None:
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
