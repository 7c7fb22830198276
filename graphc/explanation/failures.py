"""An account of a step that was not taken: the node, the row and the operands."""

from __future__ import annotations

import numpy as np

from ..ir.node import Node
from ..runtime.diagnosis import Failure, Source
from ..runtime.parameters import Array
from ..viz.text import place, shortened
from .formulas import formulas
from .sections import Item, Section

_FINITE = (
    "with this batch the graph as declared has finite values only: the program rounds "
    "otherwise, or drew other random numbers"
)


def failure_section(failure: Failure) -> Section:
    """The account of a failure.

    Its table has the operands of the node: the element that the bad one was computed
    from, where the op goes by elements, and the range of all.
    """
    source = failure.source
    items = [] if source is None else [_node_item(source)]
    if failure.row is not None:
        items.append(_row_item(failure, failure.row))
    rows = (
        [] if source is None else [_operand(source, *each) for each in source.operands]
    )
    return Section(
        failure.message,
        (failure,),
        ("operand", "element", "least", "greatest", "line"),
        tuple(rows),
        texts=1,
        items=tuple(items),
        notes=() if source is not None else (_FINITE,),
    )


def _node_item(source: Source) -> Item:
    node = source.node
    (formula,) = formulas([node])
    name = f"{node.label} = " if node.label else ""
    lines = [
        f"{name}{shortened(formula, 70)}    {place(node.origin.location)}".rstrip()
    ]
    through = node.origin.derivative
    if through is not None:
        told = through.through
        lines.append(
            f"in the gradient through {told.label or told.op.name}    "
            f"{place(told.origin.location)}".rstrip()
        )
    return Item(source.sentence, tuple(lines))


def _row_item(failure: Failure, row: int) -> Item:
    """The row at fault of each array that has rows."""
    lines = [
        f"{name}: {_numbers(failure.batch[name].take(row, axis))}"
        for name, axis in failure.row_axes.items()
    ]
    return Item(f"row {row} of the batch", tuple(lines))


def _numbers(array: Array) -> str:
    text = np.array2string(np.asarray(array), threshold=12, precision=4)
    return shortened(" ".join(text.split()), 70)


def _operand(source: Source, node: Node, value: Array) -> tuple[str, ...]:
    (name,) = formulas([node]) if node.label is None else (node.label,)
    element = ""
    if source.node.op.kind == "elementwise":
        element = f"{np.broadcast_to(value, source.value.shape)[source.place]:.6g}"
    with np.errstate(all="ignore"):
        least, greatest = (
            (f"{value.min():.6g}", f"{value.max():.6g}") if value.size else ("", "")
        )
    return shortened(name, 40), element, least, greatest, place(node.origin.location)
