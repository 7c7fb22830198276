"""The one generator of random graphs: over the whole op table, from given leaves.

An op is drawn from the table. It is applied to values that are there, as they are where
its type rule allows that, and else made to fit the shapes, dtypes and domain of one of
the op's own cases; so an op that is declared tomorrow takes part. Some ops have more
attributes than cases can list, as axes and indices: those are drawn, too. Now and then
an op is applied to its own result, with the same other operands, because many a rule
looks for just that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import numpy as np

import graphc as gc
from graphc.errors import GraphcError
from graphc.ir import OPS, Case, Dim, Node, Op
from graphc.ir.walk import ancestors
from graphc.ops.control import results_of
from graphc.ops.source import arange
from tests.op_cases import WITHOUT_CASES

Array = np.ndarray[Any, Any]
Keep = Callable[[Op], bool]

NUMBERS = (2.0, 0.5, 3.0, -1.5, 0.1, 0.9, 1.0, -1.0, 0.0, 4.0)
MOST_AXES = 4
ATTEMPTS = 20


def is_pure(op: Op) -> bool:
    """Any op whose value its inputs decide, whatever matrices they are."""
    asks = any(case.matrices for case in op.cases)
    return op.pure and op.name not in WITHOUT_CASES and bool(op.inputs) and not asks


def is_elementwise(op: Op) -> bool:
    """An elementwise op of floats."""
    return op.kind == "elementwise" and op.pure and op.name not in _OF_INTEGERS


def is_smooth(op: Op) -> bool:
    """An op whose value does not jump, so that no rounding makes another one of it."""
    jumps = op.kind == "elementwise" and op.vjp is None
    return is_pure(op) and not jumps and op.name not in ("argmax", "argmin")


_OF_INTEGERS = {"bitwise_and", "bitwise_or", "bitwise_xor", "invert"}


class Grower:
    """A pool of values that grows by one random op at a time.

    Args:
        chance: what draws; `st.randoms(use_true_random=False)` gives one that shrinks.
        leaves: the values to start from.
        keep: which ops may be drawn.
        bounded: how often a value is kept from growing, by `tanh` or a factor.
        numbers: how often an operand is a number.
        domain: whether operands are brought into the domain of an op.
    """

    def __init__(
        self,
        chance: Random,
        leaves: Sequence[Node],
        *,
        keep: Keep = is_pure,
        bounded: float = 1.0,
        numbers: float = 0.3,
        domain: bool = True,
    ) -> None:
        self.chance = chance
        self.values = [leaf for leaf in leaves if leaf.dtype.kind == "f"]
        self.indices = [leaf for leaf in leaves if leaf.dtype.kind in "iu"]
        self._bounded, self._numbers, self._domain = bounded, numbers, domain
        self._families: dict[str, list[Op]] = {}
        for op in filter(keep, OPS.values()):
            # The more operands, the more there is for a rule to confuse.
            weight = 4 ** (len(op.inputs) - 1) if op.kind == "elementwise" else 1
            self._families.setdefault(op.kind, []).extend([op] * weight)
        self._last: Node | None = None

    def grow(self, steps: int) -> None:
        """Add up to so many values."""
        for _ in range(steps):
            made = self._made()
            if made is None:
                continue
            if self.chance.random() < self._bounded:
                # Bounded, so that no value outgrows what a comparison can tell apart.
                made = gc.tanh(made) if self.chance.random() < 0.5 else made * 0.25
            self.values.append(made)

    def pick(self) -> Node:
        """One of the values, rather a late one."""
        late = self.values[-4:] if self.chance.random() < 0.6 else self.values
        return self.chance.choice(late)

    def _made(self) -> Node | None:
        for _ in range(ATTEMPTS):
            try:
                found = self._nested() if self.chance.random() < 0.3 else self._new()
            except (GraphcError, IndexError):
                continue
            if found is None or found.ndim > MOST_AXES:
                continue
            self._last = found
            return found if found.dtype.kind == "f" else found.astype("float64")
        return None

    def _nested(self) -> Node | None:
        """The last op once more, with its result for one operand, in any order."""
        if self._last is None:
            return None
        last = self._last
        places = [p for p, node in enumerate(last.inputs) if node.type == last.type]
        if not places:
            return None
        operands = list(last.inputs)
        operands[self.chance.choice(places)] = last
        return last.op(*operands, **last.attributes)

    def _new(self) -> Node | None:
        family = self.chance.choice(self._weighted())
        op = self.chance.choice(self._families[family])
        if op.name in DRAWN and self.chance.random() < 0.6:
            return DRAWN[op.name](self)
        case = self.chance.choice([c for c in op.cases if 0 not in sum(c.shapes, ())])
        if op.kind == "elementwise":
            inputs = self._broadcasting(op, case)
        else:
            inputs = self._fitted(case)
        found = op(*inputs, **case.attributes)
        return self.chance.choice(results_of(found)) if op.outputs else found

    def _weighted(self) -> list[str]:
        weights = {"elementwise": 5, "block": 2}
        return [kind for kind in self._families for _ in range(weights.get(kind, 1))]

    def _broadcasting(self, op: Op, case: Case) -> tuple[Node, ...]:
        """Operands as they are, some of them numbers; bounded to the op's domain."""
        count = len(case.shapes)
        dtypes = case.dtypes or ("",) * count
        numbers = self._numbers if count > 1 else 0.0
        operands: list[Node] = []
        for dtype in dtypes:
            value = self.pick()
            if dtype == "bool":
                operands.append(self._condition())
            elif dtype:
                operands.append(gc.astype(gc.rint(value), dtype))
            elif self.chance.random() < numbers:
                operands.append(gc.constant(self.chance.choice(NUMBERS), value.dtype))
            else:
                operands.append(_within(value, case) if self._domain else value)
        return tuple(operands)

    def _condition(self) -> Node:
        left, right = self.pick(), self.pick()
        if self.chance.random() < 0.5:
            return left > 0.0
        return self.chance.choice([gc.less, gc.greater, gc.less_equal])(left, right)

    def _fitted(self, case: Case) -> tuple[Node, ...]:
        """Values in the shapes and dtypes of a case."""
        count = len(case.shapes)
        dtypes = case.dtypes or ("",) * count
        maxima = case.maximum or (None,) * count
        operands: list[Node] = []
        for shape, dtype, maximum in zip(case.shapes, dtypes, maxima, strict=True):
            value = _shaped(self.pick(), shape)
            kind = np.dtype(dtype or "float64").kind
            if kind == "f":
                operands.append(_within(value, case))
            elif kind == "b":
                operands.append(value > 0.0)
            else:
                most = 5 if maximum is None else maximum - 1
                operands.append(_counted(value, min(most, 5)).astype(dtype))
        return tuple(operands)


