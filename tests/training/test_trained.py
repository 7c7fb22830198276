"""Trained parameters in use: any node in evaluation mode, and what is said of fresh."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import OptionError, UntrainedWarning
from graphc.ir import Graph
from graphc.ops.random import standard_normal
from tests.targets.support import load

HERE = Path(__file__).name
STYLES = ("fast", "readable")
RNG = np.random.default_rng(0)
DATA = {"x": RNG.normal(size=(12, 3)).astype("f"), "y": RNG.integers(0, 2, 12)}


def model(**options: Any) -> tuple[gc.Trainer, Any, Any]:
    x = gc.input("x", ("batch", 3))
    y = gc.input("y", ("batch",), "int64")
    hidden = gc.nn.dropout(gc.nn.Linear(3, 8, name="hidden")(x), 0.5)
    hidden = gc.nn.gaussian_noise(gc.tanh(hidden), 0.3)
    logits = gc.nn.Linear(8, 2, name="output")(hidden)
    loss = gc.nn.cross_entropy(logits, y)
    return gc.Trainer(loss, gc.optim.SGD(0.5), **options), logits, loss


def expected(parameters: Any, x: np.ndarray) -> np.ndarray:
    """The logits in evaluation mode, by hand."""
    p = {name: array.astype(float) for name, array in parameters.items()}
    hidden = np.tanh(x.astype(float) @ p["hidden.weight"].T + p["hidden.bias"])
    return hidden @ p["output.weight"].T + p["output.bias"]


@pytest.mark.parametrize("style", STYLES)
def test_any_node_is_compiled_with_the_trained_parameters(style: str) -> None:
    trainer, logits, loss = model()
    trainer.fit(DATA, epochs=3, batch_size=4, verbose=False)
    outputs = {"logits": logits, "more": [gc.exp(logits), loss]}
    f = trainer.compile(outputs, style=style)
    found = f(**DATA)
    wanted = expected(trainer.parameters, DATA["x"])
    np.testing.assert_allclose(found["logits"], wanted, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["more"][0], np.exp(wanted), rtol=1e-4)
    assert found["more"][1] == pytest.approx(trainer.evaluate(DATA)["loss"], rel=1e-5)
    assert np.array_equal(f(**DATA)["logits"], found["logits"])
    # The parameters are the trainer's own.
    trainer.fit(DATA, epochs=2, batch_size=4, verbose=False)
    wanted = expected(trainer.parameters, DATA["x"])
    np.testing.assert_allclose(f(**DATA)["logits"], wanted, rtol=1e-4, atol=1e-6)
    assert f.parameters["hidden.weight"] is trainer.parameters["hidden.weight"]


def test_a_gradient_is_compiled_in_evaluation_mode_too() -> None:
    trainer, logits, _ = model()
    trainer.step(**DATA)
    x = next(node for node in Graph((logits,)).inputs)
    f = trainer.compile(gc.grad(gc.sum(logits), x))
    step = 1e-3
    moved = DATA["x"].astype(float)
    moved[:, 1] += step
    up = expected(trainer.parameters, moved).sum(1)
    moved[:, 1] -= 2 * step
    slope = (up - expected(trainer.parameters, moved).sum(1)) / (2 * step)
    np.testing.assert_allclose(f(x=DATA["x"])[:, 1], slope, rtol=1e-3, atol=1e-4)


def test_draws_that_are_no_regularisation_are_left() -> None:
    x = gc.input("x", ("batch",))
    w = gc.parameter("w", (), 1.0)
    noisy = w * x + standard_normal(x.shape)
    trainer = gc.Trainer(gc.mean(noisy**2), gc.optim.SGD(0.1))
    f = trainer.compile(noisy, seed=3)
    drawn = f(x=np.zeros(1000, "f"))
    assert drawn.std() == pytest.approx(1.0, abs=0.1)
    module = load(f.source)
    assert module.compute(dict(f.parameters), np.zeros(4, "f"))[0].shape == (4,)


def test_parameters_of_another_shape_or_unknown_are_said() -> None:
    trainer, _, _ = model()
    x = gc.input("x", ("batch", 5))
    with pytest.raises(OptionError, match=r"'hidden\.weight' is float32 \(8, 3\) in"):
        trainer.compile(gc.nn.Linear(5, 8, name="hidden")(x))
    with pytest.warns(UntrainedWarning, match="no parameter 'other.weight'") as said:
        trainer.compile(gc.nn.Linear(5, 8, name="other")(x))
    assert Path(said[0].filename).name == HERE


def test_fresh_parameters_of_a_trained_model_are_said() -> None:
    trainer, logits, _ = model()
    feeds = {"x": DATA["x"]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gc.evaluate(logits, feeds)
        gc.compile(logits)
    trainer.step(**DATA)
    for function in (
        lambda: gc.evaluate(logits, feeds),
        lambda: gc.interpret([logits], feeds),
        lambda: gc.compile(logits),
    ):
        with pytest.warns(UntrainedWarning, match=r"trainer\.compile\(nodes\)") as said:
            function()
        assert len(said) == 1
        assert Path(said[0].filename).name == HERE
    # What is given is not fresh, and what was never trained is no surprise.
    given = gc.evaluate(logits, feeds, parameters=trainer.parameters)
    fed = gc.evaluate(logits, {**feeds, **trainer.parameters})
    assert np.array_equal(given, fed)
    gc.evaluate(gc.parameter("w", (2,)))
    trainer.compile(logits)
    assert issubclass(UntrainedWarning, gc.errors.GraphcWarning)


def test_loaded_parameters_are_trained(tmp_path: Path) -> None:
    trainer, logits, _ = model()
    trainer.module.save_parameters(str(tmp_path / "p.npz"), dict(trainer.parameters))
    other, logits, _ = model()
    other.load(tmp_path / "p.npz")
    with pytest.warns(UntrainedWarning):
        gc.compile(logits)
