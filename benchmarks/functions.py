"""What those workloads share that are functions, called again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .harness import WrongResult

Array = np.ndarray[Any, Any]


class Calls:
    """A peer that calls a function with the arguments of the ring in turn.

    Args:
        function: returns its results when they are there.
        ring: tuples of arguments.
        to_arrays: turns what the function returns into a list of NumPy arrays.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        ring: Sequence[tuple[Any, ...]],
        to_arrays: Callable[[Any], list[Array]] = list,
    ) -> None:
        self._function, self._ring, self._to_arrays = function, ring, to_arrays

    def reset(self) -> None:
        """Nothing to forget."""

    def step(self, index: int) -> Any:
        return self._function(*self._ring[index % len(self._ring)])

    def arrays(self) -> list[Array]:
        """The results for the first arguments of the ring."""
        return self._to_arrays(self.step(0))


def check_arrays(
    found: Sequence[Array], right: Sequence[Array], names: Sequence[str], bound: float
) -> None:
    """Hold results against a reference.

    Args:
        found: of a peer.
        right: of the reference.
        names: what they are called.
        bound: the largest error, as a part of the largest number of each array.

    Raises:
        WrongResult: an array is off by more, or there are more or fewer of them.
    """
    if len(found) != len(right):
        raise WrongResult(f"{len(found)} results, not {len(right)}")
    for array, reference, name in zip(found, right, names, strict=True):
        if array.shape != reference.shape:
            raise WrongResult(f"{name} is {array.shape}, not {reference.shape}")
        error = np.abs(array - reference).max() / np.abs(reference).max()
        if not error <= bound:
            raise WrongResult(f"{name} is off by {error:.1e} of its largest number")
