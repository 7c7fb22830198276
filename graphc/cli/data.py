"""Data on the command line: what emitted programs take, for commands of graphc."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import CheckpointError, DataError, OptionError
from ..harness.files import say
from ..training.trainer import Trainer


def read_columns(trainer: Trainer, path: str, columns: Sequence[str]) -> Any:
    """The data at a path, from the columns that were chosen."""
    if not columns:
        return path
    chosen = _chosen(trainer, columns)
    try:
        return trainer.module.read_data(path, chosen)
    except trainer.module.DataError as error:
        raise DataError(str(error)) from None


def _chosen(trainer: Trainer, columns: Sequence[str]) -> dict[str, list[str]]:
    inputs: list[str] = list(trainer.module.INPUTS)
    chosen: dict[str, list[str]] = {}
    for text in columns:
        name, _, names = text.partition("=")
        if name not in inputs or not names:
            raise OptionError(f"--columns must be INPUT=A,B with {', '.join(inputs)}")
        chosen[name] = names.split(",")
    return chosen


def write_predictions(
    trainer: Trainer, path: str, columns: Sequence[str], init: str, out: str
) -> None:
    """Write what the parameters in a file give for rows, which need no labels."""
    module = trainer.module
    if not hasattr(module, "predict_rows"):
        raise OptionError(
            "the trainer has no outputs to predict",
            hint='gc.Trainer(..., outputs={"probabilities": ...})',
        )
    module.check_writable(out)
    start_from(trainer, init)
    chosen = _chosen(trainer, columns) if columns else None
    try:
        data = module.load_data(path, chosen, module.PREDICT_INPUTS)
        found = module.predict_rows(dict(trainer.parameters), data)
    except module.DataError as error:
        raise DataError(str(error)) from None
    module.keep_older(out)
    module.write_arrays(out, found)
    say(f"wrote {out}")


def start_from(trainer: Trainer, path: str) -> None:
    """Put the parameters of a file, without what else it holds, into a trainer."""
    try:
        trainer.parameters = trainer.module.load_parameters(path)
    except trainer.module.CheckpointError as error:
        raise CheckpointError(str(error)) from None


def limited_threads(trainer: Trainer, threads: int | None) -> Any:
    """Let matrix products use that many threads, as a context."""
    try:
        return trainer.module.limited_threads(threads)
    except trainer.module.OptionError as error:
        raise OptionError(str(error)) from None


def read_arrays(trainer: Trainer, path: str, columns: Sequence[str]) -> dict[str, Any]:
    """The arrays at a path, whatever kinds of files are there."""
    module = trainer.module
    try:
        found: Any = read_columns(trainer, path, columns)
        found = module.read_data(path) if found is path else found
        return {
            name: module.fit_rows(module.read_array(value), module.INPUTS[name][1])
            if isinstance(value, str)
            else value
            for name, value in found.items()
        }
    except module.DataError as error:
        raise DataError(str(error)) from None
