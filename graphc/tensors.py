"""Tensors of torch as NumPy arrays; torch itself is not imported."""

from __future__ import annotations

from typing import Any


def plain_tensor(value: Any) -> Any:
    """The array of a tensor, on whatever device it is; anything else as it is.

    NumPy has no bfloat16, whose numbers are those of float32 cut off.
    """
    if not (hasattr(value, "detach") and hasattr(value, "cpu")):
        return value
    tensor = value.detach().cpu()
    if str(tensor.dtype).endswith("bfloat16"):
        tensor = tensor.float()
    return tensor.numpy()
