"""Arrays of which the declaration says everything: ranges, grids, identities.

They have no inputs, so a program makes them once, by NumPy's own functions.
"""

from __future__ import annotations

import math
import operator
import sys
from typing import Any, cast

import numpy as np

from ..errors import DTypeError, GraphcError, OptionError, ShapeError
from ..ir.array_methods import array_function
from ..ir.dims import Dim, Dimension, as_dimension, as_shape
from ..ir.facts import Facts
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op, ValueRange
from ..ir.types import DType, TensorType, as_dtype
from .arithmetic import add, multiply, subtract
from .as_loops import diagonal_matrix
from .exponential import power
from .joining import stack
from .rearranged_as_loops import counted_from, evenly_spaced
from .reordering import flip
from .repeating import source_of
from .shape import broadcast_to, reshape
from .source import ARANGE, ArrayLike, as_node, astype, constant

Number = Any
"""A Python number, or a size."""


# Numbers in equal steps


def _count(start: Number, stop: Number, step: Number) -> Dimension:
    """The number of elements of a range, as NumPy counts them."""
    span = stop - start
    if isinstance(span, float) or isinstance(step, float):
        return max(0, math.ceil(span / step))
    if step < 0:
        span, step = -span, -step
    count = span if step == 1 else (span + (step - 1)) // step
    return count if isinstance(count, Dim) else max(0, count)


def _range_infer(
    *, start: Number, stop: Number, step: Number, dtype: DType
) -> TensorType:
    return TensorType(dtype, (_count(start, stop, step),))


def _range_of(node: Node, _: Any) -> ValueRange | None:
    start, step = node.attributes["start"], node.attributes["step"]
    if node.dtype.kind not in "iu" or isinstance(start, float) or not node.size:
        return None
    last = start + (node.shape[0] - 1) * step
    return ValueRange(*((start, last) if step > 0 else (last, start)), True)


RANGE = Op(
    name="arange_from",
    loops=counted_from,
    inputs=(),
    infer=_range_infer,
    kind="source",
    numpy=lambda node: (
        "np.arange(start, stop, dtype=dtype)"
        if node.attributes["step"] == 1
        else "np.arange(start, stop, step, dtype)"
    ),
    value_range=_range_of,
    cases=(
        Case((), {"start": 2, "stop": 9, "step": 3, "dtype": np.dtype("int64")}),
        Case((), {"start": 1.0, "stop": -1, "step": -0.3, "dtype": np.dtype("f4")}),
    ),
)


@array_function
def arange(
    start: Number, stop: Number = None, step: Number = 1, dtype: Any = None
) -> Node:
    """Numbers from `start`, or 0, up to `stop` in steps; `stop` is not among them.

    Args:
        start: the first number; where `stop` is None, the end of numbers from 0.
        stop: the end.
        step: the difference of neighbours, not 0. Sizes may stand for any of them.
        dtype: int64 of integers and sizes, and float32 of other numbers, where None.

    Raises:
        OptionError: a `step` of 0.
        DTypeError: what is not a number or a size.

    >>> import graphc as gc
    >>> gc.evaluate(gc.arange(2, 8, 2), {})
    array([2, 4, 6])
    >>> x = gc.input("x", ("n", 3))
    >>> gc.arange(x.shape[0])
    <arange int64 (n,)>
    """
    if stop is None:
        start, stop = 0, start
    first, last, by = (_number(each, "arange") for each in (start, stop, step))
    whole = not any(isinstance(each, float) for each in (first, last, by))
    target = _dtype(dtype, "int64" if whole else "float32")
    if by == 0 or isinstance(by, Dim):
        raise OptionError(f"step must be a number other than 0, got {by}")
    is_plain = whole and (first, by) == (0, 1) and target == np.dtype(np.intp)
    if is_plain and (isinstance(last, Dim) or last >= 0):
        return ARANGE(size=last)
    return RANGE(start=first, stop=last, step=by, dtype=target)


def _dtype(given: Any, default: DType | str) -> DType:
    return as_dtype(default if given is None else given)


def _number(value: Any, function: str) -> Number:
    """A number that code can spell out: an int, a float or a size."""
    if isinstance(value, Dim):
        return value
    if isinstance(value, str):
        return as_dimension(value)
    if not isinstance(value, bool | np.bool_ | Node):
        try:
            whole = operator.index(value)
        except TypeError:
            pass
        else:
            if abs(whole) < sys.float_info.max:
                return whole
        if isinstance(value, float | np.floating):
            number = float(cast("float", value))
            if math.isfinite(number):
                return number
    raise DTypeError(
        f"{function} requires finite numbers or sizes, got {value!r}", node=function
    )


def _linspace_infer(
    *, start: float, stop: float, num: Dimension, endpoint: bool, dtype: DType
) -> TensorType:
    return TensorType(dtype, (num,))


