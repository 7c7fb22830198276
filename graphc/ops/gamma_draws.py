"""Distributions made of gamma, exponential and Gaussian draws, by inversion.

A gamma draw is the inverse of its distribution function at a uniform number, so that it
has a gradient by its shape.

Source: Figurnov et al. 2018, "Implicit reparameterization gradients".
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import OptionError
from ..ir.dims import as_shape
from ..ir.node import Node
from ..ir.types import as_dtype
from .arithmetic import sqrt
from .exponential import exp, expm1, log1p
from .numbers import shortened
from .random import (
    STANDARD_EXPONENTIAL,
    STANDARD_NORMAL,
    STANDARD_UNIFORM,
    Size,
    draw_for,
    parameters_of,
)
from .reduction import sum
from .rounding import floor
from .source import ArrayLike, as_node, astype
from .special.incomplete_gamma import gammaincinv
from .trigonometry import tan


def _positive(what: str, name: str, value: Any) -> None:
    """Raise where a number is not positive and finite."""
    if not isinstance(value, int | float):
        return
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not 0 < number < math.inf:
        raise OptionError(f"requires {name} > 0, got {shortened(value)}", node=what)


def _drawn_gamma(
    what: str, shape: Any, size: Size, parts: Any, target: Any, name: str | None
) -> Node:
    """Gamma numbers of scale 1. Uniform numbers of float32 would be too few."""
    wide = np.dtype("float64")
    uniform = draw_for(STANDARD_UNIFORM, what, size, parts, wide, name)
    given = astype(shape, wide) if isinstance(shape, Node) else float(shape)
    return astype(gammaincinv(given, uniform), target)


def _exponential(
    what: str, value: ArrayLike, label: str, size: Size, dtype: Any, name: str | None
) -> tuple[Node, Any]:
    """Exponential numbers of mean 1, and a positive parameter in their dtype."""
    parts, target = parameters_of(what, (value,), dtype)
    _positive(what, label, parts[0])
    draw = draw_for(STANDARD_EXPONENTIAL, what, size, parts, target, name)
    part = parts[0]
    return draw, astype(part, draw.dtype) if isinstance(part, Node) else part


def standard_gamma(
    shape: ArrayLike, size: Size = None, dtype: Any = None, *, name: str | None = None
) -> Node:
    """Gamma numbers of scale 1, of density `x**(shape-1) * exp(-x) / gamma(shape)`.

    Args:
        shape: a positive number or an array, by which there is a gradient.
        size: the shape, ints and names of sizes; by default that of the parameters.
        dtype: by default that of the parameters, float32 of numbers.
        name: of the stream, see `gc.random`.

    Raises:
        OptionError: a `shape` that is not positive.
        ShapeError: parameters that don't broadcast to `size`.

    >>> import graphc as gc
    >>> gc.random.standard_gamma(2.0, ("batch", 3)).shape
    (batch, 3)
    """
    return _gamma("standard_gamma", shape, 1.0, size, dtype, name)


def gamma(
    shape: ArrayLike,
    scale: ArrayLike = 1.0,
    size: Size = None,
    dtype: Any = None,
    *,
    name: str | None = None,
) -> Node:
    """Gamma numbers, `scale` times those of `standard_gamma`.

    Args:
        shape, scale: positive numbers or arrays, by which there are gradients.
        size, dtype, name: see `standard_gamma`.

    Raises:
        OptionError: a parameter that is not positive.

    >>> import graphc as gc
    >>> gc.random.gamma(2.0, 0.5, ("batch", 3)).shape
    (batch, 3)
    """
    return _gamma("gamma", shape, scale, size, dtype, name)


def _gamma(
    what: str,
    shape: ArrayLike,
    scale: ArrayLike,
    size: Size,
    dtype: Any,
    name: str | None,
) -> Node:
    parts, target = parameters_of(what, (shape, scale), dtype)
    _positive(what, "shape", parts[0])
    _positive(what, "scale", parts[1])
    draw = _drawn_gamma(what, parts[0], size, parts, target, name)
    if isinstance(parts[1], Node):
        return draw * astype(parts[1], draw.dtype)
    return draw if parts[1] == 1 else draw * float(parts[1])


def chisquare(
    df: ArrayLike, size: Size = None, dtype: Any = None, *, name: str | None = None
) -> Node:
    """Sums of squares of `df` Gaussian numbers: twice a gamma number of `df / 2`.

    Args:
        df: a positive number or an array, by which there is a gradient.
        size, dtype, name: see `standard_gamma`.

    Raises:
        OptionError: a `df` that is not positive.

    >>> import graphc as gc
    >>> gc.random.chisquare(3.0, ("batch", 3)).shape
    (batch, 3)
    """
    parts, target = parameters_of("chisquare", (df,), dtype)
    _positive("chisquare", "df", parts[0])
    half = parts[0] * 0.5
    return _drawn_gamma("chisquare", half, size, parts, target, name) * 2.0


def standard_t(
    df: ArrayLike, size: Size = None, dtype: Any = None, *, name: str | None = None
) -> Node:
    """Student's t numbers: a Gaussian one over the root of a chi-square one over `df`.

    Args:
        df: a positive number or an array, by which there is a gradient.
        size, dtype, name: see `standard_gamma`.

    Raises:
        OptionError: a `df` that is not positive.

    >>> import graphc as gc
    >>> gc.random.standard_t(3.0, ("batch", 3)).shape
    (batch, 3)
    """
    what = "standard_t"
    parts, target = parameters_of(what, (df,), dtype)
    _positive(what, "df", parts[0])
    second = None if name is None else f"{name}_2"
    normal = draw_for(STANDARD_NORMAL, what, size, parts, target, name)
    half = parts[0] * 0.5
    half = astype(half, normal.dtype) if isinstance(half, Node) else half
    drawn = _drawn_gamma(what, half, size, parts, normal.dtype, second)
    return normal * sqrt(half / drawn)


def beta(
    a: ArrayLike,
    b: ArrayLike,
    size: Size = None,
    dtype: Any = None,
    *,
    name: str | None = None,
) -> Node:
    """Beta numbers, of density in proportion to `x**(a-1) * (1-x)**(b-1)` in (0, 1).

    `x / (x + y)` of two gamma numbers; parameters below 0.01 may give NaN.

    Args:
        a, b: positive numbers or arrays, by which there are gradients.
        size, dtype, name: see `standard_gamma`.

    Raises:
        OptionError: a parameter that is not positive.

    >>> import graphc as gc
    >>> gc.random.beta(2.0, 3.0, ("batch", 3)).shape
    (batch, 3)
    """
    parts, target = parameters_of("beta", (a, b), dtype)
    _positive("beta", "a", parts[0])
    _positive("beta", "b", parts[1])
    second = None if name is None else f"{name}_2"
    wide = np.dtype("float64")
    x = _drawn_gamma("beta", parts[0], size, parts, wide, name)
    y = _drawn_gamma("beta", parts[1], size, parts, wide, second)
    return astype(x / (x + y), target)


def dirichlet(
    alpha: ArrayLike, size: Size = None, dtype: Any = None, *, name: str | None = None
) -> Node:
    """Vectors of positive numbers of sum 1: gamma numbers over their sum.

    Args:
        alpha: `(..., k)`, positive, by which there is a gradient.
        size: of how many vectors, ints and names of sizes; by default those of `alpha`.
        dtype, name: see `standard_gamma`.

    Returns:
        An array of shape `(*size, k)`.

    Raises:
        ShapeError: `alpha` is a number, or does not broadcast.

    >>> import graphc as gc
    >>> gc.random.dirichlet([1.0, 2.0, 3.0], "batch").shape
    (batch, 3)
    """
    parts, target = parameters_of("dirichlet", (as_node(alpha),), dtype)
    last = parts[0].shape[-1:]
    shape = None if size is None else (*as_shape(size), *last)
    wide = np.dtype("float64")
    drawn = _drawn_gamma("dirichlet", parts[0], shape, parts, wide, name)
    return astype(drawn / sum(drawn, axis=-1, keepdims=True), target)


def rayleigh(
    scale: ArrayLike = 1.0,
    size: Size = None,
    dtype: Any = None,
    *,
    name: str | None = None,
) -> Node:
    """Rayleigh numbers, lengths of Gaussian vectors in a plane: `scale * sqrt(2 * e)`.

    Args:
        scale: a positive number or an array, by which there is a gradient.
        size, dtype, name: see `standard_gamma`.

    Raises:
        OptionError: a `scale` that is not positive.

    >>> import graphc as gc
    >>> gc.random.rayleigh(2.0, ("batch", 3)).shape
    (batch, 3)
    """
    draw, part = _exponential("rayleigh", scale, "scale", size, dtype, name)
    return sqrt(draw * 2.0) * part


def weibull(
    a: ArrayLike, size: Size = None, dtype: Any = None, *, name: str | None = None
) -> Node:
    """Weibull numbers, `e**(1 / a)` of an exponential number.

    Args:
        a: a positive number or an array, by which there is a gradient.
        size, dtype, name: see `standard_gamma`.

    Raises:
        OptionError: an `a` that is not positive.

    >>> import graphc as gc
    >>> gc.random.weibull(2.0, ("batch", 3)).shape
    (batch, 3)
    """
    draw, part = _exponential("weibull", a, "a", size, dtype, name)
    return draw ** (1.0 / part)


def pareto(
    a: ArrayLike, size: Size = None, dtype: Any = None, *, name: str | None = None
) -> Node:
    """Pareto numbers from 0 on, as NumPy has them: `exp(e / a) - 1`.

    Args:
        a: a positive number or an array, by which there is a gradient.
        size, dtype, name: see `standard_gamma`.

    Raises:
        OptionError: an `a` that is not positive.

    >>> import graphc as gc
    >>> gc.random.pareto(2.0, ("batch", 3)).shape
    (batch, 3)
    """
    draw, part = _exponential("pareto", a, "a", size, dtype, name)
    return expm1(draw / part)


def power(
    a: ArrayLike, size: Size = None, dtype: Any = None, *, name: str | None = None
) -> Node:
    """Numbers in [0, 1] of density `a * x**(a-1)`: `exp(-e / a)`.

    Args:
        a: a positive number or an array, by which there is a gradient.
        size, dtype, name: see `standard_gamma`.

    Raises:
        OptionError: an `a` that is not positive.

    >>> import graphc as gc
    >>> gc.random.power(2.0, ("batch", 3)).shape
    (batch, 3)
    """
    draw, part = _exponential("power", a, "a", size, dtype, name)
    return exp(-draw / part)


def standard_cauchy(
    size: Size = None, dtype: Any = "float32", *, name: str | None = None
) -> Node:
    """Cauchy numbers, `tan(pi * (u - 1/2))`.

    Args:
        size: ints and names of sizes; None for one number.
        dtype: `"float32"` or `"float64"`.
        name: of the stream, see `gc.random`.

    Raises:
        DTypeError: another dtype.

    >>> import graphc as gc
    >>> gc.random.standard_cauchy(3).shape
    (3,)
    """
    target = as_dtype(dtype)
    draw = draw_for(STANDARD_UNIFORM, "standard_cauchy", size, (), target, name)
    return tan((draw - 0.5) * math.pi)


def geometric(p: ArrayLike, size: Size = None, *, name: str | None = None) -> Node:
    """Number of trials up to the first success: `1 + floor(-e / log(1 - p))`.

    Args:
        p: the probability of a success, in (0, 1]; there is no gradient by it.
        size, name: see `standard_gamma`.

    Returns:
        Integers of int64.

    Raises:
        OptionError: a `p` that is not positive.

    >>> import graphc as gc
    >>> gc.random.geometric(0.2, ("batch", 3)).dtype
    dtype('int64')
    """
    draw, part = _exponential("geometric", p, "p", size, "float64", name)
    if not isinstance(part, Node):
        if part > 1:
            raise OptionError(f"requires p <= 1, got {part!r}", node="geometric")
        part = as_node(float(part), np.dtype("float64"))
    return astype(floor(draw / -log1p(-part)), "int64") + 1
