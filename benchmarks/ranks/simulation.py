"""Simulated sums over ranks: each message by itself, with ranks that start unequally.

Times are arrays with a number for each rank. A round of messages moves each rank's time
to the end of what it sends and receives in it, so that a late rank delays those that
wait for it, those that wait for them, and nobody else.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .cost import Network, rounds

Times = np.ndarray[Any, Any]


def _exchange(
    network: Network,
    ready: Times,
    senders: Times,
    receivers: Times,
    sizes: Times | float,
    *,
    adds: bool,
) -> None:
    """Send a message from each of `senders` to the one of `receivers`, in place."""
    sizes = np.broadcast_to(sizes, senders.shape)
    leaves = ready[senders]
    arrives = np.maximum(leaves + network.message(0), ready[receivers])
    arrives = arrives + sizes / network.bandwidth
    sent = ready.copy()
    sent[senders] = leaves + sizes / network.bandwidth
    ready[:] = sent
    ready[receivers] = np.maximum(ready[receivers], arrives)
    if adds:
        ready[receivers] += sizes / network.adding


def tree(network: Network, ready: Times, size: float) -> Times:
    """Times at which ranks that are `ready` then have the sum by a binomial tree."""
    ready, ranks = ready.copy(), len(ready)
    steps = [1 << k for k in range(rounds(ranks))]
    everyone = np.arange(ranks)
    for step in steps:
        senders = everyone[everyone % (2 * step) == step]
        _exchange(network, ready, senders, senders - step, size, adds=True)
    for step in reversed(steps):
        receivers = everyone[everyone % (2 * step) == step]
        _exchange(network, ready, receivers - step, receivers, size, adds=False)
    return ready


def ring(network: Network, ready: Times, size: float) -> Times:
    """Times at which ranks have the sum, of which parts go round."""
    ready, ranks = ready.copy(), len(ready)
    everyone = np.arange(ranks)
    numbers = int(size) // 4
    parts = 4.0 * (numbers // ranks + (everyone < numbers % ranks))
    for turn in range(2 * (ranks - 1)):
        sizes = parts[(everyone - turn) % ranks]
        after = (everyone + 1) % ranks
        _exchange(network, ready, everyone, after, sizes, adds=turn < ranks - 1)
    return ready


def halving(network: Network, ready: Times, size: float) -> Times:
    """Times at which ranks have the sum by Rabenseifner's algorithm."""
    ready, ranks = ready.copy(), len(ready)
    power = 1 << (ranks.bit_length() - 1)
    spare = np.arange(power, ranks)
    _exchange(network, ready, spare, spare - power, size, adds=True)
    active = np.arange(power)
    steps = [(power >> (k + 1), size / 2 ** (k + 1)) for k in range(rounds(power))]
    for step, part in steps:
        _exchange(network, ready, active, active ^ step, part, adds=True)
    for step, part in reversed(steps):
        _exchange(network, ready, active, active ^ step, part, adds=False)
    _exchange(network, ready, spare - power, spare, size, adds=False)
    return ready


ALGORITHMS = {"tree": tree, "ring": ring, "halving": halving}


def step(
    network: Network,
    algorithm: str,
    layers: list[tuple[float, Times]],
) -> Times:
    """Times at which the sums of all layers are there.

    Each layer is the bytes of its gradients and the times at which ranks have computed
    them, in the order of the backward pass. The sum of a layer starts when the one
    before it has ended.
    """
    done = np.zeros_like(layers[0][1])
    for size, computed in layers:
        done = ALGORITHMS[algorithm](network, np.maximum(done, computed), size)
    return done
