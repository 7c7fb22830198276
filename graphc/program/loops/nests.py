"""The way from a graph to loop nests.

Each value that is computed by loops of its own takes its place in the nest of the
values that it reads, as deep as the order of computation allows. So a softmax with
what comes after it is one loop over rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from ...ir.dims import Dimension
from ...ir.node import Node
from ...ir.scalar import (
    ByBody,
    ByElement,
    Counter,
    Index,
    Load,
    MatrixProduct,
    Number,
    Reduction,
    Routine,
    Scalar,
    Total,
    Write,
    Writes,
    flat,
    parts,
    without_ones,
)
from ...ir.walk import ancestors
from .bodies import item_of
from .elements import Elements, is_outside
from .groups import MOST, are_together, groups_of
from .operands import product_of, whole_array
from .sharing import share_turns
from .splitting import split_loops
from .transpositions import transposition_of
from .tree import (
    FINDING,
    Accumulator,
    Combine,
    Item,
    Loop,
    Nests,
    RoutineCall,
    Store,
    has_total,
    inside,
    read_by,
    start_of,
    written_by,
)
from .turns import define_variables, shrink


@dataclass(eq=False)
class _Placed:
    """The place at which a value is computed."""

    path: tuple[Loop, ...]
    """The loops around its statement."""
    available: tuple[Loop, ...]
    """Those around the place from which on it is there."""
    counters: tuple[Counter, ...]
    """Of its axes that are not of size 1."""


def nests_of(
    nodes: Iterable[Node],
    results: Collection[Node],
    given: Collection[Node] = (),
    *,
    is_body: bool = False,
    together: bool = False,
) -> Nests:
    """Lower values that all have a form as loops.

    Args:
        nodes: the values, in an order of computation, and what they are computed from.
        results: those to compute.
        given: those that are computed elsewhere.
        is_body: True for a body, each nest of which stands alone.
        together: True where all nests may stand in one function.
    """
    given = {*given}
    needed = set(
        ancestors(results, lambda n: () if is_outside(n) or n in given else n.inputs)
    )
    elements = Elements([n for n in nodes if n in needed], results, given)
    return _Builder(elements, is_body, together).build()


class _Builder:
    def __init__(self, elements: Elements, is_body: bool, together: bool) -> None:
        self.elements, self.is_body, self.together = elements, is_body, together
        self.at = elements.at
        self.items: list[Item] = []
        self.placed: dict[Node, _Placed] = {}
        self.others: list[Node] = []
        """Arrays besides those of values."""

    def build(self) -> Nests:
        """Find a place for each value."""
        for node in self.elements.nodes:
            if node in self.elements.defined and node not in self.placed:
                self._place(node)
        kept = self.elements.defined - self.elements.results
        arrays = [node for node in self.elements.nodes if node in kept]
        split_loops(self.items)
        nests = Nests(self.items, [*arrays, *self.others])
        groups = groups_of(self.items, most=1 if self.is_body else MOST)
        if self.together and are_together(self.items):
            groups = [[*self.items]]
        shrink(nests, groups, {*self.elements.results, *self.others})
        define_variables(groups)
        nests.items = [item for group in groups for item in group]
        share_turns(nests.items)
        for place, group in enumerate(groups):
            nests.functions |= dict.fromkeys(group, place)
        return nests

    # Places -------------------------------------------------------------------------

    def _place(self, node: Node) -> None:
        form = self.elements.forms[node]
        if isinstance(form, MatrixProduct):
            self.items.append(product_of(node, self.elements, self._store))
            self.placed[node] = _Placed((), (), ())
        elif isinstance(form, Routine):
            arrays = tuple(map(self.array, form.arrays))
            self.items.append(RoutineCall(node, form, arrays))
            self.placed[node] = _Placed((), (), ())
        elif isinstance(form, Writes):
            for write in form.parts:
                self._write(node, write)
            self.placed[node] = _Placed((), (), ())
        elif isinstance(form, Reduction):
            self._reduce(node, form)
        elif isinstance(form, ByBody):
            self._run(node.inputs[0])
        else:
            self._compute(node)

    def _run(self, node: Node) -> None:
        """Run the bodies of a node, for all of its results."""
        results = [r for r in self.elements.users[node] if r in self.elements.defined]
        self.items.append(item_of(node, results, self, partial(nests_of, is_body=True)))
        self.placed.update((each, _Placed((), (), ())) for each in results)

    def array(self, node: Node) -> Node:
        """The array that has the elements of a value in their order."""
        if node in self.placed:
            return node
        return whole_array(node, self.elements, self._store)

    def fill(self, array: Node, value: Node) -> None:
        """Copy the elements of a value to an array."""
        counters = [Counter(size) for size in without_ones(value.shape)]
        loops = self._open(self.items, counters)
        index = _spread(value.shape, counters)
        store = Store(array, index, self.at(value, index))
        (loops[-1].body if loops else self.items).append(store)

    def keep(self, array: Node) -> None:
        """Let an array have a place in memory."""
        self.others.append(array)

    def _store(self, node: Node) -> None:
        """Compute a value, which would stand in the expressions of its readers."""
        self.elements.defined.add(node)
        self._compute(node)
        form = self.elements.forms[node]
        if isinstance(form, ByElement) and form.in_order:
            self.elements.copies.setdefault(self.elements.ordered(node), node)

    def _compute(self, node: Node) -> None:
        sizes = without_ones(node.shape)

        def value(counters: Sequence[Counter]) -> Scalar:
            return self.elements.element(node, _spread(node.shape, counters))

        counters = tuple(map(Counter, sizes))
        store = Store(node, _spread(node.shape, counters), value(counters))
        item = transposition_of(node, store, counters)
        if item is not None:
            self.items.append(item)
            self.placed[node] = _Placed((), (), ())
            return
        loops = self._enter(sizes, value)
        counters = tuple(loop.counter for loop in loops)
        body = loops[-1].body if loops else self.items
        body.append(Store(node, _spread(node.shape, counters), value(counters)))
        self.placed[node] = _Placed(loops, loops, counters)

    def _write(self, node: Node, write: Write) -> None:
        counters = tuple(Counter(size) for size in without_ones(write.sizes))
        index = _spread(write.sizes, counters)
        store = Store(
            node,
            write.place(index, self.at),
            write.value(index, self.at),
            write.combine,
        )
        item = transposition_of(node, store, counters)
        if item is not None:
            self.items.append(item)
            return
        loops = self._open(self.items, counters)
        (loops[-1].body if loops else self.items).append(store)

    def _reduce(self, node: Node, form: Reduction) -> None:
        own, inner = without_ones(node.shape), without_ones(form.sizes)
        sizes = [*own, *inner]
        order = self._order(node, form, [Counter(size) for size in sizes])
        if form.combine in FINDING:
            # Of equal ones the first is found.
            order = [*range(len(sizes))]

        def value(counters: Sequence[Counter]) -> Scalar:
            placed = [counters[order.index(place)] for place in range(len(order))]
            return form.term(
                _spread(node.shape, placed[: len(own)]),
                _spread(form.sizes, placed[len(own) :]),
                self.at,
            )

        loops = self._enter([sizes[place] for place in order], value)
        counters = [loop.counter for loop in loops]
        is_inner = [place >= len(own) for place in order]
        home = len(order)
        while home and is_inner[home - 1]:
            home -= 1
        mine = tuple(counters[order.index(place)] for place in range(len(own)))
        index = _spread(node.shape, mine)
        body = loops[-1].body if loops else self.items
        term, around = value(counters), loops[:home]
        leads = any(is_inner[:home])
        if home < len(loops):
            accumulator = Accumulator(node, form.combine, term.dtype)
            loops[home].accumulators.append(accumulator)
            place = None
            if form.combine in FINDING:
                inside = [counters[order.index(p)] for p in range(len(own), len(order))]
                place = flat(form.sizes, _spread(form.sizes, inside))
            body.append(Combine(accumulator, term, place))
            body = around[-1].body if around else self.items
            term = Total(node, node.dtype)
        elif form.combine in FINDING:
            term = Number(0)
        if leads:
            self._fill(node, form.combine, loops[0])
            body.append(Store(node, index, term, form.combine))
            if not form.is_total:
                self._finish(node, form)
                self.placed[node] = _Placed((), (), ())
                return
            outer = next(i for i, each in enumerate(is_inner) if each)
            self.placed[node] = _Placed(loops, loops[:outer], mine)
            return
        follows = home < len(loops) and not around
        store = Store(node, index, form.finished(term, node.dtype))
        if follows:
            self.items.insert(self._end_of_nest(loops[0]), store)
        else:
            body.append(store)
        self.placed[node] = _Placed(loops, around, mine)

    def _finish(self, node: Node, form: Reduction) -> None:
        """Make results of all elements of an array."""
        counters = [Counter(size) for size in without_ones(node.shape)]
        loops = self._open(self.items, counters)
        index = _spread(node.shape, counters)
        value = form.finished(Load(node, index, node.shape), node.dtype)
        (loops[-1].body if loops else self.items).append(Store(node, index, value))

    def _end_of_nest(self, loop: Loop) -> int:
        """The place after an outermost loop and the totals that it ends with."""
        place = self.items.index(loop) + 1
        while place < len(self.items) and has_total(self.items[place]):
            place += 1
        return place

    def _fill(self, node: Node, combine: str, before: Item) -> None:
        """Fill an array with what a reduction starts from."""
        counters = [Counter(size) for size in without_ones(node.shape)]
        place = self.items.index(before)
        filled: list[Item] = []
        loops = self._open(filled, counters)
        start = Number(start_of(combine, node.dtype), node.dtype)
        store = Store(node, _spread(node.shape, counters), start)
        (loops[-1].body if loops else filled).append(store)
        self.items[place:place] = filled

    def _order(
        self, node: Node, form: Reduction, counters: Sequence[Counter]
    ) -> list[int]:
        """The order of loops, by which arrays are read as they lie in memory."""
        own = len(without_ones(node.shape))
        term = form.term(
            _spread(node.shape, counters[:own]),
            _spread(form.sizes, counters[own:]),
            self.at,
        )
        places: dict[Counter, list[int]] = {each: [] for each in counters}
        for part in parts(term):
            if isinstance(part, Load):
                for axis, each in enumerate(reversed(part.index)):
                    for inner in parts(each):
                        if isinstance(inner, Counter) and inner in places:
                            places[inner].append(axis)
        depth = [sum(p) / len(p) if (p := places[each]) else 0.0 for each in counters]
        return sorted(range(len(counters)), key=lambda place: (-depth[place], place))

    # Nests --------------------------------------------------------------------------

    def _open(self, body: list[Item], counters: Sequence[Counter]) -> tuple[Loop, ...]:
        loops: list[Loop] = []
        for counter in counters:
            loop = Loop(counter)
            body.append(loop)
            loops.append(loop)
            body = loop.body
        return tuple(loops)

    def _enter(
        self,
        sizes: Sequence[Dimension],
        value: Callable[[Sequence[Counter]], Scalar],
    ) -> tuple[Loop, ...]:
        """Loops of these sizes, the first of which may be there already."""
        shared: tuple[Loop, ...] = ()
        for path in self._paths(sizes):
            counters = [loop.counter for loop in path]
            counters += [Counter(size) for size in sizes[len(path) :]]
            if self._fits(path, value(counters)):
                shared = path
                break
        body = shared[-1].body if shared else self.items
        rest = [Counter(size) for size in sizes[len(shared) :]]
        return (*shared, *self._open(body, rest))

    def _paths(self, sizes: Sequence[Dimension]) -> Iterator[tuple[Loop, ...]]:
        """Open loops of the first of these sizes, the best ones first."""
        for item in reversed(self.items):
            path: list[Loop] = []
            for size in sizes:
                if not isinstance(item, Loop) or item.counter.size != size:
                    break
                path.append(item)
                loops = [each for each in item.body if isinstance(each, Loop)]
                if not loops:
                    break
                item = loops[-1]
            for depth in range(len(path), 0, -1):
                yield tuple(path[:depth])

    def _fits(self, path: Sequence[Loop], value: Scalar) -> bool:
        """True where a value may be computed inside these loops, after what is there,
        and reads something that they read or compute."""
        top = self.items.index(path[0])
        loads = [part for part in parts(value) if isinstance(part, Load)]
        for load in loads:
            placed = self.placed.get(load.node)
            if placed is None:
                continue
            if placed.path:
                where = self.items.index(placed.path[0])
            else:
                where = max(
                    place
                    for place, item in enumerate(self.items)
                    if load.node in written_by(item)
                )
            if where > top:
                return False
            if where < top:
                continue
            if not placed.path or not self._reads_what_is_there(load, placed, path):
                return False
        return bool(_touched(path[0]) & {load.node for load in loads})

    def _reads_what_is_there(
        self, load: Load, placed: _Placed, path: Sequence[Loop]
    ) -> bool:
        """True where an element that is read in a nest was computed in it before."""
        if without_ones(load.shape) != without_ones(load.node.shape):
            return False
        sizes = zip(load.index, load.shape, strict=True)
        index = [each for each, size in sizes if size != 1]
        own = dict(zip(placed.counters, index, strict=True))
        for depth, (mine, other) in enumerate(zip(path, placed.path, strict=False)):
            if mine is not other:
                # Side by side: that of the value must have ended.
                body = path[depth - 1].body if depth else self.items
                return body.index(mine) > body.index(other)
            if own.get(mine.counter) is not mine.counter:
                return False
        # The value stands at this level, or deeper: it must be there already.
        if len(placed.available) < len(path) and len(placed.path) <= len(path):
            body = path[len(placed.available)]
            level = placed.available[-1].body if placed.available else self.items
            stores = [
                place
                for place, item in enumerate(level)
                if isinstance(item, Store) and item.node is load.node
            ]
            return not stores or level.index(body) > max(stores)
        return True


def _touched(item: Item) -> set[Node]:
    """The values that a nest reads or computes."""
    made = {e.accumulator.node for e in inside(item) if isinstance(e, Combine)}
    return made | {*read_by(item), *written_by(item)}


def _spread(shape: Sequence[Dimension], counters: Sequence[Scalar]) -> Index:
    """An index of a shape: counters, and 0 along axes of size 1."""
    rest = iter(counters)
    return tuple(Number(0) if size == 1 else next(rest) for size in shape)
