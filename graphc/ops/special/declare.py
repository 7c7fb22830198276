"""Declaration of special functions: of floats, elementwise, under SciPy's names.

Their type rule is that of SciPy's, but for float16, which stays: integers of up to 16
bits and booleans become float32, wider ones float64. All are computed in float64 by
functions that the emitted program carries, and then rounded: a program that is run in
float64 to check its gradients has all digits.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, cast

import numpy as np

from ...ir.array_methods import array_function
from ...ir.dims import broadcast_shapes
from ...ir.facts import NONE, Facts
from ...ir.node import Node
from ...ir.op import Case, Op, Point, Vjp
from ...ir.types import DType, TensorType
from ..elementwise import OpFunction
from ..outer_broadcast import warn_of_outer_broadcast
from ..source import ArrayLike, astype, coerce, promote
from ..type_rules import floating

_P = ParamSpec("_P")

IN_FLOAT64 = '''
def in_float64(function):
    """Let a function compute in float64, and round to the dtype of its arguments."""

    @np.errstate(all="ignore")
    def call(*arguments):
        dtype = np.result_type(*arguments)
        value = function(*(np.asarray(x, float) for x in arguments))
        return np.asarray(value, dtype)

    return call
'''


def common_float(*values: ArrayLike) -> DType:
    """The floating dtype that all of these have together."""
    found = promote(values)
    if found.kind == "f":
        return found
    return np.dtype("float32" if found.itemsize <= 2 else "float64")


def as_floats(*values: ArrayLike) -> tuple[Node, ...]:
    """Operands as nodes of one floating dtype."""
    target = common_float(*values)
    nodes = tuple(astype(node, target) for node in coerce(*values, dtype=target))
    warn_of_outer_broadcast(nodes)
    return nodes


def _infer(*types: TensorType, **_: Any) -> TensorType:
    dtype = np.result_type(*(floating(each).dtype for each in types))
    return TensorType(dtype, broadcast_shapes(*(each.shape for each in types)))


def _shapes(arity: int) -> tuple[tuple[tuple[int, ...], ...], ...]:
    if arity == 1:
        return ((3, 4),), ((),), ((0, 3),)
    return ((3, 4), (3, 4)), ((3, 1), (4,)), ((), (2, 3))


def special(
    *,
    vjp: Vjp,
    name: str = "",
    numpy: str | None = None,
    helpers: Sequence[str] = (),
    expand: Callable[..., Node] | None = None,
    sympy: str | None = None,
    low: float = -2.0,
    high: float = 2.0,
    points: tuple[Point, ...] = (),
    options: Sequence[Mapping[str, Any]] = ({},),
    facts: Facts = NONE,
) -> Callable[[Callable[_P, Node]], OpFunction[_P]]:
    """Turn a documented, empty function into a special function and its op.

    Parameters annotated as `ArrayLike` are inputs, the others attributes.

    Args:
        vjp: the derivative rule, which serves both directions.
        name: the op's, if it is not the function's.
        numpy: the call that computes it in float64; that of its own name where None.
        helpers: sources of the functions called; see `Op`.
        expand: its meaning in smaller ops, in place of `numpy`.
        sympy: the meaning as SymPy source.
        low, high: the open domain that generated tests draw from.
        points: where derivatives are special, besides 0 and what is around it.
        options: attributes to try in generated tests.
        facts: see `Op`.
    """

    def declare(function: Callable[_P, Node]) -> OpFunction[_P]:
        is_private = function.__name__.startswith("_")
        signature = inspect.signature(function)
        parameters = signature.parameters.values()
        inputs = tuple(p.name for p in parameters if p.annotation == "ArrayLike")
        call = numpy or f"{function.__name__}({', '.join(signature.parameters)})"
        shapes = _shapes(len(inputs))
        cases = [Case(shape, options[0], low, high) for shape in shapes]
        cases += [Case(shapes[0], chosen, low, high) for chosen in options[1:]]
        if points:
            scalars = tuple(() for _ in inputs)
            cases.append(Case(scalars, options[0], low, high, points=points))
        form: dict[str, Any] = {"expand": expand}
        if expand is None:
            form = {
                "kind": "elementwise",
                "numpy": call,
                "helpers": (IN_FLOAT64, *helpers),
                "facts": facts,
            }
        op = Op(
            name=name or function.__name__.lstrip("_"),
            inputs=inputs,
            infer=_infer,
            vjp=vjp,
            jvp="diagonal",
            sympy=sympy,
            cases=tuple(cases),
            **form,
        )

        @functools.wraps(function)
        def apply(*args: _P.args, **kwargs: _P.kwargs) -> Node:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            given = bound.arguments
            nodes = as_floats(*(given.pop(name) for name in inputs))
            return op.build(nodes, given)

        declared = cast("OpFunction[_P]", apply)
        declared.op = op
        # As SciPy's, they are universal functions, which NumPy hands over by name.
        return declared if is_private else array_function(declared, place="gc.special")

    return declare
