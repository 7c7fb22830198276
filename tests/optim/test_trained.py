"""The emitted program's update does what the interpreter does with the same rule."""

import functools

import numpy as np
import pytest

import graphc as gc
from graphc import optim
from graphc.ir import Graph

from .cases import examples

STEPS = 7
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(16, 5)), RNG.integers(0, 3, 16)

OPTIMIZERS = {
    **examples(but=("Muon", "GradientNoise")),  # One draws; one is in the group.
    "Muon": optim.ParameterGroups(
        {lambda p: p.ndim == 2: optim.Muon()}, default=optim.SGD(0.1)
    ),
}


def model(dtype="float64"):
    """A loss and its parameters, one of them a scalar."""
    rng = np.random.default_rng(1)
    x, y = gc.input("x", ("batch", 5), dtype), gc.input("y", ("batch",), "int64")
    shapes = {"hidden.weight": (4, 5), "hidden.bias": (4,), "out.weight": (3, 4)}
    parameters = [
        gc.parameter(name, shape, rng.normal(size=shape), dtype)
        for name, shape in shapes.items()
    ]
    weight, bias, out = parameters
    scale = gc.parameter("scale", (), 1.5, dtype)
    hidden = gc.tanh(x @ weight.T + bias)
    loss = gc.nn.cross_entropy((hidden @ out.T) * scale, y)
    return loss, [*parameters, scale]


@functools.cache
def expected(name):
    """Parameters and state after all steps, by the interpreter."""
    loss, parameters = model()
    optimizer = OPTIMIZERS[name]
    initial = optimizer.init_state(parameters)
    slots = {
        key: gc.input(f"slot_{position}", node.shape, node.dtype)
        for position, (key, node) in enumerate(initial.items())
    }
    step = gc.input("step", (), "float64")
    clock = optim.Clock(step, gc.constant(0.0), gc.constant(1.0))
    gradients = gc.grad(loss, parameters)
    update = optimizer.apply(parameters, gradients, slots, clock)
    used = set(Graph((*update[0], *update[1].values())).inputs)
    values, state = gc.evaluate([parameters, initial], {})
    for number in range(1, STEPS + 1):
        feeds = {slots[key]: value for key, value in state.items()}
        feeds[step] = np.float64(number)
        feeds = {node: value for node, value in feeds.items() if node in used}
        feeds |= {"x": X, "y": Y} | dict(zip(parameters, values, strict=True))
        values, state = gc.evaluate(update, feeds)
    return {str(p.name): v for p, v in zip(parameters, values, strict=True)}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("style", ["fast", "readable"])
def test_trained(name, style):
    loss, _ = model()
    trainer = gc.Trainer(loss, OPTIMIZERS[name], seed=0, style=style)
    for _ in range(STEPS):
        trainer.step(x=X, y=Y)
    for key, value in expected(name).items():
        np.testing.assert_allclose(
            trainer.parameters[key], value, rtol=1e-11, atol=1e-12
        )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_float32_is_kept(name):
    loss, _ = model("float32")
    trainer = gc.Trainer(loss, OPTIMIZERS[name], seed=0)
    for _ in range(2):
        trainer.step(x=X.astype("float32"), y=Y)
    for value in trainer.parameters.values():
        assert value.dtype == np.float32
        assert np.isfinite(value).all()
