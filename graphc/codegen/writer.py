"""Print Python syntax trees as text that ``ruff format`` leaves as it is.

Emitted programs are meant to be read, so they must come formatted; but a compiler that
has to run a formatter drags a dependency along. This module follows the layout rules of
``ruff format`` (width 88, four spaces, double quotes) with the standard library alone.

A tree first becomes a small document in the sense of Wadler, "A prettier printer"
(2003): text, possible line breaks, and groups that are flat if they fit, and broken
otherwise. What ruff adds is whether a statement's value is wrapped in parentheses.

Limits: one target a statement; f-strings, comprehensions, ``await``, ``yield``, ``:=``,
bytes and complex numbers are refused with ``TypeError``. A lambda that does not fit on
its line, a ``with`` header of several items that does not, a call with two subscripts
after it, and a value with a word too long for any line may be laid out otherwise than
by ruff. Expressions may nest about 100 levels deep; a chain of one operator may have
300 operands.
"""

import ast
import keyword
import math
import re
import sys
import textwrap
import unicodedata
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from inspect import cleandoc
from typing import Literal, TypeAlias

WIDTH = 88
INDENT = 4

Header: TypeAlias = (
    ast.If | ast.While | ast.For | ast.With | ast.FunctionDef | ast.ClassDef
)


@dataclass(frozen=True, slots=True)
class _Choice:
    """Text that depends on its group; ``broken=None`` stands for a line break."""

    flat: str
    broken: str | None


@dataclass(slots=True)
class _Indent:
    """Parts whose line breaks are indented by one more level."""

    parts: "list[Document]"


@dataclass(slots=True)
class _Group:
    """Parts that are laid out flat if they fit on the line, and broken otherwise."""

    parts: "list[Document]"
    always_broken: bool = False


Document: TypeAlias = "str | _Choice | _Indent | _Group | list[Document]"

_SPACE_OR_BREAK = _Choice(" ", None)
_BREAK = _Choice("", None)
_TRAILING_COMMA = _Choice("", ",")


class _Level(Enum):
    """Where an expression stands, which decides what in it may break."""

    OPEN = 1  # Outside any bracket: operators may not break.
    WRAPPED = 2  # Inside the parentheses that wrap a value which could do without.
    CLOSED = 3  # Inside a bracket: operators and method chains may break.


class _Wrap(Enum):
    """Whether a value that does not fit asks for parentheses."""

    NEVER = 1
    IF_IT_HELPS = 2
    IF_BROKEN = 3


# Python's precedences, loosest first; ruff ranks the dot of a call chain above them.
_TEST, _OR, _AND, _NOT, _COMPARE, _BIT_OR, _BIT_XOR, _BIT_AND = range(8)
_SHIFT, _ADD, _MULTIPLY, _UNARY, _POWER, _DOT, _ATOM = range(8, 15)

_BINARY: dict[type[ast.operator], tuple[str, int]] = {
    ast.BitOr: ("|", _BIT_OR),
    ast.BitXor: ("^", _BIT_XOR),
    ast.BitAnd: ("&", _BIT_AND),
    ast.LShift: ("<<", _SHIFT),
    ast.RShift: (">>", _SHIFT),
    ast.Add: ("+", _ADD),
    ast.Sub: ("-", _ADD),
    ast.Mult: ("*", _MULTIPLY),
    ast.Div: ("/", _MULTIPLY),
    ast.FloorDiv: ("//", _MULTIPLY),
    ast.Mod: ("%", _MULTIPLY),
    ast.MatMult: ("@", _MULTIPLY),
    ast.Pow: ("**", _POWER),
}
_COMPARISON: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
_PREFIX: dict[type[ast.unaryop], str] = {
    ast.Not: "not ",
    ast.USub: "-",
    ast.UAdd: "+",
    ast.Invert: "~",
}


# Documents and how they are rendered --------------------------------------------------


def _flat(document: Document) -> str:
    pieces: list[str] = []
    stack: list[Document] = [document]
    while stack:
        match stack.pop():
            case str() as text:
                pieces.append(text)
            case _Choice(flat=text):
                pieces.append(text)
            case _Indent(parts=parts) | _Group(parts=parts):
                stack.extend(reversed(parts))
            case parts:
                stack.extend(reversed(parts))
    return "".join(pieces)


