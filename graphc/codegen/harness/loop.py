"""Minibatch training: shuffle, step, evaluate, keep the best."""

import math
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .checkpoint import (
    check_same_run,
    fingerprint,
    load_checkpoint,
    restore,
    save_checkpoint,
    snapshot,
)
from .data import BATCH_DIMENSION, check_data, count_rows, take_rows
from .files import Arrays, OptionError, check_writable
from .model import METRICS, forward, train_step

# --- imports above, copied into emitted programs below ---

# Training -----------------------------------------------------------------------------

# Metrics that are better when smaller; of any other, larger is better.
SMALLER_IS_BETTER = ("loss", "error", "mse", "mae", "rmse", "perplexity")


def evaluate(
    parameters: Arrays, data: Mapping[str, Any], batch_size: int = 1024
) -> dict[str, float]:
    """The loss and the metrics over a data set, each a mean over its rows.

    Nothing is random here: dropout is off.
    """
    check_whole_number("batch_size", batch_size, 1)
    return mean_scores(parameters, check_data(data), batch_size)


def mean_scores(
    parameters: Arrays, data: Arrays, batch_size: int = 1024
) -> dict[str, float]:
    """See `evaluate`; the data has been checked."""
    if isinstance(BATCH_DIMENSION, int):
        batch_size = BATCH_DIMENSION
    rows = count_rows(data)
    totals = dict.fromkeys(("loss", *METRICS), 0.0)
    with np.errstate(all="ignore"):
        for start in range(0, rows, batch_size):
            stop = min(start + batch_size, rows)
            scores = forward(parameters, *take_rows(data, slice(start, stop)))
            for name in totals:
                totals[name] += float(scores[name]) * (stop - start)
    return {name: total / rows for name, total in totals.items()}


def fit(
    parameters: Arrays,
    state: dict[str, Any],
    train: Mapping[str, Any],
    dev: Mapping[str, Any] | None = None,
    *,
    epochs: int,
    batch_size: int,
    seed: int = 0,
    best: str | None = None,
    keep_best: bool = True,
    patience: int | None = None,
    checkpoint: str | None = None,
    resume: bool = False,
    report: Callable[[dict[str, Any]], None] | None = None,
    progress: Callable[[int, int, float], None] | None = None,
) -> list[dict[str, Any]]:
    """Train for some epochs, and leave the best parameters in `parameters`.

    Every epoch goes once through the rows of `train` in an order drawn anew from
    `seed` and the number of the epoch, in batches of which the last may be smaller.

    Args:
        parameters, state: of `init_parameters` and `init_state`; changed in place.
        train, dev: arrays by input name. `dev` is evaluated after every epoch.
        epochs: how many to train; for a resumed run, counted from its start.
        batch_size: rows of a batch.
        seed: of the order of rows.
        best: which dev score is best when, as in "max accuracy" or "min loss"; by
            default that of the first metric, or of the loss if there is none.
        keep_best: end with the parameters of the best epoch on dev, not of the last.
        patience: stop when that many epochs have brought no better dev score.
        checkpoint: a file to write after every epoch.
        resume: go on from `checkpoint`, if it exists, as if there was no break.
        report: called after every epoch with its record.
        progress: called after every batch with the rows done, all rows, and the loss.

    Returns:
        One record an epoch: `epoch` (from 1), `step`, `loss` (mean in training), means
        over all rows after the epoch (`train_<metric>`, `dev_loss`, `dev_<metric>`),
        `best` (whether dev was never better before) and `seconds`.

    An interrupt (Ctrl-C) ends training early. The epoch that it cut short is undone,
    and a record of it with `interrupted` true and without scores ends the list.

    Raises:
        DataError, OptionError, CheckpointError: before anything is changed.
        FloatingPointError: at once when the loss is not finite. `parameters` are then
            as for an interrupt.
    """
    train = check_data(train, "train")
    dev = None if dev is None else check_data(dev, "dev")
    direction, score = parse_criterion(best)
    check_options(epochs, batch_size, seed, patience)
    run: dict[str, Any] = {
        "seed": int(seed),
        "batch_size": int(batch_size),
        "best": f"{direction} {score}",
        "first_epoch": int(state["epoch"]),
    }
    if checkpoint is not None:
        check_writable(checkpoint)
        run |= {"train data": fingerprint(train), "dev data": fingerprint(dev)}
    elif resume:
        raise OptionError("resume needs the path of a checkpoint")
    # The state after the last finished epoch, which no later step changes.
    good = snapshot(parameters, state, run=run)
    if checkpoint is not None:
        if resume and os.path.exists(checkpoint):
            saved = load_checkpoint(checkpoint)
            check_same_run(checkpoint, saved, run)
            restore(saved, parameters, state)
            good, run = saved, saved["run"]
        else:
            save_checkpoint(checkpoint, good)
    last_epoch = run["first_epoch"] + epochs
    interrupted: list[dict[str, Any]] = []
    try:
        while state["epoch"] < last_epoch and not is_stale(good, patience):
            started = time.perf_counter()
            loss = train_epoch(parameters, state, train, batch_size, seed, progress)
            state["epoch"] += 1
            record = {"epoch": state["epoch"], "step": int(state["step"]), "loss": loss}
            if METRICS:
                scores = mean_scores(parameters, train)
                record |= {f"train_{name}": scores[name] for name in METRICS}
            if dev is not None:
                scores = mean_scores(parameters, dev)
                record |= {f"dev_{name}": value for name, value in scores.items()}
                record["best"] = is_better(scores[score], good["best"], direction)
            record["seconds"] = time.perf_counter() - started
            good = after_epoch(parameters, state, good, record, score)
            if checkpoint is not None:
                save_checkpoint(checkpoint, good)
            if report is not None:
                report(record)
    except KeyboardInterrupt:
        interrupted = [{"epoch": good["epoch"] + 1, "interrupted": True}]
    finally:
        restore(good, parameters, state)
        if keep_best and good["best"]:
            for name, array in good["best"]["parameters"].items():
                parameters[name][...] = array
    return good["history"] + interrupted


