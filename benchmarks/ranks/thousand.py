"""Tables of what training by many ranks would cost, by formulas and simulation."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.program.early_sums import LARGE_SUM, MOST_SUMS

from . import simulation
from .cost import ETHERNET, INFINIBAND, Network, Step, best, pays_from

Times = np.ndarray[Any, Any]

SIZES = (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
ROWS = 128
# Ranks are late by up to some percent of their step: one standard deviation.
JITTER = 0.05


def computed(step: Step, ranks: int, *, seed: int = 0) -> list[tuple[float, Times]]:
    """Bytes of equal layers, and when each rank has their gradients; some are late.

    There are as many layers as a program starts sums for.
    """
    count = min(max(step.size // LARGE_SUM, 1), MOST_SUMS)
    rng = np.random.default_rng(seed)
    pace = 1 + JITTER * np.abs(rng.standard_normal(ranks))
    ends = [(i + 1) / count for i in range(count)]
    times = [pace * (step.forward + end * step.backward) for end in ends]
    return [(step.size / count, time) for time in times]


def simulated(network: Network, ranks: int, step: Step, *, overlap: bool) -> float:
    """Weak efficiency of a simulated step of ranks that are not equally fast."""
    layers = computed(step, ranks)
    if not overlap:
        layers = [(float(step.size), layers[-1][1])]
    algorithm = best(network, ranks, layers[0][0])[1]
    return step.seconds(network, 1) / simulation.step(network, algorithm, layers).max()


def table(network: Network, ranks: int) -> str:
    """Costs and efficiencies by the number of parameters, as Markdown."""
    lines = [
        "| parameters | sum, ms | algorithm | efficiency | overlapped "
        "| simulated | simulated, overlapped |",
        "| --: | --: | --- | --: | --: | --: | --: |",
    ]
    for parameters in SIZES:
        step = Step(parameters, ROWS)
        seconds, name = best(network, ranks, step.size)
        efficiencies = (
            step.weak_efficiency(network, ranks),
            step.weak_efficiency(network, ranks, overlap=True),
            simulated(network, ranks, step, overlap=False),
            simulated(network, ranks, step, overlap=True),
        )
        cells = " | ".join(f"{value:.2f}" for value in efficiencies)
        lines.append(f"| {parameters:,} | {1e3 * seconds:.3g} | {name} | {cells} |")
    return "\n".join(lines)


def sizes_that_pay(ranks: int) -> str:
    """The smallest models of which half of the time is computing, as Markdown."""
    lines = [
        "| rows of each rank | " + f"{ETHERNET.name} | {INFINIBAND.name} |",
        "| --: | --: | --: |",
    ]
    for rows in (8, 32, 128, 512):
        sizes = [pays_from(network, ranks, rows) for network in (ETHERNET, INFINIBAND)]
        cells = [f"{size:,}" if size is not None else "none" for size in sizes]
        lines.append(f"| {rows} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page(ranks: int = 1000) -> str:
    """All tables, as Markdown."""
    parts = [
        f"{network.name}, {ranks:,} ranks, {ROWS} rows each:\n\n{table(network, ranks)}"
        for network in (ETHERNET, INFINIBAND)
    ]
    return "\n\n".join([*parts, sizes_that_pay(ranks)])


if __name__ == "__main__":
    print(page())
