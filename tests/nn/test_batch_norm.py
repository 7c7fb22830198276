"""Batch normalisation: statistics of batches in training, running ones afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import OptionError, ShapeError
from graphc.ir import Graph
from graphc.nn.evaluation import evaluation_mode
from tests.styles import STYLES
from tests.targets.support import assert_clean, run

X = np.random.default_rng(0).normal(2.0, 3.0, (20, 3, 4))


def model(momentum: float | None = 0.1, **options: Any) -> Any:
    x = gc.input("x", ("n", 3, 4), "float64")
    layer = gc.nn.BatchNorm1d(3, 1e-3, momentum, name="norm", dtype="float64")
    y = layer(x)
    scale = gc.parameter("scale", (4,), np.arange(4.0), "float64")
    loss = gc.mean((y * scale - 1.0) ** 2)
    trainer = gc.Trainer(loss, gc.optim.SGD(0.1), outputs={"y": y}, **options)
    return trainer, layer, y, x


def by_hand(momentum: float | None) -> tuple[Any, Any]:
    """The running statistics after four batches of five rows."""
    mean, variance = np.zeros(3), np.ones(3)
    for step in range(4):
        batch = X[5 * step : 5 * step + 5]
        share = 1.0 / (step + 1) if momentum is None else momentum
        mean = (1 - share) * mean + share * batch.mean(axis=(0, 2))
        variance = (1 - share) * variance + share * batch.var(axis=(0, 2), ddof=1)
    return mean, variance


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("momentum", [0.1, 0.5, None])
def test_a_step_moves_the_running_statistics(style: Any, momentum: Any) -> None:
    trainer, _, _, _ = model(momentum, style=style)
    for step in range(4):
        trainer.step(X[5 * step : 5 * step + 5])
    mean, variance = by_hand(momentum)
    parameters = trainer.parameters
    np.testing.assert_allclose(parameters["norm.running_mean"], mean, rtol=1e-12)
    np.testing.assert_allclose(parameters["norm.running_var"], variance, rtol=1e-12)
    assert parameters["norm.num_batches_tracked"] == 4
    # Predictions are made with them, and with what was trained.
    mean, variance = mean[:, None], variance[:, None]
    expected = (X - mean) / np.sqrt(variance + 1e-3)
    expected *= parameters["norm.weight"][:, None]
    expected += parameters["norm.bias"][:, None]
    np.testing.assert_allclose(trainer.predict(X), expected, rtol=1e-11, atol=1e-12)


def test_a_gradient_after_training_is_that_of_running_statistics() -> None:
    trainer, _, y, x = model()
    trainer.step(X)
    values = trainer.parameters
    slope = values["norm.weight"] / np.sqrt(values["norm.running_var"] + 1e-3)
    found = trainer.compile(gc.grad(gc.sum(y), x))(X)
    np.testing.assert_allclose(found, np.broadcast_to(slope[:, None], X.shape))


def test_a_layer_that_is_used_twice_moves_them_twice() -> None:
    a, b = gc.input("a", ("n", 3), "float64"), gc.input("b", ("n", 3), "float64")
    layer = gc.nn.BatchNorm1d(3, name="norm", dtype="float64")
    loss = gc.mean(layer(a) ** 2 + layer(b) ** 2)
    trainer = gc.Trainer(loss, gc.optim.SGD(0.1))
    first, second = X[:5, :, 0], X[5:10, :, 1]
    trainer.step(first, second)
    mean = 0.9 * (0.1 * first.mean(axis=0)) + 0.1 * second.mean(axis=0)
    np.testing.assert_allclose(trainer.parameters["norm.running_mean"], mean)
    assert trainer.parameters["norm.num_batches_tracked"] == 2


def test_a_batch_of_one_number_has_no_variance() -> None:
    trainer, _, _, _ = model()
    x = gc.input("x", ("n", 3), "float64")
    layer = gc.nn.BatchNorm1d(3, name="norm", dtype="float64")
    trainer = gc.Trainer(gc.mean((layer(x) - 1.0) ** 2), gc.optim.SGD(0.1))
    trainer.step(X[:1, :, 0])
    np.testing.assert_allclose(trainer.parameters["norm.running_var"], 0.9)


def test_without_tracking_evaluation_is_by_batches_too() -> None:
    x = gc.input("x", ("n", 3), "float64")
    layer = gc.nn.BatchNorm1d(3, affine=False, track_running_stats=False)
    graph = evaluation_mode(Graph((layer(x),)))
    value = gc.evaluate(graph.outputs[0], {"x": X[:, :, 0]})
    np.testing.assert_allclose(value.mean(axis=0), 0.0, atol=1e-14)
    assert layer.persistent == []


@pytest.mark.parametrize("style", STYLES)
def test_an_emitted_program_trains_them_bit_for_bit(style: Any, tmp_path: Path) -> None:
    trainer, _, _, _ = model(style=style)
    trainer.fit({"x": X}, {"x": X[:7]}, epochs=3, batch_size=6, verbose=False)
    script = trainer.emit(tmp_path / "train.py", style)
    assert_clean(script)
    np.savez(tmp_path / "train.npz", x=X)
    np.savez(tmp_path / "dev.npz", x=X[:7])
    out = tmp_path / "out.npz"
    run(
        *(script, "--data", "train.npz", "--dev", "dev.npz", "--epochs", 3),
        *("--batch-size", 6, "--out", out),
    )
    with np.load(out) as saved:
        for name, value in trainer.parameters.items():
            assert saved[name].tobytes() == value.tobytes(), name
    assert "all gradients agree" in run(script, "--check").stdout


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match="with 4 axes, got"):
        gc.nn.BatchNorm2d(3)(gc.input("x", ("n", 3)))
    with pytest.raises(ShapeError, match="requires input of 4 channels"):
        gc.nn.BatchNorm1d(4)(gc.input("x", ("n", 3)))
    with pytest.raises(OptionError, match="num_features must be a positive integer"):
        gc.nn.BatchNorm1d(0)


@pytest.mark.peer
@pytest.mark.parametrize("momentum", [0.1, None])
def test_a_network_trains_as_in_torch(momentum: Any) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    pictures, labels = rng.normal(size=(20, 2, 5, 5)), rng.integers(0, 3, 20)
    x = gc.input("x", ("n", 2, 5, 5), "float64")
    y = gc.input("y", ("n",), "int64")
    kwargs: Any = {"dtype": "float64"}
    net = gc.nn.Sequential(
        gc.nn.BatchNorm2d(2, momentum=momentum, **kwargs),
        gc.nn.ReLU(),
        gc.nn.Flatten(),
        gc.nn.Linear(50, 3, **kwargs),
    )
    logits = net(x)
    trainer = gc.Trainer(
        gc.nn.cross_entropy(logits, y), gc.optim.SGD(0.1), outputs={"logits": logits}
    )
    theirs = torch.nn.Sequential(
        torch.nn.BatchNorm2d(2, momentum=momentum),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(50, 3),
    ).double()
    values = trainer.parameters
    with torch.no_grad():
        theirs[3].weight.copy_(torch.tensor(values["linear_1.weight"]))
        theirs[3].bias.copy_(torch.tensor(values["linear_1.bias"]))
    optimizer = torch.optim.SGD(theirs.parameters(), 0.1)
    for start in range(0, 20, 5):
        rows = slice(start, start + 5)
        loss = torch.nn.functional.cross_entropy(
            theirs(torch.tensor(pictures[rows])), torch.tensor(labels[rows])
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ours = trainer.step(pictures[rows], labels[rows])
        assert ours == pytest.approx(loss.item(), rel=1e-12)
    theirs.eval()
    expected = theirs(torch.tensor(pictures)).detach().numpy()
    np.testing.assert_allclose(trainer.predict(pictures), expected, atol=1e-12)
