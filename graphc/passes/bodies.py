"""Passes in bodies, and passes about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from ..ir.bodies import inline, map_bodies, may_be_inlined
from ..ir.facts import Role
from ..ir.graph import Graph, rebuild
from ..ir.node import Node
from .base import Pass, adopt, note
from .forward_values import calling, forward_calls, has_higher_order
from .surroundings import inside


def run_everywhere(step: Pass, graph: Graph) -> Graph:
    """Run a pass over a graph and over the bodies in it, equal ones once.

    The graph goes first, because a derivative in it is derived again from bodies as
    they were when it was derived.
    """
    graph = step.run(graph)
    with inside(graph):
        return map_bodies(graph, partial(run_everywhere, step))


_UNREAD = "unread results and arguments of a body -> none"
_UNREAD_SOUND = "no call of the body reads the result, and no result the argument"
_PASSED = "result that is an argument -> what is passed"
_PASSED_SOUND = "the body returns the argument as it is"


@dataclass(frozen=True)
class DropUnread:
    """Remove what calls pass and return in vain.

    Before: any graph. After: every result of a called body is read by some call of it,
    is computed by the body, and every argument is used. Sound when bodies are pure, as
    all are. Calls of one body keep one body.
    """

    name: str = "drop what calls do not need"

    @property
    def reasons(self) -> Mapping[str, str]:
        """Each rule, and when it is sound."""
        return {_UNREAD: _UNREAD_SOUND, _PASSED: _PASSED_SOUND}

    def run(self, graph: Graph) -> Graph:
        """The graph with smaller calls."""
        reads = [node for node in graph.nodes if _is_read(node)]
        read: dict[Graph, set[int]] = {}
        for node in reads:
            kept = read.setdefault(node.inputs[0].bodies[0], set())
            if _passed(node) is None:
                kept.add(node.attributes["index"])
        smaller = {body: _without(body, sorted(kept)) for body, kept in read.items()}
        calls: dict[Node, Node] = {}

        def rule(node: Node) -> Node:
            if not _is_read(node):
                return node
            call, passed = node.inputs[0], _passed(node)
            if passed is not None:
                note(_PASSED, _PASSED_SOUND, node, passed)
                return adopt(node, passed)
            body, kept, used = smaller[call.bodies[0]]
            if call not in calls:
                calls[call] = _smaller_call(call, body, used)
            if calls[call] is call:
                return node
            index = kept.index(node.attributes["index"])
            found = node.copy(inputs=(calls[call],), attributes={"index": index})
            note(_UNREAD, _UNREAD_SOUND, node, found)
            return found

        return rebuild(graph, rule) if reads else graph


def _is_read(node: Node) -> bool:
    """True for a node that reads a result of a call."""
    return node.op.role is Role.RESULT and node.inputs[0].op.role is Role.CALL


def _passed(result: Node) -> Node | None:
    """The input of a call that its body returns as this result."""
    call = result.inputs[0]
    index: int = result.attributes["index"]
    output = call.bodies[0].outputs[index]
    if output.op.role is not Role.ARGUMENT:
        return None
    place: int = output.attributes["index"]
    return call.inputs[place]


def _without(body: Graph, kept: list[int]) -> tuple[Graph, list[int], list[int]]:
    """A body with some of its results, and the indices of its results and arguments."""
    if kept != list(range(len(body.outputs))):
        body = Graph(tuple(body.outputs[index] for index in kept))
    used: list[int] = [node.attributes["index"] for node in body.arguments]

    def renumbered(node: Node) -> Node:
        if node.op.role is not Role.ARGUMENT:
            return node
        index = used.index(node.attributes["index"])
        if index == node.attributes["index"]:
            return node
        return node.copy(attributes={**node.attributes, "index": index})

    return rebuild(body, renumbered), kept, used


def _smaller_call(call: Node, body: Graph, used: list[int]) -> Node:
    """A call of a body that has been made smaller: itself, if nothing changed."""
    if body is call.bodies[0] and used == list(range(len(call.inputs))):
        return call
    return calling(call, tuple(call.inputs[index] for index in used), body)


@dataclass(frozen=True)
class InlineCalls:
    """Replace calls by what they compute, but for functions that are called again.

    Before: any graph. After: no call of a body that is called once, and none at all
    beside a derivative of a derivative of one, which computes both anew, until equal
    values are merged. Sound when a call computes what its body does, which is how a
    call is defined.
    """

    name: str = "inline calls"

    @property
    def reasons(self) -> Mapping[str, str]:
        """None: a body is what its call means."""
        return {}

    def run(self, graph: Graph) -> Graph:
        """The graph with fewer calls, or none."""
        if has_higher_order(forward_calls(graph)):
            return inline(graph, which=may_be_inlined)
        calls = (node for each in graph.nested for node in each.nodes if node.bodies)
        counts = Counter(node.bodies[0] for node in calls)
        kept = {body for body in counts if counts[body] > 1}
        return inline(graph, kept, may_be_inlined)
