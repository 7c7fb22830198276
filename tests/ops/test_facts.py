"""Generated tests: what ops claim to be facts, held against what NumPy computes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir import OPS, Op
from graphc.ir.facts import NONE, Facts, Inputs
from tests.op_cases import Application, Array, applications, feeds

SPECIAL = np.array(
    [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -3.0, np.inf, -np.inf, np.nan, 1e-300, -1e300]
)
NONNEGATIVE = np.array([0.0, 1.0, 0.5, 3.0, np.inf, np.nan, 1e-300, 1e300])
MODERATE = np.array([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -3.0, 1e-300])
LARGE = np.array([0.0, 1.0, -1.0, np.finfo(float).max, -np.finfo(float).max])
DRAWS = 12


def _is_plain(op: Op) -> bool:
    return op.pure and not op.is_block and bool(op.cases)


class Value:
    """The value of an application for chosen arrays."""

    def __init__(self, application: Application, floating: str = "float64") -> None:
        self.application = application
        self.op = application.op
        self.node = application.apply(application.nodes(floating))
        self.floating = [np.dtype(d).kind == "f" for d in application.dtypes()]

    def __call__(self, arrays: list[Array]) -> Array:
        return np.asarray(gc.evaluate(self.node, feeds(arrays)))

    def draws(self, pool: Array, others: Array, chosen: set[int]) -> Iterator[Any]:
        """Arrays of values of `pool` for the chosen floating inputs."""
        for seed in range(DRAWS):
            rng = np.random.default_rng(seed)
            arrays = self.application.draw(seed=seed)
            for position, array in enumerate(arrays):
                if self.floating[position]:
                    values = pool if position in chosen else others
                    arrays[position] = rng.choice(values, array.shape)
            yield arrays

    def named(self, needed: Inputs) -> set[int]:
        """The inputs that a fact names."""
        everything = set(range(len(self.floating)))
        return everything if needed == "all" else set(needed or ())


def _agree(left: Array, right: Array, *, signs: bool) -> bool:
    if left.shape != right.shape or not np.array_equal(
        left, right, equal_nan=left.dtype.kind == "f"
    ):
        return False
    number = ~np.isnan(left) if left.dtype.kind == "f" else np.ones(left.shape, bool)
    alike = np.signbit(left[number]) == np.signbit(right[number]) if signs else True
    return left.dtype.kind != "f" or bool(np.all(alike))


def commutative(value: Value, facts: Facts) -> Iterator[str]:
    shapes = value.application.case.shapes
    if facts.commutative is None:
        return
    if len(shapes) != 2:
        yield "commutative, but has not two operands"
        return
    if len(set(shapes)) > 1:
        if value.op.kind != "elementwise":
            yield "commutative, but operands have shapes of their own"
        return
    exact = facts.commutative == "exact"
    for arrays in value.draws(SPECIAL if exact else MODERATE, SPECIAL, {0, 1}):
        one, other = value(arrays), value(arrays[::-1])
        close = exact or np.allclose(one, other, rtol=1e-12, equal_nan=True)
        if not close or (exact and not _agree(one, other, signs=True)):
            yield f"not commutative for {arrays}"


def _can_be(number: float, dtype: np.dtype[Any]) -> bool:
    """True where a dtype has a number, as rules look for it: -0.0 only among floats."""
    return dtype.kind == "f" or (np.isfinite(number) and not np.signbit(number))


def neutral(value: Value, facts: Facts) -> Iterator[str]:
    if len(set(value.application.case.shapes)) > 1:
        if facts.neutral and value.op.kind != "elementwise":
            yield "neutral, but operands have shapes of their own"
        return
    for place, number in enumerate(facts.neutral):
        for op, arrays in of_one_type(value, 2):
            if number is not None and _can_be(number, arrays[place].dtype):
                arrays[place] = np.full_like(arrays[place], number)
                if not _agree(op(arrays), arrays[1 - place], signs=True):
                    yield f"{number} is not neutral at {place} for {arrays}"


POOLS = {
    "float64": SPECIAL,
    "int8": np.array([-127, -1, 0, 1, 5]),
    "bool": [False, True],
}
FINITE = {**POOLS, "float64": np.concatenate([MODERATE, LARGE])}


def of_one_type(
    value: Value, count: int, pools: Any = POOLS
) -> Iterator[tuple[Value, list[Array]]]:
    """An op of operands that have the type of the result, and arrays of that type."""
    application = value.application
    for dtype, pool in pools.items():
        same = replace(application, case=replace(application.case, dtypes=()))
        try:
            typed = Value(same, dtype)
            typed([np.full(shape, -1, dtype) for shape in application.case.shapes])
        except gc.errors.GraphcError:
            continue
        shapes = {*application.case.shapes, typed.node.shape}
        if typed.node.dtype == dtype and len(shapes) == 1:
            for seed in range(DRAWS):
                rng = np.random.default_rng(seed)
                drawn = [rng.choice(pool, *shapes) for _ in range(count)]
                yield typed, [array.astype(dtype) for array in drawn]


def associative(value: Value, facts: Facts) -> Iterator[str]:
    if facts.associative is not None:
        if facts.commutative is None:
            yield "associative, but not commutative, which rules rely on"
        for op, (x, y, z) in of_one_type(value, 3):
            one, other = op([op([x, y]), z]), op([x, op([y, z])])
            exact = facts.associative == "exact" or op.node.dtype.kind != "f"
            if exact and not _agree(one, other, signs=False):
                yield f"not associative for {x}, {y}, {z}"


def absorbing(value: Value, facts: Facts) -> Iterator[str]:
    for place, number in enumerate(facts.absorbing):
        for op, arrays in of_one_type(value, 2, FINITE):
            if number is not None and _can_be(number, arrays[place].dtype):
                arrays[place] = np.full_like(arrays[place], number)
                if not _agree(op(arrays), arrays[place], signs=False):
                    yield f"{number} is not absorbing at {place} for {arrays}"


def idempotent(value: Value, facts: Facts) -> Iterator[str]:
    for op, (x,) in of_one_type(value, 1) if facts.idempotent else ():
        if not _agree(op([x, x]), x, signs=True):
            yield f"not idempotent for {x}"


def involutive(value: Value, facts: Facts) -> Iterator[str]:
    for op, (x,) in of_one_type(value, 1) if facts.involutive else ():
        if not _agree(op([op([x])]), x, signs=True):
            yield f"not involutive for {x}"


def parity(value: Value, facts: Facts) -> Iterator[str]:
    for op, (x,) in of_one_type(value, 1) if facts.parity else ():
        if op.node.dtype.kind == "f":
            found, other = op([x]), op([-x])
            expected = found if facts.parity == "even" else -found
            if not np.allclose(expected, other, rtol=1e-12, equal_nan=True):
                yield f"not {facts.parity} for {x}"


def nonnegative(value: Value, facts: Facts) -> Iterator[str]:
    if facts.nonnegative is None or value.node.dtype.kind != "f":
        return
    named = value.named(facts.nonnegative)
    for arrays in value.draws(NONNEGATIVE, SPECIAL, named):
        result = value(arrays)
        if np.any(np.signbit(result[~np.isnan(result)])):
            yield f"negative for {arrays}"


def finite(value: Value, facts: Facts) -> Iterator[str]:
    if facts.finite is None or value.node.dtype.kind != "f":
        return
    pool = MODERATE if facts.overflows else LARGE
    for arrays in value.draws(pool, SPECIAL, value.named(facts.finite)):
        if not np.isfinite(value(arrays)).all():
            yield f"not finite for {arrays}"


def integers(value: Value, facts: Facts) -> Iterator[str]:
    """Small integers, the smallest one apart, that would wrap if anything did."""
    if facts.overflows or not all(value.floating) or value.op.kind == "source":
        return
    try:
        narrow = value.application.apply(value.application.nodes("int8"))
        wide = value.application.apply(value.application.nodes("int64"))
    except gc.errors.GraphcError:
        return
    pool = np.array([-127, -1, 0, 1, 127])
    if wide.dtype.kind != "i":
        return
    for arrays in value.draws(pool, pool, set()):
        found = gc.evaluate(narrow, feeds([a.astype("int8") for a in arrays]))
        expected = gc.evaluate(wide, feeds([a.astype("int64") for a in arrays]))
        if not np.array_equal(found, expected):
            yield f"integers wrap for {arrays}"


def zero_sign(value: Value, facts: Facts) -> Iterator[str]:
    moves = value.op.kind in ("view", "movement")
    for position, is_floating in enumerate(value.floating):
        effect = "kept" if moves else facts.zero_sign_of(position)
        if effect == "shown" or not is_floating:
            continue
        for arrays in value.draws(SPECIAL, SPECIAL, set()):
            array = arrays[position]
            flipped = np.where(array == 0, -array, array)
            found = value(arrays)
            other = value([*arrays[:position], flipped, *arrays[position + 1 :]])
            if not _agree(found, other, signs=effect == "ignored"):
                yield f"the sign of a zero is not {effect} at {position} for {arrays}"


def rearranges(value: Value, facts: Facts) -> Iterator[str]:
    if value.op.kind == "view" or facts.rearranges:
        arrays = value.application.draw()
        if not set(value(arrays).flat) <= set(arrays[0].flat):
            yield f"elements that the first input has not, for {arrays}"


def symmetric(value: Value, facts: Facts) -> Iterator[str]:
    if facts.symmetric:
        first, *others = value.application.draw()
        whole = value([first, *others])
        halves = [value([half(first), *others]) for half in (np.tril, np.triu)]
        if not any(np.array_equal(whole, half) for half in halves):
            yield f"reads more than a triangle of {first}"


def cost(value: Value, facts: Facts) -> Iterator[str]:
    if value.op.kind == "elementwise" and facts.cost is None:
        yield "an elementwise op without a cost"
    costs = facts.cost if isinstance(facts.cost, tuple) else (facts.cost or 1.0,)
    if min(costs) <= 0.0:
        yield "a cost that is not positive"


def multiply_adds(value: Value, facts: Facts) -> Iterator[str]:
    if value.op.kind == "contraction" and facts.multiply_adds is None:
        yield "a contraction without multiply-adds"


def notation(value: Value, facts: Facts) -> Iterator[str]:
    if facts.notation is not None:
        arrays = value.application.draw()
        scope = dict(zip(value.op.inputs, arrays, strict=True))
        scope |= value.application.case.attributes
        if not np.allclose(eval(facts.notation, scope), value(arrays)):
            yield f"{facts.notation} is another number"


def called(value: Value, facts: Facts) -> Iterator[str]:
    known = {name.lstrip("*"): name for name in value.op.inputs}
    for pattern in facts.called:
        if not pattern.format_map(known).replace("*", "").isidentifier():
            yield f"{pattern} is no name of a variable"


def of_bodies(value: Value, facts: Facts) -> Iterator[str]:
    if (facts.only_rules or facts.recomputes) and not value.op.bodies:
        yield "a fact of bodies, of an op that has none"


def formula(value: Value, facts: Facts) -> Iterator[str]:
    if facts.formula is not None and not value.op.is_block:
        yield "a line below the name of a block, of an op that is none"


CHECKS: dict[str, Callable[[Value, Facts], Iterator[str]]] = {
    "commutative": commutative,
    "neutral": neutral,
    "associative": associative,
    "absorbing": absorbing,
    "idempotent": idempotent,
    "involutive": involutive,
    "parity": parity,
    "nonnegative": nonnegative,
    "finite": finite,
    "overflows": integers,
    "zero_sign": zero_sign,
    "rearranges": rearranges,
    "symmetric": symmetric,
    "cost": cost,
    "multiply_adds": multiply_adds,
    "notation": notation,
    "called": called,
    "only_rules": of_bodies,
    "recomputes": of_bodies,
    "formula": formula,
}


def _violations(application: Application, facts: Facts) -> Iterator[str]:
    value = Value(application)
    for check in CHECKS.values():
        yield from check(value, facts)


def test_every_fact_has_a_check() -> None:
    assert set(CHECKS) == set(Facts.__dataclass_fields__)


@pytest.mark.parametrize(
    "application", applications(_is_plain), ids=lambda application: application.id
)
def test_facts_are_what_numpy_computes(application: Application) -> None:
    assert next(_violations(application, application.op.facts), None) is None


def test_blocks_leave_facts_to_what_they_expand_to() -> None:
    assert all(op.facts is NONE for op in OPS.values() if op.is_block)


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("inv", {"symmetric": True}),
    ("subtract", {"commutative": "exact"}),
    ("divide", {"commutative": "real"}),
    ("arctan2", {"commutative": "real"}),
    ("matmul", {"commutative": "real"}),
    ("matmul", {"neutral": (None, 1.0)}),
    ("add", {"neutral": (0.0, 0.0)}),
    ("subtract", {"neutral": (0.0, 0.0)}),
    ("maximum", {"neutral": (0.0, 0.0)}),
    ("divide", {"neutral": (1.0, 1.0)}),
    ("logical_and", {"neutral": (0.0, 0.0)}),
    ("bitwise_and", {"neutral": (1.0, 1.0)}),
    ("subtract", {"associative": "integers"}),
    ("bitwise_and", {"associative": "exact", "commutative": None}),
    ("multiply", {"associative": "exact"}),
    ("add", {"absorbing": (0.0, 0.0)}),
    ("divide", {"absorbing": (0.0, None)}),
    ("multiply", {"absorbing": (1.0, 0.0)}),
    ("maximum", {"absorbing": (None, -math.inf)}),
    ("logical_or", {"absorbing": (0.0, 1.0)}),
    ("bitwise_or", {"absorbing": (1.0, 1.0)}),
    ("multiply", {"idempotent": True}),
    ("logical_xor", {"idempotent": True}),
    ("reciprocal", {"involutive": True}),
    ("absolute", {"involutive": True}),
    ("sin", {"parity": "even"}),
    ("exp", {"parity": "odd"}),
    ("sin", {"nonnegative": "all"}),
    ("negative", {"nonnegative": ()}),
    ("log", {"nonnegative": "all"}),
    ("subtract", {"nonnegative": "all"}),
    ("add", {"nonnegative": (0,)}),
    ("mean", {"nonnegative": ()}),
    ("exp", {"finite": "all", "overflows": False}),
    ("square", {"overflows": False}),
    ("sum", {"overflows": False}),
    ("log", {"finite": "all"}),
    ("divide", {"finite": "all"}),
    ("where", {"finite": (1,)}),
    ("max_from", {"finite": ()}),
    ("multiply", {"overflows": False}),
    ("divide", {"zero_sign": "kept"}),
    ("reciprocal", {"zero_sign": "kept"}),
    ("sqrt", {"zero_sign": "ignored"}),
    ("max", {"zero_sign": "ignored"}),
    ("arctan2", {"zero_sign": ("kept", "kept")}),
    ("negative", {"rearranges": True}),
    ("concatenate", {"rearranges": True}),
    ("scatter_add", {"rearranges": True}),
    ("add", {"cost": None}),
    ("add", {"cost": -1.0}),
    ("matmul", {"multiply_adds": None}),
    ("power", {"notation": "x1 * x2"}),
    ("exp", {"only_rules": True}),
    ("exp", {"recomputes": True}),
    ("exp", {"formula": "e**x"}),
    ("exp", {"called": ("of {x} and",)}),
]


@pytest.mark.parametrize(
    ("name", "wrong"), WRONG, ids=[f"{name}-{wrong}" for name, wrong in WRONG]
)
def test_a_wrong_fact_is_found(name: str, wrong: dict[str, Any]) -> None:
    op = OPS[name]
    facts = replace(op.facts, **wrong)
    found = [
        violation
        for number, case in enumerate(op.cases)
        for violation in _violations(Application(op, case, number), facts)
    ]
    assert found
