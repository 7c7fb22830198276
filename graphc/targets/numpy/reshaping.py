"""Arrays in another order whose axes are merged, which copies them anyway."""

from __future__ import annotations

import ast


def copied_once(value: ast.expr) -> ast.expr:
    """`x.transpose(order).copy().reshape(shape)` without the copy, which merging axes
    in another order makes."""
    match value:
        case ast.Call(
            ast.Attribute(
                ast.Call(ast.Attribute(ast.Call() as ordered, "copy"), [], []), method
            ),
            [_, *_] as shape,
            [],
        ):
            return ast.Call(ast.Attribute(ordered, method, ast.Load()), shape, [])
        case _:
            return value
