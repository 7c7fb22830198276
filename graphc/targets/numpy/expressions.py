"""From an op's NumPy template to Python `ast`: names replaced, values made literals.

Source is never put together as text, so precedence and quoting are not our problem.
"""

from __future__ import annotations

import ast
import copy
import functools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from ...ir.dims import Dim
from ...ir.types import DType


def name(identifier: str) -> ast.expr:
    """A variable."""
    return ast.Name(identifier, ast.Load())


@functools.lru_cache(maxsize=1024)
def parse(source: str) -> ast.expr:
    """An expression from source text. Trees are shared, and never changed."""
    return ast.parse(source, mode="eval").body


def long_text(value: str) -> ast.expr:
    """A text, or the sum of texts that are short enough for a line.

    >>> ast.unparse(long_text("a" * 40 + " " + "b" * 30)).count("+")
    1
    """
    pieces = [""]
    for word in re.findall(r"\S*\s*", value):
        if pieces[-1] and len(pieces[-1] + word) > _LONGEST:
            pieces.append("")
        pieces[-1] += word
    texts: list[ast.expr] = [ast.Constant(piece) for piece in pieces]
    return functools.reduce(lambda a, b: ast.BinOp(a, ast.Add(), b), texts)


_LONGEST = 68
"""Characters of a text that fits a line after a name."""


def call(function: str, *arguments: ast.expr, **keywords: ast.expr) -> ast.expr:
    """`function(*arguments, **keywords)`."""
    return ast.Call(
        parse(function),
        list(arguments),
        [ast.keyword(key, value) for key, value in keywords.items()],
    )


def subscript(value: ast.expr, key: Any) -> ast.expr:
    """`value[key]` for a literal key."""
    return ast.Subscript(value, ast.Constant(key), ast.Load())


def assign(target: str, value: ast.expr) -> ast.stmt:
    """`target = value`."""
    return ast.Assign([ast.Name(target, ast.Store())], value)


@functools.cache
def dtype_expression(dtype: DType) -> ast.expr:
    """A dtype as `np.float32`."""
    return parse("np.bool_" if dtype.kind == "b" else f"np.{dtype}")


def number(value: Any, dtype: DType) -> ast.expr:
    """The shortest Python literal that is `value` when read as `dtype`."""
    if dtype.kind == "b":
        return ast.Constant(bool(value))
    if dtype.kind in "iu":
        return _signed(int(value))
    with np.errstate(all="ignore"):
        shortest = float(str(dtype.type(value)))
    return _signed(shortest)


def _signed(value: int | float) -> ast.expr:
    if isinstance(value, float) and not math.isfinite(value):
        text = "nan" if math.isnan(value) else "inf"
        constant: ast.expr = parse(f"np.{text}")
        return ast.UnaryOp(ast.USub(), constant) if value < 0 else constant
    if value == math.pi:
        return parse("np.pi")
    if value < 0 or (isinstance(value, float) and math.copysign(1, value) < 0):
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)


def literal(value: Any, dimension: Any) -> ast.expr:
    """An attribute of a node as source; `dimension(text)` names a size."""
    if isinstance(value, Dim):
        sizes = {f"dim_{n}": dimension(n) for n in value.symbols()}
        return substituted(parse(value.source("dim_")), sizes)
    if isinstance(value, tuple):
        items = cast("tuple[Any, ...]", value)
        return ast.Tuple([literal(item, dimension) for item in items], ast.Load())
    if isinstance(value, np.dtype):
        return dtype_expression(cast(DType, value))
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return ast.Constant(value)
    if isinstance(value, int | float):
        return _signed(value)
    raise TypeError(f"no literal for {type(value).__name__} {value!r}")


_LEAVES = (ast.Constant, ast.expr_context, ast.operator, ast.unaryop)


def substituted(node: Any, values: Mapping[str, ast.expr]) -> Any:
    """A copy of a tree with names replaced; parts without names are shared.

    An item goes before the whole: `arrays[0]` may have a value of its own.
    """
    if isinstance(node, ast.Name):
        value = values.get(node.id)
        if value is None or not isinstance(node.ctx, ast.Store):
            return node if value is None else value
        assert isinstance(value, ast.Name), "only a variable can be assigned to"
        return ast.Name(value.id, ast.Store())
    if isinstance(node, list):
        items = cast("list[Any]", node)
        replaced = [substituted(item, values) for item in items]
        changed = any(a is not b for a, b in zip(items, replaced, strict=True))
        return replaced if changed else items
    if not isinstance(node, ast.AST) or isinstance(node, _LEAVES):
        return node
    match node:
        case ast.Subscript(ast.Name(owner), ast.Constant(int(position))):
            if (item := values.get(f"{owner}[{position}]")) is not None:
                return item
        case ast.Call(func=ast.Name(function), keywords=[_, *_]) if function in values:
            # A function of the template itself, whose arguments have other names, too.
            node = copy.copy(node)
            node.keywords = [_renamed(each, values) for each in node.keywords]
        case (
            ast.arg(arg=own)
            | ast.FunctionDef(name=own)
            | ast.ExceptHandler(name=str(own))
        ) if own in values:
            renamed = cast(ast.Name, values[own]).id
            node = copy.copy(node)
            setattr(node, "arg" if isinstance(node, ast.arg) else "name", renamed)
        case _:
            pass
    # Most of a program are such parts, and copies would cost most of its printing.
    changed = False
    fields: dict[str, Any] = {}
    for field in node._fields:
        part = getattr(node, field, None)
        fields[field] = value = substituted(part, values)
        changed |= value is not part
    if not changed:
        return node
    return type(node)(**fields)


def _renamed(keyword: ast.keyword, values: Mapping[str, ast.expr]) -> ast.keyword:
    known = values.get(keyword.arg or "")
    if not isinstance(known, ast.Name):
        return keyword
    return ast.keyword(known.id, keyword.value)


def one_or_tuple(items: Sequence[ast.expr]) -> ast.expr:
    """The only item, or a tuple of all."""
    return items[0] if len(items) == 1 else ast.Tuple(list(items), ast.Load())


def mapping(keys: Sequence[str], values: Sequence[ast.expr]) -> ast.expr:
    """A dict of texts and values."""
    return ast.Dict([ast.Constant(key) for key in keys], list(values))
