"""Elements chosen by positions and by conditions: functions of NumPy's names."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from ..errors import (
    DTypeError,
    GraphcError,
    IndexRangeError,
    OptionError,
    ShapeError,
    UnsupportedError,
)
from ..ir.array_methods import array_function
from ..ir.dims import Dim, format_shape
from ..ir.facts import Role
from ..ir.node import Node
from ..ir.types import is_integer
from .along_axis import TAKE_ALONG_AXIS
from .arithmetic import where
from .axes import normalize_axis
from .indexing import positions_in_mode, slice_axis, take
from .joining import concatenate, stack
from .reshaping import broadcast_arrays
from .shape import broadcast_to, expand_dims, moveaxis, reshape, squeeze
from .source import ArrayLike, as_node, astype, coerce, promote, zeros_like


def _known(condition: ArrayLike, function: str) -> np.ndarray[Any, Any]:
    """A condition whose number of true elements is known."""
    if isinstance(condition, Node):
        if condition.op.role is not Role.CONSTANT:
            raise UnsupportedError(
                f"{function} by {condition.describe()} gives a shape that depends on "
                "the data",
                hint="gc.where(condition, x, 0), or a condition that is known: a NumPy "
                "array",
            )
        condition = condition.attributes["value"].array
    try:
        return np.asarray(condition) != 0
    except ValueError:
        raise DTypeError(
            f"{function} requires an array of booleans, got {condition!r}",
            node=function,
        ) from None


@array_function
def compress(condition: ArrayLike, a: ArrayLike, axis: int | None = None) -> Node:
    """Slices of `a` along an axis where a known condition holds.

    Args:
        condition: booleans, as many as the axis has places, or fewer.
        a: the array.
        axis: along which; None for the flat array.

    Raises:
        UnsupportedError: a condition that depends on data, as the shape would.
        ShapeError: one that is not a vector, or too long.

    >>> import graphc as gc
    >>> gc.evaluate(gc.compress([True, False, True], [1, 2, 3]), {})
    array([1, 3])
    """
    x = as_node(a)
    if axis is None:
        x, axis = reshape(x, -1), 0
    mask = _known(condition, "compress")
    size = x.shape[normalize_axis(axis, x.ndim, x)]
    if mask.ndim != 1 or (isinstance(size, int) and mask.size > size):
        raise ShapeError(
            f"compress requires up to {size} booleans, got shape {mask.shape}",
            node=x.describe(),
        )
    return take(x, np.flatnonzero(mask), axis)


@array_function
def extract(condition: ArrayLike, arr: ArrayLike) -> Node:
    """The elements of the flat array where a known condition holds.

    >>> import graphc as gc
    >>> gc.evaluate(gc.extract([[True, False], [False, True]], [[1, 2], [3, 4]]), {})
    array([1, 4])
    """
    return compress(np.ravel(_known(condition, "extract")), arr)


@array_function
def select(
    condlist: Sequence[ArrayLike],
    choicelist: Sequence[ArrayLike],
    default: ArrayLike = 0,
) -> Node:
    """The element of the first choice whose condition holds, elementwise.

    Args:
        condlist: boolean arrays.
        choicelist: as many arrays; all shapes broadcast.
        default: what stands where no condition holds.

    Returns:
        An array of the dtype that the choices have together.

    Raises:
        OptionError: there are not as many choices as conditions, or none.
        DTypeError: a condition is not boolean.

    >>> import graphc as gc
    >>> x = gc.constant([-2.0, 0.5, 3.0])
    >>> gc.evaluate(gc.select([x < 0.0, x > 1.0], [-x, x * x]), {})
    array([2., 0., 9.])
    """
    conditions = [as_node(condition) for condition in condlist]
    if not conditions or len(conditions) != len(choicelist):
        raise OptionError(
            f"select requires as many conditions as choices, and at least one, got "
            f"{len(conditions)} and {len(choicelist)}",
            node="select",
        )
    for condition in conditions:
        _check_boolean(condition, "select")
    values = [*choicelist, default]
    target = promote(values)
    *choices, chosen = (
        astype(value, target) for value in coerce(*values, dtype=target)
    )
    for condition, choice in zip(conditions[::-1], choices[::-1], strict=True):
        chosen = where(condition, choice, chosen)
    return chosen


def _check_boolean(condition: Node, function: str) -> None:
    if condition.dtype.kind != "b":
        raise DTypeError(
            f"{function} requires boolean conditions, got {condition.type}",
            node=condition.describe(),
            hint="x != 0",
        )


@array_function
def piecewise(
    x: ArrayLike,
    condlist: ArrayLike,
    funclist: Sequence[Callable[..., ArrayLike] | ArrayLike],
    *args: Any,
    **kw: Any,
) -> Node:
    """A function of `x` by pieces, elementwise, as `np.piecewise`.

    Each function is given the whole of `x`, not only the elements that it is meant for.

    Args:
        x: numbers.
        condlist: boolean arrays of the shape of `x`; the last one that holds is taken.
        funclist: as many functions or numbers, and perhaps one more, for where no
            condition holds; else it is 0 there.
        args, kw: more arguments of the functions.

    Returns:
        An array of the type of `x`.

    Raises:
        OptionError: the numbers of functions and of conditions do not fit.
        DTypeError: a condition is not boolean.

    >>> import graphc as gc
    >>> x = gc.constant([-2.0, 0.5, 3.0])
    >>> gc.evaluate(gc.piecewise(x, [x < 0.0, x > 1.0], [-1.0, lambda x: x * x]), {})
    array([-1.,  0.,  9.])
    """
    node = as_node(x)
    is_list = isinstance(condlist, list | tuple)
    given = cast("Sequence[ArrayLike]", condlist if is_list else [condlist])
    if given and all(isinstance(each, bool) for each in given) and node.shape:
        given = [condlist]
    conditions = [as_node(condition) for condition in given]
    values = [
        astype(each(node, *args, **kw) if callable(each) else as_node(each), node.dtype)
        for each in cast("Sequence[Any]", funclist)
    ]
    if len(values) not in (len(conditions), len(conditions) + 1):
        raise OptionError(
            f"piecewise requires {len(conditions)} functions, one for each condition, "
            f"or one more, got {len(values)}",
            node="piecewise",
        )
    has_default = len(values) > len(conditions)
    chosen = values[-1] if has_default else zeros_like(node)
    for condition, value in zip(conditions, values, strict=False):
        _check_boolean(condition, "piecewise")
        chosen = where(condition, value, chosen)
    return chosen


@array_function
def choose(a: ArrayLike, choices: Any, mode: str = "raise") -> Node:
    """The element of the choice that `a` numbers: `choices[a[i]][i]`.

    Args:
        a: integers from 0.
        choices: arrays, or one whose first axis counts them. All broadcast.
        mode: see `gc.take`.

    Raises:
        DTypeError: `a` is not of integers.
        IndexRangeError: a number in the declaration that is out of range.

    >>> import graphc as gc
    >>> gc.evaluate(gc.choose([1, 0], [[1.0, 2.0], [3.0, 4.0]]), {})
    array([3., 2.])
    """
    numbers = as_node(a)
    if not is_integer(numbers.dtype):
        raise DTypeError(f"choose requires integers, got {numbers.type}")
    try:
        arrays: list[Any] = list(choices)
    except TypeError:
        raise DTypeError(
            f"choose requires a list of arrays to choose from, got {choices!r}",
            node=numbers.describe(),
        ) from None
    if not arrays:
        raise ShapeError("choose requires at least one choice, got none")
    numbers, *parts = broadcast_arrays(
        positions_in_mode(numbers, len(arrays), mode), *arrays
    )
    stacked = stack(parts)
    return squeeze(TAKE_ALONG_AXIS(stacked, expand_dims(numbers, 0), axis=0), 0)


def ix_(*args: ArrayLike) -> tuple[Node, ...]:
    """Positions of a grid, to index with: the rows and the columns that are named.

    Args:
        args: a vector of positions, or of known booleans, for each axis.

    Raises:
        ShapeError: what is not a vector.

    >>> import graphc as gc
    >>> gc.input("x", (5, 4))[gc.ix_([0, 3], [1, 2, 3])]
    <getitem float32 (2, 3)>
    """
    found: list[Node] = []
    for axis, given in enumerate(args):
        node = as_node(given)
        if node.ndim != 1:
            raise ShapeError(
                f"ix_ requires vectors, got {format_shape(node.shape)}", node="ix_"
            )
        if node.dtype.kind == "b":
            node = as_node(np.flatnonzero(_known(given, "ix_")))
        elif node.size == 0:
            node = as_node(np.zeros(0, np.intp))
        sizes: list[Any] = [1] * len(args)
        sizes[axis] = node.size
        found.append(reshape(node, sizes))
    return tuple(found)


# Elements taken out and put in


def _places(obj: Any, size: int, function: str) -> Any:
    """Static positions as NumPy's `delete` and `insert` take them."""
    if isinstance(obj, Node):
        if obj.op.role is not Role.CONSTANT:
            raise UnsupportedError(
                f"{function} at {obj.describe()} gives what depends on the data",
                hint="known positions, or gc.take",
            )
        return obj.attributes["value"].array
    return obj


