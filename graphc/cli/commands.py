"""The commands."""

from __future__ import annotations

import functools
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ..errors import NonFiniteError, OptionError
from ..explanation.explain import explain as tell
from ..harness.files import say
from ..ir.graph import Graph
from ..program.plan import RunStyle, Style
from ..runtime.check_gradients import check_gradients
from ..runtime.compiler import compile_nodes
from ..training import verification
from ..training.trained import Part
from ..training.trainer import Trainer
from ..version import __version__
from ..viz.drawing import named_outputs
from ..viz.drawing import render as draw
from ..viz.report import report
from .command import (
    COLUMNS,
    DATA,
    EDITED,
    FAILED,
    INTERRUPTED,
    Command,
    Failure,
    check_paths,
    load,
    on_model,
    working,
)
from .data import (
    limited_threads,
    read_columns,
    rows_for_loss,
    rows_of_data,
    start_from,
    write_predictions,
)
from .emission import write_function, write_program
from .mathematics import mathematics
from .pages import page


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status.

    0 is success; 1 gradients that are wrong or a loss that is not finite; 2 bad
    arguments, models, data or files; 130 an interrupt, 143 and 129 SIGTERM and SIGHUP.

    >>> main(["--version"])
    graphc 0.1.0
    0
    """
    arguments = None if argv is None else list(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # A console may lack a letter.
            stream.reconfigure(errors="backslashreplace")
    try:
        result = cli.main(arguments, prog_name="graphc", standalone_mode=False)
    except Failure as error:
        error.show()
        return error.status
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("graphc: interrupted", err=True)
        return INTERRUPTED
    return result if isinstance(result, int) else 0


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Compile computation graphs to NumPy programs.

    MODEL is a Python file that defines a gc.Trainer (the variable `trainer`, or the
    only one in the file) or nodes. It is executed, but not as __main__.
    """


cli.add_command(page)

_STYLE = click.Choice(["readable", "fast", "native"])
_RUN_STYLE = click.Choice(["readable", "fast", "native", "auto"])
_NPZ = click.Path(exists=True, dir_okay=False)
_LEVEL = click.option(
    "--level",
    type=click.Choice(["block", "primitive"]),
    default="block",
    show_default=True,
)


@cli.command(cls=Command)
@on_model
@click.option(
    "--data",
    type=DATA,
    help="Rows to train on: .npz, .csv, or a folder of .npy or IDX files.",
)
@click.option("--dev", type=DATA, help="Rows that decide which epoch is the best.")
@click.option("--test", type=DATA, help="Rows to evaluate on when training is over.")
@COLUMNS
@click.option("--threads", type=int, help="How many compute a matrix product.")
@click.option("--epochs", default=20, show_default=True)
@click.option("--batch-size", default=32, show_default=True)
@click.option("--init", type=_NPZ, help="Start from parameters that --out wrote.")
@click.option("--seed", type=int, help="Default: the trainer's.")
@click.option("--best", metavar="SCORE", help="What decides, as in 'max accuracy'.")
@click.option("--patience", type=int, help="Evaluations without a better dev score.")
@click.option("--evaluations-per-epoch", default=1, show_default=True)
@click.option("--out", type=click.Path(), help="Write the best parameters here (.npz).")
@click.option("--checkpoint", type=click.Path(), help="Default: beside --out.")
@click.option(
    "--checkpoint-every",
    type=float,
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Between two checkpoints; 0 for all evaluations.",
)
@click.option("--drop-last", is_flag=True, help="Leave out a smaller last batch.")
@click.option("--resume", is_flag=True, help="Go on where the checkpoint stopped.")
@click.option(
    "--predict",
    type=DATA,
    help="Write the outputs for these rows to --out, and do not train.",
)
@click.option("--style", type=_RUN_STYLE, help="Of the program that runs.")
def train(
    model: str,
    name: str | None,
    data: str | None,
    dev: str | None,
    test: str | None,
    columns: Sequence[str],
    threads: int | None,
    init: str | None,
    seed: int | None,
    out: str | None,
    checkpoint: str | None,
    resume: bool,
    predict: str | None,
    style: RunStyle | None,
    **options: Any,
) -> int:
    """Train a model on arrays in files, or predict with it.

    The options are those of the emitted program, and so are the parameters that --out
    writes, bit for bit in the same style.
    """
    trainer = load(model).trainer(name)
    if seed is not None or style is not None:
        trainer = trainer.restarted(seed=seed, style=style)
    if predict is not None:
        if data is not None or init is None or out is None:
            raise OptionError("--predict needs --init and --out, and no --data")
        check_paths([out], [model, predict, init])
        with limited_threads(trainer, threads):
            write_predictions(trainer, predict, columns, init, out)
        return 0
    if data is None:
        raise click.UsageError("--data is required to train")
    if out is not None and checkpoint is None:
        checkpoint = os.path.splitext(out)[0] + ".checkpoint.npz"
    check_paths([out, checkpoint], [model, data, dev, test, init])
    if out is not None:
        trainer.module.check_writable(out)
    resumed = resume and os.path.exists(checkpoint or "")
    if resume and not resumed:
        if checkpoint is None:
            raise OptionError("--resume needs --out or --checkpoint")
        say(f"no {checkpoint} yet: starting from the beginning", error=True)

    def write() -> None:
        if out is not None:
            if not resumed:
                trainer.module.keep_older(out)
            trainer.module.save_parameters(out, dict(trainer.parameters))

    read = functools.partial(read_columns, trainer, columns=columns)
    with (
        trainer.module.catch_signals() as interrupts,
        interrupts.allowed(),
        limited_threads(trainer, threads),
    ):
        if init is not None:
            start_from(trainer, init)
        if test is not None:
            # Now, too, so that data that does not fit is found before training.
            trainer.evaluate(read(test))
        try:
            history = trainer.fit(
                read(data),
                None if dev is None else read(dev),
                checkpoint=checkpoint,
                resume=resume,
                **options,
            )
        except NonFiniteError:
            if trainer.steps:
                write()
            raise
        if out is not None and (trainer.steps or not history.interrupted):
            write()
            say(f"wrote {out}")
        if history.interrupted:
            say("graphc: interrupted", error=True)
            return INTERRUPTED
        if test is not None:
            scores = trainer.evaluate(read(test))
            say("test " + "  ".join(f"{n} {v:#.4g}" for n, v in scores.items()))
    return 0


