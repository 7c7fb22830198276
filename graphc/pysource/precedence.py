"""Precedence of operators, and so the parentheses that an expression needs.

Where precedence asks for none, ruff's taste may (`-(x**2)`); both are one question to
whoever prints an expression or decides whether its value is wrapped.
"""

from __future__ import annotations

import ast
import math
from typing import TypeAlias

# Python's precedences, loosest first; ruff ranks the dot of a call chain above them.
TEST, OR, AND, NOT, COMPARE, BIT_OR, BIT_XOR, BIT_AND = range(8)
SHIFT, ADD, MULTIPLY, UNARY, POWER, DOT, ATOM = range(8, 15)

BINARY: dict[type[ast.operator], tuple[str, int]] = {
    ast.BitOr: ("|", BIT_OR),
    ast.BitXor: ("^", BIT_XOR),
    ast.BitAnd: ("&", BIT_AND),
    ast.LShift: ("<<", SHIFT),
    ast.RShift: (">>", SHIFT),
    ast.Add: ("+", ADD),
    ast.Sub: ("-", ADD),
    ast.Mult: ("*", MULTIPLY),
    ast.Div: ("/", MULTIPLY),
    ast.FloorDiv: ("//", MULTIPLY),
    ast.Mod: ("%", MULTIPLY),
    ast.MatMult: ("@", MULTIPLY),
    ast.Pow: ("**", POWER),
}
COMPARISON: dict[type[ast.cmpop], str] = {
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
PREFIX: dict[type[ast.unaryop], str] = {
    ast.Not: "not ",
    ast.USub: "-",
    ast.UAdd: "+",
    ast.Invert: "~",
}


Display: TypeAlias = (
    ast.Tuple
    | ast.List
    | ast.Dict
    | ast.ListComp
    | ast.SetComp
    | ast.DictComp
    | ast.GeneratorExp
)


def children(node: ast.expr) -> list[tuple[ast.expr, bool]]:
    """Return the parts of ``node`` that stand in none of its own brackets.

    Each comes with whether precedence, or ruff's taste, puts parentheses around it.
    """
    match node:
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            parts = [(left, DOT), (right, UNARY)]
        case ast.BinOp(left=left, op=operator, right=right):
            own = BINARY[type(operator)][1]
            parts = [(left, own), (right, own + 1)]
        case ast.BoolOp(values=values):
            parts = [(value, precedence(node) + 1) for value in values]
        case ast.Compare(left=left, comparators=others):
            parts = [(other, BIT_OR) for other in (left, *others)]
        case ast.UnaryOp(operand=ast.BinOp(op=ast.Pow()) as operand):
            parts = [(operand, ATOM)]
        case ast.UnaryOp(op=operator, operand=operand):
            parts = [(operand, NOT if isinstance(operator, ast.Not) else UNARY)]
        case ast.IfExp(body=body, test=test, orelse=otherwise):
            parts = [(body, OR), (test, OR), (otherwise, TEST)]
        case ast.Lambda(body=body):
            parts = [(body, TEST)]
        case ast.Starred(value=value):
            parts = [(value, BIT_OR)]
        case ast.Attribute(value=ast.Constant(value=int() | float()) as number):
            # The number's own dot must not be taken for the attribute's.
            finite = isinstance(source_number(number), ast.Constant)
            parts = [(number, ATOM + finite)]
        case ast.Attribute(value=value) | ast.Subscript(value=value):
            parts = [(value, ATOM)]
        case ast.Call(func=function):
            parts = [(function, ATOM)]
        case _:
            parts = []
    found: list[tuple[ast.expr, bool]] = []
    for child, least in parts:
        child = source_number(child)
        found.append((child, precedence(child) < least))
    return found


def precedence(node: ast.expr) -> int:
    """Return how tightly the outermost operator of `node` binds."""
    match node:
        case ast.BinOp(op=operator):
            return BINARY[type(operator)][1]
        case ast.UnaryOp(op=operator):
            return NOT if isinstance(operator, ast.Not) else UNARY
        case ast.BoolOp(op=operator):
            return OR if isinstance(operator, ast.Or) else AND
        case ast.Compare():
            return COMPARE
        case ast.IfExp() | ast.Lambda():
            return TEST
        case _:
            return ATOM


def source_number(node: ast.expr) -> ast.expr:
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


def is_fluent(node: ast.expr) -> bool:
    """True where at least two dots of the chain follow a bracket."""
    count = 0
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        child, parenthesised = children(node)[0]
        if isinstance(node, ast.Attribute):
            count += parenthesised or isinstance(child, ast.Call | ast.Subscript)
        node = child
    return count >= 2


def has_brackets(node: ast.expr | None) -> bool:
    """True where `node` ends in brackets that a line can break in."""
    return isinstance(node, ast.Call | ast.Subscript | Display)
