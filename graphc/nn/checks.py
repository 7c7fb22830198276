"""What blocks require of the types they are applied to, each said in one way."""

from __future__ import annotations

from typing import Any

from ..errors import DTypeError, OptionError
from ..ir.op import Case
from ..ir.types import TensorType, is_floating

__all__ = ["ELEMENTWISE_CASES", "check_reduction", "floating", "same_type"]

ELEMENTWISE_CASES = (Case(((3, 4),)), Case(((),)), Case(((0, 3),)))
"""What generated tests apply a block of one array to."""


def floating(given: TensorType, what: str = "input") -> TensorType:
    """`given` itself if it is floating, else an error that says how to convert."""
    if not is_floating(given.dtype):
        raise DTypeError(
            f"requires {what} of a floating dtype, got {given}",
            hint=f'{what}.astype("float32")',
        )
    return given


def same_type(input: TensorType, **_: Any) -> TensorType:
    """The type rule of an elementwise block."""
    return floating(input)


def check_reduction(reduction: object) -> None:
    """Raise unless `reduction` is one that losses know."""
    if reduction not in ("none", "mean", "sum"):
        raise OptionError(
            f'reduction must be "none", "mean" or "sum", got {reduction!r}'
        )
