"""Every rule of every pass: it has a case, and each rewrite is right on samples.

A rewrite is recorded with the node that it replaced, so both are computed from the same
numbers, special ones among them, and compared where the node has a value.
"""

# Lambdas of cases have no types.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir import OPS, Graph, Node, Op
from graphc.ops.control import call
from graphc.passes.algebra.rules import RULES, Algebra
from graphc.passes.base import Pass, Rewrite, recording
from graphc.passes.pipeline import (
    IN_PLACE,
    SPEED,
    optimize,
    pipeline,
    reasons,
    rewrites,
)
from tests.exact import exact_values
from tests.op_cases import Array

from .algebra.cases import CASES as ALGEBRA
from .helpers import PAIRS, evaluate
from .stable.formulas import FORMULAS, POINTS, SOFTMAX

Feeds = Mapping[str, Any]
Case = tuple[Graph, Feeds, Sequence[Pass]]

x, y = (gc.input(name, (len(PAIRS),)) for name in "xy")
IN_PAIRS = {"x": PAIRS[:, 0], "y": PAIRS[:, 1]}
z, rows = gc.input("z", (len(POINTS),)), gc.input("rows", (2, 3))
AT_ENDS = {
    "z": np.array(POINTS, "f4"),
    "rows": np.array([[1e3, -1e3, 2.0], [0.5, 0.0, -0.0]], "f4"),
}


def cases() -> Iterator[Case]:
    """Graphs in which each rule has something to do, and samples for their inputs."""
    for builds in ALGEBRA.values():
        for build, _ in builds:
            yield Graph((build(x, y),)), IN_PAIRS, (Algebra(),)
    for build, *_ in FORMULAS.values():
        value = build(z)
        yield Graph((value, gc.grad(gc.sum(value), z))), AT_ENDS, pipeline(True)
    for build in SOFTMAX.values():
        yield Graph((build(rows), gc.log(build(rows)))), AT_ENDS, pipeline(True)
    picked = gc.nn.log_softmax(rows, 1)[np.arange(2), np.array([0, 2])]
    yield Graph((picked, gc.grad(gc.sum(picked), rows))), AT_ENDS, pipeline(True)
    ones = gc.ones((2, 3))
    yield (
        Graph((gc.exp(ones) * rows, gc.constant([1.0, 2.0]) * 3.0, ones)),
        AT_ENDS,
        pipeline(True),
    )
    yield Graph((2 * x + 3 * x, gc.exp(x) + gc.exp(x) * y)), IN_PAIRS, pipeline(True)
    same, _, product = call(lambda x, y, z: (y, x + z, x * 2.0), x, y, x)
    yield Graph((same, product)), IN_PAIRS, pipeline(True)
    yield Graph(images()), IMAGES, pipeline(True)
    yield Graph((filtered(),)), WHOLE, (*pipeline(True), *SPEED, *IN_PLACE)
    wave = call(gc.sin, call(gc.sin, x))
    yield Graph((wave, gc.grad(gc.sum(wave), x))), IN_PAIRS, pipeline(True)
    yield Graph(loops()), IN_PAIRS, pipeline(True)
    yield Graph(gates()), GATES, (*pipeline(True), *SPEED)


def loops() -> tuple[Node, ...]:
    """Loops and branches that carry, pass and return more than they need."""
    wave = gc.sin(x * 0.1)

    def step(carry: tuple[Node, ...], _: None) -> tuple[tuple[Node, ...], Node]:
        h, same, total = carry[:3]
        h = gc.tanh(h * 0.5 + gc.cos(wave) * same)
        return (h, same, total + gc.sum(h), h), gc.exp(h)

    start = (wave, wave, 0.0, wave)
    (last, _, total, _), stacked = gc.scan(step, start, length=3)
    items = gc.stack([wave, wave * 0.5])
    sums, _ = gc.scan(
        lambda c, item: (c * 0.5 + gc.exp(item[0]) * item[1], None),
        wave,
        (items, items),
    )
    loss = gc.sum(last) + total + gc.sum(stacked) + gc.sum(sums)
    one = gc.constant(1.0, "f4")
    chosen, _ = gc.cond(
        x[0] > 0, lambda v, w: (v * w, v), lambda v, w: (v, w * v), wave, one
    )
    halved = gc.while_loop(lambda v: gc.sum(v) > one, lambda v: v * 0.5, chosen)
    return gc.grad(loss, x), loss, chosen, halved


