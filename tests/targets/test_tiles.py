"""Chains that run tile by tile: the same numbers, bit for bit, however they are cut."""

import multiprocessing
import threading
import time
import warnings
from random import Random

import numpy as np
import pytest

import graphc as gc
from graphc import optim
from graphc.harness import tiles
from graphc.ir.graph import Graph
from graphc.program.schedule import TILE, Tiling
from graphc.training import assemble
from tests.random_graphs import Grower, assert_near, is_elementwise, moved
from tests.styles import assert_styles_agree

from .support import assert_formatted, load

CUTS = [(1, 1), (1, 2), (1, 3), (2, 1), (7, 1), (7, 2), (7, 3), (TILE, 1)]
"""Numbers in a tile and threads."""


def canonical(value):
    """The bits of an array, with one kind of NaN."""
    array = np.array(value)
    if array.dtype.kind == "f":
        array[np.isnan(array)] = np.nan
    return str(array.dtype), array.shape, array.tobytes()


def inputs_of(outputs):
    return Graph(tuple(outputs)).inputs


# Random graphs ------------------------------------------------------------------------

SHAPES = [("n",), (40,), ("n", 3), (30, 4), (9, 9), (9, 9), ("n", 2, 3)]
AROUND = {"sum", "max", "getitem", "transpose", "reshape", "broadcast_to", "matmul"}


def is_tiled(op):
    """What chains are made of, and some of what stands between them."""
    return is_elementwise(op) or op.name in AROUND


def random_graph(seed):
    """Outputs of elementwise ops, with views and sums between them, and feeds."""
    chance, rng = Random(seed), np.random.default_rng(seed)
    shape, rows = chance.choice(SHAPES), chance.choice([0, 1, 2, 7, 14, 29])
    feeds, leaves = {}, []
    for number, declared in enumerate(
        [shape, shape, shape, (), shape[-1:], (1,) * len(shape)]
    ):
        dtype = chance.choice(["float32", "float32", "float64"])
        values = rng.normal(size=[rows if d == "n" else d for d in declared]) * 3
        if values.size > 3 and chance.random() < 0.2:
            values.reshape(-1)[:3] = np.nan, np.inf, -np.inf
        leaves.append(gc.input(f"x{number}", declared, dtype))
        feeds[f"x{number}"] = values.astype(dtype)
    # An array without elements has no largest one.
    grower = Grower(
        chance,
        leaves,
        keep=lambda op: is_tiled(op) and (rows > 0 or op.name != "max"),
        bounded=0.3,
    )
    grower.grow(chance.randint(2, 10))
    *inner, value = grower.values[len(leaves) :]
    last = gc.tanh(gc.sin(value) + 0.25)
    outputs = [last, gc.sum(chance.choice(grower.values)), gc.exp(last) - 1.5]
    outputs += [value for value in inner if chance.random() < 0.3]
    outputs += [gc.exp(gc.sin(leaves[1] - 0.5)) * leaves[2]]
    outputs += [gc.sum(leaf) for leaf in leaves[:1]]
    return outputs, {node.name: feeds[node.name] for node in inputs_of(outputs)}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", range(60))
def test_tiles_and_threads_change_no_bit(seed):
    outputs, feeds = random_graph(seed)
    with np.errstate(all="ignore"):
        whole = gc.compile(outputs, tile_size=None, simplify=False)
        expected = [canonical(value) for value in whole(**feeds)]
        reference = gc.evaluate(outputs, feeds)
        beside = gc.evaluate(outputs, moved(feeds, 1e-5))
        assert_near(whole(**feeds), reference, beside, rtol=1e-4, note=f"seed {seed}")
        module = load(gc.compile(outputs, tile_size=1, simplify=False).source)
        assert module.TILE == 1
        kept = {name: value.copy() for name, value in feeds.items()}
        for module.TILE, module.THREADS in CUTS:
            for _ in range(2):
                found = module.compute({}, **feeds)
                assert [canonical(value) for value in found] == expected
    for name, value in feeds.items():
        assert canonical(value) == canonical(kept[name])


# By hand ------------------------------------------------------------------------------


def wave(x):
    return gc.tanh(gc.sin(x) * 2 + 0.5)


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 63, 64, 65, 100])
@pytest.mark.parametrize("threads", [0, 1, 2, 3])
def test_lengths_around_whole_tiles(length, threads):
    x = gc.input("x", ("n",))
    compute = gc.compile(wave(x), tile_size=16, threads=threads)
    feed = np.linspace(-3, 3, length, dtype="float32")
    expected = np.tanh(np.sin(feed) * np.float32(2) + np.float32(0.5))
    for _ in range(2):
        np.testing.assert_array_equal(compute(x=feed), expected, strict=True)


