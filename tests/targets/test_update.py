"""The emitted `update` against the reference interpreter, for every optimizer."""

import ast

import numpy as np
import pytest

import graphc as gc
from graphc import optim
from graphc.optim import Optimizer
from graphc.training import assemble

from ..optim.cases import RULES, SCHEDULES, examples
from ..optim.stepping import Stepper

SHAPES = {
    "scale": (),
    "layer.weight": (4, 3),
    "layer.bias": (4,),
    "out.weight": (2, 4),
    "kernel": (2, 3, 2, 2),
}
MATRICES = {"layer.weight": (4, 3), "tall": (5, 2), "wide": (2, 4)}
STEPS = 4


def cases():
    """Of every rule its defaults, and the examples of every optimizer."""
    for name, rule in RULES.items():
        yield pytest.param(rule(), id=name)
    for name, optimizer in examples().items():
        yield pytest.param(optimizer, id=name)


def starts(shapes=SHAPES, dtype="float64"):
    rng = np.random.default_rng(3)
    return {
        name: np.asarray(rng.normal(size=shape), dtype)
        for name, shape in shapes.items()
    }


def gradients_for(shapes=SHAPES, dtype="float64", steps=STEPS):
    rng = np.random.default_rng(4)
    for _ in range(steps):
        yield {
            name: np.asarray(rng.normal(size=shape), dtype)
            for name, shape in shapes.items()
        }


def modules(optimizer, start, simplify=True, styles=("readable", "fast")):
    """The program of a model that has these parameters, in both styles."""
    parameters = [
        gc.parameter(name, value.shape, value, value.dtype)
        for name, value in start.items()
    ]
    x = gc.input("x", ("batch",), start["layer.weight"].dtype)
    loss = gc.mean(x)
    for parameter in parameters:
        loss = loss + gc.sum(parameter * parameter)
    program = assemble.training_program(
        loss, optimizer, style=styles[0], simplify=simplify
    )
    return [program.module, *(program.reloaded(s).module for s in styles[1:])]


def assert_same(found, expected, **tolerance):
    assert set(found) == set(expected)
    for name, value in found.items():
        assert value.dtype == expected[name].dtype, name
        assert value.shape == expected[name].shape, name
        np.testing.assert_allclose(value, expected[name], **tolerance, err_msg=name)


@pytest.mark.parametrize("optimizer", list(cases()))
def test_update_is_the_rule(optimizer):
    start = starts()
    if isinstance(optimizer, optim.Muon):
        start = starts(MATRICES)
    shapes = {name: value.shape for name, value in start.items()}
    stepper = Stepper(optimizer, start)
    readable, fast = modules(optimizer, start)
    states = []
    for module in (readable, fast):
        parameters = module.init_parameters(0)
        states.append((module, parameters, module.init_state(parameters)))
        assert_same(parameters, start, rtol=0)
        assert_same(states[-1][2]["slots"], stepper.state, rtol=1e-14)
    for number, gradients in enumerate(gradients_for(shapes)):
        expected = stepper.step(gradients, epoch=2.0, scale=0.5, seed=number)
        for module, parameters, state in states:
            state["epoch"], state["scale"] = 2, 0.5
            state["rng"] = np.random.default_rng(number)
            kept = {name: value.copy() for name, value in gradients.items()}
            arrays = {**parameters, **state["slots"]}
            module.update(parameters, gradients, state)
            assert state["step"] == number + 1
            # Gradients are read only, and everything else is updated where it lies.
            assert_same(gradients, kept, rtol=0)
            for name, array in {**parameters, **state["slots"]}.items():
                assert array is arrays[name], name
            assert_same(parameters, expected, rtol=1e-11, atol=1e-13)
            assert_same(state["slots"], stepper.state, rtol=1e-11, atol=1e-13)
        (_, one, first), (_, other, second) = states
        assert_same(one, other, rtol=3e-16)
        assert_same(first["slots"], second["slots"], rtol=3e-16)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Lion"])
