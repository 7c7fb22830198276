"""Reshaping of arrays in another order, which copies them anyway."""

from __future__ import annotations

import ast


def copied_once(value: ast.expr) -> ast.expr:
    """`x.transpose(order).copy().reshape(shape)` without the copy, which merging axes
    in another order makes."""
    match value:
        case ast.Call(
            ast.Attribute(
                ast.Call(
                    ast.Attribute(
                        ast.Call(ast.Attribute(attr="transpose")) as transposed, "copy"
                    ),
                    [],
                    [],
                ),
                "reshape",
            ),
            shape,
            [],
        ):
            reshape = ast.Attribute(transposed, "reshape", ast.Load())
            return ast.Call(reshape, shape, [])
        case _:
            return value
