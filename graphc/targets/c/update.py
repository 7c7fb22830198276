"""The text in C of an optimizer's update, and of a step of training with it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...ir.node import Node
from ...ir.scalar import Total
from ...program.loops.tree import Local, inside
from ...program.native import Region
from ...program.update_loops import COUNT, GroupLoop, UpdateLoops
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
    first: int
    """The place of the first of these arrays among all."""


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
    count, first = len(loops.groups), len(loops.arrays)
    start = [f"void *const *run = arrays + {first};"] if first else []
    run = "run" if first else "arrays"
    start.append(f"const int64_t *counts = sizes + {count};")
    calls: list[str] = []
    for place, (group, inner) in enumerate(zip(loops.groups, rules, strict=True)):
        wish = rule_name(loops.lowered.update.title)
        own, number = wish, 1
        while own in taken:
            number += 1
            own = f"{wish}_{number}"
        taken.add(own)
        own_names.append(own)
        text, passed = _rule(own, group, scope, inner, wishes, taken)
        functions.append(text)
        width = len(group.columns)
        given = [f"{run}[{column}]" for column in range(width)]
        call = f"{called(own, ['*counts++', *given, *passed])};"
        if group.loop.cost is not None:
            used.add(SHARE)
            part = f"{own}_shared"
            text, told = shared_stretch(own, part, _parameters(group, given, passed))
            functions.append(text)
            at_once = called("turns_of_part", [scope.size(group.loop.cost)])
            call = f"{called(SHARE, [part, '*counts++', at_once, *told])};"
        calls += _runs(place, run, width, call)
    for value, slot in loops.replaced:
        place = places[slot]
        kind = c_type(slot.dtype)
        calls.append(f"*({kind} *)arrays[{place}] = {scope.names[value]};")
    lines = [
        "// Each rule runs over stretches of memory in which arrays lie side by side.",
        f"// {_sizes_told(count)}",
        f"int {name}(void *const *arrays, const int64_t *sizes, "
        "const double *numbers) {",
        *indented([*body, *start, *calls, "return 0;"]),
        "}",
    ]
    functions.append("\n".join(wrapped(lines)))
    columns = tuple(
        tuple(node.dtype.name for node in group.columns) for group in loops.groups
    )
    text = "\n\n".join(functions)
    return CUpdate(name, text, frozenset(used), tuple(own_names), columns, first)


def _sizes_told(rules: int) -> str:
    if rules == 1:
        return "sizes[0] counts these, and the sizes after it are theirs."
    return f"The first {rules} sizes count these for each, and the others are theirs."


def _runs(place: int, run: str, width: int, call: str) -> list[str]:
    """The loop that goes through the stretches of a rule."""
    return [
        f"for (int64_t rest = sizes[{place}]; rest > 0; rest--) {{",
        *indented([call, f"{run} += {width};"]),
        "}",
    ]


def _parameters(
    group: GroupLoop, arrays: Sequence[str], numbers: Sequence[str]
) -> list[Parameter]:
    """The parameters of a rule's function after the count."""
    found: list[Parameter] = []
    for node, value in zip(group.columns, arrays, strict=True):
        const = "" if node in group.stored else "const "
        found.append(Parameter(f"{const}{c_type(node.dtype)} *", value))
    for node, value in zip(group.given, numbers, strict=True):
        kind = c_type(node.dtype)
        found.append(Parameter(kind, value, kind))
    return found


def _rule(
    name: str,
    group: GroupLoop,
    outer: Scope,
    names: NamesOfValues,
    numbers: Mapping[Node, str],
    taken: Collection[str],
) -> tuple[str, list[str]]:
    """The function of a rule, and the numbers that it is passed."""
    labels = {node: label for label, node in group.group.rule.placeholders()}
    variables = {*group.variables}
    new = {
        value: f"new_{labels[old]}"
        for value, old in group.group.rule.outputs()
        if value in variables and value.name is None
    }
    nodes = dict.fromkeys((*group.columns, *group.variables, *group.given))
    own = UpdateNames(names, nodes, {**numbers, **labels, **new}, [COUNT.text])
    known = CNames(own, nodes, {COUNT.text, *taken})
    scope = Scope(known, {*group.variables, *group.given}, outer.used)
    given = [f"int64_t {COUNT.text}"]
    for node in group.columns:
        const = "" if node in group.stored else "const "
        given.append(f"{const}{c_type(node.dtype)} *restrict {known[node]}")
    given += [f"{c_type(node.dtype)} {known[node]}" for node in group.given]
    lines = [
        f"static void {name}({', '.join(given)}) {{",
        *indented(scope.loop(group.loop)),
        "}",
    ]
    return "\n".join(wrapped(lines)), [outer.names[node] for node in group.given]


def c_step(
    name: str, loss: Node, region: Region, function: str, update: CUpdate, checks: bool
) -> tuple[str, frozenset[str]]:
    """Print a step of training: what computes gradients, and then the update.

    Args:
        name: of the function.
        loss: a result of the region.
        region: the values that are computed first.
        function: the one that computes them.
        update: what follows.
        checks: True where nothing is updated unless loss and gradients are finite.

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
    if checks:
        arrays = (*region.read, *region.results)
        place = next(place for place, node in enumerate(arrays) if node is loss)
        finite = f"all_finite_{loss.dtype.name}"
        used.add(finite)
        first = f" + {update.first}" if update.first else ""
        lines += [
            f"    bool is_finite = {finite}(1, arrays[{place}]);",
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
        lines += ["    if (!is_finite) {", "        return NOT_FINITE;", "    }"]
    given = "update_arrays, update_sizes, update_numbers"
    lines += [f"    return {update.name}({given});", "}"]
    return "\n".join(wrapped(lines)), frozenset(used)
