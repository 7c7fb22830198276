"""Formulas of ops have the ops' values, and their gradients those of the rules."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import numpy as np

import graphc as gc
from graphc.ir.types import TupleType
from graphc.notation import tree as build
from graphc.notation.elements import Letters, at
from graphc.notation.formula import System, latex_printer
from graphc.notation.tree import Tree
from tests.notation.evaluator import Evaluator
from tests.op_cases import applications, feeds


def _cases() -> list[tuple[Any, dict[str, Any]]]:
    """Up to three nodes of each op, with arrays for their inputs."""
    found: list[tuple[Any, dict[str, Any]]] = []
    count = Counter[str]()
    for application in applications():
        count[application.op.name] += 1
        if count[application.op.name] > 3:
            continue
        node = application.node(application.nodes())
        if node.op.pure and not isinstance(node.type, TupleType):
            found.append((node, feeds(application.draw())))
    return found


def _some_elements(tree: Tree, evaluate: Evaluator, value: Any) -> bool:
    """True where elements, worked out with indices and sums, are those of the value."""
    size = value.size
    for flat in {0, size // 2, size - 1} if size else ():
        place = np.unravel_index(flat, value.shape)
        letters = Letters(build.names_in(tree))
        indices = [build.number(int(index)) for index in place]
        element = evaluate(at(tree, indices, letters))
        close = 1e-9 if value.dtype.itemsize == 8 else 1e-6
        if not np.allclose(element, value[place], close, close, equal_nan=True):
            return False
    return True


def _is_right(node: gc.Node, depth: int | None, arrays: dict[str, Any]) -> bool:
    """True where a formula has the value of the node; an op by its name is the op."""
    system = System([node], depth)
    *others, equation = system.equations()
    tree = equation.value
    assert latex_printer([tree])(tree)
    if tree.head in ("apply", "map"):
        return not others
    values = dict(arrays)
    evaluate = Evaluator(values)
    for other in others:
        assert other.name is not None
        values[other.name.text] = evaluate(other.value)
    expected = gc.evaluate(node, arrays)
    value = np.asarray(evaluate(tree), expected.dtype)
    if value.shape != expected.shape or not _some_elements(tree, evaluate, value):
        return False
    close = 1e-9 if expected.dtype.itemsize == 8 else 1e-6
    return np.allclose(value, expected, rtol=close, atol=close, equal_nan=True)


def test_values() -> None:
    wrong = [
        f"{node.op.name}: {node} at depth {depth}"
        for (node, arrays), depth in itertools.product(_cases(), (1, None))
        if (depth or node.op.is_block) and not _is_right(node, depth, arrays)
    ]
    assert not wrong, "\n".join(wrong)
