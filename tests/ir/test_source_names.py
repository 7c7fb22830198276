"""Names that the user's own lines give to nodes."""

from __future__ import annotations

import functools
import itertools
import linecache
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import graphc as gc
from graphc.ir.source_names import SourceName


def labels(*nodes: gc.Node) -> list[str | None]:
    return [node.label for node in nodes]


def dense(x, weight, bias):
    return x @ weight.T + bias


def test_a_value_is_called_what_it_is_assigned_to():
    x, w = gc.input("x", ("batch", 4)), gc.parameter("w", (3, 4))
    z = x @ w.T + 1.0
    assert labels(z, z.inputs[0]) == ["z", None]
    kept = alias = gc.tanh(z)
    hidden: gc.Node = gc.exp(z)
    left, (right, rest) = gc.abs(z), gc.split(z, [1], axis=1)
    total = z.sum()
    total += 1.0
    holder, table = SimpleNamespace(), {}
    holder.state = gc.nn.relu(z)
    table["softened"] = gc.nn.softplus(z)
    scores = gc.exp(z) if z.ndim > 1 else z
    long = z.reshape((-1, 3)).sum(axis=0).astype("float64")
    stretched = z.sum(
        axis=1,
    ).mean()
    assert labels(kept, alias, hidden, left, right, rest, total) == [
        *("kept", "kept", "hidden", "left", "right", "rest", "total")
    ]
    assert labels(holder.state, table["softened"], scores, long, stretched) == [
        *("state", "softened", "scores", "long", "stretched")
    ]
    found = {"largest": gc.max(z)}
    assert found["largest"].label == "largest"
    assert dict(smallest=gc.min(z))["smallest"].label == "smallest"  # noqa: C408
    if (level := gc.mean(z)).ndim == 0:
        assert level.label == "level"
    slope = gc.grad(total, w)
    doubled = np.multiply(z, 2.0)
    outer = dense(x, w, 1.0)
    short = lambda value: gc.sinh(value)  # noqa: E731
    bent = short(z)
    assert labels(slope, doubled, outer, bent) == ["slope", "doubled", "outer", "bent"]
    called = gc.function(dense)(x, w, 1.0)
    mapped = gc.vmap(gc.sum)(z)
    assert labels(called, mapped) == ["called", "mapped"]


def test_nothing_is_called_by_what_it_is_not():
    x = gc.input("x", (3,))
    total = sum([gc.exp(x), gc.log(x)])
    product = functools.reduce(gc.multiply, [total, x, x])
    *_, last = itertools.accumulate([x, x, x], gc.add)
    items = [gc.exp(x), gc.log(x)]
    several = list(map(gc.abs, items))
    both = gc.exp(x), gc.log(x)
    first, *others = gc.exp(x), gc.log(x)
    parts = gc.split(x, 3)
    given = gc.where(condition=x > 0, x=gc.exp(x), y=0.0)
    nothing = [total, product, last, *items, *several, *both, first, *others, *parts]
    assert set(labels(*nothing, *given.inputs[1:])) == {None}
    assert given.inputs[0].label == "condition"
    _ = ignored = gc.exp(x)
    named = gc.exp(x).named("mine")
    assert labels(ignored, named) == [None, "mine"]
    layer = gc.nn.Linear(3, 3, name="first_layer")
    hidden, loose = layer(x), gc.nn.Linear(3, 2)(x)
    # What is only the next `x` is known best as what the layer computes.
    x = layer(x)
    assert labels(hidden, loose, x, layer(x)) == [
        *("hidden", "loose", "first_layer_2", "first_layer_3")
    ]
    assert loose.name == "linear"


def test_there_is_no_name_where_the_source_is_not_what_runs(tmp_path):
    x = gc.input("x", (3,))
    file = tmp_path / "declared.py"
    for written, told in (("y = gc.exp(x)", "y"), ("z = gc.exp(x)", None)):
        file.write_text("y = gc.exp(x)")
        found = {"gc": gc, "x": x}
        exec(compile(file.read_text(), str(file), "exec"), found)
        file.write_text(written)
        linecache.clearcache()
        assert found["y"].label == told
    found = {"gc": gc, "x": x}
    exec("y = gc.exp(x)", found)
    assert found["y"].label is None
    cell = "y = gc.exp(x)"
    linecache.cache["<cell 1>"] = (len(cell), None, [cell], "<cell 1>")
    exec(compile(cell, "<cell 1>", "exec"), found)
    assert found["y"].label == "y"


def test_names_are_kept_by_pickles_and_change_nothing_else():
    x = gc.input("x", (3,))
    y = gc.exp(x)
    read = pickle.loads(pickle.dumps(y))
    assert (read.label, read.name) == ("y", None)
    assert SourceName(text="z").text == "z"


def test_names_in_emitted_code_are_numbered_and_never_clash():
    x = gc.input("x", (3,))
    h = x
    for _ in range(3):
        h = gc.tanh(h)
    np_ = gc.exp(h)
    sum = gc.sin(np_)
    parameters = gc.cos(sum)
    source = gc.compile(parameters * 2.0, style="readable").source
    assigned = [line.split(" = ")[0].strip() for line in source.splitlines()]
    expected = ["h", "h_2", "h_3", "np_2", "sum_value", "parameters_2"]
    assert [name for name in assigned if name in expected] == expected


def test_the_text_is_the_same_under_any_hash_seed(tmp_path: Path):
    program = textwrap.dedent("""
        import graphc as gc
        x = gc.input("x", ("batch", 3))
        w = gc.parameter("w", (3, 3))
        h = gc.nn.gelu(x @ w) + x
        p, q = gc.exp(h), gc.log(h)
        loss = gc.mean(p * q)
        print(gc.compile([loss, gc.grad(loss, w)], style="readable").source)
    """)
    file = tmp_path / "model.py"
    file.write_text(program)
    texts = {
        subprocess.run(
            [sys.executable, str(file)],
            env={
                "PYTHONHASHSEED": seed,
                "PYTHONPATH": str(Path(gc.__file__).parents[1]),
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1
    assert "h = " in texts.pop()
