"""Fast programs keep their memory, so each thread that calls them has its own."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import graphc as gc
from tests.styles import assert_styles_agree

from .support import load

ROWS = 2000


def trainer():
    x = gc.input("x", ("batch", 32))
    y = gc.input("y", ("batch",), dtype="int64")
    hidden = gc.nn.relu(gc.nn.Linear(32, 64, name="hidden")(x))
    loss = gc.nn.cross_entropy(gc.nn.Linear(64, 5, name="output")(hidden), y)
    return gc.Trainer(loss, gc.optim.LAMB(lr=0.01), outputs=hidden)


def batch(seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((ROWS, 32)).astype(np.float32)
    return x, rng.integers(0, 5, ROWS)


def in_threads(function, count=4):
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(function, range(count)))


def test_predictions_of_threads_do_not_mix(tmp_path):
    module = load(trainer().restarted(style="fast").source)
    parameters = module.init_parameters(0)
    inputs = [batch(seed)[0] for seed in range(4)]
    alone = [module.predict(parameters, x).copy() for x in inputs]

    def agrees(position):
        return all(
            np.array_equal(
                module.predict(parameters, inputs[position]), alone[position]
            )
            for _ in range(40)
        )

    assert in_threads(agrees) == [True] * 4


def test_trainings_of_threads_do_not_mix():
    module = load(trainer().restarted(style="fast").source)

    def train(seed):
        parameters = module.init_parameters(seed)
        state = module.init_state(parameters, seed)
        for step in range(12):
            module.train_step(parameters, state, *batch(seed + step))
        return {name: array.copy() for name, array in parameters.items()}

    alone = [train(seed) for seed in range(3)]
    for together, expected in zip(in_threads(train, 3), alone, strict=True):
        for name, array in expected.items():
            np.testing.assert_array_equal(together[name], array)


@pytest.mark.parametrize("size", [1000, 600_000])
def test_compiled_functions_can_be_called_from_threads(size):
    x = gc.input("x", ("n",))
    function = gc.compile(gc.sum(gc.tanh(gc.sin(x) * 2) + x * x))
    inputs = [np.full(size, value, np.float32) for value in (0.1, 0.5, 0.9)]
    alone = [function(x=array) for array in inputs]

    def agrees(position):
        return all(
            function(x=inputs[position]) == alone[position]
            for _ in range(50 if size < 10_000 else 5)
        )

    assert in_threads(agrees, 3) == [True] * 3


def test_gradients_of_the_caller_stay_as_they_are():
    module = load(trainer().restarted(style="fast").source)
    parameters = module.init_parameters(0)
    _, first = module.loss_and_gradients(parameters, *batch(0))
    kept = {name: array.copy() for name, array in first.items()}
    module.loss_and_gradients(parameters, *batch(1))
    for name, array in kept.items():
        np.testing.assert_array_equal(first[name], array)


def test_wider_parameters_are_updated_in_their_own_dtype():
    x = gc.input("x", ("batch", 3))
    w = gc.parameter("w", (3,), [0.1, 0.2, 0.3])
    loss = gc.mean((x @ w - 1.0) ** 2)
    values = []
    for style in ("fast", "readable"):
        text = gc.Trainer(loss, gc.optim.Adam(lr=0.1), style=style).source
        module = load(text)
        parameters = {"w": np.array([0.1, 0.2, 0.3])}
        state = module.init_state(parameters)
        state["slots"] = {k: v.astype(np.float64) for k, v in state["slots"].items()}
        rows = np.random.default_rng(0).standard_normal((4, 3))
        for _ in range(5):
            module.train_step(parameters, state, rows)
        values.append(parameters["w"])
    assert_styles_agree(*values)


def test_the_order_of_an_array_changes_nothing():
    x = gc.input("x", ("n", "m"))
    rows = np.random.default_rng(0).standard_normal((300, 200)).astype(np.float32)
    results = [
        gc.compile(gc.sum(gc.tanh(x), axis=0), style=style)(x=array)
        for style in ("fast", "readable")
        for array in (rows, np.asfortranarray(rows))
    ]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])