@cli.command(cls=Command)
@on_model
@click.option("-o", "--output", type=click.Path(), help="Default: standard output.")
@click.option("--style", type=_STYLE, default="readable", show_default=True)
@click.option(
    "--part",
    type=click.Choice(["program", "model", "predict"]),
    default="program",
    show_default=True,
    help="Of a trainer: all, its mathematics with a loop of a page, or inference.",
)
@click.option(
    "--with",
    "include",
    default="checkpoint,check",
    show_default=True,
    metavar="PARTS",
    help="What a program has besides its core: csv,idx,checkpoint,check, or all; and "
    "mpi.",
)
@click.option(
    "--parameters",
    type=_NPZ,
    help="Write these trained parameters (--out, or a checkpoint) into what predicts.",
)
def emit(
    model: str,
    name: str | None,
    output: str | None,
    style: Style,
    part: Part,
    include: str,
    parameters: str | None,
) -> None:
    """Write a standalone program, which needs only NumPy.

    For a trainer it is the whole training program, or a part of it; for nodes it is the
    function that computes them, in evaluation mode.
    """
    target = load(model).target(name)
    output = None if output == "-" else output
    if output is not None:
        check_paths([output], [model, parameters])
    if isinstance(target, Trainer):
        chosen = [word for word in include.split(",") if word]
        write_program(target, output, style, part, chosen, parameters)
    else:
        write_function(target, output, style, parameters)
    if output is not None:
        say(f"wrote {output}")


@cli.command(cls=Command)
@click.argument("program", type=click.Path(exists=True, dir_okay=False))
@on_model
def verify(program: str, model: str, name: str | None) -> int:
    """Tell whether PROGRAM is what MODEL would be emitted as now.

    Exit status 0 if it is current, 1 if it is stale, because the declaration changed,
    and 3 if it was edited; the functions that were are named.
    """
    result = verification.verify(program, load(model).trainer(name))
    say(str(result))
    return {"current": 0, "stale": FAILED, "edited": EDITED}[result.status]


@cli.command(cls=Command)
@on_model
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    help="A .svg, .png, .pdf or .dot file; default: MODEL's name with .svg.",
)
@click.option("--backward", type=click.Choice(["graph", "overlay"]))
@click.option(
    "--level",
    type=click.Choice(["block", "primitive", "neuron"]),
    default="block",
    show_default=True,
)
@click.option("--rankdir", type=click.Choice(["TB", "LR"]), default="TB")
@click.option(
    "--depth",
    type=click.IntRange(0),
    help="Levels of layers that are opened; default: as many as stay legible.",
)
@click.option("--all", "everything", is_flag=True, help="Open all layers.")
@click.option("--data", type=DATA, help="Write values for the first rows of it.")
@COLUMNS
@click.option("--rows", type=click.IntRange(1), default=2, show_default=True)
def render(
    model: str,
    name: str | None,
    output: str | None,
    backward: Any,
    level: Any,
    rankdir: Any,
    depth: int | None,
    everything: bool,
    data: str | None,
    columns: Sequence[str],
    rows: int,
) -> None:
    """Draw a model, its backward pass, or the one over the other.

    --backward graph draws the gradients as a graph of their own, --backward overlay
    draws them flowing back along the edges of the model. With --data the values and
    the gradients for the first rows stand in the drawing.
    """
    file = load(model)
    target = file.target(name)
    path = output or f"{Path(model).stem}.svg"
    check_paths([path], [model, *([data] if data else [])])
    feeds = None
    if data is not None:
        graph = Graph(tuple(node for _, node in named_outputs(target)))
        feeds = rows_of_data(file, name, graph, data, columns, rows)
    with working("drawing"):
        drawing = draw(
            target,
            backward=backward or False,
            level=level,
            feeds=feeds,
            rankdir=rankdir,
            depth="auto" if depth is None and not everything else depth,
        )
        drawing.save(path)
    say(f"wrote {path}")


