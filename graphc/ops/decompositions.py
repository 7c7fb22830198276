"""Decompositions of matrices, and of each matrix of a stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from ..errors import OptionError, UnsupportedError
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType, TupleType
from .control import results_of
from .diagonals import tril
from .joining import concatenate
from .matrices import (
    Cotangents,
    check_matrices,
    cubic,
    inverse_or_zero,
    linalg_function,
    matrices,
    smaller,
    square,
    symmetric_part,
)
from .reduction import sum
from .shape import expand_dims
from .solving import SOLVE_TRIANGULAR
from .source import ArrayLike, zeros_like

# Symmetric matrices -------------------------------------------------------------------

Triangle = Literal["L", "U"]


def _eigh_infer(a: TensorType, *, UPLO: Triangle) -> TupleType:
    return TupleType.of(_eigenvalues_infer(a, UPLO=UPLO), a)


def _eigenvalues_infer(a: TensorType, *, UPLO: Triangle) -> TensorType:
    return a.with_shape(check_matrices(a, square=True).shape[:-1])


def _of_triangle(function: str) -> Any:
    def template(node: Node) -> str:
        upper = ', UPLO="U"' if node.attributes["UPLO"] == "U" else ""
        return f"np.linalg.{function}(a{upper})"

    return template


def _gaps(values: Node) -> Node:
    """`1 / (values[j] - values[i])` for each pair, 0 for equal ones."""
    return inverse_or_zero(expand_dims(values, -2) - expand_dims(values, -1))


def _eigh_vjp(cotangents: Cotangents, out: Node, a: Node) -> tuple[Node]:
    values, vectors = results_of(out)
    d_values, d_vectors = cotangents
    inner: Node | None = None
    if d_vectors is not None:
        inner = vectors @ (_gaps(values) * (vectors.mT @ d_vectors))
    if d_values is not None:
        scaled = vectors * expand_dims(d_values, -2)
        inner = scaled if inner is None else inner + scaled
    assert inner is not None
    return (symmetric_part(inner @ vectors.mT),)


def _eigh_jvp(tangents: Sequence[Node], out: Node, a: Node) -> tuple[Node, Node]:
    values, vectors = results_of(out)
    moved = symmetric_part(tangents[0]) @ vectors
    turned = _gaps(values) * (vectors.mT @ moved)
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
    numpy=_of_triangle("eigh"),
    vjp=_eigh_vjp,
    jvp=_eigh_jvp,
    facts=cubic(symmetric=True),
    cases=_SYMMETRIC,
)

EIGVALSH = Op(
    name="eigvalsh",
    inputs=("a",),
    infer=_eigenvalues_infer,
    kind="contraction",
    numpy=_of_triangle("eigvalsh"),
    vjp=lambda g, out, a: _eigh_vjp((g, None), EIGH(a, **out.attributes), a),
    jvp=lambda tangents, out, a: _eigh_jvp(tangents, EIGH(a, **out.attributes), a)[0],
    facts=cubic(symmetric=True),
    cases=_SYMMETRIC,
)


class EighResult(NamedTuple):
    """The results of `gc.linalg.eigh`."""

    eigenvalues: Node
    eigenvectors: Node


@linalg_function
def eigh(a: ArrayLike, UPLO: Triangle = "L") -> EighResult:
    """Eigenvalues and eigenvectors of symmetric matrices, `a = V @ diag(w) @ V.mT`.

    Its derivatives are those for symmetric matrices: a gradient is symmetric, and a
    tangent counts by its symmetric part. With `F[i, j] = 1 / (w[j] - w[i])`, and 0
    where these are equal,

        d_a = V @ (F * (V.mT @ d_V) + diag(d_w)) @ V.mT

    So where eigenvalues are equal, the part of a derivative is left out that does not
    exist, and second derivatives by such matrices are not to be relied on.

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


@linalg_function
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


def eig(a: ArrayLike) -> Any:
    """Eigenvalues and eigenvectors of any square matrices, which are refused.

    They are complex in general.

    Raises:
        UnsupportedError: always.

    >>> import graphc as gc
    >>> try:
    ...     gc.linalg.eig(gc.eye(2))
    ... except gc.errors.UnsupportedError as error:
    ...     print(error.hint)
    gc.linalg.eigh for symmetric matrices
    """
    raise _is_complex("eig", "eigh")


