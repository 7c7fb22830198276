"""The names of values for readers: the user's, or those of ops with a count."""

from __future__ import annotations

from collections.abc import Iterable

from .facts import Role
from .node import Node
from .op import result_name
from .types import TupleType


def shown(node: Node) -> Node:
    """The node that a vertex shows for a value: for the only result of one, that one.

    >>> import graphc as gc
    >>> from graphc.ops.control import call
    >>> shown(call(lambda x: x * 2.0, gc.input("x", ())))
    <call (float32 ())>
    """
    if node.op.role is Role.RESULT:
        (whole,) = node.inputs
        if isinstance(whole.type, TupleType) and len(whole.type.items) == 1:
            return whole
    return node


def value_names(order: Iterable[Node]) -> dict[Node, str]:
    """The name of each value: the user's name, `d_<name>`, or op and count.

    >>> import graphc as gc
    >>> x = gc.input("x", (3,))
    >>> y = gc.exp(gc.exp(x)).named("y")
    >>> list(value_names([x, y.inputs[0], y]).values())
    ['x', 'exp', 'y']
    """
    names: dict[Node, str] = {}
    order = tuple(order)
    # A variable and the layer in its line may have one name.
    counts = {node.name: 1 for node in order if node.name is not None}
    for node in order:
        # A variable of the user's goes before the name of a layer.
        if node.name is not None and node.label in (None, node.name):
            names[node] = node.name
            continue
        source = node.origin.gradient_of
        base = (
            f"d_{names.get(source) or called_in_words(source)}"
            if source is not None and node.label is None
            else called_in_words(node)
        )
        counts[base] = counts.get(base, 0) + 1
        names[node] = base if counts[base] == 1 else f"{base}_{counts[base]}"
    return names


def called_in_words(node: Node) -> str:
    """The name of a value, of the function whose only result it is, or of its op."""
    named = node.label or result_name(node) or shown(node).label
    return named or shown(node).op.name
