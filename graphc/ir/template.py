"""Templates of ops: NumPy source over the names of inputs and attributes, parsed once.

What a template reads and what it calls its own is known from here, so that nothing has
to be printed to find it out.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Template:
    """Parsed source. Its trees are shared, and never changed."""

    body: tuple[ast.stmt, ...]
    """One expression, or statements that assign `out` or write to it."""
    names: frozenset[str]
    """Names that it reads and does not define, `out` among them."""
    items: frozenset[tuple[str, int]]
    """Items that it reads, as in `arrays[0]`, of what it reads only by item."""
    reads: frozenset[str]
    """All names of either kind."""
    own: frozenset[str]
    """Names that it defines for itself: variables, functions and their arguments."""
    written_at: int
    """Position of the first statement that mentions `out`."""
    is_expression: bool
    """True for one expression, whose value is the array."""
    returns_out: bool
    """True where its last statement is a call that returns the array it writes."""


@functools.lru_cache(maxsize=4096)
def parsed(text: str) -> Template:
    """A template from its text."""
    body = tuple(ast.parse(text).body)
    names: set[str] = set()
    items: set[tuple[str, int]] = set()
    own: set[str] = set()
    for statement in body:
        _collect(statement, names, items, own)
    own.discard("out")
    items = {(name, item) for name, item in items if name not in names}
    mentions = (i for i, each in enumerate(body) if "out" in _mentioned(each))
    match body[-1] if body else None:
        case ast.Expr(ast.Call(keywords=keywords)):
            returns_out = any(keyword.arg == "out" for keyword in keywords)
        case _:
            returns_out = False
    items = {(name, item) for name, item in items if name not in own}
    return Template(
        body,
        frozenset(names - own),
        frozenset(items),
        frozenset(names - own).union(name for name, _ in items),
        frozenset(own),
        next(mentions, 0),
        len(body) == 1 and isinstance(body[0], ast.Expr),
        returns_out,
    )


@functools.cache
def top_level_names(text: str) -> frozenset[str]:
    """The names that a module of this text defines and imports."""
    names: set[str] = set()
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            names.add(statement.name)
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in statement.names}
        elif isinstance(statement, ast.Assign):
            names |= {t.id for t in statement.targets if isinstance(t, ast.Name)}
    return frozenset(names)


def _collect(
    tree: ast.AST, names: set[str], items: set[tuple[str, int]], own: set[str]
) -> None:
    match tree:
        case ast.Subscript(ast.Name(name), ast.Constant(int(item)), ast.Load()):
            items.add((name, item))
            return
        case ast.Name(name, ast.Load()):
            names.add(name)
        case ast.Name(name):
            own.add(name)
        case ast.arg(arg=name):
            own.add(name)
        case ast.FunctionDef(name=name):
            own.add(name)
        case _:
            pass
    for child in ast.iter_child_nodes(tree):
        _collect(child, names, items, own)


def _mentioned(tree: ast.AST) -> Iterator[str]:
    return (part.id for part in ast.walk(tree) if isinstance(part, ast.Name))
