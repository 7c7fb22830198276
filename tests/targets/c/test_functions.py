"""Elementary functions in C are within 2 ulp everywhere, and made of C alone."""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import scipy.special

from graphc.harness.native import FLAGS
from graphc.targets.c import library as rooms
from graphc.targets.c.library import FUNCTIONS, library
from tests.targets.c.compiled import BINARY, COMPILER, Functions, loops

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler is found")

needs_gcc = pytest.mark.skipif(
    COMPILER is None or not Functions.is_gcc() or platform.machine() != "x86_64",
    reason="only gcc tells which loops it vectorises, and is asked for x86-64 here",
)

FOLDER = Path(rooms.__file__).parent / "functions"


def rsqrt(x: np.ndarray) -> np.ndarray:
    return 1 / np.sqrt(x)


def softplus(x: np.ndarray) -> np.ndarray:
    return -scipy.special.log_expit(-x)


NUMPY: dict[str, Callable[..., np.ndarray]] = {
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "atanh": np.arctanh,
    "cbrt": np.cbrt,
    "cos": np.cos,
    "cosh": np.cosh,
    "erf": scipy.special.erf,
    "erfc": scipy.special.erfc,
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "hypot": np.hypot,
    "log": np.log,
    "log10": np.log10,
    "log1p": np.log1p,
    "log2": np.log2,
    "log_sigmoid": scipy.special.log_expit,
    "pow": np.power,
    "rsqrt": rsqrt,
    "sigmoid": scipy.special.expit,
    "sin": np.sin,
    "sinh": np.sinh,
    "softplus": softplus,
    "tan": np.tan,
    "tanh": np.tanh,
}
"""Functions that a float32 result is held against, in float64."""

EXACT: dict[str, Callable[..., np.ndarray]] = {
    "absolute": np.absolute,
    "ceil": np.ceil,
    "copysign": np.copysign,
    "floor": np.floor,
    "floor_divide": np.floor_divide,
    "fmax": np.fmax,
    "fmin": np.fmin,
    "fmod": np.fmod,
    "heaviside": np.heaviside,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "nextafter": np.nextafter,
    "remainder": np.remainder,
    "reciprocal": np.reciprocal,
    "rint": np.rint,
    "sign": np.sign,
    "spacing": np.spacing,
    "sqrt": np.sqrt,
    "square": np.square,
    "trunc": np.trunc,
}
"""Functions whose result is NumPy's, to the last bit."""

SCALAR = {"floor_divide", "fmod", "remainder"}
"""Functions that take as long as the quotient is large, in a loop of their own."""

VALUES = Path(__file__).parent / "values.txt"

LIMIT = 2.0
"""The greatest error, in units in the last place of the exact result."""


def rounds_once(*flags: str) -> bool:
    """True if a compiler with some flags has an operation for a product and a sum."""
    assert COMPILER is not None
    command = [COMPILER, *flags, "-dM", "-E", "-x", "c", "-"]
    result = subprocess.run(
        command, input="", capture_output=True, text=True, check=True
    )
    return bool(re.search("__FMA__|__aarch64__|__FP_FAST_FMA ", result.stdout))


