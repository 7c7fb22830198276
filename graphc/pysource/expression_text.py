"""Expressions as documents: where ruff puts spaces, quotes, parentheses and breaks.

Names and strings come from users, so this is also the file that keeps them from saying
more than a name or a string.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Sequence
from enum import Enum

from .layout import (
    BREAK,
    SPACE_OR_BREAK,
    TRAILING_COMMA,
    Choice,
    Document,
    Group,
    Indent,
    brackets,
    flat_text,
    join,
)
from .precedence import (
    BINARY,
    BIT_OR,
    COMPARE,
    COMPARISON,
    OR,
    PREFIX,
    TEST,
    children,
    has_brackets,
    is_fluent,
    precedence,
    source_number,
)


class Level(Enum):
    """Place of an expression, which decides what in it may break."""

    OPEN = 1  # Outside any bracket: operators may not break.
    WRAPPED = 2  # Inside the parentheses that wrap a value which could do without.
    CLOSED = 3  # Inside a bracket: operators and method chains may break.


def format_expression(node: ast.expr) -> str:
    """Return ``node`` on one line, however long, as ruff would print it."""
    return flat_text(expression_document(node, Level.OPEN))


def expression_document(
    node: ast.expr, level: Level, parenthesised: bool = False
) -> Document:
    """Return the layout of an expression."""
    if parenthesised:
        return brackets("(", [expression_document(node, Level.CLOSED)], ")")
    node = source_number(node)
    match node:
        case ast.Name(id=name):
            return identifier(name)
        case ast.Constant(value=value):
            return _constant(value)
        case ast.JoinedStr(values=pieces):
            return f'f"{"".join(map(_part_of_string, pieces))}"'
        case ast.ListComp(elt=element, generators=clauses):
            return brackets("[", [_comprehension(_element(element), clauses)], "]")
        case ast.SetComp(elt=element, generators=clauses):
            return brackets("{", [_comprehension(_element(element), clauses)], "}")
        case ast.DictComp(key=key, value=value, generators=clauses):
            return brackets("{", [_comprehension(_pair(key, value), clauses)], "}")
        case ast.GeneratorExp(elt=element, generators=clauses):
            return brackets("(", [_comprehension(_element(element), clauses)], ")")
        case ast.Attribute() | ast.Call() | ast.Subscript():
            return _chain(node, level)
        case ast.BinOp() | ast.BoolOp() | ast.Compare():
            return _operation(node, level)
        case ast.UnaryOp(op=operator):
            child, parenthesised = children(node)[0]
            return [
                PREFIX[type(operator)],
                expression_document(child, level, parenthesised),
            ]
        case ast.IfExp():
            body, test, otherwise = (
                expression_document(child, level, parenthesised)
                for child, parenthesised in children(node)
            )
            line: Document = " " if level is Level.OPEN else SPACE_OR_BREAK
            if isinstance(otherwise, Group) and isinstance(node.orelse, ast.IfExp):
                # A ladder of conditions breaks as a whole.
                otherwise = otherwise.parts
            parts: list[Document] = [body, line, "if ", test, line, "else ", otherwise]
            return parts if level is Level.OPEN else Group(parts)
        case ast.List(elts=elements):
            return _items("[", [_element(e) for e in elements], "]")
        case ast.Tuple(elts=[single]):
            return brackets("(", [_element(single), ","], ")")
        case ast.Tuple(elts=elements):
            return _items("(", [_element(e) for e in elements], ")")
        case ast.Dict(keys=keys, values=values):
            pairs = [_pair(k, v) for k, v in zip(keys, values, strict=True)]
            return _items("{", pairs, "}")
        case ast.Starred():
            child, parenthesised = children(node)[0]
            return ["*", expression_document(child, level, parenthesised)]
        case ast.Lambda(args=args, body=body):
            parameters = flat_text(join(parameter_documents(args)))
            start = f"lambda {parameters}: " if parameters else "lambda: "
            return [start, _lambda_body(body)]
        case ast.Slice():
            return _slice(node)
        case _:
            raise TypeError(f"cannot write the expression {ast.dump(node)}")


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


def _part_of_string(part: ast.expr) -> str:
    """A part of an f-string: plain text, or a variable."""
    match part:
        case ast.Constant(value=str() as text):
            escaped = repr('"' + text)[2:-1].replace("{", "{{").replace("}", "}}")
            return escaped.replace(r"\'", "'").replace('"', r"\"")
        case ast.FormattedValue(value=value, conversion=kind, format_spec=spec):
            text = format_expression(value)
            # Before Python 3.12 no quote of the f-string's own may stand inside.
            text = text.replace('"', "'") if "'" not in text else text
            if '"' in text or "\\" in text or text.startswith(("{", "lambda")):
                raise TypeError(f"cannot write {text} in an f-string")
            conversion = "" if kind == -1 else f"!{chr(kind)}"
            pieces = spec.values if isinstance(spec, ast.JoinedStr) else []
            form = "".join(map(_part_of_string, pieces))
            return f"{{{text}{conversion}{':' if pieces else ''}{form}}}"
        case _:
            raise TypeError(f"cannot write {ast.dump(part)} in an f-string")


def identifier(name: str) -> str:
    """Return `name` if it is a Python identifier, else raise `ValueError`."""
    # A name from outside must not smuggle in a statement of its own.
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"{name!r} is not a Python identifier")
    return name


def _chain(node: ast.Attribute | ast.Call | ast.Subscript, level: Level) -> Document:
    """Lay out attribute accesses, calls and subscripts that follow one another."""
    links: list[ast.Attribute | ast.Call | ast.Subscript] = []
    root: ast.expr = node
    parenthesised = False
    while isinstance(root, ast.Attribute | ast.Call | ast.Subscript):
        links.append(root)
        root, parenthesised = children(root)[0]
    fluent = level is Level.CLOSED and is_fluent(node)
    parts: list[Document] = [expression_document(root, level, parenthesised)]
    before: ast.expr = root
    for link in reversed(links):
        match link:
            case ast.Attribute(attr=name):
                breakable = isinstance(before, ast.Call | ast.Subscript)
                if fluent and (breakable or (before is root and parenthesised)):
                    parts.append(BREAK)
                parts.append("." + identifier(name))
            case ast.Call(args=arguments, keywords=keywords):
                parts.append(arguments_document(arguments, keywords))
            case ast.Subscript(slice=index):
                parts.append(brackets("[", [_index(index)], "]"))
        before = link
    return Group(parts) if fluent else parts


def arguments_document(
    arguments: Sequence[ast.expr], keywords: Sequence[ast.keyword]
) -> Document:
    """Return the layout of a call's arguments, brackets included."""
    match arguments, keywords:
        case [ast.GeneratorExp(elt=element, generators=clauses)], []:
            return brackets("(", [_comprehension(_element(element), clauses)], ")")
        case _:
            items = [_element(argument) for argument in arguments]
    for item in keywords:
        start = "**" if item.arg is None else identifier(item.arg) + "="
        items.append([start, _element(item.value)])
    comma = [TRAILING_COMMA] if len(items) > 1 else []
    return brackets("(", [Group(join(items) + comma)] if items else [], ")")


