"""Emitted programs run on older Pythons and NumPys than graphc, and say on which."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from tests.op_cases import applications
from tests.targets.support import load

NEW_IN_NUMPY_2 = {
    *("acos", "acosh", "asin", "asinh", "astype", "atan", "atan2", "atanh"),
    *("bitwise_count", "bitwise_invert", "bitwise_left_shift", "bitwise_right_shift"),
    *("concat", "cumulative_prod", "cumulative_sum", "isdtype", "long", "matrix"),
    *("matrix_transpose", "matvec", "permute_dims", "pow", "strings", "trapezoid"),
    *("ulong", "unique_all", "unique_counts", "unique_inverse", "unique_values"),
    *("unstack", "vecdot", "vecmat"),
}


def model() -> gc.Trainer:
    x, y = gc.input("x", ("batch", 6)), gc.input("y", ("batch",), "int64")
    hidden = gc.nn.Linear(6, 8, name="hidden")(x)
    hidden = gc.nn.GELU()(gc.nn.LayerNorm(8, name="norm")(hidden))
    logits = gc.nn.Linear(8, 3, name="output")(hidden)
    loss = gc.nn.cross_entropy(logits, y) + gc.mean(gc.sum(hidden * hidden, axis=-1))
    metrics = {"accuracy": gc.metrics.accuracy(logits, y)}
    return gc.Trainer(loss, gc.optim.AdamW(0.01), metrics)


def test_no_op_needs_numpy_2() -> None:
    for application in applications():
        node = application.apply(application.nodes("float32"))
        if node.op.numpy is None:
            continue
        form = node.op.allocation_free_form(node)
        texts = [node.op.template(node), node.op.template_fast(node)]
        texts += [node.op.template_into(node) or "", form.template if form else ""]
        used = set(re.findall(r"np\.(\w+)", " ".join(texts)))
        assert not used & NEW_IN_NUMPY_2, node.op.name
        assert ".mT" not in " ".join(texts)


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_a_program_says_what_is_too_old(style: str, monkeypatch: Any) -> None:
    source = model().restarted(style=style).source
    assert set(re.findall(r"np\.(\w+)", source)).isdisjoint(NEW_IN_NUMPY_2)
    load(source)
    for owner, name, value in (
        (np, "__version__", "1.25.2"),
        (sys, "version_info", (3, 9, 18)),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, value)
            with pytest.raises(ImportError, match=r"needs Python 3\.10"):
                load(source)


@pytest.mark.skipif(
    "GRAPHC_OLD_PYTHON" not in os.environ,
    reason="GRAPHC_OLD_PYTHON names no Python 3.10 with NumPy 1.26",
)
@pytest.mark.parametrize("style", ["readable", "fast"])
def test_a_program_runs_on_the_oldest(style: str, tmp_path: Path) -> None:
    script = model().emit(tmp_path / "train.py", style)
    rng = np.random.default_rng(0)
    rows = {"x": rng.normal(size=(50, 6)), "y": rng.integers(0, 3, 50)}
    np.savez(tmp_path / "data.npz", **rows)  # type: ignore[arg-type]
    for options in (["--data", "data.npz", "--epochs", "2"], ["--check"]):
        subprocess.run(
            [os.environ["GRAPHC_OLD_PYTHON"], "-W", "error", str(script), *options],
            cwd=tmp_path,
            check=True,
        )


def test_where_no_thread_can_be_started_one_does_it_all(monkeypatch: Any) -> None:
    x = gc.input("x", ("n",), "float64")
    node = gc.sum(gc.tanh(gc.exp(x) * 2 + 1) ** 2 + gc.sin(x))
    function = gc.compile(node, threads=4, tile_size=1000)
    assert "run_in_tiles" in function.source

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    values = np.random.default_rng(0).normal(size=100_000)
    expected = np.sum(np.tanh(np.exp(values) * 2 + 1) ** 2 + np.sin(values))
    np.testing.assert_allclose(function(x=values), expected, rtol=1e-12)
