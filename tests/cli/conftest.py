"""Fixtures of these tests."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.support import MODEL, NODES


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """A working directory with two models and data for the first."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "nodes.py").write_text(NODES)
    for name, rows, seed in (("train", 50, 0), ("dev", 20, 1), ("test", 20, 2)):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((rows, 4)).astype(np.float32)
        np.savez(tmp_path / f"{name}.npz", x=x, y=np.argmax(x[:, :3], axis=1))
    return tmp_path