def _width(text: str) -> int:
    """Return how many columns ``text`` takes; East Asian wide signs take two."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    return len(text) + wide - sum(unicodedata.combining(sign) > 0 for sign in text)


def _render(
    document: Document, indent: int, width: int, *, explode: bool = False
) -> list[str]:
    """Lay out ``document``; ``explode`` breaks every group, whether it fits or not."""
    lines: list[str] = []
    line = " " * indent
    stack: list[tuple[Document, int, bool]] = [(document, indent, True)]
    while stack:
        part, column, broken = stack.pop()
        match part:
            case str():
                line += part
            case _Choice(broken=None) if broken:
                lines.append(line)
                line = " " * column
            case _Choice(flat=flat, broken=other):
                line += flat if other is None or not broken else other
            case _Indent(parts=parts):
                inner = column + INDENT
                stack.extend((p, inner, broken) for p in reversed(parts))
            case _Group(parts=parts, always_broken=always):
                if not always and not explode:
                    broken = not _fits(part, stack, width - _width(line))
                stack.extend((p, column, broken or always) for p in reversed(parts))
            case parts:
                stack.extend((p, column, broken) for p in reversed(parts))
    return [*lines, line]


def _fits(group: _Group, after: list[tuple[Document, int, bool]], space: int) -> bool:
    """Tell whether ``group`` is flat within ``space``, up to the next line break."""
    position = len(after)
    stack: list[tuple[Document, bool]] = [
        (part, False) for part in reversed(group.parts)
    ]
    while space >= 0:
        if not stack:
            if not position:
                return True
            position -= 1
            stack.append((after[position][0], after[position][2]))
        part, broken = stack.pop()
        match part:
            case str():
                space -= _width(part)
            case _Choice(broken=None) if broken:
                return True
            case _Choice(flat=flat, broken=other):
                space -= len(flat if other is None or not broken else other)
            case _Indent(parts=parts) | _Group(parts=parts):
                stack.extend((p, broken) for p in reversed(parts))
            case parts:
                stack.extend((p, broken) for p in reversed(parts))
    return False


# Expressions as documents -------------------------------------------------------------


def _expression(node: ast.expr, level: _Level, parenthesised: bool = False) -> Document:
    if parenthesised:
        return _brackets("(", [_expression(node, _Level.CLOSED)], ")")
    node = _literal(node)
    match node:
        case ast.Name(id=name):
            return _identifier(name)
        case ast.Constant(value=value):
            return _constant(value)
        case ast.Attribute() | ast.Call() | ast.Subscript():
            return _chain(node, level)
        case ast.BinOp() | ast.BoolOp() | ast.Compare():
            return _operation(node, level)
        case ast.UnaryOp(op=operator):
            child, parenthesised = _children(node)[0]
            return [_PREFIX[type(operator)], _expression(child, level, parenthesised)]
        case ast.IfExp():
            body, test, otherwise = (
                _expression(child, level, parenthesised)
                for child, parenthesised in _children(node)
            )
            line: Document = " " if level is _Level.OPEN else _SPACE_OR_BREAK
            if isinstance(otherwise, _Group) and isinstance(node.orelse, ast.IfExp):
                # A ladder of conditions breaks as a whole.
                otherwise = otherwise.parts
            parts: list[Document] = [body, line, "if ", test, line, "else ", otherwise]
            return parts if level is _Level.OPEN else _Group(parts)
        case ast.List(elts=elements):
            return _items("[", [_element(e) for e in elements], "]")
        case ast.Tuple(elts=[single]):
            return _brackets("(", [_element(single), ","], ")")
        case ast.Tuple(elts=elements):
            return _items("(", [_element(e) for e in elements], ")")
        case ast.Dict(keys=keys, values=values):
            pairs = [_pair(k, v) for k, v in zip(keys, values, strict=True)]
            return _items("{", pairs, "}")
        case ast.Starred():
            child, parenthesised = _children(node)[0]
            return ["*", _expression(child, level, parenthesised)]
        case ast.Lambda(args=args, body=body):
            parameters = _flat(_join(_parameters(args)))
            start = f"lambda {parameters}: " if parameters else "lambda: "
            return [start, _lambda_body(body)]
        case ast.Slice():
            return _slice(node)
        case _:
            raise TypeError(f"cannot write the expression {ast.dump(node)}")


def _children(node: ast.expr) -> list[tuple[ast.expr, bool]]:
    """Return the parts of ``node`` that stand in none of its own brackets.

    Each comes with whether precedence, or ruff's taste, puts parentheses around it.
    """
    match node:
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            parts = [(left, _DOT), (right, _UNARY)]
        case ast.BinOp(left=left, op=operator, right=right):
            own = _BINARY[type(operator)][1]
            parts = [(left, own), (right, own + 1)]
        case ast.BoolOp(values=values):
            parts = [(value, _precedence(node) + 1) for value in values]
        case ast.Compare(left=left, comparators=others):
            parts = [(other, _BIT_OR) for other in (left, *others)]
        case ast.UnaryOp(operand=ast.BinOp(op=ast.Pow()) as operand):
            parts = [(operand, _ATOM)]
        case ast.UnaryOp(op=operator, operand=operand):
            parts = [(operand, _NOT if isinstance(operator, ast.Not) else _UNARY)]
        case ast.IfExp(body=body, test=test, orelse=otherwise):
            parts = [(body, _OR), (test, _OR), (otherwise, _TEST)]
        case ast.Lambda(body=body):
            parts = [(body, _TEST)]
        case ast.Starred(value=value):
            parts = [(value, _BIT_OR)]
        case ast.Attribute(value=ast.Constant(value=int() | float()) as number):
            # The number's own dot must not be taken for the attribute's.
            finite = isinstance(_literal(number), ast.Constant)
            parts = [(number, _ATOM + finite)]
        case ast.Attribute(value=value) | ast.Subscript(value=value):
            parts = [(value, _ATOM)]
        case ast.Call(func=function):
            parts = [(function, _ATOM)]
        case _:
            parts = []
    found: list[tuple[ast.expr, bool]] = []
    for child, least in parts:
        child = _literal(child)
        found.append((child, _precedence(child) < least))
    return found


def _precedence(node: ast.expr) -> int:
    match node:
        case ast.BinOp(op=operator):
            return _BINARY[type(operator)][1]
        case ast.UnaryOp(op=operator):
            return _NOT if isinstance(operator, ast.Not) else _UNARY
        case ast.BoolOp(op=operator):
            return _OR if isinstance(operator, ast.Or) else _AND
        case ast.Compare():
            return _COMPARE
        case ast.IfExp() | ast.Lambda():
            return _TEST
        case _:
            return _ATOM


def _literal(node: ast.expr) -> ast.expr:
    """Return what source text can say for a negative or non-finite number."""
    if not isinstance(node, ast.Constant):
        return node
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return node
    if math.copysign(1, value) < 0 and not math.isnan(value):
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    if math.isinf(value) or math.isnan(value):
        name = "inf" if math.isinf(value) else "nan"
        return ast.Attribute(ast.Name("np", ast.Load()), name, ast.Load())
    return node


def _constant(value: object) -> str:
    match value:
        case None | bool() | int():
            return str(value)
        case float():
            # Ruff drops the plus sign that ``repr`` puts into an exponent.
            return repr(value).replace("+", "")
        case str():
            return _string(value)
        case _ if value is ...:
            return "..."
        case _:
            raise TypeError(f"cannot write the constant {value!r}")


def _string(value: str) -> str:
    # Led by a double quote, ``repr`` always delimits and escapes with the single one.
    body = repr('"' + value)[2:-1]
    quote = "'" if value.count('"') > value.count("'") else '"'
    if quote == '"':
        body = re.sub(r"\\(.)", lambda m: "'" if m[1] == "'" else m[0], body)
        body = body.replace('"', r"\"")
    return f"{quote}{body}{quote}"


def _identifier(name: str) -> str:
    # A name from outside must not smuggle in a statement of its own.
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"{name!r} is not a Python identifier")
    return name


def _chain(node: ast.Attribute | ast.Call | ast.Subscript, level: _Level) -> Document:
    """Lay out attribute accesses, calls and subscripts that follow one another."""
    links: list[ast.Attribute | ast.Call | ast.Subscript] = []
    root: ast.expr = node
    parenthesised = False
    while isinstance(root, ast.Attribute | ast.Call | ast.Subscript):
        links.append(root)
        root, parenthesised = _children(root)[0]
    fluent = level is _Level.CLOSED and _is_fluent(node)
    parts: list[Document] = [_expression(root, level, parenthesised)]
    before: ast.expr = root
    for link in reversed(links):
        match link:
            case ast.Attribute(attr=name):
                breakable = isinstance(before, ast.Call | ast.Subscript)
                if fluent and (breakable or (before is root and parenthesised)):
                    parts.append(_BREAK)
                parts.append("." + _identifier(name))
            case ast.Call(args=arguments, keywords=keywords):
                parts.append(_arguments(arguments, keywords))
            case ast.Subscript(slice=index):
                parts.append(_brackets("[", [_index(index)], "]"))
        before = link
    return _Group(parts) if fluent else parts


def _is_fluent(node: ast.expr) -> bool:
    """Tell whether at least two dots of the chain follow a bracket."""
    count = 0
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        child, parenthesised = _children(node)[0]
        if isinstance(node, ast.Attribute):
            count += parenthesised or isinstance(child, ast.Call | ast.Subscript)
        node = child
    return count >= 2


def _arguments(
    arguments: Sequence[ast.expr], keywords: Sequence[ast.keyword]
) -> Document:
    items = [_element(argument) for argument in arguments]
    for item in keywords:
        start = "**" if item.arg is None else _identifier(item.arg) + "="
        items.append([start, _element(item.value)])
    comma = [_TRAILING_COMMA] if len(items) > 1 else []
    return _brackets("(", [_Group(_join(items) + comma)] if items else [], ")")


def _index(index: ast.expr) -> Document:
    if not isinstance(index, ast.Tuple) or not index.elts:
        return _element(index)
    items = [_element(element) for element in index.elts]
    if len(items) == 1:
        return [items[0], ","]
    return _Group([*_join(items), _TRAILING_COMMA])


def _slice(node: ast.Slice) -> Document:
    """Print a slice; ruff spaces colons beside more than names and literals."""

    def simple(bound: ast.expr) -> bool:
        if isinstance(bound, ast.UnaryOp) and not isinstance(bound.op, ast.Not):
            return simple(_literal(bound.operand))
        return isinstance(bound, ast.Name | ast.Constant)

    def part(bound: ast.expr) -> Document:
        # A lambda's own colon would end it.
        return _expression(bound, _Level.CLOSED, _precedence(bound) == _TEST)

    lower, upper, step = (
        None if bound is None else _literal(bound)
        for bound in (node.lower, node.upper, node.step)
    )
    bounds = [bound for bound in (lower, upper, step) if bound is not None]
    space = "" if all(map(simple, bounds)) else " "
    parts: list[Document] = [] if lower is None else [part(lower), space]
    parts.append(":")
    if upper is not None:
        parts += [space, part(upper)]
    if step is not None:
        parts += [space if upper is not None else "", ":", space, part(step)]
    return parts


def _lambda_body(body: ast.expr) -> Document:
    if _has_brackets(body):
        return _expression(body, _Level.CLOSED)
    inside = _Indent([_BREAK, _expression(body, _Level.CLOSED)])
    return _Group([_Choice("", "("), inside, _BREAK, _Choice("", ")")])


def _operation(node: ast.expr, level: _Level) -> Document:
    """Lay out operators; those that bind loosest break first, and all together."""
    operands: list[tuple[ast.expr, bool]] = []
    operators: list[tuple[str, int]] = []

    def collect(operation: ast.expr) -> None:
        match operation:
            case ast.BinOp(op=operator):
                own = [_BINARY[type(operator)]]
            case ast.BoolOp(op=operator, values=values):
                word = "or" if isinstance(operator, ast.Or) else "and"
                own = [(word, _OR)] * (len(values) - 1)
            case ast.Compare(ops=comparisons):
                own = [
                    (_COMPARISON[type(operator)], _COMPARE) for operator in comparisons
                ]
            case _:
                raise AssertionError(operation)
        for position, (child, parenthesised) in enumerate(_children(operation)):
            if position:
                operators.append(own[position - 1])
            nested = isinstance(child, ast.BinOp | ast.BoolOp | ast.Compare)
            if nested and not parenthesised:
                collect(child)
            else:
                operands.append((child, parenthesised))

    def hugs(position: int) -> bool:
        pair = operands[position : position + 2]
        return all(_hugs_power(child) and not wrapped for child, wrapped in pair)

    def lay_out(start: int, stop: int) -> Document:
        if start == stop:
            return _expression(operands[start][0], level, operands[start][1])
        loosest = min(rank for _, rank in operators[start:stop])
        parts: list[Document] = []
        for position in range(start, stop):
            symbol, rank = operators[position]
            if rank != loosest:
                continue
            parts.append(lay_out(start, position))
            if symbol == "**" and hugs(position):
                # Ruff asks the outer parentheses, not the group, for the space.
                space = " " if level is _Level.WRAPPED else _Choice("", " ")
                parts += [_BREAK, symbol, space]
            else:
                parts += [_SPACE_OR_BREAK, symbol + " "]
            start = position + 1
        parts.append(lay_out(start, stop))
        return _Group(parts)

    collect(node)
    if level is not _Level.OPEN:
        return lay_out(0, len(operators))
    line: list[Document] = [_expression(operands[0][0], level, operands[0][1])]
    for position, (symbol, _) in enumerate(operators):
        hugging = symbol == "**" and hugs(position)
        line.append(symbol if hugging else f" {symbol} ")
        child, parenthesised = operands[position + 1]
        line.append(_expression(child, level, parenthesised))
    return line


def _hugs_power(node: ast.expr) -> bool:
    match node:
        case ast.UnaryOp(op=operator, operand=operand):
            return not isinstance(operator, ast.Not) and _hugs_power(operand)
        case ast.Attribute(value=value):
            return _hugs_power(value)
        case ast.Constant(value=value):
            return value is None or isinstance(value, int | float)
        case _:
            return isinstance(node, ast.Name)


def _parameters(arguments: ast.arguments) -> list[Document]:
    """Print each parameter of a function or lambda, with its default."""

    def named(argument: ast.arg, default: ast.expr | None, stars: str = "") -> Document:
        text = stars + _identifier(argument.arg)
        if argument.annotation is not None:
            text += f": {format_expression(argument.annotation)}"
        if default is None:
            return text
        equals = "=" if argument.annotation is None else " = "
        return [text, equals, _element(default)]

    positional = [*arguments.posonlyargs, *arguments.args]
    missing = len(positional) - len(arguments.defaults)
    defaults: list[ast.expr | None] = [*[None] * missing, *arguments.defaults]
    items = [named(*pair) for pair in zip(positional, defaults, strict=True)]
    if arguments.posonlyargs:
        items.insert(len(arguments.posonlyargs), "/")
    if arguments.vararg is not None:
        items.append(named(arguments.vararg, None, "*"))
    elif arguments.kwonlyargs:
        items.append("*")
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    items += [named(*pair) for pair in pairs]
    if arguments.kwarg is not None:
        items.append(named(arguments.kwarg, None, "**"))
    return items


def _target(node: ast.expr) -> list[Document]:
    """Print an assignment's target, a tuple without parentheses while it fits."""
    if not isinstance(node, ast.Tuple) or len(node.elts) < 2:
        return [_expression(node, _Level.OPEN)]
    items: list[Document] = [*_join([_element(e) for e in node.elts]), _TRAILING_COMMA]
    inside = _Indent([_BREAK, *items])
    return [_Group([_Choice("", "("), inside, _BREAK, _Choice("", ")")])]


