"""C as one writes it by hand: the times that a compiler to C should come near to."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.harness import Unavailable

FLAGS = ("-std=c99", "-O3", "-march=native", "-ffp-contract=off", "-fPIC")


def library(name: str, *options: str) -> ctypes.CDLL:
    """The file `name.c` of this folder, compiled and loaded.

    Args:
        name: of the file.
        options: of the compiler, beside `FLAGS`.

    Raises:
        Unavailable: there is no C compiler.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise Unavailable("there is no C compiler")
    source = Path(__file__).with_name(f"{name}.c")
    with tempfile.TemporaryDirectory() as folder:
        compiled, linked = Path(folder, f"{name}.o"), Path(folder, f"{name}.so")
        # Linked apart: with -ffast-math, a library of GCC would round the denormal
        # numbers of all peers to 0.
        command = [compiler, *FLAGS, *options, "-c", "-o", compiled, source]
        subprocess.run(command, check=True)
        subprocess.run([compiler, "-shared", "-o", linked, compiled, "-lm"], check=True)
        return ctypes.CDLL(str(linked))