LINSPACE = Op(
    name="linspace",
    loops=evenly_spaced,
    inputs=(),
    infer=_linspace_infer,
    kind="source",
    numpy=lambda node: (
        "np.linspace(start, stop, num, dtype=dtype)"
        if node.attributes["endpoint"]
        else "np.linspace(start, stop, num, endpoint=False, dtype=dtype)"
    ),
    facts=Facts(finite=()),
    cases=tuple(
        Case((), {"start": -1.0, "stop": 2.0, "num": num, "endpoint": end, "dtype": d})
        for num, end, d in ((5, True, np.dtype("f4")), (4, False, np.dtype("f8")))
    ),
)


@array_function
def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: Dimension = 50,
    endpoint: bool = True,
    *,
    dtype: Any = None,
    axis: int = 0,
) -> Node:
    """`num` numbers at equal distances from `start` to `stop`.

    Args:
        start, stop: numbers, or arrays, by which the result has derivatives.
        num: how many; a size may be named.
        endpoint: True where `stop` is the last one.
        dtype: float32 where None, or the dtype of arrays.
        axis: the axis of the numbers in the result for arrays.

    >>> import graphc as gc
    >>> gc.evaluate(gc.linspace(0.0, 1.0, 5), {})
    array([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32)
    """
    count = as_dimension(num, "num")
    if all(isinstance(each, int | float | np.number) for each in (start, stop)):
        first, last = (_number(each, "linspace") for each in (start, stop))
        return LINSPACE(
            start=float(first),
            stop=float(last),
            num=count,
            endpoint=bool(endpoint),
            dtype=_dtype(dtype, "float32"),
        )
    span = subtract(stop, start)
    target = _dtype(dtype, span.dtype if span.dtype.kind == "f" else "float32")
    ndim = span.ndim + 1
    if not -ndim <= axis < ndim:
        raise OptionError(f"axis must be from {-ndim} to {ndim - 1}, got {axis}")
    shape: list[Any] = [1] * ndim
    shape[axis] = count
    weights = LINSPACE(
        start=0.0, stop=1.0, num=count, endpoint=bool(endpoint), dtype=target
    )
    sizes = list(span.shape)
    sizes.insert(axis % ndim, 1)
    first, difference = (
        reshape(broadcast_to(astype(as_node(each), target), span.shape), sizes)
        for each in (start, span)
    )
    return add(first, multiply(difference, reshape(weights, shape)))


@array_function
def logspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: Dimension = 50,
    endpoint: bool = True,
    base: float = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Node:
    """`base` to the powers that `gc.linspace` gives.

    >>> import graphc as gc
    >>> gc.evaluate(gc.logspace(0.0, 2.0, 3), {})
    array([  1.,  10., 100.], dtype=float32)
    """
    target = _dtype(dtype, "float32")
    wide = "float64" if target.kind != "f" else target
    exponents = linspace(start, stop, num, endpoint, dtype=wide, axis=axis)
    return astype(power(base, exponents), target)


@array_function
def geomspace(
    start: float,
    stop: float,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    axis: int = 0,
) -> Node:
    """`num` numbers of equal quotients from `start` to `stop`.

    Raises:
        OptionError: a bound is 0, or they have different signs.

    >>> import graphc as gc
    >>> gc.evaluate(gc.geomspace(1.0, 1000.0, 4), {})
    array([   1.,   10.,  100., 1000.], dtype=float32)
    """
    first, last = (float(_number(each, "geomspace")) for each in (start, stop))
    if not first * last > 0.0:
        raise OptionError(
            f"geomspace requires bounds of one sign, neither 0, got {start} and {stop}",
            node="geomspace",
        )
    count = operator.index(as_dimension(num, "num"))
    found = np.geomspace(first, last, count, endpoint, dtype=_dtype(dtype, "float32"))
    return constant(found)


# Matrices of zeros and ones


def _matrix_infer(*, N: Dimension, M: Dimension, k: int, dtype: DType) -> TensorType:
    return TensorType(dtype, (N, M))


def _matrix_numpy(function: str) -> Any:
    """A call with the arguments that say more than the defaults."""

    def numpy(node: Node) -> str:
        rows, columns = node.shape
        arguments = [source_of(rows)]
        if columns != rows or node.attributes["k"]:
            arguments.append(source_of(columns))
        if node.attributes["k"]:
            arguments.append("k")
        return f"np.{function}({', '.join(arguments)}, dtype=dtype)"

    return numpy


_MATRIX_CASES = (
    Case((), {"N": 3, "M": 3, "k": 0, "dtype": np.dtype("float32")}),
    Case((), {"N": 3, "M": 5, "k": 1, "dtype": np.dtype("int64")}),
)

EYE = Op(
    name="eye",
    mathematics=Mathematics(
        written=lambda node: (
            None
            if node.attributes["k"] or node.shape[0] != node.shape[1]
            else f"I_{{{node.shape[0]}}}"
        )
    ),
    inputs=(),
    infer=_matrix_infer,
    kind="source",
    loops=diagonal_matrix(is_triangle=False),
    numpy=_matrix_numpy("eye"),
    facts=Facts(nonnegative=(), finite=()),
    cases=_MATRIX_CASES,
)

TRI = Op(
    name="tri",
    inputs=(),
    infer=_matrix_infer,
    kind="source",
    loops=diagonal_matrix(is_triangle=True),
    numpy=_matrix_numpy("tri"),
    facts=Facts(nonnegative=(), finite=()),
    cases=_MATRIX_CASES,
)


