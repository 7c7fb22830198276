"""Translation validation: two formulas agree on the whole domain of floats.

A normal form reasons about real numbers: in it `x / x` is 1 and `x * 3 / 4` is
`0.75 * x`. Programs compute with floats, where the first is NaN at 0 and the second
overflows for large `x`. So nothing that it proposes is believed; both formulas are
evaluated where they are most likely to differ, and must agree.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from ...errors import GraphcError
from ...ir.evaluate import Array, evaluate_node
from ...ir.node import Node
from ...ir.types import DType
from ...ir.walk import ancestors, topological_order
from ...ops.source import INPUT

Formula = Callable[[Sequence[Node], DType], Node]
"""A formula as nodes, of given inputs, computed in a given dtype."""

_POINTS = 2**15
_RANDOM = 512
_MAGNITUDES = 2**12
_ULPS = 4


def special_values(dtype: DType) -> list[float]:
    """Values at which formulas differ that agree elsewhere."""
    about = np.finfo(dtype)
    huge, tiny = float(about.max), float(about.tiny)
    subnormal = float(about.smallest_subnormal)
    positive = [0.0, subnormal, tiny, math.sqrt(tiny), float(about.eps)]
    positive += [0.5, 1.0, 2.0, 3.0, 10.0, 100.0, 1000.0]
    positive += [math.sqrt(huge), huge / 3, huge, math.inf]
    return [*positive, *(-value for value in positive), math.nan]


def sample(count: int, dtype: DType) -> list[Array]:
    """Values for `count` inputs: special ones in all combinations, or many, and others.

    The same in every run, so that a program does not depend on luck.
    """
    rng = np.random.default_rng(0)
    special = np.array(special_values(dtype), dtype)
    if len(special) ** count <= _POINTS:
        grid = np.array(list(itertools.product(special, repeat=count)), dtype)
    else:
        grid = rng.choice(special, (_POINTS, count))
    ordinary = rng.normal(size=(_RANDOM, count))
    scale = 10.0 ** rng.integers(-6, 7, (_RANDOM, count))
    # Where all inputs are ordinary numbers and where some of them are special.
    mixed = np.where(
        rng.random((_RANDOM, count)) < 0.5, ordinary, rng.choice(special, (1, count))
    )
    rows = [grid, ordinary, np.abs(ordinary), ordinary * scale, mixed]
    rows.append(_magnitudes(count, dtype, rng))
    points = np.concatenate([part.astype(dtype) for part in rows])
    return [np.ascontiguousarray(points[:, column]) for column in range(count)]


def _magnitudes(count: int, dtype: DType, rng: np.random.Generator) -> Array:
    """Values of every magnitude, and some that an exponential takes to every magnitude.

    An intermediate value may overflow in one of two formulas for few magnitudes only.
    """
    about = np.finfo(dtype)
    shape = (_MAGNITUDES, count)
    exponents = rng.uniform(about.minexp - about.nmant, about.maxexp, shape)
    logarithms = rng.uniform(0, math.log(float(about.max)), shape)
    values = np.where(rng.random(shape) < 0.5, np.exp2(exponents), logarithms)
    return values * rng.choice([-1.0, 1.0], shape)


def _evaluate(formula: Formula, arrays: Sequence[Array], dtype: DType) -> Array:
    shape = arrays[0].shape
    inputs = [INPUT(shape=shape, dtype=dtype) for _ in arrays]
    root = formula(inputs, dtype)
    values: dict[Node, Array] = dict(zip(inputs, arrays, strict=True))
    for node in topological_order(ancestors([root])):
        if node not in values:
            values[node] = evaluate_node(node, [values[p] for p in node.inputs])
    return np.broadcast_to(values[root], shape)


def agree(left: Formula, right: Formula, count: int, dtype: DType) -> bool:
    """True where two formulas of `count` inputs agree, in float64 and in `dtype`.

    To a few units in the last place, in which values are NaN, in infinities with their
    signs, and in the signs of zeros.
    """
    for precision in dict.fromkeys((dtype, np.dtype("float64"))):
        arrays = sample(count, precision)
        try:
            a = _evaluate(left, arrays, precision)
            b = _evaluate(right, arrays, precision)
        except GraphcError:
            return False
        if a.dtype != b.dtype or not _close(a, b):
            return False
    return True


def _close(a: Array, b: Array) -> bool:
    if not np.array_equal(np.isnan(a), np.isnan(b)):
        return False
    a, b = a[~np.isnan(a)], b[~np.isnan(b)]
    if not np.array_equal(np.signbit(a), np.signbit(b)):
        return False
    if not np.array_equal(np.isinf(a), np.isinf(b)):
        return False
    finite = np.isfinite(a)
    a, b = a[finite], b[finite]
    # The spacing of the largest float of all is not a float.
    with np.errstate(all="ignore"):
        spacing = np.spacing(np.minimum(np.abs(a), np.abs(b)))
        return bool((np.abs(a - b) <= _ULPS * spacing).all())
