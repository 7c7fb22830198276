"""Random graphs with loops and branches, nested ones too, drawn like graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any, NamedTuple

import numpy as np

import graphc as gc
from graphc.ir import Node, Op
from graphc.ops.control import call
from tests.random_graphs import Grower, is_smooth


class Control(NamedTuple):
    """Loops, branches, calls and examples: as they are, or written out."""

    scan: Callable[..., Any]
    cond: Callable[..., Any]
    call: Callable[..., Any]
    vmap: Callable[..., Any]


def _either(pred: Node, when_true: Any, when_false: Any, *operands: Node) -> list[Node]:
    both = when_true(*operands), when_false(*operands)
    return [gc.where(pred, a, b) for a, b in zip(*both, strict=True)]


def _called(function: Callable[..., Any], *operands: Node) -> Any:
    return function(*operands)


def _each(function: Callable[[Node], Node]) -> Callable[[Node], Node]:
    return lambda x: gc.stack([function(x[i]) for i in range(int(x.shape[0]))])


BODIES = Control(gc.scan, gc.cond, call, gc.vmap)
WRITTEN_OUT = Control(partial(gc.scan, unroll=True), _either, _called, _each)

STEPS = 4


def is_quick(op: Op) -> bool:
    """An op of which a loop may make many."""
    return is_smooth(op) and (op.kind in ("elementwise", "view") or op.name in _SHARED)


_SHARED = {"matmul", "sum", "mean", "max", "concatenate", "softmax", "linear"}


def fitted(chance: Random, values: Sequence[Node], like: Node) -> Node:
    """A value of the type of another one, that depends on some of the values."""
    same = [value for value in values if value.type == like.type]
    found = chance.choice(same or [like])
    for value in chance.sample(list(values), min(2, len(values))):
        found = found * 0.5 + gc.mean(value).astype(like.dtype) * 0.25
    return gc.tanh(found)


def loop_of(
    chance: Random, given: Sequence[Node], control: Control, depth: int
) -> list[Node]:
    """Results of a random loop over values of sizes that are known."""
    carry = chance.sample(list(given), chance.randint(0, 2))
    sequences = [
        gc.stack([gc.tanh(node * (0.5 + t)) for t in range(STEPS)])
        for node in chance.sample(list(given), chance.randint(0, 2))
    ]
    shared = chance.sample(list(given), 2)
    seed, reverse = chance.randrange(10**9), chance.random() < 0.5

    def step(carry: Any, items: Any) -> Any:
        # The same draws at each call, as a loop may be written out.
        inner = Random(seed)
        grower = Grower(inner, [*carry, *items, *shared], keep=is_quick)
        grower.grow(inner.randint(1, 5))
        values = [v for v in grower.values if all(type(s) is int for s in v.shape)]
        if depth and inner.random() < 0.5:
            few = [value for value in values if int(value.size) < 20]
            values += loop_of(inner, few, control, depth - 1)
        if inner.random() < 0.3:
            values += branch_of(inner, values, control)
        if inner.random() < 0.3:
            values += called_of(inner, values, control)
        if inner.random() < 0.5:
            values = [*gates_of(inner, values, shared), *values]
        after = [fitted(inner, values, node) for node in carry]
        if len(carry) == 2 and carry[0].type == carry[1].type and inner.random() < 0.3:
            after = [carry[1], after[0]]
        if carry and inner.random() < 0.4:
            # A sum, which need not be carried.
            after[0] = carry[0] + gc.tanh(fitted(inner, values, carry[0]))
        ys = inner.sample([*after, *values], min(2, len(values)))
        return after, {"ys": ys, "none": None}

    length = None if sequences else STEPS
    last, stacked = control.scan(step, carry, sequences, length=length, reverse=reverse)
    return [*last, *stacked["ys"]]


def branch_of(chance: Random, values: Sequence[Node], control: Control) -> list[Node]:
    """Results of a random branch: smooth at the point where it decides, as 0 is not."""
    x, y = chance.choice(list(values)), chance.choice(list(values))
    seed = chance.randrange(10**9)

    def side(sign: float, x: Node, y: Node) -> list[Node]:
        inner = Random(seed + int(sign))
        grower = Grower(inner, [x, y, values[0] * sign], keep=is_quick)
        grower.grow(2)
        return [fitted(inner, grower.values, x), fitted(inner, grower.values, y)]

    decides = gc.mean(x) > 0.1
    return control.cond(decides, partial(side, 1.0), partial(side, -1.0), x, y)


def called_of(chance: Random, values: Sequence[Node], control: Control) -> list[Node]:
    """Results of a function that is called twice, and of one for several examples."""
    x, y = chance.choice(list(values)), chance.choice(list(values))
    seed = chance.randrange(10**9)

    def part(x: Node, y: Node) -> Node:
        inner = Random(seed)
        grower = Grower(inner, [x, y], keep=is_quick)
        grower.grow(2)
        return fitted(inner, grower.values, x)

    first = control.call(part, x, y)
    found = [first, control.call(part, first, y * 0.5)]
    wide = [value for value in values if value.ndim and value.shape[0] != 0]
    if wide:
        found.append(control.vmap(lambda row: part(row, y))(chance.choice(wide)))
    return found


def gates_of(
    chance: Random, values: Sequence[Node], shared: Sequence[Node]
) -> list[Node]:
    """Functions of equal slices of one array, of which two are alike."""
    rows = [value for value in values if value.shape[-1:] == (3,)]
    if not rows:
        return []
    x, weights = rows[0], [node for node in shared if node.shape == (3, 3)]
    wide = gc.concatenate([x, x * 0.5, -x], -1)
    if weights:
        w = weights[0]
        wide = wide + x @ gc.concatenate([w, w.T, w * 0.5], 1)
    parts = [wide[..., n : n + 3] for n in (0, 3, 6)]
    if weights:
        chance.shuffle(parts)
    function = chance.choice([gc.tanh, gc.nn.sigmoid])
    return [function(parts[0]) * function(parts[1]) + gc.tanh(parts[2] * 0.5)]


def random_loops(seed: int, control: Control) -> tuple[list[Node], list[Node]]:
    """Leaves, and a loss of loops with what they return and its gradients."""
    chance = Random(seed)
    start = np.random.default_rng(seed)
    given = [
        gc.parameter(name, shape, start.normal(size=shape), "float64")
        for name, shape in (("w", (3, 3)), ("b", (3,)), ("s", ()), ("m", (2, 3)))
    ]
    found = loop_of(chance, given, control, depth=1)
    more = [node for node in found if int(node.size) < 20]
    found += loop_of(chance, [*given, *more], control, depth=0)
    loss = sum((gc.mean(gc.sin(node)) for node in found), gc.constant(0.0, "float64"))
    return given, [loss, *found, *gc.grad(loss, given, unused="zeros")]
