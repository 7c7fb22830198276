"""Losses as layers: what they are called with, and their options."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import graphc as gc
from graphc.errors import ArgumentError, OptionError
from graphc.nn.loss_layers import LossLayer

LOSSES = [
    value
    for value in vars(gc.nn).values()
    if isinstance(value, type) and issubclass(value, LossLayer)
]


@pytest.mark.parametrize("layer", LOSSES)
def test_options_are_those_of_the_function(layer: type[LossLayer]) -> None:
    theirs = inspect.signature(layer.function).parameters
    mine = inspect.signature(layer).parameters
    options = [name for name, p in theirs.items() if p.default is not p.empty]
    assert [*options, "name"] == list(mine)
    assert layer(reduction="sum").options == {"reduction": "sum"}
    assert repr(layer()) == f"{layer.__name__}()"


def test_a_loss_is_its_function() -> None:
    loss = gc.nn.CrossEntropyLoss(np.ones(3), label_smoothing=0.1, name="loss")
    logits = gc.input("logits", ("n", 3), "float64")
    labels = gc.input("labels", ("n",), "int64")
    assert loss(logits, labels).name == "loss"
    other = gc.nn.cross_entropy(logits, labels, np.ones(3), label_smoothing=0.1)
    feeds = {"logits": np.eye(3), "labels": [0, 2, 1]}
    values = gc.evaluate([loss(logits, labels), other], feeds)
    assert values[0] == values[1]


def test_a_wrong_option_is_told() -> None:
    with pytest.raises(ArgumentError, match="it takes reduction, weight, name") as told:
        gc.nn.MSELoss(delta=1.0)
    assert __file__ in str(told.value)


def test_a_list_of_layers_is_not_applied_itself() -> None:
    class Steps(gc.nn.Layer):
        def __init__(self, name: str | None = None) -> None:
            super().__init__(name)
            self.parts = gc.nn.ModuleList([gc.nn.Linear(2, 2) for _ in range(2)])

        def forward(self, input: gc.Node) -> gc.Node:
            for part in self.parts:
                input = input + part(input)
            return input

    steps = Steps("steps")
    x = gc.input("x", ("n", 2))
    assert [p.name for p in steps.parameters[::2]] == [
        "steps.parts.linear_1.weight",
        "steps.parts.linear_2.weight",
    ]
    assert next(iter(steps.state_dict())) == "parts.0.weight"
    assert steps(x).shape == ("n", 2)
    with pytest.raises(OptionError, match="its layers are"):
        steps.parts(x)
