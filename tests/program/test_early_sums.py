"""Gradients that are told of early, in programs of many kinds of models."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir.graph import Graph, expand
from graphc.program import early_sums
from graphc.program.function import Declared, Ready
from graphc.program.lower import lower
from graphc.program.workspace import Persistent
from graphc.targets.c.module import supports
from graphc.targets.numpy.training import emit_training
from graphc.training.assemble import TrainingProgram
from tests.emitted.models import MODELS

SLOW = pytest.mark.slow


def shared(trainer: gc.Trainer, style: Any) -> Any:
    """The module of a program whose batches ranks share."""
    plan = replace(trainer._compiled.plan, is_shared=True)
    return TrainingProgram.of(plan, style).module


@pytest.fixture(autouse=True)
def small_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each gradient counts as large."""
    monkeypatch.setattr(early_sums, "LARGE_SUM", 1)
    monkeypatch.setattr(early_sums, "MOST_SUMS", 1000)


def functions_of(module: Any) -> list[str]:
    """The functions that compute gradients and tell of them."""
    return [
        name
        for name, function in vars(module).items()
        if name.endswith("_in_place")
        and "start_sum"
        in function.__code__.co_varnames[: function.__code__.co_argcount]
    ]


def check(module: Any) -> int:
    """Count gradients that are told of early; spoil them, and find nobody who cares."""
    parameters = module.init_parameters(0)
    batch = module.random_data(6, 0).values()
    count = 0
    for name in functions_of(module):
        function = getattr(module, name)
        loss, expected = function(parameters, *batch, np.random.default_rng(3))[:2]
        loss, expected = float(loss), {n: array.copy() for n, array in expected.items()}
        told: list[tuple[Any, Any]] = []

        def start(*arrays: Any, told: list[tuple[Any, Any]] = told) -> None:
            for array in arrays:
                told.append((array, array.copy()))
                array.fill(np.nan)

        rng = np.random.default_rng(3)
        again, found = function(parameters, *batch, rng, start_sum=start)[:2]
        assert float(again) == loss
        early = {id(array): copy for array, copy in told}
        assert len(early) == len(told), "a gradient is in two sums"
        assert early.keys() <= {id(array) for array in found.values()}
        assert len(early) < len(found)
        for key, array in found.items():
            if id(array) in early:
                assert np.isnan(array).all(), f"{key} is written after it was told of"
            known = early.get(id(array), array)
            np.testing.assert_array_equal(known, expected[key], err_msg=key)
        count += len(told)
    return count


NOTHING_EARLY = {
    *("logistic_regression", "quantile_regression"),
    *("matrix_factorisation", "skip_gram"),
}
"""Models of one layer, or of a table of vectors."""


@pytest.mark.parametrize("style", ["fast", pytest.param("native", marks=SLOW)])
@pytest.mark.parametrize("name", MODELS)
def test_nothing_reads_or_writes_what_was_told_of(name: str, style: Any) -> None:
    count = check(shared(MODELS[name](), style))
    assert count or name in NOTHING_EARLY


@pytest.mark.parametrize("style", ["fast", pytest.param("native", marks=SLOW)])
def test_sums_are_the_same_for_one_row(style: Any) -> None:
    module = shared(MODELS["mlp"](), style)
    parameters = module.init_parameters(0)
    found: list[list[str]] = []
    for rows in (1, 6):
        keys: list[str] = []
        arrays = module.gradient_arrays(*_arguments(module, parameters))
        names = {array.ctypes.data: key for key, array in arrays.items()}
        batch = module.random_data(rows, 0).values()
        module.loss_and_gradients_in_place(
            parameters,
            *batch,
            start_sum=lambda *told, keys=keys, names=names: keys.extend(
                names[array.ctypes.data] for array in told
            ),
        )
        found.append(keys)
    assert found[0] == found[1]
    assert {*found[0]} >= {"output.weight", "output.bias"}


def _arguments(module: Any, parameters: Any) -> list[Any]:
    """What tells which gradient arrays are those of this thread."""
    told = [next(iter(parameters.values())).dtype, threading.get_ident()]
    return told[-module.gradient_arrays.__wrapped__.__code__.co_argcount :]


X = gc.input("x", ("batch", 4))
M = gc.parameter("m", (4, 4), gc.init.normal(0, 1))


def ready(nodes: dict[str, gc.Node], *, fast_in_c: bool = False) -> list[set[str]]:
    """What is told of early, of gradients of a function."""
    graph = expand(Graph((gc.sum(X), *nodes.values())))
    images = dict(zip(nodes, graph.outputs[1:], strict=True))
    persistent = Persistent("gradients", "gradient_arrays", images, tuple(images))
    declared = Declared(
        "compute", graph, graph.inputs, persistent=persistent, is_shared=True
    )
    steps = lower(declared, fast=True, native=supports if fast_in_c else None).steps
    keys = {node: key for key, node in images.items()}
    return [{keys[n] for n in s.nodes} for s in steps if isinstance(s, Ready)]


@pytest.mark.parametrize("fast_in_c", [False, True])
def test_what_others_read_waits_for_the_end(fast_in_c: bool) -> None:
    first = X.T @ X
    later = (X @ M @ M).T @ X
    alone = {"first": first, "later": later}
    assert ready(alone, fast_in_c=fast_in_c) == [{"first"}]
    for reader in (later + first, later @ first.T):
        read = {"first": first, "later": reader}
        assert ready(read, fast_in_c=fast_in_c) == []
    for same in (first, first.T):
        copied = {"first": first, "later": later, "same": same}
        assert ready(copied, fast_in_c=fast_in_c) == []


def test_runs_are_of_neighbours_of_one_dtype(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = X.T @ X, X.T @ gc.tanh(X)
    wide = gc.astype(X.T, "float64") @ gc.astype(X, "float64")
    later = (X @ M @ M).T @ X
    apart = {"first": first, "later": later, "second": second}
    assert ready(apart) == [{"first"}, {"second"}]
    assert ready({"later": later, "first": first, "second": second}) == [
        {"first"},
        {"second"},
    ]
    monkeypatch.setattr(early_sums, "LARGE_SUM", 65)
    assert ready({"later": later, "first": first, "second": second}) == [
        {"first", "second"}
    ]
    assert ready({"later": later, "first": first, "wide": wide}) == [{"wide"}]
    assert ready(apart) == []


def test_large_layers_are_told_of_as_the_last_ones_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    x, y = gc.input("x", ("batch", 256)), gc.input("y", ("batch",), "int64")
    for width, count in ((512, 1), (256, 0)):
        hidden = gc.nn.relu(gc.nn.Linear(256, width, name="first")(x))
        hidden = gc.nn.relu(gc.nn.Linear(width, width, name="second")(hidden))
        logits = gc.nn.Linear(width, 10, name="output")(hidden)
        loss = gc.nn.cross_entropy(logits, y)
        trainer = gc.Trainer(loss, gc.optim.Adam(0.01))
        plan = trainer._compiled.plan
        for style in ("fast", "native"):
            text = emit_training(replace(plan, is_shared=True), style).source
            told = "start_sum(d_second_weight, d_second_bias, d_output_weight, "
            assert text.count(told) == count
            assert "start_sum=None" not in emit_training(plan, style).source
