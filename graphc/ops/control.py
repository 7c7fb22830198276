"""Calls: a graph used as a function, from as many places as one likes.

A Python function of nodes is traced: it is applied to arguments, and what it returns is
a body. All that it takes from outside (parameters, inputs, draws, values computed of
them) is passed to the body as further arguments.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, repeat
from typing import Any, cast
from weakref import WeakValueDictionary

from ..errors import GraphError, UnsupportedError
from ..ir.batching import Batch
from ..ir.bodies import shared
from ..ir.facts import NAMED, Facts, Role
from ..ir.graph import Graph
from ..ir.nest import flatten, refill
from ..ir.node import Node
from ..ir.op import Differentiate, Op
from ..ir.types import DType, Shape, TensorType, TupleType, has_derivatives
from ..ir.walk import reading_order
from .source import ArrayLike, as_node


def _argument_type(*, index: int, dtype: DType, shape: Shape) -> TensorType:
    return TensorType(dtype, shape)


ARGUMENT = Op(
    name="argument", inputs=(), infer=_argument_type, kind="source", role=Role.ARGUMENT
)


def argument(index: int, type: TensorType, name: str | None = None) -> Node:
    """The argument of a body that is passed at a position."""
    attributes = {"index": index, "dtype": type.dtype, "shape": type.shape}
    return ARGUMENT.build((), attributes, name=name)


def call_type(*inputs: TensorType, body: Graph) -> TupleType:
    """The types of the results of a body for inputs, which are checked."""
    for node in body.arguments:
        index = node.attributes["index"]
        if index >= len(inputs):
            raise GraphError(
                f"requires an argument {index} for {node.describe()}, "
                f"got {len(inputs)} arguments"
            )
        if inputs[index] != node.type:
            raise GraphError(
                f"requires {node.type} for argument {index}, got {inputs[index]}"
            )
    return TupleType.of(*(output.type for output in body.outputs))


def _result_type(values: TensorType, *, index: int) -> TensorType:
    if not isinstance(values, TupleType):
        raise GraphError(f"requires several values, got {values}")
    return values.items[index]


RESULT = Op(
    name="result",
    inputs=("values",),
    infer=_result_type,
    kind="control",
    role=Role.RESULT,
    numpy="values[index]",
)


def results(
    body: Graph, inputs: Sequence[Node], name: str | None = None, op: Op | None = None
) -> tuple[Node, ...]:
    """The results of a body for inputs, one node for each."""
    op = CALL if op is None else op
    return results_of(op.build(tuple(inputs), {"body": body}, name=name))


_results: WeakValueDictionary[tuple[int, int], Node] = WeakValueDictionary()


def results_of(node: Node) -> tuple[Node, ...]:
    """The results of a node that has several; the same nodes as long as any is used."""
    assert isinstance(node.type, TupleType)
    found: list[Node] = []
    for index in range(len(node.type.items)):
        known = _results.get((node.index, index))
        if known is None:
            known = _results[node.index, index] = RESULT(node, index=index)
        found.append(known)
    return tuple(found)


# Derivatives --------------------------------------------------------------------------


def adjoints_of_body(
    body: Graph, reverse: Differentiate, given: Mapping[int, Node], count: int
) -> dict[int, Node]:
    """Adjoints of arguments, as values of a body that takes cotangents besides.

    Args:
        body: computes forward.
        reverse: reverse mode.
        given: the cotangents by the position of the result.
        count: the number of inputs, after which cotangents are passed.

    Returns:
        Those that there are, by the position of the argument.
    """
    outputs = [body.outputs[place] for place in given]
    seeds = [
        argument(count + number, output.type, f"d_{output.name or 'result'}")
        for number, output in enumerate(outputs)
    ]
    variables = [node for node in body.arguments if has_derivatives(node.type)]
    adjoints = reverse(outputs, seeds, variables)
    return _given_by(dict(zip(map(_index, variables), adjoints, strict=True)))


def tangents_of_body(
    body: Graph, forward: Differentiate, given: Mapping[int, Node], count: int
) -> dict[int, Node]:
    """Tangents of results, as values of a body that takes those of arguments besides.

    Args:
        body: computes forward.
        forward: forward mode.
        given: the tangents by the position of the argument.
        count: the number of inputs, after which tangents are passed.

    Returns:
        Those that there are, by the position of the result.
    """
    variables = [node for node in body.arguments if _index(node) in given]
    places = {index: count + number for number, index in enumerate(given)}
    seeds = [
        argument(places[_index(node)], node.type, f"tangent_{node.name or ''}")
        for node in variables
    ]
    return _given_by(dict(enumerate(forward(body.outputs, variables, seeds))))


def call_vjp(
    reverse: Differentiate, cotangents: Sequence[Node | None], out: Node, *inputs: Node
) -> list[Node | None]:
    """Adjoints by a call of the body's backward pass, which computes forward anew."""
    body, given = out.bodies[0], _given(cotangents)

    def derive() -> dict[int, Node]:
        return adjoints_of_body(body, reverse, given, len(inputs))

    return _call_derived("backward", derive, out, given, len(inputs))


def call_jvp(
    forward: Differentiate, tangents: Sequence[Node | None], out: Node, *inputs: Node
) -> list[Node | None]:
    """Tangents by a call of the body's forward mode, which computes values anew."""
    body, given = out.bodies[0], _given(tangents)

    def derive() -> dict[int, Node]:
        return tangents_of_body(body, forward, given, len(inputs))

    return _call_derived("forward", derive, out, given, len(body.outputs))


