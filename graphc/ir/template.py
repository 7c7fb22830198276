"""Templates of ops: NumPy source over the names of inputs and attributes, parsed once.

What a template reads and what it calls its own is known from here, so that nothing has
to be printed to find it out. Constructs that make no sense in the middle of a program
of other statements are refused when an op is declared.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping
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
    alias: str | None
    """The name that it gives as it stands, if it ends so."""


_REFUSED: Mapping[type[ast.AST], str] = {
    ast.NamedExpr: "an assignment inside an expression (:=)",
    ast.Return: "return outside of a function of its own",
    ast.Yield: "yield",
    ast.YieldFrom: "yield from",
    ast.Await: "await",
    ast.AsyncFor: "async for",
    ast.AsyncWith: "async with",
    ast.AsyncFunctionDef: "async def",
    ast.ClassDef: "a class; a helper may be one",
    ast.Import: "import; a helper may import",
    ast.ImportFrom: "import; a helper may import",
    ast.Global: "global",
    ast.Nonlocal: "nonlocal",
    ast.Delete: "del",
    ast.Assert: "assert",
    ast.Match: "match",
    ast.Set: "a set",
}
"""Constructs that a template may not have."""


@functools.lru_cache(maxsize=4096)
def parsed(text: str) -> Template:
    """A template from its text.

    Raises:
        ValueError: a construct that a template may not have.
        SyntaxError: the text is not Python.
    """
    body = tuple(ast.parse(text).body)
    for statement in body:
        _refuse(statement)
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
    match body[-1] if body else None:
        case ast.Assign([ast.Name("out")], ast.Name(alias)) | ast.Expr(ast.Name(alias)):
            pass
        case _:
            alias = None
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
        alias,
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
        case ast.FunctionDef(name=name) | ast.ExceptHandler(name=str(name)):
            own.add(name)
        case _:
            pass
    for child in ast.iter_child_nodes(tree):
        _collect(child, names, items, own)


def _refuse(tree: ast.AST, *, in_function: bool = False) -> None:
    """Raise at a construct that makes no sense in a template."""
    found = _REFUSED.get(type(tree))
    match tree:
        case ast.Return() if in_function:
            found = None
        case ast.Assign(targets=[_, _, *_]):
            found = "an assignment to several names at once"
        case ast.Call(func=ast.Lambda()):
            found = "a lambda that is called where it stands"
        case ast.Constant(bytes()):
            found = "bytes"
        case ast.Constant(complex()):
            found = "a complex number"
        case ast.comprehension(is_async=1):
            found = "async for"
        case ast.FormattedValue(value) if "'" in (inside := ast.unparse(value)) or (
            inside.startswith(("{", "lambda"))
        ):
            found = "a string, dict or lambda inside an f-string"
        case _:
            pass
    if found is not None:
        raise ValueError(f"has {found}")
    in_function = in_function or isinstance(tree, ast.FunctionDef)
    for child in ast.iter_child_nodes(tree):
        _refuse(child, in_function=in_function)


def _mentioned(tree: ast.AST) -> Iterator[str]:
    return (part.id for part in ast.walk(tree) if isinstance(part, ast.Name))
