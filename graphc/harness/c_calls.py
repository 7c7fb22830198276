"""Calls of functions in C on the memory of arrays."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import compress
from threading import get_ident
from typing import Any

import numpy as np

from .model import C_ARRAYS, C_SOURCE
from .native import compiled, use_blas

# --- imports above, copied into emitted programs below ---

# Calls of functions in C ------------------------------------------------------------

# The bytes of the largest arrays that calls remember.
REMEMBERED = 2**20


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
        self.name = function
        self.types = [(np.dtype(d), shape) for d, shape in C_ARRAYS[function](*sizes)]
        self.run = getattr(c_library(), function)
        self.places = range(len(self.types))
        self.arrays: list[Any] = [None] * len(self.types)
        self.copies: list[Any] = []
        self.addresses = (ctypes.c_void_p * len(self.types))()
        self.sizes = (ctypes.c_int64 * len(sizes))(*sizes)
        self.numbers: Any = None

    def prepare(self, arrays: Sequence[Any], numbers: Sequence[float]) -> None:
        """Take the addresses of arrays, those that are read before those written to."""
        others = map(operator.is_not, arrays, self.arrays)
        for place in compress(self.places, others):
            self.take(place, arrays[place])
        if self.numbers is None:
            self.numbers = (ctypes.c_double * len(numbers))()
        if numbers:
            self.numbers[:] = numbers

    def take(self, place: int, value: Any) -> None:
        """Take the address of an array, or of a copy as the function reads it."""
        dtype, shape = self.types[place]
        array = value
        # Most are as they have to be, and to find out more takes its time.
        is_plain = type(value) is np.ndarray
        if not (is_plain and value.dtype == dtype and value.shape == shape):
            if isinstance(value, np.random.Generator):
                pointer = value.bit_generator.ctypes.bit_generator
                self.addresses[place], self.arrays[place] = pointer.value, value
                return
            array = self.converted(value, dtype, shape)
        used, address = in_order(array)
        self.addresses[place] = address
        # A copy is made anew each time, since it does not change with the array. Large
        # arrays are forgotten, since their memory could not be used again.
        is_same = used is value
        self.arrays[place] = value if is_same and used.nbytes <= REMEMBERED else None
        if not is_same:
            self.copies.append(used)

    def converted(self, value: Any, dtype: Any, shape: tuple[int, ...]) -> Any:
        """An array of the dtype and shape that the function takes."""
        array = np.asarray(value)
        is_narrow = dtype.kind in "biu" and np.can_cast(array.dtype, dtype)
        if is_narrow or not isinstance(value, np.ndarray):
            array = array.astype(dtype, copy=False)
        if array.dtype != dtype:
            raise TypeError(
                f"{self.name} computes with {dtype}, but an array is {array.dtype}"
            )
        if array.shape != shape:
            raise ValueError(
                f"{self.name} takes an array of shape {shape}, got {array.shape}"
            )
        return array


def in_order(array: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], int]:
    """An array with its elements one after another, and its address."""
    memory: Any = array
    try:
        return array, ctypes.addressof(ctypes.c_char.from_buffer(memory))
    except (BufferError, TypeError, ValueError):
        # That way, the quickest by far, is for memory to write to only.
        used = array if array.flags.c_contiguous else array.copy()
        return used, used.__array_interface__["data"][0]


@lru_cache(maxsize=64)
def c_call(function: str, sizes: tuple[int, ...], thread: int) -> CCall:
    """A call for given sizes; each thread has its own."""
    return CCall(function, sizes)


def call_c(
    function: str,
    arrays: Sequence[Any],
    sizes: tuple[int, ...] = (),
    numbers: Sequence[float] = (),
    then: Any = None,
) -> None:
    """Run a function in C.

    Args:
        function: its name.
        arrays: those that it reads, then those that it writes to.
        sizes: the named ones that it takes.
        numbers: values without axes that it reads.
        then: an update to end with, if any.
    """
    call = c_call(function, sizes, get_ident())
    call.prepare(arrays, numbers)
    run = call.run if then is None else then.follow
    problem = run(call.addresses, call.sizes, call.numbers)
    call.copies.clear()
    if problem == 1:
        raise IndexError(f"{function} was given a position that is out of bounds")
