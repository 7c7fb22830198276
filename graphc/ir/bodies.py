"""Bodies: graphs that a node holds and runs, as a function that is called.

A body has arguments in place of inputs and parameters, and no draws; it knows nothing
but what is passed to it, and constants. So it means the same wherever it is called, and
whatever is done to graphs can be done to it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import replace
from weakref import WeakValueDictionary

from .facts import Role
from .graph import Graph, expand, rebuild
from .node import Node

_bodies: WeakValueDictionary[Hashable, Graph] = WeakValueDictionary()


def shared(body: Graph) -> Graph:
    """The one graph that stands for all that are written as `body` is."""
    return _bodies.setdefault(body.key, body)


def map_bodies(graph: Graph, rule: Callable[[Graph], Graph]) -> Graph:
    """The graph with every body replaced: equal ones by one graph.

    Args:
        rule: an equal graph of as many results, for the body of a node. Bodies in it
            are its own concern.
    """
    if not any(node.op.bodies for node in graph.nodes):
        return graph
    known: dict[Graph, Graph] = {}

    def mapped(body: Graph) -> Graph:
        if body not in known:
            known[body] = rule(body)
        return known[body]

    def with_mapped_bodies(node: Node) -> Node:
        bodies = tuple(map(mapped, node.bodies))
        if all(map(operator.is_, bodies, node.bodies)):
            return node
        named = dict(zip(node.op.bodies, bodies, strict=True))
        return node.copy(attributes={**node.attributes, **named})

    return rebuild(graph, with_mapped_bodies)


def is_result_of_call(node: Node) -> bool:
    """True for a value that a function of a body computes."""
    return node.op.role is Role.RESULT and node.inputs[0].op.role is Role.CALL


def value_of_result(result: Node) -> Node:
    """The value in the body that a result of a call is."""
    index: int = result.attributes["index"]
    return result.inputs[0].bodies[0].outputs[index]


def is_with_rules(node: Node) -> bool:
    """True for a call with derivative rules of the user's."""
    return node.op.facts.only_rules


def is_plain(call: Node) -> bool:
    """True for a call that is derived as what it computes."""
    return not is_with_rules(call)


def is_kept(call: Node) -> bool:
    """True for a call that computes its values by itself, whatever else is known."""
    return call.op.facts.recomputes


def may_be_inlined(call: Node) -> bool:
    """True for a call that may be replaced by what it computes."""
    return not is_kept(call)


def inline(
    graph: Graph,
    kept: Collection[Graph] = (),
    which: Callable[[Node], bool] = lambda call: True,
) -> Graph:
    """The graph with what calls compute in place of the calls.

    Args:
        graph: any graph.
        kept: bodies that stay functions.
        which: tells the calls that do not stay, of those of other bodies.
    """

    def is_inlined(node: Node) -> bool:
        is_call = node.op.role is Role.CALL
        return is_call and node.bodies[0] not in kept and which(node)

    if not any(map(is_inlined, graph.nodes)):
        return graph
    images: dict[Node, Node] = {}
    results: dict[Node, tuple[Node, ...]] = {}
    for node in graph.nodes:
        if is_inlined(node):
            inputs = [images[parent] for parent in node.inputs]
            results[node] = _substituted(
                inline(node.bodies[0], kept, which), inputs, node
            )
        elif node.inputs and node.inputs[0] in results:
            index: int = node.attributes["index"]
            images[node] = as_result(results[node.inputs[0]][index], node)
        else:
            images[node] = node.with_inputs(tuple(images[p] for p in node.inputs))
    return graph.with_outputs(tuple(images[output] for output in graph.outputs))


def primitives(graph: Graph) -> Graph:
    """The graph with calls inlined and blocks expanded."""
    return expand(inline(graph))


def argument_of(body: Graph) -> dict[int, Node]:
    """The arguments of a body by the position of their input."""
    return {node.attributes["index"]: node for node in body.arguments}


def arranged(outputs: Sequence[Node], places: Mapping[int, int]) -> Graph:
    """A body whose arguments stand in other places."""

    def moved(node: Node) -> Node:
        if node.op.role is not Role.ARGUMENT:
            return node
        index = places[node.attributes["index"]]
        return node.copy(attributes={**node.attributes, "index": index})

    return shared(rebuild(Graph(tuple(outputs)), moved))


def copied_for(
    node: Node, place: int = 0, known: Mapping[int, Node] | None = None
) -> Graph:
    """A body of a node as nodes of its own: another node may have the same body.

    Args:
        node: that which has bodies.
        place: that of the body among them.
        known: what arguments are, by the position of their input; none for new ones.
    """
    body = node.bodies[place]
    arguments = {
        each.attributes["index"]: Node(
            each.op,
            (),
            each.attributes,
            each.type,
            name=each.name,
            origin=each.origin,
            order=(*node.order, *each.order),
        )
        for each in body.arguments
    }
    arguments |= known or {}
    return Graph(_substituted(body, arguments, node))


def _substituted(
    body: Graph, arguments: Sequence[Node] | Mapping[int, Node], call: Node
) -> tuple[Node, ...]:
    """The results of a body for arguments, as nodes that belong to a call of it."""
    images: dict[Node, Node] = {}
    for node in body.nodes:
        if node.op.role is Role.ARGUMENT:
            images[node] = arguments[node.attributes["index"]]
            continue
        block = call if node.origin.block is None else node.origin.block
        images[node] = Node(
            node.op,
            tuple(images[parent] for parent in node.inputs),
            node.attributes,
            node.type,
            name=node.name,
            origin=replace(node.origin, block=block),
            order=(*call.order, *node.order),
        ).told(node.source_name)
    return tuple(images[output] for output in body.outputs)


def as_result(value: Node, result: Node) -> Node:
    """A value that a body computes, under the name of the result that it is."""
    if value.op.kind == "source":
        return value
    if result.name is not None or result.source_name is not None:
        found = value.copy(name=result.name, origin=result.origin)
        return found.told(result.source_name)
    adjoint = result.origin.gradient_of
    if adjoint is None or value.origin.derivative is None:
        return value
    return value.copy(origin=value.origin.adjoint_of(adjoint))
