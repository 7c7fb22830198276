"""Type rules that several ops and blocks share."""

from __future__ import annotations

from typing import Any

from ..errors import DTypeError
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.types import DType, TensorType, is_floating


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


def cast_type(x: TensorType, *, dtype: DType) -> TensorType:
    """The type of an array that was converted."""
    return TensorType(dtype, x.shape)


def _cast_formula(node: Node) -> str | None:
    """Numbers in mathematics have no precision, and a condition counts as 1."""
    before, after = node.inputs[0].dtype.kind, node.dtype.kind
    if after != "f" or before not in "bfiu":
        return None
    return "indicator(x)" if before == "b" else "x"


CAST = Mathematics(formula=_cast_formula)
"""The formula of a conversion."""
