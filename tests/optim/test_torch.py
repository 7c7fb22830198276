"""Every optimizer that torch has, held against torch in every combination of options."""

import itertools

import numpy as np
import pytest

from graphc import optim

from .stepping import random_gradients, random_start
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


ADAM = combinations(
    lr=[0.01],
    betas=[(0.9, 0.999), (0.5, 0.6), (0.0, 0.0)],
    weight_decay=[0, 0.1],
    amsgrad=[False, True],
    maximize=[False, True],
)


@pytest.mark.parametrize("options", ADAM, ids=identify)
def test_adam(options):
    assert_agrees(optim.Adam, options, LONG, TOLERANCE)
