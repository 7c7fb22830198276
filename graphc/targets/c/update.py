"""The text in C of an optimizer's update, and of a step of training with it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...ir.node import Node
from ...ir.scalar import Total
from ...program.loops.arena import works
from ...program.loops.groups import are_together
from ...program.loops.tree import Local, inside
from ...program.native import Region
from ...program.update_loops import RuleLoop, UpdateLoops
from ...program.update_nests import COUNT, RuleNests
from .blocks import Blocks
from .expressions import c_type
from .function import Scope
from .names import CNames, NamesOfValues
from .text import called, indented, wrapped
from .threads import GLOBAL_NAMES, SHARE, Parameter, shared_stretch


@dataclass(frozen=True)
class CUpdate:
    """The functions of an update in C."""

    name: str
    """That of the one which runs all rules."""
    text: str
    used: frozenset[str]
    rules: tuple[str, ...]
    """Those of each rule."""
    columns: tuple[tuple[str, ...], ...]
    """Of each of these the dtypes of the arrays that its loop goes through."""
    assigned: int
    """The place among all arrays of the first that a step of training assigns to."""
    first: int
    """That of the first which a rule goes through."""


def rule_name(title: str) -> str:
    """The name of a rule from an optimizer in words.

    >>> rule_name("EMA(AdamW)")
    'ema_adam_w'
    """
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", title)
    return "_".join(words[:4]).lower() or "rule"


class UpdateNames:
    """Names of the values of a function, each of its own, and none with a dtype in it
    where that is not needed."""

    def __init__(
        self,
        names: NamesOfValues,
        nodes: Iterable[Node],
        own: Mapping[Node, str],
        taken: Iterable[str] = (),
    ) -> None:
        """Name values.

        Args:
            names: those of values in Python.
            nodes: the values, first those that must not be called otherwise.
            own: names of some in C.
            taken: names that mean something else.
        """
        self._names: dict[Node, str] = {}
        used = {*taken}
        for node in dict.fromkeys(nodes):
            wish = own[node] if node in own else names[node]
            wish = name = re.sub(r"_float(32|64)(_\d+)?$", "", wish)
            if name in used:
                name = f"{wish}_{c_type(node.dtype)}"
            count = 1
            while name in used:
                count += 1
                name = f"{wish}_{count}"
            used.add(name)
            self._names[node] = name

    def __getitem__(self, node: Node, /) -> str:
        """The name of a value."""
        return self._names[node]


def c_update(
    name: str,
    loops: UpdateLoops,
    names: NamesOfValues,
    rules: Sequence[NamesOfValues],
    numbers: Mapping[Node, tuple[int, str]],
    taken: Iterable[str],
) -> CUpdate:
    """Print an update.

    Args:
        name: of the function that runs all of it.
        loops: the update.
        names: those of its values in Python.
        rules: those of the values of each rule.
        numbers: for those that it is given, the place and a name.
        taken: names of functions that are there.
    """
    taken = {name, *taken, *GLOBAL_NAMES}
    used: set[str] = set()
    functions: list[str] = []
    own_names: list[str] = []
    wishes = {node: wish for node, (_, wish) in numbers.items()}
    nodes = [*loops.numbers, *loops.arrays, *loops.results, *loops.shared.names]
    named = UpdateNames(names, nodes, wishes)
    scope = Scope(CNames(named, dict.fromkeys(nodes), taken), {*nodes}, used)
    scope.variables -= {node for node in loops.arrays if node.ndim}
    body: list[str] = []
    for place, node in enumerate(loops.arrays):
        kind, own = c_type(node.dtype), scope.names[node]
        if node.ndim:
            body.append(f"const {kind} *{own} = arrays[{place}];")
        else:
            body.append(f"const {kind} {own} = *({kind} *)arrays[{place}];")
    for node in loops.numbers:
        kind, place = c_type(node.dtype), numbers[node][0]
        cast = "" if kind == "double" else f"({kind})"
        body.append(f"const {kind} {scope.names[node]} = {cast}numbers[{place}];")
    for item in loops.shared.items:
        for each in inside(item):
            if isinstance(each, Local) and isinstance(each.value, Total):
                scope.whole.add(each.node)
    body += scope.items(loops.shared.items)
    places = {node: place for place, node in enumerate(loops.arrays)}
    count, first = len(loops.rules), len(loops.arrays) + len(loops.assigned)
    start: list[str] = []
    if loops.room:
        start.append(f"char *room = arrays[{first}];")
        first += 1
    start += [f"void *const *run = arrays + {first};"] if first else []
    run = "run" if first else "arrays"
    start.append(f"const int64_t *counts = sizes + {count};")
    calls: list[str] = []
    for place, (rule, inner) in enumerate(zip(loops.rules, rules, strict=True)):
        wish = rule_name(loops.lowered.update.title)
        own, number = wish, 1
        while own in taken:
            number += 1
            own = f"{wish}_{number}"
        taken.add(own)
        own_names.append(own)
        text, numbers_passed = _rule(own, rule, scope, inner, wishes, taken)
        functions.append(text)
        given = [f"{run}[{column}]" for column in range(len(rule.columns))]
        told = [*given, *numbers_passed, *["room"] * bool(rule.room)]
        lines = [f"{called(own, ['*counts++', *told])};"]
        if isinstance(rule, RuleNests):
            if not rule.counts:
                lines = [f"{called(own, told)};", "counts++;"]
        elif rule.loop.cost is not None:
            used.add(SHARE)
            parameters = _parameters(rule, given, numbers_passed)
            part = f"{own}_shared"
            text, told = shared_stretch(own, part, parameters)
            functions.append(text)
            at_once = called("turns_of_part", [scope.size(rule.loop.cost)])
            lines = [f"{called(SHARE, [part, '*counts++', at_once, *told])};"]
        calls += [
            f"for (int64_t rest = sizes[{place}]; rest > 0; rest--) {{",
            *indented([*lines, f"{run} += {len(rule.columns)};"]),
            "}",
        ]
    for value, slot in loops.replaced:
        place = places[slot]
        kind = c_type(slot.dtype)
        calls.append(f"*({kind} *)arrays[{place}] = {scope.names[value]};")
    lines = [
        "// Each rule runs over parameters, one after another, or over stretches of",
        "// memory in which they lie side by side.",
        f"// {_sizes_told(count)}",
        f"int {name}(void *const *arrays, const int64_t *sizes, "
        "const double *numbers) {",
        *indented([*body, *start, *calls, "return 0;"]),
        "}",
    ]
    functions.append("\n".join(wrapped(lines)))
    columns = tuple(
        tuple(node.dtype.name for node in rule.columns) for rule in loops.rules
    )
    text = "\n\n".join(functions)
    used_here, assigned = frozenset(used), len(loops.arrays)
    return CUpdate(name, text, used_here, tuple(own_names), columns, assigned, first)


def _sizes_told(rules: int) -> str:
    if rules == 1:
        return "sizes[0] counts these, and the sizes after it are theirs."
    return f"The first {rules} sizes count these for each, and the others are theirs."


def _parameters(
    rule: RuleLoop, arrays: Sequence[str], numbers: Sequence[str]
) -> list[Parameter]:
    """The parameters of a rule's function after the count."""
    found: list[Parameter] = []
    for node, value in zip(rule.columns, arrays, strict=True):
        const = "" if node in rule.stored else "const "
        found.append(Parameter(f"{const}{c_type(node.dtype)} *", value))
    for node, value in zip(rule.given, numbers, strict=True):
        kind = c_type(node.dtype)
        found.append(Parameter(kind, value, kind))
    return found


