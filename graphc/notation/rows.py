"""Graphs of batches as a textbook writes them: for one row, and a mean over rows.

A value with an axis that counts rows, such as `"batch"`, in front is computed row by
row by most ops. Each such value has an image for one row, without that axis; what adds
up over rows, as the mean of losses, is the total of its image. That an op goes by rows
follows from `gc.vmap`: the op on one row, mapped over all rows, must be the op itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from ..errors import GraphcError
from ..ir.batching import elementwise
from ..ir.collector import paused
from ..ir.dims import Dim
from ..ir.facts import Role
from ..ir.node import Node
from ..ir.types import TupleType
from ..ir.walk import reading_order
from ..ops.batching import batched
from ..ops.indexing import GETITEM
from ..ops.positions import names_one_of_each_row
from ..ops.reduction import MEAN, SUM
from ..ops.slices import ARRAY, Slice
from ..ops.source import input as declared_input

Kind = Literal["sum", "mean"]


@dataclass(frozen=True)
class Rows:
    """The values of a graph by rows."""

    size: Dim
    """The axis that counts rows."""
    image: Mapping[Node, Node]
    """For one row: of each value with the axis of rows."""
    totals: Mapping[Node, tuple[Kind, Node]]
    """Of each value that adds up over rows, the image of what is added up."""

    def inputs(self, node: Node) -> tuple[Node, ...]:
        """The values that one is computed from, of one row where it is."""
        return (self.totals[node][1],) if node in self.totals else node.inputs


class _NotByRows(Exception):
    """A value is not computed row by row."""


def by_rows(outputs: Sequence[Node], leaves: Set[Node] = frozenset()) -> Rows | None:
    """The graph of outputs by rows; None where rows are mixed, or there are none.

    Args:
        outputs: values.
        leaves: values whose rows are taken as they are.
    """
    order = reading_order(outputs, lambda node: () if node in leaves else node.inputs)
    sizes = [
        node.shape[0]
        for node in order
        if (node.op.role is Role.INPUT or node in leaves)
        and not isinstance(node.type, TupleType)
        and node.shape
        and isinstance(node.shape[0], Dim)
    ]
    if not sizes or not sizes[0].is_symbol:
        return None
    splitting = _Splitting(sizes[0], leaves)
    try:
        with paused():
            for node in order:
                splitting.add(node)
    except (_NotByRows, GraphcError):
        return None
    return Rows(sizes[0], splitting.image, splitting.totals)


@dataclass
class _Splitting:
    size: Dim
    leaves: Set[Node]
    image: dict[Node, Node] = field(default_factory=dict[Node, Node])
    totals: dict[Node, tuple[Kind, Node]] = field(
        default_factory=dict[Node, tuple[Kind, Node]]
    )

    unknown: set[Node] = field(default_factory=set[Node])
    """Values that are not the same function of each row, as the number of the row."""

    def add(self, node: Node) -> None:
        """Find the image of a node, whose inputs have theirs."""
        if isinstance(node.type, TupleType):
            raise _NotByRows
        if node in self.leaves:
            if self._counts_rows(node):
                row = declared_input("row", node.shape[1:], node.dtype)
                self._keep(node, row)
            return
        if not any(p in self.image or p in self.unknown for p in node.inputs):
            if self._counts_rows(node):
                row = self._source(node)
                if row is None:
                    self.unknown.add(node)
                else:
                    self._keep(node, row)
            return
        if (total := self._total(node)) is not None:
            self.totals[node] = total
            return
        self._keep(node, self._row(node))

    def _keep(self, node: Node, row: Node) -> None:
        if row.shape != node.shape[1:] or row.dtype != node.dtype:
            raise _NotByRows
        if row.name != node.name or row.source_name is not node.source_name:
            row = row.copy(name=node.name).told(node.source_name)
        self.image[node] = row

    def _counts_rows(self, node: Node) -> bool:
        if any(self._is_by_rows(size) for size in node.shape[1:]):
            raise _NotByRows
        return bool(node.shape) and self._is_by_rows(node.shape[0])

    def _is_by_rows(self, size: Any) -> bool:
        return isinstance(size, Dim) and self.size.text in size.symbols()

    def _source(self, node: Node) -> Node | None:
        """One row of a source; None where the rows differ."""
        is_same = node.op.role in (Role.INPUT, Role.FULL) or not node.op.pure
        if node.shape[0] != self.size or node.inputs:
            raise _NotByRows
        if not is_same:
            return None
        attributes = dict(node.attributes)
        if "type" in attributes:
            attributes["type"] = node.type.with_shape(node.shape[1:])
        if "shape" in attributes:
            attributes["shape"] = node.shape[1:]
        return node.op.build((), attributes, name=node.name)

    def _total(self, node: Node) -> tuple[Kind, Node] | None:
        attributes = node.attributes
        if node.op in (SUM, MEAN) and 0 in attributes["axis"]:
            if attributes["keepdims"]:
                raise _NotByRows
            rest = tuple(axis - 1 for axis in attributes["axis"] if axis)
            row = self.image[node.inputs[0]]
            if rest:
                row = node.op(row, axis=rest, keepdims=False)
            return ("sum" if node.op is SUM else "mean"), row
        kind = attributes.get("reduction")
        if node.shape or kind not in ("sum", "mean"):
            return None
        if attributes.get("ignore_index") is not None:
            raise _NotByRows
        inputs = [self.image.get(parent) for parent in node.inputs]
        if any(row is None for row in inputs):
            raise _NotByRows
        rows = tuple(row for row in inputs if row is not None)
        # The loss of each row must be that of one row, and no weights count in a mean.
        losses = node.op.build(node.inputs, {**attributes, "reduction": "none"})
        if losses.shape[:1] != node.inputs[0].shape[:1] or len(rows) > 2:
            raise _NotByRows
        return kind, node.op.build(rows, attributes)

    def _row(self, node: Node) -> Node:
        if node.op is GETITEM and (picked := self._picked(node)) is not None:
            return picked
        if any(parent in self.unknown for parent in node.inputs):
            raise _NotByRows
        if node.op is GETITEM and len(node.inputs) == 1:
            first, *rest = node.attributes["index"]
            if not isinstance(first, Slice) or not first.is_full:
                raise _NotByRows
            row = self.image[node.inputs[0]]
            return GETITEM(row, index=tuple(rest)) if rest else row
        if _is_map(node):
            rows = [self._aligned(parent, node.ndim) for parent in node.inputs]
            return node.op.build(tuple(rows), node.attributes)
        inputs = tuple([self.image.get(parent, parent) for parent in node.inputs])
        for attributes in _for_one_row(node):
            try:
                row = node.op.build(inputs, attributes)
            except (GraphcError, ValueError, IndexError):
                continue
            if row.shape == node.shape[1:] and self._maps_to(row, node):
                return row
        raise _NotByRows

    def _picked(self, node: Node) -> Node | None:
        """One element of each row."""
        x, *arrays = node.inputs
        if x.ndim != 2 or not names_one_of_each_row(x.shape, tuple(arrays)):
            return None
        label = self.image.get(arrays[1])
        return None if label is None else GETITEM(self.image[x], label, index=(ARRAY,))

    def _aligned(self, parent: Node, ndim: int) -> Node:
        if parent in self.image:
            if parent.ndim != ndim:
                raise _NotByRows
            return self.image[parent]
        if parent.ndim < ndim:
            return parent
        if parent.shape[0] != 1:
            raise _NotByRows
        return GETITEM(parent, index=(0,))

    def _maps_to(self, row: Node, node: Node) -> bool:
        """True where the op of one row, mapped over all rows, is the node itself."""
        mapped = {
            self.image[parent]: parent for parent in node.inputs if parent in self.image
        }
        (found,) = batched([row], mapped, self.size, since=None)
        return (
            found.op is node.op
            and len(found.inputs) == len(node.inputs)
            and all(map(_is_same, found.inputs, node.inputs))
            and dict(found.attributes) == dict(node.attributes)
        )


def _is_same(one: Node, other: Node) -> bool:
    return one is other


def _is_map(node: Node) -> bool:
    """True of an op that goes by elements."""
    op = node.op
    return op.kind == "elementwise" or (
        op.is_block and (op.jvp == "diagonal" or op.batch is elementwise)
    )


def _for_one_row(node: Node) -> list[dict[str, Any]]:
    """Attributes that a node may have for one row, where axes are counted otherwise."""
    same = dict(node.attributes)
    shifted = dict(same)
    for name, value in same.items():
        if name == "shape":
            shifted[name] = value[1:]
        elif name == "axes" and isinstance(value, tuple) and 0 in value:
            shifted[name] = tuple(
                [axis - 1 for axis in cast("tuple[int, ...]", value) if axis]
            )
        elif name in ("axis", "axis1", "axis2", "axes", "dim", "place"):
            shifted[name] = _before(value)
    return [shifted, same]


def _before(axis: Any) -> Any:
    if isinstance(axis, tuple):
        return tuple([_before(each) for each in cast("tuple[Any, ...]", axis)])
    return axis - 1 if isinstance(axis, int) and axis > 0 else axis
