"""torch.optim as the oracle: the same gradients through torch's single-tensor code."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .stepping import Arrays, largest_difference, random_start, run


def run_torch(
    name: str,
    options: dict[str, Any],
    gradients: Sequence[Arrays],
    start: Arrays | None = None,
) -> tuple[list[Arrays], Arrays]:
    """The parameters after each update, and the last state."""
    import torch

    # torch keeps an optimizer's scalar state in the default dtype.
    torch.set_default_dtype(torch.float64)
    try:
        return _run_torch(name, options, gradients, start)
    finally:
        torch.set_default_dtype(torch.float32)


def _run_torch(
    name: str,
    options: dict[str, Any],
    gradients: Sequence[Arrays],
    start: Arrays | None = None,
) -> tuple[list[Arrays], Arrays]:
    import torch

    start = random_start() if start is None else start
    parameters = {
        key: torch.tensor(np.array(value), requires_grad=True)
        for key, value in start.items()
    }
    single = {} if name in ("Muon",) else {"foreach": False}
    optimizer = getattr(torch.optim, name)(
        list(parameters.values()), **options, **single
    )
    trajectory = []
    for gradient in gradients:
        for key, parameter in parameters.items():
            parameter.grad = torch.tensor(np.array(gradient[key]))
        optimizer.step()
        trajectory.append(
            {key: value.detach().numpy().copy() for key, value in parameters.items()}
        )
    state = {
        f"{key}.{slot}": np.asarray(value)
        for key, parameter in parameters.items()
        for slot, value in optimizer.state[parameter].items()
        if value is not None
    }
    return trajectory, state


def assert_agrees(
    optimizer: Any,
    options: dict[str, Any],
    gradients: Sequence[Arrays],
    tolerance: float,
    start: Arrays | None = None,
) -> float:
    """Hold an optimizer class against torch's class of that name, state included."""
    ours, our_state = run(optimizer(**options), gradients, start)
    theirs, their_state = run_torch(optimizer.__name__, options, gradients, start)
    worst = largest_difference(ours, theirs)
    assert worst <= tolerance, f"{options}: {worst}"
    for name, value in our_state.items():
        assert name in their_state, f"{name} is not torch's: {list(their_state)}"
        state = largest_difference([{name: value}], [{name: their_state[name]}])
        assert state <= tolerance, f"{options}, {name}: {state}"
        worst = max(worst, state)
    return worst
