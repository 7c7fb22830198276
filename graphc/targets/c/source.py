"""The text in C of a function, from the loop nests of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...ir.dims import Dimension, Shape, symbols_of
from ...ir.node import Node
from ...program.forms import Check
from ...program.loops.arena import works
from ...program.native import Region
from .blocks import Blocks, stream_of
from .expressions import c_type
from .function import Scope
from .names import CNames, size_name
from .text import beside, called, indented, wrapped


@dataclass(frozen=True)
class CFunction:
    """A function in C, and what it is called with."""

    name: str
    text: str
    arrays: tuple[Node, ...]
    """Those that it reads, then those that it writes, in the order of their addresses;
    after them stands the room for all other values."""
    used: frozenset[str]
    """Functions that it calls."""
    symbols: tuple[str, ...]
    """The named sizes that it is called with."""
    room: Dimension | None
    """The bytes that it needs besides; None if it needs none."""
    draws: int = 0
    """Random draws, whose generators it is called with before the room."""

    @property
    def types(self) -> list[tuple[str, Shape]]:
        """Dtypes and shapes of the arrays that it is called with."""
        found = [(node.dtype.name, node.shape) for node in self.arrays]
        found += [("void", ())] * self.draws
        return found if self.room is None else [*found, ("uint8", (self.room,))]


def is_checked_in_c(check: Check, region: Region) -> bool:
    """True where the function of a region can check positions that it is given."""
    symbols = {*symbols_of((check.low, check.high))}
    is_read = any(check.positions is node for node in region.read)
    kinds = ("int32", "int64")
    known = {*region.symbols}
    return is_read and check.positions.dtype.name in kinds and symbols <= known


def c_function(
    name: str, region: Region, names: CNames, checks: Sequence[Check] = ()
) -> CFunction:
    """Print the function that computes a region.

    Args:
        name: its name.
        region: the values.
        names: those of the values.
        checks: positions that have to be in bounds before anything is computed.
    """
    scope = Scope(names, {*region.numbers})
    blocks = Blocks(scope, name)
    calls = blocks.block(region.nests)
    arrays = (*region.read, *region.results)
    body: list[str] = []
    for place, symbol in enumerate(region.symbols):
        body.append(f"const int64_t {size_name(symbol)} = sizes[{place}];")
    for place, node in enumerate(arrays):
        const = "const " if place < len(region.read) else ""
        kind, known = c_type(node.dtype), names[node]
        line = f"{const}{kind} *{known} = arrays[{place}];"
        body.append(beside(line, node.shape))
    for check in checks:
        function = f"all_within_{check.positions.dtype.name}"
        scope.used.add(function)
        sizes = (check.positions.type.size, check.low, check.high)
        count, low, high = map(scope.size, sizes)
        test = called(function, (count, names[check.positions], low, high))
        body += [f"if (!{test}) {{", "    return OUT_OF_BOUNDS;", "}"]
    for place, node in enumerate(region.draws):
        stream = stream_of(scope, node)
        body.append(f"void *{stream} = arrays[{len(arrays) + place}];")
    for place, node in enumerate(region.numbers):
        kind = c_type(node.dtype)
        body.append(f"const {kind} {names[node]} = ({kind})numbers[{place}];")
    if region.has_room:
        place = len(arrays) + len(region.draws)
        body.append(f"char *room = arrays[{place}];")
    body += blocks.memory(region.arena)
    if any(map(works, region.nests.items)):
        body.append("void *product_room = take(&room, 0);")
    is_checked = not scope.used.isdisjoint(("place_int64", "place_from_start_int64"))
    if is_checked:
        body.append("bool wrong = false;")
    calls.append(f"return {'wrong ? OUT_OF_BOUNDS : 0' if is_checked else 0};")
    given = ("void *const *arrays", "const int64_t *sizes", "const double *numbers")
    lines = [f"int {called(name, given)} {{", *indented([*body, *calls]), "}"]
    text = "\n\n".join([*blocks.functions, "\n".join(wrapped(lines))])
    room = region.room if region.has_room else None
    used, draws = frozenset(scope.used), len(region.draws)
    return CFunction(name, text, arrays, used, region.symbols, room, draws)
