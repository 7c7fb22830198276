"""Ops are written as NumPy and torch write them."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gc
from graphc.ir import OPS
from graphc.viz.notation import label, operand_words, scalar_text

x = gc.input("x", ("batch", 3))
y = gc.input("y", ("batch", 3))
labels = gc.input("labels", ("batch",), "int64")
square = gc.parameter("square", (3, 3))


def written(node):
    return label(node, [scalar_text(parent) for parent in node.inputs])


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (x + y, "+"),
        (x - y, "-"),
        (x * y, "*"),
        (x / y, "/"),
        (x @ square, "@"),
        (x**y, "**"),
        (-x, "-"),
        (x < y, "<"),
        (x == y, "=="),
        (gc.exp(x), "exp"),
        (gc.maximum(x, y), "maximum"),
        (gc.where(x > y, x, y), "where"),
        (gc.nn.relu(x), "relu"),
        (gc.nn.cross_entropy(x, labels), "cross_entropy"),
        (gc.nn.softmax(x, dim=1), "softmax(axis=1)"),
        (x.T, ".T"),
        (gc.sum(x), "sum"),
        (gc.sum(x, axis=0), "sum(axis=0)"),
        (gc.max(x, axis=1, keepdims=True), "max(axis=1)"),
        (gc.argmax(x, axis=1), "argmax(axis=1)"),
        (gc.reshape(x, ("batch", 3, 1)), "reshape"),
        (gc.broadcast_to(labels, (2, "batch")), "broadcast_to"),
        (labels.astype("float32"), "astype(float32)"),
        (x[:, 0], "[:, 0]"),
        (x[:, None], "[:, None]"),
        (square[labels], "square[labels]"),
        (gc.concatenate([x, y], axis=1), "concatenate(axis=1)"),
        (gc.take_along_axis(x, labels[:, None], 1), "take_along_axis(axis=1)"),
        (gc.zeros((2, 3)), "zeros"),
        (gc.full((2, 3), 0.5), "full(value=0.5)"),
        (gc.bernoulli(0.25, (3,)), "bernoulli(p=0.25)"),
        (x * 0.5, "x * 0.5"),
        (2 / x, "2 / x"),
        (1.0 - gc.exp(x), "1 - …"),
        (x**2, "x ** 2"),
        (x * -1.0, "x * -1"),
        (gc.power(-2.0, x), "(-2) ** x"),
        (x / x.shape[0], "x / batch"),
        (x / (2 * x.shape[0] + 1), "x / (2 * batch + 1)"),
        (gc.maximum(x, 0.0), "maximum(x, 0)"),
        (gc.where(x > 0.0, x, 0.0), "where(…, x, 0)"),
        (gc.clip(x, 0.0, 6.0), "clip(x, 0, 6)"),
        (x * np.float32(np.inf), "x * inf"),
    ],
)
def test_labels(node, text):
    assert written(node) == text


def test_every_declared_op_has_a_label():
    for op in OPS.values():
        for case in op.cases:
            inputs = []
            for position, shape in enumerate(case.shapes):
                kinds = case.dtypes or ("",) * len(case.shapes)
                dtype = kinds[position] or "float64"
                inputs.append(gc.input(f"x{position}", shape, dtype))
            node = op.build(tuple(inputs), dict(case.attributes))
            text = label(node, [None] * len(inputs))
            assert text
            assert " at 0x" not in text
            operand_words(node)


def test_only_operands_that_could_be_exchanged_need_a_word():
    assert operand_words(x + y) == ("", "")
    assert operand_words(x - y) == ("left", "right")
    assert operand_words(x - x) == ("", "")
    assert operand_words(x - 1.0) == ("", "")
    assert operand_words(x @ gc.parameter("w", (3, 2))) == ("", "")
    assert operand_words(square @ gc.parameter("w", (3, 3))) == ("left", "right")
    assert operand_words(gc.where(x > y, x, y)) == ("condition", "x", "y")
    assert operand_words(gc.concatenate([x, y])) == ("arrays[0]", "arrays[1]")


def test_inputs_that_may_be_left_out_are_called_by_their_names() -> None:
    mean, variance = gc.buffer("m", (3,)), gc.buffer("v", (3,))
    y = gc.nn.batch_norm(gc.input("x", ("n", 3)), mean, variance)
    assert operand_words(y) == ("", "running_mean", "running_var")
