"""Meanings of signs, by elements: `(W ∗ x)_ij = Σ_kl W_kl x_{i+k,j+l}`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from . import tree as build
from .arrays import Meaning, standing_in, with_args
from .by_elements import elements_of
from .elements import Letters, element_of
from .indices import leaves_arrays
from .tree import Tree

Pair = tuple[Tree, Tree]
"""A formula, and what it is equal to."""

BY_ROWS = "For each row of the batch; vectors are columns."
"""The remark that stands beside formulas of one row."""

_NAMED = ("symbol", "derivative")

_BIAS = re.compile(r" \+ <(\d)>$")

OUTSIDE = "Elements outside of arrays are 0, and left out of a maximum."
"""The remark that stands beside formulas with such elements."""


def meaning(tree: Tree) -> Meaning | None:
    """The meaning of a sign or of the name of an op, if it is said by elements."""
    if tree.head == "named":
        found: Meaning = tree.data
        return found
    if tree.head != "apply" or not isinstance(tree.data, build.Application):
        return None
    node = tree.data.node
    stand_ins = standing_in(tree.args[: len(node.inputs)])
    elements = elements_of(node, stand_ins)
    if elements is None or elements.head != "array" or node.op.mathematics.is_plain:
        return None
    return Meaning(tuple(stand_ins), elements)


def definition(tree: Tree, taken: Sequence[str]) -> tuple[Tree, Tree] | None:
    """An element of what a sign stands for, and its formula, over names of arguments.

    Args:
        tree: a formula by a sign.
        taken: names that letters for arguments are not to have.
    """
    found = meaning(tree)
    if found is None:
        return None
    names = (name for name in "xyuvwabc" if name not in taken)
    count = len(found.stand_ins)
    given = tree.args[1:] if tree.head == "named" else tree.args[:count]
    args = [
        arg
        if (arg.args[0] if arg.head == "view" else arg).head in _NAMED
        else build.symbol(next(names), one.shape)
        for arg, one in zip(given, found.stand_ins, strict=True)
    ]
    elements, sign = with_args(found.elements, found.stand_ins, args), tree
    if tree.head == "apply" and (bias := _BIAS.search(tree.data.written or "")):
        # What is added to a sign needs no definition.
        elements = _without(elements, args[int(bias[1])])
        written = tree.data.written[: bias.start()]
        sign = replace(tree, data=build.Application(tree.data.node, written))
    rest = tree.args[count:] if tree.head == "apply" else ()
    front = tree.args[:1] if tree.head == "named" else ()
    sign = replace(sign, args=(*front, *args, *rest))
    letters = Letters([*taken, *build.names_in(elements)])
    free = [build.number(0) if n == 1 else letters.fresh() for n in elements.shape]
    seen = [one for one in free if one.head == "letter"]
    element = Tree("item", (sign, *seen)) if seen else sign
    return element, element_of(elements, free, letters)


def _without(elements: Tree, added: Tree) -> Tree:
    """Elements less those of an array that is added."""
    body, *letters = elements.args
    terms = [t for t in body.args if t.head != "item" or t.args[0] is not added]
    return replace(elements, args=(build.add(*terms), *letters))


class Definitions:
    """Meanings of the signs in formulas, each where it is met first."""

    def __init__(self, taken: Sequence[str]) -> None:
        """Tell which names are taken."""
        self._taken = taken
        self._known: set[object] = set()
        self.leaves_arrays = False

    def new(self, *trees: Tree) -> list[Pair]:
        """Definitions of the signs in formulas that were in none before."""
        found: list[Pair] = []
        for tree in trees:
            self.leaves_arrays = self.leaves_arrays or leaves_arrays(tree)
            for part in tree.walk():
                known = meaning(part)
                if known is None or _key(part, known) in self._known:
                    continue
                self._known.add(_key(part, known))
                if (both := definition(part, self._taken)) is not None:
                    found.append(both)
                    elements = known.elements
                    self.leaves_arrays = self.leaves_arrays or leaves_arrays(elements)
        return found


def _key(tree: Tree, known: Meaning) -> object:
    written = tree.data.written if tree.head == "apply" else tree.text
    options = [arg.text for arg in tree.args if arg.head == "options"]
    return (tree.text, written, tree.rank, *options, known.elements.key)


def remarks(is_by_rows: bool, trees: Iterable[Tree], taken: Sequence[str]) -> list[str]:
    """Remarks that stand beside formulas."""
    definitions = Definitions(taken)
    definitions.new(*trees)
    rows = [BY_ROWS] if is_by_rows else []
    return [*rows, *([OUTSIDE] if definitions.leaves_arrays else [])]
