"""Functions in C that run loop nests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ...ir.dims import Dimension
from ...ir.node import Node
from ...ir.scalar import (
    Apply,
    Counter,
    Load,
    Number,
    Operation,
    Scalar,
    Size,
    Total,
    flat,
)
from ...ir.types import DType
from ...program.loops.tree import (
    FINDING,
    Accumulator,
    Combine,
    Item,
    Local,
    Loop,
    Store,
    start_of,
)
from .expressions import NotInC, Translation, c_type, chosen, number, strip
from .library import FUNCTIONS
from .names import NamesOfValues

LANES = 16
COUNTERS = "ijklmnpqrs"


@dataclass
class Scope:
    """Names in a function of C."""

    names: NamesOfValues
    variables: set[Node]
    """Values that are local variables."""
    used: set[str] = field(default_factory=set[str])
    counters: dict[Counter, str] = field(default_factory=dict[Counter, str])
    whole: set[Node] = field(default_factory=set[Node])
    """Reductions that are what a loop has combined, and local variables."""
    place: str = "place"
    """The function that checks a position."""
    checks: bool = False
    """True where a position was printed that is checked."""
    before: list[str] = field(default_factory=list[str])
    """Lines that stand before the statement that is being printed."""
    points: int = 0
    """Variables that such lines have made; no value has such a name."""

    def variable(self, text: str, dtype: DType) -> str:
        """The name of a variable for an expression that is read several times."""
        if text.isidentifier():
            return text
        self.points += 1
        name = f"point__{self.points}"
        self.before.append(f"const {c_type(dtype)} {name} = {strip(text)};")
        return name

    def flushed(self) -> list[str]:
        """Lines that have to stand before the next statement."""
        lines, self.before = self.before, []
        return lines

    def total(self, node: Node) -> str:
        """The variable that a loop combines values into."""
        name = self.names[node]
        return name if node in self.whole else f"{name}_total"

    # Values -------------------------------------------------------------------------

    def text(self, scalar: Scalar) -> str:
        """An expression."""
        match scalar:
            case Number(value, dtype):
                return number(value, dtype)
            case Size(size):
                return size_text(size)
            case Counter():
                return self.counters[scalar]
            case Total(node):
                return self.total(node)
            case Load(node, index, shape):
                if node in self.variables:
                    return self.names[node]
                place = self.text(flat(shape, index))
                return f"{self.names[node]}[{strip(place)}]"
            case Apply(node, arguments):
                given = [(self.text(each), each.dtype) for each in arguments]
                return Translation(node, given, self.used, self.variable).text
            case Operation("if", (test, yes, no)):
                cases = self.text(yes), self.text(no)
                return chosen(self.text(test), *cases, scalar.dtype, self.used)
            case Operation("float", (value,), dtype):
                return f"({c_type(dtype)}){self.text(value)}"
            case Operation("place", (place, size)):
                self.checks = True
                self.used.add(f"{self.place}_int64")
                given = f"{strip(self.text(place))}, {strip(self.text(size))}"
                return f"{self.place}({given}, wrong)"
            case Operation(function, arguments) if function in FUNCTIONS:
                self.used.add(f"{function}_{scalar.dtype.name}")
                given = ", ".join(strip(self.text(each)) for each in arguments)
                return f"{function}_{scalar.dtype.name}({given})"
            case Operation(operator, (left, right)):
                operator = {"//": "/", "and": "&&"}.get(operator, operator)
                return f"({self.text(left)} {operator} {self.text(right)})"
            case _:
                raise NotInC(str(scalar))

    # Statements ---------------------------------------------------------------------

    def items(self, items: Iterable[Item], lane: str = "") -> list[str]:
        """The lines of statements."""
        lines: list[str] = []
        for item in items:
            match item:
                case Local(node, value):
                    kind = c_type(node.dtype)
                    text = self.text(value)
                    if isinstance(value, Total):
                        continue
                    lines += self.flushed()
                    lines.append(f"const {kind} {self.names[node]} = {strip(text)};")
                case Store(node, index, value, combine):
                    target, text = self._target(node, index), self.text(value)
                    lines += self.flushed()
                    lines += self._combined(target, combine, text, node.dtype)
                case Combine(accumulator, value, place):
                    is_laned = lane and _is_laned(accumulator)
                    target = self.total(accumulator.node)
                    target = f"{target}_lanes{lane}" if is_laned else target
                    text = self.text(value)
                    where = self.text(place) if place is not None else ""
                    lines += self.flushed()
                    dtype = accumulator.dtype
                    lines += self._combined(
                        target, accumulator.combine, text, dtype, where
                    )
                case Loop():
                    lines += self.loop(item)
                case _:
                    raise NotInC(str(item))
        return lines

    def _target(self, node: Node, index: Sequence[Scalar]) -> str:
        place = self.text(flat(node.shape, tuple(index)))
        return f"{self.names[node]}[{strip(place)}]"

    def _combined(
        self,
        target: str,
        combine: str,
        value: str,
        dtype: DType,
        place: str = "",
    ) -> list[str]:
        """The lines that combine a value with what is there."""
        kind = dtype.name
        match combine:
            case "":
                return [f"{target} = {strip(value)};"]
            case "+" | "*":
                return [f"{target} {combine}= {strip(value)};"]
            case "or" | "and":
                sign = "|" if combine == "or" else "&"
                return [f"{target} = {target} {sign} ({value} != 0);"]
            case "max" | "min" if dtype.kind != "f":
                sign = ">" if combine == "max" else "<"
                return [
                    f"if ({strip(value)} {sign} {target}) {target} = {strip(value)};"
                ]
            case "max" | "min":
                self.used.add(f"{combine}imum_{kind}")
                return [f"{target} = {combine}imum_{kind}({target}, {strip(value)});"]
            case "first":
                return [
                    f"if (!{target}_found && {value}) {{",
                    f"    {target}_found = true;",
                    f"    {target} = {strip(place)};",
                    "}",
                ]
            case _:
                sign = ">" if combine == "position of max" else "<"
                best = f"{target}_value"
                return [
                    "{",
                    f"    const {c_type(dtype)} value = {strip(value)};",
                    # The first NaN is larger, and smaller, than all numbers.
                    f"    bool is_nan = value != value && {best} == {best};",
                    f"    if (value {sign} {best} || is_nan) {{",
                    f"        {best} = value;",
                    f"        {target} = {strip(place)};",
                    "    }",
                    "}",
                ]

    def loop(self, loop: Loop) -> list[str]:
        """The lines of a loop, with what stands before and after it for totals."""
        taken = set(self.counters.values())
        counter = next(c for c in COUNTERS if c not in taken)
        size = size_text(loop.counter.size)
        combined = [e.accumulator for e in loop.body if isinstance(e, Combine)]
        floats = [a for a in combined if _is_laned(a)]
        is_innermost = not any(isinstance(each, Loop) for each in loop.body)
        laned = is_innermost and bool(floats) and not _is_small(loop.counter.size)
        lines: list[str] = []
        for a in loop.accumulators:
            kind, name = c_type(a.node.dtype), self.total(a.node)
            if a.combine in FINDING:
                lines.append(f"{kind} {name} = 0;")
                if a.combine == "first":
                    lines.append(f"bool {name}_found = false;")
                    continue
                start = number(start_of(a.combine, a.dtype), a.dtype)
                lines.append(f"{c_type(a.dtype)} {name}_value = {start};")
                continue
            start = number(start_of(a.combine, a.node.dtype), a.node.dtype)
            lines.append(f"{kind} {name} = {start};")
        for a in floats if laned else ():
            kind, name = c_type(a.node.dtype), self.total(a.node)
            lines.append(f"{kind} {name}_lanes[{LANES}] = {{0}};")
        if not laned:
            self.counters[loop.counter] = counter
            head = f"for (int64_t {counter} = 0; {counter} < {size}; {counter}++) {{"
            body = self.items(loop.body)
            lines += [head, *indented(body), "}"]
        else:
            start = f"{counter}0"
            head = f"for (int64_t {start} = 0; {start} < {size}; {start} += {LANES}) {{"
            self.counters[loop.counter] = counter
            body = self.items(loop.body, "[lane]")
            lines += [
                head,
                f"    const int64_t rest = {size} - {start};",
                f"    const int64_t count = rest < {LANES} ? rest : {LANES};",
                "    for (int64_t lane = 0; lane < count; lane++) {",
                f"        const int64_t {counter} = {start} + lane;",
                *indented(indented(body)),
                "    }",
                "}",
            ]
            for a in floats:
                name = self.total(a.node)
                self.used.add(f"sum_of_lanes_{a.node.dtype.name}")
                sign = "=" if a in loop.accumulators else "+="
                summed = f"sum_of_lanes_{a.node.dtype.name}({name}_lanes)"
                lines.append(f"{name} {sign} {summed};")
        del self.counters[loop.counter]
        return lines


def _is_laned(accumulator: Accumulator) -> bool:
    """True for a total whose terms are added up in lanes."""
    return accumulator.combine == "+" and accumulator.node.dtype.kind == "f"


def _is_small(size: Dimension) -> bool:
    return isinstance(size, int) and size < LANES


def size_text(size: Dimension) -> str:
    """A size in C."""
    return (
        str(size)
        if isinstance(size, int)
        else f"({size.source()})"
        if not size.is_symbol
        else size.text
    )


def indented(lines: Iterable[str]) -> list[str]:
    """Lines one level deeper."""
    return ["    " + line if line else line for line in lines]
