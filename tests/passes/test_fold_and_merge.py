"""Constant folding, merging of equal values, and expansion of blocks."""

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphError
from graphc.ir import OPS, Graph, Node
from graphc.passes.base import adopt, recording
from graphc.passes.cse import MergeEqual
from graphc.passes.expand import ExpandBlocks
from graphc.passes.fold import FoldConstants

from .helpers import assert_identical, checked, evaluate, ops


def fold(*outputs: Node, broadcast: bool = False) -> Graph:
    return checked(FoldConstants(broadcast=broadcast).run(Graph(outputs)))


def merge(*outputs: Node) -> Graph:
    return checked(MergeEqual().run(Graph(outputs)))


def value(node: Node) -> np.ndarray:
    assert node.op.name == "constant"
    return node.attributes["value"].array


# Folding


def test_folds_chains_of_constants_in_the_programs_own_precision() -> None:
    result = fold(
        gc.exp(gc.constant([0.1, 0.2], "float32")) + gc.constant(1, "float32")
    )
    expected = np.exp(np.array([0.1, 0.2], np.float32)) + np.float32(1)
    assert_identical([value(result.outputs[0])], [expected])


def test_folded_node_keeps_name_line_and_rule() -> None:
    total = (gc.constant([1.0, 2.0]) * 3.0).named("weights")
    (node,) = fold(total).outputs
    assert node.name == "weights"
    assert node.origin.location == total.origin.location
    assert node.origin.rules == ("op(constants) -> constant",)


def test_folds_elementwise_ops_of_one_repeated_value_in_a_symbolic_shape() -> None:
    ones = gc.ones(("batch", 3))
    result = fold(gc.exp(ones * 2.0 + gc.zeros((3,))))
    assert ops(result) == {"broadcast_to": 1}
    assert value(result.outputs[0].inputs[0]) == np.exp(np.float32(2))


def test_a_number_stays_a_number_until_the_end() -> None:
    array = gc.broadcast_to(gc.constant(2.0), (3,)) * 2.0
    assert ops(fold(array)) == {"broadcast_to": 1}
    assert_identical([value(fold(array, broadcast=True).outputs[0])], [np.full(3, 4.0)])


def test_does_not_fold_what_a_program_should_not_carry() -> None:
    row, column = gc.constant(np.arange(40.0)), gc.constant(np.arange(40.0)[:, None])
    assert ops(fold(row * column)) == {"multiply": 1}
    large = gc.constant(np.arange(2000.0))
    assert ops(fold(gc.exp(-large / 2000.0))) == {}
    repeated = gc.broadcast_to(gc.constant(1.0), (2000,))
    assert ops(fold(repeated, broadcast=True)) == {"broadcast_to": 1}


@pytest.mark.parametrize(
    "build",
    [
        lambda: gc.log(gc.constant(0.0)),
        lambda: gc.constant([1.0, 2.0]) / gc.constant([0.0, 1.0]),
        lambda: gc.exp(gc.broadcast_to(gc.constant(1000.0), (2,))),
        lambda: gc.sqrt(gc.constant(-1.0)),
    ],
)
def test_non_finite_of_finite_stays_at_its_line(build) -> None:
    node = build()
    result = fold(node)
    assert result.outputs[0].op is node.op


def test_infinities_that_are_written_fold() -> None:
    assert value(fold(gc.constant(np.inf) * 2.0).outputs[0]) == np.inf


def test_an_index_out_of_range_is_left_to_the_program() -> None:
    node = gc.take(gc.constant([1.0, 2.0]), gc.constant([5]))
    assert ops(fold(node)) == {"getitem": 1}


def test_random_draws_and_inputs_do_not_fold() -> None:
    drawn = gc.bernoulli(0.5, (3,))
    x = gc.input("x", (3,))
    graph = fold(drawn, x + 1.0)
    assert ops(graph) == {"bernoulli": 1, "add": 1}


