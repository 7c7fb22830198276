"""Expressions and lines of C: no parentheses but where they tell something."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ...ir.dims import Shape, format_shape

WIDTH = 88

_UNARY = "unary"
_LEVELS = {
    _UNARY: 14,
    **dict.fromkeys(("*", "/", "%"), 13),
    **dict.fromkeys(("+", "-"), 12),
    **dict.fromkeys(("<", "<=", ">", ">="), 10),
    **dict.fromkeys(("==", "!="), 9),
    "&": 8,
    "^": 7,
    "|": 6,
    "&&": 5,
    "?": 3,
}
_ARITHMETIC = 11
"""Signs above this level need no parentheses inside others to be understood."""


class Expression(str):
    """An expression with its outermost sign; what has none is a plain string."""

    sign: str

    def __new__(cls, text: str, sign: str) -> Expression:
        made = super().__new__(cls, text)
        made.sign = sign
        return made


def _within(text: str, level: int) -> str:
    """An expression inside one of a level."""
    is_weak = isinstance(text, Expression) and _LEVELS[text.sign] < level
    return f"({text})" if is_weak else text


def binary(left: str, sign: str, right: str) -> Expression:
    """Two operands, in the order of computation that they stand for."""
    level = max(_LEVELS[sign], _ARITHMETIC)
    is_chain = isinstance(left, Expression) and left.sign == sign
    first = left if is_chain else _within(left, level)
    return Expression(f"{first} {sign} {_within(right, level + 1)}", sign)


def unary(sign: str, operand: str) -> Expression:
    """One operand after a sign."""
    inner = _within(operand, _LEVELS[_UNARY])
    return Expression(
        f"{sign}({inner})" if inner.startswith(sign) else sign + inner, _UNARY
    )


def cast(kind: str, operand: str) -> Expression:
    """A value as one of another type."""
    return Expression(f"({kind}){_within(operand, _LEVELS[_UNARY])}", _UNARY)


def negative(text: str) -> Expression:
    """A literal that starts with a sign."""
    return Expression(text, _UNARY)


def conditional(test: str, yes: str, no: str) -> Expression:
    """One of two values by a test."""
    first, second, third = (_within(each, _LEVELS["?"] + 1) for each in (test, yes, no))
    return Expression(f"{first} ? {second} : {third}", "?")


def called(function: str, arguments: Iterable[str]) -> str:
    """A call."""
    return f"{function}({', '.join(arguments)})"


def beside(line: str, shape: Shape) -> str:
    """A declaration, with the shape of the array as a comment."""
    told = f"{line}  // {format_shape(shape)}" if shape else line
    return told if len(told) < WIDTH - 4 else line


def strip(text: str) -> str:
    """A text without parentheses around all of it."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and place < len(text) - 1:
            return text
    return text[1:-1]


def indented(lines: Iterable[str]) -> list[str]:
    """Lines one level deeper."""
    return ["    " + line if line else line for line in lines]


def wrapped(lines: Iterable[str]) -> Iterator[str]:
    """Lines of which none is too long, if it has a place to break it."""
    for line in lines:
        start, depth = len(line) - len(line.lstrip()), 0
        while len(line) > WIDTH:
            found = _break(line, depth)
            if found is None:
                break
            place, depth = found
            yield line[:place].rstrip()
            line = " " * (start + 4 + 4 * depth) + line[place:].lstrip()
        yield line


_SIGN = re.compile(r"(?<=[,=]) | (?=[-+*/%<>=!&|^?:]{1,2} )")


def _break(line: str, depth: int) -> tuple[int, int] | None:
    """The place to end a line at, and the brackets that are open there.

    Of the outermost places it is the last; but sums come before products, and an
    assignment before both if all that is assigned fits into the next line, else after.

    Args:
        line: all of a statement, or the rest of it.
        depth: brackets that are open before the line.
    """
    found: list[tuple[int, int, int]] = []
    indent = len(line) - len(line.lstrip())
    for match in _SIGN.finditer(line, indent + 1, WIDTH + 1):
        place = match.start()
        before, after = line[:place], line[place + 1 : place + 3]
        if after.rstrip() in ("=", "+=", "*="):
            continue
        level = depth + sum(map(before.count, "([{")) - sum(map(before.count, ")]}"))
        worth = -1 if after[0] in "*/%" else 0
        if before[-1] == "=":
            fits = len(line) - place + indent + 4 <= WIDTH
            worth = 1 if fits else -2
        found.append((-level, worth, place))
    if not found:
        late = _SIGN.search(line, WIDTH + 1)
        if late is None or "//" in line[: late.start()]:
            return None
        before = line[: late.start()]
        depth += sum(map(before.count, "([{")) - sum(map(before.count, ")]}"))
        return late.start(), depth
    level, _, place = max(found)
    return place, -level
