"""Formulas simplified by computer algebra, and believed only where floats agree.

SymPy sees an elementwise region as one expression. A few cheap transformations of it
are turned back into nodes, priced by what NumPy pays for each function, and the
cheapest that agrees with what was written on the whole domain takes its place.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...ir.graph import Graph, rebuild
from ...ir.node import Node
from ...ir.op import OPS
from ...ir.origin import replacing
from ...ir.types import DType
from ...ir.walk import ancestors
from ...ops.arithmetic import divide, multiply, negative, sqrt
from ...ops.exponential import power
from ...ops.source import constant
from ..algebra.powers import integer_power
from ..algebra.values import constant_of, is_constant
from ..base import adopt, note
from .cost import CALL, cost
from .prospects import may_merge
from .regions import Region, find_regions
from .validation import agree

_RULE = "formula -> cheaper formula"
_SOUND = (
    "both agree to 4 units in the last place, in NaN, in infinities and in the signs "
    "of zeros, on special values and random ones, in float64 and in their own dtype"
)

_UNDERSTOOD = {
    "absolute": "Abs",
    "arccos": "acos",
    "arcsin": "asin",
    "arctan": "atan",
    "cos": "cos",
    "cosh": "cosh",
    "exp": "exp",
    "log": "log",
    "sin": "sin",
    "sinh": "sinh",
    "tan": "tan",
    "tanh": "tanh",
}
"""Functions that computer algebra knows identities of, under its names."""

_ARITHMETIC = frozenset(
    {"add", "divide", "multiply", "negative", "power", "reciprocal", "sqrt", "square"}
    | {"subtract"}
)
# Written out, log1p is log(1 + x): algebra would undo what makes it worth having.
_OPAQUE = frozenset(
    {"cbrt", "exp2", "expm1", "hypot", "log1p", "logaddexp", "maximum", "minimum"}
)
_OPS = _ARITHMETIC | _OPAQUE | frozenset(_UNDERSTOOD)

_CHEAP = frozenset(
    {"absolute", "add", "divide", "multiply", "negative", "sqrt", "square", "subtract"}
)

_MOST_INPUTS = 3
"""So few that special values are tried in all combinations."""
_MOST_ANALYSES = 32
_LONGEST = 64
"""Operations of a formula when it is written out. What computer algebra does grows with
these, and they may double with every node: `x*x + x`, squared, squared again."""


class _Inexpressible(Exception):
    """An expression that no op computes."""


@dataclass(frozen=True)
class Simplify:
    """Simplify elementwise regions through SymPy.

    Before: primitives. After: each region whose formula has a cheaper form that agrees
    with it is in that form. Sound when agreement on samples is agreement: the two are
    held against each other on special values (zeros, infinities, NaN, extremes) in
    all combinations, and on random ones. Time is bounded by counts of operations: a
    region has at most 16 nodes and 64 operations when nothing in it is shared and
    powers are products, and no more than the first 32 different formulas of a graph are
    looked at.
    """

    name: str = "simplify"

    @property
    def reasons(self) -> Mapping[str, str]:
        """Each rule, and when it is sound."""
        return {_RULE: _SOUND}

    def run(self, graph: Graph) -> Graph:
        """The graph with cheaper formulas."""
        found: dict[Node, tuple[Region, Recipe]] = {}
        known: dict[Any, Recipe | None] = {}
        for region in find_regions(graph, _OPS):
            if not _may_gain(region):
                continue
            key = region.key()
            if key not in known:
                if len(known) >= _MOST_ANALYSES:
                    continue
                known[key] = _simplify(region)
            recipe = known[key]
            if recipe is not None:
                found[region.root] = (region, recipe)
        return _replace(graph, found) if found else graph


def _replace(graph: Graph, found: Mapping[Node, tuple[Region, Recipe]]) -> Graph:
    images: dict[Node, Node] = {}

    def image(old: Node, node: Node) -> Node:
        if old not in found:
            return node
        region, recipe = found[old]
        with replacing(old, _RULE):
            inputs = [images[parent] for parent in region.inputs()]
            new = recipe(inputs, region.dtype)
        if new.type != old.type:
            return node
        new = adopt(old, new)
        note(_RULE, _SOUND, old, new)
        return new

    originals = iter(graph.nodes)

    def rule(node: Node) -> Node:
        old = next(originals)
        images[old] = image(old, node)
        return images[old]

    return rebuild(graph, rule)


def _may_gain(region: Region) -> bool:
    """Whether a region has anything to merge: a repeated input, numbers, functions."""
    inputs = region.inputs()
    if not 1 <= len(inputs) <= _MOST_INPUTS:
        return False
    inside = {*region.nodes, *inputs}
    numbers = sum(p not in inside for node in region.nodes for p in node.inputs)
    functions = sum(node.op.name not in _CHEAP for node in region.nodes)
    # What two operations make of one input has no cheaper form.
    many = numbers > 1 or functions > 1 or len(region.nodes) > max(2, len(inputs))
    return many and _is_short(region) and may_merge(region)


def _is_short(region: Region) -> bool:
    """Whether a formula has few operations where each value is written out at its use.

    A power counts as the product that it is, so this bounds degrees as well.
    """
    written: dict[Node, float] = {}
    for node in region.nodes:
        lengths = [written.get(parent, 0) for parent in node.inputs]
        copies = 2.0 if node.op.name == "square" else 1.0
        if node.op.name == "power" and is_constant(node.inputs[1]):
            copies = max(1.0, abs(float(constant_of(node.inputs[1]))))
        written[node] = copies * (sum(lengths) + 1)
        if not written[node] <= _LONGEST:
            return False
    return True


Recipe = Callable[[Sequence[Node], DType], Node]
"""A formula that can be built of any inputs."""


def _simplify(region: Region) -> Recipe | None:
    """The cheapest form of a region that agrees with it, if any is cheaper."""
    count = len(region.inputs())
    symbols = _symbols(count)
    best: Recipe | None = None
    limit = cost(region.nodes) - CALL / 2
    for expression in _candidates(region, symbols):
        recipe = functools.partial(_build, _shared(expression), symbols)
        try:
            price = cost(_computed(recipe(region.inputs(), region.dtype), region))
        except (_Inexpressible, OverflowError):
            continue
        if price < limit and agree(region.replay, recipe, count, region.dtype):
            best, limit = recipe, price
    return best


def _computed(root: Node, region: Region) -> Iterator[Node]:
    known = set(ancestors(region.inputs()))
    for node in ancestors([root]):
        if node not in known and node.op.name != "constant":
            yield node


# What knows SymPy


@functools.cache
def _sympy() -> Any:
    # Imported where it is first needed: `import graphc` must stay fast.
    import sympy

    return sympy


@functools.cache
def _symbols(count: int) -> tuple[Any, ...]:
    return tuple(_sympy().Symbol(f"v{place}", real=True) for place in range(count))


@functools.cache
def _meaning(name: str) -> tuple[tuple[Any, ...], Any]:
    """An op as SymPy: its operands, and the expression of them."""
    sympy = _sympy()
    op = OPS[name]
    operands = tuple(sympy.Symbol(operand, real=True) for operand in op.inputs)
    if name in _OPAQUE:
        return operands, sympy.Function(name, real=True)(*operands)
    scope = dict(zip(op.inputs, operands, strict=True))
    return operands, sympy.sympify(op.sympy, locals=scope)


def _number(node: Node) -> Any:
    """A literal as an exact number where it is a short one, else as a float."""
    sympy = _sympy()
    value = float(constant_of(node))
    scaled = value * 1024
    if abs(scaled) < 2**40 and scaled == int(scaled):
        return sympy.Rational(int(scaled), 1024)
    return sympy.Float(value, 17)


def _expression(region: Region, symbols: Sequence[Any]) -> Any:
    values: dict[Node, Any] = dict(zip(region.inputs(), symbols, strict=True))
    for node in region.nodes:
        arguments = [
            values[parent] if parent in values else _number(parent)
            for parent in node.inputs
        ]
        operands, meaning = _meaning(node.op.name)
        renamed = dict(zip(operands, arguments, strict=True))
        values[node] = meaning.xreplace(renamed)
    return values[region.root]


def _candidates(region: Region, symbols: Sequence[Any]) -> Iterator[Any]:
    """Forms of a region, each no longer than it is when it is written out."""
    sympy = _sympy()
    written = _expression(region, symbols)
    seen: set[Any] = set()
    # Those that multiply out, `cancel` and `expand`, are not among them: their results
    # may be larger by far, and floats hardly ever agree with them.
    for found in (written, sympy.powsimp(written), sympy.factor_terms(written)):
        if found not in seen and not found.has(sympy.zoo, sympy.nan, sympy.oo):
            seen.add(found)
            yield found


def _shared(expression: Any) -> tuple[Any, Any]:
    """An expression in steps, each common part a step of its own."""
    steps, (last,) = _sympy().cse([expression])
    return tuple(steps), last


def _build(
    steps: tuple[Any, Any], symbols: Sequence[Any], inputs: Sequence[Node], dtype: DType
) -> Node:
    builder = _Builder(dict(zip(symbols, inputs, strict=True)), dtype)
    for symbol, expression in steps[0]:
        builder.define(symbol, expression)
    return builder.node(steps[1])


class _Builder:
    """Turns SymPy expressions into nodes, each expression once."""

    def __init__(self, known: dict[Any, Node], dtype: DType) -> None:
        self._known = known
        self._dtype = dtype

    def define(self, symbol: Any, expression: Any) -> None:
        """Let a symbol stand for an expression."""
        self._known[symbol] = self.node(expression)

    def node(self, expression: Any) -> Node:
        """The node that computes an expression."""
        if expression not in self._known:
            self._known[expression] = self._make(expression)
        return self._known[expression]

    def _make(self, expression: Any) -> Node:
        if expression.is_number:
            if not expression.is_real:
                raise _Inexpressible(str(expression))
            return constant(float(expression), self._dtype)
        if expression.is_Add:
            return self._sum(expression)
        if expression.is_Mul:
            return self._product(expression)
        if expression.is_Pow:
            return self._power(expression.base, expression.exp)
        name = type(expression).__name__
        for op, understood in _UNDERSTOOD.items():
            if understood == name:
                return OPS[op](*(self.node(a) for a in expression.args))
        if name in _OPAQUE:
            return OPS[name](*(self.node(a) for a in expression.args))
        raise _Inexpressible(str(expression))

    def _sum(self, expression: Any) -> Node:
        terms = sorted(expression.args, key=lambda term: bool(term.is_number))
        total: Node | None = None
        subtracted: list[Any] = []
        for term in terms:
            if term.as_coeff_Mul()[0].is_negative:
                subtracted.append(-term)
            else:
                total = self.node(term) if total is None else total + self.node(term)
        for term in subtracted:
            node = self.node(term)
            total = negative(node) if total is None else total - node
        assert total is not None
        return total

    def _product(self, expression: Any) -> Node:
        coefficient, rest = expression.as_coeff_Mul()
        above: list[Node] = []
        below: list[Node] = []
        for factor in _sympy().Mul.make_args(rest):
            base, exponent = factor.as_base_exp()
            if exponent.is_Rational and exponent.is_negative and not base.is_number:
                below.append(self._power(base, -exponent))
            else:
                above.append(self.node(factor))
        minus = coefficient == -1
        if coefficient != 1 and not minus:
            above.append(self.node(coefficient))
        numerator = self._times(above)
        if below:
            one = constant(1.0, self._dtype)
            numerator = one if numerator is None else numerator
            numerator = divide(numerator, self._times(below))
        assert numerator is not None
        return negative(numerator) if minus else numerator

    def _times(self, factors: list[Node]) -> Node | None:
        """Their product, the small ones first: a number times a scalar is no array."""
        product: Node | None = None
        for factor in sorted(factors, key=lambda node: node.ndim):
            product = factor if product is None else multiply(product, factor)
        return product

    def _power(self, base: Any, exponent: Any) -> Node:
        node = self.node(base)
        if exponent == 1:
            return node
        if exponent.is_negative and exponent.is_Rational:
            one = constant(1.0, self._dtype)
            return divide(one, self._power(base, -exponent))
        if exponent.is_Integer and exponent <= 16:
            return integer_power(node, int(exponent))
        if exponent == _sympy().Rational(1, 2):
            return sqrt(node)
        return power(node, self.node(exponent))
