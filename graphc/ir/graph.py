"""A graph: outputs, and every node that they depend on, in one deterministic order."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any, cast

from ..errors import GraphError, NamingError
from .dims import Dim, symbols_of
from .facts import NAMED, PERSISTENT, Role
from .node import Node
from .pickling import Together
from .walk import Numbering, ancestors, meaning_of, topological_order


def declaring_files(outputs: Iterable[Node]) -> set[str]:
    """The files whose lines declared the outputs and all that they depend on."""
    files: set[str] = set()
    for node in ancestors(outputs):
        if node.origin.location is not None:
            files.add(node.origin.location.file)
        for body in node.bodies:
            files |= declaring_files(body.outputs)
    return files


def declared_inputs(outputs: Iterable[Node]) -> tuple[Node, ...]:
    """Inputs that the outputs were declared from, needed or not, in declared order.

    A derivative need not depend on all that the function does, whose data is at hand
    all the same. Where two of them have one name, it is that of the one that is needed.
    """
    outputs = tuple(outputs)
    needed = set(ancestors(outputs))
    found = ancestors(outputs, lambda node: (*node.inputs, *node.declared_from))
    inputs = [node for node in found if node.op.role is Role.INPUT]
    taken = {node.name for node in inputs if node in needed}
    kept = (node for node in inputs if node in needed or node.name not in taken)
    return tuple(sorted(kept, key=lambda node: node.order))


def _dimensions(value: Any) -> Iterator[Dim]:
    """The named sizes in a shape or another attribute."""
    if isinstance(value, Dim):
        yield value
    elif isinstance(value, tuple):
        for item in cast("tuple[Any, ...]", value):
            yield from _dimensions(item)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _dimensions(getattr(value, field.name))


def symbols_in(node: Node) -> tuple[str, ...]:
    """The names of sizes in the shape and the attributes of a node, sorted."""
    values = (node.shape, *node.attributes.values())
    own = symbols_of(size for value in values for size in _dimensions(value))
    if not node.bodies:
        return own
    return tuple(sorted({*own, *(s for body in node.bodies for s in body.symbols)}))


@dataclass(frozen=True, eq=False)
class Graph:
    """A tuple of output nodes with all that they depend on. Immutable.

    Graphs are equal if they are written alike, whenever that was, and whatever their
    nodes are called.
    """

    outputs: tuple[Node, ...]

    @cached_property
    def key(self) -> tuple[Hashable, ...]:
        """Everything that decides what the graph computes."""
        number = Numbering()
        results = tuple([number(output) for output in self.outputs])
        return (*number.keys, results)

    @cached_property
    def _hash(self) -> int:
        return hash(self.key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other or not isinstance(other, Graph):
            return self is other
        return self._hash == other._hash and self.key == other.key

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every node, inputs first, deterministically."""
        return topological_order(ancestors(self.outputs))

    @cached_property
    def meanings(self) -> tuple[Node, ...]:
        """Every node and every node that its blocks expand to, inputs first."""
        if not any(node.op.is_block for node in self.nodes):
            return self.nodes
        return topological_order(ancestors(self.outputs, meaning_of), meaning_of)

    @cached_property
    def inputs(self) -> tuple[Node, ...]:
        """The placeholders, in the order of declaration."""
        return tuple(n for n in self.nodes if n.op.role is Role.INPUT)

    @cached_property
    def parameters(self) -> tuple[Node, ...]:
        """The persistent tensors, buffers included, in the order of declaration."""
        return tuple(n for n in self.nodes if n.op.role in PERSISTENT)

    @cached_property
    def trainable(self) -> tuple[Node, ...]:
        """The parameters that are no buffers."""
        return tuple(n for n in self.parameters if n.op.role is Role.PARAMETER)

    @cached_property
    def draws(self) -> tuple[Node, ...]:
        """The random draws, each of which is a stream of numbers by its name."""
        return tuple(node for node in self.nodes if not node.op.pure)

    @cached_property
    def arguments(self) -> tuple[Node, ...]:
        """Of a body: the arguments that it uses, in their order."""
        found = [n for n in self.nodes if n.op.role is Role.ARGUMENT]
        return tuple(sorted(found, key=lambda node: node.attributes["index"]))

    @property
    def used_elsewhere(self) -> tuple[Node, ...]:
        """The results of a body, which whoever calls it uses in ways not seen here."""
        return self.outputs if self.arguments else ()

    @cached_property
    def nested(self) -> tuple[Graph, ...]:
        """The graph and all bodies in it, those in bodies included, each once."""
        found: dict[Graph, None] = {}
        for node in self.meanings:
            for body in node.bodies:
                found.update(dict.fromkeys(body.nested))
        return (self, *found)

    @cached_property
    def derived(self) -> dict[Hashable, Any]:
        """Graphs made from this one, such as its derivative as a body, by a key."""
        return {}

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """The names of sizes that the graph uses, sorted."""
        return tuple(sorted({name for node in self for name in symbols_in(node)}))

    @cached_property
    def users(self) -> dict[Node, list[Node]]:
        """For each node the nodes that take it as an input, in order, each once."""
        users: dict[Node, list[Node]] = {node: [] for node in self.nodes}
        for node in self.nodes:
            for parent in dict.fromkeys(node.inputs):
                users[parent].append(node)
        return users

    def with_outputs(self, outputs: tuple[Node, ...]) -> Graph:
        """The graph of other outputs: itself, sorted already, if they are its own.

        Passes end with it, because most of them change nothing in most graphs.
        """
        same = all(a is b for a, b in zip(outputs, self.outputs, strict=True))
        return self if same else Graph(outputs)

    def check_names(self) -> None:
        """Raise where two different inputs, parameters or named nodes share a name."""
        check_names(self.nodes)

    def __reduce__(self) -> tuple[type[Graph], tuple[tuple[Node, ...]]]:
        # Without what is cached, of which there may be much.
        return Graph, (Together(self.outputs),)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)