def _counted(value: Node, most: int) -> Node:
    """Whole numbers up to some, 0 for what is NaN, which no integer stands for."""
    levels = [(value * 3.0 > level + 0.5).astype("int64") for level in range(most)]
    return sum(levels, gc.zeros(value.shape, "int64"))


def _within(value: Node, case: Case) -> Node:
    """A value that stays in the domain of a case."""
    if (case.low, case.high) == (-2.0, 2.0):
        return value
    middle, half = (case.low + case.high) / 2, (case.high - case.low) / 2
    return gc.tanh(value) * half + middle


def _shaped(value: Node, shape: tuple[int, ...]) -> Node:
    """The elements of a value, as often as it takes to fill a shape."""
    named = tuple(a for a, size in enumerate(value.shape) if isinstance(size, Dim))
    if named:
        value = gc.mean(value, named)
    if value.shape == shape:
        return value
    size = int(value.size)
    if not size:
        raise GraphcError("there is nothing to fill a shape with")
    places = np.arange(int(np.prod(shape))) % size
    return gc.take(gc.reshape(value, (size,)), places.reshape(shape), axis=0)


# What has more attributes than cases can list -----------------------------------------


def _reduced(name: str) -> Callable[[Grower], Node]:
    def build(grower: Grower) -> Node:
        x, chance = grower.pick(), grower.chance
        axes = [axis for axis in range(x.ndim) if chance.random() < 0.5]
        keepdims = chance.random() < 0.5
        found = getattr(gc, name)(x, tuple(axes), keepdims=keepdims)
        return found * x if keepdims and chance.random() < 0.7 else found

    return build


def _transposed(grower: Grower) -> Node:
    x = grower.pick()
    axes = list(range(x.ndim))
    grower.chance.shuffle(axes)
    return gc.transpose(x, axes)


def _multiplied(grower: Grower) -> Node:
    x, y = grower.pick(), grower.pick()
    if grower.chance.random() < 0.5 and x.ndim > 1:
        return (x @ gc.swapaxes(x, -1, -2)) @ x * 0.1
    return x @ y


def _reshaped(grower: Grower) -> Node:
    x = grower.pick()
    return gc.reshape(x, grower.chance.choice([-1, (-1, 3), (3, -1), (1, -1)]))


def _broadcast(grower: Grower) -> Node:
    x, y = grower.pick(), grower.pick()
    return gc.broadcast_to(x, y.shape)


def _joined(grower: Grower) -> Node:
    x, y, chance = grower.pick(), grower.pick(), grower.chance
    if chance.random() < 0.5:
        return gc.stack([x, y], chance.choice([0, -1]))
    return gc.concatenate([x, y], chance.choice([0, -1]))


