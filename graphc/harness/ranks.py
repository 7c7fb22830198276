"""Ranks: processes that `mpiexec` starts together, and that share each batch by rows.

All read the same data, draw the same numbers and hold the same parameters, so that one
sum of gradients a step is all that they have to tell one another.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

# --- imports above, copied into emitted programs below ---

# if mpi
# Ranks --------------------------------------------------------------------------------
#
# `mpiexec -n 4 python ...` starts four processes, the ranks. Each computes gradients of
# its rows of a batch, and all add theirs up. Only the first one prints and writes.

# True to cut every batch into SHARDS parts, so that not a bit depends on the number of
# ranks.
REPRODUCIBLE = False
SHARDS = 12
# if short
SIGNALS: list[int] = []
# end


class RankError(OSError):
    """Ranks that can't work together."""


def launched(what: str) -> int:
    """The "SIZE" of the group that this process was started in, or its "RANK" there."""
    names = (f"PMI_{what}", f"OMPI_COMM_WORLD_{what}")
    return next((int(os.environ[name]) for name in names if name in os.environ), 0)


@functools.cache
def ranks() -> Any:
    """The communicator of all ranks; None for a process by itself."""
    if launched("SIZE") < 2:
        return None
    try:
        mpi = importlib.import_module("mpi4py.MPI")
    except ImportError:
        raise RankError(
            "one of several ranks needs mpi4py, which is not installed: "
            "pip install mpi4py"
        ) from None
    sys.excepthook = end_with_traceback
    # if short
    if threading.current_thread() is threading.main_thread():
        # All ranks end after the same step, see `share_gradients`.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: SIGNALS.append(number))
    # end
    return mpi.COMM_WORLD.Dup()


def is_first_rank() -> bool:
    """True in the first rank, and in a process by itself."""
    return launched("RANK") == 0


def end_if_alone(problem: str, status: int = 1) -> None:
    """End all ranks where not all fail, and some would wait for this one for ever."""
    if launched("SIZE") < 2 or "mpi4py.MPI" not in sys.modules:
        return
    # No message of those that train can meet one in this communicator.
    world = importlib.import_module("mpi4py.MPI").COMM_WORLD
    arrival, start = world.Ibarrier(), time.monotonic()
    while not arrival.Test():
        # One after the other, so that the first one that fails tells.
        if time.monotonic() - start > 5.0 + 0.2 * launched("RANK"):
            print(
                f"rank {launched('RANK')}: {problem}", file=sys.__stderr__, flush=True
            )
            world.Abort(status)
        time.sleep(0.01)


def end_with_traceback(*error: Any) -> None:
    """Print what nothing has caught, once where all ranks raise it."""
    text = "".join(traceback.format_exception(*error)).rstrip()
    end_if_alone(text)
    if is_first_rank():
        print(text, file=sys.stderr, flush=True)


def on_first_rank(function: Callable[..., None]) -> Callable[..., None]:
    """Let the first rank alone run a function, and all raise `OSError` if it fails."""

    def told(problem: str | None) -> str | None:
        return problem if ranks() is None else ranks().bcast(problem)

    @functools.wraps(function)
    def run(*arguments: Any) -> None:
        try:
            if is_first_rank():
                function(*arguments)
        except Exception as error:
            told(str(error))
            raise
        problem = told(None)
        if problem is not None:
            raise OSError(problem)

    return run


def in_any_rank(value: bool) -> bool:
    """True where a value is true in a rank or more."""
    return value if ranks() is None else any(ranks().allgather(value))


def check_ranks(facts: dict[str, Any]) -> None:
    """Raise `RankError` where ranks differ in what must be the same in all."""
    if ranks() is None:
        return
    if REPRODUCIBLE and ranks().size > SHARDS:
        raise RankError(
            f"with --reproducible there can be {SHARDS} ranks at most, not "
            f"{ranks().size}: each batch is cut into as many parts"
        )
    facts = {"program": __doc__, "version of NumPy": np.__version__, **facts}
    for rank, other in enumerate(every := ranks().allgather(facts)):
        for key, value in every[0].items():
            if other.get(key) != value:
                told = f"{str(other.get(key))[:80]}, and not {str(value)[:80]}"
                raise RankError(f"rank {rank} has another {key} than rank 0: {told}")


# end
