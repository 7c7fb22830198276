"""Reductions that leave NaN out, as if it were not there.

Each is the reduction of what is no NaN, so that derivatives never meet one. An array of
integers has none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.array_methods import array_function
from ..ir.node import Node
from ..ir.types import is_floating
from .along_axis import TAKE_ALONG_AXIS
from .arithmetic import minimum, where
from .clipping import clip
from .comparison import isnan, logical_not
from .extrema import argmax, argmin, max, min
from .joining import concatenate, stack
from .order_statistics import (
    NODES,
    Place,
    QuantileMethod,
    as_levels,
    lines_of,
    numbers_along,
    quantile_dtype,
)
from .products import prod
from .reduction import SUM, mean, mean_dtype, sum
from .scans import cumprod, cumsum
from .shape import expand_dims, reshape, squeeze
from .sorting import SORT
from .source import ArrayLike, as_node, astype, constant, full
from .statistics import std, var
from .truth import all


def _filled(a: ArrayLike, value: float) -> Node:
    """The array with a number in the place of each NaN."""
    x = as_node(a)
    if not is_floating(x.dtype):
        return x
    return where(isnan(x), constant(value, x.dtype), x)


def _numbers(a: ArrayLike) -> Node | None:
    """A mask of what is no NaN; None for integers, which all are."""
    x = as_node(a)
    return logical_not(isnan(x)) if is_floating(x.dtype) else None


@array_function
def nansum(
    a: ArrayLike, axis: Any = None, dtype: Any = None, *, keepdims: bool = False
) -> Node:
    """Sum over `axis`, without what is NaN.

    See `gc.sum` for the arguments.

    >>> import numpy as np
    >>> import graphc as gc
    >>> gc.evaluate(gc.nansum([1.0, np.nan, 3.0]), {})
    array(4.)
    """
    return sum(_filled(a, 0.0), axis, dtype, keepdims=keepdims)


@array_function
def nanprod(
    a: ArrayLike, axis: Any = None, dtype: Any = None, *, keepdims: bool = False
) -> Node:
    """Product over `axis`, without what is NaN.

    See `gc.prod` for the arguments.

    >>> import numpy as np
    >>> import graphc as gc
    >>> gc.evaluate(gc.nanprod([2.0, np.nan, 3.0]), {})
    array(6.)
    """
    return prod(_filled(a, 1.0), axis, dtype, keepdims=keepdims)


@array_function
def nanmean(
    a: ArrayLike, axis: Any = None, dtype: Any = None, *, keepdims: bool = False
) -> Node:
    """Mean over `axis` of what is not NaN; NaN where all is.

    See `gc.mean` for the arguments.

    >>> import numpy as np
    >>> import graphc as gc
    >>> gc.evaluate(gc.nanmean([1.0, np.nan, 3.0]), {})
    array(2.)
    """
    return mean(a, axis, dtype, keepdims=keepdims, where=_numbers(a))


@array_function
def nanvar(
    a: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    *,
    ddof: float = 0,
    keepdims: bool = False,
    correction: float | None = None,
) -> Node:
    """Variance over `axis` of what is not NaN; NaN where not more than `ddof` are left.

    See `gc.var` for the arguments.

    >>> import numpy as np
    >>> import graphc as gc
    >>> gc.evaluate(gc.nanvar([1.0, np.nan, 3.0]), {})
    array(1.)
    """
    found = var(
        a,
        axis,
        dtype,
        ddof=ddof,
        keepdims=keepdims,
        where=_numbers(a),
        correction=correction,
    )
    return _of_enough(found, a, axis, ddof if correction is None else correction)


@array_function
def nanstd(
    a: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    *,
    ddof: float = 0,
    keepdims: bool = False,
    correction: float | None = None,
) -> Node:
    """Standard deviation over `axis` of what is not NaN: the root of `gc.nanvar`.

    See `gc.std` for the arguments.

    >>> import numpy as np
    >>> import graphc as gc
    >>> gc.evaluate(gc.nanstd([1.0, np.nan, 3.0]), {})
    array(1.)
    """
    found = std(
        a,
        axis,
        dtype,
        ddof=ddof,
        keepdims=keepdims,
        where=_numbers(a),
        correction=correction,
    )
    return _of_enough(found, a, axis, ddof if correction is None else correction)


def _of_enough(found: Node, a: ArrayLike, axis: Any, ddof: float) -> Node:
    """A variance where more than `ddof` elements are left, and NaN elsewhere."""
    numbers = _numbers(a)
    if numbers is None or ddof <= 0:
        return found
    left = reshape(sum(numbers, axis), found.shape)
    return where(left > ddof, found, constant(np.nan, found.dtype))


@array_function
def nanmax(a: ArrayLike, axis: Any = None, *, keepdims: bool = False) -> Node:
    """Maximum over `axis` of what is not NaN; NaN where all is.

    Ties share the gradient equally.

    >>> import numpy as np
    >>> import graphc as gc
    >>> gc.evaluate(gc.nanmax([1.0, np.nan, 3.0]), {})
    array(3.)
    """
    x = as_node(a)
    found = max(_filled(x, -np.inf), axis, keepdims=keepdims)
    if not is_floating(x.dtype):
        return found
    nothing = all(isnan(x), axis, keepdims=keepdims)
    return where(nothing, constant(np.nan, x.dtype), found)


@array_function
def nanmin(a: ArrayLike, axis: Any = None, *, keepdims: bool = False) -> Node:
    """Minimum over `axis` of what is not NaN; NaN where all is.

    Ties share the gradient equally.

    >>> import numpy as np
    >>> import graphc as gc
    >>> gc.evaluate(gc.nanmin([1.0, np.nan, 3.0]), {})
    array(1.)
    """
    x = as_node(a)
    found = min(_filled(x, np.inf), axis, keepdims=keepdims)
    if not is_floating(x.dtype):
        return found
    nothing = all(isnan(x), axis, keepdims=keepdims)
    return where(nothing, constant(np.nan, x.dtype), found)


@array_function
def nanargmax(a: ArrayLike, axis: int | None = None, *, keepdims: bool = False) -> Node:
    """Position of the (first) maximum along `axis` of what is not NaN.

    Where all is NaN it is 0; NumPy raises an error there.

    >>> import numpy as np
    >>> import graphc as gc
    >>> gc.evaluate(gc.nanargmax([1.0, np.nan, 3.0]), {})
    array(2)
    """
    return argmax(_filled(a, -np.inf), axis, keepdims=keepdims)


@array_function
def nanargmin(a: ArrayLike, axis: int | None = None, *, keepdims: bool = False) -> Node:
    """Position of the (first) minimum along `axis` of what is not NaN.

    Where all is NaN it is 0; NumPy raises an error there.

    >>> import numpy as np
    >>> import graphc as gc
    >>> gc.evaluate(gc.nanargmin([1.0, np.nan, 3.0]), {})
    array(0)
    """
    return argmin(_filled(a, np.inf), axis, keepdims=keepdims)


@array_function
def nancumsum(a: ArrayLike, axis: int | None = None, dtype: Any = None) -> Node:
    """Running sum along `axis` of what is not NaN, see `gc.cumsum`.

    >>> import numpy as np
    >>> import graphc as gc
    >>> gc.evaluate(gc.nancumsum([1.0, np.nan, 3.0]), {})
    array([1., 1., 4.])
    """
    return cumsum(_filled(a, 0.0), axis, dtype)


@array_function
def nancumprod(a: ArrayLike, axis: int | None = None, dtype: Any = None) -> Node:
    """Running product along `axis` of what is not NaN, see `gc.cumprod`.

    >>> import numpy as np
    >>> import graphc as gc
    >>> gc.evaluate(gc.nancumprod([1.0, np.nan, 3.0]), {})
    array([1., 1., 3.])
    """
    return cumprod(_filled(a, 1.0), axis, dtype)


@array_function
def nanmedian(a: ArrayLike, axis: Any = None, *, keepdims: bool = False) -> Node:
    """Median over `axis` of what is not NaN, see `gc.median`; NaN where all is.

    >>> import numpy as np
    >>> import graphc as gc
    >>> gc.evaluate(gc.nanmedian([1.0, np.nan, 3.0, 8.0]), {})
    array(3.)
    """
    return _nan_quantile(a, 0.5, 1.0, axis, "linear", keepdims)


@array_function
def nanquantile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Any = None,
    *,
    method: QuantileMethod = "linear",
    keepdims: bool = False,
) -> Node:
    """Quantile over `axis` of what is not NaN, see `gc.quantile`; NaN where all is.

    >>> import numpy as np
    >>> import graphc as gc
    >>> gc.evaluate(gc.nanquantile([1.0, np.nan, 3.0, 8.0], [0.0, 0.75]), {})
    array([1. , 5.5])
    """
    return _nan_quantile(a, q, 1.0, axis, method, keepdims)


@array_function
def nanpercentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Any = None,
    *,
    method: QuantileMethod = "linear",
    keepdims: bool = False,
) -> Node:
    """Percentile over `axis` of what is not NaN, see `gc.percentile`; NaN where all is.

    >>> import numpy as np
    >>> import graphc as gc
    >>> gc.evaluate(gc.nanpercentile([1.0, np.nan, 3.0, 8.0], 75), {})
    array(5.5)
    """
    return _nan_quantile(a, q, 100.0, axis, method, keepdims)


def _nan_quantile(
    a: ArrayLike, q: ArrayLike, scale: float, axis: Any, method: str, keepdims: bool
) -> Node:
    """Quantiles of what is no NaN in each line, where a sort puts NaN last."""
    x, axes = numbers_along(a, axis)
    levels, q_dtype = as_levels(q, scale, x)
    dtype = quantile_dtype(x.dtype, method, q_dtype)
    lines, line = lines_of(astype(x, mean_dtype(x.dtype)), axes)
    ordered = SORT(lines, axis=line)
    numbers = SUM(logical_not(isnan(lines)), axis=(line,), keepdims=True)
    count = astype(numbers, np.float64)
    size = lines.shape[line]
    if not isinstance(size, int) or not size:
        # A line of no elements has one to read.
        one = (*lines.shape[:line], 1, *lines.shape[line + 1 :])
        ordered = concatenate([ordered, full(one, np.nan, lines.dtype)], line)
    last = ordered.shape[line] - 1

    def at_level(level: float) -> Node:
        place = Place.of(NODES, level, count, method)
        after = minimum(place.rank + 1.0, count - 1.0)
        lower, upper = (
            astype(
                TAKE_ALONG_AXIS(
                    ordered, clip(astype(rank, np.intp), 0, last), axis=line
                ),
                dtype,
            )
            for rank in (place.rank, after)
        )
        share = astype(place.share, dtype)
        # The middle, and what is at an element, is a number among infinities, too.
        is_middle = level == 0.5 and method == "linear"
        between = (
            (lower + upper) * 0.5 if is_middle else lower + (upper - lower) * share
        )
        found = squeeze(where(share == 0.0, lower, between), line)
        return expand_dims(found, axes) if keepdims and as_node(a).ndim else found

    if not levels.ndim:
        return at_level(float(levels))
    found = stack([at_level(level) for level in levels.ravel().tolist()])
    return reshape(found, (*levels.shape, *found.shape[1:]))
