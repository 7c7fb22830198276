"""The functions in C that statements become: loop nests, products and bodies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...ir.dims import Dimension
from ...ir.node import Node
from ...ir.scalar import Total, Variable
from ...program.loops.arena import has_room, works
from ...program.loops.places import Axis
from ...program.loops.symbols import symbols_in_items
from ...program.loops.tree import (
    Arena,
    Body,
    CarriedArray,
    Choice,
    Item,
    Local,
    Loop,
    Nests,
    Operand,
    Product,
    RoutineCall,
    Transposition,
    Turns,
    inside,
)
from .expressions import c_type
from .function import Scope
from .names import size_name
from .text import Expression, beside, binary, called, indented, unary, wrapped
from .threads import (
    SHARE,
    Parameter,
    numbers_outside,
    parameters_of,
    shared_part,
    sums_of_parts,
)

TURNS = "tuvwxyz"


@dataclass
class Blocks:
    """The functions that one function in C calls."""

    scope: Scope
    owner: str
    """The name of the function, with which theirs begin."""
    functions: list[str] = field(default_factory=list[str])
    """Their texts."""
    taken: set[str] = field(default_factory=set[str])
    wrong: str = "&wrong"
    """The variable that notes a position that is out of bounds."""
    known: dict[str, str] | None = None
    """Functions by their texts without names, where equal ones are to be one."""

    def block(self, nests: Nests, *, is_body: bool = False) -> list[str]:
        """The lines that run statements.

        Args:
            nests: the statements.
            is_body: True where single statements stand between calls of functions.
        """
        self.start(nests)
        lines: list[str] = []
        for group in nests.groups:
            (first, *others) = group
            if isinstance(first, Product):
                lines += self._product(first)
            elif isinstance(first, Transposition):
                lines += self._transposition(first)
            elif isinstance(first, RoutineCall):
                lines.append(self._routine(first))
            elif isinstance(first, Turns | Choice):
                lines += self._run(first, is_body=is_body)
            elif is_body and not others and not isinstance(first, Loop):
                lines += self.scope.items(group)
            else:
                lines += self._nest(group)
        return lines

    def start(self, nests: Nests) -> None:
        """Take note of the values that are variables."""
        self.scope.variables |= nests.names
        for item in nests.items:
            for each in inside(item):
                if isinstance(each, Local) and isinstance(each.value, Total):
                    self.scope.whole.add(each.node)

    def memory(self, arena: Arena) -> list[str]:
        """The lines that give arrays their places in the room."""
        lines: list[str] = []
        names = self.scope.names
        for node, holder in arena.holders.items():
            kind, start = c_type(node.dtype), f"(void *){names[holder]}"
            if holder is node:
                size = self.scope.size(arena.size(node))
                room = binary(size, "*", f"sizeof({kind})")
                start = called("take", ("&room", room))
            line = f"{kind} *{names[node]} = {start};"
            lines.append(beside(line, arena.shape(node)))
        return lines

    def _name(self, wish: str) -> str:
        name = self.scope.names.free(wish, self.taken)
        self.taken.add(name)
        return name

    def _add(
        self, name: str, given: list[str], passed: list[str], body: list[str]
    ) -> str:
        """Add a function, and return the line that calls it."""
        if self.known is not None:
            places = {each.split()[-1].strip("*"): i for i, each in enumerate(given)}
            text = "\n".join(
                re.sub(r"\b[a-z_]\w*", lambda m: f"${places.get(m[0], m[0])}", line)
                for line in (*given, *body)
            )
            if text in self.known:
                return f"{called(self.known[text], passed)};"
            self.known[text] = name
        head = f"static void {called(name, given)} {{"
        self.functions.append("\n".join(wrapped([head, *indented(body), "}"])))
        return f"{called(name, passed)};"

    # Loop nests and products --------------------------------------------------------

    def _nest(self, items: list[Item]) -> list[str]:
        """A call of a function that runs a nest."""
        scope = self.scope
        loops = [each for each in items if isinstance(each, Loop)]
        has_sums = any(loop.sums for loop in loops)
        if (
            items == loops
            and len(loops) == 1
            and loops[0].cost is not None
            and not (has_sums or loops[0].accumulators)
        ):
            return self._shared(loops[0], self.wrong)
        wish, parameters = parameters_of(scope, items)
        name = self._name(f"{self.owner}_{wish}")
        checks, scope.checks = scope.checks, False
        scope.start()
        scope.share = self._shared
        body = scope.items(items)
        scope.share = None
        if scope.checks:
            parameters.append(Parameter("bool *wrong", self.wrong))
        if has_sums:
            parameters.append(Parameter("char *room", "product_room"))
        scope.checks |= checks
        given = [each.declaration for each in parameters]
        return [self._add(name, given, [each.value for each in parameters], body)]

    def _shared(self, loop: Loop, wrong: str = "wrong") -> list[str]:
        """The lines that let threads share the turns of a loop."""
        scope = self.scope
        assert loop.cost is not None
        wish, parameters = parameters_of(scope, [loop])
        name = self._name(f"{self.owner}_{wish}")
        outer = scope.checks, scope.own, scope.taken
        scope.start()
        scope.taken |= outer[2]
        for each, text in numbers_outside(loop, scope, outer[1]):
            declared = f"{c_type(each.dtype)} {text}"
            parameters.append(Parameter(declared, text, c_type(each.dtype)))
            if isinstance(each, Variable):
                scope.own[each] = text
        body = scope.loop(loop, is_part=True)
        words = {*re.findall(r"\w+", "\n".join(body))}
        parameters = [each for each in parameters if each.value in words]
        if scope.checks:
            parameters.append(Parameter("bool *wrong", wrong))
        scope.checks |= outer[0]
        scope.own, scope.taken = outer[1:]
        at_once = called("turns_of_part", [scope.size(loop.cost)])
        lines: list[str] = []
        merged: list[str] = []
        if loop.accumulators or loop.sums:
            at_once, lines, merged = sums_of_parts(scope, loop, parameters, body)
        turns = ["int64_t first", "int64_t last"]
        given = [*turns, *(each.declaration for each in parameters)]
        self._add(name, given, [], body)
        scope.used.add(SHARE)
        own = self._name(f"{name}_shared")
        text, told = shared_part(name, own, parameters, at_once)
        self.functions.append(text)
        size = scope.size(loop.counter.size)
        told = (own, size, at_once, *told)
        return [*lines, f"{called(SHARE, told)};", *merged]

    def _routine(self, item: RoutineCall) -> str:
        """The line that calls a function written by hand."""
        scope, routine = self.scope, item.routine
        function = f"{routine.function}_{routine.dtype.name}"
        scope.used.add(function)
        given = [self._address(node) for node in item.arrays]
        given.append(scope.names[item.node])
        given += [stream_of(scope, item.node)] if routine.draws else []
        given += [scope.text(each) for each in routine.numbers]
        given += ["product_room"] if routine.work is not None else []
        return f"{called(function, given)};"

    def _address(self, node: Node) -> str:
        """The address of an array, or of a number that was passed without one."""
        name = self.scope.names[node]
        return f"&{name}" if node in self.scope.variables else name

    def _product(self, item: Product) -> list[str]:
        """The lines that call a product of matrices."""
        scope = self.scope
        rows, columns, inner = item.sizes
        letters = "pqrstuvw"[: len(item.stack)]
        where, position = scope.names[item.node], ""
        for letter, count in zip(letters, item.stack, strict=True):
            whole = binary(position, "*", scope.size(count)) if position else ""
            position = binary(whole, "+", letter) if whole else letter
        if position:
            step = scope.size(rows * columns)
            where = binary(where, "+", binary(position, "*", step))
        left, right = item.left, item.right
        if left.axes or right.axes:
            function = f"matmul_of_places_{item.node.dtype.name}"
            scope.used.add(f"matmul_{item.node.dtype.name}")
            given = [
                *_places(scope, left, letters, rows, inner),
                *_places(scope, right, letters, inner, columns),
                *(where, scope.size(columns), "1", "product_room"),
            ]
        else:
            function = f"matmul_{item.node.dtype.name}"
            given = [*map(scope.size, item.sizes)]
            for each in (left, right):
                steps = map(scope.size, (each.rows, each.columns))
                given += [_start(scope, each, letters), *steps]
            given += [where, scope.size(columns), "0", "product_room"]
        scope.used.add(function)
        lines = [f"{called(function, given)};"]
        return _stacked(scope, letters, item.stack, lines)

    def _transposition(self, item: Transposition) -> list[str]:
        """The lines that call copies between two orders of axes."""
        scope = self.scope
        function = f"transpose_{item.node.dtype.name}"
        scope.used.add(function)
        letters = "pqrstuvw"[: len(item.stack)]
        given = [*map(scope.size, item.sizes)]
        given += [_start(scope, item.source, letters), scope.size(item.source.columns)]
        given += [_start(scope, item.to, letters), scope.size(item.to.rows)]
        return _stacked(scope, letters, item.stack, [f"{called(function, given)};"])

    # Bodies -------------------------------------------------------------------------

    def _run(self, item: Turns | Choice, *, is_body: bool) -> list[str]:
        """The lines that call a function that runs bodies."""
        scope = self.scope
        names = scope.names
        symbols = [*map(size_name, sorted(symbols_in_items([item])))]
        given = [f"int64_t {symbol}" for symbol in symbols]
        passed, lines = [*symbols], list[str]()
        numbers = [*item.passed.numbers]
        if isinstance(item, Turns):
            numbers += [(each.variable, each.start) for each in item.numbers]
        for node, value in numbers:
            given.append(f"{c_type(node.dtype)} {names[node]}")
            passed.append(scope.text(value))
        if isinstance(item, Choice) and item.test is not None:
            given.append("bool is_first")
            passed.append(scope.text(item.test))
        lines += scope.flushed()
        for node in item.passed.read:
            given.append(f"const {c_type(node.dtype)} *restrict {names[node]}")
            passed.append(names[node])
        for node in item.passed.written:
            kind = c_type(node.dtype)
            given.append(f"{kind} *restrict {names[node]}")
            is_variable = is_body and not node.ndim
            if is_variable:
                lines.append(f"{kind} {names[node]};")
            passed.append(f"{'&' if is_variable else ''}{names[node]}")
        if has_room(item):
            given.append("char *room")
            passed.append("room")
        place = names[next(iter(item.passed.written), item.node)]
        name = self._name(f"{self.owner}_{place}")
        outer = scope.checks, scope.counters, scope.variables, self.wrong
        scope.checks, scope.counters, self.wrong = False, {}, "wrong"
        scope.variables = {node for node, _ in numbers}
        body = self._turns(item) if isinstance(item, Turns) else self._choice(item)
        checks = scope.checks
        scope.checks, scope.counters, scope.variables, self.wrong = outer
        if checks:
            scope.checks = True
            given.append("bool *wrong")
            passed.append(self.wrong)
        return [*lines, self._add(name, given, passed, body)]

    def _body(self, body: Body) -> list[str]:
        outer = self.scope.place
        self.scope.place = "place" if body.counts_from_end else "place_from_start"
        lines = self.block(body.nests, is_body=True)
        self.scope.place = outer
        return lines

    def _choice(self, item: Choice) -> list[str]:
        blocks = [
            [*self.memory(each.arena), *_product_room([each]), *self._body(each)]
            for each in item.bodies
        ]
        if item.test is None:
            return blocks[0]
        lines = ["if (is_first) {", *indented(blocks[0])]
        if blocks[1]:
            lines += ["} else {", *indented(blocks[1])]
        return [*lines, "}"]

    def _turns(self, item: Turns) -> list[str]:
        scope = self.scope
        names = scope.names
        lines: list[str] = []
        for each in item.arrays:
            kind = c_type(each.variable.dtype)
            lines.append(f"const {kind} *{names[each.variable]} = {names[each.start]};")
            if each.buffers is not None:
                size = binary("2", "*", scope.size(each.variable.type.size))
                taken = f"take(&room, {binary(size, '*', f'sizeof({kind})')})"
                lines.append(f"{kind} *{names[each.buffers]} = {taken};")
        bodies = [item.body] if item.test is None else [item.test, item.body]
        for each in bodies:
            lines += self.memory(each.arena)
        lines += _product_room(bodies)
        letter = TURNS[0]
        scope.counters[item.counter] = letter
        turn: list[str] = []
        for node, array in item.items:
            kind = c_type(node.dtype)
            if node.ndim:
                place = self._offset(names[array], letter, node)
                turn.append(f"const {kind} *{names[node]} = {place};")
            else:
                scope.variables.add(node)
                turn.append(f"const {kind} {names[node]} = {names[array]}[{letter}];")
        for node, array in item.slots:
            place = self._offset(names[array], letter, node)
            turn.append(f"{c_type(node.dtype)} *{names[node]} = {place};")
        for each in item.arrays:
            turn += self._buffer(each, f"{letter} % 2")
        turn += self._body(item.body)
        for each in item.numbers:
            turn.append(f"{names[each.variable]} = {scope.text(each.next)};")
        for each in item.arrays:
            turn.append(f"{names[each.variable]} = {names[each.next]};")
        size = scope.size(item.counter.size)
        if item.test is not None and item.goes_on is not None:
            lines.append(f"for (int64_t {letter} = 0;; {letter}++) {{")
            tested = self._body(item.test)
            ends = unary("!", scope.text(item.goes_on))
            ends = f"*wrong || {ends}" if scope.checks else ends
            turn = [*tested, f"if ({ends}) {{", "    break;", "}", *turn]
        elif item.reverse:
            last = binary(size, "-", "1")
            head = f"for (int64_t {letter} = {last}; {letter} >= 0; {letter}--) {{"
            lines.append(head)
        else:
            head = f"for (int64_t {letter} = 0; {letter} < {size}; {letter}++) {{"
            lines.append(head)
        lines += [*indented(turn), "}"]
        return [*lines, *self.block(Nests(item.after), is_body=True)]

    def _offset(self, array: str, place: str, node: Node) -> str:
        size = self.scope.size(node.type.size)
        place = place if size == "1" else binary(place, "*", size)
        return binary(array, "+", place)

    def _buffer(self, each: CarriedArray, turn: str) -> list[str]:
        """The line that tells where the array of the next turn stands."""
        if each.buffers is None:
            return []
        names = self.scope.names
        place = self._offset(names[each.buffers], Expression(turn, "%"), each.variable)
        return [f"{c_type(each.next.dtype)} *{names[each.next]} = {place};"]


def _stacked(
    scope: Scope, letters: str, stack: Sequence[Dimension], lines: list[str]
) -> list[str]:
    """Lines in loops over the positions of a stack."""
    for letter, count in reversed(list(zip(letters, stack, strict=True))):
        size = scope.size(count)
        head = f"for (int64_t {letter} = 0; {letter} < {size}; {letter}++) {{"
        lines = [head, *indented(lines), "}"]
    return lines


def _start(scope: Scope, operand: Operand, letters: str) -> str:
    """The address of the first element of a matrix of a stack."""
    start = scope.text(operand.start)
    place = scope.names[operand.node]
    place = f"&{place}" if operand.node in scope.variables else place
    place = place if start == "0" else binary(place, "+", start)
    for letter, step in zip(letters, operand.stack, strict=True):
        if step != 0:
            place = binary(place, "+", binary(letter, "*", scope.size(step)))
    return place


def _places(
    scope: Scope, operand: Operand, letters: str, rows: Dimension, columns: Dimension
) -> list[str]:
    """The arguments for a matrix whose elements stand at places of an array."""
    axes = operand.axes or (((rows, operand.rows),), ((columns, operand.columns),))
    return [
        _start(scope, operand, letters),
        *(_axis(scope, axis or ((1, 1),)) for axis in axes),
    ]


def _axis(scope: Scope, axis: Axis) -> str:
    sizes = ", ".join(scope.size(size) for size, _ in axis)
    steps = ", ".join(scope.size(step) for _, step in axis)
    return f"&(struct axis){{{len(axis)}, {{{sizes}}}, {{{steps}}}}}"


def stream_of(scope: Scope, node: Node) -> str:
    """The name of the generator of a draw."""
    return f"{scope.names[node]}_stream"


def _product_room(bodies: Sequence[Body]) -> list[str]:
    items = [item for body in bodies for item in body.nests.items]
    if any(map(works, items)):
        return ["void *product_room = take(&room, 0);"]
    return []
