"""Branches and loops that end by a test, with what is read and no more."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...ir.facts import Role
from ...ir.graph import Graph
from ...ir.node import Node
from ...ops.control import RESULT
from ..base import note
from .parts import FIXED, replaced

_UNREAD = "unread results and inputs of a branch or test -> none"
_UNREAD_SOUND = "nothing that is read depends on them"
_INSIDE = "constant that is passed to a branch or test -> constant in it"
_INSIDE_SOUND = "always"


@dataclass(frozen=True)
class TidyBranches:
    """Remove what branches compute in vain.

    Before: any graph of primitives. After: what a branch returns is read, and what is
    passed to it, or to a loop that ends by a test, some body reads; constants stand in
    the bodies. Sound when bodies are pure, as all are.
    """

    name: str = "tidy branches"

    @property
    def reasons(self) -> Mapping[str, str]:
        """Each rule, and when it is sound."""
        return {_UNREAD: _UNREAD_SOUND, _INSIDE: _INSIDE_SOUND}

    def run(self, graph: Graph) -> Graph:
        """The graph with smaller branches."""
        read: dict[Node, set[int]] = {}
        for node in graph.nodes:
            if node.op.role is Role.RESULT and _is_tidied(node.inputs[0]):
                read.setdefault(node.inputs[0], set()).add(node.attributes["index"])
        if not read:
            return graph
        images: dict[Node, Node] = {}
        rules: dict[Node, dict[str, str]] = {}
        for node in graph.nodes:
            inputs = tuple(images[parent] for parent in node.inputs)
            if node in read:
                rules[node] = {}
                kept = sorted(read[node])
                images[node] = _smaller(node, inputs, kept, rules[node])
            elif node.inputs and node.inputs[0] in read:
                images[node] = _result(node, inputs[0], sorted(read[node.inputs[0]]))
                for name, sound_when in rules[node.inputs[0]].items():
                    note(name, sound_when, node, images[node])
            else:
                images[node] = node.with_inputs(inputs)
        return graph.with_outputs(tuple(images[output] for output in graph.outputs))


def _is_tidied(node: Node) -> bool:
    return node.op.role in (Role.BRANCH, Role.WHILE)


def _result(node: Node, source: Node, kept: Sequence[int]) -> Node:
    """A result of a branch that returns no others than are kept."""
    index: int = node.attributes["index"]
    if source.op.role is Role.BRANCH:
        index = kept.index(index)
    if source is node.inputs[0] and index == node.attributes["index"]:
        return node
    return Node(
        RESULT,
        (source,),
        {"index": index},
        node.type,
        name=node.name,
        origin=node.origin,
        order=node.order,
    ).told(node.source_name)


def _smaller(
    node: Node, inputs: tuple[Node, ...], kept: Sequence[int], rules: dict[str, str]
) -> Node:
    """A branch or loop that returns and takes no more than is read."""
    is_branch = node.op.role is Role.BRANCH
    first: int = 1 if is_branch else node.attributes["carries"]
    bodies = [
        _with_constants(
            Graph(tuple(body.outputs[i] for i in kept)) if is_branch else body,
            inputs,
            first,
            rules,
        )
        for body in node.bodies
    ]
    used = {each.attributes["index"] for body in bodies for each in body.arguments}
    order = [i for i in range(len(inputs)) if i < first or i in used]
    places = {index: place for place, index in enumerate(order)}
    bodies = [_moved(body, places) for body in bodies]
    passed = tuple(inputs[index] for index in order)
    old, new = (*node.inputs, *node.bodies), (*passed, *bodies)
    if len(old) == len(new) and all(map(operator.is_, old, new)):
        return node
    attributes = {**node.attributes, **dict(zip(node.op.bodies, bodies, strict=True))}
    found = Node(
        node.op,
        passed,
        attributes,
        node.op.infer(*(each.type for each in passed), **attributes),
        name=node.name,
        origin=node.origin,
        order=node.order,
    )
    if len(passed) < len(node.inputs) or len(kept) < len(node.bodies[-1].outputs):
        rules[_UNREAD] = _UNREAD_SOUND
    return found


def _with_constants(
    body: Graph, inputs: Sequence[Node], first: int, rules: dict[str, str]
) -> Graph:
    """A body in which constants stand for what is passed as such."""
    images: dict[Node, Node] = {}
    for node in body.arguments:
        index: int = node.attributes["index"]
        if index >= first and inputs[index].op.role in FIXED:
            images[node] = inputs[index]
            rules[_INSIDE] = _INSIDE_SOUND
    return _substituted(body, images)


def _moved(body: Graph, places: Mapping[int, int]) -> Graph:
    """A body whose arguments stand in other places."""
    images = {
        node: node.copy(attributes={**node.attributes, "index": places[index]})
        for node in body.arguments
        if places[index := node.attributes["index"]] != index
    }
    return _substituted(body, images)


def _substituted(body: Graph, images: Mapping[Node, Node]) -> Graph:
    """A body with other nodes in the place of some."""
    return body.with_outputs(replaced(body.outputs, images)) if images else body
