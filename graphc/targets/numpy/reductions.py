"""Reductions as a person writes them: with `keepdims=True`, and means as means."""

from __future__ import annotations

import ast

from ...ir.node import Node

_MEAN = ast.parse("np.mean", mode="eval").body
_REDUCTIONS = ("np.all", "np.any", "np.max", "np.mean", "np.min", "np.prod", "np.sum")


def reduced(value: ast.expr, node: Node) -> ast.expr:
    """An expression, in which a sum over its length is a mean, which NumPy computes so,
    and a reduction keeps the axis that is put back.

    Args:
        value: the expression.
        node: its value.
    """
    ndim = node.ndim
    match value:
        case ast.BinOp(
            ast.Call(function, operands, [ast.keyword("axis", axis), *_] as keywords),
            ast.Div(),
            ast.Constant(float(length)),
        ) if (
            ast.unparse(function) == "np.sum"
            and ast.unparse(axis) in ("-1", str(ndim))
            and _is_length(length, node)
        ):
            return ast.Call(_MEAN, operands, keywords)
        case ast.Subscript(whole, ast.Tuple([*before, ast.Constant(None)])) if len(
            before
        ) == ndim - 1 and all(map(_is_whole, before)):
            return _kept(whole, ndim - 1) or value
        case _:
            return value


def _kept(value: ast.expr, last: int) -> ast.expr | None:
    """A reduction of the last axis, or one divided by a number, that keeps the axis."""
    match value:
        case ast.Call(function, [operand], [ast.keyword("axis", axis) as first]):
            is_last = ast.unparse(axis) in ("-1", str(last))
            if not is_last or ast.unparse(function) not in _REDUCTIONS:
                return None
            keeps = ast.keyword("keepdims", ast.Constant(True))
            return ast.Call(function, [operand], [first, keeps])
        case ast.BinOp(whole, operator, ast.Constant(float()) as number):
            found = _kept(whole, last)
            return None if found is None else ast.BinOp(found, operator, number)
        case _:
            return None


def _is_length(length: float, node: Node) -> bool:
    """True for the length of the last axis of what a quotient is the sum of."""
    total = node.inputs[0]
    if total.op.kind != "reduction" or total.dtype != node.dtype:
        return False
    added = total.inputs[0]
    # NumPy adds up float16 in float32 for a mean.
    return node.dtype.itemsize >= 4 and added.shape[-1] == length


def _is_whole(item: ast.expr) -> bool:
    return isinstance(item, ast.Slice) and item.lower is item.upper is item.step is None
