"""Every schedule held against torch.optim.lr_scheduler, and the plateau against its."""

import itertools
import math
import warnings

import numpy as np
import pytest

import graphc as gc
from graphc import optim
from graphc.optim import Clock

pytestmark = pytest.mark.peer
torch = pytest.importorskip("torch")
scheduling = pytest.importorskip("torch.optim.lr_scheduler")

COUNTS = 60


def ours(schedule, counts=COUNTS):
    """The step size after each number of calls of `scheduler.step()`."""
    epoch = gc.input("epoch", (), "float64")
    step = gc.input("step", (), "float64")
    node = schedule(Clock(step, epoch, gc.constant(1.0)))
    assert node.shape == ()
    assert node.dtype == np.float64
    used = {n.name for n in gc.ir.Graph((node,)).inputs}
    sizes = []
    for count in range(counts):
        feeds = {"epoch": np.float64(count), "step": np.float64(count + 1)}
        feeds = {name: value for name, value in feeds.items() if name in used}
        sizes.append(float(gc.evaluate(node, feeds)))
    return np.array(sizes)


def theirs(build, lr, counts=COUNTS):
    """torch's step sizes."""
    parameter = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([parameter], lr=lr, momentum=0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = build(optimizer)
        sizes = []
        for _ in range(counts):
            sizes.append(float(optimizer.param_groups[0]["lr"]))
            optimizer.step()
            scheduler.step()
    return np.array(sizes)


CASES = [
    ("StepLR", {"step_size": 7, "gamma": 0.3}),
    ("StepLR", {"step_size": 1}),
    ("MultiStepLR", {"milestones": [5, 20, 20, 31], "gamma": 0.5}),
    ("ExponentialLR", {"gamma": 0.93}),
    ("ConstantLR", {"factor": 0.25, "total_iters": 9}),
    ("ConstantLR", {}),
    ("LinearLR", {"start_factor": 0.1, "end_factor": 0.7, "total_iters": 11}),
    ("LinearLR", {}),
    ("PolynomialLR", {"total_iters": 30, "power": 2.0}),
    ("PolynomialLR", {}),
    ("CosineAnnealingLR", {"T_max": 17, "eta_min": 0.01}),
    ("CosineAnnealingLR", {"T_max": 80}),
    ("CosineAnnealingWarmRestarts", {"T_0": 7, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2}),
    ("CosineAnnealingWarmRestarts", {"T_0": 1, "T_mult": 3}),
]


@pytest.mark.parametrize(("name", "options"), CASES)
@pytest.mark.parametrize("by", ["epoch", "step"])
def test_schedule(name, options, by):
    schedule = getattr(optim, name)(0.2, **options, by=by)
    expected = theirs(lambda o: getattr(scheduling, name)(o, **options), 0.2)
    np.testing.assert_allclose(ours(schedule), expected, rtol=1e-10, atol=1e-15)


def test_lambda():
    schedule = optim.LambdaLR(0.2, lr_lambda=lambda t: 1.0 / (1.0 + 0.1 * t))
    expected = theirs(
        lambda o: scheduling.LambdaLR(o, lambda t: 1 / (1 + 0.1 * t)), 0.2
    )
    np.testing.assert_allclose(ours(schedule), expected, rtol=1e-13)


ONE_CYCLE = [
    {"total_steps": 60},
    {"total_steps": 60, "anneal_strategy": "linear", "pct_start": 0.25},
    {"epochs": 6, "steps_per_epoch": 10, "three_phase": True},
    {"total_steps": 60, "three_phase": True, "anneal_strategy": "linear"},
    {"total_steps": 77, "div_factor": 3.0, "final_div_factor": 50.0},
    {"total_steps": 61, "pct_start": 1.0},
]


@pytest.mark.parametrize("options", ONE_CYCLE)
def test_one_cycle(options):
    schedule = optim.OneCycleLR(0.5, **options)

    def build(optimizer):
        return scheduling.OneCycleLR(optimizer, 0.5, **options, cycle_momentum=False)

    np.testing.assert_allclose(ours(schedule), theirs(build, 0.1), rtol=1e-12)


CYCLIC = [
    {"step_size_up": 7},
    {"step_size_up": 7, "step_size_down": 4},
    {"step_size_up": 5, "mode": "triangular2"},
    {"step_size_up": 5, "step_size_down": 9, "mode": "exp_range", "gamma": 0.97},
    {"step_size_up": 6, "scale_fn": lambda x: 1 / x, "scale_mode": "cycle"},
    {"step_size_up": 6, "scale_fn": lambda x: 0.9**x, "scale_mode": "iterations"},
]


@pytest.mark.parametrize("options", CYCLIC)
def test_cyclic(options):
    schedule = optim.CyclicLR(0.1, 0.5, **options)

    def build(optimizer):
        return scheduling.CyclicLR(optimizer, 0.1, 0.5, **options, cycle_momentum=False)

    np.testing.assert_allclose(ours(schedule), theirs(build, 0.1), rtol=1e-12)


def test_sequential():
    schedule = optim.SequentialLR(
        [
            optim.LinearLR(0.2, start_factor=0.1, total_iters=6),
            optim.CosineAnnealingLR(0.2, T_max=20),
            optim.ExponentialLR(0.2, gamma=0.8),
        ],
        milestones=[6, 26],
    )

    def build(optimizer):
        parts = [
            scheduling.LinearLR(optimizer, start_factor=0.1, total_iters=6),
            scheduling.CosineAnnealingLR(optimizer, T_max=20),
            scheduling.ExponentialLR(optimizer, gamma=0.8),
        ]
        return scheduling.SequentialLR(optimizer, parts, milestones=[6, 26])

    np.testing.assert_allclose(ours(schedule), theirs(build, 0.2), rtol=1e-10)


def test_chained():
    schedule = optim.ChainedScheduler(
        [
            optim.ConstantLR(0.2, factor=0.1, total_iters=4),
            optim.ExponentialLR(gamma=0.9),
            optim.StepLR(step_size=10, gamma=0.5),
        ]
    )

    def build(optimizer):
        parts = [
            scheduling.ConstantLR(optimizer, factor=0.1, total_iters=4),
            scheduling.ExponentialLR(optimizer, gamma=0.9),
            scheduling.StepLR(optimizer, step_size=10, gamma=0.5),
        ]
        return scheduling.ChainedScheduler(parts, optimizer)

    np.testing.assert_allclose(ours(schedule), theirs(build, 0.2), rtol=1e-12)


PLATEAU = [
    dict(zip(("mode", "threshold_mode", "patience", "cooldown"), chosen, strict=True))
    for chosen in itertools.product(["min", "max"], ["rel", "abs"], [0, 2], [0, 3])
]
PLATEAU += [
    {"min_lr": 0.03, "patience": 1, "factor": 0.5},
    {"eps": 0.02, "patience": 1, "factor": 0.5},
    {"threshold": 0.2, "patience": 1},
    {"factor": 0.0, "patience": 1},
]


@pytest.mark.parametrize("options", PLATEAU)
@pytest.mark.parametrize("seed", range(3))
def test_plateau(options, seed):
    rng = np.random.default_rng(seed)
    # Where metrics are negative, torch takes what is worse for better.
    metrics = np.abs(np.cumsum(rng.normal(size=COUNTS)) + 3.0) + 0.01
    metrics[rng.random(COUNTS) < 0.1] = math.nan
    plateau = optim.ReduceLROnPlateau(**options)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.2)
    scheduler = scheduling.ReduceLROnPlateau(optimizer, **options)
    state = plateau.initial()
    for metric in metrics:
        state, scale = plateau.update(state, float(metric), lr=0.2)
        scheduler.step(float(metric))
        expected = optimizer.param_groups[0]["lr"]
        assert 0.2 * scale == pytest.approx(expected, rel=1e-12, abs=1e-300)
        assert state.bad_epochs == scheduler.num_bad_epochs
        assert state.cooldown == scheduler.cooldown_counter
        assert state.best == scheduler.best
