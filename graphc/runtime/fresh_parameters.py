"""Warnings where parameters start anew that a trainer has trained.

A parameter node has no value; evaluating it without a trainer starts it anew. After
training that is hardly ever meant.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol
from weakref import WeakSet

from ..errors import UntrainedWarning
from ..ir.node import Node
from ..locations import warn_at_user


class _Trained(Protocol):
    @property
    def is_trained(self) -> bool: ...
    @property
    def parameter_nodes(self) -> tuple[Node, ...]: ...


TRAINERS: WeakSet[_Trained] = WeakSet()
"""All trainers that are alive."""


def warn_of_fresh(parameters: Iterable[Node], function: str) -> None:
    """Warn where parameters are about to start anew that a trainer has trained.

    Args:
        parameters: those that start anew.
        function: that starts them, for the warning.
    """
    fresh = set(parameters)
    if not fresh:
        return
    for trainer in TRAINERS:
        nodes = [node for node in trainer.parameter_nodes if node in fresh]
        if nodes and trainer.is_trained:
            more = f" and {len(nodes) - 1} more" if len(nodes) > 1 else ""
            warn_at_user(
                f"{function} starts parameters anew ({nodes[0].name!r}{more}) that a "
                "Trainer has trained, and leaves dropout on; "
                "trainer.compile(nodes) computes with the trained ones, in evaluation "
                "mode",
                UntrainedWarning,
            )
            return
