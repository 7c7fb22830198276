"""The update of an optimizer as a graph, for one parameter of any size."""

from __future__ import annotations

from ..ir.node import Node
from ..ops.source import input as declared_input
from ..optim.base import Clock, Optimizer

_TYPE = (("n",), "float64")


def update_of(optimizer: Optimizer) -> list[tuple[str, Node]]:
    """The new parameter and the new state, each with what it is called.

    >>> import graphc as gc
    >>> [name for name, _ in update_of(gc.optim.SGD(0.1, momentum=0.9))]
    ['new theta', 'new momentum_buffer']
    """
    theta = declared_input("theta", *_TYPE)
    gradient = declared_input("gradient", *_TYPE)
    state = {
        name: declared_input(_own(name), node.shape, node.dtype)
        for name, node in optimizer.init_state([theta]).items()
    }
    time = (declared_input(name, (), "float64") for name in ("step", "epoch", "scale"))
    (new,), changed = optimizer.apply([theta], [gradient], state, Clock(*time))
    found = [("new theta", new)]
    return found + [(f"new {_own(name)}", node) for name, node in changed.items()]


def _own(name: str) -> str:
    """The name of a part of the state without that of the parameter."""
    return name.removeprefix("theta.").replace(".", "_")
