"""A node: one value of a graph, which behaves as the NumPy array it stands for.

Operators and methods are looked up by NumPy's name among the array functions that
`graphc.ops` declares, because what a graph is must not depend on which ops exist.
"""

from __future__ import annotations

import inspect
import itertools
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ..errors import DTypeError, GraphcError, ShapeError, UnsupportedError
from .derivation import Derivation
from .dims import Dim, Dimension, Shape, check_dotted_name
from .origin import Origin, derived, here, place, within
from .types import DType, TensorType

if TYPE_CHECKING:
    from .naming import Naming
    from .op import Op

__all__ = [
    "Attributes",
    "Node",
    "array_function",
    "attributes_key",
]

Attributes = Mapping[str, Any]
"""Hashable compile-time arguments of an op by name."""

_F = TypeVar("_F", bound=Callable[..., Any])

_functions: dict[str, Callable[..., Any]] = {}
_counter = itertools.count()


def array_function(function: _F) -> _F:
    """Register the function that NumPy, and a node's operators, call by this name."""
    _functions[function.__name__] = function
    return function


def _call(name: str, *arguments: Any, **keywords: Any) -> Any:
    return _functions[name](*arguments, **keywords)


def _call_by_numpy(name: str, arguments: Any, keywords: Mapping[str, Any]) -> Any:
    """What a function of NumPy's calls where it is given a node."""
    try:
        inspect.signature(_functions[name]).bind(*arguments, **keywords)
    except (KeyError, TypeError) as error:
        problem = "graphc has no such function" if name not in _functions else error
        raise DTypeError(
            f"np.{name} can't take a node so: {problem}", location=str(here().location)
        ) from None
    return _functions[name](*arguments, **keywords)


