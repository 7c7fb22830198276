"""The command that writes a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ..errors import OptionError
from ..harness.files import say
from ..ir.graph import Graph
from ..pages.page import check_path
from ..pages.page import page as write_page
from ..pages.recording import Recording
from ..viz.drawing import named_outputs
from .command import COLUMNS, DATA, Command, check_paths, load, on_model, working
from .data import read_columns, rows_of_data


@click.command(cls=Command)
@on_model
@click.option(
    "-o", "--output", type=click.Path(), help="Default: MODEL's name with .html."
)
@click.option("--data", type=DATA, help="Show values for the first rows of it.")
@COLUMNS
@click.option("--rows", type=click.IntRange(1), default=4, show_default=True)
@click.option(
    "--epochs",
    type=click.IntRange(1),
    help="Train on --data first, and record it for the page.",
)
@click.option("--dev", type=DATA, help="Rows to evaluate on while training.")
@click.option("--batch-size", default=32, show_default=True)
@click.option("--times", is_flag=True, help="Measure each line of the code.")
def page(
    model: str,
    name: str | None,
    output: str | None,
    data: str | None,
    columns: Sequence[str],
    rows: int,
    epochs: int | None,
    dev: str | None,
    batch_size: int,
    times: bool,
) -> None:
    """Write one interactive page of a model: graph, gradients, derivation and code.

    The page is a single file of HTML, which a browser opens without a network. With
    --data the values and the gradients for the first rows are on it, with --epochs a
    recorded training, too.
    """
    file = load(model)
    target = file.target(name)
    path = output or f"{Path(model).stem}.html"
    check_path(path)
    check_paths([path], [model, data, dev])
    feeds, recording = None, None
    if data is not None:
        graph = Graph(tuple(node for _, node in named_outputs(target, "page")))
        feeds = rows_of_data(file, name, graph, data, columns, rows)
    if epochs is not None:
        trainer = file.trainer(name)
        if data is None or feeds is None:
            raise OptionError("--epochs needs --data to train on")
        recording = Recording(feeds)
        trainer.fit(
            read_columns(trainer, data, columns),
            None if dev is None else read_columns(trainer, dev, columns),
            epochs=epochs,
            batch_size=batch_size,
            callbacks=[recording],
        )
    with working("writing the page"):
        write_page(target, path, feeds=feeds, recording=recording, times=times)
    say(f"wrote {path}")
