"""Rules held against the formulas of their papers, transcribed in NumPy."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from graphc import optim
from graphc.optim import Rule

from .cases import MATRICES_ONLY
from .stepping import random_gradients, random_start, run

STEPS = 40

Formula = Callable[[int, np.ndarray, np.ndarray, dict[str, Any]], np.ndarray]
"""`formula(t, w, g, state)`: the new parameter; it updates the state in place."""

REFERENCES: dict[str, tuple[Rule, Formula, Sequence[str]]] = {}
"""Rules with what they are held against, and the names of its state."""


def reference(*rules: Rule, state: Sequence[str] = ("m", "v")) -> Any:
    """Register a formula as the reference of rules."""

    def register(formula: Formula) -> Formula:
        for rule in rules:
            REFERENCES[f"{type(rule).__name__}-{len(REFERENCES)}"] = (
                rule,
                formula,
                state,
            )
        return formula

    return register


@pytest.mark.parametrize("name", REFERENCES)
def test_reference(name: str) -> None:
    rule, formula, slots = REFERENCES[name]
    start, gradients = random_start(), random_gradients(STEPS)
    if type(rule).__name__ in MATRICES_ONLY:
        start = {"weight": start["weight"]}
        gradients = [{"weight": gradient["weight"]} for gradient in gradients]
    ours, _ = run(rule, gradients, start)
    for key, w in start.items():
        state = {slot: np.zeros_like(w) for slot in slots}
        for t, gradient in enumerate(gradients, 1):
            w = formula(t, w, gradient[key], state)
        np.testing.assert_allclose(ours[-1][key], w, rtol=1e-11, atol=1e-12)


def moments(state, g, beta1, beta2):
    state["m"] = beta1 * state["m"] + (1 - beta1) * g
    state["v"] = beta2 * state["v"] + (1 - beta2) * g**2
    return state["m"], state["v"]


@reference(optim.Adam(0.01, dialect="paper"), optim.Adam(0.01))
def _adam(t, w, g, state):
    m, v = moments(state, g, 0.9, 0.999)
    m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
    return w - 0.01 * m_hat / (np.sqrt(v_hat) + 1e-8)


@reference(
    optim.Adam(0.01, betas=(0.9, 0.99), amsgrad=True, dialect="paper"),
    state=("m", "v", "top"),
)
def _amsgrad(t, w, g, state):
    """Reddi et al., algorithm 2: no bias is corrected."""
    m, v = moments(state, g, 0.9, 0.99)
    state["top"] = np.maximum(state["top"], v)
    return w - 0.01 * m / (np.sqrt(state["top"]) + 1e-8)


@reference(
    optim.AdamW(
        optim.ExponentialLR(0.01, gamma=0.95, by="step"),
        weight_decay=0.02,
        dialect="paper",
    )
)
def _adamw(t, w, g, state):
    """Loshchilov and Hutter: decay is multiplied by the schedule, not by alpha."""
    m, v = moments(state, g, 0.9, 0.999)
    m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
    eta = 0.95 ** (t - 1)
    # The decay is taken from the weights before the step.
    return w - eta * (0.01 * m_hat / (np.sqrt(v_hat) + 1e-8) + 0.02 * w)


@reference(optim.AdamW(0.01, weight_decay=0.02, dialect="paper"))
def _adamw_with_a_constant_step(t, w, g, state):
    m, v = moments(state, g, 0.9, 0.999)
    m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
    return w - (0.01 * m_hat / (np.sqrt(v_hat) + 1e-8) + 0.02 * w)


@reference(optim.Adamax(0.01, dialect="paper"), state=("m", "u"))
def _adamax(t, w, g, state):
    state["m"] = 0.9 * state["m"] + 0.1 * g
    state["u"] = np.maximum(0.999 * state["u"], np.abs(g))
    with np.errstate(invalid="ignore"):
        return w - 0.01 / (1 - 0.9**t) * state["m"] / state["u"]


_FALLING = optim.ExponentialLR(0.1, gamma=0.97, by="step")


@reference(optim.SGD(_FALLING, momentum=0.9, dialect="paper"))
def _sgd(t, w, g, state):
    """Sutskever et al., with the gradient at the look-ahead point as the parameter."""
    state["v"] = 0.9 * state["v"] - 0.1 * 0.97 ** (t - 1) * g
    return w + state["v"]


@reference(optim.SGD(_FALLING, momentum=0.9, nesterov=True, dialect="paper"))
def _sgd_nesterov(t, w, g, state):
    return _sgd(t, w, g, state) - 0.1 * state["v"] - 0.1 * 0.97 ** (t - 1) * g


@reference(
    optim.RMSprop(
        1e-4, alpha=0.95, eps=1e-4, momentum=0.9, centered=True, dialect="paper"
    ),
    state=("n", "g", "d"),
)
def _rmsprop(t, w, g, state):
    """Graves, equations 38 to 45."""
    state["n"] = 0.95 * state["n"] + 0.05 * g**2
    state["g"] = 0.95 * state["g"] + 0.05 * g
    root = np.sqrt(state["n"] - state["g"] ** 2 + 1e-4)
    state["d"] = 0.9 * state["d"] - 1e-4 * g / root
    return w + state["d"]


@reference(optim.Adagrad(0.1, dialect="paper"), state=("s",))
def _adagrad(t, w, g, state):
    state["s"] = state["s"] + g**2
    return w - 0.1 * g / (1e-10 + np.sqrt(state["s"]))


@reference(optim.SignSGD(0.01, momentum=0.9, weight_decay=0.1))
def _signum(t, w, g, state):
    state["m"] = 0.9 * state["m"] + 0.1 * (g + 0.1 * w)
    return w - 0.01 * np.sign(state["m"])


@reference(optim.SignSGD(0.01, weight_decay=0.1))
def _sign(t, w, g, state):
    return w - 0.01 * np.sign(g + 0.1 * w)


@reference(optim.Lion(0.01, weight_decay=0.1), state=("m",))
def _lion(t, w, g, state):
    c = 0.9 * state["m"] + 0.1 * g
    state["m"] = 0.99 * state["m"] + 0.01 * g
    return w - 0.01 * (np.sign(c) + 0.1 * w)


def _lars(decay, nesterov):
    rule = optim.LARS(
        0.5, weight_decay=decay, trust_coefficient=0.01, nesterov=nesterov
    )

    @reference(rule, state=("v",))
    def formula(t, w, g, state):
        length, slope = np.linalg.norm(w), np.linalg.norm(g)
        against = slope + decay * length
        rate = 0.01 * length / against if length and against else 1.0
        step = 0.5 * rate * (g + decay * w)
        state["v"] = 0.9 * state["v"] + step
        return w - (0.9 * state["v"] + step if nesterov else state["v"])


for decay in (0.0, 0.1):
    for nesterov in (False, True):
        _lars(decay, nesterov)


@reference(optim.LAMB(0.01, weight_decay=0.1))
def _lamb(t, w, g, state):
    m, v = moments(state, g, 0.9, 0.999)
    r = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-6) + 0.1 * w
    return w - 0.01 * np.linalg.norm(w) / np.linalg.norm(r) * r


def root_mean_square(x):
    return np.sqrt(np.mean(x**2))


@reference(optim.Adafactor(0.05, eps=(1e-20, 1e-3)), state=("v",))
def _adafactor(t, w, g, state):
    """Shazeer and Stern, algorithms 4 and 5, with torch's lower bounds."""
    share = t**-0.8
    alpha = max(1e-3, root_mean_square(w)) * min(0.05, t**-0.5)
    state["v"] = (1 - share) * state["v"] + share * g**2
    if w.ndim == 2:
        rows, columns = state["v"].mean(1), state["v"].mean(0)
        bound = max(rows.mean(), 1e-20)
        estimate = np.outer(rows, columns) / bound
    else:
        estimate = state["v"]
    u = g / np.sqrt(np.maximum(estimate, 1e-40))
    return w - alpha * u / max(1.0, root_mean_square(u))


@reference(optim.Muon(0.01), state=("m",))
def _muon(t, w, g, state):
    state["m"] = 0.95 * state["m"] + 0.05 * g
    u = 0.95 * state["m"] + 0.05 * g
    x = u / max(np.linalg.norm(u), 1e-7)
    a, b, c = 3.4445, -4.775, 2.0315
    for _ in range(5):
        s = x @ x.T
        x = a * x + (b * s + c * s @ s) @ x
    return (1 - 0.01 * 0.1) * w - 0.01 * x


def test_muon_is_orthogonal():
    """With the cubic iteration, a step goes along the nearest orthogonal matrix."""
    rng = np.random.default_rng(0)
    start = {"weight": np.zeros((3, 5))}
    gradient = rng.normal(size=(3, 5))
    rule = optim.Muon(
        1.0,
        weight_decay=0.0,
        momentum=0.0,
        nesterov=False,
        ns_coefficients=(1.5, -0.5, 0.0),
        ns_steps=40,
    )
    (values,), _ = run(rule, [{"weight": gradient}], start)
    left, _, right = np.linalg.svd(gradient, full_matrices=False)
    np.testing.assert_allclose(-values["weight"], left @ right, atol=1e-12)
