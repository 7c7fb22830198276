"""One timed workload, in a process whose threads were set before it began."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from .environment import keep_to
from .harness import measure
from .workloads import TIMED


@click.command()
@click.argument("workload", type=click.Choice(list(TIMED)))
@click.option("--peer", "peers", multiple=True, required=True)
@click.option("--rounds", type=int, required=True)
@click.option("--block", type=float, required=True)
@click.option("--cores", type=int, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(
    workload: str,
    peers: tuple[str, ...],
    rounds: int,
    block: float,
    cores: int,
    out: Path,
) -> None:
    """Measure WORKLOAD and write the outcome as JSON."""
    keep_to(cores)
    outcome = measure(TIMED[workload], peers, rounds, block)
    out.write_text(json.dumps(dataclasses.asdict(outcome)), encoding="utf-8")


if __name__ == "__main__":
    main()
