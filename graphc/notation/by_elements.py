"""Gradients by elements: what flows to one element of an input, from all results.

Ops that move elements or add them up say what an element of their result is, as
`(W ∗ x)_ij = Σ_kl W_kl x_{i+k,j+l}` (`Mathematics.elements`). The gradient of an input
follows: that of an element `x_mn` is the sum of `d` over all places `i, j, k, l` where
its index is `m, n`, and these are solved for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..ir.dims import Dimension
from ..ir.node import Node
from ..ops.source import input as declared_input
from . import tree as build
from .arrays import (
    Meaning,
    array,
    attained,
    lifted,
    named,
    renamed,
    standing_in,
    together,
    with_args,
)
from .elements import Letters, big
from .indices import (
    Linear,
    Sizes,
    interval,
    is_letter,
    letters_in,
    linear,
    may_leave,
    replaced,
)
from .options import words
from .translate import Translation
from .tree import Tree


class _Unsolved(Exception):
    """A formula by elements is not differentiated here."""


@dataclass(frozen=True)
class _Use:
    """An element of an input in a sum: its factors, and the letters of the sum."""

    factors: tuple[Tree, ...]
    sizes: Sizes
    index: tuple[Tree, ...]

    def times(self, *factors: Tree) -> _Use:
        """The use with more factors in front."""
        return replace(self, factors=(*factors, *self.factors))

    def over(self, sizes: Sizes) -> _Use:
        """The use below a sum over more letters."""
        return replace(self, sizes={**sizes, **self.sizes})


def _uses(body: Tree, x: Tree) -> list[_Use]:
    """The elements of `x` in a formula of one element."""
    if body is x:
        return [_Use((), {}, ())]
    if body.head == "item" and body.args[0] is x:
        return [_Use((), {}, body.args[1:])]
    if all(part is not x for part in body.walk()):
        return []
    match body.head:
        case "add":
            return [use for arg in body.args for use in _uses(arg, x)]
        case "negative":
            return [use.times(build.number(-1)) for use in _uses(body.args[0], x)]
        case "times":
            return [
                use.times(*(other for other in body.args if other is not arg))
                for arg in body.args
                for use in _uses(arg, x)
            ]
        case "fraction" if all(part is not x for part in body.args[1].walk()):
            share = build.fraction(build.number(1), body.args[1])
            return [use.times(share) for use in _uses(body.args[0], x)]
        case "big" if body.text in ("Σ", "max"):
            return _of_operator(body, x)
        case "item" | "indicator":
            return []  # A place, or a condition, which is constant nearly everywhere.
        case _:
            raise _Unsolved


def _of_operator(body: Tree, x: Tree) -> list[_Use]:
    inner, *bound = body.args
    sizes = dict(zip((one.text for one in bound), body.data, strict=True))
    uses = [use.over(sizes) for use in _uses(inner, x)]
    if body.text == "Σ":
        return uses
    own = {one.text: build.letter(f"{one.text}*") for one in bound}
    place = attained(renamed(body, own))
    here = bound[0] if len(bound) == 1 else together(*bound)
    is_here = build.elementwise("indicator", build.relation("=", here, place))
    return [use.times(is_here) for use in uses]


def flow(elements: Tree, x: Tree, d: Tree) -> Tree | None:
    """The gradient of an input by elements, if it is solved.

    Args:
        elements: the result, an array of elements.
        x: the symbol of the input in it.
        d: the gradient of the result.
    """
    if elements.rank and elements.head != "array":
        return None
    body, *outer = elements.args if elements.rank else (elements,)
    sizes = dict(zip((one.text for one in outer), elements.shape, strict=True))
    try:
        uses = _uses(body, x)
    except _Unsolved:
        return None
    taken = {part.text for part in elements.walk() if part.head in ("letter", "symbol")}
    names = Letters([*taken])
    target = [names.fresh() for _ in x.shape]
    arriving = build.item(d, outer)
    terms = [
        _Solving(use.over(sizes), frozenset(sizes), arriving, target, x.shape).term()
        for use in uses
    ]
    if not terms:
        return build.view(build.number(0), x.shape, ()) if x.shape else build.number(0)
    return array(build.add(*terms), target, x.shape)


class _Solving:
    """The letters of one use, for an index that is given."""

    def __init__(
        self,
        use: _Use,
        outer: frozenset[str],
        d: Tree,
        target: Sequence[Tree],
        shape: Sequence[Dimension],
    ) -> None:
        self.left = dict(use.sizes)
        self.outer = outer
        self.factors = [*use.factors, d]
        self.index = list(use.index)
        self.sizes: dict[str, Dimension] = dict(use.sizes)
        self.conditions: list[Tree] = []
        only = [name for name, size in use.sizes.items() if size == 1]
        self._set(dict.fromkeys(only, build.number(0)))
        for axis, (wanted, size) in enumerate(zip(target, shape, strict=True)):
            self.sizes[wanted.text] = size
            self._solve(self.index[axis], wanted, size)

    def term(self) -> Tree:
        """The factors, summed over the letters that are left."""
        for condition in [*self.factors, *self.conditions]:
            self._follow(condition)
        for name in [name for name in self.left if name in self.outer]:
            self._count_otherwise(name)
        under = [f.args[1] for f in self.factors if _is_share(f)]
        others = [f for f in self.factors if not _is_share(f)]
        whole = build.times(*self.conditions, *others)
        whole = build.fraction(whole, build.times(*under)) if under else whole
        if not self.left:
            return whole
        bound = [build.letter(name) for name in self.left]
        return big("Σ", bound, [*self.left.values()], whole)

    def _follow(self, condition: Tree) -> None:
        """Put what a letter is equal to in the place of the letter."""
        if condition.head != "indicator" or condition.args[0].text != "=":
            return
        left, right = (linear(arg) for arg in condition.args[0].args)
        form = left.less(right)
        name = self._chosen(form)
        if name is None or any(a.head == "tuple" for _, a in form.terms):
            return
        factor = form.factor_of(name)
        self.factors = [f for f in self.factors if f is not condition]
        self.conditions = [c for c in self.conditions if c is not condition]
        self._set({name: form.without(name).scaled(-factor).tree})

    def _count_otherwise(self, name: str) -> None:
        """Sum over the index that a letter is part of, in the place of the letter."""
        found = [
            (linear(index), size)
            for part in self.factors
            if part.head == "item"
            for index, size in zip(part.args[1:], part.args[0].shape, strict=False)
            if name in letters_in(index)
        ]
        mixed = [(form, size) for form, size in found if len(form.terms) > 1]
        if len(mixed) != 1 or len(found) != 2 or self.conditions:
            return
        form, size = mixed[0]
        factor = form.factor_of(name)
        rest = form.without(name)
        sizes = (
            interval(build.size(size), {}),
            interval(build.size(self.left[name]), {}),
        )
        if sizes[0] is None or sizes[1] is None or sizes[0] >= sizes[1]:
            return  # The other sum is no shorter.
        if abs(factor) != 1 or any(name in letters_in(a) for _, a in rest.terms):
            return
        new = f"{name}'"
        self.left[new] = self.sizes[new] = size
        moved = linear(build.letter(new)).less(rest).scaled(factor)
        self.outer = self.outer | {new}
        self.factors = [replaced(f, {name: moved.tree}) for f in self.factors]
        del self.left[name]

    def _solve(self, given: Tree, wanted: Tree, size: Dimension) -> None:
        index = replaced(given, {})
        if size == 1 and build.is_number(index, 0.0):
            return
        form = linear(index)
        if self._as_digits(form, wanted, size) or self._around(form, wanted):
            return
        name = self._chosen(form)
        if name is None:
            both = (wanted, form.tree) if not form.terms else (form.tree, wanted)
            same = build.relation("=", *both)
            self.conditions.append(build.elementwise("indicator", same))
            return
        factor = form.factor_of(name)
        rest = form.without(name)
        solved = linear(wanted).less(rest).scaled(factor)
        self._set({name: solved.tree})

    def _chosen(self, form: Linear) -> str | None:
        """A letter that the index gives, best one of the result."""
        plain = [
            atom.text
            for factor, atom in form.terms
            if abs(factor) == 1 and atom.head == "letter" and atom.text in self.left
        ]
        nested = {
            name
            for _, atom in form.terms
            if atom.head != "letter"
            for name in letters_in(atom)
        }
        found = [name for name in plain if name not in nested]
        return min(
            found,
            key=lambda name: (name not in self.outer, not self._is_guarded(name)),
            default=None,
        )

    def _is_guarded(self, name: str) -> bool:
        """True where factors are 0 for a letter out of its range."""
        return any(
            part.head == "item"
            and any(
                is_letter(index, name) and size == self.sizes[name]
                for index, size in zip(part.args[1:], part.args[0].shape, strict=False)
            )
            for part in self.factors
        )

    def _set(self, values: Mapping[str, Tree]) -> None:
        """Put expressions in the place of letters."""
        for name, value in values.items():
            size = self.left.pop(name)
            if may_leave(value, size, self.sizes) and not self._is_guarded(name):
                low = build.relation("<=", build.number(0), value)
                high = build.relation("<", value, build.size(size))
                both = build.elementwise("logic", low, high, text="and")
                self.conditions.append(build.elementwise("indicator", both))
        self.factors = [replaced(factor, values) for factor in self.factors]
        self.index = [replaced(index, values) for index in self.index]
        self.conditions = [replaced(one, values) for one in self.conditions]

    def _as_digits(self, form: Linear, wanted: Tree, size: Dimension) -> bool:
        """Solve `n p + k` with `k < n`: a window, and the place in it."""
        pairs = [(f, a.text) for f, a in form.terms if a.head == "letter"]
        pairs = [pair for pair in pairs if pair[1] in self.left]
        if len(pairs) != len(form.terms) or len(pairs) != 2:
            return False
        (small, inner), (large, window) = sorted(pairs)
        if small != 1 or large <= 1 or self.left[inner] != large:
            return False
        moved = Linear(linear(wanted).terms, -form.constant).tree
        count = build.number(large)
        whole = build.elementwise("floor", build.fraction(moved, count))
        rest = build.function("mod", moved, count)
        self._set({inner: rest})
        self._set({window: whole})
        return True

    def _around(self, form: Linear, wanted: Tree) -> bool:
        """Solve an index that goes on at the start: `mod(k + 2, n)`."""
        if len(form.terms) != 1 or form.constant or form.terms[0][0] != 1:
            return False
        atom = form.terms[0][1]
        if atom.head != "function" or atom.text != "mod":
            return False
        inner, count = linear(atom.args[0]), atom.args[1]
        ends = interval(count, self.sizes)
        for factor, one in inner.terms:
            name = one.text if one.head == "letter" else ""
            if abs(factor) != 1 or name not in self.left or ends is None:
                continue
            if interval(one, self.sizes) != (0, ends[1] - 1):
                continue
            moved = linear(wanted).less(inner.without(name)).scaled(factor)
            self._set({name: build.function("mod", moved.tree, count)})
            return True
        return False


def _is_share(tree: Tree) -> bool:
    """True of `1 / n` for what is not a number."""
    return tree.head == "fraction" and build.is_number(tree.args[0], 1.0)


# Of nodes


def elements_of(node: Node, args: Sequence[Tree]) -> Tree | None:
    """The result of an op by elements of formulas of its inputs, if it says them."""
    mathematics = node.op.mathematics
    if mathematics.transposes is not None:
        op, attributes = mathematics.transposes(node)
        first = declared_input("x", node.shape, node.dtype)
        forward = op.build((first, *node.inputs[1:]), attributes)
        x = build.symbol("\0", node.shape)
        elements = elements_of(forward, [x, *args[1:]])
        return None if elements is None else flow(elements, x, args[0])
    text = mathematics.elements_of(node)
    return None if text is None else Translation({}, 1).parsed(text, node, args)


def gradient(node: Node, position: int, args: Sequence[Tree], d: Tree) -> Tree | None:
    """The gradient of an input of an op that says its elements; None of another.

    Args:
        node: of the op.
        position: which of its inputs.
        args: formulas of its inputs.
        d: the symbol of the gradient of the result.
    """
    stand_ins = standing_in(args)
    elements = elements_of(node, stand_ins)
    found = None if elements is None else flow(elements, stand_ins[position], d)
    if found is None:
        return None
    whole = lifted(found)
    pattern = node.op.mathematics.adjoint_of(node, position)
    if pattern is not None and whole.head == "array":
        text = ", ".join(words(node))
        pattern = pattern.replace("_{<options>}", f"_{{{text}}}" if text else "")
        pattern = pattern.replace("<d>", f"<{len(args)}>")
        given = (*stand_ins, d)
        whole = named(pattern, whole, given, Meaning(given, whole))
    return with_args(whole, stand_ins, args)
