"""`gc.elementwise`: an op of a formula, with its derivatives of any order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from weakref import WeakValueDictionary

import numpy as np

from ..arguments import public
from ..errors import (
    ArgumentError,
    GraphcError,
    NamingError,
    OptionError,
    UnsupportedError,
)
from ..ir.dims import broadcast_shapes, check_identifier
from ..ir.facts import Facts
from ..ir.node import Node
from ..ir.op import OPS, Op
from ..ir.types import TensorType
from ..ops.elementwise import OpFunction
from ..ops.shape import broadcast_to
from ..ops.source import ArrayLike, astype, full
from ..ops.special.declare import as_floats
from ..ops.type_rules import floating
from .calculus import computable, derivative, library, real, safe_point
from .translation import Translation, names_of

_ops: WeakValueDictionary[tuple[Any, ...], Op] = WeakValueDictionary()


def elementwise(name: str, expression: Any, symbols: Any) -> OpFunction[...]:
    """A new op, elementwise, from a formula in SymPy.

    It is a block: one node in drawings, with its formula, that stands for the NumPy
    functions of its parts in emitted code. Its derivatives are found by SymPy, are
    such ops themselves, and are simplified. Symbols are real numbers, whatever SymPy
    is told of them otherwise.

    Where an exponential in the formula, or in a derivative, would overflow though the
    whole is an ordinary number, it is computed in a form that does not, if one is
    found: `log(1 + exp(x))` is `x` for large `x`. The pieces of a `Piecewise` are
    computed where they are chosen, and its derivative is that of the piece chosen.
    Steps (`floor`, `sign`, `Heaviside`) have the derivative 0, at their jumps, too;
    where the two of a `Max` are equal, each has half of the derivative.

    Args:
        name: of the op, an identifier that no op of graphc has.
        expression: a SymPy expression.
        symbols: its symbols, in the order of the arguments: one, or a sequence.

    Returns:
        A function of as many nodes, arrays or numbers, which broadcasts as NumPy does.
        Integers become floats.

    Raises:
        NamingError: a name that is not an identifier, or is that of another op.
        ArgumentError: no SymPy expression, or no symbols of it.
        UnsupportedError: a function in it that NumPy does not have.
        DifferentiationError: a derivative that SymPy does not know.

    >>> import sympy
    >>> import graphc as gc
    >>> t = sympy.Symbol("t")
    >>> bump = gc.elementwise("bump", sympy.exp(-(t**2)) * sympy.cos(3 * t), t)
    >>> x = gc.input("x", (2,), "float64")
    >>> gc.evaluate(bump(x), {"x": [0.0, 1.0]}).round(4)
    array([ 1.    , -0.3642])
    >>> gc.evaluate(gc.grad(gc.sum(bump(x)), x), {"x": [1.0, 2.0]}).round(4)
    array([ 0.5727, -0.055 ])
    """
    check_identifier(name, "op name")
    if name in OPS:
        raise NamingError(
            f"graphc has an op {name!r} already", hint=f"another name: {f'my_{name}'!r}"
        )
    given = _checked_symbols(symbols)
    formula = _checked_formula(name, expression, given)
    op = _op_of(name, *real(formula, given))
    try:
        _check(op, name, *real(formula, given))
    except GraphcError as error:
        raise error.locate(node=f"{name} = {formula}") from None
    return _function_of(op)


def _function_of(op: Op) -> OpFunction[...]:
    def apply(*arrays: ArrayLike) -> Node:
        if len(arrays) != len(op.inputs):
            raise ArgumentError(
                f"{op.name} takes {len(op.inputs)} arguments "
                f"({', '.join(op.inputs)}), got {len(arrays)}"
            )
        return op.build(as_floats(*arrays), {})

    apply.__name__ = apply.__qualname__ = op.name
    apply.__doc__ = f"`{op.facts.formula}`, elementwise."
    declared = cast("OpFunction[...]", apply)
    declared.op = op
    return declared


def _checked_symbols(symbols: Any) -> tuple[Any, ...]:
    sympy = library()
    found: list[Any] = [symbols]
    if isinstance(symbols, list | tuple):
        found = list(cast("Sequence[Any]", symbols))
    if not all(isinstance(symbol, sympy.Symbol) for symbol in found):
        raise ArgumentError(
            f"symbols must be a SymPy symbol or a sequence of them, got {symbols!r}",
            hint='x, y = sympy.symbols("x y")',
        )
    if not found or len({symbol.name for symbol in found}) < len(found):
        raise ArgumentError(f"symbols must be different ones, got {symbols!r}")
    return tuple(found)


def _checked_formula(name: str, expression: Any, symbols: tuple[Any, ...]) -> Any:
    sympy = library()
    formula: Any = expression
    if isinstance(expression, int | float) and not isinstance(expression, bool):
        formula = sympy.sympify(expression)
    if not isinstance(formula, sympy.Expr):
        hint = "sympy.Piecewise((1, condition), (0, True))"
        if isinstance(expression, str):
            hint = f"sympy.sympify({expression!r})"
        elif isinstance(expression, Node) or callable(expression):
            hint = "a formula of sympy.Symbol; gc.block for a function of nodes"
        raise ArgumentError(
            f"elementwise {name} requires a SymPy expression, got "
            f"{type(expression).__name__} {expression!r}",
            hint=hint,
        )
    unknown = sorted(formula.free_symbols - set(symbols), key=str)
    if unknown:
        raise OptionError(
            f"elementwise {name} has the symbol {unknown[0]}, which is not among its "
            f"symbols {', '.join(symbol.name for symbol in symbols)}",
            hint=f"a number in its place: expression.subs({unknown[0]}, 2)",
        )
    if formula.has(sympy.I, sympy.zoo, sympy.nan):
        raise UnsupportedError(f"elementwise {name} is not a real number: {formula}")
    return formula


def _check(op: Op, name: str, expression: Any, symbols: tuple[Any, ...]) -> None:
    """Raise where the formula, or a first derivative, can't be computed."""
    scalars = TensorType(np.dtype("float64"), ())
    nodes = [full((), 1.0, scalars.dtype) for _ in symbols]
    table = dict(zip(symbols, nodes, strict=True))
    Translation(table)(expression)
    for symbol in symbols:
        found = derivative(expression, symbol)
        try:
            Translation(table)(found)
        except UnsupportedError as error:
            raise UnsupportedError(
                f"{error.message}, in the derivative of {name} by {symbol}: {found}",
                hint="gc.custom_vjp for a derivative of your own",
            ) from None


