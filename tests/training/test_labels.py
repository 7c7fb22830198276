"""Labels that a model computes from its data, where it is trained and evaluated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DataError, FeedError, GraphcError
from tests.targets.support import assert_clean, run

HERE = Path(__file__).name
ROWS = 2400


def trainer(labels: Callable[[Any], Any], style: str, width: int = 4) -> gc.Trainer:
    """Three classes; the labels are what a model makes of the rows of `d`."""
    d = gc.input("d", ("batch", width))
    logits = gc.nn.Linear(3, 3, name="output")(d[:, :3])
    loss = gc.nn.cross_entropy(logits, labels(d))
    metrics = {"accuracy": gc.mean((gc.argmax(logits, axis=1) == 0).astype("float32"))}
    return gc.Trainer(loss, gc.optim.SGD(0.01), metrics, style=style)


def data(wrong: float | None = None, row: int = 2345) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(ROWS, 4)).astype("f4")
    rows[:, 3] = rng.integers(0, 3, ROWS)
    if wrong is not None:
        rows[row, 3] = wrong
    return {"d": rows}


COMPUTED: dict[str, Callable[[Any], Any]] = {
    "a column": lambda d: d[:, 3].astype("int64"),
    "chosen": lambda d: gc.where(d[:, 3] > 9, 0, d[:, 3].astype("int32")),
    "rounded and shifted": lambda d: gc.rint(d[:, 3] + 1).astype("int64") - 1,
}


@pytest.mark.parametrize(
    ("computed", "style"),
    [*((each, "fast") for each in COMPUTED), ("a column", "readable")],
)
def test_the_row_is_named_before_anything_changes(
    computed: str, style: str, tmp_path: Path
) -> None:
    model = trainer(COMPUTED[computed], style)
    start = {name: array.copy() for name, array in model.parameters.items()}
    for wrong in (-1, 3, -3):
        bad = data(wrong)
        message = f"has the value {wrong} in row 2345, which is not in the range 0 to 2"
        for call, label in (
            (lambda bad: model.fit(bad, epochs=1, verbose=False), "train"),
            (lambda bad: model.fit(data(), bad, epochs=1, verbose=False), "dev"),
            (lambda bad: model.fit(data(), test=bad, verbose=False), "test"),
            (model.evaluate, "data"),
        ):
            with pytest.raises(DataError) as caught:
                call(bad)
            text = str(caught.value)
            assert text.startswith(label)
            assert message in text
            assert f"{HERE}:" in text
        batch = {"d": bad["d"][2340:2350]}
        for call in (model.step, model.gradients):
            with pytest.raises((DataError, FeedError), match=f"{wrong} in row 5, "):
                call(**batch)
        batches = [{"d": data()["d"][:10]}, batch]
        with pytest.raises(DataError, match=f"batch 2: .* {wrong} in row 5, "):
            model.evaluate(lambda batches=batches: iter(batches))
        module, parameters = model.module, dict(model.parameters)
        for call in (module.forward, module.loss_and_gradients):
            with pytest.raises(module.DataError, match=f"{wrong} in row 5, "):
                call(parameters, batch["d"])
    assert all((model.parameters[name] == start[name]).all() for name in start)
    np.savez(tmp_path / "bad.npz", **data(-1))  # type: ignore[arg-type]
    script = model.emit(tmp_path / "train.py", style)
    done = run(script, "--data", "bad.npz", status=2)
    assert "has the value -1 in row 2345" in done.stderr
    model.fit(data(), data(), epochs=1, verbose=False)


def test_labels_that_stem_from_one_input_are_checked_as_that() -> None:
    """What a person can look up in the data is named, not what is made of it."""
    x, y = gc.input("x", ("batch", 3)), gc.input("y", ("batch",), "int64")
    loss = gc.nn.cross_entropy(gc.nn.Linear(3, 3, name="output")(x), y - 1)
    model = gc.Trainer(loss, gc.optim.SGD(0.01))
    good = {"x": np.zeros((4, 3)), "y": np.array([1, 2, 3, 1])}
    model.fit(good, epochs=1, verbose=False)
    for label in (0, 4):
        bad = {**good, "y": np.array([1, 2, label, 1])}
        with pytest.raises(DataError) as caught:
            model.fit(bad, epochs=1, verbose=False)
        assert (
            f"'y' has the value {label} in row 2, which is not in the range 1 to 3"
            in str(caught.value)
        )
        with pytest.raises(FeedError, match=f"labels from 1 to 3, got {label}"):
            model.step(**bad)
    # Random labels for a check of gradients are such, too.
    assert gc.check_gradients(loss).passed
    assert all(passed for _, passed in model.module.check_gradients().values())


def test_positions_that_the_parameters_decide_are_checked_in_each_step() -> None:
    x = gc.input("x", ("batch", 3))
    table = gc.parameter("table", (4, 2), gc.init.ones())
    chosen = (gc.sum(x, axis=1) * gc.sum(table)).astype("int64")
    model = gc.Trainer(gc.mean(gc.take(table, chosen, 0)), gc.optim.SGD(0.01))
    rows = {"x": np.ones((3, 3))}
    for call in (
        lambda: model.fit(rows, epochs=1, verbose=False),
        lambda: model.step(**rows),
        lambda: model.evaluate(rows),
    ):
        with pytest.raises(GraphcError, match="which is not in the range 0 to 3"):
            call()


def test_rows_of_the_batch_bound_only_the_batch() -> None:
    """Positions among the rows of a batch can't be checked for all data at once."""
    x, i = gc.input("x", ("batch", 3)), gc.input("i", ("batch",), "int64")
    w = gc.parameter("w", (3,), gc.init.ones())
    model = gc.Trainer(gc.mean(gc.take(x @ w, i, axis=0)), gc.optim.SGD(0.01))
    data = {"x": np.ones((6, 3)), "i": np.array([0, 1, 1, 0, 0, 1])}
    model.fit(data, epochs=1, batch_size=2, verbose=False)
    data["i"][4] = 2
    with pytest.raises(DataError, match="'i' has the value 2 in row 0, which is not"):
        model.evaluate(data, batch_size=2)


def test_a_program_with_computed_labels_is_lint_clean(tmp_path: Path) -> None:
    for style in ("readable", "fast"):
        model = trainer(COMPUTED["rounded and shifted"], style)
        assert_clean(model.emit(tmp_path / f"{style}.py", style))
