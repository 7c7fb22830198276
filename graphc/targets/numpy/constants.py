"""Arrays, numbers and functions of bodies that a module holds, each once."""

from __future__ import annotations

import ast
import base64
from typing import Any, cast

import numpy as np

from ...ir.graph import Graph
from ...ir.literal import Literal
from ...ir.node import Node
from ...ir.types import DType
from ...program.function import Function
from ...pysource.writer import Writer
from ..c.module import CModule
from ..c.source import CFunction
from .expressions import (
    assign,
    call,
    dtype_expression,
    literal,
    mapping,
    name,
    number,
    parse,
)
from .names import Names
from .settings import Settings
from .sidecar import Sidecar

_INLINE_ELEMENTS = 16


class Constants:
    """Arrays, numbers and names of functions of one module."""

    def __init__(
        self, names: Names, settings: Settings, sidecar: Sidecar | None = None
    ) -> None:
        self.settings = settings
        self.c = CModule()
        """Functions in C."""
        self.c_regions: dict[str, str] = {}
        """By the names of functions that end with one in C, its name."""
        self._names = names
        self._sidecar = sidecar
        self._by_value: dict[Literal, str] = {}
        self._scalars: dict[tuple[str, DType], tuple[str, ast.expr]] = {}
        self._functions: dict[tuple[Graph, bool], str] = {}

    def function(self, body: Function) -> tuple[str, bool]:
        """The name of the function of a body, and True where it is a new one."""
        key = body.declared.graph, body.is_fast
        is_new = key not in self._functions
        while key not in self._functions:
            found = self._names.reserve_in_module(body.name)
            # Its workspace has a name, too, which no value may take.
            allocation = f"{found}_workspace"
            if self._names.reserve_in_module(allocation) == allocation:
                self._functions[key] = found
        return self._functions[key], is_new

    def scalar(self, value: ast.expr, dtype: DType) -> ast.expr:
        """The variable that holds a number as an array, which NumPy need not convert.

        At each call, that takes as long as computing with a few hundred numbers.
        """
        text = ast.unparse(value)
        if (text, dtype) not in self._scalars:
            variable = self._names.reserve_in_module(_name_of_number(text))
            array = call("np.array", value, dtype_expression(dtype))
            self._scalars[text, dtype] = variable, array
        return name(self._scalars[text, dtype][0])

    def reference(self, node: Node) -> ast.expr:
        """The variable that holds an array constant."""
        return name(self._array(node.attributes["value"], node.label or "constant"))

    def start(self, parameter: Node) -> str:
        """The variable that holds the array a parameter starts from."""
        return self._array(parameter.attributes["init"], f"{parameter.name}_START")

    def _array(self, value: Literal, wish: str) -> str:
        if value not in self._by_value:
            variable = self._names.reserve_in_module(wish.upper())
            self._by_value[value] = variable
        return self._by_value[value]

    def write(self, writer: Writer) -> None:
        """Write the variables and their values, in order of first use."""
        for value, variable in self._by_value.items():
            short = _short(value.array)
            if short is None and self._sidecar is not None:
                short = self._sidecar.add(variable, value.array)
            elif short is None:
                writer.import_("base64")
            writer.statement(assign(variable, short or _encoded(value.array)))
        for variable, array in self._scalars.values():
            writer.statement(assign(variable, array))
        if self.c.functions:
            writer.blank()
            writer.raw(f'C_SOURCE = r"""\n{self.c.text}"""')
            writer.comment("Of each function, dtypes and shapes of its arrays.")
            types = [_types_of(function) for function in self.c.functions]
            known = mapping([f.name for f in self.c.functions], types)
            writer.statement(assign("C_ARRAYS", known))


def _types_of(function: CFunction) -> ast.expr:
    """A function of sizes that tells dtypes and shapes of arrays."""
    types = [
        ast.Tuple([ast.Constant(dtype), literal(shape, name)], ast.Load())
        for dtype, shape in function.types
    ]
    given = ", ".join(function.symbols)
    known = cast("ast.Lambda", parse(f"lambda {given}: ()"))
    return ast.Lambda(known.args, ast.Tuple(list(types), ast.Load()))


