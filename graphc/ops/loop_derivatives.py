"""Derivatives of a scan, which are scans: backwards for adjoints, along for tangents.

Both go along the carries that each step began with. A scan has those among its stacked
values, where nothing is computed for them unless they are read.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from ..ir.bodies import argument_of, arranged, shared
from ..ir.dims import Dimension
from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.op import Differentiate
from ..ir.types import has_derivatives
from .control import argument, results_of
from .source import zeros_like


@dataclass(frozen=True)
class Loop:
    """The parts of a scan."""

    node: Node
    """The scan, or one of the same steps that returns more."""
    carries: int
    """Number of values that each step takes from the one before."""
    sequences: int
    """Number of arrays of which each step takes an item."""
    length: Dimension
    reverse: bool

    @staticmethod
    def of(node: Node) -> Loop:
        """Those of a node."""
        known = {key: value for key, value in node.attributes.items() if key != "body"}
        return Loop(with_starts(node), **known)

    @property
    def body(self) -> Graph:
        """The graph that a step computes."""
        return self.node.bodies[0]

    @property
    def shared(self) -> int:
        """The first input that is the same in all steps."""
        return self.carries + self.sequences

    @property
    def arguments(self) -> dict[int, Node]:
        """The arguments of the body by the position of their input."""
        return argument_of(self.body)

    @property
    def starts(self) -> tuple[Node, ...]:
        """The carries that each step began with, as sequences."""
        places: dict[int, int] = {
            value.attributes["index"]: place
            for place, value in enumerate(self.body.outputs)
            if place >= self.carries and value.op.role is Role.ARGUMENT
        }
        found = results_of(self.node)
        return tuple(found[places[index]] for index in range(self.carries))


def with_starts(node: Node) -> Node:
    """A scan that returns the carries that each step began with: itself, if it does."""
    body, carries = node.bodies[0], node.attributes["carries"]
    known = set(body.outputs[carries:])
    arguments = argument_of(body)
    types = [output.type for output in body.outputs]
    starts = [
        arguments[i] if i in arguments else argument(i, types[i])
        for i in range(carries)
    ]
    missing = [each for each in starts if each not in known]
    if not missing:
        return node
    longer = shared(Graph((*body.outputs, *missing)))
    return node.op.build(
        node.inputs, {**node.attributes, "body": longer}, name=node.name
    )


def _given(values: Sequence[Node | None]) -> dict[int, Node]:
    return {place: node for place, node in enumerate(values) if node is not None}


def _or_zeros(flow: Node | None, like: Node) -> Node:
    return zeros_like(like) if flow is None else flow


# Reverse ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Backward:
    """A body of adjoints, and what its results are the adjoints of."""

    body: Graph
    carries: tuple[int, ...]
    """The carries that have adjoints."""
    totals: tuple[int, ...]
    """Inputs that are the same in all steps, whose adjoints are sums over steps."""
    items: tuple[int, ...]
    """Sequences that have adjoints, by the position of the input."""


def scan_vjp(
    reverse: Differentiate, cotangents: Sequence[Node | None], out: Node, *inputs: Node
) -> list[Node | None]:
    """Adjoints by a scan the other way, from the last step to the first."""
    loop, given = Loop.of(out), _given(cotangents)
    known = loop.body.derived
    stacked = tuple(place for place in given if place >= loop.carries)
    key: Hashable = ("backward", loop.carries, loop.sequences, stacked, len(inputs))
    if key not in known:
        known[key] = _backward(loop, reverse, stacked, len(inputs))
    found: _Backward = known[key]
    starts = [_or_zeros(given.get(i), inputs[i]) for i in found.carries]
    totals = [zeros_like(inputs[i]) for i in found.totals]
    sequences = (
        *loop.starts,
        *inputs[loop.carries : loop.shared],
        *(given[place] for place in stacked),
    )
    node = _scan(
        out,
        (*starts, *totals, *sequences, *inputs[loop.shared :]),
        found.body,
        carries=len(starts) + len(totals),
        sequences=len(sequences),
        length=loop.length,
        reverse=not loop.reverse,
        name="backward",
    )
    positions = (*found.carries, *found.totals, *found.items)
    by_position = dict(zip(positions, results_of(node), strict=False))
    return [by_position.get(position) for position in range(len(inputs))]


def _backward(
    loop: Loop, reverse: Differentiate, stacked: tuple[int, ...], count: int
) -> _Backward:
    body, arguments = loop.body, loop.arguments
    carries = [i for i in range(loop.carries) if has_derivatives(body.outputs[i].type)]
    outputs = [body.outputs[place] for place in (*carries, *stacked)]
    names = [f"d_{arguments[i].name or 'carry'}" for i in carries]
    names += [f"d_{_name_of_item(loop, place)}" for place in stacked]
    seeds = [
        argument(count + number, node.type, name)
        for number, (node, name) in enumerate(zip(outputs, names, strict=True))
    ]
    variables = [
        node for _, node in sorted(arguments.items()) if has_derivatives(node.type)
    ]
    adjoints = dict(zip(variables, reverse(outputs, seeds, variables), strict=True))
    flows = {
        position: flow
        for position, node in arguments.items()
        if (flow := adjoints.get(node)) is not None
    }
    totals = sorted(position for position in flows if position >= loop.shared)
    items = sorted(p for p in flows if loop.carries <= p < loop.shared)
    before = [
        argument(count + len(seeds) + number, arguments[p].type, _total(arguments[p]))
        for number, p in enumerate(totals)
    ]
    # Each argument at its place: carries, sequences, what all steps share.
    order: list[int] = [count + number for number in range(len(carries))]
    order += [count + len(seeds) + number for number in range(len(totals))]
    order += range(loop.shared)
    order += [count + len(carries) + number for number in range(len(stacked))]
    order += range(loop.shared, count)
    results = [_or_zeros(flows.get(i), body.outputs[i]) for i in carries]
    results += [a + flows[p] for a, p in zip(before, totals, strict=True)]
    results += [flows[position] for position in items]
    results += [*seeds[: len(carries)], *before]
    places = {index: place for place, index in enumerate(order)}
    return _Backward(
        arranged(results, places), tuple(carries), tuple(totals), tuple(items)
    )


def _name_of_item(loop: Loop, place: int) -> str:
    """The name of a value of one step that is stacked."""
    value = loop.body.outputs[place]
    if value.name is None:
        for index in range(loop.carries):
            if loop.body.outputs[index] is value:
                return f"{loop.arguments[index].name or 'carry'}_t"
    return f"{value.name or 'value'}_t"


def _total(argument: Node) -> str | None:
    return argument.name and f"d_{argument.name}"


# Forward ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Forward:
    """A body of tangents, and what its results are the tangents of."""

    body: Graph
    carries: tuple[int, ...]
    values: tuple[int, ...]
    items: tuple[int, ...]
    """Sequences that move, by the position of the input."""
    rest: tuple[int, ...]
    """Inputs that move and are the same in all steps."""


def scan_jvp(
    forward: Differentiate, tangents: Sequence[Node | None], out: Node, *inputs: Node
) -> list[Node | None]:
    """Tangents by a scan along the same steps."""
    loop, given = Loop.of(out), _given(tangents)
    known = loop.body.derived
    key: Hashable = ("forward", loop.carries, loop.sequences, *given, len(inputs))
    if key not in known:
        known[key] = _forward(loop, forward, list(given), len(inputs))
    found: _Forward = known[key]
    starts = [_or_zeros(given.get(i), inputs[i]) for i in found.carries]
    items, rest = ([given[i] for i in each] for each in (found.items, found.rest))
    sequences = (*loop.starts, *inputs[loop.carries : loop.shared], *items)
    node = _scan(
        out,
        (*starts, *sequences, *inputs[loop.shared :], *rest),
        found.body,
        carries=len(starts),
        sequences=len(sequences),
        length=loop.length,
        reverse=loop.reverse,
        name="tangents",
    )
    positions = (*found.carries, *found.values)
    by_position = dict(zip(positions, results_of(node), strict=False))
    count = len(out.bodies[0].outputs)
    return [by_position.get(position) for position in range(count)]


def _forward(
    loop: Loop, forward: Differentiate, given: list[int], count: int
) -> _Forward:
    body, arguments = loop.body, loop.arguments
    moving: list[int] = [position for position in given if position in arguments]
    while True:
        seeds = {
            position: argument(count + number, arguments[position].type, None)
            for number, position in enumerate(moving)
        }
        variables = [arguments[position] for position in moving]
        found = forward(body.outputs, variables, [*seeds.values()])
        # A carry moves where what it is after a step does.
        more = {i for i in range(loop.carries) if found[i] is not None} - {*moving}
        if not more:
            break
        moving = sorted(more.union(moving))
    carries = [i for i in moving if i < loop.carries]
    values = [i for i in range(loop.carries, len(found)) if found[i] is not None]
    results = [_or_zeros(found[i], body.outputs[i]) for i in carries]
    results += [node for i in values if (node := found[i]) is not None]
    results += [seeds[i] for i in carries]
    items = [i for i in moving if loop.carries <= i < loop.shared]
    rest = [i for i in moving if i >= loop.shared]
    order: list[int] = [seeds[i].attributes["index"] for i in carries]
    order += range(loop.shared)
    order += [seeds[i].attributes["index"] for i in items]
    order += range(loop.shared, count)
    order += [seeds[i].attributes["index"] for i in rest]
    places = {index: place for place, index in enumerate(order)}
    return _Forward(
        arranged(results, places),
        tuple(carries),
        tuple(values),
        tuple(items),
        tuple(rest),
    )


def _scan(
    out: Node, inputs: tuple[Node, ...], body: Graph, name: str, **parts: Any
) -> Node:
    """A scan for the derivative of another one."""
    name = f"{out.name or 'scan'}_{name}"
    return out.op.build(inputs, {"body": body, **parts}, name=name)
