"""Distributions of numbers: standard draws, moved and scaled by arrays.

`loc + scale * draw` is the reparametrisation by which a sample has gradients by its
parameters.

Source: Kingma and Welling 2014, "Auto-encoding variational Bayes", section 2.4.
"""

from __future__ import annotations

import math
from typing import Any

from ..errors import OptionError, ShapeError
from ..ir.dims import as_shape, format_shape
from ..ir.node import Node
from ..ir.op import Op
from ..ir.types import as_dtype
from .clipping import clip
from .decompositions import cholesky
from .exponential import exp
from .linalg import matmul
from .random import (
    STANDARD_EXPONENTIAL,
    STANDARD_GUMBEL,
    STANDARD_LAPLACE,
    STANDARD_LOGISTIC,
    STANDARD_NORMAL,
    STANDARD_UNIFORM,
    Size,
    check_scale,
    draw_for,
    parameters_of,
)
from .source import ArrayLike, as_node
from .special.error import ndtri


def _located(
    op: Op,
    what: str,
    loc: ArrayLike,
    scale: ArrayLike,
    size: Size,
    dtype: Any,
    name: str | None,
) -> Node:
    """`loc + scale * draw`."""
    parts, target = parameters_of(what, (loc, scale), dtype)
    check_scale(what, "scale", parts[1])
    draw = draw_for(op, what, size, parts, target, name)
    return _moved(draw, *parts)


def _moved(draw: Node, loc: Any, scale: Any) -> Node:
    """`loc + scale * draw`, without parts that change nothing."""
    scaled = draw if _is(scale, 1) else draw * _in(scale, draw)
    return scaled if _is(loc, 0) else scaled + _in(loc, draw)


def _is(part: Any, number: int) -> bool:
    return isinstance(part, int | float) and part == number


def _in(part: Any, draw: Node) -> Any:
    """A parameter in the dtype of the draw."""
    same = not isinstance(part, Node) or part.dtype == draw.dtype
    return part if same else part.astype(draw.dtype)


def random(
    size: Size = None, dtype: Any = "float32", *, name: str | None = None
) -> Node:
    """Uniform numbers in [0, 1).

    Args:
        size: ints and names of sizes; None for one number.
        dtype: `"float32"` or `"float64"`.
        name: of the stream, see `gc.random`.

    Raises:
        DTypeError: another dtype.

    >>> import graphc as gc
    >>> gc.random.random(("batch", 10))
    <standard_uniform 'random' float32 (batch, 10)>
    """
    return draw_for(STANDARD_UNIFORM, "random", size, (), as_dtype(dtype), name)


def standard_normal(
    size: Size = None, dtype: Any = "float32", *, name: str | None = None
) -> Node:
    """Gaussian numbers of mean 0 and deviation 1.

    Args:
        size: ints and names of sizes; None for one number.
        dtype: `"float32"` or `"float64"`.
        name: of the stream, see `gc.random`.

    Raises:
        DTypeError: another dtype.

    >>> import graphc as gc
    >>> gc.random.standard_normal(("batch", 10))
    <standard_normal 'standard_normal' float32 (batch, 10)>
    """
    return draw_for(STANDARD_NORMAL, "standard_normal", size, (), as_dtype(dtype), name)


def standard_exponential(
    size: Size = None, dtype: Any = "float32", *, name: str | None = None
) -> Node:
    """Exponential numbers of scale 1.

    Args:
        size: ints and names of sizes; None for one number.
        dtype: `"float32"` or `"float64"`.
        name: of the stream, see `gc.random`.

    Raises:
        DTypeError: another dtype.

    >>> import graphc as gc
    >>> gc.random.standard_exponential(3)
    <standard_exponential 'standard_exponential' float32 (3,)>
    """
    what = "standard_exponential"
    return draw_for(STANDARD_EXPONENTIAL, what, size, (), as_dtype(dtype), name)


