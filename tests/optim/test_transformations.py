"""Clipping, noise, accumulation, averages, constraints and groups."""

import math
import re

import numpy as np
import pytest

import graphc as gc
from graphc import optim
from graphc.errors import NamingError, OptionError
from graphc.ir import Graph
from graphc.optim import Clock

from .stepping import (
    Stepper,
    is_joined,
    largest_difference,
    random_gradients,
    random_start,
    run,
)

ZERO = {key: np.zeros_like(value) for key, value in random_start().items()}
AROUND = {
    "value": lambda inner: optim.ClipByValue(inner, clip_value=0.1),
    "norm": lambda inner: optim.ClipByNorm(inner, max_norm=0.1),
    "global": lambda inner: optim.ClipByGlobalNorm(inner, max_norm=0.1),
    "noise": optim.GradientNoise,
    "accumulation": lambda inner: optim.GradientAccumulation(inner, steps=3),
    "average": optim.EMA,
    "lookahead": optim.Lookahead,
    "max_norm": lambda inner: optim.MaxNorm(inner, max_norm=1.0),
    "groups": lambda inner: optim.ParameterGroups({"bias": inner}, default=inner),
}


def applied(rule, gradient):
    """The gradient after a transformation, seen through SGD from zero."""
    new = Stepper(rule(optim.SGD(1.0)), ZERO).step(gradient)
    return {key: -value for key, value in new.items()}


@pytest.mark.parametrize("name", AROUND)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_types_and_state_names(name, dtype):
    rule = AROUND[name](optim.Adam())
    values, state = run(rule, random_gradients(7, dtype), random_start(dtype))
    assert all(value.dtype == dtype for value in values[-1].values())
    assert all(value.dtype == dtype for value in state.values())
    assert {key.rpartition(".")[0] for key in state} == {"weight", "bias"}


@pytest.mark.parametrize("name", AROUND)
def test_step_size_and_averages_go_through(name):
    rule = AROUND[name](
        optim.EMA(optim.SGD(0.25)) if name != "average" else optim.SGD(0.25)
    )
    clock = Clock.constant(step=1)
    assert gc.evaluate(rule.step_size(clock), {}) == 0.25
    w = gc.parameter("bias", (2, 2), np.ones((2, 2)), "float64")
    parameters = [w, gc.parameter("weight", (2, 2), np.ones((2, 2)), "float64")]
    state = rule.init_state(parameters)
    averages = rule.averaged(parameters, state)
    assert [a.shape for a in averages] == [(2, 2), (2, 2)]


def test_clip_by_value():
    gradient = random_start(seed=5)
    gradient["bias"][:2] = math.nan, -math.inf
    clipped = applied(AROUND["value"], gradient)
    for key, value in gradient.items():
        np.testing.assert_array_equal(clipped[key], np.clip(value, -0.1, 0.1))


@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_clip_by_norm(size):
    gradient = {key: size * value for key, value in random_start(seed=5).items()}
    for dialect, eps in (("torch", 1e-6), ("optax", 0.0)):
        clipped = applied(
            lambda inner, d=dialect: optim.ClipByNorm(inner, max_norm=1.5, dialect=d),
            gradient,
        )
        for key, value in gradient.items():
            factor = min(1.0, 1.5 / (np.linalg.norm(value) + eps))
            np.testing.assert_allclose(clipped[key], factor * value, rtol=1e-13)


@pytest.mark.parametrize("size", [1e-3, 1e3])
@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, math.inf])
def test_clip_by_global_norm(size, norm_type):
    gradient = {key: size * value for key, value in random_start(seed=5).items()}
    length = np.linalg.norm(
        np.concatenate([value.ravel() for value in gradient.values()]), norm_type
    )
    for dialect, eps in (("torch", 1e-6), ("optax", 0.0)):
        clipped = applied(
            lambda inner, d=dialect: optim.ClipByGlobalNorm(
                inner, max_norm=1.5, norm_type=norm_type, dialect=d
            ),
            gradient,
        )
        for key, value in gradient.items():
            factor = min(1.0, 1.5 / (length + eps))
            np.testing.assert_allclose(clipped[key], factor * value, rtol=1e-13)


@pytest.mark.parametrize("name", ["norm", "global"])
def test_clipping_zero_gradients(name):
    for key, value in applied(AROUND[name], ZERO).items():
        np.testing.assert_array_equal(value, ZERO[key])