def _element(node: ast.expr) -> Document:
    return _expression(node, _Level.CLOSED)


def _pair(key: ast.expr | None, value: ast.expr) -> Document:
    if key is None:
        loose = _precedence(_literal(value)) < _BIT_OR
        return ["**", _expression(value, _Level.CLOSED, loose)]
    return [_element(key), ": ", _element(value)]


def _items(start: str, items: list[Document], end: str) -> Document:
    comma = [_TRAILING_COMMA] if len(items) > 1 else []
    return _brackets(start, _join(items) + comma, end)


def _join(items: Sequence[Document]) -> "list[Document]":
    joined: list[Document] = []
    for item in items:
        if joined:
            joined += [",", _SPACE_OR_BREAK]
        joined.append(item)
    return joined


def _brackets(start: str, parts: "list[Document]", end: str) -> Document:
    if not parts:
        return start + end
    return _Group([start, _Indent([_BREAK, *parts]), _BREAK, end])


# Statements: when a value is wrapped in parentheses -----------------------------------


def format_expression(node: ast.expr) -> str:
    """Return ``node`` on one line, however long, as ruff would print it."""
    return _flat(_expression(node, _Level.OPEN))


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
            left = _target(target)
            return _lay_out([*left, " = "], value, indent, width, owner=target)
        case ast.AugAssign(target=target, op=operator, value=value):
            left = [
                _expression(target, _Level.OPEN),
                f" {_BINARY[type(operator)][0]}= ",
            ]
            return _lay_out(left, value, indent, width, owner=target)
        case ast.AnnAssign(target=target, annotation=annotation):
            left = [_expression(target, _Level.OPEN), ": "]
            if not node.simple and isinstance(target, ast.Name):
                left = ["(", left[0], "): "]
            if node.value is None:
                return _lay_out(left, annotation, indent, width)
            left += [_expression(annotation, _Level.OPEN), " = "]
            return _lay_out(left, node.value, indent, width, owner=annotation)
        case ast.Return(value=ast.expr() as value):
            return _lay_out(["return "], value, indent, width)
        case ast.Expr(value=value):
            bare = not isinstance(value, ast.BinOp | ast.BoolOp | ast.Compare)
            return _lay_out([], value, indent, width, bare=bare)
        case ast.Raise(exc=ast.expr() as error, cause=cause):
            end: list[Document] = []
            if cause is not None:
                end = [" from ", _expression(cause, _Level.OPEN)]
            return _lay_out(["raise "], error, indent, width, end=end, helps=False)
        case ast.Raise():
            return [" " * indent + "raise"]
        case _:
            raise TypeError(f"cannot write the statement {ast.dump(node)}")


