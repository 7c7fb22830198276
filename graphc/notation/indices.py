"""Index expressions of elements, and the equations between them.

An index is a sum of multiples of letters: `2i + k - 1`. The gradient of what takes such
elements asks for which letters an index is a given one; these are solved for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..ir.dims import Dim, Dimension
from . import tree as build
from .tree import Tree

Sizes = Mapping[str, Dimension]
"""The number of values of each letter, which counts from 0."""

_SAMPLE = 97
"""A named size where it is asked for whether an index may leave an axis."""


@dataclass(frozen=True)
class Linear:
    """A sum of multiples of terms, and a number."""

    terms: tuple[tuple[Fraction, Tree], ...]
    constant: Fraction = Fraction(0)

    @property
    def tree(self) -> Tree:
        """The expression, positive terms first."""
        ordered = sorted(self.terms, key=lambda term: term[0] < 0)
        if self.constant > 0 and ordered and ordered[0][0] < 0:
            rest = Linear(self.terms).tree
            return build.add(build.number(self.constant), rest)
        parts = [
            build.times(build.number(factor), atom)
            if factor > 0
            else build.negative(build.times(build.number(-factor), atom))
            for factor, atom in ordered
        ]
        if self.constant or not parts:
            parts.append(build.number(self.constant))
        return build.add(*parts)

    def factor_of(self, name: str) -> Fraction:
        """The factor of a letter."""
        found = (f for f, atom in self.terms if is_letter(atom, name))
        return next(found, Fraction(0))

    def without(self, *names: str) -> Linear:
        """The expression less the terms of letters."""
        kept = (
            term
            for term in self.terms
            if not any(is_letter(term[1], name) for name in names)
        )
        return Linear(tuple(kept), self.constant)

    def less(self, other: Linear) -> Linear:
        """The difference."""
        return _summed(self, other, Fraction(-1))

    def scaled(self, factor: Fraction) -> Linear:
        """A multiple."""
        terms = tuple((factor * f, atom) for f, atom in self.terms)
        return Linear(terms, factor * self.constant)


def _summed(one: Linear, other: Linear, factor: Fraction) -> Linear:
    found: dict[Any, tuple[Fraction, Tree]] = {
        atom.key: (f, atom) for f, atom in one.terms
    }
    for f, atom in other.terms:
        before = found.get(atom.key, (Fraction(0), atom))[0]
        found[atom.key] = before + factor * f, atom
    terms = tuple(term for term in found.values() if term[0])
    return Linear(terms, one.constant + factor * other.constant)


def is_letter(tree: Tree, name: str) -> bool:
    """True for the letter of a name."""
    return tree.head == "letter" and tree.text == name


def linear(tree: Tree) -> Linear:
    """An index as a sum of terms."""
    match tree.head:
        case "number" if float(tree.data).is_integer():
            return Linear((), Fraction(int(tree.data)))
        case "negative":
            return linear(tree.args[0]).scaled(Fraction(-1))
        case "add":
            whole = Linear(())
            for arg in tree.args:
                whole = _summed(whole, linear(arg), Fraction(1))
            return whole
        case "times":
            first, *others = tree.args
            if first.head == "number" and float(first.data).is_integer():
                rest = linear(build.times(*others))
                return rest.scaled(Fraction(int(first.data)))
        case _:
            pass
    return Linear(((Fraction(1), tree),))


def letters_in(tree: Tree) -> set[str]:
    """The letters of an expression."""
    return {part.text for part in tree.walk() if part.head == "letter"}


def replaced(tree: Tree, values: Mapping[str, Tree]) -> Tree:
    """The expression with others in the place of letters, and indices as sums."""

    def swap(part: Tree) -> Tree | None:
        if part.head == "letter":
            return values.get(part.text)
        if part.head == "item":
            base, *indices = part.args
            changed = [linear(replaced(index, values)).tree for index in indices]
            return build.item(base, changed)
        # Letters in these are their own.
        return part if part.head in ("array", "named") else None

    return build.substitute(tree, swap)


def _number(size: Dimension) -> int:
    if isinstance(size, Dim):
        return int(size.evaluate(dict.fromkeys(size.symbols(), _SAMPLE)))
    return size


def interval(tree: Tree, sizes: Sizes) -> tuple[float, float] | None:
    """The least and the largest value of an index, if they are known."""
    match tree.head:
        case "letter" if tree.text in sizes:
            return 0, _number(sizes[tree.text]) - 1
        case "number":
            return tree.data, tree.data
        case "symbol" if isinstance(tree.data, Dim):
            return _number(tree.data), _number(tree.data)
        case "floor":
            inside = interval(tree.args[0], sizes)
            return None if inside is None else (inside[0] // 1, inside[1] // 1)
        case "function" if tree.text == "mod":
            divisor = interval(tree.args[1], sizes)
            return None if divisor is None else (0, divisor[1] - 1)
        case "fraction":
            over, under = (interval(arg, sizes) for arg in tree.args)
            if over is None or under is None or under[0] != under[1]:
                return None
            return over[0] / under[0], over[1] / under[0]
        case "function" if tree.text in ("max", "min"):
            ends = [interval(arg, sizes) for arg in tree.args]
            if any(end is None for end in ends):
                return None
            chosen = max if tree.text == "max" else min
            low, high = zip(*(end for end in ends if end is not None), strict=True)
            return chosen(low), chosen(high)
        case "negative" | "add" | "times":
            whole = linear(tree)
            low = high = float(whole.constant)
            for factor, atom in whole.terms:
                inside = None if atom is tree else interval(atom, sizes)
                if inside is None:
                    return None
                ends = float(factor) * inside[0], float(factor) * inside[1]
                low, high = low + min(ends), high + max(ends)
            return low, high
        case _:
            return None


def may_leave(index: Tree, size: Dimension, sizes: Sizes) -> bool:
    """True of an index that may be outside of an axis."""
    if index.head == "letter" and sizes.get(index.text) == size:
        return False
    inside = interval(index, sizes)
    return inside is not None and (inside[0] < 0 or inside[1] >= _number(size))


def bounds(tree: Tree, sizes: Sizes) -> Sizes:
    """The sizes of letters where those bound by a sum or an array are known, too."""
    if tree.head not in ("big", "array"):
        return sizes
    names = (one.text for one in tree.args[1:])
    own: Any = tree.data if tree.head == "big" else tree.shape
    return {**sizes, **dict(zip(names, own, strict=True))}


def leaves_arrays(tree: Tree, sizes: Sizes | None = None) -> bool:
    """True of a formula with elements outside of arrays, which are 0."""
    known = bounds(tree, sizes or {})
    if tree.head == "item":
        base, *indices = tree.args
        pairs = zip(indices, base.shape, strict=False)
        if any(may_leave(index, size, known) for index, size in pairs):
            return True
    return any(leaves_arrays(arg, known) for arg in tree.args)
