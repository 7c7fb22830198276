"""The gradients of values, one after the other, as formulas of those behind them.

Reverse mode over formulas: what each op sends back along an edge is what it declares,
or else what its derivative rule says, translated. Values without a name stand in the
formulas of those that have one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from ..autodiff.reverse import adjoints_of
from ..ir.facts import Role
from ..ir.node import Node
from ..ir.types import is_floating
from ..ops.control import results_of
from ..ops.source import input as declared_input
from . import tree as build
from .by_elements import gradient
from .formula import System
from .loops import backwards, passed_back
from .parse import as_seen, choice
from .translate import Translation, is_map, is_movement, values_of_body
from .tree import Tree

_MOST_IN_A_FORM = 90
"""Parts of a gradient beyond which it is not written out to the end."""


_MOST_ARRAYS = 1
"""Arrays by elements in a gradient beyond which those of others stand by name."""

_MOST_IN_A_RULE = 60
"""Parts of a flow beyond which it stays a product with a Jacobian."""


def derivative(over: Tree, under: Tree) -> Tree:
    """The gradient of a scalar by a value, of the shape of the value."""
    return Tree("derivative", (over, under), under.shape)


def jacobian(over: Tree, under: Tree) -> Tree:
    """The derivative of one value by another."""
    return Tree("derivative", (over, under), (*over.shape, *under.shape))


@dataclass(frozen=True, eq=False)
class Step:
    """The gradient of a scalar by one value."""

    node: Node
    gradient: Tree
    """Its name, `∂L/∂z`."""
    chain: Tree | None
    """The chain rule: a sum over the values that depend on it; None for one step."""
    formula: Tree
    """The same, by the formulas of the ops on the way."""
    jacobians: tuple[tuple[Tree, Tree], ...]
    """The derivatives in the chain that have a short form, by their names."""
    closed: Tree
    """The formula without other gradients in it, as far as it is short."""
    through: tuple[Node, ...]
    """The values that the gradient comes from."""
    steps: Tree | None = None
    """The steps of a loop that it is for."""
    letters: tuple[tuple[Tree, Tree], ...] = ()
    """The letters in its formula that were in none before, and what they stand for."""


@dataclass
class Backward:
    """Gradients of one scalar of a system by the values behind it."""

    system: System
    top: Node
    stops: Callable[[Node], bool]
    """True of values that the gradient is found of, but not of what is behind them."""
    wanted: frozenset[Node]
    written_out: dict[tuple[str, str], Tree]
    """Gradients without other gradients in them, by the names in theirs."""
    steps: list[Step] = field(default_factory=list[Step])
    at: dict[Node, Tree] = field(default_factory=dict[Node, Tree])
    """The gradient of each value that stops, and of each wanted one."""
    closed: dict[Node, Tree] = field(default_factory=dict[Node, Tree])
    results: dict[Node, dict[int, Tree]] = field(
        default_factory=dict[Node, dict[int, Tree]]
    )
    """Gradients of the results of nodes that hold graphs, by their numbers."""
    inside: Mapping[Node, Tree] | None = None
    """The formulas of values of a body, while its flows are found."""
    letters: dict[str, tuple[Tree, Tree]] | None = None
    """The letters that stand in flows, and what for, if they may."""
    unique: Callable[[str], str] | None = None
    """Makes names of letters, where those of all ops stand side by side."""
    _named: dict[tuple[Node, str], Tree] = field(
        default_factory=dict[tuple[Node, str], Tree]
    )
    _said: set[str] = field(default_factory=set[str])

    def run(self, total: Callable[[Node, Tree], Mapping[Node, Tree]]) -> None:
        """Find all gradients.

        Args:
            total: for a value that adds up over rows, and its gradient, what flows to
                the values that its rows depend on.
        """
        system = self.system
        active = self._active()
        rows = system.rows
        flows: dict[Node, list[tuple[Tree, frozenset[Node]]]] = {
            self.top: [(build.number(1), frozenset())]
        }
        for node in reversed(system.order):
            if node not in flows or node not in active:
                continue
            d, through = self._arrived(node, flows.pop(node))
            if self.stops(node) and node is not self.top:
                continue
            if rows is not None and node in rows.totals:
                sent = total(node, d)
            else:
                sent = self._sent(node, d, active)
            for parent, flow in sent.items():
                flows.setdefault(parent, []).append((flow, through))

    def _active(self) -> set[Node]:
        active = set(self.wanted)
        for node in self.system.order:
            if any(parent in active for parent in self.system.inputs(node)):
                active.add(node)
        return active

    def _arrived(
        self, node: Node, flows: Sequence[tuple[Tree, frozenset[Node]]]
    ) -> tuple[Tree, frozenset[Node]]:
        """The gradient of a value as others use it, and the values it goes through."""
        whole = build.add(*(flow for flow, _ in flows))
        through: frozenset[Node] = frozenset[Node]().union(*(t for _, t in flows))
        if node is self.top:
            return whole, frozenset((node,))
        is_end = node in self.wanted or self.stops(node)
        name = self.system.symbols.get(node)
        if name is None:
            if is_end:
                self.at[node] = whole
                self.closed[node] = build.substitute(whole, self._known)
            return whole, through
        top = self.system.symbols[self.top]
        gradient = derivative(top, name)
        closed = build.substitute(whole, self._known)
        arrays = sum(part.head in ("array", "named") for part in closed.walk())
        if closed.weight > _MOST_IN_A_FORM or arrays > _MOST_ARRAYS:
            closed = whole
            self.written_out[top.text, name.text] = whole if is_end else gradient
        else:
            self.written_out[top.text, name.text] = closed
        self.at[node], self.closed[node] = gradient, closed
        order = sorted(through, key=lambda node: self.system.place[node])
        chain, jacobians = self._chain(node, order)
        self.steps.append(
            Step(
                node,
                gradient,
                chain,
                whole,
                jacobians,
                closed,
                tuple(order),
                letters=self._new_letters(whole),
            )
        )
        return gradient, frozenset((node,))

    def _new_letters(self, tree: Tree) -> tuple[tuple[Tree, Tree], ...]:
        """The letters in a formula, and in what they stand for, met the first time."""
        if self.letters is None or self.unique is None:
            return ()
        found: list[tuple[Tree, Tree]] = []
        names = {*build.names_in(tree)}
        for name, (short, meaning) in reversed(self.letters.items()):
            if name in names and name not in self._said:
                self._said.add(name)
                found.append((short, meaning))
                names |= {*build.names_in(meaning)}
        return tuple(found)

    def _known(self, tree: Tree) -> Tree | None:
        if tree.head != "derivative":
            return None
        over, under = tree.args
        return self.written_out.get((over.text, under.text))

    def _chain(
        self, node: Node, through: Sequence[Node]
    ) -> tuple[Tree | None, tuple[tuple[Tree, Tree], ...]]:
        symbols = self.system.symbols
        top, name = symbols[self.top], symbols[node]
        if any(value is self.top for value in through):
            return None, ()
        terms: list[Tree] = []
        jacobians: list[tuple[Tree, Tree]] = []
        for value in through:
            local = jacobian(symbols[value], name)
            terms.append(chained(local, derivative(top, symbols[value])))
            found = self._jacobian(value, node)
            if found is not None:
                jacobians.append((local, found))
        return build.add(*terms) if terms else None, tuple(jacobians)

    def _jacobian(self, value: Node, node: Node) -> Tree | None:
        """The derivative of a value by one that it is directly made of."""
        system = self.system
        places = [n for n, parent in enumerate(value.inputs) if parent is node]
        if len(places) != 1:
            return None
        (position,) = places
        args = [system.translation.known[parent] for parent in value.inputs]
        out = system.symbols[value]
        if not value.shape and not node.shape:
            return self.flow(value, position, build.number(1))
        mathematics = value.op.mathematics
        text = mathematics.jacobian_of(value, position)
        if text is not None:
            return system.translation.parsed(text, value, args, out=out)
        if value.ndim != 1 or len(args) != 1 or not is_map(value.op):
            return None
        flow = self.flow(value, position, build.symbol("d", value.shape))
        return flow.args[0] if flow.head == "matmul" else None

    def _sent(self, node: Node, d: Tree, active: set[Node]) -> dict[Node, Tree]:
        """The flow from a node to each of its inputs."""
        sent: dict[Node, Tree] = {}
        if node.op.role is Role.RESULT and node.inputs[0].bodies:
            self.results.setdefault(node.inputs[0], {})[node.attributes["index"]] = d
            return {node.inputs[0]: build.number(0)}
        if node.bodies:
            return self._through_bodies(node, active)
        if node.op.role is Role.RESULT:
            known = self.system.translation.known
            for parent in node.inputs[0].inputs:
                if parent in active and is_floating(parent.dtype):
                    local = jacobian(known[node], known[parent])
                    sent[parent] = build.link(local, d, parent.shape)
            return sent
        for position, parent in enumerate(node.inputs):
            if parent not in active or not is_floating(parent.dtype):
                continue
            flow = self.flow(node, position, d)
            known = sent.get(parent)
            sent[parent] = flow if known is None else build.add(known, flow)
        return sent

    def _through_bodies(self, node: Node, active: set[Node]) -> dict[Node, Tree]:
        """The flow from a loop, a choice or a function to each of its inputs."""
        arrived = self.results[node]
        flows: Mapping[int, Tree] = {}
        if node in self.system.loops:
            flows = self._through_loop(node, arrived)
        else:
            known = self.system.translation.known
            args = [known[parent] for parent in node.inputs]
            found = [
                passed_back(
                    body.outputs,
                    {body.outputs[k]: [d] for k, d in arrived.items()},
                    partial(self._flow_over, values_of_body(body, args)),
                )
                for body in node.bodies
            ]
            flows = found[0]
            if node.op.role is Role.BRANCH:
                zero = build.number(0)
                flows = {
                    place: choice(
                        found[0].get(place, zero), args[0], found[1].get(place, zero)
                    )
                    for place in sorted({*found[0], *found[1]})
                }
        sent: dict[Node, Tree] = {}
        for place, flow in flows.items():
            parent = node.inputs[place]
            if parent in active and is_floating(parent.dtype):
                before = sent.get(parent)
                sent[parent] = flow if before is None else build.add(before, flow)
        return sent

    def _through_loop(self, node: Node, arrived: Mapping[int, Tree]) -> dict[int, Tree]:
        loop = self.system.loops[node]
        if not loop.is_counted:
            # The rule says why there is no gradient.
            results = results_of(node)[:1]
            seeds = [declared_input("d", one.shape, one.dtype) for one in results]
            adjoints_of(results, seeds, node.inputs[:1])
        top = self.system.symbols[self.top]
        back = backwards(
            loop,
            arrived,
            lambda value: derivative(top, value),
            jacobian,
            chained,
            self._flow_over,
        )
        for one, chain in back.lines:
            self.steps.append(
                Step(node, one.name, chain, one.value, (), one.value, (), one.over)
            )
        return back.flows

    def _flow_over(
        self, known: Mapping[Node, Tree], node: Node, position: int, d: Tree
    ) -> Tree:
        """The flow from a node of a body back to an input."""
        before = self.inside
        self.inside = known
        found = self.flow(node, position, d)
        self.inside = before
        return found

    def flow(self, node: Node, position: int, d: Tree) -> Tree:
        """The gradient of an input of a node, of which the gradient is `d`."""
        known = self.system.translation.known if self.inside is None else self.inside
        args = [known[parent] for parent in node.inputs]
        out = known[node] if self.inside else self.system.symbols.get(node, known[node])
        mathematics = node.op.mathematics
        text = mathematics.gradient_of(node, position)
        closed = Translation({}, 1, opens_known=False)
        if text is not None:
            arrived = build.symbol("d", d.shape)
            parts: dict[str, Tree] = {"d": arrived, "out": out}
            for letter, meaning in mathematics.letters(node).items():
                part = closed.parsed(meaning, node, args, **parts)
                parts[letter] = self._lettered(node, letter, part, arrived, d)
            if ":" in text:
                parts["result"] = build.symbol("", node.inputs[position].shape)
            found = closed.parsed(text, node, args, **parts)
            return _with(_last(found, arrived), arrived, d)
        slope = mathematics.slope_of(node) if len(args) == 1 else None
        if slope is not None:
            return along(closed.parsed(slope, node, args, out=out), d)
        arrived = build.symbol("d", d.shape)
        found = gradient(node, position, args, arrived)
        if found is not None:
            return _with(_last(found, arrived), arrived, d)
        return self._by_rule(node, position, d, args, out)

    def _lettered(
        self, node: Node, letter: str, part: Tree, arrived: Tree, d: Tree
    ) -> Tree:
        """A part of a flow, or the letter for it."""
        if (node, letter) in self._named:
            return self._named[node, letter]
        if self.letters is not None and self.unique is not None:
            if part.head == "symbol" or self.inside is not None:
                return part
            name = self.unique(letter)
            short, meaning, seen = _named_part(name, part, d)
            self._named[node, letter] = seen
            self.letters[name] = short, _with(meaning, arrived, d)
            return seen
        taken = {one.text for one in self.system.symbols.values()}
        if self.letters is None or letter in taken or part.head == "symbol":
            return part
        short, meaning, seen = _named_part(letter, part, d)
        self.letters[letter] = short, _with(meaning, arrived, d)
        return seen

    def _by_rule(
        self, node: Node, position: int, d: Tree, args: Sequence[Tree], out: Tree
    ) -> Tree:
        """The flow as the derivative rule of the op says it."""
        stand_ins = tuple(
            declared_input(f"x{n}", parent.shape, parent.dtype)
            for n, parent in enumerate(node.inputs)
        )
        again = node.op.build(stand_ins, node.attributes)
        seed = declared_input("d", again.shape, again.dtype)
        (flow,) = adjoints_of([again], [seed], [stand_ins[position]])
        if flow is None:
            return build.number(0)
        arrived = build.symbol("d", d.shape)
        known = dict(zip(stand_ins, args, strict=True))
        translation = Translation({**known, again: out, seed: arrived}, 1, False)
        found = translation.of(flow)
        moved = sum(map(is_movement, found.walk()))
        if moved > 1 or found.weight > _MOST_IN_A_RULE:
            return build.link(jacobian(out, args[position]), d, args[position].shape)
        if is_map(node.op) and len(args) == 1 and found.head == "times":
            slopes = [part for part in found.args if part is not arrived]
            if len(slopes) == len(found.args) - 1:
                return along(build.times(*slopes), d)
        return _with(_last(found, arrived), arrived, d)


def _named_part(name: str, part: Tree, d: Tree) -> tuple[Tree, Tree, Tree]:
    """A letter for a part of a flow, what it stands for, and the letter as it stands.

    The letter is without the axes of the part that are there to broadcast.
    """
    sizes = zip(part.shape, d.shape, strict=False)
    narrow = tuple(n for n, whole in sizes if n != 1 or whole == 1)
    if part.rank != d.rank or narrow == part.shape:
        short = build.symbol(name, part.shape)
        return short, part, short
    short = build.symbol(name, narrow)
    return short, as_seen(part, short), as_seen(short, part)


def _with(tree: Tree, arrived: Tree, d: Tree) -> Tree:
    """A formula with a gradient in the place of the symbol for one."""
    return build.substitute(tree, lambda part: d if part is arrived else None)


def along(slope: Tree, d: Tree) -> Tree:
    """The gradient behind a function of elements: its Jacobian is diagonal."""
    if slope.rank == 1 and d.rank == 1:
        return build.matmul(build.diag(slope), d)
    return build.times(slope, d) if d.rank else build.times(d, slope)


def chained(local: Tree, gradient: Tree) -> Tree:
    """A link of the chain rule."""
    if not local.shape:
        return build.times(gradient, local)
    return Tree("matmul", (Tree("transpose", (local,)), gradient), (1,))


def _last(tree: Tree, factor: Tree) -> Tree:
    """The formula where a factor of a product is the last one, or the first number."""
    if tree.head != "times" or all(part is not factor for part in tree.args):
        return tree
    others = [part for part in tree.args if part is not factor]
    return build.times(*others, factor) if factor.rank else build.times(factor, *others)
