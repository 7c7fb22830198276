"""Layers without a name number themselves, the same in every run of a process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import NamingError

X = np.random.default_rng(1).normal(size=(3, 4)).astype("float32")


def _branches() -> tuple[gc.Node, gc.nn.Linear, gc.nn.Linear]:
    x = gc.input("x", ("n", 4))
    one, two = gc.nn.Linear(4, 4), gc.nn.Linear(4, 4)
    return gc.nn.Linear(4, 2)(gc.nn.relu(one(x) + two(x))), one, two


WEIGHTS = ["linear.weight", "linear_2.weight", "linear_3.weight"]


def _weights(parameters: Any) -> list[str]:
    return [name for name in parameters if name.endswith("weight")]


@pytest.mark.parametrize("run", [1, 2])
def test_names_follow_from_the_declaration_alone(run: int) -> None:
    y, one, two = _branches()
    assert _weights(gc.compile(y).parameters) == WEIGHTS
    assert [one.name, two.name, two.weight.name] == ["linear", "linear_2", WEIGHTS[1]]
    trainer = gc.Trainer(gc.mean(y), gc.optim.SGD(0.1))
    assert _weights(trainer.parameters) == WEIGHTS


@pytest.mark.parametrize(
    "use",
    [
        lambda y: gc.evaluate(y, {"x": X}),
        lambda y: gc.check_gradients(gc.mean(y)),
        lambda y: gc.minimize(gc.mean(y**2), {"x": X}, "gradient-descent"),
        gc.render,
        gc.report,
    ],
)
def test_every_use_numbers(use: Callable[[gc.Node], Any]) -> None:
    y, _, two = _branches()
    use(y)
    assert two.name == "linear_2"


def test_feeds_and_checkpoints_go_by_the_numbers(tmp_path: Path) -> None:
    """Another process, or another model of the same declaration, has the same names."""
    first, second = (
        gc.Trainer(gc.mean(_branches()[0]), gc.optim.SGD(0.1), seed=seed)
        for seed in (1, 2)
    )
    first.step(X)
    first.save(tmp_path / "checkpoint.npz")
    second.load(tmp_path / "checkpoint.npz")
    assert first.step(X) == second.step(X)
    y, _, two = _branches()
    weight = np.zeros((4, 4), "float32")
    by_name = gc.evaluate(y, {"x": X, "linear_2.weight": weight})
    np.testing.assert_array_equal(by_name, gc.evaluate(y, {"x": X, two.weight: weight}))


def test_unnamed_sequentials_go_on_counting() -> None:
    one, two = (
        gc.nn.Sequential(gc.nn.Linear(4, 4), gc.nn.ReLU(), gc.nn.Linear(4, 4))
        for _ in range(2)
    )
    x = gc.input("x", ("n", 4))
    f = gc.compile(one(x) + two(x))
    assert _weights(f.parameters) == [f"linear_{n}.weight" for n in (1, 2, 3, 4)]
    assert [layer.name for layer in two] == ["linear_3", "relu_2", "linear_4"]


def test_names_of_outputs_and_given_names_are_stepped_over() -> None:
    x = gc.input("x", ("n", 4))
    twice, other = gc.nn.Linear(4, 4), gc.nn.Linear(4, 4)
    given = gc.nn.Linear(4, 4, name="linear_3")
    f = gc.compile(twice(twice(x)) + other(x) + given(x))
    assert _weights(f.parameters) == [
        "linear.weight",
        "linear_4.weight",
        "linear_3.weight",
    ]


def test_a_trainer_keeps_the_names_of_its_checkpoints() -> None:
    x = gc.input("x", ("n", 4))
    one, two = gc.nn.Linear(4, 4), gc.nn.Linear(4, 4)
    scores = two(x)
    trainer = gc.Trainer(gc.mean(scores), gc.optim.SGD(0.1))
    f = gc.compile(one(x) + scores)
    assert _weights(trainer.parameters) == ["linear.weight"]
    assert _weights(f.parameters) == ["linear_2.weight", "linear.weight"]


def test_given_names_that_clash_are_refused() -> None:
    x = gc.input("x", ("n", 4))
    y = gc.nn.Linear(4, 4, name="q")(x) + gc.nn.Linear(4, 4, name="q")(x)
    with pytest.raises(NamingError, match="two nodes have the name 'q"):
        gc.compile(y)
    named = [gc.nn.Sequential(gc.nn.Linear(4, 4), name="part") for _ in range(2)]
    with pytest.raises(NamingError, match="two nodes have the name 'part"):
        gc.compile(named[0](x) + named[1](x))


def test_unnamed_models_of_two_trainers_are_told_to_be_named() -> None:
    x = gc.input("x", ("n", 4))
    models = gc.nn.Linear(4, 1), gc.nn.Linear(4, 1)
    for model in models:
        gc.Trainer(gc.mean(model(x) ** 2), gc.optim.SGD(lr=0.1))
    with pytest.raises(NamingError, match="two nodes have the name 'linear") as caught:
        gc.compile(models[0](x) + models[1](x))
    assert 'name="..."' in str(caught.value.hint)
