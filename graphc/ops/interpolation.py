"""Interpolation between points on a line."""

from __future__ import annotations

import numpy as np

from ..errors import OptionError, ShapeError
from ..ir.array_methods import array_function
from ..ir.batching import Batch
from ..ir.facts import Facts
from ..ir.node import Node
from ..ir.op import Case, Op, ValueRange, ValueRanges
from ..ir.types import TensorType
from .arithmetic import remainder, where
from .as_routines import intervals
from .clipping import clip
from .indexing import take
from .joining import concatenate
from .reduction import sum
from .shape import expand_dims
from .sorting import argsort
from .source import ArrayLike, as_node, astype
from .special.declare import as_floats, common_float


def _interval_infer(x: TensorType, xp: TensorType) -> TensorType:
    if len(xp.shape) != 1 or (isinstance(xp.shape[0], int) and xp.shape[0] < 2):
        raise ShapeError(f"requires at least two points in one axis, got {xp}")
    return TensorType(np.dtype(np.intp), x.shape)


def _interval_range(node: Node, ranges: ValueRanges) -> ValueRange:
    return ValueRange(0, node.inputs[1].type.shape[0] - 2, True)


def _interval_of_examples(batch: Batch, node: Node) -> Node:
    x, xp = node.inputs
    if not batch.is_mapped(xp):
        return node.op(batch.value(x), batch.value(xp))
    points = batch.aligned(xp, x.ndim + 1)
    place = expand_dims(batch.stacked(x), -1)
    return clip(sum(points <= place, -1) - 1, 0, xp.shape[0] - 2)


INTERVAL = Op(
    name="interval",
    loops=intervals,
    inputs=("x", "xp"),
    infer=_interval_infer,
    kind="movement",
    numpy="np.clip(np.searchsorted(xp, x, side='right') - 1, 0, xp.size - 2)",
    facts=Facts(finite="all"),
    value_range=_interval_range,
    batch=_interval_of_examples,
    cases=(Case(((3, 4), (5,))), Case(((), (2,)))),
)
"""The position of the interval between increasing `xp` that `x` is in, or next to."""


@array_function
def interp(
    x: ArrayLike,
    xp: ArrayLike,
    fp: ArrayLike,
    left: ArrayLike = None,
    right: ArrayLike = None,
    period: float | None = None,
) -> Node:
    """Piecewise linear interpolation between points on a line, elementwise.

    Differentiable by `x`, `xp` and `fp`; at a point the derivative by `x` is the slope
    on its right, and outside of all points it is 0. Floats keep their dtype, where
    NumPy's are float64.

    Args:
        x: where to interpolate, of any shape.
        xp: at least two points, increasing unless there is a period.
        fp: the values at these points.
        left: the value left of the first point; `fp[0]` where None.
        right: the value right of the last point; `fp[-1]` where None.
        period: of `x` and `xp`; then `left` and `right` are ignored.

    Returns:
        A floating array of the shape of `x`.

    Raises:
        ShapeError: `xp` and `fp` are not of one shape, with one axis, of two or more.
        OptionError: the period is 0.

    >>> import graphc as gc
    >>> gc.evaluate(gc.interp([0.5, 1.5, 9.0], [0.0, 1.0, 2.0], [0.0, 10.0, 0.0]), {})
    array([5., 5., 0.])
    """
    target = common_float(x, xp, fp)
    place, points, values = (astype(each, target) for each in as_floats(x, xp, fp))
    if points.shape != values.shape or points.ndim != 1:
        raise ShapeError(
            f"interp requires xp and fp of one shape with one axis, got {points.type} "
            f"and {values.type}",
            node="interp",
        )
    if period is not None:
        place, points, values = _periodic(place, points, values, period)
        left = right = None
    start = INTERVAL(place, points).named("interval")
    x0, f0 = take(points, start), take(values, start)
    x1, f1 = take(points, start + 1), take(values, start + 1)
    slope = ((f1 - f0) / (x1 - x0)).named("slope")
    line = f0 + slope * (place - x0)
    first = values[0] if left is None else as_node(left, target)
    last = values[-1] if right is None else as_node(right, target)
    inside = where(place > points[-1], last, line)
    return where(place < points[0], first, inside)


def _periodic(x: Node, xp: Node, fp: Node, period: float) -> tuple[Node, Node, Node]:
    """The same with all places in one period, and a point more on either side."""
    size = abs(float(period))
    if size == 0.0:
        raise OptionError("period must not be 0", node="interp")
    points = remainder(xp, size)
    order = argsort(points)
    points, values = take(points, order), take(fp, order)
    ends = [expand_dims(points[place], 0) for place in (-1, 0)]
    points = concatenate([ends[0] - size, points, ends[1] + size])
    ends = [expand_dims(values[place], 0) for place in (-1, 0)]
    values = concatenate([ends[0], values, ends[1]])
    return remainder(x, size), points, values
