"""Functions in C from those of NumPy that programs carry for special functions.

A statement of the Python text is one of the C text, under the same name; it is run with
expressions in place of numbers, so that loops of a fixed length are written out and
what is known from the declaration is computed here.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

import numpy as np

from ...ir.op import OPS
from .expressions import C_NAMES, NotInC, c_name, number
from .library import FUNCTIONS
from .text import strip

_DOUBLE = np.dtype(np.float64)

_LONGEST = 400
"""Statements of a function."""


@dataclass(frozen=True)
class _Source:
    """A function of a helper, and the constants beside it."""

    tree: ast.FunctionDef
    constants: Mapping[str, Any]


@cache
def _sources() -> Mapping[str, _Source]:
    """The functions that elementwise ops carry, by name."""
    constants: dict[str, Any] = {}
    found: dict[str, _Source] = {}
    helpers = {h: None for op in OPS.values() for h in op.helpers}
    for tree in (each for text in helpers for each in ast.parse(text).body):
        match tree:
            case ast.Assign([ast.Name(name)], value):
                constants[name] = ast.literal_eval(value)
            case ast.FunctionDef(name):
                found[name] = _Source(tree, constants)
            case _:
                continue
    return found


@dataclass(frozen=True, eq=False)
class _Value:
    """An expression in C."""

    run: _Run
    text: str
    is_bool: bool = False

    def _with(self, sign: str, other: Any, *, swap: bool = False) -> _Value:
        pair = (self.run.text(self), self.run.text(other))
        left, right = pair[::-1] if swap else pair
        return _Value(self.run, f"({left} {sign} {right})")

    def _compare(self, sign: str, other: Any) -> _Value:
        text = f"({self.text} {sign} {self.run.text(other)})"
        return _Value(self.run, text, is_bool=True)

    def __add__(self, other: Any) -> _Value:
        return self._with("+", other)

    def __radd__(self, other: Any) -> _Value:
        # A sum begins with 0.
        is_start = isinstance(other, int) and other == 0
        return self if is_start else self._with("+", other, swap=True)

    def __sub__(self, other: Any) -> _Value:
        return self._with("-", other)

    def __rsub__(self, other: Any) -> _Value:
        return self._with("-", other, swap=True)

    def __mul__(self, other: Any) -> _Value:
        return self._with("*", other)

    def __rmul__(self, other: Any) -> _Value:
        return self._with("*", other, swap=True)

    def __truediv__(self, other: Any) -> _Value:
        return self._with("/", other)

    def __rtruediv__(self, other: Any) -> _Value:
        return self._with("/", other, swap=True)

    def __mod__(self, other: Any) -> _Value:
        return self.run.call("remainder", self, other)

    def __pow__(self, other: Any) -> _Value:
        if not isinstance(other, _Value) and other == 2:
            return self.run.call("square", self)
        return self.run.call("pow", self, other)

    def __rpow__(self, other: Any) -> _Value:
        return self.run.call("pow", other, self)

    def __neg__(self) -> _Value:
        return _Value(self.run, f"(-{self.text})")

    def __abs__(self) -> _Value:
        return self.run.call("absolute", self)

    def __lt__(self, other: Any) -> _Value:
        return self._compare("<", other)

    def __le__(self, other: Any) -> _Value:
        return self._compare("<=", other)

    def __gt__(self, other: Any) -> _Value:
        return self._compare(">", other)

    def __ge__(self, other: Any) -> _Value:
        return self._compare(">=", other)

    def __eq__(self, other: object) -> Any:
        return self._compare("==", other)

    def __ne__(self, other: object) -> Any:
        return self._compare("!=", other)

    def __and__(self, other: Any) -> _Value:
        return _Value(self.run, f"({self.text} & {other.text})", is_bool=True)

    def __or__(self, other: Any) -> _Value:
        return _Value(self.run, f"({self.text} | {other.text})", is_bool=True)

    def __invert__(self) -> _Value:
        return _Value(self.run, f"(!{self.text})", is_bool=True)

    def __bool__(self) -> bool:
        raise NotInC("a turn that depends on numbers")

    def __int__(self) -> int:
        raise NotInC("a number of turns that is not known")

    def __float__(self) -> float:
        raise NotInC("a number that is not known")

    __hash__ = object.__hash__


class _NumPy:
    """NumPy's functions, of expressions."""

    pi, inf, nan = np.pi, np.inf, np.nan

    def __init__(self, run: _Run) -> None:
        self._run = run

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def apply(*arguments: Any) -> Any:
            if not any(isinstance(each, _Value) for each in arguments):
                return getattr(np, name)(*arguments)
            return self._run.call({"abs": "absolute"}.get(name, name), *arguments)

        return apply

    def where(self, test: Any, yes: Any, no: Any) -> Any:
        if isinstance(yes, tuple):
            pairs = zip(cast("tuple[Any, ...]", yes), no, strict=True)
            return tuple(self.where(test, *each) for each in pairs)
        if not isinstance(test, _Value):
            return yes if test else no
        return self._run.call("choose", test, yes, no)

    def polyval(self, coefficients: Sequence[float], point: Any) -> Any:
        return self._run.polynomial(coefficients, point)

    def round(self, x: Any) -> Any:
        return self._run.call("rint", x)

    def poly1d(self, coefficients: Any) -> _Polynomial:
        return _Polynomial(self._run, np.poly1d(coefficients))

    def zeros_like(self, x: Any) -> float:
        return 0.0

    def ones_like(self, x: Any) -> float:
        return 1.0


