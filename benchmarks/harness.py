"""How a workload is measured: checked first, then timed with its peers taking turns.

On a shared machine two runs a minute apart differ by more than two good programs do. So
all peers of a workload live in one process and are timed in short blocks, in another
order each round: what disturbs one disturbs all, and the median over rounds forgets it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

# Rounds end after so many seconds, when there have been so many.
PATIENCE = 20.0
FEWEST_ROUNDS = 5


class Unavailable(Exception):
    """A peer can't run this workload here; the message says why."""


class WrongResult(Exception):
    """A peer computes something else than the reference; the message says what."""


class Peer(Protocol):
    """One implementation of a workload."""

    def reset(self) -> None:
        """Go back to the initial values."""

    def step(self, index: int) -> Any:
        """Do the work once, with batch `index` of the ring; return when it is done."""


class Workload(Protocol):
    """What is computed, by whom, and how it is checked."""

    @property
    def name(self) -> str:
        """A short name for the command line."""

    @property
    def title(self) -> str:
        """What a reader of the results is told."""

    @property
    def peers(self) -> Mapping[str, str]:
        """The builder of each peer, as `module:function`.

        Called with the workload and its data, it returns a `Peer`.
        """

    def data(self) -> Any:
        """The initial values and inputs, the same for all peers."""

    def check(self, peer: Any, data: Any) -> None:
        """Raise `WrongResult` where a peer differs from the reference."""


@dataclass
class Timing:
    """The measurements of one peer.

    Attributes:
        seconds: of a step, the mean of each round's block.
        cores: processor time over elapsed time, of each round's block.
        build: seconds that building took, with compilation and the first step.
    """

    seconds: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)
    build: float = 0.0


@dataclass
class Outcome:
    """The measurements of one workload.

    Attributes:
        timings: by peer, in the order of the workload's peers.
        notes: by peer that was not timed: why.
        denormals: of peers that tell, how many of the numbers that they keep from step
            to step are denormal after the last block, and how many there are.
    """

    timings: dict[str, Timing] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    denormals: dict[str, tuple[int, int]] = field(default_factory=dict)


def load(builder: str) -> Any:
    """The function that `module:function` names."""
    module, name = builder.split(":")
    return getattr(importlib.import_module(module), name)


def measure(
    workload: Workload,
    names: Sequence[str],
    rounds: int,
    block: float,
    seed: int = 0,
) -> Outcome:
    """Build, check and time peers of a workload.

    Args:
        workload: what to measure.
        names: the peers, of those that the workload has.
        rounds: how often each peer has its turn; fewer where that takes long.
        block: seconds that a turn takes, at least one step.
        seed: of the orders in which peers have their turns.
    """
    outcome = Outcome()
    data = workload.data()
    peers: dict[str, Peer] = {}
    for name in names:
        timing = Timing()
        start = time.perf_counter()
        # Whatever goes wrong inside a framework is a result, not the end of the run.
        try:
            peer = load(workload.peers[name])(workload, data)
            peer.step(0)
            timing.build = time.perf_counter() - start
            # The floor computes nothing that could be compared.
            if name != "floor":
                workload.check(peer, data)
        except ModuleNotFoundError as error:
            outcome.notes[name] = f"not installed: {error}"
        except Unavailable as error:
            outcome.notes[name] = str(error)
        except WrongResult as error:
            outcome.notes[name] = f"wrong, so not timed: {error}"
        except Exception as error:
            first_line = (str(error).strip().splitlines() or [""])[0]
            outcome.notes[name] = f"failed: {type(error).__name__}: {first_line}"
        else:
            peers[name] = peer
            outcome.timings[name] = timing
    with _without_collector():
        steps = {name: _steps(peer, block) for name, peer in peers.items()}
        order = list(peers)
        shuffle = random.Random(seed).shuffle
        start = time.perf_counter()
        for done in range(rounds):
            # Where steps take long, fewer rounds have to do.
            if done >= FEWEST_ROUNDS and time.perf_counter() - start > PATIENCE:
                break
            shuffle(order)
            for name in order:
                _time_block(peers[name], steps[name], outcome.timings[name])
    for name, peer in peers.items():
        if hasattr(peer, "kept"):
            outcome.denormals[name] = count_denormals(peer.kept())
    return outcome


def count_denormals(arrays: Sequence[Any]) -> tuple[int, int]:
    """How many numbers of float arrays are denormal, and how many there are."""
    import numpy as np

    denormal = total = 0
    for array in arrays:
        magnitude = np.abs(array)
        tiny = np.finfo(array.dtype).tiny
        denormal += int(np.count_nonzero((magnitude > 0) & (magnitude < tiny)))
        total += array.size
    return denormal, total


@contextlib.contextmanager
def _without_collector() -> Any:
    """Keep the garbage collector from running inside somebody's block."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def _steps(peer: Peer, block: float) -> int:
    """How many steps fill a block."""
    peer.reset()
    count = 1
    while True:
        start = time.perf_counter()
        for index in range(count):
            peer.step(index)
        seconds = time.perf_counter() - start
        if seconds >= block / 4:
            return max(1, round(block * count / seconds))
        count *= 2


def _time_block(peer: Peer, steps: int, timing: Timing) -> None:
    """Append one block to a peer's measurements.

    Each block starts from the initial values, so that all blocks do the same work, and
    with some steps that don't count: caches are cold after other peers' turns, and
    other frameworks' threads may still be spinning.
    """
    peer.reset()
    untimed = max(1, steps // 4)
    for index in range(untimed):
        peer.step(index)
    processor = time.process_time()
    start = time.perf_counter()
    for index in range(untimed, untimed + steps):
        peer.step(index)
    elapsed = time.perf_counter() - start
    timing.seconds.append(elapsed / steps)
    timing.cores.append((time.process_time() - processor) / elapsed)
