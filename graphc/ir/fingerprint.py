"""Fingerprints of models, so that no checkpoint is read by another model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, cast

from .bodies import inline, is_plain
from .facts import NAMED
from .graph import Graph
from .literal import Literal
from .node import Node
from .walk import ancestors, attributes_key, topological_order


def graph_hash(outputs: Sequence[Node]) -> str:
    """A fingerprint of what a graph computes, whatever its nodes are called inside.

    A part that has become a function, or a checkpoint, is still what it computes.
    """
    outputs = inline(Graph(tuple(outputs)), which=is_plain).outputs
    found: dict[Node, str] = {}
    draws = 0
    for node in topological_order(ancestors(outputs, _read), _read):
        if _is_own(node):
            found[node] = found[node.expansion]
            continue
        name = node.name if node.op.role in NAMED else None
        attributes = {k: v for k, v in node.attributes.items() if k != "init"}
        draws += not node.op.pure
        line = (
            node.op.name,
            tuple(found[parent] for parent in node.inputs),
            _stable(attributes_key(attributes)),
            str(node.type),
            name if node.op.pure else draws,
        )
        found[node] = _digest(line)
    return _digest([found[node] for node in outputs])[:16]


def _digest(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()


def _is_own(node: Node) -> bool:
    """True for a block of the user's, which is what it means, whatever its name."""
    return node.op.is_block and node.op.recipe is not None


def _read(node: Node) -> tuple[Node, ...]:
    return (node.expansion,) if _is_own(node) else node.inputs


def _stable(key: Any) -> Any:
    """A key whose text is the same in every process."""
    if isinstance(key, tuple):
        return tuple(_stable(item) for item in cast("tuple[Any, ...]", key))
    if isinstance(key, Graph):
        return _digest(_stable(key.key))
    return key.digest if isinstance(key, Literal) else key
