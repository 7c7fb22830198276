"""Products of matrices in C99, as text to be embedded in a program.

`matmul_float32` and `matmul_float64` in `products/matmul.c` call the function of BLAS
that `use_blas_float32` and `use_blas_float64` were given. Without one, and where that
takes longer than loops of our own, they are those: `uses_own_loops` in
`products/sizes.c`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "products"


@cache
def _text(name: str) -> str:
    return (_FOLDER / f"{name}.c").read_text(encoding="utf-8")


def products(dtypes: Iterable[str]) -> str:
    """The C text of products of matrices in some dtypes.

    Args:
        dtypes: of `"float32"` and `"float64"`; the order does not matter.

    >>> "static void matmul_float64(int64_t rows," in products(["float64"])
    True
    """
    texts = {"float32": _text("matmul"), "float64": _in_float64(_text("matmul"))}
    return "\n".join([_text("sizes"), *(texts[each] for each in sorted(set(dtypes)))])


def _in_float64(text: str) -> str:
    """The text for float32, which is the only one that is written, for float64."""
    text = text.replace("float32", "float64").replace("FLOAT32", "FLOAT64")
    return re.sub(r"\b(\d\.\d)f\b", r"\1", re.sub(r"\bfloat\b", "double", text))


def matmul_room(rows: int, columns: int, inner: int) -> int:
    """The length of the array that a product of these sizes works in.

    No product takes more than 69,632 numbers.

    >>> matmul_room(10**6, 10**6, 10**6)
    69632
    """
    packed = 0 if columns < 256 else min(rows, 240)
    return min(inner, 256) * (32 + packed)
