"""Arrays fed to a program, checked against what its inputs declare.

Numbers take the dtype of the input where nothing is lost beyond rounding: numbers of
any kind become floating ones of the nearest value, integers become others of the same
value. What would overflow, wrap or be cut off is an error. With `strict`, arrays must
have a dtype that loses nothing at all; Python numbers and lists have none of their own.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from ..errors import FeedError, ShapeError
from ..ir.dims import Dim, evaluate_shape, format_shape
from ..ir.facts import Role
from ..ir.labels import LabelBounds
from ..ir.node import Node
from ..ir.sizes import SizeBound
from .dataframes import ColumnError, plain_array

Array = np.ndarray[Any, Any]

_REMEMBERED = 256


def check_array(node: Node, value: Any, *, strict: bool = False) -> Array:
    """`value` as an array that fits the dtype and rank of an input, or `FeedError`."""
    if isinstance(value, Node):
        raise _error(node, f"must be fed an array, got the node {value!r}")
    if isinstance(value, Mapping):
        raise _error(node, "must be fed an array, got a dict", "f(**feeds) for a dict")
    try:
        # In C order, because sums round differently in others.
        array: Array = np.asarray(plain_array(value, node.dtype), order="C")
    except ColumnError as error:
        raise _error(node, f"requires dtype {node.dtype}, but {error}") from None
    except ValueError as error:
        raise _error(node, f"was fed something that is not an array: {error}") from None
    if array.dtype != node.dtype:
        array = _convert(node, array, strict=strict and hasattr(value, "dtype"))
    declared = node.shape
    fits = array.ndim == len(declared) and all(
        isinstance(size, Dim) or size == given
        for size, given in zip(declared, array.shape, strict=True)
    )
    if not fits:
        raise _error(
            node, f"requires shape {format_shape(declared)}, got {array.shape}"
        )
    return array


def _convert(node: Node, array: Array, *, strict: bool) -> Array:
    """The numbers as those of an input's dtype, or `FeedError` where they are not."""
    dtype = node.dtype
    kinds = {"f": "biuf", "i": "biu", "u": "biu", "b": "b"}[dtype.kind]
    wrong = f"requires dtype {dtype}, got {array.dtype}"
    # NumPy makes a list of nothing float64.
    known = array.dtype.kind in kinds or not array.size
    if not known or (strict and not np.can_cast(array.dtype, dtype, "safe")):
        raise _error(node, wrong, f'x.astype("{dtype}")')
    with np.errstate(all="ignore"):
        converted = array.astype(dtype)
    if dtype.kind == "f":
        lost = np.isinf(converted) & np.isfinite(array)
    else:
        # Signs, too, since NumPy compares int64 and uint64 as rounded numbers.
        lost = (converted != array) | ((converted < 0) != (array < 0))
    if lost.any():
        place = tuple(int(i) for i in np.argwhere(lost)[0])
        raise _error(
            node, f"{wrong} with {array[place]} at {place}, which is not a {dtype}"
        )
    return converted


def bind_feeds(
    inputs: Iterable[Node],
    feeds: Mapping[Any, Any],
    bounds: Mapping[Node, LabelBounds] | None = None,
    known: Iterable[Node] = (),
    *,
    strict: bool = False,
) -> tuple[dict[Node, Array], dict[str, int]]:
    """The array of each input, and the sizes that the named dimensions have.

    Args:
        inputs: the placeholders, and parameters that may be fed.
        feeds: arrays by node or by name.
        bounds: smallest and largest value of inputs that are labels.
        strict: refuse arrays whose dtype would have to be rounded or narrowed.
        known: placeholders that may be fed, too, and only tell sizes.

    Raises:
        FeedError: an array is missing, not asked for, of another dtype or shape, a
            label is out of bounds, or the named sizes of two arrays disagree.
    """
    needed = list(inputs)
    nodes = list(dict.fromkeys((*needed, *known)))
    by_name = {node.name: node for node in reversed(nodes)}
    given: dict[Node, Any] = {}
    for key, value in feeds.items():
        node = key if isinstance(key, Node) else by_name.get(cast("str", key))
        if node is None or not any(node is other for other in nodes):
            label = key.describe() if isinstance(key, Node) else repr(key)
            names = ", ".join(str(n.name) for n in nodes if n.op.role is Role.INPUT)
            raise FeedError(
                f"{label} is not an input of this program; it takes "
                f"{names or 'no inputs'}"
            )
        if node in given:
            raise _error(node, "was fed twice, as a node and by its name")
        given[node] = value
    arrays: dict[Node, Array] = {}
    sizes: dict[str, int] = {}
    source: dict[str, Node] = {}
    must = {node for node in needed if node.op.role is Role.INPUT}
    for node in nodes:
        if node not in given:
            if node in must:
                raise _error(node, "was not fed")
            continue
        array = arrays[node] = check_array(node, given[node], strict=strict)
        for size, count in zip(node.shape, array.shape, strict=True):
            if not isinstance(size, Dim) or not size.is_symbol:
                continue
            if sizes.setdefault(size.text, count) != count:
                other = source[size.text]
                raise _error(
                    node,
                    f"has {size} = {count}, but {other.name!r} was fed with "
                    f"{size} = {sizes[size.text]}",
                )
            source.setdefault(size.text, node)
        if bounds and node in bounds:
            _check_bounds(node, array, bounds[node])
    for node, array in arrays.items():
        _check_computed_sizes(node, array, sizes)
    return arrays, sizes