def _call_derived(
    mode: str,
    derive: Callable[[], Mapping[int, Node]],
    call: Node,
    given: Mapping[int, Node],
    count: int,
) -> list[Node | None]:
    """A call of a body that is derived once from the body of another call.

    Args:
        mode: its name.
        derive: its results by the position of what they are the derivatives for.
        call: the other call, whose inputs are the first arguments.
        given: the further arguments by position.
        count: the number of positions.
    """
    known = call.bodies[0].derived
    key = (mode, *given, len(call.inputs))
    if key not in known:
        found = derive()
        known[key] = shared(Graph(tuple(found.values()))), tuple(found)
    body, places = known[key]
    name = f"{call.name}_{mode}" if call.name else None
    nodes = results(body, (*call.inputs, *given.values()), name, call.op)
    by_place = dict(zip(places, nodes, strict=True))
    return [by_place.get(place) for place in range(count)]


def _given(values: Sequence[Node | None]) -> dict[int, Node]:
    return _given_by(dict(enumerate(values)))


def _given_by(values: Mapping[int, Node | None]) -> dict[int, Node]:
    return {place: node for place, node in values.items() if node is not None}


def _index(argument: Node) -> int:
    return argument.attributes["index"]


def call_batch(batch: Batch, node: Node) -> tuple[Node, ...]:
    """A call of the body for several examples."""
    mapped = [batch.is_mapped(parent) for parent in node.inputs]
    body, _ = batch.body(node.bodies[0], mapped)
    inputs = [*map(batch.value, node.inputs)]
    return results(shared(body), inputs, node.name, node.op)


CALL = Op(
    name="call",
    inputs=("*inputs",),
    infer=call_type,
    kind="control",
    role=Role.CALL,
    bodies=("body",),
    numpy="body(*inputs)",
    facts=Facts(notation="call"),
    vjp=call_vjp,
    jvp=call_jvp,
    batch=call_batch,
)


# Tracing ------------------------------------------------------------------------------


def call(function: Graph | Callable[..., Any], *arguments: ArrayLike) -> Any:
    """Call a function of nodes, which is kept as a function.

    `call(f, *arguments)` is `f(*arguments)`, computed by one body for all calls that
    are written alike.

    Args:
        function: takes nodes in the structure of `arguments` and returns nodes in any;
            or a body.
        arguments: nodes, or lists, tuples and dicts of nodes. A Python number is part
            of the body.

    Returns:
        Nodes in the structure that the function returns; of a body, a list.

    Raises:
        DTypeError: the function returns something else.
        UnsupportedError: a random draw depends on an argument.
        GraphError: arguments that a body does not take.

    >>> import graphc as gc
    >>> x, w = gc.input("x", (), "float64"), gc.parameter("w", (), 3.0, "float64")
    >>> def layer(x):
    ...     return gc.tanh(w * x)
    >>> y = call(layer, call(layer, x))
    >>> gc.evaluate(y - gc.tanh(w * gc.tanh(w * x)), {"x": 0.5}, parameters={"w": 2.0})
    array(0.)
    """
    if isinstance(function, Graph):
        return list(results(function, flatten([*map(_as_nest, arguments)])))
    names = chain(argument_names(function), repeat(None))
    nodes: list[Node] = []
    own: list[Node] = []
    passed: list[Any] = []
    for given, name in zip(arguments, names, strict=False):
        if type(given) in (bool, int, float):
            # Inside, it takes the dtype of the arrays beside it; an argument has one.
            passed.append(given)
            continue
        structure = _as_nest(given)
        entering = flatten(structure, "arguments")
        called = name if isinstance(structure, Node) else None
        inside = [
            argument(len(own) + place, node.type, called)
            for place, node in enumerate(entering)
        ]
        passed.append(refill(structure, inside))
        nodes += entering
        own += inside
    returned = function(*passed)
    outputs = flatten(returned, "the results of a function")
    body, captured = closed(outputs, own)
    name = str(getattr(function, "__name__", ""))
    found = results(body, (*nodes, *captured), name if name.isidentifier() else None)
    return refill(returned, found)


def _as_nest(value: Any) -> Any:
    if isinstance(value, Node | list | tuple | Mapping):
        return cast(Any, value)
    return as_node(value)


def argument_names(function: Callable[..., Any]) -> list[str]:
    """The names of positional arguments, as far as they are known."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in kinds]


def closed(
    outputs: Sequence[Node],
    own: Sequence[Node],
    passed: Mapping[Node, Node] | None = None,
) -> tuple[Graph, tuple[Node, ...]]:
    """A body that takes as further arguments all that it uses from outside.

    What depends on no argument is computed outside, but for constants and sizes.

    Args:
        outputs: the results of the body.
        own: its arguments.
        passed: other nodes for which there are arguments, with these.

    Returns:
        The body, and the values to pass besides its own arguments.
    """
    images = dict(zip(own, own, strict=True)) | dict(passed or {})
    inside, free = set(images), set[Node]()
    captured: dict[Node, Node] = {}
    first = len(images)

    def image(node: Node) -> Node:
        if node not in free:
            return images[node]
        if node not in captured:
            place = first + len(captured)
            captured[node] = argument(place, node.type, node.name)
        return captured[node]

    for node in reading_order(outputs):
        if node in inside:
            continue
        is_inside = any(parent in inside for parent in node.inputs)
        is_source = node.op.role in {*NAMED, Role.ARGUMENT}
        if is_inside:
            inside.add(node)
            if not node.op.pure:
                raise UnsupportedError(
                    f"{node.describe()} draws anew for each call by its arguments",
                    at=node,
                    hint="the draw outside of the function",
                )
        elif is_source or not node.op.pure or any(p in free for p in node.inputs):
            free.add(node)
            continue
        images[node] = node.with_inputs(tuple(image(p) for p in node.inputs))
    body = shared(Graph(tuple(image(output) for output in outputs)))
    return body, tuple(captured)
