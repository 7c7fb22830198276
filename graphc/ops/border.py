"""Borders of one number around an array."""

from __future__ import annotations

from typing import Any

from ..errors import OptionError
from ..ir.dims import Dim
from ..ir.facts import Facts
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from .indexing import GETITEM
from .slices import Slice

PadWidth = tuple[tuple[int, int], ...]


def _pad_infer(x: TensorType, *, pad_width: PadWidth, value: Any) -> TensorType:
    if len(pad_width) != x.ndim or any(w < 0 for pair in pad_width for w in pair):
        raise OptionError(
            f"requires two widths for each of {x.ndim} axes, none negative, "
            f"got {pad_width}"
        )
    sizes = zip(x.shape, pad_width, strict=True)
    return x.with_shape(tuple(before + size + after for size, (before, after) in sizes))


def _index(x: Node, pad_width: PadWidth) -> tuple[Slice, ...]:
    """The place of `x` in the padded array."""
    pairs = zip(x.shape, pad_width, strict=True)
    return tuple(
        Slice(before, before + size, None, size)
        if before or after
        else Slice(None, None, None, size)
        for size, (before, after) in pairs
    )


def _place(node: Node) -> str:
    items: list[str] = []
    sizes = node.inputs[0].shape
    for size, (before, after) in zip(sizes, node.attributes["pad_width"], strict=True):
        stop = before + size
        text = stop.source("dim_") if isinstance(stop, Dim) else str(stop)
        items.append(f"{before or ''}:{text}" if before or after else ":")
    while len(items) > 1 and items[-1] == ":":
        items.pop()
    return ", ".join(items)


def _value(node: Node) -> str:
    value = node.attributes["value"]
    return "-np.inf" if value == float("-inf") else "value"


def _pad_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    return (GETITEM(g, index=_index(x, out.attributes["pad_width"])),)


def _pad_jvp(tangents: tuple[Any, ...], out: Node, x: Node) -> Node:
    return BORDER(tangents[0], pad_width=out.attributes["pad_width"], value=0.0)


BORDER = Op(
    name="border",
    inputs=("x",),
    infer=_pad_infer,
    facts=Facts(zero_sign="kept"),
    kind="movement",
    numpy=lambda node: f"np.pad(x, pad_width, constant_values={_value(node)})",
    into=lambda node: f"out.fill({_value(node)})\nout[{_place(node)}] = x",
    vjp=_pad_vjp,
    jvp=_pad_jvp,
    cases=(
        Case(((2, 3),), {"pad_width": ((1, 0), (2, 3)), "value": 1.5}),
        Case(((0, 2),), {"pad_width": ((0, 0), (1, 1)), "value": float("-inf")}),
    ),
)
"""An array with `value` around it."""