def _format_header(node: Header, word: str, indent: int, width: int) -> list[str]:
    match node:
        case ast.If(test=test) | ast.While(test=test):
            return _lay_out([f"{word} "], test, indent, width, end=[":"])
        case ast.For(target=target, iter=iterable):
            start: list[Document] = ["for ", *_target(target), " in "]
            return _lay_out(start, iterable, indent, width, end=[":"])
        case ast.With(items=items):
            parts: list[Document] = []
            for item in items:
                parts += [", " if parts else "with "]
                parts += [_expression(item.context_expr, _Level.OPEN)]
                if item.optional_vars is not None:
                    parts += [" as ", _expression(item.optional_vars, _Level.OPEN)]
            document: list[Document] = [*parts, ":"]
        case ast.ClassDef(name=name, bases=bases, keywords=keywords):
            brackets = _arguments(bases, keywords) if bases or keywords else ""
            document = ["class ", _identifier(name), brackets, ":"]
        case ast.FunctionDef(name=name, args=args, returns=returns):
            document = ["def ", _identifier(name)]
            parameters = _parameters(args)
            comma = [_TRAILING_COMMA] if parameters else []
            document.append(_brackets("(", [_Group(_join(parameters) + comma)], ")"))
            if returns is not None:
                document += [" -> ", format_expression(returns)]
            document.append(":")
    return _render(document, indent, width)


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
    value = _literal(value)
    tuple_value = isinstance(value, ast.Tuple) and len(value.elts) > 1
    opened = _expression(value, _Level.OPEN)
    flat = _flat([*start, opened, *end])
    if tuple_value and start == ["return "]:
        flat = f"return {flat[8:-1]}"
    if indent + _width(flat) <= width:
        return [" " * indent + flat]

    def fits(document: Document) -> bool:
        lines = _render([before, document, *end], indent, width, explode=True)
        return all(_width(line) <= width for line in lines)

    def wrap(level: _Level) -> Document:
        inside = _Indent([_BREAK, _expression(value, level)])
        return _Group(["(", inside, _BREAK, ")"], always_broken=True)

    wrapping = _Wrap.NEVER if bare else _wrapping(value)
    splits = _has_brackets(owner)
    signed = wrapping is _Wrap.IF_IT_HELPS and isinstance(value, ast.UnaryOp)
    before = _flat(start)
    first = _render([before, opened, *end], indent, width, explode=True)[0]
    beside = first[indent + len(before) :] if signed else "("
    if splits and indent + _width(before + beside) > width:
        # Nothing of the value fits beside the target, whose own brackets then break.
        *head, last = _render([*start, beside], indent, width)
        start = [last.strip().removesuffix(beside)]
        bare = wrapping is _Wrap.IF_IT_HELPS and not signed
        return head + _lay_out(start, value, indent, width, bare=bare)
    chosen: Document = opened
    if wrapping is _Wrap.IF_BROKEN:
        if not _may_omit_parentheses(value):
            chosen = wrap(_Level.CLOSED)
        elif not fits(opened):
            chosen = wrap(_Level.WRAPPED)
    elif (
        wrapping is _Wrap.IF_IT_HELPS and splits and not isinstance(value, ast.UnaryOp)
    ):
        chain = isinstance(value, ast.Attribute | ast.Call | ast.Subscript)
        before: Document = _flat(start)
        first = _render([before, opened, *end], indent, width, explode=True)[0]
        if not chain or _width(first) > width:
            chosen = wrap(_Level.OPEN)
    elif wrapping is _Wrap.IF_IT_HELPS and helps and not fits(opened):
        wrapped = wrap(_Level.WRAPPED)
        chosen = wrapped if fits(wrapped) else opened
    return _render([*start, chosen, *end], indent, width)


