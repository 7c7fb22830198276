"""The memory that is told before a program runs is what NumPy then is asked for."""

import re
import sys
import tracemalloc

import numpy as np
import pytest

import graphc as gc
from graphc import optim
from graphc.errors import OptionError
from graphc.ir.graph import Graph
from graphc.program.footprint import KEPT
from graphc.program.schedule import TILE, Tiling
from graphc.training import assemble
from tests.targets.support import loader, metered


@pytest.fixture(scope="module")
def generator_bytes():
    """What a generator of random numbers takes, which is no array of the program."""
    sizes = []
    for _ in range(2):
        with metered() as meter:
            kept = np.random.default_rng([0, 1])
        sizes.append(meter.live)
        del kept
    return sizes[-1]


# Training -----------------------------------------------------------------------------


def classifier(activation, dtype="float32"):
    x = gc.input("x", ("batch", 5), dtype)
    y = gc.input("y", ("batch",), "int64")
    hidden = activation(gc.nn.Linear(5, 8, name="one", dtype=dtype)(x))
    return gc.nn.cross_entropy(gc.nn.Linear(8, 3, name="two", dtype=dtype)(hidden), y)


def regression():
    """With dropout, a norm, and parameters of no and of three dimensions."""
    x = gc.input("x", ("batch", 5))
    y = gc.input("y", ("batch", 2))
    hidden = gc.nn.gelu(
        gc.nn.LayerNorm(6, name="norm")(gc.nn.Linear(5, 6, name="a")(x))
    )
    hidden = gc.nn.Dropout(0.2)(hidden) * gc.parameter("gain", (), gc.init.ones())
    cube = gc.parameter("cube", (2, 3, 6), gc.init.normal(0, 1))
    return gc.nn.mse_loss(hidden @ gc.sum(cube, axis=1).T, y)


def two_dtypes():
    x = gc.input("x", ("batch", 3))
    single = gc.parameter("single", (3, 4), gc.init.ones())
    double = gc.parameter("double", (4,), gc.init.ones(), "float64")
    return gc.mean(gc.tanh(gc.tanh(x @ single) * double) + gc.sin(double))


MODELS = {
    "relu": lambda: classifier(gc.nn.relu),
    "gelu in float64": lambda: classifier(gc.nn.gelu, "float64"),
    "regression": regression,
    "two dtypes": two_dtypes,
}
OPTIMIZERS = {
    "SGD": lambda: optim.SGD(0.1),
    "momentum": lambda: optim.SGD(0.1, momentum=0.9),
    "Adam": lambda: optim.Adam(0.01),
    "averages": lambda: optim.EMA(optim.AdamW(0.01)),
    "clipping": lambda: optim.ClipByGlobalNorm(optim.Adam(0.01), max_norm=0.1),
    "clipping each": lambda: optim.ClipByNorm(optim.Adam(0.01), max_norm=0.1),
    "accumulation": lambda: optim.GradientAccumulation(optim.Adam(0.01), steps=2),
    "a trust ratio": lambda: optim.LAMB(0.01),
    "noise": lambda: optim.GradientNoise(optim.Adam(0.01)),
}


def batch_of(program, size):
    rng = np.random.default_rng(0)
    arrays = []
    for node in program.inputs:
        shape = [size, *node.shape[1:]]
        drawn = rng.normal(size=shape) if node.dtype.kind == "f" else np.zeros(shape)
        arrays.append(drawn.astype(node.dtype))
    return arrays


def trained_bytes(program, module, size, generator_bytes):
    """What is allocated after three steps."""
    batch = batch_of(program, size)
    with metered() as meter:
        parameters = module.init_parameters(0)
        state = module.init_state(parameters)
        for _ in range(3):
            module.train_step(parameters, state, *batch)
    return meter.live - generator_bytes * len(state["rng"])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_takes_what_was_told(optimizer, generator_bytes):
    program = assemble.training_program(regression(), OPTIMIZERS[optimizer]())
    load = loader(program.source)
    for size in (1, 17):
        live = trained_bytes(program, load(), size, generator_bytes)
        assert program.footprint.at(batch=size) == live


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("tiling", [Tiling(16, 1), Tiling(16, 3)])
def test_so_does_training_in_tiles(model, tiling, generator_bytes):
    optimizer = optim.Adam(0.01)
    program = assemble.training_program(MODELS[model](), optimizer, tiling=tiling)
    load = loader(program.source)
    for size in (1, 8, 33):
        live = trained_bytes(program, load(), size, generator_bytes)
        found = program.footprint.at(threads=tiling.threads or 1, batch=size)
        assert found == live


