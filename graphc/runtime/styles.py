"""The style of a program that runs, where the machine decides."""

from __future__ import annotations

from functools import cache

from ..errors import GraphcWarning
from ..harness.native import CompilerError, find_compilers
from ..locations import warn_at_user
from ..program.plan import RunStyle, Style


def style_here(style: RunStyle) -> Style:
    """A style, where `"auto"` is `"native"` if there is a C compiler, else `"fast"`."""
    if style != "auto":
        return style
    missing = _missing()
    if missing:
        warn_at_user(
            f"style='auto' runs in fast style, because {missing}", GraphcWarning
        )
        return "fast"
    return "native"


@cache
def _missing() -> str:
    """The reason why there is no compiler; empty where there is one."""
    try:
        find_compilers()
    except CompilerError as error:
        return str(error)
    return ""
