"""Parameters of a program that runs, by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import closest, entry, shown
from ..errors import ArgumentError, UnknownNameError
from ..ir.node import Node
from .feeds import check_array

Array = np.ndarray[Any, Any]


@entry
class LiveParameters(Mapping[str, Array]):
    """The parameters of a program by name: the very arrays that it computes with.

    Write into an array (`parameters["w"][...] = value`) or assign
    (`parameters["w"] = value`), which copies into it.
    """

    def __init__(self, nodes: Iterable[Node], arrays: dict[str, Any]) -> None:
        self._nodes = {str(node.name): node for node in nodes}
        self._arrays = arrays

    def __getitem__(self, name: str) -> Array:
        if not isinstance(name, str) or name not in self._arrays:  # pyright: ignore[reportUnnecessaryIsInstance]
            known = ", ".join(self._arrays)
            raise UnknownNameError(
                f"no parameter {shown(name)}; the parameters are {known}",
                hint=closest(name, self._arrays),
            )
        return self._arrays[name]

    def __setitem__(self, name: str, value: Any) -> None:
        array = self[name]
        array[...] = check_array(self._nodes[name], value)

    def assign(self, values: Mapping[str, Any]) -> None:
        """Copy values into parameters, by name: all, or where one is wrong none.

        Raises:
            ArgumentError: `values` is not a mapping.
            FeedError: a value does not fit its parameter.
            UnknownNameError: there is no parameter of a name.
        """
        if not isinstance(values, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentError(
                f"parameters must be a dict of arrays by name, got {shown(values)}"
            )
        checked = [
            (self[name], check_array(self._nodes[name], value))
            for name, value in values.items()
        ]
        for array, value in checked:
            array[...] = value

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        rows = (f"{n}: {a.dtype} {a.shape}" for n, a in self._arrays.items())
        return f"<parameters {', '.join(rows)}>"


class LazyState(ABC):
    """A program whose arrays are made when they are first needed.

    A large model is drawn, shown and emitted without the memory of its parameters.
    """

    _arrays: dict[str, Array]
    """The parameters by name."""
    _state: dict[str, Any]
    """All else that changes."""

    @abstractmethod
    def _begin(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Parameters and state at their start."""

    @property
    def _is_begun(self) -> bool:
        return "_arrays" in vars(self)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Begin, when parameters or state are looked up for the first time."""
            if name not in ("_arrays", "_state"):
                return object.__getattribute__(self, name)  # Raises what it raised.
            with _beginning:
                if not self._is_begun:
                    self._state, self._arrays = reversed(self._begin())
            return vars(self)[name]


_beginning = RLock()
"""Makes threads that begin at once share arrays."""
