"""Parameters, gradients and state side by side, and the update that runs over tiles.

Whatever arrays a program is given, its fast style gives what its readable style gives,
which goes through the parameters by name, bit for bit.
"""

import copy
import functools
import itertools
import pickle

import numpy as np
import pytest

import graphc as gc
from graphc import optim
from graphc.harness import flat
from graphc.training import assemble
from tests.styles import assert_styles_agree

SHAPES = {
    "scale": (),
    "a.weight": (4, 3),
    "a.bias": (4,),
    "none": (0, 3),
    "untrained": (3,),
    "b.weight": (2, 4),
    "b.bias": (2,),
    "b.gain": (2,),
    "double": (5, 2),
    "kernel": (2, 3, 2, 2),
    "other_double": (3,),
}
DOUBLE = ("double", "other_double")

OPTIMIZERS = {
    "momentum": lambda: optim.SGD(0.1, momentum=0.9, weight_decay=0.1),
    "Adam": lambda: optim.Adam(0.01),
    "groups": lambda: optim.ParameterGroups(
        {"*.bias": optim.SGD(0.1)}, default=optim.AdamW(0.01, weight_decay=0.1)
    ),
    "clipping": lambda: optim.ClipByGlobalNorm(optim.Adam(0.01), max_norm=0.1),
    "averages": lambda: optim.EMA(optim.AdamW(0.01), decay=0.9),
    "accumulation": lambda: optim.GradientAccumulation(optim.Adam(0.01), steps=2),
    "noise": lambda: optim.GradientNoise(optim.SGD(0.1)),
}


def dtype_of(name):
    return "float64" if name in DOUBLE else "float32"


def drawn(seed, names=SHAPES):
    """Arrays for parameters, by name, each with memory of its own."""
    rng = np.random.default_rng(seed)
    arrays = {n: rng.normal(size=shape) for n, shape in SHAPES.items()}
    return {n: np.asarray(arrays[n], dtype_of(n)) for n in names}


@functools.cache
def modules(optimizer):
    """The program with all kinds of parameters, in readable and in fast style."""
    parameters = {
        name: gc.parameter(name, start.shape, start, start.dtype)
        for name, start in drawn(0).items()
    }
    loss = gc.mean(gc.input("x", ("batch",), "float64"))
    for name, parameter in parameters.items():
        if name != "untrained":
            loss = loss + gc.sum(gc.square(parameter.astype("float64")))
    program = assemble.training_program(
        loss,
        OPTIMIZERS[optimizer](),
        metrics={"untrained": gc.sum(parameters["untrained"])},
        style="readable",
    )
    return program.module, program.reloaded("fast").module


def trained_names(module):
    return [name for name in module.PARAMETERS if name != "untrained"]


def assert_equal(found, expected):
    assert set(found) == set(expected)
    for name, value in found.items():
        np.testing.assert_array_equal(value, expected[name], strict=True, err_msg=name)


# What a caller may do between two updates ---------------------------------------------


def leave(parameters, gradients, state):
    return parameters, gradients, state


def replace_one(parameters, gradients, state):
    parameters["a.weight"] = parameters["a.weight"].copy()
    return parameters, gradients, state


def replace_state(parameters, gradients, state):
    state["slots"] = copy.deepcopy(state["slots"])
    return parameters, gradients, state


def swap(parameters, gradients, state):
    one, other = parameters["kernel"], parameters["a.weight"]
    new = one.reshape(-1)[:12].reshape(4, 3).copy()
    parameters["kernel"] = np.concatenate([other.reshape(-1)] * 2).reshape(one.shape)
    parameters["a.weight"] = new
    return parameters, gradients, state


def swap_neighbours(parameters, gradients, state):
    names = ("a.bias", "b.bias")
    memory = np.concatenate([parameters[name] for name in names[::-1]])
    parameters["b.bias"], parameters["a.bias"] = memory[:2], memory[2:]
    return parameters, gradients, state


def column_major(parameters, gradients, state):
    return {n: np.asfortranarray(a) for n, a in parameters.items()}, gradients, state


def column_major_gradients(parameters, gradients, state):
    return parameters, {n: np.asfortranarray(a) for n, a in gradients.items()}, state