def _indexed(grower: Grower) -> Node:
    x, chance = grower.pick(), grower.chance
    whole, slices = slice(None), [slice(None, None, 2), slice(None, None, -1)]
    slices += [slice(1, None), slice(None, -1), slice(1, 3)]

    def item(axis: int) -> Any:
        kind = chance.random()
        if kind < 0.5:
            return whole
        if kind < 0.75:
            return chance.choice(slices)
        if kind < 0.85:
            return chance.choice([0, -1])
        return chance.choice([*grower.indices, np.arange(1), arange(x.shape[axis])])

    items = [item(axis) for axis in range(x.ndim)]
    if chance.random() < 0.2:
        items.insert(chance.randrange(x.ndim + 1), None)
    return x[tuple(items)]


def _sized(grower: Grower) -> Node:
    """By a size of its own, which only running it tells where it is named."""
    x = grower.pick()
    size = x.shape[0] if x.ndim else 2
    return x * size / 3 if grower.chance.random() < 0.5 else x / (1 + size)


def _converted(grower: Grower) -> Node:
    x = grower.pick()
    if grower.chance.random() < 0.5:
        return x.astype(grower.chance.choice(["float32", "float64"]))
    return gc.clip(gc.where(gc.isnan(x), 0.0, x), -9, 9).astype("int32") + x


DRAWN: Mapping[str, Callable[[Grower], Node]] = {
    **{name: _reduced(name) for name in ("sum", "mean", "max", "min", "prod")},
    "astype": _converted,
    "broadcast_to": _broadcast,
    "concatenate": _joined,
    "expand_dims": lambda grower: gc.expand_dims(grower.pick(), -1),
    "getitem": _indexed,
    "matmul": _multiplied,
    "reshape": _reshaped,
    "squeeze": lambda grower: gc.squeeze(grower.pick()),
    "transpose": _transposed,
    "divide": _sized,
}


# Leaves and feeds ---------------------------------------------------------------------


def leaves() -> list[Node]:
    """Data of some rows, and parameters of several shapes."""
    start = gc.init.normal(0, 1)
    return [
        gc.input("x", ("batch", 3), "float64"),
        gc.parameter("w", (3, 3), start, "float64"),
        gc.parameter("b", (3,), start, "float64"),
        gc.parameter("s", (), start, "float64"),
    ]


def drawn(nodes: Sequence[Node], seed: int, **sizes: int) -> dict[str, Array]:
    """Numbers for floating inputs and parameters, by name."""
    rng = np.random.default_rng(seed)
    shapes = {
        str(node.name): [
            d.evaluate(sizes) if isinstance(d, Dim) else d for d in node.shape
        ]
        for node in nodes
    }
    return {
        name: np.asarray(rng.normal(size=shape)).astype(node.dtype)
        for (name, shape), node in zip(shapes.items(), nodes, strict=True)
    }


# Comparing ----------------------------------------------------------------------------


def outputs_of(grower: Grower, wrt: Sequence[Node]) -> list[Node]:
    """A scalar of all values, two of them, and its derivatives.

    All of `wrt` is among what they depend on, so that every named size is known.
    """
    last, other = grower.values[-1], grower.pick()
    loss = gc.mean(gc.sin(last)) + gc.mean(last) * gc.mean(other)
    used = set(ancestors([loss]))
    for value in reversed(grower.values):
        if value not in used:
            loss = loss + gc.mean(gc.sin(value))
            used |= set(ancestors([value]))
    known = sum((gc.sum(node) for node in wrt[1:]), gc.sum(wrt[0]))
    return [loss, last, other, known, *gc.grad(loss, wrt, unused="zeros")]


def moved(feeds: Mapping[str, Array], by: float) -> dict[str, Array]:
    """Feeds whose floats are each multiplied by almost 1."""
    rng = np.random.default_rng(9)
    return {
        name: value * (1 + by * rng.choice([-1, 1], value.shape)).astype(value.dtype)
        if value.dtype.kind == "f"
        else value
        for name, value in feeds.items()
    }


MOVED = 1e-9


def assert_near(
    found: Sequence[Array],
    expected: Sequence[Array],
    beside: Sequence[Array],
    *,
    rtol: float = 1e-9,
    note: str = "",
) -> None:
    """Hold values against others, where those are numbers.

    `beside` are those of inputs moved by `MOVED`: where they differ, a value depends on
    its inputs so much that its digits say little.
    """
    for place, (a, b, c) in enumerate(zip(found, expected, beside, strict=True)):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), note
        kept = np.isfinite(b) & np.isfinite(c)
        a, b, c = (np.asarray(v[kept], "float64") for v in (a, b, c))
        if not a.size:
            continue
        slack = rtol * (np.abs(b).max() + 1e-3) + np.abs(b - c)
        worst = np.abs(a - b) - slack
        assert (worst <= 0).all(), f"{note}: output {place}, {a} for {b}"