@dataclass(frozen=True, eq=False)
class _Polynomial:
    """A polynomial with coefficients that are known."""

    run: _Run
    known: np.poly1d

    def __mul__(self, other: _Polynomial) -> _Polynomial:
        return _Polynomial(self.run, self.known * other.known)

    def deriv(self) -> _Polynomial:
        return _Polynomial(self.run, self.known.deriv())

    def __call__(self, point: Any) -> Any:
        return self.run.polynomial([*self.known.coeffs], point)


@dataclass
class _Run:
    """The writing of one function."""

    lines: list[str] = field(default_factory=list[str])
    names: dict[str, int] = field(default_factory=dict[str, int])
    used: set[str] = field(default_factory=set[str])

    def text(self, value: Any) -> str:
        """A value as an expression."""
        if isinstance(value, _Value):
            return f"(double){value.text}" if value.is_bool else value.text
        return number(float(value), _DOUBLE)

    def stored(self, wish: str, value: Any) -> Any:
        """A value under a name of its own."""
        if isinstance(value, tuple):
            return tuple(self.stored(wish, v) for v in cast("tuple[Any, ...]", value))
        if not isinstance(value, _Value) or value.text.isidentifier():
            return value
        kind = "int" if value.is_bool else "double"
        name = self._named(wish)
        self._write(f"const {kind} {name} = {strip(value.text)};")
        return _Value(self, name, value.is_bool)

    def _named(self, wish: str) -> str:
        count = self.names[wish] = self.names.get(wish, 0) + 1
        return wish if count == 1 else f"{wish}_{count}"

    def _write(self, line: str) -> None:
        if len(self.lines) > _LONGEST:
            raise NotInC("a function of more statements than anybody reads")
        self.lines.append(line)

    def call(self, name: str, *arguments: Any) -> Any:
        """A call of a function."""
        given = [strip(self.text(each)) for each in arguments]
        if name == "choose":
            self.used.add("shared/choose")
            test = strip(arguments[0].text)
            text = f"choose_float64({', '.join([test, *given[1:]])})"
            return _Value(self, text)
        if name in ("isnan", "isinf", "isfinite"):
            self.used.add(name)
            return _Value(self, f"{name}_float64({given[0]})", is_bool=True)
        if name == "clip":
            inner = self.call("maximum", *arguments[:2])
            return self.call("minimum", inner, arguments[2])
        name = C_NAMES.get(name, name)
        if name not in FUNCTIONS:
            raise NotInC(name)
        self.used.add(name)
        return _Value(self, f"{name}_float64({', '.join(given)})")

    def polynomial(self, coefficients: Sequence[float], point: Any) -> Any:
        """A polynomial by Horner's rule."""
        point = self.stored("point", point)
        name = self._named("sum")
        first, *others = coefficients
        self._write(f"double {name} = {self.text(first)};")
        for each in others:
            sign = "-" if each < 0 else "+"
            term = self.text(abs(each))
            self._write(f"{name} = {name} * {point.text} {sign} {term};")
        return _Value(self, name)

    # Functions of the text ----------------------------------------------------------

    def apply(self, name: str, arguments: Sequence[Any]) -> Any:
        """A call of a function of the text, or its statements."""
        source = _sources()[name]
        static = [each for each in arguments if not isinstance(each, _Value)]
        if source.tree.decorator_list:
            wish = f"{name}({', '.join(map(repr, static))})" if static else name
            self.used.add(wish)
            given = [strip(e.text) for e in arguments if isinstance(e, _Value)]
            return _Value(self, f"{c_name(wish)}_float64({', '.join(given)})")
        names = [each.arg for each in source.tree.args.args]
        given = [self.stored(n, v) for n, v in zip(names, arguments, strict=True)]
        return self.body(source, dict(zip(names, given, strict=True)))

    def body(self, source: _Source, values: Mapping[str, Any]) -> Any:
        """The result of a function, whose statements are written."""
        space: dict[str, Any] = {
            **{name: self._function(name) for name in _sources()},
            **source.constants,
            "np": _NumPy(self),
            **values,
        }
        return self._statements(source.tree.body, space)

    def _function(self, name: str) -> Callable[..., Any]:
        return lambda *arguments: self.apply(name, arguments)

    def _statements(self, body: Sequence[ast.stmt], space: dict[str, Any]) -> Any:
        for each in body:
            match each:
                case ast.Expr(ast.Constant()):
                    continue
                case ast.Return(value) if value is not None:
                    return _evaluated(value, space)
                case ast.Assign(targets, value):
                    found = _evaluated(value, space)
                    for target in targets:
                        self._assign(target, found, space)
                case ast.AugAssign(ast.Name(name) as target, op, value):
                    both = ast.BinOp(ast.Name(name, ast.Load()), op, value)
                    self._assign(target, _evaluated(both, space), space)
                case ast.For(target, turns, inner):
                    for turn in _evaluated(turns, space):
                        self._assign(target, turn, space)
                        self._statements(inner, space)
                case ast.If(test, yes, no):
                    self._statements(yes if _evaluated(test, space) else no, space)
                case _:
                    raise NotInC(ast.unparse(each))
        return None

    def _assign(self, target: ast.expr, value: Any, space: dict[str, Any]) -> None:
        match target:
            case ast.Name(name):
                space[name] = self.stored(name, value)
            case ast.Tuple(targets):
                for each, part in zip(targets, value, strict=True):
                    self._assign(each, part, space)
            case _:
                raise NotInC(ast.unparse(target))


