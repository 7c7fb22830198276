"""Blocks that users make of functions of nodes.

Such a block is one node, whose body says what it means.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ParamSpec

from ..arguments import unchecked_entry
from ..errors import ArgumentError, DTypeError
from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.op import Op
from ..ir.origin import here
from ..ir.types import TensorType
from .control import call_type
from .functions import name_of, traced

_P = ParamSpec("_P")


def as_block(fun: Callable[_P, Node]) -> Callable[_P, Node]:
    """See `ops.joining.block`, which is both this and NumPy's."""
    name = name_of(fun)
    if name is None:
        raise ArgumentError(
            f"gc.block requires a function with a name, got {fun!r}",
            hint="a function that `def` gives a name",
        )

    @unchecked_entry
    def apply(*args: _P.args, **kwargs: _P.kwargs) -> Node:
        body, nodes, outcome = traced(fun, name, args, kwargs)
        if not outcome.is_one_node:
            raise DTypeError(
                f"block {name} must return one node, got {outcome}",
                hint="gc.function for several results",
            )
        options = _shown(fun, args, kwargs)
        return block_op(name).build(nodes, {**options, "body": body})

    return functools.update_wrapper(apply, fun, updated=())


def _shown(fun: Callable[..., Any], args: Any, kwargs: Any) -> dict[str, Any]:
    """The arguments that are numbers and strings, by name."""
    try:
        bound = inspect.signature(fun).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return {}
    plain = (bool, int, float, str)
    given = bound.arguments.items()
    return {
        key: value for key, value in given if type(value) in plain and key != "body"
    }


@functools.cache
def block_op(name: str) -> Op:
    """The op of users' blocks of a name, which differ in their bodies."""
    return Op(
        name=name,
        inputs=("*inputs",),
        infer=_infer,
        expand=_expand,
        recipe=(block_op, (name,)),
    )


def _infer(*inputs: TensorType, body: Graph, **options: Any) -> TensorType:
    (found,) = call_type(*inputs, body=body).items
    return found


def _expand(*inputs: Node, body: Graph, **options: Any) -> Node:
    block = here().block
    images: dict[Node, Node] = {}
    for node in body.nodes:
        if node.op.role is Role.ARGUMENT:
            images[node] = inputs[node.attributes["index"]]
            continue
        origin = node.origin
        images[node] = Node(
            node.op,
            tuple(images[parent] for parent in node.inputs),
            node.attributes,
            node.type,
            name=node.name,
            origin=replace(origin, block=origin.block or block),
        ).told(node.source_name)
    (result,) = body.outputs
    return images[result]
