"""Formulas for the time of a sum over ranks, and for the step of which it is a part.

A message of `n` bytes takes `latency + n / bandwidth` seconds, and adding two arrays
of `n` bytes `n / adding`. A rank sends and receives at the same time, one message each,
and ranks do not get in each other's way in between. Formulas are those of R. Thakur,
R. Rabenseifner and W. Gropp, "Optimization of collective communication operations in
MPICH", 2005; those of a number of ranks that is not a power of two are upper bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Network:
    """What connects ranks: seconds, and bytes per second."""

    name: str
    latency: float
    bandwidth: float
    adding: float = 8e9

    def message(self, size: float) -> float:
        """Seconds from the start of sending so many bytes to their arrival."""
        return self.latency + size / self.bandwidth


ETHERNET = Network("10 Gbit Ethernet", 25e-6, 1.1e9)
INFINIBAND = Network("100 Gbit InfiniBand", 1.5e-6, 12e9)


def rounds(ranks: int) -> int:
    """The number of rounds in which a number known to one can be known to all."""
    return (ranks - 1).bit_length()


def tree(network: Network, ranks: int, size: float) -> float:
    """Seconds of a sum up a binomial tree and its way back down."""
    return rounds(ranks) * (2 * network.message(size) + size / network.adding)


def ring(network: Network, ranks: int, size: float) -> float:
    """Seconds of a sum in which each rank passes on a part of the array to the next."""
    part = size / ranks
    each = network.message(part)
    return (ranks - 1) * (2 * each + part / network.adding)


def halving(network: Network, ranks: int, size: float) -> float:
    """Seconds of Rabenseifner's sum: halves, quarters, …, and the same back.

    Ranks beyond the last power of two first give their array to a neighbour, and get
    the sum at the end.
    """
    power = 1 << (ranks.bit_length() - 1)
    share = size * (power - 1) / power
    seconds = 2 * rounds(power) * network.latency
    seconds += 2 * share / network.bandwidth + share / network.adding
    if power < ranks:
        seconds += 2 * network.message(size) + size / network.adding
    return seconds


Cost = Callable[[Network, int, float], float]
ALGORITHMS: dict[str, Cost] = {"tree": tree, "ring": ring, "halving": halving}


def best(network: Network, ranks: int, size: float) -> tuple[float, str]:
    """Seconds of the fastest sum, and its name."""
    return min((cost(network, ranks, size), name) for name, cost in ALGORITHMS.items())


@dataclass(frozen=True)
class Step:
    """A training step of dense layers: float32 parameters, and rows of each rank.

    Each row costs two operations for each parameter forward and four backward.
    """

    parameters: int
    rows: float
    operations: float = 50e9

    @property
    def size(self) -> int:
        """The bytes of the gradients."""
        return 4 * self.parameters

    @property
    def forward(self) -> float:
        """Seconds of the forward pass."""
        return 2 * self.parameters * self.rows / self.operations

    @property
    def backward(self) -> float:
        """Seconds of the backward pass."""
        return 2 * self.forward

    def seconds(self, network: Network, ranks: int, *, overlap: bool = False) -> float:
        """Seconds of a step of each of so many ranks.

        With `overlap`, what is sent while the backward pass goes on costs no time: all
        of the sum but the part of the layer that is done last, and no more than the
        time that there is.
        """
        total = best(network, ranks, self.size)[0] if ranks > 1 else 0.0
        if overlap:
            total = max(total - self.backward, 0.0)
        return self.forward + self.backward + total

    def weak_efficiency(self, network: Network, ranks: int, **options: bool) -> float:
        """The part of a step that is not spent on waiting, with rows for each rank."""
        return self.seconds(network, 1) / self.seconds(network, ranks, **options)

    def speedup(self, network: Network, ranks: int, **options: bool) -> float:
        """How much faster than one rank so many are on the rows of this step."""
        share = Step(self.parameters, self.rows / ranks, self.operations)
        return self.seconds(network, 1) / share.seconds(network, ranks, **options)


def pays_from(
    network: Network, ranks: int, rows: float, efficiency: float = 0.5
) -> int | None:
    """The smallest number of parameters from which ranks reach this weak efficiency.

    None where none does: sending gradients then takes longer than computing them,
    however large the model is.
    """
    low, high = 1, 10**12
    if Step(high, rows).weak_efficiency(network, ranks) < efficiency:
        return None
    while low < high:
        middle = (low + high) // 2
        if Step(middle, rows).weak_efficiency(network, ranks) < efficiency:
            low = middle + 1
        else:
            high = middle
    return low
