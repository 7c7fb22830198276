"""The text in C of loops that threads share.

`share` in `threads/share.c` takes a function that runs some turns of a loop, and the
addresses of what it works on, since threads are given one address each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from ...ir.node import Node
from ...ir.scalar import Counter, Total, Variable, parts
from ...program.loops import sharing
from ...program.loops.symbols import symbols_in_items
from ...program.loops.tree import (
    Item,
    Local,
    Loop,
    Row,
    inside,
    read_by,
    scalars,
    start_of,
    written_by,
)
from .expressions import c_type, number
from .function import Scope
from .names import size_name
from .text import called, indented, wrapped

SHARE = "share"
"""The function that lets threads share the turns of a loop."""

GLOBAL_NAMES = frozenset(
    [
        *(
            SHARE,
            "threads",
            "pool",
            "use_threads",
            "take_pool",
            "run_next",
            "run_alone",
        ),
        *(
            "wait_for_loops",
            "start_threads",
            "loop_turns",
            "sums_of_part",
            "count_parts",
        ),
        *("turns_of_part", "turns_of_sums", "getpid", "clock", "time"),
    ]
)
"""Names that a file which has threads may give nothing else."""

_FILE = Path(__file__).parent / "threads" / "share.c"


@dataclass(frozen=True)
class Parameter:
    """A parameter of a function that runs a loop."""

    declaration: str
    value: str
    """The expression where it is called."""
    kind: str = ""
    """The type of a number, `int64_t` for a size; none for an array."""
    step: str = ""
    """For an array that each part has of its own: elements from one to the next."""
    others: str = ""
    """Those of all parts but the first, which has `value`; none if that is for all."""


@cache
def _text() -> str:
    return _FILE.read_text(encoding="utf-8")


def share(threads: int) -> str:
    """The function by which so many threads share the turns of a loop."""
    text = _text().replace("PART_COST", str(sharing.PART))
    text = text.replace("PART_COUNT", str(sharing.MOST_PARTS))
    return text.replace("threads = 0;", f"threads = {threads};")


def parameters_of(scope: Scope, items: Sequence[Item]) -> tuple[str, list[Parameter]]:
    """The value that a function which runs a nest is named by, and its parameters."""
    names = scope.names
    stored = set[Node]().union(*map(written_by, items))
    order: dict[Node, None] = {}
    for item in items:
        order.update(read_by(item))
        order.update(dict.fromkeys(written_by(item)))
    own = {e.node for i in items for e in inside(i) if isinstance(e, Local | Row)}
    arrays = [n for n in order if n not in stored and n not in own]
    written = [n for n in order if n in stored and n not in own]
    arrays += written
    symbols = map(size_name, sorted(symbols_in_items(items)))
    counters = [scope.counters[each] for each in _counters_outside(items)]
    found = {n: Parameter(f"int64_t {n}", n, "int64_t") for n in (*symbols, *counters)}
    changed = {names[node] for node in stored}
    for node in arrays:
        kind, known = c_type(node.dtype), names[node]
        if known in found:
            continue
        if node in scope.variables and node not in stored:
            found[known] = Parameter(f"{kind} {known}", known, kind)
        else:
            const = "" if known in changed else "const "
            declared = f"{const}{kind} *restrict {known}"
            found[known] = Parameter(declared, known)
    combined = [a.node for i in items if isinstance(i, Loop) for a in i.accumulators]
    return names[[*combined, *written][-1]], [*found.values()]


def _counters_outside(items: Sequence[Item]) -> list[Counter]:
    """Counters of loops that statements stand in."""
    found: dict[Counter, None] = {}
    for item in items:
        for each in inside(item):
            for scalar in scalars(each):
                found.update((p, None) for p in parts(scalar) if isinstance(p, Counter))
    loops = [e for i in items for e in inside(i) if isinstance(e, Loop)]
    own = {loop.counter for loop in loops}
    return [counter for counter in found if counter not in own]


def numbers_outside(
    loop: Loop, scope: Scope, own: Mapping[Variable | None, str]
) -> Iterator[tuple[Total | Variable, str]]:
    """Numbers without an array that a loop reads and does not compute."""
    combined = {
        a.node for e in inside(loop) if isinstance(e, Loop) for a in e.accumulators
    }
    found: dict[str, Total | Variable] = {}
    for each in inside(loop):
        for scalar in scalars(each):
            for part in parts(scalar):
                if isinstance(part, Total) and part.node not in combined:
                    found[scope.total(part.node)] = part
                if isinstance(part, Variable) and part in own:
                    found[own[part]] = part
    yield from ((part, text) for text, part in found.items())


def sums_of_parts(
    scope: Scope, loop: Loop, parameters: list[Parameter], body: list[str]
) -> tuple[str, list[str], list[str]]:
    """The number of turns of a part, and the lines before and after a loop of which
    each part has sums of its own.

    Args:
        loop: its statements.
        parameters: of the function that runs a part; changed in place.
        body: its lines; changed in place.
    """
    assert loop.cost is not None
    size = scope.size(loop.counter.size)
    at_once, parts = scope.new("at_once"), scope.new("parts")
    cost = scope.size(loop.cost)
    lines = [
        f"const int64_t {at_once} = {called('turns_of_sums', (size, cost))};",
        f"const int64_t {parts} = {called('count_parts', (size, at_once))};",
    ]
    firsts: list[str] = []
    merged: list[str] = []
    for a in loop.accumulators:
        kind, total = c_type(a.node.dtype), scope.total(a.node)
        of_parts = scope.new(f"{total}_of_parts")
        lines.append(f"{kind} {of_parts}[MOST_PARTS];")
        merged += scope.combined(total, a.combine, f"{of_parts}[part]", a.dtype)
        body.append(f"*{of_parts} = {total};")
        declared = f"{kind} *restrict {of_parts}"
        parameters.append(Parameter(declared, of_parts, step="1"))
        firsts.append(f"{kind} {total} = {of_parts}[0];")
    for node, combine in loop.sums.items():
        kind, known = c_type(node.dtype), scope.names[node]
        of_parts, count = scope.new(f"{known}_of_parts"), scope.size(node.type.size)
        needed = f"(MOST_PARTS - 1) * {count} * sizeof({kind})"
        lines.append(f"{kind} *{of_parts} = {called('take', ('&room', needed))};")
        start = number(start_of(combine, node.dtype), node.dtype)
        lines += [
            f"for (int64_t i = 0; i < ({parts} - 1) * {count}; i++) {{",
            f"    {of_parts}[i] = {start};",
            "}",
        ]
        place = f"{of_parts}[(part - 1) * {count} + i]"
        merged += [
            f"for (int64_t i = 0; i < {count}; i++) {{",
            *indented(scope.combined(f"{known}[i]", combine, place, node.dtype)),
            "}",
        ]
        for position, each in enumerate(parameters):
            if each.value == known:
                parameters[position] = replace(each, others=of_parts, step=count)
    head = f"for (int64_t part = 1; part < {parts}; part++) {{"
    return at_once, lines, [*firsts, head, *indented(merged), "}"]


def shared_part(
    name: str, own: str, parameters: Sequence[Parameter], at_once: str
) -> tuple[str, list[str]]:
    """A function that calls another one with what `share` was given.

    Args:
        name: of a function that takes the first turn, the end, and these parameters.
        own: its own name.
        parameters: all but those two.
        at_once: the turns of a part.

    Returns:
        The text, and the arguments of `share` that tell of it.
    """
    return _part(name, own, ["first", "last"], parameters, "", at_once)


def shared_stretch(
    name: str, own: str, parameters: Sequence[Parameter]
) -> tuple[str, list[str]]:
    """As `shared_part`, for a function that takes a count of elements, and arrays from
    the first of these on."""
    return _part(name, own, ["last - first"], parameters, " + first")


def _part(
    name: str,
    own: str,
    turns: Sequence[str],
    parameters: Sequence[Parameter],
    start: str,
    at_once: str = "",
) -> tuple[str, list[str]]:
    given, addresses, sizes = [*turns], list[str](), list[str]()
    for each in parameters:
        place = f"arrays[{len(addresses)}]"
        if each.kind == "int64_t":
            given.append(f"sizes[{len(sizes)}]")
            sizes.append(each.value)
        elif each.kind:
            given.append(f"*(const {each.kind} *){place}")
            addresses.append(f"&{each.value}")
        elif each.others:
            others = f"arrays[{len(addresses) + 1}]"
            kind = each.declaration.partition(" *")[0]
            size = f"{each.step} * sizeof({kind})"
            given.append(called("sums_of_part", ("part", place, others, size)))
            addresses += [each.value, each.others]
        elif each.step:
            kind = each.declaration.partition("*")[0]
            given.append(f"({kind}*){place} + part")
            addresses.append(each.value)
        else:
            kind = each.declaration.partition("*")[0]
            is_as_it_is = kind.startswith("const ") and not start
            given.append(place if is_as_it_is else f"({kind}*){place}{start}")
            addresses.append(each.value)
    head = (
        "int64_t first, int64_t last, const void *const *arrays, const int64_t *sizes"
    )
    body = [f"{called(name, given)};"]
    if any(each.step for each in parameters):
        body.insert(0, f"const int64_t part = first / sizes[{len(sizes)}];")
        sizes.append(at_once)
    lines = [f"static void {own}({head}) {{", *indented(body), "}"]
    told = f"(const int64_t[]){{{', '.join(sizes)}}}" if sizes else "0"
    arrays = f"(const void *[]){{{', '.join(addresses)}}}"
    return "\n".join(wrapped(lines)), [arrays, told]
