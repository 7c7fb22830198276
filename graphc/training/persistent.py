"""Parameters that a step trains, and what it assigns to buffers."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias, cast

from ..arguments import shown
from ..errors import DifferentiationError, OptionError, ShapeError
from ..ir.facts import PERSISTENT, Role
from ..ir.graph import Graph
from ..ir.nest import flatten
from ..ir.node import Node
from ..ir.origin import derived
from ..nn.layer import Layer
from ..ops.source import ArrayLike, as_node

Selection: TypeAlias = (
    Layer | Node | str | Sequence[Layer | Node | str] | Callable[[Node], bool]
)
"""Parameters, their names or their layers, or a function that is true of them."""


def trained_parameters(loss: Node, chosen: Selection | None) -> tuple[Node, ...]:
    """The parameters to train, in the order of declaration.

    Raises:
        OptionError: one of those chosen is not a parameter, or is a buffer.
        DifferentiationError: the loss does not depend on one of those chosen.
    """
    found = Graph((loss,)).trainable
    if chosen is None:
        return found
    # A layer and its list of parameters may be called, too, but for something else.
    if callable(chosen) and not isinstance(chosen, Layer | list):
        trained = tuple(node for node in found if chosen(node))
        if found and not trained:
            raise OptionError(
                f"parameters is true of none of {', '.join(str(n.name) for n in found)}"
            )
        return trained
    by_name = {node.name: node for node in found}
    wanted = {_one_of(by_name, given) for given in _leaves(cast("_Listed", chosen))}
    return tuple(node for node in found if node in wanted)


_Listed: TypeAlias = Layer | Node | str | Sequence[Layer | Node | str]


def _leaves(chosen: _Listed) -> Sequence[Node | str]:
    if isinstance(chosen, Node | str):
        return [chosen]
    if isinstance(chosen, Layer):
        return chosen.parameters
    if not isinstance(chosen, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise OptionError(
            f"parameters must be nodes, names or a function, got {shown(chosen)}"
        )
    names = [given for given in chosen if isinstance(given, str)]
    layers = [given for given in chosen if isinstance(given, Layer)]
    others = [given for given in chosen if not isinstance(given, Layer | str)]
    own = [node for layer in layers for node in layer.parameters]
    return [*names, *own, *flatten(others, "parameters")]


def _one_of(known: Mapping[str | None, Node], given: Node | str) -> Node:
    node = known.get(given) if isinstance(given, str) else given
    if node is None or node not in set(known.values()):
        close = difflib.get_close_matches(str(given), map(str, known), 1)
        raise DifferentiationError(
            f"parameters names {shown(given) if node is None else node.describe()}, "
            "which is not a parameter that the loss depends on; they are "
            f"{', '.join(map(str, known)) or 'none'}",
            at=node,
            hint=repr(close[0])
            if node is None and close
            else "leave it out; metrics and outputs may use it all the same",
        )
    return node


def assignments(
    loss: Node, updates: Mapping[Node, ArrayLike], trained: Sequence[Node]
) -> dict[Node, Node]:
    """The new value of each buffer that a step assigns to.

    A buffer that several blocks of the loss assign to gets one value after the other.

    Args:
        loss: whose blocks may assign to their buffers.
        updates: what else to assign, or instead.
        trained: the parameters that the optimizer changes.

    Raises:
        OptionError: something else than a buffer, or a parameter that is trained.
        ShapeError: a value of another type.
    """
    found: dict[Node, Node] = {}
    for node in Graph((loss,)).meanings:
        if node.op.assigns is None:
            continue
        with derived(node, "assignment"):
            for position, rule in node.op.assigns(node):
                buffer = node.inputs[position]
                if buffer.op.role is Role.BUFFER:
                    found[buffer] = rule(found.get(buffer, buffer))
    for buffer, value in updates.items():
        if buffer.op.role not in PERSISTENT:
            raise OptionError(
                f"updates assigns to buffers, got {shown(buffer)}",
                hint="gc.buffer(name, shape, init)",
            )
        if buffer in set(trained):
            raise OptionError(
                f"the optimizer trains {buffer.describe()}, so that updates can't "
                "assign to it as well",
                at=buffer,
                hint="gc.buffer, or Trainer(parameters=...) without it",
            )
        found[buffer] = _fitting(buffer, value)
    return {buffer: _called_new(buffer, value) for buffer, value in found.items()}


def _called_new(buffer: Node, value: Node) -> Node:
    """A value that has no name yet, under that of its buffer."""
    if value.name is not None or value.op.kind == "source":
        return value
    origin = replace(value.origin, rules=(*value.origin.rules, "assignment"))
    return value.copy(name=f"new_{buffer.name}".replace(".", "_"), origin=origin)


def _fitting(buffer: Node, value: ArrayLike) -> Node:
    node = as_node(value, buffer.dtype)
    if node.type != buffer.type:
        raise ShapeError(
            f"an update must have the type of its buffer, {buffer.type}, "
            f"got {node.type}",
            at=buffer,
            hint="value.astype(buffer.dtype), gc.broadcast_to or gc.reshape",
        )
    return node