def check_size_bounds(needs: Iterable[SizeBound], sizes: Mapping[str, int]) -> None:
    """Raise unless the named sizes are such as a graph needs.

    Raises:
        FeedError: naming what needs another size, and where it was declared.
    """
    for need in needs:
        if all(name in sizes for name in need.symbols) and not need.holds(sizes):
            given = ", ".join(f"{name} = {sizes[name]}" for name in need.symbols)
            raise FeedError(f"{need.message}, got {given}", at=need.node)


class Binder:
    """The feeds of a program that is called again and again.

    Arrays of the right dtypes, in shapes that were accepted before, are taken as they
    are, which costs less than a microsecond; all others go through `bind_feeds`.

    Args:
        inputs: the placeholders, in the order of the program's arguments.
        bounds: smallest and largest value of inputs that are labels.
        strict: see `bind_feeds`.
        needs: conditions on named sizes.
        order: all placeholders that may be fed, in the order in which arrays without
            names are taken; by default `inputs`. Those that are not arguments of the
            program only tell sizes.
        sized: those of `inputs` of which the program needs the shape alone; where they
            are not fed, others have to tell the sizes.

    >>> import graphc as gc
    >>> binder = Binder([gc.input("x", ("n",)), gc.input("y", ("n",))], {})
    >>> binder.bind({"y": [3, 4], "x": [1, 2]})
    [array([1., 2.], dtype=float32), array([3., 4.], dtype=float32)]
    """

    def __init__(
        self,
        inputs: Sequence[Node],
        bounds: Mapping[Node, LabelBounds],
        order: Sequence[Node] = (),
        sized: Collection[Node] = (),
        *,
        strict: bool = False,
        needs: Collection[SizeBound] = (),
    ) -> None:
        self._inputs = tuple(inputs)
        self._needs = needs
        self.order = tuple(order or inputs)
        self._sized = frozenset(sized)
        self._bounds = bounds
        self._strict = strict
        self._expected = [
            (node.name, node.dtype, bounds.get(node)) for node in self._inputs
        ]
        self._accepted: set[tuple[tuple[int, ...], ...]] = set()

    def bind(
        self, feeds: Mapping[Any, Any], positional: Sequence[Any] = ()
    ) -> list[Array]:
        """The array of each input, in the order of the inputs.

        Args:
            feeds: arrays by name.
            positional: the first arrays, in order, without their names.

        Raises:
            FeedError: as `bind_feeds`.
        """
        if positional:
            feeds = self._with_names(positional, feeds)
        arrays: list[Array] = []
        shapes: list[tuple[int, ...]] = []
        for name, dtype, bounds in self._expected:
            array = feeds.get(name)
            if type(array) is not np.ndarray or array.dtype != dtype:
                return self._check(feeds)
            if not array.flags.c_contiguous:
                return self._check(feeds)
            if bounds is not None and not _within(array, bounds):
                return self._check(feeds)
            arrays.append(array)
            shapes.append(array.shape)
        if len(feeds) != len(arrays) or tuple(shapes) not in self._accepted:
            return self._check(feeds)
        return arrays

    def _with_names(
        self, positional: Sequence[Any], feeds: Mapping[Any, Any]
    ) -> dict[Any, Any]:
        """All feeds by name."""
        names = [str(node.name) for node in self.order]
        takes = ", ".join(names) or "no inputs"
        if len(positional) > len(names):
            raise FeedError(
                f"{len(positional)} arrays were fed to a program that takes {takes}"
            )
        named = dict(zip(names, positional, strict=False))
        twice = [name for name in named if name in feeds]
        if twice:
            raise FeedError(
                f"{twice[0]!r} was fed twice, by position and by its name",
                hint=f"the order is {takes}",
            )
        return named | dict(feeds)

    def _check(self, feeds: Mapping[Any, Any]) -> list[Array]:
        """Take a closer look, and remember the shapes if they are accepted."""
        needed = [node for node in self._inputs if node not in self._sized]
        bound, sizes = bind_feeds(
            needed, feeds, self._bounds, self.order, strict=self._strict
        )
        check_size_bounds(self._needs, sizes)
        arrays = [
            bound[node] if node in bound else _of_shape_alone(node, sizes)
            for node in self._inputs
        ]
        if len(feeds) != len(arrays) or any(node not in bound for node in self._inputs):
            return arrays
        if len(self._accepted) == _REMEMBERED:
            self._accepted.clear()
        self._accepted.add(tuple(array.shape for array in arrays))
        return arrays


