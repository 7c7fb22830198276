"""Arguments by position: torch's order, with the step size in the optimizer's place."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from graphc import optim
from graphc.errors import ArgumentError, OptionError

ORDERS = {
    "ASGD": "lr lambd alpha t0 weight_decay",
    "Adadelta": "lr rho eps weight_decay",
    "Adafactor": "lr beta2_decay eps d weight_decay",
    "Adagrad": "lr lr_decay weight_decay initial_accumulator_value eps",
    "Adam": "lr betas eps weight_decay amsgrad",
    "AdamW": "lr betas eps weight_decay amsgrad",
    "Adamax": "lr betas eps weight_decay",
    "ChainedScheduler": "schedulers",
    "ClipByGlobalNorm": "inner max_norm norm_type dialect",
    "ConstantLR": "lr factor total_iters",
    "CosineAnnealingLR": "lr T_max eta_min",
    "CosineAnnealingWarmRestarts": "lr T_0 T_mult eta_min",
    "CyclicLR": "base_lr max_lr step_size_up step_size_down mode gamma scale_fn "
    "scale_mode",
    "ExponentialLR": "lr gamma",
    "LambdaLR": "lr lr_lambda",
    "LinearLR": "lr start_factor end_factor total_iters",
    "MultiStepLR": "lr milestones gamma",
    "Muon": "lr weight_decay momentum nesterov ns_coefficients eps ns_steps "
    "adjust_lr_fn",
    "NAdam": "lr betas eps weight_decay momentum_decay decoupled_weight_decay",
    "OneCycleLR": "max_lr total_steps epochs steps_per_epoch pct_start anneal_strategy",
    "PolynomialLR": "lr total_iters power",
    "RAdam": "lr betas eps weight_decay decoupled_weight_decay",
    "RMSprop": "lr alpha eps weight_decay momentum centered",
    "ReduceLROnPlateau": "mode factor patience threshold threshold_mode cooldown "
    "min_lr eps",
    "Rprop": "lr etas step_sizes",
    "SGD": "lr momentum dampening weight_decay nesterov",
    "SequentialLR": "schedulers milestones",
    "StepLR": "lr step_size gamma",
}


def _positional(callable_: Any) -> list[str]:
    parameters = inspect.signature(callable_).parameters.values()
    return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]


@pytest.mark.parametrize("name", ORDERS)
def test_the_order(name: str) -> None:
    assert " ".join(_positional(getattr(optim, name))) == ORDERS[name]


@pytest.mark.peer
@pytest.mark.parametrize("name", sorted(set(ORDERS) - {"ClipByGlobalNorm"}))
def test_the_order_is_that_of_torch(name: str) -> None:
    import torch

    places = (torch.optim, torch.optim.lr_scheduler)
    theirs = next(getattr(m, name) for m in places if hasattr(m, name))
    order = [n for n in _positional(theirs) if n not in ("params", "optimizer")]
    ours = [n for n in ORDERS[name].split() if n != "lr" or "lr" in order]
    assert ours == order[: len(ours)]


def test_examples() -> None:
    assert optim.StepLR(0.1, 30, 0.5) == optim.StepLR(0.1, step_size=30, gamma=0.5)
    assert optim.SGD(0.1, 0.9, 0.0, 1e-4, True) == optim.SGD(
        0.1, momentum=0.9, weight_decay=1e-4, nesterov=True
    )
    assert optim.MultiStepLR(0.1, [3, 5]).milestones == (3, 5)
    assert optim.WarmUp(0.1, 100).steps == 100
    assert optim.ClipByGlobalNorm(optim.SGD(0.1), 1.0).max_norm == 1.0
    assert optim.ExponentialLR(gamma=0.5).lr == 1.0


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("StepLR", "step_size"),
        ("MultiStepLR", "milestones"),
        ("ExponentialLR", "gamma"),
        ("InverseTimeLR", "decay"),
        ("CosineAnnealingLR", "T_max"),
        ("CosineAnnealingWarmRestarts", "T_0"),
        ("LambdaLR", "lr_lambda"),
        ("WarmUp", "steps"),
    ],
)
def test_what_has_no_default_is_required(name: str, lacks: str) -> None:
    for arguments in ((), (0.1,)):
        with pytest.raises(ArgumentError, match=f"requires the argument {lacks}") as e:
            getattr(optim, name)(*arguments)
        assert __file__ in str(e.value.location)


def test_what_torch_has_in_other_places_is_refused() -> None:
    """A step size that cycles the momentum, and what torch calls `foreach`."""
    with pytest.raises(TypeError):
        optim.OneCycleLR(0.1, 100, None, None, 0.3, "cos", True)  # type: ignore[misc]
    with pytest.raises(TypeError):
        optim.Adadelta(1.0, 0.9, 1e-6, 0.0, None)  # type: ignore[misc]
    with pytest.raises(OptionError, match="weight_decay"):
        optim.SGD(0.1, 0.9, 0.0, True)