def eigvals(a: ArrayLike) -> Any:
    """Eigenvalues of any square matrices, which are refused: they may be complex.

    Raises:
        UnsupportedError: always.

    >>> import graphc as gc
    >>> try:
    ...     gc.linalg.eigvals(gc.eye(2))
    ... except gc.errors.UnsupportedError as error:
    ...     print(error.hint)
    gc.linalg.eigvalsh for symmetric matrices
    """
    raise _is_complex("eigvals", "eigvalsh")


def _is_complex(name: str, other: str) -> UnsupportedError:
    return UnsupportedError(
        f"{name} has complex results, and graphc has no complex arrays",
        hint=f"gc.linalg.{other} for symmetric matrices",
    )


# Cholesky -----------------------------------------------------------------------------


def _lower_half(x: Node) -> Node:
    """The lower triangle with half of the diagonal: of `y + y.mT`, it is `y`."""
    return (tril(x) + tril(x, -1)) * 0.5


def _solved(factor: Node, b: Node, *, transposed: bool = False) -> Node:
    """`inv(factor) @ b`, or `inv(factor).mT @ b`, for a lower triangular factor."""
    if transposed:
        return SOLVE_TRIANGULAR(factor.mT, b, lower=False, unit_diagonal=False)
    return SOLVE_TRIANGULAR(factor, b, lower=True, unit_diagonal=False)


def _cholesky_vjp(g: Node, out: Node, a: Node) -> tuple[Node]:
    left = _solved(out, _lower_half(out.mT @ g), transposed=True)
    return (symmetric_part(_solved(out, left.mT, transposed=True)),)


def _cholesky_jvp(tangents: Sequence[Node], out: Node, a: Node) -> Node:
    left = _solved(out, symmetric_part(tangents[0]))
    return out @ _lower_half(_solved(out, left.mT))


CHOLESKY = Op(
    name="cholesky",
    inputs=("a",),
    infer=square,
    kind="contraction",
    numpy="np.linalg.cholesky(a)",
    vjp=_cholesky_vjp,
    jvp=_cholesky_jvp,
    facts=cubic(symmetric=True),
    cases=(
        Case(((3, 3),), matrices=("positive definite",)),
        Case(((2, 3, 3),), matrices=("positive definite",)),
        Case(((0, 0),), matrices=("positive definite",)),
    ),
)


@linalg_function
def cholesky(a: ArrayLike, /, *, upper: bool = False) -> Node:
    """Triangular factor of symmetric, positive definite matrices: `a = L @ L.mT`.

    Its derivatives are those for symmetric matrices: a gradient is symmetric, and a
    tangent counts by its symmetric part. With `P(x)` the lower triangle of `x` with
    half of its diagonal,

        d_a = inv(L).mT @ P(L.mT @ d_L) @ inv(L), made symmetric

    Args:
        a: `(..., n, n)`, symmetric. Only the triangle of the result is read.
        upper: give `U = L.mT`, so that `a = U.mT @ U`.

    Returns:
        `(..., n, n)`, with zeros in the other triangle.

    Raises:
        ShapeError: the matrices are not square.
        DTypeError: a float that LAPACK does not take.
        LinAlgError: when the program runs, a matrix is not positive definite.

    >>> import graphc as gc
    >>> gc.evaluate(gc.linalg.cholesky([[4.0, 2.0], [2.0, 5.0]]), {})
    array([[2., 0.],
           [1., 2.]])

    Source: Murray 2016, "Differentiation of the Cholesky decomposition".
    """
    x = matrices(a)
    return CHOLESKY(x.mT).mT if upper else CHOLESKY(x)


# QR -----------------------------------------------------------------------------------


def _qr_infer(a: TensorType) -> TupleType:
    *stack, rows, columns = check_matrices(a).shape
    size = smaller(rows, columns)
    return TupleType.of(
        a.with_shape((*stack, rows, size)), a.with_shape((*stack, size, columns))
    )


def _is_wide(a: Node) -> bool:
    rows, columns = a.shape[-2:]
    return isinstance(rows, int) and isinstance(columns, int) and rows < columns


def _divided(x: Node, r: Node) -> Node:
    """`x @ inv(r).mT` for an upper triangular `r`."""
    return SOLVE_TRIANGULAR(r, x.mT, lower=False, unit_diagonal=False).mT


