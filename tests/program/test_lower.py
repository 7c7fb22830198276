"""Functions as steps: decisions that are data before anything is printed."""

from __future__ import annotations

from itertools import pairwise

import pytest

import graphc as gc
from graphc.ir.graph import Graph, expand
from graphc.ops.control import call
from graphc.ops.source import arange
from graphc.passes.one_row import for_one_row
from graphc.program.function import Call, Compute, Declared, Function, Tiled, Variant
from graphc.program.lower import lower
from graphc.program.update import lower_update
from graphc.program.workspace import Persistent
from graphc.training.assemble import training_plan


def lowered(*outputs: gc.Node, fast: bool = True, tile: int | None = None) -> Function:
    graph = expand(Graph(outputs))
    return lower(Declared("compute", graph, graph.inputs, tile=tile), fast=fast)


def computed(function: Function) -> list[gc.Node]:
    return [step.node for step in function.steps if isinstance(step, Compute)]


X = gc.input("x", ("batch", 4))
W = gc.parameter("w", (4, 4), gc.init.normal(0, 1))


def test_numbers_sizes_and_a_view_used_once_have_no_step() -> None:
    y = (X @ W.T) * 2.0 / X.shape[0]
    function = lowered(y, fast=False)
    assert computed(function) == [y]
    product, _ = y.inputs[0].inputs
    assert function.forms.is_inside(product)
    assert function.forms.is_inside(product.inputs[1])
    assert function.symbols == ("batch",)
    assert function.stored == (W,)
    assert not function.workspace.is_used


def test_a_view_used_twice_has_a_step() -> None:
    turned, flat = X.T, gc.reshape(X, (-1,))
    function = lowered(
        turned @ X + turned @ gc.exp(X) + flat @ gc.sin(flat), fast=False
    )
    assert flat in set(computed(function))
    # It is as short as its name would be.
    assert turned not in set(computed(function))


def test_no_size_is_known_that_no_code_needs() -> None:
    assert lowered(gc.exp(X), fast=False).symbols == ()
    assert lowered(gc.exp(X)).symbols == ()
    assert lowered(gc.exp(X) * 2.0).symbols == ("batch",)


def test_results_get_new_arrays_and_others_those_of_the_workspace() -> None:
    function = lowered(gc.sin(gc.exp(X) + 1.0))
    *inner, last = function.steps
    assert isinstance(last, Compute)
    assert last.array is None
    first = inner[0]
    assert isinstance(first, Compute)
    assert all(isinstance(s, Compute) and s.array is first.node for s in inner)
    assert [entry.node for entry in function.workspace.entries] == [first.node]
    assert str(function.workspace.bytes) == "16*batch + 64"


def test_values_of_sizes_alone_are_made_with_the_workspace() -> None:
    rows = arange(X.type.shape[0])
    function = lowered(gc.exp(X) * gc.expand_dims(rows.astype("float32"), 1))
    kinds = {entry.node: entry.kind for entry in function.workspace.entries}
    assert kinds.get(rows) == "value"
    assert rows not in set(computed(function))


def test_an_array_that_nobody_reads_by_name_has_none() -> None:
    function = lowered(gc.sum(gc.sin(gc.exp(X))))
    exp, sin, _ = function.steps
    assert isinstance(exp, Compute)
    assert isinstance(sin, Compute)
    assert sin.array is exp.node
    assert sin.is_named
    persistent = Persistent("kept", "allocate", {"a": sin.node}, ("a",))
    graph = Graph((sin.node,))
    declared = Declared("compute", graph, graph.inputs, persistent=persistent)
    *_, last = lower(declared, fast=True).steps
    assert isinstance(last, Compute)
    assert last.array is sin.node


def test_large_chains_are_tiled() -> None:
    function = lowered(gc.sin(gc.exp(X) * 2.0 + X), tile=64)
    (step,) = function.steps
    assert isinstance(step, Tiled)
    assert step.chain.shape == X.shape
    assert [node.op.name for node in step.fresh] == ["sin"]
    assert [node.op.name for node in step.tiled] == ["sin", "input"]


def test_checks_are_made_once() -> None:
    labels = gc.input("labels", ("batch",), "int64")
    table = gc.parameter("table", (5, 4), gc.init.normal(0, 1))
    function = lowered(gc.exp(table)[labels] + gc.sin(table)[labels])
    checks = [check for step in function.steps for check in step.checks]
    assert [(check.positions, check.low, check.high) for check in checks] == [
        (labels, 0, 4)
    ]
    assert function.has_checks


def test_a_body_is_lowered_once_for_all_its_calls() -> None:
    def layer(h: gc.Node) -> gc.Node:
        return gc.tanh(h) @ h.T @ h

    function = lowered(call(layer, call(layer, X)))
    first, second = function.steps
    assert isinstance(first, Call)
    assert isinstance(second, Call)
    assert first.function is second.function
    assert second.given == (first.results[0],)
    assert [each.name for each in function.everything()] == ["compute", "layer"]


def test_a_variant_for_one_row_is_a_function_of_its_own() -> None:
    loss = gc.mean(gc.tanh(X @ W))
    plan = training_plan(loss, gc.optim.SGD(lr=0.1))
    (step,) = plan.steps
    one_row = for_one_row(step.training, plan.inputs)
    declared = Declared("f", step.training, plan.inputs, one_row=one_row)
    function = lower(declared, fast=True)
    assert isinstance(function.one_row, Variant)
    assert function.one_row.dimension == "batch"
    assert lower(declared, fast=False).one_row is None


@pytest.mark.parametrize("fast", [True, False])
def test_parameters_that_follow_one_rule_are_a_group(fast: bool) -> None:
    b = gc.parameter("b", (4,), 0.0)
    loss = gc.mean(gc.tanh(X @ W + b))
    plan = training_plan(loss, gc.optim.Adam(lr=0.1))
    update = lower_update(plan.steps[0].update, fast=fast)
    (group,) = update.groups
    assert set(group.names) == {"w", "b"}
    assert group.is_tiled == fast
    steps = [step for formula in group.formulas for step in formula]
    assert all((step.array is not None) == fast for step in steps)
    for before, after in pairwise(steps):
        assert after.node not in set(before.node.inputs)
    assert len(group.copies) == (0 if fast else 3)
