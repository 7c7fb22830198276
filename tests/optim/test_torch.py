"""Every optimizer that torch has, held against it in every combination of options."""

import itertools

import pytest

from graphc import optim

from .stepping import random_gradients
from .torch_oracle import assert_agrees

pytestmark = pytest.mark.peer
pytest.importorskip("torch")

LONG = random_gradients(200)
TOLERANCE = 1e-12


def combinations(**values):
    """Every combination of the options."""
    return [
        dict(zip(values, chosen, strict=True))
        for chosen in itertools.product(*values.values())
    ]


def identify(options):
    """A readable name for a case: what differs from the defaults of most classes."""
    return "-".join(f"{k}={v}" for k, v in options.items() if v not in (0, False))


SGD = [
    options
    for options in combinations(
        lr=[0.01],
        momentum=[0, 0.9],
        dampening=[0, 0.3],
        nesterov=[False, True],
        weight_decay=[0, 0.1],
        maximize=[False, True],
    )
    if not (options["nesterov"] and (not options["momentum"] or options["dampening"]))
]


@pytest.mark.parametrize("options", SGD, ids=identify)
def test_sgd(options):
    assert_agrees(optim.SGD, options, LONG, TOLERANCE)


CASES = {
    "Adam": combinations(
        lr=[0.01],
        betas=[(0.9, 0.999), (0.5, 0.6), (0.0, 0.0)],
        weight_decay=[0, 0.1],
        amsgrad=[False, True],
        maximize=[False, True],
        decoupled_weight_decay=[False, True],
    ),
    "AdamW": combinations(
        lr=[0.01],
        betas=[(0.9, 0.999), (0.5, 0.6)],
        eps=[1e-8, 1e-3],
        weight_decay=[0, 0.1],
        amsgrad=[False, True],
        maximize=[False, True],
    ),
    "Adagrad": combinations(
        lr=[0.05],
        lr_decay=[0, 0.1],
        weight_decay=[0, 0.1],
        initial_accumulator_value=[0, 0.5],
        eps=[1e-10, 1e-3],
        maximize=[False, True],
    ),
    "Adadelta": combinations(
        lr=[1.0, 0.3],
        rho=[0.9, 0.5, 0.0, 1.0],
        eps=[1e-6, 1e-2],
        weight_decay=[0, 0.1],
        maximize=[False, True],
    ),
    "RMSprop": combinations(
        lr=[0.01],
        alpha=[0.99, 0.5],
        eps=[1e-8, 1e-3],
        weight_decay=[0, 0.1],
        momentum=[0, 0.9],
        centered=[False, True],
        maximize=[False, True],
    ),
    "Adamax": combinations(
        lr=[0.02],
        betas=[(0.9, 0.999), (0.5, 0.6), (0.0, 0.0)],
        eps=[1e-8, 1e-2],
        weight_decay=[0, 0.1],
        maximize=[False, True],
    ),
    "NAdam": combinations(
        lr=[0.02],
        betas=[(0.9, 0.999), (0.5, 0.6)],
        weight_decay=[0, 0.1],
        momentum_decay=[4e-3, 0.0, 0.1],
        decoupled_weight_decay=[False, True],
        maximize=[False, True],
    ),
    "RAdam": combinations(
        lr=[0.02],
        betas=[(0.9, 0.999), (0.9, 0.6), (0.5, 0.7)],
        eps=[1e-8, 1e-2],
        weight_decay=[0, 0.1],
        decoupled_weight_decay=[False, True],
        maximize=[False, True],
    ),
    "ASGD": combinations(
        lr=[0.02],
        lambd=[1e-4, 0.1, 0.0],
        alpha=[0.75, 0.5],
        t0=[1e6, 0, 50],
        weight_decay=[0, 0.1],
        maximize=[False, True],
    ),
    "Rprop": combinations(
        lr=[0.01],
        etas=[(0.5, 1.2), (0.3, 1.5)],
        step_sizes=[(1e-6, 50), (1e-3, 0.02)],
        maximize=[False, True],
    ),
    "Adafactor": combinations(
        lr=[0.01, 0.5],
        beta2_decay=[-0.8, -0.5],
        eps=[(None, 1e-3), (1e-3, 0.5)],
        d=[1.0, 1.5],
        weight_decay=[0, 0.1],
        maximize=[False, True],
    ),
}
EVERY = [(name, options) for name, cases in CASES.items() for options in cases]


@pytest.mark.parametrize(
    ("name", "options"), EVERY, ids=[f"{n}-{identify(o)}" for n, o in EVERY]
)
def test_agrees(name, options):
    assert_agrees(getattr(optim, name), options, LONG, TOLERANCE)
