"""Random programs in C: loops, training and whole-array functions of random sizes.

`--seeds FIRST:END` runs others than those of each day; `make fuzz-native` runs them
under sanitizers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir import Node
from tests.optim.cases import MATRICES_ONLY, examples
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
from tests.random_loops import BODIES, loop_of, random_loops
from tests.styles import assert_styles_agree
from tests.targets.c.compiled import COMPILER

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")

SIZES = (4, 1, 0, 7, 2)
"""Rows that one program is called with, one after the other."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test its seeds."""
    seeds: Any = metafunc.config.getoption("--seeds")
    first, _, last = seeds.partition(":")
    metafunc.parametrize("seed", range(int(first), int(last)))


def quietly(function: Any, *arguments: Any, **feeds: Any) -> Any:
    """Call without warnings of NaN and the like, which random graphs meet."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return function(*arguments, **feeds)


def as_given(chance: Random, array: np.ndarray) -> np.ndarray:
    """The numbers of an array, in another order of memory now and then."""
    way = chance.randrange(6)
    if way == 0 or not array.size or not array.ndim:
        return array
    if way == 1:
        return np.asfortranarray(array)
    if way == 2:
        return array[::-1].copy()[::-1]
    if way == 3:
        return array.repeat(2, axis=-1)[..., ::2]
    if way == 4:
        return array.astype(array.dtype.newbyteorder())
    # Read-only, and not where numbers of its dtype may stand.
    memory = b"\0" + array.tobytes()
    return np.frombuffer(memory, array.dtype, offset=1).reshape(array.shape)


def test_loops(seed: int) -> None:
    _, outputs = random_loops(seed, BODIES)
    expected = quietly(gc.evaluate, outputs)
    function = gc.compile(outputs, style="native")
    for _ in range(2):
        assert_styles_agree([*function()], expected, ulps=2**14, note=f"seed {seed}")


def test_graphs_and_loops_of_several_sizes(seed: int) -> None:
    chance = Random(seed)
    given = leaves()
    grower = Grower(chance, given, keep=is_smooth)
    grower.grow(chance.randint(2, 6))
    few = [v for v in grower.values if v.shape in ((), (3,), (3, 3))]
    found = loop_of(chance, few, BODIES, depth=1)
    rows = grower.values[0]
    start = chance.choice([given[2], gc.sin(given[2]), gc.ones(3, "float64")])

    def turn(carry: Node, row: Node) -> tuple[Node, Node]:
        after = gc.tanh(carry + row * 0.5)
        return after, after * gc.sum(carry)

    def layer(x: Node) -> Node:
        return gc.tanh(x @ given[1]) + given[2]

    carried, stacked = gc.scan(turn, start, rows)
    twice = gc.checkpoint(layer)(gc.checkpoint(layer)(rows))
    grower.values += [carried, stacked, twice]
    grower.values += [gc.tanh(v) for v in found]
    outputs = outputs_of(grower, given)
    function = gc.compile(outputs, style="native", seed=1)
    for size in SIZES:
        feeds = drawn(given[:1], seed, batch=size)
        everything = {**feeds, **function.parameters}
        expected = quietly(gc.evaluate, outputs, everything)
        beside = quietly(gc.evaluate, outputs, moved(everything, MOVED))
        given_feeds = {k: as_given(chance, v) for k, v in feeds.items()}
        result = quietly(function, **given_feeds)
        assert_near(result, expected, beside, note=f"seed {seed}, {size} rows")


# Groups name parameters that these models lack.
OPTIMIZERS = examples(but=("GradientAccumulation", "ParameterGroups"))


def test_training(seed: int) -> None:
    """Steps of any optimizer on a random model, with a buffer that is assigned."""
    chance = Random(seed)
    programs: list[gc.Trainer] = []
    names = [n for n in OPTIMIZERS if str(n).partition("-")[0] not in MATRICES_ONLY]
    name = chance.choice(names)
    dtype = chance.choice(["float32", "float64"])
    for style in ("native", "fast"):
        inner = Random(seed)
        x = gc.input("x", ("batch", 5), dtype)
        labels = gc.input("labels", ("batch",), "int64")
        value, width = x, 5
        for number in range(inner.randint(0, 3)):
            wide = inner.randint(1, 9)
            layer = gc.nn.Linear(
                width, wide, bias=inner.random() < 0.5, name=f"l{number}", dtype=dtype
            )
            value, width = layer(value), wide
            value = inner.choice([gc.tanh, gc.nn.gelu, gc.nn.softplus, gc.nn.relu])(
                value
            )
            if inner.random() < 0.4:
                value = gc.nn.layer_norm(value, width)
        scores = gc.nn.Linear(width, 4, name="scores", dtype=dtype)(value)
        mean = gc.buffer("mean", (5,), 0.0, dtype)
        updates = (
            {mean: mean * 0.9 + gc.mean(x, 0) * 0.1} if inner.random() < 0.5 else {}
        )
        loss = gc.nn.cross_entropy(scores + gc.sum(mean) * bool(updates), labels)
        if inner.random() < 0.3:
            losses = {"first": loss, "second": gc.mean(gc.square(scores))}
            total: Any = gc.add(*losses.values())
        else:
            total = loss
        trainer = gc.Trainer(
            total, OPTIMIZERS[name], style=style, updates=updates, seed=seed
        )
        programs.append(trainer)
    rng = np.random.default_rng(seed)
    for rows in (6, 1, 3, 6):
        batch = rng.normal(size=(rows, 5)).astype(dtype), rng.integers(0, 4, rows)
        for trainer in programs:
            quietly(trainer.step, *(as_given(chance, a) for a in batch))
    native, fast = programs
    ulps = 2**18 if dtype == "float32" else 2**40
    for key, expected in fast.parameters.items():
        note = f"seed {seed}, {name}, {key}"
        assert_styles_agree(native.parameters[key], expected, ulps=ulps, note=note)
    data = {"x": rng.normal(size=(9, 5)).astype(dtype), "labels": rng.integers(0, 4, 9)}
    assert native.evaluate(data).keys() == fast.evaluate(data).keys()


def test_functions_of_whole_arrays(seed: int) -> None:
    """Sorting, counting, running and windowed values of any sizes, NaN among them."""
    chance = Random(seed)
    rng = np.random.default_rng(seed)
    dtype = chance.choice(["float32", "float64", "int64", "int32", "uint8"])
    sizes = [
        chance.choice([0, 1, 2, 3, 5, 16, 17, 33]) for _ in range(chance.randint(1, 3))
    ]
    array = (rng.normal(size=sizes) * 4).round(chance.choice([0, 6])).astype(dtype)
    if array.dtype.kind == "f" and chance.random() < 0.3:
        array = np.where(rng.random(sizes) < 0.2, np.nan, array).astype(dtype)
    named: list[Any] = [f"n{axis}" for axis in range(len(sizes))]
    shape = named if chance.random() < 0.7 else sizes
    x = gc.input("x", shape, dtype)
    line = gc.input("line", ("count",), dtype)
    ordered = np.sort((rng.normal(size=chance.choice([0, 2, 4, 9])) * 4).astype(dtype))
    axis = chance.randrange(len(sizes))
    wished: list[Callable[[], Any]] = [
        lambda: gc.sort(x, axis),
        lambda: gc.argsort(x, axis),
        lambda: gc.cumsum(x, axis),
        lambda: gc.cumprod(x, axis),
        lambda: gc.searchsorted(line, x, chance.choice(["left", "right"])),
        lambda: gc.isin(x, line),
        lambda: gc.flip(x, axis),
        lambda: gc.roll(x, chance.randint(-5, 5), axis),
        lambda: gc.diff(x, axis=axis),
        lambda: gc.pad(x, chance.randint(0, 3)),
        lambda: gc.repeat(x, chance.randint(0, 3), axis),
        lambda: gc.tile(x, chance.randint(1, 3)),
        lambda: gc.cummax(x, axis),
        lambda: gc.cummin(x, axis),
        lambda: gc.nancumsum(x, axis),
        lambda: gc.logcumsumexp(x, axis),
        lambda: gc.topk(x, 1, axis)[0],
        lambda: gc.digitize(x, line),
        lambda: gc.nanmedian(x, axis=axis),
        lambda: gc.rot90(x),
        lambda: gc.kron(x, x),
        lambda: gc.histogram(x, bins=5, range=(-3.0, 3.0))[0],
        lambda: gc.bincount(
            gc.abs(gc.nan_to_num(x)).ravel().astype("int64") % 7, minlength=7
        ),
        lambda: gc.quantile(x, [0.1, 0.5, 0.9], axis=axis),
        lambda: gc.median(x, axis=axis),
        lambda: gc.max(x, axis=axis),
        lambda: gc.argmax(x, axis=axis),
        lambda: gc.any(x > 0, axis=axis),
        lambda: gc.sum(x, axis=axis),
        lambda: gc.mean(x),
        lambda: gc.convolve(x.ravel(), line),
        lambda: gc.take_along_axis(x, gc.argsort(x, axis), axis),
        lambda: gc.trace(x),
        lambda: gc.tril(x),
        lambda: gc.diagonal(x),
        lambda: gc.einsum("ij,kj->ik", x, x),
        lambda: gc.linalg.norm(x),
    ]
    if ordered.size:
        wished.append(lambda: gc.interp(x, line, line * 2))
    outputs: list[Node] = [gc.sum(x), gc.sum(line)]
    for wish in chance.sample(wished, 8):
        # Some are not for all dtypes and numbers of axes.
        with suppress(gc.errors.GraphcError):
            made = wish()
            outputs += [made] if isinstance(made, Node) else [*made]
    feeds = {"x": array, "line": ordered}
    try:
        expected = quietly(gc.evaluate, outputs, feeds)
    except (ValueError, IndexError):
        return
    function = gc.compile(outputs, style="native")
    fed = {key: as_given(chance, value) for key, value in feeds.items()}
    for _ in range(2):
        found = quietly(function, **fed)
        for node, a, b in zip(outputs, found, expected, strict=True):
            assert_styles_agree(a, b, ulps=2**10, note=f"seed {seed}: {node}")