@pytest.mark.parametrize("tile_size", [1, 2, 7, TILE, None])
def test_gradients_with_a_sum_between_two_chains(tile_size):
    x = gc.input("x", ("n",))
    scale = gc.input("scale", ())
    y = wave(x * scale)
    loss = gc.sum(y * y) / y.shape[0]
    outputs = [y, loss, *gc.grad(loss, [x, scale])]
    rng = np.random.default_rng(0)
    feeds = {"x": rng.normal(size=50).astype("float32"), "scale": np.float32(0.7)}
    expected = gc.compile(outputs, style="readable")(**feeds)
    for threads in (1, 2):
        compute = gc.compile(outputs, tile_size=tile_size, threads=threads)
        assert ("run_in_tiles(" in compute.source) == (tile_size is not None)
        assert_styles_agree(compute(**feeds), expected)


# Of each: what other rows of `a` a chain reads.
OTHER_ROWS = {
    "transposed": lambda a, x: gc.tanh(gc.sin(a + a.T) * 2),
    "transposed later": lambda a, x: gc.tanh(gc.sin(a) * 2) + a.T,
    "transposed twice": lambda a, x: gc.tanh(gc.sin(a) * a.T.T + 1),
    "backwards": lambda a, x: gc.sin(a * a[::-1]) + 2 * x,
    "backwards later": lambda a, x: gc.tanh(gc.sin(a) * 2) * a[::-1],
    "both": lambda a, x: gc.sin(a * a[::-1].T) + gc.tanh(a.T[::-1]),
    "shifted": lambda a, x: gc.tanh(gc.sin(a[1:] * a[:-1]) + x[1:]),
    "every other": lambda a, x: gc.tanh(gc.sin(a[::2] * a[1::2]) * 2 + a[:20]),
    "one row": lambda a, x: gc.tanh(gc.sin(a * a[3]) + 1),
    "one row, again": lambda a, x: gc.tanh(gc.sin(a * a[3:4]) + 1) * a[3:4],
    "reshaped": lambda a, x: gc.tanh(gc.sin(a.T.reshape((40, 40)) * 2) + a),
    "of the chain itself": lambda a, x: gc.cos(gc.sin(gc.tanh(a) * 2).T + gc.tanh(a)),
    "of the chain, backwards": lambda a, x: gc.tanh(gc.sin(a * 2)[::-1] + a) * 2,
    "of what a sum reads": lambda a, x: gc.tanh(gc.sin(a - gc.sum(a, axis=0)) + a.T),
}


@pytest.mark.parametrize("kind", OTHER_ROWS)
@pytest.mark.parametrize("start", ["product", "chain", "input"])
def test_no_tile_overwrites_what_a_later_one_reads(kind, start):
    x = gc.input("x", (40, 40))
    a = {
        "product": lambda: x @ x,
        "chain": lambda: gc.tanh(gc.exp(x * 0.5) + 1.5),
        "input": lambda: x,
    }[start]()
    y = OTHER_ROWS[kind](a, x)
    outputs = [gc.sum(y), y * 3]
    feed = np.random.default_rng(0).normal(size=(40, 40)).astype("float32")
    expected = gc.evaluate(outputs, {"x": feed})
    compute = gc.compile(outputs, tile_size=120, threads=2)
    assert "run_in_tiles(" in compute.source
    for _ in range(2):
        for value, reference in zip(compute(x=feed), expected, strict=True):
            # Sines of large products say little of their last digits.
            np.testing.assert_allclose(value, reference, rtol=0, atol=0.05)


def test_what_a_function_returns_is_the_callers():
    """Arrays that are made once, with the workspace, are given to no one."""
    x = gc.input("x", ("n", 3))
    outputs = [wave(x), gc.zeros((x.shape[0], 3)), gc.ones((x.shape[0],)), x * 2]
    compute = gc.compile(outputs, tile_size=4, simplify=False)
    feed = np.ones((5, 3), "float32")
    first = compute(x=feed)
    kept = [value.copy() for value in first]
    for value in first:
        value[...] = 7
    for value, reference in zip(compute(x=feed), kept, strict=True):
        np.testing.assert_array_equal(value, reference, strict=True)


# Errors and settings of the caller ----------------------------------------------------


def quotients(threads):
    """A function that divides by its input, 160 numbers in ten tiles."""
    x = gc.input("x", ("n",))
    function = gc.compile(wave(1 / x), tile_size=16, threads=threads)
    return function, load(function.source).compute


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("place", [0, 17, 35, 159])
def test_settings_for_floating_point_errors_hold_in_every_thread(threads, place):
    _, compute = quotients(threads)
    feed = np.linspace(1, 2, 160, dtype="float32")
    (expected,) = compute({}, feed)
    faulty = feed.copy()
    faulty[place] = 0
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error")
        (found,) = compute({}, faulty)
    assert np.isnan(found[place])
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="divide"):
        compute({}, faulty)
    (again,) = compute({}, feed)
    np.testing.assert_array_equal(again, expected)


def test_an_error_ends_no_call_before_its_other_threads_end(monkeypatch):
    monkeypatch.setattr(tiles, "TILE", 2)
    monkeypatch.setattr(tiles, "THREADS", 2)
    caller = threading.get_ident()
    results = np.zeros(8)

    def kernel(results):
        if threading.get_ident() == caller:
            raise FloatingPointError("in the first tile")
        time.sleep(0.05)
        results[...] = 1

    with pytest.raises(FloatingPointError, match="first tile"):
        tiles.run_in_tiles(kernel, (results,), (), ())
    assert results.sum() == 4


