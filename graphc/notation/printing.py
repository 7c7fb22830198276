"""Parentheses and order of formulas, which text and LaTeX have in common."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from ..ir.dims import Dimension
from .elements import Letters, at, element_of, reduction_at
from .indices import is_letter
from .tree import (
    Application,
    Tree,
    letter,
    names_in,
    number,
    relation,
    size,
    times,
)

LOGIC, RELATION, SUM, BIG, HADAMARD, PRODUCT, POWER, ATOM = range(8)

_EXPONENTIAL = r"\d[\d.]*e[+-]?\d+"
_PIECE = re.compile(
    rf"<\d+>|{_EXPONENTIAL}|_\{{|√\{{|‖\{{|\^T|\^\{{|[{{}}()]|[^\W\d_]+|\s+|."
)
"""Parts of a form: inputs, what brackets open and close, words and signs."""
_BINDING = (
    *((" + ", SUM), (" - ", SUM), (" ⊙ ", HADAMARD), (" / ", HADAMARD)),
    *((" ∗", HADAMARD), ("Σ", BIG), (" ", PRODUCT)),
)
"""Signs outside of brackets, and how strongly what they are in binds."""

Group: TypeAlias = "list[str | tuple[str, Group]]"
"""Parts of a form; a pair is a bracket that opens, and what is in it."""


def _group(pieces: Iterator[str]) -> Group:
    """The parts up to the end, or to a bracket that closes."""
    found: Group = []
    for piece in pieces:
        if piece in ("}", ")", "]"):
            break
        is_open = piece[-1] in "{(["
        found.append((piece, _group(pieces)) if is_open else piece)
    return found


def _binding(group: Group, alone: int) -> int:
    """The strength with which a form binds: that of its weakest sign."""
    signs = "".join(
        part for part in group if isinstance(part, str) and not part.startswith("<")
    )
    if "," in signs or ";" in signs:
        return LOGIC
    return next((binds for sign, binds in _BINDING if sign in signs), alone)


def _is_chain(tree: Tree) -> bool:
    """True of `0 <= x` and `x < n`, which are written as one."""
    if tree.text != "and" or any(arg.head != "relation" for arg in tree.args):
        return False
    low, high = tree.args
    return low.text in ("<", "<=") and low.args[1].key == high.args[0].key


def _conditions(body: Tree, bound: Sequence[Tree]) -> tuple[list[Tree], Tree]:
    """The conditions on letters of a sum, which stand below it, and the rest."""
    names = {one.text for one in bound}
    parts = body.args if body.head == "times" else (body,)
    found = [
        part.args[0]
        for part in parts
        if part.head == "indicator"
        and any(one.head == "letter" and one.text in names for one in part.walk())
        and "argmax" not in (one.text for one in part.walk())
    ]
    rest = [p for p in parts if p.head != "indicator" or p.args[0] not in found]
    return found, times(*rest)


def _sizes(tree: Tree) -> list[Dimension]:
    """The sizes of axes that have an index."""
    return [each for each in tree.shape if each != 1]


def _is_scalar(tree: Tree) -> bool:
    """True for a number, be it one that broadcasts."""
    return not tree.rank or (tree.head == "view" and not tree.args[0].rank)


class Printer(ABC):
    """A printer of trees; what differs between text and LaTeX is abstract."""

    def __init__(self, taken: Sequence[str] = ()) -> None:
        """Tell which letters are names already."""
        self.taken = tuple(taken)

    def __call__(self, tree: Tree) -> str:
        """The formula."""
        return self._in(tree, LOGIC)

    def over(self, tree: Tree, steps: Tree | None) -> str:
        """A formula, and the steps that it is for."""
        said = "" if steps is None else f",{self.literal('  ')}{self(steps)}"
        return self(tree) + said

    def _in(self, tree: Tree, least: int) -> str:
        """A formula where it binds at least so strongly, or else in parentheses."""
        text, binds = self._of(tree)
        return text if binds >= least else self.bracketed(text)

    def _of(self, tree: Tree) -> tuple[str, int]:
        """The text of a formula, and how strongly it binds."""
        match tree.head:
            case "symbol" | "letter" | "options":
                return self.name(tree.text), ATOM
            case "number":
                return self.digits(tree), PRODUCT if "/" in tree.text else ATOM
            case "derivative":
                both = (self._in(arg, ATOM) for arg in tree.args)
                return self.derivative(*both), ATOM
            case "add":
                return self._sum(tree), SUM
            case "negative":
                return "-" + self._in(tree.args[0], BIG), SUM
            case "times":
                return self._product(tree)
            case "matmul":
                return " ".join(self._in(arg, PRODUCT) for arg in tree.args), PRODUCT
            case "link":
                local, gradient = tree.args
                through = self.transposed(self.bracketed(self(local)))
                return f"{through} {self._in(gradient, PRODUCT)}", PRODUCT
            case "fraction":
                return self.fraction(*tree.args)
            case "power":
                base, exponent = tree.args
                return self.raised(self._base(base), self(exponent), exponent), POWER
            case "transpose":
                return self.transposed(self._base(tree.args[0])), POWER
            case "function" if tree.text == "mod":
                both = (self._in(arg, PRODUCT) for arg in tree.args)
                return f" {self.sign('mod')} ".join(both), SUM
            case "function" | "apply" | "map":
                if isinstance(tree.data, Application) and tree.data.written:
                    return self._written(tree.data.written, tree)
                return self._call(tree), ATOM
            case "diag":
                return self.call("diag", [self(tree.args[0])]), ATOM
            case "onehot":
                return self.call("onehot", [self(tree.args[0])]), ATOM
            case "relation":
                return self._relation(tree), RELATION
            case "logic" if _is_chain(tree):
                low, high = tree.args
                parts = [self._in(arg, SUM) for arg in (*low.args, high.args[1])]
                signs = [f" {self.sign(one.text)} " for one in tree.args]
                return f"{parts[0]}{signs[0]}{parts[1]}{signs[1]}{parts[2]}", RELATION
            case "logic":
                sign = self.sign(tree.text)
                if len(tree.args) == 1:
                    return f"{sign} {self._in(tree.args[0], ATOM)}", RELATION
                parts = [self._in(arg, RELATION) for arg in tree.args]
                return f" {sign} ".join(parts), LOGIC
            case "indicator":
                return self.indicator(self(tree.args[0])), ATOM
            case "bars" | "floor" | "ceiling" | "norm":
                return self.between(tree.head, self(tree.args[0])), ATOM
            case "root":
                return self.root(self(tree.args[0])), ATOM
            case "cases":
                return self.cases([self(arg) for arg in tree.args]), SUM
            case "view":
                return self._view(tree)
            case "item":
                return self._item(tree), ATOM
            case "big":
                return self._big(tree), BIG
            case "rows":
                return self._rows(tree)
            case "reduce" | "pick" | "array":
                return self._elements(tree)
            case "named":
                return self._written(tree.text, replace(tree, args=tree.args[1:]))
            case "step":
                name, place = tree.args
                index = self.indexed(self(place))
                return self.below(self._in(name, ATOM), index), ATOM
            case "sequence":
                first, last = (self(arg) for arg in tree.args)
                return self.bracketed(f"{first}, {self.literal('…')}, {last}"), ATOM
            case "steps":
                body, number_of = tree.args
                inner = self._in(body, BIG)
                return self.operator("Σ", self.name(number_of.text), inner), BIG
            case "range":
                name, first, last = (self(arg) for arg in tree.args)
                return f"{name} = {first}, {self.literal('…')}, {last}", RELATION
            case "condition":
                steps, test = (self(arg) for arg in tree.args)
                words = self.literal(",  as long as") + self.literal("  ")
                return f"{steps}{words}{test}", LOGIC
            case "tuple":
                return self.bracketed(", ".join(self(arg) for arg in tree.args)), ATOM
            case _:
                raise AssertionError(tree.head)

    def _view(self, tree: Tree) -> tuple[str, int]:
        """A formula whose axes count from the last, or whose axes are said."""
        x = tree.args[0]
        axes: tuple[int | None, ...] = tree.data
        places = [place for place in axes if place is not None]
        last = range(tree.rank - len(places), tree.rank)
        if not places or places == list(last):
            return self._of(x)
        letters = Letters([*self.taken, *names_in(tree)])
        free = [letters.fresh().text for _ in tree.shape]
        below = ",".join(free[place] for place in places)
        return self.below(self.bracketed(self(x)), below), ATOM

    def _sum(self, tree: Tree) -> str:
        text = ""
        for term in tree.args:
            sign = " - " if term.head == "negative" else " + "
            inner = term.args[0] if term.head == "negative" else term
            part = self._in(inner, BIG)
            text += f"{sign}{part}" if text else sign.strip(" +") + part
        return text

    def _product(self, tree: Tree) -> tuple[str, int]:
        scalars = [arg for arg in tree.args if _is_scalar(arg)]
        arrays = [arg for arg in tree.args if not _is_scalar(arg)]
        text = ""
        for place, factor in enumerate(scalars):
            is_last = place == len(scalars) - 1 and not arrays
            # A product of vectors would run on into the arrays behind it.
            least = POWER if factor.head == "matmul" and arrays else PRODUCT
            part = self._in(factor, BIG if is_last else least)
            if factor.head == "number" and "/" in factor.text:
                part = self.share(part)
            text = self.beside(text, part, factor) if text else part
        if len(arrays) > 1:
            joined = self.hadamard([self._in(arg, POWER) for arg in arrays])
            whole = self.beside(text, joined, tree) if text else joined
            return whole, HADAMARD
        for factor in arrays:
            part = self._in(factor, PRODUCT)
            text = self.beside(text, part, factor) if text else part
        last = tree.args[-1]
        return text, BIG if last.head in ("big", "reduce", "rows") else PRODUCT

    def _base(self, tree: Tree) -> str:
        """A formula below an exponent."""
        text = self._in(tree, ATOM)
        inner = tree.args[0] if tree.head == "view" else tree
        return self.bracketed(text) if inner.head in ("derivative",) else text

    def _call(self, tree: Tree) -> str:
        args = [self(arg) for arg in tree.args if arg.head != "options"]
        below = next((arg.text for arg in tree.args if arg.head == "options"), "")
        return self.call(tree.text, args, self.literal(below))

    def _written(self, text: str, tree: Tree) -> tuple[str, int]:
        """A form of an op, see `Mathematics.written`, and how strongly it binds."""
        group = _group(iter(_PIECE.findall(text)))
        return self._grouped(group, tree, ATOM), _binding(group, ATOM)

    def _grouped(self, group: Group, tree: Tree, alone: int) -> str:
        """The text of a form, or of what is in brackets there.

        Args:
            group: its parts.
            tree: the formula with the inputs.
            alone: how strongly an input has to bind that no sign stands beside.
        """
        binds = _binding(group, alone)
        around = binds if binds == alone else binds + 1
        done: list[str] = []
        for part, after in zip(group, [*group[1:], ""], strict=True):
            if isinstance(part, tuple):
                self._bracket(*part, tree, done)
            elif part == "^T":
                done.append(self.transposed(done.pop()))
            elif part == "²":
                done.append(self.raised(done.pop(), "2", number(2)))
            elif part.startswith("<") and part[1:-1].isdecimal():
                sign = after[0] if isinstance(after, tuple) else after
                least = ATOM if sign in ("_{", "^{", "^T", "²") else around
                done.append(self._in(tree.args[int(part[1:-1])], least))
            elif re.fullmatch(_EXPONENTIAL, part):
                done.append(self.digits(number(float(part))))
            else:
                done.append(self.literal(part))
        return "".join(done)

    def _bracket(self, opening: str, group: Group, tree: Tree, done: list[str]) -> None:
        """Add what is in brackets, or below or above what stands before it."""
        inner = self._grouped(group, tree, LOGIC)
        match opening:
            case "_{":
                done.append(self.below(done.pop(), inner))
            case "^{":
                done.append(self.raised(done.pop(), inner, number(1)))
            case "√{":
                done.append(self.root(inner))
            case "‖{":
                done.append(self.between("norm", inner))
            case "[":
                done.append(f"{self.literal('[')}{inner}{self.literal(']')}")
            case _:
                done.append(self.bracketed(inner))

    def _relation(self, tree: Tree) -> str:
        left, right = (self._in(arg, SUM) for arg in tree.args)
        return f"{left} {self.sign(tree.text)} {right}"

    def _item(self, tree: Tree) -> str:
        base, *indices = tree.args
        if base.head == "array":
            known = [
                one.text for one in tree.walk() if one.head in ("letter", "symbol")
            ]
            element = element_of(base, indices, Letters([*self.taken, *known]))
            return self._in(element, ATOM)
        texts = [self.indexed(self(index)) for index in indices]
        is_short = all(len(text) == 1 for text in texts)
        below = ("" if is_short else ",").join(texts)
        if base.head == "derivative":
            over, under = base.args
            return self.derivative(self(over), self.below(self(under), below))
        return self.below(self._in(base, ATOM), below)

    def _big(self, tree: Tree) -> str:
        body, *bound = tree.args
        conditions, body = _conditions(body, bound) if tree.text == "Σ" else ([], body)
        inner = self._in(body, BIG)
        below = ",".join(self.name(one.text) for one in bound)
        if not conditions:
            return self.operator(tree.text, below, inner)
        said = ", ".join(self.indexed(self(one)) for one in conditions)
        first = conditions[0]
        starts = first.head == "relation" and first.args[0].key == bound[0].key
        is_short = len(bound) == 1 and starts
        return self.operator(tree.text, said if is_short else f"{below}: {said}", inner)

    def _rows(self, tree: Tree) -> tuple[str, int]:
        body = tree.args[0]
        inner = self._in(body, BIG)
        total = self.operator("Σ", self.literal("rows"), inner)
        if tree.text == "sum":
            return total, BIG
        if isinstance(tree.data, int):
            share = self.fraction(number(1), number(tree.data))[0]
        else:
            share = self.fraction(number(1), Tree("symbol", text=tree.data.text))[0]
        return f"{self.share(share)} {total}", BIG

    def _elements(self, tree: Tree) -> tuple[str, int]:
        """A formula that has no notation but by its elements."""
        letters = Letters([*self.taken, *names_in(tree)])
        free = [number(0) if n == 1 else letters.fresh() for n in tree.shape]
        seen = [one for one in free if one.head == "letter"]
        element = (reduction_at if tree.head == "reduce" else at)(tree, free, letters)
        if not seen:
            return self._of(element)
        said = [one.text for one in seen]
        if tree.head == "array":
            ranges = dict(zip((one.text for one in seen), _sizes(tree), strict=True))
            said = [self._ranged(name, ranges[name], element) for name in said]
        text = ",".join(said)
        return self.below(self.bracketed(self(element)), text), ATOM

    def _ranged(self, name: str, length: Dimension, element: Tree) -> str:
        """A letter, with its range where elements of another one have it alone."""
        for part in element.walk():
            sizes = part.args[0].shape if part.head == "item" else ()
            for index, other in zip(part.args[1:], sizes, strict=False):
                if is_letter(index, name) and other != length:
                    below = relation("<", letter(name), size(length))
                    return self.indexed(self(below))
        return self.name(name)

    # Differences

    @abstractmethod
    def name(self, text: str) -> str:
        """A name."""

    @abstractmethod
    def digits(self, tree: Tree) -> str:
        """A number."""

    @abstractmethod
    def bracketed(self, text: str) -> str:
        """A formula in parentheses."""

    @abstractmethod
    def derivative(self, over: str, under: str) -> str:
        """The derivative of one name by another."""

    @abstractmethod
    def fraction(self, over: Tree, under: Tree) -> tuple[str, int]:
        """A quotient, and how strongly it binds."""

    @abstractmethod
    def share(self, text: str) -> str:
        """A fraction in front of a sum."""

    @abstractmethod
    def raised(self, base: str, exponent: str, tree: Tree) -> str:
        """A power."""

    @abstractmethod
    def transposed(self, base: str) -> str:
        """A transpose."""

    @abstractmethod
    def beside(self, left: str, right: str, factor: Tree) -> str:
        """A product of two factors."""

    @abstractmethod
    def hadamard(self, factors: Sequence[str]) -> str:
        """A product element by element."""

    @abstractmethod
    def call(self, name: str, args: Sequence[str], below: str = "") -> str:
        """A function of arguments, with what tells it from others below its name."""

    @abstractmethod
    def literal(self, text: str) -> str:
        """Words and signs of a form."""

    @abstractmethod
    def sign(self, text: str) -> str:
        """The sign of a relation."""

    @abstractmethod
    def indicator(self, text: str) -> str:
        """1 where a condition holds, else 0."""

    @abstractmethod
    def between(self, head: str, text: str) -> str:
        """A formula between bars or brackets of a kind."""

    @abstractmethod
    def root(self, text: str) -> str:
        """A square root."""

    @abstractmethod
    def cases(self, parts: Sequence[str]) -> str:
        """A choice: value, condition, value, condition, ..., value."""

    @abstractmethod
    def below(self, base: str, index: str) -> str:
        """A name with an index."""

    def indexed(self, text: str) -> str:
        """An index or condition, below a name or a sum."""
        return text

    @abstractmethod
    def operator(self, sign: str, bound: str, body: str) -> str:
        """A sum, product, maximum, ... over letters."""
