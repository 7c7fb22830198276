"""Generated tests: derivatives to order two where they are special, without rounding.

The oracle is the op's meaning in arithmetic of a hundred digits, with differences far
smaller than any rounding, on either side of the point. Where both sides have one slope,
VJP, JVP and their derivatives have to be it; at a kink they lie between the sides, and
are what the case declares, if it does.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir import Case, Node, Point
from tests.exact import Slopes, exact_values, slopes
from tests.op_cases import (
    Application,
    Array,
    applications,
    floating_positions,
    is_differentiable,
)

AROUND = (0.0, 1.0, -1.0, 0.5, 2.0)
"""Where an elementwise op is tried by itself; with several inputs, in all pairs of the
first three."""


@dataclass(frozen=True, eq=False)
class SpecialPoint:
    """A point of an application."""

    application: Application
    point: Point

    @property
    def id(self) -> str:
        """A name for pytest."""
        values = [np.asarray(value).tolist() for value in self.point.inputs]
        return f"{self.application.id}-{values}".replace(" ", "")


def declared(application: Application) -> Iterator[SpecialPoint]:
    """The points that a case declares."""
    for point in application.case.points:
        yield SpecialPoint(application, point)


def is_elementwise(application: Application) -> bool:
    """Whether each element of the output depends on that of each input alone."""
    op = application.op
    return op.kind == "elementwise" or op.jvp == "diagonal"


def around_zero(application: Application) -> Iterator[SpecialPoint]:
    """Numbers in the place of the inputs of an elementwise op."""
    case = application.case
    scalars = Case(tuple(() for _ in case.shapes), case.attributes, dtypes=case.dtypes)
    single = Application(application.op, scalars, application.number)
    values = AROUND if len(case.shapes) == 1 else AROUND[:3]
    choices = [
        values if np.dtype(dtype).kind == "f" else (False, True)
        for dtype in single.dtypes()
    ]
    excepted = EXCEPTED.get(application.op.name, lambda *inputs: False)
    for inputs in itertools.product(*choices):
        if not excepted(*inputs):
            yield SpecialPoint(single, Point(inputs))


EXCEPTED: Mapping[str, Callable[..., bool]] = {
    # Between bounds that coincide torch, too, lets the gradient flow.
    "clip": lambda x, *bounds: len(set(bounds)) < len(bounds),
    # At a jump the derivative is that of the value that is taken there.
    "copysign": lambda x1, x2: x2 == 0.0,
    "heaviside": lambda x1, x2: x1 == 0.0,
}
"""Where a convention is not between the slopes of both sides."""


def at_ties(application: Application) -> Iterator[SpecialPoint]:
    """Small integers, so with zeros and ties, in the place of all floating inputs."""
    rng = np.random.default_rng(2)
    inputs = [
        rng.integers(-1, 2, array.shape).astype(array.dtype)
        if array.dtype.kind == "f"
        else array
        for array in application.draw()
    ]
    yield SpecialPoint(application, Point(tuple(inputs)))


def _size(application: Application) -> float:
    """How many numbers the inputs have; those with fewer than two have no ties."""
    count = sum(int(np.prod(shape)) for shape in application.case.shapes)
    return count if count > 1 else np.inf


def special_points() -> list[SpecialPoint]:
    """All that are declared; around 0, for elementwise ops; with ties, for others that
    do not ask for matrices of a kind."""
    found: list[SpecialPoint] = []
    seen: set[Any] = set()
    others: dict[str, list[Application]] = {}
    for application in filter(is_differentiable, applications()):
        found += declared(application)
        key = (application.op.name, str(application.case.attributes))
        if not is_elementwise(application) and not application.case.matrices:
            others.setdefault(application.op.name, []).append(application)
        elif is_elementwise(application) and key not in seen:
            seen.add(key)
            found += around_zero(application)
    for each in others.values():
        for application in sorted(each, key=_size)[:2]:
            found += at_ties(application)
    return [special for special in found if special.application.op.pure]


class Derivatives:
    """An application's derivatives as nodes: along tangents, in both modes."""

    def __init__(self, application: Application, moving: tuple[int, ...]) -> None:
        self.nodes = application.nodes()
        output = application.apply(self.nodes)
        rng = np.random.default_rng(4)
        self.scalar = gc.sum(output * rng.integers(1, 4, output.shape).astype("f8"))
        self.inputs = [self.nodes[position] for position in moving]
        self.tangents = [
            gc.input(f"tangent{place}", node.shape, node.dtype)
            for place, node in enumerate(self.inputs)
        ]
        pushed = gc.jvp(self.scalar, self.inputs, self.tangents)
        pulled = self._along(self.scalar)
        self.first = [pushed, pulled]
        self.second = [
            gc.jvp(pushed, self.inputs, self.tangents),
            self._along(pushed),
            gc.jvp(pulled, self.inputs, self.tangents),
            self._along(pulled),
        ]
        self.gradients = gc.grad(gc.sum(output), self.inputs, unused="zeros")

    def _along(self, scalar: Node) -> Node:
        gradients = gc.grad(scalar, self.inputs, unused="zeros")
        terms = [
            gc.sum(gradient * tangent)
            for gradient, tangent in zip(gradients, self.tangents, strict=True)
        ]
        return sum(terms[1:], terms[0])


