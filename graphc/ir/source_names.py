"""Names that users' code gives to nodes: variables, attributes, keywords and keys.

A node that a public function hands to a user's line is told which instruction received
it, which costs next to nothing. What that instruction does with the node is read from
the source when somebody asks: in `z = W @ x + b` the sum is `z`, and the product is
nothing. Where the source is not at hand, is not what runs, or does something else with
the node, there is no name.
"""

from __future__ import annotations

import ast
import builtins
import functools
import keyword
import linecache
import opcode
import re
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, cast

from ..locations import is_of_package

if TYPE_CHECKING:
    from .node import Node

_MOST_CALLERS = 3
"""Number of functions of the user's by whose `return` a node is followed."""

Site = tuple[CodeType, int]
"""An instruction that received a node: code, and the offset in it."""


class SourceName:
    """The name that a user's code gives to a node, read when it is asked for."""

    __slots__ = ("_path", "_sites", "_text", "yields")

    def __init__(
        self,
        sites: tuple[Site, ...] = (),
        path: tuple[int, ...] = (),
        text: str | None = None,
        *,
        yields: bool = False,
    ) -> None:
        """Tell who received a node.

        Args:
            sites: instructions, of which each passes the node on to the next.
            path: its place in a tuple, and in one inside that, and so on.
            text: the name, if sites give none.
            yields: whether a variable's name goes before it, as before a layer's.
        """
        self._sites, self._path, self._text = sites, path, text
        self.yields = yields

    def __reduce__(self) -> tuple[type[SourceName], tuple[Any, ...]]:
        """The name alone, for a pickle: what is read there has no source."""
        return SourceName, ((), (), self.text)

    @property
    def text(self) -> str | None:
        """The name, if there is one."""
        if self._sites:
            is_named = self._text is not None
            found = _name_at(self._sites, self._path, is_named=is_named)
            self._text = found or self._text
            self._sites = ()
        return self._text


def yielding(node: Node) -> Node:
    """A node that has a layer's name, unless a line of the user's has one for it."""
    # One that may still be numbered is known by its `naming`.
    is_final = node.naming is None
    return node.told(SourceName(text=node.name, yields=True)) if is_final else node


def hand_over(value: Any, frame: FrameType, path: tuple[int, ...] = ()) -> None:
    """Tell a node, or those of a tuple or a list, that a line of the user's has it.

    It is called for every node that a user declares, and so does next to nothing.

    Args:
        value: what a public function returns.
        frame: the one that gets it, maybe of this package.
        path: its place in tuples.
    """
    if is_of_package(frame):
        return
    kind: object = type(cast("object", value))
    if kind is tuple or kind is list:
        for position, item in enumerate(cast("tuple[Any, ...]", value)):
            hand_over(item, frame, (*path, position))
        return
    if not hasattr(value, "source_name"):
        return
    node: Node = value
    told = node.source_name
    if told is not None and not told.yields:
        return
    if told is None and node.name is not None and not _is_numbered(node):
        return
    site = frame.f_code, frame.f_lasti
    sites = (site,) if not _is_return(site) else (site, *_callers(frame.f_back))
    node.told(SourceName(sites, path, told and told.text))


def _is_return(site: Site) -> bool:
    """True where the next instruction returns what this one computes."""
    code, offset = site
    known = _returns.get(id(code))
    if known is None:
        if len(_returns) > _MOST_CODES:
            _returns.clear()
        known = _returns[id(code)] = code, _before_returns(code.co_code)
    return offset in known[1]


def _before_returns(code: bytes) -> frozenset[int]:
    """The offsets of instructions before those that return, with their caches."""
    found: set[int] = set()
    start = 0
    for offset in range(0, len(code), 2):
        if code[offset] == _RETURN:
            found.update(range(start, offset, 2))
        if code[offset] != _CACHE:
            start = offset
    return frozenset(found)


_RETURN, _CACHE = opcode.opmap["RETURN_VALUE"], opcode.opmap["CACHE"]

_returns: dict[int, tuple[CodeType, frozenset[int]]] = {}
"""By identity, since the hash of code reads all of it; which is therefore kept."""

_MOST_CODES = 1000


def _callers(frame: FrameType | None) -> tuple[Site, ...]:
    """The instructions that get what a function returns."""
    found: list[Site] = []
    while frame is not None and len(found) < _MOST_CALLERS:
        if is_of_package(frame):
            break
        found.append((frame.f_code, frame.f_lasti))
        if not _is_return(found[-1]):
            break
        frame = frame.f_back
    return tuple(found)


def _is_numbered(node: Node) -> bool:
    """True for a node whose name is that of its kind, and maybe a number."""
    last = str(node.name).rpartition(".")[2]
    stem = re.sub(r"(_\d+)+$", "", last)
    return node.naming is not None or (node.op.says_no_more(stem) and stem != node.name)


# What the source says


def _name_at(
    sites: tuple[Site, ...], path: tuple[int, ...], *, is_named: bool
) -> str | None:
    """The name that the first of several instructions gives that gives one.

    In `x = layer(x)` the name of a layer says more than that of its input.
    """
    for position, (code, offset) in enumerate(sites):
        source = _source_of(code.co_filename)
        found = source and source.expression(code, offset, is_call=position > 0)
        if source is None or found is None:
            return None
        name = source.receiver(found, path)
        if name is not RETURNED:
            is_input = is_named and name is not None and _reads(found, name)
            return None if is_input else _usable(name, code)
    return None


def _reads(expression: ast.AST, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(expression))


RETURNED = "return"
"""No name: the value goes to whoever called the function."""


