"""Calls in emitted code: functions of their own, called from several places."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import FeedError
from graphc.ir import Graph
from graphc.ops.control import call
from tests.bodies import random_calls
from tests.random_graphs import MOVED, assert_near, drawn, moved

from .support import assert_formatted

STYLES = ("readable", "fast")
SHAPE = (4, 3)


def layers(count: int = 3, columns: int = 3) -> list[gc.Node]:
    """One function of a matrix and a weight, called again and again."""

    def layer(hidden: gc.Node, weight: gc.Node) -> gc.Node:
        scaled = gc.exp(hidden) * 0.5
        return gc.tanh(hidden @ weight) + scaled - gc.max(scaled, axis=0)

    x = gc.input("x", ("batch", columns))
    hidden = x
    for number in range(count):
        weight = gc.parameter(f"w{number}", (columns, columns), gc.init.normal(0, 0.5))
        hidden = call(layer, hidden, weight)
    return [hidden * 2.0, x]


def values(columns: int = 3, rows: int = 4) -> np.ndarray[Any, Any]:
    return np.linspace(-1, 1, rows * columns, dtype="float32").reshape(rows, columns)


def functions_of(source: str) -> dict[str, ast.FunctionDef]:
    body = ast.parse(source).body
    return {part.name: part for part in body if isinstance(part, ast.FunctionDef)}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("tile", [None, 4])
def test_a_body_is_one_function_that_is_called_from_several_places(
    tmp_path: Path, style: Any, tile: int | None
) -> None:
    outputs = layers()
    function = gc.compile(outputs, style=style, tile_size=tile)
    assert_formatted(function.source, tmp_path)
    assert [a.arg for a in functions_of(function.source)["layer"].args.args] == [
        "hidden",
        "weight",
    ]
    calls = [
        part
        for part in ast.walk(functions_of(function.source)["compute"])
        if isinstance(part, ast.Call) and ast.unparse(part.func) == "layer"
    ]
    assert len(calls) == 3
    for rows in (4, 1, 7):
        feeds = {"x": values(rows=rows)}
        expected = gc.evaluate(outputs, feeds, parameters=dict(function.parameters))
        results = function(**feeds)
        for result, other in zip(results, expected, strict=True):
            np.testing.assert_allclose(result, other, rtol=1e-5, atol=1e-6)
        again = function(**feeds)
        for result, other in zip(results, again, strict=True):
            np.testing.assert_array_equal(result, other)


@pytest.mark.parametrize("style", STYLES)
def test_results_that_look_into_an_argument_are_not_overwritten(style: Any) -> None:
    """The caller's array is written again while the result is still read."""

    def turned(matrix: gc.Node) -> tuple[gc.Node, gc.Node]:
        return matrix.T, gc.sum(matrix, axis=0)

    x = gc.input("x", ("batch", 3))
    found = [call(turned, gc.exp(x + float(number))) for number in range(4)]
    outputs = [there * 2.0 + gc.max(total) for there, total in found]
    function = gc.compile(outputs, style=style, simplify=False)
    assert function.source.count("def turned(") == 1
    feeds = {"x": values()}
    for result, expected in zip(
        function(**feeds), gc.evaluate(outputs, feeds), strict=True
    ):
        np.testing.assert_allclose(result, expected, rtol=1e-6)


@pytest.mark.parametrize("style", STYLES)
def test_a_size_that_no_argument_tells_is_passed(style: Any) -> None:
    x = gc.input("x", ("batch", 3))
    rows = x.type.shape[0]

    def spread(vector: gc.Node) -> gc.Node:
        return gc.broadcast_to(vector, (rows, 3)) + 1.0

    # A product, for which there is a program of its own at one row, where there may.
    outputs = [
        call(spread, gc.sum(x, axis=0)),
        call(spread, gc.max(x, axis=0)),
        x @ x.T,
    ]
    function = gc.compile(outputs, style=style)
    assert "batch" in [a.arg for a in functions_of(function.source)["spread"].args.args]
    for rows in (4, 1):
        feeds = {"x": values(rows=rows)}
        for result, expected in zip(
            function(**feeds), gc.evaluate(outputs, feeds), strict=True
        ):
            np.testing.assert_allclose(result, expected, rtol=1e-6)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("seed", range(8))
def test_random_calls_keep_their_values(style: Any, seed: int) -> None:
    given, outputs = random_calls(seed)
    function = gc.compile(outputs, style=style, simplify=False)
    feeds = drawn(given[:1], seed, batch=4)
    everything = {**feeds, **function.parameters}
    with np.errstate(all="ignore"):
        expected = gc.evaluate(outputs, everything)
        beside = gc.evaluate(outputs, moved(everything, MOVED))
        assert_near(function(**feeds), expected, beside, note=f"seed {seed}")


@pytest.mark.parametrize("style", STYLES)
def test_names_of_functions_meet_no_names_of_users(style: Any) -> None:
    def layer(layer: gc.Node) -> gc.Node:
        return gc.exp(layer) * 2.0 + 1.0

    names = ("layer", "layer_workspace", "layer_2", "layer_2_workspace")
    inputs = [gc.input(name, ("batch", 3)) for name in names]
    outputs = [call(layer, call(layer, each)) for each in inputs]
    function = gc.compile(outputs, style=style)
    feeds = {name: values() / 4 for name in names}
    for result, expected in zip(
        function(**feeds), gc.evaluate(outputs, feeds), strict=True
    ):
        np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_an_argument_may_have_the_name_of_an_input() -> None:
    x = gc.input("x", ("batch", 3))
    twice = call(lambda x: x * 2.0 + 1.0, call(lambda x: x * 2.0 + 1.0, x))
    function = gc.compile(twice, style="readable", simplify=False)
    assert "(x):\n" in function.source
    np.testing.assert_array_equal(function(x=values()), values() * 4.0 + 3.0)


