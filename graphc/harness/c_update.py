"""Calls of an optimizer's update in C, and of a step of training that ends with it."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from .c_calls import c_library, in_order
from .flat import getter, join_neighbours
from .model import C_UPDATES, PARAMETERS

# --- imports above, copied into emitted programs below ---

# Updates in C -------------------------------------------------------------------------


class UpdateCall:
    """An update in C, with the addresses of the arrays that it changes."""

    def __init__(
        self,
        arrays: Sequence[Any],
        alone: Sequence[np.ndarray[Any, Any]],
        rules: Sequence[Sequence[tuple[np.ndarray[Any, Any], ...]]],
        numbers: Sequence[float],
        step: str,
    ) -> None:
        """Take addresses.

        Args:
            arrays: those that all others are, or are parts of.
            alone: those that the update reads by themselves.
            rules: for each rule, what its loop goes through.
            numbers: see `update_numbers`.
            step: the name of the loss.
        """
        self.arrays = arrays
        self.copies: list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]] = []
        rows = [row for rule in rules for row in rule]
        every = [*alone, *(array for row in rows for array in row)]
        sizes = [*map(len, rules), *(row[0].size for row in rows)]
        addresses = [self.take(array) for array in every]
        self.addresses = (ctypes.c_void_p * len(addresses))(*addresses)
        self.sizes = (ctypes.c_int64 * len(sizes))(*sizes)
        self.numbers = (ctypes.c_double * len(numbers))(*numbers)
        self.update = getattr(c_library(), C_UPDATES[step][0])
        self.step: Any = getattr(c_library(), C_UPDATES[step][1], None)
        self.is_done = False

    def __reduce__(self) -> Any:
        # What has been copied has other arrays.
        return bool, ()

    def take(self, array: np.ndarray[Any, Any]) -> int:
        """Take the address of an array, or of a copy with its elements in order."""
        used, address = in_order(array)
        if used is not array:
            self.copies.append((array, used))
        return address

    def __call__(self) -> None:
        """Run the update."""
        for array, used in self.copies:
            used[...] = array
        self.update(self.addresses, self.sizes, self.numbers)
        self.copy_back()

    def follow(self, arrays: Any, sizes: Any, numbers: Any) -> int:
        """Run a step of training that the update is the end of."""
        for array, used in self.copies:
            used[...] = array
        problem: int = self.step(
            arrays, sizes, numbers, self.addresses, self.sizes, self.numbers
        )
        self.is_done = not problem
        if self.copies:
            self.copy_back()
        return problem

    def copy_back(self) -> None:
        """Give arrays what their copies have become."""
        for array, used in self.copies:
            if array.flags.writeable:
                array[...] = used


def update_call(
    parameters: dict[str, np.ndarray[Any, Any]],
    gradients: dict[str, np.ndarray[Any, Any]],
    state: dict[str, Any],
    numbers: Sequence[float],
    step: str = "",
) -> UpdateCall:
    """Return the update of arrays in C.

    Arrays that lie side by side are one there, whatever their names. It is made once,
    and anew only when another array has taken the place of one.
    """
    trained_of, kept_of = C_GETTERS[step]
    slots = state["slots"]
    arrays = (*trained_of(parameters), *trained_of(gradients), *kept_of(slots))
    key = f"update {step}" if step else "update"
    known = state.get(key)
    if known and all(map(operator.is_, known.arrays, arrays)):
        known.numbers[:] = numbers
        return known
    sources = {"parameters": parameters, "gradients": gradients, "slots": slots}
    alone = [
        checked(sources[kind][key], dtype, shape, key)
        for kind, key, dtype, shape in C_UPDATES[step][2]
    ]
    rules: list[list[tuple[np.ndarray[Any, Any], ...]]] = []
    for names, kept, dtypes in C_UPDATES[step][3]:
        rows: list[tuple[np.ndarray[Any, Any], ...]] = []
        for name in names:
            shape = PARAMETERS[name][1]
            row = (parameters[name], gradients[name])
            row = (*row, *(slots[f"{name}.{key}"] for key in kept))
            told = (name, f"gradient of {name}", *(f"{name}.{key}" for key in kept))
            columns = zip(row, dtypes, told, strict=True)
            rows.append(tuple(checked(a, dtype, shape, t) for a, dtype, t in columns))
            if not all(array.flags.writeable for array in (row[0], *row[2:])):
                raise ValueError(f"{name!r} can't be updated: an array is read-only")
        rules.append(list(join_neighbours(rows)))
    call = UpdateCall(arrays, alone, rules, numbers, step)
    state[key] = call
    return call


def checked(array: Any, dtype: str, shape: tuple[int, ...], name: str) -> Any:
    """An array of an update, which has to be as it was declared."""
    found = getattr(array, "dtype", type(array).__name__)
    if found != np.dtype(dtype):
        raise TypeError(f"update computes with {dtype}, but {name!r} is {found}")
    if array.shape != shape:
        raise ValueError(f"{name!r} has shape {array.shape}, and should have {shape}")
    return array


# Of each update, how to look up parameters or gradients, and what the optimizer keeps.
C_GETTERS = {
    step: (
        getter([name for names, _, _ in rules for name in names]),
        getter(
            [
                *(key for kind, key, _, _ in alone if kind == "slots"),
                *(f"{n}.{k}" for names, kept, _ in rules for n in names for k in kept),
            ]
        ),
    )
    for step, (_, _, alone, rules) in C_UPDATES.items()
}
