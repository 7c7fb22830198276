"""Blocks declared once: a documented function whose body is the block's expansion."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, cast

from ..ir.node import Node
from ..ir.op import Case, Jvp, Op, Vjp
from ..ir.types import TensorType
from ..ops.elementwise import OpFunction
from ..ops.source import as_node
from ..ops.type_rules import same_floating_type

_P = ParamSpec("_P")


def _as_nodes(*arrays: Any) -> tuple[Node, ...]:
    return tuple(as_node(array) for array in arrays)


def block(
    *,
    infer: Callable[..., TensorType],
    cases: Sequence[Case],
    vjp: Vjp | None = None,
    jvp: Jvp | None = None,
    operands: Callable[..., tuple[Node, ...]] = _as_nodes,
    **facts: Any,
) -> Callable[[Callable[_P, Node]], OpFunction[_P]]:
    """Turn a documented function into a block and the function that applies it.

    The body says the block in smaller ops; it is given nodes. Parameters
    annotated as `ArrayLike` are the block's inputs, the others its attributes, of
    which those annotated as `float` are converted.

    Args:
        infer: the type rule, of the inputs' types and the attributes.
        cases: applications that generated tests make.
        vjp, jvp: rules to prefer to those that follow from the body.
        operands: a conversion of the inputs to nodes.
        facts: see `Op`.
    """

    def declare(function: Callable[_P, Node]) -> OpFunction[_P]:
        signature = inspect.signature(function)
        kinds = {key: p.annotation for key, p in signature.parameters.items()}
        inputs = tuple(key for key, kind in kinds.items() if kind == "ArrayLike")
        op = Op(
            name=function.__name__,
            inputs=inputs,
            infer=infer,
            expand=function,
            vjp=vjp,
            jvp=jvp,
            cases=tuple(cases),
            **facts,
        )

        @functools.wraps(function)
        def apply(*args: _P.args, **kwargs: _P.kwargs) -> Node:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            given = bound.arguments
            nodes = operands(*(given.pop(key) for key in inputs))
            options = {
                key: float(value) if kinds[key] == "float" else value
                for key, value in given.items()
            }
            return op.build(nodes, options)

        declared = cast("OpFunction[_P]", apply)
        declared.op = op
        return declared

    return declare


def elementwise_block(
    *,
    vjp: Vjp,
    infer: Callable[..., TensorType] = same_floating_type,
    options: Sequence[Mapping[str, Any]] = ({},),
    **facts: Any,
) -> Callable[[Callable[_P, Node]], OpFunction[_P]]:
    """Turn a documented function of one array's elements into a block, see `block`.

    Args:
        vjp: the derivative rule, which serves both directions.
        infer: the type rule; by default the type of the input, which must be floating.
        options: attributes to try in generated tests.
        facts: see `Op`.
    """
    shapes = ((3, 4),), ((),), ((0, 3),)
    cases = [Case(shape, chosen) for chosen in options for shape in shapes]
    return block(infer=infer, cases=cases, vjp=vjp, jvp="diagonal", **facts)
