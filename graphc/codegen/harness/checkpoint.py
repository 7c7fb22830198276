"""Checkpoints: all that a run needs to go on bit for bit where it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .data import take_chunks
from .files import (
    Arrays,
    CheckpointError,
    check_parameters,
    describe_array,
    differences,
    read_arrays,
    write_arrays,
)
from .model import GRAPH_HASH, GRAPHC_VERSION, INPUTS, MODEL

# --- imports above, copied into emitted programs below ---

# Checkpoints --------------------------------------------------------------------------
#
# An `.npz` file: parameters under their names, optimizer arrays under "slots/", the
# best parameters so far under "best/", and everything else as JSON text in "header".

CHECKPOINT_FORMAT = 1
HEADER = "checkpoint/header"


def snapshot(
    parameters: Arrays,
    state: dict[str, Any],
    *,
    history: Sequence[dict[str, Any]] = (),
    best: dict[str, Any] | None = None,
    run: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A copy of all that changes in training, which later steps leave alone.

    Args:
        parameters, state: of the model.
        history: one record an evaluation.
        best: `epoch`, `step`, `score` and `parameters` of the best so far.
        run: what a run that goes on from here must share, such as the seed.
    """
    rng = state.get("rng")
    return {
        "parameters": {name: array.copy() for name, array in parameters.items()},
        "slots": {name: array.copy() for name, array in state["slots"].items()},
        "step": int(state["step"]),
        "epoch": int(state["epoch"]),
        "part": int(state.get("part", 0)),
        "scale": float(state.get("scale", 1.0)),
        # if plateau
        "plateau": list(state["plateau"]),
        # end
        "rng": None if rng is None else rng.bit_generator.state,
        "history": list(history),
        "best": best,
        "run": run,
    }


def restore(saved: dict[str, Any], parameters: Arrays, state: dict[str, Any]) -> None:
    """Put a snapshot back into parameters and state, in place.

    Raises `CheckpointError`, and changes nothing, if the optimizer is another one.
    """
    here = {name: describe_array(array) for name, array in state["slots"].items()}
    there = {name: describe_array(array) for name, array in saved["slots"].items()}
    if different := differences(here, there):
        raise CheckpointError(f"the state is of another optimizer: {different}")
    for name, array in saved["parameters"].items():
        parameters[name][...] = array
    for name, array in saved["slots"].items():
        state["slots"][name][...] = array
    for key in ("step", "epoch", "part", "scale"):
        state[key] = saved[key]
    # if plateau
    state["plateau"] = saved.get("plateau", state["plateau"])
    # end
    if saved["rng"] is not None and state.get("rng") is not None:
        state["rng"].bit_generator.state = saved["rng"]


def save_checkpoint(path: str, saved: dict[str, Any]) -> None:
    """Write a snapshot, in one step: a reader sees the old file or the new one."""
    import json

    best = saved["best"]
    header = {
        "format": CHECKPOINT_FORMAT,
        "model": MODEL,
        "graph": GRAPH_HASH,
        "graphc": GRAPHC_VERSION,
        **{k: v for k, v in saved.items() if k not in ("parameters", "slots")},
        "best": best and {k: v for k, v in best.items() if k != "parameters"},
    }
    arrays: Arrays = {
        HEADER: np.frombuffer(json.dumps(header).encode(), np.uint8),
        **saved["parameters"],
    }
    arrays |= {f"slots/{name}": array for name, array in saved["slots"].items()}
    if best:
        arrays |= {f"best/{name}": a for name, a in best["parameters"].items()}
    write_arrays(path, arrays)


def load_checkpoint(path: str) -> dict[str, Any]:
    """Read a snapshot of this model.

    Raises `CheckpointError` if the file is damaged or belongs to another model.
    """
    import json

    arrays = read_arrays(path, CheckpointError)
    if HEADER not in arrays:
        check_parameters(arrays, path)
        raise CheckpointError(f"{path} holds parameters only and is no checkpoint")
    try:
        saved = json.loads(arrays.pop(HEADER).tobytes())
        if saved["format"] != CHECKPOINT_FORMAT:
            raise CheckpointError(
                f"{path} has checkpoint format {saved['format']}; "
                f"this program reads format {CHECKPOINT_FORMAT}"
            )
        saved["parameters"] = {n: a for n, a in arrays.items() if "/" not in n}
        saved["slots"] = strip_prefix(arrays, "slots/")
        if saved["best"]:
            saved["best"]["parameters"] = strip_prefix(arrays, "best/")
        check_parameters(saved["parameters"], path)
        if saved["best"]:
            check_parameters(saved["best"]["parameters"], path)
        graph = saved["graph"]
    except (KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path} has a damaged header: {error!r}") from None
    if graph != GRAPH_HASH:
        raise CheckpointError(
            f"{path} belongs to another model: its parameters are alike, but its graph "
            f"({saved['model']}, {graph[:12]}) is not this one ({MODEL}, "
            f"{GRAPH_HASH[:12]}); load_parameters takes the parameters alone"
        )
    return saved


def strip_prefix(arrays: Arrays, prefix: str) -> Arrays:
    """The arrays whose names start with `prefix`, by the rest of the name."""
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def fingerprint(data: Any) -> str | None:
    """A short text that changes when the data does; None for none, and for a stream."""
    import hashlib

    if data is None or callable(data):
        return None
    digest = hashlib.blake2b(digest_size=16)
    for name, array in data.items():
        digest.update(f"{name} {INPUTS[name][0]} {array.shape} ".encode())
        for chunk in take_chunks(array):
            same = np.ascontiguousarray(chunk, INPUTS[name][0])
            digest.update(same.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def check_same_run(path: str, saved: dict[str, Any], run: dict[str, Any]) -> None:
    """Raise unless a run that resumes has the data and options it was started with."""
    before = saved["run"]
    if before is None:
        raise CheckpointError(f"{path} was saved outside a run and can't be resumed")
    for key, value in run.items():
        if key == "first_epoch" or before.get(key) == value:
            continue
        if key.endswith("data"):
            raise CheckpointError(
                f"{path} can't be resumed: the {key} changed since the run started"
            )
        raise CheckpointError(
            f"{path} can't be resumed with {key} {value!r}: "
            f"the run was started with {before.get(key)!r}"
        )
