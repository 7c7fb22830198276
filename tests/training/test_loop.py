"""The loop of real models: step sizes, plateaus, several evaluations, resuming."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import CheckpointError, NonFiniteError, OptionError
from tests.targets.support import command, load, run

HERE = Path(__file__).name


def rows(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, 8)).astype(np.float32)
    noise = rng.standard_normal((count, 3)).astype("f")
    return {"x": x, "y": np.argmax(x[:, :3] + 0.5 * x[:, 3:6] + 0.5 * noise, axis=1)}


def make(**options: Any) -> gc.Trainer:
    """A network with all that changes in training: dropout, schedule, plateau, F1."""
    x = gc.input("x", ("batch", 8))
    y = gc.input("y", ("batch",), "int64")
    hidden = gc.nn.relu(gc.nn.Linear(8, 16, name="hidden")(x))
    logits = gc.nn.Linear(16, 3, name="output")(gc.nn.dropout(hidden, 0.2))
    settings: dict[str, Any] = {
        "plateau": gc.optim.ReduceLROnPlateau(factor=0.5, patience=1, threshold=0.01),
        **options,
    }
    lr = settings.pop("lr", gc.optim.ExponentialLR(0.05, gamma=0.9))
    return gc.Trainer(
        gc.nn.cross_entropy(logits, y),
        settings.pop("optimizer", gc.optim.Adam)(lr),
        {
            "accuracy": gc.metrics.accuracy(logits, y),
            "f1": gc.metrics.f1_score(logits, y, average="macro"),
        },
        outputs={"logits": logits},
        **settings,
    )


TRAIN, DEV = rows(90), rows(40, 1)
OPTIONS: dict[str, Any] = {"batch_size": 8, "verbose": False}


def same(a: Any, b: Any) -> bool:
    return list(a) == list(b) and all(a[n].tobytes() == b[n].tobytes() for n in a)


def without_seconds(history: Any) -> list[dict[str, Any]]:
    return [{k: v for k, v in record.items() if k != "seconds"} for record in history]


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


# Several evaluations an epoch ---------------------------------------------------------


def test_dev_is_evaluated_several_times_an_epoch() -> None:
    trainer = make(plateau=None)
    history = trainer.fit(TRAIN, DEV, epochs=2, evaluations_per_epoch=3, **OPTIONS)
    # 90 rows are 12 batches, of which the last has two rows.
    assert history["step"] == [4, 8, 12, 16, 20, 24]
    assert history["epoch"] == [1, 1, 1, 2, 2, 2]
    assert history["part"] == [1, 2, 3, 1, 2, 3]
    assert [f is not None for f in history["train_f1"]] == [False, False, True] * 2
    assert None not in history["dev_f1"]
    best = history.best
    assert best is not None
    assert best["dev_loss"] == min(history["dev_loss"])
    assert trainer.evaluate(DEV)["loss"] == best["dev_loss"]
    assert "step      4" in trainer.module.describe_record(history[0])
    # The steps are those of a run with one evaluation an epoch.
    once, often = make(plateau=None), make(plateau=None)
    a = once.fit(TRAIN, epochs=2, **OPTIONS)
    b = often.fit(TRAIN, epochs=2, evaluations_per_epoch=5, **OPTIONS)
    assert same(once.parameters, often.parameters)
    assert a["train_accuracy"][-1] == b["train_accuracy"][-1]
    for number in (0, 13, 1.5):
        with pytest.raises(OptionError, match="evaluations_per_epoch must be"):
            once.fit(TRAIN, evaluations_per_epoch=number, **OPTIONS)  # type: ignore[arg-type]


def test_patience_counts_evaluations() -> None:
    options = {**OPTIONS, "evaluations_per_epoch": 4, "patience": 3}
    history = make(lr=0.5).fit(TRAIN, DEV, epochs=40, **options)
    best = max(i for i, record in enumerate(history) if record["best"])
    assert len(history) == best + 1 + 3


# Resuming -----------------------------------------------------------------------------


@pytest.mark.parametrize("broken_at", [2, 4, 5, 13, 17, 29, 36])
def test_a_broken_run_ends_bit_for_bit_as_an_unbroken_one(
    tmp_path: Path, broken_at: int
) -> None:
    options = {**OPTIONS, "epochs": 4, "evaluations_per_epoch": 3}
    whole = make()
    expected = whole.fit(TRAIN, DEV, **options)
    assert len(set(expected["step_size"])) > 4
    broken = make()
    honest, batches = broken.module.train_step, 0

    def train_step(*arguments: Any) -> Any:
        nonlocal batches
        batches += 1
        if batches > broken_at:
            raise MemoryError
        return honest(*arguments)

    broken.module.train_step = train_step
    path = tmp_path / "run.npz"
    with pytest.raises(MemoryError):
        broken.fit(TRAIN, DEV, checkpoint=path, **options)
    # The emitted program goes on from the file.
    module = load(make().emit(tmp_path / "train.py", "fast").read_text())
    parameters = module.init_parameters(7)
    state = module.init_state(parameters, 7)
    records = module.fit(
        *(parameters, state, TRAIN, DEV),
        epochs=4,
        batch_size=8,
        evaluations_per_epoch=3,
        checkpoint=str(path),
        resume=True,
    )
    assert same(parameters, whole.parameters)
    assert without_seconds(records) == without_seconds(expected)
    assert state["scale"] == whole._state["scale"]
    assert list(state["plateau"]) == list(whole._state["plateau"])


def test_other_options_do_not_go_on_with_a_run(tmp_path: Path) -> None:
    options = {**OPTIONS, "epochs": 1, "checkpoint": tmp_path / "run.npz"}
    make().fit(TRAIN, DEV, **options)
    with pytest.raises(CheckpointError, match=r"evaluations_per_epoch 2: .* with 1"):
        make().fit(TRAIN, DEV, resume=True, evaluations_per_epoch=2, **options)
    other = make(plateau=gc.optim.ReduceLROnPlateau(factor=0.1))
    with pytest.raises(CheckpointError, match="resumed with plateau"):
        other.fit(TRAIN, DEV, resume=True, **options)


def test_a_program_killed_again_and_again_ends_as_an_unbroken_one(
    tmp_path: Path,
) -> None:
    script = make().emit(tmp_path / "train.py", style="fast")
    np.savez(tmp_path / "train.npz", **rows(3000))  # type: ignore[arg-type]
    np.savez(tmp_path / "dev.npz", **DEV)  # type: ignore[arg-type]
    arguments: tuple[Any, ...] = (
        *("--data", "train.npz", "--dev", "dev.npz", "--epochs", 4),
        *("--evaluations-per-epoch", 3, "--batch-size", 10, "--checkpoint-every", 0),
    )
    whole = run(script, *arguments, "--out", "whole.npz")
    assert "best on dev: epoch " in whole.stdout
    for after in (0, 1, 3, 2):
        process = subprocess.Popen(
            command(script, *arguments, "--out", "parts.npz", "--resume"),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert process.stdout
        for _ in range(after):
            assert process.stdout.readline().startswith("epoch")
        process.kill()
        process.communicate(timeout=30)
        assert process.returncode == -signal.SIGKILL
    run(script, *arguments, "--out", "parts.npz", "--resume")
    with np.load(tmp_path / "whole.npz") as a, np.load(tmp_path / "parts.npz") as b:
        assert same(dict(a), dict(b))
    trainer = make()
    trainer.fit(rows(3000), DEV, epochs=4, batch_size=10, evaluations_per_epoch=3)
    with np.load(tmp_path / "whole.npz") as a:
        assert same(dict(a), trainer.parameters)


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_a_program_with_everything_is_clean(style: str, tmp_path: Path) -> None:
    file = make().emit(tmp_path / "train.py", style)
    root = Path(__file__).parents[2]
    for options in (["--isolated"], ["--config", str(root / "pyproject.toml")]):
        for action in (["check"], ["format", "--check", "--diff"]):
            done = subprocess.run(
                [sys.executable, "-m", "ruff", *action, *options, str(file)],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr


# Beside the loop ----------------------------------------------------------------------


def test_predictions_are_those_of_evaluation_mode() -> None:
    trainer = make()
    logits = trainer.predict(x=DEV["x"])
    accuracy = (logits.argmax(1) == DEV["y"]).mean()
    assert trainer.evaluate(DEV)["accuracy"] == pytest.approx(accuracy)
    assert np.array_equal(logits, trainer.predict(x=DEV["x"]))
    assert np.array_equal(logits, trainer.predict(**DEV))
    with pytest.raises(ValueError, match="'z' is no input"):
        trainer.predict(x=DEV["x"], z=DEV["y"])
    x = gc.input("x", ("batch",))
    w = gc.parameter("w", (), 1.0)
    with pytest.raises(OptionError, match="no outputs to predict"):
        gc.Trainer(gc.mean(w * x), gc.optim.SGD(0.1)).predict(x=np.ones(2, "f"))


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


# Options that a resumed run shares ----------------------------------------------------


def wide(lr: Any = 0.01, **options: Any) -> gc.Trainer:
    inner = gc.optim.Adam(lr, **options)
    return make(plateau=None, optimizer=lambda _: gc.optim.EMA(inner, decay=0.9))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"lr": 0.02}, "inner.lr '0.02': the run was started with '0.01'"),
        ({"eps": 1e-7}, "inner.eps '1e-07': the run was started with '1e-08'"),
        ({"lr": gc.optim.StepLR(0.01, 30)}, r"optimizer inner.lr .StepLR\("),
        ({"lr": lambda clock: 0.01 / clock.step}, "inner.lr '<function <lambda>>'"),
    ],
)
def test_a_resume_names_the_option_that_differs(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    path = tmp_path / "run.npz"
    wide().fit(TRAIN, epochs=1, checkpoint=path, **OPTIONS)
    with pytest.raises(CheckpointError, match=message):
        wide(**changed).fit(TRAIN, epochs=2, checkpoint=path, resume=True, **OPTIONS)
    again = wide()
    again.fit(TRAIN, epochs=2, checkpoint=path, resume=True, **OPTIONS)
    assert again.steps == 24
    with pytest.raises(CheckpointError, match="with drop_last True: the run was"):
        again.fit(
            TRAIN, epochs=3, checkpoint=path, resume=True, drop_last=True, **OPTIONS
        )


def test_the_last_batch_may_be_dropped(tmp_path: Path) -> None:
    # 90 rows are 11 batches of 8 and two rows.
    trainer = make(plateau=None)
    assert trainer.fit(TRAIN, DEV, epochs=2, drop_last=True, **OPTIONS)["step"] == [
        11,
        22,
    ]
    parts = make(plateau=None)
    options = {**OPTIONS, "evaluations_per_epoch": 11}
    history = parts.fit(
        TRAIN, DEV, epochs=2, drop_last=True, keep_best=False, **options
    )
    assert history["step"] == list(range(1, 23))
    shapes: list[int] = []
    seen = make(plateau=None)
    honest = seen.module.train_step

    def train_step(parameters: Any, state: Any, x: Any, y: Any) -> float:
        shapes.append(len(x))
        return honest(parameters, state, x, y)

    seen.module.train_step = train_step
    seen.fit(TRAIN, epochs=1, drop_last=True, **OPTIONS)
    assert shapes == [8] * 11
    with pytest.raises(OptionError, match="in an epoch, 11; got 12"):
        seen.fit(TRAIN, drop_last=True, **{**options, "evaluations_per_epoch": 12})
    with pytest.raises(OptionError, match="90 rows are fewer than batch_size 91"):
        seen.fit(TRAIN, drop_last=True, batch_size=91)
    with pytest.raises(OptionError, match="drop_last needs arrays to train on"):
        seen.fit([TRAIN], drop_last=True)
    trainer.emit(tmp_path / "train.py")
    np.savez(tmp_path / "train.npz", **TRAIN)
    command = (
        "--data",
        "train.npz",
        "--batch-size",
        8,
        "--epochs",
        1,
        "--out",
        "p.npz",
    )
    run(tmp_path / "train.py", *command, "--drop-last")
    with np.load(tmp_path / "p.npz") as found:
        for name, array in seen.parameters.items():
            assert np.allclose(found[name], array, rtol=1e-4, atol=1e-6)
