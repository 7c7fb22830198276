"""Commands that take a model file, and how their errors reach a person."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from ..errors import GraphcError, NonFiniteError
from ..harness.ranks import end_if_alone, is_first_rank
from ..runtime.files import check_outputs
from .modelfile import MODEL_MODULE, ModelError, ModelFile, load_model

_F = TypeVar("_F", bound=Callable[..., Any])

FAILED, WRONG_USE, EDITED, INTERRUPTED = 1, 2, 3, 130
"""Exit statuses, the same as those of emitted programs."""

DATA = click.Path(exists=True)
COLUMNS = click.option(
    "--columns",
    multiple=True,
    metavar="INPUT=A,B",
    help="The columns of a .csv file that an input is made of.",
)


class Failure(click.ClickException):
    """An error that a person can act on: a message, and no traceback."""

    def __init__(self, message: str, status: int = WRONG_USE) -> None:
        super().__init__(message)
        self.status = status

    def show(self, file: Any = None) -> None:
        """Print the message to the error stream, of several ranks that fail once."""
        end_if_alone(f"error: {self.message}", self.status)
        if is_first_rank():
            click.echo(f"graphc: error: {self.message}", err=True)


class Command(click.Command):
    """A command whose expected errors are shown without a traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let `--columns` take several values, as an emitted program does."""
        spread: list[str] = []
        takes = False
        for argument in args:
            if takes and "=" in argument and spread[-2:-1] == ["--columns"]:
                spread.append("--columns")
            takes = argument == "--columns" or (takes and "=" in argument)
            spread.append(argument)
        return super().parse_args(ctx, spread)

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and make failures of errors that a person can act on."""
        show_traceback = ctx.params.pop("traceback", False)
        try:
            return super().invoke(ctx)
        except (GraphcError, ModelError, OSError) as error:
            # A reader such as `head` that has seen enough is not an error; click knows.
            if show_traceback or isinstance(error, BrokenPipeError):
                raise
            raise _as_failure(error) from error


def _as_failure(error: Exception) -> Failure:
    if isinstance(error, ModelError):
        return Failure(f"the model file raised\n{error}")
    if isinstance(error, GraphcError):
        # Where no line of the user's is on the stack, the nearest one is of click.
        if str(error.location).startswith((_CLICK, "None")):
            error.location = None
        status = FAILED if isinstance(error, NonFiniteError) else WRONG_USE
        return Failure(str(error), status)
    assert isinstance(error, OSError)
    if error.strerror and error.filename is not None:
        return Failure(f"{error.filename}: {error.strerror}")
    return Failure(str(error))


_CLICK = str(Path(click.__file__).parent)


def on_model(function: _F) -> _F:
    """The arguments of all commands: the model file, and how errors are shown."""
    for decorate in (
        click.option("--traceback", is_flag=True, help="Show tracebacks of errors."),
        click.option("--name", metavar="VARIABLE", help="Which variable of MODEL."),
        click.argument("model", type=click.Path(exists=True, dir_okay=False)),
    ):
        function = decorate(function)
    return function


def load(model: str) -> ModelFile:
    """Run a model file, and say on a terminal that it takes its time."""
    with working(f"loading {model}"):
        return load_model(model)


@contextmanager
def working(what: str) -> Generator[None]:
    """Say on a terminal which work takes its time."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(f"{what} ..."):
        yield


def check_paths(outputs: Sequence[str | None], inputs: Sequence[str | None]) -> None:
    """Raise where a file to be written is one that is read, or that Python has read."""
    modules = [
        getattr(module, "__file__", None)
        for name, module in [*sys.modules.items()]
        if not name.startswith(MODEL_MODULE)  # One of them is among the inputs.
    ]
    check_outputs(outputs, [path for path in (*inputs, *modules) if path])
