"""Formulas in normal form, where that is cheaper and floats agree.

An elementwise region is read as a sum of products, in which equal terms and factors are
one. That form is turned back into nodes, priced by what NumPy pays for each function,
and takes the place of what was written if it is cheaper and agrees with it on the whole
domain.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...ir.graph import Graph, rebuild
from ...ir.literal import constant_of, is_constant
from ...ir.node import Node
from ...ir.origin import replacing
from ...ir.types import DType
from ...ir.walk import ancestors, topological_order
from ..base import adopt, note
from ..cse import value_numbers
from .elementwise_regions import Region, find_regions
from .normal_form import Builder, Formulas, Sum, number
from .validation import agree

_RULE = "formula -> cheaper formula"
_SOUND = (
    "both agree to 4 units in the last place, in NaN, in infinities and in the signs "
    "of zeros, on special values and random ones, in float64 and in their own dtype"
)

CALL = 0.5
"""Time for a call whatever it computes, for arrays that fit into the cache. In units of
`Facts.cost`, of which only the order of magnitude matters to a choice between formulas.
"""
_UNKNOWN = 30.0
_MOST_INPUTS = 3
"""So few that special values are tried in all combinations."""
_MOST_ANALYSES = 32


@dataclass(frozen=True)
class Simplify:
    """Collect equal terms, equal factors and numbers of elementwise regions.

    Before: primitives. After: each region whose normal form is cheaper and agrees with
    it is in that form. Sound when agreement on samples is agreement: the two are held
    against each other on special values (zeros, infinities, NaN, extremes) in all
    combinations, and on random ones. Time is bounded: a region has at most 16 nodes,
    its normal form is never multiplied out, and no more than the first 32 different
    formulas of a graph that are cheaper in normal form are validated.
    """

    name: str = "simplify"

    @property
    def reasons(self) -> Mapping[str, str]:
        """Each rule, and when it is sound."""
        return {_RULE: _SOUND}

    def run(self, graph: Graph) -> Graph:
        """The graph with cheaper formulas."""
        found: dict[Node, tuple[Region, Recipe]] = {}
        known: dict[Any, Recipe | None] = {}
        for region in find_regions(graph):
            if not 1 <= len(region.inputs) <= _MOST_INPUTS:
                continue
            if _form(region) is None:
                continue
            key = region.key()
            if key not in known:
                if len(known) >= _MOST_ANALYSES:
                    continue
                known[key] = _simplify(region)
            recipe = known[key]
            if recipe is not None:
                found[region.root] = (region, recipe)
        return _replace(graph, found) if found else graph


def _replace(graph: Graph, found: Mapping[Node, tuple[Region, Recipe]]) -> Graph:
    images: dict[Node, Node] = {}

    def image(old: Node, node: Node) -> Node:
        if old not in found:
            return node
        region, recipe = found[old]
        with replacing(old, _RULE):
            inputs = [images[parent] for parent in region.inputs]
            new = recipe(inputs, region.dtype)
        if new.type != old.type:
            return node
        new = adopt(old, new)
        note(_RULE, _SOUND, old, new)
        return new

    originals = iter(graph.nodes)

    def rule(node: Node) -> Node:
        old = next(originals)
        images[old] = image(old, node)
        return images[old]

    return rebuild(graph, rule)


Recipe = Callable[[Sequence[Node], DType], Node]
"""A formula that can be built of any inputs."""


def _simplify(region: Region) -> Recipe | None:
    """The normal form of a region, if it is cheaper and agrees with it."""
    found = _form(region)
    if found is None:
        return None
    inputs = region.inputs
    recipe = functools.partial(_build, *found)
    try:
        price = cost(_computed(recipe(inputs, region.dtype), inputs))
    except OverflowError:
        return None
    is_cheaper = price < cost(region.nodes) - CALL / 2
    agrees = is_cheaper and agree(region.replay, recipe, len(inputs), region.dtype)
    return recipe if agrees else None


def _form(region: Region) -> tuple[Formulas, Sum] | None:
    """The normal form of a region, if anything merges in it."""
    formulas = Formulas()
    forms = {node: formulas.input(n) for n, node in enumerate(region.inputs)}
    try:
        for node in region.nodes:
            operands = [
                forms[p] if p in forms else number(float(constant_of(p)))
                for p in node.inputs
            ]
            forms[node] = formulas.of(node, operands)
    except ArithmeticError:
        return None
    return (formulas, forms[region.root]) if formulas.merged else None


def _build(formulas: Formulas, form: Sum, inputs: Sequence[Node], dtype: DType) -> Node:
    return Builder(formulas, inputs, dtype).sum(form)


def _computed(root: Node, inputs: Sequence[Node]) -> Iterator[Node]:
    """The operations between `inputs` and `root`, equal ones once."""
    known = set(ancestors(inputs))
    nodes = topological_order(ancestors([root]))
    numbers = value_numbers(nodes)
    for node in {numbers[node]: node for node in nodes}.values():
        if node not in known and not is_constant(node):
            yield node


def cost(nodes: Iterable[Node]) -> float:
    """Time for an element of computing each of these nodes once."""
    total = 0.0
    for node in nodes:
        declared = node.op.facts.cost
        if isinstance(declared, tuple):
            declared = declared[node.dtype.itemsize > 4]
        total += CALL + (_UNKNOWN if declared is None else declared)
    return total