GATES = {
    "items": np.random.default_rng(0).normal(size=(3, 2, 8)).astype("f4"),
    "weight": np.random.default_rng(1).normal(size=(8, 4)).astype("f4"),
}


def gates() -> tuple[Node, ...]:
    """A loop with two gates, whose carry is wanted before and after each step."""
    items, weight = gc.input("items", (3, 2, 8)), gc.input("weight", (8, 4))

    def step(h: Node, item: Node) -> tuple[Node, Node]:
        both = item + h @ weight.T
        h = gc.tanh(both[:, :4]) * h + gc.tanh(both[:, 4:])
        return h, h

    _, stacked = gc.scan(step, gc.zeros((2, 4), "float32"), items)
    scan = gc.scan(
        lambda h, item: (gc.tanh(item[:, :4]) * h + gc.tanh(item[:, 4:]), None),
        gc.zeros((2, 4), "float32"),
        (items * 0.5).named("halves"),
    )
    return stacked, gc.grad(gc.sum(gc.sin(stacked)), weight), scan[0]


IMAGES = {
    "image": np.random.default_rng(0).normal(size=(2, 2, 6, 5)).astype("f4"),
    "shift": np.random.default_rng(1).normal(size=(2, 3, 6, 5)).astype("f4"),
}


def images() -> tuple[Node, ...]:
    """Convolutions with all that is computed between them."""
    image, shift = gc.input("image", (2, 2, 6, 5)), gc.input("shift", (2, 3, 6, 5))
    weights = [np.linspace(-1, 1, 9 * n).reshape(3, -1, 3, 3) for n in (6, 18)]
    first, second = (weight.astype("f4") for weight in weights)
    edges = gc.nn.conv2d(image, first, padding=1)
    moved = gc.nn.relu(edges + shift) * gc.constant([[[2.0]], [[1.0]], [[3.0]]], "f4")
    pooled = gc.nn.max_pool2d(moved, 2, stride=1, padding=1)[:, :, 1:, :-1]
    joined = gc.concatenate([pooled, moved], axis=1)
    centred = joined - joined.mean((0, 2, 3), keepdims=True)
    again = gc.nn.conv2d(centred, second)
    flat = again.reshape(2, -1)
    means = again.mean((0, 2, 3), keepdims=True)
    return flat, gc.grad(gc.sum(flat * flat), image), again.sum((2, 3)), means


WHOLE = {
    "whole": np.random.default_rng(0).integers(-9, 9, (2, 4, 6, 5)).astype("f4"),
    "kernel": np.random.default_rng(1).integers(-9, 9, (6, 2, 2, 3)).astype("f4"),
}


def filtered() -> Node:
    """The gradient by the input of a convolution, on integers, which add up exactly."""
    image, kernel = gc.input("whole", (2, 4, 6, 5)), gc.input("kernel", (6, 2, 2, 3))
    result = gc.nn.conv2d(image, kernel, padding=1, dilation=(2, 1), groups=2)
    return gc.grad(gc.sum(result * result), image)


def found_in(cases: Sequence[Case]) -> Iterator[tuple[Rewrite, Feeds]]:
    """All rewrites that the passes make."""
    for graph, feeds, passes in cases:
        with recording() as rewrites:
            for step in passes:
                graph = step.run(graph)
        for rewrite in rewrites:
            yield rewrite, feeds


@pytest.fixture(scope="module")
def made() -> list[tuple[Rewrite, Feeds]]:
    return list(found_in(list(cases())))


def test_every_rule_has_a_case(made: Sequence[tuple[Rewrite, Feeds]]) -> None:
    assert {rewrite.rule for rewrite, _ in made} == set(reasons())


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_every_rule_of_algebra_fires_in_the_whole_pipeline(rule: str) -> None:
    """No other rule or pass is always there before it."""
    found: set[str] = set()
    for build, _ in ALGEBRA[rule]:
        found |= {rewrite.rule for rewrite in rewrites(Graph((build(x, y),)))}
    assert rule in found


def test_every_pass_says_what_its_rules_are() -> None:
    """One that says nothing only spells out what blocks or calls mean."""
    silent = [step for step in pipeline(True) if not step.reasons]
    assert [step.name for step in silent] == ["expand blocks", "inline calls"]
    assert all(reasons().values())