@pytest.fixture(scope="module", params=["any", "native"])
def functions(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Functions:
    """The functions for any processor of this kind, and for this very one."""
    folder = tmp_path_factory.mktemp("functions")
    flags = [flag for flag in FLAGS if flag.endswith("=native")]
    flags = flags if request.param == "native" else []
    return Functions(folder, loops(FUNCTIONS), "-O1", *flags)


def special_points(dtype: str) -> np.ndarray:
    """Zeros, infinities, NaN, denormals, the greatest numbers, and some simple ones."""
    info = np.finfo(dtype)
    found = [0.0, 0.1, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 7.0, 20.0, 88.5, 710.0, 1e22]
    found += [info.tiny, info.smallest_subnormal, 1.5 * info.tiny, info.max, info.eps]
    found += [1 - info.eps / 2, 1 + info.eps, np.inf, np.nan]
    half = np.array(found, dtype)
    return np.concatenate([half, -half])


def sample(dtype: str, count: int, seed: int = 0) -> np.ndarray:
    """Special points, numbers of all bit patterns, and ordinary numbers."""
    rng = np.random.default_rng(seed)
    whole = np.dtype(dtype.replace("float", "uint"))
    bits = rng.integers(0, np.iinfo(whole).max, count, dtype=whole, endpoint=True)
    ordinary = [scale * rng.normal(size=count // 4) for scale in (0.1, 1, 10, 300)]
    groups = [bits.view(dtype), *(values.astype(dtype) for values in ordinary)]
    return np.concatenate([special_points(dtype), *groups])


def arguments(name: str, dtype: str, count: int) -> list[np.ndarray]:
    """Arguments of a function; all pairs of special points for one of two."""
    first = sample(dtype, count)
    if name not in BINARY:
        return [first]
    pairs = np.array(list(product(special_points(dtype), repeat=2)), dtype).T
    second = np.random.default_rng(1).permutation(sample(dtype, count, seed=2))
    return [np.concatenate([pairs[0], first]), np.concatenate([pairs[1], second])]


def ulps(got: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Distances in units in the last place; 0 for the same infinity, zero or NaN."""
    info = np.finfo(got.dtype)
    finite = np.isfinite(exact)
    exponent = np.frexp(np.where(finite, exact, 1))[1] - info.nmant - 1
    unit = np.ldexp(exact.dtype.type(1), np.maximum(exponent, info.minexp - info.nmant))
    with np.errstate(all="ignore"):
        nearest = exact.astype(got.dtype)
        error = np.abs(got.astype(exact.dtype) - exact) / unit
    same = (got == nearest) & ~np.isfinite(nearest) | np.isnan(got) & np.isnan(nearest)
    # A sign of zero where the result is one; of what underflows it is free.
    wrong = (exact == 0) & (got == 0) & (np.signbit(got) != np.signbit(exact))
    error = np.where(same, 0, np.where(wrong, np.inf, error))
    return np.where(np.isnan(error), np.inf, error).astype(np.float64)


def test_every_function_has_an_expectation() -> None:
    assert NUMPY.keys() | EXACT.keys() == FUNCTIONS
    assert {line.split()[0] for line in VALUES.read_text().splitlines()} == {
        *NUMPY,
        "sqrt",
    }


def test_float32_is_right_against_float64(functions: Functions) -> None:
    worst: dict[str, float] = {}
    with np.errstate(all="ignore"):
        for name, reference in NUMPY.items():
            inputs = arguments(name, "float32", 20_000)
            exact = reference(*(x.astype(np.float64) for x in inputs))
            worst[name] = ulps(functions(name, *inputs), exact).max()
    assert {name: error for name, error in worst.items() if error > LIMIT} == {}


def test_float64_is_right_against_stored_values(functions: Functions) -> None:
    """Against values made by `reference.py`, and NumPy's zeros, infinities and NaN."""
    wrong: list[tuple[str, float]] = []
    rows: dict[str, list[list[float]]] = {}
    for line in VALUES.read_text().splitlines():
        name, *numbers = line.split()
        rows.setdefault(name, []).append([float.fromhex(x) for x in numbers])
    for name, stored in rows.items():
        *inputs, expected = np.array(stored).T
        error = ulps(functions(name, *inputs), expected).max()
        with np.errstate(all="ignore"):
            inputs = arguments(name, "float64", 0)
            special = (NUMPY | EXACT)[name](*inputs)
        found = ~np.isfinite(special) | (special == 0)
        missed = ulps(functions(name, *inputs), special)[found].max(initial=0)
        wrong += [(name, e) for e in (error, missed) if e > LIMIT]
    assert not wrong


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_exact_functions_are_those_of_numpy(functions: Functions, dtype: str) -> None:
    wrong: list[tuple[str, list[float]]] = []
    for name, reference in EXACT.items():
        inputs = arguments(name, dtype, 1000)
        with np.errstate(all="ignore"):
            expected = reference(*inputs)
        got = functions(name, *inputs)
        signs = np.signbit(got) == np.signbit(expected)
        # NumPy leaves open which of two zeros is the greater.
        free = got == 0 if name in ("maximum", "minimum", "fmax", "fmin") else False
        right = (got == expected) & (signs | free) | np.isnan(got) & np.isnan(expected)
        wrong += [(name, [float(x[i]) for x in inputs]) for i in np.flatnonzero(~right)]
    assert not wrong[:5]


def not_vectorised(names: Iterable[str], functions: Functions) -> set[str]:
    """Loops over functions that gcc has left scalar."""
    loops = {f"{name}_{dtype}" for name in names for dtype in ("float32", "float64")}
    return loops - functions.vectorised


@needs_gcc
def test_what_training_calls_most_is_vectorised(tmp_path: Path) -> None:
    names = {"exp", "expm1", "tanh", "sigmoid", "log", "log1p", "softplus", "erf"}
    built = Functions(tmp_path, loops(names), "-O3", "-march=haswell")
    assert not_vectorised(names, built) == set()


@pytest.mark.slow
@needs_gcc
@pytest.mark.parametrize(
    "processors", [("x86-64", "x86-64-v2"), ("native", "haswell", "x86-64-v4")]
)
def test_bits_do_not_depend_on_level_or_processor(
    processors: tuple[str, ...], tmp_path: Path
) -> None:
    """Among those that round a product and a sum once, and those that do not."""
    features = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    if processors[0] == "native" and not rounds_once("-march=native"):
        pytest.skip("this processor rounds a product and a sum twice")
    expected = Functions(
        tmp_path / "expected", loops(FUNCTIONS), "-O1", f"-march={processors[0]}"
    )
    for level, processor in product(("-O0", "-O3"), processors):
        folder = tmp_path / f"{level}{processor}"
        built = Functions(folder, loops(FUNCTIONS), level, f"-march={processor}")
        if level == "-O3" and "x86-64-v2" not in processors:
            assert not_vectorised(FUNCTIONS - SCALAR, built) == set()
        if processor == "x86-64-v4" and "avx512f" not in features:
            continue
        for name, dtype in product(sorted(FUNCTIONS), ("float32", "float64")):
            inputs = arguments(name, dtype, 5000)
            got, wanted = built(name, *inputs), expected(name, *inputs)
            np.testing.assert_array_equal(got, wanted, err_msg=f"{name} {folder}")
            zeros = got == 0
            assert (np.signbit(got) == np.signbit(wanted))[zeros].all(), name


STEP = 997
"""The part of all numbers of float32 that are tried; `sweep.py` tries all."""


def greatest_error_in_float32(
    functions: Functions, name: str, step: int = STEP
) -> float:
    """Over every so many-th of all numbers, and as many pairs."""
    rng = np.random.default_rng(0)
    worst = 0.0
    for start in range(0, 2**32, step << 16):
        end = min(start + (step << 16), 2**32)
        bits = np.arange(start, end, step, dtype=np.uint64).astype(np.uint32)
        others = rng.integers(0, 2**32, bits.size, dtype=np.uint32)
        inputs = [each.view(np.float32) for each in (bits, others)]
        inputs = inputs[: 1 + (name in BINARY)]
        with np.errstate(all="ignore"):
            exact = NUMPY[name](*(x.astype(np.float64) for x in inputs))
        worst = max(worst, ulps(functions(name, *inputs), exact).max())
    return worst


def greatest_error_in_float64(functions: Functions, name: str) -> float:
    """Over some thousand numbers, by mpmath."""
    reference = pytest.importorskip("tests.targets.c.reference")
    seeds = range(2 if name in BINARY else 1)
    columns = [reference.points(name, 4000, 100 + seed) for seed in seeds]
    rows = zip(*columns, strict=True)
    values = [reference.nearest(reference.exact(name, *row)) for row in rows]
    # A rounded expectation is off by half of a unit.
    return ulps(functions(name, *columns), np.array(values)).max() - 0.5


@pytest.mark.slow
def test_errors_are_those_that_files_state(functions: Functions) -> None:
    wrong: list[tuple[str, float, str]] = []
    for name in sorted(NUMPY):
        head = (FOLDER / f"{name}.c").read_text(encoding="utf-8")
        stated = re.search(r"at most (\S+) ulp in float32, (\S+) ulp in float64", head)
        assert stated, name
        single = greatest_error_in_float32(functions, name)
        double = greatest_error_in_float64(functions, name)
        for found, limit in zip((single, double), stated.groups(), strict=True):
            if not found <= float(limit) <= LIMIT:
                wrong.append((name, found, limit))
    assert not wrong


def test_a_wrong_digit_is_seen(tmp_path: Path) -> None:
    text = library(["exp"])
    planted = Functions(
        tmp_path, loops(["exp"], text.replace("0.04166641f", "0.0417f")), "-O1"
    )
    x = np.linspace(-5, 5, 1000, dtype=np.float32)
    assert ulps(planted("exp", x), np.exp(x.astype(np.float64))).max() > LIMIT


def test_library_holds_each_function_once_after_what_it_needs() -> None:
    text = library(["softplus", "exp", "log_sigmoid"])
    assert text == library(["log_sigmoid", "exp", "softplus", "exp"])
    names = re.findall(r"^static inline double (\w+)_float64\(", text, re.MULTILINE)
    assert sorted(names) == sorted(set(names))
    assert names.index("exp") < names.index("softplus") < names.index("log_sigmoid")
    assert library([]) == ""
    with pytest.raises(KeyError, match="'sine' is not one of the functions in C"):
        library(["sine"])


def test_files_keep_to_c99_without_headers_of_the_library() -> None:
    for file in sorted(FOLDER.rglob("*.c")):
        text = file.read_text(encoding="utf-8")
        assert set(re.findall(r"#include (.*)", text)) <= {"<stdint.h>"}, file
        assert max(map(len, text.splitlines())) <= 88, file
