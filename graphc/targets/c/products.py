"""Products of matrices in C99, as text to be embedded in a program.

`matmul_float32` and `matmul_float64` in `products/matmul.c` call the function of BLAS
that `use_blas_float32` and `use_blas_float64` were given. Without one, and where that
takes longer than loops of our own, they are those: `uses_own_loops` in
`products/sizes.c`. `matmul_of_places_float32` and `matmul_of_places_float64` read
windows of an array as a matrix, without a copy of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "products"

PRODUCTS = frozenset(file.stem for file in _FOLDER.glob("matmul*.c"))
"""Names of the functions, each for both dtypes."""


@cache
def _text(name: str) -> str:
    return (_FOLDER / f"{name}.c").read_text(encoding="utf-8")


def products(dtypes: Iterable[str], of_places: Iterable[str] = ()) -> str:
    """The C text of products of matrices in some dtypes.

    Args:
        dtypes: of `"float32"` and `"float64"`; the order does not matter.
        of_places: those of them in which elements stand at places of their own, too.

    >>> "static void matmul_float64(int64_t rows," in products(["float64"])
    True
    """
    scattered = sorted(set(of_places))
    found = [_text("sizes")]
    found += [_typed(_text("matmul"), dtype) for dtype in sorted(set(dtypes))]
    found += [_text("axis")] if scattered else []
    found += [_typed(_text("matmul_of_places"), dtype) for dtype in scattered]
    return "\n".join(found)


def _typed(text: str, dtype: str) -> str:
    return text if dtype == "float32" else _in_float64(text)


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
