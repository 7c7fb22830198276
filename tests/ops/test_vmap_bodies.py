"""`gc.vmap` of functions with calls, loops and branches, each against its examples."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir import Graph, Node
from graphc.ops.control import call
from tests.bodies import random_calls
from tests.random_graphs import MOVED, assert_near, drawn, is_smooth, moved

from .test_batching import INCREASING

RNG = np.random.default_rng(3)
ROWS = RNG.normal(size=(4, 3))


def _rows() -> Node:
    return gc.input("x", ("batch", 3), "float64")


# Calls, loops and branches ------------------------------------------------------------


def test_calls_are_calls_of_a_body_for_several_examples() -> None:
    w = gc.parameter("w", (3, 3), gc.init.normal(0, 1), "float64")

    def layer(row: Node, matrix: Node) -> tuple[Node, Node]:
        return gc.tanh(row @ matrix), matrix * 2.0

    def function(row: Node) -> Node:
        for _ in range(3):
            row, double = call(layer, row, w)
        return gc.sum(row @ double)

    x = _rows()
    found = gc.vmap(lambda row: gc.grad(function(row), [row, w]))(x)
    graph = Graph(tuple(found))
    # One of the forward pass, and two backward: of all results, and of one.
    assert len({body for node in graph.nodes for body in node.bodies}) == 3
    one = gc.input("one", (3,), "float64")
    alone = gc.grad(function(one), [one, w])
    parameters = {"w": RNG.normal(size=(3, 3))}
    values = gc.evaluate(found, {"x": ROWS}, parameters=parameters)
    for place, row in enumerate(ROWS):
        expected = gc.evaluate(alone, {"one": row}, parameters=parameters)
        for value, other in zip(values, expected, strict=True):
            np.testing.assert_allclose(value[place], other, rtol=1e-12)


def _loop_of(w: Node) -> Any:
    def function(hidden: Node, rows: Node) -> Node:
        def step(hidden: Node, row: Node) -> tuple[Node, Node]:
            hidden = gc.tanh(hidden @ w + row)
            return hidden, gc.sum(hidden)

        hidden, sums = gc.scan(step, hidden, rows)
        return gc.sum(gc.square(hidden)) + gc.sum(sums[1:] * sums[:-1])

    return function


@pytest.mark.parametrize("is_start_shared", [False, True])
def test_a_loop_of_each_example_is_one_loop(is_start_shared: bool) -> None:
    w = gc.parameter("w", (3, 3), gc.init.normal(0, 0.5), "float64")
    function = _loop_of(w)
    rows = gc.input("rows", ("batch", "time", 3), "float64")
    x = _rows()
    start = gc.zeros(3, "float64") if is_start_shared else x

    def both(hidden: Node, rows: Node) -> list[Node]:
        value = function(hidden, rows)
        return [value, *gc.grad(value, [w, rows])]

    found = gc.vmap(both, (None if is_start_shared else 0, 0))(start, rows)
    assert sum(node.op.name == "scan" for node in Graph((found[0],)).nodes) == 1
    one, one_start = gc.input("one", ("time", 3), "float64"), gc.input("h", (3,), "f8")
    alone = both(start if is_start_shared else one_start, one)
    weight, data = RNG.normal(size=(3, 3)) * 0.4, RNG.normal(size=(4, 5, 3))
    for style in ("readable", "fast"):
        compiled = gc.compile([*found, x], style=style)
        compiled.parameters["w"][...] = weight
        values = compiled(rows=data, x=ROWS)
        for place, (row, begin) in enumerate(zip(data, ROWS, strict=True)):
            feeds = {"one": row, "w": weight}
            if not is_start_shared:
                feeds["h"] = begin
            expected = gc.evaluate(alone, feeds)
            for value, other in zip(values, expected, strict=False):
                np.testing.assert_allclose(value[place], other, rtol=1e-10)


def test_examples_in_a_loop() -> None:
    x, w = gc.input("x", (6, 4, 3), "float64"), gc.constant(RNG.normal(size=(3, 3)))

    def step(total: Node, rows: Node) -> tuple[Node, Node]:
        each = gc.vmap(lambda row: row @ w @ row)(rows)
        return total + gc.sum(each), each

    total, each = gc.scan(step, gc.constant(0.0, "float64"), x)
    expected = gc.vmap(gc.vmap(lambda row: row @ w @ row))(x)
    data = RNG.normal(size=(6, 4, 3))
    values = gc.evaluate([total, each, expected], {"x": data})
    np.testing.assert_allclose(values[1], values[2])
    np.testing.assert_allclose(values[0], values[2].sum())


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_each_example_takes_its_branch_and_ends_when_it_does(style: Any) -> None:
    def root(a: Node) -> Node:
        def step(state: tuple[Node, Node]) -> tuple[Node, Node]:
            return 0.5 * (state[0] + a / state[0]), state[1] + 1

        def runs(state: tuple[Node, Node]) -> Node:
            return gc.absolute(state[0] * state[0] - a) > 1e-10

        return gc.while_loop(runs, step, (a, gc.constant(0)))

    def chosen(row: Node) -> Node:
        return gc.cond(gc.sum(row) > 0.0, gc.sin, gc.square, row)

    x, a = _rows(), gc.input("a", ("batch",), "float64")
    found = [*gc.vmap(root)(a), *gc.vmap(lambda r: [chosen(r), _slopes(chosen, r)])(x)]
    starts = np.array([0.5, 2.0, 100.0, 3.0])
    values = gc.compile(found, style=style)(x=ROWS, a=starts)
    np.testing.assert_allclose(values[0], np.sqrt(starts))
    alone = gc.input("alone", (), "float64")
    steps = [gc.evaluate(root(alone), {"alone": each})[1] for each in starts]
    np.testing.assert_array_equal(values[1], steps)
    first = ROWS.sum(1, keepdims=True) > 0.0
    np.testing.assert_allclose(values[2], np.where(first, np.sin(ROWS), ROWS**2))
    np.testing.assert_allclose(values[3], np.where(first, np.cos(ROWS), 2.0 * ROWS))


def _slopes(function: Any, row: Node) -> Node:
    return gc.grad(gc.sum(function(row)), row)


# Random functions ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_random_functions_are_what_a_loop_computes(seed: int) -> None:
    """Graphs of random ops, with calls and gradients; some leaves mapped."""
    given, outputs = random_calls(
        seed, lambda op: is_smooth(op) and op.name not in INCREASING
    )
    chance, examples = Random(seed), 3
    kept = [leaf for leaf in given if chance.random() < 0.6] or given[:1]
    axes = [chance.randrange(leaf.ndim + 1) for leaf in kept]
    inputs = [
        gc.input(f"all_{leaf.name}", _with_axis(leaf.shape, axis, examples), leaf.dtype)
        for leaf, axis in zip(kept, axes, strict=True)
    ]

    def function(*arguments: Node) -> list[Node]:
        images = dict(zip(kept, arguments, strict=True))
        for node in Graph(tuple(outputs)).nodes:
            new = tuple(images.get(parent, parent) for parent in node.inputs)
            images.setdefault(node, node.with_inputs(new))
        return [images[output] for output in outputs]

    found = gc.vmap(function, tuple(axes))(*inputs)
    mapped = {str(leaf.name): place for place, leaf in enumerate(kept)}
    names = [str(leaf.name) for leaf in given]
    sources = [
        inputs[mapped[name]] if name in mapped else leaf
        for name, leaf in zip(names, given, strict=True)
    ]
    found += gc.grad(gc.sum(found[0]), sources, unused="zeros")

    def with_gradients_of_the_sum(values: list[Any]) -> list[Any]:
        """Those of each example, or their sum by what is the same for all."""
        by = zip(names, values[-len(given) :], strict=True)
        return values + [
            np.moveaxis(each, 0, axes[mapped[name]]) if name in mapped else each.sum(0)
            for name, each in by
        ]

    each = [drawn(given, seed + place, batch=4) for place in range(examples)]
    shared = {name: each[0][name] for name in names if name not in mapped}
    each = [{**values, **shared} for values in each]
    feeds = {
        **shared,
        **{
            f"all_{name}": np.stack([values[name] for values in each], axes[place])
            for name, place in mapped.items()
        },
    }
    known = {str(node.name) for node in Graph((*found, *inputs)).nodes}
    feeds = {name: value for name, value in feeds.items() if name in known}
    with np.errstate(all="ignore"):
        expected, beside = (
            with_gradients_of_the_sum(
                [
                    np.stack(values)
                    for values in zip(
                        *(gc.evaluate(outputs, moved(v, by)) for v in each), strict=True
                    )
                ]
            )
            for by in (0.0, MOVED)
        )
        assert_near(gc.evaluate(found, feeds), expected, beside, rtol=1e-8)
        for style in ("readable", "fast"):
            compiled = gc.compile(found, style=style)
            trained = {*compiled.parameters}
            for name in trained:
                compiled.parameters[name][...] = feeds[name]
            fed = {k: v for k, v in feeds.items() if k not in trained}
            assert_near(compiled(**fed), expected, beside, rtol=1e-8)


def _with_axis(shape: Any, axis: int, size: int) -> tuple[Any, ...]:
    return (*shape[:axis], size, *shape[axis:])
