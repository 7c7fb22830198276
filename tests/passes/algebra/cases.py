"""Formulas that the rules of algebra rewrite, by the name of the rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

import graphc as gc
from graphc.ir import OPS, Node, Op
from graphc.ops.source import constant
from graphc.ops.source import stop_gradient as stop
from graphc.passes.algebra.declared import rules_of

from ..helpers import PAIRS

Build = Callable[..., Node]


def f32(value: float) -> Node:
    return constant(value, "float32")


CASES: dict[str, list[tuple[Build, dict[str, int]]]] = {
    "x * 1 -> x": [
        (lambda x, y: x * 1, {}),
        (lambda x, y: 1.0 * x, {}),
        (lambda x, y: x * gc.ones((2, 1)), {"broadcast_to": 1}),
    ],
    "x * 0 -> 0": [
        (lambda x, y: 0 * (x > y).astype("int64"), {}),
        (lambda x, y: gc.isnan(x) * f32(0.0) + y, {"add": 1}),
    ],
    "maximum(maximum(x, c1), c2) -> maximum(x, maximum(c1, c2))": [
        (lambda x, y: gc.maximum(0.0, gc.maximum(x, 1.5)), {"maximum": 1}),
        (
            lambda x, y: gc.maximum(gc.maximum(np.arange(1, 626, dtype="f4"), x), 9.5),
            {"maximum": 1},
        ),
    ],
    "x + 0 -> x": [
        (lambda x, y: gc.square(x) + 0.0, {"square": 1}),
        (lambda x, y: 0.0 + abs(x), {"absolute": 1}),
        (lambda x, y: (x + 1.0) + 0.0, {"add": 1}),
    ],
    "x * -1 -> -x": [
        (lambda x, y: x * -1, {"negative": 1}),
        (lambda x, y: -1.0 * x, {"negative": 1}),
        (lambda x, y: x / -1, {"negative": 1}),
    ],
    "eye(n).T -> eye(n)": [(lambda x, y: x * gc.eye(len(PAIRS)).T, {"multiply": 1})],
    "x + -y -> x - y": [
        (lambda x, y: x + -y, {"subtract": 1}),
        (lambda x, y: -x + y, {"subtract": 1}),
    ],
    "x - -y -> x + y": [(lambda x, y: x - -y, {"add": 1})],
    "-x * -y -> x * y": [
        (lambda x, y: -x * -y, {"multiply": 1}),
        (lambda x, y: -x / -y, {"divide": 1}),
    ],
    "-x * c -> x * -c": [
        (lambda x, y: -x * 3.0, {"multiply": 1}),
        (lambda x, y: 3.0 / -x, {"divide": 1}),
    ],
    "-x * y -> -(x * y)": [
        (lambda x, y: x - (-x) * y, {"multiply": 1, "add": 1}),
        (lambda x, y: x + y / -x, {"divide": 1, "subtract": 1}),
    ],
    "-(x * c) -> x * -c": [
        (lambda x, y: -(x * 3.0), {"multiply": 1}),
        (lambda x, y: -(x / 3.0), {"divide": 1}),
        (lambda x, y: -(3.0 / x), {"divide": 1}),
    ],
    "abs(x) -> x": [
        (lambda x, y: abs(abs(x)), {"absolute": 1}),
        (lambda x, y: abs(gc.square(x)), {"square": 1}),
        (lambda x, y: abs(gc.exp(x) + abs(y)), {"exp": 1, "absolute": 1, "add": 1}),
    ],
    "abs(-x) -> abs(x)": [
        (lambda x, y: abs(-x), {"absolute": 1}),
        (lambda x, y: gc.square(-x), {"square": 1}),
        (lambda x, y: gc.square(abs(x)), {"square": 1}),
    ],
    "where(constant, x, y) -> x or y": [
        (lambda x, y: gc.where(True, x, y), {}),
        (lambda x, y: gc.where(gc.constant([False, False])[:, None], x, y), {}),
    ],
    "where(c, x, x) -> x": [(lambda x, y: gc.where(y > 0, x, x), {})],
    "where(not c, x, y) -> where(c, y, x)": [
        (lambda x, y: gc.where(gc.logical_not(x > y), x, y), {"greater": 1, "where": 1})
    ],
    "x.astype(a).astype(b) -> x.astype(b)": [
        (lambda x, y: x.astype("float64").astype("float32"), {}),
        (lambda x, y: (x > y).astype("float32").astype("int64"), {"greater": 1}),
    ],
    "stop_gradient(x) -> x": [(lambda x, y: stop(x) + y, {"add": 1})],
    "x * (1 / y) -> x / y": [
        (lambda x, y: x * (1 / y), {"divide": 1}),
        (lambda x, y: gc.reciprocal(y) * x, {"divide": 1}),
    ],
    "c1 * (c2 * x) -> (c1 * c2) * x": [
        (lambda x, y: 3.0 * (5.0 * x), {"multiply": 1}),
        (lambda x, y: (x * 0.3) * 0.5, {"multiply": 1}),
    ],
    "x * x -> square(x)": [(lambda x, y: x * x, {"square": 1})],
    "x**0 -> 1": [(lambda x, y: x**0 + y, {"add": 1, "full": 1})],
    "x**1 -> x": [(lambda x, y: x**1, {})],
    "x**n -> product": [
        (lambda x, y: x**2, {"square": 1}),
        (lambda x, y: x**3, {"square": 1, "multiply": 1}),
        (lambda x, y: x**4, {"square": 2}),
        (lambda x, y: x**7, {"square": 2, "multiply": 2}),
        (lambda x, y: x**16, {"square": 4}),
    ],
    "x**-n -> product of 1 / x": [
        (lambda x, y: x**-1, {"divide": 1}),
        (lambda x, y: x**-2, {"divide": 1, "square": 1}),
        (lambda x, y: x**-3, {"divide": 1, "square": 1, "multiply": 1}),
    ],
    "x**0.5 -> sqrt(x)": [
        (lambda x, y: gc.square(x) ** 0.5, {"square": 1, "sqrt": 1}),
        (lambda x, y: gc.exp(y) ** 0.5, {"exp": 1, "sqrt": 1}),
    ],
    "x**1.5 -> x * sqrt(x), x**-0.5 -> 1 / sqrt(x)": [
        (lambda x, y: abs(x) ** 1.5, {"absolute": 1, "sqrt": 1, "multiply": 1}),
        (lambda x, y: abs(x) ** -0.5, {"absolute": 1, "sqrt": 1, "divide": 1}),
    ],
    "where(c, n, 0) -> n * c": [
        (
            lambda x, y: gc.where(x > y, (y > 0).astype("int64"), 0),
            {"multiply": 1, "astype": 1, "greater": 2},
        ),
        (
            lambda x, y: gc.where(x > y, 0, (y > 0).astype("int64")),
            {"multiply": 1, "invert": 1, "greater": 2},
        ),
    ],
    "where(c, x, 0) -> x * c, in a derivative": [
        (
            lambda x, y: gc.vjp(gc.where(x > y, x, 1.0), x, np.arange(625, dtype="f4")),
            {"multiply": 1, "greater": 1},
        ),
        (
            lambda x, y: gc.vjp(gc.where(x > y, 1.0, x), x, np.arange(625, dtype="f4")),
            {"multiply": 1, "invert": 1, "greater": 1},
        ),
    ],
    "where(c, a, b) -> c * (a - b) + b": [
        (
            lambda x, y: gc.where(x > y, f32(0.5), f32(1.0)),
            {"multiply": 1, "add": 1, "greater": 1},
        ),
        (
            lambda x, y: gc.where(x > y, f32(-2.5), f32(0.0)),
            {"multiply": 1, "greater": 1},
        ),
    ],
    "x.T.T -> x.T": [
        (lambda x, y: gc.stack([x, y]).T.T * 2, {"expand_dims": 2, "concatenate": 1})
    ],
    "(a @ b).T -> b.T @ a.T": [
        (
            lambda x, y: (x.reshape(25, 25) @ y.reshape(25, 25)).T,
            {"matmul": 1, "transpose": 2},
        )
    ],
    "squeeze(expand_dims(x)) -> x": [
        (lambda x, y: gc.squeeze(gc.expand_dims(x, 1), 1), {}),
        (lambda x, y: gc.squeeze(x.reshape(625, 1), 1) + y, {"add": 1}),
    ],
    "x[:, None] -> expand_dims(x)": [
        (lambda x, y: x[:, None], {"expand_dims": 1}),
        (lambda x, y: x[:], {}),
    ],
    "broadcast_to(broadcast_to(x)) -> broadcast_to(x)": [
        (
            lambda x, y: gc.broadcast_to(
                gc.broadcast_to(x, (2, x.shape[0])), (3, 2, 625)
            ),
            {"broadcast_to": 1},
        ),
        (
            lambda x, y: gc.broadcast_to(gc.max(x), (5, 5)).reshape(25).T[:, None],
            {"broadcast_to": 1, "max": 1},
        ),
    ],
    "expand_dims(sum(x)) -> sum(x, keepdims=True)": [
        (lambda x, y: gc.expand_dims(gc.max(gc.outer(x, y), 1), 1), {"max": 1}),
        (lambda x, y: gc.outer(x, y).max(axis=1).reshape(-1, 1), {"max": 1}),
    ],
    "squeeze(sum(x, keepdims=True)) -> sum(x)": [
        (
            lambda x, y: gc.squeeze(gc.min(gc.outer(x, y), 0, keepdims=True), 0),
            {"min": 1},
        ),
    ],
    "reshape(reshape(x)) -> reshape(x)": [
        (lambda x, y: x.reshape(5, 125).reshape(25, 25), {"reshape": 1}),
        (lambda x, y: gc.expand_dims(x, 1).reshape(25, 25), {"reshape": 1}),
    ],
    "x + scatter_add(v) -> add_at(x, v)": [
        (lambda x, y: abs(y) + scattered(x), {"add_at": 1}),
        (lambda x, y: scattered(x) + abs(y), {"add_at": 1}),
        (lambda x, y: y - scattered(x), {"add_at": 1, "negative": 1}),
        (
            lambda x, y: gc.grad(
                gc.sum(gc.exp(x)) + gc.sum(x[np.array([7, 0, 624])]), x
            ),
            {"add_at": 1},
        ),
    ],
    "x[None][0] -> x": [
        (lambda x, y: (x * y)[None][0] + 1.0, {"multiply": 1, "add": 1}),
        (lambda x, y: (x * y)[:, None][:, -1] + 1.0, {"multiply": 1, "add": 1}),
    ],
    "concatenate(x) -> x": [
        (lambda x, y: gc.concatenate([x * y], 0) + 1.0, {"multiply": 1, "add": 1}),
    ],
    "scatter_add(x, [:k]) + scatter_add(y, [k:]) -> concatenate(x, y)": [
        (
            lambda x, y: _adjoint_of_parts(gc.split(x, [200, 400])[:2]),
            {"concatenate": 1, "scatter_add": 1},
        ),
        (
            lambda x, y: _adjoint_of_parts(gc.split(x.reshape(5, 125), 5, axis=1)[1:]),
            {"concatenate": 1, "scatter_add": 1},
        ),
        (
            lambda x, y: _adjoint_of_parts(gc.unstack(x.reshape(25, 25))[3:7]),
            {"concatenate": 1, "scatter_add": 1},
        ),
    ],
    "sum(-x) -> -sum(x), in a derivative": [
        (
            lambda x, y: _adjoint_of_mean(x, y),
            {"sum": 1, "negative": 1},
        ),
    ],
    "sum(reshape(x)) -> sum(x)": [
        (lambda x, y: gc.sum(x.reshape(25, 25)), {"sum": 1}),
        (lambda x, y: gc.mean(gc.expand_dims(x, 1)), {"mean": 1}),
    ],
    "sum(x * y, axis=-1) -> vecdot(x, y)": [
        (
            lambda x, y: gc.sum(x.reshape(25, 25) * y.reshape(25, 25), axis=1),
            {"vecdot": 1, "reshape": 2},
        ),
        (
            lambda x, y: gc.mean(gc.square(x.reshape(25, 25)), axis=1, keepdims=True),
            {"vecdot": 1, "reshape": 1, "divide": 1, "expand_dims": 1},
        ),
    ],
    "x @ y -> x[0, 0] * sum(y, axis=0), where each element of x is the same": [
        (
            lambda x, y: gc.broadcast_to(gc.max(x), (5, 25)) @ y.reshape((25, 25)),
            {"max": 1, "reshape": 1, "sum": 1, "multiply": 1, "broadcast_to": 1},
        ),
        (
            lambda x, y: gc.exp(x)[:, None] @ gc.ones((1, 3), "float32"),
            {"exp": 1, "expand_dims": 1, "broadcast_to": 1},
        ),
    ],
    "add_windows(x) -> reshape(transpose(x)), in a derivative": [
        (
            lambda x, y: gc.grad(
                gc.sum(gc.nn.avg_pool1d(gc.exp(x).reshape((5, 5, 25)), 5)), x
            ),
            {},
        ),
    ],
    "sum(broadcast_to(scalar)) -> scalar * count": [
        (lambda x, y: gc.broadcast_to(gc.max(x), (8, 4)).sum(axis=0), {"max": 1}),
    ],
    "sum(broadcast_to(x)) -> sum(x) * count": [
        (
            lambda x, y: gc.broadcast_to(gc.exp(x), (4, 625)).sum(axis=0),
            {"multiply": 1, "exp": 1},
        ),
        (
            lambda x, y: gc.broadcast_to(gc.exp(x)[:, None], (625, 4)).mean(axis=0),
            {"mean": 1, "broadcast_to": 1, "exp": 1},
        ),
    ],
    "op(broadcast_to(x), y) -> op(x, y)": [
        (lambda x, y: gc.broadcast_to(x, (2, 625)) + gc.stack([x, y]), {"add": 1}),
        (
            lambda x, y: gc.broadcast_to(gc.max(x), (625,)) - y,
            {"subtract": 1, "max": 1},
        ),
        (lambda x, y: gc.expand_dims(x, 0) - gc.stack([x, y]), {"subtract": 1}),
        (
            lambda x, y: gc.stack([x, y]) - gc.max(gc.outer(x, y), 0, keepdims=True),
            {"subtract": 1, "max": 1},
        ),
    ],
    "op(broadcast_to(x), broadcast_to(y)) -> broadcast_to(op(x, y))": [
        (
            lambda x, y: gc.exp(gc.broadcast_to(x, (2, 625))),
            {"exp": 1, "broadcast_to": 1},
        ),
        (
            lambda x, y: gc.broadcast_to(x, (2, 625)) + gc.broadcast_to(y, (2, 625)),
            {"add": 1, "broadcast_to": 1},
        ),
    ],
}
"""For each rule formulas of x and y (float32 vectors) that it must rewrite, and the ops
that must be left."""


def by_fact(op: Op) -> Iterator[tuple[str, Build]]:
    """What each rule that facts of an op make rewrites, by the rule's name."""

    def operands(x: Node, y: Node) -> tuple[Node, Node, list[Any]]:
        with suppress(gc.errors.GraphcError):
            if op(*(x, y)[: len(op.inputs)]).dtype == x.dtype:
                return x, y, [np.float32(-2.5), np.float32(1.5)]
        a, b = x > y, gc.isnan(y)
        return a, b, [np.arange(625) % 2 == 0, np.arange(625) % 3 == 0]

    def with_number(place: int, number: float, absorbs: bool) -> Build:
        def build(x: Node, y: Node) -> Node:
            x = operands(x, y)[0]
            pair = (x > 0 if absorbs else x, constant(number, x.dtype))
            return op(*(pair if place else pair[::-1]))

        return build

    def associated(x: Node, y: Node) -> Node:
        x, _, (c1, c2) = operands(x, y)
        if op.facts.associative == "integers":
            x, c1, c2 = (x > 0).astype("int64"), 2, 3
        one, other = constant(c1, x.dtype), constant(c2, x.dtype)
        return op(other, op(x, one))

    rules = iter(rules_of(op))
    for numbers in (op.facts.neutral, op.facts.absorbing):
        for place, number in [*enumerate(numbers)][::-1]:
            if number is not None:
                absorbs = numbers is op.facts.absorbing
                yield next(rules).name, with_number(place, number, absorbs)
                break
    if op.facts.idempotent:
        yield next(rules).name, lambda x, y: op(*operands(x, y)[:1] * 2)
    if op.facts.involutive:
        yield next(rules).name, lambda x, y: op(op(operands(x, y)[0]))
    if op.facts.associative:
        yield next(rules).name, associated
    assert next(rules, None) is None


def scattered(x: Node) -> Node:
    return gc.vjp(x[np.array([7, 0, 624])], x, np.array([1.0, -2.5, 3.0]))


def _adjoint_of_parts(parts: Sequence[Node]) -> Node:
    """The derivative of something else of each part."""
    x = parts[0].inputs[0]
    functions = (gc.exp, gc.sin, gc.cos, gc.tanh, gc.square)
    pairs = zip(functions, parts, strict=False)
    total = sum((gc.sum(function(part)) for function, part in pairs), gc.constant(0.0))
    return gc.grad(total, x)


def _adjoint_of_mean(x: Node, y: Node) -> Node:
    level = gc.sum(x)
    return gc.vjp(y - level, level, y * y)


for _op in list(OPS.values()):
    for _name, _build in by_fact(_op):
        CASES.setdefault(_name, []).append((_build, {}))