class Node:
    """An immutable symbolic array: an op applied to inputs.

    Equality and hashing as a dictionary key go by identity; `==` is NumPy's, and
    gives a node.
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
        "type",
    )

    op: Op
    inputs: tuple[Node, ...]
    attributes: Attributes
    type: TensorType
    name: str | None
    """The user's name, or a block's hint; inputs and parameters always have one."""
    naming: Naming | None
    """Where the name comes from that may still change, if it may."""
    origin: Origin
    index: int
    """Position in the order of creation, unique in a process."""
    order: tuple[int, ...]
    """Its place in the declared order: where the node that it replaces was declared,
    and inside a block after what the block's place is."""
    derivation: Derivation | None
    """How to derive it again, where it is what a differentiation returned."""
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
        name: str | None = None,
        origin: Origin | None = None,
    ) -> Node:
        """This node with some parts replaced, at the same place in the order."""
        node = Node(
            self.op,
            self.inputs if inputs is None else inputs,
            self.attributes,
            self.type,
            name=name or self.name,
            origin=origin or self.origin,
            order=self.order,
        )
        object.__setattr__(node, "declared_from", self.declared_from)
        # With other inputs it may be another value, and no longer that derivative.
        if inputs is None:
            object.__setattr__(node, "derivation", self.derivation)
        return node

    def with_inputs(self, inputs: tuple[Node, ...]) -> Node:
        """This node of other inputs: itself, if they are its own."""
        if all(map(operator.is_, inputs, self.inputs)):
            return self
        return self.copy(inputs=inputs)

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
        try:
            check_dotted_name(name, "node name")
        except GraphcError as error:
            raise error.locate(location=str(here().location)) from None
        return self.copy(name=name)

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
                adjoint = self.origin.gradient_of
                root = root.copy(
                    name=self.name or root.name or self.op.name,
                    origin=replace(root.origin, gradient_of=adjoint),
                )
            object.__setattr__(self, "_expansion", root)
            return root
        return self._expansion

    _expansion: Node | None

    def describe(self) -> str:
        """The node for an error message: name or op, and type."""
        return f"{self.name or self.op.name}: {self.type}"

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        return f"<{self.op.name}{name} {self.type}>"

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
        return _call("transpose", self)

    @property
    def mT(self) -> Node:
        """The transpose of each matrix of a stack: the last two axes swapped."""
        return _call("swapaxes", self, -1, -2)

    def __len__(self) -> int:
        if not self.shape:
            raise DTypeError("len() of a scalar node", location=str(here().location))
        return int(self.shape[0])

    def __iter__(self) -> Iterator[Node]:
        if not self.shape:
            raise DTypeError(
                "a scalar node has no items", location=str(here().location)
            )
        if isinstance(self.shape[0], Dim):
            raise UnsupportedError(
                f"iteration over axis 0 of {self.describe()}, whose size is known "
                "only when the program runs",
                location=str(here().location),
                hint="array operations over the whole axis",
            )
        return (self[position] for position in range(self.shape[0]))

    def __bool__(self) -> bool:
        raise DTypeError(
            f"the truth value of {self.describe()} is known only when the program runs",
            location=str(here().location),
            hint="gc.where(condition, x, y) in place of an `if`",
        )

    def __array__(self, dtype: object = None, copy: object = None) -> Any:
        raise DTypeError(
            f"{self.describe()} is symbolic and can't become an array by itself",
            location=str(here().location),
            hint="gc.evaluate(node, feeds), or a function of graphc",
        )

    def __array_ufunc__(
        self, ufunc: Any, method: str, *arguments: Any, **keywords: Any
    ) -> Any:
        name = ufunc.__name__ + ("" if method == "__call__" else f".{method}")
        return _call_by_numpy(name, arguments, keywords)

    def __array_function__(
        self, function: Any, types: Any, arguments: Any, keywords: Any
    ) -> Any:
        return _call_by_numpy(function.__name__, arguments, keywords)

    def __hash__(self) -> int:
        return self.index

    # Operators

    def __add__(self, other: Any) -> Node:
        return _call("add", self, other)

    def __radd__(self, other: Any) -> Node:
        return _call("add", other, self)

    def __sub__(self, other: Any) -> Node:
        return _call("subtract", self, other)

    def __rsub__(self, other: Any) -> Node:
        return _call("subtract", other, self)

    def __mul__(self, other: Any) -> Node:
        return _call("multiply", self, other)

    def __rmul__(self, other: Any) -> Node:
        return _call("multiply", other, self)

    def __truediv__(self, other: Any) -> Node:
        return _call("divide", self, other)

    def __rtruediv__(self, other: Any) -> Node:
        return _call("divide", other, self)

    def __floordiv__(self, other: Any) -> Node:
        return _call("floor_divide", self, other)

    def __rfloordiv__(self, other: Any) -> Node:
        return _call("floor_divide", other, self)

    def __mod__(self, other: Any) -> Node:
        return _call("remainder", self, other)

    def __rmod__(self, other: Any) -> Node:
        return _call("remainder", other, self)

    def __pow__(self, other: Any) -> Node:
        return _call("power", self, other)

    def __rpow__(self, other: Any) -> Node:
        return _call("power", other, self)

    def __matmul__(self, other: Any) -> Node:
        return _call("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Node:
        return _call("matmul", other, self)

    def __neg__(self) -> Node:
        return _call("negative", self)

    def __pos__(self) -> Node:
        return self

    def __abs__(self) -> Node:
        return _call("absolute", self)

    def __invert__(self) -> Node:
        return _call("invert", self)

    def __and__(self, other: Any) -> Node:
        return _call("bitwise_and", self, other)

    def __rand__(self, other: Any) -> Node:
        return _call("bitwise_and", other, self)

    def __or__(self, other: Any) -> Node:
        return _call("bitwise_or", self, other)

    def __ror__(self, other: Any) -> Node:
        return _call("bitwise_or", other, self)

    def __xor__(self, other: Any) -> Node:
        return _call("bitwise_xor", self, other)

    def __rxor__(self, other: Any) -> Node:
        return _call("bitwise_xor", other, self)

    def __eq__(self, other: Any) -> Node:  # type: ignore[override]
        return _call("equal", self, other)

    def __ne__(self, other: Any) -> Node:  # type: ignore[override]
        return _call("not_equal", self, other)

    def __lt__(self, other: Any) -> Node:
        return _call("less", self, other)

    def __le__(self, other: Any) -> Node:
        return _call("less_equal", self, other)

    def __gt__(self, other: Any) -> Node:
        return _call("greater", self, other)

    def __ge__(self, other: Any) -> Node:
        return _call("greater_equal", self, other)

    def __getitem__(self, index: Any) -> Node:
        return _call("getitem", self, index)

    # Methods

    def reshape(self, *shape: Any) -> Node:
        """See `gc.reshape`; `x.reshape(2, 3)` and `x.reshape((2, 3))` both work."""
        return _call("reshape", self, shape[0] if len(shape) == 1 else shape)

    def ravel(self) -> Node:
        """The elements in one axis, in C order."""
        return _call("reshape", self, -1)

    def flatten(self) -> Node:
        """The elements in one axis, in C order."""
        return _call("reshape", self, -1)

    def transpose(self, *axes: Any) -> Node:
        """See `gc.transpose`; `x.transpose(1, 0)` and `x.transpose((1, 0))` work."""
        if not axes:
            return _call("transpose", self)
        return _call("transpose", self, axes[0] if len(axes) == 1 else axes)

    def swapaxes(self, axis1: int, axis2: int) -> Node:
        """See `gc.swapaxes`."""
        return _call("swapaxes", self, axis1, axis2)

    def squeeze(self, axis: Any = None) -> Node:
        """See `gc.squeeze`."""
        return _call("squeeze", self, axis)

    def astype(self, dtype: Any) -> Node:
        """See `gc.astype`."""
        return _call("astype", self, dtype)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Node:
        """See `gc.sum`."""
        return _call("sum", self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Node:
        """See `gc.mean`."""
        return _call("mean", self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Node:
        """See `gc.max`."""
        return _call("max", self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Node:
        """See `gc.min`."""
        return _call("min", self, axis=axis, keepdims=keepdims)

    def var(self, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Node:
        """See `gc.var`."""
        return _call("var", self, axis=axis, ddof=ddof, keepdims=keepdims)

    def std(self, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Node:
        """See `gc.std`."""
        return _call("std", self, axis=axis, ddof=ddof, keepdims=keepdims)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Node:
        """See `gc.argmax`."""
        return _call("argmax", self, axis=axis, keepdims=keepdims)

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Node:
        """See `gc.argmin`."""
        return _call("argmin", self, axis=axis, keepdims=keepdims)

    def clip(self, min: Any = None, max: Any = None) -> Node:
        """See `gc.clip`."""
        return _call("clip", self, min, max)


def attributes_key(attributes: Attributes) -> tuple[Any, ...]:
    """A hashable key under which equal attributes, and only those, agree.

    Floats go by their text because 0.0 == -0.0 and nan != nan.
    """

    def key(value: Any) -> Any:
        if isinstance(value, float):
            return ("float", repr(value))
        if isinstance(value, tuple):
            return tuple(key(item) for item in cast("tuple[Any, ...]", value))
        return (type(value).__name__, value)

    return tuple((name, key(attributes[name])) for name in sorted(attributes))
