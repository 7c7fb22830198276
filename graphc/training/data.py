"""Data sets as users bring them: arrays, files, and streams of batches.

Here keys become names of inputs, and paths arrays. The emitted program checks that
arrays fit the inputs, in one place for both.
"""

from __future__ import annotations

import inspect
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

import numpy as np

from ..errors import DataError, OptionError
from ..harness.files import read_arrays
from ..ir.node import Node
from ..runtime.dataframes import is_frame, plain_array
from .tables import CSV, read_table

Batches: TypeAlias = Iterable[Mapping[Any, Any]]
Data: TypeAlias = (
    Mapping[Any, Any]
    | str
    | os.PathLike[str]
    | CSV
    | Batches
    | Callable[[], Batches]
    | Callable[[int], Batches]
)
"""Arrays, or paths of files with one, by input or by its name; the path of an `.npz`
or `.csv` file or a folder; a pandas DataFrame; or a stream of batches, or a function
that gives one."""


class BatchStream:
    """A stream as a function from the number of an epoch to its batches.

    Args:
        module: the program, for whose inputs columns of frames are found.
        data: an iterable of batches, or a function that gives one.
        label: the name of the data in errors: `"train"`.
        steps: the number of batches of an epoch, which goes on where the last one
            ended; None for all that there are.

    Raises:
        DataError: a batch does not map names to arrays.
    """

    def __init__(
        self, module: Any, data: Any, label: str, steps: int | None = None
    ) -> None:
        self._module, self._data, self._label = module, data, label
        self.steps_per_epoch = steps
        self.first_epoch = 0
        """The number of epochs completed before the run."""
        self._endless: Iterator[Any] = iter(())
        self._taken: int | None = None
        """The number of batches that the run has taken; None before the first."""

    def __call__(self, epoch: int) -> Iterator[dict[str, Any]]:
        """The batches of an epoch, which counts from 1."""
        number = 0
        for number, batch in enumerate(self._batches(epoch), 1):
            name = f"{self._label}: batch {number}"
            if is_frame(batch):
                yield read_table(self._module, CSV(batch), name)
            else:
                yield named_arrays(batch, name)
        data = self._data
        if not number and epoch > 1 and not callable(data) and iter(data) is data:
            raise DataError(
                f"{self._label} is an iterator that ended before epoch {epoch}",
                hint="a function that gives an iterator for every epoch",
            )

    def _batches(self, epoch: int) -> Iterator[Any]:
        steps = self.steps_per_epoch
        if steps is None:
            return self._begin(epoch)
        before = (epoch - 1 - self.first_epoch) * steps
        if self._taken != before:
            # A resumed run takes again, and skips, the batches that it had taken.
            self._endless = self._again_and_again()
            self._taken = sum(1 for _ in itertools.islice(self._endless, before))
        self._taken = before + steps
        return itertools.islice(self._endless, steps)

    def _again_and_again(self) -> Iterator[Any]:
        """All batches, from the start again when they end, if they can be."""
        for number in itertools.count(self.first_epoch + 1):
            batches = self._begin(number)
            empty = True
            for batch in batches:
                empty = False
                yield batch
            if empty:
                return

    def _begin(self, number: int) -> Iterator[Any]:
        data = self._data
        if callable(data):
            function: Any = data
            given = function(number) if _takes_epoch(data) else function()
            if not _is_stream(given):
                raise DataError(
                    f"{self._label}: the function must give batches, that is dicts of "
                    f"arrays by input name, got {type(given).__name__}"
                )
            return iter(given)
        return iter(data)


def _is_stream(data: Any) -> bool:
    """True for an object that batches can be taken from."""
    if isinstance(data, list | tuple):
        items = cast("Sequence[Any]", data)
        return all(isinstance(batch, Mapping) for batch in items)
    return hasattr(data, "__iter__") and not isinstance(data, np.ndarray | Node)


def _takes_epoch(function: Any) -> bool:
    """True for a function with a parameter that must be given."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(
        p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        for p in parameters
    )


def read_data(module: Any, data: Data, label: str, steps: int | None = None) -> Any:
    """Arrays by name, or the function that gives batches, as a program takes them.

    Args:
        module: the program, which reads files.
        data: the user's data.
        label: the name of the data in errors: `"train"`.
        steps: the number of batches of an epoch, if it is a stream.

    Raises:
        OptionError: `steps` for data that is not a stream.
    """
    if is_frame(data):
        data = CSV(data)
    if steps is not None and isinstance(data, str | os.PathLike | CSV | Mapping):
        raise OptionError(
            "steps_per_epoch is for streams; an epoch of arrays goes once through all "
            f"rows; got {steps!r}",
            hint="batch_size decides how many steps an epoch of arrays has",
        )
    if isinstance(data, str | os.PathLike):
        return module.read_data(os.fspath(data))
    if isinstance(data, CSV):
        return read_table(module, data, label)
    if not isinstance(data, Mapping) and (callable(data) or _is_stream(data)):
        return BatchStream(module, data, label, steps)
    return named_arrays(data, label)


def named_arrays(data: Any, label: str) -> dict[str, Any]:
    """The arrays of a data set by name.

    Args:
        data: arrays by input or by its name, or the path of an `.npz` file.
        label: the name of the data in errors: `"train"`.

    Raises:
        DataError: it is neither, an array is given twice, or the file is damaged.
        OSError: the file can't be read.
    """
    if isinstance(data, str | os.PathLike):
        return load_npz(str(cast("Any", data)))
    if not isinstance(data, Mapping):
        raise DataError(
            f"{label} must map input names to arrays, got {type(data).__name__}",
            hint='{"x": images, "y": labels}, or the path of an .npz file',
        )
    named: dict[str, Any] = {}
    for key, value in cast("Mapping[Any, Any]", data).items():
        name = key.name if isinstance(key, Node) else key
        if not isinstance(name, str):
            raise DataError(f"{label} has a key that names no input: {key!r}")
        if name in named:
            raise DataError(f"{label} has two arrays for {name!r}")
        is_path = isinstance(value, os.PathLike)
        named[name] = os.fspath(cast("Any", value)) if is_path else plain_array(value)
    return named


def load_npz(path: str | os.PathLike[str]) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of an `.npz` file by name; nothing in it is executed.

    Raises:
        DataError: the file is damaged or of another kind.
        OSError: the file can't be read.
    """
    return read_arrays(os.fspath(path), DataError)
