"""Formulas as a textbook writes them, computed so that they survive floats.

`log(exp(x) / sum(exp(x)))` is right on paper and NaN for a logit of 1000. Its
derivative is as bad, and no rewriting of its pieces mends it: after differentiation
the quotient has become products of infinities and zeros, scattered over the backward
graph. So a function is rewritten, and what `gc.grad`, `gc.vjp` or `gc.jvp` returned for
it is asked for again, of the rewritten function. Equal functions have equal
derivatives; the backward pass needs no table of its own, and second derivatives come
along.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ...ir.facts import Formula
from ...ir.graph import Graph
from ...ir.literal import is_uniform, uniform_value
from ...ir.node import DerivativeRequest, Node
from ...ir.origin import replacing, within
from ...ir.walk import ancestors, meaning_of, topological_order
from ...ops.along_axis import TAKE_ALONG_AXIS
from ...ops.arithmetic import (
    absolute,
    add,
    divide,
    multiply,
    negative,
    reciprocal,
    sqrt,
    square,
    subtract,
)
from ...ops.exponential import expm1, log, log1p, power, tanh
from ...ops.indexing import GETITEM
from ...ops.source import zeros_like
from ..algebra.signs import zeros_with_visible_signs
from ..base import adopt, note
from ..rewriting import Rule, RuleTable
from .forms import stable
from .gelu import gated_by_tanh
from .matching import View, log_likelihood, softmax


def _logarithm(node: Node, view: View) -> Node | None:
    argument = node.inputs[0]
    found = view.log_of(argument)
    # A sum of exponentials that is shifted already has no better logarithm.
    if found is not None and found.op is node.op and found.inputs[0] is argument:
        return None
    return found


def _log1p(node: Node, view: View) -> Node | None:
    argument = node.inputs[0]
    if node.dtype.kind != "f" or uniform_value(argument) is not None:
        return None
    if (u := view.one_minus(argument)) is not None:
        u = negative(u)
    elif (u := view.plus_one(argument)) is None:
        return None
    return view.positive_zeros(log1p(u), u)


def _log1p_of_exp(node: Node, view: View) -> Node | None:
    argument = node.inputs[0]
    x = view.exp_of(argument)
    if x is not None:
        return stable(Formula.SOFTPLUS, x)
    u = view.negated(argument)
    x = None if u is None else view.sigmoid_of(u)
    return None if x is None else negative(stable(Formula.SOFTPLUS, x))


def _expm1(node: Node, view: View) -> Node | None:
    left, right = node.inputs
    one = 1.0 if node.op is subtract.op else -1.0
    for x, constant in ((left, right), (right, left)):
        exponent = view.exp_of(x)
        if exponent is not None and is_uniform(constant, one):
            if x.type != node.type:
                return None
            return view.positive_zeros(expm1(exponent), exponent)
        if node.op is subtract.op:
            break
    return None


def _softmax(node: Node, view: View) -> Node | None:
    found = view.softmax_of(node)
    if found is None or view.unshifted(*found) is not None:
        return None
    return softmax(*found)


def _sigmoid(node: Node, view: View) -> Node | None:
    x = view.sigmoid_of(node)
    return None if x is None else stable(Formula.SIGMOID, x)


def _tanh(node: Node, view: View) -> Node | None:
    x = view.tanh_of(node)
    if x is None or x.type != node.type:
        return None
    return view.positive_zeros(tanh(x), x)


def _picked_log_softmax(node: Node, view: View) -> Node | None:
    found = view.picked_log_softmax_of(node)
    return None if found is None else log_likelihood(node, *found)


def _root_of_square(node: Node, view: View) -> Node | None:
    if node.op is power.op and not is_uniform(node.inputs[1], 0.5):
        return None
    squared = node.inputs[0]
    x = squared.inputs[0] if squared.inputs else squared
    is_square = (
        view.match(squared, square.op)
        or (view.match(squared, power.op) and is_uniform(squared.inputs[1], 2.0))
        or (view.match(squared, multiply.op) and view.same(*squared.inputs))
    )
    if not is_square or x.type != node.type or node.dtype.kind != "f":
        return None
    return absolute(x)


STABILITY = (
    Rule(
        "log of exp, softmax, sigmoid, sum of exp -> without leaving the log",
        (log.op,),
        _logarithm,
        "every logarithm taken is of a number that is positive in exact arithmetic: "
        "an exponential, a softmax or sigmoid, 1 - sigmoid, a sum, product, quotient, "
        "root or choice of these, or elements picked of them. A row of logits that "
        "holds inf, or only -inf, has NaN in its softmax either way",
    ),
    Rule(
        "log(1 + x) -> log1p(x)",
        (log.op,),
        _log1p,
        "for every x: equal but where 1 + x rounds, and there log1p is right",
    ),
    Rule(
        "log1p(exp(x)) -> softplus(x)",
        (log1p.op,),
        _log1p_of_exp,
        "for every x: equal but where exp(x) overflows, and there softplus is right",
    ),
    Rule(
        "exp(x) - 1 -> expm1(x)",
        (subtract.op, add.op),
        _expm1,
        "for every x: equal but where the difference cancels, and there expm1 is right",
    ),
    Rule(
        "exp(x) / sum(exp(x)) -> softmax(x)",
        (divide.op, multiply.op),
        _softmax,
        "the numerator is the exponential that is summed: a softmax does not change "
        "when all x of a row are shifted, and rows with an infinity are not shifted",
    ),
    Rule(
        "1 / (1 + exp(-x)) -> sigmoid(x)",
        (divide.op, reciprocal.op, power.op),
        _sigmoid,
        "for every x; exp(x) / (1 + exp(x)), too, is NaN only where exp(x) overflows",
    ),
    Rule(
        "(exp(x) - exp(-x)) / (exp(x) + exp(-x)) -> tanh(x)",
        (divide.op,),
        _tanh,
        "for every x: equal but where exp(x) overflows or the difference cancels",
    ),
    Rule(
        "x * (1 + tanh(u)) / 2 -> x * sigmoid(2*u)",
        (multiply.op, divide.op),
        gated_by_tanh,
        "for every u: equal but where 1 + tanh(u) cancels, and there sigmoid is right",
    ),
    Rule(
        "log_softmax(x)[rows, labels] -> -cross_entropy(x, labels)",
        (GETITEM, TAKE_ALONG_AXIS),
        _picked_log_softmax,
        "one element of each row is picked: both are the same sums; the derivative "
        "becomes that of the cross entropy, softmax - one_hot",
    ),
    Rule(
        "sqrt(x**2) -> abs(x)",
        (sqrt.op, power.op),
        _root_of_square,
        "for every x: equal but where x**2 overflows or underflows; the derivative at "
        "0 becomes 0, where it was 0/0",
    ),
)

_AGAIN = "derivative -> derivative of the rewritten function"
_AGAIN_SOUND = (
    "the function was rewritten into an equal one, and no rewrite went past a node "
    "that the derivative is taken by"
)


@dataclass(frozen=True)
class Stability:
    """Rewrite unstable formulas, and derive again what was derived of them.

    Before: the graph as declared, with blocks, gradients still being the nodes that
    differentiation returned. After: no formula of the table in what the outputs
    compute; their derivatives are derivatives of what replaced it. Sound when each rule
    is: both sides equal in exact arithmetic wherever the written form is a number.

    Nodes that someone differentiates by are never rewritten away, and the derivative of
    a function that no rule changed stays as it is.
    """

    name: str = "stability"
    rules: tuple[Rule, ...] = STABILITY

    @property
    def reasons(self) -> Mapping[str, str]:
        """Each rule, and when it is sound."""
        return {
            **{rule.name: rule.sound_when for rule in self.rules},
            _AGAIN: _AGAIN_SOUND,
        }

    def run(self, graph: Graph) -> Graph:
        """The graph in stable formulas."""
        return _Run(graph, self.rules).result()


def _everything(node: Node) -> tuple[Node, ...]:
    """The inputs of a node, its meaning, and the nodes it can be derived from."""
    found = node.inputs
    if _is_transparent(node):
        found = (*found, node.expansion)
    if node.derivation is not None:
        found = (*found, *node.derivation.request.sources)
    return found


def _meaning_and_sources(node: Node) -> tuple[Node, ...]:
    """The inputs of a node as primitives, and the nodes it can be derived from."""
    request = node.derivation.request if node.derivation is not None else None
    return meaning_of(node) + (request.sources if request else ())


def _is_transparent(node: Node) -> bool:
    """True for a block that derivatives see through, and so rules, too."""
    return node.op.is_block and node.op.vjp is None


class _Run:
    """One run of the pass: what stands in the place of each node."""

    def __init__(self, graph: Graph, rules: tuple[Rule, ...]) -> None:
        self._graph = graph
        self._table = RuleTable(rules)
        self._images: dict[Node, Node] = {}
        self._derived: dict[DerivativeRequest, tuple[Node | None, ...]] = {}
        self._variables: set[Node] = set()
        self._opaque: set[Node] = set()
        self._rewriting: Node | None = None
        self._view = View(self._opaque, lambda: self._rewriting in self._visible)

    def result(self) -> Graph:
        order = topological_order(
            ancestors(self._graph.outputs, _everything), _everything
        )
        for node in order:
            if node.derivation is not None:
                self._variables.update(node.derivation.request.variables)
        for node in order:
            image = self._image(node)
            self._images[node] = image
            if node in self._variables:
                self._opaque.add(image)
        outputs = tuple(self._images[output] for output in self._graph.outputs)
        return self._graph.with_outputs(outputs)

    @cached_property
    def _visible(self) -> set[Node]:
        """Nodes at which the sign of a zero matters; few formulas need to know."""
        nodes = ancestors(self._graph.outputs, _meaning_and_sources)
        order = topological_order(nodes, _meaning_and_sources)
        return zeros_with_visible_signs(order, self._graph.used_elsewhere)

    def _changed(self, node: Node) -> bool:
        return self._images[node] is not node

    def _image(self, node: Node) -> Node:
        self._rewriting = node
        if node in self._variables:
            # Another node must not take its place, or derivatives by that one and by
            # this one would be confused.
            return self._rewritten(self._rebuilt(node), fresh=True)
        again = self._derived_again(node)
        if again is not None:
            return again
        if _is_transparent(node) and self._changed(node.expansion):
            return self._images[node.expansion]
        return self._rewritten(self._rebuilt(node))

    def _rebuilt(self, node: Node) -> Node:
        if not any(self._changed(parent) for parent in node.inputs):
            return node
        return node.copy(inputs=tuple(self._images[parent] for parent in node.inputs))

    def _rewritten(self, node: Node, fresh: bool = False) -> Node:
        def fits(found: Node) -> bool:
            is_new = not fresh or found.index >= node.index
            return found.type == node.type and is_new

        if not self._table[node.op]:
            return node
        found = self._table.first_match(node, self._view, fits)
        return node if found is None else found

    def _derived_again(self, node: Node) -> Node | None:
        if node.derivation is None:
            return None
        request = node.derivation.request
        if not any(self._changed(source) for source in request.sources):
            return None
        if request not in self._derived:
            with within(node):
                sources = tuple(self._images[source] for source in request.sources)
                self._derived[request] = request.derive(sources)
        found = self._derived[request][node.derivation.position]
        if found is None:
            # Nothing flows to that variable any more, as through the sign of `abs`.
            with replacing(node, _AGAIN):
                found = zeros_like(node)
        found = adopt(node, found)
        note(_AGAIN, _AGAIN_SOUND, node, found)
        return found