def _along(arr: ArrayLike, axis: int | None, function: str) -> tuple[Node, int, int]:
    """The array, flat where `axis` is None, the axis, and its known size."""
    x = as_node(arr)
    if axis is None:
        x, axis = reshape(x, -1), 0
    along = normalize_axis(axis, x.ndim, x)
    size = x.shape[along]
    if isinstance(size, Dim):
        raise UnsupportedError(
            f"{function} requires an axis of known size, got {size}",
            node=x.describe(),
            hint="gc.concatenate of x[:k] and x[k:]",
        )
    return x, along, size


def _positions(function: Any, x: Node, *arguments: Any) -> np.ndarray[Any, Any]:
    """The value of a function of NumPy on positions, with its errors."""
    try:
        return function(*arguments)
    except IndexError as error:
        raise IndexRangeError(str(error), node=x.describe()) from None
    except (TypeError, ValueError) as error:
        raise DTypeError(str(error), node=x.describe()) from None


@array_function
def delete(arr: ArrayLike, obj: Any, axis: int | None = None) -> Node:
    """`arr` without the places `obj` along an axis.

    Args:
        arr: the array.
        obj: a position, several, a slice, or booleans; known from the declaration.
        axis: along which; None for the flat array.

    Raises:
        IndexRangeError: a position that is not there.
        UnsupportedError: positions that depend on data.

    >>> import graphc as gc
    >>> gc.evaluate(gc.delete([1, 2, 3], 1), {})
    array([1, 3])
    """
    x, along, size = _along(arr, axis, "delete")
    places = _places(obj, size, "delete")
    kept = _positions(np.delete, x, np.arange(size), places)
    if len(kept) and kept[-1] - kept[0] == len(kept) - 1:
        return slice_axis(x, along, int(kept[0]), int(kept[-1]) + 1)
    return take(x, kept, along)


