"""Step sizes in training: schedules, groups, plateaus and the range test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import NonFiniteError, OptionError
from tests.targets.support import run
from tests.training.loops import DEV, OPTIONS, TRAIN, make, rows
from tests.training.support import same

HERE = Path(__file__).name


# Step sizes ---------------------------------------------------------------------------
def test_the_step_size_of_the_last_step_is_recorded() -> None:
    schedule = gc.optim.LinearLR(0.1, start_factor=0.1, total_iters=20, by="step")
    trainer = make(lr=schedule, plateau=None)
    history = trainer.fit(TRAIN, epochs=3, **OPTIONS)
    steps = np.minimum(np.array(history["step"]) - 1, 20)
    assert history["step_size"] == pytest.approx(0.1 * (0.1 + 0.9 * steps / 20))
    by_epoch = make(lr=gc.optim.StepLR(0.1, step_size=2), plateau=None)
    history = by_epoch.fit(TRAIN, epochs=4, **OPTIONS)
    assert history["step_size"] == pytest.approx([0.1, 0.1, 0.01, 0.01])
    assert "step size 0.01" in by_epoch.module.describe_record(history[-1])


def test_a_division_by_zero_is_an_infinite_step_size() -> None:
    trainer = make(lr=lambda clock: 0.1 / (3.0 - clock.step))
    with pytest.raises(OptionError, match="the step size inf for step 3 in epoch 1"):
        trainer.fit(TRAIN, DEV, epochs=3, **OPTIONS)
    assert trainer.steps == 0
    assert same(trainer.parameters, make().parameters)


def test_the_step_size_of_every_group_is_checked() -> None:
    def groups(lr: Any) -> gc.optim.Optimizer:
        biases = gc.optim.ClipByValue(gc.optim.SGD(lr), clip_value=1.0)
        return gc.optim.ParameterGroups({"*.bias": biases}, gc.optim.SGD(0.25))

    trainer = make(lr=lambda clock: 0.1 / (3.0 - clock.step), optimizer=groups)
    for _ in range(2):
        trainer.step(x=TRAIN["x"], y=TRAIN["y"])
    before = {name: array.copy() for name, array in trainer.parameters.items()}
    with pytest.raises(OptionError, match="the step size inf for step 3"):
        trainer.step(x=TRAIN["x"], y=TRAIN["y"])
    assert trainer.steps == 2
    assert same(before, trainer.parameters)
    negative = make(lr=lambda clock: 2.5 - clock.step, optimizer=groups)
    with pytest.raises(OptionError, match=r"the step size -0\.5 for step 3"):
        negative.fit(TRAIN, epochs=1, **OPTIONS)
    good = make(lr=gc.optim.StepLR(0.1, step_size=1), optimizer=groups)
    history = good.fit(TRAIN, epochs=2, **OPTIONS)
    assert history["step_size"] == [0.25, 0.25]


def test_schedules_of_groups_are_functions_of_their_own() -> None:
    def groups(lr: Any) -> gc.optim.Optimizer:
        weights = gc.optim.SGD(gc.optim.StepLR(0.5, step_size=1, gamma=0.5))
        return gc.optim.ParameterGroups({"*.weight": weights}, gc.optim.SGD(lr))

    halved = gc.optim.StepLR(0.25, step_size=2, gamma=0.5)
    module = make(lr=halved, optimizer=groups).module
    state = module.init_state(module.init_parameters(0)) | {"epoch": 3}
    assert sorted(module.step_sizes(state)) == [0.0625, 0.125]
    assert (module.weight_learning_rate(3), module.learning_rate(3)) == (0.0625, 0.125)


def test_micro_batches_divide_an_epoch(tmp_path: Path) -> None:
    def accumulating(lr: Any) -> gc.optim.Optimizer:
        inner = gc.optim.EMA(gc.optim.SGD(lr))
        return gc.optim.GradientAccumulation(inner, steps=5)

    trainer = make(optimizer=accumulating)
    start = {name: array.copy() for name, array in trainer.parameters.items()}
    message = "takes 5 batches, .* 90 rows in batches of 8 are 12"
    with pytest.raises(OptionError, match=message):
        trainer.fit(TRAIN, DEV, epochs=2, **OPTIONS)
    assert same(start, trainer.parameters)
    assert trainer.fit(TRAIN, DEV, epochs=2, **{**OPTIONS, "batch_size": 9})
    batches = [{"x": TRAIN["x"][:8], "y": TRAIN["y"][:8]}] * 3
    assert make(optimizer=accumulating).fit(batches, epochs=2, **OPTIONS)
    trainer.emit(tmp_path / "train.py")
    np.savez(tmp_path / "train.npz", **TRAIN)  # type: ignore[arg-type]
    options = ("--data", "train.npz", "--batch-size", 8)
    done = run(tmp_path / "train.py", *options, status=2)
    assert "90 rows in batches of 8 are 12" in done.stderr


@pytest.mark.parametrize("bad", [np.nan, np.inf, -0.1])
def test_a_bad_step_size_is_named_before_it_spoils_anything(bad: float) -> None:
    def schedule(clock: Any) -> Any:
        return gc.where(clock.step == 15.0, bad, 0.01)

    trainer = make(lr=schedule)
    with pytest.raises(OptionError) as raised:
        trainer.fit(TRAIN, DEV, epochs=3, **OPTIONS)
    assert f"the schedule gives the step size {bad} for step 15" in str(raised.value)
    assert HERE in str(raised.value)
    assert len(trainer.history) == 1
    assert trainer.steps == 12
    expected = make(lr=0.01)
    expected.fit(TRAIN, DEV, epochs=1, **OPTIONS)
    assert same(trainer.parameters, expected.parameters)
    single = make(lr=schedule)
    for _ in range(14):
        single.step(**rows(8))
    before = {name: array.copy() for name, array in single.parameters.items()}
    with pytest.raises(OptionError, match="step 15"):
        single.step(**rows(8))
    assert same(single.parameters, before)


def test_a_loss_that_is_not_finite_leaves_parameters_alone() -> None:
    x = gc.input("x", ("batch",))
    w = gc.parameter("w", (), 2.0)
    trainer = gc.Trainer(gc.mean(gc.log(w * x)), gc.optim.Adam(0.1))
    trainer.step(x=np.ones(3, "f"))
    before = float(trainer.parameters["w"])
    with pytest.raises(
        NonFiniteError, match="became nan in step 2, which was not taken"
    ):
        trainer.step(x=-np.ones(3, "f"))
    assert float(trainer.parameters["w"]) == before
    assert trainer.steps == 1


# Decay on a plateau -------------------------------------------------------------------
@pytest.mark.peer
@pytest.mark.parametrize(
    "options",
    [
        {"patience": 1, "factor": 0.3},
        {"patience": 0, "cooldown": 2, "threshold": 0.05, "min_lr": 1e-3},
        {"patience": 2, "threshold_mode": "abs", "threshold": 0.02, "eps": 0.01},
    ],
)
def test_torch_decays_at_the_same_epochs(options: dict[str, Any]) -> None:
    torch: Any = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=(20, 3)), "y": rng.normal(size=20)}
    dev = {"x": rng.normal(size=(10, 3)), "y": rng.normal(size=10)}
    x = gc.input("x", ("batch", 3), "float64")
    y = gc.input("y", ("batch",), "float64")
    w = gc.parameter("w", (3,), np.full(3, 2.0), dtype="float64")
    trainer = gc.Trainer(
        gc.nn.mse_loss(x @ w, y),
        gc.optim.SGD(0.3, momentum=0.5),
        plateau=gc.optim.ReduceLROnPlateau(**options),
    )
    fitting: Any = {"epochs": 40, "batch_size": 20, "keep_best": False}
    history = trainer.fit(data, dev, verbose=False, **fitting)

    weight = torch.full((3,), 2.0, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.3, momentum=0.5)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)

    def loss(rows: Any) -> Any:
        difference = torch.tensor(rows["x"]) @ weight - torch.tensor(rows["y"])
        return (difference**2).mean()

    sizes: list[float] = []
    for _ in range(40):
        sizes.append(optimizer.param_groups[0]["lr"])
        optimizer.zero_grad()
        loss(data).backward()
        optimizer.step()
        schedule.step(loss(dev).item())
    assert len(set(sizes)) > 2
    assert history["step_size"] == pytest.approx(sizes, rel=1e-12)
    expected = weight.detach().numpy()
    assert trainer.parameters["w"] == pytest.approx(expected, rel=1e-10)


def test_a_plateau_goes_by_the_score_that_fits_its_mode() -> None:
    for mode, column in (("min", "dev_loss"), ("max", "dev_accuracy")):
        plateau = gc.optim.ReduceLROnPlateau(mode=mode, patience=0, factor=0.5)  # type: ignore[arg-type]
        trainer = make(plateau=plateau, lr=0.05)
        best = "max accuracy" if mode == "max" else None
        history = trainer.fit(TRAIN, DEV, epochs=8, best=best, **OPTIONS)
        state, scales = plateau.initial(), [1.0]
        for value in history[column]:
            state, scale = plateau.update(state, value, 0.05)
            scales.append(scale)
        assert history["step_size"] == pytest.approx(0.05 * np.array(scales[:-1]))
        assert history["step_size"][-1] < 0.05
    without = make(lr=0.05).fit(TRAIN, epochs=3, **OPTIONS)
    assert "dev_loss" not in without.columns
    worst = make(plateau=gc.optim.ReduceLROnPlateau(mode="max"))
    with pytest.raises(
        OptionError, match="mode 'max', but 'loss' is better when small"
    ):
        worst.fit(TRAIN, DEV, best="min loss", **OPTIONS)


def test_what_is_no_plateau_is_refused() -> None:
    with pytest.raises(
        TypeError, match=r"a gc\.optim\.ReduceLROnPlateau or None, got 3"
    ):
        make(plateau=3)


def test_a_loop_of_ones_own_counts_epochs() -> None:
    plateau = gc.optim.ReduceLROnPlateau(patience=0, factor=0.5)
    schedule = gc.optim.StepLR(0.08, step_size=1, gamma=0.5)
    trainer = make(lr=schedule, plateau=plateau)
    sizes = []
    for score in (3.0, 4.0, 2.0):
        for _ in range(2):
            trainer.step(**rows(8))
            sizes.append(trainer.module.step_size(trainer._state))
        trainer.end_epoch(score)
    # Halved by the schedule every epoch, and once because 4 is no better than 3.
    assert sizes == pytest.approx([0.08, 0.08, 0.04, 0.04, 0.01, 0.01])
    assert trainer.epoch == 3
    assert trainer.fit(TRAIN, epochs=1, **OPTIONS)[0]["epoch"] == 4
    with pytest.raises(OptionError, match="a score is for decay on a plateau"):
        make(plateau=None).end_epoch(1.0)


def test_a_range_test_leaves_the_trainer_as_it_was() -> None:
    trainer = make()
    trainer.fit(TRAIN, DEV, epochs=1, **OPTIONS)
    other = make()
    other.fit(TRAIN, DEV, epochs=1, **OPTIONS)
    found = trainer.lr_range_test(TRAIN, 1e-4, 1e2, steps=40, batch_size=16)
    assert found["step_size"][0] == pytest.approx(1e-4)
    ratios = np.diff(np.log(found["step_size"]))
    assert ratios == pytest.approx(np.full(len(ratios), np.log(1e6) / 39))
    assert 5 < len(found) < 40  # It diverges before the end.
    assert found["loss"][-1] > 4 * min(found["loss"])
    for each in (trainer, other):
        each.fit(TRAIN, DEV, epochs=1, **OPTIONS)
    assert same(trainer.parameters, other.parameters)
    linear = trainer.lr_range_test(TRAIN, 0.01, 0.02, steps=3, mode="linear")
    assert linear["step_size"] == pytest.approx([0.01, 0.015, 0.02])
    for low, high in ((0.0, 1.0), (1.0, 0.5), (1.0, np.inf)):
        with pytest.raises(OptionError, match="must be positive and grow"):
            trainer.lr_range_test(TRAIN, low, high)


def test_the_step_sizes_of_a_range_test_are_those_taken() -> None:
    """Plain gradient descent, where a step is the size times the gradient."""
    x = gc.input("x", ("batch",))
    w = gc.parameter("w", (), 1.0, dtype="float64")
    trainer = gc.Trainer(gc.mean(w * x), gc.optim.SGD(0.3))
    found = trainer.lr_range_test({"x": np.ones(8, "f")}, 0.01, 0.1, 5, 8)
    moved = 1.0 - np.cumsum(found["step_size"])
    assert found["loss"][1:] == pytest.approx(moved[:-1])
    assert float(trainer.parameters["w"]) == 1.0