def train_epoch(
    parameters: Arrays,
    state: dict[str, Any],
    data: Arrays,
    batch_size: int,
    seed: int = 0,
    progress: Callable[[int, int, float], None] | None = None,
) -> float:
    """Go through the data once, in random order; returns the mean loss of its rows."""
    rows = count_rows(data)
    epoch = state["epoch"] + 1
    # By the epoch, so that a resumed run draws what an unbroken one does; the 2 keeps
    # this stream apart from those of parameters and dropout.
    order = np.random.default_rng([seed, 2, epoch]).permutation(rows)
    total = 0.0
    with np.errstate(all="ignore"):
        for start in range(0, rows, batch_size):
            stop = min(start + batch_size, rows)
            batch = take_rows(data, order[start:stop])
            loss = float(train_step(parameters, state, *batch))
            if not math.isfinite(loss):
                raise FloatingPointError(
                    f"the loss became {loss} in epoch {epoch}, step {state['step']}: "
                    "try a smaller step size, or inputs of smaller scale"
                )
            total += loss * (stop - start)
            if progress is not None:
                progress(stop, rows, loss)
    for name, array in parameters.items():
        if not np.isfinite(array).all():
            raise FloatingPointError(
                f"the parameter {name!r} is no longer finite after epoch {epoch}: "
                "try a smaller step size, or inputs of smaller scale"
            )
    return total / rows


def after_epoch(
    parameters: Arrays,
    state: dict[str, Any],
    before: dict[str, Any],
    record: dict[str, Any],
    score: str,
) -> dict[str, Any]:
    """The snapshot that follows `before`, with the record of one more epoch."""
    history = [*before["history"], record]
    after = snapshot(parameters, state, history=history, run=before["run"])
    after["best"] = before["best"]
    if record.get("best"):
        after["best"] = {
            "epoch": record["epoch"],
            "score": record[f"dev_{score}"],
            "parameters": after["parameters"],
        }
    return after


def parse_criterion(best: str | None) -> tuple[str, str]:
    """Direction and name of the dev score that decides which epoch is best."""
    known = ("loss", *METRICS)
    if best is None:
        score = METRICS[0] if METRICS else "loss"
        smaller = any(word in SMALLER_IS_BETTER for word in score.lower().split("_"))
        return "min" if smaller else "max", score
    direction, _, score = best.partition(" ")
    if direction not in ("max", "min") or score not in known:
        raise OptionError(
            f"best must be 'max' or 'min' and one of {', '.join(known)}, "
            f"as in 'min loss'; got {best!r}"
        )
    return direction, score


def is_better(value: float, best: dict[str, Any] | None, direction: str) -> bool:
    """Whether a dev score beats the best so far; a NaN never does."""
    if best is None or math.isnan(value):
        return not math.isnan(value)
    return value > best["score"] if direction == "max" else value < best["score"]


def is_stale(saved: dict[str, Any], patience: int | None) -> bool:
    """Whether the best epoch lies `patience` epochs back."""
    if patience is None or saved["best"] is None:
        return False
    return saved["epoch"] - saved["best"]["epoch"] >= patience


def check_options(
    epochs: int, batch_size: int, seed: int, patience: int | None
) -> None:
    """Raise `OptionError` for numbers that mean nothing."""
    check_whole_number("epochs", epochs, 0)
    check_whole_number("batch_size", batch_size, 1)
    check_whole_number("seed", seed, 0)
    if patience is not None:
        check_whole_number("patience", patience, 1)
    if isinstance(BATCH_DIMENSION, int) and batch_size != BATCH_DIMENSION:
        raise OptionError(
            f"batch_size must be {BATCH_DIMENSION}, the number of rows that the model "
            f"is declared with; got {batch_size}"
        )


def check_whole_number(name: str, value: object, least: int) -> None:
    """Raise `OptionError` unless `value` is an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise OptionError(f"{name} must be a whole number, got {value!r}")
    if value < least:
        raise OptionError(f"{name} must be at least {least}, got {value}")


def describe_record(record: dict[str, Any]) -> str:
    """One line for a person: epoch, mean loss, train and dev metrics, seconds."""
    parts = [f"epoch {record['epoch']:3}"]
    for name, value in record.items():
        shown = name == "loss" or name.startswith(("train_", "dev_"))
        if shown and not (METRICS and name == "dev_loss"):
            parts.append(f"{name.replace('_', ' ', 1)} {value:#.4g}")
    parts.append(f"{record['seconds']:.2f} s")
    return "  ".join(parts)
