"""Users' own code in a run: called with every record, and able to end it."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..arguments import public
from ..extras import import_extra
from ..harness.ranks import is_first_rank

RecordFunction: TypeAlias = Callable[[Mapping[str, Any]], Any]
"""Called with the record of an evaluation; True ends the run."""


class StopTraining(Exception):
    """Raise this in a callback to end a run after the evaluation it was called for.

    >>> import graphc as gc
    >>> x, w = gc.input("x", ("batch",)), gc.parameter("w", (), 1.0)
    >>> trainer = gc.Trainer(gc.mean(gc.square(w * x)), gc.optim.SGD(0.1))
    >>> def enough(record):
    ...     if record["loss"] < 0.5:
    ...         raise gc.StopTraining
    >>> run = trainer.fit({"x": [1.0]}, epochs=20, callbacks=[enough], verbose=False)
    >>> run[-1]["loss"] < 0.5
    True
    """


class Callback:
    """A base class of objects that are called in a run. Override what you need.

    >>> import graphc as gc
    >>> class UntilGoodEnough(gc.Callback):
    ...     def record(self, record):
    ...         return record["dev_accuracy"] > 0.99
    """

    def __init__(self) -> None:
        """Nothing has to be set up."""

    def start(self, trainer: Any) -> None:
        """Called before the first step."""

    def record(self, record: Mapping[str, Any]) -> bool | None:
        """Called after every evaluation with its record; True ends the run."""

    def end(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Called when the run is over, whatever ended it, with its records."""


class TensorBoard(Callback):
    """Write the numbers of every record as event files that TensorBoard reads.

    Args:
        folder: where to; a run has a folder of its own.

    Raises:
        MissingExtraError: when a run starts, if tensorboardX is not installed.

    >>> import graphc as gc
    >>> gc.TensorBoard("runs/first").folder
    'runs/first'
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = os.fspath(folder)
        self._writer: Any = None

    def start(self, trainer: Any) -> None:
        """See `Callback.start`."""
        if not is_first_rank():
            return
        module = import_extra(
            "tensorboardX",
            "event files are written by tensorboardX",
            "pip install tensorboardX",
        )
        self._writer = module.SummaryWriter(self.folder)

    def record(self, record: Mapping[str, Any]) -> None:
        """See `Callback.record`."""
        if self._writer is None:
            return
        for name, value in record.items():
            if isinstance(value, float):
                part, _, rest = name.partition("_")
                tag = f"{rest}/{part}" if part in ("train", "dev") else name
                tag = "loss/train" if name == "loss" else tag
                self._writer.add_scalar(tag, value, record["step"])
        self._writer.flush()

    def end(self, records: Sequence[Mapping[str, Any]]) -> None:
        """See `Callback.end`."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


@dataclass
class Run:
    """The functions to call in a run, and its records so far."""

    functions: Sequence[RecordFunction]
    records: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])

    def after_evaluation(self, record: Mapping[str, Any]) -> bool:
        """Call all functions, even where one ends the run."""
        self.records.append(record)
        stops = False
        for function in self.functions:
            try:
                stops |= function(record) is True
            except StopTraining:
                stops = True
        return stops


@contextmanager
def running(
    trainer: Any,
    callbacks: Sequence[Callback | RecordFunction],
    functions: Iterable[RecordFunction | None],
) -> Generator[Run]:
    """Start callbacks, give the functions to call after evaluations, and end them."""
    objects = [each for each in callbacks if isinstance(each, Callback)]
    called = [each for each in functions if each is not None]
    called += [c.record if isinstance(c, Callback) else c for c in callbacks]
    run = Run(called)
    started: list[Callback] = []
    try:
        for each in objects:
            started.append(each)
            each.start(trainer)
        yield run
    finally:
        for each in started:
            each.end(run.records)


public(globals(), ["Callback", "StopTraining", "TensorBoard"])
