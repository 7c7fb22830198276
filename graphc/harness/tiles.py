"""Elementwise kernels run on tiles that fit in cache, by threads where that pays."""

from __future__ import annotations

import contextvars
import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from threading import Thread, get_ident
from typing import Any

import numpy as np

from .arrays import empty_aligned
from .cores import count_cores
from .model import THREADS, TILE

# --- imports above, copied into emitted programs below ---


def run_in_tiles(
    kernel: Callable[..., Any],
    arrays: Sequence[np.ndarray[Any, Any]],
    others: Sequence[Any],
    scratch: tuple[Any, ...],
) -> None:
    """Call a kernel on some rows at a time, of at most `TILE` numbers.

    Args:
        kernel: takes rows of `arrays`, then `others`, then arrays to work in.
        arrays: with the same first axis. The first is as large as any.
        others: the same for all rows.
        scratch: the dtypes of the arrays to work in.

    From four tiles on, threads share them, since NumPy runs without Python's lock.
    What is computed is the same, bit for bit, with any number of threads.
    """
    whole = arrays[0]
    rows = max(1, TILE * len(whole) // max(1, whole.size))
    if rows >= len(whole):
        kernel(*arrays, *others, *tile_scratch(whole.shape, scratch, get_ident())[0])
        return
    rooms = tile_scratch((rows, *whole.shape[1:]), scratch, get_ident())
    starts = range(0, len(whole), rows)

    def work(thread: int, threads: int) -> None:
        for start in starts[thread::threads]:
            tiles = [array[start : start + rows] for array in arrays]
            room = [array[: len(tiles[0])] for array in rooms[thread]]
            kernel(*tiles, *others, *room)

    threads = min(THREADS or count_cores(), len(starts) // 2)
    if threads < 2 or not has_threads():
        work(0, 1)
        return
    # A thread has settings of its own for floating-point errors, unless they are given.
    started = [
        thread_pool(threads, os.getpid()).submit(
            contextvars.copy_context().run, work, thread, threads
        )
        for thread in range(1, threads)
    ]
    try:
        work(0, threads)
    finally:
        # All have to end, even after an error: the next call writes to their arrays.
        errors = [future.exception() for future in started]
    for error in filter(None, errors):
        raise error


@lru_cache(maxsize=32)
def tile_scratch(
    shape: tuple[int, ...], dtypes: tuple[Any, ...], caller: int
) -> Mapping[int, list[np.ndarray[Any, Any]]]:
    """Allocate the arrays to work on tiles of a shape in, for each thread that helps.

    Each caller, which may itself be a thread, has arrays of its own.
    """
    return defaultdict(lambda: [empty_aligned(shape, dtype) for dtype in dtypes])


@cache
def thread_pool(threads: int, process: int) -> Any:
    """Threads that wait for work; a forked process has to start its own."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(threads - 1)


@cache
def has_threads() -> bool:
    """True if a thread can be started; in a browser none can."""
    try:
        Thread(target=bool).start()
    except RuntimeError:
        return False
    return True
