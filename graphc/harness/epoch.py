"""The steps that runs of either kind share: scores, averages, a line an epoch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .data import count_rows
from .files import Arrays, OptionError
from .model import METRICS, micro_batches, step_size, step_sizes

# --- imports above, copied into emitted programs below ---

# Training -----------------------------------------------------------------------------


def count_batches(rows: int, batch_size: int, drop_last: bool) -> int:
    """The number of batches in an epoch."""
    return rows // batch_size if drop_last else -(-rows // batch_size)


# if accumulation
def check_micro_batches(train: Any, batch_size: int, drop_last: bool) -> None:
    """Raise `OptionError` where an epoch would end within an update."""
    if callable(train):
        return
    rows = count_rows(train)
    batches = count_batches(rows, batch_size, drop_last)
    each = micro_batches()
    if batches % each:
        raise OptionError(
            f"an update takes {each} batches, which must divide the number of "
            f"batches in an epoch; {rows} rows in batches of {batch_size} are {batches}"
        )


# end
# if averages
def take_up(parameters: Arrays, state: dict[str, Any]) -> None:
    """Put the parameters of the last step back, to train on.

    A run ends with averages in their place. Other values that were put there stay.
    """
    last, kept = state.pop("last", None), state.pop("kept", None)
    if last and kept == digest(parameters):
        for name, array in last.items():
            parameters[name][...] = array


# end
# if averages or mpi
def digest(parameters: Arrays) -> str:
    """A short text that changes when a parameter does."""
    import hashlib

    found = hashlib.blake2b(digest_size=16)
    for array in parameters.values():
        found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return found.hexdigest()


# end
# if schedule
def check_step_size(state: dict[str, Any]) -> None:
    """Raise unless the step size of the next update is a number of at least 0."""
    step = state["step"] + 1
    # As NumPy's numbers, of which 1 / 0 is infinite and no error of its own.
    following = {"step": np.float64(step), "epoch": np.float64(state["epoch"])}
    # if whole or plateau
    following["scale"] = np.float64(state["scale"])
    # end
    with np.errstate(all="ignore"):
        sizes: list[Any] = [step_size(following)]
        # end
        # if groups
        sizes = step_sizes(following)
        # end
    # if schedule
    for size in map(float, sizes):
        if not 0 <= size < math.inf:
            raise OptionError(
                f"the schedule gives the step size {size} for step {step} "
                f"in epoch {state['epoch'] + 1}; it must be a number of at least 0"
            )


# end
def describe_record(record: dict[str, Any]) -> str:
    """One line for a person: epoch, loss, train and dev metrics, step size, seconds."""
    parts = [f"epoch {record['epoch']:3}"]
    # if whole
    if "part" in record:
        parts.append(f"step {record['step']:6}")
    # end
    for name, value in record.items():
        shown = name == "loss" or name.startswith(("train_", "dev_"))
        if shown and not (METRICS and name == "dev_loss"):
            parts.append(f"{name.replace('_', ' ', 1)} {value:#.4g}")
    parts += [f"step size {record['step_size']:.4g}", f"{record['seconds']:.2f} s"]
    return "  ".join(parts)
