"""Type rules that several ops and blocks share."""

from __future__ import annotations

from typing import Any

from ..errors import DTypeError
from ..ir.types import TensorType, is_floating


def floating(given: TensorType, what: str = "input") -> TensorType:
    """`given` itself if it is floating, else an error that says how to convert."""
    if not is_floating(given.dtype):
        raise DTypeError(
            f"requires {what} of a floating dtype, got {given}",
            hint=f'{what}.astype("float32")',
        )
    return given


def same_type(x: TensorType, **_: Any) -> TensorType:
    """The type rule of an op that has the type of its only input."""
    return x


def same_floating_type(x: TensorType, **_: Any) -> TensorType:
    """The type rule of an op that has the type of its only input, which is floating."""
    return floating(x)
