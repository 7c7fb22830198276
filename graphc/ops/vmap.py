"""`gc.vmap`: a function of one example as a function of several."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from ..arguments import unchecked_entry
from ..errors import DTypeError, OptionError, ShapeError
from ..ir.dims import Dimension, as_dimension
from ..ir.graph import declared_inputs
from ..ir.nest import flatten, refill
from ..ir.node import Node
from .axes import axis_of
from .batching import batched, stacked
from .control import argument
from .shape import moveaxis
from .source import as_node

_Function = TypeVar("_Function", bound=Callable[..., Any])


def vmap(
    fun: _Function, in_axes: Any = 0, out_axes: Any = 0, *, axis_size: Any = None
) -> _Function:
    """A function of nodes for each of several examples at once.

    `vmap(fun)(x, y)[i]` is `fun(x[i], y[i])`, without a loop: `fun` is applied once, to
    nodes without the mapped axis, and then each op of its result is replaced by what it
    is for arrays that have it. What depends on no mapped argument is computed once, and
    what `fun` takes from outside is the same for all examples; but of a random draw in
    `fun` each example has its own.

        per_example = gc.vmap(lambda x, y: gc.grad(loss(x, y), w))(X, Y)

    Args:
        fun: takes nodes, or lists, tuples and dicts of them, and returns such.
        in_axes: the mapped axis of each argument, negative counted from the last; None
            for one that is the same for all examples. One for all arguments, or a tuple
            with one for each, in which a list, tuple or dict stands for the parts of an
            argument. Keyword arguments are mapped along axis 0.
        out_axes: where the mapped axis stands in the results, in the same way; None for
            a result that depends on no mapped argument.
        axis_size: the size of the mapped axis: needed where no argument is mapped.

    Returns:
        A function of the same arguments, with an axis more.

    Raises:
        ShapeError: mapped axes of different sizes.
        IndexRangeError: an axis that an array does not have.
        OptionError: `in_axes` or `out_axes` that don't fit the arguments or results; no
            argument is mapped.
        DTypeError: `fun` returns something else than nodes.
        UnsupportedError: an op that has no meaning for several examples at once.

    >>> import graphc as gc
    >>> x, w = gc.input("x", ("batch", 3), "float64"), gc.parameter("w", (3,))
    >>> gc.vmap(lambda row: row @ w.astype("float64"))(x)
    <matmul float64 (batch,)>
    >>> gc.vmap(lambda row: gc.grad(gc.sum(row**3), row))(x)
    <multiply float64 (batch, 3)>
    """
    if not callable(fun):
        raise DTypeError(f"vmap requires a function, got {fun!r}")

    @unchecked_entry
    @functools.wraps(fun)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        return _Mapped(fun, out_axes).call(args, kwargs, in_axes, axis_size)

    return cast("_Function", mapped)


@dataclass(frozen=True)
class _Leaf:
    """One array of the arguments or results."""

    value: Any
    axis: int | None
    name: str

    def describe(self) -> str:
        """The array for a message."""
        return f"{self.name} of {self.value.type}"


def _leaves(value: Any, axes: Any, name: str, what: str) -> Iterator[_Leaf]:
    """The arrays of a structure, with their axes: `axes` is a prefix of it."""
    if axes is None or _is_axis(axes):
        for leaf, part in _parts(value, name):
            yield _Leaf(leaf, axes, part)
    elif isinstance(axes, Mapping) and isinstance(value, Mapping):
        by_key = cast("Mapping[Any, Any]", axes)
        items = cast("Mapping[Any, Any]", value)
        if by_key.keys() != items.keys():
            raise OptionError(
                f"{what} must have the keys of {name}, {sorted(items, key=str)}, got "
                f"{sorted(by_key, key=str)}"
            )
        for key, item in items.items():
            yield from _leaves(item, by_key[key], f"{name}[{key!r}]", what)
    elif isinstance(axes, list | tuple) and isinstance(value, list | tuple):
        several = cast("Sequence[Any]", axes)
        values = cast("Sequence[Any]", value)
        if len(several) != len(values):
            raise OptionError(
                f"{what} must have one axis for each of the {len(values)} parts of "
                f"{name}, got {axes!r}"
            )
        for place, (item, axis) in enumerate(zip(values, several, strict=True)):
            yield from _leaves(item, axis, f"{name}[{place}]", what)
    else:
        kind = "an array" if not _is_structure(value) else f"a {type(value).__name__}"
        raise OptionError(
            f"{what} must be integers, None, or lists, tuples and dicts of them as the "
            f"arrays are, got {axes!r} for {name}, which is {kind}"
        )


def _parts(value: Any, name: str) -> Iterator[tuple[Any, str]]:
    """The arrays of a structure and their names."""
    if isinstance(value, Mapping):
        for key, item in cast("Mapping[Any, Any]", value).items():
            yield from _parts(item, f"{name}[{key!r}]")
    elif isinstance(value, list | tuple):
        for place, item in enumerate(cast("Sequence[Any]", value)):
            yield from _parts(item, f"{name}[{place}]")
    else:
        yield value, name


def _is_axis(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_structure(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple)


def _filled(value: Any, leaves: Iterator[Any]) -> Any:
    """A structure with other arrays in it."""
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {key: _filled(item, leaves) for key, item in items}
    if isinstance(value, list | tuple):
        filled = [_filled(item, leaves) for item in cast("Sequence[Any]", value)]
        return tuple(filled) if isinstance(value, tuple) else filled
    return next(leaves)


class _Mapped:
    """One call of a function for several examples."""

    def __init__(self, fun: Callable[..., Any], out_axes: Any) -> None:
        self._fun, self._out_axes = fun, out_axes
        self._name = getattr(fun, "__name__", "the function")
        self._images: dict[Node, Node] = {}

    def call(
        self, args: tuple[Any, ...], kwargs: Any, in_axes: Any, axis_size: Any
    ) -> Any:
        """The results for arguments."""
        leaves = [*self._arguments(args, in_axes)]
        leaves += _leaves(kwargs, 0, "", "in_axes")
        sources = [self._source(leaf) for leaf in leaves]
        size = self._size(leaves, sources, axis_size)
        # All that is younger than this one depends on the examples, or may do so.
        since = argument(0, as_node(0).type)
        passed = [
            leaf.value if source is None else self._example(source, leaf)
            for leaf, source in zip(leaves, sources, strict=True)
        ]
        filled = iter(passed)
        given = _filled(args, filled)
        returned = self._fun(*given, **_filled(kwargs, filled))
        outputs = flatten(returned, f"the results of {self._name}")
        values = batched(outputs, self._images, size, since=since)
        named = [*_leaves(returned, self._out_axes, "the result", "out_axes")]
        declared = (
            *(source for source in sources if source is not None),
            *declared_inputs(outputs),
        )
        found = [
            self._placed(leaf, value, size).made_of(declared)
            for leaf, value in zip(named, values, strict=True)
        ]
        return refill(returned, found)

    def _arguments(self, args: tuple[Any, ...], in_axes: Any) -> Iterator[_Leaf]:
        if in_axes is None or _is_axis(in_axes):
            in_axes = (in_axes,) * len(args)
        if not isinstance(in_axes, list | tuple):
            raise OptionError(
                "in_axes must be an integer, None, or a tuple with one for each "
                f"argument, got {in_axes!r}"
            )
        axes = cast("Sequence[Any]", in_axes)
        if len(axes) != len(args):
            raise OptionError(
                f"in_axes must have one axis for each of {len(args)} arguments, got "
                f"{in_axes!r}"
            )
        names = self._argument_names(len(args))
        for value, axis, name in zip(args, axes, names, strict=True):
            yield from _leaves(value, axis, name, "in_axes")

    def _argument_names(self, count: int) -> list[str]:
        try:
            parameters = [*inspect.signature(self._fun).parameters.values()]
        except (TypeError, ValueError):
            parameters = []
        names: list[str] = []
        for place in range(count):
            known = parameters[place] if place < len(parameters) else None
            is_own = known is not None and known.kind in (
                inspect.Parameter.POSITIONAL_ONLY,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
            )
            names.append(known.name if known and is_own else f"argument {place}")
        return names

    def _source(self, leaf: _Leaf) -> Node | None:
        """An argument with the mapped axis in front; None where it is not mapped."""
        if leaf.axis is None:
            return None
        node = as_node(leaf.value)
        if not node.ndim:
            raise ShapeError(
                f"vmap requires an axis to map, got {leaf.name} of {node.type}",
                hint="in_axes of None for an argument that is the same for all",
            )
        axis = axis_of(node.shape, leaf.axis, f"in_axes for {leaf.name}:")
        return moveaxis(node, axis, 0)

    def _size(
        self, leaves: Sequence[_Leaf], sources: Sequence[Node | None], axis_size: Any
    ) -> Dimension:
        sizes: dict[Dimension, str] = {}
        if axis_size is not None:
            sizes[as_dimension(axis_size, "axis_size")] = "axis_size"
        for leaf, source in zip(leaves, sources, strict=True):
            if source is not None:
                text = f"axis {leaf.axis} of {leaf.name}"
                sizes.setdefault(source.shape[0], text)
        if not sizes:
            raise OptionError(
                "vmap requires a mapped argument or axis_size, got in_axes of None"
            )
        if len(sizes) > 1:
            given = ", ".join(f"{size} of {text}" for size, text in sizes.items())
            raise ShapeError(f"vmap requires one size of all mapped axes, got {given}")
        return next(iter(sizes))

    def _example(self, source: Node, leaf: _Leaf) -> Node:
        """The argument of the function that stands for one example."""
        name = leaf.name if leaf.name.isidentifier() else None
        type = source.type.with_shape(source.shape[1:])
        node = argument(len(self._images), type, name)
        self._images[node] = source
        return node

    def _placed(self, leaf: _Leaf, value: Node, size: Dimension) -> Node:
        """A result with the mapped axis where it belongs."""
        is_mapped = value.ndim != leaf.value.ndim
        if leaf.axis is None:
            if is_mapped:
                raise OptionError(
                    f"{leaf.name} depends on a mapped argument, and needs an axis in "
                    "out_axes, got None"
                )
            return value
        value = stacked(value, leaf.value, size)
        axis = axis_of(value.shape, leaf.axis, f"out_axes for {leaf.name}:")
        return moveaxis(value, 0, axis)
