"""Attributes that `dir`, and so completion at a prompt, leaves out.

They have no underscore, because other parts of graphc use them, but say nothing to who
looks for a method.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

_Class = TypeVar("_Class", bound=type)


def unlisted(*names: str) -> Callable[[_Class], _Class]:
    """Decorate a class whose `dir` is to leave out these attributes.

    >>> @unlisted("inner")
    ... class Box:
    ...     inner, outer = 1, 2
    >>> "inner" in dir(Box()), "outer" in dir(Box())
    (False, True)
    """

    def decorate(owner: _Class) -> _Class:
        every: Any = owner.__dir__

        def __dir__(self: Any) -> list[str]:
            return sorted({*every(self)}.difference(names))

        cast("Any", owner).__dir__ = __dir__
        return owner

    return decorate
