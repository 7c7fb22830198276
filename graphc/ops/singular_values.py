"""Singular values, and what follows from them: pseudoinverse, rank, condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..errors import OptionError
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType, TupleType
from .control import results_of
from .joining import concatenate
from .matrices import (
    Cotangents,
    check_matrices,
    cubic,
    inverse_or_zero,
    linalg_function,
    matrices,
    smaller,
)
from .reduction import sum
from .shape import expand_dims
from .source import ArrayLike, zeros_like


def _svd_infer(a: TensorType, *, full_matrices: bool) -> TupleType:
    *stack, rows, columns = check_matrices(a).shape
    size = smaller(rows, columns)
    left = rows if full_matrices else size
    right = columns if full_matrices else size
    return TupleType.of(
        a.with_shape((*stack, rows, left)),
        a.with_shape((*stack, size)),
        a.with_shape((*stack, right, columns)),
    )


def _svdvals_infer(a: TensorType) -> TensorType:
    return _svd_infer(a, full_matrices=False).items[1]


def _thin(out: Node) -> tuple[Node, Node, Node]:
    """The factors without the columns that singular values don't weigh."""
    u, s, vh = results_of(out)
    size = s.shape[-1]
    if not out.attributes["full_matrices"]:
        return u, s, vh
    return u[..., :size], s, vh[..., :size, :]


def _off_range(x: Node, basis: Node) -> Node | None:
    """The part of columns that is orthogonal to a basis; None where that is of all."""
    if basis.shape[-2] == basis.shape[-1]:
        return None
    return x - basis @ (basis.mT @ x)


def _svd_vjp(cotangents: Cotangents, out: Node, a: Node) -> tuple[Node]:
    u, s, vh = _thin(out)
    v, size = vh.mT, s.shape[-1]
    d_u, d_s, d_vh = cotangents
    row, column = expand_dims(s, -2), expand_dims(s, -1)
    gaps = inverse_or_zero((row - column) * (row + column))
    inverse = inverse_or_zero(row)
    d_a: Node | None = None
    if d_s is not None:
        d_a = (u * expand_dims(d_s, -2)) @ vh
    if d_u is not None:
        d_u = d_u[..., :size]
        inner = gaps * (u.mT @ d_u)
        left = u @ ((inner + inner.mT) * row)
        outside = _off_range(d_u, u)
        left = left if outside is None else left + outside * inverse
        d_a = left @ vh if d_a is None else d_a + left @ vh
    if d_vh is not None:
        d_v = d_vh[..., :size, :].mT
        inner = gaps * (vh @ d_v)
        right = ((inner + inner.mT) * column) @ vh
        outside = _off_range(d_v, v)
        right = right if outside is None else right + (outside * inverse).mT
        d_a = u @ right if d_a is None else d_a + u @ right
    assert d_a is not None
    return (d_a,)


def _svd_jvp(tangents: Sequence[Node], out: Node, a: Node) -> tuple[Node | None, ...]:
    u, s, vh = _thin(out)
    v, (moved,) = vh.mT, tangents
    row, column = expand_dims(s, -2), expand_dims(s, -1)
    gaps = inverse_or_zero((row - column) * (row + column))
    inverse = inverse_or_zero(row)
    right = moved @ v
    inner = u.mT @ right
    d_u = u @ (gaps * (inner * row + column * inner.mT))
    outside = _off_range(right, u)
    d_u = d_u if outside is None else d_u + outside * inverse
    d_v = v @ (gaps * (column * inner + inner.mT * row))
    outside = _off_range(moved.mT @ u, v)
    d_v = d_v if outside is None else d_v + outside * inverse
    d_s = sum(u * right, axis=-2)
    return _widened(d_u, out, 0, -1), d_s, _widened(d_v.mT, out, 2, -2)


def _widened(tangent: Node, out: Node, place: int, axis: int) -> Node:
    """A tangent of the thin factor, with zeros for the others of a full one."""
    full = results_of(out)[place]
    if full.shape == tangent.shape:
        return tangent
    rest = (
        full[..., tangent.shape[-1] :]
        if axis == -1
        else full[..., tangent.shape[-2] :, :]
    )
    return concatenate([tangent, zeros_like(rest)], axis=axis)


_RECTANGULAR = (
    Case(((4, 3),), {"full_matrices": False}, matrices=("well-conditioned",)),
    Case(((2, 2, 3),), {"full_matrices": False}, matrices=("well-conditioned",)),
    Case(((2, 2),), {"full_matrices": True}, matrices=("well-conditioned",)),
)

SVD = Op(
    name="svd",
    inputs=("a",),
    outputs=("u", "s", "vh"),
    infer=_svd_infer,
    kind="contraction",
    numpy=lambda node: (
        "np.linalg.svd(a)"
        if node.attributes["full_matrices"]
        else "np.linalg.svd(a, full_matrices=False)"
    ),
    vjp=_svd_vjp,
    jvp=_svd_jvp,
    facts=cubic(),
    cases=_RECTANGULAR,
)


def _svdvals_jvp(tangents: Sequence[Node], out: Node, a: Node) -> Node | None:
    return _svd_jvp(tangents, SVD(a, full_matrices=False), a)[1]


SVDVALS = Op(
    name="svdvals",
    inputs=("a",),
    infer=_svdvals_infer,
    kind="contraction",
    numpy="np.linalg.svd(a, compute_uv=False)",
    vjp=lambda g, out, a: _svd_vjp((None, g, None), SVD(a, full_matrices=False), a),
    jvp=_svdvals_jvp,
    facts=cubic(),
    cases=tuple(Case(case.shapes, matrices=case.matrices) for case in _RECTANGULAR[:2]),
)


