"""Compile the elementary functions in C, each in a loop over arrays, and call them."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from graphc.targets.c.library import library

COMPILER = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)

CONTRACT = (
    *("-std=c99", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function"),
    *("-fno-math-errno", "-ffp-contract=off"),
)
"""Flags with which the functions have to be right, at any level, on any processor."""

BINARY = frozenset(
    [
        *("maximum", "minimum", "fmod", "remainder", "floor_divide", "pow", "atan2"),
        *("hypot", "copysign", "fmax", "fmin", "heaviside", "nextafter"),
    ]
)
"""Functions of two arguments."""

TYPES = {"float32": "float", "float64": "double"}


def loops(names: Iterable[str], text: str | None = None) -> str:
    """The functions, and for each and dtype a loop over arrays on a line of its own."""
    names = sorted(names)
    lines = [library(names) if text is None else text]
    for name in names:
        for dtype, real in TYPES.items():
            inputs = ["a", "b"] if name in BINARY else ["a"]
            head = "".join(f"const {real} *restrict {array}, " for array in inputs)
            values = ", ".join(f"{array}[i]" for array in inputs)
            lines.append(
                f"void loop_{name}_{dtype}({head}{real} *restrict out, long n) "
                f"{{ for (long i = 0; i < n; i++) out[i] = {name}_{dtype}({values}); }}"
            )
    return "\n".join(lines) + "\n"


class Functions:
    """A shared library of loops; `vectorised` holds those that gcc reports as such."""

    def __init__(self, folder: Path, source: str, *flags: str) -> None:
        assert COMPILER is not None
        folder.mkdir(parents=True, exist_ok=True)
        file, target = folder / "functions.c", folder / "functions.so"
        file.write_text(source, encoding="utf-8")
        is_linux = sys.platform == "linux"
        command = [COMPILER, *CONTRACT, *flags, "-shared", "-fPIC"]
        # Nothing of the C library, that of mathematics included, is there to be called.
        command += ["-nostdlib", "-Wl,--no-undefined"] if is_linux else []
        command += ["-fopt-info-vec"] if self.is_gcc() else []
        result = subprocess.run(
            [*command, str(file), "-o", str(target)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr[:2000]
        lines = source.split("\n")
        numbers = re.findall(r":(\d+):\d+: optimized: loop vectorized", result.stderr)
        found = (re.search(r"void loop_(\w+)\(", lines[int(n) - 1]) for n in numbers)
        self.vectorised = {match[1] for match in found if match}
        self._library = ctypes.CDLL(str(target))

    @staticmethod
    def is_gcc() -> bool:
        """Tell whether the compiler is gcc, which reports what it vectorises."""
        assert COMPILER is not None
        version = subprocess.run(
            [COMPILER, "--version"], capture_output=True, text=True, check=True
        )
        return "Free Software Foundation" in version.stdout

    def __call__(self, name: str, *arrays: np.ndarray) -> np.ndarray:
        """Call a function on arrays of one dtype and size."""
        arrays = tuple(map(np.ascontiguousarray, arrays))
        out = np.empty_like(arrays[0])
        loop = getattr(self._library, f"loop_{name}_{out.dtype}")
        addresses = [ctypes.c_void_p(array.ctypes.data) for array in (*arrays, out)]
        loop(*addresses, ctypes.c_long(out.size))
        return out
