"""Named sizes: what a graph needs of them is checked, wherever it runs."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import FeedError, GraphcError, GraphError, ShapeError
from graphc.ir import Dim, Graph
from graphc.ir.sizes import size_bounds

STYLES = ["readable", "fast"]


def _ways(
    nodes: Any, inputs: Any = None
) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
    ways = {"evaluate": lambda feeds: gc.evaluate(nodes, feeds)}
    for style in STYLES:
        for simplify in (True, False):
            f = gc.compile(nodes, inputs=inputs, style=style, simplify=simplify)
            ways[f"{style}, {simplify}"] = lambda feeds, f=f: f(**feeds)
    return ways


N = Dim("n")
TABLE = np.arange(12.0).reshape(4, 3)

CASES: dict[str, tuple[Any, Any, list[int], list[int], str]] = {
    # In graphc, in NumPy, sizes that do, sizes that do not, and what is required.
    "start": (lambda x: x[3:], lambda x: x[3:], [3, 4, 7], [0, 2], "n >= 3"),
    "stop": (lambda x: x[:-3], lambda x: x[:-3], [3, 4, 7], [0, 2], "n >= 3"),
    "both": (lambda x: x[2:-1], lambda x: x[2:-1], [3, 5], [0, 2], "n >= 3"),
    "differences": (lambda x: x[1:] - x[:-1], np.diff, [1, 2, 5], [0], "n >= 1"),
    "first": (lambda x: x[0], lambda x: x[0], [1, 4], [0], "n >= 1"),
    "last": (lambda x: x[-1], lambda x: x[-1], [1, 4], [0], "n >= 1"),
    "computed": (
        lambda x: x[x.shape[0] - 2 :],
        lambda x: x[len(x) - 2 :],
        [2, 5],
        [0, 1],
        "n >= 2",
    ),
    "table": (
        lambda x: gc.constant(TABLE)[: x.shape[0]] + x[:, None],
        lambda x: TABLE[: len(x)] + x[:, None],
        [0, 1, 4],
        [5, 6],
        "n <= 4",
    ),
    "mean of ones": (
        lambda x: gc.mean(gc.ones((4,), "float64")[: x.shape[0]]) * x,
        lambda x: 1.0 * x,
        [1, 4],
        [5, 6],
        "n <= 4",
    ),
    "rest of a table": (
        lambda x: gc.sum(gc.constant(TABLE)[x.shape[0] :]) + x,
        lambda x: TABLE[len(x) :].sum() + x,
        [0, 3, 4],
        [5],
        "n <= 4",
    ),
    "zeros": (
        lambda x: gc.sum(gc.ones((x.shape[0] - 2,), "float64")) + x,
        lambda x: len(x) - 2 + x,
        [2, 3],
        [0, 1],
        "n >= 2",
    ),
    "max": (gc.max, np.max, [1, 3], [0], "n >= 1"),
    "min": (gc.min, np.min, [1, 3], [0], "n >= 1"),
    "argmax": (gc.argmax, np.argmax, [1, 3], [0], "n >= 1"),
    "argmin": (gc.argmin, np.argmin, [1, 3], [0], "n >= 1"),
    "slope of a part": (
        lambda x: gc.grad(gc.sum(x[2:] ** 2), x),
        lambda x: np.where(np.arange(len(x)) < 2, 0, 2 * x),
        [2, 5],
        [0, 1],
        "n >= 2",
    ),
    "slope of a maximum": (
        lambda x: gc.grad(gc.max(x) * 2.0, x),
        lambda x: 2.0 * (x == x.max()),
        [1, 4],
        [0],
        "n >= 1",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_sizes_that_a_graph_allows_for(name: str) -> None:
    build, in_numpy, good, bad, required = CASES[name]
    x = gc.input("x", ("n",), "float64")
    y = build(x)
    for call in _ways(y).values():
        for size in good:
            array = np.arange(size) * 1.5
            np.testing.assert_allclose(call({"x": array}), in_numpy(array), rtol=1e-15)
        for size in bad:
            with pytest.raises(FeedError, match=re.escape(required)) as error:
                call({"x": np.arange(size) * 1.5})
            assert f"got n = {size}" in str(error.value)
            assert "node: " in str(error.value)
            assert "test_sizes.py" in str(error.value)


@pytest.mark.parametrize("function", [gc.max, gc.min, gc.argmax, gc.argmin])
def test_an_axis_that_may_not_be_empty(function: Any) -> None:
    x = gc.input("x", ("n", "m"), "float64")
    for call in _ways(function(x, axis=1)).values():
        assert call({"x": np.zeros((0, 3))}).shape == (0,)
        for shape in ((3, 0), (0, 0)):
            with pytest.raises(FeedError, match="requires m >= 1, got m = 0"):
                call({"x": np.zeros(shape)})


@pytest.mark.parametrize("shape", [(0,), (5, 0, 0), (5, 0), (0, 0)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_a_softmax_of_nothing_is_nothing(name: str, shape: tuple[int, ...]) -> None:
    names = ("a", "b", "c")[: len(shape)]
    for declared in (shape, names):
        x = gc.input("x", declared, "float64")
        y = getattr(gc.nn, name)(x, -1)
        for call in _ways([y, gc.grad(gc.sum(y * y), x)]).values():
            assert [v.shape for v in call({"x": np.zeros(shape)})] == [shape, shape]


@pytest.mark.parametrize("function", [gc.max, gc.argmax])
def test_an_axis_that_is_known_to_be_empty(function: Any) -> None:
    with pytest.raises(ShapeError, match="at least one element along axis") as error:
        function(gc.input("x", (5, 0, 0)), axis=2)
    assert "test_sizes.py" in str(error.value)


def test_of_several_bounds_the_strictest_is_kept() -> None:
    x = gc.input("x", ("n", "m"))
    part = x[2:, 1:]
    graph = Graph((gc.sum(part[3:]) + gc.max(part), gc.reshape(part, -1)))
    messages = [bound.message for bound in size_bounds(graph)]
    assert messages == ["getitem requires n >= 5", "max requires m >= 2"]


def _model() -> tuple[gc.Node, gc.Node]:
    x = gc.input("x", ("batch", "seq", 3))
    positions = gc.parameter("positions", (6, 3))
    w = gc.parameter("w", (3,))
    hidden = (x + positions[: x.shape[1]])[:, 2:] @ w
    loss = gc.mean(gc.square(hidden)) + gc.mean(gc.max(hidden, axis=1))
    return loss, hidden


def _data(seq: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=(4, seq, 3)).astype("float32")}


@pytest.mark.parametrize("style", STYLES)
def test_a_trainer_says_which_size_it_can_not_take(style: str) -> None:
    loss, hidden = _model()
    trainer = gc.Trainer(loss, gc.optim.SGD(0.1), outputs=hidden, style=style)
    uses = [
        lambda data: trainer.step(**data),
        lambda data: trainer.fit(data, epochs=1, batch_size=2),
        lambda data: trainer.evaluate(data),
        lambda data: trainer.predict(**data),
    ]
    for use in uses:
        use(_data(5))
        with pytest.raises(FeedError, match="requires seq <= 6, got seq = 7") as error:
            use(_data(7))
        assert "test_sizes.py" in str(error.value)
        with pytest.raises(FeedError, match=r"requires seq >= \d, got seq = 1"):
            use(_data(1))
    # The maximum is no part of what is predicted.
    assert trainer.predict(**_data(2)).shape == (4, 0)


@pytest.mark.parametrize("style", STYLES)
def test_an_emitted_program_says_so(style: str, tmp_path: Path) -> None:
    loss, _ = _model()
    gc.Trainer(loss, gc.optim.SGD(0.1)).emit(tmp_path / "train.py", style=style)
    np.savez(tmp_path / "long.npz", **_data(7))
    command = [sys.executable, "train.py", "--data", "long.npz", "--epochs", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "error: getitem requires seq <= 6, got seq = 7" in done.stderr


def test_gradients_are_checked_at_sizes_that_will_do() -> None:
    loss, _ = _model()
    with pytest.raises(FeedError, match="requires seq <= 6, got seq = 8"):
        gc.check_gradients(loss)
    assert gc.check_gradients(loss, feeds=_data(4)).passed


UNTOLD: dict[str, Callable[[], gc.Node]] = {
    "a size times a parameter": lambda: gc.constant(Dim("n")) * gc.parameter("p", (2,)),
    "a size times a constant": lambda: (
        gc.input("x", ("n",)).size * gc.constant(2.0, "float32")
    ),
    "a mean": lambda: gc.mean(gc.ones((3, "n"))),
    "a slice": lambda: gc.mean(gc.ones((4,))[: Dim("n")]),
    "a view": lambda: gc.ones((4,))[: Dim("n")],
    "a computed size": lambda: gc.zeros((2 * Dim("n") + 1,)),
}


@pytest.mark.parametrize("name", UNTOLD)
def test_a_size_that_no_input_tells(name: str) -> None:
    for use in (
        lambda node: gc.evaluate(node),
        lambda node: gc.compile(node, style="readable"),
        lambda node: gc.compile(node, style="fast"),
        lambda node: gc.compile(node, simplify=False),
    ):
        with pytest.raises(GraphError, match="no input tells the size 'n'") as error:
            use(UNTOLD[name]())
        assert "test_sizes.py" in str(error.value)


def test_a_size_that_an_input_tells_which_is_not_needed() -> None:
    x = gc.input("x", ("n",))
    node = x.size * gc.constant(2.0, "float32")
    for style in STYLES:
        assert gc.compile(node, inputs=[x], style=style)(x=np.zeros(3, "f4")) == 6.0
    assert gc.evaluate(node, {x: np.zeros(3, "f4")}) == 6.0


@pytest.mark.parametrize("style", STYLES)
def test_outputs_that_need_only_the_size_of_an_input(style: str) -> None:
    x, t = gc.input("x", ("batch", 4)), gc.input("t", ("batch", "k"))
    w = gc.parameter("w", (4, 2), np.ones((4, 2)))
    loss = gc.mean((x @ w) ** 2) + gc.mean(t)
    outputs = {
        "zeros": gc.zeros((x.shape[0], 4)) + 1,
        "scaled": w * x.shape[0],
        "columns": gc.ones((t.shape[1],)),
    }
    feeds = {"x": np.ones((3, 4), "f4"), "t": np.ones((3, 5), "f4")}
    trainer = gc.Trainer(loss, gc.optim.SGD(0.1), outputs=outputs, style=style)
    found = trainer.predict(**feeds)
    np.testing.assert_array_equal(found["zeros"], np.ones((3, 4)))
    np.testing.assert_array_equal(found["scaled"], np.full((4, 2), 3.0))
    np.testing.assert_array_equal(found["columns"], np.ones(5))
    with pytest.raises(GraphError, match="no input tells the size 'q'"):
        gc.Trainer(loss, gc.optim.SGD(0.1), outputs=gc.ones(("q",)), style=style)


ARITHMETIC: list[Callable[[Any], Any]] = [
    lambda n: -n,
    lambda n: +n,
    lambda n: n % 2,
    lambda n: n % 3 + 1,
    lambda n: (-n) % 3,
    lambda n: (2 * n + 1) % 4,
    lambda n: n % (n + 1),
    lambda n: 7 % (n + 1),
    lambda n: n**3 - n,
    lambda n: n**0,
    lambda n: divmod(n, 4)[0] + divmod(n, 4)[1],
]


@pytest.mark.parametrize("number", range(len(ARITHMETIC)))
def test_arithmetic_of_sizes_is_that_of_integers(number: int) -> None:
    function = ARITHMETIC[number]
    x = gc.input("x", ("n",), "float64")
    for call in _ways(x + function(x.shape[0])).values():
        for size in (1, 2, 5, 9):
            array = np.zeros(size)
            np.testing.assert_array_equal(call({"x": array}), array + function(size))


@pytest.mark.parametrize(
    "function",
    [
        lambda n: n / 2,
        lambda n: 1 / n,
        lambda n: n * 1.5,
        lambda n: n - "a",
        lambda n: n + None,
        lambda n: n + True,
        lambda n: n**-1,
        lambda n: n**0.5,
        lambda n: n < 3,
        lambda n: max(n, 3),
        lambda n: n % 0,
        lambda n: 2**n,
        float,
        range,
    ],
)
def test_what_is_no_arithmetic_of_sizes(function: Callable[[Any], Any]) -> None:
    with pytest.raises(GraphcError) as error:
        function(Dim("n"))
    assert "test_sizes.py" in str(error.value)


def test_a_size_beside_a_node_is_a_node() -> None:
    x = gc.input("x", ("n",), "float64")
    n = x.shape[0]
    nodes = [n / x, n * x, n**x, n - x, n % x, x / n, x % n]
    array = np.array([1.0, 2.0, 4.0])
    expected = [3 / array, 3 * array, 3**array, 3 - array, 3 % array]
    expected += [array / 3, array % 3]
    for call in _ways(nodes).values():
        for found, wanted in zip(call({"x": array}), expected, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-15)