def _evaluated(tree: ast.expr, space: dict[str, Any]) -> Any:
    whole = ast.fix_missing_locations(ast.Expression(tree))
    # The text is graphc's own.
    return eval(compile(whole, "<helper>", "eval"), space)


@cache
def traced(wish: str) -> tuple[frozenset[str], str] | None:
    """The functions that one calls, and its text; None for one that has none."""
    name, _, static = wish.partition("(")
    source = _sources().get(name)
    is_there = source is not None and bool(source.tree.decorator_list)
    if source is None or not is_there or name in FUNCTIONS:
        return None
    run = _Run()
    known = ast.literal_eval(f"({static.removesuffix(')')},)") if static else ()
    names = [each.arg for each in source.tree.args.args]
    free = names[len(known) :]
    values = {each: _Value(run, each) for each in free}
    run.names |= dict.fromkeys(names, 1)
    try:
        result = run.body(source, {**dict(zip(names, known, strict=False)), **values})
    except NotInC:
        return None
    head = ast.get_docstring(source.tree) or name
    return frozenset(run.used), _written(c_name(wish), free, head, run, result)


def _written(
    name: str, names: Sequence[str], about: str, run: _Run, result: Any
) -> str:
    def given(kind: str) -> str:
        return ", ".join(f"{kind} {each}" for each in names)

    first = about.partition("\n\n")[0].replace("\n", " ")
    lines = [
        *(f"// {first}",),
        *("", f"static inline double {name}_float64({given('double')}) {{"),
        *(f"    {line}" for line in run.lines),
        *(f"    return {strip(run.text(result))};", "}"),
        *("", f"static inline float {name}_float32({given('float')}) {{"),
        *(f"    return (float){name}_float64({', '.join(names)});", "}"),
    ]
    return "\n".join(lines) + "\n"
