"""Elementwise ops as expressions in C, from their NumPy source."""

from __future__ import annotations

import ast
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from ...ir.hyperparameters import Hyperparameter
from ...ir.node import Node
from ...ir.types import DType
from .text import binary, called, cast, conditional, negative, unary

TYPES = {
    "float32": "float",
    "float64": "double",
    "bool": "bool",
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "uint8": "uint8_t",
    "uint16": "uint16_t",
    "uint32": "uint32_t",
    "uint64": "uint64_t",
}
"""The type in C of each dtype that programs in C compute with."""

_BINARY: Mapping[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
}
_COMPARE: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_CALLS: Mapping[type[ast.operator], str] = {
    ast.FloorDiv: "floor_divide",
    ast.LShift: "left_shift",
    ast.RShift: "right_shift",
    ast.Mod: "remainder",
}


C_NAMES = {
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arctan2": "atan2",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "power": "pow",
}
"""Functions that C has under other names than NumPy."""


_EXACT = frozenset(
    [
        *("square", "absolute", "sign", "maximum", "minimum", "reciprocal", "clip"),
        *("fmax", "fmin", "gcd", "lcm"),
    ]
)
"""Functions whose result has the dtype of their arguments, whichever it is."""


class NotInC(Exception):
    """A form that has no translation."""


def c_name(name: str) -> str:
    """The name of a function of which arguments may be known.

    >>> c_name("zeta(2.5)")
    'zeta_2_5'
    """
    name, _, known = name.partition("(")
    parts = "".join(x if x.isalnum() else "_" for x in known.removesuffix(")"))
    return f"{name}_{parts}" if parts else name


def c_type(dtype: DType) -> str:
    """The type of elements."""
    if dtype.name not in TYPES:
        raise NotInC(str(dtype))
    return TYPES[dtype.name]


def number(value: float | int | bool, dtype: DType) -> str:
    """A literal."""
    if dtype.kind == "b":
        return "true" if value else "false"
    if dtype.kind in "iu":
        whole = int(value)
        if whole == np.iinfo(np.int64).min:
            return "INT64_MIN"
        is_short = abs(whole) < 2**31
        text = f"{whole}{'' if is_short else 'ull' if dtype.kind == 'u' else 'll'}"
        return text if whole >= 0 else negative(text)
    if math.isnan(value):
        return '__builtin_nanf("")' if dtype.itemsize == 4 else '__builtin_nan("")'
    suffix = "f" if dtype.itemsize == 4 else ""
    if math.isinf(value):
        infinity = f"__builtin_inf{suffix}()"
        return unary("-", infinity) if value < 0 else infinity
    text = np.format_float_positional(dtype.type(value), unique=True, trim="0")
    if len(text) > 12:
        text = np.format_float_scientific(dtype.type(value), unique=True, trim="0")
    text = f"{text}{suffix}"
    return negative(text) if text.startswith("-") else text


@functools.lru_cache(maxsize=4096)
def _parsed(source: str) -> ast.expr:
    try:
        return ast.parse(source, mode="eval").body
    except SyntaxError:
        raise NotInC(source) from None


def chosen(test: str, yes: str, no: str, dtype: DType, used: set[str]) -> str:
    """The choice of one of two values."""
    if dtype.kind != "f":
        return conditional(test, yes, no)
    used.add(f"shared/choose_{dtype.name}")
    return called(f"choose_{dtype.name}", (test, yes, no))


class PolynomialScope(Protocol):
    """Statements before an expression."""

    def polynomial(self, point: str, coefficients: Sequence[str], dtype: DType) -> str:
        """The name of a variable that is the value of a polynomial."""
        ...