def test_the_head_of_a_program_tells_it():
    trainer = gc.Trainer(MODELS["relu"](), optim.Adam(0.01))
    footprint = trainer.footprint
    text = str(footprint)
    assert text in trainer.source
    rows = dict(re.findall(r"^    (\S.*?)  +(\S.*)$", text, re.MULTILINE))
    assert list(rows) == [
        "parameters",
        "gradients",
        "optimizer state",
        "room to update in",
        "workspace",
        "in all",
        "kept for other sizes",
        "workspace of one row",
    ]
    numbers = 5 * 8 + 8 + 8 * 3 + 3
    assert rows["parameters"] == rows["gradients"] == f"{4 * numbers + 64}"
    assert rows["optimizer state"] == f"{8 * numbers + 64}"
    for size in (1, 50):
        total = eval(rows["in all"].replace(",", ""), {"batch": size})
        if size == 1:
            total -= eval(rows["workspace"].replace(",", ""), {"batch": size})
            total += int(rows["workspace of one row"].replace(",", ""))
        assert total == footprint.at(batch=size)
        assert footprint.total({"batch": size}) == f"{total:,}"
    assert footprint.total({}) == rows["in all"].replace(",", "")


# Compiled functions -------------------------------------------------------------------


def wave(x):
    return gc.tanh(gc.sin(x) * 2 + 0.5)


