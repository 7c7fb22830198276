"""Buffers, parameters that are not trained, and what else a step assigns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import (
    DifferentiationError,
    GraphcError,
    NonFiniteError,
    OptionError,
    ShapeError,
)
from graphc.ir import Graph
from tests.styles import STYLES
from tests.targets.support import assert_clean, load, run
from tests.training.support import same

X = np.random.default_rng(0).normal(size=(12, 3))
W, V = np.random.default_rng(1).normal(size=(3, 4)), np.array([1.0, -2.0, 0.5, 3.0])


class Model:
    """`mean((tanh(x @ w) - mean) @ v)**2`, with a running mean, a count and a copy."""

    def __init__(self) -> None:
        self.x = gc.input("x", ("n", 3), "float64")
        self.w = gc.parameter("w", (3, 4), W, "float64")
        self.v = gc.parameter("v", (4,), V, "float64")
        self.mean = gc.buffer("norm.mean", (4,), dtype="float64")
        self.count = gc.buffer("count", (), 0, "int64")
        self.before = gc.buffer("before", (3, 4), dtype="float64")
        self.hidden = gc.tanh(self.x @ self.w)
        self.loss = gc.mean(((self.hidden - self.mean) @ self.v) ** 2)
        self.updates = {
            self.mean: 0.9 * self.mean + 0.1 * gc.mean(self.hidden, axis=0),
            self.count: self.count + 1,
            self.before: self.w,
        }

    def trainer(self, **options: Any) -> gc.Trainer:
        options = {"updates": self.updates, **options}
        return gc.Trainer(self.loss, gc.optim.SGD(0.01, momentum=0.9), **options)


def by_hand(steps: int, trained: str = "wv") -> dict[str, Any]:
    """The parameters after steps on all of `X`, by the chain rule."""
    w, v, mean, before = W.copy(), V.copy(), np.zeros(4), np.zeros((3, 4))
    kept: dict[str, Any] = {"w": 0.0, "v": 0.0}
    for _ in range(steps):
        hidden = np.tanh(X @ w)
        output = (hidden - mean) @ v
        d_output = 2.0 * output / len(X)
        gradients = {
            "w": X.T @ (np.outer(d_output, v) * (1.0 - hidden**2)),
            "v": (hidden - mean).T @ d_output,
        }
        before = w.copy()
        mean = 0.9 * mean + 0.1 * hidden.mean(axis=0)
        kept = {key: 0.9 * kept[key] + gradients[key] for key in kept}
        w = w - 0.01 * kept["w"] if "w" in trained else w
        v = v - 0.01 * kept["v"] if "v" in trained else v
    return {"w": w, "v": v, "norm.mean": mean, "count": steps, "before": before}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("trained", ["wv", "w", "v"])
def test_a_step_assigns_what_was_before_it_and_trains_a_part(
    style: Any, trained: str
) -> None:
    model = Model()
    trainer = model.trainer(parameters=[*trained], style=style)
    for _ in range(3):
        trainer.step(X)
    expected = by_hand(3, trained)
    assert trainer.parameters.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(trainer.parameters[name], value, rtol=1e-12)
    assert trainer.gradients(X).keys() == {*trained}
    # Nothing is derived for the others.
    assert ("d_v" in trainer.source) is ("v" in trained)


def test_the_parameters_of_a_layer_are_chosen_as_a_list() -> None:
    x = gc.input("x", ("n", 3), "float64")
    first, last = gc.nn.Linear(3, 4, name="first"), gc.nn.Linear(4, 1, name="last")
    loss = gc.mean(last(gc.tanh(first(x))) ** 2)
    for chosen in (last.parameters, last.parameters()):
        trainer = gc.Trainer(loss, gc.optim.SGD(0.1), parameters=chosen)
        assert trainer.gradients(X).keys() == {"last.weight", "last.bias"}


def test_parameters_are_chosen_by_node_name_or_function() -> None:
    model = Model()
    for chosen in (["v"], [model.v], "v", model.v, lambda node: node.name == "v"):
        trainer = model.trainer(parameters=chosen)
        assert trainer.gradients(X).keys() == {"v"}, chosen


@pytest.mark.parametrize("style", STYLES)
def test_a_run_goes_on_and_an_emitted_one_is_the_same(
    style: Any, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"batch_size": 4, "verbose": False}
    whole = Model().trainer(style=style)
    whole.fit({"x": X}, epochs=4, **options)
    assert whole.parameters["count"] == 12
    first = Model().trainer(style=style)
    path = tmp_path / "run.npz"
    first.fit({"x": X}, epochs=2, checkpoint=path, **options)
    second = Model().trainer(style=style)
    second.fit({"x": X}, epochs=4, checkpoint=path, resume=True, **options)
    assert same(second.parameters, whole.parameters)
    script = whole.emit(tmp_path / "train.py", style)
    assert_clean(script)
    np.savez(tmp_path / "data.npz", x=X)
    out = tmp_path / "out.npz"
    arguments = ("--data", "data.npz", "--epochs", 4, "--batch-size", 4, "--out", out)
    run(script, *arguments)
    with np.load(out) as saved:
        for name, value in whole.parameters.items():
            assert saved[name].tobytes() == value.tobytes(), name
    assert "all gradients agree" in run(script, "--check").stdout


def test_the_emitted_contract_has_two_results_all_the_same() -> None:
    trainer = Model().trainer(style="readable")
    module = load(trainer.source)
    parameters = module.init_parameters(0)
    loss, gradients = module.loss_and_gradients(parameters, X)
    assert loss == pytest.approx(float(module.forward(parameters, X)["loss"]))
    assert gradients.keys() == {"w", "v"}
    assert parameters["count"] == 0


def test_programs_without_buffers_have_no_word_of_them() -> None:
    model = Model()
    assert "buffers" not in model.trainer(updates={}).source


def test_two_buffers_can_change_places() -> None:
    x, w = gc.input("x", (), "float64"), gc.parameter("w", (), 1.0, "float64")
    a, b = gc.buffer("a", (), 1.0, "float64"), gc.buffer("b", (), 2.0, "float64")
    for style in STYLES:
        trainer = gc.Trainer(
            (w * x + a * 0 + b * 0) ** 2,
            gc.optim.SGD(0.1),
            updates={a: b, b: a},
            style=style,
        )
        trainer.step(1.0)
        assert (trainer.parameters["a"], trainer.parameters["b"]) == (2.0, 1.0)


def test_a_parameter_that_is_not_trained_may_be_assigned_to() -> None:
    """A network that follows another one: the target of Q-learning."""
    x = gc.input("x", (2,), "float64")
    w = gc.parameter("w", (2,), np.ones(2), "float64")
    target = gc.parameter("target", (2,), np.zeros(2), "float64")
    loss = (w @ x - target @ x - 1.0) ** 2
    updates = {target: 0.5 * target + 0.5 * w}
    trainer = gc.Trainer(loss, gc.optim.SGD(0.1), parameters=[w], updates=updates)
    trainer.step([1.0, 2.0])
    np.testing.assert_allclose(trainer.parameters["target"], [0.5, 0.5])
    # The difference is 2: the slope is 2 * 2 * x.
    np.testing.assert_allclose(trainer.parameters["w"], [1.0 - 0.4, 1.0 - 0.8])


def test_a_new_value_that_is_not_finite_stops_the_step() -> None:
    x, w = gc.input("x", (), "float64"), gc.parameter("w", (), 1.0, "float64")
    peak = gc.buffer("peak", (), 1.0, "float64")
    trainer = gc.Trainer(
        (w * x) ** 2, gc.optim.SGD(0.1), updates={peak: peak / (x - 1.0)}
    )
    with pytest.raises(NonFiniteError, match="'peak' became inf"):
        trainer.step(1.0)
    assert (trainer.parameters["w"], trainer.parameters["peak"]) == (1.0, 1.0)
    trainer.step(2.0)
    assert trainer.parameters["peak"] == 1.0


def test_compiled_functions_update_buffers() -> None:
    x = gc.input("x", (), "float64")
    total = gc.buffer("total", (), 0.0, "float64")
    f = gc.compile(total + x, updates={total: total + x})
    assert [float(f(x)) for x in (1.0, 2.0, 3.0)] == [1.0, 3.0, 6.0]


def test_buffers_are_drawn_and_not_differentiated() -> None:
    model = Model()
    assert [node.name for node in Graph((model.loss,)).trainable] == ["w", "v"]
    assert '"new norm.mean"' in gc.render(model.trainer()).source
    assert "gradient of norm.mean" not in gc.render(model.loss, backward="graph").source


BAD: dict[str, tuple[type[GraphcError], str, Any]] = {
    "not a node": (GraphcError, "a dict from nodes", lambda m: {"updates": {"w": 1}}),
    "an input": (OptionError, "assigns to buffers", lambda m: {"updates": {m.x: 1.0}}),
    "trained": (OptionError, "the optimizer trains", lambda m: {"updates": {m.w: m.w}}),
    "another shape": (
        ShapeError,
        "must have the type of its buffer",
        lambda m: {"updates": {m.mean: 1.0}},
    ),
    "another dtype": (
        ShapeError,
        "must have the type of its buffer",
        lambda m: {"updates": {m.count: m.count * 0.5}},
    ),
    "unknown name": (
        DifferentiationError,
        "not a parameter that the loss depends on; they are w, v",
        lambda m: {"parameters": ["u"]},
    ),
    "a buffer trained": (
        DifferentiationError,
        "not a parameter that the loss depends on",
        lambda m: {"parameters": [m.mean]},
    ),
    "none": (DifferentiationError, "depends on no param", lambda m: {"parameters": []}),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_refused(case: str) -> None:
    error, text, options = BAD[case]
    model = Model()
    with pytest.raises(error, match=text):
        model.trainer(**options(model))


def test_a_layer_stands_for_its_parameters() -> None:
    body, head = gc.nn.Linear(3, 4, name="body"), gc.nn.Linear(4, 1, name="head")
    loss = gc.mean(head(gc.tanh(body(gc.input("x", ("n", 3))))) ** 2)
    for chosen in (head, [head], ["head.bias", head]):
        trainer = gc.Trainer(loss, gc.optim.SGD(0.1), parameters=chosen)
        assert sorted(trainer.gradients(X)) == ["head.bias", "head.weight"]
    both = {"a": loss, "b": 2.0 * loss}
    trainer = gc.Trainer(both, gc.optim.SGD(0.1), parameters={"a": body, "b": head})
    assert len(trainer.gradients(X)) == 4
    with pytest.raises(OptionError, match="must be a dict where there are several"):
        gc.Trainer(both, gc.optim.SGD(0.1), parameters=head)
    with pytest.raises(DifferentiationError, match="wieght") as caught:
        gc.Trainer(loss, gc.optim.SGD(0.1), parameters=["head.wieght"])
    assert caught.value.hint == "'head.weight'"
    with pytest.raises(OptionError, match=r"true of none of body\.weight"):
        gc.Trainer(loss, gc.optim.SGD(0.1), parameters=lambda node: False)
    for given in (head, head.parameters()):
        with pytest.raises(OptionError, match="Adam requires a step size") as error:
            gc.optim.Adam(given)
        assert "gc.Trainer(" in str(error.value.hint)
