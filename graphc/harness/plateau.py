"""Decay on a plateau: a step size that shrinks when scores no longer improve."""

from __future__ import annotations

from typing import Any

from .files import OptionError
from .model import PLATEAU, step_size, update_plateau

# --- imports above, copied into emitted programs below ---


def watched_score(mode: str, score: str) -> str:
    """The score whose plateau counts: the one that decides what is best, or the loss.

    The loss it is where smaller is better for `PLATEAU` and larger for that score.
    """
    if mode == PLATEAU["mode"]:
        return score
    if PLATEAU["mode"] == "max":
        raise OptionError(
            f"decay on a plateau has mode 'max', but {score!r} is better when smaller: "
            "choose mode='min', or a metric of which more is best, as in "
            "best='max accuracy'"
        )
    return "loss"


def decay_on_plateau(
    state: dict[str, Any], record: dict[str, Any], watched: str
) -> None:
    """Change the scale of step sizes as `PLATEAU` says, after an evaluation on dev.

    Without dev data it goes by the scores in training.
    """
    value = record.get("loss" if watched == "loss" else f"train_{watched}")
    value = record.get(f"dev_{watched}", value)
    if value is not None:
        size = step_size({**state, "scale": 1.0})
        state["plateau"], state["scale"] = update_plateau(
            PLATEAU, state["plateau"], value, size
        )
