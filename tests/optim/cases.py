"""The registry of optimizers and schedules: examples, and options that peers have.

An optimizer that is exported needs a line in `EXAMPLES`, and an oracle: options in
`TORCH`, `KERAS` or `OPTAX`, whose results `record.py` keeps, or a formula in
`test_references.py`. `test_cases.py` says what is missing.
"""

import inspect
import itertools
from typing import Any

from graphc import optim
from graphc.optim import Optimizer, Rule, Schedule, Transformation

Options = dict[str, Any]

_SGD = optim.SGD(0.1, momentum=0.9)
_ADAM = optim.Adam(0.05)

EXAMPLES: dict[str, list[Optimizer]] = {
    "SGD": [
        optim.SGD(0.1, momentum=0.9, dampening=0.3, weight_decay=0.1, maximize=True),
        optim.SGD(0.1, momentum=0.9, nesterov=True),
        optim.SGD(optim.OneCycleLR(0.5, total_steps=7)),
    ],
    "ASGD": [optim.ASGD(0.1, t0=2, lambd=0.1, weight_decay=0.1)],
    "SignSGD": [optim.SignSGD(0.1, momentum=0.5)],
    "Lion": [optim.Lion(0.1, weight_decay=0.1)],
    "Adam": [
        optim.Adam(0.1, amsgrad=True, weight_decay=0.1),
        optim.Adam(0.1, weight_decay=0.1, decoupled_weight_decay=True),
    ],
    "AdamW": [optim.AdamW(0.1), optim.AdamW(0.1, amsgrad=True, maximize=True)],
    "Adamax": [optim.Adamax(0.1, weight_decay=0.1)],
    "NAdam": [optim.NAdam(0.1, weight_decay=0.1, decoupled_weight_decay=True)],
    "RAdam": [optim.RAdam(0.1, betas=(0.5, 0.7)), optim.RAdam(0.1, weight_decay=0.1)],
    "Adagrad": [optim.Adagrad(0.1, lr_decay=0.1, initial_accumulator_value=0.1)],
    "Adadelta": [optim.Adadelta(weight_decay=0.1)],
    "RMSprop": [optim.RMSprop(0.1, momentum=0.9, centered=True)],
    "Rprop": [optim.Rprop(etas=(0.3, 1.5), step_sizes=(1e-3, 0.02))],
    "LAMB": [optim.LAMB(0.1, weight_decay=0.1)],
    "LARS": [optim.LARS(weight_decay=0.1, nesterov=True)],
    "Adafactor": [optim.Adafactor(0.5, d=1.5, weight_decay=0.1)],
    "Muon": [optim.Muon(nesterov=False)],
    "ParameterGroups": [
        optim.ParameterGroups({"*.bias": _SGD, "scale": optim.SGD(0.5)}, default=_ADAM)
    ],
    "ClipByValue": [optim.ClipByValue(_SGD, clip_value=0.01)],
    "ClipByNorm": [optim.ClipByNorm(_ADAM, max_norm=0.1)],
    "ClipByGlobalNorm": [optim.ClipByGlobalNorm(_ADAM, max_norm=0.1)],
    "GradientNoise": [optim.GradientNoise(_ADAM)],
    "GradientAccumulation": [optim.GradientAccumulation(_ADAM, steps=3)],
    "EMA": [optim.EMA(_ADAM), optim.EMA(_SGD, dialect="keras")],
    "Lookahead": [optim.Lookahead(_ADAM, k=2)],
    "MaxNorm": [optim.MaxNorm(_ADAM, max_norm=1.0)],
}
"""Instances of every exported optimizer, with options that change its formula."""

SCHEDULES: dict[str, Schedule] = {
    "StepLR": optim.StepLR(0.1, step_size=2),
    "MultiStepLR": optim.MultiStepLR(0.1, milestones=(1, 2)),
    "ExponentialLR": optim.ExponentialLR(0.1, gamma=0.5),
    "InverseTimeLR": optim.InverseTimeLR(0.1, decay=0.6, staircase=True),
    "ConstantLR": optim.ConstantLR(0.1, total_iters=2),
    "LinearLR": optim.LinearLR(0.1, total_iters=2),
    "PolynomialLR": optim.PolynomialLR(0.1, total_iters=4, power=2.0),
    "CosineAnnealingLR": optim.CosineAnnealingLR(0.1, T_max=5, eta_min=0.01),
    "CosineAnnealingWarmRestarts": optim.CosineAnnealingWarmRestarts(
        0.1, T_0=1, T_mult=2, by="step"
    ),
    "LambdaLR": optim.LambdaLR(0.1, lr_lambda=lambda t: 1.0 / (1.0 + t)),
    "WarmUp": optim.WarmUp(optim.StepLR(0.1, step_size=1), steps=3),
    "OneCycleLR": optim.OneCycleLR(0.1, total_steps=6, three_phase=True),
    "CyclicLR": optim.CyclicLR(0.1, 0.2, step_size_up=2, mode="triangular2"),
    "RangeTest": optim.RangeTest(1e-3, 0.1, steps=5),
    "SequentialLR": optim.SequentialLR(
        [optim.ConstantLR(0.1, factor=0.5), optim.ExponentialLR(0.1, gamma=0.5)],
        milestones=[1],
    ),
    "ChainedScheduler": optim.ChainedScheduler(
        [optim.ConstantLR(0.1, factor=0.5), optim.ExponentialLR(gamma=0.5)]
    ),
}
"""An instance of every exported schedule that changes within a few steps."""

