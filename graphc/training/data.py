"""Data sets as users bring them: arrays, frames, files, examples, streams of batches.

Here keys become names of inputs, and paths arrays. The emitted program checks that
arrays fit the inputs, in one place for both.
"""

from __future__ import annotations

import inspect
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias, cast

import numpy as np

from ..errors import DataError, OptionError
from ..harness.files import read_arrays
from ..ir.node import Node
from ..runtime.dataframes import ColumnError, is_frame, plain_array
from ..tensors import TensorError
from .tables import CSV, read_table

Batches: TypeAlias = Iterable[Mapping[Any, Any]] | Iterable[tuple[Any, ...]]


class ByPosition(Protocol):
    """Examples by position."""

    def __len__(self) -> int:
        """The number of examples."""
        ...

    def __getitem__(self, index: int, /) -> Any:
        """An example: arrays by name, or in the order of the inputs."""
        ...


Data: TypeAlias = (
    Mapping[Any, Any]
    | str
    | os.PathLike[str]
    | CSV
    | Batches
    | Callable[[], Batches]
    | Callable[[int], Batches]
    | ByPosition
)
"""Arrays, or paths of files with one, by input or by its name; the path of an `.npz`
or `.csv` file or a folder; a frame of pandas, polars or pyarrow; a stream of batches,
or a function that gives one; or examples, `data[i]` for `i < len(data)`."""


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
                continue
            inputs = self._module.INPUTS
            arrays = _named(batch, name, inputs)
            if number == 1 and _is_example(arrays, inputs):
                raise DataError(
                    f"{name} is one example: its arrays lack the axis of rows",
                    hint="batches of rows; or an object with data[i] and len(data), "
                    "and without __iter__, for examples",
                )
            yield arrays
        if not number or number < (self.steps_per_epoch or 0):
            self._raise_ended(number, epoch)

    def _raise_ended(self, number: int, epoch: int) -> None:
        """Raise where an epoch has no batches, or fewer than it is to have."""
        data, hint = self._data, "one batch or more"
        message = f"{self._label} gave no batch"
        if number:
            message = f"{self._label} gave {number} of {self.steps_per_epoch} batches"
        if epoch:  # That of an evaluation is 0.
            message += f" in epoch {epoch}"
        if not callable(data) and iter(data) is data:
            message += ": an iterator can be passed through once"
            hint = "a list, a data set, or a function that gives an iterator each time"
        raise DataError(message, hint=hint)

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
        return all(isinstance(b, Mapping | tuple | list) or is_frame(b) for b in items)
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


class Examples:
    """A data set of examples as a function from the number of an epoch to its batches.

    An epoch has the examples in the order that it would have the rows of arrays in, so
    that both train alike; each is taken when its batch is made.

    Args:
        module: the program, whose inputs name what examples have in their order.
        data: gives an example for each position: arrays by name, or in order.
        label: the name of the data in errors: `"train"`.
        batches: how it is split into batches.

    Raises:
        DataError: it has no examples, or they are not alike.
    """

    def __init__(self, module: Any, data: Any, label: str, batches: Batching) -> None:
        self._inputs = module.INPUTS
        self._data, self._label, self._batches = data, label, batches
        if not len(data):
            raise DataError(f"{label} has no rows: its length is 0")

    def __call__(self, epoch: int) -> Iterator[dict[str, Any]]:
        """The batches of an epoch, which counts from 1."""
        for places in self._batches.of(len(self._data), epoch):
            examples = [self._example(int(place)) for place in places]
            yield {name: self._stacked(name, places, examples) for name in examples[0]}

    def _example(self, place: int) -> dict[str, Any]:
        label = f"{self._label}: example {place}"
        return _named(self._data[place], label, self._inputs)

    def _stacked(
        self, name: str, places: Sequence[int], examples: Sequence[Mapping[str, Any]]
    ) -> np.ndarray[Any, Any]:
        arrays: list[np.ndarray[Any, Any]] = []
        for place, example in zip(places, examples, strict=True):
            array = np.asarray(example.get(name))
            first = arrays[0] if arrays else array
            if example.keys() != examples[0].keys() or array.shape != first.shape:
                raise DataError(
                    f"{self._label}: examples {places[0]} and {place} differ in the "
                    f"shape of {name!r}, or in what they have",
                    hint="arrays of one shape, padded where they have to be",
                )
            arrays.append(array)
        return np.stack(arrays)


