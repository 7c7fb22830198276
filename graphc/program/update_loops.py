"""An optimizer's update as loops, which another language can run.

A rule that does the same to each number is one loop, whatever the shapes of its
parameters: it runs over each stretch of memory in which these lie side by side. All
values of a turn are variables until the last of them is known; then they are stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..ir.graph import Graph
from ..ir.literal import term_of_constant
from ..ir.node import Node
from ..ir.scalar import Apply, Counter, Load, Number, Scalar, parts
from ..ir.walk import ancestors
from .groups import ParameterUpdate, rule_nodes
from .loops.elements import is_known, known
from .loops.nests import Nests, nests_of
from .loops.sharing import share_turns
from .loops.tree import Combine, Define, Item, Local, Loop, Store, inside, scalars
from .native import Supports
from .update import Group, LoweredUpdate
from .update_draws import RuleDraw, with_draws_given
from .update_nests import COUNT, RuleNests, nests_of_rules


@dataclass(frozen=True, eq=False)
class RuleLoop:
    """The loop of the parameters that follow a rule which does the same to each number.

    It goes through all of them at once, where their arrays lie side by side.
    """

    names: tuple[str, ...]
    """Those of the parameters."""
    rule: ParameterUpdate
    loop: Loop
    columns: tuple[Node, ...]
    """The arrays that it goes through: parameter, gradient and state."""
    stored: frozenset[Node]
    """Those of them that it writes to."""
    variables: tuple[Node, ...]
    """Values that are local variables."""
    given: tuple[Node, ...]
    """Numbers that it reads."""

    shapes = ()
    room = 0


@dataclass(frozen=True, eq=False)
class UpdateLoops:
    """An update as loops."""

    lowered: LoweredUpdate
    shared: Nests
    """The values that several rules use: numbers, from numbers and gradients."""
    results: tuple[Node, ...]
    """Those of them that are read."""
    arrays: tuple[Node, ...]
    """Arrays that shared values are computed from, and state of no parameter; what has
    no axes is read before anything is replaced."""
    replaced: tuple[tuple[Node, Node], ...]
    """New values of such state, and what they replace."""
    assigned: tuple[Node, ...]
    """Arrays that a step of training assigns to before it."""
    rules: tuple[RuleLoop | RuleNests, ...]
    numbers: tuple[Node, ...]
    """The numbers that all of it is given."""
    draws: tuple[RuleDraw, ...]
    """Draws that come before, in arrays that rules go through as if they were state."""

    @property
    def is_shared(self) -> bool:
        """True where threads may share a loop."""
        loops = [rule.loop for rule in self.rules if isinstance(rule, RuleLoop)]
        return any(loop.cost is not None for loop in loops)

    @property
    def room(self) -> int:
        """The bytes that a rule needs to work in, one after another."""
        return max((rule.room for rule in self.rules), default=0)


def update_in_loops(
    lowered: LoweredUpdate, supports: Supports, assigned: Iterable[Node] = ()
) -> UpdateLoops | None:
    """The update as loops, or None where a part of it has no such form.

    Args:
        lowered: the update in fast style.
        supports: says which values the other language can compute.
        assigned: what a step assigns to before it.
    """
    draws: tuple[RuleDraw, ...] = ()
    if lowered.is_random:
        given_draws = with_draws_given(lowered)
        if given_draws is None:
            return None
        lowered, draws = given_draws
    clock = set(lowered.update.clock.values())
    placeholders = {n for r in lowered.update.rules for _, n in r.placeholders()}
    slots = {node for node, _ in lowered.update.shared.values()}
    given = clock | placeholders | slots
    results = tuple(node for node in lowered.named if node not in given)
    replaced = tuple(pair for copies in lowered.copies for pair in copies)
    nodes = Graph((*results, *(value for value, _ in replaced))).nodes
    rules = [node for rule in lowered.update.rules for node in rule_nodes(rule)]
    every = {*nodes, *rules} - given
    if any(node.ndim for node in (*results, *slots)):
        return None
    if not all(supports(node) if node.inputs else not node.ndim for node in every):
        return None
    shared = _as_numbers(nests_of(nodes, results, given))
    if any(node.ndim for node in shared.arrays) or _has_call(shared.items):
        return None
    found: list[RuleLoop | RuleNests] = []
    for group in lowered.groups:
        if group.is_tiled:
            loop = _loop_of(group, {*results, *clock})
            loops = None if loop is None else [loop]
        else:
            loops = nests_of_rules(group.rules, {*results, *clock})
        if loops is None:
            return None
        found += loops
    read = dict.fromkeys(_loaded(shared.items))
    read.update((node, None) for rule in found for node in rule.given)
    made = {*results, *shared.names}
    outside = [node for node in read if node not in made]
    kept = placeholders | slots
    arrays = dict.fromkeys(node for node in outside if node in kept)
    arrays.update((slot, None) for _, slot in replaced)
    numbers = tuple(node for node in outside if node not in kept)
    if any(node.ndim or node.dtype.kind not in "fiu" for node in numbers):
        return None
    return UpdateLoops(
        lowered,
        shared,
        results,
        tuple(arrays),
        replaced,
        tuple(assigned),
        tuple(found),
        numbers,
        draws,
    )


def _has_call(items: Iterable[Item]) -> bool:
    """True where there is more than loops and their statements."""
    every = (each for item in items for each in inside(item))
    return not all(
        isinstance(e, Local | Define | Store | Combine | Loop) for e in every
    )


def _as_numbers(nests: Nests) -> Nests:
    """Nests of which each result is a number, and a variable."""
    items: list[Item] = []
    for item in nests.items:
        if isinstance(item, Store) and not item.combine:
            nests.names.add(item.node)
            items.append(Local(item.node, item.value))
        else:
            items.append(item)
    return Nests(items, nests.arrays, nests.names)


def _loaded(items: Iterable[Item]) -> list[Node]:
    """The arrays and numbers that are read, in their order."""
    return [
        part.node
        for item in items
        for each in inside(item)
        for scalar in scalars(each)
        for part in parts(scalar)
        if isinstance(part, Load)
    ]


def _loop_of(group: Group, shared: set[Node]) -> RuleLoop | None:
    """The loop of a rule; none for one that only rearranges its state."""
    rule = group.rule
    columns = tuple(node for _, node in rule.placeholders())
    outputs = [(new, old) for new, old in rule.outputs() if new is not old]
    own_arrays = {*columns}
    moved = [(new, old) for new, old in outputs if new in own_arrays]
    computed = [(new, old) for new, old in outputs if new not in own_arrays]
    if {new for new, _ in moved} & {old for _, old in moved}:
        return None
    own = _own_nodes(rule, shared | own_arrays)
    variables = _variables(own, [new for new, _ in computed])
    counter = Counter(COUNT)

    def element(node: Node) -> Scalar:
        if (number := known(node)) is not None:
            return number
        if node in own_arrays or node in variables:
            return Load(node, (counter,), (COUNT,))
        if node in shared or not node.inputs:
            return Load(node, (), ())
        return value(node)

    def value(node: Node) -> Scalar:
        return Apply(node, tuple(map(element, node.inputs)))

    body: list[Item] = [Local(node, value(node)) for node in own if node in variables]
    # What is only moved is stored first, before anything takes its place.
    for new, old in (*moved, *computed):
        # The place in memory, whatever the shape; what has no axes has one place.
        index = (*[Number(0)] * (old.ndim - 1), counter) if old.ndim else ()
        body.append(Store(old, index, element(new)))
    loop = Loop(counter, body)
    share_turns([loop])
    given = dict.fromkeys(_loaded([loop]))
    numbers = tuple(n for n in given if n not in own_arrays | variables)
    return RuleLoop(
        group.names,
        rule,
        loop,
        columns,
        frozenset(old for _, old in outputs),
        tuple(node for node in own if node in variables),
        numbers,
    )


def _own_nodes(rule: ParameterUpdate, outside: set[Node]) -> list[Node]:
    """The values that a rule computes for itself, in their order."""
    outputs = [value for value, _ in rule.outputs()]
    reached = ancestors(outputs, lambda n: () if n in outside else n.inputs)
    inside = {n for n in reached if n not in outside and not _is_number(n)}
    return [node for node in Graph(tuple(outputs)).nodes if node in inside]


def _is_number(node: Node) -> bool:
    return is_known(node) or term_of_constant(node) is not None


def _variables(nodes: Sequence[Node], results: Sequence[Node]) -> set[Node]:
    """Values that have a name, that are stored, or that are read more than once."""
    uses: dict[Node, int] = dict.fromkeys(nodes, 0)
    for node in nodes:
        for parent in node.inputs:
            if parent in uses:
                uses[parent] += 1
    named = {node for node in nodes if node.name is not None}
    return named | {*results} | {node for node, count in uses.items() if count > 1}
