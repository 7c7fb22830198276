"""The reference interpreter: every value kept, nothing changed, the first NaN named."""

from __future__ import annotations

import inspect
import io
from typing import Any

import numpy as np
import pytest
import rich.console

import graphc as gc
from graphc.errors import (
    DifferentiationError,
    DTypeError,
    FeedError,
    NonFiniteError,
    ShapeError,
    UnknownNameError,
)
from graphc.ir import OPS, Case, Op, TensorType
from graphc.runtime.interpreter import initial_parameters


def test_the_structure_of_the_request_comes_back() -> None:
    x = gc.input("x", (), "float64")
    fed = {"x": 3.0}
    assert gc.evaluate(x, fed) == 3.0
    assert isinstance(gc.evaluate(x, fed), np.ndarray)
    request: Any = {"a": [x, (x + 1, {"b": x * x})], "c": x}
    result = gc.evaluate(request, fed)
    assert result == {"a": [3.0, (4.0, {"b": 9.0})], "c": 3.0}
    assert isinstance(result["a"][1], tuple)
    assert gc.evaluate([], {}) == []
    for wrong in (3, [x, None], {"a": "x"}):
        with pytest.raises(DTypeError, match="must be nodes"):
            gc.evaluate(wrong, fed)


def test_every_value_is_kept() -> None:
    x = gc.input("x", (2,), "float64")
    hidden = gc.exp(x)
    loss = gc.sum(hidden * hidden)
    d_hidden, d_x = gc.grad(loss, [hidden, x])
    run = gc.interpret((node for node in (loss, d_x, d_hidden)), {"x": [0.0, 1.0]})
    np.testing.assert_allclose(run[hidden], np.exp([0.0, 1.0]))
    np.testing.assert_allclose(run[d_hidden], 2 * run[hidden])
    np.testing.assert_allclose(run[d_x], 2 * run[hidden] ** 2)
    assert hidden in run
    assert gc.sin(x) not in run
    position = {node: i for i, (node, _) in enumerate(run.items())}
    assert position[x] < position[hidden] < position[loss]


def test_a_run_is_read_by_name_and_by_derivative() -> None:
    x = gc.input("x", (3,), "float64")
    w = gc.parameter("w", (2, 3), np.arange(6.0).reshape(2, 3) - 2, dtype="float64")
    z = (w @ x).named("z")
    loss = gc.sum(gc.nn.relu(z) ** 2 + 1.0).named("loss")
    fed = np.array([1.0, -2.0, 0.5])
    run = gc.interpret([loss, gc.grad(loss, z)], {"x": fed})
    by_hand = (np.arange(6.0).reshape(2, 3) - 2) @ fed
    d_z = 2 * np.maximum(by_hand, 0)
    np.testing.assert_allclose(run["z"], by_hand)
    np.testing.assert_allclose(run["d_z"], d_z)
    # Whether the run was asked for them or not.
    np.testing.assert_allclose(run.gradient("w"), np.outer(d_z, fed))
    np.testing.assert_allclose(run.gradient(x, of="loss"), run["w"].T @ d_z)
    assert len(run) == len([*run]) == len(dict(run.items()))
    assert {"z", "w"} <= {node.name for node in run}
    assert "z" in run
    assert "q" not in run
    table = str(run).splitlines()
    assert table[0].split() == ["name", "op", "shape", "dtype", "value"]
    rows = {line.split()[0]: line for line in table[2:]}
    assert {"x", "w", "z", "relu", "loss", "d_z"} <= {*rows}
    assert rows["x"].endswith("[1, -2, 0.5]")
    assert "<td>[1, -2, 0.5]</td>" in run._repr_html_()
    assert repr(run).startswith("<Interpretation of x, w, z, ")
    alone = gc.interpret(loss, {"x": fed})
    np.testing.assert_allclose(alone["d_w"], run.gradient("w"))
    with pytest.raises(UnknownNameError, match=r"(?s)called 'losss'.*try:  'loss'"):
        alone["losss"]
    named = gc.interpret({"y": loss.named("n" * 60)}, {"x": fed})
    assert "n" * 60 in named
    assert "n" * 60 not in str(named)
    console = rich.console.Console(width=120, record=True, file=io.StringIO())
    console.print(named)
    assert "n" * 39 + "…" in console.export_text()


def test_a_run_tells_what_it_does_not_have() -> None:
    x = gc.input("x", (), "float64")
    a, b = gc.nn.sigmoid(x).named("a"), gc.nn.sigmoid(2.0 * x).named("b")
    run = gc.interpret([a, b, a * 1.5], {"x": 0.0})
    with pytest.raises(UnknownNameError, match="it has x, a, "):
        run["q"]
    with pytest.raises(UnknownNameError, match="2 nodes of the run are called"):
        run["growth"]
    with pytest.raises(UnknownNameError, match="no value of"):
        run[gc.cos(x)]
    with pytest.raises(DifferentiationError, match="one floating scalar"):
        run.gradient("x")
    assert run.gradient("x", of=b) == 0.5
    with pytest.raises(DifferentiationError, match="does not depend"):
        run.gradient(b, of=a)


def test_blocks_have_values_and_their_insides_too() -> None:
    x = gc.input("x", (2, 3), "float64")
    y = gc.nn.softmax(x, dim=1)
    run = gc.interpret([y], {"x": np.zeros((2, 3))})
    np.testing.assert_allclose(run[y], np.full((2, 3), 1 / 3))
    assert run[y] is run[y.expansion]


def test_results_belong_to_the_caller() -> None:
    array = np.ones(3)
    x = gc.input("x", (3,), "float64")
    result = gc.evaluate(x, {"x": array})
    result[:] = 7
    assert array.tolist() == [1, 1, 1]
    broadcast = gc.evaluate(gc.broadcast_to(x, (2, 3)), {"x": array})
    broadcast[0, 0] = 5
    assert broadcast[1, 0] == 1


