"""A node behaves as the NumPy array it stands for, and never changes."""

from __future__ import annotations

import copy
import math
import operator
import pickle
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, GraphcError
from graphc.ir import Node

ARRAY = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
OTHER = np.array([2.0, 0.5, 3.0])


def _x() -> Node:
    return gc.input("x", (2, 3), "float64")


ARITHMETIC = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
    operator.eq,
    operator.ne,
]


@pytest.mark.parametrize("function", ARITHMETIC)
def test_operators_with_arrays_on_either_side(function: Any) -> None:
    x = _x()
    for other in (OTHER, 2, 2.5, np.float64(2.5), [2.0, 0.5, 3.0]):
        for node, expected in [
            (function(x, other), function(ARRAY, other)),
            (function(other, x), function(other, ARRAY)),
        ]:
            assert isinstance(node, Node)
            np.testing.assert_array_equal(gc.evaluate(node, {"x": ARRAY}), expected)


def test_matrix_products_with_arrays_on_either_side() -> None:
    x = _x()
    weight = np.arange(6.0).reshape(3, 2)
    actual = gc.evaluate([x @ weight, weight @ x], {"x": ARRAY})
    np.testing.assert_array_equal(actual[0], ARRAY @ weight)
    np.testing.assert_array_equal(actual[1], weight @ ARRAY)


@pytest.mark.parametrize("dtype", ["bool", "int64"])
def test_bitwise_operators(dtype: str) -> None:
    left, right = np.array([0, 1, 0, 1], dtype), np.array([0, 0, 1, 1], dtype)
    x, y = gc.input("x", (4,), dtype), gc.input("y", (4,), dtype)
    for function in (operator.and_, operator.or_, operator.xor):
        node = function(x, y)
        expected = function(left, right)
        assert node.dtype == expected.dtype
        np.testing.assert_array_equal(
            gc.evaluate(node, {"x": left, "y": right}), expected
        )
        np.testing.assert_array_equal(
            gc.evaluate(function(left, y), {"y": right}), expected
        )
    np.testing.assert_array_equal(gc.evaluate(~x, {"x": left}), ~left)


def test_logic_of_floats_is_refused_as_numpy_refuses_it() -> None:
    for function in (operator.and_, operator.or_, operator.xor):
        with pytest.raises(DTypeError):
            function(_x(), _x())
    with pytest.raises(DTypeError):
        ~_x()


def test_unary_operators() -> None:
    x = _x()
    assert +x is x
    actual = gc.evaluate([-x, abs(-x)], {"x": ARRAY})
    np.testing.assert_array_equal(actual, [-ARRAY, ARRAY])


@pytest.mark.parametrize(
    "call",
    [
        np.exp,
        np.tanh,
        np.abs,
        np.sqrt,
        np.sum,
        np.mean,
        np.max,
        np.min,
        np.prod,
        np.argmax,
        np.var,
        np.std,
        np.transpose,
        np.ravel,
        np.zeros_like,
        np.ones_like,
        lambda x: np.sum(x, axis=1, keepdims=True),
        lambda x: np.mean(x, 0),
        lambda x: np.var(x, axis=0, ddof=1),
        lambda x: np.where(x > 2, x, 0.0),
        lambda x: np.clip(x, 2, 4),
        lambda x: np.clip(x, min=2, max=4),
        lambda x: np.maximum(x, OTHER),
        lambda x: np.maximum(OTHER, x),
        lambda x: np.concatenate([x, ARRAY]),
        lambda x: np.stack([ARRAY, x], axis=1),
        lambda x: np.reshape(x, (3, 2)),
        lambda x: np.reshape(x, -1),
        lambda x: np.expand_dims(x, 1),
        lambda x: np.squeeze(x[:1]),
        lambda x: np.swapaxes(x, 0, 1),
        lambda x: np.moveaxis(x, 0, 1),
        lambda x: np.broadcast_to(x, (2, 2, 3)),
        lambda x: np.dot(x, OTHER),
        lambda x: np.outer(x[0], x[1]),
        lambda x: np.matmul(x, OTHER),
        lambda x: np.take(x, [1, 0], axis=1),
        lambda x: np.take_along_axis(x, np.array([[1], [2]]), axis=1),
        lambda x: np.astype(x, "float32"),
    ],
)
def test_numpys_functions_take_nodes(call: Any) -> None:
    x = _x()
    node = call(x)
    assert isinstance(node, Node)
    actual = gc.evaluate([node, x], {"x": ARRAY})[0]
    np.testing.assert_allclose(actual, call(ARRAY), rtol=1e-15)


def test_numpys_other_functions_refuse_nodes() -> None:
    x = _x()
    for call in (
        lambda: np.add.reduce(x),
        lambda: np.linalg.eigvals(x),
        lambda: np.add(x, x, out=np.zeros((2, 3))),
        lambda: np.asarray(x),
        lambda: np.array([x, x]),
        lambda: np.zeros(3).__iadd__(x),
    ):
        with pytest.raises(TypeError):
            call()


def test_attributes() -> None:
    x = gc.input("x", ("n", 3), "float32")
    assert x.dtype == np.float32
    assert x.shape == ("n", 3)
    assert x.ndim == 2
    assert x.size == 3 * gc.Dim("n")
    assert x.T.shape == (3, "n")
    assert gc.input("s", ()).size == 1
    assert repr(x) == "<input 'x' float32 (n, 3)>"
    assert repr(gc.exp(x)) == "<exp float32 (n, 3)>"


def test_truth_is_not_known() -> None:
    x = _x()
    for call in (
        lambda: bool(x),
        lambda: x == x and True,
        lambda: not x,
        lambda: 1 if x > 0 else 0,
        lambda: x in [_x()],
    ):
        with pytest.raises(DTypeError, match="truth value") as caught:
            call()
        assert "gc.where" in str(caught.value)