@array_function
def insert(
    arr: ArrayLike, obj: Any, values: ArrayLike, axis: int | None = None
) -> Node:
    """`arr` with values before the places `obj` along an axis.

    Args:
        arr: the array.
        obj: a position, several, or a slice; known from the declaration.
        values: what to insert; in the dtype of `arr`.
        axis: along which; None for the flat array.

    Raises:
        IndexRangeError: a position that is not there.
        UnsupportedError: positions that depend on data.

    >>> import graphc as gc
    >>> gc.evaluate(gc.insert([1, 2, 3], 1, 9), {})
    array([1, 9, 2, 3])
    """
    x, along, size = _along(arr, axis, "insert")
    places = _places(obj, size, "insert")
    added = astype(as_node(values, x.dtype), x.dtype)
    added = expand_dims(added, tuple(range(max(0, x.ndim - added.ndim))))
    if isinstance(places, slice):
        places = np.arange(size)[places]
    if _positions(np.ndim, x, places) == 0:
        added = moveaxis(added, 0, along)
        count = added.shape[along]
    else:
        places = _positions(np.asarray, x, places)
        if places.dtype.kind == "b":
            places = np.flatnonzero(places)
        count = len(places)
    shape = (*x.shape[:along], count, *x.shape[along + 1 :])
    try:
        added = broadcast_to(added, shape)
    except GraphcError as error:
        raise error.locate(node=f"insert({x.describe()})") from None
    new = size + np.arange(operator.index(count))
    order = _positions(np.insert, x, np.arange(size), places, new)
    return take(concatenate([x, added], along), order, along)
