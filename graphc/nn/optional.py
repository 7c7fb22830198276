"""Optional inputs of blocks: those that are given, told apart by an attribute.

An op has inputs and no names for those that are left out, so a block with a weight, a
bias or both has an attribute `parts` such as `"weight bias"`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ..ir.node import Node
from ..ops.source import ArrayLike, as_node

_T = TypeVar("_T")


def given(**arrays: ArrayLike) -> tuple[str, tuple[Node, ...]]:
    """The names of the arrays that are not None, and those arrays as nodes."""
    nodes = {name: as_node(x) for name, x in arrays.items() if x is not None}
    return " ".join(nodes), tuple(nodes.values())


def by_name(parts: str, inputs: Sequence[_T]) -> dict[str, _T]:
    """Optional inputs, or their types, by the names that `given` found."""
    return dict(zip(parts.split(), inputs, strict=True))
