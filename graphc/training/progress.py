"""Progress of a run for a person to see: lines; on a terminal a bar and a table."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..harness.files import say
from ..harness.ranks import is_first_rank
from .history import History


@dataclass(frozen=True)
class Reporter:
    """Functions that `fit` calls as training goes on; None is not called."""

    epoch: Callable[[Mapping[str, Any]], None] | None = None
    batch: Callable[[int, int, float], None] | None = None
    """Takes rows done in this epoch, all rows (0 where no one knows), and the loss of
    the batch."""


def say_result(history: History) -> None:
    """Print the end of a run: the parameters it kept, and scores on test."""
    if history.kept:
        say(history.kept)
    if history.test:
        say("test " + "  ".join(f"{k} {v:#.4g}" for k, v in history.test.items()))


@contextmanager
def reporting(
    verbose: bool | None,
    epochs: int,
    describe: Callable[[Mapping[str, Any]], str],
    evaluations: int = 1,
) -> Generator[Reporter]:
    """Report a run of some epochs.

    Args:
        verbose: False for silence, True for a line an epoch, None for a table with a
            progress bar on a terminal and lines elsewhere.
        epochs: how many the run will have at most.
        describe: an epoch's line from its record.
        evaluations: how many records an epoch has.
    """
    if verbose is False or not is_first_rank():
        yield Reporter()
    elif verbose is None and sys.stdout is not None and sys.stdout.isatty():
        with _table(epochs, evaluations) as reporter:
            yield reporter
    else:
        yield Reporter(epoch=lambda record: say(describe(record)))


@contextmanager
def _table(epochs: int, evaluations: int) -> Generator[Reporter]:
    # Imported here because `import graphc` must stay fast.
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.4g}"),
        TimeRemainingColumn(),
        transient=True,
    )
    task = bar.add_task("", total=epochs, epoch=1, epochs=epochs, loss=float("nan"))
    done = 0.0
    encoding = bar.console.encoding
    gone = False
    headings: list[str] = []
    shown = 0.0

    def batch(rows: int, total: int, loss: float) -> None:
        nonlocal shown
        now = time.monotonic()
        # A small batch takes less time than an update of the screen.
        if now - shown > 0.05:
            shown = now
            past = int(done + 1e-6)
            part = rows / total if total else 0.0
            bar.update(task, completed=past + part, loss=loss, epoch=past + 1)

    def epoch(record: Mapping[str, Any]) -> None:
        nonlocal done
        cells = {_heading(k): _cell(k, v) for k, v in record.items() if _is_shown(k)}
        # Some scores are known at the end of an epoch only.
        if new := [name for name in cells if name not in headings]:
            headings.extend(new)
            line = "  ".join(n.rjust(8) for n in headings)
            line = line.encode(encoding, "backslashreplace").decode(encoding)
            bar.console.print(line, style="bold", markup=False)
        done += 1.0 / max(evaluations, 1)
        row = "  ".join(cells.get(n, "").rjust(max(8, len(n))) for n in headings)
        marked = "bold green" if record.get("best") else None
        bar.console.print(row, style=marked, highlight=False)
        bar.update(task, completed=done)

    def unless_gone(function: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: Any) -> None:
            nonlocal gone
            try:
                if not gone:
                    function(*arguments)
            except OSError:  # The terminal was closed.
                gone = True

        return call

    unless_gone(bar.start)()
    try:
        yield Reporter(unless_gone(epoch), unless_gone(batch))
    finally:
        unless_gone(bar.stop)()


def _is_shown(column: str) -> bool:
    return column not in ("step", "part", "best")


def _heading(column: str) -> str:
    return column.replace("_", " ", 1)


def _cell(column: str, value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4g}" if column == "step_size" else f"{value:.4f}"
