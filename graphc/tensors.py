"""Tensors of other packages as NumPy arrays; none of these is imported."""

from __future__ import annotations

from typing import Any

import numpy as np


class TensorError(ValueError):
    """A tensor that no array of NumPy's can have the numbers of."""


def plain_tensor(value: Any) -> Any:
    """The array of a tensor, on whatever device it is; anything else as it is.

    Numbers that NumPy has no dtype for, such as bfloat16, become float32.

    Raises:
        TensorError: it is sparse, has no values, or is of another device.
    """
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        return _of_torch(value)
    if hasattr(value, "toarray") and hasattr(value, "nnz"):
        raise TensorError("it is sparse; .toarray() gives all of its numbers")
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        try:
            value = np.from_dlpack(value)
        except (BufferError, RuntimeError, TypeError) as error:
            raise TensorError(_first_line(error)) from None
    dtype = getattr(value, "dtype", None)
    return _widened(value) if is_foreign(dtype) else value


def is_foreign(dtype: Any) -> bool:
    """True for a dtype that another package has registered with NumPy."""
    return isinstance(dtype, np.dtype) and dtype.isbuiltin == 2


def _of_torch(value: Any) -> Any:
    tensor = value.detach()
    kind = str(tensor.dtype).removeprefix("torch.")
    try:
        if "float" in kind and kind not in ("float16", "float32", "float64"):
            tensor = tensor.float()
        return tensor.numpy(force=True)
    except (NotImplementedError, RuntimeError, TypeError) as error:
        raise TensorError(_first_line(error)) from None


def _widened(value: Any) -> Any:
    """Numbers of few bits as the smallest ones of NumPy's that hold them all."""
    array = np.asarray(value)
    wide = (kind for kind in ("int8", "float32") if np.can_cast(array.dtype, kind))
    return array.astype(next(wide, array.dtype))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
