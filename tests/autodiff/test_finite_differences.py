"""`gc.check_gradients` passes what is right, and finds what is wrong where it is."""

from __future__ import annotations

import html
import inspect

import numpy as np
import pytest

import graphc as gc
from graphc.autodiff.finite_differences import widen
from graphc.ir import OPS, Op


@pytest.fixture
def declare():
    """Declare ops for one test only."""
    names: list[str] = []

    def make(name, vjp, numpy="np.square(x)", inputs=("x",)):
        names.append(name)
        return Op(
            name=name,
            inputs=inputs,
            infer=lambda x, *others: x,
            kind="elementwise",
            numpy=numpy,
            vjp=vjp,
        )

    yield make
    for name in names:
        del OPS[name]


def mlp():
    x = gc.input("x", ("batch", 6))
    y = gc.input("y", ("batch",), "int64")
    hidden = gc.nn.relu(gc.nn.Linear(6, 5, name="hidden")(x))
    logits = gc.nn.Linear(5, 3, name="output")(gc.nn.dropout(hidden, 0.3))
    return gc.nn.cross_entropy(logits, y)


def test_a_right_gradient_passes():
    report = gc.check_gradients(mlp())
    assert report.passed
    assert [check.name for check in report.variables] == [
        "hidden.weight",
        "hidden.bias",
        "output.weight",
        "output.bias",
    ]
    # Differences in float64 are good to some eight digits, though declared in float32.
    assert all(check.error < 1e-6 for check in report.variables)
    assert {"relu", "dropout", "cross_entropy"} <= {
        check.node.op.name for check in report.nodes
    }


@pytest.mark.parametrize("factor", [0.0, 0.5, 0.999, -2.0, np.nan])
def test_a_wrong_rule_is_found_and_named(declare, factor):
    wrong = declare("wrong_square", lambda g, out, x: (g * x * factor,))
    w = gc.parameter("w", (4,), gc.init.normal(0.0, 1.0))
    inner = gc.exp(w)
    middle = wrong(inner)
    line = inspect.currentframe().f_lineno - 1
    report = gc.check_gradients(gc.mean(gc.tanh(middle * 0.01)))
    assert not report.passed
    assert not report.variables[0].passed
    worst = report.worst_node
    assert worst.node.op is wrong
    assert worst.input.op.name == "exp"
    assert worst.node.origin.location.line == line
    # Nothing else is blamed, though all gradients before it are wrong, too.
    assert [check.node.op.name for check in report.nodes if not check.passed] == [
        "wrong_square"
    ]
    text = str(report)
    assert report._repr_html_() == f"<pre>{html.escape(text)}</pre>"
    assert "WRONG" in text
    assert "wrong_square" in text
    assert f"test_finite_differences.py:{line}" in text


def test_the_wrong_input_of_two_is_named(declare):
    half_wrong = declare(
        "half_wrong",
        lambda g, out, x, other: (g * other, g * x * 2.0),
        numpy="x * other",
        inputs=("x", "other"),
    )
    a, b = (gc.parameter(name, (3,), gc.init.normal(0.0, 1.0)) for name in "ab")
    report = gc.check_gradients(gc.sum(half_wrong(gc.sin(a), gc.cos(b))))
    assert {c.name: c.passed for c in report.variables} == {"a": True, "b": False}
    assert report.worst_node.input.op.name == "cos"


def test_a_missing_flow_is_found(declare):
    silent = declare("silent", lambda g, out, x: (g * 0.0,))
    w = gc.parameter("w", (3,), gc.init.normal(0.0, 1.0))
    # The other path is right, so that the gradient is wrong only in part.
    report = gc.check_gradients(gc.sum(silent(w) + gc.exp(w)))
    assert not report.passed
    assert report.worst_node.node.op is silent


def test_contributions_that_do_not_add_up_are_found(monkeypatch):
    from graphc.autodiff import finite_differences as check

    real = check.backward

    def forgetful(outputs, cotangents, targets):
        found = real(outputs, cotangents, targets)
        twice = next(node for node in found.of if node.op.name == "exp")
        return check.Adjoints({**found.of, twice: found.of[twice] * 0.5}, found.flows)

    monkeypatch.setattr(check, "backward", forgetful)
    w = gc.parameter("w", (3,), gc.init.normal(0.0, 1.0))
    inner = gc.exp(w)
    report = gc.check_gradients(gc.sum(gc.sin(inner) + gc.cos(inner)))
    assert not report.passed
    assert report.worst_node.node.op.name == "exp"


def test_small_gradients_are_not_excused(declare):
    wrong = declare("wrong_small", lambda g, out, x: (g * x,))
    w = gc.parameter("w", (4,), gc.init.normal(0.0, 1.0))
    assert not gc.check_gradients(gc.sum(wrong(w)) * 1e-9).passed


def test_a_value_in_one_op_twice():
    w = gc.parameter("w", (3, 3), gc.init.normal(0.0, 1.0))
    assert gc.check_gradients(gc.sum(gc.nn.linear(w, w) + w * w)).passed


def test_stopped_gradients_are_constants():
    w = gc.parameter("w", (3,), gc.init.normal(0.0, 1.0))
    report = gc.check_gradients(gc.sum(gc.stop_gradient(gc.exp(w)) * w))
    assert report.passed