def _wrapping(node: ast.expr) -> _Wrap:
    """Tell when ruff considers parentheses around ``node`` (``needs_parentheses``)."""
    match node:
        case ast.Dict() | ast.List() | ast.Tuple():
            return _Wrap.NEVER
        case ast.Name() | ast.Constant():
            return _Wrap.IF_IT_HELPS
        case ast.Attribute() | ast.Call() | ast.Subscript() | ast.UnaryOp():
            if _is_fluent(node):
                return _Wrap.IF_BROKEN
            child, parenthesised = _children(node)[0]
            return _Wrap.NEVER if parenthesised else _wrapping(child)
        case _:
            return _Wrap.IF_BROKEN


def _has_brackets(node: ast.expr | None) -> bool:
    kinds = ast.Call | ast.Subscript | ast.Tuple | ast.List | ast.Dict
    return isinstance(node, kinds)


class _Visit:
    """What ruff looks at before it leaves out a broken value's parentheses."""

    def __init__(self) -> None:
        self.rank = _ATOM
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
            case ast.Dict() | ast.List() | ast.Tuple():
                self.brackets = True
            case ast.BoolOp(values=values):
                self.note(_OR, len(values) - 1)
            case ast.BinOp(op=operator):
                self.note(_BINARY[type(operator)][1])
            case ast.Compare(ops=operators):
                self.note(_COMPARE, len(operators))
            case ast.IfExp():
                self.note(_TEST, 2)
            case ast.UnaryOp(op=operator):
                self.started = True
                if isinstance(operator, ast.Invert):
                    self.note(_UNARY)
            case ast.Lambda() | ast.Starred():
                self.started = True
            case ast.Call() | ast.Subscript():
                self.brackets = True
            case _:
                pass
        for child, parenthesised in _children(node):
            self.visit(child, parenthesised)
            if isinstance(node, ast.Attribute) and (
                parenthesised or _has_brackets(child)
            ):
                self.note(_DOT)
        if isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
            self.last = (node, False)