def test_an_unsimplified_rule_in_float32(name):
    optimizer = getattr(optim, name)(0.01, weight_decay=0.1)
    start = starts(dtype="float32")
    stepper = Stepper(optimizer, start)
    found = []
    for module in modules(optimizer, start, simplify=False):
        parameters = module.init_parameters(0)
        state = module.init_state(parameters)
        for gradients in gradients_for(dtype="float32"):
            module.update(parameters, gradients, state)
        found.append(parameters)
    for gradients in gradients_for(dtype="float32"):
        stepper.step(gradients)
    assert_same(found[0], stepper.values, rtol=2e-6)
    assert_same(found[0], found[1], rtol=0)


def test_a_gradient_that_is_no_array_of_its_own():
    """A gradient may be a scalar of NumPy, read-only, or a view."""
    start = starts()
    for module in modules(optim.Adam(0.1), start):
        plain, odd = module.init_parameters(0), module.init_parameters(0)
        states = module.init_state(plain), module.init_state(odd)
        for gradients in gradients_for():
            views = {}
            for name, value in gradients.items():
                view = np.broadcast_to(value[None], (2, *value.shape))[1]
                views[name] = view if value.shape else value[()]
            module.update(plain, gradients, states[0])
            module.update(odd, views, states[1])
        assert_same(plain, odd, rtol=0)


# Structure ----------------------------------------------------------------------------


def loops(module_source):
    """The loops of `update`: for each the names of its parameters."""
    rules = ()
    for function in ast.parse(module_source).body:
        if isinstance(function, ast.Assign) and function.targets[0].id == "RULES":
            rules = ast.literal_eval(function.value)
        if isinstance(function, ast.FunctionDef) and function.name == "update":
            loops = [loop.iter for loop in function.body if isinstance(loop, ast.For)]
            return [
                rules[iterated.slice.value][0]
                if isinstance(iterated, ast.Subscript)
                else ast.literal_eval(iterated)
                for iterated in loops
            ]
    raise AssertionError("no update")


def source(optimizer, style, shapes=SHAPES):
    start = starts(shapes)
    parameters = [
        gc.parameter(name, value.shape, value, "float64")
        for name, value in start.items()
    ]
    loss = sum((gc.sum(p * p) for p in parameters[1:]), gc.sum(parameters[0]))
    return assemble.training_program(loss, optimizer, style=style).source


@pytest.mark.parametrize("style", ["readable", "fast"])
@pytest.mark.parametrize(
    "name",
    ["SGD", "Adam", "AdamW", "RMSprop", "NAdam", "Lion", "Adagrad", "Rprop", "LAMB"],
)
def test_parameters_of_different_shapes_share_one_loop(name, style):
    shapes = {"a.weight": (3, 4), "a.bias": (3,), "kernel": (2, 1, 3, 3)}
    text = source(getattr(optim, name)(0.1), style, shapes)
    assert loops(text) == [("a.weight", "a.bias", "kernel")]


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_groups_with_other_options_have_loops_of_their_own(style):
    shapes = {"a.weight": (3, 4), "a.bias": (3,), "b.weight": (2, 3), "b.bias": (2,)}
    optimizer = optim.ParameterGroups(
        {"*.bias": optim.SGD(0.1)}, default=optim.SGD(0.1, weight_decay=0.01)
    )
    text = source(optimizer, style, shapes)
    assert loops(text) == [("a.weight", "b.weight"), ("a.bias", "b.bias")]


