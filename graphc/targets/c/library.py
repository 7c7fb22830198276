"""Elementary functions in C99, as text to be embedded in a program.

Each function has a file of its own in `functions/`, which declares `NAME_float32` and
`NAME_float64` as `static inline`, or only the first where the other is the same text
but for the dtype. A line `// needs: NAME ...` at its top names the files that must
stand before it.

Each is within 2 units in the last place of the exact result wherever it was measured,
denormals, infinities and huge arguments included, calls nothing of the C library, and
has no branch, so that a loop over it is vectorised; only `fmod`, `remainder` and
`floor_divide` have a loop of their own. They rest on the rounding of each single
operation: text with them has to be compiled with `-ffp-contract=off`, and never with
`-ffast-math`. Where a product and a sum may be rounded once, they call `fused_float32`
or `fused_float64`. Their bits are the same for any compiler, level and width of
vectors, on all processors that round those once, and on all that do not. gcc vectorises
them where it is told `-fno-math-errno`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
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

RUNNING = {
    "running_sum": "last + next",
    "running_product": "last * next",
    "running_maximum": "last == last && (next > last || next != next) ? next : last",
    "running_minimum": "last == last && (next < last || next != next) ? next : last",
    "running_logaddexp": "logaddexp_float32(last, next)",
}
"""Functions that combine an element with all before it, which are one text."""

ROUTINES = frozenset(file.stem for file in _ROUTINES.glob("*.c")) | RUNNING.keys()
"""Names of functions of whole arrays, each for any dtype."""


_INTEGERS = Path(__file__).parent / "integers"

INTEGERS = frozenset(file.stem for file in _INTEGERS.glob("*.c"))
"""Names of functions of integers."""


def _file(name: str) -> tuple[tuple[str, ...], str]:
    folder = _HELPERS if name in HELPERS else _FOLDER
    needs, text = _source(folder / f"{name}.c")
    if "_float64(" in text:
        return needs, text
    parts = text.split("\n\n")
    return needs, "\n\n".join(each for part in parts for each in _in_both_dtypes(part))


def _in_both_dtypes(part: str) -> tuple[str, ...]:
    """A function of float32, and the same of float64; or a part that is none, alone."""
    if not re.match(r"static inline \w+ \w+_float32\(", part):
        return (part,)
    text = re.sub(r"(\d|\.)f\b", r"\1", re.sub(r"\bfloat\b", "double", part))
    text = re.sub(r"(__builtin_\w+)f\b", r"\1", text)
    return part.rstrip("\n"), text.replace("float32", "float64")


@cache
def _source(path: Path) -> tuple[tuple[str, ...], str]:
    """The names that a file needs, and its text."""
    text = path.read_text(encoding="utf-8")
    first, _, rest = text.partition("\n")
    if first.startswith("// needs: "):
        return tuple(first.removeprefix("// needs: ").split()), rest
    return (), text


def library(names: Iterable[str], text: str | None = None) -> str:
    """The C text of some functions and of all that they need, each once.

    A function stands after those that it needs; the order of `names` changes nothing.

    Args:
        names: of functions, without a dtype.
        text: the program, where only what it calls is wanted.

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
    if text is not None:
        return "\n".join(_called_by(text, [*found.values()]))
    return "\n".join(found.values())


_DEFINED = re.compile(r"^(?:static |struct )[^/]*?(\w+)(?:\(|\[| \{)", re.MULTILINE)


def _called_by(text: str, files: Sequence[str]) -> list[str]:
    """The texts of files without the functions that nothing calls for their dtype."""
    called = set(re.findall(r"\w+", text))
    kept: list[str] = []
    for file in reversed(files):
        text = file.replace("#include <stdint.h>\n", "").strip("\n")
        found: list[str] = []
        is_called = not any(_DEFINED.search(each) for each in text.split("\n\n"))
        for part in reversed(text.split("\n\n")):
            defined = _DEFINED.search(part)
            if defined is None or defined[1] in called:
                found.append(part)
            if defined is not None and defined[1] in called:
                called.update(re.findall(r"\w+", part))
                is_called = True
        if is_called:
            kept.append("\n\n".join(reversed(found)) + "\n")
    return [*reversed(kept)]


@cache
def routine(name: str, dtype: str) -> str:
    """The text of a function of whole arrays, for numbers of a dtype.

    Its file has it for float32.

    >>> "static void running_sum_int8(" in routine("running_sum", "int8")
    True
    """
    if name in RUNNING:
        text = _source(_ROUTINES / "running.c")[1].replace("COMBINED", RUNNING[name])
        text = text.replace("running_float32", f"{name}_float32")
    else:
        text = _source(_ROUTINES / f"{name}.c")[1]
    return re.sub(r"\bfloat\b", TYPES[dtype], text.replace("float32", dtype))


@cache
def integers(name: str, dtype: str) -> str:
    """The text of a function of integers.

    Its file has it for int64.

    >>> "static inline int8_t sign_int8(int8_t x) {" in integers("sign", "int8")
    True
    """
    text = re.sub(r"_int64\b", f"_{dtype}", _source(_INTEGERS / f"{name}.c")[1])
    return re.sub(r"\bint64_t\b", TYPES[dtype], text)


def needed_by(name: str) -> tuple[str, ...]:
    """The names that a function of whole arrays calls, `routines/` before its kind."""
    if name in RUNNING:
        called, is_call, _ = RUNNING[name].partition("_float32(")
        return (called,) if is_call else ()
    return _source(_ROUTINES / f"{name}.c")[0]


def functions_of(name: str) -> list[str]:
    """The functions of single numbers that a function of whole arrays calls."""
    return [each for each in needed_by(name) if not each.startswith("routines/")]


def with_needed(called: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Functions of whole arrays with their dtypes, after those that they call."""
    found: dict[tuple[str, str], None] = {}

    def visit(name: str, dtype: str) -> None:
        for needed in needed_by(name):
            if needed.startswith("routines/"):
                visit(needed.removeprefix("routines/"), dtype)
        found[name, dtype] = None

    for name, dtype in called:
        visit(name, dtype)
    return list(found)