def _may_omit_parentheses(node: ast.expr) -> bool:
    """Tell whether breaking ``node`` inside its own brackets alone reads well."""
    seen = _Visit()
    seen.descend(node)
    if not seen.brackets or seen.count > 1:
        return False
    if seen.rank >= _DOT:
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
            case (_, parenthesised):
                return parenthesised

    return filled(seen.last) or filled(seen.first)


# The writer ---------------------------------------------------------------------------

_Start = Literal["file", "definition", "plain", "docstring"]
_Kind = Literal["code", "comment", "definition", "clause"]
_DEFINITIONS = ast.FunctionDef | ast.ClassDef

# Comments that tools obey; text from outside must not switch them off.
_PRAGMA = re.compile(
    r"(?i)\b(?:(?:fmt|yapf|isort|ruff|pyright|flake8)\s*:"
    r"|type\s*:\s*ignore|coding[:=]|noqa)"
)


class Writer:
    """Collect statements, comments and blocks into the text of one module.

    Blank lines around definitions, imports and docstrings are the writer's business;
    ``blank`` only adds to them. Imports may be asked for at any time.

    Example:
        >>> writer = Writer()
        >>> writer.import_("numpy", "np")
        >>> with writer.function("double", ["x"]):
        ...     writer.statement(ast.parse("return 2 * x").body[0], "weak scalar")
        >>> print(writer.source(), end="")
        import numpy as np
        <BLANKLINE>
        <BLANKLINE>
        def double(x):
            return 2 * x  # weak scalar
    """

    def __init__(self, *, width: int = WIDTH) -> None:
        self._width = width
        self._lines: list[str] = []
        self._depth = 0
        self._docstring: list[str] = []
        self._imports: set[tuple[str, str | None]] = set()
        self._from_imports: dict[str, set[str]] = {}
        self._start: _Start | None = "file"
        self._blanks = 0
        self._after_definition = False
        self._has_code = False
        self._in_class = False
        self._opens_with_definition = False
        # Where a run of comments begins, and how many blank lines a definition that
        # follows it wants there.
        self._comment_run: tuple[int, int] | None = None

    def statement(self, node: ast.stmt, comment: str | None = None) -> None:
        """Write a simple statement, with ``comment`` after it or, if long, above it."""
        lines = format_statement(node, self._indent, width=self._width)
        if comment is not None:
            line = f"{lines[0]}  # {_comment_text(comment)}"
            if len(lines) == 1 and _width(line) <= self._width:
                lines = [line]
            else:
                self.comment(comment)
        self._emit(lines, "code")

    def comment(self, text: str) -> None:
        """Write lines of comment, wrapped; a line break in ``text`` is kept."""
        room = max(self._width - self._indent - 2, 20)
        lines: list[str] = []
        for paragraph in text.splitlines() or [""]:
            plain = _comment_text(paragraph)
            wrapped = textwrap.wrap(
                plain, room, break_long_words=False, break_on_hyphens=False
            )
            lines += [f"# {line}" for line in wrapped] or ["#"]
        self._emit([" " * self._indent + line for line in lines], "comment")

    def heading(self, text: str) -> None:
        """Write a comment that opens a phase, set off by a blank line."""
        self.blank()
        self.comment(text)

    def blank(self, count: int = 1) -> None:
        """Ask for blank lines; there are none where a block starts, two at most."""
        self._blanks = max(self._blanks, min(count, 1 if self._depth else 2))

    def docstring(self, text: str) -> None:
        """Write ``text`` as the docstring of the module, class or function just opened.

        Raises:
            ValueError: something was written before it, or the block takes none.
        """
        lines = _docstring_lines(text, self._indent)
        if self._start == "file" and not self._docstring:
            self._docstring = lines
        elif self._start == "definition":
            self._emit(lines, "code")
            self._start = "docstring"
        else:
            raise ValueError("a docstring comes first in a module, class or function")

    @contextmanager
    def block(self, header: str | Header) -> Generator[None]:
        """Write a header such as ``"if step > 0:"`` and indent what follows.

        Raises:
            ValueError: the text is no header of a block.
        """
        lines, kind = self._header(header)
        self._emit(lines, kind)
        self._has_code = False
        self._start = "definition" if kind == "definition" else "plain"
        start = " " * self._indent + "class "
        self._in_class = any(line.startswith(start) for line in lines)
        self._depth += 1
        yield
        if not self._has_code:
            self._emit([" " * self._indent + "pass"], "code")
        self._depth -= 1
        self._has_code = True
        self._start = None
        self._blanks = 0
        self._comment_run = None
        self._after_definition |= kind == "definition"

    @contextmanager
    def function(
        self,
        name: str,
        parameters: Sequence[str] = (),
        *,
        returns: str | None = None,
        decorators: Sequence[str] = (),
    ) -> Generator[None]:
        """Write a function's header, as in ``function("f", ["x: int = 0", "*", "y"])``.

        Raises:
            ValueError: the parts do not make a function header.
        """
        # A line break after the parameters keeps a "#" in them from hiding the rest.
        arrow = "" if returns is None else f" -> ({returns}\n)"
        text = f"def {_identifier(name)}({', '.join(parameters)}\n){arrow}:"
        node = _parse_header(text)
        if not isinstance(node, ast.FunctionDef):
            raise ValueError(f"{text!r} is no function header")
        node.decorator_list = [_parse_expression(text) for text in decorators]
        with self.block(node):
            yield

    def raw(self, text: str) -> None:
        """Write formatted source text at the top level, set off by blank lines."""
        if self._depth:
            raise ValueError("raw text belongs to the top level")
        body = ast.parse(text).body
        first_defines = bool(body) and isinstance(body[0], _DEFINITIONS)
        self.blank()
        self._emit(
            text.strip("\n").split("\n"), "definition" if first_defines else "code"
        )
        self._after_definition = bool(body) and isinstance(body[-1], _DEFINITIONS)
        self.blank()

    def append(self, other: "Writer") -> None:
        """Write what `other` holds at the top level, and take over its imports."""
        self._imports |= other._imports
        for module, names in other._from_imports.items():
            self._from_imports.setdefault(module, set()).update(names)
        if other._lines:
            self.raw("\n".join(other._lines))

    def import_(self, module: str, alias: str | None = None) -> None:
        """Ask for ``import module as alias`` at the head of the file."""
        for part in [*module.split("."), *([] if alias is None else [alias])]:
            _identifier(part)
        self._imports.add((module, alias))

    def from_import(self, module: str, name: str) -> None:
        """Ask for ``from module import name`` at the head of the file."""
        for part in [*module.split("."), name]:
            _identifier(part)
        self._from_imports.setdefault(module, set()).add(name)

    def source(self) -> str:
        """Return the text of the module: empty, or with one line break at its end."""
        lines = list(self._docstring)
        imports = self._import_lines()
        if imports:
            lines += [*([""] if lines else []), *imports]
        if lines and self._lines:
            lines += [""] * (2 if self._opens_with_definition else 1)
        return "".join(f"{line}\n" for line in [*lines, *self._lines])

    @property
    def _indent(self) -> int:
        return INDENT * self._depth

    def _emit(self, lines: list[str], kind: _Kind) -> None:
        wanted = self._blanks_before(kind)
        if kind == "definition":
            run = self._comment_run
            if run is not None and not self._blanks:
                # A comment right above a definition belongs to it.
                self._lines[run[0] : run[0]] = [""] * run[1]
                wanted = 0
            at_top = not self._lines if run is None or wanted else run[0] == 0
            self._opens_with_definition |= at_top
        if kind != "comment":
            self._comment_run = None
            self._has_code = True
        elif self._comment_run is None or wanted:
            # Blank lines go before a comment that starts a block in no case.
            inner = self._start in ("file", "definition", "plain")
            missing = 0 if inner else self._blanks_before("definition") - wanted
            self._comment_run = (len(self._lines) + wanted, missing)
        self._lines += [""] * wanted + lines
        self._start = None
        self._blanks = 0
        self._after_definition = False

    def _blanks_before(self, kind: _Kind) -> int:
        if kind == "clause" or self._start in ("file", "definition"):
            return 0
        if self._start == "plain":
            return int(kind == "definition")
        if self._start == "docstring":
            return int(kind == "definition" or self._in_class)
        if kind == "definition" or self._after_definition:
            return 1 if self._depth else 2
        # Ruff allows one blank line only above a module's first statement.
        return self._blanks if self._has_code else min(self._blanks, 1)

    def _header(self, header: str | Header) -> tuple[list[str], _Kind]:
        indent, width = self._indent, self._width
        if isinstance(header, str):
            text = header.strip()
            word = re.split(r"\W", text, maxsplit=1)[0]
            if word in ("else", "try", "finally", "except"):
                start = "" if word == "try" else "try:\n    pass\n"
                end = "\nfinally:\n    pass" if word == "try" else ""
                if word == "else":
                    start = "if 1:\n    pass\n"
                _parse(f"{start}{text}\n    pass{end}", text)
                return [" " * indent + text], "code" if word == "try" else "clause"
            header = _parse_header(text[2:] if word == "elif" else text)
        else:
            word = "while" if isinstance(header, ast.While) else "if"
        lines = _format_header(header, word, indent, width)
        if isinstance(header, _DEFINITIONS):
            marks = [f"@{format_expression(mark)}" for mark in header.decorator_list]
            return [*(" " * indent + mark for mark in marks), *lines], "definition"
        return lines, "clause" if word == "elif" else "code"

    def _import_lines(self) -> list[str]:
        """Print the imports in the order of ruff's rule I001: by section, then name."""
        sections: dict[int, list[tuple[object, list[str]]]] = {}
        for module, alias in self._imports:
            text = f"import {module}" + ("" if alias is None else f" as {alias}")
            key = (0, _natural(module), alias or "")
            sections.setdefault(_section(module), []).append((key, [text]))
        for module, names in self._from_imports.items():
            ordered: list[Document] = [*sorted(names, key=_member_order)]
            listed: list[Document] = [*_join(ordered), _TRAILING_COMMA]
            parts: list[Document] = [
                _Choice("", "("),
                _Indent([_BREAK, *listed]),
                _BREAK,
            ]
            group = _Group([*parts, _Choice("", ")")])
            lines = _render([f"from {module} import ", group], 0, self._width)
            sections.setdefault(_section(module), []).append(
                ((1, _natural(module), ""), lines)
            )
        found: list[str] = []
        for _, section in sorted(sections.items()):
            found += [""] if found else []
            for _, lines in sorted(section):
                found += lines
        return found


