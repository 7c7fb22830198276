"""Checks say which gradients finite differences do not tell, and check the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import graphc as gc
from graphc.autodiff.unchecked import what_checks_leave_out
from tests.styles import STYLES
from tests.targets.support import assert_clean, run


@gc.custom_vjp
def rounded(x: Any) -> Any:
    """Rounding, with the gradient of the identity."""
    return gc.round(x, 1)


rounded.defvjp(lambda x: (rounded(x), None), lambda _, g: (g,))


def model() -> tuple[gc.Node, dict[str, gc.Node]]:
    x = gc.input("x", ("batch", 3))
    names = {"held": (3, 4), "round": (4, 4), "free": (4, 2)}
    w = {name: gc.parameter(name, shape) for name, shape in names.items()}
    hidden = gc.tanh(x @ gc.stop_gradient(w["held"]) + gc.sum(w["held"]))
    # Integers and the shifts of stable formulas are no reason.
    labels = gc.sum((w["free"] > 0).astype("int64")).astype("float32")
    logits = (hidden @ rounded(w["round"])) @ w["free"] + labels
    loss = gc.mean(gc.logsumexp(gc.nn.softmax(logits, dim=1), axis=1, b=2.0))
    return loss, w


def test_reasons_are_what_values_flow_through() -> None:
    loss, w = model()
    reasons = what_checks_leave_out(loss, list(w.values()))
    assert reasons.keys() == {"held", "round"}
    assert reasons["held"].startswith("stop_gradient, test_unchecked.py:")
    assert reasons["round"].startswith("custom_vjp rounded, test_unchecked.py:")


def test_reasons_are_found_in_functions_and_loops() -> None:
    x, w = gc.input("x", ("batch", 3)), gc.parameter("w", (3,))
    steps = gc.input("steps", (2, 3))
    for value in (
        gc.function(lambda x: rounded(x * w))(x),
        gc.scan(lambda c, v: (gc.stop_gradient(c) * v, None), w, steps)[0],
    ):
        assert what_checks_leave_out(gc.sum(value), [w]).keys() == {"w"}


@pytest.mark.parametrize("style", STYLES)
def test_an_emitted_check(style: Any, tmp_path: Path) -> None:
    loss, _ = model()
    script = gc.Trainer(loss, gc.optim.SGD(0.1)).emit(tmp_path / "train.py", style)
    assert_clean(script)
    said = run(script, "--check").stdout
    assert "held  not checked, because of stop_gradient, test_unchecked.py:" in said
    assert "round  not checked, because of custom_vjp rounded" in said
    assert "all others agree with finite differences; the worst is that of free" in said


def test_a_program_of_which_nothing_can_be_checked(tmp_path: Path) -> None:
    x, w = gc.input("x", ("batch", 3)), gc.parameter("w", (3,))
    trainer = gc.Trainer(gc.mean(x @ rounded(w)), gc.optim.SGD(0.1))
    script = trainer.emit(tmp_path / "train.py")
    assert_clean(script)
    said = run(script, "--check").stdout
    assert said.count("\n") == 1
    assert said.startswith("w  not checked")
