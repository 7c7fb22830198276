"""A node: one value of a graph, which behaves as the NumPy array it stands for.

Its operators and methods stand in `array_methods`.
"""

from __future__ import annotations

import difflib
import itertools
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..errors import (
    DTypeError,
    NoAttributeError,
    ShapeError,
    UnsupportedError,
)
from .array_methods import ArrayMethods, place_of
from .dims import Dim, Dimension, Shape, check_dotted_name
from .mathematics import Printed, notation
from .origin import Origin, derived, here, is_declared_by_user, place, within
from .source_names import SourceName
from .types import DType, TensorType

if TYPE_CHECKING:
    from .graph import Graph
    from .naming import Naming
    from .op import Op

Attributes = Mapping[str, Any]
"""Hashable compile-time arguments of an op by name."""

_counter = itertools.count()


class Node(ArrayMethods):
    """An immutable symbolic array: an op applied to inputs.

    Equality and hashing as a dictionary key go by identity; `==` is NumPy's, and
    gives a node.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 3))
    >>> y = gc.sum(2.0 * x, axis=1)
    >>> y.shape, y.dtype, y.op.name
    ((batch,), dtype('float32'), 'sum')
    >>> gc.evaluate(y, {"x": [[1.0, 2.0, 3.0]]})
    array([12.], dtype=float32)
    """

    __slots__ = (
        "__weakref__",
        "_expansion",
        "attributes",
        "declared_from",
        "derivation",
        "index",
        "inputs",
        "name",
        "naming",
        "op",
        "order",
        "origin",
        "source_name",
        "type",
    )

    op: Op
    inputs: tuple[Node, ...]
    attributes: Attributes
    type: TensorType
    name: str | None
    """The user's name, or a block's hint; inputs and parameters always have one."""
    naming: Naming | None
    """The source of a name that may still change; None where it may not."""
    source_name: SourceName | None
    """The name that the user's code gives it, for a reader; None where it is not
    handed to the user's code, or has a name that says more."""
    origin: Origin
    index: int
    """Position in the order of creation, unique in a process."""
    order: tuple[int, ...]
    """Its place in the declared order: where the node that it replaces was declared,
    and inside a block after what the block's place is."""
    derivation: Derivation | None
    """The way to derive it again, where a differentiation returned it."""
    declared_from: tuple[Node, ...]
    """Nodes that it was made of when it was declared, though it need not depend on
    them: what was differentiated, and what only a shape was taken from."""

    def __init__(
        self,
        op: Op,
        inputs: tuple[Node, ...],
        attributes: Attributes,
        type: TensorType,
        *,
        name: str | None = None,
        origin: Origin | None = None,
        order: tuple[int, ...] | None = None,
    ) -> None:
        set_field = object.__setattr__
        index = next(_counter)
        set_field(self, "op", op)
        set_field(self, "inputs", inputs)
        if not isinstance(attributes, MappingProxyType):
            attributes = MappingProxyType(dict(attributes))
        set_field(self, "attributes", attributes)
        set_field(self, "type", type)
        set_field(self, "name", name)
        set_field(self, "origin", origin or here())
        set_field(self, "index", index)
        set_field(self, "order", (*place(), index) if order is None else order)
        set_field(self, "derivation", None)
        set_field(self, "declared_from", ())
        set_field(self, "naming", None)
        set_field(self, "source_name", None)
        set_field(self, "_expansion", None)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"nodes are immutable: can't set {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"nodes are immutable: can't delete {name!r}")

    def __copy__(self) -> Node:
        return self

    def __deepcopy__(self, memo: object) -> Node:
        return self

    # Structure

    def copy(
        self,
        *,
        inputs: tuple[Node, ...] | None = None,
        attributes: Attributes | None = None,
        name: str | None = None,
        origin: Origin | None = None,
    ) -> Node:
        """This node with some parts replaced, at the same place in the order."""
        node = Node(
            self.op,
            self.inputs if inputs is None else inputs,
            self.attributes if attributes is None else attributes,
            self.type,
            name=name or self.name,
            origin=origin or self.origin,
            order=self.order,
        )
        object.__setattr__(node, "declared_from", self.declared_from)
        if name is None:
            node.told(self.source_name)
        # With other inputs it may be another value, and no longer that derivative.
        if inputs is None:
            object.__setattr__(node, "derivation", self.derivation)
        return node

    def with_inputs(self, inputs: tuple[Node, ...]) -> Node:
        """This node of other inputs: itself, if they are its own."""
        if all(map(operator.is_, inputs, self.inputs)):
            return self
        return self.copy(inputs=inputs)

    @property
    def bodies(self) -> tuple[Graph, ...]:
        """The graphs that it holds, which run on its inputs."""
        return tuple([self.attributes[name] for name in self.op.bodies])

    def remember(self, derivation: Derivation) -> None:
        """Note that this node is the derivative that `derivation` asks for.

        Only a node created after everything it is derived from can be noted, so that
        following derivations always ends.
        """
        newest = max(source.index for source in derivation.request.sources)
        if self.derivation is None and self.index > newest:
            object.__setattr__(self, "derivation", derivation)

    def made_of(self, sources: tuple[Node, ...]) -> Node:
        """This node, which notes what it was declared from, unless it is older."""
        if self.index > max((source.index for source in sources), default=-1):
            known = (*self.declared_from, *sources)
            object.__setattr__(self, "declared_from", tuple(dict.fromkeys(known)))
        return self

    def named(self, name: str) -> Node:
        """This node under a name that drawings, reports and emitted code will use."""
        check_dotted_name(name, "node name")
        named = self.copy(name=name)
        return named.told(SourceName(text=name)) if is_declared_by_user() else named

    def told(self, name: SourceName | None) -> Node:
        """This node, which nobody else has seen yet, under a name of the source."""
        object.__setattr__(self, "source_name", name)
        return self

    @property
    def expansion(self) -> Node:
        """The block's meaning in smaller ops; the same nodes every time."""
        if self._expansion is None:
            assert self.op.expand is not None, self.op.name
            with within(self), derived(self, block=self):
                root = self.op.expand(*self.inputs, **self.attributes)
            if root.type != self.type:
                raise ShapeError(
                    f"block {self.op.name} of type {self.type} "
                    f"expands to type {root.type}"
                )
            # By identity, since `==` between nodes builds a node.
            if not any(root is parent for parent in self.inputs):
                root = root.copy(
                    name=self.name or root.name or self.op.name,
                    origin=root.origin.adjoint_of(self.origin.gradient_of),
                )
                root.told(self._told_name())
            object.__setattr__(self, "_expansion", root)
            return root
        return self._expansion

    _expansion: Node | None

    def _told_name(self) -> SourceName | None:
        """The name that a user gave, be it by a line or to a layer."""
        own = self.name is not None and self.naming is None and not self.origin.rules
        if self.source_name is not None or not own or self.origin.block is not None:
            return self.source_name
        return SourceName(text=self.name)

    @property
    def known_expansion(self) -> Node | None:
        """The expansion, if anybody has asked for it."""
        return self._expansion

    @property
    def label(self) -> str | None:
        """Its name for a reader: what the user's code calls it, or else `name`."""
        told = self.source_name and self.source_name.text
        return told or self.name

    def describe(self) -> str:
        """The node for an error message: name or op, and type."""
        return f"{self.label or self.op.name}: {self.type}"

    def __repr__(self) -> str:
        name = f" {self.label!r}" if self.label else ""
        return f"<{self.op.name}{name} {self.type}>"

    # Mathematics

    def formula(self, depth: int | None = 1) -> Printed:
        """Equations of this node and of all named values that it is made of.

        With an axis of rows in front, such as `"batch"`, they are those of one row,
        which is a column: `W x + b` for `gc.nn.linear(x, W, b)`.

        Args:
            depth: levels of blocks that are opened: 0 for `softmax(z)`, 1 for its
                formula in a textbook, more for those in that formula; None for all.

        Returns:
            Equations that print as text and have `latex` and `markdown`.

        >>> import graphc as gc
        >>> x, W = gc.input("x", ("batch", 4)), gc.parameter("W", (3, 4))
        >>> print(gc.nn.relu(gc.nn.linear(x, W)).formula())
        max(0, W x)
        <BLANKLINE>
        For each row of the batch; vectors are columns.
        """
        return notation().formula(self, depth)

    def __str__(self) -> str:
        return str(notation().line(self))

    def _repr_latex_(self) -> str:
        return notation().line(self).latex_line

    # What NumPy arrays have

    @property
    def dtype(self) -> DType:
        """The NumPy dtype."""
        return self.type.dtype

    @property
    def shape(self) -> Shape:
        """The shape; dimensions are ints or named sizes."""
        return self.type.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.type.ndim

    @property
    def size(self) -> Dimension:
        """The number of elements."""
        return self.type.size

    @property
    def T(self) -> Node:
        """The transpose: axes in reverse."""
        return self.transpose()

    @property
    def mT(self) -> Node:
        """The transpose of each matrix of a stack: the last two axes swapped."""
        return self.swapaxes(-1, -2)

    def __len__(self) -> int:
        if not self.shape:
            raise DTypeError("len() of a scalar node")
        return int(self.shape[0])

    def __iter__(self) -> Iterator[Node]:
        if not self.shape:
            raise DTypeError("a scalar node has no items")
        if isinstance(self.shape[0], Dim):
            raise UnsupportedError(
                f"iteration over axis 0 of {self.describe()}, whose size is known "
                "only when the program runs",
                hint="array operations over the whole axis",
            )
        return (self[position] for position in range(self.shape[0]))

    def __bool__(self) -> bool:
        raise DTypeError(
            f"the truth value of {self.describe()} is known only when the program runs",
            hint="gc.where(condition, x, y) in place of an `if`, or gc.cond, of which "
            "one branch runs",
        )

    def __array__(self, dtype: object = None, copy: object = None) -> Any:
        raise self._has_no_value("an array")

    def __float__(self) -> float:
        raise self._has_no_value("a number")

    def __index__(self) -> int:
        raise self._has_no_value("an integer")

    def __complex__(self) -> complex:
        raise self._has_no_value("a number")

    def __round__(self, ndigits: object = None) -> float:
        raise self._has_no_value("a number")

    def _has_no_value(self, wanted: str) -> DTypeError:
        return DTypeError(
            f"{self.describe()} is symbolic and can't become {wanted} by itself",
            hint="gc.evaluate(node, feeds), or a function of graphc",
        )

    def __getattr__(self, name: str) -> Any:
        error = NoAttributeError(f"a node has no attribute {name!r}")
        # Others, such as NumPy, ask for these, and for nearly every object.
        if not name.startswith("_"):
            error.hint = _in_place_of(name)
        raise error

    def __hash__(self) -> int:
        return self.index

    def __dir__(self) -> list[str]:
        """The attributes for readers; completion at a prompt offers these."""
        return sorted({*super().__dir__()} - _FOR_GRAPHC)


