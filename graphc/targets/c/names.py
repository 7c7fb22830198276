"""Names in C of the values of a function."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from ...ir.node import Node

_KEYWORDS = frozenset(
    [
        "auto",
        "break",
        "case",
        "char",
        "const",
        "continue",
        "default",
        "do",
        "double",
        "else",
        "enum",
        "extern",
        "float",
        "for",
        "goto",
        "if",
        "inline",
        "int",
        "long",
        "register",
        "restrict",
        "return",
        "short",
        "signed",
        "sizeof",
        "static",
        "struct",
        "switch",
        "typedef",
        "union",
        "unsigned",
        "void",
        "volatile",
        "while",
        "asm",
        "typeof",
        "bool",
        "true",
        "false",
        "NULL",
        "main",
        "arrays",
        "sizes",
        "numbers",
        "room",
        "rest",
        "run",
        "counts",
        "wrong",
        "product_room",
        "is_first",
        "take",
        "place",
        "place_from_start",
        "quotient",
        "lane",
        "lanes",
        "value",
        "is_nan",
        "first",
        "last",
        "share",
        "part",
        "turns_of_part",
        "turns_of_sums",
        "count_parts",
        "MOST_PARTS",
        "OUT_OF_BOUNDS",
        "NOT_FINITE",
        "int8_t",
        "int16_t",
        "int32_t",
        "int64_t",
        "uint8_t",
        "uint16_t",
        "uint32_t",
        "uint64_t",
    ]
)


def size_name(symbol: str) -> str:
    """The name in C of a named size."""
    name = _in_ascii(symbol)
    # What is added here to one name must not make it another.
    stem = re.sub("(_size)+$", "", name)
    return f"{name}_size" if _means_else(stem) or stem in _KEYWORDS else name


def _in_ascii(name: str) -> str:
    return "".join(
        letter if letter.isascii() else f"u{ord(letter):x}" for letter in name
    )


def _means_else(name: str) -> bool:
    """True for names as loops, functions of a dtype and macros of C have them."""
    # One letter counts turns of a loop, and with 0 those of 16 at once.
    is_counter = re.fullmatch("[a-z]0?", name)
    is_macro = re.fullmatch("[A-Z0-9_]+_(MAX|MIN)", name)
    return bool(is_counter or is_macro or re.search(r"_u?(float|int)\d", name))


class NamesOfValues(Protocol):
    """Names by value."""

    def __getitem__(self, node: Node, /) -> str: ...


class CNames:
    """Names of values, from those that they have in Python."""

    def __init__(
        self, names: NamesOfValues, nodes: Iterable[Node], taken: set[str]
    ) -> None:
        self._names: dict[Node, str] = {}
        self._used = {*_KEYWORDS, *taken}
        self._by_name: dict[str, str] = {}
        for node in nodes:
            self._names[node] = self._of(names[node])

    def _of(self, known: str, *, is_new: bool = False) -> str:
        if known not in self._by_name or is_new:
            name = _in_ascii(known)
            if _means_else(name):
                name = f"{name}_value"
            if name.startswith(("__", "point__")):
                name = f"value_{name}"
            while name in self._used:
                name = f"{name}_"
            self._used.add(name)
            self._by_name[known] = name
        return self._by_name[known]

    def add_inner(self, names: NamesOfValues, nodes: Iterable[Node]) -> None:
        """Name values of bodies, each of which has a name of its own."""
        for node in nodes:
            if node not in self._names:
                self._names[node] = self._of(names[node], is_new=True)

    def add_same(self, same: Mapping[Node, Node]) -> None:
        """Let values have the names of others."""
        for node, other in same.items():
            self._names[node] = self._names[other]

    def __getitem__(self, node: Node, /) -> str:
        """The name of a value."""
        return self._names[node]

    def free(self, wish: str, taken: Collection[str]) -> str:
        """A name that is none of these, nor of a value."""
        name, count = wish, 1
        while name in taken or name in self._used:
            count += 1
            name = f"{wish}_{count}"
        return name
