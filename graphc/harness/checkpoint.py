"""Checkpoints: all that a run needs to go on bit for bit where it stopped."""

from __future__ import annotations

import math
import os
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


def fingerprint(data: Any) -> str | None:
    """A short text that changes when the data does; None for none, and for a stream."""
    import hashlib

    if data is None or callable(data):
        return None
    digest = hashlib.blake2b(digest_size=16)
    for name, array in data.items():
        dtype = INPUTS[name][0]
        digest.update(f"{name} {dtype} {array.shape} ".encode())
        # if whole
        for chunk in take_chunks(array):
            same = np.ascontiguousarray(chunk, dtype)
            digest.update(same.reshape(-1).view(np.uint8).data)
        # else
        same = np.ascontiguousarray(array, dtype)
        digest.update(same.reshape(-1).view(np.uint8).data)
        # end
    return digest.hexdigest()


# if whole
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
    streams = state.get("rng", {}).items()
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
        # if averages
        "last": state.get("last"),
        "kept": state.get("kept"),
        # end
        "rng": {name: stream.bit_generator.state for name, stream in streams},
        "history": list(history),
        "best": best,
        "run": run,
    }


def restore(saved: dict[str, Any], parameters: Arrays, state: dict[str, Any]) -> None:
    """Put a snapshot back into parameters and state, in place.

    Raises `CheckpointError`, and changes nothing, if it is of another optimizer or its
    random state is not one.
    """
    here = {name: describe_array(array) for name, array in state["slots"].items()}
    there = {name: describe_array(array) for name, array in saved["slots"].items()}
    if different := differences(here, there):
        raise CheckpointError(f"the state is of another optimizer: {different}")
    # if plateau
    plateau = saved.get("plateau", state["plateau"])
    if not is_numbers(plateau) or len(plateau) != len(state["plateau"]):
        raise CheckpointError(f"the state of decay on a plateau is damaged: {plateau}")
    # end
    streams = state.get("rng", {})
    if streams and saved["rng"].keys() != streams.keys():
        raise CheckpointError(f"the random state is damaged or not of {[*streams]}")
    for name, stream in streams.items():
        try:
            type(stream.bit_generator)(0).state = saved["rng"][name]
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise CheckpointError(f"the random state is damaged: {error!r}") from None
    for name, array in saved["parameters"].items():
        parameters[name][...] = array
    for name, array in saved["slots"].items():
        state["slots"][name][...] = array
    for key in ("step", "epoch", "part", "scale"):
        state[key] = saved[key]
    # if plateau
    state["plateau"] = plateau
    # end
    # if averages
    state["last"], state["kept"] = saved.get("last"), saved.get("kept")
    # end
    for name, stream in streams.items():
        stream.bit_generator.state = saved["rng"][name]


def save_checkpoint(path: str, saved: dict[str, Any]) -> None:
    """Write a snapshot, in one step: a reader sees the old file or the new one."""
    import json

    best = saved["best"]
    header = {
        "format": CHECKPOINT_FORMAT,
        "model": MODEL,
        "graph": GRAPH_HASH,
        "graphc": GRAPHC_VERSION,
        **{k: v for k, v in saved.items() if k not in ("parameters", "slots", "last")},
        "best": best and {k: v for k, v in best.items() if k != "parameters"},
    }
    arrays: Arrays = {
        HEADER: np.frombuffer(json.dumps(header).encode(), np.uint8),
        **saved["parameters"],
    }
    arrays |= {f"slots/{name}": array for name, array in saved["slots"].items()}
    # if averages
    last: Arrays = saved["last"] or {}
    arrays |= {f"last/{name}": array for name, array in last.items()}
    # end
    if best:
        arrays |= {f"best/{name}": a for name, a in best["parameters"].items()}
    write_arrays(path, arrays)


