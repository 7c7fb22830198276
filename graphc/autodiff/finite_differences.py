"""Gradients compared with finite differences, and the node found where they part.

A derived gradient is checked from both ends. Along random directions in each variable,
the change of the loss must be what the gradient says. And at every node on the way, the
change of its own output must be what its derivative rule passes back, so that a wrong
gradient leads to the op whose rule is wrong and not to everything before it. Both need
only values, which the ops' NumPy forms give, node by node and in float64.

Source: Griewank and Walther, *Evaluating Derivatives* (2008), section 3.4 for the dot
product that both sides of a rule must share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

import numpy as np

from ..errors import NonFiniteError
from ..ir.bodies import is_with_rules
from ..ir.evaluate import Array, evaluate_node, random_streams, stream_name
from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.literal import Literal
from ..ir.node import Node
from ..ir.types import TupleType, is_floating
from ..ir.walk import ancestors, meaning_of, topological_order
from ..ops.source import STOP_GRADIENT, constant
from .gradient_report import TOLERANCE, GradientReport, NodeCheck, VariableCheck
from .paths import path_error
from .reverse import Adjoints, backward, differentiable_inputs
from .unchecked import holds, is_apart, stops, unchecked_parts

# The first is best for smooth functions; smaller ones step over fewer kinks and stay
# inside narrower domains, the larger one feels less of rounding.
_STEPS = (1e-5, 1e-6, 1e-4, 1e-7, 1e-8)

_PATH = 1e-3
"""The length of a path, relative to the size of a variable."""

_ROUNDING = 20 * float(np.finfo(np.float64).eps)


def compare_gradients(
    loss: Node,
    variables: Sequence[Node],
    arrays: Mapping[Node, Array],
    sizes: Mapping[str, int],
    *,
    directions: int = 3,
    seed: int = 0,
    custom: bool = False,
) -> GradientReport:
    """Hold the gradients of a loss against finite differences at one point.

    Args:
        loss: a scalar of float64; see `widen`.
        variables: what to differentiate by; the loss depends on each.
        arrays: the value of every input and parameter, floating ones in float64.
        sizes: what the named sizes stand for.
        directions: how many random directions to try in each variable, besides the
            single element of the largest gradient.
        seed: of directions and of random ops, which draw once and keep their draw.
        custom: whether to check functions with derivative rules of the user's, too.

    Raises:
        NonFiniteError: the loss is not finite at this point.
    """
    rng = np.random.default_rng(seed)
    unit = constant(1.0, "float64")
    found = backward([loss], [unit], variables)
    run = whole = _Run(loss, found, arrays, sizes, seed)
    unchecked = unchecked_parts(loss, variables, partial(_is_left_out, custom))
    if unchecked:
        # The same without what flows through them.
        held = _holding([loss], {part.node for part in unchecked})[loss]
        run = _Run(held, backward([held], [unit], variables), arrays, sizes, seed)
    skipped = {part.node for part in unchecked}
    return GradientReport(
        tuple(
            VariableCheck(node, _check_variable(run, node, directions, rng))
            for node in variables
            if node in run.adjoints.of
        ),
        tuple(c for c in _check_nodes(whole, rng) if c.node not in skipped),
        unchecked,
    )


def _is_left_out(custom: bool, node: Node) -> bool:
    """True for a function with rules, and for a loop with one, or that stops."""
    if custom:
        return holds(node, stops)
    return is_with_rules(node) or holds(node, is_apart)


def _holding(outputs: Sequence[Node], held: set[Node]) -> dict[Node, Node]:
    """The same nodes, through some of which no derivative flows."""
    found: dict[Node, Node] = {}
    for node in topological_order(ancestors(outputs)):
        is_held = node.op.role is Role.RESULT and node.inputs[0] in held
        inputs = tuple(found[parent] for parent in node.inputs)
        moved = node.with_inputs(inputs)
        found[node] = STOP_GRADIENT(moved) if is_held else moved
    return found


def widen(outputs: Iterable[Node]) -> dict[Node, Node]:
    """The same graph in float64, as a map from each node to its counterpart.

    Finite differences in float32 are mostly rounding, and a rule is right or wrong in
    any precision. Names, lines and order stay.

    >>> import graphc as gc
    >>> y = gc.exp(gc.input("x", ("n",), "float32"))
    >>> widen([y])[y]
    <exp float64 (n,)>
    """
    replaced: dict[Node, Node] = {}
    for node in Graph(tuple(outputs)).nodes:
        inputs = tuple(replaced[parent] for parent in node.inputs)
        attributes = {name: _wide(value) for name, value in node.attributes.items()}
        replaced[node] = Node(
            node.op,
            inputs,
            attributes,
            node.op.infer(*(parent.type for parent in inputs), **attributes),
            name=node.name,
            origin=node.origin,
            order=node.order,
        )
    return replaced


def _wide(attribute: Any) -> Any:
    if isinstance(attribute, Graph):
        wide = widen(attribute.outputs)
        return Graph(tuple(wide[output] for output in attribute.outputs))
    if isinstance(attribute, np.dtype):
        dtype = cast("np.dtype[Any]", attribute)
        return np.dtype("float64") if is_floating(dtype) else dtype
    if isinstance(attribute, Literal) and is_floating(attribute.array.dtype):
        return Literal(attribute.array.astype(np.float64), attribute.term)
    return attribute


class _Run:
    """The values of a graph and of its gradients, and what a change of some makes."""

    def __init__(
        self,
        loss: Node,
        adjoints: Adjoints,
        arrays: Mapping[Node, Array],
        sizes: Mapping[str, int],
        seed: int,
    ) -> None:
        self.loss = loss
        self.adjoints = adjoints
        self._sizes = sizes
        self._order = topological_order(ancestors([loss], meaning_of), meaning_of)
        wanted = [loss, *adjoints.of.values(), *adjoints.flows.values()]
        order = topological_order(ancestors(wanted, meaning_of), meaning_of)
        self._streams = random_streams(seed, order)
        self._orders: dict[Node, Sequence[Node]] = {}
        self.values: dict[Node, Array] = {}
        for node in order:
            self.values[node] = (
                arrays[node] if node in arrays else self._value(node, self.values)
            )
        if not np.isfinite(self.values[loss]):
            raise _not_finite(loss, self.values, self._order)

    def _value(self, node: Node, values: Mapping[Node, Array]) -> Array:
        if node.op.is_block:
            return values[node.expansion]
        given = [values[parent] for parent in node.inputs]
        stream = self._streams.get(stream_name(node))
        return evaluate_node(node, given, self._sizes, stream)

    def loss_at(self, variable: Node, value: Array) -> float:
        """The loss where one node has another value."""
        changed = self._changed(self._order, {variable: value})
        return float(changed.get(self.loss, self.values[self.loss]))

    def look(self, variable: Node, path: Array, place: float) -> tuple[float, float]:
        """The loss at a place on a path of one node, and its slope along the path."""
        adjoint = self.adjoints.of[variable]
        if variable not in self._orders:
            nodes = ancestors([self.loss, adjoint], meaning_of)
            self._orders[variable] = topological_order(nodes, meaning_of)
        value = self.values[variable] + place * path
        new = self._changed(self._orders[variable], {variable: value})
        loss, gradient = (new.get(n, self.values[n]) for n in (self.loss, adjoint))
        return float(loss), float(np.sum(gradient * path))

    def output_at(self, node: Node, input: Node, value: Array) -> Array:
        """The value of a node where one of its inputs has another one."""
        if not node.op.is_block:
            order: Sequence[Node] = (node,)
        else:
            stop = set(node.inputs)

            def inside(inner: Node) -> tuple[Node, ...]:
                return () if inner in stop else meaning_of(inner)

            found = topological_order(ancestors([node], inside), inside)
            order = [inner for inner in found if inner not in stop]
        return self._changed(order, {input: value}).get(node, self.values[node])

    def _changed(
        self, order: Iterable[Node], changes: dict[Node, Array]
    ) -> dict[Node, Array]:
        """The new values, in order, of the nodes that a change reaches."""
        new = dict(changes)
        for node in order:
            # What a random op drew, and what derivatives don't flow through, stays.
            if node in new or not node.op.pure or node.op is STOP_GRADIENT:
                continue
            if any(parent in new for parent in meaning_of(node)):
                values = {n: new.get(n, self.values[n]) for n in meaning_of(node)}
                new[node] = self._value(node, values)
        return new


def _check_variable(
    run: _Run, variable: Node, directions: int, rng: np.random.Generator
) -> float:
    """The largest error of the gradient by a variable along some directions."""
    value = run.values[variable]
    gradient = run.values[run.adjoints.of[variable]]
    if not value.size:
        return 0.0
    scale = max(1.0, float(np.linalg.norm(value)))
    tried: list[Array] = []
    for _ in range(directions):
        draw: Array = np.asarray(rng.standard_normal(value.shape), float)
        tried.append(draw * (scale / float(np.linalg.norm(draw))))
    single = np.zeros(value.shape)
    single.flat[int(np.argmax(np.abs(gradient)))] = scale
    tried.append(single)

    def measure(direction: Array, step: float) -> tuple[float, float]:
        ahead = run.loss_at(variable, value + step * direction)
        behind = run.loss_at(variable, value - step * direction)
        return (ahead - behind) / (2 * step), max(1.0, abs(ahead))

    def error(direction: Array) -> float:
        expected = float(np.sum(gradient * direction))
        found = _relative_error(expected, lambda h: measure(direction, h))
        if found <= TOLERANCE:
            return found
        # A corner of relu or the like may have been in between.
        path = _PATH * direction
        noise = _ROUNDING * max(1.0, abs(float(run.values[run.loss])))
        along = path_error(lambda t: run.look(variable, path, t), noise, TOLERANCE)
        return min(found, along)

    return max(map(error, tried))


def _check_nodes(run: _Run, rng: np.random.Generator) -> Iterator[NodeCheck]:
    """Try the rule of every node that gradients flow through, at its own output."""
    arrived: dict[Node, Array] = {}
    checks: dict[Node, NodeCheck] = {}
    for node in dict.fromkeys(map(_computed, run.adjoints.of)):
        flows = _flows_of(run, node)
        for parent, flow in flows.items():
            arrived[parent] = arrived.get(parent, 0.0) + flow
        worst = NodeCheck(node, None, 0.0)
        for parent, flow in flows.items():
            error = _rule_error(run, node, parent, flow, rng)
            if error >= worst.error:
                worst = NodeCheck(node, parent, error)
        if flows:
            checks[node] = worst
    for node, adjoint in run.adjoints.of.items():
        if node is run.loss or node not in arrived:
            continue
        if not np.isfinite(arrived[node]).all():
            continue
        error = _distance(run.values[adjoint], arrived[node])
        if not error <= TOLERANCE:
            checks[node] = NodeCheck(node, None, error)
    return reversed(checks.values())


def _computed(node: Node) -> Node:
    """The node that computes a value: of one of several results, that of them all."""
    return node.inputs[0] if node.op.role is Role.RESULT else node


def _adjoints_of(run: _Run, node: Node) -> dict[int, Array]:
    """The adjoint of a node, or of each of its results that has one, by its index."""
    if not isinstance(node.type, TupleType):
        return {0: run.values[run.adjoints.of[node]]}
    found: dict[int, Array] = {}
    for result, adjoint in run.adjoints.of.items():
        if _computed(result) is node and result is not node:
            index: int = result.attributes["index"]
            found[index] = found.get(index, 0.0) + run.values[adjoint]
    return found


def _flows_of(run: _Run, node: Node) -> dict[Node, Array]:
    """The flow of a node to each of its inputs, over all places it stands in."""
    flows: dict[Node, Array] = {}
    for position, parent in enumerate(differentiable_inputs(node)):
        flow = run.adjoints.flows.get((node, position))
        if flow is not None:
            value = run.values[flow]
            flows[parent] = flows[parent] + value if parent in flows else value
    return flows


def _rule_error(
    run: _Run, node: Node, parent: Node, flow: Array, rng: np.random.Generator
) -> float:
    """The distance of `flow · d` from `adjoint · (change of the node along d)`."""
    if node.op.is_block and node.op.vjp is None:
        return 0.0
    value = run.values[parent]
    adjoints = _adjoints_of(run, node)
    # Where something that is not finite arrives, the fault is where it comes from.
    finite = all(np.isfinite(adjoint).all() for adjoint in adjoints.values())
    if not value.size or not sum(a.size for a in adjoints.values()) or not finite:
        return 0.0
    # In proportion to each element, so that none leaves the domain of a logarithm and
    # no zero that a relu made is moved off its kink. An infinite one, as a mask has,
    # stays where it is.
    scale = np.abs(value) if np.any(value) else np.ones(value.shape)
    scale = np.where(np.isfinite(value), scale, 0.0)
    direction: Array = scale * np.asarray(rng.standard_normal(value.shape), float)
    if node.op.facts.symmetric:
        direction = (direction + direction.swapaxes(-1, -2)) / 2
    several = isinstance(node.type, TupleType)

    def measure(step: float) -> tuple[float, float]:
        ahead: Any = run.output_at(node, parent, value + step * direction)
        behind: Any = run.output_at(node, parent, value - step * direction)
        change = size = 0.0
        with np.errstate(all="ignore"):
            for index, adjoint in adjoints.items():
                one = ahead[index] if several else ahead
                other = behind[index] if several else behind
                counted = adjoint != 0
                weights = adjoint[counted]
                moved = (one[counted] - other[counted]) / (2 * step)
                change += float(np.sum(weights * moved))
                size += float(np.sum(np.abs(weights * one[counted])))
        return change, size

    return _relative_error(float(np.sum(flow * direction)), measure)


def _relative_error(
    expected: float, measure: Callable[[float], tuple[float, float]]
) -> float:
    """The relative error at the first step that is good enough, or at the best.

    `measure(step)` gives the slope and the size of the numbers whose difference it is.
    """
    best = float("inf")
    weak, weakest_floor = float("inf"), float("inf")
    for step in _STEPS:
        measured, size = measure(step)
        # A slope below this is nothing but rounding, and says little.
        floor = _ROUNDING * size / step / TOLERANCE
        difference = abs(expected - measured)
        largest = max(abs(expected), abs(measured))
        # A NaN compares as false everywhere, so it must not pass for small.
        if not math.isfinite(difference) or not math.isfinite(floor):
            continue
        if largest >= floor:
            best = min(best, difference / largest if largest else 0.0)
            if best <= TOLERANCE:
                return best
        elif floor < weakest_floor:
            weak, weakest_floor = difference / floor, floor
    return best if best < float("inf") else weak


def _distance(one: Array, other: Array) -> float:
    size = max(float(np.linalg.norm(one)), float(np.linalg.norm(other)))
    return float(np.linalg.norm(one - other)) / size if size else 0.0


def _not_finite(
    loss: Node, values: Mapping[Node, Array], order: Iterable[Node]
) -> NonFiniteError:
    first = next(
        node
        for node in order
        if is_floating(node.dtype) and not np.isfinite(values[node]).all()
    )
    return NonFiniteError(
        f"gradients can't be checked where the loss is {float(values[loss])}: the "
        f"first value that is not finite is that of {first.op.name}",
        at=first,
        hint="data for which the model is defined",
    )
