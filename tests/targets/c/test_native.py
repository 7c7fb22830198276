"""Native style: C computes what the interpreter says, for every op and model."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import warnings
import weakref
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.harness import native
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.passes.expand import ExpandBlocks
from graphc.program.loops.elements import is_outside
from graphc.runtime import styles
from graphc.targets.c.module import supports
from tests.op_cases import Application, applications, is_differentiable
from tests.random_graphs import (
    MOVED,
    Grower,
    assert_near,
    drawn,
    is_smooth,
    leaves,
    moved,
    outputs_of,
)
from tests.styles import assert_styles_agree
from tests.targets.c.compiled import COMPILER

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")

EVERY: list[Application] = applications()
"""All cases of all ops."""

TOGETHER = 60
"""Cases that one program has: compiling C takes longer than running it."""


def _parts(cases: Sequence[Application]) -> list[Any]:
    starts = range(0, len(cases), TOGETHER)
    return [
        pytest.param(cases[i : i + TOGETHER], id=f"from-{cases[i].id}") for i in starts
    ]


def _first_of_each(cases: Sequence[Application]) -> list[Application]:
    known = {each.op.name: each for each in reversed(cases)}
    return [each for each in cases if known[each.op.name] is each]


def _check(cases: Sequence[Application], floating: str) -> None:
    """Hold values and gradients of cases, in one program, against the interpreter."""
    outputs: list[Node] = []
    feeds: dict[str, Any] = {}
    rng = np.random.default_rng(0)
    for number, case in enumerate(cases):
        inputs = [
            gc.input(f"case{number}_{node.name}", node.shape, str(node.dtype))
            for node in case.nodes(floating)
        ]
        value = case.apply(inputs)
        outputs.append(value)
        if is_differentiable(case):
            wrt = [node for node in inputs if node.dtype.kind == "f"]
            weights = rng.uniform(0.5, 1.5, [int(size) for size in value.shape])
            total = gc.sum(value * weights.astype(value.dtype))
            outputs += gc.grad(total, wrt, unused="zeros")
        arrays = case.draw(floating, seed=number)
        feeds |= {str(n.name): a for n, a in zip(inputs, arrays, strict=True)}
    function = gc.compile(outputs, style="native")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        expected = gc.evaluate(outputs, feeds)
        found = function(**feeds)
    # Some formulas cancel, such as x - tanh(x), in the interpreter, too.
    ulps = 2**12 if floating == "float32" else 2**20
    for node, a, b in zip(outputs, found, expected, strict=True):
        assert_styles_agree(a, b, ulps=ulps, note=str(node))


@pytest.mark.parametrize("cases", _parts(_first_of_each(EVERY)))
def test_ops(cases: Sequence[Application]) -> None:
    _check(cases, "float32")


@pytest.mark.slow
@pytest.mark.parametrize("floating", ["float32", "float64"])
@pytest.mark.parametrize("cases", _parts(EVERY))
def test_all_cases_of_ops(cases: Sequence[Application], floating: str) -> None:
    _check(cases, floating)


NUMPY_COMPUTES = {
    "LAPACK's factorisations, which NumPy calls": {
        *("cholesky", "cofactors", "det", "eigh", "eigvalsh", "expm", "inv", "pinv"),
        *("qr", "slogdet", "solve", "solve_triangular", "svd", "svdvals"),
    },
    "tables and rejections of NumPy's, which are not public": {
        *("standard_normal", "standard_exponential", "standard_gumbel"),
        *("standard_laplace", "standard_logistic", "random_integers", "permutation"),
    },
    "turns until all elements have converged": {
        *("gammainc", "gammaincc", "gammainc_by_a", "gammaincinv"),
    },
    "one result of several, an array of NumPy's": {"result"},
}
"""The ops that have no form in C, by the reason; `docs/native.md` names them."""


def test_every_op_but_these_has_a_form_in_c() -> None:
    missing: set[str] = set()
    for case, floating in itertools.product(EVERY, ("float32", "float64")):
        value = case.apply(case.nodes(floating))
        graph = ExpandBlocks().run(Graph((value,)))
        missing |= {
            node.op.name
            for node in graph.nodes
            if not supports(node) and not is_outside(node)
        }
    assert missing == set[str]().union(*NUMPY_COMPUTES.values())


@pytest.mark.parametrize("shape", [(3, 40), (40, 3), (5, 17, 33), (100,), (2, 0)])
def test_sums_and_extrema_of_long_axes(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    array = rng.normal(size=shape).astype("float32")
    x = gc.input("x", shape)
    every = [None, *range(len(shape)), (0, len(shape) - 1) if shape[1:] else 0]
    kinds = (gc.sum, gc.max) if array.size else (gc.sum,)
    outputs = [kind(x * 2, axis=axis) for kind in kinds for axis in every]
    outputs += [gc.mean(gc.square(x - gc.mean(x, -1, keepdims=True)))]
    found = gc.compile(outputs, style="native")(array)
    wide = array.astype("float64") * 2
    expected = [
        (np.sum if kind is gc.sum else np.max)(wide, axis=axis)
        for kind in kinds
        for axis in every
    ]
    for a, b in zip(found, expected, strict=False):
        np.testing.assert_allclose(a, b, 2e-6, 1e-5)
    if array.size:
        variance = np.square(wide / 2 - (wide / 2).mean(-1, keepdims=True)).mean()
        np.testing.assert_allclose(found[-1], variance, 2e-6)


@pytest.mark.parametrize("columns", [4, 8, 16, 30])
def test_choices_by_one_comparison(columns: int) -> None:
    """GCC 12.2 gives wrong values for this, with some flags and sizes."""
    x = gc.input("x", (16, columns), "float64")
    scale = gc.input("scale", (16, columns), "float64")
    positive = x > 0.0
    outputs = [gc.where(positive, x, -1.5 * x), gc.where(positive, scale, -scale)]
    a = (np.arange(16.0 * columns) * 7 % 5 - 2.3).reshape(16, columns)
    b = np.arange(1.0, 16 * columns + 1).reshape(16, columns)
    first, second = gc.compile(outputs, style="native")(a, b)
    np.testing.assert_array_equal(first, np.where(a > 0, a, -1.5 * a))
    np.testing.assert_array_equal(second, np.where(a > 0, b, -b))


@pytest.mark.parametrize(
    "seed",
    [*range(6), *(pytest.param(s, marks=pytest.mark.slow) for s in range(6, 60))],
)
def test_random_graphs(seed: int) -> None:
    chance = Random(seed)
    given = leaves()
    grower = Grower(chance, given, keep=is_smooth)
    grower.grow(chance.randint(2, 9))
    outputs = outputs_of(grower, given)
    function = gc.compile(outputs, style="native", seed=1)
    for rows in (4, 1, 6):
        feeds = drawn(given[:1], seed, batch=rows)
        everything = {**feeds, **function.parameters}
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            expected = gc.evaluate(outputs, everything)
            beside = gc.evaluate(outputs, moved(everything, MOVED))
            found = function(**feeds)
        assert_near(found, expected, beside, note=f"seed {seed}")


def _perceptron() -> tuple[Node, dict[str, Any]]:
    x = gc.input("x", ("batch", 12))
    labels = gc.input("labels", ("batch",), "int64")
    model = gc.nn.Sequential(
        gc.nn.Linear(12, 16, name="hidden"),
        gc.nn.LayerNorm(16, name="norm"),
        gc.nn.GELU(),
        gc.nn.Dropout(0.25),
        gc.nn.Linear(16, 5, name="output"),
    )
    rng = np.random.default_rng(0)
    data = {
        "x": rng.normal(size=(20, 12)).astype("float32"),
        "labels": rng.integers(0, 5, 20),
    }
    return gc.nn.cross_entropy(model(x), labels), data


def _convolutions() -> tuple[Node, dict[str, Any]]:
    images = gc.input("images", ("batch", 1, 10, 10))
    labels = gc.input("labels", ("batch",), "int64")
    model = gc.nn.Sequential(
        gc.nn.Conv2d(1, 3, 3, name="conv"),
        gc.nn.BatchNorm2d(3, name="norm"),
        gc.nn.ReLU(),
        gc.nn.MaxPool2d(2),
        gc.nn.Flatten(),
        gc.nn.Linear(48, 4, name="output"),
    )
    rng = np.random.default_rng(1)
    data = {
        "images": rng.normal(size=(12, 1, 10, 10)).astype("float32"),
        "labels": rng.integers(0, 4, 12),
    }
    return gc.nn.cross_entropy(model(images), labels), data


def _recurrent() -> tuple[Node, dict[str, Any]]:
    x = gc.input("x", ("batch", 6, 4))
    target = gc.input("target", ("batch", 3))
    lstm = gc.nn.LSTM(4, 3, batch_first=True, name="lstm")
    outputs, _ = lstm(x)
    rng = np.random.default_rng(2)
    data = {
        "x": rng.normal(size=(8, 6, 4)).astype("float32"),
        "target": rng.normal(size=(8, 3)).astype("float32"),
    }
    return gc.nn.mse_loss(outputs[:, -1], target), data


@pytest.mark.parametrize("model", [_perceptron, _convolutions, _recurrent])
def test_training(model: Any) -> None:
    trained: list[dict[str, Any]] = []
    for style in ("fast", "native"):
        loss, data = model()
        trainer = gc.Trainer(loss, gc.optim.SGD(0.1, momentum=0.9), style=style)
        trainer.fit(data, epochs=3, batch_size=4)
        trained.append({**trainer.parameters})
    for name, value in trained[0].items():
        np.testing.assert_allclose(trained[1][name], value, 2e-4, 2e-6, err_msg=name)


def test_rows_of_a_softmax_are_one_loop() -> None:
    x = gc.input("x", ("batch", 40))
    softmax = gc.nn.softmax(gc.nn.layer_norm(x, 40) * 2, dim=1)
    function = gc.compile(softmax, style="native")
    text = function.source.partition("int compute(")[0]
    assert text.count("i = first; i < last; i++") == 1


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bool"])
def test_copies_to_another_order_of_axes_are_transpositions(dtype: str) -> None:
    x = gc.input("x", ("batch", "height", 3, "width"), dtype)
    rolled = gc.roll(x, 1, axis=2)
    outputs = [
        gc.concatenate([x.transpose((2, 3, 1, 0)), x.transpose((2, 3, 1, 0))]),
        rolled[:, 1:].transpose((1, 3, 0, 2)),
    ]
    function = gc.compile(outputs, style="native")
    assert f"transpose_{dtype}(" in function.source
    rng = np.random.default_rng(0)
    for batch, height, width in ((0, 2, 3), (1, 40, 1), (33, 16, 5), (50, 7, 35)):
        array = rng.integers(-9, 9, (batch, height, 3, width)).astype(dtype)
        first, second = function(array)
        once = array.transpose((2, 3, 1, 0))
        np.testing.assert_array_equal(first, np.concatenate([once, once]))
        rolled = np.roll(array, 1, axis=2)[:, 1:]
        np.testing.assert_array_equal(second, rolled.transpose((1, 3, 0, 2)))


def test_windows_are_multiplied_where_they_are() -> None:
    """Of few filters; of many the windows are copied, for BLAS."""
    x = gc.input("x", ("batch", 3, 9, 8))
    wide = gc.input("wide", ("batch", 4, 12))
    kernels = [
        gc.input("k", (5, 3, 3, 3)),
        gc.input("grouped", (6, 1, 2, 3)),
        gc.input("long", (7, 4, 5)),
        gc.input("many", (256, 3, 3, 2)),
        gc.input("each", (3, 1, 3, 3)),
    ]
    values = [
        gc.nn.conv2d(x, kernels[0], padding=1),
        gc.nn.conv2d(x * 2, kernels[1], stride=2, groups=3),
        gc.nn.conv1d(gc.sin(wide), kernels[2], dilation=2),
        gc.nn.conv2d(x, kernels[3], stride=(1, 2)),
        gc.nn.conv2d(x, kernels[4], padding=1, groups=3),
    ]
    total = sum((gc.sum(gc.square(value)) for value in values), gc.constant(0.0))
    outputs = [*values, *gc.grad(total, [x, wide, *kernels])]
    function = gc.compile(outputs, inputs=[x, wide, *kernels], style="native")
    call = r"matmul_of_places_float32\([^;]*product_room\);"
    times = len(re.findall(call, function.source))
    assert times > 0
    assert times % 10 == 0
    assert "matmul_float32(256," in function.source
    rng = np.random.default_rng(0)
    for batch in (0, 1, 3, 40):
        sizes = [(batch, *node.shape[1:]) for node in (x, wide)]
        arrays = [
            rng.uniform(-1, 1, size).astype(np.float32)
            for size in (*sizes, *(node.shape for node in kernels))
        ]
        wanted = gc.evaluate(
            outputs, dict(zip([x, wide, *kernels], arrays, strict=True))
        )
        for found, exact in zip(function(*arrays), wanted, strict=True):
            np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-4)


def test_hyperparameters_stay_in_python() -> None:
    loss, _ = _perceptron()
    trainer = gc.Trainer(loss, gc.optim.SGD(0.1), style="native")
    functions = trainer.source.partition('C_SOURCE = r"""')[2].partition('"""')[0]
    functions = functions.partition("static void predict")[2]
    assert "0.25" not in functions
    assert "DROPOUT_P = 0.25" in trainer.source


def test_names_that_mean_something_in_c() -> None:
    sizes = ("i", "j", "i0", "double", "room", "t", "t_size", "INT64_MAX")
    names = ("wrong", "place", "NULL", "function_softmax", "restrict", "int64_t")
    nodes = [gc.input(name, sizes[at : at + 3]) for at, name in enumerate(names)]
    outputs = [gc.nn.softmax(node, dim=1) + gc.cumsum(node, 2) for node in nodes]
    rng = np.random.default_rng(0)
    length = dict(zip(sizes, (2, 3, 4, 5, 6, 7, 8, 9), strict=True))
    feeds = {
        name: rng.normal(size=[length[size] for size in sizes[at : at + 3]])
        for at, name in enumerate(names)
    }
    function = gc.compile(outputs, style="native")
    for found, wanted in zip(
        function(**feeds), gc.evaluate(outputs, feeds), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_large_arrays_are_not_kept() -> None:
    x = gc.input("x", ("batch", 1000))
    function = gc.compile(gc.sum(x * x, axis=1), style="native")
    large = np.ones((300, 1000), np.float32)
    known = weakref.ref(large)
    function(large)
    del large
    assert known() is None


def test_positions_out_of_bounds_are_an_error() -> None:
    x = gc.input("x", (5,))
    place = gc.input("place", ("n",), "int64")
    function = gc.compile(x[place * place] * 2, style="native")
    np.testing.assert_array_equal(function(np.arange(5.0), [2, 0]), [8, 0])
    with pytest.raises((IndexError, gc.errors.FeedError)):
        function(np.arange(5.0), [3])


def test_emitted_program_needs_no_graphc(tmp_path: Path) -> None:
    loss, data = _perceptron()
    trainer = gc.Trainer(loss, gc.optim.Adam(0.01), style="native")
    trainer.emit(tmp_path / "train.py", style="native")
    np.savez(tmp_path / "data.npz", **data)
    arguments = ["--data", "data.npz", "--dev", "data.npz", "--epochs", "2"]
    done = subprocess.run(
        [sys.executable, "train.py", *arguments, "--batch-size", "5"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    done = subprocess.run(
        [sys.executable, "train.py", "--check"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "all gradients agree" in done.stdout, done.stderr
    assert "import graphc" not in (tmp_path / "train.py").read_text(encoding="utf-8")


def test_without_a_compiler_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CC", "/nowhere/cc")
    function = gc.compile(gc.input("unlike_others", ("n",)) * 3.25, style="native")
    with pytest.raises(RuntimeError, match="no such program"):
        function([1.0])
    styles.compiler_problem.cache_clear()
    native.compiled.cache_clear()
    with pytest.warns(gc.errors.GraphcWarning, match="fast style, because CC"):
        function = gc.compile(gc.input("x", ("n",)) * 2, style="auto")
    styles.compiler_problem.cache_clear()
    np.testing.assert_array_equal(function([1.0]), [2])


@pytest.mark.parametrize("shape", [(3, 5), (7,), (0,)])
def test_draws_are_those_of_numpy(shape: tuple[int, ...]) -> None:
    """In each run, so that the streams go on alike."""
    x = gc.input("x", shape)
    outputs = [gc.nn.dropout(x, 0.25, training=True)]
    for dtype in ("float32", "float64"):
        outputs += [gc.random.uniform(0.0, 1.0, shape, dtype=dtype)]
        outputs += [gc.random.normal(0.0, 1.0, shape, dtype=dtype)]
    array = np.ones(shape, "float32")
    functions = [gc.compile(outputs, style=s, seed=3) for s in ("fast", "native")]
    for _ in range(3):
        for expected, found in zip(*(f(array) for f in functions), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_integers_wrap_and_divide_as_those_of_numpy() -> None:
    outputs: list[Node] = []
    expected: list[Any] = []
    feeds: dict[str, Any] = {}
    for dtype in ("int8", "int32", "int64", "uint8", "uint64"):
        ends = np.iinfo(dtype)
        some = [ends.min, ends.min + 1, 0, 1, 2, 3, 7, ends.max - 1, ends.max]
        if ends.min:
            some += [-7, -2, -1]
        every = np.array(some, dtype)
        a, b = (each.ravel() for each in np.meshgrid(every, every))
        x, y = (gc.input(f"{name}_{dtype}", a.shape, dtype) for name in "xy")
        feeds |= {f"x_{dtype}": a, f"y_{dtype}": b}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for function in ("add", "subtract", "multiply", "floor_divide"):
                outputs.append(getattr(gc, function)(x, y))
                expected.append(getattr(np, function)(a, b))
            for function in ("remainder", "maximum", "left_shift", "right_shift"):
                outputs.append(getattr(gc, function)(x, y))
                expected.append(getattr(np, function)(a, b))
            for function in ("absolute", "sign", "square"):
                outputs.append(getattr(gc, function)(x))
                expected.append(getattr(np, function)(a))
            if dtype != "uint64":
                outputs += [gc.gcd(x, y), gc.lcm(x, y)]
                expected += [np.gcd(a, b), np.lcm(a, b)]
    found = gc.compile(outputs, style="native")(**feeds)
    for node, a, b in zip(outputs, found, expected, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=str(node))


def test_sizes_that_are_divided() -> None:
    x = gc.input("x", ("batch", "n"))
    outputs = [x[:, ::2] * 2, gc.nn.max_pool1d(x[:, None, :], 3, 2)]
    array = np.random.default_rng(0).normal(size=(3, 9)).astype("float32")
    found = gc.compile(outputs, style="native")(array)
    for a, b in zip(found, gc.evaluate(outputs, {"x": array}), strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_turn_needs_one_row_of_memory() -> None:
    """The gradient of many classes, too, is written in the loop that reads a row."""
    scores = gc.input("scores", ("batch", 40))
    label = gc.input("label", ("batch",), "int64")
    loss = gc.nn.cross_entropy(scores, label)
    text = gc.compile([loss, *gc.grad(loss, [scores])], style="native").source
    text = text.partition("static void compute")[2].partition("return")[0]
    assert text.count("i = first; i < last; i++") == 1
    assert text.count("float exponentials[40];") == 1
    assert "take(" not in text
    assert max(map(len, text.splitlines())) <= 88
