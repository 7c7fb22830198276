"""Blocks of users: one node, whose value and derivatives are those of its body."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy

import graphc as gc
from graphc.errors import ArgumentError, DTypeError, GraphcError
from graphc.ir import OPS, Graph, Node, verify
from graphc.ir.fingerprint import graph_hash
from tests.styles import STYLES, assert_styles_agree
from tests.targets.support import assert_clean

W = gc.parameter("w", (3,), 2.0, "float64")
FEEDS = {"x": np.array([[0.3, -1.0, 2.0], [0.1, 0.2, 0.3]]), "w": np.array([1, 2.0, 3])}


def squash(x: Node, scale: float = 2.0) -> Node:
    return x * W / gc.sqrt(scale + gc.square(x))


def first_of(x: Node, y: Node) -> Node:
    return gc.tanh(x)


def outputs(wrap: Callable[[Any], Any]) -> list[Node]:
    part = wrap(squash)
    x = gc.input("x", ("n", 3), "float64")
    y = part(part(x), scale=3.0)
    first = gc.grad(gc.sum(y * y), [x, W])
    second = gc.grad(gc.sum(first[0]) + gc.sum(first[1]), [x, W])
    tangent = gc.jvp(y, x, gc.ones_like(x))
    each = gc.vmap(lambda row: gc.grad(gc.sum(part(row)), row))(x)
    within = gc.function(lambda x: part(x) + x)
    one = wrap(first_of)
    same = gc.vmap(lambda row: one(W, row) + one(2.0 * W, row) * row)(x)
    return [y, *first, *second, tangent, each, within(within(x)), same]


def test_values_and_derivatives_are_those_of_the_body() -> None:
    found, expected = outputs(gc.block), outputs(lambda f: f)
    verify(Graph(tuple(found)))
    values = gc.evaluate(expected, FEEDS)
    for value, other in zip(gc.evaluate(found, FEEDS), values, strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-14)
    for style in STYLES:
        program = gc.compile(found, style=style)
        program.parameters["w"] = FEEDS["w"]
        assert_styles_agree(program(x=FEEDS["x"]), values)
    restored = pickle.loads(pickle.dumps(found[0]))
    np.testing.assert_array_equal(gc.evaluate(restored, FEEDS), values[0])


def test_it_is_one_node_with_its_inputs_and_numbers() -> None:
    before = set(OPS)
    x = gc.input("x", ("n", 3), "float64")
    node = gc.block(squash)(x, scale=3.0)
    assert set(OPS) == before
    assert node.op.name == "squash"
    assert node.inputs == (x, W)
    assert Graph((node,)).parameters == (W,)
    drawing = gc.render(node).source
    assert "squash(scale=3)" in drawing
    assert "sqrt" not in drawing
    assert "sqrt" in gc.render(node, level="primitive").source
    assert gc.check_gradients(gc.sum(node), feeds=FEEDS).passed
    # A checkpoint is of what it computes.
    assert graph_hash([node]) == graph_hash([gc.block(squash)(x, 3.0)])
    assert graph_hash([node]) != graph_hash([gc.block(squash)(x)])


def test_blocks_of_one_name_are_what_they_are() -> None:
    x = gc.input("x", (), "float64")
    first, second = named(lambda x: x + 1.0), named(lambda x: x * 3.0)
    total = first(x) + second(x)
    assert gc.evaluate(total, {"x": 2.0}) == 9.0
    assert gc.compile(total)(x=2.0) == 9.0


@pytest.mark.parametrize("style", STYLES)
def test_a_program_has_a_heading_for_each(style: Any, tmp_path: Path) -> None:
    t = sympy.Symbol("t")
    bump = gc.elementwise("bump", 3 * sympy.exp(-(t**2)), t)
    x = gc.input("x", ("batch", 3))

    @gc.block
    def squared(x: Node) -> Node:
        return gc.square(x) + bump(x)

    hidden = squared(x @ gc.parameter("v", (3, 3))).named("inner")
    loss = gc.mean(bump(hidden))
    trainer = gc.Trainer(loss, gc.optim.SGD(0.1))
    script = trainer.emit(tmp_path / "train.py", style)
    assert_clean(script)
    text = script.read_text()
    assert text.count("    # inner, squared\n") >= 2
    assert "    # bump: 3*exp(-t**2)\n" in text


def test_layers_may_be_blocks() -> None:
    layer = gc.block(gc.nn.Linear(3, 2, name="hidden"))
    x = gc.input("x", ("batch", 3))
    node = layer(x)
    assert node.op.name == "linear"
    assert [n.name for n in node.inputs] == ["x", "hidden.weight", "hidden.bias"]


def test_lists_of_arrays_are_joined() -> None:
    x = gc.input("x", (2, 2))
    assert gc.block([[x, x]]).shape == (2, 4)


def test_what_is_refused() -> None:
    x = gc.input("x", (3,))
    wrong: list[tuple[type[GraphcError], str, Callable[[], Any]]] = [
        (ArgumentError, "a function with a name", lambda: gc.block(lambda x: x)),
        (DTypeError, "must return one node", lambda: named(lambda x: (x, x))(x)),
        (DTypeError, "must be nodes, got int 3", lambda: named(lambda x: 3)(x)),  # type: ignore[arg-type, return-value]
        (GraphcError, "gc.where", lambda: named(lambda x: x if x > 0 else -x)(x)),
    ]
    for error, message, make in wrong:
        with pytest.raises(error, match=message) as caught:
            make()
        assert str(caught.value.location).startswith(__file__)


def named(fun: Any) -> Any:
    def part(x: Node) -> Node:
        return fun(x)

    return gc.block(part)