class SVDResult(NamedTuple):
    """The results of `gc.linalg.svd`."""

    U: Node
    S: Node
    Vh: Node


@linalg_function
def svd(
    a: ArrayLike, full_matrices: bool = True, compute_uv: bool = True
) -> SVDResult | Node:
    """Singular value decomposition, `a = U @ diag(S) @ Vh`.

    With `F[i, j] = 1 / (S[j]**2 - S[i]**2)`, and 0 where these are equal, the gradient
    is that of Townsend's note; in particular `d_a = U @ diag(d_S) @ Vh` for one that
    reaches the singular values alone. Where they are equal, or 0, the part of a
    derivative is left out that does not exist. So is that of the columns of U and rows
    of Vh beyond the first `min(m, n)`, which `a` does not decide.

    Args:
        a: `(..., m, n)`.
        full_matrices: give all columns of U and all rows of Vh, not `k = min(m, n)`.
        compute_uv: give all factors, not the singular values alone.

    Returns:
        A named tuple of `U`, `(..., m, m)` or `(..., m, k)`, the singular values `S`,
        `(..., k)`, in descending order, and `Vh`, `(..., n, n)` or `(..., k, n)`; or
        only `S`.

    Raises:
        UnsupportedError: the smaller of two sizes is not known from the declaration.
        DTypeError: a float that LAPACK does not take.

    >>> import graphc as gc
    >>> gc.evaluate(gc.linalg.svd([[0.0, 2.0], [3.0, 0.0]], compute_uv=False), {})
    array([3., 2.])

    Source: Townsend 2016, "Differentiating the singular value decomposition".
    """
    x = matrices(a)
    if not compute_uv:
        return SVDVALS(x)
    return SVDResult(*results_of(SVD(x, full_matrices=full_matrices)))


@linalg_function
def svdvals(x: ArrayLike, /) -> Node:
    """Singular values in descending order: `gc.linalg.svd(x, compute_uv=False)`.

    Args:
        x: `(..., m, n)`.

    Returns:
        `(..., min(m, n))`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.linalg.svdvals([[0.0, 2.0], [3.0, 0.0]]), {})
    array([3., 2.])
    """
    return SVDVALS(matrices(x))


# Pseudoinverse ------------------------------------------------------------------------


def _pinv_infer(a: TensorType, *, rcond: float, hermitian: bool) -> TensorType:
    *stack, rows, columns = check_matrices(a, square=hermitian).shape
    return a.with_shape((*stack, columns, rows))


def _pinv_numpy(node: Node) -> str:
    rcond = "" if node.attributes["rcond"] == 1e-15 else ", rcond"
    hermitian = ", hermitian=True" if node.attributes["hermitian"] else ""
    return f"np.linalg.pinv(a{rcond}{hermitian})"


def _pinv_vjp(g: Node, out: Node, a: Node) -> tuple[Node]:
    turned = out.mT
    d_a = -(turned @ g @ turned)
    left, right = turned @ out, out @ turned
    rest = g.mT @ right
    d_a = d_a + (rest - (a @ (out @ rest)))
    rest = left @ g.mT
    return (d_a + (rest - (rest @ out) @ a),)


def _pinv_jvp(tangents: Sequence[Node], out: Node, a: Node) -> Node:
    (moved,) = tangents
    turned = out.mT
    rest = out @ (turned @ moved.mT)
    found = (rest - (rest @ a) @ out) - out @ moved @ out
    rest = (moved.mT @ turned) @ out
    return found + (rest - out @ (a @ rest))


PINV = Op(
    name="pinv",
    inputs=("a",),
    infer=_pinv_infer,
    kind="contraction",
    numpy=_pinv_numpy,
    vjp=_pinv_vjp,
    jvp=_pinv_jvp,
    facts=cubic(),
    cases=(
        Case(
            ((4, 3),),
            {"rcond": 1e-15, "hermitian": False},
            matrices=("well-conditioned",),
        ),
        Case(
            ((2, 2, 3),),
            {"rcond": 1e-10, "hermitian": False},
            matrices=("well-conditioned",),
        ),
        Case(
            ((3, 3),),
            {"rcond": 1e-15, "hermitian": True},
            matrices=("positive definite",),
        ),
    ),
)


@linalg_function
def pinv(
    a: ArrayLike,
    rcond: float | None = None,
    hermitian: bool = False,
    *,
    rtol: float | None = None,
) -> Node:
    """Moore-Penrose pseudoinverse, `P = V @ diag(1 / S) @ U.mT`.

    Its derivative, which exists while the rank stays the same, is

        d_P = -P @ d_a @ P + P @ P.mT @ d_a.mT @ (1 - a @ P)
              + (1 - P @ a) @ d_a.mT @ P.mT @ P

    Args:
        a: `(..., m, n)`.
        rcond: singular values below `rcond` times the largest one count as 0; by
            default 1e-15.
        hermitian: the matrices are symmetric, which is quicker. Only their lower
            triangle is read.
        rtol: another name for `rcond`.

    Returns:
        `(..., n, m)`.

    Raises:
        OptionError: both bounds are given.

    >>> import graphc as gc
    >>> gc.evaluate(gc.linalg.pinv([[2.0], [0.0]]), {})
    array([[0.5, 0. ]])

    Source: Golub and Pereyra 1973, "The differentiation of pseudo-inverses and
    nonlinear least squares problems whose variables separate".
    """
    if rcond is not None and rtol is not None:
        raise OptionError("pinv takes rcond or rtol, got both")
    given = rtol if rcond is None else rcond
    cutoff = 1e-15 if given is None else float(given)
    return PINV(matrices(a), rcond=cutoff, hermitian=hermitian)
