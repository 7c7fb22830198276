"""The generators of random draws, each of which is a stream of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from .model import STREAMS

# --- imports above, copied into emitted programs below ---


def random_streams(seed: Any) -> dict[str, np.random.Generator]:
    """The generator that each random draw takes its numbers from, by its name.

    Args:
        seed: a number, with which and with its name each generator starts; None for 0;
            one generator for all draws; or what this function has returned.
    """
    if hasattr(seed, "items"):
        return seed
    if isinstance(seed, np.random.Generator):
        return dict.fromkeys(STREAMS, seed)
    start = 0 if seed is None else seed
    return {name: np.random.default_rng([start, *name.encode()]) for name in STREAMS}
