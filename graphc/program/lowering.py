"""The way from graphs to steps: calls, loops and branches with all that is in them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..ir.bodies import argument_of, copied_for, is_result_of_call
from ..ir.dims import Dimension
from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.types import TensorType
from .footprint import CACHE_LINE
from .forms import Entries, Entry, Forms
from .function import (
    Block,
    Branch,
    Call,
    Carried,
    Chosen,
    Compute,
    Declared,
    Function,
    Loop,
    Native,
    Stacked,
    Step,
)
from .memory import MemoryPlan, given_for_results, plan_memory
from .native import Region, Supports, split
from .schedule import Chain, batches_of, schedule
from .steps import (
    each_once,
    in_order,
    named_where_read,
    read_by,
    results_read,
    step_of,
    tiled_step,
)
from .storage import is_written, writes_in_place
from .workspace import empty_arrays


@dataclass
class Lowering:
    """The way to steps for all graphs of one function: its own, and bodies inside."""

    lower: Callable[..., Function]
    """The way to the function of a body that is called."""
    declared: Declared
    fast: bool
    entries: Entries | None
    functions: dict[Graph, Function]
    """Of bodies that are called."""
    native: Supports | None = None
    """Says which values another language computes, if any."""
    stages: Mapping[Node, int] = field(default_factory=dict[Node, int])
    """Of values of the function's own graph, those that are computed before others."""
    arrays: list[Entry] = field(default_factory=list[Entry])
    """Those of loops, besides what plans of memory have."""

    def steps(
        self,
        graph: Graph,
        forms: Forms,
        results: Iterable[Node],
        *,
        elsewhere: Collection[Node] = (),
        fresh: Collection[Node] = (),
        dedicated: Collection[Node] = (),
        destinations: Mapping[Node, Node] | None = None,
    ) -> tuple[tuple[Step, ...], MemoryPlan]:
        """The steps of a graph, and the arrays that they write to.

        Args:
            graph: values in primitives.
            forms: theirs.
            results: what is read after all steps.
            elsewhere: values that are computed elsewhere.
            fresh: values that need a new array at each run.
            dedicated: values that have an array of their own already.
            destinations: values that replace another one, and that one.
        """
        inline = {node for node in graph.nodes if forms.is_inline(node)}
        nodes = [n for n in graph.nodes if n not in inline and n not in elsewhere]
        nodes.sort(key=lambda node: self.stages.get(node, 0))
        order: list[Node | Chain] = list(nodes)
        memory = MemoryPlan()
        if self.native is not None:
            return self._native_steps(
                graph, nodes, forms, [*results], fresh, dedicated, destinations
            )
        if self.fast:
            tile = self.declared.tile
            if tile is not None:
                batches = batches_of(graph.nodes)
                order = schedule(nodes, inline, graph.outputs, tile, batches)
            kept = {*dedicated, *(destinations or ())}
            given = {
                node: given_for_results(node, graph.users[node], kept)
                for node in nodes
                if node.op.role is Role.CALL
            }
            memory = plan_memory(
                list(in_order(order)),
                inline,
                graph.outputs,
                fresh,
                destinations,
                dedicated,
                chains=[step for step in order if isinstance(step, Chain)],
                given=given,
            )
        every = (self._step(each, graph, forms, memory, fresh) for each in order)
        steps = list(each_once(every, self.declared.is_checked))
        read = read_by(steps, forms, results)
        named = (
            next(named_where_read([step], read)) if isinstance(step, Compute) else step
            for step in steps
        )
        return tuple(named), memory

    def _native_steps(
        self,
        graph: Graph,
        nodes: Sequence[Node],
        forms: Forms,
        results: Collection[Node],
        fresh: Collection[Node],
        dedicated: Collection[Node],
        destinations: Mapping[Node, Node] | None,
    ) -> tuple[tuple[Step, ...], MemoryPlan]:
        """The steps of a graph of which another language computes what it can."""
        assert self.native is not None
        supports, self.native = self.native, None
        order = split(graph.nodes, nodes, forms, results, supports, self.stages)
        between = [each for each in order if isinstance(each, Node)]
        given = {
            node: given_for_results(node, graph.users[node], dedicated)
            for node in between
            if node.op.role is Role.CALL
        }
        # Arrays that a region reads keep their values until it has run.
        read = [n for each in order if isinstance(each, Region) for n in each.given]
        memory = plan_memory(
            between,
            {*graph.nodes} - {*nodes},
            [*results, *read],
            fresh,
            destinations,
            dedicated,
            given=given,
        )
        steps: list[Step] = []
        for each in order:
            if isinstance(each, Region):
                steps.append(self._native_step(each, fresh, dedicated, forms))
            else:
                steps.append(self._step(each, graph, forms, memory, fresh))
        found = list(each_once(steps, self.declared.is_checked))
        named_in_code = read_by(found, forms, results)
        named = (
            next(named_where_read([step], named_in_code))
            if isinstance(step, Compute)
            else step
            for step in found
        )
        return tuple(named), memory

    def _native_step(
        self,
        region: Region,
        fresh: Collection[Node],
        dedicated: Collection[Node],
        forms: Forms,
    ) -> Native:
        new: list[Node] = []
        for node in region.results:
            if node in dedicated:
                continue
            is_kept = self.declared.persistent is not None
            is_kept = is_kept and node is self.declared.graph.outputs[0]
            if (node in fresh or not node.ndim) and not is_kept:
                new.append(node)
            else:
                self._allocate(node)
        room = None
        if region.has_room:
            room = self._allocate(
                TensorType(np.dtype(np.uint8), (region.room,)), "room"
            )
        checks = tuple(c for n in region.members for c in forms.checks(n))
        return Native(region, tuple(new), room, checks=checks)

    def _step(
        self,
        each: Node | Chain,
        graph: Graph,
        forms: Forms,
        memory: MemoryPlan,
        fresh: Collection[Node],
    ) -> Step:
        if isinstance(each, Chain):
            return tiled_step(each, forms, memory)
        if each.op.role is Role.LOOP:
            return self._scan(each, graph, fresh)
        if each.op.role is Role.WHILE:
            return self._while(each, graph, fresh)
        if each.op.role is Role.BRANCH:
            return self._branch(each, graph, fresh)
        if each.op.bodies:
            return self._call(each, graph, forms, memory)
        return replace(step_of(each, forms, memory), results=results_read(each, graph))

    def _forms(self, body: Graph) -> Forms:
        """The forms of a body inside the function."""
        fast = self.fast
        return Forms(body, fast=fast, entries=self.entries, groups=not fast)

    def _call(self, node: Node, graph: Graph, forms: Forms, memory: MemoryPlan) -> Call:
        """The step of a call; a body that is called again is the same function."""
        body = node.bodies[0]
        if body not in self.functions:
            declared = Declared(
                node.name or "body",
                body,
                body.arguments,
                source="",
                is_body=True,
                tile=self.declared.tile,
                follows_dtypes=self.declared.follows_dtypes,
                is_checked=self.declared.is_checked,
            )
            self.functions[body] = self.lower(
                declared, fast=self.fast, bodies=self.functions
            )
        indices: list[int] = [node.attributes["index"] for node in body.arguments]
        checks = tuple(forms.checks(node))
        given = tuple(node.inputs[index] for index in indices)
        results = results_read(node, graph)
        owners = memory.given[node].owners if self.fast else ()
        return Call(
            node,
            self.functions[body],
            given,
            results,
            checks,
            out={owner: memory.arrays[owner] for owner in owners},
            fresh=tuple(owner for owner in owners if owner in memory.fresh),
        )

    def _scan(self, node: Node, graph: Graph, fresh: Collection[Node]) -> Loop:
        """The step of a loop along sequences, and the arrays that it needs."""
        body, results = copied_for(node), results_read(node, graph)
        forms = self._forms(body)
        count: int = node.attributes["carries"]
        after: int = count + node.attributes["sequences"]
        length: Dimension = node.attributes["length"]
        stacked: list[Stacked] = []
        direct: set[Node] = set()
        for result, value in zip(results[count:], body.outputs[count:], strict=True):
            if result is None:
                continue
            is_direct = value not in direct and self._is_new(value, forms)
            is_fresh = not self.fast or result in fresh
            stacked.append(Stacked(result, value, is_direct, is_fresh))
            if is_direct:
                direct.add(value)
            if not is_fresh:
                self._allocate(result)
        lent = () if isinstance(length, int) and length > 0 else direct
        carried, block = self._turns(node, body, forms, results, fresh, direct, lent)
        arguments = argument_of(body)
        return Loop(
            node,
            block,
            carried,
            results,
            _passed(node, body, after),
            length=length,
            reverse=node.attributes["reverse"],
            stacked=tuple(stacked),
            items=tuple(
                (arguments[i], node.inputs[i])
                for i in range(count, after)
                if i in arguments
            ),
        )

    def _while(self, node: Node, graph: Graph, fresh: Collection[Node]) -> Loop:
        """The step of a loop that ends by a test, and the arrays that it needs."""
        test, body = copied_for(node, 0), copied_for(node, 1)
        results = results_read(node, graph)
        count: int = node.attributes["carries"]
        forms = self._forms(body)
        tested = argument_of(test)
        carried, block = self._turns(node, body, forms, results, fresh, tested=tested)
        # One line, if it is short enough.
        inline = {each for each in test.nodes if each.op.kind == "elementwise"}
        forms = Forms(test, fast=self.fast, inline=inline, entries=self.entries)
        steps, memory = self.steps(test, forms, test.outputs)
        self.arrays += empty_arrays(memory)
        by_place = {each.place: each.variable for each in carried}
        return Loop(
            node,
            block,
            carried,
            results,
            (*_passed(node, body, count), *_passed(node, test, count)),
            test=Block(test, forms, steps),
            tested=tuple(
                (each, by_place[place])
                for place, each in tested.items()
                if place < count
            ),
        )

    def _turns(
        self,
        node: Node,
        body: Graph,
        forms: Forms,
        results: Sequence[Node | None],
        fresh: Collection[Node],
        direct: Collection[Node] = (),
        lent: Collection[Node] = (),
        tested: Mapping[int, Node] | None = None,
    ) -> tuple[tuple[Carried, ...], Block]:
        """The values that a loop carries, and the steps of a turn.

        Args:
            node: the loop.
            body: what a turn computes.
            forms: those of the body.
            results: those of the loop that are read.
            fresh: values that need a new array at each run.
            direct: values of the body that are computed in their place in a stack.
            lent: of those, values that may be no more than the start of the loop.
            tested: arguments of a test by the position of their input.
        """
        arguments = {**(tested or {}), **argument_of(body)}
        own, replaced = set(direct), dict[Node, Node]()
        carried: list[Carried] = []
        for place in range(node.attributes["carries"]):
            result, value = results[place], body.outputs[place]
            # Where no turn reads it, it is what is read after the last one, if any.
            variable = arguments.get(place, result)
            if variable is None:
                continue
            each = Carried(place, variable, node.inputs[place], value, result)
            if self.fast and variable.ndim:
                # Without a turn, it is the start, whose array others may get later.
                each = replace(each, is_fresh=result in fresh or value in lent)
                if value not in direct:
                    spare = None
                    is_new = value not in own and value not in replaced
                    is_new = is_new and self._is_new(value, forms)
                    if is_new and _is_replaced(variable, value, body):
                        replaced[value] = variable
                    elif is_new:
                        own.add(value)
                        self._allocate(value)
                    else:
                        wish = f"next_{variable.name or 'carry'}"
                        spare = self._allocate(variable.type, wish)
                    self._allocate(variable)
                    each = replace(
                        each,
                        has_array=True,
                        spare=spare,
                        is_replaced=value in replaced,
                    )
            carried.append(each)
        steps, memory = self.steps(
            body, forms, body.outputs, dedicated=own, destinations=replaced
        )
        self.arrays += empty_arrays(memory)
        return tuple(carried), Block(body, forms, steps)

    def _branch(self, node: Node, graph: Graph, fresh: Collection[Node]) -> Branch:
        """The step of a branch, and the arrays that it needs."""
        results = results_read(node, graph)
        bodies = [copied_for(node, place) for place in (0, 1)]
        blocks: list[Block] = []
        direct: list[dict[Node, Node]] = []
        for body in bodies:
            forms = self._forms(body)
            written: dict[Node, Node] = {}
            for result, value in zip(results, body.outputs, strict=True):
                if result is not None and self._is_new(value, forms):
                    written.setdefault(value, result)
            read = [
                value
                for result, value in zip(results, body.outputs, strict=True)
                if result is not None and written.get(value) is not result
            ]
            steps, memory = self.steps(body, forms, read, destinations=written)
            self.arrays += empty_arrays(memory)
            blocks.append(Block(body, forms, steps))
            direct.append(written)
        chosen: list[Chosen] = []
        for place, result in enumerate(results):
            if result is None:
                continue
            values = [body.outputs[place] for body in bodies]
            has_array = self.fast and result.ndim > 0
            if has_array and result not in fresh:
                self._allocate(result)
            chosen.append(
                Chosen(
                    result,
                    tuple(values),
                    tuple(
                        written.get(value) is result
                        for written, value in zip(direct, values, strict=True)
                    ),
                    has_array,
                    has_array and result in fresh,
                )
            )
        passed = [pair for body in bodies for pair in _passed(node, body, 0)]
        return Branch(
            node, node.inputs[0], tuple(blocks), tuple(chosen), tuple(passed), results
        )

    def _is_new(self, value: Node, forms: Forms) -> bool:
        """True where a step computes a value into an array that it is given."""
        is_computed = is_result_of_call(value) or not forms.is_inline(value)
        return self.fast and is_written(value) and is_computed

    def _allocate(self, value: Node | TensorType, wish: str = "") -> Entry:
        """An array of the workspace for a value, or for one of a type."""
        kind = value.type if isinstance(value, Node) else value
        owner = value if isinstance(value, Node) else None
        size = kind.size * kind.dtype.itemsize + CACHE_LINE
        entry = Entry("empty", kind, owner, wish, bytes=size)
        self.arrays.append(entry)
        return entry


def _is_replaced(variable: Node, value: Node, body: Graph) -> bool:
    """True where the array of a carried value may take that of the next turn."""
    return (
        writes_in_place(value)
        and set(body.users.get(variable, ())) == {value}
        and variable not in {*body.outputs}
    )


def _passed(node: Node, body: Graph, first: int) -> tuple[tuple[Node, Node], ...]:
    """Arguments of a body from some position on, and what is passed for them."""
    known = argument_of(body)
    return tuple((known[i], node.inputs[i]) for i in sorted(known) if i >= first)
