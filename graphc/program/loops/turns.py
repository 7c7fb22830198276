"""Values that live for one turn of some loops: variables, and arrays of one row.

Nests are built with an array for each value. Here those shrink to what one turn writes
and reads, and what is read where it was computed is read from a variable.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from ...ir.dims import Dim, Dimension, product
from ...ir.node import Node
from ...ir.scalar import (
    Apply,
    Counter,
    Index,
    Load,
    Number,
    Operation,
    Scalar,
    Size,
    Variable,
    parts,
    rewritten,
    without_ones,
)
from .tree import (
    Define,
    Item,
    Local,
    Loop,
    Nests,
    Row,
    Store,
    inside,
    loads_of,
    operands,
    rewrite,
    scalars,
    targets,
)

MOST_OF_A_ROW = 4096
"""Bytes of an array that stands on the stack."""

Path = tuple[Loop, ...]


@dataclass(frozen=True, eq=False)
class _Access:
    """A store or a load, with the loops around it."""

    group: int
    path: Path
    part: Store | Load

    @property
    def shape(self) -> tuple[Dimension, ...]:
        """That the index is for."""
        if isinstance(self.part, Load):
            return self.part.shape
        return self.part.node.shape

    @property
    def places(self) -> Index:
        """The positions along axes that are not of size 1."""
        sizes = zip(self.part.index, self.shape, strict=True)
        return tuple(each for each, size in sizes if size != 1)


def shrink(nests: Nests, groups: list[list[Item]], results: Collection[Node]) -> None:
    """Give values no more memory than they need.

    Args:
        nests: changed in place, besides its items.
        groups: the items of each function, changed in place.
        results: values that are read outside.
    """
    stores: dict[Node, list[_Access]] = {}
    loads: dict[Node, list[_Access]] = {}
    whole = {*results}
    for place, group in enumerate(groups):
        for path, item in _walk(group, ()):
            if not isinstance(item, Store):
                whole |= {*operands(item), *targets(item)}
            if isinstance(item, Store):
                stores.setdefault(item.node, []).append(_Access(place, path, item))
            for load in loads_of(item):
                loads.setdefault(load.node, []).append(_Access(place, path, load))
    dropped: dict[Node, tuple[bool, ...]] = {}
    rows: set[Node] = set()
    for node, [first, *others] in stores.items():
        assert isinstance(first.part, Store)
        if node in whole or others or first.part.combine:
            continue
        found = _dropped(first, loads.get(node, []))
        if found is None:
            continue
        axes, common = found
        if all(axes) and common == first.path:
            nests.names.add(node)
            continue
        rest = iter(axes)
        shape = tuple(1 if size == 1 or next(rest) else size for size in node.shape)
        if any(axes):
            dropped[node] = axes
            nests.shapes[node] = shape
        size = product(shape)
        if isinstance(size, int) and size * node.dtype.itemsize <= MOST_OF_A_ROW:
            body = common[-1].body if common else groups[first.group]
            at = next(i for i, each in enumerate(body) if _has(each, first.part))
            body.insert(at, Row(node, shape))
            rows.add(node)
    for group in groups:
        _shorten(group, nests.names, dropped)
    gone = nests.names | rows
    nests.arrays = [node for node in nests.arrays if node not in gone]


def _walk(items: Sequence[Item], path: Path) -> Iterator[tuple[Path, Item]]:
    for item in items:
        yield path, item
        if isinstance(item, Loop):
            yield from _walk(item.body, (*path, item))


def _has(item: Item, store: Store) -> bool:
    return any(each is store for each in inside(item))


def _dropped(
    store: _Access, loads: Sequence[_Access]
) -> tuple[tuple[bool, ...], Path] | None:
    """The axes along which one turn writes and reads one position only, and the loops
    around all of that."""
    common = store.path
    for load in loads:
        same_shape = without_ones(load.shape) == without_ones(store.shape)
        if load.group != store.group or not same_shape:
            return None
        same = 0
        for mine, other in zip(common, load.path, strict=False):
            if mine is not other:
                break
            same += 1
        common = common[:same]
    counters = {loop.counter for loop in common}
    axes = tuple(
        isinstance(each, Counter)
        and each in counters
        and all(load.places[axis] is each for load in loads)
        for axis, each in enumerate(store.places)
    )
    return axes, common


def _shorten(
    items: list[Item], names: Collection[Node], dropped: dict[Node, tuple[bool, ...]]
) -> None:
    """Write indexes without the axes that are gone, and variables for stores."""

    def without(
        node: Node, index: Index, shape: tuple[Dimension, ...]
    ) -> tuple[Index, tuple[Dimension, ...]]:
        rest = iter(dropped[node])
        gone = [size != 1 and next(rest) for size in shape]
        return (
            tuple(
                Number(0) if g else rewritten(i, new)
                for i, g in zip(index, gone, strict=True)
            ),
            tuple(1 if g else size for size, g in zip(shape, gone, strict=True)),
        )

    def new(scalar: Scalar) -> Scalar | None:
        if isinstance(scalar, Load) and scalar.node in dropped:
            index, shape = without(scalar.node, scalar.index, scalar.shape)
            return Load(scalar.node, index, shape)
        return None

    for place, item in enumerate(items):
        rewrite(item, new)
        if isinstance(item, Loop):
            _shorten(item.body, names, dropped)
        elif isinstance(item, Store) and item.node in names:
            items[place] = Local(item.node, item.value)
        elif isinstance(item, Store) and item.node in dropped:
            item.index, item.shape = without(item.node, item.index, item.node.shape)


# Variables ----------------------------------------------------------------------------


def define_variables(groups: list[list[Item]]) -> None:
    """Read from variables what the same turn has computed, and what a loop does not
    change. The items are changed in place."""
    for group in groups:
        own = {
            each.node
            for item in group
            for each in inside(item)
            if isinstance(each, Store | Local)
        }
        if not any(isinstance(item, Loop) for item in group):
            continue
        _hoist(group, own)
        _reuse(group)


def _reuse(items: list[Item]) -> None:
    """Read elements that were stored in the same turn from variables."""
    place = 0
    while place < len(items):
        item = items[place]
        if isinstance(item, Loop):
            _reuse(item.body)
        if isinstance(item, Store) and not item.combine and _is_computed(item.value):
            after = [each for later in items[place + 1 :] for each in inside(later)]
            shape = item.node.shape if item.shape is None else item.shape
            key = _element(shape, item.index)
            again = [
                load
                for each in after
                for load in loads_of(each)
                if load.node is item.node and _element(load.shape, load.index) == key
            ]
            changes = any(
                isinstance(each, Store) and each.node is item.node for each in after
            )
            if again and not changes:
                variable = Variable(item.node, item.node.dtype)

                def new(
                    scalar: Scalar,
                    node: Node = item.node,
                    key: object = key,
                    variable: Variable = variable,
                ) -> Scalar | None:
                    if not isinstance(scalar, Load) or scalar.node is not node:
                        return None
                    same = _element(scalar.shape, scalar.index) == key
                    return variable if same else None

                for each in after:
                    rewrite(each, new)
                items.insert(place, Define(variable, item.value))
                item.value = variable
                place += 1
        place += 1


def _element(shape: tuple[Dimension, ...], index: Index) -> object:
    sizes = zip(index, shape, strict=True)
    return tuple((_key(i), size) for i, size in sizes if size != 1)


def _key(scalar: Scalar) -> object:
    """A key that equal scalars share; nodes have no truth value to be compared by."""
    match scalar:
        case Load(node, index, shape):
            return "load", id(node), _element(shape, index)
        case Apply(node, arguments):
            return "apply", id(node), *map(_key, arguments)
        case Operation(operator, arguments, dtype):
            return operator, dtype, *map(_key, arguments)
        case _:
            return scalar


def _is_computed(value: Scalar) -> bool:
    return not isinstance(value, Number | Size | Counter | Load | Variable)


def _hoist(group: list[Item], own: Collection[Node]) -> None:
    """Compute positions that are checked, and sizes as numbers, once where they are
    needed first, outside of the loops that do not change them."""
    uses: dict[object, tuple[Scalar, list[Path]]] = {}
    for path, item in _walk(group, ()):
        for scalar in scalars(item):
            for part in parts(scalar):
                if _is_invariant(part, own):
                    uses.setdefault(_key(part), (part, []))[1].append(path)
    for key, (part, paths) in uses.items():
        counters = {each for each in parts(part) if isinstance(each, Counter)}
        level = 0
        for path in paths:
            own_level = max(
                (i + 1 for i, loop in enumerate(path) if loop.counter in counters),
                default=0,
            )
            level = max(level, own_level)
        home = paths[0][:level]
        if any(path[:level] != home for path in paths):
            continue
        leaves = {loop for path in paths for loop in path[level:]}
        if not leaves and len(paths) < 2:
            continue
        checks = isinstance(part, Operation) and part.operator == "place"
        if checks and any(_may_be_empty(loop.counter.size) for loop in leaves):
            continue
        nodes = [each.node for each in parts(part) if isinstance(each, Load)]
        variable = Variable(nodes[0] if nodes else None, part.dtype)

        def new(
            scalar: Scalar, key: object = key, variable: Variable = variable
        ) -> Scalar | None:
            return variable if _key(scalar) == key else None

        body = home[-1].body if home else group
        first: int | None = None
        for place, item in enumerate(body):
            for each in inside(item):
                if any(_key(p) == key for s in scalars(each) for p in parts(s)):
                    first = place if first is None else first
                    rewrite(each, new)
        assert first is not None
        body.insert(first, Define(variable, part))


def _is_invariant(part: Scalar, own: Collection[Node]) -> bool:
    match part:
        case Operation("float", (Size(),)):
            return True
        case Operation("place", _):
            return not any(
                isinstance(each, Load) and each.node in own for each in parts(part)
            )
        case _:
            return False


def _may_be_empty(size: Dimension) -> bool:
    return isinstance(size, Dim) or size == 0
