"""Loops that end when the data say so: as many steps as it takes, forward mode only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from ..errors import (
    DifferentiationError,
    GraphError,
    ShapeError,
    UnsupportedError,
)
from ..ir.batching import Batch
from ..ir.bodies import argument_of, arranged, shared
from ..ir.facts import Facts, Role
from ..ir.graph import Graph
from ..ir.nest import refill
from ..ir.node import Node
from ..ir.op import Differentiate, Op
from ..ir.types import TensorType, TupleType
from ..ir.walk import reading_order
from .arithmetic import where
from .control import argument, argument_names, closed, results_of
from .shape import expand_dims
from .source import as_node, zeros_like
from .structures import (
    NUMBERS,
    as_nodes,
    kept_types,
    leaves_of,
    named_nodes,
    nodes_of,
    shown,
    typed_numbers,
)
from .truth import any as any_of


def _while_type(
    *inputs: TensorType, test: Graph, body: Graph, carries: int
) -> TupleType:
    for graph in (test, body):
        for node in graph.arguments:
            index: int = node.attributes["index"]
            if index >= len(inputs) or inputs[index] != node.type:
                raise GraphError(f"requires {node.type} for argument {index}")
    (running,) = test.outputs
    if running.shape or running.dtype.kind != "b":
        raise ShapeError(f"requires a bool of shape () to go on by, got {running.type}")
    after = tuple(output.type for output in body.outputs)
    if after != inputs[:carries]:
        raise GraphError("requires a carry that keeps its types")
    return TupleType.of(*after)


def _result_name(node: Node, index: int) -> str | None:
    known = argument_of(node.bodies[1])
    return known[index].name if index in known else node.bodies[1].outputs[index].name


def _while_vjp(
    reverse: Differentiate, cotangents: Sequence[Node | None], out: Node, *inputs: Node
) -> NoReturn:
    raise DifferentiationError(
        "reverse mode needs the values of all steps, and gc.while_loop keeps none, "
        "since their number is not known",
        at=out,
        hint="gc.scan with a fixed number of steps (and gc.where to end early), or "
        "gc.jvp, or gc.stop_gradient",
    )


def _while_jvp(
    forward: Differentiate, tangents: Sequence[Node | None], out: Node, *inputs: Node
) -> list[Node | None]:
    """Tangents by a loop that carries them beside the values."""
    test, body = out.bodies
    carries, count = out.attributes["carries"], len(inputs)
    arguments = argument_of(body)
    given = {i: node for i, node in enumerate(tangents) if node is not None}
    moving = sorted(i for i in given if i < carries or i in arguments)
    while True:
        seeds = {
            place: argument(count + number, inputs[place].type, None)
            for number, place in enumerate(moving)
        }
        read = [place for place in moving if place in arguments]
        found = forward(
            body.outputs, [arguments[i] for i in read], [seeds[i] for i in read]
        )
        more = {i for i in range(carries) if found[i] is not None} - {*moving}
        if not more:
            break
        moving = sorted(more.union(moving))
    own = [place for place in moving if place < carries]
    rest = [place for place in moving if place >= carries]
    after = [
        zeros_like(body.outputs[i]) if (flow := found[i]) is None else flow for i in own
    ]
    order: list[int] = [*range(carries), *(count + moving.index(i) for i in own)]
    order += [*range(carries, count), *(count + moving.index(i) for i in rest)]
    places = {index: place for place, index in enumerate(order)}
    node = WHILE.build(
        (
            *inputs[:carries],
            *(given[i] if i in given else zeros_like(inputs[i]) for i in own),
            *inputs[carries:],
            *(given[i] for i in rest),
        ),
        {
            "test": arranged(test.outputs, places),
            "body": arranged((*body.outputs, *after), places),
            "carries": carries + len(own),
        },
        name=out.name,
    )
    flows = results_of(node)[carries:]
    by_place = dict(zip(own, flows, strict=True))
    return [by_place.get(place) for place in range(carries)]


def _while_of_examples(batch: Batch, node: Node) -> list[Node]:
    """A loop that goes on while any example does; those that have ended stay."""
    carries: int = node.attributes["carries"]
    test, body = node.bodies
    mapped = [batch.is_mapped(each) for each in node.inputs]
    while True:
        running, (each_decides,) = batch.body(test, mapped)
        wanted = [each_decides or is_mapped for is_mapped in mapped[:carries]]
        after, found = batch.body(body, mapped, wanted)
        if [*found] == mapped[:carries]:
            break
        mapped[:carries] = found
    if each_decides:
        running, after = _while_any(running, after)
    inputs = [
        batch.stacked(each) if is_mapped else batch.value(each)
        for each, is_mapped in zip(node.inputs, mapped, strict=True)
    ]
    attributes = {"test": running, "body": after, "carries": carries}
    return [*results_of(WHILE.build(tuple(inputs), attributes, name=node.name))]


def _while_any(test: Graph, body: Graph) -> tuple[Graph, Graph]:
    """The bodies of a loop for examples each of which decides for itself."""
    (running,) = test.outputs
    variables: dict[int, Node] = {**argument_of(test), **argument_of(body)}
    images: dict[Node, Node] = {
        node: variables[index] for index, node in argument_of(test).items()
    }
    for node in test.nodes:
        if node not in images:
            inputs = tuple(images[parent] for parent in node.inputs)
            images[node] = node.with_inputs(inputs)
    decides = images[running]
    kept: list[Node] = []
    for index, new in enumerate(body.outputs):
        old = variables.get(index)
        old = argument(index, new.type) if old is None else old
        axes = tuple(range(1, new.ndim))
        kept.append(where(expand_dims(decides, axes) if axes else decides, new, old))
    return Graph((any_of(running),)), shared(Graph(tuple(kept)))


_WHILE = '''
def run_while(test, body, carries, inputs):
    """Run a body as long as a test of the carries is true; return the carries."""
    carry, shared = inputs[:carries], inputs[carries:]
    while test(*carry, *shared)[0]:
        carry = body(*carry, *shared)
    return carry
'''

WHILE = Op(
    name="while_loop",
    inputs=("*inputs",),
    infer=_while_type,
    kind="control",
    role=Role.WHILE,
    bodies=("test", "body"),
    numpy="run_while(test, body, carries, inputs)",
    helpers=(_WHILE,),
    name_result=_result_name,
    facts=Facts(notation="while_loop"),
    vjp=_while_vjp,
    jvp=_while_jvp,
    batch=_while_of_examples,
)


def while_loop(
    cond_fun: Callable[..., Any], body_fun: Callable[..., Any], init_val: Any
) -> Any:
    """Repeat a step as long as a condition holds.

    `value = init_val`, then `value = body_fun(value)` while `cond_fun(value)`: a
    `while` in emitted code. Forward mode goes through it (`gc.jvp`); reverse mode does
    not, since it needs the values of all steps: `gc.scan` keeps them. Source: JAX's
    `lax.while_loop`.

    Args:
        cond_fun: takes the value and returns a bool of shape `()`.
        body_fun: takes the value and returns the next one, of the same structure and
            types.
        init_val: the first value: arrays, in any structure of lists, tuples and dicts.
            A Python number takes the dtype that it has after a step.

    Returns:
        The first value for which the condition does not hold.

    Raises:
        ShapeError: a value that changes its shape, or a condition that has one.
        DTypeError: a value that changes its dtype.
        GraphError: a value that changes its structure.
        UnsupportedError: a random draw in a step, of which there would be only one for
            all steps.

    >>> import graphc as gc
    >>> n = gc.input("n", (), "int64")
    >>> steps, _ = gc.while_loop(
    ...     lambda v: v[1] > 1,
    ...     lambda v: (v[0] + 1, gc.where(v[1] % 2 == 0, v[1] // 2, 3 * v[1] + 1)),
    ...     (0, n),
    ... )
    >>> gc.evaluate(steps, {"n": 27})
    array(111)
    """
    place = "gc.while_loop"
    since = argument(0, as_node(0).type)
    start = as_nodes(init_val, f"{place}, init_val")
    own, after = _step(body_fun, start)
    if any(type(value) in NUMBERS for value in leaves_of(init_val)):
        start = refill(start, typed_numbers(init_val, start, after))
        own, after = _step(body_fun, start)
    first = nodes_of(start)
    outputs = kept_types(start, after, place)
    body, captured = closed(outputs, own)
    tested, running = _step(cond_fun, start)
    if len(leaves_of(running)) != 1:
        raise GraphError(
            f"cond_fun must return a bool, got {shown(running)}", node=place
        )
    decides = as_node(leaves_of(running)[0])
    if decides.shape or decides.dtype.kind != "b":
        raise ShapeError(
            f"cond_fun must return a bool of shape (), got {decides.type}",
            node=place,
            at=decides,
            hint="gc.all or gc.any of it",
        )
    test, others = closed([decides], tested)
    places = {
        len(first) + i: len(first) + len(captured) + i for i in range(len(others))
    }
    places |= {i: i for i in range(len(first))}
    for each in reading_order([*outputs, decides]):
        if not each.op.pure and each.index > since.index:
            raise UnsupportedError(
                f"{each.describe()} would be the same in every step, since the number "
                "of steps is not known when it is drawn",
                node=place,
                at=each,
                hint="gc.scan, each step of which has its own, or the draw outside",
            )
    node = WHILE.build(
        (*first, *captured, *others),
        {
            "test": arranged(test.outputs, places),
            "body": body,
            "carries": len(first),
        },
    )
    return refill(start, results_of(node))


def _step(function: Callable[..., Any], start: Any) -> tuple[list[Node], Any]:
    """Arguments in place of a value, and what a function returns for them."""
    name = [*argument_names(function)[:1], ""][0]
    own = [
        argument(index, node.type, name)
        for index, (node, name) in enumerate(named_nodes(start, name))
    ]
    return own, function(refill(start, own))
