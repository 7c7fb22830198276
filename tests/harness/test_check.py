"""The check of a program's own gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import graphc as gc
from tests.harness.support import copies, same, start
from tests.styles import STYLES
from tests.targets.support import load, program, rows

TRUE = "* mask * (1 - hidden**2)"


IN_FLOAT32 = (
    "    parameters = {n: a.astype(np.float32) for n, a in parameters.items()}\n"
    "    x = x.astype(np.float32)\n"
    "    hidden = np.tanh("
)


def checked(source: str) -> dict[str, tuple[float, bool]]:
    return load(source).check_gradients()


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_right_gradients_pass_closely(dropout: float) -> None:
    results = checked(program(DROPOUT=dropout))
    assert list(results) == list(load(program()).PARAMETERS)
    assert all(passed for _, passed in results.values())
    assert max(error for error, _ in results.values()) < 1e-6


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        (TRUE, "* mask * (1 - hidden)", ["hidden.weight", "hidden.bias"]),
        (TRUE, "* mask * (1 - hidden**2) * 1.001", ["hidden.weight", "hidden.bias"]),
        ("d_logits.T @ dropped", "d_logits.T @ hidden", ["output.weight"]),
        ("d_logits.sum(axis=0)", "-d_logits.sum(axis=0)", ["output.bias"]),
        ("d_logits.sum(axis=0)", "d_logits.sum(axis=0) * np.nan", ["output.bias"]),
        ("d_logits.sum(axis=0)", "np.zeros(3)", ["output.bias"]),
    ],
)
def test_wrong_gradients_fail(old: str, new: str, wrong: list[str]) -> None:
    source = program(DROPOUT=0.4)
    assert source.count(old) == 1
    results = checked(source.replace(old, new))
    assert [name for name, (_, passed) in results.items() if not passed] == wrong


def test_a_program_that_rounds_to_float32_is_checked_too() -> None:
    head, training = program().split("def loss_and_gradients", 1)
    training = training.replace("    hidden = np.tanh(", IN_FLOAT32, 1)
    source = f"{head}def loss_and_gradients{training}"
    results = checked(source)
    assert all(passed for _, passed in results.values())
    assert max(error for error, _ in results.values()) > 1e-8
    wrong = checked(source.replace(TRUE, "* mask * (1 - hidden)"))
    assert not wrong["hidden.weight"][1]


def test_the_check_changes_nothing(module: Any) -> None:
    parameters, _ = start(module)
    before = copies(parameters)
    module.check_gradients(parameters, rows(20))
    assert same(parameters, before)


def test_data_without_a_finite_loss_can_not_be_checked_on() -> None:
    source = program().replace("return loss, {", "return loss * np.nan, {")
    module = load(source)
    with pytest.raises(module.DataError, match=r"the loss of the data .* is nan"):
        module.check_gradients()


@pytest.mark.parametrize("style", STYLES)
def test_what_is_moved_is_checked_in_full_precision(style: Any) -> None:
    """Borders, windows, pooled places and rows of a table are arrays of their own."""
    tokens = gc.input("tokens", ("batch", 6), "int64")
    images = gc.nn.Embedding(5, 6)(tokens).reshape((-1, 1, 6, 6))
    features = gc.nn.Sequential(
        gc.nn.Conv2d(1, 2, 3, padding=1),
        gc.nn.MaxPool2d(2),
        gc.nn.Tanh(),
        gc.nn.Conv2d(2, 2, 3, padding="same"),
        gc.nn.Flatten(),
    )(images)
    trainer = gc.Trainer(gc.mean(features**2), gc.optim.SGD(0.1), style=style)
    results = checked(trainer.source)
    assert all(passed for _, passed in results.values())
    assert max(error for error, _ in results.values()) < 1e-6


def test_many_corners_take_few_evaluations(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A path along which thousands of units switch is short enough to be integrated."""
    x = gc.input("x", ("batch", 20))
    for number in range(3):
        x = gc.nn.relu(gc.nn.Linear(x.shape[1], 100, name=f"layer{number}")(x))
    script = tmp_path / "train.py"
    gc.Trainer(gc.sum(x**2), gc.optim.SGD(0.1)).emit(script)
    module = load(script.read_text())
    seen: list[float] = []
    loss_at = module.loss_at

    def counted(*arguments: Any) -> Any:
        loss, gradients = loss_at(*arguments)
        seen.append(float(loss))
        return loss, gradients

    monkeypatch.setattr(module, "loss_at", counted)
    results = module.check_gradients()
    assert all(passed for _, passed in results.values())
    # For each of six directions of a parameter one piece of the path, or a few.
    assert len(seen) <= 20 * 6 * len(results)


def test_arrays_that_loops_fill_have_the_precision_of_the_check(tmp_path: Path) -> None:
    x = gc.input("x", ("batch", 3))
    layer = gc.nn.Linear(3, 3, name="layer")

    def step(x: gc.Node, _: None) -> tuple[gc.Node, gc.Node]:
        x = gc.tanh(layer(x))
        return x, x

    _, rows = gc.scan(step, x, length=5)
    trainer = gc.Trainer(gc.mean(rows**2), gc.optim.SGD(0.1))
    for style in STYLES:
        script = tmp_path / f"{style}.py"
        trainer.emit(script, style=style)
        results = load(script.read_text()).check_gradients()
        assert all(passed for _, passed in results.values())
        assert max(error for error, _ in results.values()) < 1e-6
