"""Schedules against their recurrences, and their errors; torch is asked elsewhere."""

import math

import numpy as np
import pytest

import graphc as gc
from graphc import optim
from graphc.errors import DTypeError, OptionError
from graphc.optim import Clock

LR = 0.3


def sizes(schedule, counts=50, by="epoch"):
    """The step sizes of the first epochs or updates."""
    name = "epoch" if by == "epoch" else "step"
    now = gc.input("now", (), "float64")
    clock = Clock(
        now if name == "step" else gc.constant(1.0),
        now if name == "epoch" else gc.constant(0.0),
        gc.constant(1.0),
    )
    node = schedule(clock)
    assert node.shape == ()
    assert node.dtype == np.float64
    first = 1 if name == "step" else 0
    # Adding 0 * now uses `now`, which a schedule that is constant does not.
    node = node + 0.0 * now
    return [
        float(gc.evaluate(node, {"now": np.float64(first + count)}))
        for count in range(counts)
    ]


def recurrence(step, first=LR, counts=50):
    """`step(count, size)` gives the next size, as torch's chainable schedulers do."""
    values = [first]
    for count in range(1, counts):
        values.append(step(count, values[-1]))
    return values


@pytest.mark.parametrize("by", ["epoch", "step"])
def test_step(by):
    schedule = optim.StepLR(LR, step_size=7, gamma=0.5, by=by)
    expected = recurrence(lambda n, lr: lr * (0.5 if n % 7 == 0 else 1.0))
    np.testing.assert_allclose(sizes(schedule, by=by), expected, rtol=1e-13)


def test_multi_step():
    schedule = optim.MultiStepLR(LR, milestones=[3, 10, 10, 30], gamma=0.5)
    times = {3: 1, 10: 2, 30: 1}
    expected = recurrence(lambda n, lr: lr * 0.5 ** times.get(n, 0))
    np.testing.assert_allclose(sizes(schedule), expected, rtol=1e-13)
    assert sizes(optim.MultiStepLR(LR, milestones=[]), 3) == [LR] * 3


def test_exponential():
    expected = recurrence(lambda n, lr: lr * 0.9)
    np.testing.assert_allclose(sizes(optim.ExponentialLR(LR, gamma=0.9)), expected)


