"""Loops as recurrences: `h_t = tanh(W h_{t-1} + U x_t)`, and what flows back in them.

A scan is what one step computes of the step before; its gradients go the same steps
back (backpropagation through time). A loop with a test goes on as long as that holds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial

from ..ir.dims import Dimension
from ..ir.facts import Role
from ..ir.node import Node
from ..ir.types import is_floating
from ..ir.walk import reading_order
from . import tree as build
from .tree import Tree

Name = Callable[[str], str]
"""A name for the values of all steps, of which no two loops have the same."""


@dataclass(frozen=True, eq=False)
class Line:
    """A value of each step, or one before or after all, and its formula."""

    name: Tree
    value: Tree
    over: Tree | None = None
    """The steps that it is for; None for one value."""


@dataclass(eq=False)
class Recurrence:
    """The values of a loop."""

    node: Node
    letter: Tree
    """The number of a step."""
    known: dict[Node, Tree] = field(default_factory=dict[Node, Tree])
    """The formulas of the values of the body, those of a step by their names."""
    lines: list[Line] = field(default_factory=list[Line])
    carries: list[Tree] = field(default_factory=list[Tree])
    results: list[Tree] = field(default_factory=list[Tree])

    @property
    def is_counted(self) -> bool:
        """True of a loop whose number of steps is known."""
        return self.node.op.role is Role.LOOP

    @property
    def length(self) -> Dimension:
        """The number of steps."""
        return self.node.attributes["length"]

    @property
    def is_turned(self) -> bool:
        """True of a loop that goes from the last step to the first."""
        return bool(self.node.attributes.get("reverse"))

    @property
    def ends(self) -> tuple[Tree, Tree]:
        """The numbers of the first step and of the last one."""
        last = build.size(self.length) if self.is_counted else build.letter("T")
        ends = build.number(1), last
        return (ends[1], ends[0]) if self.is_turned else ends

    @property
    def before(self) -> Tree:
        """The number of the step before."""
        one = build.number(1)
        return build.add(self.letter, one if self.is_turned else build.negative(one))

    @property
    def start(self) -> Tree:
        """The number that what is carried into the first step has."""
        if not self.is_turned:
            return build.number(0)
        return build.add(build.size(self.length), build.number(1))

    def over(self, *, backwards: bool = False) -> Tree:
        """The numbers of all steps, in order."""
        first, last = self.ends[::-1] if backwards else self.ends
        return Tree("range", (self.letter, first, last))


def step(name: Tree, number: Tree, shape: tuple[Dimension, ...]) -> Tree:
    """The value of a step."""
    return Tree("step", (name, number), shape)


def sequence(first: Tree, last: Tree, shape: tuple[Dimension, ...]) -> Tree:
    """The values of all steps."""
    return Tree("sequence", (first, last), shape)


def recurrence(
    node: Node,
    args: list[Tree],
    taken: Collection[str],
    name: Name,
    opened: Callable[[Mapping[Node, Tree], Node], Tree],
) -> Recurrence:
    """The values of a loop, by those of the step before.

    Args:
        node: the loop.
        args: formulas of its inputs.
        taken: names that the letter of a step is not to have.
        name: makes names.
        opened: the formula of a value over those that are known.
    """
    known = {one.label for one in reading_order(node.bodies[-1].outputs, _inputs)}
    left = (one for one in "tknsij" if one not in taken and one not in known)
    letter = build.letter(next(left, "t'"))
    found = Recurrence(node, letter)
    body, count = node.bodies[-1], int(node.attributes["carries"])
    arguments = arguments_of(body.outputs)
    labels = [
        (arguments[k].label if k in arguments else None) or out.label or "c"
        for k, out in enumerate(body.outputs[:count])
    ]
    found.carries = [build.symbol(name(label)) for label in labels]
    before = found.before
    for k, argument in arguments.items():
        if k < count:
            found.known[argument] = step(found.carries[k], before, argument.shape)
        elif found.is_counted and k < count + int(node.attributes["sequences"]):
            found.known[argument] = step(args[k], letter, argument.shape)
        else:
            found.known[argument] = args[k]
    over = found.over()
    if not found.is_counted:
        over = Tree("condition", (over, _test(found, args, opened)))
    carried: dict[Node, int] = {}
    for k, output in enumerate(body.outputs[:count]):
        if output.op.role is not Role.ARGUMENT:
            carried.setdefault(output, k)
    for inner in reading_order(body.outputs, _inputs):
        if inner in found.known:
            continue
        value = opened(found.known, inner)
        found.known[inner] = value
        own = found.carries[carried[inner]] if inner in carried else None
        if own is None and inner.label is not None and value.weight > 1:
            own = build.symbol(name(inner.label))
        if own is not None:
            found.known[inner] = step(own, letter, inner.shape)
            found.lines.append(Line(found.known[inner], value, over))
    for k, output in enumerate(body.outputs[:count]):
        if carried.get(output) != k:
            here = step(found.carries[k], letter, output.shape)
            found.lines.append(Line(here, found.known[output], over))
    for k, carry in enumerate(found.carries):
        found.lines.append(Line(step(carry, found.start, args[k].shape), args[k]))
    _add_results(found, count, args)
    return found


def _inputs(node: Node) -> tuple[Node, ...]:
    return node.inputs


def arguments_of(outputs: tuple[Node, ...]) -> dict[int, Node]:
    """The arguments of a body by the position of their input."""
    order = reading_order(outputs, _inputs)
    found = [one for one in order if one.op.role is Role.ARGUMENT]
    by_place = {int(one.attributes["index"]): one for one in found}
    return dict(sorted(by_place.items()))


def _test(
    found: Recurrence,
    args: list[Tree],
    opened: Callable[[Mapping[Node, Tree], Node], Tree],
) -> Tree:
    """The condition under which a step is done."""
    (test,) = found.node.bodies[0].outputs
    known: dict[Node, Tree] = {}
    before = found.before
    for k, argument in arguments_of((test,)).items():
        is_carried = k < len(found.carries)
        known[argument] = (
            step(found.carries[k], before, argument.shape) if is_carried else args[k]
        )
    for inner in reading_order((test,), _inputs):
        if inner not in known:
            known[inner] = opened(known, inner)
    return known[test]


def _add_results(found: Recurrence, count: int, args: list[Tree]) -> None:
    """The last carries, and what was stacked."""
    body = found.node.bodies[-1]
    first, last = found.ends
    for k, output in enumerate(body.outputs):
        if k < count:
            found.results.append(step(found.carries[k], last, output.shape))
            continue
        one = found.known[output]
        of_ends = [renumbered(one, found.letter, end) for end in (first, last)]
        shape = (found.length, *output.shape)
        found.results.append(sequence(of_ends[0], of_ends[1], shape))


def renumbered(tree: Tree, letter: Tree, number: Tree) -> Tree:
    """A formula of one step as that of another one."""

    def swap(part: Tree) -> Tree | None:
        return number if part is letter else None

    return build.substitute(tree, swap)


# Gradients


@dataclass(frozen=True, eq=False)
class Back:
    """The gradients in a loop."""

    lines: list[tuple[Line, Tree | None]]
    """Each with the chain rule for it."""
    flows: dict[int, Tree]
    """Gradients by the inputs, by their positions."""


def backwards(
    found: Recurrence,
    arrived: Mapping[int, Tree],
    by: Callable[[Tree], Tree],
    jacobian: Callable[[Tree, Tree], Tree],
    chained: Callable[[Tree, Tree], Tree],
    flow: Callable[[Mapping[Node, Tree], Node, int, Tree], Tree],
) -> Back:
    """The gradients in a counted loop, from the last step to the first.

    Args:
        found: its values.
        arrived: the gradients of results, by their number.
        by: the gradient by a value, by its name.
        jacobian: the derivative of a value by another one, by its name.
        chained: a link of the chain rule.
        flow: what a node of the body sends back to an input, over what is known.
    """
    body, letter = found.node.bodies[0], found.letter
    count, sequences = len(found.carries), int(found.node.attributes["sequences"])
    here = [
        step(one, letter, output.shape)
        for one, output in zip(found.carries, body.outputs, strict=False)
    ]
    floating = [k for k in range(count) if is_floating(body.outputs[k].dtype)]
    lines: list[tuple[Line, Tree | None]] = []
    flows: dict[Node, list[Tree]] = {}
    stacked: dict[int, list[Tree]] = {}
    for k, d in arrived.items():
        if k < count:
            continue
        output = body.outputs[k]
        same = next((one for one in floating if body.outputs[one] is output), None)
        if same is not None:
            stacked.setdefault(same, []).append(d)
        else:
            flows.setdefault(output, []).append(step(d, letter, output.shape))

    def of_stacks(k: int, number: Tree) -> list[Tree]:
        """The parts of the gradient of a carry that its stacks bring at a step."""
        shape = body.outputs[k].shape
        return [step(d, number, shape) for d in stacked.get(k, ())]

    for k in floating:
        end = step(found.carries[k], found.ends[1], body.outputs[k].shape)
        parts = ([arrived[k]] if k in arrived else []) + of_stacks(k, found.ends[1])
        lines.append((Line(by(end), build.add(*parts or [build.number(0)])), None))
        flows.setdefault(body.outputs[k], []).append(by(here[k]))
    over = found.over(backwards=True)

    def met(node: Node, d: Tree) -> Tree:
        name = found.known[node]
        if name.head != "step" or any(name.key == one.key for one in here):
            return d
        lines.append((Line(by(name), d, over), None))
        return by(name)

    sent = passed_back(body.outputs, flows, partial(flow, found.known), met)
    whole: dict[int, Tree] = {}
    arguments = arguments_of(body.outputs)
    is_later = build.elementwise(
        "indicator",
        build.relation("<" if found.is_turned else ">", letter, found.ends[0]),
    )
    for k in stacked.keys() - sent.keys():
        name = step(found.carries[k], found.before, body.outputs[k].shape)
        own = [build.times(is_later, part) for part in of_stacks(k, found.before)]
        lines.append((Line(by(name), build.add(*own), over), None))
    for place, d in sorted(sent.items()):
        name = found.known[arguments[place]]
        if place < count:
            own = [build.times(is_later, x) for x in of_stacks(place, found.before)]
            chain = build.add(
                *(chained(jacobian(here[k], name), by(here[k])) for k in floating),
                *own,
            )
            lines.append((Line(by(name), build.add(d, *own), over), chain))
            first = step(found.carries[place], found.start, name.shape)
            whole[place] = by(first)
        elif place < count + sequences:
            lines.append((Line(by(name), d, over), None))
            shape = (found.length, *name.shape)
            ends = [renumbered(by(name), letter, end) for end in found.over().args[1:]]
            whole[place] = sequence(ends[0], ends[1], shape)
        else:
            whole[place] = Tree("steps", (d, letter), d.shape)
    return Back(lines, whole)


def passed_back(
    outputs: tuple[Node, ...],
    flows: dict[Node, list[Tree]],
    flow: Callable[[Node, int, Tree], Tree],
    met: Callable[[Node, Tree], Tree] = lambda node, d: d,
) -> dict[int, Tree]:
    """The gradients of the arguments of a body, by their positions.

    Args:
        outputs: those of the body.
        flows: the gradients that arrive at some of them.
        flow: what a node sends back to an input, of its own gradient.
        met: the gradient of a value as others use it.
    """
    sent: dict[int, Tree] = {}
    for node in reversed(reading_order(outputs, _inputs)):
        if node not in flows:
            continue
        d = build.add(*flows.pop(node))
        if node.op.role is Role.ARGUMENT:
            sent[int(node.attributes["index"])] = d
            continue
        d = met(node, d)
        for position, parent in enumerate(node.inputs):
            if is_floating(parent.dtype) and not _is_constant(parent):
                part = flow(node, position, d)
                flows.setdefault(parent, []).append(part)
    return sent


def _is_constant(node: Node) -> bool:
    return not node.inputs and node.op.role is not Role.ARGUMENT
