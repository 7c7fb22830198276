"""Where the sign of a zero can be told from outside.

`exp(x) - 1` is never -0.0, and `expm1(x)` is where `x` is. That matters to nobody but
to what divides by it: `1 / 0.0` and `1 / -0.0` are different infinities.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...ir.node import Node
from ...ir.walk import meaning_of

_BLIND = frozenset(
    {"exp", "exp2", "cosh", "cos", "square", "absolute", "log", "log2", "log10"}
    | {"logaddexp", "hypot", "matmul", "isnan", "isinf", "isfinite"}
    | {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}
    | {"logical_and", "logical_or", "logical_xor", "logical_not", "arccos"}
    | {"argmax", "argmin"}
)
"""Ops whose value is the same for a zero of either sign."""

_PASSING = frozenset(
    {"add", "subtract", "multiply", "negative", "sqrt", "cbrt", "sign", "floor"}
    | {"ceil", "rint", "maximum", "minimum", "where", "clip", "expm1", "log1p"}
    | {"tanh", "sinh", "arcsinh", "arctanh", "sin", "tan", "arcsin", "arctan"}
    | {"astype", "polyval", "sum", "mean", "max", "max_from", "min", "prod", "vecdot"}
)
"""Ops that at most give a zero of the other sign for one."""


def zeros_with_visible_signs(nodes: Iterable[Node]) -> set[Node]:
    """Nodes of which a zero of the other sign may change more than signs of zeros.

    Args:
        nodes: a graph with what its blocks mean, inputs first.
    """
    visible: set[Node] = set()
    for user in reversed(tuple(nodes)):
        passes = user.op.is_block or user.op.kind in ("movement", "view")
        for place, node in enumerate(meaning_of(user)):
            if user.op.name in _BLIND:
                seen = False
            elif passes or user.op.name in _PASSING:
                seen = user in visible
            else:
                seen = user.op.name != "divide" or place == 1 or user in visible
            if seen:
                visible.add(node)
    return visible
