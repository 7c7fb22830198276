"""Orders of nodes, and numbers that tell equal ones."""

from __future__ import annotations

import random
from typing import Any

import pytest

import graphc as gc
from graphc.ir import Node
from graphc.ir.walk import (
    Numbering,
    ancestors,
    attributes_key,
    reading_order,
    topological_order,
)
from graphc.ops.choices import bernoulli


def _network() -> tuple[Node, list[Node]]:
    x = gc.input("x", ("batch", 4), "float64")
    weights = [gc.parameter(f"w{i}", (4, 4), dtype="float64") for i in range(3)]
    hidden = x
    for weight in weights:
        hidden = gc.tanh(hidden @ weight) + x
    return gc.mean(hidden**2), weights


def test_order_does_not_depend_on_the_order_asked_for() -> None:
    loss, weights = _network()
    gradients = gc.grad(loss, weights)
    nodes = ancestors([loss, *gradients])
    expected = topological_order(nodes)
    for seed in range(3):
        shuffled = list(nodes)
        random.Random(seed).shuffle(shuffled)
        assert topological_order(shuffled) == expected


def _tangled(chance: random.Random) -> list[Node]:
    """Nodes of which some were put, later, in the places of earlier ones."""
    nodes = [gc.input(f"x{number}", (3,)) for number in range(3)]
    for _ in range(40):
        left, right = chance.choice(nodes), chance.choice(nodes)
        node = gc.maximum(left, right)
        if chance.random() < 0.4:
            old = chance.choice([n for n in nodes if len(n.inputs) == 2] or [node])
            node = old.copy(inputs=(left, right))
        nodes.append(node)
    return nodes


@pytest.mark.parametrize("seed", range(20))
def test_the_first_declared_goes_first_of_all_that_are_ready(seed: int) -> None:
    chance = random.Random(seed)
    waiting = set(chance.sample(_tangled(chance), 35))
    expected: list[Node] = []
    order = topological_order(waiting)
    while waiting:
        # Parents that are left out hold nobody back.
        ready = [n for n in waiting if not waiting & set(n.inputs)]
        expected.append(min(ready, key=lambda node: (node.order, node.index)))
        waiting.remove(expected[-1])
    assert list(order) == expected


def test_the_reading_order_is_that_of_the_inputs_whenever_they_were_made() -> None:
    x = gc.input("x", (3,))
    late = gc.exp(x)
    early = gc.sin(x)
    product = early * late
    assert reading_order([product]) == (x, early, late, product)
    assert topological_order([product, early, late, x]) == (x, late, early, product)


def test_keys_of_attributes_tell_values_apart() -> None:
    different: list[Any] = [
        {"v": 0.0},
        {"v": -0.0},
        {"v": 0},
        {"v": False},
        {"v": float("nan")},
        {"v": (0.0,)},
        {"v": (-0.0,)},
        {"v": (0,)},
        {"v": ((0,),)},
        {"v": "0"},
        {"w": 0.0},
        {},
    ]
    assert len({attributes_key(a) for a in different}) == len(different)
    nan = {"v": float("nan")}
    assert attributes_key(nan) == attributes_key({"v": float("inf") - float("inf")})
    assert attributes_key({"a": 1, "b": 2}) == attributes_key({"b": 2, "a": 1})


def test_what_is_written_alike_has_one_number() -> None:
    x, y = gc.input("x", (3,)), gc.input("y", (3,))
    number = Numbering()
    assert number(gc.exp(x) * y) == number(gc.exp(x) * y)
    square = gc.input("square", (3, 3))
    different = [gc.exp(y), gc.sin(x), gc.exp(x), x.sum(), x.sum(keepdims=True), x, y]
    different += [square.sum(axis=0), square.sum(axis=1)]
    assert len({number(node) for node in different}) == len(different)


def test_a_draw_equals_only_itself() -> None:
    first, second = bernoulli(0.5, (3,)), bernoulli(0.5, (3,))
    number = Numbering()
    assert number(first) != number(second)
    assert number(gc.logical_not(first)) == number(gc.logical_not(first))


def test_numbers_look_no_further_than_leaves() -> None:
    x = gc.input("x", (3,))
    leaf, same = gc.exp(x), gc.exp(x)
    number = Numbering(lambda node: node.index if node is leaf else None)
    assert number(gc.sin(leaf)) != number(gc.sin(same))
    assert number(gc.sin(gc.exp(x))) == number(gc.sin(same))


def test_the_keys_of_equal_structures_agree_whenever_they_were_made() -> None:
    def keys(swapped: bool) -> Any:
        x, y = gc.input("x", (3,)), gc.input("y", (3,))
        parts = [lambda: gc.exp(x), lambda: gc.sin(y)]
        made = [part() for part in (parts[::-1] if swapped else parts)]
        first, second = made[::-1] if swapped else made
        number = Numbering(lambda node: node.name)
        number(first - second)
        return number.keys

    assert keys(swapped=False) == keys(swapped=True)


def test_a_long_chain_is_numbered() -> None:
    x = gc.input("x", (2,))
    chains: list[Node] = []
    for _ in range(2):
        y = x
        for _ in range(5_000):
            y = gc.sin(y)
        chains.append(y)
    number = Numbering()
    assert number(chains[0]) == number(chains[1])
