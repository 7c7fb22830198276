"""Random booleans, integers, categories and orders, by which there are no gradients."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from ..errors import DTypeError, OptionError, ShapeError
from ..ir.dims import Dim, Dimension, as_dimension, as_shape, format_shape, product
from ..ir.node import Node
from ..ir.types import as_dtype, is_floating, is_integer
from .axes import normalize_axis
from .exponential import log
from .extrema import argmax
from .indexing import take
from .random import (
    BERNOULLI,
    INTEGERS,
    PERMUTATION,
    STANDARD_GUMBEL,
    STANDARD_UNIFORM,
    Size,
    draw_for,
    drawn,
    parameters_of,
    shape_of,
)
from .shape import reshape
from .sorting import argsort
from .source import ArrayLike, as_node


def bernoulli(
    p: ArrayLike = 0.5, size: Size = None, *, name: str | None = None
) -> Node:
    """Booleans that are true with probability `p`, drawn anew in every run.

    Args:
        p: a number, or an array of numbers from 0 to 1.
        size: ints and names of sizes; by default the shape of `p`.
        name: of the stream, see `gc.random`.

    Returns:
        An array of booleans, by which there are no gradients.

    Raises:
        OptionError: a number that is not a probability.
        ShapeError: an array that does not broadcast to `size`.

    >>> import graphc as gc
    >>> gc.bernoulli(0.5, ("batch", 10))
    <bernoulli 'bernoulli' bool (batch, 10)>
    """
    (part,), dtype = parameters_of("bernoulli", (p,), None)
    if isinstance(part, Node):
        return (
            draw_for(STANDARD_UNIFORM, "bernoulli", size, (part,), dtype, name) < part
        )
    if not 0.0 <= part <= 1.0:
        raise OptionError(
            f"p must be a probability in [0, 1], got {p!r}", node="bernoulli"
        )
    shape = shape_of("bernoulli", size, ())
    return drawn(BERNOULLI(p=float(part), shape=shape), "bernoulli", None, name)


def integers(
    low: Any,
    high: Any = None,
    size: Size = None,
    dtype: Any = "int64",
    endpoint: bool = False,
    *,
    name: str | None = None,
) -> Node:
    """Integers from `low` to below `high`, all alike.

    Args:
        low, high: the bounds, ints or sizes; with `low` alone, from 0 to below it.
        size: ints and names of sizes; None for one number.
        dtype: one of integers.
        endpoint: True where `high` is one of them.
        name: of the stream, see `gc.random`.

    Raises:
        OptionError: there is no integer between the bounds.
        DTypeError: a dtype that is not of integers, or does not hold them.

    >>> import graphc as gc
    >>> gc.random.integers(10, size=("batch",))
    <random_integers 'integers' int64 (batch,)>
    """
    what, target = "integers", as_dtype(dtype)
    first, last = (0, low) if high is None else (low, high)
    first, last = _bound(what, first), _bound(what, last) + int(endpoint)
    if not is_integer(target):
        raise DTypeError(f"requires a dtype of integers, got {target}", node=what)
    if isinstance(first, int) and isinstance(last, int):
        if first >= last:
            raise OptionError(f"requires low < high, got {first} and {last}", node=what)
        limits = np.iinfo(target)
        if first < limits.min or last - 1 > limits.max:
            raise DTypeError(
                f"requires bounds that {target} holds, got {first} and {last}",
                node=what,
            )
    shape = shape_of(what, size, ())
    draw = INTEGERS(low=first, high=last, shape=shape, dtype=target)
    return drawn(draw, what, None, name)


def _bound(what: str, value: Any) -> Dimension:
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return int(cast("int", value))
    if isinstance(value, str | Dim):
        return as_dimension(value)
    raise DTypeError(f"requires integers or sizes, got {value!r}", node=what)


def categorical(
    logits: ArrayLike,
    axis: int = -1,
    size: Size = None,
    *,
    name: str | None = None,
) -> Node:
    """Categories of probabilities `softmax(logits)`: `argmax(logits + gumbel)`.

    Args:
        logits: logarithms of the probabilities, but for a summand, along `axis`.
        axis: that of the categories.
        size: ints and names of sizes, which end with the shape of `logits` without
            `axis`; by default that shape.
        name: of the stream, see `gc.random`.

    Returns:
        int64 positions along `axis`, by which there are no gradients.

    Raises:
        ShapeError: another `size`.
        DTypeError: `logits` are not floating.

    Source: Maddison et al. 2014, "A* sampling", section 2.

    >>> import graphc as gc
    >>> gc.random.categorical(gc.input("logits", ("batch", 10)))
    <argmax int64 (batch,)>
    """
    what, node = "categorical", as_node(logits)
    if not is_floating(node.dtype):
        raise DTypeError(f"requires floating logits, got {node.dtype}", node=what)
    place = normalize_axis(axis, node.ndim, node)
    rest = (*node.shape[:place], *node.shape[place + 1 :])
    shape = rest if size is None else as_shape(size)
    more = len(shape) - len(rest)
    if more < 0 or shape[more:] != rest:
        raise ShapeError(
            f"requires a size that ends with {format_shape(rest)}, "
            f"got {format_shape(shape)}",
            node=what,
        )
    place += more
    whole = (*shape[:place], node.shape[place - more], *shape[place:])
    noise = draw_for(STANDARD_GUMBEL, what, whole, (node,), node.dtype, name)
    return argmax(node + noise, axis=place)


def permutation(x: Any, axis: int = 0, *, name: str | None = None) -> Node:
    """An order of chance: of the positions below `x`, or of an array's rows.

    Args:
        x: an int or a size, or an array, which has gradients.
        axis: the axis of an array along which it is reordered.
        name: of the stream, see `gc.random`.

    Raises:
        AxisError: an axis that the array does not have.

    >>> import graphc as gc
    >>> gc.random.permutation(gc.input("x", ("n", 3)))
    <getitem float32 (n, 3)>
    >>> order = gc.evaluate(gc.random.permutation(4), {})
    >>> sorted(order.tolist())
    [0, 1, 2, 3]
    """
    what = "permutation"
    if _is_count(x):
        return drawn(PERMUTATION(n=_bound(what, x)), what, None, name)
    node = as_node(x)
    place = normalize_axis(axis, node.ndim, node)
    order = drawn(PERMUTATION(n=node.shape[place]), what, node, name)
    return take(node, order, axis=place)


def _is_count(value: Any) -> bool:
    return isinstance(value, int | np.integer | str | Dim)


def choice(
    a: Any,
    size: Size = None,
    replace: bool = True,
    p: ArrayLike | None = None,
    axis: int = 0,
    *,
    name: str | None = None,
) -> Node:
    """Positions below `a`, or rows of an array, by chance.

    Args:
        a: an int or a size, or an array, which has gradients.
        size: how many, ints and names of sizes; None for one.
        replace: False where each may be chosen once. Then, with `p`, they are chosen
            one after the other.
        p: the probabilities, or weights that need not add up to 1; all alike by
            default.
        axis: the axis of an array along which is chosen.
        name: of the stream, see `gc.random`.

    Raises:
        OptionError: more than there are, without `replace`.
        ShapeError: `p` that is not one for each.
        AxisError: an axis that the array does not have.

    Source: Kool et al. 2019, "Stochastic beams and where to find them", section 2.3,
    for weights without replacement.

    >>> import graphc as gc
    >>> gc.random.choice(gc.input("x", ("n", 3)), 5)
    <getitem float32 (5, 3)>
    """
    what = "choice"
    node = None if _is_count(a) else as_node(a)
    place = 0 if node is None else normalize_axis(axis, node.ndim, node)
    n = _bound(what, a) if node is None else node.shape[place]
    shape = shape_of(what, size, ())
    count = product(shape)
    most = n if not replace or n == 0 else count
    if isinstance(most, int) and isinstance(count, int) and count > most:
        raise OptionError(f"can't choose {count} of {n}", node=what)
    logits = None if p is None else log(_weights(p, n))
    found: Node
    if replace and logits is None:
        draw = INTEGERS(low=0, high=n, shape=shape, dtype=np.dtype("int64"))
        found = drawn(draw, what, node, name)
    elif logits is None:
        order = drawn(PERMUTATION(n=n), what, node, name)
        found = reshape(order[:count], shape)
    elif replace:
        noise = draw_for(
            STANDARD_GUMBEL, what, (*shape, n), (logits,), logits.dtype, name
        )
        found = argmax(logits + noise, axis=-1)
    else:
        noise = draw_for(STANDARD_GUMBEL, what, (n,), (logits,), logits.dtype, name)
        found = reshape(argsort(-(logits + noise))[:count], shape)
    return found if node is None else take(node, found, axis=place)


def _weights(p: ArrayLike, n: Dimension) -> Node:
    weights = as_node(p)
    if weights.shape != (n,):
        raise ShapeError(
            f"requires p of shape {format_shape((n,))}, "
            f"got {format_shape(weights.shape)}",
            node="choice",
        )
    if not is_floating(weights.dtype):
        raise DTypeError(f"requires floating p, got {weights.dtype}", node="choice")
    return weights