def test_matrices_with_other_means_have_loops_of_their_own():
    """The means over rows of these are over 3 and over 4 numbers."""
    shapes = {"layer.weight": (4, 3), "other": (3, 4)}
    start, optimizer = starts(shapes), optim.Adafactor(0.1)
    for module in modules(optimizer, start):
        parameters = module.init_parameters(0)
        state = module.init_state(parameters)
        stepper = Stepper(optimizer, start)
        for gradients in gradients_for(shapes):
            expected = stepper.step(gradients)
            module.update(parameters, gradients, state)
            assert_same(parameters, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_one_step_size_for_all(style):
    """What depends on the clock alone is computed once, before the loops."""
    optimizer = optim.Adam(optim.CosineAnnealingLR(0.1, T_max=10))
    text = source(optimizer, style)
    function = next(
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and node.name == "update"
    )
    # The schedule stands once, and logs call it, too.
    assert text.count("np.cos(") == 1
    assert ast.unparse(function).count("= learning_rate(") == 1
    assert text.count("= learning_rate(") == 2
    for loop in (node for node in function.body if isinstance(node, ast.For)):
        inside = ast.unparse(loop)
        assert "learning_rate" not in inside
        assert "state" not in inside
        assert "step" not in {
            node.id for node in ast.walk(loop) if isinstance(node, ast.Name)
        }


# Schedules ----------------------------------------------------------------------------

EVERY_SCHEDULE = {
    **SCHEDULES,
    "function": lambda clock: 0.1 / (1.0 + clock.epoch + clock.step),
}


@pytest.mark.parametrize("name", EVERY_SCHEDULE)
def test_a_schedule_reads_step_epoch_and_scale(name):
    optimizer = optim.SGD(EVERY_SCHEDULE[name], momentum=0.9)
    start = starts()
    stepper = Stepper(optimizer, start)
    pair = []
    for module in modules(optimizer, start):
        parameters = module.init_parameters(0)
        pair.append((module, parameters, module.init_state(parameters)))
    for number, gradients in enumerate(gradients_for(steps=6)):
        epoch, scale = number // 2, 0.5 ** (number // 3)
        expected = stepper.step(gradients, epoch=epoch, scale=scale)
        for module, parameters, state in pair:
            state["epoch"], state["scale"] = epoch, scale
            module.update(parameters, gradients, state)
            assert_same(parameters, expected, rtol=1e-12)


# State that several parameters share --------------------------------------------------


class SharedAverage(Optimizer):
    """Descent along gradients over a running mean of all gradients' sizes."""

    def init_state(self, parameters):
        return {"average": gc.zeros((), "float64"), "w.seen": gc.zeros((2,), "float64")}

    def apply(self, parameters, gradients, state, clock):
        total = sum((gc.sum(gc.abs(g)) for g in gradients[1:]), gradients[0].sum())
        average = 0.9 * state["average"] + 0.1 * total
        seen = state["w.seen"] + gc.stack([average, clock.step])
        new = [
            p - 0.1 * g / (1 + average * average)
            for p, g in zip(parameters, gradients, strict=True)
        ]
        return new, {"average": average, "w.seen": seen}

    def step_size(self, clock):
        return gc.constant(0.1)


@pytest.mark.parametrize("simplify", [False, True])
def test_state_of_no_parameter(simplify):
    optimizer, start = SharedAverage(), starts()
    stepper = Stepper(optimizer, start)
    pair = []
    for module in modules(optimizer, start, simplify):
        parameters = module.init_parameters(0)
        pair.append((module, parameters, module.init_state(parameters)))
    for gradients in gradients_for():
        expected = stepper.step(gradients)
        for module, parameters, state in pair:
            arrays = dict(state["slots"])
            module.update(parameters, gradients, state)
            assert_same(parameters, expected, rtol=1e-12)
            assert_same(state["slots"], stepper.state, rtol=1e-12)
            assert all(state["slots"][name] is arrays[name] for name in arrays)


class Swap(Optimizer):
    """Each parameter becomes another: nothing may be read after it is overwritten."""

    def init_state(self, parameters):
        return {f"{p.name}.last": p for p in parameters}

    def apply(self, parameters, gradients, state, clock):
        one, other, *rest = parameters
        slots = {
            f"{p.name}.last": g for p, g in zip(parameters, gradients, strict=True)
        }
        slots[f"{one.name}.last"] = state[f"{other.name}.last"] + one
        return [other + one, one * 2.0, *rest], slots

    def step_size(self, clock):
        return gc.constant(1.0)


def test_parameters_that_read_one_another():
    shapes = {"layer.weight": (2, 3), "other": (2, 3), "third": (4,)}
    start = starts(shapes)
    stepper = Stepper(Swap(), start)
    pair = []
    for module in modules(Swap(), start):
        parameters = module.init_parameters(0)
        pair.append((module, parameters, module.init_state(parameters)))
    for gradients in gradients_for(shapes):
        expected = stepper.step(gradients)
        for module, parameters, state in pair:
            module.update(parameters, gradients, state)
            assert_same(parameters, expected, rtol=1e-15)
            assert_same(state["slots"], stepper.state, rtol=1e-15)
            for name, value in state["slots"].items():
                assert not any(np.shares_memory(value, g) for g in gradients.values())
                assert not any(np.shares_memory(value, p) for p in parameters.values())
                assert value.flags.writeable, name


class Exchange(Optimizer):
    """Descent with two arrays of no parameter, which change places at each step."""

    def init_state(self, parameters):
        return {"one": gc.ones((2,), "float64"), "other": gc.zeros((2,), "float64")}

    def apply(self, parameters, gradients, state, clock):
        new = [
            p - g * gc.sum(state["one"])
            for p, g in zip(parameters, gradients, strict=True)
        ]
        return new, {"one": state["other"], "other": state["one"]}

    def step_size(self, clock):
        return gc.constant(1.0)


class Formula(Optimizer):
    """A rule of one's own: new parameter and state from the old ones and a gradient."""

    def __init__(self, formula):
        self.formula = formula

    def init_state(self, parameters):
        return {f"{p.name}.kept": gc.zeros(p.shape, p.dtype) for p in parameters}

    def apply(self, parameters, gradients, state, clock):
        new, kept = [], {}
        for parameter, gradient in zip(parameters, gradients, strict=True):
            key = f"{parameter.name}.kept"
            value, kept[key] = self.formula(parameter, gradient, state[key])
            new.append(value)
        return new, kept

    def step_size(self, clock):
        return gc.constant(1.0)


# Rules in which a new value depends on what another one replaces.
FORMULAS = {
    "state reads the old parameter": lambda p, g, m: (p + m, 0.5 * m - p),
    "parameter reads the old state": lambda p, g, m: (p - 0.1 * m * g, m * 0.9 + p * g),
    "state keeps the old parameter": lambda p, g, m: (p - 0.1 * g, p),
    "parameter becomes the old state": lambda p, g, m: (m, p + g),
    "exchanged": lambda p, g, m: (m, p),
    "the gradient itself": lambda p, g, m: (g, g),
    "one value for both": lambda p, g, m: (p + g, p + g),
    "old or new": lambda p, g, m: (gc.where(g > 0, p, g), gc.where(g > 0, m, p)),
    "chosen by itself": lambda p, g, m: (gc.where(p > 0, p, 2 * g), m + g),
    "transposed": lambda p, g, m: (p + p.T, (m + m.T) * 2 + g),
    "a view": lambda p, g, m: (p[::-1], p.T),
    "views exchanged": lambda p, g, m: (m.T, p[::-1]),
    "a view is kept": lambda p, g, m: (p[::-1] + m, p[::-1]),
    "products": lambda p, g, m: (0.1 * (p @ p), m @ g + m),
    "moved": lambda p, g, m: (gc.concatenate([p[1:], p[:1]]), m[[2, 0, 1]] + g),
    "picked": lambda p, g, m: (
        gc.take_along_axis(
            p, gc.broadcast_to(gc.argmax(g, axis=1)[:, None], p.shape), 1
        ),
        m + 1.0,
    ),
}


@pytest.mark.parametrize(
    "optimizer",
    [Exchange(), *map(Formula, FORMULAS.values())],
    ids=["shared state exchanged", *FORMULAS],
)
def test_nothing_is_replaced_before_it_is_read(optimizer):
    shapes = {"layer.weight": (3, 3), "other": (3, 3)}
    start = starts(shapes)
    stepper = Stepper(optimizer, start)
    pair = []
    for module in modules(optimizer, start):
        parameters = module.init_parameters(0)
        pair.append((module, parameters, module.init_state(parameters)))
    for gradients in gradients_for(shapes):
        expected = stepper.step(gradients)
        for module, parameters, state in pair:
            module.update(parameters, gradients, state)
            assert_same(parameters, expected, rtol=1e-12)
            assert_same(state["slots"], stepper.state, rtol=1e-12)
