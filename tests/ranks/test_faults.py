"""Ranks that fail, alone or together: one error, a whole checkpoint, and a way on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.ranks import support
from tests.ranks.test_ranks import needs_ranks

OPTIONS = ("--data", "train.npz", "--dev", "dev.npz", "--batch-size", 20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a program and its data."""
    path = tmp_path_factory.mktemp("faults")
    support.model().emit(path / "train.py", "fast", include=["checkpoint", "mpi"])
    support.model().emit(path / "alone.py", "fast", include=["checkpoint"])
    support.model().emit(path / "whole.py", "fast", include=["all", "mpi"])
    np.savez(path / "train.npz", **support.TRAIN)  # type: ignore[arg-type]
    np.savez(path / "dev.npz", **support.DEV)  # type: ignore[arg-type]
    np.savez(path / "other.npz", **support.rows(101, 2))  # type: ignore[arg-type]
    return path


def arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    with np.load(path) as file:
        return dict(file)


def alone(folder: Path, *arguments: object) -> None:
    """Run a program where mpi4py can't be imported."""
    (folder / "mpi4py.py").write_text("raise ImportError")
    environ = {**os.environ, "PYTHONPATH": str(folder)}
    told = [sys.executable, *map(str, arguments)]
    subprocess.run(told, cwd=folder, env=environ, check=True, capture_output=True)
    (folder / "mpi4py.py").unlink()


def test_one_process_needs_no_mpi(folder: Path) -> None:
    for program in ("train", "alone"):
        out = ("--epochs", 2, "--out", f"{program}_out.npz")
        alone(folder, f"{program}.py", *OPTIONS, *out)
    first, second = arrays(folder / "train_out.npz"), arrays(folder / "alone_out.npz")
    for name, array in first.items():
        np.testing.assert_array_equal(second[name], array)
    again = (*OPTIONS, "--epochs", 2, "--out", "again.npz", "--reproducible")
    alone(folder, "train.py", *again)
    for name, array in arrays(folder / "again.npz").items():
        np.testing.assert_allclose(array, first[name], 1e-12, 1e-12)


def run(folder: Path, count: int, *arguments: object) -> tuple[int, str, str]:
    needs_ranks()
    done = support.run(count, *arguments, cwd=folder)
    return done.returncode, done.stdout, done.stderr


def run_with(folder: Path, program: str, rank: int, data: str) -> tuple[int, str, str]:
    """Run a program on three ranks, one of which has other data."""
    code = (
        "import runpy, sys; from graphc.harness.ranks import launched; "
        f"sys.argv = ['{program}', '--data', "
        f"'{data}' if launched()[1] == {rank} else 'train.npz']; "
        f"runpy.run_path('{program}', run_name='__main__')"
    )
    return run(folder, 3, "-c", code)


PROGRAMS = pytest.mark.parametrize("program", ["train.py", "whole.py"])


@pytest.mark.slow
@pytest.mark.mpi
@PROGRAMS
def test_a_loss_that_is_not_finite_is_told_once(program: str, folder: Path) -> None:
    lr = ("--epochs", 3, "--lr", "1e200")
    status, _, told = run(folder, 3, program, *OPTIONS, *lr)
    assert status == 1
    assert told.count("the loss became") == 1
    assert "of all" in told or program == "train.py"


@pytest.mark.slow
@pytest.mark.mpi
@PROGRAMS
def test_unequal_data_is_refused(program: str, folder: Path) -> None:
    status, _, told = run_with(folder, program, 1, "other.npz")
    assert status == 2
    assert told.count("rank 1 has another train data than rank 0") == 1


@pytest.mark.slow
@pytest.mark.mpi
@PROGRAMS
def test_a_copy_of_the_program_that_was_edited_is_refused(
    program: str, folder: Path, tmp_path: Path
) -> None:
    text = (folder / program).read_text()
    edited = text.replace("total += loss * ", "total += loss + 0 * ")
    assert edited != text
    code = (
        "import runpy, sys; from graphc.harness.ranks import launched; "
        "name = f'{launched()[1]}.py'; "
        f"sys.argv = [name, '--data', {str(folder / 'train.npz')!r}]; "
        "runpy.run_path(name, run_name='__main__')"
    )
    for rank in range(3):
        (tmp_path / f"{rank}.py").write_text(edited if rank == 2 else text)
    status, _, told = run(tmp_path, 3, "-c", code)
    assert status == 2
    assert told.count("rank 2 has another program than rank 0") == 1
    (tmp_path / "2.py").write_text(text)
    status, _, told = run(tmp_path, 3, "-c", code)
    assert status == 0, told


@pytest.mark.slow
@pytest.mark.mpi
def test_a_script_with_another_graph_is_refused(folder: Path) -> None:
    code = (
        "import graphc as gc\n"
        "from graphc.harness.ranks import launched\n"
        "x = gc.input('x', ('batch', 8), 'float64')\n"
        "w = gc.parameter('w', (8,), gc.init.ones())\n"
        "factor = 2.0 if launched()[1] == 1 else 1.0\n"
        "trainer = gc.Trainer(factor * gc.mean((x @ w) ** 2), gc.optim.SGD(0.1))\n"
        "import numpy as np\n"
        "trainer.fit({'x': np.ones((9, 8))}, epochs=1, verbose=False)\n"
    )
    status, _, told = run(folder, 2, "-c", code)
    assert status != 0
    assert told.count("rank 1 has another graph than rank 0") == 1


