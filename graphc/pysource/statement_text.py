"""Statements as lines, and when ruff wraps a value in parentheses of its own.

Emitted programs are meant to be read, so they must come formatted; but a compiler that
has to run a formatter drags a dependency along. These files follow the layout rules of
``ruff format`` (width 88, four spaces, double quotes) with the standard library alone.
What ruff adds to a plain pretty printer is whether a statement's value is wrapped.

Limits: one target a statement; ``await``, ``yield``, ``:=``, bytes and complex numbers
are refused with ``TypeError``, and quotes in f-strings that Python 3.10 does not read.
A lambda that does not fit on its line, a ``with`` header of several items that does
not, a call with two subscripts after it, and a value with a word too long for any line
may be laid out otherwise than by ruff. Expressions may nest about 100 levels deep; a
chain of one operator may have 300 operands.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from enum import Enum
from typing import TypeAlias

from .expression_text import (
    Level,
    arguments_document,
    expression_document,
    format_expression,
    identifier,
    parameter_documents,
    target_document,
)
from .layout import (
    BREAK,
    TRAILING_COMMA,
    WIDTH,
    Document,
    Group,
    Indent,
    brackets,
    columns,
    flat_text,
    join,
    render,
)
from .precedence import (
    ATOM,
    BINARY,
    COMPARE,
    DOT,
    OR,
    TEST,
    UNARY,
    Display,
    children,
    has_brackets,
    is_fluent,
    source_number,
)

Header: TypeAlias = (
    ast.If | ast.While | ast.For | ast.With | ast.FunctionDef | ast.ClassDef
)


class _Wrap(Enum):
    """The parentheses that a value asks for when it does not fit."""

    NEVER = 1
    IF_IT_HELPS = 2
    IF_BROKEN = 3


def format_statement(
    node: ast.stmt, indent: int = 0, *, width: int = WIDTH
) -> list[str]:
    """Return the lines of a simple statement, each indented by ``indent`` spaces.

    Raises:
        TypeError: a node outside the subset that the module's docstring names.
        ValueError: a name that is not a Python identifier.
    """
    match node:
        case ast.Pass() | ast.Break() | ast.Continue() | ast.Return(value=None):
            return [" " * indent + type(node).__name__.lower()]
        case ast.Assign(targets=[target], value=value):
            left = target_document(target)
            return _lay_out([*left, " = "], value, indent, width, owner=target)
        case ast.AugAssign(target=target, op=operator, value=value):
            left = [
                expression_document(target, Level.OPEN),
                f" {BINARY[type(operator)][0]}= ",
            ]
            return _lay_out(left, value, indent, width, owner=target)
        case ast.AnnAssign(target=target, annotation=annotation):
            left = [expression_document(target, Level.OPEN), ": "]
            if not node.simple and isinstance(target, ast.Name):
                left = ["(", left[0], "): "]
            if node.value is None:
                return _lay_out(left, annotation, indent, width)
            left += [expression_document(annotation, Level.OPEN), " = "]
            return _lay_out(left, node.value, indent, width, owner=annotation)
        case ast.Return(value=ast.expr() as value):
            return _lay_out(["return "], value, indent, width)
        case ast.Expr(value=value):
            bare = not isinstance(value, ast.BinOp | ast.BoolOp | ast.Compare)
            return _lay_out([], value, indent, width, bare=bare)
        case ast.Raise(exc=ast.expr() as error, cause=cause):
            end: list[Document] = []
            if cause is not None:
                end = [" from ", expression_document(cause, Level.OPEN)]
            return _lay_out(["raise "], error, indent, width, end=end, helps=False)
        case ast.Raise():
            return [" " * indent + "raise"]
        case _:
            raise TypeError(f"cannot write the statement {ast.dump(node)}")


def format_header(node: Header, word: str, indent: int, width: int) -> list[str]:
    """Return the lines of a block's header."""
    match node:
        case ast.If(test=test) | ast.While(test=test):
            return _lay_out([f"{word} "], test, indent, width, end=[":"])
        case ast.For(target=target, iter=iterable):
            start: list[Document] = ["for ", *target_document(target), " in "]
            return _lay_out(start, iterable, indent, width, end=[":"])
        case ast.With(items=items):
            parts: list[Document] = []
            for item in items:
                parts += [", " if parts else "with "]
                parts += [expression_document(item.context_expr, Level.OPEN)]
                if item.optional_vars is not None:
                    parts += [
                        " as ",
                        expression_document(item.optional_vars, Level.OPEN),
                    ]
            document: list[Document] = [*parts, ":"]
        case ast.ClassDef(name=name, bases=bases, keywords=keywords):
            listed = arguments_document(bases, keywords) if bases or keywords else ""
            document = ["class ", identifier(name), listed, ":"]
        case ast.FunctionDef(name=name, args=args, returns=returns):
            document = ["def ", identifier(name)]
            parameters = parameter_documents(args)
            comma = [TRAILING_COMMA] if parameters else []
            document.append(brackets("(", [Group(join(parameters) + comma)], ")"))
            if returns is not None:
                document += [" -> ", format_expression(returns)]
            document.append(":")
    return render(document, indent, width)