@pytest.mark.parametrize("style", STYLES)
def test_each_statement_of_a_function_has_the_users_line(style: Any) -> None:
    program = gc.compile(layers(), style=style)._program
    found = 0
    for statement in functions_of(program.source)["layer"].body:
        node = program.node_at(statement.lineno)
        if node is not None:
            assert node.origin.location.file == __file__
            found += 1
    assert found >= (5 if style == "fast" else 2)


def test_the_memory_of_functions_is_counted() -> None:
    function = gc.compile(layers(), style="fast")
    alone = gc.compile(layers(1), style="fast")
    assert "def layer_workspace(" in function.source
    assert function.footprint.at(batch=100) >= alone.footprint.at(batch=100)


@pytest.mark.parametrize("style", STYLES)
def test_a_model_with_calls_trains_and_predicts(tmp_path: Path, style: Any) -> None:
    """Its passes call a function each, and their gradients are the interpreter's."""
    hidden, x = layers(3)
    loss = gc.mean(gc.square(hidden - x))
    trainer = gc.Trainer(loss, gc.optim.SGD(lr=0.1), style=style)
    trainer.emit(tmp_path / "train.py", style=style)
    source = (tmp_path / "train.py").read_text("utf-8")
    assert_formatted(source, tmp_path)
    functions = functions_of(source)
    assert "layer(" in ast.unparse(functions["forward"])
    assert "layer_backward" in functions
    assert source.count("layer_backward(") == 4
    found = trainer.gradients(x=values())
    for weight in Graph((loss,)).parameters:
        gradient = gc.grad(loss, weight)
        expected = gc.evaluate(
            gradient, {"x": values()}, parameters=dict(trainer.parameters)
        )
        np.testing.assert_allclose(found[weight.name], expected, rtol=1e-4, atol=1e-6)
    before = trainer.step(x=values())
    for _ in range(20):
        after = trainer.step(x=values())
    assert after < before


@pytest.mark.parametrize("style", STYLES)
def test_results_of_functions_belong_to_the_caller(style: Any) -> None:
    x = gc.input("x", SHAPE)

    def turned(x: gc.Node) -> tuple[gc.Node, gc.Node]:
        return x[1:].T, gc.constant(np.ones(SHAPE, "float32"))

    first, ones = call(turned, x)
    second, _ = call(turned, x * 2.0)
    outputs = [first, second, ones]
    function = gc.compile(outputs, style=style, simplify=False)
    fed = values()
    expected = gc.evaluate(outputs, {"x": fed})
    for _ in range(2):
        results = function(x=fed)
        for result, other in zip(results, expected, strict=True):
            np.testing.assert_array_equal(result, other)
            result[...] = 7.0
    np.testing.assert_array_equal(fed, values())


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("simplify", [True, False])
def test_a_result_may_be_read_under_two_names(style: Any, simplify: bool) -> None:
    x = gc.input("x", SHAPE)

    def layer(x: gc.Node) -> gc.Node:
        return gc.tanh(x) * 2.0

    plain = call(layer, x)
    named = plain.named("hidden")
    outputs = [call(layer, named + plain), named, plain]
    function = gc.compile(outputs, style=style, simplify=simplify)
    expected = gc.evaluate(outputs, {"x": values()})
    for result, other in zip(function(x=values()), expected, strict=True):
        np.testing.assert_allclose(result, other, rtol=1e-6)


@pytest.mark.parametrize("style", STYLES)
def test_functions_call_functions_and_share_them(style: Any) -> None:
    x = gc.input("x", SHAPE)

    def inner(x: gc.Node) -> gc.Node:
        return gc.tanh(x) * 2.0

    def outer(x: gc.Node) -> gc.Node:
        return call(inner, call(inner, x)) + 1.0

    y = call(outer, x) + call(outer, gc.sin(call(inner, x)))
    function = gc.compile(y, style=style)
    found = functions_of(function.source)
    assert {"inner", "outer", "compute"} <= set(found)
    assert ast.unparse(found["outer"]).count("inner(") == 2
    expected = gc.evaluate(y, {"x": values()})
    np.testing.assert_allclose(function(x=values()), expected, rtol=1e-6)


@pytest.mark.parametrize("style", STYLES)
def test_a_position_out_of_bounds_is_refused_in_a_function(style: Any) -> None:
    x = gc.input("x", (4,), "float64")

    def pick(x: gc.Node) -> gc.Node:
        return gc.take(x, gc.rint(x).astype("int64"))

    y = call(pick, call(pick, x))
    function = gc.compile(y, style=style)
    assert "pick" in functions_of(function.source)
    assert function(x=[0.0, 1.0, 2.0, 3.0]).tolist() == [0, 1, 2, 3]
    with pytest.raises(FeedError, match="not in the range 0 to 3"):
        function(x=[0.0, 1.0, 2.0, 4.0])


@pytest.mark.parametrize("style", STYLES)
def test_names_of_functions_meet_no_other_names(style: Any) -> None:
    x = gc.input("layer", SHAPE)

    def layer(np_value: gc.Node) -> gc.Node:
        return gc.exp(np_value).named("layer")

    def other(x: gc.Node) -> gc.Node:
        return gc.sin(x)

    other.__name__ = "layer"
    twice = call(layer, x) + call(layer, x * 2.0)
    y = twice + call(other, x).named("compute") + call(other, x * 2.0)
    function = gc.compile(y, style=style)
    expected = gc.evaluate(y, {"layer": values()})
    np.testing.assert_allclose(function(values()), expected, rtol=1e-6)
