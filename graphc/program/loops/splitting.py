"""Loops over an axis that joins two others, as loops over those."""

from __future__ import annotations

from collections.abc import Callable

from ...ir.scalar import (
    Counter,
    Number,
    Operation,
    Scalar,
    parts,
    plus,
    position,
    times,
)
from .tree import Item, Loop, inside, rewrite, scalars


def split_loops(items: list[Item]) -> None:
    """Take apart loops whose positions are divided, with remainders, by a number.

    A division for each element takes longer than most of what is computed, and hides
    that neighbours lie side by side.
    """
    for item in items:
        if not isinstance(item, Loop):
            continue
        split_loops(item.body)
        size = _divisor(item)
        if size is None:
            continue
        outer, inner = Counter(item.counter.size // size), Counter(size)
        new = _split(item.counter, outer, inner)
        for each in inside(item):
            rewrite(each, new)
        item.body = [Loop(inner, item.body)]
        item.counter = outer


def _divisor(loop: Loop) -> int | None:
    """The one number that positions of a loop are divided by, if it may be split."""
    size = loop.counter.size
    if loop.accumulators:
        return None
    found: set[int] = set()
    for each in inside(loop):
        for scalar in scalars(each):
            for part in parts(scalar):
                match part:
                    case Operation("//" | "%", (left, Number(value))) if (
                        left is loop.counter
                    ):
                        found.add(int(value))
                    case _:
                        pass
    divisor = found.pop() if len(found) == 1 else 0
    return divisor if divisor and size // divisor * divisor == size else None


def _split(
    counter: Counter, outer: Counter, inner: Counter
) -> Callable[[Scalar], Scalar | None]:
    whole = plus(times(outer, position(inner.size)), inner)

    def new(scalar: Scalar) -> Scalar | None:
        match scalar:
            case Operation("//", (left, Number())) if left is counter:
                return outer
            case Operation("%", (left, Number())) if left is counter:
                return inner
            case Counter() if scalar is counter:
                return whole
            case _:
                return None

    return new
