"""The graph for data of one row, where rows are vectors.

At one row a program takes as long as it has calls, and a call on `(1, n)` takes longer
than one on `(n,)`: NumPy then broadcasts, and a product of a matrix and a row is one of
two matrices to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from ..errors import GraphcError, ShapeError
from ..ir.dims import Dim, Dimension, Shape
from ..ir.facts import Role
from ..ir.graph import Graph, OneRow
from ..ir.literal import Literal, constant_of, is_uniform
from ..ir.node import Node
from ..ir.op import Kind
from ..ir.origin import replacing
from ..ir.rows import long_axes, without_ones
from ..ir.types import TupleType
from ..ops.control import RESULT, argument
from ..ops.exponential import power
from ..ops.indexing import GETITEM
from ..ops.reduction import MEAN, SUM
from ..ops.shape import SQUEEZE, expand_dims, squeeze
from ..ops.slices import Slice
from ..ops.source import CONSTANT, constant
from .algebra.values import never_negative_zero
from .cse import MergeEqual

_MOST_NUMBERS_IN_CALLS = 2**20
"""Up to how many parameters a program on one row takes as long as its calls do. With
more of them, reading them takes longer."""


def for_one_row(
    graph: Graph, inputs: Sequence[Node], *, keeps_draws: bool = False
) -> OneRow | None:
    """The graph for data of one row, if that saves time: small products of matrices.

    Rows are what the first axis of the first input that has a named one counts.

    Args:
        graph: primitives.
        inputs: of the program.
        keeps_draws: True where random draws keep their axes of size 1.
    """
    first = (node.shape[0] for node in inputs if node.shape)
    named = (size.text for size in first if isinstance(size, Dim) and size.is_symbol)
    dimension = next(named, None)
    numbers = sum(int(node.size) for node in graph.parameters)
    nodes = (node for each in graph.nested for node in each.nodes)
    has_products = any(node.op.kind == "contraction" for node in nodes)
    if dimension is None or not has_products or numbers > _MOST_NUMBERS_IN_CALLS:
        return None
    found = one_row(graph, dimension, keeps_draws=keeps_draws)
    return None if found is None else OneRow(dimension, found)


def one_row(graph: Graph, size: str, *, keeps_draws: bool = False) -> Graph | None:
    """The graph where the dimension called `size` is 1, without axes of size 1.

    Args:
        graph: primitives.
        size: the name of a dimension.
        keeps_draws: True where random draws keep their axes of size 1.

    Returns:
        A graph of the same inputs, which still have their axes, as the outputs do. The
        values are equal but for the rounding of sums and products, whose terms may be
        added up in another order; and in derivatives, a sum over rows may be -0.0
        where it was +0.0. None where an input has a size that is computed from this
        one, or a value no meaning at one row, as `x[1:].max(axis=0)`, or a loop along
        sequences of one item.
    """
    if size not in graph.symbols:
        return None
    rows = _OneRow(size, {}, keeps_draws)
    try:
        for node in graph.nodes:
            rows.add(node)
    except GraphcError:
        return None
    outputs = tuple(rows.full(node) for node in graph.outputs)
    return MergeEqual().run(Graph(outputs))


class _OneRow:
    """The nodes of a graph at one row, each without the axes of size 1."""

    def __init__(
        self, size: str, bodies: dict[Graph, Graph], keeps_draws: bool = False
    ) -> None:
        self.keeps_draws = keeps_draws
        self._size = size
        self._sizes = {size: 1}
        self._images: dict[Node, Node] = {}
        self._known: set[Node] = set()
        self._bodies = bodies

    def add(self, node: Node) -> None:
        """Find the image of a node, whose inputs have theirs."""
        with replacing(node, "one row"):
            image = _rule_of(node)(self, node)
            if image is None:
                image = self._as_it_is(node)
        if image not in self._known and image is not node:
            origin = image.origin.adjoint_of(node.origin.gradient_of)
            told = image.source_name or node.source_name
            image = image.copy(name=image.name or node.name, origin=origin).told(told)
        if not isinstance(node.type, TupleType):
            assert image.shape == without_ones(self.shape(node)), node
        self._images[node] = image
        self._known.add(image)

    def shape(self, node: Node) -> Shape:
        """The shape of an original node at one row."""
        return self.bound(node.shape)

    def short(self, node: Node) -> Node:
        """The image of an original node."""
        return self._images[node]

    def body(self, body: Graph) -> Graph:
        """A body that takes and returns values without axes of size 1."""
        if body not in self._bodies:
            inside = _OneRow(self._size, self._bodies)
            for node in body.nodes:
                inside.add(node)
            outputs = Graph(tuple(map(inside.short, body.outputs)))
            self._bodies[body] = MergeEqual().run(outputs)
        return self._bodies[body]

    def full(self, node: Node) -> Node:
        """The image with all axes that the node has."""
        image = self.short(node)
        whole = image.inputs[0] if image.op is SQUEEZE else None
        if whole is not None and whole.shape == self.shape(node):
            return whole
        return self._broadcasting(node, range(node.ndim))

    def aligned(self, node: Node, shape: Shape) -> Node:
        """The image as it broadcasts to a shape that has lost its axes of size 1."""
        missing = len(shape) - node.ndim
        positions = [missing + axis for axis in long_axes(self.shape(node))]
        kept = long_axes(shape)
        first = positions[0] if positions else len(shape)
        return self._broadcasting(
            node, [axis - missing for axis in kept if axis >= first]
        )

    def _broadcasting(self, node: Node, axes: Sequence[int]) -> Node:
        """The image with those of its axes of size 1 that are among `axes`."""
        own = self.shape(node)
        ones = tuple(place for place, axis in enumerate(axes) if own[axis] == 1)
        image = self.short(node)
        return expand_dims(image, ones) if ones else image

    def bound(self, value: Any) -> Any:
        """A shape, or whatever else an op has as an attribute, at one row."""
        if isinstance(value, Dim):
            is_number = self._sizes.keys() >= set(value.symbols())
            bound = value.evaluate if is_number else value.given
            return bound(self._sizes)
        if isinstance(value, tuple):
            return tuple(map(self.bound, cast("tuple[Any, ...]", value)))
        if isinstance(value, Slice):
            return Slice(*(self.bound(p) for p in _parts(value)))
        return value

    def attributes(self, node: Node) -> dict[str, Any]:
        """The attributes of an original node at one row."""
        return {key: self.bound(value) for key, value in node.attributes.items()}

    def _as_it_is(self, node: Node) -> Node:
        """The op on arrays that have all their axes."""
        inputs = tuple(self.full(parent) for parent in node.inputs)
        return squeeze(node.op.build(inputs, self.attributes(node)))


def _parts(item: Slice) -> tuple[Dimension | None, ...]:
    return item.start, item.stop, item.step, item.size


def _placeholder(rows: _OneRow, node: Node) -> Node:
    shape = rows.shape(node)
    if without_ones(shape) == node.shape:
        return node
    index = tuple(0 if size == 1 else Slice(None, None, None, size) for size in shape)
    return GETITEM(node, index=index).named(f"{node.name}_row".replace(".", "_"))


def _argument(rows: _OneRow, node: Node) -> Node:
    kind = node.type.with_shape(without_ones(rows.shape(node)))
    return argument(node.attributes["index"], kind, node.name)


def _with_bodies(rows: _OneRow, node: Node) -> Node:
    attributes = rows.attributes(node)
    if attributes.get("length") == 1:
        raise ShapeError("requires sequences of several items")
    bodies = dict(zip(node.op.bodies, map(rows.body, node.bodies), strict=True))
    inputs = tuple(map(rows.short, node.inputs))
    is_called = node.op.role is Role.CALL and node.name is not None
    name = f"{node.name}_for_one_row" if is_called else node.name
    return node.op.build(inputs, {**attributes, **bodies}, name=name)


def _result(rows: _OneRow, node: Node) -> Node | None:
    values = node.inputs[0]
    if not values.op.bodies:
        return None
    return RESULT.build((rows.short(values),), node.attributes)


def _constant(rows: _OneRow, node: Node) -> Node:
    short = without_ones(node.shape)
    if short == node.shape:
        return node
    return CONSTANT(value=Literal(constant_of(node).reshape(short)))


def _source(rows: _OneRow, node: Node) -> Node | None:
    if "shape" not in node.attributes:
        return None
    attributes = rows.attributes(node)
    if rows.keeps_draws and not node.op.pure:
        short = squeeze(node.op.build((), attributes, name=node.name))
        return short if short.name else short.named(f"{node.name}_row")
    short = without_ones(attributes["shape"])
    return node.op.build((), attributes | {"shape": short}) if short else None


def _full(rows: _OneRow, node: Node) -> Node:
    found = _source(rows, node)
    return constant(node.attributes["value"], node.dtype) if found is None else found


def _dimension(rows: _OneRow, node: Node) -> Node:
    size = rows.bound(node.attributes["size"])
    if isinstance(size, Dim):
        return node.op(size=size, dtype=node.dtype)
    return constant(size, node.dtype)


def _elementwise(rows: _OneRow, node: Node) -> Node | None:
    shape = rows.shape(node)
    # NumPy warns where an integer overflows that is a scalar, and takes the square root
    # where an exponent is 0.5 that is a scalar, and the like.
    warns = node.dtype.kind in "iu" and not without_ones(shape)
    exponent = node.inputs[-1]
    rounds = node.op is power.op and exponent.ndim and not rows.short(exponent).ndim
    if warns or rounds:
        return None
    inputs = tuple(rows.aligned(parent, shape) for parent in node.inputs)
    found = node.op.build(inputs, rows.attributes(node))
    for place, number in enumerate(node.op.facts.neutral):
        other = inputs[1 - place]
        is_neutral = number is not None and is_uniform(inputs[place], number)
        if is_neutral and other.type == found.type:
            return other
    return found


def _reduction(rows: _OneRow, node: Node) -> Node | None:
    x, axis = node.inputs[0], node.attributes["axis"]
    if isinstance(axis, int):
        return None
    shape, short = rows.shape(x), rows.short(x)
    places = {axis: place for place, axis in enumerate(long_axes(shape))}
    axes = tuple(places[a] for a in axis if a in places)
    if axes:
        return node.op(short, axis=axes, keepdims=False)
    if short.dtype != node.dtype:
        return None
    # A sum starts from +0.0 and is never -0.0.
    adds = node.op in (SUM, MEAN) and node.origin.derivative is None
    if adds and not never_negative_zero(short):
        return short + constant(0.0, short.dtype)
    return short


def _with_all_axes(rows: _OneRow, node: Node) -> None:
    """Nothing: the op is applied to arrays that have all their axes."""


_Rule = Callable[[_OneRow, Node], Node | None]

_BY_ROLE: Mapping[Role | None, _Rule] = {
    Role.INPUT: _placeholder,
    Role.PARAMETER: _placeholder,
    Role.CONSTANT: _constant,
    Role.FULL: _full,
    Role.SIZE: _dimension,
    Role.ARGUMENT: _argument,
    Role.RESULT: _result,
    Role.CALL: _with_bodies,
    Role.LOOP: _with_bodies,
    Role.WHILE: _with_bodies,
    Role.BRANCH: _with_bodies,
}
_BY_KIND: Mapping[Kind | None, _Rule] = {
    "elementwise": _elementwise,
    "reduction": _reduction,
    "source": _source,
}


def _rule_of(node: Node) -> _Rule:
    known = node.op.one_row or _BY_ROLE.get(node.op.role)
    return known or _BY_KIND.get(node.op.kind, _with_all_axes)
