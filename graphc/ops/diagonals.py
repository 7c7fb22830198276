"""Diagonals and triangles of matrices, read and written, stacks of them included."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..errors import OptionError, ShapeError, UnsupportedError
from ..ir.array_methods import array_function
from ..ir.dims import Dimension, Shape, format_shape
from ..ir.facts import Facts
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import AllocationFree, Case, Op
from ..ir.types import TensorType
from .as_loops import triangle
from .axes import normalize_axis
from .element_texts import at, elements, letters
from .joining import concatenate
from .padding import pad
from .ranges import TRI
from .rearranged_as_loops import diagonal_of, on_a_diagonal
from .repeating import source_of
from .reshaping import atleast_2d
from .shape import moveaxis, reshape
from .source import ArrayLike, as_node, coerce


def _length(rows: Dimension, columns: Dimension, offset: int) -> Dimension:
    """The number of elements of a diagonal."""
    if isinstance(rows, int) and isinstance(columns, int):
        return max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    if rows == columns:
        return rows - abs(offset)
    raise UnsupportedError(
        f"the length of a diagonal of a matrix of {rows} rows and {columns} columns "
        "is known only when the program runs",
        hint="a square matrix, or integer sizes",
    )


def _diagonal_infer(
    x: TensorType, *, offset: int, axis1: int, axis2: int
) -> TensorType:
    length = _length(x.shape[axis1], x.shape[axis2], offset)
    others = [d for axis, d in enumerate(x.shape) if axis not in (axis1, axis2)]
    return x.with_shape((*others, length))


def _diagonal_numpy(node: Node) -> str:
    axes = node.attributes["axis1"], node.attributes["axis2"]
    if axes != (0, 1):
        return "np.diagonal(x, offset, axis1, axis2)"
    return "np.diagonal(x, offset)" if node.attributes["offset"] else "np.diagonal(x)"


def _diagonal_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    axis1: int = out.attributes["axis1"]
    axis2: int = out.attributes["axis2"]
    others = [d for axis, d in enumerate(x.shape) if axis not in (axis1, axis2)]
    shape = (*others, x.shape[axis1], x.shape[axis2])
    placed = DIAG_EMBED(g, offset=out.attributes["offset"], shape=shape)
    return (moveaxis(placed, (-2, -1), (axis1, axis2)),)


def _diagonal_elements(node: Node) -> str:
    offset, axis1, axis2 = (node.attributes[n] for n in ("offset", "axis1", "axis2"))
    *others, last = letters(node.ndim)
    left = list(others)
    taken = {axis1: f"{last} + {max(0, -offset)}", axis2: f"{last} + {max(0, offset)}"}
    places = range(node.inputs[0].ndim)
    index = [taken[axis] if axis in taken else left.pop(0) for axis in places]
    return elements([*others, last], at("x", index))


DIAGONAL = Op(
    name="diagonal",
    mathematics=Mathematics(elements=_diagonal_elements),
    loops=diagonal_of,
    inputs=("x",),
    infer=_diagonal_infer,
    kind="view",
    numpy=_diagonal_numpy,
    vjp=_diagonal_vjp,
    jvp="linear",
    cases=(
        Case(((3, 3),), {"offset": 0, "axis1": 0, "axis2": 1}),
        Case(((4, 2, 3),), {"offset": -1, "axis1": 2, "axis2": 0}),
        Case(((0, 3),), {"offset": 1, "axis1": 0, "axis2": 1}),
    ),
)


def _placed_infer(x: TensorType, *, offset: int, shape: Shape) -> TensorType:
    length = _length(shape[-2], shape[-1], offset)
    if x.shape != (*shape[:-2], length):
        raise ShapeError(
            f"requires a diagonal of shape {format_shape((*shape[:-2], length))}, "
            f"got {format_shape(x.shape)}"
        )
    return x.with_shape(shape)


def _placing(node: Node) -> str:
    """The statements that write the diagonal of a matrix of zeros."""
    offset: int = node.attributes["offset"]
    ahead = "..., " if node.ndim > 2 else ""
    rows = f"places + {-offset}" if offset < 0 else "places"
    columns = f"places + {offset}" if offset > 0 else "places"
    length = source_of(node.inputs[0].shape[-1])
    return f"places = np.arange({length})\nout[{ahead}{rows}, {columns}] = x"


def _placed_numpy(node: Node) -> str:
    offset: int = node.attributes["offset"]
    length = node.inputs[0].shape[-1] + abs(offset)
    if node.ndim == 2 and node.shape == (length, length):
        return "np.diag(x, offset)" if offset else "np.diag(x)"
    return f"out = np.zeros(shape, dtype)\n{_placing(node)}"


DIAG_EMBED = Op(
    name="diag_embed",
    mathematics=Mathematics(
        transposes=lambda node: (
            DIAGONAL,
            {
                "offset": node.attributes["offset"],
                "axis1": node.ndim - 2,
                "axis2": node.ndim - 1,
            },
        )
    ),
    loops=on_a_diagonal,
    inputs=("x",),
    infer=_placed_infer,
    kind="movement",
    numpy=_placed_numpy,
    into=lambda node: f"out.fill(0)\n{_placing(node)}",
    facts=Facts(nonnegative=(0,), finite=(0,)),
    vjp=lambda g, out, x: (diagonal(g, out.attributes["offset"], -2, -1),),
    jvp="linear",
    cases=(
        Case(((3,),), {"offset": 1, "shape": (4, 4)}),
        Case(((2, 3),), {"offset": -1, "shape": (2, 4, 5)}),
        Case(((0,),), {"offset": 0, "shape": (0, 0)}),
    ),
)


@array_function
def diagonal(a: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Node:
    """A diagonal of each matrix of a stack, as the last axis: a view.

    Args:
        a: an array of at least two axes.
        offset: which diagonal: above the main one where positive.
        axis1, axis2: the axes of the matrices.

    Raises:
        ShapeError: fewer than two axes.
        UnsupportedError: a length that is known only when the program runs.

    >>> import graphc as gc
    >>> gc.evaluate(gc.diagonal([[1, 2], [3, 4]]), {})
    array([1, 4])
    """
    x = as_node(a)
    first, second = _two_axes(x, axis1, axis2, "diagonal")
    return DIAGONAL(x, offset=operator.index(offset), axis1=first, axis2=second)


def _two_axes(x: Node, axis1: Any, axis2: Any, function: str) -> tuple[int, int]:
    if x.ndim < 2:
        raise ShapeError(
            f"{function} requires at least two axes, got {format_shape(x.shape)}",
            node=x.describe(),
        )
    first = normalize_axis(axis1, x.ndim, x, "axis1")
    second = normalize_axis(axis2, x.ndim, x, "axis2")
    if first == second:
        raise OptionError(
            f"{function} requires two axes, got {axis1} twice", node=x.describe()
        )
    return first, second


@array_function
def trace(a: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Node:
    """The sum of the elements of a diagonal; see `gc.diagonal`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.trace([[1, 2], [3, 4]]), {})
    array(5)
    """
    return diagonal(a, offset, axis1, axis2).sum(-1)


@array_function
def diag(v: ArrayLike, k: int = 0) -> Node:
    """The `k`-th diagonal of a matrix, or the matrix with a vector on it.

    Args:
        v: a matrix, or a vector.
        k: which diagonal: above the main one where positive.

    Raises:
        ShapeError: `v` is neither a vector nor a matrix.

    >>> import graphc as gc
    >>> gc.evaluate(gc.diag([1, 2]), {})
    array([[1, 0],
           [0, 2]])
    >>> gc.evaluate(gc.diag([[1, 2], [3, 4]]), {})
    array([1, 4])
    """
    x = as_node(v)
    if x.ndim not in (1, 2):
        raise ShapeError(
            f"diag requires a vector or a matrix, got {format_shape(x.shape)}",
            node=x.describe(),
            hint="gc.diagonal or gc.diag_embed for stacks",
        )
    return diagonal(x, k) if x.ndim == 2 else diag_embed(x, k)


@array_function
def diagflat(v: ArrayLike, k: int = 0) -> Node:
    """The matrix with the flat array on its `k`-th diagonal.

    >>> import graphc as gc
    >>> gc.diagflat(gc.input("x", (2, 2)))
    <diag_embed float32 (4, 4)>
    """
    return diag_embed(reshape(v, -1), k)


def diag_embed(
    input: ArrayLike, offset: int = 0, dim1: int = -2, dim2: int = -1
) -> Node:
    """Square matrices with the last axis of an array on a diagonal; as in torch.

    Args:
        input: an array of at least one axis.
        offset: which diagonal: above the main one where positive.
        dim1, dim2: the axes of the matrices in the result.

    >>> import graphc as gc
    >>> gc.diag_embed(gc.input("x", ("batch", 3)))
    <diag_embed float32 (batch, 3, 3)>
    """
    x = as_node(input)
    if not x.ndim:
        raise ShapeError("diag_embed requires at least one axis, got ()", node="diag")
    k = operator.index(offset)
    size = x.shape[-1] + abs(k)
    placed = DIAG_EMBED(x, offset=k, shape=(*x.shape[:-1], size, size))
    first, second = _two_axes(placed, dim1, dim2, "diag_embed")
    return moveaxis(placed, (-2, -1), (first, second))


# Triangles


def _triangle_infer(x: TensorType, *, k: int) -> TensorType:
    if x.ndim < 2:
        raise ShapeError(
            f"requires a matrix or a stack of them, got {format_shape(x.shape)}",
            hint="x[:, None] or x[None, :]",
        )
    return x


def _kept(node: Node) -> AllocationFree | None:
    """A copy of what is kept, by a mask that is made once."""
    rows, columns = node.shape[-2:]
    k: int = node.attributes["k"]
    if node.op is TRIL:
        mask = TRI(N=rows, M=columns, k=k, dtype=np.dtype(bool)).named("in_triangle")
        return AllocationFree(
            "out.fill(0)\nnp.copyto(out, x, where=kept)", {"kept": mask}
        )
    mask = TRI(N=rows, M=columns, k=k - 1, dtype=np.dtype(bool)).named("below_triangle")
    return AllocationFree(
        "np.copyto(out, x)\nnp.copyto(out, 0, where=dropped)", {"dropped": mask}
    )


def _triangle(name: str) -> Op:
    def numpy(node: Node) -> str:
        return f"np.{name}(x, k)" if node.attributes["k"] else f"np.{name}(x)"

    def vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
        return (out.op(g, **out.attributes),)

    return Op(
        name=name,
        inputs=("x",),
        infer=_triangle_infer,
        kind="movement",
        loops=triangle(name == "tril"),
        numpy=numpy,
        into=lambda node: f"out[...] = {numpy(node)}",
        allocation_free=_kept,
        facts=Facts(nonnegative=(0,), finite=(0,)),
        vjp=vjp,
        jvp="linear",
        cases=(Case(((3, 4),), {"k": 0}), Case(((2, 3, 3),), {"k": -1})),
    )


TRIL = _triangle("tril")
TRIU = _triangle("triu")


@array_function
def tril(m: ArrayLike, k: int = 0) -> Node:
    """The lower triangle of each matrix, with zeros above its `k`-th diagonal.

    Args:
        m: an array of at least two axes.
        k: the last diagonal that is kept; above the main one where positive.

    Raises:
        ShapeError: fewer than two axes.

    >>> import graphc as gc
    >>> gc.evaluate(gc.tril([[1, 2], [3, 4]]), {})
    array([[1, 0],
           [3, 4]])
    """
    return TRIL(as_node(m), k=operator.index(k))


@array_function
def triu(m: ArrayLike, k: int = 0) -> Node:
    """The upper triangle of each matrix, with zeros below its `k`-th diagonal.

    Args:
        m: an array of at least two axes.
        k: the first diagonal that is kept; above the main one where positive.

    Raises:
        ShapeError: fewer than two axes.

    >>> import graphc as gc
    >>> gc.evaluate(gc.triu([[1, 2], [3, 4]]), {})
    array([[1, 2],
           [0, 4]])
    """
    return TRIU(as_node(m), k=operator.index(k))


def _check_count(n: int, k: int, m: int | None, function: str) -> None:
    if n * (n if m is None else m) >= 2**31 or abs(k) >= 2**31:
        raise ShapeError(f"{function} of {n} rows are too many to list", node=function)


def tril_indices(
    n: int, k: int = 0, m: int | None = None
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The positions of the lower triangle of a matrix: arrays to index with.

    >>> import graphc as gc
    >>> gc.input("x", (3, 3))[gc.tril_indices(3)]
    <getitem float32 (6,)>
    """
    _check_count(n, k, m, "tril_indices")
    return np.tril_indices(n, k, m)


