"""Data sets as users bring them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DataError
from graphc.training.data import load_npz, named_arrays


def test_arrays_are_found_by_node_and_by_name() -> None:
    x = gc.input("x", ("batch", 2))
    data = np.ones((3, 2))
    assert named_arrays({x: data}, "train") == {"x": data}
    assert named_arrays({"x": data}, "train") == {"x": data}
    with pytest.raises(DataError, match="train has two arrays for 'x'"):
        named_arrays({x: data, "x": data}, "train")


def test_a_path_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=np.arange(3))
    for path in (tmp_path / "data.npz", str(tmp_path / "data.npz")):
        assert named_arrays(path, "train")["x"].tolist() == [0, 1, 2]


def test_what_is_no_data_is_refused() -> None:
    with pytest.raises(DataError, match=r"train must map .* got list"):
        named_arrays([1, 2], "train")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="dev has a key that names no input: 3"):
        named_arrays({3: 1}, "dev")


def test_damaged_files_are_refused_and_nothing_is_executed(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, x=np.array([print], dtype=object))
    with pytest.raises(DataError, match=r"data\.npz .* 'x.npy' holds Python objects"):
        load_npz(path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"data\.npz is no \.npz file"):
        load_npz(path)
    with pytest.raises(FileNotFoundError):
        load_npz(tmp_path / "none.npz")
