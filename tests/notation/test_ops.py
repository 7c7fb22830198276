"""Formulas of ops have the ops' values, and their gradients those of the rules."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import Any

import numpy as np

import graphc as gc
from graphc.autodiff.reverse import adjoints_of
from graphc.ir.types import TupleType
from graphc.notation import tree as build
from graphc.notation.backward import Backward
from graphc.notation.elements import Letters, at
from graphc.notation.formula import System, latex_printer, text_printer
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
    # Options are said in a few words below the name of the function.
    assert not re.search(r"[(,{] ?[a-z_]{2,}=", text_printer([tree])(tree)), node
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


def _gradient_is_right(node: gc.Node, position: int, arrays: dict[str, Any]) -> bool:
    """True where what a formula says flows to an input is what the rule gives."""
    system = System([node], also={node: "out"}, splits=False, opens_known=False)
    backward = Backward(system, node, lambda n: False, frozenset(node.inputs), {})
    expected_flow = _flow(node, position)
    if expected_flow is None:
        return True
    d = np.random.default_rng(1).uniform(0.5, 1.5, node.shape)
    tree = backward.flow(node, position, build.symbol("d", node.shape))
    if any(part.head == "link" or _has_several(part) for part in tree.walk()):
        return True
    known = {**arrays, "d": d}
    inputs = [parent + 0 for parent in node.inputs]
    out, expected, *_ = gc.evaluate([node, expected_flow, *inputs], known)
    value = np.asarray(Evaluator({**arrays, "d": d, "out": out})(tree))
    close = 1e-9 if node.dtype.itemsize == 8 else 1e-5
    value = value if value.ndim else np.broadcast_to(value, expected.shape)
    return value.shape == expected.shape and np.allclose(
        value, expected, close, close, equal_nan=True
    )


def _has_several(tree: Tree) -> bool:
    """True of an op by its name that has several results."""
    is_op = isinstance(tree.data, build.Application)
    return is_op and isinstance(tree.data.node.type, TupleType)


def _flow(node: gc.Node, position: int) -> gc.Node | None:
    cotangent = gc.input("d", node.shape, node.dtype)
    return adjoints_of([node], [cotangent], [node.inputs[position]])[0]


def test_gradients() -> None:
    wrong = [
        f"{node} {dict(node.attributes)} by {parent}"
        for node, arrays in _cases()
        for position, parent in enumerate(node.inputs)
        if parent.dtype.kind == node.dtype.kind == "f"
        and node.ndim < 5  # Sums over volumes take long, and are those of images.
        and not _gradient_is_right(node, position, arrays)
    ]
    assert not wrong, "\n".join(wrong)
