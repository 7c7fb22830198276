"""Freed memory stays at hand, so that new arrays do not cost page faults at every call.

A compiled function returns new arrays. When a caller drops them, glibc hands their
memory back to the system, and the next call gets it page by page again: two results of
1,000,000 float32 took 5.0 ms instead of 0.3 on a virtual machine.

glibc adapts. The size of a block that the system gave it singly becomes, when the block
is freed, the size up to which it serves blocks from its heap; and it keeps the end of
the heap while that is less than twice the size. So one block that is freed unused,
which costs microseconds and no memory, is enough for all results up to its size.

Source: mallopt(3), `M_MMAP_THRESHOLD`.
"""

from __future__ import annotations

import sys
from functools import cache

import numpy as np

_LARGEST = 2**25 - 2**16
"""In bytes. glibc does not adapt to blocks above 32 MiB, its own header included."""


@cache
def keep_freed_memory() -> None:
    """Let this process keep up to 64 MiB of freed memory; other than glibc, ignored."""
    if sys.platform == "linux":
        np.empty(_LARGEST, np.uint8)
