"""Averages of parameters: what is evaluated and kept is the optimizer's averages."""

import numpy as np
import pytest

import graphc as gc
from graphc import optim


def problem():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(40, 3)).astype("float32")
    targets = (inputs @ [1.0, -2.0, 0.5]).astype("float32")
    x, y = gc.input("x", ("batch", 3)), gc.input("y", ("batch",))
    w = gc.parameter("w", (3,), gc.init.zeros())
    return gc.nn.mse_loss(x @ w, y), {"x": inputs, "y": targets}


def run(optimizer, style, dev):
    """Train, and follow the averages with plain NumPy."""
    loss, data = problem()
    trainer = gc.Trainer(loss, optimizer, style=style)
    history = trainer.fit(
        data, data if dev else None, epochs=3, batch_size=8, verbose=False
    )
    return trainer, history, data


def followed(data, decay, epochs=3):
    """SGD and the moving average of its parameters, in float32."""
    w = np.zeros(3, "float32")
    average = None
    averages = []
    for epoch in range(1, epochs + 1):
        order = np.random.default_rng([0, 2, epoch]).permutation(40)
        for start in range(0, 40, 8):
            rows = order[start : start + 8]
            x, y = data["x"][rows], data["y"][rows]
            w = w - np.float32(0.05) * (2 * x.T @ (x @ w - y) / 8)
            # The first average is the parameters after the first update.
            average = w if average is None else decay * average + (1 - decay) * w
        averages.append(average.copy())
    return averages


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize("dev", [True, False])
def test_fit_evaluates_and_ends_with_the_averages(style, dev):
    trainer, history, data = run(optim.EMA(optim.SGD(0.05), decay=0.9), style, dev)
    averages = followed(data, 0.9)
    np.testing.assert_allclose(trainer.parameters["w"], averages[-1], rtol=1e-4)
    if dev:
        for record, average in zip(history, averages, strict=True):
            expected = np.mean((data["x"] @ average - data["y"]) ** 2)
            np.testing.assert_allclose(record["dev_loss"], expected, rtol=1e-3)


def test_programs_without_averages_have_no_word_of_them():
    trainer, _, _ = run(optim.SGD(0.05), "fast", True)
    assert "averaged_parameters" not in trainer.source


def made(style="fast", dev=False):
    trainer, _, data = run(optim.EMA(optim.Adam(0.05), decay=0.9), style, dev)
    return trainer.restarted(), data


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize("dev", [True, False])
def test_two_runs_end_as_one_that_is_as_long(style, dev, tmp_path):
    options = {"batch_size": 10, "verbose": False}
    whole, data = made(style)
    others = (data,) if dev else ()
    whole.fit(data, *others, epochs=4, **options)
    parts = whole.restarted()
    parts.fit(data, *others, epochs=2, **options)
    parts.save(tmp_path / "half.npz")
    parts.fit(data, *others, epochs=2, **options)
    assert np.array_equal(parts.parameters["w"], whole.parameters["w"])
    # Saved and loaded in between; a range test in between changes nothing.
    loaded = whole.restarted()
    loaded.load(tmp_path / "half.npz")
    halfway = loaded.parameters["w"].copy()
    loaded.lr_range_test(data, steps=3)
    assert np.array_equal(loaded.parameters["w"], halfway)
    loaded.fit(data, *others, epochs=2, **options)
    assert np.array_equal(loaded.parameters["w"], whole.parameters["w"])


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_a_step_after_a_run_goes_on_from_its_last_step(style):
    options = {"batch_size": 10, "verbose": False}
    run, data = made(style)
    alone = run.restarted()
    batches = run.restarted()
    run.fit([data], epochs=3, **options)
    averages = run.parameters["w"].copy()
    for _ in range(3):
        alone.step(**data)
    assert not np.array_equal(averages, alone.parameters["w"])
    run.step(**data)
    alone.step(**data)
    assert np.array_equal(run.parameters["w"], alone.parameters["w"])
    # What is put into the parameters is what training goes on from.
    batches.fit([data], epochs=3, **options)
    batches.parameters["w"] = np.full_like(averages, 5.0)
    batches.step(**data)
    assert np.all(np.abs(batches.parameters["w"] - 5.0) < 0.5)
