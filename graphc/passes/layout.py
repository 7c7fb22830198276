"""Order of axes between convolutions: the batch stays the last one.

A convolution works on arrays whose last axis is the batch, see `nn.convolution`, and
gives a view with the batch in front, as it is declared. What follows is computed in the
order that is there in memory, so that the next convolution finds it there again, and an
elementwise op or a window reads memory from one end to the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..ir.dims import Shape
from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.literal import without_views
from ..ir.node import Node
from ..ops.indexing import GETITEM
from ..ops.joining import CONCATENATE
from ..ops.layout import CONTIGUOUS, contiguous
from ..ops.padding import PAD
from ..ops.pooling import (
    MAX_POSITION,
    MAX_WINDOWS,
    PUT_IN_WINDOWS,
    SUM_WINDOWS,
    TAKE_OF_WINDOWS,
)
from ..ops.reduction import MEAN, SUM
from ..ops.shape import (
    EXPAND_DIMS,
    RESHAPE,
    SQUEEZE,
    TRANSPOSE,
    broadcast_to,
    expand_dims,
    reshape,
    transpose,
)
from ..ops.slices import Slice
from .rewriting import Rule, Uses, apply_rules

_RESHAPING = (RESHAPE, EXPAND_DIMS, SQUEEZE)
_WINDOWED = (MAX_POSITION, MAX_WINDOWS, PUT_IN_WINDOWS, SUM_WINDOWS, TAKE_OF_WINDOWS)


def _batch_first(rank: int) -> tuple[int, ...]:
    return (rank - 1, *range(rank - 1))


def _batch_last(rank: int) -> tuple[int, ...]:
    return (*range(1, rank), 0)


def _transposed(x: Node, axes: tuple[int, ...]) -> Node:
    """`transpose`, as a reshape where no axis of several elements passes another."""
    passing = [axis for axis in axes if x.shape[axis] != 1]
    if passing != sorted(passing):
        return transpose(x, axes)
    shape = tuple(x.shape[axis] for axis in axes)
    x = _unshaped(x)
    return x if x.shape == shape else reshape(x, shape)


def _unshaped(x: Node) -> Node:
    """The array of which `x` is a view of another shape, in the order of elements."""
    while x.op in _RESHAPING:
        x = x.inputs[0]
    return x


def _source(x: Node) -> Node | None:
    """The computed array of which `x` is a view with the last axis in front."""
    if x.op is not TRANSPOSE or x.ndim < 3:
        return None
    if x.attributes["axes"] != _batch_first(x.ndim):
        return None
    source = _unshaped(x.inputs[0])
    is_computed = source.op.numpy is not None and not source.op.is_view(source)
    return x.inputs[0] if is_computed else None


def _moved(x: Node, rank: int) -> Node:
    """An operand of an array of this rank, with the batch last, by a copy if large."""
    source = _source(x)
    if source is not None:
        return source
    number = without_views(x)
    if not number.shape:
        return number if not x.shape else broadcast_to(number, _rolled(x.shape))
    if x.ndim < rank:
        x = expand_dims(x, tuple(range(rank - x.ndim)))
    last = _transposed(x, _batch_last(rank))
    return _like(contiguous(last), x) if 1 not in x.shape else last


def _rolled(shape: Shape) -> Shape:
    """The shape with the batch last."""
    return (*shape[1:], *shape[:1])


def _like(new: Node, old: Node) -> Node:
    """`new` under the name of `old` and as the adjoint that it was."""
    origin = new.origin
    if origin.gradient_of is None:
        origin = origin.adjoint_of(old.origin.gradient_of)
    told = new.source_name or old.source_name
    return new.copy(name=new.name or old.name, origin=origin).told(told)


def _unrolled(new: Node, old: Node) -> Node:
    """A view of `new` with the batch in front, in the place of `old`."""
    return transpose(_like(new, old), _batch_first(new.ndim))


def _elementwise(node: Node, uses: Uses) -> Node | None:
    if node.op.kind != "elementwise" or not any(map(_is_source, node.inputs)):
        return None
    if not any(x.shape == node.shape and _is_source(x) for x in node.inputs):
        return None
    inputs = tuple(
        _moved(x, node.ndim) if x.shape else without_views(x) for x in node.inputs
    )
    return _unrolled(node.op.build(inputs, node.attributes), node)


def _is_source(x: Node) -> bool:
    return _source(x) is not None


def _windows(node: Node, uses: Uses) -> Node | None:
    if not any(map(_is_source, node.inputs)):
        return None
    rank = node.ndim
    attributes = dict(node.attributes)
    # Every axis but that of the batch is one further to the front.
    attributes["axis"] = tuple((axis - 1) % rank for axis in attributes["axis"])
    if "shape" in attributes:
        attributes["shape"] = _rolled(attributes["shape"])
    inputs = tuple(_moved(x, rank) for x in node.inputs)
    return _unrolled(node.op.build(inputs, attributes), node)


def _border(node: Node, uses: Uses) -> Node | None:
    source = _source(node.inputs[0])
    if source is None:
        return None
    widths: tuple[Any, ...] = node.attributes["pad_width"]
    attributes = {**node.attributes, "pad_width": (*widths[1:], widths[0])}
    return _unrolled(PAD(source, **attributes), node)


def _slices(node: Node, uses: Uses) -> Node | None:
    index: tuple[Any, ...] = node.attributes["index"]
    if len(node.inputs) != 1 or not all(isinstance(item, Slice) for item in index):
        return None
    source = _source(node.inputs[0])
    if source is None:
        return None
    return _unrolled(GETITEM(source, index=(*index[1:], index[0])), node)


def _joined(node: Node, uses: Uses) -> Node | None:
    if not any(map(_is_source, node.inputs)):
        return None
    rank = node.ndim
    axis = (node.attributes["axis"] - 1) % rank
    inputs = (_moved(x, rank) for x in node.inputs)
    return _unrolled(CONCATENATE(*inputs, axis=axis), node)


def _reduction(node: Node, uses: Uses) -> Node | None:
    source = _source(node.inputs[0])
    if source is None:
        return None
    rank = source.ndim
    axis = tuple(sorted((a - 1) % rank for a in node.attributes["axis"]))
    keepdims: bool = node.attributes["keepdims"]
    reduced = node.op(source, axis=axis, keepdims=keepdims)
    if keepdims or (rank - 1 not in axis and reduced.ndim > 1):
        return _unrolled(reduced, node)
    return reduced


def _there_and_back(node: Node, uses: Uses) -> Node | None:
    inner = node.inputs[0]
    if inner.op is not TRANSPOSE:
        return None
    first = inner.attributes["axes"]
    axes = tuple(first[axis] for axis in node.attributes["axes"])
    return transpose(inner.inputs[0], axes)


def _in_order(node: Node, uses: Uses) -> Node | None:
    x = _unshaped(node.inputs[0])
    has_array = x.op.numpy is not None and not x.op.is_view(x)
    return node.inputs[0] if has_array or x.op.role is Role.CONSTANT else None


def _reshaped(node: Node, uses: Uses) -> Node | None:
    view = node.inputs[0]
    if _source(view) is None:
        return None
    kept = _without_units(view, uses)
    array = contiguous(view) if kept is None else _unshaped(kept)
    return RESHAPE(array, **node.attributes)


def _without_units(node: Node, uses: Uses) -> Node | None:
    found = _transposed(node.inputs[0], node.attributes["axes"])
    return None if found.op is TRANSPOSE else found


_ALWAYS = "always: elements are the same, whatever the order of axes in memory"

RULES: Sequence[Rule] = (
    Rule("batch first, then last -> x", (TRANSPOSE,), _there_and_back, _ALWAYS),
    Rule("ascontiguousarray(x) -> x", (CONTIGUOUS,), _in_order, _ALWAYS),
    Rule("f(batch first) -> batch first f", (), _elementwise, _ALWAYS),
    Rule("windows of batch first -> batch first", _WINDOWED, _windows, _ALWAYS),
    Rule("border of batch first -> batch first", (PAD,), _border, _ALWAYS),
    Rule("slices of batch first -> batch first", (GETITEM,), _slices, _ALWAYS),
    Rule("joined batch first -> batch first", (CONCATENATE,), _joined, _ALWAYS),
    Rule(
        "sum of batch first -> sum with batch last",
        (MEAN, SUM),
        _reduction,
        "always, but for the order in which numbers are added up",
        "rounding",
    ),
    Rule("reshape(batch first) -> reshape of a copy", (RESHAPE,), _reshaped, _ALWAYS),
)

LEFT: Sequence[Rule] = (
    Rule(
        "transpose of one axis of several elements -> reshape",
        (TRANSPOSE,),
        _without_units,
        "the axes of several elements stay in their order",
    ),
)
"""Rules for views that are still there when all has moved."""


@dataclass(frozen=True)
class KeepBatchLast:
    """Compute between convolutions in the order of axes that these have in memory.

    Before: primitives. After: a view with the batch in front is read only by ops that
    are not known to work in any order of axes. Sound when these ops take each element,
    or window, by itself; sums may be rounded in another order.
    """

    name: str = "batch last"

    @property
    def reasons(self) -> Mapping[str, str]:
        """Each rule, and when it is sound."""
        return {rule.name: rule.sound_when for rule in (*RULES, *LEFT)}

    def run(self, graph: Graph) -> Graph:
        """The graph with views moved towards its outputs."""
        return apply_rules(apply_rules(graph, RULES), LEFT)
