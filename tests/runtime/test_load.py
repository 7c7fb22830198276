"""Emitted text as a module that runs: warnings of NumPy, and threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from graphc.runtime.load import Program, silently


def test_numpy_does_not_warn() -> None:
    before = np.geterr()
    assert silently(np.log, np.zeros(2), dtype="float32").tolist() == [-np.inf] * 2
    assert np.geterr() == before
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        np.log(np.zeros(2))


def test_silence_may_be_nested_and_shared_by_threads() -> None:
    barrier = threading.Barrier(2)
    results: list[float] = []

    def run() -> None:
        barrier.wait(timeout=60)
        results.append(silently(np.log, np.float64(0.0)))

    threads = [threading.Thread(target=silently, args=(run,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [-np.inf] * 2


def test_errors_of_the_program_are_raised_as_they_are() -> None:
    program = Program("def run(*, x):\n    return 1 / x\n", {})
    assert program.call("run", x=2) == 0.5
    with pytest.raises(ZeroDivisionError):
        program.call("run", x=0)