@dataclass(frozen=True)
class Batching:
    """The division of examples into batches, as that of the rows of arrays.

    Args:
        size: of a batch.
        seed: of their order; None for the order that they have.
        drop_last: leave out a last batch that is smaller.
    """

    size: int = 1024
    seed: int | None = None
    drop_last: bool = False

    def of(self, rows: int, epoch: int) -> Iterator[Sequence[int]]:
        """The positions of each batch of an epoch."""
        order = np.arange(rows)
        if self.seed is not None:
            order = np.random.default_rng([self.seed, 2, epoch]).permutation(rows)
        end = rows - rows % self.size if self.drop_last else rows
        for start in range(0, end or rows, self.size):
            yield order[start : start + self.size].tolist()


IN_ORDER = Batching()

_FILES_OF_FRAMES = (".parquet", ".feather", ".arrow")


def _named(data: Any, label: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays of a batch or an example, which may be a tuple in order."""
    if isinstance(data, tuple | list):
        items = cast("Sequence[Any]", data)
        if len(items) != len(inputs):
            raise DataError(
                f"{label} has {len(items)} arrays, and the model takes "
                f"{len(inputs)}, in this order: {', '.join(inputs)}",
                hint="arrays by the names of inputs",
            )
        data = dict(zip(inputs, items, strict=True))
    return named_arrays(data, label, inputs)


def _is_example(arrays: Mapping[str, Any], inputs: Mapping[str, Any]) -> bool:
    """True for arrays that all have an axis less than the inputs."""
    shapes = {name: shape for name, (_, shape, _) in inputs.items()}
    try:
        axes = {name: np.ndim(array) for name, array in arrays.items()}
    except (ValueError, TypeError):
        return False  # What is not an array has an error of its own.
    return all(axes.get(name) == len(shape) - 1 for name, shape in shapes.items())


def _has_examples(data: Any) -> bool:
    """True for examples by position, unless they are an iterable of batches."""
    by_position = hasattr(data, "__getitem__") and hasattr(data, "__len__")
    return by_position and not hasattr(data, "__iter__")


def read_data(
    module: Any,
    data: Data,
    label: str,
    steps: int | None = None,
    batching: Batching = IN_ORDER,
) -> Any:
    """Arrays by name, or the function that gives batches, as a program takes them.

    Args:
        module: the program, which reads files.
        data: the user's data.
        label: the name of the data in errors: `"train"`.
        steps: the number of batches of an epoch, if it is a stream.
        batching: the division of examples into batches.

    Raises:
        OptionError: `steps` for data that is not a stream.
    """
    given: Any = data
    if is_frame(given):
        given = CSV(given)
    whole = isinstance(given, str | os.PathLike | CSV | Mapping) or _has_examples(given)
    if steps is not None and whole:
        raise OptionError(
            "steps_per_epoch is for streams; an epoch of arrays goes once through all "
            f"rows; got {steps!r}",
            hint="batch_size decides how many steps an epoch of arrays has",
        )
    if isinstance(given, str | os.PathLike):
        path = os.fspath(cast("str", given))
        if path.lower().endswith(_FILES_OF_FRAMES):
            raise DataError(
                f"{path} is not an .npz file, a CSV file or a folder",
                hint="a frame: pandas.read_parquet(path), or that of polars",
            )
        return module.read_data(path)
    if isinstance(given, CSV):
        return read_table(module, given, label)
    if _has_examples(given):
        return Examples(module, given, label, batching)
    if not isinstance(given, Mapping) and (callable(given) or _is_stream(given)):
        return BatchStream(module, given, label, steps)
    return named_arrays(given, label, module.INPUTS)


def named_arrays(
    data: Any, label: str, inputs: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """The arrays of a data set by name.

    Args:
        data: arrays by input or by its name, or the path of an `.npz` file.
        label: the name of the data in errors: `"train"`.
        inputs: the inputs of a program, by name; dtypes come first.

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
        if isinstance(value, os.PathLike):
            named[name] = os.fspath(cast("Any", value))
            continue
        dtype = np.dtype(inputs[name][0]) if name in inputs else None
        try:
            named[name] = plain_array(value, dtype)
        except ColumnError as error:
            raise DataError(
                f"{label}: {name!r} requires dtype {dtype}, but {error}",
                hint='gc.CSV(frame, columns={"x": [...]}, classes={"kind": [...]}, '
                'missing="drop") says what is meant',
            ) from None
        except TensorError as error:
            raise DataError(f"{label}: {name!r} is no array: {error}") from None
    return named


def load_npz(path: str | os.PathLike[str]) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of an `.npz` file by name; nothing in it is executed.

    Raises:
        DataError: the file is damaged or of another kind.
        OSError: the file can't be read.
    """
    return read_arrays(os.fspath(path), DataError)