@dataclass(frozen=True, eq=False)
class OneRow:
    """A graph that computes the same as another where a dimension of inputs is 1."""

    dimension: str
    graph: Graph


def check_names(nodes: Iterable[Node]) -> None:
    """Raise where two different inputs, parameters or named nodes share a name.

    Or where there is an argument, which has a meaning in the body of a function only.
    """
    seen: dict[str, Node] = {}
    for node in nodes:
        if node.op.role is Role.ARGUMENT:
            raise GraphError(
                f"{node.describe()} is an argument, and has no value outside of its "
                "function",
                at=node,
                hint="the function's result, or what the function was called with",
            )
        strict = node.op.role in NAMED
        if node.name is None or not (strict or _named_by_user(node)):
            continue
        other = seen.setdefault(node.name, node)
        if other is not node:
            hint = "a different name for one of them, or one node used twice"
            if node.naming is not None and other.naming is not None:
                hint = (
                    'name="..." for the layers or models: those without a name keep '
                    "the one they have in a trainer, as its checkpoints do"
                )
            raise NamingError(
                f"two nodes have the name {node.name!r}: {other.describe()} "
                f"declared at {other.origin.location}, and {node.describe()}",
                at=node,
                hint=hint,
            )


def _named_by_user(node: Node) -> bool:
    origin = node.origin
    written = not origin.rules and origin.block is None and origin.derivative is None
    # A call has the name of its function, which may be called elsewhere, too.
    return written and not node.op.bodies


def rebuild(graph: Graph, rule: Callable[[Node], Node]) -> Graph:
    """Replace nodes from the inputs up, in linear time.

    `rule` sees each node after its inputs were replaced, and returns that node or
    another of the same type to stand in its place.
    """
    replaced: dict[Node, Node] = {}
    for node in graph.nodes:
        inputs = tuple(replaced[parent] for parent in node.inputs)
        replaced[node] = rule(node.with_inputs(inputs))
    return graph.with_outputs(tuple(replaced[output] for output in graph.outputs))


def expand(graph: Graph) -> Graph:
    """Every block replaced by its expansion, down to primitives."""
    replaced: dict[Node, Node] = {}
    for node in graph.meanings:
        if node.op.is_block:
            replaced[node] = replaced[node.expansion]
            continue
        inputs = tuple(replaced[parent] for parent in node.inputs)
        replaced[node] = node.with_inputs(inputs)
    return graph.with_outputs(tuple(replaced[output] for output in graph.outputs))
