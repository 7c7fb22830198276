"""Elements of formulas: sums with indices in the place of products of matrices."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from ..ir.dims import Dimension
from .indices import replaced
from .tree import (
    ELEMENTWISE,
    Tree,
    elementwise,
    fraction,
    item,
    letter,
    matmul,
    negative,
    number,
    rebuilt,
    relation,
    size,
    times,
)


def at(x: Tree, indices: Sequence[Tree], letters: Letters) -> Tree:
    """The element of a formula at indices, with sums where matrices are multiplied."""
    given = tuple(indices)
    assert len(given) == x.rank, (x, given)
    if x.head in ELEMENTWISE or x.head == "map":
        return _inside(x, given, letters)
    match x.head:
        case "number":
            return x
        case "transpose":
            return at(x.args[0], (*given[:-2], *given[:-3:-1]), letters)
        case "view":
            axes: tuple[int | None, ...] = x.data
            inner: list[Tree] = [number(0) if a is None else given[a] for a in axes]
            return at(x.args[0], _within(x.args[0], inner), letters)
        case "onehot":
            *places, last = given
            label = at(x.args[0], places, letters)
            return elementwise("indicator", relation("=", label, last))
        case "diag":
            first, second = given
            same = elementwise("indicator", relation("=", first, second))
            return times(at(x.args[0], [first], letters), same)
        case "matmul":
            return _product_at(x.args, given, letters)
        case "reduce":
            return reduction_at(x, given, letters)
        case "pick":
            label = at(x.args[1], given, letters)
            places = [*given[: x.data], label, *given[x.data :]]
            return at(x.args[0], places, letters)
        case "rows":
            return replace(x, args=(at(x.args[0], given, letters),), shape=())
        case "array":
            return element_of(x, given, letters)
        case "named":
            return at(x.args[0], given, letters)
        case _:
            return item(x, given) if given else x


def _within(x: Tree, indices: Sequence[Tree]) -> tuple[Tree, ...]:
    """Indices into an array that broadcasts: those of axes of size 1 are 0."""
    given = list(indices)[len(indices) - x.rank :]
    return tuple(
        number(0) if one == 1 else i for one, i in zip(x.shape, given, strict=True)
    )


def _inside(x: Tree, indices: tuple[Tree, ...], letters: Letters) -> Tree:
    args = [at(arg, _within(arg, indices), letters) for arg in x.args]
    return rebuilt(x, args)


def _product_at(
    factors: tuple[Tree, ...], given: tuple[Tree, ...], letters: Letters
) -> Tree:
    """An element of a product of matrices."""
    first, *others = factors
    if not others:
        return at(first, given, letters)
    rest = matmul(*others)
    if first.head == "diag" and first.args[0].rank == 1 and given:
        return times(at(first.args[0], given[:1], letters), at(rest, given, letters))
    if first.rank == 1 and not first.is_row:
        if rest.is_row:
            return times(at(first, given[:1], letters), at(rest, given[1:], letters))
        return times(at(first, given, letters), rest)
    inner = letters.fresh()
    if first.rank == 1:
        left = at(first, [inner], letters)
        right = at(rest, [inner, *given], letters)
        return big("Σ", [inner], [first.shape[-1]], times(left, right))
    right_stack = rest.rank - 2 if rest.rank > 1 else 0
    last = given[-1:] if rest.rank > 1 else ()
    row = given[: len(given) - len(last)]
    stack = row[:-1]
    left = at(
        first, [*_within_stack(first, stack, first.rank - 2), row[-1], inner], letters
    )
    place = _within_stack(rest, stack, right_stack)
    right = at(rest, [*place, inner, *last], letters)
    return big("Σ", [inner], [first.shape[-1]], times(left, right))


def _within_stack(x: Tree, stack: Sequence[Tree], count: int) -> list[Tree]:
    kept = list(stack)[len(stack) - count :] if count else []
    return [
        number(0) if one == 1 else i
        for one, i in zip(x.shape[:count], kept, strict=True)
    ]


def element_of(x: Tree, given: Sequence[Tree], letters: Letters) -> Tree:
    """An element of an array that is given by its elements."""
    body, *own = x.args
    names = dict(zip((one.text for one in own), given, strict=True))
    for part in body.walk():
        if part.head == "big":
            for one in part.args[1:]:
                names.setdefault(one.text, letters.fresh())
    return replaced(body, names)


_BIG = {"sum": "Σ", "prod": "Π", "mean": "Σ"}


def reduction_at(x: Tree, given: Sequence[Tree], letters: Letters) -> Tree:
    """An element of a reduction, with the letters that it runs over."""
    axes: tuple[int, ...] = x.data[0]
    keepdims: bool = x.data[1]
    inner = x.args[0]
    indices: list[Tree] = []
    bound: list[Tree] = []
    left = list(given)
    for axis in range(inner.rank):
        if axis in axes:
            bound.append(letters.fresh())
            indices.append(bound[-1])
            if keepdims:
                left.pop(0)
        else:
            indices.append(left.pop(0))
    sizes: list[Dimension] = [inner.shape[axis] for axis in axes]
    total = big(_BIG.get(x.text, x.text), bound, sizes, at(inner, indices, letters))
    if x.text != "mean":
        return total
    count = times(*map(size, sizes))
    return times(fraction(number(1), count), total)


def big(sign: str, bound: Sequence[Tree], sizes: Sequence[Dimension], x: Tree) -> Tree:
    """A sum, or another operator, over letters."""
    if sign == "Σ" and x.head == "negative":
        return negative(big(sign, bound, sizes, x.args[0]))
    if sign == "Σ" and x.head == "big" and x.text == "Σ":
        inner = x.args[1:]
        return Tree(
            "big", (x.args[0], *bound, *inner), text="Σ", data=(*sizes, *x.data)
        )
    return Tree("big", (x, *bound), text=sign, data=tuple(sizes))


class Letters:
    """Letters for indices that a formula does not use yet."""

    def __init__(self, taken: Sequence[str] = ()) -> None:
        names = itertools.chain("ijklmnqrstuv", map("i{}".format, itertools.count(1)))
        self._left = (name for name in names if name not in taken)

    def fresh(self) -> Tree:
        """Another letter; in formulas of very many indices, one with a number."""
        return letter(next(self._left))
