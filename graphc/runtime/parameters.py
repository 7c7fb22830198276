"""Parameters of a program that runs, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import FeedError, UnknownNameError
from ..ir.origin import here

__all__ = ["LiveParameters"]

Array = np.ndarray[Any, Any]


class LiveParameters(Mapping[str, Array]):
    """The parameters of a program by name: the very arrays that it computes with.

    Write into an array (`parameters["w"][...] = value`) or assign
    (`parameters["w"] = value`), which copies into it.
    """

    def __init__(self, arrays: dict[str, Array]) -> None:
        self._arrays = arrays

    def __getitem__(self, name: str) -> Array:
        if name not in self._arrays:
            known = ", ".join(self._arrays)
            raise UnknownNameError(
                f"no parameter {name!r}; the parameters are {known}",
                location=str(here().location),
            )
        return self._arrays[name]

    def __setitem__(self, name: str, value: Any) -> None:
        array = self[name]
        given = np.asarray(value)
        if given.shape != array.shape:
            raise FeedError(
                f"parameter {name!r} requires shape {array.shape}, got {given.shape}"
            )
        array[...] = given

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        rows = (f"{n}: {a.dtype} {a.shape}" for n, a in self._arrays.items())
        return f"<parameters {', '.join(rows)}>"