def strided(array):
    wide = np.zeros((*array.shape, 2), array.dtype)
    wide[..., 1] = array
    return wide[..., 1]


def every_other_number(parameters, gradients, state):
    return {n: strided(a) for n, a in parameters.items()}, gradients, state


def every_other_number_of_all(parameters, gradients, state):
    state["slots"] = {name: strided(a) for name, a in state["slots"].items()}
    gradients = {name: strided(a) for name, a in gradients.items()}
    return {n: strided(a) for n, a in parameters.items()}, gradients, state


def read_only_gradients(parameters, gradients, state):
    for array in gradients.values():
        array.flags.writeable = False
    return parameters, gradients, state


def another_order(parameters, gradients, state):
    state["slots"] = dict(reversed(state["slots"].items()))
    gradients = dict(reversed(gradients.items()))
    return dict(reversed(parameters.items())), gradients, state


def other_names(parameters, gradients, state):
    """Two arrays change names, and no array changes its place."""
    others = {"b.bias": "b.gain", "b.gain": "b.bias"}
    return {others.get(n, n): a for n, a in parameters.items()}, gradients, state


def one_memory(parameters, gradients, state):
    """Gradients side by side in an order of their own, in the caller's memory."""
    shuffled = dict(sorted(gradients.items(), key=lambda item: item[0][::-1]))
    return parameters, flat.side_by_side(shuffled), state


def gaps(parameters, gradients, state):
    """Parameters in one memory that do not follow one another."""
    memory = np.zeros((len(parameters), 30))
    new = {}
    for row, (name, array) in zip(memory, parameters.items(), strict=True):
        new[name] = row.view(array.dtype)[: array.size].reshape(array.shape)
        new[name][...] = array
    return new, gradients, state


def copied(parameters, gradients, state):
    return copy.deepcopy(parameters), gradients, state


def copied_together(parameters, gradients, state):
    return copy.deepcopy((parameters, gradients, state))


def pickled(parameters, gradients, state):
    return pickle.loads(pickle.dumps((parameters, gradients, state)))


def shallow(parameters, gradients, state):
    return dict(parameters), dict(gradients), dict(state)


BETWEEN = [
    *(leave, replace_one, replace_state, swap, swap_neighbours, column_major),
    *(column_major_gradients, every_other_number, every_other_number_of_all),
    *(read_only_gradients, another_order, other_names, one_memory, gaps),
    *(copied, copied_together, pickled, shallow),
]


TELLING = ("groups", "averages")
"""The optimizers that are tried with all of these; others with two."""


@pytest.mark.parametrize(
    ("optimizer", "between"),
    [
        pytest.param(optimizer, between, id=f"{optimizer}-{between.__name__}")
        for optimizer in OPTIMIZERS
        for between in (BETWEEN if optimizer in TELLING else (leave, one_memory))
    ],
)
def test_an_update_is_the_same_whatever_arrays_it_is_given(optimizer, between):
    results = []
    for module in modules(optimizer):
        names = trained_names(module)
        parameters = module.init_parameters(0)
        state = module.init_state(parameters)
        for number in range(3):
            gradients = drawn(number, names)
            module.update(parameters, gradients, state)
            parameters, gradients, state = between(parameters, gradients, state)
            # The same arrays of gradients again, but for those that can't be written.
            for name, value in drawn(10 + number, names).items():
                if gradients[name].flags.writeable:
                    gradients[name][...] = value
            module.update(parameters, gradients, state)
            if number % 2:
                module.update(parameters, gradients, state)
        results.append((parameters, state["slots"]))
    readable, fast = results
    assert_equal(fast[0], readable[0])
    assert_equal(fast[1], readable[1])


@pytest.mark.parametrize("tile", [1, 3, 5, 24, 25, 1000])
@pytest.mark.parametrize("optimizer", ["momentum", "Adam", "groups", "averages"])
def test_an_update_is_the_same_with_tiles_of_any_size(optimizer, tile, monkeypatch):
    readable, fast = modules(optimizer)
    monkeypatch.setattr(fast, "TILE", tile)
    results = []
    for module in (readable, fast):
        parameters = module.init_parameters(0)
        state = module.init_state(parameters)
        for number in range(3):
            gradients = flat.side_by_side(drawn(number, trained_names(module)))
            module.update(parameters, gradients, state)
        results.append((parameters, state["slots"]))
    for found, expected in zip(results[1], results[0], strict=True):
        assert_equal(found, expected)
    for tiles in state["tiles"][1]:
        assert all(array.size <= tile for row in tiles for array in row)


