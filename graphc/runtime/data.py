"""Data sets as users bring them: a mapping of arrays, or the path of an `.npz` file.

Only what is before an array is settled here (whose array is it, can the file be read);
whether arrays fit the inputs is checked by the emitted program, in one place for both.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from ..errors import DataError
from ..ir.node import Node

__all__ = ["Data", "load_npz", "named_arrays"]

Data: TypeAlias = Mapping[Any, Any] | str | os.PathLike[str]
"""Arrays by input or by its name, or the path of an `.npz` file."""


def named_arrays(data: Data, label: str) -> dict[str, Any]:
    """The arrays of a data set by name.

    Args:
        data: arrays by input or by its name, or the path of an `.npz` file.
        label: what the data is, for errors: `"train"`.

    Raises:
        DataError: it is neither, an array is given twice, or the file is damaged.
        OSError: the file can't be read.
    """
    if isinstance(data, str | os.PathLike):
        return load_npz(data)
    if not isinstance(data, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise DataError(
            f"{label} must map input names to arrays, got {type(data).__name__}",
            hint='{"x": images, "y": labels}, or the path of an .npz file',
        )
    named: dict[str, Any] = {}
    for key, value in data.items():
        name = key.name if isinstance(key, Node) else key
        if not isinstance(name, str):
            raise DataError(f"{label} has a key that names no input: {key!r}")
        if name in named:
            raise DataError(f"{label} has two arrays for {name!r}")
        named[name] = value
    return named


def load_npz(path: str | os.PathLike[str]) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of an `.npz` file by name; nothing in it is executed.

    Raises:
        DataError: the file is damaged or of another kind.
        OSError: the file can't be read.
    """
    with open(path, "rb") as file:
        if not zipfile.is_zipfile(file):
            raise DataError(f"{os.fspath(path)} is no .npz file, or it is cut short")
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as e:
            raise DataError(f"{os.fspath(path)} is damaged: {e}") from None
