"""Ranks: processes that `mpiexec` starts together, and that share each batch by rows.

All read the same data, draw the same numbers and hold the same parameters, so that one
sum of gradients a step is all that they have to tell one another.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import linecache
import os
import signal
import sys
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .model import GRAPH_HASH

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


# Where launchers tell how many processes they started, and which this one is: Open MPI,
# Hydra (MPICH, Intel MPI) and Slurm with PMI-2, MVAPICH, and Slurm with PMIx. A script
# in a batch of Slurm has SLURM_NTASKS, too, though it is one process.
LAUNCHERS = {
    "OMPI_COMM_WORLD_SIZE": "OMPI_COMM_WORLD_RANK",
    "PMI_SIZE": "PMI_RANK",
    "MV2_COMM_WORLD_SIZE": "MV2_COMM_WORLD_RANK",
    "SLURM_STEP_NUM_TASKS": "PMIX_RANK",
}


def launched() -> tuple[int, int]:
    """The number of processes that were started together, and that of this one."""
    told = [
        (int(os.environ[size]), int(os.environ[rank]))
        for size, rank in LAUNCHERS.items()
        if size in os.environ and rank in os.environ
    ]
    # One launcher may have started the other one.
    return max(told, key=lambda pair: pair[0], default=(1, 0))


@functools.cache
def ranks() -> Any:
    """The communicator of all ranks; None for a process by itself."""
    size, rank = launched()
    if size < 2:
        return None
    try:
        mpi = importlib.import_module("mpi4py.MPI")
    except ImportError:
        raise RankError(
            "one of several ranks needs mpi4py, which is not installed: "
            "pip install mpi4py"
        ) from None
    world = mpi.COMM_WORLD
    if (world.size, world.rank) != (size, rank):
        version = mpi.Get_library_version().split(",")[0].split("\n")[0]
        raise RankError(
            f"{size} processes were started together, but mpi4py, with {version}, sees "
            f"{world.size}: start them with the mpiexec of the MPI that mpi4py loads"
        )
    sys.excepthook = end_with_traceback
    # if short
    if threading.current_thread() is threading.main_thread():
        # All ranks end after the same step, see `share_gradients`.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: SIGNALS.append(number))
    # end
    group = world.Dup()
    atexit.register(leave, group, world.Dup())
    return group


def is_first_rank() -> bool:
    """True in the first rank, and in a process by itself."""
    return launched()[1] == 0


def end_if_alone(problem: str | None = None, status: int = 1) -> None:
    """End all ranks where not all fail, and some would wait for this one for ever.

    Args:
        problem: what to tell then; by default the traceback of what is handled.
        status: of the process.
    """
    size, rank = launched()
    if size < 2 or "mpi4py.MPI" not in sys.modules:
        return
    # No message of those that train can meet one in this communicator.
    world = importlib.import_module("mpi4py.MPI").COMM_WORLD
    arrival, start = world.Ibarrier(), time.monotonic()
    while not arrival.Test():
        # One after the other, so that the first one that fails tells.
        if time.monotonic() - start > 5.0 + 0.4 * rank:
            problem = problem or traceback.format_exc().rstrip()
            print(f"rank {rank}: {problem}", file=sys.__stderr__, flush=True)
            time.sleep(0.3)  # A launcher drops what it has not read by the end.
            world.Abort(status)
        time.sleep(0.01)


def end_with_traceback(*error: Any) -> None:
    """Print what nothing has caught, once where all ranks raise it."""
    text = "".join(traceback.format_exception(*error)).rstrip()
    end_if_alone(text)
    if is_first_rank():
        print(text, file=sys.stderr, flush=True)


def leave(group: Any, ends: Any) -> None:
    """Tell ranks that go on, and would wait for this one, that it has ended."""
    if not importlib.import_module("mpi4py.MPI").Is_finalized():
        arrival, start = ends.Ibarrier(), time.monotonic()
        sent: list[Any] = []
        while not arrival.Test():
            if not sent and time.monotonic() - start > 1.0:
                sent = [group.isend(None, other) for other in range(group.size)]
            time.sleep(0.01)


def meet(value: Any) -> list[Any]:
    """The values that all ranks give, in their order."""
    group = ranks()
    if group is None:
        return [value]
    arrival = group.Ibarrier()
    while not arrival.Test():
        if group.Iprobe():
            raise RankError("another rank has ended, which this one waits for")
        time.sleep(0.0)
    return group.allgather(value)


def on_first_rank(function: Callable[..., None]) -> Callable[..., None]:
    """Let the first rank alone run a function, and all raise `OSError` if it fails."""

    @functools.wraps(function)
    def run(*arguments: Any) -> None:
        problem = None
        try:
            if is_first_rank():
                function(*arguments)
        except Exception as error:
            problem = str(error)
            raise
        finally:
            problem = meet(problem)[0]
        if problem is not None:
            raise OSError(problem)

    return run


def check_ranks(facts: dict[str, Any]) -> None:
    """Raise `RankError` where ranks differ in what must be the same in all."""
    if ranks() is None:
        return
    if REPRODUCIBLE and ranks().size > SHARDS:
        raise RankError(
            f"with --reproducible there can be {SHARDS} ranks at most, not "
            f"{ranks().size}: each batch is cut into as many parts"
        )
    text = "".join(linecache.getlines(globals().get("__file__", ""))) or str(__doc__)
    facts = {"version of NumPy": np.__version__, **facts}
    facts = {"graph": GRAPH_HASH, "program": zlib.crc32(text.encode()), **facts}
    for rank, other in enumerate(every := meet(facts)):
        for key, value in every[0].items():
            if other.get(key) != value:
                told = f"{str(other.get(key))[:80]}, and not {str(value)[:80]}"
                raise RankError(f"rank {rank} has another {key} than rank 0: {told}")


# if whole
def check_batch(number: int, batch: Sequence[np.ndarray[Any, Any]]) -> None:
    """Raise `RankError` where ranks take different batches from a stream, or none."""
    if ranks() is None:
        return
    told = [(each.shape, zlib.crc32(each.data)) for each in batch]
    for rank, other in enumerate(every := meet(told)):
        if other != every[0]:
            raise RankError(
                f"rank {rank} has another batch {number} than rank 0, or only one of "
                "them has it: a stream must give the same batches to all ranks"
            )


# end
# end
