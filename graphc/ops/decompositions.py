"""Decompositions of matrices, and of each matrix of a stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from ..errors import DTypeError, ShapeError
from ..ir.array_methods import array_function
from ..ir.dims import Shape, format_shape
from ..ir.facts import Facts
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType, TupleType, is_floating
from .arithmetic import where
from .control import results_of
from .reduction import sum
from .shape import expand_dims
from .source import ArrayLike, as_node, astype


def matrices(x: ArrayLike) -> Node:
    """Matrices as LAPACK takes them: integers and booleans become float64."""
    node = as_node(x)
    return node if is_floating(node.dtype) else astype(node, "float64")


def check_matrices(x: TensorType, *, square: bool = False, what: str = "x") -> None:
    """Raise unless a type is that of matrices that LAPACK takes."""
    if x.dtype.name not in ("float32", "float64"):
        raise DTypeError(
            f"requires float32 or float64, got {x}",
            hint=f'{what}.astype("float32")',
        )
    if x.ndim < 2:
        raise ShapeError(
            f"requires a matrix or a stack of matrices, got {format_shape(x.shape)}"
        )
    if square and x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            f"requires square matrices, got {format_shape(x.shape)}: "
            f"{x.shape[-2]} rows and {x.shape[-1]} columns"
        )


def symmetric_part(x: Node) -> Node:
    """`(x + x.mT) / 2`."""
    return (x + x.mT) * 0.5


def cube(node: Node) -> Shape:
    """The multiply-adds of a decomposition, to an order: rows, columns, and rows."""
    shape = node.inputs[0].shape
    return (*shape, shape[-2])


# Symmetric matrices -------------------------------------------------------------------

Triangle = Literal["L", "U"]


def _eigh_infer(a: TensorType, *, UPLO: Triangle) -> TupleType:
    check_matrices(a, square=True, what="a")
    return TupleType.of(a.with_shape(a.shape[:-1]), a)


def _of_eigenvalues(a: TensorType, *, UPLO: Triangle) -> TensorType:
    check_matrices(a, square=True, what="a")
    return a.with_shape(a.shape[:-1])


def _triangle(function: str) -> Any:
    def template(node: Node) -> str:
        upper = ', UPLO="U"' if node.attributes["UPLO"] == "U" else ""
        return f"np.linalg.{function}(a{upper})"

    return template


def _inverse_gaps(values: Node) -> Node:
    """`1 / (values[j] - values[i])` for each pair, 0 for equal ones."""
    gaps = expand_dims(values, -2) - expand_dims(values, -1)
    equal = gaps == 0.0
    return where(equal, 0.0, 1.0 / where(equal, 1.0, gaps))


def _eigh_vjp(cotangents: Sequence[Node | None], out: Node, a: Node) -> tuple[Node]:
    values, vectors = results_of(out)
    d_values, d_vectors = cotangents
    inner: Node | None = None
    if d_vectors is not None:
        inner = vectors @ (_inverse_gaps(values) * (vectors.mT @ d_vectors))
    if d_values is not None:
        scaled = vectors * expand_dims(d_values, -2)
        inner = scaled if inner is None else inner + scaled
    assert inner is not None
    return (symmetric_part(inner @ vectors.mT),)


def _eigh_jvp(tangents: Sequence[Node], out: Node, a: Node) -> tuple[Node, Node]:
    values, vectors = results_of(out)
    moved = symmetric_part(tangents[0]) @ vectors
    turned = _inverse_gaps(values) * (vectors.mT @ moved)
    return sum(vectors * moved, axis=-2), vectors @ turned


_SYMMETRIC = (
    Case(((3, 3),), {"UPLO": "L"}, matrices=("symmetric",)),
    Case(((2, 3, 3),), {"UPLO": "U"}, matrices=("symmetric",)),
    Case(((0, 0),), {"UPLO": "L"}, matrices=("symmetric",)),
)

EIGH = Op(
    name="eigh",
    inputs=("a",),
    outputs=("eigenvalues", "eigenvectors"),
    infer=_eigh_infer,
    kind="contraction",
    numpy=_triangle("eigh"),
    vjp=_eigh_vjp,
    jvp=_eigh_jvp,
    facts=Facts(multiply_adds=cube),
    cases=_SYMMETRIC,
)


EIGVALSH = Op(
    name="eigvalsh",
    inputs=("a",),
    infer=_of_eigenvalues,
    kind="contraction",
    numpy=_triangle("eigvalsh"),
    vjp=lambda g, out, a: _eigh_vjp((g, None), EIGH(a, **out.attributes), a),
    jvp=lambda tangents, out, a: _eigh_jvp(tangents, EIGH(a, **out.attributes), a)[0],
    facts=Facts(multiply_adds=cube),
    cases=_SYMMETRIC,
)


class EighResult(NamedTuple):
    """The results of `gc.linalg.eigh`."""

    eigenvalues: Node
    eigenvectors: Node


@array_function
def eigh(a: ArrayLike, UPLO: Triangle = "L") -> EighResult:
    """Eigenvalues and eigenvectors of symmetric matrices, `a = V @ diag(w) @ V.mT`.

    Its derivatives are those for symmetric matrices: a gradient is symmetric, and a
    tangent counts by its symmetric part. With `F[i, j] = 1 / (w[j] - w[i])`, and 0
    where these are equal,

        d_a = V @ (F * (V.mT @ d_V) + diag(d_w)) @ V.mT

    So a function of the eigenvectors whose value depends on their choice, as it may
    where eigenvalues are equal, has the gradient of that choice, without a part that
    does not exist.

    Args:
        a: `(..., n, n)`, symmetric. Only one triangle is read.
        UPLO: that triangle, `"L"` for the lower or `"U"` for the upper one.

    Returns:
        A named tuple of `eigenvalues`, `(..., n)`, in ascending order, and
        `eigenvectors`, `(..., n, n)`, whose columns are normalised.

    Raises:
        ShapeError: the matrices are not square.
        DTypeError: a float that LAPACK does not take.

    >>> import graphc as gc
    >>> w, v = gc.linalg.eigh(gc.input("a", (2, 2), "float64"))
    >>> gc.evaluate(w, {"a": [[2.0, 1.0], [1.0, 2.0]]})
    array([1., 3.])

    Source: Giles 2008, "An extended collection of matrix derivative results for forward
    and reverse mode algorithmic differentiation".
    """
    return EighResult(*results_of(EIGH(matrices(a), UPLO=UPLO)))


@array_function
def eigvalsh(a: ArrayLike, UPLO: Triangle = "L") -> Node:
    """Eigenvalues of symmetric matrices in ascending order, as `gc.linalg.eigh` has.

    Args:
        a: `(..., n, n)`, symmetric. Only one triangle is read.
        UPLO: that triangle, `"L"` for the lower or `"U"` for the upper one.

    Returns:
        `(..., n)`.

    Raises:
        ShapeError: the matrices are not square.
        DTypeError: a float that LAPACK does not take.

    >>> import graphc as gc
    >>> gc.evaluate(gc.linalg.eigvalsh([[2.0, 1.0], [1.0, 2.0]]), {})
    array([1., 3.])
    """
    return EIGVALSH(matrices(a), UPLO=UPLO)
