"""The style of a program that runs, where the machine decides."""

from __future__ import annotations

from functools import cache

from ..errors import GraphcWarning
from ..harness.native import CompilerError, compiled
from ..locations import warn_at_user
from ..program.plan import RunStyle, Style


def style_here(style: RunStyle) -> Style:
    """A style, where `"auto"` is `"native"` if a C compiler works, else `"fast"`."""
    if style != "auto":
        return style
    problem = compiler_problem()
    if problem:
        warn_at_user(
            f"style='auto' runs in fast style, because {problem}", GraphcWarning
        )
        return "fast"
    return "native"


_TEXT = """\
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t compiles(void) {
    return 1;
}
"""
"""A text that needs of a compiler what all others need."""


@cache
def compiler_problem() -> str:
    """The reason why nothing can be compiled; empty where a compiler works."""
    try:
        compiled(_TEXT)
    except CompilerError as error:
        return str(error)
    return ""
