"""Nodes without inputs: placeholders, parameters, literals and sizes.

Also how anything a user writes in a node's place (a number, an array, a size) becomes
a node, under NumPy's promotion: Python scalars are weak, arrays and NumPy scalars not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias, cast

import numpy as np

from ..errors import DTypeError, GraphcError, OptionError, ShapeError, UnsupportedError
from ..ir.array_methods import array_function
from ..ir.dims import (
    Dim,
    Dimension,
    Shape,
    as_shape,
    check_dotted_name,
    check_identifier,
)
from ..ir.facts import Facts, Role
from ..ir.literal import Literal, number_of, term_of_constant
from ..ir.node import Node
from ..ir.op import Case, Op, ValueRange
from ..ir.rows import Rows
from ..ir.types import DType, TensorType, as_dtype
from .as_loops import counted, in_order
from .numbers import numbers, shortened
from .type_rules import CAST, cast_type
from .value_ranges import input_range_of_cast, range_of_cast, range_of_constant

ArrayLike: TypeAlias = Any
"""A node, a NumPy array, a nested sequence of numbers, a Python number, or a size."""


class Initializer(Protocol):
    """The start of a parameter: a hashable value that prints itself as NumPy.

    It is what `gc.parameter` takes as `init`, as one of yours. It may have a `helper`:
    imports and a function to call, which a program has above `init_parameters`.

    >>> import graphc as gc
    >>> gc.init.constant(0.5).source((2, 3), gc.ones(1).dtype)
    'np.full((2, 3), 0.5, np.float32)'
    """

    def source(self, shape: tuple[int, ...], dtype: DType) -> str:
        """The NumPy expression for the array, of `np`, `rng` and the helper."""
        ...


def _typed(*, dtype: DType, shape: Shape, **_: Any) -> TensorType:
    return TensorType(dtype, shape)


INPUT = Op(name="input", inputs=(), infer=_typed, kind="source", role=Role.INPUT)

PARAMETER = Op(
    name="parameter", inputs=(), infer=_typed, kind="source", role=Role.PARAMETER
)

BUFFER = Op(name="buffer", inputs=(), infer=_typed, kind="source", role=Role.BUFFER)


def _literal_type(*, value: Literal) -> TensorType:
    return TensorType(value.array.dtype, value.array.shape)


CONSTANT = Op(
    name="constant",
    inputs=(),
    infer=_literal_type,
    kind="source",
    role=Role.CONSTANT,
    value_range=range_of_constant,
)


def _dimension_type(*, size: Dimension, dtype: DType) -> TensorType:
    return TensorType(dtype, ())


DIMENSION = Op(
    name="dimension",
    inputs=(),
    infer=_dimension_type,
    kind="source",
    role=Role.SIZE,
    value_range=lambda node, _: ValueRange(
        node.attributes["size"], node.attributes["size"], True
    ),
)


def check_name(name: object, what: str) -> str:
    """Return a name for an input or parameter that emitted code can carry, or raise.

    Dots are allowed between identifiers, as torch names parameters: `hidden.weight`.
    """
    return check_dotted_name(name, what)


def input(name: str, shape: Any, dtype: Any = "float32") -> Node:
    """A placeholder that is fed when the program runs.

    Args:
        name: an identifier; the keyword under which the array is fed.
        shape: ints and names of sizes; `("batch", 784)`.
        dtype: any NumPy dtype of numbers or booleans.

    Raises:
        NamingError, ShapeError, DTypeError: for an argument that is none of these.

    >>> import graphc as gc
    >>> gc.input("x", ("batch", 784))
    <input 'x' float32 (batch, 784)>
    """
    check_identifier(name, "input name")
    return _source(INPUT, name, shape, dtype)


def _source(op: Op, name: str, shape: Any, dtype: Any, **attributes: Any) -> Node:
    try:
        fields = {"shape": as_shape(shape), "dtype": as_dtype(dtype), **attributes}
    except GraphcError as error:
        raise error.locate(node=f"{op.name} {name!r}") from None
    return op.build((), fields, name=name)


def persistent_node(op: Op, name: str, shape: Any, init: Any, dtype: Any) -> Node:
    """A parameter or a buffer with an initializer or an array to start from."""
    check_name(name, f"{op.name} name")
    try:
        sizes = _integer_shape(shape)
        target = as_dtype(dtype)
        if hasattr(init, "source"):
            # An initializer that has no value for this shape says so now.
            init.source(sizes, target)
        else:
            init = Literal(_start(init, sizes, target))
    except GraphcError as error:
        raise error.locate(node=f"{op.name} {name!r}") from None
    fields = {"shape": sizes, "dtype": target, "init": init}
    return op.build((), fields, name=name)


def _integer_shape(shape: Any) -> tuple[int, ...]:
    sizes: list[int] = []
    for size in as_shape(shape):
        if isinstance(size, Dim):
            raise ShapeError(
                f"a parameter has integer dimensions, got {size}",
                hint="a number; only inputs have named sizes",
            )
        sizes.append(size)
    return tuple(sizes)


def _start(init: Any, shape: tuple[int, ...], dtype: DType) -> np.ndarray[Any, Any]:
    """An array or number given as the start of a parameter."""
    try:
        start = numbers(init, dtype)
    except DTypeError:
        raise DTypeError(
            f"init must be an array or an initializer, got {init!r}",
            hint="gc.init.zeros()",
        ) from None
    if start.shape != shape and start.ndim:
        raise ShapeError(f"init has shape {start.shape}, the parameter {shape}")
    return np.broadcast_to(start, shape)


def constant(value: ArrayLike, dtype: Any = None) -> Node:
    """A literal array or number.

    Args:
        value: anything `np.asarray` takes as numbers or booleans.
        dtype: the dtype; that of `np.asarray(value)` where None.

    >>> import graphc as gc
    >>> gc.constant([1.0, 2.0], dtype="float32")
    <constant float32 (2,)>
    """
    target = None if dtype is None else as_dtype(dtype)
    if isinstance(value, Node):
        return value if target is None else astype(value, target)
    if isinstance(value, Dim):
        return dimension(value, target or np.dtype("int64"))
    return CONSTANT(value=Literal.of(numbers(value, target), value))


def dimension(size: Dimension, dtype: DType) -> Node:
    """The size of an axis as a scalar of `dtype`."""
    if isinstance(size, Dim):
        return DIMENSION(size=size, dtype=dtype)
    return CONSTANT(value=Literal(np.asarray(size, dtype)))


def as_node(value: ArrayLike, dtype: DType | None = None) -> Node:
    """Anything that may stand in a node's place, as a node.

    `dtype` applies to Python numbers and sizes only, which take whatever dtype the
    arrays beside them have.
    """
    if isinstance(value, Node):
        return value
    if isinstance(value, Dim):
        return dimension(value, dtype or np.dtype("int64"))
    if _holds_node(value):
        raise UnsupportedError(
            "a list that holds nodes is no array", hint="gc.stack or gc.concatenate"
        )
    weak = isinstance(value, bool | int | float) and not isinstance(value, np.generic)
    if not weak or dtype is None:
        return constant(value)
    if isinstance(value, int) and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if not limits.min <= value <= limits.max:
            raise OptionError(
                f"the integer {shortened(value)} is out of bounds for dtype {dtype}",
                hint="x.astype(...) for a wider dtype",
            )
    return constant(value, dtype)


def _holds_node(value: ArrayLike) -> bool:
    level: list[Any] = [value]
    for _ in range(_MOST_AXES):
        if not level or any(isinstance(item, Node) for item in level):
            break
        # Each list once, because one that holds itself has no last level.
        lists = [cast("Any", item) for item in level if isinstance(item, list | tuple)]
        unique = {id(item): item for item in lists}
        level = [inner for item in unique.values() for inner in item]
    return any(isinstance(item, Node) for item in level)


_MOST_AXES = 64
"""More levels than that make no array of NumPy."""


def weak_type(value: ArrayLike) -> Any:
    """The dtype or Python type that stands for `value` in NumPy's promotion."""
    if isinstance(value, Node):
        return value.dtype
    if isinstance(value, Dim):
        return int
    if isinstance(value, np.generic | np.ndarray):
        dtype = cast("np.ndarray[Any, Any]", value).dtype
        return dtype if dtype.kind in "biuf" else as_node(value).dtype
    if isinstance(value, bool):
        return np.dtype(bool)
    if isinstance(value, float):
        return float
    return int if isinstance(value, int) else as_node(value).dtype


