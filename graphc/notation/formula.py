"""`node.formula()`: a value and all it is made of, as equations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..arguments import unlisted
from ..errors import GraphcError
from ..ir.facts import NAMED, Role
from ..ir.node import Node
from ..ir.types import TupleType
from ..ir.walk import reading_order
from . import tree as build
from .definitions import Definitions, remarks
from .latex import Latex
from .loops import Recurrence, recurrence
from .names import Names
from .printing import Printer
from .rows import Rows, by_rows
from .text import Text
from .translate import Depth, Translation
from .tree import Tree

_MOST_IN_A_LINE = 40
"""Parts of a formula beyond which what it is made of gets a name."""


@dataclass(frozen=True, eq=False)
class Equation:
    """A name, if there is one, and the formula of its value."""

    name: Tree | None
    value: Tree
    node: Node
    steps: Tree | None = None
    """The steps of a loop that it is for."""

    def printed(self, printer: Printer) -> str:
        """The equation."""
        value = printer.over(self.value, self.steps)
        if self.name is None or self.name.key == self.value.key:
            return value
        return f"{printer(self.name)} = {value}"


@unlisted("is_by_rows", "remarks", "trees")
@dataclass(frozen=True, eq=False)
class Formula:
    """Equations of a value, printed as text, as Markdown, and as LaTeX."""

    equations: tuple[Equation, ...]
    """That of each value with a name, in the order of computation; the last one is of
    the node."""
    is_by_rows: bool
    """True where the formulas are those of one row of a batch."""

    def __str__(self) -> str:
        lines = self._lines(text_printer(self.trees))
        return "\n".join([*lines, *(["", *self.remarks] if self.remarks else [])])

    def _lines(self, printer: Printer) -> list[str]:
        """The equations, and after each what the signs in it stand for."""
        definitions = Definitions(printer.taken)
        lines: list[str] = []
        for equation in self.equations:
            lines.append(equation.printed(printer))
            for sign, meaning in definitions.new(equation.value):
                lines.append(f"{printer(sign)} = {printer(meaning)}")
        return lines

    @property
    def remarks(self) -> list[str]:
        """Sentences about all formulas."""
        return remarks(self.is_by_rows, self.trees, single_letters(self.trees))

    __repr__ = __str__

    @property
    def trees(self) -> tuple[Tree, ...]:
        """The formulas."""
        return tuple(equation.value for equation in self.equations)

    @property
    def latex(self) -> str:
        """Equations for mathematics mode, one below the other, with `amsmath`."""
        return aligned(self._lines(latex_printer(self.trees)))

    @property
    def markdown(self) -> str:
        """Equations between `$$`, as notebooks and GitHub show them."""
        return "\n\n".join([f"$$\n{self.latex}\n$$", *self.remarks])

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"

    def _repr_markdown_(self) -> str:
        return self.markdown


def aligned(lines: Sequence[str]) -> str:
    """Lines of LaTeX, aligned at their first sign of equality."""
    if len(lines) == 1:
        return lines[0]
    body = " \\\\\n".join(line.replace(" = ", " &= ", 1) for line in lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def text_printer(trees: Iterable[Tree]) -> Text:
    """A printer of text whose indices are none of the names in some formulas."""
    return Text(single_letters(trees))


def latex_printer(trees: Iterable[Tree]) -> Latex:
    """A printer of LaTeX whose indices are none of the names in some formulas."""
    return Latex(single_letters(trees))


def single_letters(trees: Iterable[Tree]) -> list[str]:
    """The names of one letter in some formulas."""
    names = {name for tree in trees for name in build.names_in(tree)}
    return sorted(name for name in names if len(name) == 1)


class System:
    """The values of a graph that have names, and their formulas."""

    def __init__(
        self,
        outputs: Sequence[Node],
        depth: Depth = 1,
        *,
        leaves: Iterable[Node] = (),
        opens_known: bool = True,
        names_all: bool = False,
        splits: bool = True,
        also: Mapping[Node, str] | None = None,
    ) -> None:
        """Name values and translate them.

        Args:
            outputs: the values that are asked for.
            depth: see `formula`.
            leaves: values that stand by their names.
            opens_known: False where functions that have a name of their own in
                mathematics stay closed.
            names_all: True where a total over rows needs a name for what it adds up.
            splits: False for arrays as they are, with all rows.
            also: names for values that need one, if they have none.
        """
        leaves = set(leaves)
        self.rows: Rows | None = by_rows(outputs, leaves) if splits else None
        image: Mapping[Node, Node] = {} if self.rows is None else self.rows.image
        self.leaves = {image.get(leaf, leaf) for leaf in leaves}
        self.outputs = tuple(image.get(output, output) for output in outputs)
        self._wanted = set(self.outputs)
        self.order = reading_order(self.outputs, self.inputs)
        self.names = Names()
        self.place = {node: place for place, node in enumerate(self.order)}
        self.symbols: dict[Node, Tree] = {}
        named = [node for node in self.order if _has_name(node)]
        for node, name in self.names.of(named).items():
            self.symbols[node] = build.symbol(name, node.shape, node)
        known = set(self.order)
        if names_all and self.rows is not None:
            for _, row in self.rows.totals.values():
                if row not in self.symbols and row in known:
                    self._name(row, self.names.unique("ℓ"))
        for node, name in (also or {}).items():
            if image.get(node, node) not in self.symbols:
                self._name(image.get(node, node), self.names.unique(name))
        self.translation = Translation(
            dict(self.symbols), depth, opens_known, self._total
        )
        self.values: dict[Node, Tree] = {}
        self.loops: dict[Node, Recurrence] = {}
        self._names_of_steps = Names()
        uses = self._uses()
        for node in self.order:
            self._translate(node, uses.get(node, 0))

    def inputs(self, node: Node) -> tuple[Node, ...]:
        """The values that one is computed from."""
        if node in self.leaves:
            return ()
        return node.inputs if self.rows is None else self.rows.inputs(node)

    def _uses(self) -> dict[Node, int]:
        found: dict[Node, int] = {}
        for node in self.order:
            for parent in self.inputs(node):
                found[parent] = found.get(parent, 0) + 1
        return found

    def _name(self, node: Node, name: str) -> None:
        self.symbols[node] = build.symbol(name, node.shape, node)

    def _translate(self, node: Node, uses: int) -> None:
        known = self.translation.known
        is_loop = node.op.role in (Role.LOOP, Role.WHILE)
        if is_loop and node not in self.leaves:
            self._add_loop(node)
        if node in self.leaves or node.op.role in NAMED:
            if node not in known:
                self._name(node, self.names.numbered("x"))
                known[node] = self.symbols[node]
            return
        value = self.values[node] = self.translation.open(node)
        if node in self.symbols:
            return
        count = value.weight
        is_short = not node.inputs or count <= 3 or isinstance(node.type, TupleType)
        is_output = node in self._wanted
        if not is_output and not is_short and (uses > 1 or count > _MOST_IN_A_LINE):
            self._name(node, self.names.numbered("v"))
        known[node] = self.symbols.get(node, value)

    def _add_loop(self, node: Node) -> None:
        args = [self.translation.known[parent] for parent in node.inputs]
        taken = single_letters([*self.symbols.values(), *args])

        def opened(known: Mapping[Node, Tree], inner: Node) -> Tree:
            depth, opens = self.translation.depth, self.translation.opens_known
            return Translation(dict(known), depth, opens).open(inner)

        self.loops[node] = recurrence(
            node, args, taken, self._names_of_steps.unique, opened
        )

    def _total(self, node: Node) -> Tree | None:
        if node.op.role is Role.RESULT and node.inputs[0] in self.loops:
            return self.loops[node.inputs[0]].results[int(node.attributes["index"])]
        if self.rows is None or node not in self.rows.totals:
            return None
        kind, row = self.rows.totals[node]
        return build.over_rows(kind, self.translation.known[row], self.rows.size)

    def equations(self) -> list[Equation]:
        """The formula of each value that has a name, and of the outputs."""
        found: list[Equation] = []
        for node, value in self.values.items():
            if node in self.loops:
                lines = self.loops[node].lines
                found += (Equation(x.name, x.value, node, x.over) for x in lines)
            elif node in self.symbols or node in self._wanted:
                found.append(Equation(self.symbols.get(node), value, node))
        return found


def _has_name(node: Node) -> bool:
    if isinstance(node.type, TupleType):
        return False
    if node.op.role in (Role.CONSTANT, Role.FULL, Role.SIZE) and not node.shape:
        return node.label is not None
    return node.label is not None


def formula(node: Node, depth: Depth = 1) -> Formula:
    """The equations of a node and of all named values that it is made of.

    Names are the user's: of parameters and inputs, of variables and attributes that
    values were assigned to, and those that `named` gave. Values without a name stand
    in the formula itself. With an axis of rows in front, such as `"batch"`, formulas
    are those of one row, which is a column: `W x + b` for `gc.nn.linear(x, W, b)`.

    Args:
        node: any node.
        depth: levels of blocks that are opened: 0 for `softmax(z)`, 1 for its textbook
            formula, more for those in the formula; None for all.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 4))
    >>> W, b = gc.parameter("W", (3, 4)), gc.parameter("b", (3,))
    >>> z = gc.nn.linear(x, W, b)
    >>> h = gc.nn.relu(z)
    >>> print(h.formula())
    z = W x + b
    h = max(0, z)
    <BLANKLINE>
    For each row of the batch; vectors are columns.
    >>> print(h.formula(depth=0).latex.splitlines()[2])
    h &= \\operatorname{relu}\\left(z\\right)
    """
    return _formula(System([node], depth))


@dataclass(frozen=True, eq=False)
class Line:
    """The equation of a node, as a string says it."""

    node: Node
    equation: Equation | None
    loops: tuple[Equation, ...] = ()
    """The recurrences of loops that it is a result of."""

    def __str__(self) -> str:
        if self.equation is None:
            return repr(self.node)
        printer = text_printer([self.equation.value])
        return "\n".join(one.printed(printer) for one in (self.equation, *self.loops))

    @property
    def latex_line(self) -> str | None:
        """The equation as a notebook shows it; None where there is none."""
        if self.equation is None:
            return None
        printed = self.equation.printed(latex_printer([self.equation.value]))
        return f"$\\displaystyle {printed}$"


def line(node: Node) -> Line:
    """The equation of a node over the named values that it is made of."""
    if isinstance(node.type, TupleType):
        return Line(node, None)
    leaves = {
        one
        for one in reading_order(
            [node], lambda n: () if n is not node and _has_name(n) else n.inputs
        )
        if one is not node and _has_name(one)
    }
    try:
        *others, last = _formula(System([node], leaves=leaves)).equations
        return Line(node, last, tuple(one for one in others if one.name is not None))
    except GraphcError:
        return Line(node, None)


def _formula(system: System) -> Formula:
    equations = system.equations()
    if not equations:
        (output,) = system.outputs
        equations = [Equation(None, system.symbols[output], output)]
    return Formula(tuple(equations), system.rows is not None)
