"""Calls of an optimizer's update in C, and of a step of training that ends with it."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Sequence
from functools import lru_cache
from threading import get_ident
from typing import Any

import numpy as np

from .c_calls import (
    IN_ORDER,
    WRITEABLE,
    CallMembers,
    c_library,
    floats,
    in_order,
    integers,
    pointers,
    types_of,
)
from .flat import getter, join_neighbours, side_by_side
from .model import C_DRAWS, C_UPDATES, PARAMETERS
from .streams import random_streams

# --- imports above, copied into emitted programs below ---

# Updates in C -------------------------------------------------------------------------


class UpdateCall:
    """An update in C, with the arrays that it changes."""

    def __init__(self, step: str) -> None:
        """Find the functions in C.

        Args:
            step: the name of the loss.
        """
        self.step = step
        self.getters = C_GETTERS[step]
        self.library = c_library()
        self.run: Any = self.library.call_on_arrays
        self.block = (CallMembers * 1)()
        self.members, self.start = self.block[0], ctypes.addressof(self.block)
        for member, name in zip(("run", "step"), C_UPDATES[step][:2], strict=True):
            function: Any = getattr(self.library, name, None)
            setattr(self.members, member, ctypes.cast(function, ctypes.c_void_p))
        # Nothing is as these say, so that the first arrays are looked at.
        self.memory: dict[str, Any] = {"types": integers([0, 0, 0])}
        self.members.types = ctypes.addressof(self.memory["types"])
        self.members.count = 1
        self.types: list[tuple[Any, tuple[int, ...], int]] = []
        self.given: Sequence[float] = ()
        self.numbers: Any = None
        self.sources: Sequence[dict[str, np.ndarray[Any, Any]]] = ()
        self.arrays: tuple[Any, ...] = ()
        self.copies: list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]] = []
        self.room = np.empty(C_UPDATES[step][2], np.uint8)
        self.is_done = False
        # if c_draws
        self.rng: Any = None
        self.drawn: dict[str, np.ndarray[Any, Any]] = {}
        self.before: list[tuple[np.random.Generator, Any]] = []
        # end

    def __reduce__(self) -> Any:
        # What has been copied has other arrays.
        return bool, ()

    def take(
        self,
        parameters: dict[str, np.ndarray[Any, Any]],
        gradients: dict[str, np.ndarray[Any, Any]],
        slots: dict[str, np.ndarray[Any, Any]],
        numbers: Sequence[float],
    ) -> None:
        """Take what the next update is of, for C to look whether it is as before."""
        trained_of, assigned_of, kept_of = self.getters
        self.sources = parameters, gradients, slots
        trained = trained_of(parameters) + trained_of(gradients)
        self.arrays = trained + assigned_of(parameters) + kept_of(slots)
        members = self.members
        members.objects, members.first = id(self.arrays), 0
        if numbers != self.given:
            if len(numbers) != len(self.given):
                self.numbers = floats(numbers)
                members.numbers = ctypes.addressof(self.numbers)
            self.numbers[:] = self.given = numbers

    def prepare(self) -> None:
        """Check the arrays, and find those that lie side by side: these are one."""
        parameters, gradients, slots = self.sources
        kinds = {"parameters": parameters, "gradients": gradients, "slots": slots}
        alone, rules = C_UPDATES[self.step][3:]
        every: list[np.ndarray[Any, Any]] = []
        for kind, key, dtype, shape, is_written in alone:
            every.append(checked(kinds[kind][key], dtype, shape, is_written, key))
        every += [self.room] * bool(self.room.size)
        sizes, counts = list[int](), list[int]()
        for names, kept, dtypes, shapes in rules:
            rows: list[tuple[np.ndarray[Any, Any], ...]] = []
            for name in names:
                own = PARAMETERS[name][1]
                row = (parameters[name], gradients[name])
                row = (*row, *(slots[f"{name}.{key}"] for key in kept))
                told = (name, f"gradient of {name}", *(f"{name}.{k}" for k in kept))
                shaped = [own if s is None else s for s in shapes or [None] * len(row)]
                are_written = (True, False, *[True] * len(kept))
                columns = zip(row, dtypes, shaped, are_written, told, strict=True)
                rows.append(tuple(itertools.starmap(checked, columns)))
            # Rules that look at whole arrays are given one parameter after another.
            joined = rows if shapes else list(join_neighbours(rows))
            counts.append(len(joined))
            sizes += [row[0].size for row in joined]
            every += [array for row in joined for array in row]
        trained = sum(len(names) for names, *_ in rules)
        flags = [IN_ORDER + WRITEABLE] * len(self.arrays)
        flags[trained : 2 * trained] = [IN_ORDER] * trained
        # Kept, because C knows dtypes by their addresses.
        self.types = [
            (array.dtype, array.shape, flag)
            for array, flag in zip(self.arrays, flags, strict=True)
        ]
        self.copies = []
        used = [self.used(array) for array in every]
        expected = [np.asarray(array).ctypes.data for array in self.arrays]
        self.memory = {
            "types": types_of(self.types),
            "expected": pointers(expected),
            "addresses": pointers([array.ctypes.data for array in used]),
            "sizes": integers([*counts, *sizes]),
        }
        for member, memory in self.memory.items():
            setattr(self.members, member, ctypes.addressof(memory))
        # They need no other look this time.
        self.members.first = self.members.count = len(self.arrays)

    def used(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """An array, or a copy of it with its elements in order."""
        found = in_order(array)
        if found is not array:
            self.copies.append((array, found))
        return found

    def __call__(self) -> None:
        """Run the update."""
        # if c_draws
        self.draw()
        # end
        problem = self.run(self.block)
        if problem < 0:
            self.prepare()
            problem = self.run(self.block)
        self.end(problem)

    # if c_draws
    def draw(self) -> None:
        """Draw what the update is given."""
        if self.step in C_DRAWS:
            function, streams, _ = C_DRAWS[self.step]
            rng = random_streams(self.rng)
            generators = [rng[stream] for stream in streams]
            self.before = [(each, each.bit_generator.state) for each in generators]
            function(rng, self.drawn)

    # end
    def end(self, problem: int) -> None:
        """Remember if the update was done, and give arrays what copies have become."""
        self.is_done = not problem
        # if c_draws
        if problem:
            for generator, before in self.before:
                generator.bit_generator.state = before
        # end
        if self.copies:
            for array, used in self.copies:
                if array.flags.writeable:
                    array[...] = used
            self.copies.clear()


def update_call(
    parameters: dict[str, np.ndarray[Any, Any]],
    gradients: dict[str, np.ndarray[Any, Any]],
    state: dict[str, Any],
    numbers: Sequence[float],
    step: str = "",
) -> UpdateCall:
    """Return the update of arrays in C, which is made once for a state and a thread."""
    key = f"update {step} {get_ident()}"
    call = state.get(key)
    if not call:
        call = state[key] = UpdateCall(step)
    slots = state["slots"]
    # if c_draws
    call.rng, call.drawn = state["rng"], drawn_arrays(step, get_ident())
    slots = {**slots, **call.drawn}
    # end
    call.take(parameters, gradients, slots, numbers)
    return call


# if c_draws
@lru_cache(maxsize=16)
def drawn_arrays(step: str, thread: int) -> dict[str, np.ndarray[Any, Any]]:
    """Allocate, once for each thread, the arrays that an update is given by draws."""
    types = C_DRAWS[step][2] if step in C_DRAWS else {}
    return side_by_side({key: np.empty(s, dtype) for key, (dtype, s) in types.items()})


# end
def checked(
    array: Any, dtype: str, shape: tuple[int, ...], is_written: bool, name: str
) -> Any:
    """An array of an update, which has to be as it was declared."""
    found = getattr(array, "dtype", type(array).__name__)
    if found != np.dtype(dtype):
        raise TypeError(f"update computes with {dtype}, but {name!r} is {found}")
    if array.shape != shape:
        raise ValueError(f"{name!r} has shape {array.shape}, and should have {shape}")
    if is_written and not array.flags.writeable:
        raise ValueError(f"{name!r} can't be updated: the array is read-only")
    return np.asarray(array)


# Of each update, how to look up parameters or gradients, parameters that it takes by
# themselves, and what the optimizer keeps.
C_GETTERS = {
    step: (
        getter([name for names, *_ in rules for name in names]),
        getter([key for kind, key, *_ in alone if kind == "parameters"]),
        getter(
            [
                *(key for kind, key, *_ in alone if kind == "slots"),
                *(f"{n}.{k}" for names, kept, *_ in rules for n in names for k in kept),
            ]
        ),
    )
    for step, (*_, alone, rules) in C_UPDATES.items()
}