def test_global_norm_spreads_nan():
    gradient = random_start(seed=5)
    gradient["bias"][0] = math.nan
    for value in applied(AROUND["global"], gradient).values():
        assert np.isnan(value).all()
    assert np.isfinite(applied(AROUND["norm"], gradient)["weight"]).all()


def test_noise():
    start = {"w": np.zeros(20_000), "v": np.zeros(20_000)}
    zero = {key: np.zeros_like(value) for key, value in start.items()}
    stepper = Stepper(optim.GradientNoise(optim.SGD(1.0), eta=0.04, gamma=1.0), start)
    first = stepper.step(zero, seed=3)
    assert np.std(first["w"]) == pytest.approx(0.2, rel=0.02)
    assert abs(np.mean(first["w"])) < 0.01
    assert abs(np.corrcoef(first["w"], first["v"])[0, 1]) < 0.03
    second = {
        key: value - first[key] for key, value in stepper.step(zero, seed=4).items()
    }
    assert np.std(second["w"]) == pytest.approx(0.2 / math.sqrt(2.0), rel=0.02)
    again = Stepper(optim.GradientNoise(optim.SGD(1.0), eta=0.04, gamma=1.0), start)
    np.testing.assert_array_equal(again.step(zero, seed=3)["w"], first["w"])


def test_without_noise():
    gradients = random_gradients(5)
    noisy, _ = run(optim.GradientNoise(optim.Adam(), eta=0.0), gradients)
    plain, _ = run(optim.Adam(), gradients)
    assert largest_difference(noisy, plain) == 0.0


INNER = {
    "SGD": optim.SGD(0.1, momentum=0.9, dampening=0.5),
    "Adam": optim.Adam(optim.StepLR(0.1, step_size=2, gamma=0.5, by="step")),
    "NAdam": optim.NAdam(0.1),
    "Lookahead": optim.Lookahead(optim.SGD(0.1), k=2),
}


@pytest.mark.parametrize("name", INNER)
@pytest.mark.parametrize("steps", [1, 3, 4])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_accumulation(name, steps, reduction):
    """k micro-batches do what one update with their gradient does."""
    micro = random_gradients(6 * steps)
    combine = np.mean if reduction == "mean" else np.sum
    whole = [
        {
            key: combine([part[key] for part in micro[i : i + steps]], axis=0)
            for key in micro[0]
        }
        for i in range(0, len(micro), steps)
    ]
    rule = optim.GradientAccumulation(INNER[name], steps=steps, reduction=reduction)
    ours, state = run(rule, micro)
    expected, inner_state = run(INNER[name], whole)
    assert largest_difference(ours[steps - 1 :: steps], expected) < 1e-12
    for key, value in inner_state.items():
        np.testing.assert_allclose(state[key], value, rtol=1e-11, atol=1e-13)
    for number, values in enumerate(ours):
        if (number + 1) % steps:
            before = ours[number - 1] if number else random_start()
            assert largest_difference([values], [before]) == 0.0
    assert not state["weight.accumulated"].any()


def test_accumulation_of_a_bad_micro_batch():
    """NaN stays in the update that it belongs to."""
    micro = random_gradients(4)
    micro[0]["bias"][0] = math.nan
    ours, state = run(optim.GradientAccumulation(optim.SGD(0.1), steps=2), micro)
    assert np.isfinite(ours[0]["bias"]).all()
    assert np.isnan(ours[1]["bias"][0])
    assert np.isfinite(state["bias.accumulated"]).all()


@pytest.mark.parametrize("dialect", ["torch", "keras"])
def test_moving_average(dialect):
    gradients = random_gradients(10)
    rule = optim.EMA(optim.SGD(0.1), decay=0.8, dialect=dialect)
    values, state = run(rule, gradients)
    plain, _ = run(optim.SGD(0.1), gradients)
    assert largest_difference(values, plain) == 0.0
    average = random_start() if dialect == "keras" else values[0]
    for value in values[dialect == "torch" :]:
        average = {key: 0.8 * average[key] + 0.2 * value[key] for key in value}
    for key, expected in average.items():
        np.testing.assert_allclose(state[f"{key}.ema"], expected, rtol=1e-12)


