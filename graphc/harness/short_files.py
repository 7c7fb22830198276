"""Files of arrays, in a few lines."""

from __future__ import annotations

import os
import zipfile
from typing import Any

import numpy as np

from .files import Arrays, CheckpointError
from .model import PARAMETERS
from .ranks import on_first_rank

# --- imports above, copied into emitted programs below ---


# if short
# if mpi
@on_first_rank
# end
def write_arrays(path: str, arrays: dict[str, Any]) -> None:
    """Write an `.npz` file in one step: a reader sees the old file or the new."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(f"{path} is not a file, and is not replaced by one")
    temporary = f"{os.path.realpath(path)}.tmp"
    with zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asarray(array))
    with open(temporary, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(temporary, os.path.realpath(path))


def read_arrays(path: str, damage: type[ValueError]) -> Arrays:
    """The arrays of an `.npz` file, or the error `damage` if it can't be read."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except FileNotFoundError:
        raise
    except Exception as error:  # Damage can be to any part of it.
        raise damage(f"{path} is no .npz file, or it is damaged: {error}") from error


def check_arrays(found: Arrays, expected: dict[str, Any], path: str) -> None:
    """Raise `CheckpointError` unless these are of the dtypes and shapes expected."""
    there = {name: (str(array.dtype), array.shape) for name, array in found.items()}
    for name in [*expected, *there]:
        if there.get(name) != expected.get(name):
            here, other = expected.get(name, "unknown"), there.get(name, "missing")
            what = f"{name!r} is {here} here and {other} there"
            raise CheckpointError(f"{path} belongs to another model: {what}")


def load_parameters(path: str) -> Arrays:
    """The parameters in a file of `--out`, or in a checkpoint."""
    found = read_arrays(path, CheckpointError)
    parameters = {name: array for name, array in found.items() if "/" not in name}
    check_arrays(parameters, PARAMETERS, path)
    return parameters


# end