class Translation:
    """A NumPy expression of one element, as C."""

    def __init__(
        self,
        node: Node,
        arguments: Sequence[tuple[str, DType]],
        used: set[str],
        scope: PolynomialScope | None = None,
    ) -> None:
        """Take what an expression is made of.

        Args:
            node: the value.
            arguments: its inputs as C, with their dtypes.
            used: functions that are called, to which more are added.
            scope: the statements before it, which may declare variables.
        """
        self.node, self.used, self.scope = node, used, scope
        names = [name.removeprefix("*") for name in node.op.inputs]
        self.values: dict[str, tuple[str, DType]] = {}
        self.many: dict[str, list[tuple[str, DType]]] = {}
        for place, name in enumerate(names):
            if node.op.inputs[place].startswith("*"):
                self.many[name] = list(arguments[place:])
            else:
                self.values[name] = arguments[place]

    @property
    def text(self) -> str:
        """The expression, of the type of the node."""
        tree = _parsed(self.node.op.template_for("c", self.node))
        text, dtype = self._visit(tree)
        return self._as(text, dtype, self.node.dtype)

    def _as(self, text: str, dtype: DType, wanted: DType) -> str:
        if dtype == wanted:
            return text
        if wanted.kind == "b":
            return binary(text, "!=", "0")
        if dtype.kind == "b" and wanted.kind == "f":
            # GCC makes a branch, and no vectors, of a product with (float)test.
            one, zero = number(1.0, wanted), number(0.0, wanted)
            return chosen(text, one, zero, wanted, self.used)
        return cast(c_type(wanted), text)

    def _visit(self, tree: ast.expr) -> tuple[str, DType]:
        boolean = np.dtype(np.bool_)
        match tree:
            case ast.Name(id) if id in self.values:
                return self.values[id]
            case ast.Name(id) if id in self.node.attributes:
                return self._number(self.node.attributes[id])
            case ast.Subscript(ast.Name(id), ast.Constant(int(place))) if (
                id in self.many
            ):
                return self.many[id][place]
            case ast.Constant(value):
                return self._number(value)
            case ast.BinOp(left, op, right) if type(op) in _BINARY:
                a, b, dtype = self._both(left, right)
                sign = _BINARY[type(op)]
                if sign == "/" and dtype.kind in "iub":
                    dtype = np.dtype(np.float64)
                    a, b = cast("double", a), cast("double", b)
                if dtype.kind == "b" and sign in "+*":
                    sign = {"+": "|", "*": "&"}[sign]
                return self._small(binary(a, sign, b), dtype)
            case ast.BinOp(left, op, right) if type(op) in _CALLS:
                a, b, dtype = self._both(left, right)
                return self._call(_CALLS[type(op)], [a, b], dtype), dtype
            case ast.UnaryOp(ast.USub(), operand):
                a, dtype = self._visit(operand)
                return self._small(unary("-", a), dtype)
            case ast.UnaryOp(ast.Invert(), operand):
                a, dtype = self._visit(operand)
                return self._small(unary("!" if dtype == boolean else "~", a), dtype)
            case ast.Compare(left, [op], [right]) if type(op) in _COMPARE:
                a, b, _ = self._both(left, right)
                return binary(a, _COMPARE[type(op)], b), boolean
            case ast.Call(ast.Attribute(ast.Name("np"), "where"), [test, yes, no]):
                c, kind = self._visit(test)
                a, b, dtype = self._both(yes, no)
                test = self._as(c, kind, boolean)
                return chosen(test, a, b, dtype, self.used), dtype
            case ast.Call(ast.Attribute(ast.Name("np"), "polyval"), [_, point], []):
                return self._polynomial(point)
            case ast.Call(ast.Attribute(operand, "astype"), [_], []) | ast.Call(
                ast.Name("dtype"), [operand], []
            ):
                a, dtype = self._visit(operand)
                return self._as(a, dtype, self.node.dtype), self.node.dtype
            case ast.Call(ast.Attribute(ast.Name("np"), "clip"), [x, low, high], []):
                inner = ast.Call(_parsed("np.maximum"), [x, low], [])
                return self._visit(ast.Call(_parsed("np.minimum"), [inner, high], []))
            case ast.Call(ast.Name("dtype"), [operand], []):
                a, dtype = self._visit(operand)
                return self._as(a, dtype, self.node.dtype), self.node.dtype
            case ast.Call(ast.Attribute(ast.Name("np"), name), arguments, []):
                return self._function(name, arguments)
            case ast.Call(ast.Name(name), arguments, []):
                return self._function(name, arguments)
            case _:
                raise NotInC(ast.unparse(tree))

    def _polynomial(self, point: ast.expr) -> tuple[str, DType]:
        """The polynomial with the coefficients of the node, by Horner's rule."""
        dtype = self.node.dtype
        text = self._as(*self._visit(point), dtype)
        numbers = [number(each, dtype) for each in self.node.attributes["coefficients"]]
        return text if self.scope is None else self.scope.polynomial(
            text, numbers, dtype
        ), dtype

    def _function(self, name: str, arguments: list[ast.expr]) -> tuple[str, DType]:
        boolean = np.dtype(np.bool_)
        static = [self._static(each) for each in arguments]
        if known := [repr(each) for each in static if each is not None]:
            # `polygamma(1)` is a function of its own.
            rest = [a for a, s in zip(arguments, static, strict=True) if s is None]
            return self._function(f"{name}({', '.join(known)})", rest)
        values = [self._visit(each) for each in arguments]
        dtype = np.result_type(*(d for _, d in values))
        if name.startswith("logical_"):
            texts = [self._as(t, d, boolean) for t, d in values]
            sign = {"and": "&", "or": "|", "xor": "^", "not": "!"}[name[8:]]
            if sign == "!":
                return unary("!", texts[0]), boolean
            text = texts[0]
            for other in texts[1:]:
                text = binary(text, sign, other)
            return text, boolean
        if name in ("isnan", "isinf", "isfinite", "signbit"):
            texts = [self._as(t, d, dtype) for t, d in values]
            return self._call(name, texts, dtype), boolean
        if name == "ldexp":
            dtype = values[0][1]
            texts = [values[0][0], self._as(*values[1], np.dtype(np.int64))]
            return self._call(name, texts, dtype), dtype
        if dtype.kind != "f" and name not in _EXACT:
            dtype = self.node.dtype
        if dtype.kind == "b" and name in ("maximum", "minimum", "fmax", "fmin"):
            sign = "|" if name.endswith("max") or name == "maximum" else "&"
            return binary(values[0][0], sign, values[1][0]), dtype
        if dtype.kind == "b":
            raise NotInC(name)
        texts = [self._as(t, d, dtype) for t, d in values]
        return self._call(name, texts, dtype), dtype

    def _call(self, name: str, arguments: Sequence[str], dtype: DType) -> str:
        c_type(dtype)
        name = C_NAMES.get(name, name)
        if dtype.kind != "f":
            name = {"fmax": "maximum", "fmin": "minimum"}.get(name, name)
        self.used.add(f"{name}_{dtype.name}")
        return called(f"{c_name(name)}_{dtype.name}", arguments)

    def _static(self, tree: ast.expr) -> int | float | None:
        """The attribute that stands for a number, but for settings."""
        match tree:
            case ast.Name(id) if id not in self.values:
                value = self.node.attributes.get(id)
            case _:
                return None
        is_number = isinstance(value, int | float)
        return None if isinstance(value, Hyperparameter) or not is_number else value

    def _both(self, left: ast.expr, right: ast.expr) -> tuple[str, str, DType]:
        (a, x), (b, y) = self._visit(left), self._visit(right)
        dtype = np.result_type(x, y)
        return self._as(a, x, dtype), self._as(b, y, dtype), dtype

    def _number(self, value: object) -> tuple[str, DType]:
        is_setting = isinstance(value, Hyperparameter)
        if is_setting or not isinstance(value, bool | int | float):
            raise NotInC(repr(value))
        dtype = self.node.dtype
        if dtype.kind == "b":
            dtype = np.dtype(type(value))
        return number(value, dtype), dtype

    def _small(self, text: str, dtype: DType) -> tuple[str, DType]:
        """C computes with small integers as `int`."""
        if dtype.kind in "iu" and dtype.itemsize < 4:
            return cast(c_type(dtype), text), dtype
        return text, dtype