MATRICES_ONLY = {"Muon"}
"""Optimizers that refuse other parameters."""


def exported(kind: type) -> dict[str, Any]:
    """The optimizers or schedules of `graphc.optim` that are of a kind, by name."""
    found = {name: getattr(optim, name) for name in optim.__all__}
    abstract = (Optimizer, Rule, Schedule, Transformation)
    return {
        name: value
        for name, value in found.items()
        if inspect.isclass(value) and issubclass(value, kind) and value not in abstract
    }


RULES = exported(Rule)


def examples(*, but: tuple[str, ...] = ()) -> dict[str, Optimizer]:
    """All examples by a readable name."""
    return {
        f"{name}-{number}": optimizer
        for name, group in EXAMPLES.items()
        for number, optimizer in enumerate(group)
        if name not in but
    }


def combinations(**values: list[Any]) -> list[Options]:
    """Every combination of the options."""
    return [
        dict(zip(values, chosen, strict=True))
        for chosen in itertools.product(*values.values())
    ]


def identify(options: Options) -> str:
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

TORCH: dict[str, list[Options]] = {
    "SGD": SGD,
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

_MOMENTS = combinations(lr=[0.05], betas=[(0.9, 0.999), (0.5, 0.8)], eps=[1e-7, 1e-2])

KERAS: dict[str, list[Options]] = {
    "SGD": combinations(lr=[0.05], momentum=[0.0, 0.8])
    + combinations(lr=[0.05], momentum=[0.8], nesterov=[True]),
    "Adam": [{**o, "amsgrad": a} for o in _MOMENTS for a in (False, True)],
    "AdamW": [{**o, "weight_decay": 0.1} for o in _MOMENTS],
    "Adagrad": combinations(
        lr=[0.05], initial_accumulator_value=[0.0, 0.1], eps=[1e-7, 1e-2]
    ),
    "Adadelta": combinations(lr=[0.5], rho=[0.95, 0.5], eps=[1e-7, 1e-2]),
    "RMSprop": combinations(
        lr=[0.05],
        alpha=[0.9, 0.5],
        eps=[1e-7, 1e-2],
        momentum=[0.0, 0.8],
        centered=[False, True],
    ),
    "Adamax": _MOMENTS,
    "NAdam": _MOMENTS,
    "Lion": combinations(lr=[0.05], betas=[(0.9, 0.99), (0.5, 0.8)]),
    "LAMB": _MOMENTS,
}
"""Options that Keras has too; its update is recorded under the names of ours."""

OPTAX: dict[str, list[Options]] = {
    "SGD": KERAS["SGD"],
    "Adam": KERAS["Adam"],
    "AdamW": KERAS["AdamW"],
    "Adagrad": KERAS["Adagrad"],
    "Adadelta": combinations(
        lr=[0.5], rho=[0.95, 0.5], eps=[1e-7, 1e-2], weight_decay=[0.0]
    ),
    "RMSprop": KERAS["RMSprop"],
    "Adamax": _MOMENTS,
    "NAdam": _MOMENTS,
    "RAdam": _MOMENTS,
    "SignSGD": [{"lr": 0.05}],
    "Lion": combinations(
        lr=[0.05], betas=[(0.9, 0.99), (0.5, 0.8)], weight_decay=[0.0, 0.1]
    ),
    "LAMB": [{**o, "weight_decay": w} for o in _MOMENTS for w in (0.0, 0.1)],
    "LARS": combinations(
        lr=[0.5],
        momentum=[0.0, 0.8],
        weight_decay=[0.0, 0.1],
        trust_coefficient=[0.1],
        eps=[0.0, 0.1],
    ),
}
"""Options that optax has too."""


def named(table: dict[str, list[Options]]) -> dict[str, tuple[str, Options]]:
    """The cases of a table by a readable name."""
    return {
        f"{name}-{identify(options)}": (name, options)
        for name, group in table.items()
        for options in group
    }


EVERY = named(TORCH)
