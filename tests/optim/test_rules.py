"""Facts of every optimizer: types, first steps, signs, options, names."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc as gc
from graphc import optim
from graphc.errors import DTypeError, NamingError, OptionError, ShapeError
from graphc.ir import Graph, verify
from graphc.ir.literal import number_of
from graphc.optim import Clock
from graphc.optim.formulas import complement

from .cases import MATRICES_ONLY, RULES
from .stepping import Stepper, is_joined, random_gradients, random_start, run

MAXIMIZERS = [
    name for name, rule in RULES.items() if "maximize" in rule.__dataclass_fields__
]


def start_of(name, dtype="float64"):
    start = random_start(dtype)
    return {"weight": start["weight"]} if name in MATRICES_ONLY else start


def gradients_of(name, steps, dtype="float64"):
    gradients = random_gradients(steps, dtype)
    if name in MATRICES_ONLY:
        return [{"weight": gradient["weight"]} for gradient in gradients]
    return gradients


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_kept(name, dtype):
    """The Stepper checks the type of every new value against the old one."""
    values, state = run(
        RULES[name](), gradients_of(name, 3, dtype), start_of(name, dtype)
    )
    assert all(value.dtype == dtype for value in values[-1].values())
    assert all(value.dtype == dtype for value in state.values() if value.ndim)
    assert all(np.isfinite(value).all() for value in values[-1].values())


@pytest.mark.parametrize("name", RULES)
def test_float32_follows_float64(name):
    double, _ = run(RULES[name](), gradients_of(name, 10), start_of(name))
    gradients = gradients_of(name, 10, "float32")
    single, _ = run(RULES[name](), gradients, start_of(name, "float32"))
    for key, value in double[-1].items():
        np.testing.assert_allclose(single[-1][key], value, atol=2e-3)


@pytest.mark.parametrize("name", MAXIMIZERS)
def test_maximize_is_the_opposite_gradient(name):
    gradients = gradients_of(name, 12)
    opposite = [{k: -v for k, v in gradient.items()} for gradient in gradients]
    up, _ = run(RULES[name](maximize=True), gradients, start_of(name))
    down, _ = run(RULES[name](), opposite, start_of(name))
    for key, value in down[-1].items():
        np.testing.assert_array_equal(up[-1][key], value)


@pytest.mark.parametrize("name", RULES)
def test_descends(name):
    """A quadratic bowl: 300 steps bring the loss down, whatever the optimizer."""
    lr = {"Adadelta": 10.0, "LARS": 1.0, "Rprop": 0.01, "ASGD": 0.05}.get(name, 0.02)
    options = {"lr": lr, "weight_decay": 0.0} if name == "Muon" else {"lr": lr}
    stepper = Stepper(RULES[name](**options), start_of(name))
    before = sum((value**2).sum() for value in stepper.values.values())
    for _ in range(300):
        stepper.step(stepper.values)
    after = sum((value**2).sum() for value in stepper.values.values())
    assert after < 0.5 * before


@pytest.mark.parametrize("name", RULES)
def test_step_size_is_scaled_by_the_clock(name):
    """A scale of zero leaves parameters where they are."""
    stepper = Stepper(RULES[name](), start_of(name))
    start = dict(stepper.values)
    stepper.step(gradients_of(name, 1)[0], scale=0.0)
    for key, value in start.items():
        np.testing.assert_array_equal(stepper.values[key], value)


@pytest.mark.parametrize("name", sorted(set(RULES) - {"Rprop"}))
def test_scale_is_a_factor_of_lr(name):
    rule = RULES[name]
    lr = 1e-3
    scaled, plain = (Stepper(rule(size), start_of(name)) for size in (lr, 0.25 * lr))
    for gradient in gradients_of(name, 5):
        scaled.step(gradient, scale=0.25)
        plain.step(gradient)
    for key, value in plain.values.items():
        np.testing.assert_allclose(scaled.values[key], value, rtol=1e-12)


@pytest.mark.parametrize("name", RULES)
def test_nan_gradient_makes_nan(name):
    gradients = gradients_of(name, 3)
    gradients[1]["weight"][0, 0] = math.nan
    values, _ = run(RULES[name](), gradients, start_of(name))
    assert np.isnan(values[-1]["weight"][0, 0])
    assert np.isfinite(values[0]["weight"]).all()
    if is_joined(RULES[name]()):
        assert np.isnan(values[-1]["weight"]).sum() == 1


@pytest.mark.parametrize("name", RULES)
def test_zero_gradients_are_finite(name):
    zeros = {key: np.zeros_like(value) for key, value in start_of(name).items()}
    values, _ = run(RULES[name](), [zeros] * 3, start_of(name))
    assert all(np.isfinite(value).all() for value in values[-1].values())


@pytest.mark.parametrize("name", RULES)
def test_update_graph_is_valid(name):
    w = gc.parameter("layer.weight", (3, 2), dtype="float32")
    d = gc.input("d", (3, 2), "float32")
    rule = RULES[name]()
    state = rule.init_state([w])
    new, new_state = rule.apply([w], [d], state, Clock.constant(step=1))
    graph = Graph((*new, *new_state.values()))
    verify(graph)
    graph.check_names()
    assert all(key.startswith("layer.weight.") for key in state)
    assert list(new_state) == list(state)


@pytest.mark.parametrize("name", sorted(set(RULES) - MATRICES_ONLY))
def test_elementwise_rules_may_be_joined(name):
    """One flat array gives what the parameters give, if programs make it one."""
    rule = RULES[name]()
    if not is_joined(rule):
        return
    gradients = random_gradients(5)
    apart, _ = run(rule, gradients)

    def join(arrays):
        return {"all": np.concatenate([np.ravel(a) for a in arrays.values()])}

    together, _ = run(rule, [join(g) for g in gradients], join(random_start()))
    np.testing.assert_array_equal(join(apart[-1])["all"], together[-1]["all"])


def test_constant_step_size_is_a_literal():
    size = optim.SGD(0.25).step_size(Clock.constant(step=7))
    assert number_of(size) == 0.25
    w = gc.parameter("w", (2,))
    new, _ = optim.SGD(0.25).apply([w], [w], {}, Clock.constant(step=1))
    assert [node.op.name for node in Graph(tuple(new)).nodes] == [
        "parameter",
        "constant",
        "multiply",
        "subtract",
    ]


def test_plain_sgd_keeps_no_state():
    assert optim.SGD().init_state([gc.parameter("w", (2,))]) == {}


def test_scalar_parameters():
    start = {"scale": np.float32(2.0).reshape(())}
    gradient = {"scale": np.float32(1.0).reshape(())}
    for name in sorted(set(RULES) - MATRICES_ONLY):
        values, _ = run(RULES[name](), [gradient] * 2, start)
        assert values[-1]["scale"].shape == ()
        assert values[-1]["scale"].dtype == np.float32


def test_names_that_extend_each_other():
    """State of `a.b` is not taken for state of `a`."""
    start = {"a": np.ones(2), "a.b": np.ones(3)}
    gradients = [{"a": np.ones(2), "a.b": np.ones(3)}] * 2
    for rule in (optim.Adam(), optim.RMSprop(momentum=0.5, centered=True)):
        values, state = run(rule, gradients, start)
        assert values[-1]["a"].shape == (2,)
        assert len({key.rpartition(".")[2] for key in state}) * 2 == len(state)


@pytest.mark.parametrize("beta", [0.9, 0.99, 0.999, 0.5, 0.0, 1e-3, 1.0 / 3.0])
def test_complement(beta):
    assert complement(beta) == pytest.approx(1.0 - beta, rel=1e-13, abs=1e-16)
    assert complement(0.9) == 0.1


BAD = [
    (optim.SGD, {"lr": -1.0}, "lr to be a number >= 0"),
    (optim.SGD, {"lr": math.nan}, "lr to be a number >= 0"),
    (optim.SGD, {"lr": math.inf}, "lr to be a number >= 0"),
    (optim.SGD, {"lr": "fast"}, "lr to be a number >= 0"),
    (optim.SGD, {"lr": True}, "lr to be a number >= 0"),
    (optim.SGD, {"lr": None}, "lr to be a number >= 0"),
    (optim.SGD, {"momentum": -0.1}, "momentum to be a number >= 0"),
    (optim.SGD, {"weight_decay": -1e-4}, "weight_decay to be a number >= 0"),
    (optim.SGD, {"dampening": math.nan}, "dampening"),
    (optim.SGD, {"nesterov": True}, "momentum > 0"),
    (optim.SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "dampening"),
    (optim.SGD, {"nesterov": 1}, "nesterov to be True or False"),
    (optim.SGD, {"dialect": "caffe"}, "dialect"),
    (optim.SGD, {"dampening": 0.1, "dialect": "keras"}, "dampening"),
    (
        optim.Adam,
        {"betas": (1.0, 0.9)},
        "2 numbers >= 0 and < 1",
    ),
    (
        optim.Adam,
        {"betas": (0.9, -0.1)},
        "2 numbers >= 0 and < 1",
    ),
    (optim.Adam, {"betas": 0.9}, "betas to be a tuple of 2 numbers"),
    (optim.Adam, {"betas": (0.9,)}, "betas to be a tuple of 2 numbers"),
    (optim.Adam, {"eps": -1e-8}, "eps to be a number >= 0"),
    (optim.Adam, {"amsgrad": "yes"}, "amsgrad"),
    (optim.AdamW, {"lr": lambda clock: clock.step, "dialect": "paper"}, "number"),
    (optim.Adadelta, {"rho": 1.1}, "rho to be a number >= 0 and <= 1"),
    (optim.RMSprop, {"alpha": -0.1}, "alpha to be a number >= 0 and <= 1"),
    (optim.Rprop, {"etas": (1.2, 0.5)}, "etas"),
    (optim.Rprop, {"step_sizes": (1.0, 0.5)}, "step_sizes"),
    (optim.Rprop, {"lr": optim.StepLR(0.1, step_size=3)}, "lr to be a number >= 0"),
    (optim.Adafactor, {"d": 0.5}, "d to be a number >= 1"),
    (optim.Adafactor, {"beta2_decay": 0.5}, "beta2_decay to be a number <= 0"),
    (optim.Adafactor, {"eps": (None, None)}, "eps"),
    (optim.Muon, {"ns_steps": 2.5}, "ns_steps"),
    (optim.Muon, {"ns_coefficients": (1.0, 2.0)}, "3 numbers"),
    (optim.Muon, {"adjust_lr_fn": "none"}, "adjust_lr_fn"),
    (optim.SignSGD, {"momentum": 1.0}, "momentum to be a number >= 0 and < 1"),
]


@pytest.mark.parametrize(("rule", "options", "message"), BAD)
def test_bad_options(rule, options, message):
    with pytest.raises(OptionError, match=message) as caught:
        rule(**options)
    assert rule.__name__ in str(caught.value)
    assert __file__ in str(caught.value.location)


def test_integers_and_numpy_numbers_are_options():
    rule = optim.SGD(lr=np.float32(0.5), momentum=np.float64(0.5), weight_decay=1)
    values = (rule.lr, rule.momentum, rule.weight_decay)
    assert values == (0.5, 0.5, 1.0)
    assert all(isinstance(value, float) for value in values)
    assert not any(isinstance(value, np.generic) for value in values)


def test_equal_options_are_equal_rules():
    assert optim.Adam(lr=1e-3, betas=[0.9, 0.999]) == optim.Adam()
    assert hash(optim.Adam()) == hash(optim.Adam())
    assert dataclasses.replace(optim.Adam(), lr=0.1) == optim.Adam(0.1)


def test_bad_parameters():
    w = gc.parameter("w", (2,))
    clock = Clock.constant(step=1)
    with pytest.raises(DTypeError, match="floating"):
        optim.SGD().init_state([gc.parameter("n", (2,), [1, 2], "int64")])
    with pytest.raises(NamingError, match="names"):
        optim.SGD().init_state([gc.zeros((2,))])
    with pytest.raises(NamingError, match="two parameters have the name 'w'"):
        optim.SGD().apply([w, w], [w, w], {}, clock)
    with pytest.raises(ShapeError, match="1 gradients for 2 parameters"):
        optim.SGD().apply([w, gc.parameter("b", (2,))], [w], {}, clock)
    with pytest.raises(ShapeError, match=r"float32 \(3,\)"):
        optim.SGD().apply([w], [gc.zeros((3,))], {}, clock)
    with pytest.raises(DTypeError, match="float64"):
        optim.SGD().apply([w], [gc.zeros((2,), "float64")], {}, clock)
    with pytest.raises(ShapeError, match="Muon requires matrices"):
        optim.Muon().init_state([w])


def test_bad_schedule():
    w = gc.parameter("w", (2,))
    for schedule, error, text in (
        (lambda clock: clock.step * gc.ones((2,)), ShapeError, "must give a scalar"),
        (lambda clock: clock.step * w[0], OptionError, "on its clock alone, not on w"),
    ):
        with pytest.raises(error, match=text):
            optim.SGD(schedule).apply([w], [w], {}, Clock.constant(step=1))


fractions = st.floats(0.0, 0.99)


@settings(max_examples=60, deadline=None)
@given(
    lr=st.floats(0.0, 0.5),
    momentum=fractions,
    dampening=fractions,
    weight_decay=fractions,
    maximize=st.booleans(),
    nesterov=st.booleans(),
)
def test_sgd_of_any_options(lr, momentum, dampening, weight_decay, maximize, nesterov):
    if nesterov and momentum:
        dampening = 0.0
    nesterov = nesterov and momentum > 0.0
    rule = optim.SGD(lr, momentum, dampening, weight_decay, nesterov, maximize=maximize)
    gradients = random_gradients(8)
    ours, _ = run(rule, gradients)
    for name, w in random_start().items():
        v = np.zeros_like(w)
        for t, gradient in enumerate(gradients):
            g = (-1 if maximize else 1) * gradient[name] + weight_decay * w
            if momentum:
                v = momentum * v + (1 - dampening) * g if t else g
                g = g + momentum * v if nesterov else v
            w = w - lr * g
        np.testing.assert_allclose(ours[-1][name], w, rtol=1e-11, atol=1e-11)


@settings(max_examples=60, deadline=None)
@given(
    lr=st.floats(0.0, 0.5),
    betas=st.tuples(fractions, fractions),
    eps=st.floats(1e-10, 1e-1),
    weight_decay=fractions,
    amsgrad=st.booleans(),
    decoupled=st.booleans(),
)
def test_adam_of_any_options(lr, betas, eps, weight_decay, amsgrad, decoupled):
    rule = optim.Adam(
        lr, betas, eps, weight_decay, amsgrad, decoupled_weight_decay=decoupled
    )
    gradients = random_gradients(8)
    ours, _ = run(rule, gradients)
    for name, w in random_start().items():
        m = v = top = np.zeros_like(w)
        for t, gradient in enumerate(gradients, 1):
            g = gradient[name]
            if decoupled:
                w = w * (1 - lr * weight_decay)
            else:
                g = g + weight_decay * w
            m = betas[0] * m + (1 - betas[0]) * g
            v = betas[1] * v + (1 - betas[1]) * g**2
            top = np.maximum(top, v) if amsgrad else v
            m_hat, v_hat = m / (1 - betas[0] ** t), top / (1 - betas[1] ** t)
            w = w - lr * m_hat / (np.sqrt(v_hat) + eps)
        np.testing.assert_allclose(ours[-1][name], w, rtol=1e-9, atol=1e-9)


def test_decoupled_and_coupled_decay():
    """They coincide under SGD and differ under Adam."""
    gradients = random_gradients(20)
    coupled, _ = run(optim.SGD(0.1, weight_decay=0.2), gradients)
    values = random_start()
    for gradient in gradients:
        values = {k: (1 - 0.1 * 0.2) * w - 0.1 * gradient[k] for k, w in values.items()}
    np.testing.assert_allclose(coupled[-1]["weight"], values["weight"], rtol=1e-12)
    one, _ = run(optim.Adam(0.1, weight_decay=0.2), gradients)
    other, _ = run(optim.AdamW(0.1, weight_decay=0.2), gradients)
    assert np.abs(one[-1]["weight"] - other[-1]["weight"]).max() > 0.1
