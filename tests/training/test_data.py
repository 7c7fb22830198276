"""Data sets as users bring them."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any, Literal

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


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_rows_are_counted_along_the_axis_of_their_name(
    tmp_path: Path, style: Literal["readable", "fast"]
) -> None:
    """A model of sequences, time first, trains as one that has the rows first."""
    rng = np.random.default_rng(0)
    sequences = rng.normal(size=(13, 5, 2)).astype("float32")
    labels = rng.integers(0, 3, 13)
    trained: list[dict[str, Any]] = []
    for shape, data in (
        (("batch", 5, 2), sequences),
        ((5, "batch", 2), sequences.transpose(1, 0, 2).copy()),
    ):
        x = gc.input("x", shape)
        weight = gc.parameter("weight", (3, 2), init=gc.init.xavier_uniform())
        last = x[:, -1] if shape[0] == "batch" else x[-1]
        scores = gc.tanh(last) @ weight.T
        loss = gc.nn.cross_entropy(scores, gc.input("y", ("batch",), "int64"))
        trainer = gc.Trainer(loss, gc.optim.SGD(0.5), style=style)
        train = {"x": data, "y": labels}
        trainer.fit(train, train, epochs=2, batch_size=4, verbose=False)
        trained.append({"trainer": trainer.parameters["weight"]})
        for part in ("model", "program"):
            trainer.emit(tmp_path / "train.py", style=style, part=part)
            module = runpy.run_path(str(tmp_path / "train.py"), run_name="emitted")
            parameters = module["init_parameters"](0)
            state = module["init_state"](parameters)
            module["fit"](parameters, state, train, train, epochs=2, batch_size=4)
            trained[-1][part] = parameters["weight"]
    for name, value in trained[0].items():
        np.testing.assert_allclose(value, trained[1][name], rtol=1e-5)
    short = {"x": sequences[:7].transpose(1, 0, 2), "y": labels}
    with pytest.raises(DataError, match="'y' has 13 rows, but 'x' has 7"):
        trainer.fit(short, epochs=1)
