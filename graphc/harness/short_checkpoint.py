"""Checkpoints in a few lines, of the same files."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .checkpoint import CHECKPOINT_FORMAT, HEADER
from .files import Arrays, CheckpointError
from .model import GRAPH_HASH, GRAPHC_VERSION, MODEL
from .short_files import check_arrays, read_arrays, write_arrays

# --- imports above, copied into emitted programs below ---


# if short
def save_checkpoint(
    path: str, parameters: Arrays, state: dict[str, Any], progress: dict[str, Any]
) -> None:
    """Write all that a run needs to go on; `progress` has the best parameters, too."""
    header: dict[str, Any] = {"graph": GRAPH_HASH, "graphc": GRAPHC_VERSION}
    header |= {"format": CHECKPOINT_FORMAT, "model": MODEL, "step": state["step"]}
    header |= {"epoch": state["epoch"], "part": 0, "scale": 1.0, "rng": {}}
    # if plateau
    header |= {"scale": state["scale"], "plateau": list(state["plateau"])}
    # end
    # if streams
    streams = state["rng"].items()
    header["rng"] = {name: rng.bit_generator.state for name, rng in streams}
    # end
    header |= {key: progress[key] for key in ("history", "best", "run")}
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    best: Arrays = progress["kept"] if progress["best"] else {}
    arrays = {HEADER: text, **parameters}
    arrays |= {f"slots/{name}": array for name, array in state["slots"].items()}
    arrays |= {f"best/{name}": array for name, array in best.items()}
    write_arrays(path, arrays)


def load_checkpoint(
    path: str, parameters: Arrays, state: dict[str, Any], run: dict[str, Any]
) -> dict[str, Any]:
    """Put parameters and state back as they were saved; returns the progress.

    Raises `CheckpointError` if the file is of another model, or of another run.
    """
    found = read_arrays(path, CheckpointError)
    try:
        saved = json.loads(found.pop(HEADER).tobytes())
        progress = {key: saved[key] for key in ("history", "best", "run")}
        clock = {"step": saved["step"], "epoch": saved["epoch"]}
        graph, before = saved["graph"], {**dict.fromkeys(run), **saved["run"]}
        changed = [key for key in run if before[key] != run[key]]
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is no checkpoint of a run: {error!r}") from None
    if graph != GRAPH_HASH:
        raise CheckpointError(f"{path} belongs to another model, of graph {graph}")
    for key in changed:
        was = f"it was {before[key]!r} and is {run[key]!r}"
        raise CheckpointError(f"{path} can't be resumed with another {key}: {was}")
    here = parameters | {f"slots/{name}": a for name, a in state["slots"].items()}
    best = {f"best/{name}": array for name, array in parameters.items()}
    needed = here | best if progress["best"] else here
    check_arrays(found, {n: (str(a.dtype), a.shape) for n, a in needed.items()}, path)
    for name, array in here.items():
        array[...] = found[name]
    # if streams
    for name, rng in state["rng"].items():
        rng.bit_generator.state = saved["rng"][name]
    # end
    # if plateau
    state["plateau"], state["scale"] = saved["plateau"], saved["scale"]
    # end
    state |= clock
    kept = {name: found.get(f"best/{name}", found[name]) for name in parameters}
    return {**progress, "kept": kept}


# end
