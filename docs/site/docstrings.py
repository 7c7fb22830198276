"""Docstrings as Markdown for the reference of the site: examples become blocks of code.

A docstring here ends in examples without a heading of their own, which Markdown would
take for quotations.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"(?m)^(?P<indent> *)>>> .*(?:\n(?! *$).*)*")


def as_markdown(text: str) -> str:
    """A docstring whose examples are fenced."""

    def fenced(found: re.Match[str]) -> str:
        indent = found["indent"]
        lines = found[0].replace("<BLANKLINE>", "").splitlines()
        lines = [re.sub(r"\s*# doctest:.*$", "", line) for line in lines]
        block = "\n".join(lines)
        return f"{indent}```pycon\n{block}\n{indent}```"

    return EXAMPLE.sub(fenced, text)


class Examples(griffe.Extension):
    """Applied to every object as griffe reads it."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """See `as_markdown`."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)

    def on_function_instance(self, *, func: griffe.Function, **_: Any) -> None:
        """Leave types out, which docstrings say in words.

        A default such as `<factory>` is no Python, of which lines could be broken.
        """
        for parameter in func.parameters:
            parameter.annotation = None
            if parameter.default is not None:
                parameter.default = re.sub(r"<[^>]*>", "...", str(parameter.default))
        func.returns = None
