"""Types of values: a dtype and a shape, or several of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DTypeError
from .dims import Dimension, Shape, format_shape, product

DType = np.dtype[Any]


@dataclass(frozen=True, slots=True)
class TensorType:
    """A NumPy dtype and a shape whose dimensions are ints or named sizes."""

    dtype: DType
    shape: Shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> Dimension:
        """The number of elements."""
        return product(self.shape)

    def with_shape(self, shape: Shape) -> TensorType:
        """The same dtype in another shape."""
        return TensorType(self.dtype, shape)

    def __str__(self) -> str:
        return f"{self.dtype} {format_shape(self.shape)}"


@dataclass(frozen=True, slots=True)
class TupleType(TensorType):
    """Several values, which other nodes read one by one.

    As an array it is nothing: of no shape, and of a dtype that no arithmetic takes.
    """

    items: tuple[TensorType, ...]

    @staticmethod
    def of(*items: TensorType) -> TupleType:
        """The type of these values together."""
        return TupleType(np.dtype(np.void), (), items)

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.items))})"


def as_dtype(value: object) -> DType:
    """A user's dtype as a NumPy dtype of numbers or booleans."""
    try:
        dtype = np.dtype(value)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        raise DTypeError(
            f"dtype must name a NumPy dtype, got {value!r}", hint='"float32"'
        ) from None
    if dtype.kind not in "biuf":
        raise DTypeError(
            f"dtype must be boolean, integer or floating, got {dtype}",
            hint='"float32" or "int64"',
        )
    return dtype.newbyteorder("=")


def is_floating(dtype: DType) -> bool:
    """True where derivatives with respect to values of this dtype exist."""
    return dtype.kind == "f"


def has_derivatives(type: TensorType) -> bool:
    """True where derivatives flow through values of a type, or through one of several.

    >>> number = TensorType(np.dtype("float32"), ())
    >>> count = TensorType(np.dtype("int64"), ())
    >>> has_derivatives(TupleType.of(count, number)), has_derivatives(count)
    (True, False)
    """
    if isinstance(type, TupleType):
        return any(has_derivatives(item) for item in type.items)
    return is_floating(type.dtype)


def is_integer(dtype: DType) -> bool:
    """True where values of this dtype may index."""
    return dtype.kind in "iu"
