"""The machine, and the number of threads that a measured process may use."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import numpy as np

DISTRIBUTIONS = (
    "graphc",
    "numpy",
    "torch",
    "jax",
    "pytensor",
    "numba",
    "casadi",
    "autograd",
)


def cores() -> int:
    """How many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def keep_to(count: int) -> None:
    """Let this process run on so many cores only, where the system can do that.

    XLA runs parts of a program in parallel whatever its flags say, unless there is only
    one core.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-count:])


def thread_environment(threads: int) -> Mapping[str, str]:
    """The environment of a process whose libraries use so many threads.

    Libraries read these when they are imported, so they must be set before.
    """
    count = str(threads)
    environment = dict.fromkeys(
        (
            "OPENBLAS_NUM_THREADS",
            "OMP_NUM_THREADS",
            "MKL_NUM_THREADS",
            "VECLIB_MAXIMUM_THREADS",
            "NUMBA_NUM_THREADS",
        ),
        count,
    )
    if threads == 1:
        environment["XLA_FLAGS"] = (
            "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        )
    return environment


def machine_facts() -> dict[str, str]:
    """What a reader needs to know to compare these results with others."""
    facts = {
        "date": datetime.date.today().isoformat(),
        "processor": _processor(),
        "cores": str(cores()),
        "caches": _caches() or "unknown",
        "memory": _memory() or "unknown",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "BLAS of NumPy": _blas(),
    }
    for name in DISTRIBUTIONS:
        try:
            facts[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            facts[name] = "not installed"
    return facts


def _processor() -> str:
    return _field("/proc/cpuinfo", "model name") or platform.processor() or "unknown"


def _memory() -> str:
    kilobytes = _field("/proc/meminfo", "MemTotal").removesuffix(" kB")
    return f"{int(kilobytes) / 2**20:.0f} GiB" if kilobytes else ""


def _field(path: str, name: str) -> str:
    """The value of the first line `name : value` of a file, empty if there is none."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in pairs if key.strip() == name), "")


def _caches() -> str:
    """Sizes of the data caches that the first processor sees."""
    found = []
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind, level, size = (
            (folder / name).read_text(encoding="utf-8").strip()
            for name in ("type", "level", "size")
        )
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return ", ".join(found)


def _blas() -> str:
    """The library, its version, and the processor that it believes to run on."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    for library in threadpool_info():
        if library["user_api"] == "blas":
            return (
                f"{library['internal_api']} {library['version']}, "
                f"kernels for {library.get('architecture', 'an unknown processor')}"
            )
    return "unknown"
