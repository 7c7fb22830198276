"""What can be told of a node's value at compile time: constants, signs."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from ...ir.node import Node

_LARGEST = 1024
_DEPTH = 6
_LONGEST = 16

_REARRANGING = frozenset(
    {"broadcast_to", "expand_dims", "reshape", "squeeze", "stop_gradient", "transpose"}
)
"""Ops whose result has no element that their only input has not."""


def is_constant(node: Node) -> bool:
    """Whether a node is a literal."""
    return node.op.name == "constant"


def constant_of(node: Node) -> np.ndarray[Any, Any]:
    """The array of a literal."""
    return cast("np.ndarray[Any, Any]", node.attributes["value"].array)


def without_views(node: Node) -> Node:
    """The node whose elements `node` rearranges or repeats."""
    # Bounded, because each of many users may ask about one long chain of views.
    for _ in range(_LONGEST):
        if node.op.name not in _REARRANGING:
            break
        node = node.inputs[0]
    return node


def uniform_value(node: Node) -> np.generic | None:
    """The one value that all elements have, where that is known."""
    core = without_views(node)
    if core.op.name == "full":
        return core.dtype.type(core.attributes["value"])
    if not is_constant(core):
        return None
    array = constant_of(core)
    if not array.shape:
        return cast("np.generic", array[()])
    if not 1 <= array.size <= _LARGEST:
        return None
    first = array.reshape(-1)[:1]
    if array.size > 1 and first.tobytes() * array.size != array.tobytes():
        return None
    return cast("np.generic", first[0])


def is_uniform(node: Node, value: float) -> bool:
    """Whether every element is `value`, told apart by sign where it is zero."""
    found = uniform_value(node)
    return (
        found is not None
        and bool(found == value)
        and bool(np.signbit(float(found)) == np.signbit(value))
    )


_NONNEGATIVE = frozenset({"absolute", "cosh", "exp", "exp2", "square", "hypot"})
_WRAPPING = frozenset(
    {"absolute", "square", "sum", "prod", "add", "multiply", "power", "astype"}
    | {"scatter_add", "scatter_along_axis", "vecdot"}
)
"""Ops of which an integer result may be negative because it overflows."""
_KEEPS_SIGN = frozenset(
    {"sqrt", "cbrt", "sum", "mean", "max", "min", "prod", "getitem"}
    | {"take_along_axis", "scatter_add", "scatter_along_axis", "log1p", "arctan"}
    | {"add", "multiply", "divide", "maximum", "minimum", "expm1"}
    | {"tanh", "sinh", "arcsinh", "floor", "ceil", "rint"}
)
"""Ops that give no -0.0 and nothing negative where their inputs have neither."""


def is_nonnegative(node: Node, depth: int = _DEPTH) -> bool:
    """Whether each element is known to be NaN or in [+0, inf], and so never -0.0."""
    node = without_views(node)
    name = node.op.name
    if node.dtype.kind in "bu" or name == "dimension":
        return True
    if node.dtype.kind == "i" and name in _WRAPPING:
        return False
    if name in _NONNEGATIVE:
        return True
    if name in ("full", "constant"):
        if name == "full":
            value = node.attributes["value"]
            return not np.signbit(value)
        array = constant_of(node)
        return array.size <= _LARGEST and not np.signbit(array).any()
    if depth == 0:
        return False
    if name in ("multiply", "vecdot") and node.inputs[0] is node.inputs[1]:
        return True
    if name == "power" or name in _KEEPS_SIGN:
        values = node.inputs[:1] if name in _FIRST_ONLY else node.inputs
        return all(is_nonnegative(value, depth - 1) for value in values)
    if name == "where":
        return all(is_nonnegative(value, depth - 1) for value in node.inputs[1:])
    if name == "astype":
        return is_nonnegative(node.inputs[0], depth - 1)
    return False


_FIRST_ONLY = frozenset(
    {"power", "getitem", "take_along_axis", "scatter_add", "scatter_along_axis"}
)


def never_negative_zero(node: Node, depth: int = _DEPTH) -> bool:
    """Whether no element can be -0.0."""
    if node.dtype.kind != "f" or is_nonnegative(node, depth):
        return True
    node = without_views(node)
    if node.op.name == "constant":
        array = constant_of(node)
        return array.size <= _LARGEST and not (np.signbit(array) & (array == 0)).any()
    if node.op.name in ("log", "log2", "log10"):
        return True
    # Rounded to nearest, only -0.0 + -0.0 and -0.0 - 0.0 are -0.0.
    terms = {"add": node.inputs, "subtract": node.inputs[:1]}.get(node.op.name, ())
    return depth > 0 and any(never_negative_zero(term, depth - 1) for term in terms)