@pytest.mark.slow
@pytest.mark.mpi
@pytest.mark.parametrize("fault", ["other", "fewer"])
def test_streams_that_differ_are_refused(fault: str, folder: Path) -> None:
    code = (
        "from graphc.harness.ranks import launched\n"
        "from tests.ranks.support import TRAIN, model\n"
        f"rank, fault = launched()[1], {fault!r}\n"
        "def batches():\n"
        "    for n in range(2 if rank == 2 and fault == 'fewer' else 4):\n"
        "        rows = slice(20 * n, 20 * n + 20)\n"
        "        batch = {k: a[rows].copy() for k, a in TRAIN.items()}\n"
        "        if (rank, fault, n) == (2, 'other', 2): batch['x'][-1, -1] += 1\n"
        "        yield batch\n"
        "trainer = model()\n"
        "try:\n"
        "    trainer.fit(batches, epochs=2, verbose=False)\n"
        "except OSError as error:\n"
        "    assert trainer.steps == 0, trainer.steps\n"
        "    raise\n"
    )
    status, _, told = run(folder, 3, "-c", code)
    assert status != 0
    assert told.count("rank 2 has another batch 3 than rank 0") == 1


@pytest.mark.slow
@pytest.mark.mpi
@PROGRAMS
def test_one_rank_that_fails_ends_all(program: str, folder: Path) -> None:
    status, _, told = run_with(folder, program, 2, "none.npz")
    assert status != 0
    assert "rank 2: error: [Errno 2] No such file or directory: 'none.npz'" in told


SCRIPT = """
import sys
from graphc.harness.ranks import is_first_rank
from tests.ranks.support import TRAIN, model

def end(what):
    if what == "raise":
        raise ValueError("wrong")
    sys.exit(0)

def after(record):
    if where == "within" and not is_first_rank():
        end(what)

what, where = sys.argv[1:]
trainer = model()
if where == "everywhere" or where == "before" and not is_first_rank():
    end(what)
trainer.fit(TRAIN, epochs=2, batch_size=20, callbacks=[after])
if where == "between" and not is_first_rank():
    end(what)
trainer.evaluate(TRAIN)
"""


@pytest.mark.slow
@pytest.mark.mpi
@pytest.mark.parametrize("where", ["everywhere", "before", "within", "between"])
def test_an_exception_in_a_script_is_told_once(where: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    status, _, told = run(tmp_path, 2, "script.py", "raise", where)
    assert status != 0
    assert told.count("ValueError: wrong") == 1


@pytest.mark.slow
@pytest.mark.mpi
@pytest.mark.parametrize("where", ["everywhere", "before", "within", "between"])
def test_nobody_waits_for_a_rank_that_has_ended(where: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    status, _, told = run(tmp_path, 2, "script.py", "exit", where)
    assert (status == 0) == (where == "everywhere")
    reason = "SystemExit: 0" if where == "within" else "another rank has ended"
    assert told.count(reason) == (where != "everywhere")


@pytest.mark.slow
@pytest.mark.mpi
@PROGRAMS
def test_a_full_disk_is_an_error_in_all(program: str, folder: Path) -> None:
    out = ("--out", f"full_{program}.npz", "--checkpoint-every", 0)
    out = out if program == "whole.py" else out[:2]
    given = [*map(str, (*OPTIONS, *out))]
    assert run(folder, 2, program, *given, "--epochs", 1)[0] == 0
    before = (folder / f"full_{program}.checkpoint.npz").read_bytes()
    code = (
        "import errno, os, runpy, sys\n"
        "def fail(number): raise OSError(errno.ENOSPC, 'No space left on device')\n"
        "os.fsync = fail\n"
        f"sys.argv = {[program, *given, '--resume', '--epochs', '3']}\n"
        f"runpy.run_path('{program}', run_name='__main__')"
    )
    status, _, told = run(folder, 3, "-c", code)
    assert status == 2
    assert told.count("No space left on device") == 1
    assert (folder / f"full_{program}.checkpoint.npz").read_bytes() == before
    assert run(folder, 3, program, *given, "--resume", "--epochs", 2)[0] == 0


@pytest.mark.slow
@pytest.mark.mpi
@PROGRAMS
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_rank_that_is_ended_can_be_resumed(
    program: str, number: signal.Signals, folder: Path
) -> None:
    needs_ranks()
    name = f"{program[:5]}_{number.name}"
    given = (*OPTIONS, "--out", f"{name}.npz", "--reproducible")
    pids = folder / name
    pids.mkdir()
    code = (
        "import os, pathlib, runpy, sys; from graphc.harness.ranks import launched; "
        f"pathlib.Path('{name}', str(launched()[1])).write_text(str(os.getpid())); "
        f"sys.argv = {[program, *map(str, given), '--epochs', '3000']}; "
        f"runpy.run_path('{program}', run_name='__main__')"
    )
    with support.started(folder, 3, "-c", code) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if line.startswith("epoch   3"):
                break
        time.sleep(np.random.default_rng(number).uniform(0.0, 0.3))
        os.kill(int((pids / "1").read_text()), number)
        rest, told = running.communicate(timeout=120)
    assert running.returncode != 0
    if number != signal.SIGKILL:
        assert told.count("interrupted") + rest.count("interrupted") <= 1
    checkpoint = arrays(folder / f"{name}.checkpoint.npz")
    header = bytes(checkpoint["checkpoint/header"])
    done = int(header.split(b'"epoch": ')[1].split(b",")[0])
    ended = ("--epochs", done + 2)
    assert run(folder, 2, program, *given, *ended, "--resume")[0] == 0
    unbroken = (*given[:-3], "--out", f"{name}_unbroken.npz", "--reproducible")
    assert run(folder, 1, program, *unbroken, *ended)[0] == 0
    expected = arrays(folder / f"{name}_unbroken.npz")
    for key, array in arrays(folder / f"{name}.npz").items():
        np.testing.assert_array_equal(array, expected[key])
