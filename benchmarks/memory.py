"""How much memory a training step takes, in a process for each peer.

What is measured is the growth of the resident set, from when the peer's libraries are
imported and the data is there, to the largest that it has been after STEPS steps. This
counts parameters, gradients, the optimizer's state, all intermediate values, and what a
compiler needs. The second number is that of the following STEPS steps only, when all
compilation is over.

Linux keeps the largest resident set of a process in /proc/self/status, as VmHWM, and
forgets it when 5 is written to /proc/self/clear_refs.
"""

from __future__ import annotations

import ctypes
import dataclasses
import gc
import json
from pathlib import Path

import click

from .harness import load
from .training.graphc_peers import emitted_module
from .training.network import Training
from .workloads import EXTRA_TRAINING, TRAINING

STEPS = 20
WORKLOADS = {workload.name: workload for workload in (*TRAINING, *EXTRA_TRAINING)}


def resident(field: str) -> int:
    """A field of /proc/self/status, in bytes: VmRSS now, VmHWM at most."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.removesuffix(" kB")) * 1024
    raise OSError(f"the system does not tell {field}")


def forget_peak() -> None:
    """Let VmHWM start again from what is resident now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def return_free_memory() -> None:
    """Give back what importing and making data has freed: else it is used unseen."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def measure(workload: Training, peer: str) -> tuple[int, int]:
    """Bytes by which a peer grows: at most, and at most once it is warm."""
    build = load(workload.peers[peer])
    if peer.startswith("graphc-"):
        # The library of this peer is the program that was emitted.
        emitted_module(workload, peer.removeprefix("graphc-"))
    data = workload.data()
    # Peers that copy the batches into arrays of their own should not pay for many.
    data = dataclasses.replace(data, batches=data.batches[:2])
    return_free_memory()
    before = resident("VmRSS")
    forget_peak()
    trained = build(workload, data)
    for index in range(STEPS):
        trained.step(index)
    at_most = resident("VmHWM") - before
    forget_peak()
    for index in range(STEPS, 2 * STEPS):
        trained.step(index)
    return at_most, resident("VmHWM") - before


@click.command()
@click.argument("workload", type=click.Choice(list(WORKLOADS)))
@click.argument("peer")
def main(workload: str, peer: str) -> None:
    """Measure one peer and print its bytes as JSON."""
    print(json.dumps(measure(WORKLOADS[workload], peer)))


if __name__ == "__main__":
    main()