def _matrix(op: Op, N: Any, M: Any, k: int, dtype: Any) -> Node:
    try:
        rows = as_dimension(N, "N")
        columns = rows if M is None else as_dimension(M, "M")
        return op(N=rows, M=columns, k=operator.index(k), dtype=as_dtype(dtype))
    except TypeError:
        raise DTypeError(f"k must be an integer, got {k!r}", node=op.name) from None
    except GraphcError as error:
        raise error.locate(node=op.name) from None


@array_function
def eye(N: Any, M: Any = None, k: int = 0, dtype: Any = "float32") -> Node:
    """A matrix of shape `(N, M)` with ones on its `k`-th diagonal and zeros elsewhere.

    Args:
        N: the number of rows; sizes may be named.
        M: the number of columns; `N` where None.
        k: which diagonal: above the main one where positive, below where negative.
        dtype: any NumPy dtype of numbers or booleans.

    >>> import graphc as gc
    >>> gc.evaluate(gc.eye(2, 3, k=1), {})
    array([[0., 1., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    return _matrix(EYE, N, M, k, dtype)


@array_function
def identity(n: Any, dtype: Any = "float32") -> Node:
    """The identity matrix of `n` rows.

    >>> import graphc as gc
    >>> gc.identity("features")
    <eye float32 (features, features)>
    """
    return eye(n, dtype=dtype)


@array_function
def tri(N: Any, M: Any = None, k: int = 0, dtype: Any = "float32") -> Node:
    """A matrix of shape `(N, M)` with ones on and below its `k`-th diagonal.

    >>> import graphc as gc
    >>> gc.evaluate(gc.tri(2, 3), {})
    array([[1., 0., 0.],
           [1., 1., 0.]], dtype=float32)
    """
    return _matrix(TRI, N, M, k, dtype)


# Grids


@array_function
def meshgrid(
    *xi: ArrayLike, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> tuple[Node, ...]:
    """Coordinates of a grid: each vector along an axis of its own, broadcast to all.

    Args:
        xi: vectors.
        copy: no difference here, where nothing is written to arrays.
        sparse: True to leave sizes of 1, which broadcast.
        indexing: `"xy"`: the first vector runs along axis 1, and the second along
            axis 0; `"ij"`: each along the axis of its number.

    Raises:
        OptionError: another `indexing`.
        ShapeError: an array of more than one axis.

    >>> import graphc as gc
    >>> gc.evaluate(gc.meshgrid([1, 2, 3], [4, 5]), {})[1]
    array([[4, 4, 4],
           [5, 5, 5]])
    """
    if indexing not in ("xy", "ij"):
        raise OptionError(f'indexing must be "xy" or "ij", got {indexing!r}')
    nodes = [as_node(each) for each in xi]
    for node in nodes:
        if node.ndim > 1:
            raise ShapeError(
                f"meshgrid requires vectors, got {node.describe()}",
                hint="gc.ravel(x)",
            )
    axes = list(range(len(nodes)))
    if indexing == "xy" and len(nodes) > 1:
        axes[:2] = 1, 0
    shape: list[Any] = [1] * len(nodes)
    found: list[Node] = []
    for axis, node in zip(axes, nodes, strict=True):
        sizes: list[Any] = [1] * len(nodes)
        sizes[axis] = shape[axis] = node.size
        found.append(reshape(node, sizes))
    return tuple(found if sparse else [broadcast_to(node, shape) for node in found])


@array_function
def indices(dimensions: Any, dtype: Any = "int64", sparse: bool = False) -> Any:
    """The position along each axis of every element of an array of a shape.

    Args:
        dimensions: the shape.
        dtype: of the positions.
        sparse: True for a tuple of arrays that broadcast to that shape.

    >>> import graphc as gc
    >>> gc.evaluate(gc.indices((2, 2)), {})[0]
    array([[0, 0],
           [1, 1]])
    """
    ranges = [arange(size, dtype=dtype) for size in as_shape(dimensions)]
    grid = meshgrid(*ranges, sparse=sparse, indexing="ij")
    return grid if sparse else stack(grid)


@array_function
def vander(x: ArrayLike, N: int | None = None, increasing: bool = False) -> Node:
    """Powers of each element, in a row: `x**(N - 1), ..., x, 1`.

    Args:
        x: a vector.
        N: how many; the size of `x` where None.
        increasing: True for `1, x, ..., x**(N - 1)`.

    Raises:
        ShapeError: `x` is not a vector.

    >>> import graphc as gc
    >>> gc.evaluate(gc.vander([2.0, 3.0], 3), {})
    array([[4., 2., 1.],
           [9., 3., 1.]])
    """
    node = as_node(x)
    if node.ndim != 1:
        raise ShapeError(f"vander requires a vector, got {node.describe()}")
    count = node.shape[0] if N is None else as_dimension(N, "N")
    exponents = arange(count)
    powers = power(reshape(node, (-1, 1)), astype(exponents, node.dtype))
    return powers if increasing else flip(powers, 1)
