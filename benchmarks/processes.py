"""The measuring processes: what each is told, and what it hands back.

Every measurement has a process of its own, for libraries read the number of their
threads when they are imported, and a crash should not take others' results with it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .environment import cores, thread_environment

ROOT = Path(__file__).absolute().parents[1]
BUILD = ROOT / "build" / "benchmarks"
# Seconds after which a process is given up.
LIMIT = 600.0


class Failed(Exception):
    """A measuring process broke; the message is its last word."""


def caches(folder: Path) -> Mapping[str, str]:
    """The environment in which peers keep compiled code in a folder."""
    return {
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "torch"),
        "PYTENSOR_FLAGS": f"base_compiledir={folder / 'pytensor'}",
    }


def run_module(
    module: str,
    arguments: Sequence[str],
    *,
    threads: int | None = None,
    cache: Path = BUILD / "cache",
    limit: float = LIMIT,
) -> str:
    """Run a module of this package in a new process and return what it prints.

    Args:
        module: its name in the package.
        arguments: of its command line.
        threads: that libraries may use; None for one for each core.
        cache: where peers keep compiled code.
        limit: seconds that it may take.

    Raises:
        Failed: it ended with an error.
        TimeoutError: it took too long.
    """
    environment = {
        **os.environ,
        **thread_environment(threads or cores()),
        **caches(cache),
        "PYTHONWARNINGS": "ignore",
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"{__package__}.{module}", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=limit,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"over {limit:g} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise Failed(lines[-1])
    return done.stdout


def timed(
    name: str, peers: Sequence[str], threads: int, rounds: int, block: float
) -> dict[str, Any]:
    """The outcome of one timed workload, as `harness.Outcome` has it."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "outcome.json"
        arguments = [name, "--out", str(out)]
        arguments += ["--rounds", str(rounds), "--block", str(block)]
        arguments += ["--cores", str(threads)]
        for peer in peers:
            arguments += ["--peer", peer]
        try:
            run_module("worker", arguments, threads=threads)
        except (Failed, TimeoutError) as error:
            notes = dict.fromkeys(peers, f"the whole process broke: {error}")
            return {"timings": {}, "notes": notes, "denormals": {}}
        return json.loads(out.read_text(encoding="utf-8"))


def first_calls(
    peers: Sequence[str], lengths: Sequence[int], repeats: int, limit: float
) -> dict[str, dict[str, float | str]]:
    """By peer and length of the chain: seconds, or why there are none."""
    results: dict[str, dict[str, float | str]] = {}
    for peer in peers:
        cells = results[peer] = {}
        for length in lengths:
            arguments = [peer, str(length), "--repeats", str(repeats)]
            with tempfile.TemporaryDirectory() as folder:
                try:
                    printed = run_module(
                        "first_call", arguments, cache=Path(folder), limit=limit
                    )
                except TimeoutError as error:
                    # Longer chains only take longer.
                    cells.update({str(n): str(error) for n in lengths if n >= length})
                    break
                except Failed as error:
                    cells[str(length)] = str(error)
                else:
                    cells[str(length)] = json.loads(printed)
    return results


def memory(workload: str, peers: Sequence[str]) -> dict[str, list[int] | str]:
    """By peer: bytes at most, and once warm; or why there are none."""
    results: dict[str, list[int] | str] = {}
    for peer in peers:
        try:
            printed = run_module("memory", [workload, peer], threads=1)
        except (Failed, TimeoutError) as error:
            results[peer] = str(error)
        else:
            results[peer] = json.loads(printed)
    return results
