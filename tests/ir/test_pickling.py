"""Nodes as pickles and copies: the same graph, wherever it is read."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphError
from graphc.ir import OPS, Graph, Literal, Node, verify
from graphc.ir.pickling import op_named


def model() -> dict[str, Node]:
    x = gc.input("x", ("batch", 3), "float64")
    y = gc.input("y", ("batch",), "int64")
    hidden = gc.nn.Linear(3, 4, name="hidden", dtype="float64")(x)
    logits = gc.nn.Linear(4, 2, name="out", dtype="float64")(gc.nn.gelu(hidden))
    loss = gc.nn.cross_entropy(logits, y) + gc.mean(x[:, gc.Dim("batch") - 1 : 2])
    return {"loss": loss, "logits": logits, "x": x}


def again(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


FEEDS = {"x": np.linspace(-1, 1, 6).reshape(2, 3), "y": [0, 1]}


def test_a_graph_comes_back_with_types_names_lines_and_order() -> None:
    nodes = model()
    before = Graph((nodes["loss"],)).meanings
    restored = again(nodes)
    loss = restored["loss"]
    verify(Graph((loss,)))
    after = Graph((loss,)).meanings
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        assert (old.op, old.type, old.name) == (new.op, new.type, new.name)
        assert (old.origin.location, old.order) == (new.origin.location, new.order)
        assert old.origin.rules == new.origin.rules
    # One pickle has one graph, whatever it is reached by.
    assert restored["x"] in set(after)
    assert restored["logits"] in set(after)
    assert gc.evaluate(loss, FEEDS) == gc.evaluate(nodes["loss"], FEEDS)


def test_gradients_taken_before_and_after_are_the_same() -> None:
    nodes = model()
    parameters = Graph((nodes["loss"],)).parameters
    taken = gc.grad(nodes["loss"], list(parameters))
    loss, old, variables = again((nodes["loss"], taken, parameters))
    new = gc.grad(loss, list(variables))
    expected = gc.evaluate(taken, FEEDS)
    for values in (gc.evaluate(old, FEEDS), gc.evaluate(new, FEEDS)):
        for value, right in zip(values, expected, strict=True):
            np.testing.assert_array_equal(value, right)
    source = gc.compile(taken, style="readable").source
    assert gc.compile(old, style="readable").source == source


@pytest.mark.parametrize("derive", [gc.grad, lambda y, x: gc.jvp(y, x, 1.0)])
def test_a_derivative_is_still_made_stable(derive: Any) -> None:
    """The naive formula overflows at 800; the right derivative there is 1."""
    x = gc.input("x", (), "float64")
    slope = again(derive(gc.log(1 + gc.exp(x)), x))
    assert gc.compile(slope)(x=800.0) == 1.0


def test_long_chains_need_no_recursion() -> None:
    x = y = gc.input("x", ("n",))
    for _ in range(5000):
        y = gc.tanh(y)
    restored = again(y)
    assert len(Graph((restored,)).nodes) == 5001
    assert restored.type == x.type


def test_another_process_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "nodes.pickle"
    path.write_bytes(pickle.dumps(model()["loss"]))
    code = (
        "import pickle, sys, graphc as gc; w = gc.parameter('w', (2,));"
        "loss = pickle.load(open(sys.argv[1], 'rb'));"
        "print(gc.evaluate(loss, {'x': [[1, 2, 3], [4, 5, 6.0]], 'y': [0, 1]}))"
    )
    flags = [sys.executable, "-c", code, str(path)]
    printed = subprocess.run(flags, capture_output=True, text=True, check=True).stdout
    here = gc.evaluate(model()["loss"], {"x": [[1, 2, 3], [4, 5, 6.0]], "y": [0, 1]})
    assert float(printed) == float(here)


def test_parts_of_graphs_come_back() -> None:
    assert again(OPS["exp"]) is OPS["exp"]
    assert copy.deepcopy(OPS["exp"]) is OPS["exp"]
    literal = again(Literal(np.array([1.0, 2.0])))
    assert literal == Literal(np.array([1.0, 2.0]))
    assert not literal.array.flags.writeable
    size = 2 * gc.Dim("n") + 1
    assert again(size) == size
    assert again(size // 2) == size // 2
    assert copy.deepcopy(model()["x"]).name == "x"


def test_an_op_that_is_not_declared_here_is_told() -> None:
    with pytest.raises(GraphError, match="'mine', which is not declared here"):
        op_named("mine")