def _lay_out(
    start: list[Document],
    value: ast.expr,
    indent: int,
    width: int,
    *,
    end: Sequence[Document] = (),
    owner: ast.expr | None = None,
    bare: bool = False,
    helps: bool = True,
) -> list[str]:
    """Print ``start value end``; ``owner`` is the target whose brackets may split.

    ``bare`` forbids parentheses around the value, ``helps`` allows them around a value
    without operators.
    """
    value = source_number(value)
    tuple_value = isinstance(value, ast.Tuple) and len(value.elts) > 1
    opened = expression_document(value, Level.OPEN)
    flat = flat_text([*start, opened, *end])
    if tuple_value and (start == ["return "] or isinstance(owner, ast.Tuple)):
        # Of one line, a tuple that is returned or taken apart needs no parentheses.
        before = flat_text(start)
        flat = f"{before}{flat[len(before) + 1 : -1]}"
    if indent + columns(flat) <= width:
        return [" " * indent + flat]

    def fits(document: Document) -> bool:
        lines = render([before, document, *end], indent, width, explode=True)
        return all(columns(line) <= width for line in lines)

    def wrap(level: Level) -> Document:
        inside = Indent([BREAK, expression_document(value, level)])
        return Group(["(", inside, BREAK, ")"], always_broken=True)

    wrapping = _Wrap.NEVER if bare else _wrapping(value)
    splits = has_brackets(owner)
    signed = wrapping is _Wrap.IF_IT_HELPS and isinstance(value, ast.UnaryOp)
    before = flat_text(start)
    first = render([before, opened, *end], indent, width, explode=True)[0]
    beside = first[indent + len(before) :] if signed else "("
    if splits and indent + columns(before + beside) > width:
        # Nothing of the value fits beside the target, whose own brackets then break.
        *head, last = render([*start, beside], indent, width)
        start = [last.strip().removesuffix(beside)]
        bare = wrapping is _Wrap.IF_IT_HELPS and not signed
        return head + _lay_out(start, value, indent, width, bare=bare)
    chosen: Document = opened
    if wrapping is _Wrap.IF_BROKEN:
        if not _may_omit_parentheses(value):
            chosen = wrap(Level.CLOSED)
        elif not fits(opened):
            chosen = wrap(Level.WRAPPED)
    elif (
        wrapping is _Wrap.IF_IT_HELPS and splits and not isinstance(value, ast.UnaryOp)
    ):
        chain = isinstance(value, ast.Attribute | ast.Call | ast.Subscript)
        if not chain or columns(first) > width:
            chosen = wrap(Level.OPEN)
    elif wrapping is _Wrap.IF_IT_HELPS and helps and not fits(opened):
        wrapped = wrap(Level.WRAPPED)
        chosen = wrapped if fits(wrapped) else opened
    return render([*start, chosen, *end], indent, width)


def _wrapping(node: ast.expr) -> _Wrap:
    """Tell when ruff considers parentheses around ``node`` (``needs_parentheses``)."""
    match node:
        case _ if isinstance(node, Display):
            return _Wrap.NEVER
        case ast.Name() | ast.Constant():
            return _Wrap.IF_IT_HELPS
        case ast.Attribute() | ast.Call() | ast.Subscript() | ast.UnaryOp():
            if is_fluent(node):
                return _Wrap.IF_BROKEN
            child, parenthesised = children(node)[0]
            return _Wrap.NEVER if parenthesised else _wrapping(child)
        case _:
            return _Wrap.IF_BROKEN


class _Visit:
    """The facts by which ruff leaves out a broken value's parentheses."""

    def __init__(self) -> None:
        self.rank = ATOM
        self.count = 0
        self.brackets = False
        self.started = False
        self.first: tuple[ast.expr, bool] | None = None
        self.last: tuple[ast.expr, bool] | None = None

    def note(self, rank: int, count: int = 1) -> None:
        if rank < self.rank:
            self.rank, self.count = rank, 0
        if rank == self.rank:
            self.count += count

    def visit(self, node: ast.expr, parenthesised: bool) -> None:
        self.last = (node, parenthesised)
        if parenthesised:
            self.brackets = True
        else:
            self.descend(node)
        if not self.started:
            self.started, self.first = True, (node, parenthesised)

    def descend(self, node: ast.expr) -> None:
        match node:
            case _ if isinstance(node, Display):
                self.brackets = True
            case ast.BoolOp(values=values):
                self.note(OR, len(values) - 1)
            case ast.BinOp(op=operator):
                self.note(BINARY[type(operator)][1])
            case ast.Compare(ops=operators):
                self.note(COMPARE, len(operators))
            case ast.IfExp():
                self.note(TEST, 2)
            case ast.UnaryOp(op=operator):
                self.started = True
                if isinstance(operator, ast.Invert):
                    self.note(UNARY)
            case ast.Lambda() | ast.Starred():
                self.started = True
            case ast.Call() | ast.Subscript():
                self.brackets = True
            case _:
                pass
        for child, parenthesised in children(node):
            self.visit(child, parenthesised)
            if isinstance(node, ast.Attribute) and (
                parenthesised or has_brackets(child)
            ):
                self.note(DOT)
        if isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
            self.last = (node, False)


def _may_omit_parentheses(node: ast.expr) -> bool:
    """True where breaking ``node`` inside its own brackets alone reads well."""
    seen = _Visit()
    seen.descend(node)
    if not seen.brackets or seen.count > 1:
        return False
    if seen.rank >= DOT:
        return True

    def filled(end: tuple[ast.expr, bool] | None) -> bool:
        match end:
            case None:
                return False
            case (ast.Call() as call, False):
                return bool(call.args or call.keywords)
            case (ast.List(elts=items) | ast.Tuple(elts=items), False):
                return bool(items)
            case (ast.Dict(values=items), False):
                return bool(items)
            case (each, False) if isinstance(each, Display):
                return True
            case (_, parenthesised):
                return parenthesised

    return filled(seen.last) or filled(seen.first)