def promote(values: Sequence[ArrayLike]) -> DType:
    """The dtype NumPy gives these values together."""
    samples: list[Any] = []
    for value in values:
        kind = weak_type(value)
        # By identity, because np.dtype("float64") == float.
        samples.append(kind(0) if kind is int or kind is float else kind)
    return np.result_type(*samples)


def coerce(*values: ArrayLike, dtype: DType | None = None) -> tuple[Node, ...]:
    """Values as nodes; Python numbers take the dtype that NumPy promotes all to."""
    target = dtype or promote(values)
    return tuple(as_node(value, target) for value in values)


def _full_infer(*, shape: Shape, value: bool | float, dtype: DType) -> TensorType:
    return TensorType(dtype, shape)


def _full_numpy(node: Node) -> str:
    value: bool | float = node.attributes["value"]
    # By text, because 0.0 == -0.0.
    if repr(value) in ("0.0", "1.0", "0", "1", "False", "True"):
        return f"np.{'ones' if value else 'zeros'}(shape, dtype)"
    return "np.full(shape, value, dtype)"


FULL = Op(
    name="full",
    inputs=(),
    infer=_full_infer,
    kind="source",
    role=Role.FULL,
    numpy=_full_numpy,
    cases=(
        Case((), {"shape": (3, 4), "value": 0.0, "dtype": np.dtype("float64")}),
        Case((), {"shape": (0,), "value": 1.0, "dtype": np.dtype("float32")}),
        Case((), {"shape": (2,), "value": -2.5, "dtype": np.dtype("float32")}),
    ),
)


