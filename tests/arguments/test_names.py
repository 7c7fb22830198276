"""A public name that does not exist is told the nearest one that does."""

from __future__ import annotations

from typing import Any

import pytest

import graphc as gc
from graphc.arguments.elsewhere import OF_LAYERS
from graphc.errors import NoAttributeError

MISSING: list[tuple[Any, str, str | None]] = [
    (gc, "sofmax", "gc.nn.softmax"),
    (gc, "relu", "gc.nn.relu"),
    (gc, "Adam", "gc.optim.Adam"),
    (gc, "trainer", "gc.Trainer"),
    (gc, "concat_", "gc.concat"),
    (gc, "zzzqqq", None),
    (gc.nn, "soft_max", "gc.nn.softmax"),
    (gc.nn, "exp", "gc.exp"),
    (gc.optim, "ADAMW", "gc.optim.AdamW"),
    (gc.init, "xavier", "gc.init.xavier_normal"),
    (gc.nn, "Module", "gc.nn.Layer"),
    (gc.nn.Linear(2, 2), "weigth", "weight"),
    (gc.nn.Linear(2, 2), "eval", OF_LAYERS["eval"]),
    (gc.nn.Sequential(), "append", OF_LAYERS["append"]),
]


@pytest.mark.parametrize(("module", "name", "hint"), MISSING)
def test_the_nearest_name_is_told(module: Any, name: str, hint: str | None) -> None:
    assert not hasattr(module, name)
    with pytest.raises(NoAttributeError, match=f"has no attribute '{name}'") as caught:
        getattr(module, name)
    assert caught.value.hint == hint
    assert str(caught.value.location).startswith(__file__)
