"""The page of results, RESULTS.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .report import (
    Table,
    first_call_table,
    imports_table,
    memory_table,
    outcome_table,
    scaling_table,
    summary_table,
)
from .workloads import TIMED

INTRODUCTION = """\
# Results

Written by `make bench`; [README.md](README.md) says what is measured and how. Numbers
hold for this machine and these versions:
"""

TIMED_TEXT = """\
A time is the median over rounds, in each of which every peer ran a short block of
steps, in changing order; ratios are medians of the ratios in each round. Where the time
of another is divided by that of graphc, more than one means that graphc is faster. The
floor runs only the matrix products of a step, and moves each array that must be moved
once. *Cores used* is processor time over elapsed time: less than one means that
something else ran on the machine.
"""

FIRST_CALL_TEXT = """\
To declare, differentiate nothing, optimise, compile and run a chain of elementwise
operations on 1,000 numbers, with the imports and the compiler's own start done before.
"""

IMPORTS_TEXT = """\
In a new process each, with compiled bytecode. *An emitted program* is what graphc
writes for 784-30-10; it imports NumPy and the standard library.
"""

MEMORY_TEXT = """\
The growth of a process's resident memory over 20 training steps, from when libraries
and data are there. *Once warm* counts the next 20 steps only. Compilers and the code of
libraries that is first used here count, too.
"""

SCALING_TEXT = """\
A step by one process, and by a process for each core: *strong* scaling shares the rows
of one batch, *weak* scaling gives as many rows to each. graphc's ranks are started by
`mpiexec`, PyTorch's by `torchrun`, with gloo; each has one thread.
"""


def results_page(results: Mapping[str, Any]) -> str:
    """All results as Markdown, from what `python -m benchmarks` collects."""
    parts = [INTRODUCTION]
    facts = results["machine"]
    lines = ["| | |", "| --- | --- |"]
    lines += [f"| {name} | {value} |" for name, value in facts.items()]
    parts.append("\n".join(lines) + "\n")
    for threads, outcomes in results["timed"].items():
        word = "One thread" if threads == "1" else f"{threads} threads"
        parts += [f"## {word}\n", TIMED_TEXT]
        parts.append(summary_table("Summary", outcomes).markdown())
        for name, outcome in outcomes.items():
            table = outcome_table(TIMED[name].title, outcome)
            table.title = f"{name}: {table.title}"
            parts.append(table.markdown())
    if results["first_calls"]:
        table = first_call_table(results["first_calls"])
        parts += _section(table, FIRST_CALL_TEXT)
    if results["imports"]:
        parts += _section(imports_table(*results["imports"]), IMPORTS_TEXT)
    if results["memory"]:
        parts += ["## Memory\n", MEMORY_TEXT]
        for name, peers in results["memory"].items():
            parts.append(memory_table(TIMED[name].title, peers).markdown())
    if results["scaling"]:
        parts += ["## Several processes\n", SCALING_TEXT]
        for name, found in results["scaling"].items():
            parts.append(scaling_table(TIMED[name].title, *found).markdown())
    return "\n".join(parts)


def _section(table: Table, text: str) -> list[str]:
    """A section with one table, which needs no heading of its own."""
    _, _, body = table.markdown().partition("\n\n")
    return [f"## {table.title}\n", text, body]
