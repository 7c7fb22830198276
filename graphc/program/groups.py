"""The rules of an update, in groups: which parameters follow the same one.

The graph of an update holds the optimizer's rule once for each parameter. Rules that
are equal but for the shape are one group. What does not depend on a parameter (a bias
correction, a step size) is shared.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..ir.dims import Shape
from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.template import parsed
from ..ir.walk import Numbering, ancestors, attributes_key
from .storage import storage_of


@dataclass(frozen=True)
class ParameterUpdate:
    """The rule of one parameter: placeholders that are read, and new values."""

    parameter: Node
    """Placeholder for the parameter, under its name."""
    gradient: Node
    slots: Mapping[str, Node]
    """Placeholders of optimizer state by the name within the parameter: `exp_avg`."""
    new_parameter: Node
    new_slots: Mapping[str, Node]

    def placeholders(self) -> Iterator[tuple[str, Node]]:
        """Placeholders by what they are called inside the loop."""
        yield "parameter", self.parameter
        yield "gradient", self.gradient
        yield from self.slots.items()

    def outputs(self) -> list[tuple[Node, Node]]:
        """New values with the placeholder that each replaces."""
        pairs = [(self.new_slots[key], self.slots[key]) for key in self.slots]
        return [(self.new_parameter, self.parameter), *pairs]


@dataclass(frozen=True)
class Update:
    """All rules, with the placeholders that they share."""

    rules: tuple[ParameterUpdate, ...]
    clock: Mapping[str, Node]
    """Placeholders `step`, `epoch` and `scale`: scalars of the training state; and
    those of rates."""
    shared: Mapping[str, tuple[Node, Node]]
    """State that belongs to no parameter: placeholder and new value by name."""
    title: str
    """The optimizer in words, for the docstring."""
    decaying: tuple[str, ...]
    """Names, within their parameters, of slots that decay to nothing where gradients
    stay zero."""
    hash: str
    """The fingerprint of the rules with all their settings."""
    declared: Graph
    """All new values, as the optimizer declares them."""


def _structure(rule: ParameterUpdate, shared: set[Node]) -> Hashable:
    """A key that is equal for rules that apply the same ops to equal values.

    Shapes don't count, but being a scalar or of the parameter's own shape does.
    """
    own = rule.parameter.shape
    labels = {node: label for label, node in rule.placeholders()}

    def leaf(node: Node) -> Hashable | None:
        if node in labels:
            return (labels[node], *_kind(node, own))
        return node.index if node in shared else None

    def key(node: Node, inputs: tuple[int, ...]) -> Hashable:
        return (node.op.name, inputs, _wording(node), *_kind(node, own))

    number = Numbering(leaf, key)
    results = tuple([number(value) for value, _ in rule.outputs()])
    return (*number.keys, results)


def _wording(node: Node) -> object:
    """Source of a node and the attributes that it reads.

    A sum over all axes is written alike, whatever their number.
    """
    if node.op.numpy is None:
        return attributes_key(node.attributes)
    texts = [node.op.template_fast(node), node.op.template_into(node) or ""]
    # A vector has one axis only, which fast forms leave out.
    texts = [text.replace(", axis=None", "") for text in texts]
    read = parsed(texts[0]).reads | parsed(texts[1]).reads
    told = {key: value for key, value in node.attributes.items() if key in read}
    return attributes_key(told), *texts


def _kind(node: Node, own: Shape) -> tuple[str, bool, bool]:
    return (str(node.dtype), node.ndim == 0, node.shape == own)


def groups_of(update: Update, shared: set[Node]) -> list[list[ParameterUpdate]]:
    """The rules that are equal but for the shape, together."""
    groups: dict[Hashable, list[ParameterUpdate]] = {}
    for rule in update.rules:
        groups.setdefault(_structure(rule, shared), []).append(rule)
    return list(groups.values())


def shared_nodes(update: Update) -> list[Node]:
    """Values that are computed before the loops: several rules use them, or none."""
    everything = Graph(rule_values(update))
    users = dict.fromkeys(everything.nodes, 0)
    foreign: set[Node] = set()
    owners = _owners(update)
    for rule in update.rules:
        for node in rule_nodes(rule):
            users[node] += 1
            if owners.get(node, rule) is not rule:
                foreign.add(node)
    owned = set(owners)
    for node in everything.nodes:
        if not node.op.pure or any(parent in owned for parent in node.inputs):
            owned.add(node)
    common = [
        node
        for node in everything.nodes
        if users[node] != 1 or node not in owned or node in foreign
    ]
    needed = set(ancestors([*common, *(v for _, v in update.shared.values())]))
    return [node for node in everything.nodes if node in needed]


def _owners(update: Update) -> dict[Node, ParameterUpdate]:
    return {node: rule for rule in update.rules for _, node in rule.placeholders()}


def overwritten_nodes(update: Update, shared: set[Node]) -> set[Node]:
    """Placeholders that are read when the loop of the rule that owns them has run.

    A rule may read what belongs to another, in its own loop, or the new value of shared
    state may be such an array itself. Gradients stay as they are.
    """
    owners = _owners(update)
    read: list[tuple[ParameterUpdate | None, Node]] = []
    for rule in update.rules:
        nodes = [node for node in rule_nodes(rule) if node not in shared]
        read += [(rule, parent) for node in nodes for parent in node.inputs]
        read += [(rule, value) for value, _ in rule.outputs()]
    read += [(None, value) for _, value in update.shared.values()]
    found: set[Node] = set()
    for rule, node in read:
        stored = storage_of(node)
        owner = owners.get(stored)
        if owner is not None and owner is not rule and stored is not owner.gradient:
            found.add(stored)
    return found


def rule_values(update: Update) -> tuple[Node, ...]:
    """All new values of an update."""
    return (
        *(value for rule in update.rules for value, _ in rule.outputs()),
        *(value for _, value in update.shared.values()),
    )


def with_values(update: Update, values: Sequence[Node]) -> Update:
    """The update with others in place of its new values, in the order of these."""
    given = iter(values)
    rules: list[ParameterUpdate] = []
    for rule in update.rules:
        parameter = next(given)
        slots = {key: next(given) for key in rule.slots}
        rules.append(replace(rule, new_parameter=parameter, new_slots=slots))
    shared = {key: (node, next(given)) for key, (node, _) in update.shared.items()}
    return replace(update, rules=tuple(rules), shared=shared)


def rule_nodes(rule: ParameterUpdate) -> list[Node]:
    """Values that a rule computes and reads."""
    return ancestors([value for value, _ in rule.outputs()])


def parts_of_formulas(nodes: Iterable[Node]) -> set[Node]:
    """Values without a name that one formula uses, and that read better inside it."""
    uses: dict[Node, int] = {}
    for node in nodes:
        for parent in node.inputs:
            uses[parent] = uses.get(parent, 0) + (1 if _is_formula(node) else 2)
    return {n for n in uses if uses[n] == 1 and n.name is None and _is_formula(n)}


def _is_formula(node: Node) -> bool:
    is_arithmetic = node.op.kind in ("elementwise", "reduction")
    return is_arithmetic and node.op.pure and bool(node.inputs)


def is_elementwise(rule: ParameterUpdate, shared: set[Node]) -> bool:
    """True where a rule does the same to each number, so that arrays may be cut.

    Besides the parameter, its gradient and its state it reads scalars only.
    """
    own = rule.parameter.shape
    placeholders = {node for _, node in rule.placeholders()}
    if any(node.shape != own for node in placeholders):
        return False
    values = [value for value, _ in rule.outputs()]
    known = shared | placeholders
    for node in ancestors(values, lambda n: () if n in known else n.inputs):
        if node in placeholders:
            continue
        if node in shared or node.op.role is Role.CONSTANT:
            if node.ndim:
                return False
        elif node.op.kind != "elementwise" or not node.op.pure or node.shape != own:
            return False
    return shared.isdisjoint(values)
