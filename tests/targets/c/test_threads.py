"""Native style: threads share loops, and the bits are the same for any number."""

from __future__ import annotations

import ctypes
import math
import multiprocessing
import os
import re
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir.node import Node
from graphc.program.loops import sharing
from tests.random_graphs import Grower, drawn, is_smooth, leaves, outputs_of
from tests.styles import assert_styles_agree
from tests.targets.c.compiled import COMPILER

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="there is no C compiler"),
    pytest.mark.skipif(os.name == "nt", reason="C has no threads there"),
]


@pytest.fixture
def in_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let threads share loops of a few turns."""
    monkeypatch.setattr(sharing, "PART", 64)
    monkeypatch.setattr(sharing, "LARGE", 1)


def _module(function: Any) -> Any:
    return function._program.module


def _use_threads(module: Any, threads: int) -> None:
    """Change how many threads a program has, which was compiled for another number."""
    library = module.c_library()
    if hasattr(library, "use_threads"):
        library.use_threads(ctypes.c_int64(threads))


def _same(found: list[Any], expected: list[Any], note: str = "") -> None:
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=note)


def _watch_memory(module: Any) -> list[Any]:
    """Let a program have each array with bytes behind it, which nothing may change."""
    behind: list[Any] = []
    allocate = getattr(module, "empty_aligned", None)

    def watched(shape: tuple[int, ...], dtype: Any) -> Any:
        size = math.prod(shape) * np.dtype(dtype).itemsize
        memory = allocate((size + 2**17,), np.uint8)
        memory[size:] = 0xA5
        behind.append(memory[size:])
        return memory[:size].view(dtype).reshape(shape)

    if allocate is not None:
        module.empty_aligned = watched
    return behind


def _with_threads(outputs: list[Node], *batches: Any) -> list[list[Any]]:
    """The results for each batch from one thread, which are those from more."""
    function = gc.compile(outputs, style="native", seed=1, threads=1)
    behind = _watch_memory(_module(function))
    results: list[list[Any]] = []
    for arrays in batches:
        alone = function(*arrays)
        results.append(alone)
        for threads in (2, 3, 4):
            _use_threads(_module(function), threads)
            for _ in range(3):
                _same(function(*arrays), alone, f"{threads} threads")
        _use_threads(_module(function), 1)
    assert all((memory == 0xA5).all() for memory in behind)
    return results


def _normal(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype("float32")


def _count_threads() -> int:
    return len(os.listdir("/proc/self/task"))


ON_LINUX = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc"
)


# Large loops ------------------------------------------------------------------------


def test_gelu_with_sums_of_all() -> None:
    x = gc.input("x", ("n",))
    y = gc.nn.gelu(x)
    outputs = [y, gc.grad(gc.sum(y), x), gc.sum(y), gc.max(y), gc.any(y > 3.0)]
    large = _normal(1_000_001)
    found, *_ = _with_threads(outputs, [large], [large[:3]])
    fast = gc.compile(outputs[:2], style="fast")(large)
    for a, b in zip(found[:2], fast, strict=True):
        assert_styles_agree(a, b, ulps=64)
    np.testing.assert_allclose(found[2], found[0].sum(dtype="float64"), 1e-5)
    assert found[3] == found[0].max()
    assert found[4] == (found[0] > 3.0).any()


def test_rows_with_sums_over_them() -> None:
    x = gc.input("x", ("batch", 24, 256))
    weight = gc.parameter("weight", (256,), init=gc.init.ones())
    bias = gc.parameter("bias", (256,), init=gc.init.zeros())
    normed = gc.nn.layer_norm(x, (256,), weight, bias)
    loss = gc.mean(gc.square(gc.nn.softmax(normed, dim=-1)))
    outputs = [loss, *gc.grad(loss, [x, weight, bias])]
    array = _normal(100, 24, 256)
    (found,) = _with_threads(outputs, [array])
    assert "turns_of_sums(batch, " in gc.compile(outputs, style="native").source
    parameters = {weight: np.ones(256, "float32"), bias: np.zeros(256, "float32")}
    expected = gc.evaluate(outputs, {x: array, **parameters})
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, 1e-3, np.abs(b).max() * 1e-4)


def test_sums_over_rows_one_after_another() -> None:
    """Loops of one function have memory for the sums of their parts, each its own."""
    x = gc.input("x", ("batch", 512))
    centered = x - gc.mean(x, axis=0)
    variance = gc.mean(gc.square(centered), axis=0)
    normed = centered / gc.sqrt(variance + 1.0)
    array = _normal(2000, 512)
    ((found, spread),) = _with_threads([normed, variance], [array])
    exact = array.astype("float64")
    np.testing.assert_allclose(spread, exact.var(0), 1e-4)
    expected = (exact - exact.mean(0)) / np.sqrt(exact.var(0) + 1.0)
    np.testing.assert_allclose(found, expected, 1e-4, 1e-5)


def test_one_rule_for_many_parameters() -> None:
    x = gc.input("x", ("batch", 1000))
    weight = gc.parameter("weight", (1000, 1000), init=gc.init.normal())
    loss = gc.mean(gc.square(gc.matmul(x, weight)))
    trainer = gc.Trainer(loss, gc.optim.Adam(), style="native", threads=1)
    assert re.search(r"share\(adam_shared, \*counts\+\+, turns_of", trainer.source)
    trained: list[Any] = []
    for threads in (1, 2, 3, 4):
        again = trainer.restarted()
        _use_threads(again.module, threads)
        for _ in range(3):
            again.step(x=_normal(3, 1000))
        trained.append(again.parameters["weight"].copy())
    _same(trained, [trained[0]] * 4)


# Small ones in small parts ----------------------------------------------------------


@pytest.mark.usefixtures("in_small_parts")
@pytest.mark.parametrize(
    "seed",
    [*range(4), *(pytest.param(s, marks=pytest.mark.slow) for s in range(4, 60))],
)
def test_random_graphs(seed: int) -> None:
    chance = Random(seed)
    given = leaves()
    grower = Grower(chance, given, keep=is_smooth)
    grower.grow(chance.randint(4, 12))
    outputs = outputs_of(grower, given)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        feeds = [drawn(given[:1], seed, batch=rows) for rows in (1, 7, 40)]
        _with_threads(outputs, *([*each.values()] for each in feeds))


def _perceptron() -> tuple[Node, dict[str, Any]]:
    x = gc.input("x", ("batch", 24))
    labels = gc.input("labels", ("batch",), "int64")
    model = gc.nn.Sequential(
        gc.nn.Linear(24, 16, name="hidden"),
        gc.nn.BatchNorm1d(16, name="norm"),
        gc.nn.GELU(),
        gc.nn.Dropout(0.25),
        gc.nn.Linear(16, 5, name="output"),
    )
    data = {"x": _normal(40, 24), "labels": np.arange(40) % 5}
    return gc.nn.cross_entropy(model(x), labels), data


def _convolutions() -> tuple[Node, dict[str, Any]]:
    images = gc.input("images", ("batch", 1, 12, 12))
    labels = gc.input("labels", ("batch",), "int64")
    model = gc.nn.Sequential(
        gc.nn.Conv2d(1, 6, 5, padding=2, name="first"),
        gc.nn.Tanh(),
        gc.nn.AvgPool2d(2),
        gc.nn.Conv2d(6, 8, 3, name="second"),
        gc.nn.ReLU(),
        gc.nn.MaxPool2d(2),
        gc.nn.Flatten(),
        gc.nn.Linear(32, 4, name="output"),
    )
    data = {"images": _normal(12, 1, 12, 12), "labels": np.arange(12) % 4}
    return gc.nn.cross_entropy(model(images), labels), data


def _recurrent() -> tuple[Node, dict[str, Any]]:
    x = gc.input("x", ("batch", 6, 4))
    target = gc.input("target", ("batch", 8))
    outputs, _ = gc.nn.LSTM(4, 8, batch_first=True, name="lstm")(x)
    data = {"x": _normal(20, 6, 4), "target": _normal(20, 8)}
    return gc.nn.mse_loss(outputs[:, -1], target), data


def _transformer() -> tuple[Node, dict[str, Any]]:
    words = gc.input("words", ("batch", 10), "int64")
    x = gc.nn.Embedding(30, 16, name="words_of")(words)
    layer = gc.nn.TransformerEncoderLayer(
        16, 4, dim_feedforward=32, dropout=0.1, batch_first=True, name="layer"
    )
    scores = gc.nn.Linear(16, 30, name="output")(layer(x))
    loss = gc.nn.cross_entropy(scores.reshape((-1, 30)), words.reshape((-1,)))
    return loss, {"words": np.arange(80).reshape(8, 10) * 7 % 30}


@pytest.mark.usefixtures("in_small_parts")
@pytest.mark.parametrize(
    "model", [_perceptron, _convolutions, _recurrent, _transformer]
)
def test_training(model: Any) -> None:
    loss, data = model()
    trainer = gc.Trainer(loss, gc.optim.AdamW(), style="native", threads=1)
    assert trainer.source.count("    share(") > 1
    trained: list[list[Any]] = []
    for threads in (1, 2, 4):
        again = trainer.restarted()
        _use_threads(again.module, threads)
        losses = [again.step(**data) for _ in range(4)]
        trained.append([*losses, *again.parameters.values()])
    for each in trained[1:]:
        _same(each, trained[0])
    fast = trainer.restarted(style="fast")
    losses = [fast.step(**data) for _ in range(4)]
    np.testing.assert_allclose(trained[0][:4], losses, 1e-3)


@pytest.mark.usefixtures("in_small_parts")
def test_a_position_out_of_bounds_is_an_error_in_any_thread() -> None:
    x = gc.input("x", (50, 4))
    places = gc.input("places", ("n",), "int64")
    function = gc.compile(gc.exp(x[places % 51]), style="native", threads=3)
    assert "share(" in function.source
    array, chosen = _normal(50, 4), np.arange(1000) % 50
    found = function(array, chosen)
    np.testing.assert_allclose(found, np.exp(array[chosen]), 1e-6)
    chosen[700] = 50
    for _ in range(5):
        with pytest.raises((IndexError, gc.errors.FeedError)):
            function(array, chosen)


# Threads ----------------------------------------------------------------------------


@ON_LINUX
def test_threads_are_as_many_as_asked_for_and_start_with_large_work() -> None:
    x = gc.input("x", ("n",))
    function = gc.compile(gc.sin(gc.exp(gc.tanh(x))), style="native", threads=5)
    function(_normal(100))
    before = _count_threads()
    for _ in range(3):
        function(_normal(10_000))
        assert _count_threads() == before
    for _ in range(3):
        function(_normal(1_000_000))
        assert _count_threads() == before + 4
    alone = gc.compile(gc.cos(gc.exp(gc.tanh(x))), style="native", threads=1)
    alone(_normal(1_000_000))
    assert _count_threads() == before + 4


def test_small_programs_have_no_threads() -> None:
    x = gc.input("x", (100, 100))
    source = gc.compile(gc.tanh(x), style="native").source
    assert "share(" not in source
    assert "pthread" not in source
    assert "THREADS" not in source


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_has_threads_of_its_own() -> None:
    x = gc.input("x", ("n",))
    function = gc.compile(gc.exp(gc.sin(x)), style="native", threads=3)
    array = _normal(1_000_000)
    expected = function(array)
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)

    def child() -> None:
        found = [np.array_equal(function(array), expected) for _ in range(5)]
        send.send(found)

    process = context.Process(target=child)
    process.start()
    assert receive.poll(60), "the child hangs"
    assert receive.recv() == [True] * 5
    process.join()
    np.testing.assert_array_equal(function(array), expected)


def test_several_callers_at_once() -> None:
    x = gc.input("x", ("n",))
    function = gc.compile([gc.exp(gc.cos(x)), gc.sum(x)], style="native", threads=3)
    arrays = [_normal(500_000) * k for k in range(1, 5)]
    expected = [function(array) for array in arrays]

    def agrees(caller: int) -> bool:
        for _ in range(10):
            _same(function(arrays[caller]), expected[caller])
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(agrees, range(4)))


@pytest.mark.parametrize(
    ("told", "expected"), [("3", 3), (" 2,1", 2), ("", None), ("0", None), ("x", None)]
)
def test_the_environment_may_tell_the_number(
    monkeypatch: pytest.MonkeyPatch, told: str, expected: int | None
) -> None:
    x = gc.input("x", ("n",))
    module = _module(gc.compile(gc.exp(x), style="native"))
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    count = module.count_cores()
    assert count == (expected or len(os.sched_getaffinity(0)))
