"""Names of values, those of bodies inside a function included."""

from __future__ import annotations

from collections.abc import Sequence

from ...ir.facts import Role
from ...ir.graph import Graph
from ...ir.node import Node
from ...ir.origin import label_of
from ...ir.types import TupleType
from ...program.forms import Forms
from ...program.function import (
    Block,
    Branch,
    Call,
    Carried,
    Compute,
    Loop,
    Native,
    Ready,
    Step,
    Tiled,
    given_to,
)
from ...program.grouping import is_named
from ...program.storage import storage_of
from .names import Names
from .values import updates_copy

_COUNTERS = ("t", "s", "r", "q")
"""Variables that count the turns of a loop, of one in it, and so on."""


def name_values(
    graph: Graph,
    steps: Sequence[Step],
    forms: Forms,
    names: Names,
    counters: Sequence[str] = (),
) -> dict[Loop, str]:
    """Name the values of a graph, and those of the bodies in it.

    Args:
        graph: the values.
        steps: the steps that compute them.
        forms: what stands inside the statements of others, and needs no name.
        names: the scope.
        counters: variables that count the turns of loops around it.

    Returns:
        The variable that counts the turns of each loop.
    """
    loops = [step for step in steps if isinstance(step, Loop)]
    carried = [each for loop in loops for each in loop.carried]
    last = {each.last for each in carried if not each.is_fresh}
    # What stacks values of a body is called as these are.
    stacked = [each for loop in loops for each in loop.stacked]
    unnamed = {s.result: s.value for s in stacked if not is_named(s.value)}
    several = [step for step in steps if not isinstance(step, Compute)]
    given = {node for step in several for node in given_to(step)}
    updated = _updated_in_place(graph, forms)
    needed = [
        node
        for node in graph.nodes
        if node not in last
        and node not in updated
        and not isinstance(node.type, TupleType)
        and node not in unnamed
        and (node in given or not forms.is_inside(node))
        and not (is_literal(node) and not node.shape)
    ]
    later = {node: None for node in needed if storage_of(node) in unnamed}
    names.assign([node for node in needed if node not in later], graph.nodes)
    for node in reversed(graph.nodes):
        if node in updated:
            names.alias(node, names[updated[node]])
    found: dict[Loop, str] = {}

    def name_body(block: Block, counters: Sequence[str]) -> None:
        inside = name_values(block.graph, block.steps, block.forms, names, counters)
        found.update(inside)

    if any(_counts(loop) for loop in loops):
        wish = _COUNTERS[len(counters) % len(_COUNTERS)]
        counters = (*counters, names.reserve(wish))
    for step in steps:
        if isinstance(step, Loop | Branch):
            for argument, value in step.shared:
                if not is_literal(value):
                    names.alias(argument, names[value])
        if isinstance(step, Loop):
            found[step] = counters[-1] if _counts(step) else "_"
            _name_arguments([each.variable for each in step.carried], names)
            _name_items(step, names)
            arguments = [argument for argument, _ in (*step.items, *step.shared)]
            _name_arguments(arguments, names)
            for argument, variable in step.tested:
                names.alias(argument, names[variable])
            if step.test is not None:
                name_body(step.test, counters)
            for each in step.carried:
                is_known = is_named(each.next)
                is_known &= label_of(each.next) != names[each.variable]
                if not is_known and _is_own(each, step):
                    wish = f"next_{names[each.variable]}"
                    names.alias(each.next, names.reserve(wish))
            name_body(step.block, counters)
            for each in step.stacked:
                if each.result in unnamed:
                    wish = f"all_{names[each.value]}"
                    names.alias(each.result, names.reserve(wish))
            for each in step.carried:
                if _is_first(each, graph, step):
                    names.alias(each.start, names[each.variable])
                if each.last is not None and not each.is_fresh:
                    names.alias(each.last, names[each.variable])
        elif isinstance(step, Call):
            _name_arguments([*step.out], names)
        elif isinstance(step, Branch):
            _name_arguments([argument for argument, _ in step.shared], names)
            for block in step.blocks:
                name_body(block, counters)
    names.assign(later, graph.nodes)
    for step in steps:
        if not isinstance(step, Tiled | Native | Ready) and step.results:
            # Nodes that read the same result go by one name.
            for node in graph.users[step.node]:
                index: int = node.attributes["index"]
                read = step.results[index]
                if read is not None:
                    names.alias(node, names[read])
    return found


def _counts(loop: Loop) -> bool:
    """True for a loop whose turns read or write at the number of the turn."""
    return loop.test is None and bool(loop.items or loop.stacked)


def _is_own(carried: Carried, loop: Loop) -> bool:
    """True for a value that a turn computes, and for one carry alone."""
    is_computed = carried.next.op.kind not in ("source", "control")
    return is_computed and sum(each.next is carried.next for each in loop.carried) == 1


def _name_arguments(arguments: Sequence[Node], names: Names) -> None:
    """Name arguments of a body, which go by no name from outside."""
    for argument in arguments:
        if argument not in names:
            wish = argument.name or argument.op.name
            names.alias(argument, names.reserve(wish))


def _updated_in_place(graph: Graph, forms: Forms) -> dict[Node, Node]:
    """Arrays that only an update reads, which then need not copy them, and what they
    become.
    """
    if not forms.is_plain:
        return {}
    outputs = {*graph.outputs}
    return {
        array: node
        for node in graph.nodes
        if node.op.is_statements(node)
        and not forms.is_inside(node)
        and updates_copy(forms[node].template)
        and (array := node.inputs[0]) not in outputs
        and len(graph.users[array]) == 1
        and array.op.is_statements(array)
        and not array.op.is_view(array)
    }


def _name_items(loop: Loop, names: Names) -> None:
    """Name the items of sequences by what the sequences are called."""
    for argument, value in loop.items:
        if argument not in names and value in names and not is_literal(value):
            wish = names[value].replace("all_", "", 1)
            names.alias(argument, names.reserve(f"{wish}_t"))


def _is_first(carried: Carried, graph: Graph, loop: Loop) -> bool:
    """True where a loop begins with a value that nothing else needs a name for."""
    start = carried.start
    # Its array may get other values when the variable has come to be another one.
    moves = any(each.is_direct and each.value is carried.next for each in loop.stacked)
    return (
        not (carried.has_array or moves)
        and start.name is None
        and start.op.kind not in ("source", "control")
        and set(graph.users[start]) == {loop.node}
        and sum(given is start for given in loop.node.inputs) == 1
        and start not in {*graph.outputs}
    )


def is_literal(node: Node) -> bool:
    """True for a value that is a number, or an array of the module."""
    return node.op.role in (Role.CONSTANT, Role.SIZE)