def uniform(
    low: ArrayLike = 0.0,
    high: ArrayLike = 1.0,
    size: Size = None,
    dtype: Any = None,
    *,
    name: str | None = None,
) -> Node:
    """Uniform numbers from `low` to `high`: `low + (high - low) * u`, `u` in [0, 1).

    Args:
        low, high: the bounds, numbers or arrays, by which there are gradients.
        size: the shape, ints and names of sizes; by default that of the bounds.
        dtype: by default that of the bounds, float32 of numbers.
        name: of the stream, see `gc.random`.

    Raises:
        ShapeError: bounds that don't broadcast to `size`.
        DTypeError: a dtype that is not floating.

    >>> import graphc as gc
    >>> gc.evaluate(gc.random.uniform(-1.0, 1.0, 3), {}, seed=1).shape
    (3,)
    """
    parts, target = parameters_of("uniform", (low, high), dtype)
    draw = draw_for(STANDARD_UNIFORM, "uniform", size, parts, target, name)
    try:
        width = parts[1] - parts[0]
    except OverflowError:
        raise OptionError(
            "low and high must be numbers of floats", node="uniform"
        ) from None
    check_scale("uniform", "high - low", width)
    return _moved(draw, parts[0], width)


def normal(
    loc: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
    size: Size = None,
    dtype: Any = None,
    *,
    name: str | None = None,
) -> Node:
    """Gaussian numbers, `loc + scale * n`, `n ~ N(0, 1)`.

    Args:
        loc, scale: mean and deviation, numbers or arrays, by which there are gradients.
        size: the shape, ints and names of sizes; by default that of `loc` and `scale`.
        dtype: by default that of `loc` and `scale`, float32 of numbers.
        name: of the stream, see `gc.random`.

    Raises:
        ShapeError: parameters that don't broadcast to `size`.
        DTypeError: a dtype that is not floating.
        OptionError: a negative `scale`.

    >>> import graphc as gc
    >>> mean = gc.parameter("mean", (2,), [1.0, 2.0])
    >>> sample = gc.random.normal(mean, 0.1, ("batch", 2))
    >>> sample.shape
    (batch, 2)
    >>> gc.evaluate(gc.grad(gc.sum(gc.random.normal(mean, 0.1)), mean), {})
    array([1., 1.], dtype=float32)
    """
    return _located(STANDARD_NORMAL, "normal", loc, scale, size, dtype, name)


def laplace(
    loc: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
    size: Size = None,
    dtype: Any = None,
    *,
    name: str | None = None,
) -> Node:
    """Laplace numbers, of density `exp(-|x - loc| / scale) / (2 * scale)`.

    Args:
        loc, scale, size, dtype, name: see `normal`.

    Raises:
        ShapeError, DTypeError, OptionError: see `normal`.

    >>> import graphc as gc
    >>> gc.random.laplace(0.0, 2.0, ("batch", 3)).shape
    (batch, 3)
    """
    return _located(STANDARD_LAPLACE, "laplace", loc, scale, size, dtype, name)


def logistic(
    loc: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
    size: Size = None,
    dtype: Any = None,
    *,
    name: str | None = None,
) -> Node:
    """Logistic numbers, of distribution function `sigmoid((x - loc) / scale)`.

    Args:
        loc, scale, size, dtype, name: see `normal`.

    Raises:
        ShapeError, DTypeError, OptionError: see `normal`.

    >>> import graphc as gc
    >>> gc.random.logistic(0.0, 2.0, ("batch", 3)).shape
    (batch, 3)
    """
    return _located(STANDARD_LOGISTIC, "logistic", loc, scale, size, dtype, name)


def gumbel(
    loc: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
    size: Size = None,
    dtype: Any = None,
    *,
    name: str | None = None,
) -> Node:
    """Gumbel numbers, of distribution function `exp(-exp(-(x - loc) / scale))`.

    Args:
        loc, scale, size, dtype, name: see `normal`.

    Raises:
        ShapeError, DTypeError, OptionError: see `normal`.

    >>> import graphc as gc
    >>> gc.random.gumbel(0.0, 2.0, ("batch", 3)).shape
    (batch, 3)
    """
    return _located(STANDARD_GUMBEL, "gumbel", loc, scale, size, dtype, name)


