"""What the experiments share: a command line, a record, the look of pictures.

An experiment's file keeps to what it is about: the model, the runs, the drawing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import graphc as gc

ROOT = Path(__file__).resolve().parents[2]

Data = dict[str, np.ndarray]


def options(description: str, arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line that all experiments have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="tiny data and few steps: some seconds"
    )
    parser.add_argument(
        "--mnist",
        type=Path,
        default=os.environ.get("GRAPHC_MNIST"),
        metavar="FOLDER",
        help="a folder with MNIST's IDX files (default: $GRAPHC_MNIST)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("build/experiments"),
        metavar="FOLDER",
        help="where the picture and the numbers go (default: %(default)s)",
    )
    return parser.parse_args(arguments)


def need_mnist(folder: Path | None) -> gc.datasets.Split:
    """MNIST from a folder, or an end that says how to name one."""
    if folder is None:
        sys.exit("this experiment needs MNIST: name its folder, --mnist FOLDER")
    return gc.datasets.mnist(folder)


def rows(data: Data, count: int) -> Data:
    """The first rows of a data set."""
    return {name: array[:count] for name, array in data.items()}


def batches(
    data: Data, batch_size: int, epochs: int, seed: int = 0
) -> Iterator[tuple[int, Data]]:
    """Epoch and batch, in random order without replacement: for loops of one's own."""
    rng = np.random.default_rng(seed)
    size = len(data["y"])
    for epoch in range(epochs):
        order = rng.permutation(size)
        for start in range(0, size, batch_size):
            chosen = order[start : start + batch_size]
            yield epoch, {name: array[chosen] for name, array in data.items()}


class Results:
    """What an experiment found: rows of a table, written as JSON next to its picture.

    Args:
        name: of the files.
        data: on what it was measured, in words.
        seeds: of parameters and of the order of rows.
        quick: whether the run was a quick one, whose numbers mean little.
    """

    def __init__(self, name: str, *, data: str, seeds: list[int], quick: bool) -> None:
        self._started = time.perf_counter()
        self.record: dict[str, Any] = {
            "experiment": name,
            "data": data,
            "seeds": seeds,
            "quick": quick,
            "rows": [],
        }

    def add(self, **row: Any) -> None:
        """One row of the table, also printed."""
        self.record["rows"].append({key: _rounded(value) for key, value in row.items()})
        print(
            "  ".join(f"{key.replace('_', ' ')} {_text(v)}" for key, v in row.items())
        )

    def save(self, folder: Path, figure: Any, **more: Any) -> None:
        """Write the picture and the numbers."""
        name = self.record["experiment"]
        folder.mkdir(parents=True, exist_ok=True)
        self.record |= more
        self.record["seconds"] = round(time.perf_counter() - self._started, 1)
        self.record["versions"] = {
            "graphc": gc.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        }
        text = json.dumps(self.record, indent=1, ensure_ascii=False)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        save_picture(figure, folder / f"{name}.png")
        print(f"wrote {folder / name}.png and .json in {self.record['seconds']} s")


def _rounded(value: Any) -> Any:
    number = isinstance(value, float | np.floating)
    return float(f"{float(value):.4g}") if number else value


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


# Pictures


def save_picture(figure: Any, path: Path) -> None:
    """Write a picture in 64 colors, which lines and letters don't need more than."""
    from PIL import Image

    # Neither date nor version, so that the same run gives the same bytes.
    figure.savefig(path, metadata={"Software": None})
    with Image.open(path) as drawn:
        small = drawn.convert("RGB").quantize(64)
    small.save(path, optimize=True)


def pyplot() -> Any:
    """matplotlib.pyplot, which draws to files only, in the style of all pictures."""
    try:
        import matplotlib
    except ImportError:
        sys.exit("the pictures need matplotlib: pip install matplotlib")
    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    from cycler import cycler

    # Colours from dark to light, each with a dash of its own: they are told apart in
    # grayscale and by colour-blind eyes too.
    colors = ["#000000", "#b2182b", "#2166ac", "#e08214", "#5aae61", "#9970ab"]
    dashes = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2))]
    plt.rcParams.update(
        {
            "axes.grid": True,
            "axes.prop_cycle": cycler(color=colors) + cycler(linestyle=dashes),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlesize": "medium",
            "figure.constrained_layout.use": True,
            "figure.dpi": 100,
            "font.size": 9,
            "grid.alpha": 0.35,
            "grid.linewidth": 0.5,
            "legend.fontsize": "small",
            "legend.frameon": False,
            "lines.linewidth": 1.4,
        }
    )
    return plt
