"""The trainer: the emitted program's numbers, graphc's errors, and a person's view."""

from __future__ import annotations

import math
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import (
    ArgumentError,
    CheckpointError,
    DataError,
    DTypeError,
    FeedError,
    NamingError,
    NonFiniteError,
    OptionError,
)
from graphc.program.footprint import Footprint
from graphc.runtime.load import Program
from graphc.targets.numpy.module import Emitted
from graphc.training import assemble
from graphc.training.trainer import Trainer
from tests.targets.support import load, program, rows, run
from tests.training.support import same

X = gc.input("x", ("batch", 8))
Y = gc.input("y", ("batch",), "int64")
HERE = Path(__file__).name


class Compiled:
    """Stands for a compiled model: the hand-written program in place of an emitted."""

    def __init__(self, **changes: Any) -> None:
        self.source = program(**changes)
        self.program = Program(self.source, {})
        self.module = self.program.module
        self.inputs = (X, Y)
        parameters = tuple(
            gc.parameter(name, shape, gc.init.zeros(), dtype)
            for name, (dtype, shape) in self.module.PARAMETERS.items()
        )
        self.plan = SimpleNamespace(
            bounds={Y: (0, 2, None)},
            strict=False,
            admitted={},
            parameters=parameters,
            all_size_bounds=(),
            row_axes={"x": 0, "y": 0},
            is_shared=False,
        )

    def emit(self, style: str, *_: Any) -> Any:
        assert style in ("readable", "fast")
        return Emitted(self.source, {}, Footprint())


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes trainers; keywords set constants of the program."""

    def trainer(seed: int = 0, **changes: Any) -> Trainer:
        compiled = Compiled(**changes)
        monkeypatch.setattr(assemble, "training_program", lambda *_, **__: compiled)
        loss = (X * X).mean().named("cross_entropy")
        return Trainer(loss, gc.optim.SGD(lr=0.1), seed=seed)

    return trainer


def copies(arrays: Any) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in arrays.items()}


# Training -----------------------------------------------------------------------------


def test_fit_learns_and_gives_a_history(make: Any, capsys: Any) -> None:
    trainer = make()
    history = trainer.fit(rows(200), rows(100, 1), epochs=10, batch_size=16)
    assert history is trainer.history
    assert history["dev_accuracy"][-1] > 0.85
    assert history.best is not None
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11
    assert lines[0].startswith("epoch   1  loss ")
    assert lines[10] == history.kept
    assert history.kept.startswith(f"best on dev: epoch {history.best['epoch']}, kept")


def test_fit_is_silent_on_request(make: Any, capsys: Any) -> None:
    make().fit(rows(20), epochs=2, batch_size=16, verbose=False)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_table(
    make: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    make().fit(rows(100), rows(20, 1), epochs=3, batch_size=16)
    out = capsys.readouterr().out
    assert "train accuracy" in out
    assert "dev accuracy" in out
    assert "best on dev: epoch " in out


def test_the_trainer_and_the_emitted_file_give_the_same_bits(
    make: Any, tmp_path: Path
) -> None:
    trainer = make(seed=4, DROPOUT=0.2)
    path = trainer.emit(tmp_path / "train.py")
    assert path == tmp_path / "train.py"
    assert path.read_text() == trainer.source
    np.savez(tmp_path / "train.npz", **rows(70))
    np.savez(tmp_path / "dev.npz", **rows(30, 1))
    data = ("--data", "train.npz", "--dev", "dev.npz", "--epochs", 3)
    run(path, *data, "--batch-size", 8, "--seed", 4, "--out", "best.npz")
    trainer.fit(rows(70), rows(30, 1), epochs=3, batch_size=8, verbose=False)
    with np.load(tmp_path / "best.npz") as best:
        assert same(dict(best), trainer.parameters)
    other = make(seed=9)
    other.load(tmp_path / "best.npz")
    assert same(other.parameters, trainer.parameters)


def test_data_comes_from_files_too(make: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "train.npz", **rows(40))
    a, b = make(), make()
    a.fit(tmp_path / "train.npz", epochs=2, batch_size=8, verbose=False)
    b.fit({X: rows(40)["x"], Y: rows(40)["y"]}, epochs=2, batch_size=8, verbose=False)
    assert same(a.parameters, b.parameters)
    assert a.evaluate(str(tmp_path / "train.npz")) == b.evaluate(rows(40))


def test_steps_are_those_of_the_program(make: Any) -> None:
    trainer = make()
    module = load(program())
    parameters = module.init_parameters(0)
    state = module.init_state(parameters)
    batch = rows(5)
    for count in (1, 2):
        assert trainer.step(**batch) == float(
            module.train_step(parameters, state, **batch)
        )
        assert trainer.steps == count
    assert same(trainer.parameters, parameters)


def test_a_step_gets_the_very_arrays_that_fit(make: Any) -> None:
    trainer = make()
    batch = rows(5)
    got: list[Any] = []

    def train_step(parameters: Any, state: Any, *arrays: Any) -> float:
        got.append(arrays)
        return 0.5

    trainer._module.train_step = train_step
    for _ in range(2):
        trainer.step(**batch)
    assert all(x is batch["x"] and y is batch["y"] for x, y in got)


def test_a_step_does_not_warn_and_raises_errors_as_graphcs(make: Any) -> None:
    trainer = make()
    trainer._module.train_step = lambda *_: np.log(np.zeros(1))[0]
    with pytest.raises(NonFiniteError, match="-inf in step 1"):
        trainer.step(**rows(4))

    def fail(*_: Any) -> float:
        raise trainer._module.OptionError("lr must be at least 0")

    trainer._module.train_step = fail
    with pytest.raises(OptionError, match="lr must be at least 0") as raised:
        trainer.step(**rows(4))
    assert HERE in str(raised.value)
    assert isinstance(raised.value, gc.errors.GraphcError)


def test_gradients_take_no_step_and_no_random_draw(make: Any) -> None:
    trainer = make(DROPOUT=0.5)
    batch = rows(5)
    before = copies(trainer.parameters)
    first, second = trainer.gradients(**batch), trainer.gradients(**batch)
    assert same(first, second)
    assert same(trainer.parameters, before)
    trainer.step(**batch)
    moved = before["output.bias"] - trainer.parameters["output.bias"]
    assert moved == pytest.approx(0.1 * first["output.bias"], rel=1e-3)
    assert not same(first, trainer.gradients(**batch))


def test_callbacks_see_every_epoch(make: Any) -> None:
    seen: list[Any] = []
    trainer = make()
    trainer.fit(rows(9), epochs=3, batch_size=4, verbose=False, report=seen.append)
    assert [record["epoch"] for record in seen] == [1, 2, 3]


def test_an_interrupt_returns_the_history_so_far(make: Any) -> None:
    def report(record: Any) -> None:
        if record["epoch"] == 2:
            signal.raise_signal(signal.SIGINT)

    trainer = make()
    data = rows(40)
    history = trainer.fit(
        data, data, epochs=9, batch_size=8, verbose=False, report=report
    )
    assert history.interrupted
    assert len(history) == 2


# Parameters ---------------------------------------------------------------------------


def test_parameters_are_live(make: Any) -> None:
    trainer = make()
    trainer.parameters["output.bias"][...] = [1, 2, 3]
    before = trainer.evaluate(rows(10))
    trainer.parameters["output.bias"] = np.zeros(3)
    assert trainer.evaluate(rows(10)) != before
    assert trainer.parameters["output.bias"].dtype == np.float32
    trainer.parameters = {"output.bias": [1.0, 2.0, 3.0]}
    assert trainer.evaluate(rows(10)) == before
    assert dict(trainer.parameters).keys() == trainer.parameters.keys()
    with pytest.raises(ValueError, match=r"requires shape \(3,\), got \(4,\)"):
        trainer.parameters["output.bias"] = np.zeros(4)
    with pytest.raises(KeyError, match="the parameters are hidden"):
        trainer.parameters["bias"]


# Files --------------------------------------------------------------------------------


def test_save_and_load_go_on_bit_for_bit(make: Any, tmp_path: Path) -> None:
    trainer = make(DROPOUT=0.3)
    trainer.fit(rows(40), epochs=2, batch_size=8, verbose=False)
    trainer.save(tmp_path / "model.npz")
    other = make(seed=8, DROPOUT=0.3)
    other.load(tmp_path / "model.npz")
    assert other.history == trainer.history
    assert other.steps == trainer.steps
    for each in (trainer, other):
        each.step(**rows(8))
    assert same(trainer.parameters, other.parameters)


def test_a_run_is_resumed_from_its_checkpoint(make: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    options = {"batch_size": 8, "verbose": False, "checkpoint": path}
    make().fit(rows(40), epochs=2, **options)
    trainer, whole = make(), make()
    history = trainer.fit(rows(40), epochs=5, resume=True, **options)
    whole.fit(rows(40), epochs=5, batch_size=8, verbose=False)
    assert same(trainer.parameters, whole.parameters)
    assert len(history) == 5
    with pytest.raises(CheckpointError, match="the train data changed"):
        make().fit(rows(41), epochs=9, resume=True, **options)


def test_the_emitted_file_and_the_trainer_share_checkpoints(
    make: Any, tmp_path: Path
) -> None:
    script = make().emit(tmp_path / "train.py")
    np.savez(tmp_path / "train.npz", **rows(40))
    common = ("--data", "train.npz", "--batch-size", 8, "--checkpoint", "run.npz")
    run(script, *common, "--epochs", 2)
    trainer = make()
    options = {"batch_size": 8, "verbose": False, "checkpoint": tmp_path / "run.npz"}
    trainer.fit(rows(40), epochs=4, resume=True, **options)
    run(script, *common, "--epochs", 4, "--resume", "--out", "best.npz")
    with np.load(tmp_path / "best.npz") as best:
        assert same(dict(best), trainer.parameters)


def test_another_models_checkpoint_is_refused(make: Any, tmp_path: Path) -> None:
    trainer = make()
    trainer.save(tmp_path / "model.npz")
    other = make(PARAMETERS={"hidden.weight": ("float32", (16, 9))})
    before = copies(other.parameters)
    for path, difference in (
        ("model.npz", "'hidden.weight' is float32 (16, 9) here and float32 (16, 8)"),
        ("damaged.npz", "damaged.npz is no .npz file"),
    ):
        (tmp_path / "damaged.npz").write_bytes(b"nothing")
        with pytest.raises(CheckpointError) as raised:
            other.load(tmp_path / path)
        assert difference in str(raised.value)
        assert HERE in str(raised.value)
    assert same(other.parameters, before)
    with pytest.raises(FileNotFoundError):
        other.load(tmp_path / "none.npz")


def test_a_file_that_can_not_be_written_is_an_os_error(
    make: Any, tmp_path: Path
) -> None:
    trainer = make()
    for write in (trainer.save, trainer.emit):
        with pytest.raises(FileNotFoundError):
            write(tmp_path / "none" / "file")
    assert list(tmp_path.iterdir()) == []


# Bad input ----------------------------------------------------------------------------


def test_bad_data_names_the_input_and_its_line(make: Any) -> None:
    trainer = make()
    before = copies(trainer.parameters)
    data = rows(10)
    data["y"][4] = 3
    for call in (trainer.fit, trainer.evaluate):
        with pytest.raises(DataError) as raised:
            call(data)
        text = str(raised.value)
        assert "'y' has the value 3 in row 4, which is not in the range 0 to 2" in text
        assert "y: int64 (batch,)" in text
        assert f"{HERE}:{int(str(X.origin.location).rpartition(':')[2]) + 1}" in text
    assert same(trainer.parameters, before)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({"x": rows(4)["x"]}, "input 'y' was not fed"),
        ({**rows(4), "z": 1}, "'z' is not an input of this program; it takes x, y"),
        ({**rows(4), "x": np.full((4, 8), 1e40)}, "float32, got float64 with 1e+40"),
        ({**rows(4), "x": np.ones((4, 7), "f")}, "requires shape"),
        ({**rows(4), "y": rows(3)["y"]}, "has batch = 3"),
        ({**rows(4), "y": np.array([0, 1, 2, -1])}, "labels from 0 to 2, got -1"),
        ({**rows(4), "x": np.full((4, 8), np.nan, "f")}, "must be finite, got nan"),
        ({name: array[:0] for name, array in rows(4).items()}, "'x' is empty"),
    ],
)
def test_a_bad_batch_is_refused_and_changes_nothing(
    make: Any, batch: dict[str, Any], message: str
) -> None:
    trainer = make()
    before = copies(trainer.parameters)
    with pytest.raises(FeedError) as raised:
        trainer.step(**batch)
    assert message in str(raised.value)
    assert same(trainer.parameters, before)
    assert trainer.steps == 0


def test_bad_options_are_refused(make: Any) -> None:
    trainer = make()
    for options in ({"batch_size": 0}, {"epochs": -1}, {"best": "f1"}, {"patience": 0}):
        with pytest.raises(OptionError) as raised:
            trainer.fit(rows(4), verbose=False, **options)
        assert HERE in str(raised.value)
    for seed in (-1, 1.5, True, "0"):
        with pytest.raises(OptionError, match="seed must be an integer"):
            make(seed=seed)


@pytest.mark.parametrize("name", ["loss", "no name", "class", ""])
def test_a_metric_needs_a_name_of_its_own(make: Any, name: str) -> None:
    make()
    with pytest.raises(NamingError) as raised:
        Trainer(X.mean(), gc.optim.SGD(lr=0.1), {name: X.mean()})
    assert HERE in str(raised.value)


def test_a_loss_that_is_not_finite_says_what_to_try(make: Any) -> None:
    trainer = make()
    good = copies(trainer.parameters)
    honest = trainer._module.train_step
    trainer._module.train_step = lambda *_: math.nan
    with pytest.raises(NonFiniteError) as raised:
        trainer.fit(rows(20), epochs=2, batch_size=8, verbose=False)
    text = str(raised.value)
    assert "the loss became nan in epoch 1" in text
    assert "try:  a smaller step size" in text
    assert "cross_entropy" in text
    assert isinstance(raised.value, ArithmeticError)
    assert same(trainer.parameters, good)
    with pytest.raises(NonFiniteError, match="the loss became nan"):
        trainer.step(**rows(4))
    trainer._module.train_step = honest
    assert math.isfinite(trainer.step(**rows(4)))


def test_a_trainer_shows_what_it_is(make: Any) -> None:
    assert "195 parameters, step 0" in repr(make())
    assert "hidden.bias: float32 (16,)" in repr(make().parameters)


@pytest.mark.parametrize("optimizer", ["adam", gc.optim.SGD, None])
def test_what_is_no_optimizer_is_refused(optimizer: Any) -> None:
    loss = gc.sum(gc.parameter("w", (2,)) ** 2)
    with pytest.raises(
        ArgumentError, match=r"a gc\.optim\.Optimizer or a dict"
    ) as raised:
        gc.Trainer(loss, optimizer)
    assert "test_trainer.py:" in str(raised.value)
    hint = "SGD(...)" if optimizer is gc.optim.SGD else None
    assert raised.value.hint == hint


def test_a_loss_that_is_no_node_is_refused() -> None:
    loss: Any = 1.0
    with pytest.raises(DTypeError, match=r"loss must be a node or a dict .*, got 1\.0"):
        gc.Trainer(loss, gc.optim.SGD(lr=0.1))


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_values_that_numpy_refuses_are_said_with_their_node(style: Any) -> None:
    x = gc.input("x", ("n",), "int64")
    w = gc.parameter("w", (), init=1.0)
    powers = 2**x
    trainer = gc.Trainer(gc.mean(w * powers), gc.optim.SGD(0.1), style=style)
    assert trainer.step(x=[0, 1]) == 1.5
    with pytest.raises(FeedError, match="negative integer powers") as caught:
        trainer.step(x=[1, -1])
    assert caught.value.location == str(powers.origin.location)
