"""Minibatch training: shuffle, step, evaluate, keep the best."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from .best import is_better, is_stale, parse_criterion
from .checkpoint import (
    check_same_run,
    fingerprint,
    load_checkpoint,
    restore,
    save_checkpoint,
    snapshot,
)
from .data import (
    BATCH_DIMENSION,
    check_data,
    count_rows,
    files_of,
    read_batches,
    take_rows,
)
from .epoch import check_micro_batches, count_batches, digest, take_up
from .files import Arrays, OptionError, check_overwriting, check_writable, keep_older
from .finite import NonFiniteError, find_row
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
from .ranks import REPRODUCIBLE, check_ranks, meet
from .signals import run_interruptibly

# --- imports above, copied into emitted programs below ---


# if whole
Data = Mapping[str, Any] | Callable[[int], Iterable[Mapping[str, Any]]]


def check_whole_number(name: str, value: object, least: int) -> None:
    """Raise `OptionError` unless `value` is an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise OptionError(f"{name} must be a whole number, got {value!r}")
    if value < least:
        raise OptionError(f"{name} must be at least {least}, got {value}")


def check_stream(data: Any, name: str = "data") -> Any:
    """Arrays checked as `check_data` does; a function that gives batches as it is."""
    return data if callable(data) else check_data(data, name)


def evaluate(
    parameters: Arrays, data: Mapping[str, Any], batch_size: int = 1024
) -> dict[str, float]:
    """The loss and the metrics over a data set.

    Nothing is random here: dropout is off.
    """
    check_whole_number("batch_size", batch_size, 1)
    return mean_scores(parameters, check_stream(data), batch_size)


