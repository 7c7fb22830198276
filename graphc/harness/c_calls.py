"""Calls of functions in C on the memory of arrays."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache, lru_cache
from threading import get_ident
from typing import Any

import numpy as np

from .model import C_DTYPES, C_SOURCE
from .native import compiled, use_blas

# --- imports above, copied into emitted programs below ---

# Calls of functions in C ------------------------------------------------------------


@cache
def c_library() -> ctypes.CDLL:
    """The functions of `C_SOURCE`, with those of BLAS that they call."""
    # Integers wrap, as NumPy's do.
    library = compiled(C_SOURCE, "-fwrapv")
    use_blas(library)
    return library


class CCall:
    """A function in C with the addresses of the arrays that it was called with."""

    def __init__(self, function: str, sizes: tuple[int, ...]) -> None:
        dtypes = C_DTYPES[function]
        self.name = function
        self.dtypes: list[np.dtype[Any]] = [np.dtype(each) for each in dtypes]
        self.run = getattr(c_library(), function)
        self.arrays: list[Any] = [None] * len(dtypes)
        self.addresses = (ctypes.c_void_p * len(dtypes))()
        self.sizes = (ctypes.c_int64 * len(sizes))(*sizes)

    def __call__(self, arrays: Sequence[Any], numbers: Sequence[float]) -> None:
        """Run the function; what it writes to comes after what it reads."""
        copies: list[Any] = []
        for place, array in enumerate(arrays):
            if array is not self.arrays[place]:
                used = self.address(place, array)
                if used is not array:
                    copies.append(used)
        values = (ctypes.c_double * len(numbers))(*numbers)
        if self.run(self.addresses, self.sizes, values):
            raise IndexError(f"{self.name} was given a position that is out of bounds")

    def address(self, place: int, value: Any) -> Any:
        """Take the address of an array, or of a copy as the function reads it."""
        if isinstance(value, np.random.Generator):
            pointer = value.bit_generator.ctypes.bit_generator
            self.addresses[place], self.arrays[place] = pointer.value, value
            return value
        dtype = self.dtypes[place]
        array: np.ndarray[Any, Any] = np.asarray(value)
        if array is not value:
            array = array.astype(dtype)
        if array.dtype != dtype:
            raise TypeError(
                f"{self.name} computes with {dtype}, but an array is {array.dtype}"
            )
        array = np.ascontiguousarray(array)
        self.addresses[place] = array.__array_interface__["data"][0]
        # A copy is made anew each time, since it does not change with the array.
        self.arrays[place] = array if array is value else None
        return array


@lru_cache(maxsize=64)
def c_call(function: str, sizes: tuple[int, ...], thread: int) -> CCall:
    """A call for given sizes; each thread has its own."""
    return CCall(function, sizes)


def call_c(
    function: str,
    arrays: Sequence[Any],
    sizes: tuple[int, ...] = (),
    numbers: Sequence[float] = (),
) -> None:
    """Run a function in C.

    Args:
        function: its name.
        arrays: those that it reads, then those that it writes to.
        sizes: the named ones that it takes.
        numbers: values without axes that it reads.
    """
    c_call(function, sizes, get_ident())(arrays, numbers)
