"""Elementary functions in C99, as text to be embedded in a program.

Each function has a file of its own in `functions/`, which declares `NAME_float32` and
`NAME_float64` as `static inline`; a line `// needs: NAME ...` at its top names the
files that must stand before it.

Each is within 2 units in the last place of the exact result wherever it was measured,
denormals, infinities and huge arguments included, calls nothing of the C library, and
has no branch, so that a loop over it is vectorised; only `fmod`, `remainder` and
`floor_divide` have a loop of their own. They rest on the rounding of each single
operation: text with them has to be compiled with `-ffp-contract=off`, and never with
`-ffast-math`. Their bits are then the same for any compiler, level, processor and width
of vectors. Options `-fno-math-errno` and `-fno-trapping-math` let gcc vectorise them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from .expressions import TYPES

_FOLDER = Path(__file__).parent / "functions"

FUNCTIONS = frozenset(file.stem for file in _FOLDER.glob("*.c"))
"""Names of the functions that exist, each for both dtypes."""

SHARED = frozenset(f"shared/{file.stem}" for file in _FOLDER.glob("shared/*.c"))
"""Files of what several functions need."""

_HELPERS = Path(__file__).parent / "helpers"

HELPERS = frozenset(file.stem for file in _HELPERS.glob("*.c"))
"""Names of functions that the text of loops calls besides."""


_ROUTINES = Path(__file__).parent / "routines"

ROUTINES = frozenset(file.stem for file in _ROUTINES.glob("*.c"))
"""Names of functions of whole arrays, each for any dtype."""


def _file(name: str) -> tuple[tuple[str, ...], str]:
    folder = _HELPERS if name in HELPERS else _FOLDER
    return _source(folder / f"{name}.c")


@cache
def _source(path: Path) -> tuple[tuple[str, ...], str]:
    """The names that a file needs, and its text."""
    text = path.read_text(encoding="utf-8")
    first, _, rest = text.partition("\n")
    if first.startswith("// needs: "):
        return tuple(first.removeprefix("// needs: ").split()), rest
    return (), text


def library(names: Iterable[str]) -> str:
    """The C text of some functions and of all that they need, each once.

    A function stands after those that it needs; the order of `names` changes nothing.

    Raises:
        KeyError: there is no function of a name.

    >>> "static inline double exp_float64(double x)" in library(["exp"])
    True
    """
    wanted = sorted(set(names))
    for name in wanted:
        if name not in FUNCTIONS | HELPERS | SHARED:
            known = ", ".join(sorted(FUNCTIONS))
            raise KeyError(f"{name!r} is not one of the functions in C: {known}")
    found: dict[str, str] = {}

    def visit(name: str) -> None:
        if name not in found:
            needs, text = _file(name)
            for needed in needs:
                visit(needed)
            found[name] = text

    for name in wanted:
        visit(name)
    return "\n".join(found.values())


@cache
def routine(name: str, dtype: str) -> str:
    """The text of a function of whole arrays, for numbers of a dtype.

    Its file has it for float32.

    >>> "static void cumsum_int8(const int8_t *x" in routine("cumsum", "int8")
    True
    """
    text = _source(_ROUTINES / f"{name}.c")[1].replace("float32", dtype)
    return re.sub(r"\bfloat\b", TYPES[dtype], text)


def needed_by(name: str) -> tuple[str, ...]:
    """The names that a function of whole arrays calls."""
    return _source(_ROUTINES / f"{name}.c")[0]