def fit(
    parameters: Arrays,
    state: dict[str, Any],
    train: Data,
    dev: Data | None = None,
    *,
    epochs: int,
    batch_size: int,
    seed: int = 0,
    best: str | None = None,
    keep_best: bool = True,
    patience: int | None = None,
    evaluations_per_epoch: int = 1,
    checkpoint: str | None = None,
    checkpoint_every: float = 1.0,
    resume: bool = False,
    drop_last: bool = False,
    report: Callable[[dict[str, Any]], Any] | None = None,
    progress: Callable[[int, int, float], None] | None = None,
) -> list[dict[str, Any]]:
    """Train for some epochs, and leave the best parameters in `parameters`.

    Every epoch goes once through the rows of `train` in an order drawn anew from
    `seed` and the number of the epoch, in batches of which the last may be smaller.

    Args:
        parameters, state: of `init_parameters` and `init_state`; changed in place.
        train, dev: arrays by input name, or a function that gives the batches of an
            epoch from its number (0 for dev). `dev` is evaluated after every epoch.
        epochs: how many to train; for a resumed run, counted from its start.
        batch_size: rows of a batch.
        seed: of the order of rows.
        best: which dev score decides, as in "max accuracy"; by default "min loss".
        keep_best: end with the best parameters on dev, not with the last; without dev
            data, with the averages of an optimizer that keeps them.
        patience: stop when that many evaluations have brought no better dev score; a
            NaN is never better.
        evaluations_per_epoch: how often `dev` is evaluated, the last time at its end.
        checkpoint: a file to write after evaluations and at the end; an older one gets
            the ending ".1" unless it is resumed.
        checkpoint_every: seconds between two times that it is written; 0 for always.
        resume: go on from `checkpoint`, if it exists, as if there was no break.
        drop_last: leave out a smaller last batch.
        report: called after every evaluation with its record; ends the run with True.
        progress: called after every batch with the rows done, all rows (0 if not
            known), and the loss.

    Returns:
        One record an evaluation: `epoch` (from 1), `step`, `step_size`, `loss` (mean in
        training since the last record), scores over all rows (`train_<metric>` at the
        end of an epoch, `dev_loss`, `dev_<metric>`), `best` (whether dev was never
        better before) and `seconds`; with several evaluations an epoch also `part`.

    An interrupt (Ctrl-C) ends training early. The part that it cut short is undone,
    and a record of it with `interrupted` true and without scores ends the list. So do
    SIGTERM and SIGHUP, after which the process ends with status 143 or 129.

    Raises:
        DataError, OptionError, CheckpointError: before anything is changed.
        FloatingPointError: at once when the loss or a gradient is not finite.
            `parameters` are then as for an interrupt.
    """
    files = [*files_of(train), *files_of(dev)]
    train = check_stream(train, "train")
    dev = None if dev is None else check_stream(dev, "dev")
    parts = evaluations_per_epoch
    mode, score = parse_criterion(best)
    # if plateau
    watched = watched_score(mode, score)
    # end
    check_options(epochs, batch_size, seed, patience, parts, checkpoint_every)
    check_batches(train, batch_size, parts, drop_last)
    # if accumulation
    check_micro_batches(train, batch_size, drop_last)
    # end
    run: dict[str, Any] = {
        "seed": int(seed),
        "batch_size": int(batch_size),
        "drop_last": bool(drop_last),
        "steps_per_epoch": getattr(train, "steps_per_epoch", None),
        "evaluations_per_epoch": int(parts),
        "best": f"{mode} {score}",
        # if plateau
        "plateau": PLATEAU,
        # end
        **{name: globals()[name] for name in HYPERPARAMETERS},
        "optimizer": OPTIMIZER,
        "first_epoch": int(state["epoch"]),
    }
    if checkpoint is not None:
        check_overwriting([checkpoint], files)
        check_writable(checkpoint)
        run |= {"train data": fingerprint(train), "dev data": fingerprint(dev)}
    elif resume:
        raise OptionError("resume needs the path of a checkpoint")
    state["part"] = 0
    resumed = resume and os.path.exists(checkpoint or "")
    # if averages
    if not resumed:
        take_up(parameters, state)
    # end
    # The state after the last evaluation, which no later step changes.
    good = snapshot(parameters, state, run=run)
    if checkpoint is not None and resumed:
        good = load_checkpoint(checkpoint)
        check_same_run(checkpoint, good, run)
        restore(good, parameters, state)
    # if mpi
    if REPRODUCIBLE:
        run["reproducible"] = True
    check_ranks(
        run
        | {"start": good["step"], "parameters": digest(parameters), "resume": resumed}
        | {"train data": fingerprint(train), "dev data": fingerprint(dev)}
        | {"epochs": epochs, "patience": patience, "keep_best": keep_best}
    )
    # end
    saved, saved_at = good if resumed else None, 0.0
    if run["steps_per_epoch"] is not None:
        # Such a stream goes on from epoch to epoch, and has to know where a run began.
        vars(train)["first_epoch"] = good["run"]["first_epoch"]
    last_epoch = good["run"]["first_epoch"] + epochs
    stopped = False

    def save() -> None:
        nonlocal saved, saved_at
        if checkpoint is not None and saved is not good:
            if saved is None:
                keep_older(checkpoint)
            save_checkpoint(checkpoint, good)
            saved, saved_at = good, time.monotonic()

    def train_epochs() -> None:
        nonlocal good, stopped
        while state["epoch"] < last_epoch and not is_stale(good, patience, stopped):
            started = time.perf_counter()
            epoch, part = state["epoch"] + 1, good["part"] + 1
            loss = train_part(
                *(parameters, state, train, batch_size),
                *(seed, part, parts, progress, drop_last),
            )
            record = {
                "epoch": epoch,
                "step": int(state["step"]),
                "step_size": float(step_size(state)),
                "loss": loss,
            }
            if parts > 1:
                record["part"] = part
            evaluated = parameters
            # if averages
            evaluated = averaged_parameters(parameters, state)
            # end
            if METRICS and part == parts and not callable(train):
                scores = mean_scores(evaluated, train)
                record |= {f"train_{name}": scores[name] for name in METRICS}
            if dev is not None:
                scores = mean_scores(evaluated, dev)
                record |= {f"dev_{name}": value for name, value in scores.items()}
                record["best"] = is_better(scores[score], good["best"], mode)
            # if plateau
            decay_on_plateau(state, record, watched)
            # end
            record["seconds"] = time.perf_counter() - started
            state["epoch"] += part == parts
            state["part"] = part % parts
            good = after_evaluation(parameters, evaluated, state, good, record, score)
            due = time.monotonic() - saved_at >= checkpoint_every
            # if mpi
            due = any(meet(due))
            # end
            if due:
                save()
            stopped = report is not None and report(record) is True
            # if mpi
            stopped = any(meet(stopped))
            # end

    def finish() -> None:
        restore(good, parameters, state)
        final = good["best"] and good["best"]["parameters"]
        # if averages
        final = final or averaged_parameters(parameters, state)
        if keep_best:
            state["last"] = {name: array.copy() for name, array in parameters.items()}
        # end
        if keep_best and final:
            for name, array in final.items():
                parameters[name][...] = array
        # if averages
        if keep_best:
            state["kept"] = digest(parameters)
        # end
        save()

    save()
    if not run_interruptibly(train_epochs, finish):
        return good["history"]
    return [*good["history"], {"epoch": good["epoch"] + 1, "interrupted": True}]


