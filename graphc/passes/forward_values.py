"""Values of a called function, kept for its derivative."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ..ir.bodies import inline, is_kept, may_be_inlined
from ..ir.facts import Role
from ..ir.graph import Graph, rebuild
from ..ir.node import Node
from ..ir.types import TupleType
from ..ir.walk import Numbering
from ..ops.control import RESULT, argument
from .base import note

_RULE = "value that a derivative computes anew -> result of the forward call"
_SOUND = "both calls are of the same inputs, and compute the value alike"


@dataclass(frozen=True)
class KeepForwardValues:
    """Let calls return what calls of their derivatives need.

    Before: primitives; a derivative of a call computes forward anew. After: where a
    body is called several times, a call returns the values that its derivative needs
    besides its results, and the derivative takes them as arguments. Calls inside of
    such bodies are inlined. Sound when the calls have the same inputs: bodies are pure.
    """

    name: str = "keep forward values"

    @property
    def reasons(self) -> Mapping[str, str]:
        """Each rule, and when it is sound."""
        return {_RULE: _SOUND}

    def run(self, graph: Graph) -> Graph:
        """The graph in which nothing is computed twice by calls."""
        origins = forward_calls(graph)
        if has_higher_order(origins):
            return graph
        counts = Counter(call.bodies[0] for call in calls_of(graph))
        origins = {d: c for d, c in origins.items() if counts[c.bodies[0]] > 1}
        if not origins:
            return graph
        forward = {
            call.bodies[0]: _Forward(call.bodies[0]) for call in origins.values()
        }
        backward: dict[tuple[Graph, Graph], tuple[Graph, list[int]]] = {}
        for call, origin in origins.items():
            key = origin.bodies[0], call.bodies[0]
            if key not in backward:
                backward[key] = forward[key[0]].split(call)
        bodies = {body: each.body() for body, each in forward.items()}
        images: dict[Node, Node] = {}

        def rule(node: Node) -> Node:
            old = next(originals)
            if old in origins:
                origin = origins[old]
                body, kept = backward[origin.bodies[0], old.bodies[0]]
                values = [RESULT.build((images[origin],), {"index": i}) for i in kept]
                images[old] = calling(node, (*node.inputs, *values), body)
                note(_RULE, _SOUND, old, images[old])
                return images[old]
            if old.op.role is Role.CALL and old.bodies[0] in bodies:
                images[old] = calling(node, node.inputs, bodies[old.bodies[0]])
                return images[old]
            return node

        originals = iter(graph.nodes)
        return rebuild(graph, rule)


def calls_of(graph: Graph) -> list[Node]:
    """The calls of a graph, not those in bodies."""
    return [node for node in graph.nodes if node.op.role is Role.CALL]


def forward_calls(graph: Graph) -> dict[Node, Node]:
    """The call that each derivative of a call is of, as far as it is in the graph."""
    calls = calls_of(graph)
    found: dict[Node, Node] = {}
    by_inputs = {call.inputs: call for call in reversed(calls)}
    for call in calls:
        if call.origin.derivative is None or is_kept(call):
            continue
        for count in range(len(call.inputs) - 1, 0, -1):
            if call.inputs[:count] in by_inputs:
                found[call] = by_inputs[call.inputs[:count]]
                break
    return found


def has_higher_order(origins: Mapping[Node, Node]) -> bool:
    """True where a call is the derivative of another one that is a derivative."""
    return not origins.keys().isdisjoint(origins.values())


def calling(call: Node, inputs: tuple[Node, ...], body: Graph) -> Node:
    """A call in the place of another one."""
    return Node(
        call.op,
        inputs,
        {"body": body},
        TupleType.of(*(output.type for output in body.outputs)),
        name=call.name,
        origin=call.origin,
        order=call.order,
    )


class _Forward:
    """A body that is called, and the values of it that derivatives need."""

    def __init__(self, body: Graph) -> None:
        self._graph = inline(body, which=may_be_inlined)
        self._number = Numbering()
        self._values = {
            self._number(node): node
            for node in reversed(self._graph.nodes)
            if node.op.kind != "source"
        }
        self._results = list(self._graph.outputs)
        self._places = {node: place for place, node in enumerate(self._results)}

    def split(self, call: Node) -> tuple[Graph, list[int]]:
        """The body of a derivative that computes nothing that is a value of this one,
        but for views, which are views of what it is passed.

        Returns:
            A body with further arguments, and the results of this one to pass for them.
        """
        derived = inline(call.bodies[0], which=may_be_inlined)
        known = {
            node
            for node in derived.nodes
            if self._number(node) in self._values
            and not isinstance(node.type, TupleType)
            and not node.op.is_view(node)
        }
        needed = dict.fromkeys(
            parent
            for node in derived.nodes
            if node not in known
            for parent in node.inputs
            if parent in known
        )
        needed |= dict.fromkeys(node for node in derived.outputs if node in known)
        places = {node: len(call.inputs) + place for place, node in enumerate(needed)}
        taken = {node.name for node in derived.nodes if node not in places}
        originals = iter(derived.nodes)

        def rule(node: Node) -> Node:
            old = next(originals)
            if old not in places:
                return node
            name = _free(old.name or old.op.name, taken)
            return argument(places[old], old.type, name)

        return rebuild(derived, rule), [self._result(node) for node in needed]

    def _result(self, node: Node) -> int:
        """The position among the results of the value that a node computes anew."""
        value = self._values[self._number(node)]
        place = self._places.setdefault(value, len(self._results))
        if place == len(self._results):
            self._results.append(value)
        return place

    def body(self) -> Graph:
        """The body with all values that were asked for as results."""
        return Graph(tuple(self._results))


def _free(wish: str, taken: set[str | None]) -> str:
    """A name that is not taken, which it is from now on."""
    names = itertools.chain([wish], (f"{wish}_{n}" for n in itertools.count(2)))
    name = next(name for name in names if name not in taken)
    taken.add(name)
    return name