def test_a_copy_of_the_state_holds_no_tiles():
    _, module = modules("Adam")
    parameters = module.init_parameters(0)
    state = module.init_state(parameters)
    module.update(parameters, drawn(0, trained_names(module)), state)
    assert state["tiles"]
    assert not copy.deepcopy(state)["tiles"]
    assert not pickle.loads(pickle.dumps(state))["tiles"]


@pytest.mark.parametrize("odd", ["layer0.weight", "out.bias"])
def test_one_parameter_of_another_dtype_is_named(odd):
    program, batch = network(1, optim.SGD(0.1))
    module = program.module
    parameters = module.init_parameters(0)
    widened = {n: a.astype("float64") for n, a in parameters.items()}
    mixed = parameters | {odd: widened[odd]}
    for function in (module.forward, module.loss_and_gradients):
        with pytest.raises(TypeError, match=f"of one dtype, but .*'{odd}' is float64"):
            function(mixed, *batch)
        function(parameters, *batch)
    loss, gradients = module.loss_and_gradients(widened, *batch)
    readable = program.reloaded("readable").module
    expected, slopes = readable.loss_and_gradients(widened, *batch)
    np.testing.assert_allclose(loss, expected, rtol=1e-14)
    for name, slope in slopes.items():
        np.testing.assert_allclose(gradients[name], slope, atol=1e-15)


# How few operations an update takes ---------------------------------------------------


def network(depth, optimizer):
    """A network with many small parameters, and a batch for it."""
    x = gc.input("x", ("batch", 6))
    y = gc.input("y", ("batch",), "int64")
    hidden = x
    for number in range(depth):
        hidden = gc.nn.relu(gc.nn.Linear(6, 6, name=f"layer{number}")(hidden))
    loss = gc.nn.cross_entropy(gc.nn.Linear(6, 3, name="out")(hidden), y)
    rng = np.random.default_rng(0)
    batch = rng.normal(size=(8, 6)).astype("float32"), rng.integers(0, 3, 8)
    return assemble.training_program(loss, optimizer), batch


class Counting:
    """NumPy, which counts the calls of its functions."""

    def __init__(self):
        self.calls = 0

    def __getattr__(self, name):
        found = getattr(np, name)
        if not isinstance(found, np.ufunc):
            return found

        def counted(*arguments, **keywords):
            self.calls += 1
            return found(*arguments, **keywords)

        return counted


def tiles_of(module, batch, steps=3):
    """How many tiles each rule of the update has, and what one step calls."""
    parameters = module.init_parameters(0)
    state = module.init_state(parameters)
    for _ in range(steps):
        module.train_step(parameters, state, *batch)
    _, gradients = module.loss_and_gradients_in_place(parameters, *batch)
    made = state["tiles"]
    counting = module.np = Counting()
    module.update(parameters, gradients, state)
    module.np = np
    assert state["tiles"] is made
    return [len(tiles) for tiles in made[1]], counting.calls


@pytest.mark.parametrize(
    "name", ["momentum", "Adam", "clipping", "averages", "accumulation"]
)
def test_many_parameters_are_updated_as_one(name):
    few, few_calls = tiles_of(*made(1, name))
    many, many_calls = tiles_of(*made(9, name))
    assert few == many == [1]
    assert few_calls == many_calls or name == "clipping"


def made(depth, name):
    program, batch = network(depth, OPTIMIZERS[name]())
    return program.module, batch


def test_each_group_is_one_tile():
    """Though weights and biases are declared in turn, and the state of only some."""
    assert tiles_of(*made(9, "groups"))[0] == [1, 1]


