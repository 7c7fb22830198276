"""Matrices as LAPACK takes them, and small things that several of its ops share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..errors import DTypeError, ShapeError, UnsupportedError
from ..ir.array_methods import array_function
from ..ir.dims import Dimension, Shape, format_shape
from ..ir.facts import Facts
from ..ir.node import Node
from ..ir.types import TensorType, is_floating
from .arithmetic import where
from .shape import expand_dims
from .source import ArrayLike, as_node, astype

Cotangents = Sequence[Node | None]
"""Of an op with several results: None for one that no derivative is asked by."""


_F = TypeVar("_F", bound=Callable[..., Any])


def linalg_function(function: _F) -> _F:
    """Register the function that `numpy.linalg` calls by this name, given a node."""
    return array_function(function, f"linalg.{function.__name__}")


def matrices(x: ArrayLike) -> Node:
    """Matrices for LAPACK: integers and booleans become float64."""
    node = as_node(x)
    return node if is_floating(node.dtype) else astype(node, "float64")


def check_rank(x: ArrayLike) -> Node:
    """An array, if it is one of matrices."""
    node = as_node(x)
    _require_rank(node.type)
    return node


def _require_rank(x: TensorType) -> None:
    if x.ndim < 2:
        raise ShapeError(
            f"requires a matrix or a stack of matrices, got {format_shape(x.shape)}",
            hint="x[:, None] for a column, x[None] for a row",
        )


def check_matrices(x: TensorType, *, square: bool = False) -> TensorType:
    """A type, if it is that of matrices that LAPACK takes."""
    if x.dtype.name not in ("float32", "float64"):
        raise DTypeError(
            f"requires float32 or float64, got {x}", hint='x.astype("float32")'
        )
    _require_rank(x)
    if square and x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            f"requires square matrices, got {format_shape(x.shape)}: "
            f"{x.shape[-2]} rows and {x.shape[-1]} columns"
        )
    return x


def square(a: TensorType) -> TensorType:
    """The type rule of an op from square matrices to such."""
    return check_matrices(a, square=True)


def number_each(a: TensorType) -> TensorType:
    """The type rule of an op from square matrices to a number for each."""
    return a.with_shape(check_matrices(a, square=True).shape[:-2])


def symmetric_part(x: Node) -> Node:
    """`(x + x.mT) / 2`."""
    return (x + x.mT) * 0.5


def inverse_or_zero(x: Node) -> Node:
    """`1 / x`, and 0 where `x` is 0; so are its derivatives."""
    is_zero = x == 0.0
    return where(is_zero, 0.0, 1.0 / where(is_zero, 1.0, x))


def cubic(*, columns: bool = False, symmetric: bool = False) -> Facts:
    """Facts of an op that takes as many multiply-adds as a product of matrices."""

    def multiply_adds(node: Node) -> Shape:
        shape = node.inputs[0].shape
        return (*shape, node.inputs[-1].shape[-1] if columns else shape[-2])

    return Facts(multiply_adds=multiply_adds, symmetric=symmetric)


def as_columns(function: Callable[[Node], Node], x: Node) -> Node:
    """A function of columns, which a vector becomes for it."""
    return function(expand_dims(x, -1))[..., 0] if x.ndim == 1 else function(x)


def smaller(rows: Dimension, columns: Dimension) -> Dimension:
    """The smaller of the sizes of matrices, which decides the shapes of factors."""
    if isinstance(rows, int) and isinstance(columns, int):
        return min(rows, columns)
    if rows != columns:
        raise UnsupportedError(
            f"requires matrices of known shape, got {rows} rows and {columns} columns",
            hint="integers for both sizes, or the same name",
        )
    return rows
