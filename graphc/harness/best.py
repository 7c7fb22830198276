"""The choice of the evaluation of a run that is kept."""

from __future__ import annotations

import math
from typing import Any

from .files import OptionError
from .model import METRICS

# --- imports above, copied into emitted programs below ---

# if whole
# What is kept -------------------------------------------------------------------------


def parse_criterion(best: str | None) -> tuple[str, str]:
    """The better direction, "max" or "min", and the dev score that it is for."""
    modes = {"loss": "min", **METRICS}
    mode, _, score = str("loss" if best is None else best).rpartition(" ")
    mode = mode or modes.get(score)
    if mode not in ("max", "min") or score not in modes:
        raise OptionError(
            f"best must be 'max' or 'min' and one of {', '.join(modes)}, "
            f"as in 'min loss'; got {best!r}"
        )
    return mode, score


def is_better(value: float, best: dict[str, Any] | None, mode: str) -> bool:
    """True if a dev score beats the best so far; a NaN never does."""
    if best is None or math.isnan(value):
        return not math.isnan(value)
    return value > best["score"] if mode == "max" else value < best["score"]


def is_stale(
    saved: dict[str, Any], patience: int | None, stopped: bool = False
) -> bool:
    """True if a run is over: stopped, or without a better score for too long."""
    marks = [record["best"] for record in saved["history"] if "best" in record]
    since = len(marks) if True not in marks else marks[::-1].index(True)
    return stopped or (patience is not None and since >= patience)


def describe_kept(
    history: list[dict[str, Any]], best: str | None = None, keep_best: bool = True
) -> str:
    """Say in a line what `fit` ended with, and why; empty if it changed nothing."""
    mode, score = parse_criterion(best)
    records = [record for record in history if not record.get("interrupted")]
    judged = [record for record in records if "best" in record]
    chosen = [record for record in judged if record["best"]]
    if not records:
        return ""
    last = f"kept the last epoch, {records[-1]['epoch']}"
    # if averages
    last = f"kept the averages of the last epoch, {records[-1]['epoch']}"
    # end
    if not judged:
        return f"{last}: there was no dev data"
    if not chosen:
        return f"{last}: dev {score} was NaN in every evaluation"
    record = chosen[-1]
    epoch = f"epoch {record['epoch']}"
    if "part" in record:
        epoch += f", step {record['step']}"
    by = f"by {mode} {score} {record[f'dev_{score}']:#.4g}"
    if keep_best:
        return f"best on dev: {epoch}, kept {by}"
    return f"best on dev: {epoch}, {by}; kept the last epoch, {records[-1]['epoch']}"


# end