# Merging


def test_merges_equal_values_whatever_the_order_of_commuting_operands() -> None:
    x, y = gc.input("x", (3,)), gc.input("y", (3,))
    result = merge(gc.exp(x + y) * 2.0, gc.exp(y + x) * 2.0)
    assert ops(result) == {"add": 1, "exp": 1, "multiply": 1}
    assert result.outputs[0] is result.outputs[1]


@pytest.mark.parametrize("name", ["subtract", "divide", "maximum", "minimum", "power"])
def test_keeps_apart_what_does_not_commute(name: str) -> None:
    x, y = gc.input("x", (3,)), gc.input("y", (3,))
    result = merge(OPS[name](x, y), OPS[name](y, x))
    assert ops(result) == {name: 2}


def test_keeps_apart_attributes_dtypes_and_zeros_of_other_sign() -> None:
    x = gc.input("x", (3, 4))
    assert (
        ops(merge(x.sum(axis=0, keepdims=True), x.sum(axis=1, keepdims=True)))["sum"]
        == 2
    )
    assert len(merge(x * 0.0, x * -0.0).nodes) == 5
    one, true = gc.full((2,), 1.0, "float32"), gc.full((2,), 1.0, "float64")
    assert ops(merge(one, true)) == {"full": 2}


def test_random_draws_never_merge() -> None:
    first, second = gc.bernoulli(0.5, (3,)), gc.bernoulli(0.5, (3,))
    assert ops(merge(first, second, first.astype("float32"))) == {
        "bernoulli": 2,
        "astype": 1,
    }


def test_parameters_and_inputs_are_what_they_are_by_identity() -> None:
    a = gc.parameter("a", (3,), gc.init.zeros())
    b = gc.parameter("b", (3,), gc.init.zeros())
    x, y = gc.input("x", (3,)), gc.input("y", (3,))
    result = merge(a * x, b * y)
    assert len(result.parameters) == 2
    assert len(result.inputs) == 2


def test_the_node_that_a_user_named_is_kept() -> None:
    x = gc.input("x", (3,))
    first, named = gc.exp(x), gc.exp(x).named("probability")
    with recording() as found:
        result = merge(first + 1.0, named * 2.0)
    names = [node.name for node in result.nodes if node.op.name == "exp"]
    assert names == ["probability"]
    assert [str(rewrite.rule) for rewrite in found] == ["equal values -> one node"]


def test_merging_keeps_the_declared_order() -> None:
    x = gc.input("x", (3,))
    first = gc.exp(x)
    middle = gc.sin(x)
    named = gc.exp(x).named("probability")
    result = merge(first, middle, named)
    assert [node.op.name for node in result.nodes] == ["input", "exp", "sin"]


# Expansion and adoption


def test_expansion_leaves_no_block_and_shares_what_blocks_share() -> None:
    x = gc.input("x", (3, 4))
    y = gc.nn.softmax(x, 1)
    graph = Graph((y, gc.grad(gc.sum(gc.log(y)), x)))
    result = checked(ExpandBlocks().run(graph))
    assert not any(node.op.is_block for node in result.nodes)
    assert ops(result)["exp"] == 1
    feeds = {"x": np.arange(12.0, dtype=np.float32).reshape(3, 4)}
    assert_identical(evaluate(graph, feeds), evaluate(result, feeds))


def test_a_rewrite_of_another_type_is_refused() -> None:
    x = gc.input("x", (3,))
    with pytest.raises(GraphError, match="gave type float64"):
        adopt(x + 1.0, x.astype("float64"))


def test_adoption_never_copies_draws_or_inputs() -> None:
    x = gc.input("x", (3,))
    assert adopt((x * 1).named("y"), x) is x
    drawn = gc.bernoulli(0.5, (3,))
    assert adopt(gc.logical_not(gc.logical_not(drawn)).named("mask"), drawn) is drawn