def test_membership_is_by_identity_first() -> None:
    x = _x()
    assert x in [x]
    assert x in {x: 1}
    assert x in (x,)
    assert _x() not in {x}


def test_equality_gives_a_node_and_keys_go_by_identity() -> None:
    x, y = _x(), _x()
    assert isinstance(x == y, Node)
    assert isinstance(x != y, Node)
    assert len({x, y, x}) == 2
    assert {x: 1, y: 2}[y] == 2


def test_numbers_out_of_nodes_are_refused() -> None:
    for function in (float, int, complex):
        with pytest.raises(TypeError):
            function(_x()[0, 0])


@pytest.mark.parametrize("field", ["op", "inputs", "type", "name", "index", "extra"])
def test_nodes_never_change(field: str) -> None:
    x = _x()
    with pytest.raises(AttributeError, match="immutable"):
        setattr(x, field, None)
    with pytest.raises(AttributeError, match="immutable"):
        delattr(x, field)


def test_attributes_never_change() -> None:
    node = gc.sum(_x(), axis=1)
    with pytest.raises(TypeError):
        node.attributes["axis"] = (0,)  # pyright: ignore[reportIndexIssue]
    given = {"axis": (1,), "keepdims": False}
    built = node.op.build(node.inputs, given)
    given["axis"] = (0,)
    assert built.attributes["axis"] == (1,)


def test_naming_makes_another_node() -> None:
    x = _x()
    y = gc.exp(x)
    named = y.named("y")
    assert named is not y
    assert (named.name, y.name) == ("y", None)
    assert named.op is y.op
    assert named.inputs == y.inputs
    assert named.origin is y.origin


def test_an_unknown_argument_is_an_error() -> None:
    x = _x()
    for call in (lambda: gc.exp(x, x), lambda: gc.add(x), lambda: gc.sum(x, axes=1)):
        with pytest.raises(TypeError):
            call()


@pytest.mark.parametrize("call", [copy.copy, copy.deepcopy, pickle.dumps])
def test_errors_survive_what_python_does_with_them(call: Any) -> None:
    error = GraphcError("message", node="node", location="file:1", hint="hint")
    assert str(error) == "message\n  node: node\n  at:   file:1\n  try:  hint"
    result = call(error)
    if isinstance(result, GraphcError):
        assert str(result) == str(error)


def test_a_copy_of_a_node_is_the_node() -> None:
    x = gc.input("x", (2,))
    y = x + 1
    assert copy.copy(y) is y
    assert copy.deepcopy([y])[0] is y


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda x: np.isnat(x), "np.isnat can't .* no such function"),
        (lambda x: np.linalg.eigvals(x), "np.linalg.eigvals can't .* no such function"),
        (lambda x: np.add.reduce(x), "np.add.reduce can't take a node"),
        (lambda x: np.add(x, 1, out=np.ones(3)), "unexpected keyword argument 'out'"),
        (lambda x: np.ones(3) << x, "left_shift is not defined for dtype float64"),
    ],
)
def test_what_numpy_can_not_do_with_a_node(call: Any, says: str) -> None:
    with pytest.raises(DTypeError, match=says) as caught:
        call(gc.input("x", ("n", 3)))
    assert __file__ in str(caught.value.location)


@pytest.mark.parametrize(
    ("take", "wanted"),
    [
        (float, "a number"),
        (int, "an integer"),
        (complex, "a number"),
        (round, "a number"),
        (math.floor, "a number"),
        (math.sin, "a number"),
        (range, "an integer"),
        (np.asarray, "an array"),
        (np.float64, "a"),
    ],
)
def test_a_node_has_no_value_by_itself(take: Any, wanted: str) -> None:
    with pytest.raises(DTypeError, match=f"symbolic and can't become {wanted}") as said:
        take(gc.input("x", (), "float64"))
    assert str(said.value.location).startswith(__file__)
    assert "gc.evaluate" in str(said.value.hint)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("tanh", "gc.tanh(node)"),
        ("backward", "gc.grad(loss, node)"),
        ("item", "gc.evaluate(node, feeds)"),
        ("reshap", "node.reshape"),
        ("nothing_like_it", None),
    ],
)
def test_an_attribute_that_a_node_does_not_have(name: str, hint: str | None) -> None:
    node = _x()
    assert not hasattr(node, name)
    assert getattr(node, name, 3) == 3
    with pytest.raises(GraphcError, match=f"no attribute '{name}'") as said:
        getattr(node, name)
    assert isinstance(said.value, AttributeError)
    assert said.value.hint == hint
    assert str(said.value.location).startswith(__file__)


def test_more_methods_of_arrays() -> None:
    x, positions = _x(), np.array([2, 0])
    nodes = [
        *divmod(x, OTHER),
        *divmod(7.0, x),
        x.prod(axis=1),
        x.prod(keepdims=True),
        x.dot(OTHER),
        x.take(positions, axis=1),
        x.take(positions),
    ]
    expected = [
        *divmod(ARRAY, OTHER),
        *divmod(7.0, ARRAY),
        ARRAY.prod(axis=1),
        ARRAY.prod(keepdims=True),
        ARRAY.dot(OTHER),
        ARRAY.take(positions, axis=1),
        ARRAY.take(positions),
    ]
    for value, wanted in zip(gc.evaluate(nodes, {x: ARRAY}), expected, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-12)


def test_completion_offers_what_is_for_readers() -> None:
    offered = dir(gc.input("x", (3,)))
    assert {"shape", "named", "formula", "sum"} <= {*offered}
    assert not {"told", "remember", "made_of", "derivation"} & {*offered}
