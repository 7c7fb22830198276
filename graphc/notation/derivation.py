"""`gc.derivation`: each gradient of a scalar, step by step from the loss back."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..arguments import public, unlisted
from ..autodiff.reverse import as_targets
from ..errors import DifferentiationError
from ..ir.node import Node
from ..viz.drawing import Drawing
from . import tree as build
from .backward import Backward, Step, derivative, jacobian
from .closed import closed_form
from .definitions import Definitions, remarks
from .drawings import drawings_of
from .elements import Letters, at
from .formula import (
    Equation,
    System,
    latex_printer,
    single_letters,
    text_printer,
)
from .printing import Printer
from .tree import Tree

Lines = list[tuple[Node | None, list[str]]]
"""Formulas, each a name and what it is equal to, with the nodes that they are about."""

_MOST_PATHS = 6
_LONGEST_LABEL = 44
_MOST_IN_ELEMENTS = 60


@dataclass(frozen=True, eq=False)
class Gradient:
    """The gradient by one of the nodes that were asked for."""

    node: Node
    name: Tree
    """`∂L/∂W`."""
    chain: Tree | None
    """All derivatives from the loss to the node, multiplied along each path."""
    forms: tuple[Tree, ...]
    """Equal formulas, without other gradients in them."""


@unlisted(
    *("abbreviations", "images", "is_by_rows", "letters", "lines_of_nodes"),
    *("of", "remarks", "sections"),
)
@dataclass(frozen=True, eq=False)
class Derivation:
    """A derivation that prints as text and has `latex` and `markdown`."""

    forward: tuple[Equation, ...]
    """The values that have names, in the order of computation."""
    steps: tuple[Step, ...]
    """The gradient by each value, from the loss back."""
    gradients: tuple[Gradient, ...]
    """Those that were asked for."""
    abbreviations: tuple[tuple[Tree, Tree], ...]
    """Names in the gradients that stand for longer formulas."""
    is_by_rows: bool
    """True where formulas are those of one row of a batch."""
    of: tuple[Node, tuple[Node, ...]] = field(repr=False)
    """The scalar, and the nodes that it was differentiated by."""
    images: Mapping[Node, Node] = field(repr=False)
    """Nodes for one row, by those of the batch."""

    def drawings(self) -> tuple[Drawing, ...]:
        """The graph, and then with one more gradient in each drawing.

        >>> import graphc as gc
        >>> x = gc.input("x", ())
        >>> y = gc.exp(gc.sin(x))
        >>> len(gc.derivation(y, x).drawings())
        4
        """
        printer = text_printer(self._trees())
        formulas: dict[Node, str] = {}
        for step in self.steps:
            text = f"{printer(step.gradient)} = {printer(step.formula)}"
            if len(text) > _LONGEST_LABEL:
                text = printer(step.gradient)
            formulas.setdefault(step.node, text)
        return drawings_of(
            *self.of, lambda node: formulas.get(self.images.get(node, node))
        )

    @property
    def remarks(self) -> list[str]:
        """Sentences about all formulas."""
        trees = [equation.value for equation in self.forward]
        trees += [step.formula for step in self.steps]
        return remarks(self.is_by_rows, trees, self.letters)

    @property
    def letters(self) -> list[str]:
        """The names of one letter, which indices are not to have."""
        return single_letters(self._trees())

    def _trees(self) -> Iterable[Tree]:
        for equation in self.forward:
            yield equation.value
            if equation.name is not None:
                yield equation.name
        for name, tree in self.abbreviations:
            yield from (name, tree)

    def sections(self, printer: Printer) -> list[tuple[str, list[list[str]]]]:
        """Titles, and below each the formulas: a name and what it is equal to."""
        return [
            (title, [forms for _, forms in lines])
            for title, lines in self.lines_of_nodes(printer)
        ]

    def lines_of_nodes(self, printer: Printer) -> list[tuple[str, Lines]]:
        """The same as `sections`, with the node that each formula is about."""
        declared = {image: node for node, image in self.images.items()}
        definitions = Definitions(printer.taken)

        def defined(*trees: Tree) -> Lines:
            pairs = definitions.new(*trees)
            return [(None, [printer(sign), printer(tree)]) for sign, tree in pairs]

        forward: Lines = []
        for equation in self.forward:
            if equation.name is not None:
                value = printer.over(equation.value, equation.steps)
                both = [printer(equation.name), value]
                forward += [(equation.node, both), *defined(equation.value)]
        backward: Lines = []
        for step in self.steps:
            backward += ((step.node, line) for line in _lines(step, printer))
            backward += (
                (None, [printer(letter), printer(meaning)])
                for letter, meaning in step.letters
            )
            inner = defined(step.formula, *(tree for _, tree in step.jacobians))
            # An element of the gradient says what a sign alone means.
            backward += inner[1:] if step.formula.head == "named" else inner
        ends: Lines = []
        for gradient in self.gradients:
            forms = [gradient.chain] if gradient.chain is not None else []
            forms += gradient.forms
            texts = dict.fromkeys(printer(form) for form in forms)
            ends.append((gradient.node, [printer(gradient.name), *texts]))
            ends += defined(*forms)
        for name, tree in self.abbreviations:
            ends.append((None, [printer(name), printer(tree)]))

        def of_declared(lines: Lines) -> Lines:
            keys = (None if n is None else declared.get(n, n) for n, _ in lines)
            return [*zip(keys, (forms for _, forms in lines), strict=True)]

        return [
            ("Forward", of_declared(forward)),
            ("Backward", of_declared(backward)),
            ("Gradients", of_declared(ends)),
        ]

    def __str__(self) -> str:
        parts: list[str] = []
        for title, lines in self.sections(text_printer(self._trees())):
            parts.append(title)
            for name, *forms in lines:
                first, *others = forms
                parts.append(f"  {name} = {first}")
                parts += [f"  {' ' * len(name)} = {form}" for form in others]
            parts.append("")
        return "\n".join([*parts, *self.remarks]).rstrip()

    __repr__ = __str__

    @property
    def latex(self) -> str:
        """The sections one below the other, for a document with `amsmath`."""
        parts: list[str] = []
        for title, lines in self.sections(latex_printer(self._trees())):
            parts.append(f"\\paragraph{{{title}}}\n\\begin{{align*}}\n{_rows(lines)}")
            parts.append("\\end{align*}")
        # Derivations are longer than pages.
        whole = ["\\begingroup\\allowdisplaybreaks", *parts, "\\endgroup"]
        return "\n".join([*whole, *self.remarks])

    @property
    def markdown(self) -> str:
        """The sections below headings, formulas between `$$`."""
        parts: list[str] = []
        for title, lines in self.sections(latex_printer(self._trees())):
            body = f"\\begin{{aligned}}\n{_rows(lines)}\n\\end{{aligned}}"
            parts.append(f"### {title}\n\n$$\n{body}\n$$")
        return "\n\n".join([*parts, *self.remarks])

    def _repr_markdown_(self) -> str:
        return self.markdown


def _rows(lines: Sequence[Sequence[str]]) -> str:
    return " \\\\\n".join(
        f"{name} &= {first}" + "".join(f" \\\\\n&= {form}" for form in others)
        for name, first, *others in lines
    )


def _lines(step: Step, printer: Printer) -> Iterable[list[str]]:
    """The gradient of a value in its forms, and by elements."""
    forms = [step.formula] if step.chain is None else [step.chain, step.formula]
    texts = [*dict.fromkeys(printer(form) for form in forms)]
    texts[-1] = printer.over(forms[-1], step.steps)
    yield [printer(step.gradient), *texts]
    for name, tree in step.jacobians:
        yield [printer(name), printer(tree)]
    rank = step.gradient.rank
    is_plain = step.formula.head in ("rows", "derivative") or any(
        part.head in ("link", "step", "steps", "sequence")
        for part in (*step.formula.walk(), *step.gradient.walk())
    )
    if rank and not is_plain and step.formula.weight <= _MOST_IN_ELEMENTS:
        letters = Letters(printer.taken)
        indices = [letters.fresh() for _ in range(rank)]
        element = at(step.formula, indices, letters)
        if element.head == "item" and element.args[0].head in ("apply", "named"):
            return
        yield [printer(at(step.gradient, indices, letters)), printer(element)]


def derivation(y: Node, wrt: Any) -> Derivation:
    """The derivation of the gradients of a scalar, as a textbook writes it.

    First the values by their names, then, from the last to the first, the gradient by
    each of them: the chain rule as a product of Jacobians, summed where several values
    depend on it; what that is for the ops in question; and an element of it, with its
    sums. Last the gradients that were asked for: the product of all Jacobians on the
    way, and the closed form. A batch is shown for one row, and `Σ_rows` adds up.

    Args:
        y: a floating scalar.
        wrt: a node, or a list, tuple or dict of nodes.

    Returns:
        A derivation that prints as text, and has `latex` and `markdown`.

    Raises:
        DifferentiationError: `y` is not a floating scalar, or does not depend on `wrt`.

    >>> import graphc as gc
    >>> x = gc.input("x", ())
    >>> z = 2 * x + 1
    >>> y = z**2
    >>> print(gc.derivation(y, x))
    Forward
      z = 2x + 1
      y = z^2
    <BLANKLINE>
    Backward
      ∂y/∂z = 2z
      ∂y/∂x = ∂y/∂z ∂z/∂x
            = 2 ∂y/∂z
    <BLANKLINE>
    Gradients
      ∂y/∂x = ∂y/∂z ∂z/∂x
            = 4z
            = 8x + 4
    """
    targets = as_targets(wrt)
    if y.shape or y.dtype.kind != "f":
        raise DifferentiationError(
            f"a derivation takes a floating scalar, got {y.type}",
            node=y.describe(),
            hint="gc.mean(y) or gc.sum(y)",
        )
    return _Deriving(y, targets).whole()


class _Deriving:
    """The backward passes of a system: over free values, and over rows of totals."""

    def __init__(self, y: Node, targets: Sequence[Node]) -> None:
        self.of = y, tuple(targets)
        also = {y: "L", **dict.fromkeys(targets, "v")}
        outputs = [y, *targets]
        system = System(outputs, opens_known=False, names_all=True, also=also)
        if system.rows is not None and any(node.shape for node in system.rows.totals):
            system = System(outputs, opens_known=False, splits=False, also=also)
        self.system = system
        self.top, *self.targets = system.outputs
        self.row_nodes: set[Node] = set()
        if system.rows is not None:
            self.row_nodes |= set(system.rows.image.values())
            self.row_nodes |= {row for _, row in system.rows.totals.values()}
        self.steps: list[Step] = []
        self.written_out: dict[tuple[str, str], Tree] = {}
        self.of_rows: dict[Node, Tree] = {}

    def whole(self) -> Derivation:
        """The derivation."""
        system, wanted = self.system, frozenset(self.targets)
        main = Backward(system, self.top, lambda node: False, wanted, self.written_out)
        main.letters, main.unique = {}, system.names.unique
        main.run(self._over_rows)
        self.steps += main.steps
        closed = main.closed | self.of_rows
        gradients = [self._gradient(target, closed) for target in self.targets]
        short, abbreviations = self._abbreviated(gradients)
        return Derivation(
            tuple(e for e in system.equations() if e.name is not None),
            tuple(self.steps),
            tuple(short),
            tuple(abbreviations),
            system.rows is not None,
            self.of,
            {} if system.rows is None else system.rows.image,
        )

    def _over_rows(self, total: Node, d: Tree) -> dict[Node, Tree]:
        """The flows behind what adds up over rows, by those of one row."""
        rows = self.system.rows
        assert rows is not None
        kind, row = rows.totals[total]
        symbols = self.system.symbols
        wanted = frozenset(self.targets)

        def stops(node: Node) -> bool:
            is_end = node in symbols or node in wanted or node in rows.totals
            return node not in self.row_nodes and is_end

        inner = Backward(self.system, row, stops, wanted, self.written_out)
        inner.letters, inner.unique = {}, self.system.names.unique
        inner.run(lambda node, d: {})
        self.steps += inner.steps
        sent: dict[Node, Tree] = {}
        for node, gradient in inner.at.items():
            if node not in self.row_nodes:
                sent[node] = build.times(d, build.over_rows(kind, gradient, rows.size))
            elif node in wanted:
                count = build.size(rows.size)
                share = build.fraction(build.number(1), count)
                scale = [share] if kind == "mean" else []
                closed = build.times(d, *scale, inner.closed[node])
                known = self.of_rows.get(node)
                self.of_rows[node] = (
                    closed if known is None else build.add(known, closed)
                )
        return sent

    def _gradient(self, target: Node, closed: Mapping[Node, Tree]) -> Gradient:
        symbols = self.system.symbols
        name = derivative(symbols[self.top], symbols[target])
        if target not in closed:
            raise DifferentiationError(
                f"{self.top.describe()} does not depend on {target.describe()} through "
                "differentiable ops",
                node=target.describe(),
                hint="leave it out of wrt",
            )
        forms = [closed[target]]
        values = {
            symbols[node].text: value
            for node, value in self.system.values.items()
            if node in symbols
        }
        short = closed_form(forms[0], values)
        if short is not None:
            forms.append(short)
        return Gradient(target, name, self._chain(target), tuple(forms))

    def _chain(self, target: Node) -> Tree | None:
        """The product of all Jacobians, summed over the paths to the loss."""
        rows, top = self.system.rows, self.top
        kind = None
        if rows is not None and top in rows.totals and target not in self.row_nodes:
            kind, top = rows.totals[top]
        by_top = {
            step.node: step.through
            for step in self.steps
            if step.gradient.args[0] is self.system.symbols[top]
        }
        if target not in by_top:
            return None
        paths = list(itertools.islice(_paths(target, top, by_top), _MOST_PATHS + 1))
        if len(paths) > _MOST_PATHS or any(len(path) < 3 for path in paths):
            return None
        if not paths:
            return None
        terms = [_product([self.system.symbols[n] for n in path]) for path in paths]
        whole = build.add(*terms)
        if kind is None or rows is None:
            return whole
        return build.over_rows(kind, whole, rows.size)

    def _abbreviated(
        self, gradients: Sequence[Gradient]
    ) -> tuple[list[Gradient], list[tuple[Tree, Tree]]]:
        """Gradients with the letters that a textbook has for parts of them."""
        found: dict[Any, tuple[Tree, Tree]] = {}

        def swap(tree: Tree) -> Tree | None:
            if tree.head != "apply" or not isinstance(tree.data, build.Application):
                return None
            letter = tree.data.op.mathematics.abbreviation
            if letter is None or tree.args[0].head != "symbol":
                return None
            if tree.key not in found:
                name = build.symbol(self.system.names.unique(letter), tree.shape)
                found[tree.key] = name, tree
            return found[tree.key][0]

        short = [
            replace(g, forms=tuple(build.substitute(form, swap) for form in g.forms))
            for g in gradients
        ]
        return short, list(found.values())


def _paths(
    node: Node, top: Node, through: Mapping[Node, tuple[Node, ...]]
) -> Iterable[list[Node]]:
    """The values from a node to the one that is differentiated, by each path."""
    if node is top:
        yield [node]
        return
    for value in through.get(node, ()):
        for path in _paths(value, top, through):
            yield [node, *path]


def _product(path: Sequence[Tree]) -> Tree:
    """The derivatives along a path, from the loss on where all are numbers."""
    locals_ = [jacobian(over, under) for under, over in itertools.pairwise(path)]
    if all(not local.shape for local in locals_):
        return Tree("times", tuple(reversed(locals_)))
    *inner, last = locals_
    return Tree("matmul", (*(Tree("transpose", (one,)) for one in inner), last), (1,))


public(globals(), ["derivation"])