def test_average_of_averages_is_refused():
    w = gc.parameter("w", (2,))
    with pytest.raises(NamingError, match=re.escape("'w.ema'")):
        optim.EMA(optim.EMA(optim.SGD())).init_state([w])


def test_lookahead():
    gradients = random_gradients(11)
    ours, state = run(optim.Lookahead(optim.SGD(0.1), k=3, alpha=0.4), gradients)
    fast, slow = random_start(), random_start()
    for number, gradient in enumerate(gradients, 1):
        fast = {key: fast[key] - 0.1 * gradient[key] for key in fast}
        if number % 3 == 0:
            slow = {key: slow[key] + 0.4 * (fast[key] - slow[key]) for key in slow}
            fast = dict(slow)
        assert largest_difference([ours[number - 1]], [fast]) < 1e-13
    for key, value in slow.items():
        np.testing.assert_allclose(state[f"{key}.slow"], value, rtol=1e-13)


@pytest.mark.parametrize("axis", [0, 1, (0, 1)])
def test_max_norm(axis):
    values, _ = run(
        optim.MaxNorm(optim.SGD(0.1), max_norm=0.7, axis=axis), random_gradients(5)
    )
    norms = np.sqrt((values[-1]["weight"] ** 2).sum(axis=axis))
    assert (norms <= 0.7 + 1e-12).all()
    assert (norms > 0.69).any()
    plain, _ = run(optim.SGD(0.1), random_gradients(5))
    np.testing.assert_array_equal(values[-1]["bias"], plain[-1]["bias"])


def test_max_norm_of_short_and_zero_rows():
    start = {"weight": np.array([[0.0, 0.0], [0.3, 0.4], [3.0, 4.0]])}
    zero = {"weight": np.zeros((3, 2))}
    values, _ = run(optim.MaxNorm(optim.SGD(0.1), max_norm=1.0), [zero], start)
    expected = [[0.0, 0.0], [0.3, 0.4], [0.6, 0.8]]
    np.testing.assert_allclose(values[-1]["weight"], expected)


def test_nesting():
    """The outermost transformation sees the gradient first."""
    gradient = {key: value + 3.0 for key, value in ZERO.items()}
    inner = optim.ClipByValue(optim.SGD(1.0), clip_value=1.0)
    outer = optim.ClipByNorm(inner, max_norm=0.5)
    values = Stepper(outer, ZERO).step(gradient)
    assert np.linalg.norm(values["bias"]) == pytest.approx(0.5, rel=1e-5)
    everything = optim.EMA(
        optim.Lookahead(
            optim.GradientAccumulation(
                optim.ClipByGlobalNorm(
                    optim.GradientNoise(optim.AdamW()), max_norm=1.0
                ),
                steps=2,
            )
        )
    )
    values, state = run(everything, random_gradients(6))
    assert all(np.isfinite(value).all() for value in state.values())
    assert set(state) == {
        f"{name}.{slot}"
        for name in ("weight", "bias")
        for slot in ("exp_avg", "exp_avg_sq", "accumulated", "slow", "ema")
    }


BAD = [
    (
        lambda: optim.ClipByValue(optim.SGD(), clip_value=0.0),
        "clip_value to be a number > 0",
    ),
    (
        lambda: optim.ClipByValue(0.1, clip_value=1.0),
        "inner to be a gc.optim.Optimizer",
    ),
    (
        lambda: optim.ClipByNorm(optim.SGD(), max_norm=math.nan),
        "max_norm to be a number > 0",
    ),
    (
        lambda: optim.ClipByGlobalNorm(optim.SGD(), max_norm=-1),
        "max_norm to be a number > 0",
    ),
    (
        lambda: optim.ClipByGlobalNorm(optim.SGD(), max_norm=1, norm_type=0),
        "norm_type to be a number > 0",
    ),
    (lambda: optim.GradientNoise(optim.SGD(), eta=-1), "eta to be a number >= 0"),
    (lambda: optim.GradientAccumulation(optim.SGD(), steps=0), "steps"),
    (lambda: optim.GradientAccumulation(optim.SGD(), steps=2.0), "steps"),
    (lambda: optim.EMA(optim.SGD(), decay=1.5), "decay to be a number >= 0 and <= 1"),
    (lambda: optim.Lookahead(optim.SGD(), k=0), "k to be an integer >= 1"),
    (
        lambda: optim.Lookahead(optim.SGD(), alpha=2),
        "alpha to be a number >= 0 and <= 1",
    ),
    (lambda: optim.MaxNorm(optim.SGD(), max_norm=0), "max_norm to be a number > 0"),
    (lambda: optim.MaxNorm(optim.SGD(), max_norm=1, axis="x"), "axis"),
    (lambda: optim.ParameterGroups({"*": 0.1}), "groups to be a dict from"),
    (lambda: optim.ParameterGroups({1: optim.SGD()}), "from strings or functions to"),
    (lambda: optim.ParameterGroups([optim.SGD()]), "groups to be a dict"),
    (
        lambda: optim.ParameterGroups({}, default=0.1),
        "default to be a gc.optim.Optimizer or None",
    ),
]


