"""Data on the command line, in the forms that emitted programs take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import OptionError
from ..harness.files import say
from ..ir.graph import Graph
from ..runtime.check_gradients import first_rows
from ..training.data import load_npz
from ..training.trainer import Trainer
from .modelfile import ModelFile


def read_columns(trainer: Trainer, path: str, columns: Sequence[str]) -> Any:
    """The data at a path, from the columns that were chosen."""
    if not columns:
        return path
    chosen = _chosen(trainer, columns)
    with trainer.translated():
        return trainer.module.read_data(path, chosen)


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
    """Write the outputs for rows, which need no labels, by the parameters in a file."""
    module = trainer.module
    if not hasattr(module, "predict_rows"):
        raise OptionError(
            "the trainer has no outputs to predict",
            hint='gc.Trainer(..., outputs={"probabilities": ...})',
        )
    module.check_writable(out)
    start_from(trainer, init)
    chosen = _chosen(trainer, columns) if columns else None
    with trainer.translated():
        data = module.load_data(path, chosen, module.PREDICT_INPUTS)
        found = module.predict_rows(dict(trainer.parameters), data)
    module.keep_older(out)
    module.write_arrays(out, found)
    say(f"wrote {out}")


def start_from(trainer: Trainer, path: str) -> None:
    """Copy the parameters of a file, and nothing else of it, into a trainer."""
    with trainer.translated():
        trainer.parameters = trainer.module.load_parameters(path)


def limited_threads(trainer: Trainer, threads: int | None) -> Any:
    """A context in which matrix products use that many threads."""
    with trainer.translated():
        return trainer.module.limited_threads(threads)


def read_arrays(trainer: Trainer, path: str, columns: Sequence[str]) -> dict[str, Any]:
    """The arrays at a path, whatever kinds of files are there."""
    module = trainer.module
    with trainer.translated():
        found: Any = read_columns(trainer, path, columns)
        found = module.read_data(path) if found is path else found
        return {
            name: module.fit_rows(module.read_array(value), module.INPUTS[name][1])
            if isinstance(value, str)
            else value
            for name, value in found.items()
        }


def rows_of_data(
    file: ModelFile,
    name: str | None,
    graph: Graph,
    data: str,
    columns: Sequence[str],
    rows: int,
) -> dict[str, Any]:
    """The first rows of a file for the inputs of a graph in a model file."""
    trainer = file.find_trainer(name)
    arrays = load_npz(data) if trainer is None else read_arrays(trainer, data, columns)
    return first_rows(graph, arrays, rows)


def rows_for_loss(
    file: ModelFile, name: str | None, data: str, columns: Sequence[str], rows: int
) -> dict[str, Any]:
    """The first rows of a file for the inputs of the loss of a model file."""
    trainer = file.find_trainer(name)
    metrics = () if trainer is None else trainer.metric_nodes.values()
    graph = Graph((file.loss(name),))
    # Inputs of metrics alone are not a mistake.
    others = {node.name for node in Graph(tuple(metrics)).inputs}
    others -= {node.name for node in graph.inputs}
    found = rows_of_data(file, name, graph, data, columns, rows)
    return {key: array for key, array in found.items() if key not in others}
