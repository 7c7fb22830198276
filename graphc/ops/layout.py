"""The order of an array's elements in memory."""

from __future__ import annotations

from ..ir.facts import Facts
from ..ir.node import Node
from ..ir.op import Case, Op
from .as_loops import in_order
from .type_rules import same_type

CONTIGUOUS = Op(
    name="ascontiguousarray",
    inputs=("x",),
    infer=same_type,
    facts=Facts(rearranges=True, finite="all", overflows=False, zero_sign="kept"),
    kind="movement",
    loops=in_order,
    numpy="x.copy()",
    into="out[...] = x",
    vjp=lambda g, out, x: (contiguous(g),),
    jvp="linear",
    cases=(Case(((3, 4),)), Case(((0, 2),))),
)
"""The same array in C order, as is its derivative: what reads it many times, or as a
matrix, does not then go through memory in steps."""


def contiguous(x: Node) -> Node:
    """`x` in C order."""
    return CONTIGUOUS(x) if x.ndim > 1 else x
