"""Branches: one of two bodies runs, as the data decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import DTypeError, GraphError, ShapeError
from ..ir.batching import Batch
from ..ir.bodies import arranged, shared
from ..ir.facts import Facts, Role
from ..ir.graph import Graph
from ..ir.nest import paths, refill
from ..ir.node import Node
from ..ir.op import Differentiate, Op
from ..ir.types import TensorType, TupleType
from .arithmetic import where
from .control import (
    adjoints_of_body,
    argument,
    argument_names,
    closed,
    results,
    results_of,
    tangents_of_body,
)
from .shape import expand_dims
from .source import ArrayLike, as_node, zeros_like
from .structures import as_nodes, named_nodes, nodes_of, ordered_as, shown

_BODIES: tuple[str, ...] = ("when_true", "when_false")


def _cond_type(
    pred: TensorType, *inputs: TensorType, when_true: Graph, when_false: Graph
) -> TupleType:
    if pred.shape or pred.dtype.kind != "b":
        raise ShapeError(f"requires a bool of shape () to decide by, got {pred}")
    given = (pred, *inputs)
    for body in (when_true, when_false):
        for node in body.arguments:
            index: int = node.attributes["index"]
            if index >= len(given) or given[index] != node.type:
                raise GraphError(f"requires {node.type} for argument {index}")
    types = [
        [output.type for output in body.outputs] for body in (when_true, when_false)
    ]
    if types[0] != types[1]:
        raise GraphError("requires branches that return values of the same types")
    return TupleType.of(*types[0])


def _result_name(node: Node, index: int) -> str | None:
    names = [body.outputs[index].name for body in node.bodies]
    return names[0] or names[1]


def _same_results(
    found: Sequence[dict[int, Node]], like: Callable[[int], Node]
) -> tuple[tuple[int, ...], list[Graph]]:
    """Bodies that both return what any does, zeros where one has none.

    Returns:
        The positions of the results, and the bodies.
    """
    places = tuple(sorted({place for each in found for place in each}))
    bodies = [
        shared(
            Graph(
                tuple(
                    each[place] if place in each else zeros_like(like(place))
                    for place in places
                )
            )
        )
        for each in found
    ]
    return places, bodies


def _branch(
    out: Node, inputs: tuple[Node, ...], bodies: Sequence[Graph], name: str
) -> tuple[Node, ...]:
    """The results of a branch in the derivative of another one."""
    named = dict(zip(_BODIES, bodies, strict=True))
    return results_of(COND.build(inputs, named, name=f"{out.name or 'cond'}_{name}"))


def _cond_vjp(
    reverse: Differentiate, cotangents: Sequence[Node | None], out: Node, *inputs: Node
) -> list[Node | None]:
    """Adjoints by a branch into the backward passes of both."""
    given = {i: node for i, node in enumerate(cotangents) if node is not None}
    found = [adjoints_of_body(b, reverse, given, len(inputs)) for b in out.bodies]
    places, bodies = _same_results(found, lambda place: inputs[place])
    flows: dict[int, Node] = {}
    if places:
        passed = (*inputs, *given.values())
        flows = dict(zip(places, _branch(out, passed, bodies, "backward"), strict=True))
    return [flows.get(place) for place in range(len(inputs))]


def _cond_jvp(
    forward: Differentiate, tangents: Sequence[Node | None], out: Node, *inputs: Node
) -> list[Node | None]:
    """Tangents by a branch into the forward modes of both."""
    given = {i: node for i, node in enumerate(tangents) if node is not None}
    found = [tangents_of_body(b, forward, given, len(inputs)) for b in out.bodies]
    outputs = out.bodies[0].outputs
    places, bodies = _same_results(found, lambda place: outputs[place])
    moving: dict[int, Node] = {}
    if places:
        passed = (*inputs, *given.values())
        moving = dict(
            zip(places, _branch(out, passed, bodies, "tangents"), strict=True)
        )
    return [moving.get(place) for place in range(len(outputs))]


def _cond_of_examples(batch: Batch, node: Node) -> list[Node]:
    """A branch for all examples, or where each decides, both and a choice."""
    mapped = [batch.is_mapped(each) for each in node.inputs]
    pred, *others = (batch.value(each) for each in node.inputs)
    if not mapped[0]:
        found = [batch.body(body, mapped)[1] for body in node.bodies]
        either = [a or b for a, b in zip(*found, strict=True)]
        bodies = [batch.body(body, mapped, either)[0] for body in node.bodies]
        return [*_branch(node, (pred, *others), bodies, "of_examples")]
    stacked = [True] * len(node.bodies[0].outputs)
    both = [
        results(batch.body(body, mapped, stacked)[0], (pred, *others))
        for body in node.bodies
    ]
    return [
        where(expand_dims(pred, tuple(range(1, a.ndim))) if a.ndim > 1 else pred, a, b)
        for a, b in zip(*both, strict=True)
    ]


COND = Op(
    name="cond",
    inputs=("pred", "*inputs"),
    infer=_cond_type,
    kind="control",
    role=Role.BRANCH,
    bodies=_BODIES,
    numpy="when_true(pred, *inputs) if pred else when_false(pred, *inputs)",
    name_result=_result_name,
    facts=Facts(notation="cond"),
    vjp=_cond_vjp,
    jvp=_cond_jvp,
    batch=_cond_of_examples,
)


def cond(
    pred: ArrayLike,
    true_fun: Callable[..., Any],
    false_fun: Callable[..., Any],
    *operands: Any,
) -> Any:
    """One of two functions, as a condition decides when the program runs.

    `true_fun(*operands) if pred else false_fun(*operands)`: an `if` in emitted code,
    of which one branch runs. Gradients are branches, too. Under `gc.vmap`, where each
    example decides for itself, both run, and values are chosen as by `gc.where`.
    Source: JAX's `lax.cond`.

    Args:
        pred: a bool of shape `()`; of a number, True where it is not 0.
        true_fun: takes the operands, and returns nodes in any structure.
        false_fun: the same, of values of the same structure and types.
        operands: arrays, or lists, tuples and dicts of arrays.

    Returns:
        What the functions return.

    Raises:
        ShapeError: the condition is not of shape `()`.
        GraphError: functions that return other structures.
        DTypeError: functions that return values of other types.

    >>> import graphc as gc
    >>> x = gc.input("x", (), "float64")
    >>> y = gc.cond(x > 0, gc.sqrt, lambda v: 0.0 * v, x)
    >>> gc.evaluate([y, gc.grad(y, x)], {"x": -4.0})
    [array(-0.), array(0.)]
    """
    condition = as_node(pred)
    if condition.shape:
        raise ShapeError(
            f"the condition must be of shape (), got {condition.type}",
            node="gc.cond",
            hint="gc.all or gc.any of it, or gc.where for a choice by elements",
        )
    if condition.dtype.kind != "b":
        condition = condition != 0
    given = as_nodes(list(operands), "gc.cond, operands")
    nodes = nodes_of(given)
    returned: list[Any] = []
    own: list[list[Node]] = []
    for function in (true_fun, false_fun):
        names = [*argument_names(function), *[""] * len(given)]
        named = [
            pair
            for operand, name in zip(given, names, strict=False)
            for pair in named_nodes(operand, name)
        ]
        arguments = [
            argument(1 + place, node.type, name)
            for place, (node, name) in enumerate(named)
        ]
        own.append([argument(0, condition.type, "pred"), *arguments])
        value = function(*refill(given, arguments))
        returned.append(as_nodes(value, "gc.cond, a result"))
    outputs = _matched(*returned)
    when_true, captured = closed(outputs[0], own[0])
    when_false, others = closed(outputs[1], own[1])
    # What each uses from outside is passed to both: one after the other.
    first = 1 + len(nodes)
    places = {index: index for index in range(first)}
    places |= {first + i: first + len(captured) + i for i in range(len(others))}
    when_false = arranged(when_false.outputs, places)
    node = COND.build(
        (condition, *nodes, *captured, *others),
        {"when_true": when_true, "when_false": when_false},
    )
    return refill(returned[0], results_of(node))


def _matched(one: Any, other: Any) -> tuple[list[Node], list[Node]]:
    """The results of both functions, which must be alike."""
    other = ordered_as(one, other)
    if paths(one, "") != paths(other, ""):
        raise GraphError(
            f"both functions must return the same structure, got {shown(one)} of "
            f"true_fun and {shown(other)} of false_fun",
            node="gc.cond",
        )
    names = paths(one, "the result")
    for name, a, b in zip(names, nodes_of(one), nodes_of(other), strict=True):
        if a.type != b.type:
            raise DTypeError(
                f"both functions must return the same types, got {a.type} of true_fun "
                f"and {b.type} of false_fun for {name}",
                node="gc.cond",
                at=b,
                hint=".astype(...) or gc.broadcast_to(...) in one of them",
            )
    return nodes_of(one), nodes_of(other)
