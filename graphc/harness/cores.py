"""The number of threads that share large arrays, unless a program says another one."""

from __future__ import annotations

import os
from functools import cache

# --- imports above, copied into emitted programs below ---


@cache
def count_cores() -> int:
    """The number of threads in `OMP_NUM_THREADS`, or of cores that are there to use."""
    told = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if told.isdecimal() and int(told):
        return int(told)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