@pytest.mark.parametrize(
    "build",
    [
        lambda w: gc.sum(gc.log(gc.exp(20 * w))),
        lambda w: gc.sum(gc.nn.relu(gc.nn.relu(w))),
        lambda w: gc.max(gc.nn.log_softmax(w, dim=0)),
        lambda w: gc.sum(gc.where(w > 0, w, 0.0)[1:]),
        lambda w: gc.sum(w * 0.0),
        lambda w: gc.sum(gc.sqrt(gc.abs(w)) * 1e6),
        # Of a symmetric matrix one triangle is read.
        lambda w: gc.sum(gc.linalg.cholesky(gc.outer(w, w) + gc.eye(7))),
        lambda w: gc.max(gc.linalg.eigvalsh(gc.outer(w, w) + gc.eye(7))),
    ],
)
def test_right_rules_pass_where_differences_are_delicate(build):
    w = gc.parameter("w", (7,), gc.init.normal(0.0, 1.0))
    report = gc.check_gradients(build(w))
    assert report.passed, str(report)


def test_feeds_rows_and_labels():
    x = gc.input("x", ("batch", 2), "float64")
    y = gc.input("y", ("batch",), "int64")
    w = gc.parameter("w", (4, 2), gc.init.normal(0.0, 1.0), "float64")
    loss = gc.nn.cross_entropy(x @ w.T, y)
    feeds = {"x": np.ones((3, 2)), y: np.array([0, 3, 1])}
    assert gc.check_gradients(loss, feeds=feeds).passed
    # What is not fed takes its sizes from what is.
    assert gc.check_gradients(loss, feeds={"x": np.ones((3, 2))}).passed
    with pytest.raises(gc.errors.FeedError, match="labels from 0 to 3, got 4"):
        gc.check_gradients(loss, feeds={"y": np.array([4])})
    with pytest.raises(gc.errors.FeedError, match="'z' is not an input"):
        gc.check_gradients(loss, feeds={"z": 1.0})


def test_by_inputs_where_there_are_no_parameters():
    x = gc.input("x", (3,))
    assert [c.name for c in gc.check_gradients(gc.sum(gc.sin(x))).variables] == ["x"]
    assert gc.check_gradients(gc.sum(gc.sin(x)), x).passed


@pytest.mark.parametrize(
    ("loss", "wrt", "message"),
    [
        (lambda: gc.input("x", (3,)) * 2, None, "requires a scalar"),
        (
            lambda: gc.sum(gc.input("k", (3,), "int64")),
            None,
            "nothing to differentiate",
        ),
        (lambda: gc.sum(gc.input("x", (3,))), gc.input("z", ()), "does not depend on"),
    ],
)
def test_what_can_not_be_differentiated(loss, wrt, message):
    with pytest.raises(gc.errors.DifferentiationError, match=message):
        gc.check_gradients(loss(), wrt)


def test_a_loss_that_is_not_finite_names_the_node():
    x = gc.input("x", (2,))
    loss = gc.sum(gc.log(x) * gc.parameter("w", (2,), gc.init.ones()))
    with pytest.raises(gc.errors.NonFiniteError, match="that of log") as caught:
        gc.check_gradients(loss, feeds={"x": [1.0, -1.0]})
    assert "test_finite_differences.py" in str(caught.value)


@pytest.mark.parametrize("option", ["rows", "directions"])
def test_counts_must_be_positive(option):
    with pytest.raises(gc.errors.OptionError, match=option):
        gc.check_gradients(mlp(), **{option: 0})


def test_the_same_seed_gives_the_same_report():
    loss = mlp()
    assert str(gc.check_gradients(loss, seed=3)) == str(
        gc.check_gradients(loss, seed=3)
    )


def test_widening_keeps_names_lines_and_values():
    loss = mlp()
    wide = widen([loss])[loss]
    assert wide.dtype == np.float64
    assert wide.origin == loss.origin
    feeds = {"x": np.ones((4, 6), np.float32), "y": np.array([0, 1, 2, 0])}
    narrow_value = gc.evaluate(loss, feeds, seed=1)
    wide_value = gc.evaluate(wide, feeds, seed=1)
    assert wide_value.dtype == np.float64
    np.testing.assert_allclose(wide_value, narrow_value, rtol=1e-5)


def test_data_that_the_loss_was_declared_from_may_be_fed() -> None:
    x, y = gc.input("x", ("n", 2)), gc.input("y", ("n",))
    w = gc.parameter("w", (2,), 1.0)
    loss = gc.sum(w * gc.sum(gc.grad(gc.sum(3 * x) + gc.sum(y), x), axis=0) * w)
    data = {"x": np.ones((4, 2)), "y": np.ones(4)}
    for feeds in (data, {x: data["x"]}, {"y": data["y"]}, {}):
        assert gc.check_gradients(loss, None, feeds).passed
    with pytest.raises(gc.errors.FeedError, match="has n = 5"):
        gc.check_gradients(loss, None, data | {"y": np.ones(5)})


def test_masked_scores_are_checked() -> None:
    """An infinite score has nowhere to be moved to."""
    x = gc.input("x", ("batch", 3, 4), "float64")
    projection = gc.nn.Linear(4, 4, name="projection", dtype="float64")
    mixed = gc.nn.scaled_dot_product_attention(projection(x), x, x, is_causal=True)
    assert gc.check_gradients(gc.mean(mixed**2)).passed


def test_corners_between_two_points_are_no_mistake() -> None:
    """Corners of relu at all distances: a step of any size goes past some."""
    rng = np.random.default_rng(0)
    sides, signs = rng.choice([-1.0, 1.0], (2, 12))
    corners = 0.5 + sides * 10.0 ** rng.uniform(-9, -2, 12)
    w = gc.parameter("w", (), dtype="float64")
    loss = gc.sum(signs * gc.nn.relu(w - corners)) + w
    report = gc.check_gradients(loss, feeds={"w": 0.5})
    assert report.passed, report