def check(rewrite: Rewrite, feeds: Feeds) -> None:
    """Hold both sides of a rewrite against each other."""
    before, after = evaluate(Graph((rewrite.before, rewrite.after)), feeds)
    hold(before, after, rewrite.before, feeds, rewrite.rule)


def hold(before: Array, after: Array, node: Node, feeds: Feeds, note: str) -> None:
    """Hold a value of `node` against what it was, where that was a number.

    Where they differ it has to be no farther from the value without rounding.
    """
    assert (before.dtype, before.shape) == (after.dtype, after.shape), note
    if before.dtype.kind != "f":
        np.testing.assert_array_equal(after, before, note)
        return
    wide = before.astype("float64"), after.astype("float64")
    # The spacing of the largest number overflows.
    with np.errstate(over="ignore"):
        spacing = np.spacing(np.abs(before))
    unit = 16 * np.maximum(spacing, np.finfo(before.dtype).tiny)
    with np.errstate(invalid="ignore"):
        apart = (wide[0] != wide[1]) & ~(np.abs(wide[0] - wide[1]) <= unit)
    apart &= ~np.isnan(before)
    if not apart.any():
        return
    inputs = {node: feeds[str(node.name)] for node in Graph((node,)).inputs}
    (truth,) = exact_values([node], inputs)
    # What is computed as 1 - p is right absolutely where p is almost 1.
    rounding = 4 * float(np.finfo(before.dtype).eps)
    for place in np.argwhere(apart):
        at = tuple(place)
        exact = truth[at]
        error = max(abs(before[at].item() - exact), rounding)
        better = after[at] == exact or abs(after[at].item() - exact) <= error
        assert better, f"{note}: {before[at]} became {after[at]}, exactly {exact}"


def test_every_rewrite_is_right_on_samples(
    made: Sequence[tuple[Rewrite, Feeds]],
) -> None:
    assert len(made) > 200
    for rewrite, feeds in made:
        check(rewrite, feeds)


# Every op of every op -----------------------------------------------------------------


def applied(op: Op) -> list[tuple[tuple[Node, ...], Node]]:
    """An op applied to x and y in any order, with its operands."""
    given = {"": [x, y], "bool": [x > y]}
    case = op.cases[0]
    dtypes = case.dtypes or ("",) * len(case.shapes)
    return [
        (operands, op(*operands, **case.attributes))
        for operands in itertools.product(*(given[dtype] for dtype in dtypes))
    ]


def nested(outer: Op) -> list[Node]:
    """An op applied to the results of others, beside operands that those have.

    Much that a rule may look for is of this kind, and so is what a wrong rule confuses.
    """
    found: list[Node] = []
    for operands, _ in applied(outer):
        for place, operand in enumerate(operands):
            if place and operands[0] is operand:
                continue
            for inner in PLAIN:
                for _, result in applied(inner)[:3]:
                    if operand.type == result.type:
                        changed = list(operands)
                        changed[place] = result
                        found.append(outer(*changed, **outer.cases[0].attributes))
    return found


MOST = 1000.0
"""Additions that an op may cost: no rule is about those that are slower."""


def has_plain_operands(op: Op) -> bool:
    cost = op.facts.cost or 0.0
    is_quick = max(cost) <= MOST if isinstance(cost, tuple) else cost <= MOST
    plain = op.kind == "elementwise" and set(op.cases[0].dtypes) <= {"", "bool"}
    return plain and is_quick


PLAIN = [op for op in OPS.values() if has_plain_operands(op)]


@pytest.mark.parametrize("outer", PLAIN, ids=lambda op: op.name)
def test_every_op_of_every_op(outer: Op) -> None:
    check_nested(outer)


def check_nested(outer: Op) -> None:
    """Hold an op of each other one against the same as it is optimised."""
    outputs = nested(outer)
    graph = Graph(tuple(outputs))
    before, after = evaluate(graph, IN_PAIRS), evaluate(optimize(graph), IN_PAIRS)
    for node, a, b in zip(outputs, before, after, strict=True):
        names = [parent.op.name for parent in node.inputs]
        hold(a, b, node, IN_PAIRS, f"{outer.name} of {', '.join(names)}")