def test_an_error_names_the_line_of_the_user():
    function, _ = quotients(2)
    program = function._program
    feed = np.ones(160, "float32")
    feed[100] = 0
    with (
        np.errstate(all="raise"),
        pytest.raises(FloatingPointError) as caught,
        program.tracing(),
    ):
        program.module.compute({}, feed)
    (note,) = caught.value.__notes__
    line = quotients.__code__.co_firstlineno + 3
    assert f"{__file__}:{line}" in note


# Threads ------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (8,), (33,), (9, 5), (40, 3)])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_each_row_is_computed_once(monkeypatch, shape, threads):
    monkeypatch.setattr(tiles, "TILE", 8)
    monkeypatch.setattr(tiles, "THREADS", threads)
    array = np.zeros(shape)
    column = np.arange(shape[0])
    counts, at_work, most = [], [], []

    def kernel(array, column, fixed, *scratch):
        assert fixed == "fixed"
        assert len(column) == len(array)
        assert array.size <= max(8, array[:1].size)
        for room, dtype in zip(scratch, ("float64", "bool"), strict=True):
            assert room.shape == array.shape
            assert room.dtype == dtype
            assert room.ctypes.data % 64 == 0 or not room.size
            assert not any(np.shares_memory(room, other) for other in at_work)
        at_work.extend(scratch)
        most.append(len(at_work) // 2)
        time.sleep(0.002)
        for room in scratch:
            at_work[:] = [other for other in at_work if other is not room]
        array += 1
        counts.append(len(array))

    scratch = (np.float64, np.bool_)
    tiles.run_in_tiles(kernel, (array, column), ("fixed",), scratch)
    assert (array == 1).all()
    assert sum(counts) == len(array)
    assert max(most) <= max(1, min(threads, len(counts) // 2))


def test_four_tiles_are_shared_by_two_threads(monkeypatch):
    monkeypatch.setattr(tiles, "TILE", 2)
    monkeypatch.setattr(tiles, "THREADS", 2)
    barrier = threading.Barrier(2)

    def kernel(tile):
        # Passed only if two threads come here at the same time.
        barrier.wait(timeout=60)
        tile += 1

    array = np.zeros(8)
    tiles.run_in_tiles(kernel, (array,), (), ())
    assert (array == 1).all()


def test_a_forked_process_has_threads_of_its_own():
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("no fork here")
    x = gc.input("x", ("n",))
    compute = gc.compile(wave(x), tile_size=16, threads=2)
    feed = np.linspace(-3, 3, 200, dtype="float32")
    expected = compute(x=feed).tobytes()
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=lambda: theirs.send(compute(x=feed).tobytes()))
    try:
        with warnings.catch_warnings():
            # Python warns of forks while there are threads; they wait for work here.
            warnings.simplefilter("ignore", DeprecationWarning)
            child.start()
        assert ours.poll(60)
        assert ours.recv() == expected
    finally:
        child.kill()
        child.join()


# Training -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def noisy():
    """A network with chains before, between and after its random draws."""
    x = gc.input("x", ("batch", 6))
    y = gc.input("y", ("batch", 2))
    hidden = gc.nn.Dropout(0.3)(gc.nn.gelu(gc.nn.Linear(6, 5, name="one")(x)))
    hidden = gc.nn.Dropout(0.4)(gc.tanh(gc.nn.Linear(5, 5, name="two")(hidden)) * 2)
    out = gc.nn.Linear(5, 2, name="three")(gc.nn.silu(hidden) + 0.1 * hidden)
    return gc.nn.mse_loss(gc.nn.gaussian_noise(out, 0.1), y)


def trained(loss, **options):
    program = assemble.training_program(loss, optim.Adam(0.01), **options)
    module = program.module
    rng = np.random.default_rng(0)
    parameters = module.init_parameters(0)
    state = module.init_state(parameters, 3)
    losses = []
    for size in (30, 30, 7, 30):
        x, y = rng.normal(size=(size, 6)), rng.normal(size=(size, 2))
        batch = x.astype("float32"), y.astype("float32")
        losses.append(module.train_step(parameters, state, *batch))
    values = [canonical(value) for value in parameters.values()]
    streams = [stream.bit_generator.state for stream in state["rng"].values()]
    return program, losses, values, streams


def test_random_numbers_are_drawn_in_the_same_order(noisy):
    *_, drawn = trained(noisy, style="readable")
    _, *expected = trained(noisy, tiling=Tiling(None))
    assert expected[-1] == drawn
    for tiling in (Tiling(1, 1), Tiling(7, 2), Tiling(16, 3)):
        program, *found = trained(noisy, tiling=tiling)
        assert program.source.count("run_in_tiles(") == 0 or tiling.size is not None
        assert found == expected


def test_text_is_formatted_and_lint_clean(noisy, tmp_path):
    program = assemble.training_program(noisy, optim.Adam(0.01), tiling=Tiling(16, 2))
    assert program.source.count("run_in_tiles(") > 3
    assert_formatted(program.source, tmp_path)
