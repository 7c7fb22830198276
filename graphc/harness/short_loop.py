"""Minibatch training in a few lines: shuffle, step, evaluate, keep the best."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .checkpoint import fingerprint
from .data import count_rows, take_rows
from .epoch import check_micro_batches, digest, take_up
from .files import Arrays, OptionError
from .means import mean_scores
from .model import (
    HYPERPARAMETERS,
    METRICS,
    OPTIMIZER,
    PLATEAU,
    averaged_parameters,
    loss_weight,
    step_size,
    train_step,
)
from .plateau import decay_on_plateau, watched_score
from .ranks import check_ranks, end_if_alone
from .short_checkpoint import load_checkpoint, save_checkpoint
from .short_data import check_data

# --- imports above, copied into emitted programs below ---


# if short
def evaluate(
    parameters: Arrays, data: Mapping[str, Any], batch_size: int = 1024
) -> dict[str, float]:
    """The loss and the metrics over a data set, in evaluation mode."""
    return mean_scores(parameters, check_data(data), batch_size)


def train_epoch(
    parameters: Arrays, state: dict[str, Any], data: Arrays, batch_size: int, seed: int
) -> float:
    """Go once through the rows in a new order; returns their mean loss."""
    # By the number of the epoch, so that a resumed run draws what an unbroken one does.
    rng = np.random.default_rng([seed, 2, state["epoch"] + 1])
    order = rng.permutation(count_rows(data))
    # if weights
    total = weights = 0.0
    # else
    total = 0.0
    # end
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = take_rows(data, rows)
        # if weights
        with np.errstate(all="ignore"):
            weight = float(loss_weight(parameters, *batch))
        # end
        loss = float(train_step(parameters, state, *batch))
        # if weights
        if not weight:  # All labels are ignored, and no step was taken.
            continue
        # end
        if not math.isfinite(loss):
            at = f"in epoch {state['epoch'] + 1}, step {state['step'] + 1}"
            hint = "try a smaller step size; `graphc train` tells the row and the line"
            raise FloatingPointError(f"the loss became {loss} {at}: {hint}")
        # if weights
        total += loss * weight
        weights += weight
        # else
        total += loss * len(rows)
        # end
    # if weights
    return total / weights if weights else math.nan
    # else
    return total / len(order)
    # end


def fit(
    parameters: Arrays,
    state: dict[str, Any],
    train: Mapping[str, Any],
    dev: Mapping[str, Any] | None = None,
    *,
    epochs: int,
    batch_size: int,
    seed: int = 0,
    # if checkpoint
    checkpoint: str | None = None,
    resume: bool = False,
    # end
    report: Callable[[dict[str, Any]], Any] | None = None,
) -> list[dict[str, Any]]:
    """Train for some epochs; returns a record of each, and calls `report` with it.

    Whatever ends the run, `parameters` are then those with the least loss on `dev`,
    or without it those after the last whole epoch.
    """
    if min(epochs, batch_size - 1, seed) < 0:
        raise OptionError("epochs and seed must be at least 0, batch_size at least 1")
    train = check_data(train, "train")
    dev = None if dev is None else check_data(dev, "dev")
    # if accumulation
    check_micro_batches(train, batch_size, False)
    # end
    # if averages
    take_up(parameters, state)
    # end
    history: list[dict[str, Any]] = []
    best: dict[str, Any] | None = None
    kept = {name: array.copy() for name, array in parameters.items()}
    last_epoch = state["epoch"] + epochs
    # if checkpoint
    run: dict[str, Any] = {name: globals()[name] for name in HYPERPARAMETERS}
    run |= {"seed": seed, "batch_size": batch_size, "optimizer": OPTIMIZER}
    run |= {"train data": fingerprint(train), "dev data": fingerprint(dev)}
    run["first_epoch"] = state["epoch"]
    run |= {"drop_last": False, "evaluations_per_epoch": 1, "best": "min loss"}
    # if plateau
    run["plateau"] = PLATEAU
    # end
    if checkpoint is not None and resume and os.path.exists(checkpoint):
        saved = load_checkpoint(checkpoint, parameters, state, run)
        history, best, kept = saved["history"], saved["best"], saved["kept"]
        last_epoch = saved["run"]["first_epoch"] + epochs
    # end
    # if mpi
    check_ranks(
        {"seed": seed, "batch_size": batch_size, "epochs": epochs}
        | {name: globals()[name] for name in HYPERPARAMETERS}
        | {"train data": fingerprint(train), "dev data": fingerprint(dev)}
        | {"step": state["step"], "parameters": digest(parameters)}
    )
    # end
    # if averages
    last = kept
    # end
    try:
        while state["epoch"] < last_epoch:
            started = time.perf_counter()
            loss = train_epoch(parameters, state, train, batch_size, seed)
            record = {"epoch": state["epoch"] + 1, "step": state["step"]}
            record |= {"step_size": step_size(state), "loss": loss}
            # if averages
            evaluated = averaged_parameters(parameters, state)
            # else
            evaluated = parameters
            # end
            if METRICS:
                scores = mean_scores(evaluated, train)
                record |= {f"train_{name}": scores[name] for name in METRICS}
            if dev is not None:
                scores = mean_scores(evaluated, dev)
                record |= {f"dev_{name}": value for name, value in scores.items()}
                score = scores["loss"]
                record["best"] = score < (best["score"] if best else math.inf)
                if record["best"]:
                    best = {key: record[key] for key in ("epoch", "step")}
                    best["score"] = score
            # if plateau
            decay_on_plateau(state, record, watched_score("min", "loss"))
            # end
            if best is None or record["best"]:
                kept = {name: array.copy() for name, array in evaluated.items()}
            record["seconds"] = time.perf_counter() - started
            state["epoch"] += 1
            history.append(record)
            # if checkpoint
            if checkpoint is not None:
                progress = {"history": history, "best": best, "kept": kept, "run": run}
                save_checkpoint(checkpoint, parameters, state, progress)
            # end
            # if averages
            last = {name: array.copy() for name, array in parameters.items()}
            # end
            if report is not None:
                report(record)
    # if mpi
    except BaseException:
        end_if_alone()
        raise
    # end
    finally:
        for name, array in kept.items():
            parameters[name][...] = array
        # if averages
        state["last"], state["kept"] = last, digest(parameters)
        # end
    return history


# end