def _section(module: str) -> int:
    root = module.partition(".")[0]
    return 0 if root == "__future__" else 1 if root in sys.stdlib_module_names else 2


def _natural(name: str) -> tuple[list[str | int], str]:
    parts = re.split(r"(\d+)", name.lower())
    return [int(part) if part.isdigit() else part for part in parts], name


def _member_order(name: str) -> tuple[int, tuple[list[str | int], str]]:
    if name.isupper() and len(name) > 1:
        return 0, _natural(name)
    return 1 if name[:1].isupper() else 2, _natural(name)


def _comment_text(text: str) -> str:
    """Return ``text`` on one line, without what would end or rule the comment."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return _PRAGMA.sub(lambda found: f"'{found[0]}'", " ".join(plain.split()))


def _docstring_lines(text: str, indent: int) -> list[str]:
    # Twice: ruff too measures the indentation without the first line that is left.
    tidy = cleandoc(cleandoc(text.replace("\r\n", "\n").replace("\r", "\n")))
    lines: list[str] = []
    for line in tidy.lstrip().split("\n"):
        signs = (s if s.isprintable() else repr(s)[1:-1] for s in line.rstrip())
        body = "".join(r"\\" if sign == "\\" else sign for sign in signs)
        lines.append(body.replace('"""', r"\"\"\""))
    while len(lines) > 1 and not lines[-1]:
        lines.pop()
    margin = " " * indent
    # Ruff parts a quotation mark from those that delimit the text.
    start = margin + '"""' + (" " if lines[0][:1] in ('"', "") else "") + lines[0]
    if len(lines) == 1:
        bare_quote = re.search(r'(?<!\\)(\\\\)*"$', lines[0])
        return [start + (" " if bare_quote else "") + '"""']
    rest = [margin + line if line else "" for line in lines[1:]]
    return [start, *rest, margin + '"""']


def _parse(source: str, shown: str) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{shown!r} does not parse: {error}") from error


def _parse_header(text: str) -> Header:
    match _parse(f"{text}\n    pass", text).body:
        case [node] if isinstance(node, Header) and len(node.body) == 1:
            return node
        case _:
            raise ValueError(f"{text!r} is no header of a block")


def _parse_expression(text: str) -> ast.expr:
    match _parse(f"({text}\n)", text).body:
        case [ast.Expr(value=value)]:
            return value
        case _:
            raise ValueError(f"{text!r} is no expression")
