"""Positions that are sums of multiples of counters."""

from __future__ import annotations

from collections.abc import Sequence

from ...ir.dims import Dimension
from ...ir.scalar import Counter, Number, Operation, Scalar, Size, minus, plus, times

Affine = tuple[Scalar, list[Dimension]]


def affine(place: Scalar, counters: Sequence[Counter]) -> Affine | None:
    """A position as a start and steps of counters, if it is made so."""
    none: list[Dimension] = [0 for _ in counters]
    match place:
        case Number() | Size():
            return place, none
        case Counter():
            return Number(0), [int(each is place) for each in counters]
        case Operation("+", (left, right)):
            a, b = affine(left, counters), affine(right, counters)
            if a is None or b is None:
                return None
            steps = [x + y for x, y in zip(a[1], b[1], strict=True)]
            return plus(a[0], b[0]), steps
        case Operation("-", (left, right)):
            a, b = affine(left, counters), affine(right, counters)
            if a is None or b is None:
                return None
            steps = [x - y for x, y in zip(a[1], b[1], strict=True)]
            return minus(a[0], b[0]), steps
        case Operation("*", (left, right)):
            for one, other in ((left, right), (right, left)):
                factor = _dimension(one)
                found = affine(other, counters) if factor is not None else None
                if found is not None and factor is not None:
                    start = times(found[0], one)
                    return start, [factor * step for step in found[1]]
            return None
        case _:
            return None


def _dimension(scalar: Scalar) -> Dimension | None:
    """A size, or a number, as a dimension."""
    if isinstance(scalar, Number):
        return int(scalar.value)
    return scalar.size if isinstance(scalar, Size) else None