def _rule(
    name: str,
    rule: RuleLoop | RuleNests,
    outer: Scope,
    names: NamesOfValues,
    numbers: Mapping[Node, str],
    taken: Collection[str],
) -> tuple[str, list[str]]:
    """The function of a rule, with those that it calls, and the numbers it takes."""
    labels = {node: label for label, node in rule.rule.placeholders()}
    variables = {*rule.variables}
    new = {
        value: f"new_{labels[old]}"
        for value, old in rule.rule.outputs()
        if value in variables and value.name is None
    }
    nodes = dict.fromkeys((*rule.columns, *rule.variables, *rule.given))
    own = UpdateNames(names, nodes, {**numbers, **labels, **new}, [COUNT.text])
    known = CNames(own, nodes, {COUNT.text, *taken})
    scope = Scope(known, {*rule.given}, outer.used)
    given: list[str] = []
    if not isinstance(rule, RuleNests) or rule.counts:
        given.append(f"int64_t {COUNT.text}")
    for node in rule.columns:
        const = "" if node in rule.stored else "const "
        given.append(f"{const}{c_type(node.dtype)} *restrict {known[node]}")
    given += [f"{c_type(node.dtype)} {known[node]}" for node in rule.given]
    if rule.room:
        given.append("char *room")
    functions: list[str] = []
    if isinstance(rule, RuleNests):
        known.add_same(rule.replaced)
        blocks = Blocks(scope, name, known={})
        body = _of_nests(rule, blocks)
        functions = blocks.functions
    else:
        scope.variables |= variables
        body = scope.loop(rule.loop)
    lines = [f"static void {name}({', '.join(given)}) {{", *indented(body), "}"]
    text = "\n\n".join([*functions, "\n".join(wrapped(lines))])
    return text, [outer.names[node] for node in rule.given]


