"""Positions that data decides: each way to compute them, everywhere they may go wrong.

NumPy, which counts negative positions from the end, is the oracle for those that exist.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DataError, FeedError, IndexRangeError, OptionError
from graphc.ir import Graph
from graphc.ir.labels import position_checks
from graphc.ops.source import arange
from tests.targets.support import loader

HERE = Path(__file__).name
CLASSES = 4
RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=(5, CLASSES))
TABLE = RNG.normal(size=(CLASSES, 3))

# The labels, and what a model makes of what it is fed to get them.
MADE: dict[str, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "as they are": ("int64", lambda y: y, lambda y: y),
    "of other bits": ("int8", lambda y: y, lambda y: y.astype("int8")),
    "shifted": ("int64", lambda y: y - 1, lambda y: y + 1),
    "from the end": ("int64", lambda y: 3 - y, lambda y: 3 - y),
    "a product": ("int64", lambda y: y * -1, lambda y: -y),
    "chosen": ("int64", lambda y: gc.where(y > 90, y - 90, y), lambda y: y),
    "cast": ("float32", lambda y: y.astype("int64"), lambda y: y.astype("float32")),
    "cast and shifted": (
        "float64",
        lambda y: (y - 0.5).astype("int64") - 1,
        lambda y: y + 1.5,
    ),
    "clipped below": ("int64", lambda y: gc.clip(y, -9, None), lambda y: y),
    "clipped too wide": ("int64", lambda y: gc.clip(y, -9, 9), lambda y: y),
    "the larger": ("int64", lambda y: gc.maximum(y, -9), lambda y: y),
}

# What is computed from labels.
USES: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any], Any]]] = {
    "rows": (
        lambda scores, labels: gc.take(gc.constant(TABLE), labels, axis=0),
        lambda labels: TABLE[labels],
    ),
    "columns": (
        lambda scores, labels: gc.take(scores, labels, axis=1),
        lambda labels: SCORES[:, labels],
    ),
    "indexing": (
        lambda scores, labels: scores[arange(5), labels],
        lambda labels: SCORES[np.arange(5), labels],
    ),
    "along an axis": (
        lambda scores, labels: gc.take_along_axis(scores, labels[:, None], axis=1),
        lambda labels: np.take_along_axis(SCORES, labels[:, None], axis=1),
    ),
    "a loss": (
        lambda scores, labels: gc.nn.nll_loss(scores, labels, reduction="none"),
        lambda labels: -SCORES[np.arange(5), labels],
    ),
    "the gradient of a loss": (
        lambda scores, labels: gc.grad(gc.nn.nll_loss(scores, labels), scores),
        lambda labels: -np.eye(CLASSES)[labels] / 5,
    ),
    "the gradient of rows": (
        lambda scores, labels: gc.grad(gc.sum(gc.take(scores[:4], labels, 0)), scores),
        lambda labels: np.concatenate(
            [np.bincount(labels, minlength=4)[:, None] * np.ones(4), np.zeros((1, 4))]
        ),
    ),
}


def runners(node: Any) -> list[Callable[..., Any]]:
    return [
        lambda **feeds: gc.evaluate(node, feeds),
        gc.compile(node, style="readable"),
        gc.compile(node),
        gc.compile(node, simplify=False),
    ]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("made", MADE)
def test_labels_are_checked_however_they_are_made(made: str, use: str) -> None:
    dtype, make, feed = MADE[made]
    scores = gc.input("scores", ("batch", CLASSES), "float64")
    y = gc.input("y", ("batch",), dtype)
    if use in ("indexing", "the gradient of rows"):
        scores = gc.input("scores", (5, CLASSES), "float64")
        y = gc.input("y", (5,), dtype)
    node = USES[use][0](scores, make(y))
    labels = np.array([3, 0, 1, 3, 2])
    for run in runners(node):
        # The gradient of rows needs no scores.
        feeds: dict[str, Any] = {"scores": SCORES, "y": feed(labels)}
        if len(Graph((node,)).inputs) == 1:
            del feeds["scores"]
        np.testing.assert_allclose(run(**feeds), USES[use][1](labels), rtol=1e-12)
        for bad in (-1, CLASSES, -CLASSES, 7):
            wrong = labels.copy()
            wrong[3] = bad
            with pytest.raises(FeedError) as caught:
                run(**{**feeds, "y": feed(wrong).astype(y.dtype)})
            text = str(caught.value)
            assert f"{HERE}:" in text
            assert "in row 3" in text or "at (3,)" in text
            assert "0 to 3" in text or "labels from" in text


def test_sizes_that_are_fed_are_bounds() -> None:
    table = gc.input("table", ("n", 2), "float64")
    i = gc.input("i", ("k", "m"), "int64")
    rows = np.arange(6.0).reshape(3, 2)
    for node in (table[i], gc.take(table, i + 1 - 1, axis=0)):
        for run in runners(node):
            np.testing.assert_array_equal(run(table=rows, i=[[0, 2]]), rows[[[0, 2]]])
            assert run(table=rows, i=np.zeros((0, 2), int)).shape == (0, 2, 2)
            assert run(table=rows[:0], i=np.zeros((1, 0), int)).shape == (1, 0, 2)
            for bad in ([[0, 3]], [[0, -1]]):
                with pytest.raises(FeedError, match="not in the range 0 to 2"):
                    run(table=rows, i=bad)
            with pytest.raises(FeedError, match="not in the range 0 to -1"):
                run(table=rows[:0], i=[[0]])


def test_one_position_for_all() -> None:
    """An index without axes makes a view, which stands inside of another line."""
    x, i = gc.input("x", (5, CLASSES), "float64"), gc.input("i", (), "int64")
    node = gc.exp(x[:, i + 0 * i]) * 2
    for run in runners(node):
        expected = np.exp(SCORES[:, 2]) * 2
        np.testing.assert_allclose(run(x=SCORES, i=2), expected, rtol=1e-14)
        for bad in (-1, 4):
            with pytest.raises(FeedError, match=f"{bad}, which is not in the range"):
                run(x=SCORES, i=bad)


@pytest.mark.parametrize("dtype", ["int64", "int8", "uint8"])
def test_a_mode_gives_other_positions_a_meaning(dtype: str) -> None:
    x = gc.input("x", ("batch", CLASSES), "float64")
    i = gc.input("i", ("k",), dtype)
    chosen = np.array([0, 3, 4, 9, 100]).astype(dtype)
    if dtype != "uint8":
        chosen[:2] = -1, -100
    for mode in ("wrap", "clip"):
        for axis in (0, 1, None):
            node = gc.take(x, i, axis=axis, mode=mode)
            options: Any = {"axis": axis, "mode": mode}
            expected = np.take(SCORES, chosen, **options)
            for run in runners(node):
                np.testing.assert_array_equal(run(x=SCORES, i=chosen), expected)
    with pytest.raises(OptionError, match="mode must be"):
        gc.take(x, i, axis=1, mode="last")


def test_a_declaration_may_count_from_the_end() -> None:
    x = gc.input("x", ("n", CLASSES), "float64")
    for node, expected in [
        (x[[0, -1]], SCORES[[0, -1]]),
        (x[:, [-4, 3]], SCORES[:, [-4, 3]]),
        (x[:, np.array([-2])], SCORES[:, [-2]]),
        (gc.take(x, [-1], axis=0), SCORES[[-1]]),
        (gc.take(x, gc.constant([3, 1]) - 4, axis=1), SCORES[:, [-1, -3]]),
        (x[arange(x.shape[0]) - 1], np.roll(SCORES, 1, axis=0)),
        (gc.take_along_axis(x, [[-1]], axis=1), SCORES[:, [-1]]),
    ]:
        for run in runners(node):
            np.testing.assert_array_equal(run(x=SCORES), expected)
    node = x[[0, 4]]
    for run in runners(node):
        with pytest.raises((FeedError, IndexRangeError)):
            run(x=SCORES[:3])


def test_what_is_known_to_be_in_bounds_is_not_checked() -> None:
    x, i = gc.input("x", ("n", CLASSES)), gc.input("i", ("n",), "int64")
    size = x.shape[0]
    known = [
        gc.take(x, gc.argmax(x, axis=0), axis=0),
        gc.take(x, gc.argmin(x, axis=1), axis=1),
        gc.take(x, gc.clip(i, 0, 3), axis=1),
        gc.take(x, i % 4, axis=1),
        gc.take(x, i % 3, axis=1),
        gc.take(x, (i > 2).astype("int64"), axis=1),
        gc.take(x, gc.where(i > 2, 3, i % 2), axis=1),
        gc.take(x, gc.reshape(i % 4, (-1, 1)), axis=1),
        gc.take(x, i, axis=0, mode="wrap"),
        gc.take(x, i, axis=0, mode="clip"),
        x[arange(size)],
        x[:, [0, -4, 3]],
    ]
    for node in known:
        assert position_checks(node) == ()
    unknown = [
        gc.take(x, i, axis=1),
        gc.take(x, gc.clip(i, -1, 3), axis=1),
        gc.take(x, gc.clip(i, 3, -1), axis=1),
        gc.take(x, gc.clip(i, 0, 4), axis=1),
        gc.take(x, i % 5, axis=1),
        gc.take(x, i % -4, axis=1),
        gc.take(x, i - i, axis=1),
        gc.take(x, (i % 4).astype("int8") * 1, axis=1),
        gc.take(x, gc.argmax(x, axis=1), axis=0),
        x[[0]],
        x[arange(size + 1)],
    ]
    for node in unknown:
        assert len(position_checks(node)) == 1


def test_errors_name_the_row_of_data_or_the_element() -> None:
    table = gc.parameter("table", (7, 2), 1.0, "float64")
    shapes = {
        ("batch", 2): ((4, 2), (3, 1), "in row 3"),
        (2, "batch"): ((2, 4), (1, 3), "in row 3"),
        (4, 2): ((4, 2), (3, 1), r"at \(3, 1\)"),
    }
    for shape, (size, place, words) in shapes.items():
        codes = gc.input("codes", shape, "float64")
        fed = np.ones(size)
        fed[place] = 9
        positions = (codes * 3.0).astype("int64")
        for node, told in (
            (table[positions], words),
            (
                table[positions.reshape(-1)],
                rf"at \({np.ravel_multi_index(place, size)},\)",
            ),
        ):
            for run in runners(node):
                with pytest.raises(FeedError, match=f"27 {told}, "):
                    run(codes=fed)


def test_data_is_searched_for_the_row_of_positions_that_were_reshaped() -> None:
    codes = gc.input("codes", ("batch", 2))
    table = gc.parameter("table", (7, 3), 1.0)
    loss = gc.mean(table[(codes * 3).astype("int64").reshape(-1)])
    trainer = gc.Trainer(loss, gc.optim.SGD(0.1))
    data = np.ones((1100, 2), "f4")
    data[1050, 1] = 9
    with pytest.raises(DataError, match=r"27 in row 1050, "):
        trainer.fit({"codes": data}, epochs=1, batch_size=8, verbose=False)
    short = loader(trainer.emitted("readable", "program", []).source)()
    with pytest.raises(short.DataError, match=r"27 in row 1050, "):
        short.check_data({"codes": data}, "data")
