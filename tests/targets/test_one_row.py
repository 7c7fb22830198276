"""Training programs at batches of one row: both styles agree.

A fast program has a function for one row that computes on vectors; a readable one
computes it as any other batch.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

import graphc as gc
from graphc import optim
from graphc.errors import FeedError, GraphcError
from graphc.ir import Dim, Graph, Node
from graphc.ir.graph import OneRow
from graphc.passes.one_row import one_row
from graphc.runtime import compiler
from graphc.training.assemble import TrainingProgram, training_program
from tests.optim.test_trained import OPTIMIZERS
from tests.passes.rows import draws
from tests.passes.test_one_row_graphs import random_graph
from tests.random_graphs import MOVED, assert_near, moved
from tests.styles import assert_styles_agree

from .one_row_models import MODELS, labels, squares, weights
from .support import assert_formatted

Batch = dict[str, np.ndarray]


@functools.cache
def program(model: str) -> TrainingProgram:
    return training_program(MODELS[model](), optim.SGD(0.05, momentum=0.9))


def both(found: TrainingProgram) -> tuple[Any, Any]:
    """The modules of a program in both styles."""
    return found.reloaded("readable").module, found.module


def drawn(inputs: tuple[Node, ...], rows: int, seed: int) -> Batch:
    """Numbers for a batch; labels and other integers are 0, 1 or 2."""
    rng = np.random.default_rng([seed, rows])
    batch: Batch = {}
    for node in inputs:
        sizes = {"batch": rows, "time": 2}
        shape = [d.evaluate(sizes) if isinstance(d, Dim) else d for d in node.shape]
        is_float = node.dtype.kind == "f"
        values = rng.normal(size=shape) if is_float else rng.integers(0, 3, shape)
        batch[str(node.name)] = values.astype(node.dtype)
    return batch


def assert_train_alike(found: TrainingProgram, *rows: int) -> int:
    """Hold the styles against each other, step by step on batches of so many rows.

    Each step starts where the readable one arrived, so that no rounding adds up.
    Returns how many different parameters there were.
    """
    modules = both(found)
    parameters = [module.init_parameters(0) for module in modules]
    states = [
        module.init_state(start, 0)
        for module, start in zip(modules, parameters, strict=True)
    ]
    seen: set[str] = set()
    for seed, count in enumerate(rows):
        batch = drawn(found.inputs, count, seed)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            losses = [
                module.train_step(arrays, state, **batch)
                for module, arrays, state in zip(
                    modules, parameters, states, strict=True
                )
            ]
        assert np.isfinite(losses).all()
        # Python floats, of losses that are rounded to float32.
        assert_styles_agree(*np.array(losses, np.float32)[::-1])
        assert_styles_agree(parameters[1], parameters[0], ulps=STEP)
        for readable, fast in (parameters, [state["slots"] for state in states]):
            for name, value in readable.items():
                fast[name][...] = value
        seen.add(str(parameters[0]))
    return len(seen)


STEP = 2**10
"""Units in the last place after a step: its quotients and roots are not of the size of
the parameters."""


@pytest.mark.parametrize("model", MODELS)
def test_both_styles_train_alike(model: str) -> None:
    found = program(model)
    assert "def loss_and_gradients_for_one_row(" in found.source
    assert assert_train_alike(found, 1, 1, 5, 1, 32, 1) == 6


@pytest.mark.parametrize("model", ["ReLU", "Dropout", "attention", "columns"])
def test_both_styles_train_alike_as_written(model: str) -> None:
    found = training_program(MODELS[model](), optim.Adam(0.01), simplify=False)
    assert_train_alike(found, 1, 3, 1)


BIASES = optim.ParameterGroups({"*.bias": optim.SGD(0.1)}, default=optim.Adam(0.01))
TRIED = {
    **{key: each for key, each in OPTIMIZERS.items() if "ParameterGroups" not in key},
    "groups": BIASES,
}


@pytest.mark.parametrize("optimizer", TRIED)
def test_every_optimizer_trains_alike(optimizer: str) -> None:
    found = training_program(MODELS["ReLU"](), TRIED[optimizer])
    assert_train_alike(found, 1, 1, 4, 1, 1, 1, 2)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_fitting_with_a_last_batch_of_one_row(batch_size: int) -> None:
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=(9, 7)).astype("f4"), "y": rng.integers(0, 3, 9)}
    found: list[Any] = []
    for style in ("readable", "fast"):
        trainer = gc.Trainer(MODELS["GELU"](), optim.SGD(0.01), seed=1, style=style)
        trainer.fit(data, epochs=3, batch_size=batch_size)
        found.append(dict(trainer.parameters))
    assert_styles_agree(*found, ulps=STEP)


# Gradients ----------------------------------------------------------------------------


def in_double(found: TrainingProgram) -> tuple[Batch, Batch]:
    """Parameters and a batch of one row in float64, also for a program in float32."""
    arrays = found.module.init_parameters(1), drawn(found.inputs, 1, 3)
    parameters, batch = (
        {k: v.astype("f8") if v.dtype.kind == "f" else v for k, v in values.items()}
        for values in arrays
    )
    return parameters, batch


ROUNDED = {"scalars of rows", "dtypes"}
"""Models that round to float32 by themselves."""


@pytest.mark.parametrize("model", [name for name in MODELS if name not in ROUNDED])
def test_gradients_are_the_slopes_of_the_loss(model: str) -> None:
    """A program in float32 computes in float64 where that is what it is given."""
    found = program(model)
    parameters, batch = in_double(found)

    def run(changed: Batch) -> tuple[Any, Batch]:
        every, rng = parameters | changed, np.random.default_rng(0)
        return found.module.loss_and_gradients(every, **batch, rng=rng)

    loss, gradients = run({})
    assert loss.dtype == np.float64
    rng, step = np.random.default_rng(5), 1e-5
    for key, value in parameters.items():
        assert gradients[key].dtype == value.dtype == np.float64
        change = step * rng.normal(size=value.shape)
        difference = run({key: value + change})[0] - run({key: value - change})[0]
        expected = np.sum(gradients[key] * change)
        np.testing.assert_allclose(difference / 2, expected, rtol=1e-5, atol=1e-12)


def test_gradients_by_hand() -> None:
    """Of a network of one hidden layer, with plain NumPy."""
    found = program("Tanh")
    parameters, batch = in_double(found)
    _, gradients = found.module.loss_and_gradients(parameters, **batch)
    w, b, v, c = parameters.values()
    h = np.tanh(batch["x"] @ w.T + b)
    scores = np.exp(h @ v.T + c)
    error = scores / scores.sum() - np.eye(3)[batch["y"]]
    inner = (error @ v) * (1 - h * h)
    expected = [inner.T @ batch["x"], inner[0], error.T @ h, error[0]]
    for value, other in zip(gradients.values(), expected, strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-12, atol=1e-15)


@pytest.mark.peer
@pytest.mark.parametrize(
    "layer", ["ELU", "GELU", "LeakyReLU", "ReLU", "Sigmoid", "SiLU", "Softplus", "Tanh"]
)
def test_gradients_are_those_of_torch(layer: str) -> None:
    torch = pytest.importorskip("torch")
    x = gc.input("x", ("batch", 7), "float64")
    first = gc.nn.Linear(7, 6, name="hidden", dtype="float64")
    last = gc.nn.Linear(6, 3, name="out", dtype="float64")
    logits = gc.nn.Sequential(first, getattr(gc.nn, layer)(), last)(x)
    loss = gc.nn.cross_entropy(logits, labels())
    found = training_program(loss, optim.SGD(0.1))
    parameters, batch = in_double(found)
    value, gradients = found.module.loss_and_gradients(parameters, **batch)
    nn = torch.nn
    layers = [nn.Linear(7, 6), getattr(nn, layer)(), nn.Linear(6, 3)]
    model = nn.Sequential(*layers).double()
    for own, other in zip(parameters.values(), model.parameters(), strict=True):
        other.data = torch.tensor(own)
    tensors = torch.tensor(batch["x"]), torch.tensor(batch["y"])
    expected = nn.functional.cross_entropy(model(tensors[0]), tensors[1])
    expected.backward()
    np.testing.assert_allclose(value, expected.item(), rtol=1e-12)
    for own, other in zip(gradients.values(), model.parameters(), strict=True):
        np.testing.assert_allclose(own, other.grad.numpy(), rtol=1e-11, atol=1e-14)


# What callers see ---------------------------------------------------------------------


def copied(arrays: Batch) -> Batch:
    return {key: value.copy() for key, value in arrays.items()}


@pytest.mark.parametrize("model", ["Tanh", "axes of size 1", "bag of words"])
def test_gradients_are_the_callers_own(model: str) -> None:
    found = program(model)
    module, batches = found.module, [drawn(found.inputs, n, n) for n in (1, 4, 1)]
    parameters = module.init_parameters(0)
    results = [module.loss_and_gradients(parameters, **batch) for batch in batches]
    kept = [(float(loss), copied(gradients)) for loss, gradients in results]
    for batch in batches:
        for array in batch.values():
            array[...] = 0
        module.loss_and_gradients(parameters, **batch)
    for (loss, gradients), (value, copies) in zip(results, kept, strict=True):
        assert loss == value
        for key, array in gradients.items():
            np.testing.assert_array_equal(array, copies[key])
            assert array.flags.writeable
            assert array.shape == parameters[key].shape
            others = [*parameters.values(), *batches[0].values()]
            assert not any(np.shares_memory(array, other) for other in others)


def test_gradients_in_place_are_the_same_arrays_for_any_number_of_rows() -> None:
    found = program("Tanh")
    parameters = found.module.init_parameters(0)
    arrays: list[Batch] = []
    for rows in (1, 4, 1):
        batch = drawn(found.inputs, rows, 0)
        loss, gradients = found.module.loss_and_gradients_in_place(parameters, **batch)
        expected, others = found.module.loss_and_gradients(parameters, **batch)
        assert loss == expected
        for key, value in gradients.items():
            np.testing.assert_array_equal(value, others[key])
        arrays.append(gradients)
    assert all(arrays[0][key] is arrays[1][key] is arrays[2][key] for key in arrays[0])


def test_only_one_row_is_computed_on_vectors() -> None:
    found = training_program(MODELS["Tanh"](), optim.SGD(0.1))
    module, rows = found.module, [0]
    inner = module.loss_and_gradients_for_one_row

    def counted(*arguments: Any) -> Any:
        rows[0] += 1
        return inner(*arguments)

    vars(module)[inner.__name__] = counted
    parameters = module.init_parameters(0)
    state = module.init_state(parameters)
    counts: list[int] = []
    for number in (1, 2, 1, 5):
        batch = drawn(found.inputs, number, 0)
        module.train_step(parameters, state, **batch)
        module.loss_and_gradients(parameters, **batch)
        counts.append(rows[0])
    assert counts == [2, 2, 4, 4]
    # Where inputs disagree, no row is left out without a word.
    with pytest.raises((ValueError, IndexError)):
        module.loss_and_gradients(parameters, batch["x"][:1], batch["y"])


def test_no_label_out_of_range_is_read() -> None:
    found = program("Tanh")
    row = drawn(found.inputs, 1, 0)
    trainer = gc.Trainer(MODELS["Tanh"](), optim.SGD(0.1))
    for style in ("readable", "fast"):
        module = found.reloaded(style).module
        parameters = module.init_parameters(0)
        state = module.init_state(parameters)
        for label in (3, -1, -4, 2**40):
            batch = row["x"], np.array([label])
            for function, first in (
                (module.loss_and_gradients, [parameters]),
                (module.forward, [parameters]),
                (module.train_step, [parameters, state]),
            ):
                with pytest.raises(module.DataError, match=r"in row 0, .* 0 to 2"):
                    function(*first, *batch)
        for label in (3, -1):
            data = {"x": row["x"], "y": np.array([label])}
            with pytest.raises(module.DataError, match="range 0 to 2"):
                module.fit(parameters, state, data, epochs=1, batch_size=1)
    for label in (3, -1):
        with pytest.raises(FeedError, match="labels from 0 to 2"):
            trainer.step(x=row["x"], y=np.array([label]))


@pytest.mark.parametrize("model", ["bag of words", "attention"])
def test_no_token_out_of_range_is_read(model: str) -> None:
    found = program(model)
    row = drawn(found.inputs, 1, 0)
    parameters = found.module.init_parameters(0)
    for token in (5, -1, -6):
        tokens = np.array([[0, 1, token, 2]])
        with pytest.raises(found.module.DataError, match=f"the value {token} in row 0"):
            found.module.loss_and_gradients(parameters, **(row | {"tokens": tokens}))


def test_rows_of_any_layout_and_lists() -> None:
    found = program("Tanh")
    run = functools.partial(
        found.module.loss_and_gradients, found.module.init_parameters(0)
    )
    row = drawn(found.inputs, 1, 0)
    x, y = row["x"], row["y"]
    expected, gradients = run(x, y)
    wide = np.zeros((2, 14), "f4")
    wide[:1, ::2] = x
    read_only = x.copy()
    read_only.flags.writeable = False
    rows: list[Any] = [wide[:1, ::2], np.asfortranarray(x), x.astype("f8"), read_only]
    for other in (*rows, x[:, ::-1].copy()[:, ::-1], x.tolist()):
        for label in (y, y.astype("i4"), y.astype("u1")):
            assert_styles_agree(list(run(other, label)), [expected, gradients])


@pytest.mark.parametrize("rows", [1, 3])
def test_labels_may_be_a_list(rows: int) -> None:
    found = program("Tanh")
    parameters = found.module.init_parameters(0)
    batch = drawn(found.inputs, rows, 0)
    expected, _ = found.module.loss_and_gradients(parameters, **batch)
    lists = {key: value.tolist() for key, value in batch.items()}
    loss, _ = found.module.loss_and_gradients(parameters, **lists)
    assert_styles_agree(loss, expected)


def test_targets_wider_than_the_parameters() -> None:
    target = gc.input("t", ("batch",), "float64")
    loss = squares(gc.input("x", ("batch", 7)) @ weights("w", 7) - target)
    found = training_program(loss, optim.SGD(0.05))
    assert_train_alike(found, 1, 3, 1)


# Text ---------------------------------------------------------------------------------


def body(source: str, name: str = "loss_and_gradients_for_one_row") -> str:
    """The statements of a function."""
    _, _, rest = source.partition(f"\ndef {name}(")
    assert rest
    return rest.partition("\n\n\n")[0].partition("# Forward")[2]


def test_what_is_called_for_one_row() -> None:
    text = body(program("Sigmoid").source)
    lines = [line for line in text.splitlines() if "None" in line]
    outer = r"    np\.dot\(\w+\[:, None\], \w+\[None\], out=d_\w+_weight\)"
    assert len(lines) == 2
    assert all(re.fullmatch(outer, line) for line in lines)
    for word in ("keepdims", "axis", "squeeze", "expand_dims", "arange", "(1, ", "@"):
        assert word not in text
    assert text.count("np.dot(") == 5
    assert text.count("np.add.reduce(") == 1
    assert len(re.findall(r"\n    (?!#)", text)) < 30


@pytest.mark.parametrize("model", ["attention", "axes of size 1", "scalars of rows"])
def test_text_is_formatted(model: str, tmp_path: Path) -> None:
    assert_formatted(program(model).source, tmp_path)


NAMES = ["x_row", "x", "d_x", "batch_array", "loss_and_gradients_for_one_row", "row"]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_may_be_that_of_an_input_a_size_or_a_parameter(name: str) -> None:
    other = gc.input("x" if name == "x_row" else "x_row", (f"{name}_size", 4))
    x = gc.input(name, (name, 4))
    w, v = weights(name + ".w", 4, 3), weights("w_" + name, 4, 3)
    losses = squares((x @ w).named("d_w")) + squares((other @ v).named("h_row"))
    readable, fast = both(training_program(losses, optim.SGD(0.1)))
    rng = np.random.default_rng(0)
    results: list[list[Any]] = [[], []]
    for rows in ((1, 1), (1, 3), (3, 1), (3, 3)):
        arrays = [rng.normal(size=(count, 4)).astype("f4") for count in rows]
        for module, found in zip((readable, fast), results, strict=True):
            found += module.loss_and_gradients(module.init_parameters(0), *arrays)
    assert_styles_agree(*results)


def pairs() -> Node:
    x = gc.input("x", ("n", 4))
    two = gc.reshape(x, (Dim("n").divide_exactly(2), 8))
    return squares((x[2:] - x[:-2]) @ weights("w", 4, 3)) + squares(
        two @ weights("v", 8, 3)
    )


WITHOUT: dict[str, Callable[[], Node]] = {
    "a static row": lambda: squares(gc.input("x", (1, 4)) @ weights("w", 4, 3)),
    "a static batch": lambda: squares(gc.input("x", (5, 4)) @ weights("w", 4, 3)),
    "no data": lambda: squares(weights("w", 1, 4) @ weights("v", 4, 1)),
    "scalars": lambda: gc.square(weights("w") - gc.input("x", ())),
    "rows last": lambda: squares(weights("w", 2, 4) @ gc.input("x", (4, "batch"))),
    "computed": lambda: squares(
        gc.input("x", ("n", 4)) @ weights("w", 4, 3)
        + gc.sum(gc.input("twice", (2 * Dim("n"), 3)))
    ),
    "pairs": pairs,
}


@pytest.mark.parametrize("model", WITHOUT)
def test_models_without_such_a_function(model: str) -> None:
    found = training_program(WITHOUT[model](), optim.SGD(0.1))
    assert "for_one_row" not in found.source
    readable, fast = both(found)
    rng = np.random.default_rng(0)
    sizes = {"batch": 1, "n": 4 if model == "pairs" else 1}
    shapes = [
        [d.evaluate(sizes) if isinstance(d, Dim) else d for d in node.shape]
        for node in found.inputs
    ]
    arrays = [rng.normal(size=shape).astype("f4") for shape in shapes]
    results = [
        list(module.loss_and_gradients(module.init_parameters(0), *arrays))
        for module in (readable, fast)
    ]
    assert_styles_agree(*results)


# Compiled functions -------------------------------------------------------------------


def always(graph: Graph, inputs: Any) -> OneRow | None:
    found = one_row(graph, "batch")
    return None if found is None else OneRow("batch", found)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", range(30))
def test_random_functions(seed: int) -> None:
    """Compiled for one row, whatever they compute; results are arrays of their own."""
    graph = random_graph(1000 + seed)
    feeds, outputs = draws(graph.inputs, seed), list(graph.outputs)
    try:
        expected = gc.evaluate(outputs, feeds)
    except GraphcError:
        return
    beside = gc.evaluate(outputs, moved(feeds, MOVED))
    with mock.patch.object(compiler, "for_one_row", always):
        function = gc.compile(outputs, simplify=seed % 2 == 0)
    first, second = function(**feeds), function(**feeds)
    assert_near(first, expected, beside, note=f"seed {seed}")
    for value, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(value, other)
        assert not np.shares_memory(value, other)
