"""Declaration of NumPy's universal functions as ops, by a documented function.

Type rules come from NumPy's own promotion (`ufunc.resolve_dtypes`); the Jacobian of an
elementwise op is diagonal, so one derivative rule serves reverse and forward mode.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, Protocol, cast

import numpy as np

from ..errors import DTypeError, GraphcError
from ..ir.array_methods import array_function
from ..ir.dims import broadcast_shapes
from ..ir.facts import NONE, Facts
from ..ir.mathematics import UNSAID, Mathematics
from ..ir.node import Node
from ..ir.op import Case, InputRange, Op, Point, Template, ValueRange, ValueRanges, Vjp
from ..ir.types import DType, TensorType
from .outer_broadcast import warn_of_outer_broadcast
from .source import ArrayLike, as_node, weak_type

_P = ParamSpec("_P")


class OpFunction(Protocol[_P]):
    """A function that applies an op, and that op."""

    op: Op

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> Node:
        """Apply it."""
        ...


@functools.cache
def _resolve(name: str, kinds: tuple[Any, ...]) -> tuple[DType, ...]:
    function: np.ufunc = getattr(np, name)
    try:
        resolved: Any = function.resolve_dtypes((*kinds, None))
    except TypeError:
        given = ", ".join(getattr(kind, "__name__", str(kind)) for kind in kinds)
        raise DTypeError(f"{name} is not defined for dtype {given}") from None
    return resolved


def loop_dtype(name: str, *values: ArrayLike) -> DType:
    """The dtype that NumPy's ufunc of a name gives for these values."""
    try:
        return _resolve(name, tuple(weak_type(value) for value in values))[-1]
    except GraphcError as error:
        raise error.locate(node=name) from None


def _infer(name: str) -> Callable[..., TensorType]:
    def infer(*types: TensorType) -> TensorType:
        result = _resolve(name, tuple(t.dtype for t in types))[-1]
        return TensorType(result, broadcast_shapes(*(t.shape for t in types)))

    return infer


def coerce_for(name: str, values: Sequence[ArrayLike]) -> tuple[Node, ...]:
    """Operands as nodes; Python numbers get the dtype of the ufunc's loop."""
    nodes = tuple(value for value in values if isinstance(value, Node))
    if len(nodes) == len(values):
        return nodes
    try:
        loop = _resolve(name, tuple(weak_type(value) for value in values))
    except GraphcError as error:
        raise error.locate(node=name) from None
    return tuple(
        as_node(_compared(value), None)
        if loop[-1].kind == "b" and _is_out_of_bounds(value, dtype)
        else as_node(value, dtype)
        for value, dtype in zip(values, loop, strict=False)
    )


def _is_out_of_bounds(value: ArrayLike, dtype: DType) -> bool:
    """True for an int that an integer dtype can't hold."""
    if not isinstance(value, int) or dtype.kind not in "iu":
        return False
    limits = np.iinfo(dtype)
    return not limits.min <= value <= limits.max


def _compared(value: int) -> int | float:
    """A number that integers are compared with in place of an int that they can't hold.

    NumPy allows that; where no integer dtype holds it, an infinity compares alike.
    """
    if -(2**63) <= value < 2**64:
        return value
    return math.inf if value > 0 else -math.inf


def _cases(
    arity: int,
    low: float,
    high: float,
    dtype: str | tuple[str, ...],
    points: tuple[Point, ...],
) -> tuple[Case, ...]:
    shapes: list[tuple[tuple[int, ...], ...]]
    if arity == 1:
        shapes = [((3, 4),), ((),), ((0, 3),)]
    else:
        shapes = [
            ((3, 4), (3, 4)),
            ((3, 1), (4,)),
            ((), (2, 3)),
            ((0, 3), (3,)),
        ]
    dtypes = dtype if isinstance(dtype, tuple) else (dtype,) * arity if dtype else ()
    cases = tuple(Case(shape, {}, low, high, dtypes) for shape in shapes)
    if not points:
        return cases
    return (*cases, Case(((),) * arity, {}, low, high, dtypes, points=points))