@array_function
def full(shape: Any, fill_value: ArrayLike, dtype: Any = "float32") -> Node:
    """An array of `shape` with every element the number `fill_value`.

    Args:
        shape: ints and names of sizes.
        fill_value: a number, rounded to a floating `dtype` and cut to an integer one.
        dtype: any NumPy dtype of numbers or booleans.

    Raises:
        OptionError: `fill_value` is out of bounds for an integer `dtype`.
        DTypeError: it is not a number.

    >>> import graphc as gc
    >>> gc.full(("batch", 3), 0.5)
    <full float32 (batch, 3)>
    """
    try:
        if not isinstance(fill_value, bool | int | float | np.number | np.bool_):
            raise DTypeError(
                f"fill_value must be a number, got {fill_value!r}",
                hint="gc.broadcast_to(value, shape)",
            )
        target = as_dtype(dtype)
        value = numbers(fill_value, target).item()
        if target.kind == "f":
            # The shortest text of the number, which emitted code spells out.
            value = float(str(target.type(value)))
        return FULL(shape=as_shape(shape), value=value, dtype=target)
    except GraphcError as error:
        raise error.locate(node="full") from None


@array_function
def zeros(shape: Any, dtype: Any = "float32") -> Node:
    """An array of zeros.

    >>> import graphc as gc
    >>> gc.zeros((2, 3))
    <full float32 (2, 3)>
    """
    return full(shape, 0.0, dtype)


@array_function
def ones(shape: Any, dtype: Any = "float32") -> Node:
    """An array of ones.

    >>> import graphc as gc
    >>> gc.ones((2, 3))
    <full float32 (2, 3)>
    """
    return full(shape, 1.0, dtype)


@array_function
def full_like(
    a: ArrayLike, fill_value: ArrayLike, dtype: Any = None, *, shape: Any = None
) -> Node:
    """An array with every element `fill_value`, of the shape and dtype of `a`.

    Args:
        a: an array.
        fill_value: a number.
        dtype, shape: others than those of `a`.

    >>> import graphc as gc
    >>> gc.full_like(gc.input("x", ("batch", 3)), 0.5)
    <full float32 (batch, 3)>
    """
    node = as_node(a)
    sizes = node.shape if shape is None else shape
    return full(sizes, fill_value, node.dtype if dtype is None else dtype).made_of(
        (node,)
    )