def test_numbers_of_another_dtype_are_a_tile_of_their_own():
    one = gc.parameter("one", (3,), gc.init.ones())
    double = gc.parameter("double", (4,), gc.init.ones(), "float64")
    two = gc.parameter("two", (2, 2), gc.init.ones())
    x = gc.input("x", ("batch", 3))
    loss = gc.mean(x * one) + gc.sum(double * double) + gc.sum(two * two)
    module = assemble.training_program(loss, optim.Adam(0.1)).module
    batch = (np.ones((5, 3), "float32"),)
    assert tiles_of(module, batch)[0] == [1, 1]


def test_what_is_not_trained_stands_behind_what_is():
    """A parameter that only a metric reads does not part its neighbours."""
    x = gc.input("x", ("batch", 3))
    one, between, two = (
        gc.parameter(name, (3,), gc.init.ones()) for name in ("one", "between", "two")
    )
    module = assemble.training_program(
        gc.mean(x * one * two),
        optim.SGD(0.1, momentum=0.9),
        metrics={"between": gc.mean(x * between)},
    ).module
    assert list(module.init_parameters(0)) == ["one", "between", "two"]
    assert tiles_of(module, (np.ones((5, 3), "float32"),))[0] == [1]


# Whole steps --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Adam", "groups", "averages", "accumulation"])
def test_a_run_may_be_broken_off_and_goes_on_bit_for_bit(name, tmp_path):
    program, _ = network(2, OPTIMIZERS[name]())
    path = str(tmp_path / "run.npz")
    data = {"x": drawn_rows(0), "y": np.arange(24) % 3}
    results = []
    for style, parts in (("readable", [3]), ("fast", [3]), ("fast", [1, 3])):
        for epochs in parts:
            module = program.reloaded(style).module
            parameters = module.init_parameters(0)
            state = module.init_state(parameters, 5)
            resume = epochs != parts[0]
            options = {"checkpoint": path, "resume": resume} if len(parts) > 1 else {}
            module.fit(
                *(parameters, state, data),
                epochs=epochs,
                batch_size=6,
                seed=1,
                keep_best=False,
                **options,
            )
        results.append((parameters, state["slots"]))
    readable, unbroken, broken = results
    for found, expected in zip(broken, unbroken, strict=True):
        assert_equal(found, expected)
    assert_styles_agree(list(unbroken), list(readable), ulps=2**16)


def drawn_rows(seed):
    return np.random.default_rng(seed).normal(size=(24, 6)).astype("float32")


# Memory -------------------------------------------------------------------------------


def test_arrays_side_by_side_are_views_of_one():
    arrays = drawn(0)
    order = sorted(arrays)
    views = flat.side_by_side(arrays, order)
    assert list(views) == list(arrays)
    assert_equal(views, arrays)
    for dtype in ("float32", "float64"):
        alike = [views[n] for n in order if views[n].dtype == dtype and views[n].size]
        assert alike[0].ctypes.data % 64 == 0
        for before, after in itertools.pairwise(alike):
            assert after.ctypes.data == before.ctypes.data + before.nbytes
            assert flat.follows(after, before)
            assert not flat.follows(before, after)
        joined = flat.join(alike)
        np.testing.assert_array_equal(
            joined, np.concatenate([a.ravel() for a in alike])
        )
        joined += 1
    for name, view in views.items():
        np.testing.assert_array_equal(view, arrays[name] + 1)
        assert not np.shares_memory(view, arrays[name])


def test_neighbours_of_another_memory_or_layout_are_not_joined():
    memory = np.arange(24.0)
    before, after = memory[:12].reshape(3, 4), memory[12:].reshape(4, 3)
    assert flat.follows(after, before)
    assert not flat.follows(after.T, before)
    assert not flat.follows(after, before.T)
    assert not flat.follows(after[::-1], before)
    assert not flat.follows(after.copy(), before)
    assert not flat.follows(after.view(np.int64), before)
    assert not flat.follows(memory[13:], before)
    assert not flat.follows(np.zeros(3), np.zeros(3))
    # Of two owners that happen to be neighbours, one may go.
    owners = memoryview(bytearray(48))
    before, after = np.frombuffer(owners[:24]), np.frombuffer(owners[24:])
    assert after.ctypes.data == before.ctypes.data + before.nbytes
    assert not flat.follows(after, before)