def triu_indices(
    n: int, k: int = 0, m: int | None = None
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The positions of the upper triangle of a matrix: arrays to index with.

    >>> import graphc as gc
    >>> gc.input("x", (3, 3))[gc.triu_indices(3, k=1)]
    <getitem float32 (3,)>
    """
    _check_count(n, k, m, "triu_indices")
    return np.triu_indices(n, k, m)


def block_diag(*arrs: ArrayLike) -> Node:
    """The matrix with matrices along its diagonal and zeros elsewhere, as SciPy's.

    Args:
        arrs: matrices; vectors are rows.

    Raises:
        ShapeError: an array of more than two axes, or none.

    >>> import graphc as gc
    >>> gc.evaluate(gc.block_diag([[1, 2]], [[3], [4]]), {})
    array([[1, 2, 0],
           [0, 0, 3],
           [0, 0, 4]])
    """
    if not arrs:
        raise ShapeError("block_diag requires at least one array, got none")
    blocks = [atleast_2d(node) for node in coerce(*arrs)]
    for node in blocks:
        if node.ndim > 2:
            raise ShapeError(f"block_diag requires matrices, got {node.describe()}")
    total: Dimension = 0
    for node in blocks:
        total = total + node.shape[1]
    before: Dimension = 0
    rows: list[Node] = []
    for node in blocks:
        width = node.shape[1]
        rows.append(pad(node, ((0, 0), (before, total - before - width))))
        before = before + width
    return concatenate(rows, 0)