def _op_of(
    name: str, expression: Any, symbols: tuple[Any, ...], is_derived: bool = False
) -> Op:
    """The op of a formula in real symbols, the same each time."""
    key = (name, expression, symbols)
    op = _ops.get(key)
    if op is None:
        op = _ops[key] = _declared(name, expression, symbols, is_derived)
    return op


def _declared(
    name: str, expression: Any, symbols: tuple[Any, ...], is_derived: bool
) -> Op:
    names = names_of(symbols)

    def infer(*types: TensorType) -> TensorType:
        dtype = np.result_type(*(floating(each).dtype for each in types))
        return TensorType(dtype, broadcast_shapes(*(each.shape for each in types)))

    def expand(*inputs: Node) -> Node:
        form = computable(expression, symbols, as_written=not is_derived)
        table = dict(zip(symbols, inputs, strict=True))
        value = Translation(table, safe_point)(form)
        out = infer(*(node.type for node in inputs))
        if not isinstance(value, Node):
            return full(out.shape, value, out.dtype)
        return astype(broadcast_to(value, out.shape), out.dtype)

    def vjp(g: Node, out: Node, *inputs: Node) -> list[Node | None]:
        return [
            _times_derivative(g, name, expression, symbols, place, inputs)
            for place in range(len(symbols))
        ]

    return Op(
        name=name,
        inputs=names,
        infer=infer,
        expand=expand,
        vjp=vjp,
        jvp="diagonal",
        sympy=str(expression),
        facts=Facts(formula=str(expression)),
        recipe=(_op_of, (name, expression, symbols, is_derived)),
    )


def _times_derivative(
    g: Node,
    name: str,
    expression: Any,
    symbols: tuple[Any, ...],
    place: int,
    inputs: Sequence[Node],
) -> Node | None:
    """A cotangent times the derivative by one symbol; None where that is 0."""
    symbol = symbols[place]
    found = derivative(expression, symbol)
    used = [s for s in symbols if s in found.free_symbols]
    if found == 0:
        return None
    if not used:
        return g * float(found)
    nodes = tuple(inputs[symbols.index(s)] for s in used)
    slope = _op_of(f"d_{name}_d_{names_of(symbols)[place]}", found, tuple(used), True)
    return g * slope.build(nodes, {})


public(globals(), ["elementwise"])
