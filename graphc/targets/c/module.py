"""The text in C of a module: the functions of its regions, and those that they call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...ir.facts import Role
from ...ir.graph import Graph
from ...ir.node import Node
from ...program.forms import Check
from ...program.loops.elements import form_of, is_known, is_outside, runs_bodies
from ...program.loops.tree import same_arrays, values_in
from ...program.native import Region
from ...program.update_loops import UpdateLoops
from .expressions import TYPES, NotInC, Translation
from .library import (
    FUNCTIONS,
    HELPERS,
    INTEGERS,
    ROUTINES,
    functions_of,
    integers,
    library,
    routine,
    with_needed,
)
from .names import CNames, NamesOfValues, size_name
from .products import PRODUCTS, products
from .source import CFunction, c_function
from .threads import SHARE, share
from .traced import traced
from .update import CUpdate, c_step, c_update

_HEAD = """\
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The start of an array in the workspace, at a multiple of 64 bytes; room is what the
// arrays after it have.
static void *take(char **room, int64_t bytes) {
    uintptr_t start = ((uintptr_t)*room + 63) / 64 * 64;
    *room = (char *)start + bytes;
    return (void *)start;
}
"""

_CALLS = Path(__file__).with_name("calls.c").read_text(encoding="utf-8")
"""The function that Python calls, with arrays for the others."""

_PROBLEMS = {"OUT_OF_BOUNDS": 1, "NOT_FINITE": 2}
"""Codes that functions return which can't do what they are asked."""


def supports(node: Node) -> bool:
    """True for a value that a program in C can compute."""
    if runs_bodies(node):
        return all(map(_supports_body, node.bodies))
    types = [node.dtype, *(x.dtype for x in node.inputs)]
    if any(each.name not in TYPES for each in types) or node.op.outputs:
        return False
    if node.op.kind != "elementwise":
        return is_known(node) or form_of(node) is not None
    used: set[str] = set()
    try:
        _ = Translation(node, [("x", x.dtype) for x in node.inputs], used).text
    except NotInC:
        return False
    return all(_is_there(name) for name in used)


def _supports_body(body: Graph) -> bool:
    """True for a body of values that a program in C can compute."""
    return all(
        node.dtype.name in TYPES
        if is_outside(node)
        else runs_bodies(node.inputs[0])
        if node.op.role is Role.RESULT
        else supports(node)
        for node in body.nodes
    )


def _is_there(function: str) -> bool:
    name, _, dtype = function.rpartition("_")
    if not dtype.startswith("float"):
        return name in INTEGERS
    return name in FUNCTIONS | HELPERS or "/" in name or traced(name) is not None


def _found(name: str, texts: dict[str, str]) -> set[str]:
    """The functions of the library that one calls, or itself where it is one; texts of
    others are added to `texts`, after those that they call."""
    found = traced(name)
    if found is None:
        return {name}
    if name in texts:
        return set()
    needed = {each for inner in found[0] for each in _found(inner, texts)}
    texts[name] = found[1]
    return needed


def values_of(region: Region) -> list[Node]:
    """The values that need a name in C."""
    items = region.nests.items
    known = same_arrays(items)
    found = dict.fromkeys(
        (*region.given, *region.results, *region.nests.arrays, *values_in(items))
    )
    return [node for node in found if node not in known]


@dataclass
class CModule:
    """The functions of a module in C."""

    functions: list[CFunction] = field(default_factory=list[CFunction])
    regions: dict[str, Region] = field(default_factory=dict[str, Region])
    """The values that they compute, by their names."""
    updates: dict[str, CUpdate] = field(default_factory=dict[str, CUpdate])
    steps: dict[str, tuple[str, frozenset[str]]] = field(
        default_factory=dict[str, tuple[str, frozenset[str]]]
    )
    """Steps of training, and the functions that they call."""
    threads: int = 0
    """That share large loops; 0 until the program says how many."""

    def add(
        self,
        wish: str,
        region: Region,
        names: NamesOfValues,
        checks: Sequence[Check] = (),
    ) -> CFunction:
        """Print the function of a region, see `c_function`."""
        taken = {function.name for function in self.functions}
        name, count = wish, 1
        while name in taken:
            count += 1
            name = f"{wish}_{count}"
        outer = (*region.given, *region.results, *region.nests.arrays)
        taken.update(map(size_name, region.symbols))
        known = CNames(names, outer, taken)
        known.add_inner(names, values_of(region))
        known.add_same(same_arrays(region.nests.items))
        function = c_function(name, region, known, checks)
        self.functions.append(function)
        self.regions[name] = region
        return function

    def add_update(
        self,
        name: str,
        loops: UpdateLoops,
        names: NamesOfValues,
        rules: Sequence[NamesOfValues],
        numbers: Mapping[Node, tuple[int, str]],
    ) -> CUpdate:
        """Print an update, see `c_update`."""
        taken = {function.name for function in self.functions}
        taken = taken.union(self.updates, *(u.rules for u in self.updates.values()))
        update = c_update(name, loops, names, rules, numbers, taken)
        self.updates[name] = update
        return update

    def add_step(
        self,
        name: str,
        update: str,
        function: str,
        loss: Node,
        assigned: Mapping[Node, tuple[str, Node]],
        *,
        checks: bool,
    ) -> None:
        """Print a step of training, see `c_step`."""
        region, after = self.regions[function], self.updates[update]
        args = name, loss, region, function, after, assigned
        self.steps[name] = c_step(*args, checks=checks)

    @property
    def text(self) -> str:
        """The whole text."""
        found = {each for f in self.functions for each in f.used}
        found = found.union(*(update.used for update in self.updates.values()))
        found = found.union(*(used for _, used in self.steps.values()))
        used = sorted(found - {SHARE})
        called = [name.rpartition("_") for name in used]
        routines = with_needed((n, d) for n, _, d in called if n in ROUTINES)
        whole = [(n, d) for n, _, d in called if n in INTEGERS and d[:5] != "float"]
        matrices = [each for each in called if each[0] in PRODUCTS]
        names = {n for n, _, d in called if n not in ROUTINES and (n, d) not in whole}
        names |= {each for name, _ in routines for each in functions_of(name)}
        texts: dict[str, str] = {}
        names = {n for name in names - PRODUCTS for n in _found(name, texts)}
        parts = [*texts.values()]
        parts += [integers(name, dtype) for name, dtype in whole]
        if matrices:
            dtypes = [dtype for _, _, dtype in matrices]
            of_places = [d for name, _, d in matrices if name.endswith("of_places")]
            parts.append(products(dtypes, of_places))
        parts += [routine(name, dtype) for name, dtype in routines]
        parts += [share(self.threads)] if SHARE in found else []
        own = [each.text for each in (*self.functions, *self.updates.values())]
        own += [text for text, _ in self.steps.values()]
        functions = "\n".join(f"{text}\n" for text in own)
        codes = _PROBLEMS.items()
        told = [f"{name} = {code}" for name, code in codes if name in functions]
        parts += [f"enum {{ {', '.join(told)} }};\n"] if told else []
        parts.append(functions)
        parts.append(_CALLS)
        text = "\n".join(parts)
        return "\n".join([_HEAD, library(names, text), text])
