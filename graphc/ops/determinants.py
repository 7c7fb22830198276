"""Determinants, and their derivatives at singular matrices, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType, TupleType
from .arithmetic import where
from .control import results_of
from .matrices import (
    Cotangents,
    cubic,
    linalg_function,
    matrices,
    number_each,
    square,
)
from .reduction import sum
from .shape import expand_dims
from .solving import INV
from .source import ArrayLike

_SQUARE = (
    Case(((3, 3),), matrices=("well-conditioned",)),
    Case(((2, 3, 3),), matrices=("well-conditioned",)),
)


def _inner(x: Node, y: Node) -> Node:
    """The sum of products of the elements of matrices."""
    return sum(x * y, axis=(-2, -1))


def _each(x: Node) -> Node:
    """Numbers that weigh the matrices of a stack."""
    return expand_dims(x, (-2, -1))


_COFACTORS = """
def cofactors(a):
    \"\"\"Gradients of determinants: `det(a) * inv(a).T`, also if `a` is singular.\"\"\"
    u, s, vh = np.linalg.svd(a)
    others = np.where(np.eye(s.shape[-1], dtype=bool), 1, s[..., None, :])
    sign = np.linalg.det(u) * np.linalg.det(vh)
    weights = sign[..., None] * np.prod(others, axis=-1)
    return (u * weights[..., None, :]) @ vh
"""


def _cofactors_vjp(g: Node, out: Node, a: Node) -> tuple[Node]:
    turned = INV(a).mT
    return (_each(_inner(g, turned)) * out - out @ g.mT @ turned,)


def _cofactors_jvp(tangents: Sequence[Node], out: Node, a: Node) -> Node:
    (moved,) = tangents
    turned = INV(a).mT
    return _each(_inner(out, moved)) * turned - turned @ moved.mT @ out


COFACTORS = Op(
    name="cofactors",
    inputs=("a",),
    infer=square,
    kind="contraction",
    numpy="cofactors(a)",
    helpers=(_COFACTORS,),
    vjp=_cofactors_vjp,
    jvp=_cofactors_jvp,
    facts=cubic(),
    cases=_SQUARE,
)

DET = Op(
    name="det",
    inputs=("a",),
    infer=number_each,
    kind="contraction",
    numpy="np.linalg.det(a)",
    vjp=lambda g, out, a: (_each(g) * COFACTORS(a),),
    jvp=lambda tangents, out, a: _inner(COFACTORS(a), tangents[0]),
    facts=cubic(),
    cases=_SQUARE,
)


@linalg_function
def det(a: ArrayLike) -> Node:
    """Determinant of square matrices.

    Its gradient is the matrix of cofactors, which is `det(a) * inv(a).mT` where there
    is an inverse, and right where there is none. Second derivatives require an inverse.

    Args:
        a: `(..., n, n)`.

    Returns:
        `(...)`.

    Raises:
        ShapeError: the matrices are not square.
        DTypeError: a float that LAPACK does not take.

    >>> import graphc as gc
    >>> a = gc.input("a", (2, 2), "float64")
    >>> gc.evaluate(gc.grad(gc.linalg.det(a), a), {"a": [[1.0, 0.0], [2.0, 0.0]]})
    array([[ 0., -2.],
           [ 0.,  1.]])
    """
    return DET(matrices(a))


def _slogdet_infer(a: TensorType) -> TupleType:
    return TupleType.of(number_each(a), number_each(a))


def _slogdet_vjp(cotangents: Cotangents, out: Node, a: Node) -> tuple[Node | None]:
    d_logabsdet = cotangents[1]
    return (None if d_logabsdet is None else _each(d_logabsdet) * INV(a).mT,)


def _slogdet_jvp(
    tangents: Sequence[Node], out: Node, a: Node
) -> tuple[Node | None, Node]:
    return None, _inner(INV(a).mT, tangents[0])


SLOGDET = Op(
    name="slogdet",
    inputs=("a",),
    outputs=("sign", "logabsdet"),
    infer=_slogdet_infer,
    kind="contraction",
    numpy="np.linalg.slogdet(a)",
    vjp=_slogdet_vjp,
    jvp=_slogdet_jvp,
    facts=cubic(),
    cases=_SQUARE,
)


class SlogdetResult(NamedTuple):
    """The results of `gc.linalg.slogdet`."""

    sign: Node
    logabsdet: Node


@linalg_function
def slogdet(a: ArrayLike) -> SlogdetResult:
    """Sign and natural logarithm of the determinant, which does not overflow.

    `d_a = d_logabsdet * inv(a).mT`; no derivative flows through the sign.

    Args:
        a: `(..., n, n)`.

    Returns:
        A named tuple of `sign`, which is -1, 0 or 1, and `logabsdet`, both `(...)`. Of
        a singular matrix they are 0 and -inf.

    Raises:
        ShapeError: the matrices are not square.
        DTypeError: a float that LAPACK does not take.
        LinAlgError: when the program runs, a matrix is singular whose gradient is asked
            for.

    >>> import graphc as gc
    >>> sign, logabsdet = gc.linalg.slogdet([[0.0, 1.0], [1.0, 0.0]])
    >>> gc.evaluate([sign, logabsdet], {})
    [array(-1.), array(0.)]
    """
    return SlogdetResult(*results_of(SLOGDET(matrices(a))))


def logdet(a: ArrayLike) -> Node:
    """Natural logarithm of the determinant, as torch has it.

    Args:
        a: `(..., n, n)`.

    Returns:
        `(...)`: NaN where the determinant is negative, and -inf where it is 0.

    Raises:
        ShapeError: the matrices are not square.

    >>> import graphc as gc
    >>> gc.evaluate(gc.linalg.logdet([[1.0, 0.0], [0.0, 1.0]]), {})
    array(0.)
    """
    sign, logabsdet = slogdet(a)
    return where(sign < 0.0, float("nan"), logabsdet)