def _documented(text: str, op: Op) -> str:
    """A docstring with what all universal functions have in common."""
    rule = f"DTypeError: NumPy has no `{op.name}` of the dtypes given."
    if len(op.inputs) == 1:
        given = "x: an array of any shape."
        returned = f"An array of that shape, of the dtype that `np.{op.name}` gives."
    else:
        given = f"{', '.join(op.inputs)}: arrays, of shapes that broadcast."
        returned = (
            f"An array of the common shape, of the dtype that `np.{op.name}` gives."
        )
        rule = f"ShapeError: the shapes don't broadcast.\n    {rule}"
    common = (
        f"Args:\n    {given}\n\nReturns:\n    {returned}\n\nRaises:\n    {rule}\n\n"
    )
    told, prompt, example = text.partition(">>> ")
    return told.rstrip() + "\n\n" + common + prompt + example


def ufunc(
    *,
    vjp: Vjp | None = None,
    symbol: str | None = None,
    into: Template | None = None,
    sympy: str | None = None,
    low: float = -2.0,
    high: float = 2.0,
    dtype: str | tuple[str, ...] = "",
    points: tuple[Point, ...] = (),
    value_range: Callable[[Node, ValueRanges], ValueRange | None] | None = None,
    input_range: Callable[[Node, int, int], InputRange | None] | None = None,
    admits: tuple[str, ...] = (),
    mathematics: Mathematics = UNSAID,
    facts: Facts = NONE,
) -> Callable[[Callable[_P, Node]], OpFunction[_P]]:
    """Turn a documented, empty function into the op and function of a NumPy ufunc.

    Args:
        vjp: the derivative rule; None where the output has none (comparisons).
        symbol: Python operator form for readable code, such as `"x1 + x2"`.
        into: the form that writes into `out`, where it is not the ufunc itself.
        sympy: the meaning as SymPy source.
        low, high: the open domain that generated tests draw from.
        dtype: the dtype that generated tests draw, or that of each input; floating
            where empty.
        points: where derivatives are special, besides 0 and what is around it.
        value_range, input_range, admits, mathematics, facts: see `Op`.

    Raises:
        TypeError: NumPy has no ufunc of that name and as many inputs.
    """

    def declare(function: Callable[_P, Node]) -> OpFunction[_P]:
        name = function.__name__
        signature = inspect.signature(function)
        inputs = tuple(signature.parameters)
        of_numpy = getattr(np, name, None)
        if not isinstance(of_numpy, np.ufunc) or of_numpy.nin != len(inputs):
            raise TypeError(f"NumPy has no ufunc {name}({', '.join(inputs)})")
        call = f"np.{name}({', '.join(inputs)})"
        op = Op(
            name=name,
            inputs=inputs,
            infer=_infer(name),
            kind="elementwise",
            numpy=symbol or call,
            into=into or f"np.{name}({', '.join(inputs)}, out=out)",
            vjp=vjp,
            jvp="diagonal" if vjp else None,
            sympy=sympy,
            mathematics=mathematics,
            value_range=value_range,
            input_range=input_range,
            admits=admits,
            facts=facts,
            cases=_cases(len(inputs), low, high, dtype, points),
        )

        @functools.wraps(function)
        def apply(*values: ArrayLike, **named: ArrayLike) -> Node:
            if named or len(values) != len(inputs):
                values = signature.bind(*values, **named).args
            nodes = coerce_for(name, values)
            warn_of_outer_broadcast(nodes)
            return op.build(nodes, {})

        apply.__doc__ = _documented(inspect.cleandoc(function.__doc__ or ""), op)
        declared = cast("OpFunction[_P]", array_function(apply))
        declared.op = op
        return declared

    return declare
