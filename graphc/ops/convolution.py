"""Convolution of two vectors, and their correlation."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..errors import ShapeError, UnsupportedError
from ..ir.array_methods import array_function
from ..ir.batching import Batch
from ..ir.dims import Dim, Dimension
from ..ir.facts import Facts
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from .as_routines import convolved
from .indexing import slice_axis
from .linalg import MATMUL
from .padding import pad
from .scans import reversed_along
from .shape import expand_dims, squeeze
from .source import ArrayLike, as_node, astype
from .windows import sliding_window_view

Mode = Literal["full", "same", "valid"]


def _convolve_infer(a: TensorType, v: TensorType, *, mode: str) -> TensorType:
    if a.ndim != 1 or v.ndim != 1 or 0 in (*a.shape, *v.shape):
        raise ShapeError(f"requires two vectors with elements, got {a} and {v}")
    (long,), (short,) = a.shape, v.shape
    size: Dimension = long + short - 1 if mode == "full" else long - short + 1
    if isinstance(size, int) and size < 1:
        raise ShapeError(f"requires a vector no longer than {a} to shift, got {v}")
    return TensorType(np.result_type(a.dtype, v.dtype), (size,))


def _sizes(node: Node) -> list[tuple[Dimension, Dimension]]:
    (long,), (short,) = (each.shape for each in node.inputs)
    least: list[tuple[Dimension, Dimension]] = [(1, long), (1, short)]
    return least if node.attributes["mode"] == "full" else [*least, (short, long)]


def _convolve_vjp(g: Node, out: Node, a: Node, v: Node) -> tuple[Node, Node]:
    if out.attributes["mode"] == "full":
        return (
            CONVOLVE(g, reversed_along(v, 0), mode="valid"),
            CONVOLVE(g, reversed_along(a, 0), mode="valid"),
        )
    return (
        CONVOLVE(g, reversed_along(v, 0), mode="full"),
        reversed_along(CONVOLVE(a, reversed_along(g, 0), mode="valid"), 0),
    )


def _of_examples(batch: Batch, node: Node) -> Node:
    """Products of windows of one vector with the other one, reversed."""
    a, v = node.inputs
    is_full = node.attributes["mode"] == "full"
    if is_full and _is_shorter(a, v):
        a, v = v, a
    size = v.shape[0]
    if isinstance(size, Dim):
        raise UnsupportedError(
            f"vmap of a convolution requires a vector of known size to shift, got {v}",
            at=node,
        )
    long, short = batch.value(a), batch.value(v)
    short = reversed_along(short, short.ndim - 1)
    if is_full:
        ends = ((0, 0), (size - 1, size - 1))
        long = pad(long, ends if batch.is_mapped(a) else ends[1])
    windows = sliding_window_view(long, size, -1)
    if not batch.is_mapped(v):
        return MATMUL(windows, short)
    if not batch.is_mapped(a):
        return MATMUL(short, windows.T)
    return squeeze(MATMUL(windows, expand_dims(short, -1)), -1)


CONVOLVE = Op(
    name="convolve",
    loops=convolved,
    inputs=("a", "v"),
    infer=_convolve_infer,
    facts=Facts(
        nonnegative="all",
        finite="all",
        multiply_adds=lambda node: (node.inputs[0].shape[0], node.inputs[1].shape[0]),
    ),
    kind="contraction",
    numpy="np.convolve(a, v, mode=mode)",
    into="out[...] = np.convolve(a, v, mode=mode)",
    vjp=_convolve_vjp,
    jvp="multilinear",
    batch=_of_examples,
    size_bounds=_sizes,
    cases=(
        Case(((5,), (3,)), {"mode": "full"}),
        Case(((2,), (3,)), {"mode": "full"}),
        Case(((5,), (3,)), {"mode": "valid"}),
    ),
)
"""Sums of products of one vector and another one that is reversed and shifted."""


@array_function
def convolve(a: ArrayLike, v: ArrayLike, mode: Mode = "full") -> Node:
    """Convolution of two vectors: `y[k] = sum_i a[i] * v[k - i]`.

    Args:
        a, v: vectors of at least one element.
        mode: all places where they overlap, `"full"`; the middle ones, as many as the
            longer vector has elements, `"same"`; or those where they overlap wholly,
            `"valid"`.

    Returns:
        A vector.

    Raises:
        ShapeError: one of them is not a vector, or empty.
        UnsupportedError: a size is a name, so that it is not known which is longer.

    >>> import graphc as gc
    >>> gc.evaluate(gc.convolve([1.0, 2.0, 3.0], [0.0, 1.0, 0.5]), {})
    array([0. , 1. , 2.5, 4. , 1.5])
    """
    return _convolve(as_node(a), as_node(v), mode)


@array_function
def correlate(a: ArrayLike, v: ArrayLike, mode: Mode = "valid") -> Node:
    """Correlation of two vectors: `y[k] = sum_i a[i + k] * v[i]`, see `gc.convolve`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.correlate([1.0, 2.0, 3.0], [0.0, 1.0, 0.5]), {})
    array([3.5])
    """
    x, other = as_node(a), as_node(v)
    if not x.ndim or not other.ndim:
        raise ShapeError(f"requires two vectors, got {x.type} and {other.type}")
    if x.ndim == other.ndim == 1 and _is_shorter(x, other):
        # NumPy exchanges them, so that "same" has the middle of the reversed result.
        return reversed_along(correlate(other, x, mode), 0)
    return _convolve(x, reversed_along(other, 0), mode)


def _is_shorter(a: Node, v: Node) -> bool:
    """True where one vector is known to be shorter than another."""
    (size,), (other,) = a.shape, v.shape
    return isinstance(size, int) and isinstance(other, int) and size < other


def _convolve(a: Node, v: Node, mode: Mode) -> Node:
    dtype = np.result_type(a.dtype, v.dtype)
    a, v = astype(a, dtype), astype(v, dtype)
    if mode == "full" or a.ndim != 1 or v.ndim != 1:
        return CONVOLVE(a, v, mode="full")
    if isinstance(v.shape[0], Dim):
        raise UnsupportedError(
            f"the size of a convolution of {a.type} and {v.type} depends on which one "
            "is longer",
            hint='mode="full"',
        )
    if _is_shorter(a, v):
        a, v = v, a
    if mode == "valid":
        return CONVOLVE(a, v, mode="valid")
    start = (v.shape[0] - 1) // 2
    return slice_axis(CONVOLVE(a, v, mode="full"), 0, start, start + a.shape[0])
