"""Files that are either the old ones or the new ones, never half-written."""

from __future__ import annotations

import contextlib
import io
import os
from typing import Any

import numpy as np

from .model import PARAMETERS

# --- imports above, copied into emitted programs below ---

# Files --------------------------------------------------------------------------------
#
# Here and below, modules that NumPy does not import by itself are imported where they
# are used, so that importing this program takes little longer than importing NumPy.

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]


class DataError(ValueError):
    """Data that this model can't take; `input` names the array concerned, if any."""

    def __init__(self, message: str, input: str | None = None) -> None:
        super().__init__(message)
        self.input = input


class CheckpointError(ValueError):
    """A file that is damaged or that belongs to another model or run."""


class OptionError(ValueError):
    """An argument outside the values that a function takes."""


def write_file(path: str, content: bytes) -> None:
    """Put `content` at `path` in one step: a reader sees the old file or the new."""
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:  # A device, which must not be replaced.
            file.write(content)
        return
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    temporary = os.path.join(folder, f".{os.urandom(8).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.remove(temporary)
        if isinstance(error, OSError) and error.errno is not None:
            # The system names the temporary file, of which nobody knows.
            raise OSError(error.errno, error.strerror, path) from error
        raise


def check_writable(path: str) -> None:
    """Raise `OSError` now where writing a file after hours of training would fail."""
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"the folder of {path} does not exist")
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a folder")
    if not os.access(path if os.path.exists(path) else folder, os.W_OK):
        raise PermissionError(f"{path} can't be written")


def write_arrays(path: str, arrays: Arrays) -> None:
    """Write arrays by name as an `.npz` file, in one step."""
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        # Not `np.savez`, for which the name `file` is its own argument.
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asarray(array), allow_pickle=False)
    write_file(path, buffer.getvalue())


def read_arrays(path: str, damage: type[ValueError]) -> Arrays:
    """The arrays of an `.npz` file, or the error `damage` if it can't be read.

    Nothing in the file is executed, and every byte is held against its checksum.
    """
    import zipfile
    import zlib

    damaged = (EOFError, KeyError, MemoryError, ValueError, zipfile.BadZipFile)
    with open(path, "rb") as file:
        if not zipfile.is_zipfile(file):
            raise damage(f"{path} is no .npz file, or it is cut short")
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except (*damaged, zlib.error, NotImplementedError) as error:
            raise damage(f"{path} is damaged: {error}") from None


def save_parameters(path: str, parameters: Arrays) -> None:
    """Write the parameters as an `.npz` file, each under its name."""
    write_arrays(path, parameters)


def load_parameters(path: str) -> Arrays:
    """The parameters in a file of `save_parameters` or `save_checkpoint`."""
    arrays = read_arrays(path, CheckpointError)
    saved = {name: array for name, array in arrays.items() if "/" not in name}
    check_parameters(saved, path)
    return {name: saved[name] for name in PARAMETERS}


def check_parameters(saved: Arrays, path: str) -> None:
    """Raise `CheckpointError` unless these are parameters of this model."""
    here = {name: f"{dtype} {shape}" for name, (dtype, shape) in PARAMETERS.items()}
    there = {name: describe_array(array) for name, array in saved.items()}
    if different := differences(here, there):
        raise CheckpointError(f"{path} belongs to another model: {different}")


def describe_array(array: Array) -> str:
    """The dtype and shape, as in `float32 (64, 32)`."""
    return f"{array.dtype} {array.shape}"


def differences(here: dict[str, str], there: dict[str, str]) -> str:
    """What differs between this model and a file, in words; empty if nothing does."""
    found = [
        f"{name!r} is {here[name]} here and {there[name]} there"
        for name in here
        if name in there and here[name] != there[name]
    ]
    found += [f"{name!r} is missing there" for name in here if name not in there]
    found += [f"{name!r} is unknown here" for name in there if name not in here]
    more = [f"{len(found) - 4} more"] if len(found) > 4 else []
    return "; ".join(found[:4] + more)
