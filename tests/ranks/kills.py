"""Runs on ranks that are ended at random moments, in random ways, and resumed.

`make fuzz-ranks` runs them until it is told to stop; `FUZZ_ARGS="--seed 7"` begins with
that one, which was printed before it ran.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.ranks import support

EPOCHS = 30
OPTIONS = ("--data", "train.npz", "--dev", "dev.npz", "--batch-size", "20")
PROGRAMS = {
    f"{style}_{name}.py": (style, include)
    for style in ("fast", "native")
    for name, include in {
        "whole": ["all", "mpi"],
        "short": ["checkpoint", "mpi"],
    }.items()
}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
PATIENCE = 120.0
"""Seconds in which all ranks have to end, on a machine that does other things."""


def emit_programs(folder: Path) -> None:
    """Write the programs, their data, and what they give when nothing disturbs them."""
    np.savez(folder / "train.npz", **support.TRAIN)  # type: ignore[arg-type]
    np.savez(folder / "dev.npz", **support.DEV)  # type: ignore[arg-type]
    for name, (style, include) in PROGRAMS.items():
        support.model().emit(folder / name, style, include=include)
        done = support.run(1, name, *options(name, f"{name}.known.npz"), cwd=folder)
        assert done.returncode == 0, done.stderr


def options(program: str, out: str) -> list[str]:
    """The arguments of a run, whole programs with all checkpoints."""
    often = ["--checkpoint-every", "0"] if "whole" in program else []
    told = [*OPTIONS, "--epochs", str(EPOCHS), "--reproducible", *often]
    return [*told, "--out", out]


def arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    with np.load(path) as file:
        return dict(file)


def is_alive(pid: int) -> bool:
    """Tell whether a process goes on, other than as a zombie."""
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        )
    except OSError:
        return False


def disturb(folder: Path, seed: int) -> str:
    """Start ranks, end them somehow, and hold what is left; returns what was done."""
    choice = random.Random(seed)
    program, count = choice.choice([*PROGRAMS]), choice.randint(2, 4)
    number = choice.choice(SIGNALS)
    target = choice.choice(["one rank", "all ranks", "mpiexec", "disk"])
    out, pids = f"{seed}.npz", folder / f"{seed}.pids"
    pids.mkdir()
    code = (
        "import os, pathlib, runpy, signal, sys\n"
        "from graphc.harness.ranks import launched\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"own = pathlib.Path('{pids.name}', str(launched()[1]))\n"
        "own.write_text(str(os.getpid()))\n"
        f"sys.argv = {[program, *options(program, out)]}\n"
    )
    if target == "disk":
        # A file of more than so many bytes can't be written, as if the disk was full.
        size = choice.randint(0, 20_000)
        code += (
            # An MPI has files of its own, which it makes when it starts.
            "import mpi4py.MPI, resource\n"
            "if launched()[1] == 0:\n"
            "    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            f"    resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
        )
    code += f"runpy.run_path('{program}', run_name='__main__')"
    said = f"{program}, {count} ranks, {target}"
    with support.started(folder, count, "-c", code) as running:
        assert running.stdout is not None
        if target != "disk":
            after = choice.randint(0, EPOCHS - 5)
            lines = itertools.takewhile(lambda line: line, running.stdout)
            for line in lines:
                if after == 0 or line.startswith(f"epoch {after:>3}"):
                    break
            time.sleep(choice.uniform(0.0, 0.3))
            said += f", {number.name} after epoch {after}"
            known = [int(path.read_text()) for path in pids.iterdir()]
            chosen = {"one rank": [choice.choice(known)], "all ranks": known}
            for pid in chosen.get(target, [running.pid]):
                if is_alive(pid):
                    os.kill(pid, number)
        try:
            _, told = running.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{said}: it goes on") from None
        finally:
            known = [int(path.read_text()) for path in pids.iterdir()]
            limit = time.monotonic() + 20.0
            while (left := [*filter(is_alive, known)]) and time.monotonic() < limit:
                time.sleep(0.1)
            for pid in left:
                os.kill(pid, signal.SIGKILL)
    assert not left, f"{said}: ranks are left"
    assert told.count("Traceback") == 0, f"{said}: {told}"
    assert told.count("error: ") <= 1, f"{said}: {told}"
    if target == "disk":
        wrote = (folder / out).exists()
        assert wrote or "File too large" in told, f"{said}: {told}"
    checkpoint = folder / f"{seed}.checkpoint.npz"
    if checkpoint.exists():
        assert "checkpoint/header" in arrays(checkpoint), said
    again = choice.randint(1, 4)
    command = [program, *options(program, out), "--resume"]
    done = support.run(again, *command, cwd=folder)
    assert done.returncode == 0, f"{said}, resumed by {again}: {done.stderr}"
    expected = arrays(folder / f"{program}.known.npz")
    for name, array in arrays(folder / out).items():
        np.testing.assert_array_equal(array, expected[name], f"{said}, {again}: {name}")
    assert not [*folder.glob(f"*{seed}*.tmp")], f"{said}: a file is left"
    return f"{said}, status {running.returncode}, resumed by {again}"


def main() -> None:
    """Disturb runs until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the first run")
    parser.add_argument("--runs", type=int, help="how many; by default without an end")
    given = parser.parse_args()
    if reason := support.missing():
        sys.exit(reason)
    with tempfile.TemporaryDirectory() as name:
        emit_programs(Path(name))
        runs = itertools.count() if given.runs is None else range(given.runs)
        for seed in (given.seed + run for run in runs):
            print(f"seed {seed}:", end=" ", flush=True)
            print(disturb(Path(name), seed), flush=True)


if __name__ == "__main__":
    main()