@array_function
def zeros_like(a: ArrayLike, dtype: Any = None, *, shape: Any = None) -> Node:
    """Zeros of the shape and dtype of `a`, or of others.

    >>> import graphc as gc
    >>> gc.zeros_like(gc.input("x", ("batch", 3)))
    <full float32 (batch, 3)>
    """
    return full_like(a, 0.0, dtype, shape=shape)


@array_function
def ones_like(a: ArrayLike, dtype: Any = None, *, shape: Any = None) -> Node:
    """Ones of the shape and dtype of `a`, or of others.

    >>> import graphc as gc
    >>> gc.ones_like(gc.input("x", ("batch", 3)))
    <full float32 (batch, 3)>
    """
    return full_like(a, 1.0, dtype, shape=shape)


def _arange_infer(*, size: Dimension) -> TensorType:
    return TensorType(np.dtype(np.intp), (size,))


def _arange_of_one_row(rows: Rows, node: Node) -> Node:
    size = rows.bound(node.attributes["size"])
    return constant(0, node.dtype) if size == 1 else arange(size)


ARANGE = Op(
    name="arange",
    inputs=(),
    infer=_arange_infer,
    kind="source",
    loops=counted,
    numpy="np.arange(size)",
    one_row=_arange_of_one_row,
    value_range=lambda node, _: ValueRange(0, node.attributes["size"] - 1, True),
    cases=(Case((), {"size": 3}), Case((), {"size": 0})),
)


def arange(size: Dimension) -> Node:
    """The integers from 0 to `size - 1`: the positions along an axis of that size."""
    return ARANGE(size=size)


def _stop_infer(x: TensorType, *, exact: bool = False) -> TensorType:
    return x


STOP_GRADIENT = Op(
    name="stop_gradient",
    inputs=("x",),
    infer=_stop_infer,
    kind="view",
    loops=in_order,
    numpy="x",
    one_row=lambda rows, node: rows.short(node.inputs[0]),
    cases=(Case(((3, 4),)), Case(((0,),))),
)


def stop_gradient(x: ArrayLike) -> Node:
    """`x` itself, through which no derivative flows.

    >>> import graphc as gc
    >>> x = gc.input("x", (), "float64")
    >>> gc.evaluate(gc.grad(x * gc.stop_gradient(x), x), {"x": 3.0})
    array(3.)
    """
    return STOP_GRADIENT(as_node(x))


def held_fixed(x: ArrayLike) -> Node:
    """`x` itself, through which no derivative need flow: no result changes with it."""
    return STOP_GRADIENT(as_node(x), exact=True)


ASTYPE = Op(
    name="astype",
    mathematics=CAST,
    inputs=("x",),
    infer=cast_type,
    facts=Facts(nonnegative="all", finite="all", zero_sign="kept", cost=1.0),
    kind="elementwise",
    numpy=lambda node: "dtype(x)" if not node.shape else "x.astype(dtype)",
    into="np.copyto(out, x, casting='unsafe')",
    value_range=range_of_cast,
    input_range=input_range_of_cast,
    vjp=lambda g, out, x: (g if x.dtype.kind == "f" else None,),
    jvp="linear",
    cases=(
        Case(((3, 4),), {"dtype": np.dtype("float64")}),
        Case(((3, 4),), {"dtype": np.dtype("float32")}),
        Case(((),), {"dtype": np.dtype("float64")}),
        Case(((0, 3),), {"dtype": np.dtype("float64")}),
        Case(((2, 3),), {"dtype": np.dtype("int64")}),
        Case(((),), {"dtype": np.dtype("bool")}),
        Case(((2, 3),), {"dtype": np.dtype("float64")}, dtypes=("bool",)),
        Case(((),), {"dtype": np.dtype("float32")}, dtypes=("int64",)),
    ),
)


@array_function
def astype(x: ArrayLike, dtype: Any, /) -> Node:
    """`x` converted to `dtype`, as `np.astype`; `x` itself where it has that dtype.

    >>> import graphc as gc
    >>> gc.astype(gc.input("labels", ("batch",), "int64"), "float32")
    <astype float32 (batch,)>
    """
    node = as_node(x)
    target = as_dtype(dtype)
    if term_of_constant(node) is not None and target.kind == "f":
        return constant(number_of(node), target)
    return node if node.dtype == target else ASTYPE(node, dtype=target)
