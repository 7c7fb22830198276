"""Functions of square matrices: powers, and the exponential."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from ..errors import DTypeError
from ..ir.node import Node
from ..ir.op import Case, Op
from .joining import concatenate
from .matrices import (
    check_matrices,
    cubic,
    linalg_function,
    matrices,
    square,
)
from .ranges import eye
from .shape import broadcast_to
from .solving import INV
from .source import ArrayLike, as_node, zeros_like


@linalg_function
def matrix_power(a: ArrayLike, n: int) -> Node:
    """Integer power of square matrices, by squaring: `a @ a @ ...`, or `inv(a) @ ...`.

    Args:
        a: `(..., m, m)`.
        n: an integer. The power of 0 is the identity; that of a negative one is the
            power of the inverse.

    Returns:
        `(..., m, m)`.

    Raises:
        ShapeError: the matrices are not square.
        DTypeError: `n` is not an integer.
        LinAlgError: when the program runs, a matrix is singular, and `n` is negative.

    >>> import graphc as gc
    >>> gc.evaluate(gc.linalg.matrix_power([[1.0, 1.0], [0.0, 1.0]], 5), {})
    array([[1., 5.],
           [0., 1.]])
    """
    try:
        count = operator.index(n)
    except TypeError:
        raise DTypeError(f"n must be an integer, got {n!r}") from None
    x = as_node(a) if count > 0 else matrices(a)
    if x.dtype.kind == "f":
        check_matrices(x.type, square=True)
    if count == 0:
        return broadcast_to(eye(x.shape[-1], dtype=x.dtype), x.shape)
    if count < 0:
        x, count = INV(x), -count
    found: Node | None = None
    while True:
        if count % 2:
            found = x if found is None else found @ x
        count //= 2
        if not count:
            assert found is not None
            return found
        x = x @ x


_EXPM = """
def expm(a):
    \"\"\"The exponential of square matrices, by squaring a Pade approximant.\"\"\"
    norm = np.max(np.sum(np.abs(a), axis=-2), initial=0.0)
    halvings = int(np.ceil(np.log2(norm / 5.37))) if 5.37 < norm < np.inf else 0
    x = a / 2**halvings
    term = np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)
    even, odd, weight = term, np.zeros_like(term), 1.0
    for k in range(1, 14):
        weight *= (14 - k) / (k * (27 - k))
        term = term @ x
        if k % 2:
            odd = odd + weight * term
        else:
            even = even + weight * term
    found = np.linalg.solve(even - odd, even + odd)
    for _ in range(halvings):
        found = found @ found
    return found
"""


def _beside(a: Node, direction: Node) -> Node:
    """The derivative of the exponential of `a` along a direction.

    It stands in the exponential of `[[a, direction], [0, a]]`.
    """
    size = a.shape[-1]
    above = concatenate([a, direction], axis=-1)
    below = concatenate([zeros_like(a), a], axis=-1)
    return EXPM(concatenate([above, below], axis=-2))[..., :size, size:]


def _expm_jvp(tangents: Sequence[Node], out: Node, a: Node) -> Node:
    return _beside(a, tangents[0])


EXPM = Op(
    name="expm",
    inputs=("A",),
    infer=square,
    kind="contraction",
    numpy="expm(A)",
    helpers=(_EXPM,),
    vjp=lambda g, out, a: (_beside(a.mT, g),),
    jvp=_expm_jvp,
    facts=cubic(),
    cases=(
        Case(((3, 3),), matrices=("well-conditioned",)),
        Case(((2, 2, 2),), matrices=("well-conditioned",)),
    ),
)


def expm(A: ArrayLike) -> Node:
    """Exponential of square matrices, `1 + A + A @ A / 2 + ...`.

    NumPy has no such function, so a program has one of its own: a Pade approximant of
    degree 13 of `A / 2**k`, squared `k` times. The derivative along `E` is the upper
    right block of `expm([[A, E], [0, A]])`.

    Args:
        A: `(..., n, n)`.

    Returns:
        `(..., n, n)`.

    Raises:
        ShapeError: the matrices are not square.
        DTypeError: a float that LAPACK does not take.

    >>> import graphc as gc
    >>> gc.evaluate(gc.linalg.expm([[0.0, 1.0], [0.0, 0.0]]), {})
    array([[1., 1.],
           [0., 1.]])

    Source: Higham 2005, "The scaling and squaring method for the matrix exponential
    revisited".
    """
    return EXPM(matrices(A))
