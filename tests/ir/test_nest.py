"""Structures of nodes: taken apart, put together, and refused in one way everywhere."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import graphc as gc
from graphc.errors import GraphcError
from graphc.ir import Node
from graphc.ir.nest import flatten, refill


def test_a_structure_comes_back_with_other_values() -> None:
    x, y = gc.input("x", ()), gc.input("y", ())
    structures: list[Any] = [x, [x, y], (x,), {"a": x}, [], {}]
    structures += [[x, (y, {"a": [x, y], "b": ()})], {"a": (x, [y]), "b": y}]
    for structure in structures:
        nodes = flatten(structure)
        again = refill(structure, nodes)
        assert _shown(again) == _shown(structure)


def _shown(structure: Any) -> Any:
    """A structure that can be compared: nodes by name, containers by their type."""
    if isinstance(structure, Node):
        return structure.name
    if isinstance(structure, dict):
        return {key: _shown(value) for key, value in structure.items()}  # pyright: ignore
    return type(structure), [_shown(value) for value in structure]


@pytest.mark.parametrize("wrong", [3, "s", None, {1, 2}], ids=repr)
@pytest.mark.parametrize(
    "use",
    [
        gc.compile,
        gc.evaluate,
        lambda nodes: gc.evaluate(nodes, {}),
        lambda nodes: gc.grad(gc.input("y", ()), nodes),
        lambda nodes: gc.hessian(gc.input("y", ()), nodes),
    ],
)
def test_what_is_not_a_node_is_refused_at_the_users_line(
    use: Callable[[Any], Any], wrong: Any
) -> None:
    x = gc.input("x", ())
    for structure in ([x, wrong], (x, [wrong]), {"a": {"b": wrong}}):
        with pytest.raises(GraphcError, match="must be nodes, got") as caught:
            use(structure)
        assert caught.value.location is not None
        assert caught.value.location.split(":")[0] == __file__


@pytest.mark.parametrize("feeds", [3, [1.0], "x"])
@pytest.mark.parametrize("by", [gc.evaluate, gc.interpret])
def test_feeds_that_are_not_by_name_are_refused(by: Any, feeds: Any) -> None:
    x = gc.input("x", ())
    line = inspect.currentframe().f_lineno + 2  # type: ignore[union-attr]
    with pytest.raises(GraphcError, match="feeds must be a dict") as caught:
        by([x], feeds)
    assert caught.value.location == f"{__file__}:{line}"


def test_gradients_come_in_the_structure_of_what_is_differentiated_by() -> None:
    x, y = gc.input("x", (), "float64"), gc.input("y", (), "float64")
    found = gc.grad(x * y, {"a": (x, [y]), "b": x})  # pyright: ignore
    assert gc.evaluate(found, {x: 2.0, y: 3.0}) == {"a": (3.0, [2.0]), "b": 3.0}
    by_view = gc.grad(x * y, {"x": x, "y": y}.values())  # pyright: ignore
    assert gc.evaluate(by_view, {x: 2.0, y: 3.0}) == [3.0, 2.0]