def train_part(
    parameters: Arrays,
    state: dict[str, Any],
    data: Any,
    batch_size: int,
    seed: int = 0,
    part: int = 1,
    parts: int = 1,
    progress: Callable[[int, int, float], None] | None = None,
    drop_last: bool = False,
) -> float:
    """Go through one part of an epoch; returns the mean loss of its rows."""
    epoch = state["epoch"] + 1
    rows = 0 if callable(data) else count_rows(data)
    done = first = 0
    order = None
    if callable(data):
        batches = read_batches(data, epoch)
    else:
        # By the epoch, so that a resumed run draws what an unbroken one does; the 2
        # keeps this stream apart from those of parameters and dropout.
        order = np.random.default_rng([seed, 2, epoch]).permutation(rows)
        count = count_batches(rows, batch_size, drop_last)
        rows = min(rows, count * batch_size)
        done = first = count * (part - 1) // parts * batch_size
        order = order[first : count * part // parts * batch_size]
        batches = draw_rows(data, order, batch_size)
    total = weights = 0.0
    with np.errstate(all="ignore"):
        for count, batch in batches:
            weight: float = count
            # if weights
            # Where all labels are ignored there is none, and no step is taken.
            weight = float(loss_weight(parameters, *batch))
            # end
            step = state["step"] + 1
            try:
                loss = float(train_step(parameters, state, *batch))
                if weight and not math.isfinite(loss):
                    raise FloatingPointError(f"the loss became {loss}")
            except FloatingPointError as error:
                row = find_row(parameters, batch)
                place = f"epoch {epoch}, step {step}"
                if row is not None:
                    place += f", by row {row} of the batch"
                if row is not None and order is not None:
                    place += f" and {order[done - first + row]} of all"
                raise NonFiniteError(
                    f"{error} in {place}: "
                    "try a smaller step size, or inputs of smaller scale",
                    parameters,
                    batch,
                ) from None
            if weight:
                total += loss * weight
                weights += weight
            done += count
            if progress is not None:
                progress(done, rows, loss)
    for name, array in parameters.items():
        if not np.isfinite(array).all():
            raise FloatingPointError(
                f"the parameter {name!r} is no longer finite after epoch {epoch}: "
                "try a smaller step size, or inputs of smaller scale"
            )
    return total / weights if weights else math.nan


def draw_rows(
    data: Arrays, order: Any, batch_size: int
) -> Iterator[tuple[int, list[Any]]]:
    """Batches of the rows in this order, each with its number of rows."""
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        yield len(chosen), take_rows(data, chosen)


def after_evaluation(
    parameters: Arrays,
    evaluated: Arrays,
    state: dict[str, Any],
    before: dict[str, Any],
    record: dict[str, Any],
    score: str,
) -> dict[str, Any]:
    """The snapshot that follows `before`, with one record more."""
    history = [*before["history"], record]
    after = snapshot(parameters, state, history=history, run=before["run"])
    after["best"] = before["best"]
    if record.get("best"):
        after["best"] = {
            "epoch": record["epoch"],
            "step": record["step"],
            "score": record[f"dev_{score}"],
            "parameters": {name: array.copy() for name, array in evaluated.items()},
        }
    return after


def check_batches(train: Any, batch_size: int, parts: int, drop_last: bool) -> None:
    """Raise `OptionError` where an epoch has no batch, or fewer than parts."""
    if callable(train):
        if parts > 1 or drop_last:
            name = "evaluations_per_epoch" if parts > 1 else "drop_last"
            raise OptionError(f"{name} needs arrays to train on, no stream")
        return
    batches = count_batches(count_rows(train), batch_size, drop_last)
    if batches == 0:
        raise OptionError(
            f"drop_last leaves no batch: {count_rows(train)} rows are fewer than "
            f"batch_size {batch_size}"
        )
    if parts > batches:
        raise OptionError(
            f"evaluations_per_epoch must be at most the number of batches in an epoch, "
            f"{batches}; got {parts}"
        )


def check_options(
    epochs: int,
    batch_size: int,
    seed: int,
    patience: int | None,
    parts: int = 1,
    seconds: object = 0,
) -> None:
    """Raise `OptionError` for numbers that mean nothing."""
    if not (isinstance(seconds, int | float) and seconds >= 0):
        raise OptionError(f"checkpoint_every must be at least 0, got {seconds!r}")
    check_whole_number("epochs", epochs, 0)
    check_whole_number("batch_size", batch_size, 1)
    check_whole_number("seed", seed, 0)
    if patience is not None:
        check_whole_number("patience", patience, 1)
    check_whole_number("evaluations_per_epoch", parts, 1)
    if isinstance(BATCH_DIMENSION, int) and batch_size != BATCH_DIMENSION:
        raise OptionError(
            f"batch_size must be {BATCH_DIMENSION}, the number of rows that the model "
            f"is declared with; got {batch_size}"
        )


# end
