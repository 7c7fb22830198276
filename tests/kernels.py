"""Run the numeric part of the tests under each OpenBLAS kernel that this processor has.

OpenBLAS has matrix products of its own for each generation of processors, which round
differently, and so do other numbers of threads. No test may depend on that:

    python -m tests.kernels [PYTEST_ARGUMENT ...]

A kernel is chosen by OPENBLAS_CORETYPE, for child processes only. Where the environment
has chosen one, that choice is left alone.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

VARIABLE = "OPENBLAS_CORETYPE"
NAMES = (
    *("Prescott", "Core2", "Nehalem", "Sandybridge", "Haswell", "SkylakeX"),
    *("Cooperlake", "Sapphirerapids", "Barcelona", "Bulldozer", "Piledriver"),
    *("Steamroller", "Excavator", "Zen", "ARMV8", "CORTEXA53", "CORTEXA57"),
    *("NEOVERSEN1", "NEOVERSEV1", "NEOVERSEN2", "ARMV8SVE", "VORTEX"),
)
THREADS = (1, 2)
NUMERIC = (
    *("autodiff", "fullbatch", "metrics", "nn", "ops", "optim", "passes", "program"),
    *("targets", "test_trainer.py", "test_training_data.py"),
    *("test_training_loop.py",),
)

PROBE = """
import numpy as np
from tests.kernels import kernel
rng = np.random.default_rng(0)
for dtype in ("float32", "float64"):
    for size in (1, 3, 17, 64, 300):
        a = rng.normal(size=(size, size)).astype(dtype)
        assert np.allclose(a @ a[0], (a * a[0]).sum(axis=1), atol=1e-2)
        assert np.isfinite(a @ a).all()
print(kernel())
"""


def kernel() -> str | None:
    """The name of the kernel that NumPy's OpenBLAS uses here; None for another BLAS."""
    folder = Path(np.__file__).parent
    libraries = [
        *folder.parent.glob("numpy.libs/*openblas*"),
        *folder.glob(".dylibs/*"),
    ]
    for path in libraries:
        library = ctypes.CDLL(str(path))
        for name in ("scipy_openblas_get_corename64_", "openblas_get_corename"):
            if hasattr(library, name):
                function = getattr(library, name)
                function.restype = ctypes.c_char_p
                return function().decode()
    return None


def found(name: str) -> str | None:
    """The kernel that a child gets for a name, if the processor can run it."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        env={**os.environ, VARIABLE: name},
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() if done.returncode == 0 else None


def kernels() -> list[str]:
    """The names of all kernels that can be chosen here."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        print(f"{VARIABLE} is {chosen} already: only that kernel is tried")
        return [chosen]
    usual = kernel()
    if usual is None:
        print("NumPy has another BLAS than OpenBLAS here: tried as it is")
        return [""]
    # Several names may give one kernel.
    names = {usual: usual}
    for name in NAMES:
        given = found(name)
        if given is not None:
            names.setdefault(given, name)
    return list(names.values())


def main(arguments: Sequence[str]) -> int:
    """Run the tests under each kernel, and tell which runs failed."""
    tests = [str(Path(__file__).with_name(name)) for name in NUMERIC]
    failed: list[str] = []
    names = kernels()
    print(f"kernels: {', '.join(name or 'as it is' for name in names)}", flush=True)
    for name in names:
        for threads in THREADS:
            run = f"{name} with {threads} thread{'s' if threads > 1 else ''}".strip()
            print(f"\n{run}", flush=True)
            variables = {"OPENBLAS_NUM_THREADS": str(threads)}
            if name:
                variables[VARIABLE] = name
            selection = ["-q", "-m", "not slow and not peer"]
            done = subprocess.run(
                [sys.executable, "-m", "pytest", *selection, *(arguments or tests)],
                env={**os.environ, **variables},
            )
            if done.returncode:
                failed.append(run)
    print(f"\nfailed: {', '.join(failed)}" if failed else "\nall passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