@functools.lru_cache(maxsize=8)
def derivatives_of(application: Application, moving: tuple[int, ...]) -> Derivatives:
    """The nodes, made once for all points of an application."""
    return Derivatives(application, moving)


def _between(values: Sequence[Any], limits: tuple[float, float], note: str) -> None:
    """Hold values against what they are between, as far as there is a limit."""
    sides = [limit for limit in limits if not np.isnan(limit)]
    if not sides:
        return
    low, high = min(sides), max(sides)
    slack = 1e-9 * max(1.0, abs(low), abs(high))
    for value in values:
        assert low - slack <= value <= high + slack, (note, float(value), limits)


def check(special: SpecialPoint) -> None:
    """Hold first and second derivatives at a point against the oracle.

    Each input moves alone, and all of them at once.
    """
    application, point = special.application, special.point
    every = tuple(floating_positions(application))
    for moving in dict.fromkeys([every, *((position,) for position in every)]):
        derivatives = derivatives_of(application, moving)
        fixed = {
            node: np.asarray(value, node.dtype)
            for node, value in zip(derivatives.nodes, point.inputs, strict=True)
        }
        _hold(derivatives, fixed, point.order)
        if point.gradients is not None and moving == every:
            found, _ = gc.evaluate([derivatives.gradients, derivatives.nodes], fixed)
            for gradient, expected in zip(found, point.gradients, strict=True):
                np.testing.assert_allclose(gradient, expected, rtol=1e-12)


def _hold(derivatives: Derivatives, fixed: Mapping[Node, Array], order: int) -> None:
    start = [fixed[node] for node in derivatives.inputs]
    here, _ = gc.evaluate([derivatives.scalar, derivatives.nodes], fixed)
    if not np.isfinite(here):
        return

    def value(moved: Sequence[Array]) -> Any:
        at = {**fixed, **dict(zip(derivatives.inputs, moved, strict=True))}
        return exact_values([derivatives.scalar], at)[0].item()

    rng = np.random.default_rng(3)
    for _ in range(2 if any(array.ndim for array in start) else 1):
        direction = [rng.choice([-2, -1, 1, 2], x.shape) * _scale(x) for x in start]
        limits = slopes(value, start, direction)
        tangents = dict(zip(derivatives.tangents, direction, strict=True))
        orders = [derivatives.first, derivatives.second]
        everything = [*orders, derivatives.nodes, derivatives.tangents]
        feeds = {k: np.asarray(v, k.dtype) for k, v in {**fixed, **tangents}.items()}
        first, second, *_ = gc.evaluate(everything, feeds)
        _between(first, limits.first, "first")
        if order > 1:
            _between(second, _second(limits), "second")


def _scale(x: Array) -> Array:
    """Steps of the size of very small and very large numbers, and else of 1."""
    size = np.abs(x)
    return np.where((size > 0) & ((size < 1e-3) | (size > 1e3)), size, 1.0)


def _second(limits: Slopes) -> tuple[float, float]:
    """At a kink a second derivative may be 0, too: that of the chosen slope."""
    left, right = limits.first
    if np.isnan([left, right]).any() or abs(left - right) <= 1e-9 * max(1, abs(left)):
        return limits.second
    sides = [0.0, *(side for side in limits.second if not np.isnan(side))]
    return (min(sides), max(sides))


POINTS = special_points()


@pytest.mark.parametrize("special", POINTS, ids=lambda special: special.id)
def test_derivatives_at_special_points(special: SpecialPoint) -> None:
    check(special)


def test_every_op_with_a_derivative_is_tried() -> None:
    tried = {special.application.op.name for special in POINTS}
    # Matrices of a kind have no elements to choose at will.
    free = [a for a in applications() if not a.case.matrices]
    assert {a.op.name for a in free if is_differentiable(a)} <= tried
