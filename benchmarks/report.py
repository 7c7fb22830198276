"""Measurements as tables, for the terminal and for Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import rich.table

LABELS = {
    "graphc-native": "graphc, native",
    "graphc-fast": "graphc, fast",
    "graphc-readable": "graphc, readable",
    "expert": "NumPy by hand",
    "as-written": "NumPy as written",
    "c": "C by hand",
    "floor": "floor",
    "torch": "PyTorch eager",
    "torch-fused": "PyTorch eager, fused optimizer",
    "torch-compile": "torch.compile",
    "torch-compile-loss": "torch.compile, loss",
    "torch-compile-step": "torch.compile, step",
    "jax": "jax.jit",
    "numba": "Numba by hand",
    "pytensor": "PyTensor",
    "casadi": "CasADi",
    "autograd": "autograd",
}
# What graphc is compared with; the others are graphc, or yardsticks.
FRAMEWORKS = tuple(LABELS)[7:]
OURS = "graphc-native"
"""The style whose time others are divided by."""

IMPORTS = {
    "numpy": "NumPy",
    "emitted": "an emitted program",
    "graphc": "graphc",
    "jax": "JAX",
    "torch": "PyTorch",
    "pytensor": "PyTensor",
    "casadi": "CasADi",
    "autograd": "autograd",
}


@dataclass
class Table:
    """A table: the first column is text, the others are numbers.

    Attributes:
        title: what stands above it.
        columns: headings.
        rows: cells, as text.
        notes: sentences below it.
    """

    title: str
    columns: Sequence[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """The table under a heading."""
        lines = [f"### {self.title}", ""]
        lines.append("| " + " | ".join(self.columns) + " |")
        lines.append("| --- |" + " ---: |" * (len(self.columns) - 1))
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        for note in self.notes:
            lines += ["", note]
        return "\n".join(lines) + "\n"

    def rich(self) -> rich.table.Table:
        """The table for the terminal."""
        table = rich.table.Table(title=self.title, caption="\n".join(self.notes))
        for position, column in enumerate(self.columns):
            table.add_column(column, justify="right" if position else "left")
        for row in self.rows:
            table.add_row(*row)
        return table


def seconds_text(seconds: float) -> str:
    """A duration with three digits and a unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size * 0.9995:
            return f"{_digits(seconds / size)} {unit}"
    return f"{_digits(seconds * 1e9)} ns"


