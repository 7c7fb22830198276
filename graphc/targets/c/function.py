"""Functions in C that run loop nests."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from ...ir.dims import Dim, Dimension, product
from ...ir.node import Node
from ...ir.scalar import (
    INDEX,
    Apply,
    Counter,
    Load,
    Number,
    Operation,
    Scalar,
    Size,
    Total,
    Variable,
    flat,
)
from ...ir.types import DType
from ...program.loops.tree import (
    FINDING,
    Accumulator,
    Combine,
    Define,
    Item,
    Local,
    Loop,
    Row,
    Store,
    start_of,
)
from .expressions import NotInC, Translation, c_type, chosen, number
from .library import FUNCTIONS
from .names import CNames, size_name
from .text import binary, called, cast, indented, unary

LANES = 16
COUNTERS = "ijklmnpqrs"
_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}


@dataclass
class Scope:
    """Names in a function of C."""

    names: CNames
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
    own: dict[Variable | None, str] = field(default_factory=dict[Variable | None, str])
    """Names of variables that stand for no value of the graph."""
    taken: set[str] = field(default_factory=set[str])
    share: Callable[[Loop], list[str]] | None = None
    """That which prints a loop for several threads, if there may be any."""

    def start(self) -> None:
        """Begin a function in C."""
        self.checks = False
        self.own, self.taken = {}, set()

    def new(self, wish: str) -> str:
        """A name for a variable of a function."""
        name = self.names.free(wish, self.taken)
        self.taken.add(name)
        return name

    def variable(self, text: str, dtype: DType) -> str:
        """The name of a variable for an expression that is read several times."""
        if text.isidentifier():
            return text
        # Letters count turns of a loop from i on, and no value has only one.
        letters = [each for each in "xyzwvu" if each not in self.taken]
        name = self.new(letters[0] if letters else "point")
        self.before.append(f"const {c_type(dtype)} {name} = {text};")
        return name

    def polynomial(self, point: str, coefficients: Sequence[str], dtype: DType) -> str:
        """The name of a variable that is the value of a polynomial."""
        point = self.variable(point, dtype)
        first, *others = coefficients
        letters = [each for each in "pqabcdef" if each not in self.taken]
        name = self.new(letters[0] if letters else "polynomial")
        self.before.append(f"{c_type(dtype)} {name} = {first};")
        for other in others:
            sign = "-" if other.startswith("-") else "+"
            value = binary(binary(name, "*", point), sign, other.removeprefix("-"))
            self.before.append(f"{name} = {value};")
        return name

    def _define(self, variable: Variable, value: Scalar) -> list[str]:
        text, kind = self.text(value), c_type(variable.dtype)
        letters = "".join(self.counters.values())
        wish = "count"
        if variable.node is not None:
            known = self.names[variable.node]
            wish = f"{known}_{letters}" if letters else f"{known}_here"
        name = self.own[variable] = self.new(wish)
        return [*self.flushed(), f"const {kind} {name} = {text};"]

    def flushed(self) -> list[str]:
        """Lines that have to stand before the next statement."""
        lines, self.before = self.before, []
        return lines

    def size(self, size: Dimension) -> str:
        """A size."""
        if isinstance(size, int):
            return str(size)
        return self._arithmetic(ast.parse(size.source(), mode="eval").body)

    def _arithmetic(self, tree: ast.expr) -> str:
        match tree:
            case ast.BinOp(left, ast.FloorDiv(), right):
                self.used.add("quotient_int64")
                return called("quotient", map(self._arithmetic, (left, right)))
            case ast.BinOp(left, ast.Pow(), ast.Constant(int(power))):
                factor = text = self._arithmetic(left)
                for _ in range(power - 1):
                    text = binary(text, "*", factor)
                return text
            case ast.BinOp(left, sign, right):
                signs: dict[type[ast.operator], str] = {
                    ast.Add: "+",
                    ast.Sub: "-",
                    ast.Mult: "*",
                }
                operands = self._arithmetic(left), self._arithmetic(right)
                return binary(operands[0], signs[type(sign)], operands[1])
            case ast.UnaryOp(ast.USub(), operand):
                return unary("-", self._arithmetic(operand))
            case ast.Name(name):
                return size_name(name)
            case ast.Constant():
                return ast.unparse(tree)
            case _:
                raise NotInC(ast.unparse(tree))

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
                return self.size(size)
            case Counter():
                return self.counters[scalar]
            case Total(node):
                return self.total(node)
            case Variable():
                return self.own[scalar]
            case Load(node, index, shape):
                if node in self.variables:
                    return self.names[node]
                place = self.text(flat(shape, index))
                return f"{self.names[node]}[{place}]"
            case Apply(node, arguments):
                given = [(self.text(each), each.dtype) for each in arguments]
                return Translation(node, given, self.used, self).text
            case Operation("if", (test, yes, no)):
                cases = self.text(yes), self.text(no)
                return chosen(self.text(test), *cases, scalar.dtype, self.used)
            case Operation("float", (Number(value),), dtype):
                return number(value, dtype)
            case Operation("float", (value,), dtype):
                return cast(c_type(dtype), self.text(value))
            case Operation("place", (place, size)):
                self.checks = True
                self.used.add(f"{self.place}_int64")
                return called(self.place, (self.text(place), self.text(size), "wrong"))
            case Operation(function, arguments) if function in FUNCTIONS:
                self.used.add(f"{function}_{scalar.dtype.name}")
                given = map(self.text, arguments)
                return called(f"{function}_{scalar.dtype.name}", given)
            case Operation("+", (left, Operation("+", (first, other)))) if (
                scalar.dtype == INDEX
            ):
                whole = Operation("+", (Operation("+", (left, first)), other))
                return self.text(whole)
            case Operation(operator, (left, right)):
                operator = {"//": "/", "and": "&&"}.get(operator, operator)
                return binary(self.text(left), operator, self.text(right))
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
                    lines.append(f"const {kind} {self.names[node]} = {text};")
                case Define(variable, value):
                    lines += self._define(variable, value)
                case Row(node, shape):
                    size = self.size(product(shape))
                    kind = c_type(node.dtype)
                    lines.append(f"{kind} {self.names[node]}[{size}];")
                case Store(node, index, value, combine, shape):
                    target = self._target(node, index, shape or node.shape)
                    text = self.text(value)
                    lines += self.flushed()
                    lines += self.combined(target, combine, text, node.dtype)
                case Combine(accumulator, value, place):
                    is_laned = lane and _is_laned(accumulator)
                    target = self.total(accumulator.node)
                    target = f"{target}_lanes{lane}" if is_laned else target
                    text = self.text(value)
                    where = self.text(place) if place is not None else ""
                    lines += self.flushed()
                    dtype = accumulator.dtype
                    lines += self.combined(
                        target, accumulator.combine, text, dtype, where
                    )
                case Loop() if self.share is not None and item.cost is not None:
                    lines += self.share(item)
                case Loop():
                    lines += self.loop(item)
                case _:
                    raise NotInC(str(item))
        return lines

    def _target(
        self, node: Node, index: Sequence[Scalar], shape: tuple[Dimension, ...]
    ) -> str:
        place = self.text(flat(shape, tuple(index)))
        return f"{self.names[node]}[{place}]"

    def combined(
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
                return [f"{target} = {value};"]
            case "+" | "*":
                return [f"{target} {combine}= {value};"]
            case "or" | "and":
                sign = "|" if combine == "or" else "&"
                test = binary(target, sign, binary(value, "!=", "0"))
                return [f"{target} = {test};"]
            case "max" | "min" if dtype.kind != "f":
                sign = ">" if combine == "max" else "<"
                return [f"if ({value} {sign} {target}) {target} = {value};"]
            case "max" | "min":
                self.used.add(f"{combine}imum_{kind}")
                return [f"{target} = {combine}imum_{kind}({target}, {value});"]
            case "first":
                return [
                    f"if (!{target}_found && {value}) {{",
                    f"    {target}_found = true;",
                    f"    {target} = {place};",
                    "}",
                ]
            case _:
                sign = ">" if combine == "position of max" else "<"
                best = f"{target}_value"
                return [
                    "{",
                    f"    const {c_type(dtype)} value = {value};",
                    # The first NaN is larger, and smaller, than all numbers.
                    f"    bool is_nan = value != value && {best} == {best};",
                    f"    if (value {sign} {best} || is_nan) {{",
                    f"        {best} = value;",
                    f"        {target} = {place};",
                    "    }",
                    "}",
                ]

    def loop(self, loop: Loop, *, is_part: bool = False) -> list[str]:
        """The lines of a loop, with what stands before and after it for totals.

        Args:
            loop: its statements.
            is_part: True for the turns from `first` up to `last` only.
        """
        taken = set(self.counters.values())
        counter = next(c for c in COUNTERS if c not in taken)
        size = self.size(loop.counter.size)
        start, end = ("first", "last") if is_part else ("0", size)
        combined = [e.accumulator for e in loop.body if isinstance(e, Combine)]
        is_innermost = not any(isinstance(each, Loop) for each in loop.body)
        in_lanes = is_innermost and not _is_small(loop.counter.size)
        laned = [a for a in combined if in_lanes and _is_laned(a)]
        lines: list[str] = []
        for a in loop.accumulators:
            if a not in laned:
                lines += self._started(a)
        self.counters[loop.counter] = counter
        if laned:
            lines += self._in_lanes(loop, laned, counter, start, end)
        else:
            head = (
                f"for (int64_t {counter} = {start}; {counter} < {end}; {counter}++) {{"
            )
            lines += [head, *indented(self.items(loop.body)), "}"]
        del self.counters[loop.counter]
        return lines

    def _started(self, a: Accumulator) -> list[str]:
        """The lines that declare what values are combined into."""
        kind, name = c_type(a.node.dtype), self.total(a.node)
        if a.combine not in FINDING:
            return [f"{kind} {name} = {number(start_of(a.combine, a.dtype), a.dtype)};"]
        if a.combine == "first":
            return [f"{kind} {name} = 0;", f"bool {name}_found = false;"]
        start = number(start_of(a.combine, a.dtype), a.dtype)
        return [f"{kind} {name} = 0;", f"{c_type(a.dtype)} {name}_value = {start};"]

    def _in_lanes(
        self,
        loop: Loop,
        laned: Sequence[Accumulator],
        counter: str,
        begin: str,
        end: str,
    ) -> list[str]:
        """The lines of a loop that combines floats in a fixed number of lanes."""
        start, lines = f"{counter}0", list[str]()
        for a in laned:
            kind, name = c_type(a.node.dtype), self.total(a.node)
            if a.combine == "+":
                lines.append(f"{kind} {name}_lanes[{LANES}] = {{0}};")
                continue
            first = number(start_of(a.combine, a.dtype), a.dtype)
            lines += [
                f"{kind} {name}_lanes[{LANES}];",
                f"for (int64_t lane = 0; lane < {LANES}; lane++) {{",
                f"    {name}_lanes[lane] = {first};",
                "}",
            ]
        body = self.items(loop.body, "[lane]")
        head = (
            f"for (int64_t {start} = {begin}; {start} < {end}; {start} += {LANES}) {{"
        )
        lines.append(head)
        lanes = str(LANES)
        size = loop.counter.size
        if begin != "0" or isinstance(size, Dim) or size % LANES:
            lanes = "lanes"
            lines += [
                f"    const int64_t rest = {binary(end, '-', start)};",
                f"    const int64_t lanes = rest < {LANES} ? rest : {LANES};",
            ]
        lines += [
            f"    for (int64_t lane = 0; lane < {lanes}; lane++) {{",
            f"        const int64_t {counter} = {start} + lane;",
            *indented(indented(body)),
            "    }",
            "}",
        ]
        for a in laned:
            dtype, name = a.node.dtype.name, self.total(a.node)
            word = "sum" if a.combine == "+" else f"{a.combine}imum"
            self.used.add(f"{word}_of_lanes_{dtype}")
            found = called(f"{word}_of_lanes_{dtype}", (f"{name}_lanes",))
            if a in loop.accumulators:
                lines.append(f"const {c_type(a.node.dtype)} {name} = {found};")
            else:
                lines += self.combined(name, a.combine, found, a.dtype)
        return lines


def _is_laned(accumulator: Accumulator) -> bool:
    """True for what is combined in lanes, which vectors have."""
    is_float = accumulator.node.dtype.kind == "f"
    return is_float and accumulator.combine in ("+", "max", "min")


def _is_small(size: Dimension) -> bool:
    return isinstance(size, int) and size < LANES
