"""Draws for the rows of a batch, held against those of NumPy for all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.harness.sharing import RowsOfDraws

nn = gc.nn
DRAWS: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "bernoulli": ("random", (None,), {"dtype": np.float32}),
    "normal": ("standard_normal", (None, np.float32), {}),
    "gumbel": ("gumbel", (), {"size": None}),
    "integers": ("integers", (3, 9, None, np.int64), {}),
}
"""Methods of generators, as programs call them; None for the shape."""


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("each", [1, 3])
@pytest.mark.parametrize("name", DRAWS)
def test_parts_are_those_of_the_whole_draw(name: str, each: int, axis: int) -> None:
    method, options, named = DRAWS[name]

    def draw(generator: Any, rows: int) -> Any:
        shape = [4, 5]
        shape[axis] = rows * each
        given = [tuple(shape) if o is None else o for o in options]
        size = {k: tuple(shape) if o is None else o for k, o in named.items()}
        return getattr(generator, method)(*given, **size)

    rows = RowsOfDraws(np.random.default_rng(0), axis, 7)
    parts: list[Any] = []
    for start, stop in [(2, 3), (3, 7)]:
        rows.part = slice(start, stop)
        parts.append(draw(rows, stop - start))
        assert parts[-1].flags.c_contiguous
    whole = np.take(draw(np.random.default_rng(0), 7), range(2 * each, 7 * each), axis)
    np.testing.assert_array_equal(np.concatenate(parts, axis), whole)


def test_parts_in_given_arrays_and_of_draws_without_rows() -> None:
    rows = RowsOfDraws(np.random.default_rng(0), 1, 7)
    whole = np.random.default_rng(0).random((2, 7), np.float32)
    for part in (slice(0, 3), slice(3, 7)):
        rows.part, out = part, np.empty((2, part.stop - part.start), np.float32)
        assert rows.random(dtype=np.float32, out=out) is out
        np.testing.assert_array_equal(out, whole[:, part])
    rows = RowsOfDraws(np.random.default_rng(0), None, 7)
    first, second = rows.standard_normal((3, 2)), rows.standard_normal((3, 2))
    np.testing.assert_array_equal(first, np.random.default_rng(0).normal(size=(3, 2)))
    first += 1.0
    np.testing.assert_array_equal(second, np.random.default_rng(0).normal(size=(3, 2)))


@pytest.mark.parametrize("style", ["readable", "fast", "native"])
def test_parts_of_a_batch_give_the_gradients_of_the_whole(style: Any) -> None:
    y = gc.input("y", ("batch",), "int64")
    x = gc.input("x", ("time", "batch", 4), "float64")
    h = nn.LSTM(4, 3, 2, dropout=0.4, name="memory", dtype="float64")(x)[0]
    h = h + gc.random.normal(size=h.shape, dtype="float64", name="noise")
    logits = nn.Linear(3, 3, name="output", dtype="float64")(nn.dropout(h, 0.2)[-1])
    data = {"x": np.random.default_rng(0).random((3, 17, 4)), "y": np.arange(17) % 3}
    found: list[dict[str, Any]] = []
    for again in (False, True):
        trainer = gc.Trainer(
            nn.cross_entropy(logits, y),
            gc.optim.SGD(0.5),
            {"mean": gc.mean(logits)},
            style=style,
            reproducible=again,
        )
        for _ in range(2):
            loss = trainer.step(**data)
        scores = {**trainer.evaluate(data), "of the step": loss}
        found.append({**trainer.parameters, **scores})
    for name, value in found[0].items():
        np.testing.assert_allclose(found[1][name], value, 1e-12, 1e-12)
