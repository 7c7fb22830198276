"""Generated tests: an op's SymPy meaning is the op, and its derivative is the VJP."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

import graphc as gc
from graphc.ir import OPS
from tests.op_cases import Application, feeds

WITH_MEANING = [op for op in OPS.values() if op.sympy is not None]


def _id(op: Any) -> str:
    return op.name


def _symbols(op: Any) -> list[sympy.Symbol]:
    return [sympy.Symbol(name, real=True) for name in op.inputs]


def _expression(op: Any) -> Any:
    symbols = {str(symbol): symbol for symbol in _symbols(op)}
    return sympy.sympify(op.sympy, locals=symbols)


def _points(op: Any) -> tuple[Application, list[Any]]:
    """The first case, where all inputs have one shape; drawn from its domain."""
    application = Application(op, op.cases[0], 0)
    assert len(set(application.case.shapes)) == 1, "the first case has equal shapes"
    arrays = application.draw(seed=2)
    return application, arrays


def _numbers(op: Any, expression: Any, arrays: list[Any]) -> list[complex]:
    """A SymPy expression at each point, computed by mpmath to 30 digits."""
    function = sympy.lambdify(_symbols(op), expression, modules="mpmath")
    rows = zip(*(array.ravel().tolist() for array in arrays), strict=True)
    return [complex(function(*row)) for row in rows]


def test_some_ops_have_a_meaning() -> None:
    names = {op.name for op in WITH_MEANING}
    assert {"add", "exp", "log1p", "tanh", "power", "where", "maximum"} <= names
    assert all(op.is_block or op.kind == "elementwise" for op in WITH_MEANING)


def test_meanings_use_only_the_inputs() -> None:
    for op in WITH_MEANING:
        assert _expression(op).free_symbols <= set(_symbols(op)), op.name


@pytest.mark.parametrize("op", WITH_MEANING, ids=_id)
def test_meaning_is_the_op(op: Any) -> None:
    application, arrays = _points(op)
    output = gc.evaluate(application.apply(application.nodes()), feeds(arrays))
    expected = np.array(_numbers(op, _expression(op), arrays))
    np.testing.assert_allclose(output.ravel(), expected, rtol=1e-13, atol=1e-15)


COMPARISONS = [op for op in WITH_MEANING if _expression(op).is_Relational]


@pytest.mark.parametrize("op", COMPARISONS, ids=_id)
def test_comparisons_mean_the_same_at_ties(op: Any) -> None:
    values = np.array([-1.0, 0.0, 1.0])
    grids = [grid.ravel() for grid in np.meshgrid(values, values)]
    nodes = [gc.input(f"x{i}", (9,), "float64") for i in range(2)]
    output = gc.evaluate(op(*nodes), feeds(grids))
    assert output.tolist() == [bool(n) for n in _numbers(op, _expression(op), grids)]


DIFFERENTIABLE = [op for op in WITH_MEANING if op.vjp is not None]


@pytest.mark.parametrize("op", DIFFERENTIABLE, ids=_id)
def test_derivative_of_the_meaning_is_the_vjp(op: Any) -> None:
    application, arrays = _points(op)
    nodes = application.nodes()
    output = application.apply(nodes)
    for symbol, node in zip(_symbols(op), nodes, strict=True):
        if node.dtype.kind != "f":
            continue
        gradient = gc.grad(gc.sum(output), node)
        actual = gc.evaluate([gradient, nodes], feeds(arrays))[0]
        slope = sympy.diff(_expression(op), symbol)
        # Away from ties a step is 0 or 1, and the derivative of a step is 0.
        slope = slope.replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))
        expected = np.array(_numbers(op, slope, arrays))
        np.testing.assert_allclose(actual.ravel(), expected, rtol=1e-12, atol=1e-14)
