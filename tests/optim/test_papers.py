"""Rules held against the formulas of their papers, transcribed in NumPy."""

import numpy as np
import pytest

from graphc import optim

from .stepping import random_gradients, random_start, run

STEPS = 40


def follow(formula, state_names=("m", "v")):
    """The parameters after all steps of `formula(t, w, g, state) -> w`."""
    values = {}
    gradients = random_gradients(STEPS)
    for name, start in random_start().items():
        w = start
        state = {slot: np.zeros_like(w) for slot in state_names}
        for t, gradient in enumerate(gradients, 1):
            w = formula(t, w, gradient[name], state)
        values[name] = w
    return values


def check(rule, formula, state_names=("m", "v")):
    ours, _ = run(rule, random_gradients(STEPS))
    for name, expected in follow(formula, state_names).items():
        np.testing.assert_allclose(ours[-1][name], expected, rtol=1e-11, atol=1e-12)


def moments(state, g, beta1, beta2):
    state["m"] = beta1 * state["m"] + (1 - beta1) * g
    state["v"] = beta2 * state["v"] + (1 - beta2) * g**2
    return state["m"], state["v"]


def test_adam():
    def formula(t, w, g, state):
        m, v = moments(state, g, 0.9, 0.999)
        m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
        return w - 0.01 * m_hat / (np.sqrt(v_hat) + 1e-8)

    check(optim.Adam(0.01, dialect="paper"), formula)
    check(optim.Adam(0.01), formula)


def test_amsgrad():
    """Reddi et al., algorithm 2: no bias is corrected."""

    def formula(t, w, g, state):
        m, v = moments(state, g, 0.9, 0.99)
        state["top"] = np.maximum(state["top"], v)
        return w - 0.01 * m / (np.sqrt(state["top"]) + 1e-8)

    rule = optim.Adam(0.01, betas=(0.9, 0.99), amsgrad=True, dialect="paper")
    check(rule, formula, ("m", "v", "top"))


def test_adamw():
    """Loshchilov and Hutter: decay is multiplied by the schedule, not by alpha."""

    def formula(t, w, g, state):
        m, v = moments(state, g, 0.9, 0.999)
        m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
        eta = 0.95 ** (t - 1)
        # The decay is taken from the weights before the step.
        return w - eta * (0.01 * m_hat / (np.sqrt(v_hat) + 1e-8) + 0.02 * w)

    schedule = optim.ExponentialLR(0.01, gamma=0.95, by="step")
    check(optim.AdamW(schedule, weight_decay=0.02, dialect="paper"), formula)


def test_adamw_with_a_constant_step():
    def formula(t, w, g, state):
        m, v = moments(state, g, 0.9, 0.999)
        m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
        return w - (0.01 * m_hat / (np.sqrt(v_hat) + 1e-8) + 0.02 * w)

    check(optim.AdamW(0.01, weight_decay=0.02, dialect="paper"), formula)


def test_adamax():
    def formula(t, w, g, state):
        state["m"] = 0.9 * state["m"] + 0.1 * g
        state["u"] = np.maximum(0.999 * state["u"], np.abs(g))
        with np.errstate(invalid="ignore"):
            return w - 0.01 / (1 - 0.9**t) * state["m"] / state["u"]

    check(optim.Adamax(0.01, dialect="paper"), formula, ("m", "u"))


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd(nesterov):
    """Sutskever et al., with the gradient at the look-ahead point as the parameter."""

    def formula(t, w, g, state):
        rate = 0.1 * 0.97 ** (t - 1)
        state["v"] = 0.9 * state["v"] - rate * g
        return w + (0.9 * state["v"] - rate * g if nesterov else state["v"])

    schedule = optim.ExponentialLR(0.1, gamma=0.97, by="step")
    rule = optim.SGD(schedule, momentum=0.9, nesterov=nesterov, dialect="paper")
    check(rule, formula)


def test_rmsprop():
    """Graves, equations 38 to 45."""

    def formula(t, w, g, state):
        state["n"] = 0.95 * state["n"] + 0.05 * g**2
        state["g"] = 0.95 * state["g"] + 0.05 * g
        root = np.sqrt(state["n"] - state["g"] ** 2 + 1e-4)
        state["d"] = 0.9 * state["d"] - 1e-4 * g / root
        return w + state["d"]

    rule = optim.RMSprop(
        1e-4, alpha=0.95, eps=1e-4, momentum=0.9, centered=True, dialect="paper"
    )
    check(rule, formula, ("n", "g", "d"))


def test_adagrad():
    def formula(t, w, g, state):
        state["s"] = state["s"] + g**2
        return w - 0.1 * g / (1e-10 + np.sqrt(state["s"]))

    check(optim.Adagrad(0.1, dialect="paper"), formula, ("s",))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sign(momentum):
    def formula(t, w, g, state):
        state["m"] = momentum * state["m"] + (1 - momentum) * (g + 0.1 * w)
        return w - 0.01 * np.sign(state["m"])

    rule = optim.SignSGD(0.01, momentum=momentum, weight_decay=0.1)
    check(rule, formula, ("m",))


def test_lion():
    def formula(t, w, g, state):
        c = 0.9 * state["m"] + 0.1 * g
        state["m"] = 0.99 * state["m"] + 0.01 * g
        return w - 0.01 * (np.sign(c) + 0.1 * w)

    check(optim.Lion(0.01, weight_decay=0.1), formula, ("m",))


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_lars(nesterov, decay):
    def formula(t, w, g, state):
        length, slope = np.linalg.norm(w), np.linalg.norm(g)
        against = slope + decay * length
        rate = 0.01 * length / against if length and against else 1.0
        step = 0.5 * rate * (g + decay * w)
        state["v"] = 0.9 * state["v"] + step
        return w - (0.9 * state["v"] + step if nesterov else state["v"])

    rule = optim.LARS(
        0.5, weight_decay=decay, trust_coefficient=0.01, nesterov=nesterov
    )
    check(rule, formula, ("v",))


def test_lamb():
    def formula(t, w, g, state):
        m, v = moments(state, g, 0.9, 0.999)
        r = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-6) + 0.1 * w
        return w - 0.01 * np.linalg.norm(w) / np.linalg.norm(r) * r

    check(optim.LAMB(0.01, weight_decay=0.1), formula)


def test_adafactor():
    """Shazeer and Stern, algorithms 4 and 5, with torch's lower bounds."""

    def root_mean_square(x):
        return np.sqrt(np.mean(x**2))

    def formula(t, w, g, state):
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

    check(optim.Adafactor(0.05, eps=(1e-20, 1e-3)), formula, ("v",))


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
