"""The transformation behind `gc.vmap`: a graph of one example as one of several.

Each node that depends on a mapped one is replaced by what its op says for arrays with
the mapped axis in front, see `Op.batch`. All other nodes stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ..errors import UnsupportedError
from ..ir.batching import along_axes, elementwise, shifted_attributes
from ..ir.dims import Dimension
from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.node import Derivation, DerivativeRequest, Node
from ..ir.origin import Origin, derived
from ..ir.types import TupleType
from ..ir.walk import ancestors, topological_order
from .control import results_of
from .shape import broadcast_to, expand_dims


def batched(
    outputs: Sequence[Node],
    mapped: Mapping[Node, Node],
    size: Dimension,
    *,
    since: Node | None,
) -> list[Node]:
    """Values for several examples, computed all at once.

    Args:
        outputs: values for one example.
        mapped: what stands for the example in them, and the examples in its place, with
            an axis more in front.
        size: the number of examples.
        since: a node that is older than all that depends on an example, and than draws
            of which each example has its own; None where everything may depend on one.

    Returns:
        For each output its value; without the mapped axis where it is the same for all.
    """
    batch = _Batch(size, mapped, since)
    batch.find(outputs)
    return [batch.value(output) for output in outputs]


class _Batch:
    """See `ir.batching.Batch`."""

    def __init__(
        self, size: Dimension, mapped: Mapping[Node, Node], since: Node | None
    ) -> None:
        """
        Args:
            size, mapped, since: see `batched`.
        """
        self.size = size
        self._since, self._first = since, -1 if since is None else since.index
        self._own = dict(mapped)
        self._requests: dict[DerivativeRequest, DerivativeRequest] = {}
        self._values: dict[Node, Node] = dict(mapped)
        self._results: dict[Node, Sequence[Node]] = {}
        self._known = {*mapped.values()}

    def find(self, outputs: Sequence[Node]) -> None:
        """Find the values of nodes, of which nothing need be known yet."""
        needed = ancestors(outputs, self._dependencies)
        for node in topological_order(needed, self._dependencies):
            self._visit(node)

    def _dependencies(self, node: Node) -> tuple[Node, ...]:
        is_known = node in self._values or node in self._results
        return () if is_known or node.index <= self._first else node.inputs

    def _visit(self, node: Node) -> None:
        if node in self._values or node in self._results:
            return
        if node.op.role is Role.RESULT and node.inputs[0] in self._results:
            index: int = node.attributes["index"]
            value = self._results[node.inputs[0]][index]
            named = node.name is not None or node.origin.gradient_of is not None
            self._values[node] = self._as(node, value) if named else value
        elif self._is_moved(node):
            self._apply(node)
        elif node.index <= self._first or not node.inputs:
            self._values[node] = node
        else:
            inputs = tuple([self._values[parent] for parent in node.inputs])
            self._values[node] = node.with_inputs(inputs)

    def _is_moved(self, node: Node) -> bool:
        """True where the value differs from example to example."""
        if node.index <= self._first:
            return False
        return not node.op.pure or any(map(self.is_mapped, node.inputs))

    def _apply(self, node: Node) -> None:
        op = node.op
        if op.assigns is not None and any(op.assigns(node)):
            raise UnsupportedError(
                f"{node.describe()} would assign a value of each example to a buffer",
                at=node,
                hint="the block in evaluation mode, or outside of the function",
            )
        with derived(node, "vmap"):
            if op.batch is not None:
                value = op.batch(self, node)
            elif op.kind == "elementwise" or (op.is_block and op.jvp == "diagonal"):
                value = elementwise(self, node)
            elif op.is_block:
                value = None
            elif op.outputs:
                value = results_of(along_axes(self, node))
            else:
                value = along_axes(self, node)
        if value is None:
            self.find((node.expansion,))
            value = self.value(node.expansion)
            if value.ndim == node.ndim:
                # No mapped input is used, so it is what it was.
                self._values[node] = value
                return
        if isinstance(value, Node):
            value = self._values[node] = self._as(node, value)
            self._known.add(value)
            if not node.op.pure:
                self._own[node] = value
        else:
            self._results[node] = value

    def _as(self, node: Node, value: Node) -> Node:
        """A value under the name and with the origin of the node that it is of."""
        if value in self._known:
            return value
        value = value.copy(name=node.name, origin=self._origin(node.origin))
        value.told(node.source_name)
        if node.derivation is not None and value.ndim != node.ndim:
            self._remember(node.derivation, value)
        if node.naming is None:
            return value
        return node.naming.give(value, str(node.name).removeprefix(node.naming.text))

    def _remember(self, derivation: Derivation, value: Node) -> None:
        """Note how a derivative can be derived again for each example, and mapped."""
        request = derivation.request
        if self._since is None:
            return
        if request not in self._requests:
            sources = (*request.sources, self._since, *self._own, *self._own.values())
            derive = partial(
                _derive, request.derive, len(request.sources), len(self._own), self.size
            )
            self._requests[request] = DerivativeRequest(
                sources, request.variables, derive
            )
        value.remember(Derivation(self._requests[request], derivation.position))

    def _origin(self, origin: Origin) -> Origin:
        if origin.derivative is None:
            return origin
        through, of = origin.derivative.through, origin.derivative.of
        derivative = replace(
            origin.derivative,
            through=self._values.get(through, through),
            of=None if of is None else self._values.get(of, of),
        )
        return replace(origin, derivative=derivative)

    def is_mapped(self, node: Node) -> bool:
        """See `Batch`."""
        if isinstance(node.type, TupleType):
            return node in self._results
        return self._values[node].ndim != node.ndim

    def value(self, node: Node) -> Node:
        """See `Batch`."""
        return self._values[node]

    def stacked(self, node: Node) -> Node:
        """See `Batch`."""
        return stacked(self._values[node], node, self.size)

    def aligned(self, node: Node, ndim: int) -> Node:
        """See `Batch`."""
        value = self._values[node]
        if not self.is_mapped(node):
            return value
        return expand_dims(value, tuple(range(1, 1 + ndim - node.ndim)))

    def attributes(self, node: Node) -> dict[str, Any]:
        """See `Batch`."""
        return shifted_attributes(node, self.size)

    def body(
        self, body: Graph, mapped: Sequence[bool], stacked: Sequence[bool] = ()
    ) -> tuple[Graph, tuple[bool, ...]]:
        """See `Batch`."""
        return batched_body(body, mapped, self.size, stacked)


def _derive(
    derive: Callable[[tuple[Node, ...]], tuple[Node | None, ...]],
    count: int,
    mapped: int,
    size: Dimension,
    sources: tuple[Node, ...],
) -> tuple[Node | None, ...]:
    """The derivatives of one example, for several."""
    since, others = sources[count], sources[count + 1 :]
    examples = dict(zip(others[:mapped], others[mapped:], strict=True))
    found = derive(sources[:count])
    outputs = [node for node in found if node is not None]
    values = dict(
        zip(outputs, batched(outputs, examples, size, since=since), strict=True)
    )
    return tuple(
        None if node is None else stacked(values[node], node, size) for node in found
    )


def stacked(value: Node, original: Node, size: Dimension) -> Node:
    """A value with the mapped axis, along which it is repeated if it is not mapped."""
    if value.ndim != original.ndim:
        return value
    return broadcast_to(value, (size, *value.shape))


def batched_body(
    body: Graph,
    mapped: Sequence[bool],
    size: Dimension,
    repeated: Sequence[bool] = (),
) -> tuple[Graph, tuple[bool, ...]]:
    """The body for several examples; the same graph every time. See `Batch.body`."""
    key = ("vmap", tuple(mapped), size, tuple(repeated))
    if key not in body.derived:
        body.derived[key] = _batched_body(body, mapped, size, repeated)
    return body.derived[key]


def _batched_body(
    body: Graph, mapped: Sequence[bool], size: Dimension, repeated: Sequence[bool]
) -> tuple[Graph, tuple[bool, ...]]:
    arguments = {
        node: _with_axis(node, size)
        for node in body.arguments
        if mapped[node.attributes["index"]]
    }
    batch = _Batch(size, arguments, None)
    batch.find(body.outputs)
    wanted = repeated or (False,) * len(body.outputs)
    found: list[Node] = []
    flags: list[bool] = []
    for output, is_wanted in zip(body.outputs, wanted, strict=True):
        value = batch.value(output)
        value = stacked(value, output, size) if is_wanted else value
        found.append(value)
        flags.append(value.ndim != output.ndim)
    return Graph(tuple(found)), tuple(flags)


def _with_axis(argument: Node, size: Dimension) -> Node:
    """An argument of a body with the mapped axis in front."""
    attributes = {**argument.attributes, "shape": (size, *argument.shape)}
    return argument.op.build((), attributes, name=argument.name)
