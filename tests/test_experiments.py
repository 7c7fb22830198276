"""The experiments run, show what they are about, and stand in docs/experiments.md.

Quick runs, on tiny data, must already show what an experiment claims; the committed
numbers must too, and docs/experiments.md must have them.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "examples" / "experiments"
IMAGES = ROOT / "docs" / "images"
PAGE = ROOT / "docs" / "experiments.md"
EXPERIMENTS = sorted(
    path.stem for path in FOLDER.glob("*.py") if path.stem not in ("support", "table")
)

pytest.importorskip("matplotlib", reason="the pictures need matplotlib")


def mnist_folder() -> Path | None:
    """A folder with MNIST's files, if this machine has one."""
    named = os.environ.get("GRAPHC_MNIST")
    candidates = [Path(named)] if named else []
    candidates += [ROOT / "data" / "mnist", ROOT.parent / "shared" / "data" / "mnist"]
    return next((folder for folder in candidates if folder.is_dir()), None)


def start(name: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("GRAPHC_MNIST", None)
    return subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py"), *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        env=environment,
    )


def quick(name: str, folder: Path, *arguments: object) -> list[dict[str, Any]]:
    """The rows of a quick run."""
    done = start(name, "--quick", "--out", ".", *arguments, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / f"{name}.png").stat().st_size > 3000
    record = json.loads((folder / f"{name}.json").read_text("utf-8"))
    assert record["quick"]
    return record["rows"]


def committed(name: str) -> list[dict[str, Any]]:
    """The rows that docs/experiments.md shows."""
    record = json.loads((IMAGES / f"{name}.json").read_text("utf-8"))
    assert not record["quick"]
    return record["rows"]


def by(column: str, rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row[column]: row for row in rows}


# What each experiment shows; of its quick run and of the committed one


def check_gradients(rows: list[dict[str, Any]]) -> None:
    ratios = {(row["activation"], row["start"]): row["ratio"] for row in rows}
    assert len(ratios) == 12
    assert ratios["sigmoid", "Glorot"] < 1e-2
    assert ratios["sigmoid", "naive, σ = 0.01"] < 1e-6
    assert 0.1 < ratios["tanh", "Glorot"] < 10
    assert 0.1 < ratios["relu", "He"] < 10
    norms = {(row["activation"], row["start"]): row["first_layer"] for row in rows}
    assert norms["relu", "naive, σ = 1"] > 1e3 * norms["relu", "He"]


def test_sigmoid_gradients_vanish(tmp_path):
    check_gradients(quick("vanishing_gradients", tmp_path))
    check_gradients(committed("vanishing_gradients"))


def check_memory(rows: list[dict[str, Any]]) -> None:
    found = by("trained_on", rows)
    for row in found.values():
        assert row["train_accuracy"] == pytest.approx(100, abs=1e-3)
    assert found["true labels"]["dev_accuracy"] > 80
    for kind in ("random labels", "random pixels"):
        assert found[kind]["dev_accuracy"] < 20
        assert found[kind]["first_epoch_at_100"] is not None


@pytest.mark.slow
def test_noise_is_memorised(tmp_path):
    check_memory(quick("memorising_noise", tmp_path))
    check_memory(committed("memorising_noise"))


@pytest.mark.slow
def test_regularisation(tmp_path):
    assert len(quick("regularisation", tmp_path)) == 4
    found = by("regularisation", committed("regularisation"))
    without = found.pop("neither")
    # It overfits: the loss on dev has long risen, and every remedy ends lower.
    assert without["dev_loss"] > 1.2 * without["least_dev_loss"]
    for row in found.values():
        assert row["dev_loss"] < without["dev_loss"]
        assert row["dev_accuracy"] > without["dev_accuracy"]


def check_decay(rows: list[dict[str, Any]]) -> None:
    sgd, adam, adamw = (row["largest_difference"] for row in rows)
    assert sgd < 1e-12
    assert adam > 1e-2
    assert adamw < 1e-12


def test_coupled_and_decoupled_weight_decay(tmp_path):
    check_decay(quick("weight_decay", tmp_path))
    check_decay(committed("weight_decay"))


