"""Arrays by their elements: `(Σ_k x_ik y_kj)_ij`, and signs that stand for such."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..ir.dims import Shape
from . import tree as build
from .tree import Tree


@dataclass(frozen=True, eq=False)
class Meaning:
    """The elements of what a sign stands for, over symbols for its arguments."""

    stand_ins: tuple[Tree, ...]
    elements: Tree


def array(body: Tree, letters: Sequence[Tree], shape: Shape) -> Tree:
    """The array of which an element is a formula of its indices."""
    return Tree("array", (body, *letters), shape) if shape else body


def attained(largest: Tree) -> Tree:
    """The letters for which a maximum is attained."""
    return replace(largest, text="argmax")


def together(*parts: Tree) -> Tree:
    """Several indices as one: `(i, j)`."""
    return Tree("tuple", parts)


def named(sign: str, whole: Tree, args: Sequence[Tree], meaning: Meaning) -> Tree:
    """A formula by a sign for it, with arguments in the form of `Mathematics.written`.

    Args:
        sign: `<1> ∗ <0>`.
        whole: what it stands for.
        args: `<0>`, `<1>`, ...
        meaning: what the sign says of any arguments.
    """
    return Tree("named", (whole, *args), whole.shape, sign, data=meaning)


def standing_in(args: Sequence[Tree]) -> list[Tree]:
    """Symbols of the shapes of formulas, with names that nobody has."""
    return [build.symbol(f"\0{n}", arg.shape) for n, arg in enumerate(args)]


def with_args(tree: Tree, stand_ins: Sequence[Tree], args: Sequence[Tree]) -> Tree:
    """A formula over symbols with others in their place."""
    swapped = {id(one): arg for one, arg in zip(stand_ins, args, strict=True)}
    return build.substitute(tree, lambda part: swapped.get(id(part)))


def lifted(tree: Tree) -> Tree:
    """`(2 x_ij)_ij` as `2x`, where an array is another one, or a multiple of it."""
    if tree.head != "array":
        return tree
    body, *letters = tree.args
    is_negative = body.head == "negative"
    parts = body.args[0] if is_negative else body
    factors = parts.args if parts.head == "times" else (parts,)
    whole: list[Tree] = []
    scalars: list[Tree] = []
    names = {one.text for one in letters}
    for factor in factors:
        if factor.head == "item" and _is_in_order(factor, letters, tree.shape):
            whole.append(factor.args[0])
        elif any(p.head == "letter" and p.text in names for p in factor.walk()):
            return tree
        else:
            scalars.append(factor)
    if not whole:
        return tree
    found = build.times(*scalars, *whole)
    return build.negative(found) if is_negative else found


def _is_in_order(item: Tree, letters: Sequence[Tree], shape: Shape) -> bool:
    base, *indices = item.args
    given = [one.text for one in indices if one.head == "letter"]
    is_same = given == [one.text for one in letters] and len(given) == len(indices)
    return is_same and base.shape == shape


def renamed(tree: Tree, names: Mapping[str, Tree]) -> Tree:
    """A formula with other letters."""

    def swap(part: Tree) -> Tree | None:
        return names.get(part.text) if part.head == "letter" else None

    return build.substitute(tree, swap)
