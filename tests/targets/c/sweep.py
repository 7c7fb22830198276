"""Measure functions in C on every number of float32 there is.

Run as a script: `python -m tests.targets.c.sweep [name ...]`; ten minutes and more for
each function.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from graphc.harness.native import FLAGS

from .compiled import Functions, loops
from .test_functions import LIMIT, greatest_error_in_float32

MOST_CALLED = ("exp", "tanh", "sigmoid", "erf", "erfc")


def main(names: Sequence[str]) -> int:
    """Print the greatest error of each function, and tell whether all are small."""
    chosen = names or MOST_CALLED
    flags = [flag for flag in FLAGS if flag.startswith(("-O", "-m"))]
    with tempfile.TemporaryDirectory() as folder:
        functions = Functions(Path(folder), loops(chosen), *flags)
        errors: dict[str, float] = {}
        for name in chosen:
            errors[name] = greatest_error_in_float32(functions, name, step=1)
            print(f"{name}: {errors[name]:.3f} ulp", flush=True)
    return int(max(errors.values()) > LIMIT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
