"""A network as a picture of its neurons: circles in columns, a line for each weight.

Only dense layers, one after the other, are such a network. A layer is known by its
shapes: features go in, others come out, and a matrix without rows of data has the sizes
of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..errors import OptionError
from ..ir.facts import Role
from ..ir.node import Node
from ..ir.types import TupleType, is_floating
from ..ir.walk import reading_order
from ..notation.formula import System, text_printer
from .text import quoted

_MOST = 10
"""Neurons of a column that are all drawn."""
_FIRST, _LAST = 5, 2
"""Those drawn of a larger one, around three dots."""

_LONGEST = 44
"""Letters of an equation; of a longer one the name remains."""

_STEP = 0.52
_CIRCLE = 0.36
_LEAST_WIDTH = 1.7
_LETTER = 0.075
"""Inches: between neurons, across one, between columns, and for a letter."""


@dataclass(frozen=True)
class _Column:
    """The neurons of one layer, or the features of the input."""

    chain: tuple[Node, ...]
    """The sums, and the functions of them, one after the other."""

    @property
    def out(self) -> Node:
        """The sums after the last function of the neurons."""
        return self.chain[-1]

    @property
    def size(self) -> int:
        """The number of neurons, or of features."""
        size = self.out.shape[-1]
        assert isinstance(size, int)
        return size


def neurons_dot(outputs: Sequence[tuple[str, Node]]) -> str:
    """The network behind the first output as DOT, with the place of each neuron in it.

    Raises:
        OptionError: if it is not a chain of dense layers.
    """
    columns = _columns(outputs[0][1])
    formulas = _formulas(columns)
    captions = [
        [*lines, f"{column.size} {'features' if not place else 'neurons'}"]
        for place, (column, lines) in enumerate(zip(columns, formulas, strict=True))
    ]
    widest = max(len(line) for caption in captions for line in caption)
    apart = max(_LEAST_WIDTH, widest * _LETTER + 0.3)
    lines = [
        'digraph "neurons" {',
        '  graph [layout="neato", splines="line", bgcolor="white", pad="0.2", '
        'outputorder="edgesfirst", tooltip="network of neurons"];',
        f'  node [shape="circle", fixedsize="true", width="{_CIRCLE}", '
        'fontname="Helvetica", fontsize="10", fontcolor="#1f2933", style="filled"];',
        '  edge [color="#85909a", arrowhead="none", penwidth="0.6"];',
    ]
    tallest = max(len([*_shown(column.size)]) for column in columns)
    for place, column in enumerate(columns):
        lines += _circles(place, column, place * apart)
        lines.append(_caption(place, captions[place], place * apart, tallest))
    for place in range(1, len(columns)):
        left, right = columns[place - 1], columns[place]
        lines += [
            f"  c{place - 1}_{one} -> c{place}_{other};"
            for one in _shown(left.size)
            for other in _shown(right.size)
            if one is not None and other is not None
        ]
    return "\n".join([*lines, "}", ""])


def _columns(target: Node) -> list[_Column]:
    """The layers before a value, the input first."""
    trained = _depends(target, Role.PARAMETER)
    fed = _depends(target, Role.INPUT, Role.ARGUMENT)
    found: list[_Column] = []
    node = target
    chain: list[Node] = []
    while True:
        inputs = [p for p in node.inputs if p in fed and _is_floating(p)]
        inputs = [p for p in inputs if p in trained] or inputs
        if len({*inputs}) > 1:
            raise _not_neurons(f"{node.describe()} takes several values", node)
        parent = inputs[0] if inputs else None
        if parent is None or (found and _reshapes(node, parent)):
            break
        is_dense = _is_dense(node, parent, fed)
        if is_dense:
            found.append(_Column((node, *reversed(chain))))
        if is_dense or parent.shape != node.shape:
            chain = []
        else:
            chain.append(node)
        node = parent
    if not found:
        raise _not_neurons(f"there is none before {target.describe()}", target)
    found.append(_Column((chain[0] if chain else node,)))
    return found[::-1]


def _depends(target: Node, *roles: Role) -> set[Node]:
    """Values behind a target that are, or depend on, sources of some roles."""
    found: set[Node] = set()
    for node in reading_order([target], lambda node: node.inputs):
        if node.op.role in roles or any(parent in found for parent in node.inputs):
            found.add(node)
    return found


def _is_floating(node: Node) -> bool:
    return not isinstance(node.type, TupleType) and is_floating(node.dtype)


def _is_dense(node: Node, parent: Node, fed: set[Node]) -> bool:
    if not node.shape or not parent.shape or node.shape[:-1] != parent.shape[:-1]:
        return False
    sizes = {node.shape[-1:] + parent.shape[-1:], parent.shape[-1:] + node.shape[-1:]}
    return all(isinstance(size, int) for pair in sizes for size in pair) and any(
        other.shape in sizes for other in node.inputs if other not in fed
    )


def _reshapes(node: Node, parent: Node) -> bool:
    """True of a value whose features are not computed by a layer of neurons."""
    is_same = node.shape == parent.shape
    return not is_same and not any(
        one.shape and len(one.shape) == 2 for one in node.inputs if one is not parent
    )


def _not_neurons(why: str, node: Node) -> OptionError:
    return OptionError(
        f"a drawing of neurons takes dense layers, one after the other; {why}",
        node=node.describe(),
        hint='level="block"',
    )


def _formulas(columns: Sequence[_Column]) -> list[list[str]]:
    """The equations of each column: of the sums, and of what follows."""
    also = {column.out: f"z{place}" for place, column in enumerate(columns)}
    also[columns[0].out] = "x"
    nodes = [column.chain for column in columns]
    system = System([n for chain in nodes for n in chain], opens_known=False, also=also)
    image = dict(zip((n for c in nodes for n in c), system.outputs, strict=True))
    texts: list[list[str]] = []
    for column in columns:
        lines: list[str] = []
        for node in column.chain:
            name, value = (
                system.symbols.get(image[node]),
                system.values.get(image[node]),
            )
            if name is None:
                continue
            text = text_printer([])(name)
            if value is not None and column is not columns[0]:
                text = f"{text} = {text_printer([value])(value)}"
                text = text if len(text) <= _LONGEST else text.split(" = ")[0]
            lines.append(text)
        texts.append(lines)
    return texts


def _shown(size: int) -> Iterator[int | None]:
    """The numbers of the neurons that are drawn; None for dots."""
    if size <= _MOST:
        yield from range(size)
        return
    yield from range(_FIRST)
    yield None
    yield from range(size - _LAST, size)


def _circles(place: int, column: _Column, right: float) -> Iterator[str]:
    shown = [*_shown(column.size)]
    function = _function(column)
    colours = ("#dceaf7", "#2b6299") if not place else ("#ffffff", "#5a4788")
    for n, neuron in enumerate(shown):
        up = _STEP * ((len(shown) - 1) / 2 - n)
        at = f'pos="{right:.3f},{up:.3f}!"'
        if neuron is None:
            yield f'  d{place} [shape="plain", style="", label="⋮", {at}];'
            continue
        tooltip = quoted([f"{column.out.label or ''}[{neuron}]"], tooltip=True)
        yield (
            f"  c{place}_{neuron} [label={quoted([function])}, tooltip={tooltip}, "
            f'fillcolor="{colours[0]}", color="{colours[1]}", {at}];'
        )


def _function(column: _Column) -> str:
    """The sign of what neurons do with their sums, where it fits in a circle."""
    for node in column.chain[1:]:
        sign = node.op.mathematics.symbol or node.op.name
        if (node.op.is_block or node.op.mathematics.is_known) and len(sign) <= 4:
            return sign
    return ""


def _caption(place: int, lines: Sequence[str], right: float, tallest: int) -> str:
    down = -_STEP * tallest / 2 - 0.095 * (len(lines) - 1) - 0.1
    return (
        f'  t{place} [shape="plain", style="", fixedsize="false", fontsize="11", '
        f'label={quoted(lines)}, pos="{right:.3f},{down:.3f}!"];'
    )
