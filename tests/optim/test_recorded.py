"""Trajectories of torch, Keras and optax, recorded by `record.py`, hold everywhere."""

import functools

import numpy as np
import pytest

from graphc import optim

from .record import FILES, FRAMEWORKS, STEPS, flat
from .stepping import random_gradients, run


@functools.cache
def recorded(framework):
    """The last parameters by the name of the case."""
    with np.load(FILES[framework], allow_pickle=False) as file:
        return dict(zip(file["names"].tolist(), file["final"], strict=True))


def test_every_case_is_recorded():
    for framework, (cases, _) in FRAMEWORKS.items():
        assert list(recorded(framework)) == list(cases)


# torch's own tests run all of its cases; here every third stands for them.
CASES = [
    (framework, case)
    for framework, (cases, _) in FRAMEWORKS.items()
    for case in list(cases)[:: 3 if framework == "torch" else 1]
]


@pytest.mark.parametrize(
    ("framework", "case"), CASES, ids=[":".join(case) for case in CASES]
)
def test_recorded(framework, case):
    name, options = FRAMEWORKS[framework][0][case]
    rule = getattr(optim, name)
    if "dialect" in rule.__dataclass_fields__:
        options = {**options, "dialect": framework}
    values, _ = run(rule(**options), random_gradients(STEPS))
    expected = recorded(framework)[case]
    np.testing.assert_allclose(flat(values[-1]), expected, rtol=1e-11, atol=1e-11)