def _of_shape_alone(node: Node, sizes: Mapping[str, int]) -> Array:
    """An array that takes no memory, in place of an input that is not fed."""
    try:
        shape = evaluate_shape(node.shape, sizes)
    except ShapeError:
        raise _error(node, "was not fed, and no other array tells its size") from None
    return np.broadcast_to(np.zeros((), node.dtype), shape)


def check_batch(
    nodes: Iterable[Node],
    arrays: Iterable[Array],
    admitted: Mapping[Node, tuple[str, ...]] | None = None,
) -> None:
    """Refuse to train on no rows, or on numbers that are not finite.

    Args:
        nodes, arrays: inputs and what is fed for them.
        admitted: "nan" or "inf" for inputs that may hold them.

    Raises:
        FeedError: naming the input, and where the first such number stands.
    """
    for node, array in zip(nodes, arrays, strict=True):
        if not array.size:
            raise _error(node, f"is empty: {array.shape}")
        if array.dtype.kind != "f" or all(map(math.isfinite, _range(array))):
            continue
        allowed = (admitted or {}).get(node, ())
        bad = np.isnan(array) & ("nan" not in allowed)
        bad |= np.isinf(array) & ("inf" not in allowed)
        if bad.any():
            place = tuple(int(i) for i in np.argwhere(bad)[0])
            raise _error(node, f"must be finite, got {array[place]} at {place}")


def _range(array: Array) -> tuple[Any, Any]:
    """The smallest and the largest number of an array that is not empty.

    Both are NaN if there is one. These methods allocate nothing, and on small arrays
    take a third of the time of `min` and `max`.
    """
    return array.item(array.argmin()), array.item(array.argmax())


def _within(labels: Array, bounds: LabelBounds) -> bool:
    """True if all labels are in bounds; those that are ignored count as out."""
    if not labels.size:
        return True
    low, high, _ = bounds
    smallest, largest = _range(labels)
    return low <= smallest and largest <= high


def _check_computed_sizes(node: Node, array: Array, sizes: Mapping[str, int]) -> None:
    """A size such as `2*n + 1` must agree with the size `n` of another axis."""
    for size, count in zip(node.shape, array.shape, strict=True):
        if not isinstance(size, Dim) or size.is_symbol:
            continue
        try:
            expected = size.evaluate(sizes)
        except ShapeError as error:
            raise _error(node, error.message, error.hint) from None
        if expected != count:
            given = ", ".join(f"{name} = {sizes[name]}" for name in size.symbols())
            raise _error(node, f"requires {size} = {expected} for {given}, got {count}")


def _check_bounds(node: Node, array: Array, bounds: LabelBounds) -> None:
    """Labels out of range are an error: NumPy counts negative ones from the end."""
    if _within(array, bounds):
        return
    low, high, ignored = bounds
    bad = (array < low) | (array > high)
    if ignored is not None:
        bad &= array != ignored
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise _error(
            node,
            f"requires labels from {low} to {high}, got {array[where]} at {where}",
            # Whatever is selected afterwards, this one would be read.
            'gc.take(..., mode="wrap") or "clip", or ignore_index of a loss, says what '
            "others mean",
        )


def _error(node: Node, what: str, hint: str | None = None) -> FeedError:
    return FeedError(f"{node.op.name} {node.name!r} {what}", at=node, hint=hint)