def test_feeds_are_not_written_to() -> None:
    array = np.arange(6.0).reshape(2, 3)
    array.flags.writeable = False
    x = gc.input("x", (2, 3), "float64")
    loss = gc.sum(x[0] * gc.max(x, axis=0))
    gc.evaluate([loss, gc.grad(loss, x)], {"x": array})


def test_the_first_bad_value_is_named() -> None:
    x = gc.input("x", (3,), "float64")
    good = gc.exp(x)
    bad = gc.log(x)
    here = inspect.currentframe()
    assert here is not None
    line = here.f_lineno - 3
    after = gc.sum(bad * good)
    assert np.isnan(gc.evaluate(after, {"x": [1.0, -1.0, 2.0]}))
    with pytest.raises(NonFiniteError) as caught:
        gc.evaluate(after, {"x": [1.0, -1.0, 2.0]}, check_finite=True)
    text = str(caught.value)
    assert "NaN in log at (1,): 1 of 3 elements" in text
    assert caught.value.location == f"{__file__}:{line}"
    with pytest.raises(NonFiniteError, match=r"inf in log at \(0,\)"):
        gc.evaluate(after, {"x": [0.0, 1.0, 2.0]}, check_finite=True)
    with pytest.raises(NonFiniteError, match="NaN in input at"):
        gc.evaluate(after, {"x": [1.0, 2.0, np.nan]}, check_finite=True)


def test_a_bad_gradient_is_named_by_what_it_is_the_gradient_of() -> None:
    x = gc.input("x", (), "float64").named("x")
    loss = gc.sqrt(x)
    with pytest.raises(NonFiniteError) as caught:
        gc.evaluate(gc.grad(loss, x), {"x": 0.0}, check_finite=True)
    assert "inf in" in str(caught.value)
    assert caught.value.node is not None
    assert "gradient of x: float64" in caught.value.node
    assert str(caught.value.location) == str(loss.origin.location)


def test_parameters_start_from_their_initializers() -> None:
    a = gc.parameter("a", (50, 50), gc.init.normal(1.0, 0.1))
    b = gc.parameter("b", (3,), [1, 2, 3])
    c = gc.parameter("c", (2, 2), 0.5, "float64")
    first, second = gc.evaluate([a, a]), gc.evaluate(a, seed=1)
    np.testing.assert_array_equal(first[0], first[1])
    assert first[0].dtype == np.float32
    assert abs(first[0].mean() - 1.0) < 0.02
    assert (first[0] != second).any()
    starts = initial_parameters([a, b, c], seed=0)
    np.testing.assert_array_equal(starts["a"], first[0])
    np.testing.assert_array_equal(starts["b"], np.array([1, 2, 3], np.float32))
    np.testing.assert_array_equal(starts["c"], np.full((2, 2), 0.5))


def test_starts_do_not_depend_on_what_else_is_fed() -> None:
    a, b = gc.parameter("a", (3, 3)), gc.parameter("b", (3, 3))
    alone = gc.evaluate([a, b])[1]
    fed = gc.evaluate([a, b], {"a": np.zeros((3, 3), np.float32)})[1]
    np.testing.assert_array_equal(alone, fed)


def test_one_draw_serves_forward_and_backward() -> None:
    x = gc.input("x", (1000,), "float64")
    mask = gc.bernoulli(0.5, (1000,))
    loss = gc.sum(gc.where(mask, x, 0.0))
    drawn, gradient, _ = gc.evaluate(
        [mask, gc.grad(loss, x), loss], {"x": np.ones(1000)}
    )
    np.testing.assert_array_equal(gradient, drawn.astype(float))


@pytest.fixture
def lying_op() -> Any:
    """An op whose type rule promises another shape than its template gives."""

    def infer(x: TensorType) -> TensorType:
        return x

    op = Op(
        name="lying",
        inputs=("x",),
        infer=infer,
        kind="elementwise",
        numpy="x[:1]",
        cases=(Case(((3,),)),),
    )
    yield op
    del OPS["lying"]


def test_a_type_rule_that_lies_is_caught(lying_op: Op) -> None:
    x = gc.input("x", (3,), "float64")
    with pytest.raises(ShapeError, match=r"declared as float64 \(3,\), but gave"):
        gc.evaluate(lying_op(x), {"x": [1.0, 2.0, 3.0]})


def test_an_op_is_declared_once(lying_op: Op) -> None:
    with pytest.raises(ValueError, match="declared twice"):
        Op(name="lying", inputs=(), infer=lying_op.infer, kind="source")


def test_numpys_own_errors_name_the_node() -> None:
    x = gc.input("x", (3,), "int64")
    node = x ** gc.input("y", (3,), "int64")
    feeds = {"x": [1, 2, 3], "y": [-1, -1, -1]}
    for run in (
        lambda: gc.evaluate(node, feeds),
        lambda: gc.compile(node, style="readable")(**feeds),
        lambda: gc.compile(node)(**feeds),
    ):
        with pytest.raises(FeedError, match="negative integer powers") as caught:
            run()
        assert caught.value.node == "node: int64 (3,)"
        assert caught.value.location == str(node.origin.location)


def test_numpy_is_silent_as_the_emitted_program_is() -> None:
    """Overflow, 0/0 and log(0) are values, not warnings."""
    x = gc.input("x", (), "float64")
    values = gc.evaluate([1.0 / x, gc.log(x), gc.exp(1e9 + x), x / x], {"x": 0.0})
    np.testing.assert_array_equal(values, [np.inf, -np.inf, np.inf, np.nan])
