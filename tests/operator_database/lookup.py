"""Functions of graphc by the names that NumPy, SciPy and PyTorch give them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import graphc as gc

AXIS_NAMES = {"dim": "axis", "keepdim": "keepdims", "dims": "axis", "unbiased": "ddof"}
"""Arguments that NumPy has under another name."""


IGNORED = ("device", "requires_grad", "layout", "memory_format", "pin_memory")
"""Arguments that are about where tensors are, and mean nothing in a graph."""


class NoFunctionError(Exception):
    """There is no function of that name."""


def look_up(name: str) -> Callable[..., Any]:
    for prefix, face in (
        ("nn.functional.", "nn"),
        ("linalg.", "linalg"),
        ("special.", "special"),
    ):
        if name.startswith(prefix):
            return from_face(face, name.removeprefix(prefix))
    for face in ("", "nn", "special", "linalg"):
        try:
            return from_face(face, name)
        except NoFunctionError:
            continue
    raise NoFunctionError(name)


def from_face(face: str, name: str) -> Callable[..., Any]:
    try:
        found = getattr(getattr(gc, face) if face else gc, name)
    except AttributeError:
        raise NoFunctionError(name) from None
    if not callable(found):
        raise NoFunctionError(name)
    return found


def renamed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function under the argument names of PyTorch."""
    parameters = inspect.signature(function).parameters

    def call(*args: Any, **kwargs: Any) -> Any:
        for name in IGNORED:
            kwargs.pop(name, None)
        for theirs, ours in AXIS_NAMES.items():
            if theirs in kwargs and theirs not in parameters and ours in parameters:
                kwargs[ours] = kwargs.pop(theirs)
        return function(*args, **kwargs)

    return call


def named(name: str) -> Callable[..., Any]:
    """A function looked up when it is called, so that a missing one is counted."""
    return lambda *args, **kwargs: renamed(look_up(name))(*args, **kwargs)
