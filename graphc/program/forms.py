"""Forms of values: the template that computes each, and what the names in it stand for.

Where statements are not grouped (see `grouping`), one node is one named statement, with
three exceptions that read better: numbers are
written where they are used, sizes are integer arithmetic, and a view used once
(`w.T`, `y[:, None]`) stands inside the expression that uses it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, cast

import numpy as np

from ..ir.dims import Dim, Dimension
from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.labels import position_checks
from ..ir.node import Node
from ..ir.template import Template
from ..ir.types import DType, TensorType, is_floating
from ..ir.walk import attributes_key
from .footprint import CACHE_LINE
from .grouping import grouped, is_told, short_views
from .storage import is_free

_INLINE_DEPTH = 3


@dataclass(frozen=True, eq=False)
class Entry:
    """An array of a workspace, which is made once for given sizes."""

    kind: Literal["empty", "value", "table", "size"]
    """Not filled; the value of a node that sizes decide; a constant; a size as an
    array."""
    type: TensorType
    node: Node | None = None
    """The value that it is allocated for, or that it holds."""
    wish: str = ""
    """Its name, if that is not the name of `node`."""
    size: Dimension = 0
    """Of a size as an array: the size."""
    bytes: Dimension = 0
    is_drawn: bool = False
    """True for room for draws, whose dtype is that of the draw in any program."""
    is_read: bool = True
    """False for a value that only others of the workspace are computed from."""


@dataclass(frozen=True, slots=True)
class Operand:
    """A reference to a value."""

    node: Node
    bare: bool = False
    """True for a number that takes its dtype from what is beside it."""
    read_as: DType | None = None
    """The dtype that a bare number is read in, if that is not its own."""
    stored: bool = False
    """True for a number that is kept as an array, which NumPy need not convert: at each
    call, that takes as long as computing with a few hundred numbers."""
    entry: Entry | None = None
    """The array that a size is kept in."""


@dataclass(frozen=True, eq=False)
class Form:
    """Source of a node, and the things that the names in it stand for."""

    node: Node
    template: Template
    operands: Mapping[str, Operand | tuple[Operand, ...]]
    """By the names that the template reads; `arrays[0]` is the first of several."""
    attributes: Mapping[str, Any]
    """Values that are written as literals, by the names that the template reads."""
    symbols: frozenset[str]
    """Named sizes that the template reads."""
    arrays: Mapping[str, Entry] = field(default_factory=dict[str, Entry])
    """Entries of the workspace by the names that the template reads."""

    def referred(self) -> Iterator[Operand]:
        """All references to values."""
        for operand in self.operands.values():
            if isinstance(operand, tuple):
                yield from operand
            else:
                yield operand


class Check(NamedTuple):
    """Positions that have to be in bounds, which are included."""

    positions: Node
    low: Dimension
    high: Dimension


@dataclass(eq=False)
class Entries:
    """The arrays of a workspace that forms ask for, one for all that are alike."""

    arrays: dict[object, Entry] = field(default_factory=dict[object, Entry])
    sizes: dict[object, Entry] = field(default_factory=dict[object, Entry])

    def size(self, node: Node) -> Entry:
        """A size as an array."""
        size: Dim = node.attributes["size"]
        wish = f"{'_'.join(size.symbols())}_array"
        kind = TensorType(node.dtype, ())
        entry = Entry("size", kind, None, wish, size, node.dtype.itemsize)
        return self.sizes.setdefault((size, node.dtype), entry)

    def array(
        self, wish: str, kind: Node | TensorType, served: object, drawn: bool
    ) -> Entry:
        """An array that a form works with besides its inputs."""
        if isinstance(kind, TensorType):
            size = kind.size * kind.dtype.itemsize + CACHE_LINE
            entry = Entry("empty", kind, None, wish, 0, size, drawn)
            return self.arrays.setdefault((wish, kind, served, drawn), entry)
        if kind.op.role is Role.CONSTANT:
            entry = Entry("table", kind.type, kind, wish)
        else:
            size = kind.type.size * kind.dtype.itemsize
            entry = Entry("value", kind.type, kind, wish, 0, size)
        return self.arrays.setdefault(
            (kind.op.name, attributes_key(kind.attributes)), entry
        )


class Forms:
    """The forms of the values of one function, and which of them stand in others."""

    def __init__(
        self,
        graph: Graph,
        *,
        fast: bool = False,
        inline: Collection[Node] = (),
        entries: Entries | None = None,
        groups: bool = False,
    ) -> None:
        """Decide what is written inside the expression of its user.

        Args:
            graph: the values.
            fast: True for the forms that cost least, False for the plainest.
            inline: values that may be written so, views aside.
            entries: those of the workspace, if the function has one.
            groups: True where statements compute several values, see `grouping`.
        """
        self._fast = fast
        self._entries = entries
        self._depth = _inline_depths(graph, inline, has_workspace=entries is not None)
        if groups:
            self._depth = {n: d for n, d in self._depth.items() if not is_told(n)}
            # Each loop begins with an array of its own.
            loops = (node for node in graph.nodes if node.op.role is Role.LOOP)
            starts = (start for loop in loops for start in loop.inputs)
            fills = [each for each in starts if each.op.role is Role.FULL]
            self._depth |= dict.fromkeys(fills, 1)
            self._depth |= dict.fromkeys(short_views(graph), 1)
            self._depth |= dict.fromkeys(grouped(graph, self._depth), 1)
        self._known: dict[Node, Form] = {}
        self.leaves: Collection[Node] = ()
        """Values that are variables, whatever they are elsewhere."""

    def with_leaves(self, leaves: Collection[Node]) -> Forms:
        """Those of code without the workspace, in which `leaves` are variables."""
        other = object.__new__(Forms)
        other._fast, other._entries, other._known = self._fast, None, {}
        other.leaves = set(leaves)
        other._depth = {n: depth for n, depth in self._depth.items() if n not in leaves}
        return other

    @property
    def is_plain(self) -> bool:
        """True for the plainest forms, each value of which has an array of its own."""
        return not self._fast

    def is_inside(self, node: Node) -> bool:
        """True where a value stands inside the expression of its user."""
        return node in self._depth

    def is_inline(self, node: Node) -> bool:
        """True where a value has no statement of its own."""
        return is_free(node) or node.op.role is Role.RESULT or node in self._depth

    def __getitem__(self, node: Node) -> Form:
        """The form of a value that gets a new array, or none."""
        if node not in self._known:
            op = node.op
            text = op.template_fast(node) if self._fast else op.template(node)
            self._known[node] = self._form(node, op.parsed(text))
        return self._known[node]

    def into(self, node: Node) -> tuple[Form | None, Form]:
        """The form that writes into an array, after statements that run before it.

        Those are the same for all values that need them, and may serve all.
        """
        found = None if self._entries is None else node.op.allocation_free_form(node)
        if found is None or self._entries is None:
            text = node.op.template_into(node)
            assert text is not None, node.op.name
            return None, self._form(node, node.op.parsed(text))
        served: object = ()
        setup = node.op.parsed(found.setup)
        if found.setup:
            plain = self._form(node, setup)
            kept = [
                (wish, kind.op.name, attributes_key(kind.attributes))
                for wish, kind in found.arrays.items()
                if isinstance(kind, Node)
            ]
            served = found.setup, tuple(plain.referred()), tuple(kept)
        arrays = {
            wish: self._entries.array(wish, kind, served, not node.op.pure)
            for wish, kind in found.arrays.items()
        }
        before = self._form(node, setup, arrays) if found.setup else None
        return before, self._form(node, node.op.parsed(found.template), arrays)

    def _form(
        self, node: Node, template: Template, arrays: Mapping[str, Entry] | None = None
    ) -> Form:
        """A template with what its names stand for."""
        arrays = arrays or {}
        given = self._references(node)
        read = template.names - arrays.keys()
        items = {name for name, _ in template.items} - arrays.keys()
        operands: dict[str, Operand | tuple[Operand, ...]] = {}
        for name, operand in given.items():
            if name in read or (name in items and isinstance(operand, Operand)):
                operands[name] = operand
            elif name in items and isinstance(operand, tuple):
                for item, each in enumerate(operand):
                    if (name, item) in template.items:
                        operands[f"{name}[{item}]"] = each
        described = {"dtype": node.dtype, **node.attributes}
        if clashing := template.own & described.keys():
            raise ValueError(
                f"a template of op {node.op.name!r} has a variable {min(clashing)!r}, "
                "which is the name of an attribute"
            )
        attributes = {
            name: value
            for name, value in described.items()
            if name in read or name in items
        }
        symbols = {n.removeprefix("dim_") for n in read if n.startswith("dim_")}
        for value in attributes.values():
            symbols.update(sizes_in(value))
        return Form(node, template, operands, attributes, frozenset(symbols), arrays)

    def _references(self, node: Node) -> dict[str, Operand | tuple[Operand, ...]]:
        """The inputs of a node, by name."""
        weak = _weak_inputs(node)
        wider = _wider_floats(node) if weak else {}
        operands = tuple(
            self._number(node, parent, wider.get(position))
            if position in weak
            else Operand(parent)
            for position, parent in enumerate(node.inputs)
        )
        given: dict[str, Operand | tuple[Operand, ...]] = {}
        for position, name in enumerate(node.op.inputs):
            if name.startswith("*"):
                given[name[1:]] = operands[position:]
            else:
                given[name] = operands[position]
        return given

    def _number(self, node: Node, literal: Node, read_as: DType | None) -> Operand:
        """A number that an op is given: as an array, if its arrays are of its dtype."""
        if (
            self._entries is None
            or not node.ndim
            or not is_floating(literal.dtype)
            or any(parent.dtype != literal.dtype for parent in node.inputs)
        ):
            return Operand(literal, bare=True, read_as=read_as)
        if literal.op.role is Role.CONSTANT:
            return Operand(literal, stored=True)
        return Operand(literal, stored=True, entry=self._entries.size(literal))

    def within(self, form: Form) -> Iterator[Form]:
        """A form and those that stand inside it."""
        yield form
        for operand in form.referred():
            if self.is_inside(operand.node):
                yield from self.within(self[operand.node])

    def variables(self, form: Form) -> Iterator[Node]:
        """Values that code reads by name, through what stands inside it."""
        for each in self.within(form):
            for operand in each.referred():
                if not self.is_inside(operand.node):
                    yield operand.node

    def read_by_value(self, node: Node) -> Iterator[Node]:
        """The values that a reference to one reads by name."""
        if self.is_inside(node):
            yield from self.variables(self[node])
        else:
            yield node

    def sizes(self, form: Form) -> set[str]:
        """The named sizes that code refers to."""
        found: set[str] = set()
        for each in self.within(form):
            found |= each.symbols
            for operand in each.referred():
                found |= self._sizes_of_literal(operand.node)
        return found

    def sizes_of_value(self, node: Node) -> set[str]:
        """The named sizes that a reference to a value refers to."""
        if self.is_inside(node):
            return self.sizes(self[node])
        return self._sizes_of_literal(node)

    def _sizes_of_literal(self, node: Node) -> set[str]:
        if node.op.role is not Role.SIZE or node in self.leaves:
            return set()
        return set(sizes_in(node.attributes["size"]))

    def checks(self, node: Node) -> Iterator[Check]:
        """Positions that have to be in bounds before a value is computed."""
        nodes = [node]
        while nodes:
            each = nodes.pop()
            nodes += [p for p in each.inputs if self.is_inside(p)]
            for index, low, high in position_checks(each):
                yield Check(_as_fed(each.inputs[index]), low, high)


def _inline_depths(
    graph: Graph, inline: Collection[Node], *, has_workspace: bool
) -> dict[Node, int]:
    """The values without statements, and how many stand inside one another."""
    uses: dict[Node, int] = {}
    for node in graph.nodes:
        for parent in node.inputs:
            uses[parent] = uses.get(parent, 0) + 1
    outputs = set(graph.outputs)
    fixed = {node for node in graph.nodes if node.op.role is Role.CONSTANT}
    depths: dict[Node, int] = {}
    for node in graph.nodes:
        if has_workspace and node.op.is_view(node) and fixed.issuperset(node.inputs):
            # It is made with the workspace.
            fixed.add(node)
            continue
        is_view = (
            node.op.is_view(node)
            and uses.get(node) == 1
            and node not in outputs
            and not node.op.is_statements(node)
        )
        if is_view:
            depth = 1 + depths.get(node.inputs[0], 0)
        elif node in inline:
            depth = 1 + max(depths.get(parent, 0) for parent in node.inputs)
        else:
            continue
        if depth <= _INLINE_DEPTH:
            depths[node] = depth
    return depths


def is_literal(node: Node) -> bool:
    """True where a node is written as a number, wherever it is used."""
    return node.op.role in (Role.CONSTANT, Role.SIZE) and not node.shape


def sizes_in(value: Any) -> Iterator[str]:
    """The named sizes in an attribute that is written as a literal."""
    if isinstance(value, Dim):
        yield from value.symbols()
    elif isinstance(value, tuple):
        for item in cast("tuple[Any, ...]", value):
            yield from sizes_in(item)


def _wider_floats(node: Node) -> dict[int, DType]:
    """The floating literals that a node reads in a wider dtype than their own.

    0.1 is not the same number in both, so its digits have to be those of the wider one.
    """
    dtype = np.result_type(*(parent.dtype for parent in node.inputs), np.bool_)
    return {
        position: dtype
        for position, parent in enumerate(node.inputs)
        if parent.op.role is Role.CONSTANT
        and not parent.shape
        and is_floating(parent.dtype)
        and parent.dtype != dtype
    }


def _weak_inputs(node: Node) -> set[int]:
    """The scalar literals that may be bare Python numbers.

    NumPy lets a Python number take the dtype of the arrays beside it, so a literal may
    be bare where that gives the dtype that the graph promises.
    """
    if node.op.kind != "elementwise":
        return set()
    literals = {
        position
        for position, parent in enumerate(node.inputs)
        if parent.op.role in (Role.CONSTANT, Role.SIZE) and not parent.shape
    }
    strong = [p for i, p in enumerate(node.inputs) if i not in literals]
    full = np.result_type(*(parent.dtype for parent in node.inputs))
    if is_floating(full) and is_floating(node.dtype) and node.dtype != full:
        # The op reads each operand in its own dtype, as `np.ldexp` does.
        return set()
    if not strong:
        # One strong operand is enough to fix the dtype of all.
        literals.discard(min(literals, default=0))
        return literals if len({p.dtype for p in node.inputs}) == 1 else set()
    bare: list[Any] = [parent.dtype for parent in strong]
    for position in literals:
        parent = node.inputs[position]
        bare.append(
            parent.dtype
            if parent.dtype.kind == "b"
            else 0.0
            if parent.dtype.kind == "f" and parent.op.role is Role.CONSTANT
            else 0
        )
    return literals if np.result_type(*bare) == full else set()


def _as_fed(positions: Node) -> Node:
    """The input that positions are the only row of, whose name a user knows."""
    index = positions.attributes.get("index")
    is_row = bool(positions.inputs) and positions.origin.rules[-1:] == ("one row",)
    if index is None or not is_row:
        return positions
    fed = positions.inputs[0]
    whole = fed.op.role is Role.INPUT and all(
        (item == 0 and not isinstance(size, int)) or getattr(item, "is_full", False)
        for item, size in zip(index, fed.shape, strict=False)
    )
    return fed if whole else positions
