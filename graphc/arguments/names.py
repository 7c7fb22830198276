"""Public names that do not exist, and the nearest that do."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable
from importlib import import_module

from ..errors import NoAttributeError
from .annotations import PLACES


def getattr_of(module: str, names: Iterable[str]) -> Callable[[str], object]:
    """A `__getattr__` of a module that says which of its public names is meant.

    Args:
        module: its name.
        names: its public names.
    """
    known = list(names)

    def __getattr__(name: str) -> object:
        error = NoAttributeError(f"module {module!r} has no attribute {name!r}")
        # Others, such as `inspect`, ask every module for names with underscores.
        if not name.startswith("_"):
            error.hint = _nearest(name, module, known)
        raise error

    return __getattr__


def _nearest(name: str, module: str, known: list[str]) -> str | None:
    """The public name that one means: here, or in another module."""
    here = PLACES.get(module, "gc")
    rooms = {name: place for name, place in _MODULES.items() if name != module}
    others = {place: _public(name) for name, place in rooms.items()}
    for place, names in others.items():
        if name in names:
            return f"{place}.{name}"
    for place, names in {here: known, **others}.items():
        if close := _closest(name, names, 0.8):
            return f"{place}.{close}"
    close = _closest(name, known, 0.6)
    return f"{here}.{close}" if close else None


_MODULES = {"graphc": "gc", **PLACES}


def _public(module: str) -> list[str]:
    """The public names of a module; of one that needs other packages, once loaded."""
    needs_others = PLACES.get(module) == "gc.datasets"
    found = sys.modules.get(module) if needs_others else import_module(module)
    return getattr(found, "__all__", [])


def _closest(name: str, known: Iterable[str], cutoff: float) -> str | None:
    """The one that is most alike, whatever its capitals are."""
    by_letters = {each.lower().replace("_", ""): each for each in known}
    letters = name.lower().replace("_", "")
    close = difflib.get_close_matches(letters, by_letters, 1, cutoff)
    return by_letters[close[0]] if close else None
