"""Public names that do not exist, and the nearest that do."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Collection, Iterable
from importlib import import_module

from ..errors import NoAttributeError, without_inner_frames
from . import elsewhere
from .annotations import PLACES
from .functions_elsewhere import FUNCTIONS


def getattr_of(module: str, names: Iterable[str]) -> Callable[[str], object]:
    """A `__getattr__` of a module that says which of its public names is meant.

    Args:
        module: its name.
        names: its public names.
    """
    known = list(names)

    @without_inner_frames
    def __getattr__(name: str) -> object:
        error = NoAttributeError(f"module {module!r} has no attribute {name!r}")
        # Others, such as `inspect`, ask every module for names with underscores.
        if not name.startswith("_"):
            error.hint = elsewhere.NAMES.get(name) or _nearest(name, module, known)
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
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    found = {
        f"{place}.{each}": likeness
        for place, names in {here: known, **others}.items()
        for each in names
        if (likeness := _likeness(name, each)) >= ((0.6 if place == here else 0.8), 0.0)
    }
    return max(found, key=lambda each: found[each], default=None)


_MODULES = {"graphc": "gc", **PLACES}


def _public(module: str) -> list[str]:
    """The public names of a module; of one that needs other packages, once loaded."""
    needs_others = PLACES.get(module) in ("gc.datasets", "gc.sklearn")
    found = sys.modules.get(module) if needs_others else import_module(module)
    return getattr(found, "__all__", [])


def _likeness(name: str, other: str) -> tuple[float, float]:
    """Two numbers up to 1: of their letters, and of these with capitals and dashes."""
    letters, others = (each.lower().replace("_", "") for each in (name, other))
    begins = len(letters) > 3 and others.startswith(letters)
    likeness = difflib.SequenceMatcher(None, letters, others).ratio()
    exact = difflib.SequenceMatcher(None, name, other).ratio()
    return max(likeness, 0.75 if begins else 0.0), exact


def closest(name: object, known: Collection[str]) -> str | None:
    """The one of the known names that is most like a wrong one, as a hint, if any is.

    >>> closest("hiden", ["hidden", "out"])
    "'hidden'"
    """
    found = difflib.get_close_matches(name, known, 1) if isinstance(name, str) else []
    return repr(found[0]) if found else None


def in_place_of_method(name: str, layer: object) -> str | None:
    """A hint in place of an attribute that a layer does not have."""
    if name in elsewhere.OF_LAYERS:
        return elsewhere.OF_LAYERS[name]
    known = [each for each in dir(layer) if not each.startswith("_")]
    return next(iter(difflib.get_close_matches(name, known, 1, 0.7)), None)
