"""Examples that benchmarks of derivatives have, too, against JAX."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir import Graph

EXAMPLES = Path(__file__).parent.parent / "examples"


def charged_particle(jax: Any, known: dict[str, Any], parameters: Any) -> Any:
    np = jax.numpy
    charges = np.stack([np.array([10.0, 10.0 - parameters["w"]]), np.array([10.0, 0])])

    def potential(x: Any) -> Any:
        return (1.0 / np.sqrt(((x - charges) ** 2).sum(axis=1))).sum()

    def step(flight: Any, _: None) -> Any:
        x, v = flight
        after = x + 0.1 * v, v - 0.1 * jax.grad(potential)(x)
        kept = [
            np.where(after[0][1] > 0, *pair) for pair in zip(after, flight, strict=True)
        ]
        return tuple(kept), None

    start = np.array([0.0, 8.0]), np.array([0.75, 0.0])
    (x, v), _ = jax.lax.scan(step, start, None, 500)
    return (x[0] - x[1] / v[1] * v[0]) ** 2


def reaction_rates(jax: Any, known: dict[str, Any], parameters: Any) -> Any:
    np, h = jax.numpy, 0.02

    def velocity(y: Any) -> Any:
        return parameters["x"] * np.concatenate([np.ones(1), y[:-1]])

    def step(y: Any, _: None) -> Any:
        k1 = velocity(y)
        k2 = velocity(y + h / 2 * k1)
        k3 = velocity(y + h / 2 * k2)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + velocity(y + h * k3)), None

    y, _ = jax.lax.scan(step, np.zeros(4), None, 100)
    return ((y - known["measured"]) ** 2).sum()


def hidden_markov_model(jax: Any, known: dict[str, Any], parameters: Any) -> Any:
    np = jax.numpy
    change = jax.nn.softmax(parameters["change"], axis=1)
    show = jax.nn.softmax(parameters["show"], axis=1)

    def likelihood(rolls: Any) -> Any:
        """By probabilities that are divided by their sum at each roll."""

        def step(belief: Any, roll: Any) -> Any:
            seen = belief * show[:, roll]
            return (seen / seen.sum()) @ change, np.log(seen.sum())

        return jax.lax.scan(step, np.full(2, 0.5), rolls)[1].sum()

    return -jax.vmap(likelihood)(known["rolls"]).sum() / known["rolls"].size


def diagonal_lstm(jax: Any, known: dict[str, Any], parameters: Any) -> Any:
    np, layers, ends = jax.numpy, parameters["layers"], parameters["ends"]

    def step(states: Any, pair: Any) -> Any:
        below, after = pair[0] * ends[0], []
        for (hidden, memory), (weight, bias) in zip(states, layers, strict=True):
            read = np.stack([below, hidden, below, hidden])
            forget, entering, leaving, change = read * weight + bias
            memory = memory * jax.nn.sigmoid(forget)
            memory += jax.nn.sigmoid(entering) * np.tanh(change)
            below = jax.nn.sigmoid(leaving) * np.tanh(memory)
            after.append((below, memory))
        guess = below * ends[1] + ends[2]
        return after, (pair[1] * (guess - np.log(2 + np.exp(guess).sum()))).sum()

    text, none = known["text"], np.zeros(14)
    start = [(none, none)] * 2
    found = jax.lax.scan(step, start, (text[:-1], text[1:]))[1]
    return -found.sum() / (1023 * 14)


@pytest.mark.peer
@pytest.mark.parametrize(
    "objective", [charged_particle, reaction_rates, hidden_markov_model, diagonal_lstm]
)
def test_losses_and_gradients_are_those_of_jax(objective: Any) -> None:
    jax = pytest.importorskip("jax")
    example = runpy.run_path(str(EXAMPLES / f"{objective.__name__}.py"))
    known: dict[str, Any] = {}
    if objective is reaction_rates:
        known["measured"] = example["exact"](example["RATES"])
    elif objective is hidden_markov_model:
        known["rolls"] = example["make_data"](0)[1]
    elif objective is diagonal_lstm:
        known["text"] = example["make_data"](0)
    loss = example["loss"]
    wrt = Graph((loss,)).trainable
    program = gc.compile([loss, *gc.grad(loss, wrt)])
    parameters = {str(node.name): program.parameters[str(node.name)] for node in wrt}
    if objective is not charged_particle:
        rng = np.random.default_rng(0)
        for name, value in parameters.items():
            parameters[name] = value + 0.1 * rng.random(value.shape)
            program.parameters[name] = parameters[name]
    found, *gradients = program(**known)
    with jax.enable_x64(True):
        expected, slopes = jax.value_and_grad(
            lambda parameters: objective(jax, known, parameters)
        )(parameters)
    np.testing.assert_allclose(found, expected, rtol=1e-11)
    for name, value in zip(parameters, gradients, strict=True):
        np.testing.assert_allclose(value, slopes[name], rtol=1e-8, atol=1e-13)
