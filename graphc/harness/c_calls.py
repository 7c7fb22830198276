"""Calls of functions in C on the memory of arrays."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from threading import get_ident
from typing import Any

import numpy as np

from .cores import count_cores
from .model import C_ARRAYS, C_SOURCE, THREADS
from .native import compiled, use_blas

# --- imports above, copied into emitted programs below ---

# Calls of functions in C ------------------------------------------------------------

# Flags of an array: its elements follow one another, each where its dtype has to be,
# and it may be written to.
IN_ORDER, WRITEABLE = 0x101, 0x400
# The code that a function in C returns for a wrong position.
OUT_OF_BOUNDS = 1


@cache
def c_library() -> ctypes.CDLL:
    """The functions of `C_SOURCE`, with those of BLAS that they call."""
    # Integers wrap, as NumPy's do.
    library = compiled(C_SOURCE, "-fwrapv")
    use_blas(library)
    if has_known_objects():
        head, items = object.__basicsize__, tuple.__basicsize__
        sizes = ctypes.c_int64(head), ctypes.c_int64(items)
        library.use_objects(ctypes.c_void_p(id(np.ndarray)), *sizes)
    # if cores
    # On Windows they have none.
    with suppress(AttributeError):
        library.use_threads(ctypes.c_int64(THREADS or count_cores()))
    # end
    return library


class ArrayMembers(ctypes.Structure):
    """The members of an array, as `struct array_members` has them."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("axes", ctypes.c_int),
        ("shape", ctypes.POINTER(ctypes.c_ssize_t)),
        ("strides", ctypes.c_void_p),
        ("base", ctypes.c_void_p),
        ("dtype", ctypes.c_void_p),
        ("flags", ctypes.c_int),
    )


class CallMembers(ctypes.Structure):
    """The members of `struct call`, with which a function is called."""

    _fields_ = (
        ("objects", ctypes.c_void_p),
        ("first", ctypes.c_int64),
        ("count", ctypes.c_int64),
        ("types", ctypes.c_void_p),
        ("expected", ctypes.c_void_p),
        ("addresses", ctypes.c_void_p),
        ("sizes", ctypes.c_void_p),
        ("numbers", ctypes.c_void_p),
        ("run", ctypes.c_void_p),
        ("step", ctypes.c_void_p),
        ("then", ctypes.c_void_p),
    )


def has_known_objects() -> bool:
    """True where objects of Python are in memory as the functions in C expect them.

    Elsewhere these are told each address, which takes longer.
    """
    if platform.python_implementation() != "CPython":
        return False
    probe = np.zeros((3, 5), np.float32)[1:, :4]
    probes, word = (probe,), ctypes.c_void_p
    start = id(probe) + object.__basicsize__
    found = ArrayMembers.from_address(start)
    return (
        word.from_address(id(probes) + tuple.__basicsize__).value == id(probe)
        and word.from_address(start - ctypes.sizeof(word)).value == id(np.ndarray)
        and (found.data, found.axes) == (probe.ctypes.data, 2)
        and (found.dtype, found.flags) == (id(probe.dtype), probe.flags.num)
        and found.shape[:2] == [2, 4]
    )


def integers(values: Sequence[int]) -> Any:
    """Integers in memory that C reads."""
    return (ctypes.c_int64 * len(values))(*values)


def floats(values: Sequence[float]) -> Any:
    """Floats in memory that C reads."""
    return (ctypes.c_double * len(values))(*values)


def pointers(values: Sequence[int]) -> Any:
    """Addresses in memory that C reads."""
    return (ctypes.c_void_p * len(values))(*values)


def types_of(arrays: Iterable[tuple[Any, tuple[int, ...], int]]) -> Any:
    """Dtypes, shapes and flags of arrays, for C to compare."""
    found: list[int] = []
    for dtype, shape, flags in arrays:
        found += (id(dtype), flags, len(shape), *shape)
    return integers(found)


class CCall:
    """A function in C with the memory of its arguments."""

    def __init__(self, function: str, sizes: tuple[int, ...]) -> None:
        self.name = function
        self.types = [(np.dtype(d), shape) for d, shape in C_ARRAYS[function](*sizes)]
        self.run: Any = c_library().call_on_arrays
        self.copies: list[Any] = []
        count = len(self.types)
        self.wanted = types_of((*each, IN_ORDER) for each in self.types)
        self.sizes, self.addresses = integers(sizes), pointers([0] * count)
        self.numbers = floats([])
        self.block = (CallMembers * 1)()
        self.members = self.block[0]
        self.members.count = count
        self.members.types = ctypes.addressof(self.wanted)
        self.members.addresses = ctypes.addressof(self.addresses)
        self.members.sizes = ctypes.addressof(self.sizes)
        run = getattr(c_library(), function)
        self.members.run = ctypes.cast(run, ctypes.c_void_p)

    def use_numbers(self, numbers: Sequence[float]) -> None:
        """Pass numbers to the function."""
        if len(self.numbers) != len(numbers):
            self.numbers = floats(numbers)
            self.members.numbers = ctypes.addressof(self.numbers)
        self.numbers[:] = numbers

    def helped(self, problem: int, arrays: tuple[Any, ...], then: Any) -> int:
        """Run the function where it can't take the addresses of all arrays.

        Args:
            problem: what it has returned, -1 - place of such an array.
            arrays: those that it is called with.
            then: an update to end with, if any.
        """
        try:
            while problem < 0:
                place = -1 - problem
                if place < len(arrays):
                    self.addresses[place] = self.address(place, arrays[place])
                    self.members.first = place + 1
                else:
                    then.prepare()
                problem = self.run(self.block)
            return problem
        # if c_draws
        except BaseException:
            if then is not None:
                then.end(1)
            raise
        # end
        finally:
            self.members.first = 0
            self.copies.clear()

    def address(self, place: int, value: Any) -> int:
        """The address of an array, or of a copy as the function reads it."""
        if isinstance(value, np.random.Generator):
            return value.bit_generator.ctypes.bit_generator.value
        array = in_order(self.converted(value, *self.types[place]))
        self.copies.append(array)
        return array.ctypes.data

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


def in_order(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An array, or a copy of it, with its elements one after another."""
    return array if array.flags.c_contiguous and array.flags.aligned else array.copy()


@lru_cache(maxsize=64)
def c_call(function: str, sizes: tuple[int, ...], thread: int) -> CCall:
    """A call for given sizes; each thread has its own."""
    return CCall(function, sizes)


def call_c(
    function: str,
    arrays: tuple[Any, ...],
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
    if numbers:
        call.use_numbers(numbers)
    members = call.members
    members.then = None if then is None else then.start
    # Arrays may have changed since the last call, so that none of them is remembered.
    members.objects = id(arrays)
    # if c_draws
    if then is not None:
        then.draw()
    # end
    problem = call.run(call.block)
    if problem < 0:
        problem = call.helped(problem, arrays, then)
    if then is not None:
        then.end(problem)
    if problem == OUT_OF_BOUNDS:
        raise IndexError(f"{function} was given a position that is out of bounds")