@pytest.mark.slow
def test_optimizers(tmp_path):
    for row in quick("optimizers", tmp_path):
        assert row["loss_in_training"] < 2.25, row["optimizer"]
    rows = committed("optimizers")
    assert len(rows) == 20
    for row in rows:
        assert row["loss_in_training"] < 0.1, row["optimizer"]
        assert row["dev_accuracy"] > 90, row["optimizer"]


@pytest.mark.slow
def test_optimizer_paths(tmp_path):
    quick("optimizers", tmp_path)
    assert (tmp_path / "optimizer_paths.png").exists()
    found = by("function", committed("optimizer_paths"))
    assert set(found) == {"Rosenbrock", "Beale", "quadratic"}
    for row in found.values():
        # Momentum and Adam arrive sooner than plain gradient descent, or as good as.
        assert row["Adam"] < max(row["SGD"], 1e-9)
        assert row["momentum"] < max(row["SGD"], 1e-9)


@pytest.mark.slow
def test_step_sizes(tmp_path):
    assert len(quick("step_sizes", tmp_path)) == 10
    found = by("schedule", committed("step_sizes"))
    constant = found.pop("constant")
    for row in found.values():
        assert row["loss_in_training"] < constant["loss_in_training"]
        assert row["last_step_size"] < constant["last_step_size"]


@pytest.mark.parametrize(
    "which", [pytest.param("quick", marks=pytest.mark.slow), "committed"]
)
def test_sampling_without_replacement_comes_closer(which, tmp_path):
    rows = quick("sampling", tmp_path) if which == "quick" else committed("sampling")
    found = by("sampling", rows)
    shuffled = found["without: a new order each epoch"]["excess_loss"]
    drawn = found["with replacement"]["excess_loss"]
    assert 0 < shuffled < (drawn if which == "quick" else drawn / 3)


def test_depth():
    """Within 0.7 points of what was reported, or better, for every depth."""
    rows = committed("depth")
    assert [row["hidden_layers"] for row in rows] == [0, 1, 2, 3, 4]
    assert rows[0]["test_accuracy"] > 88
    for row in rows[1:]:
        assert row["test_accuracy"] >= row["reported"] - 0.7


@pytest.mark.slow
def test_depth_runs(tmp_path):
    folder = mnist_folder()
    if folder is None:
        pytest.skip("no folder with MNIST: name one in GRAPHC_MNIST")
    rows = quick("depth", tmp_path, "--mnist", folder.resolve())
    assert len(rows) == 5
    assert rows[1]["test_accuracy"] > 70


@pytest.mark.slow
def test_depth_reaches_what_it_says(tmp_path):
    folder = mnist_folder()
    if folder is None:
        pytest.skip("no folder with MNIST: name one in GRAPHC_MNIST")
    done = start("depth", "--mnist", folder.resolve(), "--out", ".", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "depth.json").read_text("utf-8"))["rows"]
    for row in rows[1:]:
        assert row["test_accuracy"] >= row["reported"] - 0.7


def test_depth_says_what_it_needs(tmp_path):
    done = start("depth", "--quick", cwd=tmp_path)
    assert done.returncode != 0
    assert "--mnist FOLDER" in done.stderr


def test_without_matplotlib_it_says_what_to_install(tmp_path):
    blocked = tmp_path / "matplotlib.py"
    blocked.write_text("raise ImportError('no matplotlib here')\n")
    done = subprocess.run(
        [sys.executable, "-c", "import support; support.pyplot()"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (tmp_path, FOLDER)))},
    )
    assert done.returncode != 0
    assert "pip install matplotlib" in done.stderr


# The page


def test_the_page_has_the_numbers():
    spec = importlib.util.spec_from_file_location("table", FOLDER / "table.py")
    assert spec is not None
    assert spec.loader is not None
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    for path in table.PAGES:
        page = path.read_text("utf-8")
        assert table.written(page) == page, "python examples/experiments/table.py"


def test_the_page_has_every_experiment():
    page = PAGE.read_text("utf-8")
    shown = set(re.findall(r"<!-- results: (\w+) -->", page))
    assert shown == {*EXPERIMENTS, "optimizer_paths"}
    for name in shown:
        assert f"(images/{name}.png)" in page
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for name in EXPERIMENTS:
        assert re.search(rf"\b{name}\b", makefile), name


def test_pictures_are_small():
    for path in IMAGES.iterdir():
        assert path.stat().st_size < 150_000, path.name
