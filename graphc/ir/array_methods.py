"""NumPy's operators and methods on nodes, and nodes that are handed to NumPy.

All are looked up by NumPy's name among the array functions that `graphc.ops` declares,
because what a graph is must not depend on which ops exist.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ..errors import DTypeError

if TYPE_CHECKING:
    from .node import Node

_F = TypeVar("_F", bound=Callable[..., Any])

_functions: dict[str, Callable[..., Any]] = {}
_places: dict[str, str] = {}


def array_function(function: _F, *names: str, place: str = "gc") -> _F:
    """Register the function that NumPy, and a node's operators, call by this name.

    Args:
        function: one that has the name of NumPy's.
        names: those of other functions of NumPy, if it stands for them.
        place: the module that users know it from.
    """
    for name in names or (function.__name__,):
        _functions[name], _places[name] = function, place
    return function


def _call(name: str, *arguments: Any, **keywords: Any) -> Any:
    return _functions[name](*arguments, **keywords)


def _call_by_numpy(name: str, arguments: Any, keywords: Mapping[str, Any]) -> Any:
    """The function that one of NumPy's calls where it is given a node."""
    try:
        inspect.signature(_functions[name]).bind(*arguments, **keywords)
    except (KeyError, TypeError) as error:
        problem = "graphc has no such function" if name not in _functions else error
        raise DTypeError(f"np.{name} can't take a node so: {problem}") from None
    return _functions[name](*arguments, **keywords)


def place_of(name: str) -> str | None:
    """The module that users know an array function from, if there is one."""
    return _places.get(name)


