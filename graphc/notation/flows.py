"""The gradient along each edge of a graph, in a short form.

It is what one op sends back to one of its inputs, over the gradient `d` that arrives at
the op: `W^T d`, `d x^T`, `p - onehot(y)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from ..errors import GraphcError
from ..ir.called import called_in_words
from ..ir.dims import Dim
from ..ir.node import Node
from ..ir.types import TupleType
from ..ops.source import input as declared_input
from . import tree as build
from .backward import Backward, jacobian
from .definitions import BY_ROWS, OUTSIDE, Definitions
from .formula import System, single_letters, text_printer
from .tree import Tree

_LONGEST = 44
"""Letters of a formula beyond which letters stand for its parts."""

_LONGEST_LINE = 60
"""Letters of a formula beyond which it is the product with a Jacobian."""

_MOST_PARTS = 4
"""Letters that stand for parts of one formula."""


class Flows:
    """The gradients along the edges of a graph."""

    def __init__(
        self, outputs: Sequence[Node], names: Mapping[Node, str], top: Iterable[Node]
    ) -> None:
        """Name the values of a graph.

        Args:
            outputs: the values that the graph is behind.
            names: what values are called; those that have no other name have it in
                formulas.
            top: values of which the gradient is 1.
        """
        self.names = names
        self.top = frozenset(top)
        outputs = [one for one in outputs if not isinstance(one.type, TupleType)]
        self.system = System(outputs, opens_known=False, also=names)
        self._defined: list[str] = []
        self._definitions = Definitions(single_letters(self.system.symbols.values()))
        self._is_plain = "d" not in {one.text for one in self.system.symbols.values()}
        self._backward = Backward(
            self.system, self.system.outputs[0], lambda node: False, frozenset(), {}
        )

    @property
    def remark(self) -> str:
        """The meaning of letters and names in all formulas."""
        arriving = "d is the gradient of the value that an arrow comes from. "
        return "".join(
            [
                arriving if self._is_plain else "",
                BY_ROWS if self.system.rows is not None else "Vectors are columns.",
                *(f"\\l{line}" for line in self._defined),
                f"\\l{OUTSIDE}\\l" if self._definitions.leaves_arrays else "",
            ]
        )

    def lines(self, node: Node, position: int) -> tuple[str, ...]:
        """The gradient by an input of a node, and what letters in it stand for."""
        letters: dict[str, tuple[Tree, Tree]] = {}
        parts = self._backward.letters = {}
        tree = build.number(0)
        try:
            tree = _seen_through(self._tree(node, position))
            letters.update(_used(parts, tree))
            tree = build.substitute(tree, lambda part: _abbreviated(part, letters))
            if len(_printed(tree)) > _LONGEST:
                tree = self._with_letters(tree, node, node.inputs[position], letters)
                tree = _in_parts(tree, letters)
            is_open = any(part.head == "link" for part in tree.walk())
            text = "" if is_open else _printed(tree)
        except GraphcError:
            text = ""
        lengths = [len(_printed(meaning)) for _, meaning in letters.values()]
        if not text or max(len(text), *lengths, 0) > _LONGEST_LINE:
            return (self.by_jacobians([node], node.inputs[position]),)
        for sign, meaning in self._definitions.new(tree):
            self._defined.append(f"{_printed(sign)} = {_printed(meaning)}")
        meanings = (f"{_printed(x)} = {_printed(y)}" for x, y in letters.values())
        return (text, *meanings)

    def _with_letters(
        self,
        tree: Tree,
        node: Node,
        parent: Node,
        letters: dict[str, tuple[Tree, Tree]],
    ) -> Tree:
        """A formula with a letter for the input of an op, and one for its result."""
        long = {"x": self._symbol(parent), "y": self._symbol(node)}
        names = {*build.names_in(tree), *letters}
        short = {
            whole.text: (build.symbol(letter, whole.shape), whole)
            for letter, whole in long.items()
            if letter not in names and whole.text in names
        }

        def swap(part: Tree) -> Tree | None:
            if part.head != "symbol" or part.text not in short:
                return None
            letters.setdefault(part.text, short[part.text])
            return short[part.text][0]

        return build.substitute(tree, swap)

    def by_jacobians(self, nodes: Sequence[Node], parent: Node) -> str:
        """The gradient through the transposes of Jacobians, added up."""
        under = self._symbol(parent)
        terms = [
            build.link(
                jacobian(self._symbol(node), under),
                self._arriving(node, is_plain=len(nodes) == 1),
                under.shape,
            )
            for node in nodes
        ]
        return _printed(build.add(*terms))

    def _arriving(self, node: Node, is_plain: bool = True) -> Tree:
        """The gradient of a node, by its name."""
        if node in self.top and is_plain:
            return build.number(1)
        name = "d" if is_plain and self._is_plain else f"d_{self.names[node]}"
        return build.symbol(name, self._image(node).shape)

    def _image(self, node: Node) -> Node:
        rows = self.system.rows
        return node if rows is None else rows.image.get(node, node)

    def _tree(self, node: Node, position: int) -> Tree:
        rows = self.system.rows
        parent = node.inputs[position]
        arriving = self._arriving(node)
        if rows is None and not node.shape and (loss := self._of_rows(node)):
            return build.times(arriving, loss._tree(loss.system.outputs[0], position))
        if rows is None or node not in rows.totals:
            found = self._backward.flow(self._image(node), position, arriving)
            if rows is None or node not in rows.image or parent in rows.image:
                return found
            return build.over_rows("sum", found, rows.size)
        kind, row = rows.totals[node]
        found = build.number(1)
        if row is not self._image(parent):
            place = row.inputs.index(self._image(parent))
            found = self._backward.flow(row, place, found)
        if kind == "mean":
            found = _shared(_seen_through(found), build.size(rows.size))
        return build.times(arriving, found)

    def _of_rows(self, node: Node) -> Flows | None:
        """The flows of a loss alone, where it adds up over rows of its inputs."""
        sizes = [one.shape[0] for one in node.inputs if one.shape]
        is_total = "reduction" in node.attributes and bool(sizes)
        if not is_total or not isinstance(sizes[0], Dim):
            return None
        rows = sizes[0].text if sizes[0].is_symbol else "rows"
        stand_ins: list[Node] = []
        for one in node.inputs:
            name = self._symbol(one).text
            name = name if name.isidentifier() else "x"
            stand_ins.append(declared_input(name, (rows, *one.shape[1:]), one.dtype))
        alone = node.op.build(tuple(stand_ins), node.attributes)
        flows = Flows([alone], {alone: ""}, [alone])
        found = flows.system.rows
        return flows if found is not None and alone in found.totals else None

    def _symbol(self, node: Node) -> Tree:
        found = self.system.symbols.get(self._image(node))
        if found is not None:
            return found
        named = node
        while len(named.inputs) == 1 and named.label is None:
            named = named.inputs[0]
        name = self.names.get(node) or called_in_words(named)
        return build.symbol(name, self._image(node).shape)


def _in_parts(tree: Tree, letters: dict[str, tuple[Tree, Tree]]) -> Tree:
    """A formula with letters for long parts of it, added to those that there are."""
    names = {*build.names_in(tree), *letters}
    free = [name for name in "uvwabc" if name not in names][:_MOST_PARTS]
    meanings: list[tuple[str, tuple[Tree, Tree]]] = []
    for name in free:
        if len(_printed(tree)) <= _LONGEST_LINE - 6:
            break
        found = _longest_part(tree)
        if found is None:
            break
        short, key = build.symbol(name, found.shape), found.key
        tree = build.substitute(
            tree, lambda part, key=key, short=short: short if part.key == key else None
        )
        meanings.append((name, (short, found)))
    letters |= dict(reversed(meanings))
    return tree


def _longest_part(tree: Tree) -> Tree | None:
    """The part of a formula by which a letter shortens it the most."""
    best, saved = None, 2
    counts: dict[object, int] = {}
    parts = [part for part in tree.walk() if _is_whole(part) and part is not tree]
    for part in parts:
        counts[part.key] = counts.get(part.key, 0) + 1
    for part in parts:
        length = len(_printed(part))
        if length <= _LONGEST and (length - 1) * counts[part.key] > saved:
            best, saved = part, (length - 1) * counts[part.key]
    return best


def _is_whole(tree: Tree) -> bool:
    """True of a part that may stand by a letter: it has no index of what is around."""
    if tree.is_row or tree.head in ("symbol", "letter", "number", "view", "options"):
        return False
    return all(part.head != "letter" for part in tree.walk())


def _used(
    letters: dict[str, tuple[Tree, Tree]], tree: Tree
) -> dict[str, tuple[Tree, Tree]]:
    """The letters in a formula, and those in what these stand for."""
    found: dict[str, tuple[Tree, Tree]] = {}
    names = {*build.names_in(tree)}
    for letter, (short, meaning) in reversed(letters.items()):
        if letter in names:
            found[letter] = short, _seen_through(meaning)
            names |= {*build.names_in(meaning)}
    return found


def _seen_through(tree: Tree) -> Tree:
    """A formula without a view around it, for shapes stand beside it."""
    while tree.head == "view":
        tree = tree.args[0]
    if tree.head == "times" and tree.args[-1].head == "view":
        *scalars, last = tree.args
        if not any(part.rank for part in scalars):
            return build.times(*scalars, _seen_through(last))
    return tree


def _printed(tree: Tree) -> str:
    return text_printer([tree])(tree)


def _shared(tree: Tree, size: Tree) -> Tree:
    """A formula divided by a size, in one fraction."""
    parts = tree.args if tree.head == "times" else (tree,)
    numbers = [part for part in parts if part.head == "number"]
    others = [part for part in parts if part.head != "number"]
    share = Fraction(1)
    for one in numbers:
        share *= Fraction(one.text)
    under = build.times(build.number(share.denominator), size)
    return build.times(build.fraction(build.number(share.numerator), under), *others)


def _abbreviated(tree: Tree, letters: dict[str, tuple[Tree, Tree]]) -> Tree | None:
    """The letter that a textbook has for a part of a formula."""
    if tree.head != "apply" or not isinstance(tree.data, build.Application):
        return None
    letter = tree.data.op.mathematics.abbreviation
    if letter is None or tree.args[0].head != "symbol":
        return None
    letters.setdefault(letter, (build.symbol(letter, tree.shape), tree))
    return letters[letter][0]
