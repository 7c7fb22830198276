"""Minibatch training in a page, for a program that reads no files."""

from __future__ import annotations

from typing import Any

import numpy as np

from .model import (
    INPUTS,
    PLATEAU,
    ROW_AXES,
    ROW_INPUTS,
    averaged_parameters,
    finish_metrics,
    forward,
    step_size,
    train_step,
    update_plateau,
)

# --- imports above, copied into emitted programs below ---


# if model
def fit(
    parameters: dict[str, Any],
    state: dict[str, Any],
    train: dict[str, Any],
    dev: dict[str, Any],
    epochs: int,
    batch_size: int,
    seed: int = 0,
) -> None:
    """Train on arrays by input name; print the scores on `dev` after each epoch."""
    # if later_rows
    first, axis = next(iter(ROW_AXES.items()))
    rows = train[first].shape[axis]
    # else
    # if shared_inputs
    rows = len(train[ROW_INPUTS[0]]) if ROW_INPUTS else 1
    # else
    rows = len(next(iter(train.values())))
    # end
    # end
    for epoch in range(1, epochs + 1):
        order = np.random.default_rng([seed, 2, epoch]).permutation(rows)
        total = 0.0
        for start in range(0, rows, batch_size):
            chosen = order[start : start + batch_size]
            # if later_rows
            batch = [
                train[name].take(chosen, ROW_AXES[name])
                if name in ROW_AXES
                else train[name]
                for name in INPUTS
            ]
            # else
            # if shared_inputs
            batch = [
                train[name][chosen] if name in ROW_INPUTS else train[name]
                for name in INPUTS
            ]
            # else
            batch = [train[name][chosen] for name in INPUTS]
            # end
            # end
            total += train_step(parameters, state, *batch) * len(chosen)
        state["epoch"] = epoch
        # if averages
        evaluated = averaged_parameters(parameters, state)
        scores = forward(evaluated, *(dev[name] for name in INPUTS))
        # else
        scores = forward(parameters, *(dev[name] for name in INPUTS))
        # end
        # if totals
        scores = finish_metrics(scores)
        # end
        # if plateau
        size = step_size({**state, "scale": 1.0})
        state["plateau"], state["scale"] = update_plateau(
            PLATEAU, state["plateau"], float(scores["loss"]), size
        )
        # end
        shown = "  ".join(f"dev {name} {value:.4g}" for name, value in scores.items())
        print(f"epoch {epoch:3}  loss {total / rows:.4g}  {shown}")


# end