class ArrayMethods:
    """The operators and methods of nodes."""

    __slots__ = ()

    # Where NumPy is handed a node

    def __array_ufunc__(
        self, ufunc: Any, method: str, *arguments: Any, **keywords: Any
    ) -> Any:
        name = ufunc.__name__ + ("" if method == "__call__" else f".{method}")
        return _call_by_numpy(name, arguments, keywords)

    def __array_function__(
        self, function: Any, types: Any, arguments: Any, keywords: Any
    ) -> Any:
        is_linalg = function.__module__ == "numpy.linalg"
        name = f"linalg.{function.__name__}" if is_linalg else function.__name__
        return _call_by_numpy(name, arguments, keywords)

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

    def __divmod__(self, other: Any) -> tuple[Node, Node]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Node, Node]:
        return other // self, other % self

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

    def __pos__(self) -> Self:
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

    def __lshift__(self, other: Any) -> Node:
        return _call("left_shift", self, other)

    def __rlshift__(self, other: Any) -> Node:
        return _call("left_shift", other, self)

    def __rshift__(self, other: Any) -> Node:
        return _call("right_shift", self, other)

    def __rrshift__(self, other: Any) -> Node:
        return _call("right_shift", other, self)

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

    @property
    def at(self) -> Any:
        """Updates: `x.at[index].set(values)`, and so with `add`, `multiply`, `max` ...

        Each is a new array; the node itself stays as it is.
        """
        return _call("at", self)

    # Methods

    def reshape(self, *shape: Any, order: str = "C") -> Node:
        """See `gc.reshape`; `x.reshape(2, 3)` and `x.reshape((2, 3))` both work."""
        return _call("reshape", self, shape[0] if len(shape) == 1 else shape, order)

    def ravel(self, order: str = "C") -> Node:
        """See `gc.ravel`."""
        return _call("ravel", self, order)

    def flatten(self, order: str = "C") -> Node:
        """See `gc.ravel`."""
        return _call("ravel", self, order)

    def repeat(self, repeats: Any, axis: int | None = None) -> Node:
        """See `gc.repeat`."""
        return _call("repeat", self, repeats, axis)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Node:
        """See `gc.diagonal`."""
        return _call("diagonal", self, offset, axis1, axis2)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Node:
        """See `gc.trace`."""
        return _call("trace", self, offset, axis1, axis2)

    def compress(self, condition: Any, axis: int | None = None) -> Node:
        """See `gc.compress`."""
        return _call("compress", condition, self, axis)

    def choose(self, choices: Any, mode: str = "raise") -> Node:
        """See `gc.choose`."""
        return _call("choose", self, choices, mode)

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

    def sum(
        self,
        axis: Any = None,
        dtype: Any = None,
        *,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = None,
    ) -> Node:
        """See `gc.sum`."""
        return _call(
            "sum", self, axis, dtype, keepdims=keepdims, initial=initial, where=where
        )

    def prod(
        self,
        axis: Any = None,
        dtype: Any = None,
        *,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = None,
    ) -> Node:
        """See `gc.prod`."""
        return _call(
            "prod", self, axis, dtype, keepdims=keepdims, initial=initial, where=where
        )

    def mean(
        self,
        axis: Any = None,
        dtype: Any = None,
        *,
        keepdims: bool = False,
        where: Any = None,
    ) -> Node:
        """See `gc.mean`."""
        return _call("mean", self, axis, dtype, keepdims=keepdims, where=where)

    def max(
        self,
        axis: Any = None,
        *,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = None,
    ) -> Node:
        """See `gc.max`."""
        return _call(
            "max",
            self,
            axis,
            keepdims=keepdims,
            initial=initial,
            where=where,
        )

    def min(
        self,
        axis: Any = None,
        *,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = None,
    ) -> Node:
        """See `gc.min`."""
        return _call(
            "min",
            self,
            axis,
            keepdims=keepdims,
            initial=initial,
            where=where,
        )

    def any(
        self,
        axis: Any = None,
        *,
        keepdims: bool = False,
        where: Any = None,
    ) -> Node:
        """See `gc.any`."""
        return _call("any", self, axis, keepdims=keepdims, where=where)

    def all(
        self,
        axis: Any = None,
        *,
        keepdims: bool = False,
        where: Any = None,
    ) -> Node:
        """See `gc.all`."""
        return _call("all", self, axis, keepdims=keepdims, where=where)

    def var(
        self,
        axis: Any = None,
        dtype: Any = None,
        *,
        ddof: float = 0,
        keepdims: bool = False,
        where: Any = None,
        correction: float | None = None,
    ) -> Node:
        """See `gc.var`."""
        return _call(
            "var",
            self,
            axis,
            dtype,
            ddof=ddof,
            keepdims=keepdims,
            where=where,
            correction=correction,
        )

    def std(
        self,
        axis: Any = None,
        dtype: Any = None,
        *,
        ddof: float = 0,
        keepdims: bool = False,
        where: Any = None,
        correction: float | None = None,
    ) -> Node:
        """See `gc.std`."""
        return _call(
            "std",
            self,
            axis,
            dtype,
            ddof=ddof,
            keepdims=keepdims,
            where=where,
            correction=correction,
        )

    def argsort(
        self, axis: int | None = -1, kind: Any = None, *, descending: bool = False
    ) -> Node:
        """See `gc.argsort`."""
        return _call("argsort", self, axis, kind, descending=descending)

    def argpartition(self, kth: Any, axis: int | None = -1) -> Node:
        """See `gc.argpartition`."""
        return _call("argpartition", self, kth, axis)

    def cumsum(self, axis: int | None = None, dtype: Any = None) -> Node:
        """See `gc.cumsum`."""
        return _call("cumsum", self, axis, dtype)

    def cumprod(self, axis: int | None = None, dtype: Any = None) -> Node:
        """See `gc.cumprod`."""
        return _call("cumprod", self, axis, dtype)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Node:
        """See `gc.argmax`."""
        return _call("argmax", self, axis=axis, keepdims=keepdims)

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Node:
        """See `gc.argmin`."""
        return _call("argmin", self, axis=axis, keepdims=keepdims)

    def dot(self, b: Any) -> Node:
        """See `gc.dot`."""
        return _call("dot", self, b)

    def take(
        self, indices: Any, axis: int | None = None, *, mode: str = "raise"
    ) -> Node:
        """See `gc.take`."""
        return _call("take", self, indices, axis, mode=mode)

    def clip(self, min: Any = None, max: Any = None) -> Node:
        """See `gc.clip`."""
        return _call("clip", self, min, max)

    def round(self, decimals: int = 0) -> Node:
        """See `gc.round`."""
        return _call("round", self, decimals)

    def conj(self) -> Node:
        """See `gc.conjugate`."""
        return _call("conjugate", self)