def _of_nests(rule: RuleNests, blocks: Blocks) -> list[str]:
    """The lines that run the nests of a rule."""
    items = rule.nests.items
    lines = blocks.memory(rule.arena)
    if any(map(works, items)):
        lines.append("void *product_room = take(&room, 0);")
    if are_together(items):
        blocks.start(rule.nests)
        return [*lines, *blocks.scope.items(items)]
    return [*lines, *blocks.block(rule.nests)]


def c_step(
    name: str,
    loss: Node,
    region: Region,
    function: str,
    update: CUpdate,
    assigned: Mapping[Node, tuple[str, Node]],
    *,
    checks: bool,
) -> tuple[str, frozenset[str]]:
    """Print a step of training: what computes gradients, and then the update.

    Args:
        name: of the function.
        loss: a result of the region.
        region: the values that are computed first.
        function: the one that computes them.
        update: what follows.
        assigned: for each buffer its name, and the result that is assigned to it.
        checks: True where nothing is updated unless all numbers are finite.

    Returns:
        The text, and the functions that it calls.
    """
    lines = [
        "// Nothing is updated if a position is out of bounds"
        + (", or a number is not finite." if checks else "."),
        f"int {name}(void *const *arrays, const int64_t *sizes, "
        "const double *numbers, void *const *update_arrays, "
        "const int64_t *update_sizes, const double *update_numbers) {",
        f"    if ({function}(arrays, sizes, numbers)) {{",
        "        return OUT_OF_BOUNDS;",
        "    }",
    ]
    used: set[str] = set()
    places = {n: place for place, n in enumerate((*region.read, *region.results))}
    if checks:
        finite = f"all_finite_{loss.dtype.name}"
        used.add(finite)
        first = f" + {update.first}" if update.first else ""
        lines += [
            f"    bool is_finite = {finite}(1, arrays[{places[loss]}]);",
            f"    void *const *run = update_arrays{first};",
            f"    const int64_t *counts = update_sizes + {len(update.columns)};",
        ]
        for place, columns in enumerate(update.columns):
            finite = f"all_finite_{columns[1]}"
            used.add(finite)
            lines += [
                f"    for (int64_t rest = update_sizes[{place}]; rest > 0; rest--) {{",
                f"        is_finite = is_finite && {finite}(*counts++, run[1]);",
                f"        run += {len(columns)};",
                "    }",
            ]
        for _, value in assigned.values():
            if value.dtype.kind == "f":
                finite = f"all_finite_{value.dtype.name}"
                used.add(finite)
                test = called(
                    finite, (str(value.type.size), f"arrays[{places[value]}]")
                )
                lines.append(f"    is_finite = is_finite && {test};")
        lines += ["    if (!is_finite) {", "        return NOT_FINITE;", "    }"]
    lines += indented(_assignments(assigned, places, update.assigned))
    given = "update_arrays, update_sizes, update_numbers"
    lines += [f"    return {update.name}({given});", "}"]
    return "\n".join(wrapped(lines)), frozenset(used)


def _assignments(
    assigned: Mapping[Node, tuple[str, Node]], places: Mapping[Node, int], first: int
) -> list[str]:
    """The lines that assign new values to buffers."""
    wishes = {value: f"new_{wish}" for wish, value in assigned.values()}
    wishes |= {node: wish for node, (wish, _) in assigned.items()}
    names = CNames(wishes, wishes, {"update_arrays", "update_sizes", "update_numbers"})
    lines: list[str] = []
    for value in dict.fromkeys(value for _, value in assigned.values()):
        array = f"arrays[{places[value]}]"
        lines.append(f"const {c_type(value.dtype)} *{names[value]} = {array};")
    for place, node in enumerate(assigned, first):
        lines.append(f"{c_type(node.dtype)} *{names[node]} = update_arrays[{place}];")
    for node, (_, value) in assigned.items():
        if not node.ndim:
            lines.append(f"*{names[node]} = *{names[value]};")
            continue
        lines += [
            f"for (int64_t i = 0; i < {node.type.size}; i++) {{",
            f"    {names[node]}[i] = {names[value]}[i];",
            "}",
        ]
    return lines