_NUMBERS = {"0.0": "ZERO", "0.5": "HALF", "1.0": "ONE", "2.0": "TWO"}


def _name_of_number(text: str) -> str:
    """The name of a number: `NUMBER_0_044715`."""
    if text in _NUMBERS:
        return _NUMBERS[text]
    for sign, word in (("-", "MINUS_"), ("+", ""), (".", "_"), ("np_", "")):
        text = text.replace(sign, word)
    return f"NUMBER_{text}".upper().removesuffix("_0")


def _short(array: np.ndarray[Any, Any]) -> ast.expr | None:
    """An array as numbers, or as what NumPy makes by a function; None if it is long."""
    if array.size <= 2 and array.size:
        return call("np.array", _nested(array), dtype_expression(array.dtype))
    if (found := _regular(array)) is not None:
        return found
    if array.size <= _INLINE_ELEMENTS and array.size:
        return call("np.array", _nested(array), dtype_expression(array.dtype))
    return _triangle(array)


def _regular(array: np.ndarray[Any, Any]) -> ast.expr | None:
    """An identity, a count from zero, or an array of one number; None for others."""
    dtype = dtype_expression(array.dtype)
    if array.ndim == 2 and _same(array, np.eye(*array.shape, dtype=array.dtype)):
        sizes = [ast.Constant(size) for size in dict.fromkeys(array.shape)]
        return call("np.eye", *sizes, dtype=dtype)
    if array.ndim == 1 and _same(array, np.arange(len(array), dtype=array.dtype)):
        return call("np.arange", ast.Constant(len(array)), dtype=dtype)
    return _filled(array)


def _triangle(array: np.ndarray[Any, Any]) -> ast.expr | None:
    """An array that has one number on one side of a diagonal only."""
    if array.ndim != 2 or not array.size:
        return None
    for function, corner, offsets in (
        (np.triu, array[0, -1], (1, 0)),
        (np.tril, array[-1, 0], (0, -1)),
    ):
        full = np.full(array.shape, corner, array.dtype)
        for offset in offsets:
            if _same(array, function(full, offset)):
                whole = _filled(full)
                assert whole is not None
                shift = [ast.Constant(1) if offset > 0 else parse("-1")][: abs(offset)]
                return call(f"np.{function.__name__}", whole, *shift)
    return None


def _filled(array: np.ndarray[Any, Any]) -> ast.expr | None:
    """An array of one number."""
    if not array.size:
        return None
    value = array.flat[0]
    if not _same(array, np.full(array.shape, value, array.dtype)):
        return None
    shape = ast.Tuple([ast.Constant(size) for size in array.shape], ast.Load())
    dtype = dtype_expression(array.dtype)
    if array.dtype.kind != "b":
        for function, usual in (("np.zeros", 0), ("np.ones", 1)):
            if value == usual and not np.signbit(value):
                return call(function, shape, dtype)
    return call("np.full", shape, number(value, array.dtype), dtype)


def _same(array: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    """True where two arrays have the same bits, signs of zeros included."""
    return array.tobytes() == other.tobytes()


def _encoded(array: np.ndarray[Any, Any]) -> ast.expr:
    """An array as bytes in base 85."""
    text = base64.b85encode(array.tobytes()).decode("ascii")
    data = call("base64.b85decode", ast.Constant(text))
    flat = call("np.frombuffer", data, dtype_expression(array.dtype))
    shape = ast.Tuple([ast.Constant(size) for size in array.shape], ast.Load())
    return ast.Call(ast.Attribute(flat, "reshape", ast.Load()), [shape], [])


def literal_array(array: np.ndarray[Any, Any]) -> ast.expr:
    """An array as numbers, which give the same bits."""
    dtype = dtype_expression(array.dtype)
    if not array.size:
        shape = ast.Tuple([ast.Constant(size) for size in array.shape], ast.Load())
        return call("np.empty", shape, dtype)
    return call("np.array", _nested(array), dtype)


def _nested(array: np.ndarray[Any, Any]) -> ast.expr:
    if array.ndim:
        return ast.List([_nested(item) for item in array], ast.Load())
    return number(array, array.dtype)
