"""Elements of values: loads of those that are computed before, and what others are."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ...ir.facts import NAMED, Role
from ...ir.literal import term_of_constant
from ...ir.node import Node
from ...ir.scalar import (
    Apply,
    At,
    ByBody,
    ByElement,
    Index,
    Load,
    LoopForm,
    MatrixProduct,
    Number,
    Operation,
    Reduction,
    Routine,
    Scalar,
    Writes,
    broadcast,
    position,
    without_ones,
)
from .places import Places, places_of

MANY_ROWS = 256
"""With as many rows or more, as measured, BLAS is so much quicker than a product that
reads windows where they are, that the windows are copied side by side."""

MEMORY = NAMED | {Role.ARGUMENT}
"""Roles of arrays from outside."""


def is_outside(node: Node) -> bool:
    """True for an array that is there before anything is computed."""
    is_constant = node.op.role is Role.CONSTANT and not is_known(node)
    return node.op.role in MEMORY or is_constant


def runs_bodies(node: Node) -> bool:
    """True for a node whose results bodies compute."""
    return node.op.role in (Role.CALL, Role.LOOP, Role.WHILE, Role.BRANCH)


def form_of(node: Node) -> LoopForm | None:
    """The form of a node as loops, if it has one."""
    if node.op.kind == "elementwise":
        return _applied(node)
    if node.op.role is Role.RESULT:
        return ByBody() if runs_bodies(node.inputs[0]) else None
    form = None if node.op.loops is None else node.op.loops(node)
    if isinstance(form, MatrixProduct) and node.inputs[0].shape[-1] == 1:
        return _outer_product(node) or form
    return form


def _outer_product(node: Node) -> ByElement | None:
    """A product of matrices that adds up nothing."""
    left, right = node.inputs
    if left.ndim < 2 or right.ndim < 2:
        return None

    def value(index: Index, at: At) -> Scalar:
        *stack, row, column = index
        rows, columns = (*stack, row, Number(0)), (*stack, Number(0), column)
        parts = (
            at(left, broadcast(rows, left.shape)),
            at(right, broadcast(columns, right.shape)),
        )
        return Operation("*", parts, node.dtype)

    return ByElement(value)


def _applied(node: Node) -> ByElement:
    return ByElement(
        lambda index, at: Apply(
            node, tuple(at(x, broadcast(index, x.shape)) for x in node.inputs)
        )
    )


class Elements:
    """The elements of some values."""

    def __init__(
        self, nodes: Sequence[Node], results: Collection[Node], given: Collection[Node]
    ) -> None:
        self.given = given
        self.results = set(results)
        self.copies: dict[Node, Node] = {}
        """For values that are not in memory, an array with their elements in order."""
        self.forms: dict[Node, LoopForm | None] = {}
        known: dict[Node, None] = {}
        for node in nodes:
            self._add(node, known)
        self.nodes = tuple(known)
        self.users: dict[Node, list[Node]] = {node: [] for node in self.nodes}
        for node in self.nodes:
            if not self.is_outside(node):
                for x in dict.fromkeys(node.inputs):
                    self.users[x].append(node)
        self.places = self._places()
        """Of products of matrices, operands that are read where they are."""
        self.defined = self._defined()
        """Values that are computed on their own."""

    def _add(self, node: Node, known: dict[Node, None]) -> None:
        """Add a value after those that its form needs besides the graph's."""
        if node in known:
            return
        if not self.is_outside(node):
            form = self.forms[node] = form_of(node)
            if isinstance(form, Routine):
                for each in form.arrays:
                    for x in each.inputs:
                        self._add(x, known)
                    self._add(each, known)
        known[node] = None

    def is_outside(self, node: Node) -> bool:
        """True for an array that is there before."""
        return is_outside(node) or node in self.given

    # Values that are computed on their own ------------------------------------------

    def _places(self) -> dict[tuple[Node, Node], Places]:
        found: dict[tuple[Node, Node], Places] = {}
        for node in self.nodes:
            if not isinstance(self.forms.get(node), MatrixProduct):
                continue
            left, right = node.inputs
            if left is right or left.ndim < 2 or right.ndim < 2:
                continue
            for x, other in ((left, right.shape[-1]), (right, left.shape[-2])):
                if not isinstance(other, int) or other >= MANY_ROWS:
                    continue
                places = self._repeated(x)
                if places is not None:
                    found[node, x] = places
        return found

    def _repeated(self, x: Node) -> Places | None:
        """The places of a matrix in an array with fewer elements, if it has them there.

        Of the arrays behind it, the one in which neighbours along its longer axis are
        neighbours is read, if there is one, even if it has to be made.
        """
        places = self._places_in(x, None)
        if places is None or not places.is_repeated:
            return None
        if not places.has_neighbours(along_longer=True):
            for node in reversed(places.path):
                nearer = self._places_in(x, node)
                if nearer is None or not nearer.is_repeated:
                    continue
                if nearer.has_neighbours(along_longer=True):
                    return nearer
        return places

    def _places_in(self, x: Node, array: Node | None) -> Places | None:
        """The places of a value in an array behind it, or the last one that is."""

        def is_last(node: Node) -> bool:
            return node is array or self.is_outside(node)

        return places_of(x, self.forms, is_last)

    def places_in_memory(self, x: Node) -> Places | None:
        """The places of a value in the array from which it is read."""

        def is_there(node: Node) -> bool:
            return self.is_outside(node) or node in self.defined

        found = places_of(x, self.forms, is_there)
        return found if found is not None and is_there(found.node) else None

    def _read_where_they_are(self) -> set[Node]:
        """Values that nothing reads besides products that read what is behind them."""
        read: dict[Node, set[Node]] = {}
        for (user, _), places in self.places.items():
            for node in places.path:
                read.setdefault(node, set()).add(user)
                user = node
        covered = {n for n, by in read.items() if by.issuperset(self.users[n])}
        return covered - self.results

    def _defined(self) -> set[Node]:
        found: set[Node] = set()
        unread = self._read_where_they_are()
        for node in self.nodes:
            form = self.forms.get(node)
            if node in unread:
                continue
            if isinstance(form, Reduction | Writes | MatrixProduct | Routine | ByBody):
                found.add(node)
            if runs_bodies(node):
                found.update(self._array_of(x) for x in node.inputs if x.ndim)
                continue
            if node in self.results:
                found.add(node)
            if isinstance(form, MatrixProduct):
                for x in node.inputs:
                    places = self.places.get((node, x))
                    found |= self._operand(x) if places is None else {places.node}
            if isinstance(form, Routine):
                found.update(map(self._array_of, form.arrays))
            if isinstance(form, ByElement) and form.in_order:
                x = node.inputs[0]
                if without_ones(x.shape) != without_ones(node.shape):
                    found.add(self._array_of(x))
            first, *others = node.inputs or (node,)
            indexes = others and node.op.kind != "elementwise"
            if isinstance(form, ByElement) and indexes:
                found.add(self._array_of(first))
            for x in () if isinstance(form, MatrixProduct) else node.inputs:
                if _counts(node) > _counts(x):
                    found |= self._repeatedly_read(x)
        for node in self.nodes:
            if len(self.users[node]) > 1 and node not in unread:
                found.add(self._array_of(node))
        found = {n for n in found if n.op.kind != "source" or not n.op.pure}
        found |= self.results
        return {n for n in found if not (self.is_outside(n) or runs_bodies(n))}

    def _operand(self, x: Node) -> set[Node]:
        """The arrays by which a product of matrices can read a value."""
        places = self._places_in(x, None)
        if places is None or (places.is_matrix and places.has_neighbours()):
            return {self._array_of(x)}
        for node in reversed(places.path):
            nearer = self._places_in(x, node)
            if nearer is not None and nearer.is_matrix and nearer.has_neighbours():
                return self._copied(node)
        return self._copied(x)

    def _copied(self, x: Node) -> set[Node]:
        """An array of elements in their order; and the one that it is copied from, if
        neighbours in the one are not neighbours in the other."""
        places = self._places_in(x, None)
        if places is None or not places.is_transposed:
            return {x}
        return {x, self._array_of(x)}

    def _repeatedly_read(self, x: Node) -> set[Node]:
        """The arrays by which elements can be read again and again."""
        places = self._places_in(x, None)
        if places is None or not places.is_transposed:
            return {self._array_of(x)}
        return {x, self._array_of(x)}

    def _array_of(self, node: Node) -> Node:
        """The value whose elements a view or a part has."""
        while not self.is_outside(node) and (
            node.op.kind == "view" or self._is_part(node)
        ):
            node = node.inputs[0]
        return node

    def _is_part(self, node: Node) -> bool:
        """True where elements of one array stand in another order, or some of them."""
        form = self.forms.get(node)
        is_one = len(node.inputs) == 1 and node.op.rearranges
        return is_one and isinstance(form, ByElement)

    # Elements -----------------------------------------------------------------------

    def at(self, node: Node, index: Index) -> Scalar:
        """An element of a value, from arrays and values that are computed before."""
        if self.is_outside(node) or (node in self.defined and not is_known(node)):
            return Load(node, index, node.shape)
        return self.element(node, index)

    def ordered(self, node: Node) -> Node:
        """The first value whose elements a reshaped one has in the same order."""
        x = node.inputs[0]
        while isinstance(inner := self.forms.get(x), ByElement):
            if x in self.defined or not inner.in_order:
                break
            x = x.inputs[0]
        return x

    def element(self, node: Node, index: Index) -> Scalar:
        """Computation of an element, even of a value that is there."""
        number = known(node)
        if number is not None:
            return number
        form = self.forms[node]
        assert isinstance(form, ByElement), node
        if form.in_order:
            x = self.ordered(node)
            copy = self.copies.get(x, node)
            x = x if copy is node else copy
            if self.is_outside(x) or x in self.defined:
                return Load(x, index, node.shape)
        return form.value(index, self.at)


def _counts(node: Node) -> int:
    """The number of axes with more than one element."""
    return len(without_ones(node.shape))


def is_known(node: Node) -> bool:
    """True for a number or a size that stands where it is read."""
    return known(node) is not None


def known(node: Node) -> Scalar | None:
    """A number, or a size, that stands where it is read."""
    is_setting = term_of_constant(node) is not None
    if node.op.role is Role.CONSTANT and node.ndim == 0 and not is_setting:
        return Number(node.attributes["value"].array.item(), node.dtype)
    if node.op.role is Role.FULL:
        return Number(node.attributes["value"], node.dtype)
    if node.op.role is Role.SIZE:
        size = node.attributes["size"]
        given = position(size)
        if isinstance(given, Number):
            return Number(given.value, node.dtype)
        return Operation("float", (given,), node.dtype)
    return None
