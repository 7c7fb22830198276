"""Steps whose sums over ranks take the time of a network, early and late.

    OPENBLAS_NUM_THREADS=1 python -m benchmarks.ranks.overlap

A process by itself stands for each of many ranks that are equally fast. Its sums take
what the formulas of `cost` say, one after the other. Nobody waits for that: the time of
a step is that of the processor, and what it would have waited.
"""

from __future__ import annotations

import importlib
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.training.graphc_peers import emit
from benchmarks.workloads import TIMED

from .cost import ETHERNET, INFINIBAND, Network, best
from .scaling import network_of

STYLES = ("native", "fast")
ROUNDS = 20
WARM_UP = 3


class Wire:
    """The sums of ranks over a network, in the place of a communicator of MPI."""

    rank, size = 0, 1

    def __init__(self, network: Network, ranks: int) -> None:
        self.network, self.ranks = network, ranks
        self.waited = self.busy_until = self.sums = 0.0

    def now(self) -> float:
        """Seconds of the processor, and of waiting."""
        return time.process_time() + self.waited

    def Iallreduce(self, in_place: object, array: Any) -> Request:
        """Start a sum, which begins when the one before it has ended."""
        seconds = best(self.network, self.ranks, array.nbytes)[0]
        self.sums += seconds
        self.busy_until = max(self.busy_until, self.now()) + seconds
        return Request(self, self.busy_until)

    def Allreduce(self, array: Any, total: Any) -> None:
        """Wait for a sum."""
        total[...] = array
        self.Iallreduce(None, total).Wait()


class Request:
    """A sum that goes on."""

    def __init__(self, wire: Wire, end: float) -> None:
        self.wire, self.end = wire, end

    def Test(self) -> bool:
        """True if it has ended."""
        return self.wire.now() >= self.end

    def Wait(self) -> None:
        """Wait for its end."""
        self.wire.waited += max(self.end - self.wire.now(), 0.0)


def step_seconds(
    name: str, style: str, batch: int, network: Network, ranks: int
) -> dict[str, float]:
    """The median seconds of a step with sums at its end, `late`, and with `early` ones.

    `sums` is what the sums of a step take by themselves.
    """
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        module = f"overlap_{style}_{batch}"
        workload = network_of(TIMED[name], batch)
        emit(workload, style, Path(folder) / f"{module}.py", mpi=True)
        program = importlib.import_module(module)
        sys.path.remove(folder)
    data = workload.data()
    parameters = program.init_parameters(seed=0)
    state = program.init_state(parameters)
    share = program.share_gradients
    wire = Wire(network, ranks)
    program.ranks = lambda: wire
    found: dict[str, list[float]] = {"late": [], "early": [], "sums": []}

    def late(*arguments: Any, starts_sums: bool = False) -> Any:
        return share(*arguments)

    for turn in range(WARM_UP + ROUNDS):
        for way in ("late", "early"):
            program.share_gradients = late if way == "late" else share
            sums, start = wire.sums, wire.now()
            pair = data.batches[turn % len(data.batches)]
            program.train_step(parameters, state, *pair)
            if turn >= WARM_UP:
                found[way].append(wire.now() - start)
        if turn >= WARM_UP:
            found["sums"].append(wire.sums - sums)
    return {way: statistics.median(each) for way, each in found.items()}


def table(name: str, ranks: int = 1000) -> str:
    """Milliseconds of steps, as Markdown."""
    lines = [
        "| rows of each rank, network, style | sums | at the end | early |",
        "| --- | --: | --: | --: |",
    ]
    for batch in (128, 512):
        for network in (ETHERNET, INFINIBAND):
            for style in STYLES:
                found = step_seconds(name, style, batch, network, ranks)
                ways = ("sums", "late", "early")
                cells = " | ".join(f"{1e3 * found[way]:.3g} ms" for way in ways)
                lines.append(f"| {batch}, {network.name}, {style} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table("relu-1024"))