def _parse_sizes(
    context: click.Context, option: click.Parameter, values: Sequence[str]
) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for value in values:
        name, _, number = value.partition("=")
        if not name.isidentifier() or not number.isdecimal():
            raise click.BadParameter(f"must be NAME=N, got {value!r}")
        if name in ("level", "rules", "target"):
            raise click.BadParameter(f"a size named {name!r} can't be set")
        sizes[name] = int(number)
    return sizes


_BATCH = click.option(
    "--batch", type=click.IntRange(0), help="The same as --size batch=N."
)
_SIZES = click.option(
    "--size",
    "sizes",
    multiple=True,
    metavar="NAME=N",
    callback=_parse_sizes,
    help="The value of a named size; may be repeated.",
)


@cli.command(cls=Command)
@on_model
@_BATCH
@_SIZES
@_LEVEL
@click.option("--formula", is_flag=True, help="Print the formulas of the values.")
@click.option("--derivation", is_flag=True, help="Print how gradients follow.")
@click.option(
    "--depth", type=click.IntRange(0), default=1, help="Levels of blocks to open."
)
@click.option("--latex", is_flag=True, help="Print formulas as LaTeX.")
@click.option("--markdown", is_flag=True, help="Print formulas as Markdown.")
def show(
    model: str,
    name: str | None,
    batch: int | None,
    sizes: dict[str, int],
    level: Any,
    formula: bool,
    derivation: bool,
    depth: int,
    latex: bool,
    markdown: bool,
) -> None:
    """Print a table of nodes: shapes, parameters, multiply-adds and bytes.

    Below it, the bytes of the arrays that the compiled program, in fast style, keeps
    allocated: for a trainer those of a training step.

    With --formula or --derivation it prints mathematics in place of the table.
    """
    if formula or derivation:
        language = "latex" if latex else "markdown" if markdown else "text"
        say(mathematics(load(model), name, formula, derivation, depth, language))
        return
    if batch is not None:
        sizes = {**sizes, "batch": batch}
    target = load(model).target(name)
    report(target, level=level, **sizes).print()
    is_trainer = isinstance(target, Trainer)
    footprint = target.footprint if is_trainer else compile_nodes(target).footprint
    what = "a training step" if is_trainer else "the compiled function"
    say(f"bytes that {what} allocates, once: {footprint.total(sizes)}")


@cli.command(cls=Command)
@on_model
@click.option(
    "--rules",
    type=click.Choice(["none", "first", "all"]),
    default="first",
    show_default=True,
    help="Rewrites to show: none, one by each rule, or all that differ.",
)
@click.option(
    "--depth",
    type=click.IntRange(1),
    help="Levels of layers that have rows in the account of memory; all by default.",
)
@_BATCH
@_SIZES
@click.option("--markdown", is_flag=True, help="Print Markdown.")
def explain(
    model: str,
    name: str | None,
    rules: Any,
    depth: int | None,
    batch: int | None,
    sizes: dict[str, int],
    markdown: bool,
) -> None:
    """Tell what each pass of the compiler does to a model, and why it may.

    For a trainer that is its training step, gradients included.
    """
    if batch is not None:
        sizes = {**sizes, "batch": batch}
    target = load(model).target(name)
    with working("explaining"):
        found = tell(target, rules=rules, depth=depth, **sizes)
    say(found.markdown if markdown else str(found))


@cli.command(cls=Command)
@on_model
@click.option("--data", type=DATA, help="Check at these rows, not at random ones.")
@COLUMNS
@click.option("--rows", type=click.IntRange(1), default=8, show_default=True)
@click.option("--directions", type=click.IntRange(1), default=3, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def check(
    model: str,
    name: str | None,
    data: str | None,
    columns: Sequence[str],
    rows: int,
    directions: int,
    seed: int,
) -> int:
    """Check gradients against finite differences, in float64.

    Along random directions in each parameter, and at every node for itself, so that a
    wrong gradient leads to the node whose rule is wrong. Exit status 1 if one is.
    """
    file = load(model)
    loss = file.loss(name)
    feeds = {} if data is None else rows_for_loss(file, name, data, columns, rows)
    with working("checking gradients"):
        result = check_gradients(
            loss, feeds=feeds, rows=rows, directions=directions, seed=seed
        )
    say(str(result))
    return 0 if result.passed else FAILED