def _usable(name: str | None, code: CodeType) -> str | None:
    """A name as a variable of emitted code, if the code has it."""
    if name is None:
        return None
    known = {*code.co_names, *code.co_varnames, *code.co_cellvars, *code.co_freevars}
    if name not in known and not _is_among(name, code.co_consts):
        return None
    plain = name.strip("_")
    fits = plain.isidentifier() and not keyword.iskeyword(plain)
    return plain if fits else None


def _is_among(name: str, constants: tuple[Any, ...]) -> bool:
    return any(
        each == name or (isinstance(each, tuple) and name in each)
        for each in constants
        if isinstance(each, str | tuple)
    )


def _source_of(file: str) -> _Source | None:
    linecache.checkcache(file)
    text = "".join(linecache.getlines(file))
    return _parsed(text) if text else None


_Span = tuple[int, int, int, int]


@functools.lru_cache(maxsize=32)
def _parsed(text: str) -> _Source | None:
    try:
        return _Source(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError):
        return None


class _Source:
    """A file's syntax tree, in which the expressions of instructions are found."""

    def __init__(self, tree: ast.Module) -> None:
        self._parents: dict[ast.AST, ast.AST] = {}
        self._spans: dict[_Span, list[ast.AST]] = {}
        self._calls: dict[tuple[int, int], list[ast.AST]] = {}
        for node in ast.walk(tree):
            for child in ast.iter_child_nodes(node):
                self._parents[child] = node
            if isinstance(node, _RECEIVED):
                last = node.end_lineno or 0, node.end_col_offset or 0
                span = node.lineno, last[0], node.col_offset, last[1]
                self._spans.setdefault(span, []).append(node)
                if isinstance(node, ast.Call):
                    self._calls.setdefault(last, []).append(node)

    def expression(
        self, code: CodeType, offset: int, *, is_call: bool
    ) -> ast.AST | None:
        """The expression that an instruction computes, if there is exactly one."""
        span = _positions(code)[offset // 2]
        if None in span:
            return None
        first, last, column, end = cast("_Span", span)
        found = self._spans.get((first, last, column, end))
        if found is None:
            # A call of a method over several lines begins at the method's name.
            found = self._calls.get((last, end), [])
        if len(found) != 1:
            return None
        (node,) = found
        if isinstance(node, ast.Call):
            return None if _calls_others(node.func) else node
        return None if is_call else node

    def receiver(self, node: ast.AST, path: tuple[int, ...]) -> str | None:
        """The name that a value gets, or `RETURNED`."""
        parent = self._parents[node]
        while isinstance(parent, ast.IfExp) and node is not parent.test:
            node, parent = parent, self._parents[parent]
        match node, parent:
            case ast.AugAssign(target=target), _:
                return _target(target, ())
            case _, ast.Assign(targets=[target, *_], value=value) if value is node:
                return _target(target, path)
            case _, ast.AnnAssign(target=target) | ast.NamedExpr(target=target):
                return _target(target, path)
            case _, ast.Return() | ast.Lambda():
                return RETURNED if not path else None
            case _, ast.keyword(arg=name) if not path and name not in _OF_ANYTHING:
                return name
            case _, ast.Dict(keys=keys, values=values) if node in values and not path:
                key = keys[values.index(cast("ast.expr", node))]
                return _text_of(key)
            case _, ast.Subscript(slice=ast.Constant(value=int(index))) if path:
                return self.receiver(parent, path[1:]) if index == path[0] else None
            case _, ast.Tuple(elts=items):
                place = items.index(cast("ast.expr", node))
                above = self._parents[parent]
                if isinstance(above, ast.Assign) and above.value is parent:
                    return _target(above.targets[0], (place, *path))
            case _:
                pass
        return None


_OF_ANYTHING = frozenset(("a", "b", "input", "other", "x", "x1", "x2", "y"))
"""Arguments that say nothing of what they are given."""


_RECEIVED = (
    ast.Call,
    ast.BinOp,
    ast.UnaryOp,
    ast.Compare,
    ast.Subscript,
    ast.AugAssign,
)
"""Syntax by which functions and operators are called."""


def _calls_others(function: ast.expr) -> bool:
    """True of a function in C that calls others, whose results it keeps to itself."""
    if isinstance(function, ast.Name):
        return function.id in _CALLING
    return isinstance(function, ast.Attribute) and function.attr in _FOLDS


_FOLDS = frozenset(("accumulate", "map", "reduce", "starmap"))
_CALLING = _FOLDS | {*dir(builtins)} - {"abs", "divmod", "pow"}


def _target(target: ast.expr, path: tuple[int, ...]) -> str | None:
    """The name of a target of an assignment, or of a part of it."""
    for place in path:
        if not isinstance(target, ast.Tuple | ast.List):
            return None
        items = target.elts
        if place >= len(items) or any(isinstance(n, ast.Starred) for n in items):
            return None
        target = items[place]
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=key):
            return _text_of(key)
        case _:
            return None


def _text_of(key: ast.expr | None) -> str | None:
    is_text = isinstance(key, ast.Constant) and isinstance(key.value, str)
    return cast("str", cast("ast.Constant", key).value) if is_text else None


_Positions = list[tuple[int | None, int | None, int | None, int | None]]

_known_positions: dict[int, tuple[CodeType, _Positions]] = {}


def _positions(code: CodeType) -> _Positions:
    known = _known_positions.get(id(code))
    if known is None:
        known = code, list(code.co_positions())
        if len(_known_positions) > _MOST_CODES:
            _known_positions.clear()
        _known_positions[id(code)] = known
    return known[1]