def test_inverse_time():
    expected = [LR / (1 + 0.25 * n) for n in range(50)]
    np.testing.assert_allclose(sizes(optim.InverseTimeLR(LR, decay=0.25)), expected)
    steps = optim.InverseTimeLR(LR, decay=0.25, staircase=True)
    expected = [LR / (1 + n // 4) for n in range(50)]
    np.testing.assert_allclose(sizes(steps), expected)


def test_constant_and_linear():
    expected = [LR / 4] * 6 + [LR] * 4
    schedule = optim.ConstantLR(LR, factor=0.25, total_iters=6)
    np.testing.assert_allclose(sizes(schedule, 10), expected)
    schedule = optim.LinearLR(LR, start_factor=0.2, end_factor=0.8, total_iters=3)
    expected = LR * np.array([0.2, 0.4, 0.6, 0.8, 0.8])
    np.testing.assert_allclose(sizes(schedule, 5), expected)


def test_polynomial():
    schedule = optim.PolynomialLR(LR, total_iters=4, power=2.0)
    expected = LR * np.array([1, 9 / 16, 4 / 16, 1 / 16, 0, 0])
    np.testing.assert_allclose(sizes(schedule, 6), expected)


def test_cosine():
    schedule = optim.CosineAnnealingLR(LR, T_max=10, eta_min=0.1)
    expected = [0.1 + 0.2 * (1 + math.cos(math.pi * n / 10)) / 2 for n in range(50)]
    np.testing.assert_allclose(sizes(schedule), expected)


@pytest.mark.parametrize(("first", "growth"), [(5, 1), (3, 2), (1, 2), (2, 3), (1, 5)])
def test_warm_restarts(first, growth):
    schedule = optim.CosineAnnealingWarmRestarts(LR, T_0=first, T_mult=growth)
    since, length, expected = 0, first, []
    for _ in range(200):
        expected.append(LR * (1 + math.cos(math.pi * since / length)) / 2)
        since += 1
        if since == length:
            since, length = 0, length * growth
    np.testing.assert_allclose(sizes(schedule, 200), expected, rtol=1e-9, atol=1e-12)


def test_late_warm_restarts():
    """Restarts happen at the very update, also after millions of them."""
    schedule = optim.CosineAnnealingWarmRestarts(1.0, T_0=10, T_mult=2, by="step")
    restarts = np.array([10 * (2**n - 1) for n in range(1, 24)])
    step = gc.input("step", ("n",), "float64")
    node = schedule.at(step)
    np.testing.assert_allclose(gc.evaluate(node, {step: restarts + 0.0}), 1.0)
    assert (gc.evaluate(node, {step: restarts - 1.0}) < 0.03).all()


def test_one_cycle():
    schedule = optim.OneCycleLR(1.0, total_steps=20, anneal_strategy="linear")
    values = sizes(schedule, 25, by="step")
    assert values[0] == pytest.approx(1 / 25)
    assert values[5] == pytest.approx(1.0)
    assert values[19] == pytest.approx(1 / 25 / 1e4)
    assert values[20:] == [values[19]] * 5
    assert values[:6] == sorted(values[:6])
    assert values[5:20] == sorted(values[5:20], reverse=True)
    phases = optim.OneCycleLR(1.0, total_steps=20, three_phase=True)
    values = sizes(phases, 20, by="step")
    assert values[10] == pytest.approx(1 / 25)


def test_one_cycle_of_one_step():
    assert all(np.isfinite(sizes(optim.OneCycleLR(1.0, total_steps=1), 3, by="step")))


def test_cyclic():
    schedule = optim.CyclicLR(0.0, 1.0, step_size_up=2, step_size_down=4)
    expected = [0, 0.5, 1, 0.75, 0.5, 0.25] * 2
    np.testing.assert_allclose(sizes(schedule, 12, by="step"), expected, atol=1e-15)
    halved = optim.CyclicLR(0.0, 1.0, step_size_up=1, mode="triangular2")
    expected = [0, 1, 0, 0.5, 0, 0.25]
    np.testing.assert_allclose(sizes(halved, 6, by="step"), expected)


def test_warm_up():
    np.testing.assert_allclose(
        sizes(optim.WarmUp(LR, steps=4), 6, by="step"),
        LR * np.array([0.25, 0.5, 0.75, 1, 1, 1]),
    )
    after = optim.ExponentialLR(LR, gamma=0.5, by="step")
    np.testing.assert_allclose(
        sizes(optim.WarmUp(after, steps=2), 4, by="step"),
        LR * np.array([0.5, 0.5, 0.25, 0.125]),
    )
    by_epoch = optim.WarmUp(optim.ExponentialLR(LR, gamma=0.5), steps=2)
    clock = Clock.constant(step=1, epoch=3)
    assert gc.evaluate(by_epoch(clock), {}) == pytest.approx(LR * 0.125 * 0.5)
    with pytest.raises(OptionError, match="counts by step"):
        optim.SequentialLR([by_epoch, after], milestones=[3])(clock)


def test_range_test():
    values = sizes(optim.RangeTest(1e-3, 1e1, steps=5), 7, by="step")
    np.testing.assert_allclose(values, [1e-3, 1e-2, 1e-1, 1, 10, 10, 10])
    values = sizes(optim.RangeTest(1.0, 2.0, steps=3, mode="linear"), 4, by="step")
    np.testing.assert_allclose(values, [1.0, 1.5, 2.0, 2.0])


def test_own_functions():
    schedule = optim.LambdaLR(LR, lr_lambda=lambda t: 0.5**t)
    np.testing.assert_allclose(sizes(schedule, 4), LR * 0.5 ** np.arange(4.0))
    constant = optim.LambdaLR(LR, lr_lambda=lambda t: 2)
    np.testing.assert_allclose(sizes(constant, 2), 2 * LR)
    w = gc.parameter("w", (), 1.0)
    rule = optim.SGD(lr=lambda clock: 1 / clock.step)
    new, _ = rule.apply([w], [gc.ones_like(w)], {}, Clock.constant(step=4))
    value = gc.evaluate(new[0], {})
    assert value == 0.75
    assert value.dtype == np.float32


def test_sequential_and_chained():
    parts = [optim.ConstantLR(LR, factor=0.5), optim.ExponentialLR(LR, gamma=0.5)]
    schedule = optim.SequentialLR(parts, milestones=[3])
    assert schedule.by == "epoch"
    expected = LR * np.array([0.5, 0.5, 0.5, 1, 0.5, 0.25])
    np.testing.assert_allclose(sizes(schedule, 6), expected)
    schedule = optim.ChainedScheduler([parts[1], optim.ConstantLR(factor=0.5)])
    expected = LR * np.array([0.5, 0.25, 0.125, 0.0625, 0.03125, 0.03125])
    np.testing.assert_allclose(sizes(schedule, 6), expected)


STEP = optim.StepLR(step_size=3, by="step")
BAD = [
    (lambda: optim.StepLR(-0.1, step_size=3), "lr to be a number >= 0"),
    (lambda: optim.StepLR(math.nan, step_size=3), "lr to be a number >= 0"),
    (lambda: optim.StepLR(0.1, step_size=0), "step_size to be an integer >= 1"),
    (lambda: optim.StepLR(0.1, step_size=3, by="day"), "by to be one of"),
    (lambda: optim.MultiStepLR(0.1, milestones=3), "milestones"),
    (lambda: optim.MultiStepLR(0.1, milestones=[1.5]), "milestones"),
    (lambda: optim.ExponentialLR(0.1, gamma=-1), "gamma to be a number >= 0"),
    (lambda: optim.InverseTimeLR(0.1, decay=math.inf), "decay"),
    (lambda: optim.ConstantLR(0.1, factor=2), "factor to be a number >= 0 and <= 1"),
    (
        lambda: optim.LinearLR(0.1, start_factor=0),
        "start_factor to be a number > 0 and <= 1",
    ),
    (lambda: optim.PolynomialLR(0.1, total_iters=0), "total_iters"),
    (lambda: optim.CosineAnnealingLR(0.1, T_max=0), "T_max"),
    (lambda: optim.CosineAnnealingWarmRestarts(0.1, T_0=2, T_mult=0), "T_mult"),
    (lambda: optim.LambdaLR(0.1, lr_lambda=0.5), "lr_lambda to be a function"),
    (lambda: optim.WarmUp(-1.0, steps=3), "after to be a number >= 0"),
    (lambda: optim.RangeTest(0.0, 1.0), "start to be a number > 0"),
    (lambda: optim.OneCycleLR(1.0), "total_steps, or epochs"),
    (lambda: optim.OneCycleLR(1.0, total_steps=0), "total_steps"),
    (
        lambda: optim.OneCycleLR(1.0, total_steps=9, pct_start=2),
        "pct_start to be a number >= 0 and <= 1",
    ),
    (lambda: optim.CyclicLR(0.1, 0.2, mode="square"), "mode"),
    (lambda: optim.CyclicLR(0.1, 0.2, scale_fn=3), "scale_fn"),
    (
        lambda: optim.SequentialLR([], milestones=[]),
        "count by nothing",
    ),
    (
        lambda: optim.SequentialLR([STEP, 0.1], milestones=[1]),
        "a list of gc.optim.Schedules",
    ),
    (lambda: optim.SequentialLR([STEP, STEP], milestones=[]), "one milestone fewer"),
    (lambda: optim.SequentialLR([STEP] * 3, milestones=[4, 2]), "growing"),
    (
        lambda: optim.ChainedScheduler([STEP, optim.StepLR(step_size=3)]),
        "count the same",
    ),
    (lambda: optim.ReduceLROnPlateau(mode="best"), "mode"),
    (lambda: optim.ReduceLROnPlateau(factor=1.0), "factor to be a number >= 0 and < 1"),
    (lambda: optim.ReduceLROnPlateau(patience=-1), "patience"),
    (lambda: optim.SGD(lr=optim.ReduceLROnPlateau()), "lr to be a number >= 0"),
]


@pytest.mark.parametrize(("build", "message"), BAD)
def test_bad_options(build, message):
    with pytest.raises(OptionError, match=message) as caught:
        build()
    assert __file__ in str(caught.value)


def test_plateau():
    plateau = optim.ReduceLROnPlateau(factor=0.5, patience=2, cooldown=1)
    state, scales = plateau.initial(), []
    for metric in [3.0, 2.0, 2.0, 2.1, math.nan, 2.0, 2.0, 2.0, 2.0, 1.0]:
        state, scale = plateau.update(state, metric)
        scales.append(scale)
    assert scales == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25]
    assert state.best == 1.0
    assert optim.PlateauState(*state) == state


def test_plateau_has_a_least_step_size():
    plateau = optim.ReduceLROnPlateau(mode="max", factor=0.1, patience=0, min_lr=0.02)
    state = plateau.initial()
    for _ in range(5):
        state, scale = plateau.update(state, 1.0, lr=0.1)
    assert 0.1 * scale == pytest.approx(0.02)


def test_penalties():
    start = {"a": np.array([1.0, -2.0]), "b": np.array([[3.0]])}
    nodes = [gc.parameter(k, v.shape, v, "float64") for k, v in start.items()]
    assert gc.evaluate(optim.l2(nodes, 0.1), {}) == pytest.approx(0.7)
    assert gc.evaluate(optim.l1(nodes, 0.1), {}) == pytest.approx(0.6)
    assert gc.evaluate(optim.elastic_net(nodes, 0.1, 0.1), {}) == pytest.approx(1.3)
    assert gc.evaluate(optim.l1(nodes[0], 1), {}) == 3.0
    gradients = gc.evaluate(gc.grad(optim.l2(nodes, 0.1), nodes), {})
    np.testing.assert_allclose(gradients[0], 0.1 * start["a"])
    gradients = gc.evaluate(gc.grad(optim.l1(nodes, 0.1), nodes), {})
    np.testing.assert_allclose(gradients[1], [[0.1]])
    single = gc.parameter("c", (2,))
    assert optim.l2([single], 0.1).dtype == np.float32


def test_bad_penalties():
    w = gc.parameter("w", (2,))
    with pytest.raises(OptionError, match="strength must be a number >= 0"):
        optim.l2([w], -1.0)
    with pytest.raises(OptionError, match="strength must be a number >= 0"):
        optim.l1([w], math.nan)
    with pytest.raises(OptionError, match="at least one parameter"):
        optim.l1([], 1.0)
    with pytest.raises(DTypeError, match="floating"):
        optim.l2([gc.constant([1, 2])], 1.0)


def test_penalty_is_coupled_decay():
    """The gradient of the penalty is what `weight_decay` adds to the gradient."""
    w = gc.parameter("w", (3,), [1.0, -2.0, 0.5], "float64")
    loss = gc.sum(gc.exp(w))
    clock = Clock.constant(step=1)
    one, _ = optim.SGD(0.1, weight_decay=0.3).apply([w], [gc.grad(loss, w)], {}, clock)
    penalised = gc.grad(loss + optim.l2([w], 0.3), w)
    other, _ = optim.SGD(0.1).apply([w], [penalised], {}, clock)
    np.testing.assert_allclose(*gc.evaluate([one[0], other[0]], {}), rtol=1e-14)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("best", [-100.0, -1.0, 0.0, 1.0, 100.0])
def test_a_plateau_improves_by_a_share_of_the_size_of_the_best(mode, best):
    sign = -1.0 if mode == "min" else 1.0
    plateau = optim.ReduceLROnPlateau(mode=mode, factor=0.5, patience=0, threshold=0.01)
    start, _ = plateau.update(plateau.initial(), best)
    assert (start.best, start.bad_epochs) == (best, 0)
    for share, better in ((0.0, False), (0.005, False), (0.02, True), (-0.5, False)):
        metric = best + sign * share * abs(best)
        state, scale = plateau.update(start, metric)
        assert scale == (1.0 if better and best else 0.5)
        assert state.best == (metric if better and best else best)
