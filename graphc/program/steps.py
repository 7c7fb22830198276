"""Steps: what is decided about each value of a graph before it is printed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from ..ir.dims import symbols_of
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.types import TupleType
from .forms import Forms, is_literal
from .function import (
    Block,
    Branch,
    Call,
    Compute,
    Loop,
    Native,
    Ready,
    Step,
    Tiled,
    blocks_of,
    given_to,
)
from .memory import MemoryPlan
from .schedule import Chain


def results_read(node: Node, graph: Graph) -> tuple[Node | None, ...]:
    """Of a node with several results, those values; None for one that nothing reads."""
    if not isinstance(node.type, TupleType):
        return ()
    results: list[Node | None] = [None] * len(node.type.items)
    for user in graph.users[node]:
        results[user.attributes["index"]] = user
    return tuple(results)


def step_of(node: Node, forms: Forms, memory: MemoryPlan) -> Compute:
    """The step that computes a value into the array that is planned for it."""
    array = memory.arrays.get(node)
    checks = tuple(forms.checks(node))
    if array is None:
        return Compute(node, forms[node], checks=checks)
    before, form = forms.into(node)
    return Compute(node, form, array, checks=checks, before=before)


def tiled_step(chain: Chain, caller: Forms, memory: MemoryPlan) -> Tiled:
    """The step of a chain. It refers to what it is given as its caller does."""
    inside = set(chain.nodes)
    given = dict.fromkeys(
        parent
        for node in chain.nodes
        for parent in node.inputs
        if parent not in inside and not is_literal(parent)
    )
    arrays = dict.fromkeys(memory.arrays[node] for node in chain.nodes)
    scratch = dict.fromkeys(memory.scratch.get(chain, ()))
    # The first argument tells how large a tile is: it must not be broadcast.
    tiled = [node for node in arrays if node not in scratch]
    tiled += [node for node in given if chain.is_tiled(node) and node not in arrays]
    forms = caller.with_leaves(given)
    computes = [
        Compute(node, forms.into(node)[1], memory.arrays[node]) for node in chain.nodes
    ]
    symbols = {name for each in computes for name in forms.sizes(each.form)}
    return Tiled(
        chain,
        forms,
        tuple(named_where_read(computes, reads(computes, forms))),
        tuple(tiled),
        tuple(node for node in given if not chain.is_tiled(node)),
        tuple(scratch),
        tuple(node for node in chain.outputs if node in memory.fresh),
        {node: memory.arrays[node] for node in chain.nodes},
        tuple(sorted(symbols)),
        tuple(check for node in chain.nodes for check in caller.checks(node)),
    )


def each_once(steps: Iterable[Step], is_checked: bool) -> Iterator[Step]:
    """Steps without checks and preparations that an earlier one has made."""
    known: set[object] = set()
    for step in steps:
        wanted = dict.fromkeys(step.checks if is_checked else ())
        checks = tuple(check for check in wanted if check not in known)
        known.update(checks)
        if not isinstance(step, Compute) or step.before is None:
            yield replace(step, checks=checks) if step.checks else step
            continue
        key = (
            step.before.template.body,
            tuple(step.before.operands.items()),
            tuple(step.before.arrays.values()),
        )
        before = None if key in known else step.before
        known.add(key)
        yield replace(step, checks=checks, before=before)


def named_where_read(
    computes: Iterable[Compute], read: Collection[Node]
) -> Iterator[Compute]:
    """Steps in which an array that has a name gets no other one that nobody reads."""
    for each in computes:
        is_named = each.array is None or each.node in read
        yield each if is_named else replace(each, is_named=False)


def reads(computes: Iterable[Compute], forms: Forms) -> set[Node]:
    """The values that code reads by name."""
    found: set[Node] = set()
    for each in computes:
        found.update(forms.variables(each.form))
        if each.before is not None:
            found.update(forms.variables(each.before))
    return found


def read_by(steps: Iterable[Step], forms: Forms, results: Iterable[Node]) -> set[Node]:
    """The values that steps and results read by name."""
    found = {each for node in results for each in forms.read_by_value(node)}
    for step in steps:
        if isinstance(step, Compute):
            found |= reads([step], forms)
        else:
            for node in given_to(step):
                found.update(forms.read_by_value(node))
        for check in step.checks:
            found.update(forms.read_by_value(check.positions))
    return found


def sizes_of(step: Step, forms: Forms) -> set[str]:
    """The named sizes that the code of a step refers to, where it stands."""
    if isinstance(step, Compute):
        found = forms.sizes(step.form)
        if step.before is not None:
            found |= forms.sizes(step.before)
    else:
        if isinstance(step, Call):
            found = set(step.function.given_symbols)
            found |= {*symbols_of(s for each in step.fresh for s in each.shape)}
        elif isinstance(step, Ready):
            found = set[str]()
        elif isinstance(step, Native):
            fresh = (size for node in step.fresh for size in node.shape)
            found = {*step.symbols, *symbols_of(fresh)}
        elif isinstance(step, Loop):
            arrays = [each.result.shape for each in step.stacked]
            found = {*symbols_of((step.length, *(s for a in arrays for s in a)))}
        elif isinstance(step, Branch):
            arrays = [each.result.shape for each in step.chosen]
            found = {*symbols_of(s for a in arrays for s in a)}
        else:
            found = {*step.symbols, *symbols_of(step.chain.shape)}
        for block in blocks_of(step):
            found |= _sizes_of_block(block)
        for node in given_to(step):
            found |= forms.sizes_of_value(node)
    for check in step.checks:
        found |= forms.sizes_of_value(check.positions)
        found |= set(symbols_of((check.low, check.high)))
    return found


def _sizes_of_block(block: Block) -> set[str]:
    """The named sizes that the code of a body refers to."""
    steps = (sizes_of(step, block.forms) for step in block.steps)
    values = (block.forms.sizes_of_value(node) for node in block.graph.outputs)
    return set[str]().union(*steps, *values)


def in_order(steps: Iterable[Node | Chain]) -> Iterator[Node]:
    """All values in the order in which they are computed."""
    for step in steps:
        if isinstance(step, Chain):
            yield from step.nodes
        else:
            yield step