def load_checkpoint(path: str) -> dict[str, Any]:
    """Read a snapshot of this model.

    Raises `CheckpointError` if the file is damaged or belongs to another model.
    """
    import json

    def choose(found: Arrays) -> Arrays:
        named = {name: array for name, array in found.items() if "/" not in name}
        check_parameters(named, path)
        if HEADER not in found:
            raise CheckpointError(f"{path} holds parameters only and is no checkpoint")
        if best := strip_prefix(found, "best/"):
            check_parameters(best, path)
        parts = ("best/", "slots/")
        # if averages
        parts = ("best/", "last/", "slots/")
        if last := strip_prefix(found, "last/"):
            check_parameters(last, path)
        # end
        for name in found.keys() - named.keys():
            if name != HEADER and not name.startswith(parts):
                raise CheckpointError(f"{path} has an array {name!r} too many")
        # No array is compressed, so that one larger than the file comes from elsewhere.
        if sum(array.nbytes for array in found.values()) > os.path.getsize(path):
            raise CheckpointError(f"{path} is damaged: it holds more than its size")
        return found

    arrays = read_arrays(path, CheckpointError, choose)
    try:
        saved = json.loads(arrays.pop(HEADER).tobytes())
        version, graph, model = saved["format"], saved["graph"], saved["model"]
        if version == CHECKPOINT_FORMAT:
            check_header(saved)
    except Exception as error:  # Any part of it can be anything.
        raise CheckpointError(f"{path} has a damaged header: {error!r:.200}") from error
    if version != CHECKPOINT_FORMAT:
        raise CheckpointError(
            f"{path} has checkpoint format {version}; "
            f"this program reads format {CHECKPOINT_FORMAT}"
        )
    if graph != GRAPH_HASH:
        raise CheckpointError(
            f"{path} belongs to another model: its parameters are alike, but its graph "
            f"({model}, {str(graph)[:12]}) is not this one ({MODEL}, "
            f"{GRAPH_HASH[:12]}); load_parameters takes the parameters alone"
        )
    saved["parameters"] = {n: a for n, a in arrays.items() if "/" not in n}
    saved["slots"] = strip_prefix(arrays, "slots/")
    # if averages
    saved["last"] = strip_prefix(arrays, "last/") or None
    # end
    if saved["best"]:
        saved["best"]["parameters"] = strip_prefix(arrays, "best/")
        check_parameters(saved["best"]["parameters"], path)
    return saved


def check_header(saved: dict[str, Any]) -> None:
    """Raise `ValueError`, or what Python raises, if no run can go on from a header."""
    best, run, records = saved["best"], saved["run"], saved["history"]
    fits = {key: is_count(saved[key]) for key in ("step", "epoch", "part")}
    fits["scale"] = is_numbers([saved["scale"]]) and 0 <= saved["scale"] < math.inf
    fits["rng"] = type(saved["rng"]) is dict
    score = run and f"dev_{run['best'].rpartition(' ')[2]}"
    fits["history"] = is_list(records) and all(
        is_count(record["epoch"], record["step"])
        and (not score or not record.get("best") or is_numbers([record[score]]))
        for record in records
    )
    fits["best"] = best is None or (
        is_count(best["epoch"], best["step"])
        and is_numbers([best["score"]])
        and any(record.get("best") for record in records)
    )
    fits["run"] = run is None or (
        is_count(run["first_epoch"], saved["epoch"] - run["first_epoch"])
        and saved["part"] < run["evaluations_per_epoch"]
    )
    for key, right in fits.items():
        if not right:
            raise ValueError(f"{key} is {str(saved[key])[:80]}")


def is_count(*values: Any) -> bool:
    """Tell whether these are whole numbers of at least 0 that a float holds."""
    return all(type(value) is int and 0 <= value < 2**53 for value in values)


def is_numbers(values: Any) -> bool:
    """Tell whether this is a list of numbers."""
    return is_list(values) and all(type(value) in (int, float) for value in values)


def is_list(value: Any) -> bool:
    """Tell whether this is a list."""
    return isinstance(value, list)


def strip_prefix(arrays: Arrays, prefix: str) -> Arrays:
    """The arrays whose names start with `prefix`, by the rest of the name."""
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def check_same_run(path: str, saved: dict[str, Any], run: dict[str, Any]) -> None:
    """Raise unless a run that resumes has the data and options it was started with."""
    before = saved["run"]
    if before is None:
        raise CheckpointError(f"{path} was saved outside a run and can't be resumed")
    for key, value in run.items():
        other = before.get(key)
        if key == "first_epoch" or other == value:
            continue
        if key.isupper() and other is None:
            continue  # Another optimizer, which the next one tells.
        if hasattr(value, "items") and hasattr(other, "items"):
            now, then = dict[str, Any](value), dict[str, Any](other)
            part = next(k for k in now | then if now.get(k) != then.get(k))
            key, value, other = f"{key} {part}", now.get(part), then.get(part)
        if key.endswith("data"):
            raise CheckpointError(
                f"{path} can't be resumed: the {key} changed since the run started"
            )
        raise CheckpointError(
            f"{path} can't be resumed with {key} {value!r}: "
            f"the run was started with {other!r}"
        )


# end