def _index(index: ast.expr) -> Document:
    if not isinstance(index, ast.Tuple) or not index.elts:
        return _element(index)
    items = [_element(element) for element in index.elts]
    if len(items) == 1:
        return [items[0], ","]
    return Group([*join(items), TRAILING_COMMA])


def _slice(node: ast.Slice) -> Document:
    """Print a slice; ruff spaces colons beside more than names and literals."""

    def simple(bound: ast.expr) -> bool:
        if isinstance(bound, ast.UnaryOp) and not isinstance(bound.op, ast.Not):
            return simple(source_number(bound.operand))
        return isinstance(bound, ast.Name | ast.Constant)

    def part(bound: ast.expr) -> Document:
        # A lambda's own colon would end it.
        return expression_document(bound, Level.CLOSED, precedence(bound) == TEST)

    lower, upper, step = (
        None if bound is None else source_number(bound)
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
    if has_brackets(body):
        return expression_document(body, Level.CLOSED)
    inside = Indent([BREAK, expression_document(body, Level.CLOSED)])
    return Group([Choice("", "("), inside, BREAK, Choice("", ")")])


def _operation(node: ast.expr, level: Level) -> Document:
    """Lay out operators; those that bind loosest break first, and all together."""
    operands: list[tuple[ast.expr, bool]] = []
    operators: list[tuple[str, int]] = []

    def collect(operation: ast.expr) -> None:
        match operation:
            case ast.BinOp(op=operator):
                own = [BINARY[type(operator)]]
            case ast.BoolOp(op=operator, values=values):
                word = "or" if isinstance(operator, ast.Or) else "and"
                own = [(word, OR)] * (len(values) - 1)
            case ast.Compare(ops=comparisons):
                own = [
                    (COMPARISON[type(operator)], COMPARE) for operator in comparisons
                ]
            case _:
                raise AssertionError(operation)
        for position, (child, parenthesised) in enumerate(children(operation)):
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
            return expression_document(operands[start][0], level, operands[start][1])
        loosest = min(rank for _, rank in operators[start:stop])
        parts: list[Document] = []
        for position in range(start, stop):
            symbol, rank = operators[position]
            if rank != loosest:
                continue
            parts.append(lay_out(start, position))
            if symbol == "**" and hugs(position):
                # Ruff asks the outer parentheses, not the group, for the space.
                space = " " if level is Level.WRAPPED else Choice("", " ")
                parts += [BREAK, symbol, space]
            else:
                parts += [SPACE_OR_BREAK, symbol + " "]
            start = position + 1
        parts.append(lay_out(start, stop))
        return Group(parts)

    collect(node)
    if level is not Level.OPEN:
        return lay_out(0, len(operators))
    line: list[Document] = [expression_document(operands[0][0], level, operands[0][1])]
    for position, (symbol, _) in enumerate(operators):
        hugging = symbol == "**" and hugs(position)
        line.append(symbol if hugging else f" {symbol} ")
        child, parenthesised = operands[position + 1]
        line.append(expression_document(child, level, parenthesised))
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


def parameter_documents(arguments: ast.arguments) -> list[Document]:
    """Print each parameter of a function or lambda, with its default."""

    def named(argument: ast.arg, default: ast.expr | None, stars: str = "") -> Document:
        text = stars + identifier(argument.arg)
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


def target_document(node: ast.expr) -> list[Document]:
    """Print an assignment's target, a tuple without parentheses while it fits."""
    if not isinstance(node, ast.Tuple) or len(node.elts) < 2:
        return [expression_document(node, Level.OPEN)]
    items: list[Document] = [*join([_element(e) for e in node.elts]), TRAILING_COMMA]
    inside = Indent([BREAK, *items])
    return [Group([Choice("", "("), inside, BREAK, Choice("", ")")])]


def _element(node: ast.expr) -> Document:
    return expression_document(node, Level.CLOSED)


def _pair(key: ast.expr | None, value: ast.expr) -> Document:
    if key is None:
        loose = precedence(source_number(value)) < BIT_OR
        return ["**", expression_document(value, Level.CLOSED, loose)]
    return [_element(key), ": ", _element(value)]


def _comprehension(element: Document, clauses: Sequence[ast.comprehension]) -> Document:
    """Print what stands in the brackets of a comprehension."""
    parts: list[Document] = [element]
    for clause in clauses:
        target = target_document(clause.target)
        parts += [SPACE_OR_BREAK, "for ", *target, " in ", _operand(clause.iter)]
        for condition in clause.ifs:
            parts += [SPACE_OR_BREAK, "if ", _operand(condition)]
    return Group(parts)


def _operand(node: ast.expr) -> Document:
    """Print an expression where a condition or a lambda needs parentheses."""
    return expression_document(node, Level.CLOSED, precedence(node) == TEST)


def _items(start: str, items: list[Document], end: str) -> Document:
    comma = [TRAILING_COMMA] if len(items) > 1 else []
    return brackets(start, join(items) + comma, end)
