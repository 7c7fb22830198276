"""Generated tests: every op's VJP and JVP against finite differences, to order two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir import OPS, Dim, Node
from tests.op_cases import (
    Application,
    Array,
    accepts_named_size,
    applications,
    feeds,
    floating_positions,
    is_differentiable,
)

STEP = 1e-6


def _id(application: Application) -> str:
    return application.id


DIFFERENTIABLE = [a for a in applications() if is_differentiable(a)]
# Differences of float32 results would be all rounding.
EXACT = [a for a in DIFFERENTIABLE if a.apply(a.nodes()).dtype == np.float64]


def test_derivatives_are_tested_for_every_op_that_has_them() -> None:
    tested = {a.op.name for a in EXACT}
    # Those of a body are in test_control.
    assert {o.name for o in OPS.values() if o.vjp and not o.bodies} <= tested


def _along(
    function: Callable[[list[Array]], Array],
    arrays: Sequence[Array],
    directions: Sequence[Array],
) -> Array:
    """The derivative of `function` along `directions`, by central differences."""

    def moved(step: float) -> Array:
        return function([a + step * d for a, d in zip(arrays, directions, strict=True)])

    return (moved(STEP) - moved(-STEP)) / (2 * STEP)


class _Problem:
    """An application with points, tangents and a cotangent, as nodes and arrays."""

    def __init__(self, application: Application, **declared: Any) -> None:
        rng = np.random.default_rng(11)
        self.nodes = application.nodes(**declared)
        self.output = application.apply(self.nodes)
        batch = 3 if declared else None
        self.arrays = application.draw(seed=5, batch=batch)
        self.positions = floating_positions(application)
        self.variables = [self.nodes[p] for p in self.positions]
        self.points = [self.arrays[p] for p in self.positions]
        self.tangents = [
            application.direction(rng, position, point)
            for position, point in zip(self.positions, self.points, strict=True)
        ]
        value = gc.evaluate([self.output, *self.nodes], feeds(self.arrays))[0]
        self.cotangent = rng.uniform(-1, 1, value.shape)
        self.weight = gc.input("weight", self.output.shape, "float64")

    def value(
        self,
        nodes: Any,
        points: Sequence[Array] | None = None,
        cotangent: Array | None = None,
    ) -> Any:
        """What nodes are where the floating inputs are `points`."""
        arrays = list(self.arrays)
        for position, point in zip(self.positions, points or self.points, strict=True):
            arrays[position] = point
        weight = self.cotangent if cotangent is None else cotangent
        # Every input is asked for, because feeding one that is not used is an error.
        everything = [nodes, self.nodes, self.weight]
        return gc.evaluate(everything, {**feeds(arrays), "weight": weight})[0]


def _dot(left: Sequence[Array], right: Sequence[Array]) -> float:
    pairs = zip(left, right, strict=True)
    return float(sum(np.sum(a * b, dtype=np.float64) for a, b in pairs))


def _assert_close(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, expected, rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("application", EXACT, ids=_id)
def test_first_derivatives(application: Application) -> None:
    problem = _Problem(application)
    expected = _along(
        lambda points: problem.value(problem.output, points),
        problem.points,
        problem.tangents,
    )
    pushed = gc.jvp(problem.output, problem.variables, problem.tangents)
    assert pushed.type == problem.output.type
    forward = problem.value(pushed)
    _assert_close(forward, expected)

    pulled = gc.vjp(problem.output, problem.variables, problem.weight, unused="zeros")
    for gradient, variable in zip(pulled, problem.variables, strict=True):
        assert gradient.type == variable.type
    reverse = problem.value(pulled)
    # <u, J v> == <J' u, v>: both modes agree to rounding, without finite differences.
    np.testing.assert_allclose(
        _dot(reverse, problem.tangents),
        _dot([problem.cotangent], [forward]),
        rtol=1e-10,
        atol=1e-12,
    )


SEVERAL = [a for a in EXACT if len(floating_positions(a)) > 1]


@pytest.mark.parametrize("application", SEVERAL, ids=_id)
def test_each_input_alone_has_a_tangent(application: Application) -> None:
    """One input moves and the others stand still; the sum is the whole derivative."""
    problem = _Problem(application)
    pairs = list(zip(problem.variables, problem.tangents, strict=True))
    parts = [gc.jvp(problem.output, v, tangent) for v, tangent in pairs]
    for part in parts:
        assert part.type == problem.output.type
    whole = gc.jvp(problem.output, problem.variables, problem.tangents)
    actual, expected = problem.value([parts, whole])
    np.testing.assert_allclose(sum(actual), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("application", EXACT, ids=_id)
def test_second_derivatives(application: Application) -> None:
    """Gradients of the VJP, by its own VJP and by a JVP, along one direction."""
    problem = _Problem(application)
    rng = np.random.default_rng(3)
    pulled = gc.vjp(problem.output, problem.variables, problem.weight, unused="zeros")
    terms = [
        gc.sum(gradient * rng.uniform(-1, 1, gradient.shape)) for gradient in pulled
    ]
    scalar: Node = sum(terms[1:], terms[0])

    def first_order(values: list[Array]) -> Array:
        *points, cotangent = values
        return problem.value(scalar, points, cotangent)

    directions = [*problem.tangents, rng.uniform(-1, 1, problem.cotangent.shape)]
    points = [*problem.points, problem.cotangent]
    expected = _along(first_order, points, directions)

    variables = [*problem.variables, problem.weight]
    gradients = problem.value(gc.grad(scalar, variables, unused="zeros"))
    _assert_close(_dot(gradients, directions), expected)
    forward = problem.value(gc.jvp(scalar, variables, directions))
    _assert_close(forward, expected)


NAMED = [a for a in DIFFERENTIABLE if accepts_named_size(a)]


@pytest.mark.parametrize("application", NAMED, ids=_id)
def test_named_sizes_have_the_same_derivatives(application: Application) -> None:
    """Broadcasting is undone alike where a size is a name."""

    def gradients(**declared: Any) -> Any:
        problem = _Problem(application, **declared)
        pulled = gc.vjp(
            problem.output, problem.variables, problem.weight, unused="zeros"
        )
        for gradient, variable in zip(pulled, problem.variables, strict=True):
            assert gradient.type == variable.type
        return problem.value(pulled)

    for named, plain in zip(
        gradients(batch=Dim("batch")), gradients(batch=3), strict=True
    ):
        np.testing.assert_allclose(named, plain, rtol=1e-12, atol=1e-14)


def _is_flat(op: Any) -> bool:
    return op.vjp is None and not op.is_block and op.name != "stop_gradient"


@pytest.mark.parametrize("application", applications(_is_flat), ids=_id)
def test_ops_without_a_derivative_are_flat(application: Application) -> None:
    """Where no derivative flows, finite differences find none."""
    output = application.apply(application.nodes())
    if output.dtype.kind != "f" or not floating_positions(application):
        return
    problem = _Problem(application)
    slope = _along(
        lambda points: problem.value(problem.output, points),
        problem.points,
        problem.tangents,
    )
    np.testing.assert_array_equal(slope, np.zeros(slope.shape))


@pytest.mark.parametrize("application", DIFFERENTIABLE, ids=_id)
def test_float32_stays_float32(application: Application) -> None:
    """No rule lets a float64 constant into a float32 derivative."""
    nodes = application.nodes("float32")
    output = application.apply(nodes)
    if output.dtype != np.float32:
        return
    variables = [nodes[p] for p in floating_positions(application)]
    gradients = gc.vjp(output, variables, gc.ones_like(output), unused="zeros")
    run = gc.interpret([*gradients, *nodes], feeds(application.draw("float32")))
    declared = {node.dtype for node, _ in run.items()}
    literals = {node.dtype for node in nodes}
    assert np.dtype("float64") not in declared - literals
