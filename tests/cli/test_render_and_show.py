"""`graphc render`, `graphc page`, `graphc show` and `graphc explain`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.cli.support import failure, run
from tests.targets.support import loader, metered


# render
@pytest.mark.parametrize("model", ["model.py", "nodes.py"])
@pytest.mark.parametrize("backward", [None, "graph", "overlay"])
@pytest.mark.parametrize("level", ["block", "primitive"])
def test_render_writes_a_drawing(model, backward, level):
    options = [] if backward is None else ["--backward", backward]
    assert run("render", model, "-o", "a.dot", "--level", level, *options) == 0
    text = Path("a.dot").read_text()
    assert text.startswith("digraph")
    if backward:
        name = "hidden.weight" if model == "model.py" else "w"
        assert f"d_{name}" in text


def test_render_has_a_default_file_name_and_takes_data():
    assert run("render", "model.py", "--data", "train.npz") == 0
    text = Path("model.svg").read_text()
    with np.load("train.npz") as data:
        labels = ", ".join(map(str, data["y"][:2]))
    assert "<svg" in text
    assert f"= [{labels}]" in text


def test_render_refuses_other_formats(capsys):
    text = failure(capsys, "render", "model.py", "-o", "a.gif")
    assert ".svg" in text


# show
def test_show_prints_nodes_and_their_cost(capsys):
    assert run("show", "model.py", "--batch", 10) == 0
    text = capsys.readouterr().out
    row = next(line for line in text.splitlines() if line.startswith("hidden.weight"))
    assert "(5, 4)" in row
    assert "20" in row
    assert "parameters: 43" in text
    assert run("show", "model.py") == 0
    assert "batch" in capsys.readouterr().out


def test_show_tells_the_bytes_that_training_takes(capsys):
    assert run("emit", "model.py", "-o", "train.py", "--style", "fast") == 0
    module = loader(Path("train.py").read_text("utf-8"))()
    x, y = np.zeros((10, 4), np.float32), np.zeros(10, np.int64)
    generator = np.random.default_rng(0)
    with metered() as meter:
        parameters = module.init_parameters(0)
        state = {**module.init_state(parameters), "rng": generator}
        for _ in range(2):
            module.train_step(parameters, state, x, y)
    capsys.readouterr()
    assert run("show", "model.py", "--batch", 10) == 0
    line = f"bytes that a training step allocates, once: {meter.live:,}"
    assert line in capsys.readouterr().out.splitlines()
    assert run("show", "model.py") == 0
    (line,) = re.findall(
        "a training step allocates, once: (.*)", capsys.readouterr().out
    )
    assert eval(line, {"batch": 10}) == meter.live


def test_show_tells_the_bytes_that_a_function_takes(capsys):
    assert run("show", "nodes.py", "--size", "batch=7") == 0
    # The error of each row, aligned.
    line = "bytes that the compiled function allocates, once: 92"
    assert line in capsys.readouterr().out.splitlines()
    assert run("show", "nodes.py") == 0
    assert "allocates, once: 4*batch + 64" in capsys.readouterr().out


def test_show_prints_mathematics(capsys):
    for arguments, expected in (
        (("model.py", "--formula"), "hidden = W_hidden x + b_hidden"),
        (("model.py", "--formula", "--depth", 0), "relu"),
        (("nodes.py", "--derivation"), "= (1/batch) Σ_rows 2error x"),
        (("nodes.py", "--derivation", "--latex"), "\\begin{align*}"),
        (("nodes.py", "--formula", "--markdown"), "$$\n"),
    ):
        assert run("show", *arguments) == 0
        assert expected in capsys.readouterr().out, arguments


def test_show_takes_any_named_size(capsys):
    assert run("show", "nodes.py", "--size", "batch=7") == 0
    assert "(7, 3)" in capsys.readouterr().out
    assert "'length'" in failure(capsys, "show", "nodes.py", "--size", "length=7")
    for wrong in ("batch", "batch=-1", "batch=x", "=3"):
        assert run("show", "nodes.py", "--size", wrong) == 2


# explain
def test_explain_tells_of_passes(capsys):
    assert run("explain", "model.py", "--batch", 10, "--rules", "none") == 0
    text = capsys.readouterr().out
    assert text.startswith("passes of a training step")
    assert "batch" not in text
    assert run("explain", "nodes.py", "--markdown") == 0
    assert capsys.readouterr().out.startswith("## passes\n")


# page
def test_page_writes_one_file(capsys, folder):
    assert run("page", "nodes.py") == 0
    assert capsys.readouterr().out == "wrote nodes.html\n"
    assert "values" not in _data_of(folder / "nodes.html")
    data = ("--data", "train.npz", "--rows", 3, "--dev", "dev.npz")
    assert run("page", "model.py", "-o", "m.html", *data, "--epochs", 2, "--times") == 0
    found = _data_of(folder / "m.html")
    assert found["values"]["vertices"]["0"]["shape"] == [3, 4]
    assert [r.get("epoch") for r in found["recording"]["records"]] == [None, 1, 2]
    assert "dev_accuracy" in found["recording"]["records"][-1]
    assert found["code"]["seconds"]
    assert "--epochs needs --data" in failure(capsys, "page", "model.py", "--epochs", 1)
    assert failure(capsys, "page", "model.py", "-o", "model.py")


def _data_of(path):
    text = path.read_text(encoding="utf-8")
    (data,) = re.findall(r'id="data">(.*?)</script>', text)
    return json.loads(data)
