"""The text in C of a function, from the loop nests of a graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...ir.dims import Dimension
from ...ir.node import Node
from ...ir.scalar import Load, Total, parts
from ...program.loops.arena import written_by
from ...program.loops.nests import Nests
from ...program.loops.places import Axis
from ...program.loops.symbols import symbols_in_items
from ...program.loops.tree import (
    Item,
    Local,
    Loop,
    Operand,
    Product,
    RoutineCall,
    Store,
    has_total,
    inside,
    scalars,
)
from ...program.native import Region
from .expressions import c_type, strip
from .function import Scope, indented, size_text
from .names import NamesOfValues


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
    has_room: bool
    draws: int = 0
    """Random draws, whose generators it is called with before the room."""

    @property
    def dtypes(self) -> list[str]:
        """Those of the arrays that it is called with."""
        found = [node.dtype.name for node in self.arrays] + ["void"] * self.draws
        return [*found, "uint8"] if self.has_room else found


def c_function(name: str, region: Region, names: NamesOfValues) -> CFunction:
    """Print the function that computes a region.

    Args:
        name: its name.
        region: the values.
        names: those of the values.
    """
    nests, arena = region.nests, region.arena
    scope = Scope(names, {*nests.names, *region.numbers})
    for item in nests.items:
        for each in inside(item):
            if isinstance(each, Local) and isinstance(each.value, Total):
                scope.whole.add(each.node)
    functions: list[str] = []
    calls: list[str] = []
    taken: set[str] = set()
    for group in groups_of(nests.items):
        if isinstance(group[0], Product):
            calls += _product(scope, group[0])
            continue
        if isinstance(group[0], RoutineCall):
            calls += _routine(scope, group[0])
            continue
        text, call = _nest(scope, group, nests, taken, name)
        functions.append(text)
        calls.append(call)
    arrays = (*region.read, *region.results)
    body: list[str] = []
    for place, symbol in enumerate(region.symbols):
        body.append(f"const int64_t {symbol} = sizes[{place}];")
    for place, node in enumerate(arrays):
        const = "const " if place < len(region.read) else ""
        kind = c_type(node.dtype)
        body.append(f"{const}{kind} *{scope.names[node]} = arrays[{place}];")
    for place, node in enumerate(region.draws):
        stream = stream_of(scope, node)
        body.append(f"void *{stream} = arrays[{len(arrays) + place}];")
    for place, node in enumerate(region.numbers):
        kind = c_type(node.dtype)
        body.append(f"const {kind} {scope.names[node]} = ({kind})numbers[{place}];")
    if region.has_room:
        place = len(arrays) + len(region.draws)
        body.append(f"char *room = arrays[{place}];")
    for node, holder in arena.holders.items():
        kind = c_type(node.dtype)
        if holder is node:
            size = strip(size_text(node.type.size))
            size = f"({size})" if " " in size else size
            body.append(
                f"{kind} *{scope.names[node]} = take(&room, {size} * sizeof({kind}));"
            )
        else:
            body.append(f"{kind} *{scope.names[node]} = (void *){scope.names[holder]};")
    if "place_int64" in scope.used:
        body.append("bool wrong = false;")
        calls.append("return wrong;")
    else:
        calls.append("return 0;")
    if region.works:
        body.append("void *product_room = take(&room, 0);")
    lines = [
        f"int {name}(",
        "    void *const *arrays, const int64_t *sizes, const double *numbers)",
        "{",
    ]
    lines += [*indented([*body, *calls]), "}"]
    text = "\n\n".join([*functions, "\n".join(lines)])
    used = frozenset(scope.used)
    return CFunction(name, text, arrays, used, region.has_room, len(region.draws))


def groups_of(items: Iterable[Item]) -> list[list[Item]]:
    """Outermost loops, each with the statements that end it, and the other items."""
    groups: list[list[Item]] = []
    for item in items:
        if has_total(item) and not isinstance(item, Loop):
            groups[-1].append(item)
        else:
            groups.append([item])
    return groups


def _nest(
    scope: Scope, items: list[Item], nests: Nests, taken: set[str], owner: str
) -> tuple[str, str]:
    """A function that runs a nest, and the call of it."""
    stored = set[Node]().union(*map(written_by, items))
    order = dict.fromkeys(node for item in items for node in _in_order(item))
    written = [n for n in order if n in stored]
    own = {*written, *nests.names}
    read = [n for n in order if n not in own]
    arrays = [*read, *written]
    wish = f"{owner}_{scope.names[written[-1]]}"
    name, count = wish, 1
    while name in taken:
        count += 1
        name = f"{wish}_{count}"
    taken.add(name)
    symbols = sorted(symbols_in_items(items))
    given = [f"int64_t {symbol}" for symbol in symbols]
    for node in arrays:
        kind = c_type(node.dtype)
        if node in scope.variables:
            given.append(f"{kind} {scope.names[node]}")
            continue
        const = "" if node in stored else "const "
        given.append(f"{const}{kind} *restrict {scope.names[node]}")
    scope.checks = False
    body = scope.items(items)
    passed = [*symbols, *(scope.names[n] for n in arrays)]
    if scope.checks:
        given.append("bool *wrong")
        passed.append("&wrong")
    lines = [*_wrapped(f"static void {name}(", given, ")"), "{", *indented(body), "}"]
    call = f"{name}({', '.join(passed)});"
    return "\n".join(lines), call


def _wrapped(head: str, given: Sequence[str], tail: str) -> list[str]:
    line = f"{head}{', '.join(given)}{tail}"
    if len(line) <= 88:
        return [line]
    return [head, *[f"    {each}," for each in given[:-1]], f"    {given[-1]}{tail}"]


def _in_order(item: Item) -> list[Node]:
    found: dict[Node, None] = {}
    for each in inside(item):
        for scalar in scalars(each):
            found.update((p.node, None) for p in parts(scalar) if isinstance(p, Load))
        if isinstance(each, Store):
            found[each.node] = None
    return list(found)


def stream_of(scope: Scope, node: Node) -> str:
    """The name of the generator of a draw."""
    return f"{scope.names[node]}_stream"


def _routine(scope: Scope, item: RoutineCall) -> list[str]:
    """The lines that call a function written by hand."""
    routine = item.routine
    function = f"{routine.function}_{routine.dtype.name}"
    scope.used.add(function)
    given = [
        f"&{scope.names[node]}" if node in scope.variables else scope.names[node]
        for node in item.arrays
    ]
    given.append(scope.names[item.node])
    given += [stream_of(scope, item.node)] if routine.draws else []
    given += [strip(scope.text(each)) for each in routine.numbers]
    given += ["product_room"] if routine.work != 0 else []
    return _wrapped(f"{function}(", given, ");")


def _product(scope: Scope, item: Product) -> list[str]:
    """The lines that call a product of matrices."""
    kind = item.node.dtype.name
    scope.used.add(f"matmul_{kind}")
    rows, columns, inner = map(size_text, item.sizes)
    places: list[str] = []
    letters = "pqrstuvw"
    for operand in (item.left, item.right):
        start = strip(scope.text(operand.start))
        terms = [] if start == "0" else [start]
        for letter, step in zip(letters, operand.stack, strict=False):
            if step != 0:
                terms.append(f"{letter} * {size_text(step)}")
        name = scope.names[operand.node]
        places.append(" + ".join([name, *terms]))
    size = f"{rows} * {columns}"
    where = scope.names[item.node]
    flat = ""
    for letter, count in zip(letters, item.stack, strict=False):
        flat = letter if not flat else f"({flat} * {size_text(count)} + {letter})"
    if flat:
        where = f"{where} + {flat} * ({size})"
    left, right = item.left, item.right
    if left.axes or right.axes:
        scope.used.add(f"matmul_of_places_{kind}")
        lines = [
            f"matmul_of_places_{kind}(",
            *indented(_places(places[0], left, item.sizes[0], item.sizes[2])),
            *indented(_places(places[1], right, item.sizes[2], item.sizes[1])),
            f"    {where}, {strip(columns)}, 1, product_room);",
        ]
    else:
        lines = [
            f"matmul_{kind}({rows}, {columns}, {inner}, "
            f"{places[0]}, {size_text(left.rows)}, {size_text(left.columns)}, "
            f"{places[1]}, {size_text(right.rows)}, {size_text(right.columns)}, "
            f"{where}, {columns}, 0, product_room);"
        ]
    for letter, count in reversed(list(zip(letters, item.stack, strict=False))):
        n = size_text(count)
        head = f"for (int64_t {letter} = 0; {letter} < {n}; {letter}++)"
        lines = [head, *indented(lines)]
    return lines


def _places(
    array: str, operand: Operand, rows: Dimension, columns: Dimension
) -> list[str]:
    """The arguments for a matrix whose elements stand at places of an array."""
    axes = operand.axes or (((rows, operand.rows),), ((columns, operand.columns),))
    texts = [_axis(axis) for axis in axes]
    line = f"{array}, {texts[0]}, {texts[1]},"
    if len(line) <= 76:
        return [line]
    return [f"{array},", *(f"{text}," for text in texts)]


def _axis(axis: Axis) -> str:
    digits = axis or ((1, 1),)
    sizes = ", ".join(strip(size_text(size)) for size, _ in digits)
    steps = ", ".join(strip(size_text(step)) for _, step in digits)
    return f"&(struct axis){{{len(digits)}, {{{sizes}}}, {{{steps}}}}}"