_FOR_GRAPHC = frozenset(
    {
        *("declared_from", "derivation", "index", "known_expansion", "made_of"),
        *("naming", "order", "remember", "source_name", "told", "with_inputs"),
    }
)
"""Attributes that only graphc itself uses."""


def _in_place_of(attribute: str) -> str | None:
    """A hint in place of an attribute that arrays or tensors have elsewhere."""
    for function in (attribute, f"linalg.{attribute}"):
        if place := place_of(function):
            return f"{place}.{function}(node)"
    if attribute in ("grad", "backward"):
        return "gc.grad(loss, node)"
    if attribute in ("numpy", "item", "tolist", "detach", "value", "data", "eval"):
        return "gc.evaluate(node, feeds)"
    close = difflib.get_close_matches(attribute, dir(Node), 1, 0.8)
    return f"node.{close[0]}" if close else None


@dataclass(frozen=True, eq=False, slots=True)
class DerivativeRequest:
    """A differentiation, kept so that a pass that rewrites a function can ask again.

    A pass that replaces a function by an equal one that is computed better wants the
    derivative of that one, too, and can't get it by rewriting the old derivative
    piece by piece.
    """

    sources: tuple[Node, ...]
    """All nodes the request names: functions, cotangents or tangents, variables."""
    variables: tuple[Node, ...]
    """Those of `sources` that are differentiated by."""
    derive: Callable[[tuple[Node, ...]], tuple[Node | None, ...]]
    """The derivatives for other nodes in the place of `sources`."""


@dataclass(frozen=True, eq=False, slots=True)
class Derivation:
    """One result of a `DerivativeRequest`."""

    request: DerivativeRequest
    position: int
    """Its place among the results of `request.derive`."""
