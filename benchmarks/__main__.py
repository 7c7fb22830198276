"""The command line: `python -m benchmarks --help`."""

from __future__ import annotations

import fnmatch
import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from . import first_call, imports, processes
from .document import results_page
from .environment import cores, machine_facts
from .ranks import scaling
from .report import (
    LABELS,
    first_call_table,
    imports_table,
    memory_table,
    outcome_table,
    scaling_table,
    summary_table,
)
from .workloads import EXTRA, TIMED

RESULTS = processes.ROOT / "benchmarks" / "RESULTS.md"
OTHERS = ("first-call", "imports", "memory", "scaling")
MEMORY_WORKLOADS = ("sigmoid-32", "relu-256", "relu-1024")
QUICK_PEERS = ("graphc-native", "graphc-fast", "expert", "floor", "c", "torch", "jax")


def chosen(names: tuple[str, ...]) -> list[str]:
    """The workloads that patterns name; all for no pattern.

    Raises:
        click.BadParameter: a pattern names none.
    """
    everything = [*TIMED, *OTHERS]
    for pattern in names:
        if not fnmatch.filter(everything, pattern):
            raise click.BadParameter(
                f"{pattern!r} names no workload; there are: {', '.join(everything)}"
            )
    patterns = names or ("*",)
    return [n for n in everything if any(fnmatch.fnmatch(n, p) for p in patterns)]


@click.command()
@click.argument("names", nargs=-1, metavar="[WORKLOAD]...")
@click.option(
    "--peer",
    "peers",
    multiple=True,
    type=click.Choice(list(LABELS)),
    help="Only this peer; can be repeated.",
)
@click.option(
    "--threads",
    multiple=True,
    type=click.IntRange(1),
    help="Threads of BLAS and frameworks; can be repeated. By default 1, and then, "
    "without the extra shapes, one for each core.",
)
@click.option("--rounds", type=click.IntRange(1), default=11, show_default=True)
@click.option(
    "--block", default=0.03, show_default=True, help="Seconds of a peer's turn."
)
@click.option(
    "--quick", is_flag=True, help="Few peers and rounds, one thread: two minutes."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the page of results goes. By default benchmarks/RESULTS.md for a whole "
    "run, and nowhere for a part.",
)
def main(
    names: tuple[str, ...],
    peers: tuple[str, ...],
    threads: tuple[int, ...],
    rounds: int,
    block: float,
    quick: bool,
    out: Path | None,
) -> None:
    """Measure graphc and its peers side by side.

    WORKLOADs are names or patterns such as 'gelu-*'; by default all are run.
    """
    console = Console()
    whole = not (names or peers or threads or quick)
    if quick:
        peers, rounds, block = peers or QUICK_PEERS, min(rounds, 5), min(block, 0.01)
    selected = chosen(names)

    def wanted(available: Any) -> list[str]:
        return [peer for peer in available if not peers or peer in peers]

    results: dict[str, Any] = {
        "machine": machine_facts(),
        "settings": {"rounds": rounds, "block": block},
        "timed": {},
        "first_calls": {},
        "imports": [],
        "memory": {},
        "scaling": {},
    }
    for count in threads or ((1,) if quick or cores() == 1 else (1, cores())):
        outcomes = results["timed"][str(count)] = {}
        for name in (name for name in selected if name in TIMED):
            if whole and count > 1 and name in EXTRA:
                continue
            workload = TIMED[name]
            with console.status(f"{name}, threads: {count}"):
                outcomes[name] = processes.timed(
                    name, wanted(workload.peers), count, rounds, block
                )
            title = f"{name}: {workload.title}; threads: {count}"
            console.print(outcome_table(title, outcomes[name]).rich())
        if outcomes:
            console.print(summary_table(f"Threads: {count}", outcomes).rich())
    if "first-call" in selected:
        lengths = first_call.LENGTHS[:3] if quick else first_call.LENGTHS
        with console.status("first calls"):
            results["first_calls"] = processes.first_calls(
                wanted(first_call.PEERS), lengths, 1 if quick else 3, limit=60
            )
        console.print(first_call_table(results["first_calls"]).rich())
    if "imports" in selected:
        with console.status("imports"):
            results["imports"] = imports.measure(3 if quick else 9)
        console.print(imports_table(*results["imports"]).rich())
    if "memory" in selected:
        for name in MEMORY_WORKLOADS[: 1 if quick else None]:
            with console.status(f"memory of {name}"):
                found = processes.memory(name, wanted(TIMED[name].peers))
            results["memory"][name] = found
            title = f"Memory: {TIMED[name].title}"
            console.print(memory_table(title, found).rich())
    if "scaling" in selected:
        for name in scaling.WORKLOADS[: 1 if quick else None]:
            with console.status(f"scaling of {name}"):
                found = scaling.measure(name, wanted(scaling.PEERS), 1 if quick else 3)
            results["scaling"][name] = found
            console.print(scaling_table(TIMED[name].title, *found).rich())
    processes.BUILD.mkdir(parents=True, exist_ok=True)
    raw = processes.BUILD / "results.json"
    raw.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    console.print(f"Every round is in {raw}.")
    out = out or (RESULTS if whole else None)
    if out is not None:
        out.write_text(results_page(results), encoding="utf-8")
        console.print(f"The page is {out}.")


if __name__ == "__main__":
    main()
