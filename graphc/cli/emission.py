"""Emitted text on the command line: to a file, or as output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from ..errors import OptionError
from ..program.plan import Style
from ..runtime.compiler import compile_nodes
from ..runtime.files import write_atomically
from ..training.data import load_npz
from ..training.trained import Part, in_evaluation_mode, with_values
from ..training.trainer import Trainer
from .data import start_from


def write_program(
    trainer: Trainer,
    output: str | None,
    style: Style,
    part: Part,
    include: Sequence[Any],
    parameters: str | None,
) -> None:
    """Write the program of a trainer, or a part of it, to a file or as output."""
    if parameters is not None:
        if part != "predict":
            raise OptionError(
                "--parameters is for nodes and predictions; a training program starts "
                "its own",
                hint="--part predict, or --name of the node to compute",
            )
        start_from(trainer, parameters)
    embed = parameters is not None
    if output is not None:
        trainer.emit(output, style, part, include=include, embed=embed)
        return
    click.echo(
        trainer.emitted(style, part, include, embed=embed).source.encode(), nl=False
    )


def write_function(
    nodes: Any, output: str | None, style: Style, parameters: str | None
) -> None:
    """Write the function that computes nodes, to a file or as output."""
    nodes = in_evaluation_mode(nodes)
    if parameters is not None:
        nodes = with_values(nodes, load_npz(parameters), parameters)
    function = compile_nodes(nodes, style=style)
    if function.parameters:
        click.echo(
            "its parameters are not in the function, which takes them as its first "
            "argument: a dict, as np.load gives it of what training wrote with "
            "--out; --parameters PATH writes them into it",
            err=True,
        )
    if output is not None:
        write_atomically(output, function.source)
        return
    # As in a file, whatever letters the console has.
    click.echo(function.source.encode(), nl=False)