def functions():
    """Outputs by what is special about them, with the sizes of their inputs."""
    n, m = gc.input("x", ("n",)), gc.input("y", ("m",))
    whole = gc.input("whole", ("n",), "int32")
    rows = gc.input("rows", ("n", 3))
    wide = gc.input("wide", ("n", 50))
    fixed = gc.input("fixed", (9, 9))
    both = gc.input("both", ("n", "m"))
    loss = gc.sum(gc.nn.gelu(n))
    return {
        "a chain": [wave(n)],
        "a chain, and its gradient": [loss, gc.grad(loss, n)],
        "two sizes": [wave(n), gc.sum(wave(m))],
        "two dtypes": [wave(n) * (whole // 2 + whole * whole), gc.sum(wave(m) + 1)],
        "rows": [wave(rows), gc.sum(wave(rows[:, ::-1]) * rows)],
        "a row larger than a tile": [gc.sum(wave(wide) * 2)],
        "known sizes": [wave(fixed + fixed.T), gc.sum(wave(fixed))],
        "only unknown sizes": [gc.sum(wave(both) * 2)],
        "products": [(wide @ wide.T) @ rows, gc.sum(wave(rows))],
        "made once": [gc.zeros((rows.shape[0], 3)) + 1 + rows],
    }


SIZES = [(0, 1), (1, 1), (7, 7), (50, 20), (64, 70)]


@pytest.mark.parametrize("kind", functions())
def test_compiled_functions_take_what_was_told(kind):
    outputs = functions()[kind]
    inputs = Graph(tuple(outputs)).inputs
    for tile_size, threads in ((None, 1), (8, 1), (8, 2), (TILE, 1)):
        function = gc.compile(outputs, tile_size=tile_size, threads=threads)
        load, footprint = loader(function.source), function.footprint
        for n, m in SIZES:
            sizes = {"n": n, "m": m}
            feeds = {}
            for node in inputs:
                shape = [sizes.get(str(size), size) for size in node.shape]
                feeds[node.name] = np.ones(shape, node.dtype)
            compute = load().compute
            with metered() as meter:
                for _ in range(3):
                    compute({}, **feeds)
            used = {name: sizes[name] for name in footprint.sizes}
            assert footprint.at(threads, **used) == meter.live
            if threads == 1:
                assert footprint.total(sizes) == f"{meter.live:,}"


@pytest.mark.parametrize("kind", functions())
def test_tiles_are_never_larger_than_the_head_says(kind):
    footprint = gc.compile(functions()[kind], tile_size=8).footprint
    rows = dict(footprint.rows())
    for n, m in [*SIZES, (1000, 1), (3, 1000)]:
        sizes = {"n": n, "m": m}
        tiles = footprint.at(**{name: sizes[name] for name in footprint.sizes})
        if footprint.tiles:
            bound = rows["each thread's tiles"].removeprefix("at most ")
            whole = rows.get("workspace", "0")
            if footprint.sizes:
                told = f"{whole}, and for each thread at most {bound}"
                assert footprint.total({}) == told
            tiles -= eval(whole.replace(",", ""), sizes)
            assert tiles <= eval(bound.replace(",", ""), sizes)


# Steps that allocate nothing ----------------------------------------------------------

BATCH = 65_536
"""So large that any array of a batch is larger than the buffers of NumPy's loops."""
LARGE = 200_000
"""In bytes: less than a float32 for each row, more than those buffers."""


def mlp_regression(activation):
    x = gc.input("x", ("batch", 4))
    y = gc.input("y", ("batch", 1))
    hidden = activation(gc.nn.Linear(4, 6, name="one")(x))
    return gc.nn.mse_loss(gc.nn.Linear(6, 1, name="two")(hidden), y)


def labelled(loss, classes=3):
    x = gc.input("x", ("batch", 4))
    y = gc.input("y", ("batch",), "int64")
    return loss(gc.nn.Linear(4, classes, name="one")(x), y)


def embedding():
    words = gc.input("words", ("batch", 2), "int64")
    rows = gc.take(gc.parameter("table", (50, 6), gc.init.normal(0, 1)), words, axis=0)
    y = gc.input("y", ("batch", 1))
    return gc.nn.mse_loss(gc.nn.Linear(6, 1, name="one")(gc.mean(rows, axis=1)), y)


WEIGHTS = np.array([1, 2, 3], "float32")
STEADY = {
    "relu, cross-entropy": lambda: classifier(gc.nn.relu),
    "sigmoid, cross-entropy": lambda: classifier(gc.nn.sigmoid),
    "relu, squares": lambda: mlp_regression(gc.nn.relu),
    "sigmoid, squares": lambda: mlp_regression(gc.nn.sigmoid),
    "gelu, squares": lambda: mlp_regression(gc.nn.gelu),
    "dropout": lambda: mlp_regression(gc.nn.Dropout(0.2)),
    "noise": lambda: mlp_regression(lambda x: gc.nn.gaussian_noise(x, 0.1)),
    "embedding": embedding,
    "many classes": lambda: labelled(gc.nn.cross_entropy, 40),
    "smooth labels": lambda: labelled(
        lambda x, y: gc.nn.cross_entropy(x, y, label_smoothing=0.1)
    ),
    "ignored labels": lambda: labelled(
        lambda x, y: gc.nn.cross_entropy(x, y, ignore_index=1)
    ),
    "weighted classes": lambda: labelled(
        lambda x, y: gc.nn.cross_entropy(x, y, weight=gc.constant(WEIGHTS))
    ),
    "likelihood": lambda: labelled(
        lambda x, y: gc.nn.nll_loss(gc.nn.log_softmax(x, 1), y)
    ),
    "one-hot": lambda: labelled(
        lambda x, y: gc.nn.mse_loss(x, gc.nn.one_hot(y, 3).astype("float32"))
    ),
}


def allocating_lines(call, file):
    """The lines of a file that make large arrays while they run."""
    lines = set()
    running = None
    before = 0

    def trace(frame, event, argument):
        nonlocal running, before
        if frame.f_code.co_filename != file:
            return None
        current, peak = tracemalloc.get_traced_memory()
        if running is not None and peak - before > LARGE:
            lines.add(running)
        tracemalloc.reset_peak()
        running, before = frame.f_lineno, current
        return trace

    tracing = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(tracing)
    return lines


@pytest.mark.parametrize("tiling", [Tiling(threads=1), Tiling(16_384, threads=1)])
@pytest.mark.parametrize("kind", STEADY)
def test_a_step_makes_no_array(kind, tiling):
    optimizer = optim.Adam(0.01)
    program = assemble.training_program(STEADY[kind](), optimizer, tiling=tiling)
    module, batch = loader(program.source)(), batch_of(program, BATCH)
    parameters = module.init_parameters(0)
    state = module.init_state(parameters)

    def step():
        module.train_step(parameters, state, *batch)

    step()
    step()
    tracemalloc.start()
    try:
        step()
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        step()
        _, peak = tracemalloc.get_traced_memory()
        lines = allocating_lines(step, "emitted")
    finally:
        tracemalloc.stop()
    text = program.source.splitlines()
    assert [text[line - 1].strip() for line in sorted(lines)] == []
    assert peak - before < LARGE


def test_workspaces_of_many_sizes_are_bounded():
    """Sixteen sizes of 13 MB each; the text says what is kept at most."""
    x = gc.input("x", ("batch", 64))
    w = gc.parameter("w", (64, 64), gc.init.zeros())
    y = x
    for _ in range(6):
        y = gc.tanh(y @ w)
    function = gc.compile(gc.grad(gc.sum(y), w))
    assert f"at most {KEPT:,}, or as much again" in str(function.footprint)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        sizes = [7000 + 10 * number for number in range(16)]
        for size in sizes:
            function(x=np.zeros((size, 64), np.float32))
        kept = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    newest = function.footprint.at(batch=sizes[-1])
    assert newest < KEPT / 4
    assert newest < kept < 1.1 * KEPT


def test_sizes_that_a_program_does_not_have():
    x, w = gc.input("x", ("n", 3)), gc.parameter("w", (3,), 1.0)
    trainer = gc.Trainer(gc.mean((x @ w) ** 2), optim.SGD(lr=0.1))
    for program in (gc.compile(x @ w), gc.compile(gc.tanh(x @ w) * 2), trainer):
        footprint = program.footprint
        assert footprint.at(n=np.int64(6)) == footprint.at(n=6)
        for sizes in ({"m": 1}, {"n": 2, "m": 1}, {}, {"n": -1}, {"n": True}):
            with pytest.raises(OptionError, match=r"each size of the program \(n\)"):
                footprint.at(**sizes)
        with pytest.raises(OptionError, match="threads must be"):
            footprint.at(0, n=2)
    # A size that no array of the program has, which may be given or not.
    footprint = gc.compile(gc.grad(gc.sum(3 * w) + gc.sum(x), w)).footprint
    assert footprint.at(n=5) == footprint.at()
    with pytest.raises(OptionError, match="it has none"):
        gc.compile(2 * w).footprint.at(n=5)
