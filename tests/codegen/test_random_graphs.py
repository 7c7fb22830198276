"""Random graphs: every way of compiling one gives the interpreter's values."""

import warnings
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import graphc as gc
from graphc.ir import Node

UNARY = (
    gc.tanh,
    gc.exp,
    gc.square,
    gc.negative,
    gc.absolute,
    lambda x: gc.log(1 + gc.exp(x)),
    lambda x: gc.clip(x, -0.5, 0.5),
    lambda x: gc.where(x > 0, x, 0.5),
    lambda x: gc.astype(x > 0, "float64") - x,
    lambda x: x * x.shape[0] / 2,
    lambda x: gc.nn.softmax(x, dim=-1),
    lambda x: gc.nn.log_softmax(x, dim=-1),
    lambda x: gc.nn.relu(x),
    lambda x: x - gc.mean(x, axis=0),
    lambda x: gc.sum(x, axis=1)[:, None] * x,
    lambda x: gc.max(x, axis=-1, keepdims=True) + x,
    lambda x: gc.take_along_axis(x, gc.argmax(x, axis=1)[:, None], axis=1) * x,
    lambda x: gc.concatenate([x[:, 1:], x[:, :1]], axis=1),
    lambda x: x[:, ::-1],
    lambda x: x[:, [2, 0, 0]],
    lambda x: x.T.reshape(3, -1).T,
    lambda x: x.reshape(-1).reshape(-1, 3),
    lambda x: gc.broadcast_to(gc.sum(x), x.shape) * 0.1,
    lambda x: x + np.arange(3.0),
    lambda x: x * np.arange(30.0).reshape(10, 3)[:1],
    lambda x: (x @ x.T) @ x * 0.1,
)
BINARY = (
    gc.add,
    gc.subtract,
    gc.multiply,
    gc.maximum,
    lambda x, y: x / (1 + y * y),
    lambda x, y: gc.where(x > y, x, y),
    lambda x, y: (x @ y.T) @ x * 0.1,
)


@st.composite
def graphs(draw: Any) -> list[Node]:
    """A loss over x of shape (batch, 3) and parameters, values and gradients."""
    x = gc.input("x", ("batch", 3), "float64")
    w = gc.parameter("w", (3, 3), gc.init.normal(0, 1), "float64")
    b = gc.parameter("b", (3,), gc.init.normal(0, 1), "float64")
    s = gc.parameter("s", (), gc.init.normal(0, 1), "float64")
    values: list[Node] = [x, x @ w + b, x * s]
    for _ in range(draw(st.integers(1, 7))):
        one = draw(st.sampled_from(values))
        kind = draw(st.integers(0, 3))
        if kind == 3:
            made = one @ w.T - b
        elif kind == 2:
            made = draw(st.sampled_from(BINARY))(one, draw(st.sampled_from(values)))
        else:
            made = draw(st.sampled_from(UNARY))(one)
        # Bounded, so that no value outgrows what a comparison can tell apart.
        values.append(gc.tanh(made) if draw(st.booleans()) else made * 0.25)
    loss = gc.mean(values[-1] * draw(st.sampled_from(values)))
    gradients = gc.grad(loss, [x, w, b, s], unused="zeros")
    return [loss, values[-1], draw(st.sampled_from(values)), *gradients]


@given(graphs(), st.integers(1, 4), st.integers(0, 1000))
@settings(max_examples=30, suppress_health_check=list(HealthCheck))
def test_compiled_is_interpreted(outputs: list[Node], batch: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    feeds = [{"x": rng.normal(size=(size, 3))} for size in (batch, batch + 2, batch)]
    functions = [
        gc.compile(outputs, style=style, simplify=simplify, seed=1)
        for simplify in (False, True)
        for style in ("readable", "fast")
    ]
    parameters = functions[0].parameters
    for feed in feeds:
        expected = gc.evaluate(outputs, {**feed, **parameters})
        found = [function(**feed) for function in functions]
        for values in found:
            for value, reference in zip(values, expected, strict=True):
                assert value.dtype == reference.dtype
                np.testing.assert_allclose(value, reference, rtol=1e-7, atol=1e-9)
        # One graph in two styles is the same arithmetic.
        for readable, fast in (found[:2], found[2:]):
            for value, other in zip(readable, fast, strict=True):
                np.testing.assert_allclose(value, other, rtol=1e-13, atol=1e-15)
    for function in functions:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compile(function.source, "emitted", "exec")