def exponential(
    scale: ArrayLike = 1.0,
    size: Size = None,
    dtype: Any = None,
    *,
    name: str | None = None,
) -> Node:
    """Exponential numbers, of density `exp(-x / scale) / scale`.

    Args:
        scale: the mean, a number or an array, by which there is a gradient.
        size, dtype, name: see `normal`.

    Raises:
        ShapeError, DTypeError, OptionError: see `normal`.

    >>> import graphc as gc
    >>> gc.random.exponential(2.0, ("batch", 3)).shape
    (batch, 3)
    """
    return _located(STANDARD_EXPONENTIAL, "exponential", 0.0, scale, size, dtype, name)


def lognormal(
    mean: ArrayLike = 0.0,
    sigma: ArrayLike = 1.0,
    size: Size = None,
    dtype: Any = None,
    *,
    name: str | None = None,
) -> Node:
    """Numbers whose logarithm is Gaussian, `exp(mean + sigma * n)`.

    Args:
        mean, sigma: those of the logarithm, by which there are gradients.
        size, dtype, name: see `normal`.

    Raises:
        ShapeError, DTypeError, OptionError: see `normal`.

    >>> import graphc as gc
    >>> gc.random.lognormal(0.0, 0.5, ("batch", 3)).shape
    (batch, 3)
    """
    draw = _located(STANDARD_NORMAL, "lognormal", mean, sigma, size, dtype, name)
    return exp(draw)


def truncated_normal(
    lower: float,
    upper: float,
    size: Size = None,
    dtype: Any = "float32",
    *,
    name: str | None = None,
) -> Node:
    """Numbers of mean 0 and deviation 1, Gaussian between two bounds.

    By inversion: `ndtri` of what is uniform between `ndtr(lower)` and `ndtr(upper)`.
    Between bounds on one side and far out, these are the same number to rounding.

    Args:
        lower, upper: the bounds, in deviations from 0.
        size: ints and names of sizes; None for one number.
        dtype: `"float32"` or `"float64"`.
        name: of the stream, see `gc.random`.

    Raises:
        OptionError: `lower` is not below `upper`.
        DTypeError: another dtype.

    >>> import graphc as gc
    >>> gc.random.truncated_normal(-2.0, 2.0, ("batch", 3)).shape
    (batch, 3)
    """
    what, target = "truncated_normal", as_dtype(dtype)
    low, high = float(lower), float(upper)
    if not low < high:
        raise OptionError(f"requires lower < upper, got {lower} and {upper}", node=what)
    draw = draw_for(STANDARD_UNIFORM, what, size, (), target, name)
    first, last = (
        (1.0 + math.erf(each / math.sqrt(2.0))) / 2.0 for each in (low, high)
    )
    inside = ndtri(_moved(draw, first, last - first))
    return clip(inside, low, high)


def multivariate_normal(
    mean: ArrayLike,
    cov: ArrayLike,
    size: Size = None,
    *,
    name: str | None = None,
) -> Node:
    """Gaussian vectors, `mean + L @ n`, `L @ L.T = cov`.

    Args:
        mean: `(n,)`, floating.
        cov: `(n, n)`, symmetric and positive definite. There are gradients by both.
        size: of how many vectors, ints and names of sizes; None for one.
        name: of the stream, see `gc.random`.

    Returns:
        An array of shape `(*size, n)`.

    Raises:
        ShapeError: another shape.
        DTypeError: parameters that are not floating.

    >>> import graphc as gc
    >>> gc.random.multivariate_normal([0.0, 1.0], [[2.0, 1.0], [1.0, 2.0]], "batch")
    <add float64 (batch, 2)>
    """
    what = "multivariate_normal"
    center, covariance = as_node(mean), as_node(cov)
    if center.ndim != 1 or covariance.shape != (*center.shape, *center.shape):
        raise ShapeError(
            "requires a mean of shape (n,) and a covariance of shape (n, n), got "
            f"{format_shape(center.shape)} and {format_shape(covariance.shape)}",
            node=what,
        )
    shape = (*(() if size is None else as_shape(size)), *center.shape)
    draw = draw_for(STANDARD_NORMAL, what, shape, (center,), center.dtype, name)
    return matmul(draw, cholesky(covariance).T) + center