def _qr_vjp(cotangents: Cotangents, out: Node, a: Node) -> tuple[Node]:
    q, r = results_of(out)
    d_q, d_r = (
        zeros_like(x) if g is None else g
        for g, x in zip(cotangents, (q, r), strict=True)
    )
    rest: Node | None = None
    if _is_wide(a):
        # The columns beyond the square part are `q @ r`, and no more of q depends on
        # them.
        rows = a.shape[-2]
        rest = q @ d_r[..., rows:]
        d_q = d_q + a[..., rows:] @ d_r[..., rows:].mT
        r, d_r = r[..., :rows], d_r[..., :rows]
    inner = r @ d_r.mT - d_q.mT @ q
    d_a = _divided(d_q + q @ (tril(inner) + tril(inner, -1).mT), r)
    return (d_a if rest is None else concatenate([d_a, rest], axis=-1),)


def _qr_jvp(tangents: Sequence[Node], out: Node, a: Node) -> tuple[Node, Node]:
    q, r = results_of(out)
    (moved,) = tangents
    rest = moved_rest = None
    if _is_wide(a):
        rows = a.shape[-2]
        rest, moved_rest = a[..., rows:], moved[..., rows:]
        moved, r = moved[..., :rows], r[..., :rows]
    quotient = SOLVE_TRIANGULAR(r.mT, moved.mT, lower=True, unit_diagonal=False).mT
    inner = q.mT @ quotient
    below = tril(inner, -1)
    turned = below - below.mT
    d_q = quotient + q @ (turned - inner)
    d_r = (inner - turned) @ r
    if rest is not None and moved_rest is not None:
        d_r = concatenate([d_r, d_q.mT @ rest + q.mT @ moved_rest], axis=-1)
    return d_q, d_r


QR = Op(
    name="qr",
    inputs=("a",),
    outputs=("q", "r"),
    infer=_qr_infer,
    kind="contraction",
    numpy="np.linalg.qr(a)",
    vjp=_qr_vjp,
    jvp=_qr_jvp,
    facts=cubic(),
    cases=(
        Case(((4, 3),), matrices=("well-conditioned",)),
        Case(((2, 2, 3),), matrices=("well-conditioned",)),
        Case(((2, 3, 3),), matrices=("well-conditioned",)),
    ),
)


class QRResult(NamedTuple):
    """The results of `gc.linalg.qr`."""

    Q: Node
    R: Node


@linalg_function
def qr(a: ArrayLike, mode: str = "reduced") -> QRResult | Node:
    """Orthonormal and upper triangular factors, `a = Q @ R`.

    With `M = R @ d_R.mT - d_Q.mT @ Q`, whose lower triangle is mirrored,

        d_a = (d_Q + Q @ M) @ inv(R).mT

    which requires that the first `min(m, n)` columns of `a` are independent.

    Args:
        a: `(..., m, n)`.
        mode: `"reduced"`, or `"r"` for R alone; `"complete"` where `m <= n`.

    Returns:
        A named tuple of `Q`, `(..., m, k)`, and `R`, `(..., k, n)`, with
        `k = min(m, n)`.

    Raises:
        UnsupportedError: `"complete"` of more rows than columns, whose further columns
            of Q are not decided by `a`.
        DTypeError: a float that LAPACK does not take.
        LinAlgError: when the program runs, columns are dependent whose gradient is
            asked for.

    >>> import graphc as gc
    >>> q, r = gc.linalg.qr([[0.0, 1.0], [2.0, 3.0]])
    >>> gc.evaluate(gc.abs(r), {})
    array([[2., 3.],
           [0., 1.]])

    Source: Walter, Lehmann and Lamour 2012, "On evaluating higher-order derivatives of
    the QR decomposition of tall matrices with full column rank".
    """
    if mode not in ("reduced", "complete", "r"):
        raise OptionError(f'mode must be "reduced", "complete" or "r", got {mode!r}')
    x = matrices(a)
    factors = QRResult(*results_of(QR(x)))
    if mode == "complete" and factors.Q.shape[-1] != x.shape[-2]:
        raise UnsupportedError(
            f"mode complete requires no more rows than columns, got {x.type}",
            hint='mode="reduced"',
        )
    return factors.R if mode == "r" else factors
