"""Every optimizer that torch has, held against it in every combination of options."""

import math

import numpy as np
import pytest

import graphc as gc
from graphc import optim

from .cases import EVERY
from .stepping import Stepper, largest_difference, random_gradients, random_start, run
from .torch_oracle import assert_agrees, run_torch

pytestmark = pytest.mark.peer
torch = pytest.importorskip("torch")

STEPS = 200
TOLERANCE = 1e-12


@pytest.mark.parametrize("case", EVERY)
def test_agrees(case):
    name, options = EVERY[case]
    gradients = random_gradients(STEPS)
    assert_agrees(getattr(optim, name), options, gradients, TOLERANCE)


MUON = [
    {},
    {"nesterov": False, "momentum": 0.9},
    {"weight_decay": 0.0, "ns_steps": 3},
    {"adjust_lr_fn": "match_rms_adamw", "lr": 0.1},
    {"adjust_lr_fn": "original", "eps": 1e-3},
    {"ns_coefficients": (2.0, -1.5, 0.5), "ns_steps": 8},
]


@pytest.mark.parametrize("options", MUON)
@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)])
def test_muon(options, shape, monkeypatch):
    # torch iterates in bfloat16, which NumPy doesn't have.
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    rng = np.random.default_rng(0)
    start = {"weight": rng.normal(size=shape)}
    gradients = [{"weight": rng.normal(size=shape)} for _ in range(50)]
    assert_agrees(optim.Muon, options, gradients, TOLERANCE, start)


def test_muon_in_bfloat16():
    rng = np.random.default_rng(0)
    start = {"weight": rng.normal(size=(4, 6)).astype("float32")}
    gradients = [
        {"weight": rng.normal(size=(4, 6)).astype("float32")} for _ in range(20)
    ]
    assert_agrees(optim.Muon, {"lr": 0.01}, gradients, 1e-2, start)


FLOAT32 = ["SGD", "Adam", "AdamW", "Adagrad", "Adadelta", "RMSprop", "Adamax"]
FLOAT32 += ["NAdam", "RAdam", "ASGD", "Rprop", "Adafactor"]


@pytest.mark.parametrize("name", FLOAT32)
def test_float32(name):
    start = random_start("float32")
    gradients = random_gradients(100, "float32")
    ours, state = run(getattr(optim, name)(), gradients, start)
    theirs, _ = run_torch(name, {}, gradients, start)
    assert all(value.dtype == np.float32 for value in ours[-1].values())
    assert all(value.dtype == np.float32 for value in state.values() if value.ndim)
    assert largest_difference(ours, theirs) <= 5e-6


# Adafactor's step depends on the norm of all gradients of a parameter.
@pytest.mark.parametrize("name", FLOAT32[:-1])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_not_finite(name, value):
    """A gradient that is not finite spoils the elements that it spoils in torch."""
    gradients = random_gradients(6)
    gradients[2]["bias"][1] = value
    ours, _ = run(getattr(optim, name)(), gradients)
    theirs, _ = run_torch(name, {}, gradients)
    if math.isnan(value):
        assert np.isnan(ours[-1]["bias"][1])
    if name == "Rprop" and math.isnan(value):
        # torch takes 0 for the sign of NaN, so that the element does not move.
        assert theirs[2]["bias"][1] == theirs[1]["bias"][1]
        ours, theirs = [[{"weight": t[-1]["weight"]}] for t in (ours, theirs)]
    assert largest_difference(ours, theirs) <= TOLERANCE


@pytest.mark.parametrize("name", FLOAT32)
def test_zero_gradients(name):
    gradients = [
        {key: np.zeros_like(value) for key, value in random_start().items()}
        for _ in range(5)
    ]
    assert_agrees(getattr(optim, name), {}, gradients, TOLERANCE)


