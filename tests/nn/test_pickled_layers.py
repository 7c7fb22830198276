"""Layers as pickles: unnamed ones are named as if they had not been pickled."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import graphc as gc


def test_a_layer_that_was_used_can_be_pickled() -> None:
    def names(copied: Callable[[Any], Any]) -> list[str]:
        x = gc.input("x", ("n", 2))
        first, second = (gc.nn.Residual(gc.nn.Linear(2, 2)) for _ in range(2))
        first(x)
        return list(gc.compile(copied(first)(x) + copied(second)(x)).parameters)

    # Two of one kind are numbered as if they had not been pickled.
    expected = names(lambda layer: layer)
    assert len(set(expected)) == 4
    assert names(lambda layer: pickle.loads(pickle.dumps(layer))) == expected