@pytest.mark.parametrize(("build", "message"), BAD)
def test_bad_options(build, message):
    with pytest.raises(OptionError, match=message) as caught:
        build()
    assert __file__ in str(caught.value)


def test_groups():
    gradients = random_gradients(8)
    rule = optim.ParameterGroups(
        {"b*": optim.SGD(0.1, momentum=0.5), "never*": optim.SGD(7.0)},
        default=optim.Adam(0.02, weight_decay=0.1),
    )
    with pytest.raises(NamingError, match="'never\\*' matches no parameter"):
        run(rule, gradients)
    rule = optim.ParameterGroups(
        {"b*": optim.SGD(0.1, momentum=0.5)}, default=optim.Adam(0.02, weight_decay=0.1)
    )
    ours, state = run(rule, gradients)
    sgd, _ = run(optim.SGD(0.1, momentum=0.5), gradients)
    adam, _ = run(optim.Adam(0.02, weight_decay=0.1), gradients)
    np.testing.assert_array_equal(ours[-1]["bias"], sgd[-1]["bias"])
    np.testing.assert_array_equal(ours[-1]["weight"], adam[-1]["weight"])
    assert set(state) == {"bias.momentum_buffer", "weight.exp_avg", "weight.exp_avg_sq"}


def test_groups_by_predicate_and_order():
    first, second = optim.SGD(0.1), optim.SGD(0.2)
    rule = optim.ParameterGroups({lambda p: p.ndim == 1: first, "*": second})
    w, b = gc.parameter("weight", (2, 2)), gc.parameter("bias", (2,))
    assert rule.assign([w, b]) == [(first, [b]), (second, [w])]


def test_groups_without_default():
    rule = optim.ParameterGroups({"bias": optim.SGD(0.1)})
    parameters = [gc.parameter("weight", (2, 2)), gc.parameter("bias", (2,))]
    with pytest.raises(NamingError, match="no group matches weight"):
        rule.init_state(parameters)


def test_groups_inside_and_around():
    """Clipping over all groups; an average of one group only."""
    inner = optim.ParameterGroups(
        {"bias": optim.EMA(optim.SGD(0.1))}, default=optim.SGD(1.0)
    )
    rule = optim.ClipByGlobalNorm(inner, max_norm=1.0)
    stepper = Stepper(rule, random_start())
    stepper.step(random_gradients(1)[0])
    assert set(stepper.state) == {"bias.ema"}
    averages = rule.averaged(stepper.parameters, stepper.slots)
    assert averages[0] is stepper.parameters[0]
    assert averages[1] is stepper.slots["bias.ema"]


def test_what_is_joined():
    sgd = optim.SGD(0.1)
    assert is_joined(AROUND["value"](sgd))
    assert is_joined(AROUND["accumulation"](sgd))
    assert not is_joined(AROUND["norm"](sgd))
    assert not is_joined(AROUND["max_norm"](sgd))
    assert is_joined(AROUND["groups"](sgd))
    assert not is_joined(AROUND["groups"](optim.LAMB()))
    assert not is_joined(optim.EMA(optim.LARS()))
    # The norm of all gradients is a number that the rules of all parameters share.
    assert is_joined(AROUND["global"](sgd))


@pytest.mark.parametrize("name", AROUND)
def test_graph_names(name):
    rule = AROUND[name](optim.Adam())
    stepper = Stepper(rule, random_start())
    Graph((*stepper.new_parameters, *stepper.new_state.values())).check_names()