def bytes_text(count: float) -> str:
    """A size with three digits, in binary units."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20)):
        if count >= size:
            return f"{_digits(count / size)} {unit}"
    return f"{_digits(count / 2**10)} KiB"


def ratio_text(ratio: float | None) -> str:
    """A ratio with three digits; a dash for None."""
    return "–" if ratio is None else _digits(ratio)


def _digits(value: float) -> str:
    """Three digits, and all of those before the point."""
    return f"{value:.0f}" if value >= 99.95 else f"{value:#.3g}"


def ratio(outcome: Mapping[str, Any], upper: str, lower: str) -> float | None:
    """The median over rounds of one peer's time over another's in the same round."""
    timings = outcome["timings"]
    if upper not in timings or lower not in timings:
        return None
    pairs = zip(timings[upper]["seconds"], timings[lower]["seconds"], strict=True)
    return statistics.median(a / b for a, b in pairs)


def outcome_table(title: str, outcome: Mapping[str, Any]) -> Table:
    """All peers of one workload, the fastest first."""
    medians = {
        peer: statistics.median(timing["seconds"])
        for peer, timing in outcome["timings"].items()
    }
    rows = []
    for peer in sorted(medians, key=medians.__getitem__):
        timing = outcome["timings"][peer]
        low, _, high = quartiles(timing["seconds"])
        rows.append(
            [
                LABELS[peer],
                seconds_text(medians[peer]),
                f"{seconds_text(low)} – {seconds_text(high)}",
                ratio_text(ratio(outcome, peer, OURS)),
                ratio_text(ratio(outcome, peer, "floor")),
                f"{statistics.median(timing['cores']):.2f}",
            ]
        )
    notes = [f"{LABELS[peer]}: {why}." for peer, why in outcome["notes"].items()]
    for peer, (count, total) in outcome["denormals"].items():
        if count:
            notes.append(
                f"{LABELS[peer]}: {count:,} of {total:,} numbers are denormal."
            )
    columns = ("", "a step", "quartiles", "÷ native", "÷ floor", "cores used")
    return Table(title, columns, rows, notes)


def summary_table(title: str, outcomes: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row for each workload: native style, and others' times divided by its."""
    rows = []
    for name, outcome in outcomes.items():
        peers = {peer: ratio(outcome, peer, OURS) for peer in LABELS}
        known = {p: r for p in FRAMEWORKS if (r := peers[p]) is not None}
        best = min(known, key=known.__getitem__) if known else None
        timing = outcome["timings"].get(OURS)
        rows.append(
            [
                name,
                seconds_text(statistics.median(timing["seconds"])) if timing else "–",
                ratio_text(ratio(outcome, OURS, "floor")),
                ratio_text(peers["c"]),
                ratio_text(peers["graphc-fast"]),
                ratio_text(peers["expert"]),
                ratio_text(peers["jax"]),
                ratio_text(peers["torch"]),
                f"{ratio_text(known[best])} ({LABELS[best]})" if best else "–",
            ]
        )
    columns = (
        "",
        "native",
        "native ÷ floor",
        "C by hand ÷ native",
        "fast ÷ native",
        "NumPy by hand ÷ native",
        "jax.jit ÷ native",
        "PyTorch eager ÷ native",
        "best peer ÷ native",
    )
    return Table(title, columns, rows)


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """The quartiles; of a single value, itself."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def first_call_table(results: Mapping[str, Mapping[str, float | str]]) -> Table:
    """Seconds of the first call by peer and length of the chain."""
    lengths = list(dict.fromkeys(n for cells in results.values() for n in cells))
    rows, notes = [], []
    for peer, cells in results.items():
        row = [LABELS[peer]]
        for length in lengths:
            cell = cells.get(length, "–")
            if isinstance(cell, float):
                row.append(seconds_text(cell))
            elif cell.startswith("over "):
                row.append(cell)
            else:
                row.append("failed")
                notes.append(f"{LABELS[peer]}, {int(length):,} operations: {cell}.")
        rows.append(row)
    columns = ["", *(f"{int(length):,} operations" for length in lengths)]
    return Table("The first call", columns, rows, notes)


def imports_table(
    seconds: Mapping[str, Sequence[float]], notes: Mapping[str, str]
) -> Table:
    """How long imports take, and by how much longer than that of NumPy."""
    rows = []
    for name, values in seconds.items():
        low, middle, high = quartiles(values)
        relative = statistics.median(
            a / b for a, b in zip(values, seconds["numpy"], strict=True)
        )
        spread = f"{seconds_text(low)} – {seconds_text(high)}"
        rows.append([IMPORTS[name], seconds_text(middle), spread, ratio_text(relative)])
    sentences = [f"{IMPORTS[name]}: {why}." for name, why in notes.items()]
    return Table("Imports", ("", "import", "quartiles", "÷ NumPy"), rows, sentences)


def memory_table(title: str, results: Mapping[str, Sequence[int] | str]) -> Table:
    """What a process grows by, the smallest first."""
    measured = {p: cell for p, cell in results.items() if not isinstance(cell, str)}
    graphc = measured.get(OURS)
    rows = []
    for peer in sorted(measured, key=lambda peer: measured[peer][0]):
        at_most, warm = measured[peer]
        relative = ratio_text(at_most / graphc[0]) if graphc else "–"
        rows.append([LABELS[peer], bytes_text(at_most), bytes_text(warm), relative])
    notes = [
        f"{LABELS[peer]}: {cell}."
        for peer, cell in results.items()
        if isinstance(cell, str)
    ]
    columns = ("", "at most", "once warm", "÷ native")
    return Table(title, columns, rows, notes)


def scaling_table(
    title: str,
    seconds: Mapping[str, Mapping[str, Sequence[float]]],
    notes: Mapping[str, str],
) -> Table:
    """A step of one process and of several, and how well they share the work."""
    rows = []
    for peer, found in seconds.items():
        one, strong, weak = (
            statistics.median(found[k]) for k in ("1", "strong", "weak")
        )
        times = [seconds_text(value) for value in (one, strong, weak)]
        rows.append([LABELS[peer], *times, f"{one / strong:.2f}", f"{one / weak:.2f}"])
    sentences = [f"{LABELS[peer]}: {why}." for peer, why in notes.items()]
    columns = ("", "one", "strong", "weak", "speed-up", "weak efficiency")
    return Table(title, columns, rows, sentences)
