"""Names of values in a formula: the user's, each its own, and short ones for others."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..ir.facts import NAMED
from ..ir.node import Node
from .text import GREEK

_PARTS = {"weight": "W", "bias": "b"}


def name_of(node: Node) -> str | None:
    """The name that a reader knows a value by; `W_hidden` for `hidden.weight`."""
    label = node.label
    if label is None:
        return None
    layer, _, part = label.rpartition(".")
    if layer and part in _PARTS:
        return f"{_PARTS[part]}_{layer.replace('.', '_')}"
    return label.replace(".", "_") if node.op.role not in NAMED else label


def split_name(text: str) -> tuple[str, str]:
    """A name as a letter or word, and the index that it ends in, if any.

    >>> split_name("z1"), split_name("W_hidden"), split_name("hidden")
    (('z', '1'), ('W', 'hidden'), ('hidden', ''))
    """
    if match := re.fullmatch(r"([A-Za-z]+)_?(\d+)", text):
        return match[1], match[2]
    if match := re.fullmatch(r"([^\W\d_]\u0302?)_(\d+)", text):
        return match[1], match[2]
    match = re.fullmatch(r"([A-Za-z]|[a-z]+)_([A-Za-z0-9_]+)", text)
    if match and (len(match[1]) == 1 or match[1] in GREEK):
        return match[1], match[2]
    return text, ""


class Names:
    """Names of which no two values have the same."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}

    def of(self, nodes: Iterable[Node]) -> dict[Node, str]:
        """A name for each node that has one; a number tells several apart."""
        found: dict[Node, str] = {}
        for node in nodes:
            name = name_of(node)
            if name is not None:
                found[node] = self.unique(name)
        return found

    def unique(self, name: str) -> str:
        """The name, or a longer one if it is taken."""
        if name not in self._taken:
            self._taken.add(name)
            return name
        stem = re.sub(r"_?\d+$", "", name) or name
        self._numbers.setdefault(f"{stem}_", 1)  # The first is the one without.
        return self.numbered(f"{stem}_")

    def numbered(self, stem: str) -> str:
        """The stem with the first number that is free."""
        number = self._numbers.get(stem, 0) + 1
        while (name := f"{stem}{number}") in self._taken:
            number += 1
        self._numbers[stem] = number
        self._taken.add(name)
        return name
