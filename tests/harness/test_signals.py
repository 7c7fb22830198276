"""Signals that ask a run to end: it ends soon, with everything of one moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from tests.harness.support import start
from tests.targets.support import command, load, program, rows, run

STATUS = {signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGINT: 130}


@pytest.fixture(scope="module")
def module() -> Any:
    return load(program(DROPOUT=0.3))


def everything(parameters: Any, state: Any) -> bytes:
    """All that a step changes."""
    arrays = [*parameters.values(), *state["slots"].values()]
    random = repr(state["rng"]["mask"].bit_generator.state).encode()
    return b"".join(array.tobytes() for array in arrays) + random


OPTIONS: dict[str, Any] = {"epochs": 2, "batch_size": 10, "keep_best": False}


def interrupted_at(module: Any, line: int) -> tuple[Any, Any, bool]:
    """Train, and press Ctrl-C at the given line that is run, counted from the start."""
    parameters, state = start(module)
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename != module.fit.__code__.co_filename:
            return None
        count += event == "line"
        if event == "line" and count == line:
            os.kill(os.getpid(), signal.SIGINT)
        return trace

    sys.settrace(trace)
    try:
        module.fit(parameters, state, rows(30), **OPTIONS)
    except KeyboardInterrupt:
        pass  # Before signals were taken over, or after that.
    finally:
        sys.settrace(None)
    return parameters, state, count < line


def test_an_interrupt_at_any_line_leaves_the_state_of_one_moment(module: Any) -> None:
    parameters, state = start(module)
    moments = {0: everything(parameters, state)}

    def note(record: Any) -> None:
        moments[state["step"]] = everything(parameters, state)

    module.fit(parameters, state, rows(30), report=note, **OPTIONS)
    steps: list[int] = []
    for line in range(1, 100_000, 5):
        parameters, state, is_over = interrupted_at(module, line)
        assert everything(parameters, state) == moments[state["step"]], line
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
        steps.append(state["step"])
        if is_over:
            break
    assert sorted(steps) == steps
    assert set(steps) == {0, 3, 6}


TWICE = """
import os, random, signal, threading, time
import numpy as np
import train
data = dict(np.load("data.npz"))
options = {"epochs": 6, "batch_size": 5, "keep_best": False}

def everything():
    arrays = [*parameters.values(), *state["slots"].values()]
    return b"".join(array.tobytes() for array in arrays)

def fit(report=None):
    global parameters, state
    parameters = train.init_parameters(0)
    state = train.init_state(parameters, 0)
    train.fit(parameters, state, data, report=report, **options)

moments = {}
started = time.perf_counter()
fit(lambda record: moments.update({state["step"]: everything()}))
seconds = time.perf_counter() - started
options["epochs"] = 0
fit()
start = everything()
options["epochs"] = 6

def press():
    time.sleep(random.uniform(0, seconds))
    for _ in range(random.randint(2, 4)):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(random.uniform(0, 0.002))
    pressed.set()

for _ in range(25):
    # An interrupted join takes a thread for ended that is not.
    pressed = threading.Event()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    over = False
    try:
        threading.Thread(target=press).start()
        fit()
    except KeyboardInterrupt:
        pass  # It came when `fit` was over, or had not begun.
    while not over:
        try:
            pressed.wait()
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            over = True
        except KeyboardInterrupt:
            pass
    assert everything() == moments.get(state["step"], start), state["step"]
print("whole")
"""


def test_ctrl_c_pressed_again_and_again_leaves_the_state_of_one_moment(
    tmp_path: Path,
) -> None:
    (tmp_path / "train.py").write_text(program())
    np.savez(tmp_path / "data.npz", **rows(500))
    (tmp_path / "twice.py").write_text(TWICE)
    done = subprocess.run(
        [sys.executable, "twice.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == "whole\n", done.stderr


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "train_mlp.py"
    path.write_text(program(DROPOUT=0.2))
    np.savez(tmp_path / "train.npz", **rows(3000))
    np.savez(tmp_path / "dev.npz", **rows(300, 1))
    return path


ARGUMENTS = (
    *("--data", "train.npz", "--dev", "dev.npz", "--epochs", 12, "--batch-size", 10),
)


def stopped(
    script: Path, number: int, *arguments: object, ignored: bool = False
) -> subprocess.Popen[str]:
    """Send a signal to a run after its second epoch, and wait for its end."""

    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    process = subprocess.Popen(
        command(script, *ARGUMENTS, *arguments),
        cwd=script.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=ignore if ignored else None,
    )
    assert process.stdout
    process.stdout.readline()
    process.stdout.readline()
    process.send_signal(number)
    process.communicate(timeout=60)
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_terminated_program_writes_its_best_and_goes_on_bit_for_bit(
    script: Path, number: int
) -> None:
    run(script, *ARGUMENTS, "--out", "whole.npz")
    process = stopped(script, number, "--out", "parts.npz")
    assert process.returncode == STATUS[signal.Signals(number)]
    folder = script.parent
    with np.load(folder / "parts.npz") as parts:
        assert parts.files == list(load(program()).PARAMETERS)
    assert not [name for name in os.listdir(folder) if name.endswith(".tmp")]
    run(script, *ARGUMENTS, "--out", "parts.npz", "--resume")
    with np.load(folder / "whole.npz") as a, np.load(folder / "parts.npz") as b:
        assert all(a[name].tobytes() == b[name].tobytes() for name in a.files)


def test_a_signal_that_is_ignored_stays_so(script: Path) -> None:
    assert stopped(script, signal.SIGHUP, ignored=True).returncode == 0


def test_handlers_of_others_are_left_alone(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def handle(number: int, frame: Any) -> None:
        handled.append(number)

    def report(record: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)

    handled: list[int] = []
    before = {n: signal.signal(n, handle) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        history = module.fit(*start(module), rows(30), report=report, **OPTIONS)
        assert signal.getsignal(signal.SIGTERM) == handle
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert handled == [signal.SIGTERM, signal.SIGINT] * 2
    assert [record["epoch"] for record in history] == [1, 2]


def test_a_run_in_another_thread_takes_no_signals(module: Any) -> None:
    def train() -> None:
        histories.append(module.fit(*start(module), rows(30), **OPTIONS))

    histories: list[Any] = []
    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert [record["epoch"] for record in histories[0]] == [1, 2]
