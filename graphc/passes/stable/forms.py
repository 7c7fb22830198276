"""The blocks that take the place of formulas, as the blocks themselves declare."""

from __future__ import annotations

import functools
from typing import Any

from ...ir.facts import Formula
from ...ir.node import Node
from ...ir.op import OPS, Op


@functools.cache
def _op_for(formula: Formula) -> Op:
    return next(op for op in OPS.values() if computes(op, formula))


def computes(op: Op, formula: Formula) -> bool:
    """True where an op is declared to be the stable form of a formula."""
    return op.stable_form is not None and op.stable_form.of is formula


def stable(formula: Formula, *inputs: Node, **attributes: Any) -> Node:
    """A formula of nodes, in the block that computes it."""
    op = _op_for(formula)
    assert op.stable_form is not None
    return op(*inputs, **op.stable_form.attributes, **attributes)