def test_scheduled():
    """A schedule by step does what torch's scheduler does between steps."""
    start, gradients = random_start(), random_gradients(60)
    rule = optim.SGD(lr=optim.StepLR(0.1, step_size=7, by="step"), momentum=0.9)
    ours, _ = run(rule, gradients, start)
    parameters = {k: torch.tensor(v.copy()) for k, v in start.items()}
    optimizer = torch.optim.SGD(list(parameters.values()), lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7)
    for gradient in gradients:
        for key, parameter in parameters.items():
            parameter.grad = torch.tensor(gradient[key])
        optimizer.step()
        scheduler.step()
    final = {key: value.numpy() for key, value in parameters.items()}
    assert largest_difference(ours[-1:], [final]) <= TOLERANCE


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, math.inf])
@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_clip_by_global_norm(norm_type, size):
    start = {key: 0.0 * value for key, value in random_start().items()}
    gradient = {key: size * value for key, value in random_start(seed=3).items()}
    rule = optim.ClipByGlobalNorm(optim.SGD(1.0), max_norm=1.5, norm_type=norm_type)
    ours = Stepper(rule, start).step(gradient)
    parameters = [
        torch.zeros(value.shape, dtype=torch.float64) for value in start.values()
    ]
    for parameter, value in zip(parameters, gradient.values(), strict=True):
        parameter.grad = torch.tensor(value)
    torch.nn.utils.clip_grad_norm_(parameters, 1.5, norm_type)
    for mine, parameter in zip(ours.values(), parameters, strict=True):
        np.testing.assert_allclose(-mine, parameter.grad.numpy(), rtol=1e-13)


def test_clip_by_value():
    start = {key: 0.0 * value for key, value in random_start().items()}
    gradient = random_start(seed=3)
    gradient["bias"][0] = math.nan
    ours = Stepper(optim.ClipByValue(optim.SGD(1.0), clip_value=0.5), start).step(
        gradient
    )
    for key, value in gradient.items():
        parameter = torch.zeros(value.shape, dtype=torch.float64)
        parameter.grad = torch.tensor(value)
        torch.nn.utils.clip_grad_value_([parameter], 0.5)
        np.testing.assert_array_equal(-ours[key], parameter.grad.numpy())


def test_moving_average():
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    start, gradients = random_start(), random_gradients(40)
    stepper = Stepper(optim.EMA(optim.SGD(0.1), decay=0.9), start)
    model = torch.nn.Module()
    for key, value in start.items():
        model.register_parameter(key, torch.nn.Parameter(torch.tensor(value)))
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    for gradient in gradients:
        values = stepper.step(gradient)
        with torch.no_grad():
            for key, value in values.items():
                getattr(model, key).copy_(torch.tensor(value))
        averaged.update_parameters(model)
    for key in start:
        expected = getattr(averaged.module, key).detach().numpy()
        np.testing.assert_allclose(stepper.state[f"{key}.ema"], expected, rtol=1e-12)


def test_on_a_loss():
    """Gradients that depend on the parameters: 100 steps on a least-squares problem."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    weight = gc.parameter("weight", (3,), np.zeros(3), "float64")
    gradient = gc.grad(gc.mean((gc.matmul(x, weight) - y) ** 2), weight)
    ours, state = np.zeros(3), {}
    rule = optim.Adam(lr=0.1, amsgrad=True)
    initial = rule.init_state([weight])
    state = gc.evaluate(initial, {})
    slots = {key: gc.input(key.replace(".", "_"), (3,), "float64") for key in initial}
    step = gc.input("step", (), "float64")
    clock = optim.Clock(step, gc.constant(0.0), gc.constant(1.0))
    new, new_state = rule.apply([weight], [gradient], slots, clock)
    theirs = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([theirs], lr=0.1, amsgrad=True)
    for number in range(1, 101):
        feeds = {slots[key]: value for key, value in state.items()}
        feeds |= {weight: ours, step: np.float64(number)}
        (ours,), state = gc.evaluate([new, new_state], feeds)
        optimizer.zero_grad()
        loss = ((torch.tensor(x) @ theirs - torch.tensor(y)) ** 2).mean()
        loss.backward()
        optimizer.step()
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-12)
