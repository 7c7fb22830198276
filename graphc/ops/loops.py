"""Loops over a body: `scan`, which goes along sequences and can be differentiated.

A loop is one node, whatever its length. Its body takes the carry, one item of each
sequence, and all that it uses from outside, which is the same in every step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from ..errors import GraphError, OptionError, ShapeError
from ..ir.batching import Batch
from ..ir.dims import Dimension, as_dimension
from ..ir.facts import NAMED, Facts, Role
from ..ir.graph import Graph
from ..ir.naming import Naming
from ..ir.nest import paths, refill
from ..ir.node import Node
from ..ir.op import Op
from ..ir.origin import label_of
from ..ir.types import TensorType, TupleType
from ..ir.walk import ancestors, reading_order
from .batching import batched
from .control import argument, argument_names, closed, results_of
from .joining import concatenate, stack
from .loop_derivatives import scan_jvp, scan_vjp
from .shape import swapaxes
from .source import as_node
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


def _scan_type(
    *inputs: TensorType,
    body: Graph,
    carries: int,
    sequences: int,
    length: Dimension,
    reverse: bool,
) -> TupleType:
    for node in body.arguments:
        index: int = node.attributes["index"]
        if index >= len(inputs):
            raise GraphError(
                f"requires an input {index} for {node.describe()}, got {len(inputs)}"
            )
        given = inputs[index]
        if carries <= index < carries + sequences:
            if not given.shape or given.shape[0] != length:
                raise ShapeError(f"requires {length} items of a sequence, got {given}")
            given = given.with_shape(given.shape[1:])
        if given != node.type:
            raise GraphError(f"requires {node.type} for argument {index}, got {given}")
    outputs = [output.type for output in body.outputs]
    for index in range(carries):
        if outputs[index] != inputs[index]:
            raise ShapeError(
                f"requires a carry that keeps its type, got {outputs[index]} after "
                f"{inputs[index]}"
            )
    stacked = (t.with_shape((length, *t.shape)) for t in outputs[carries:])
    return TupleType.of(*outputs[:carries], *stacked)


def _result_name(node: Node, index: int) -> str | None:
    """The name of a carry, and of a value of each step that of them all."""
    body, carries = node.bodies[0], node.attributes["carries"]
    known = {each.attributes["index"]: each.name for each in body.arguments}
    value = body.outputs[index]
    if index < carries:
        return known.get(index) or label_of(value)
    if value.op.role is Role.ARGUMENT:
        return value.name and f"{value.name}_before"
    name = label_of(value)
    for carry in range(carries):
        if body.outputs[carry] is value:
            name = value.name or known.get(carry) or name
    return f"all_{name or value.op.name}"


def _scan_of_examples(batch: Batch, node: Node) -> list[Node]:
    """Loops of several examples as one, with their carries side by side."""
    carries: int = node.attributes["carries"]
    after: int = carries + node.attributes["sequences"]
    mapped = [batch.is_mapped(each) for each in node.inputs]
    while True:
        stacked = [
            *mapped[:carries],
            *[False] * (len(node.bodies[0].outputs) - carries),
        ]
        body, found = batch.body(node.bodies[0], mapped, stacked)
        more = [a or b for a, b in zip(mapped, found[:carries], strict=False)]
        if more == mapped[:carries]:
            break
        # A carry differs between examples where it does so after a step.
        mapped[:carries] = more
    inputs = [
        batch.stacked(each) if is_mapped else batch.value(each)
        for each, is_mapped in zip(node.inputs, mapped, strict=True)
    ]
    for place in range(carries, after):
        if mapped[place]:
            inputs[place] = swapaxes(inputs[place], 0, 1)
    results = results_of(SCAN.build(tuple(inputs), {**node.attributes, "body": body}))
    return [
        swapaxes(result, 0, 1) if is_mapped and place >= carries else result
        for place, (result, is_mapped) in enumerate(zip(results, found, strict=True))
    ]


_SCAN = '''
def run_scan(body, carries, sequences, length, reverse, types, inputs):
    """Run a body for each item of sequences; return carries and stacked values."""
    carry, shared = inputs[:carries], inputs[carries + sequences :]
    stacked = [np.empty(shape, dtype) for shape, dtype in types[carries:]]
    for t in reversed(range(length)) if reverse else range(length):
        items = [array[t] for array in inputs[carries : carries + sequences]]
        results = body(*carry, *items, *shared)
        carry = results[:carries]
        for array, value in zip(stacked, results[carries:], strict=True):
            array[t] = value
    return *carry, *stacked
'''

SCAN = Op(
    name="scan",
    inputs=("*inputs",),
    infer=_scan_type,
    kind="control",
    role=Role.LOOP,
    bodies=("body",),
    numpy="run_scan(body, carries, sequences, length, reverse, types, inputs)",
    helpers=(_SCAN,),
    name_result=_result_name,
    facts=Facts(notation="scan"),
    vjp=scan_vjp,
    jvp=scan_jvp,
    batch=_scan_of_examples,
)


# Declaration --------------------------------------------------------------------------


def scan(
    f: Callable[..., Any],
    init: Any,
    xs: Any = None,
    length: Dimension | str | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """Go along sequences, and carry values from each step to the next.

    `carry, y = f(carry, x)` for each item `x` of `xs`, from `carry = init` on. The loop
    is one node, and a `for` in emitted code, whatever the length. Gradients of any
    order, forward and reverse, are loops too. Source: JAX's `lax.scan`.

    Args:
        f: takes a carry and an item, and returns the next carry, of the same structure
            and types, and a value of this step, of any structure or None. What it uses
            from outside is the same in every step; what it draws at random is not.
        init: the first carry: arrays, in any structure of lists, tuples and dicts. A
            Python number takes the dtype that it has after a step.
        xs: arrays that have the steps along their first axis, in any structure; None
            for a loop without.
        length: the number of steps, where no array tells it: an integer, or a name.
        reverse: True to go from the last item to the first.
        unroll: the number of steps in one turn of the loop; True for no loop at all.
            More than one needs a known length.

    Returns:
        The last carry, and the values of all steps along a first axis, those of item
        `i` at position `i`.

    Raises:
        ShapeError: sequences of different lengths, or a carry that changes its shape.
        DTypeError: a carry that changes its dtype, or what is not an array.
        GraphError: a carry that changes its structure, or not two values returned.
        OptionError: an unknown length.
        UnsupportedError: a random draw depends on the carry or an item.

    >>> import graphc as gc
    >>> x = gc.input("x", ("n",), "float64")
    >>> last, sums = gc.scan(lambda total, x: (total + x, total + x), 0.0, x)
    >>> gc.evaluate(sums, {"x": [1.0, 2.0, 3.0]})
    array([1., 3., 6.])
    """
    items = as_nodes(xs, "xs")
    sequences = nodes_of(items)
    steps = _length(sequences, paths(items, "xs"), length)
    turns = _steps_in_a_turn(unroll, steps)
    if isinstance(steps, int) and turns > 1 and steps:
        return _unrolled(f, init, items, steps, reverse, min(turns, steps))
    start = as_nodes(init, "init")
    step = _traced(f, start, items)
    if any(type(value) in NUMBERS for value in leaves_of(init)):
        start = refill(start, typed_numbers(init, start, step.carry))
        step = _traced(f, start, items)
    first = nodes_of(start)
    values = nodes_of(step.values)
    outputs = [*kept_types(start, step.carry, "gc.scan"), *values]
    starts = step.arguments[: len(first)]
    outputs += [node for node in starts if node not in {*values}]
    draws = _draws(outputs, step)
    body, captured = closed(outputs, step.arguments, draws)
    # Each step has a draw of its own.
    sequences += batched([*draws], {}, steps, since=step.since)
    name = str(getattr(f, "__name__", ""))
    node = SCAN.build(
        (*first, *sequences, *captured),
        {
            "body": body,
            "carries": len(first),
            "sequences": len(sequences),
            "length": steps,
            "reverse": bool(reverse),
        },
        name=name if name.isidentifier() else None,
    )
    found = results_of(node)
    last, stacked = found[: len(first)], found[len(first) :][: len(values)]
    return refill(start, last), refill(step.values, stacked)


class _Step(NamedTuple):
    """A step, before what it uses from outside is passed to it."""

    since: Node
    """A node that is older than all that it makes."""
    arguments: list[Node]
    carry: Any
    """As the user's function returned it."""
    values: Any


def _traced(f: Callable[..., Any], start: Any, items: Any) -> _Step:
    """A step for arguments in place of a carry and of an item."""
    since = argument(0, as_node(0).type)
    names = [*argument_names(f)[:2], "", ""]
    carry = [
        argument(index, node.type, name)
        for index, (node, name) in enumerate(named_nodes(start, names[0]))
    ]
    item = [
        argument(
            len(carry) + index,
            node.type.with_shape(node.shape[1:]),
            f"{name}_t" if name else None,
        )
        for index, (node, name) in enumerate(named_nodes(items, names[1]))
    ]
    after, values = _pair(f(refill(start, carry), refill(items, item)))
    values = as_nodes(values, "gc.scan, a value of a step")
    return _Step(since, [*carry, *item], after, values)


def _draws(outputs: Sequence[Node], step: _Step) -> dict[Node, Node]:
    """The random draws that a step makes, with arguments in their place."""
    own = set(step.arguments)
    draws = [
        node
        for node in reading_order(outputs)
        if not node.op.pure
        and node.index > step.since.index
        and own.isdisjoint(ancestors([node]))
    ]
    return {
        node: argument(len(own) + place, node.type, node.name)
        for place, node in enumerate(draws)
    }


def _pair(returned: Any) -> tuple[Any, Any]:
    """The next carry and the value of a step, as a user's function returned them."""
    if isinstance(returned, tuple | list) and len(cast("Any", returned)) == 2:
        after, values = cast("Any", returned)
        return after, values
    raise GraphError(
        "the function of a scan must return two values, the next carry and the value "
        f"of a step, got {shown(returned)}",
        node="gc.scan",
        hint="`return carry, y`, or `return carry, None` for no values",
    )


def _length(
    sequences: Sequence[Node], names: Sequence[str], length: Dimension | str | None
) -> Dimension:
    """The number of steps, which all sequences and `length` agree about."""
    for node, name in zip(sequences, names, strict=True):
        if not node.shape:
            raise ShapeError(
                f"{name} has no axis to go along, got {node.type}",
                node="gc.scan",
                hint="an array with the steps along its first axis",
            )
    known = dict(zip(names, (node.shape[0] for node in sequences), strict=True))
    if length is not None:
        known["length"] = as_dimension(length, "length")
    if not known:
        raise OptionError(
            "the number of steps is not known: no xs, and no length",
            node="gc.scan",
            hint="length=...",
        )
    if len(set(known.values())) > 1:
        told = ", ".join(f"{size} of {name}" for name, size in known.items())
        raise ShapeError(
            f"all sequences must have the same length, got {told}", node="gc.scan"
        )
    steps = next(iter(known.values()))
    return steps


# Several steps in one turn of the loop ------------------------------------------------


def _steps_in_a_turn(unroll: int | bool, steps: Dimension) -> int:
    """The number of steps that one turn of a loop makes."""
    if unroll is False or (unroll == 1 and unroll is not True):
        return 1
    if unroll is not True and unroll < 1:
        raise OptionError(
            f"unroll must be at least 1, or True or False, got {unroll}", node="gc.scan"
        )
    if not isinstance(steps, int):
        raise OptionError(
            f"unroll={unroll} requires a known number of steps, got {steps}",
            node="gc.scan",
            hint="a number in place of the name, or unroll=1",
        )
    return steps if unroll is True else unroll


def _unrolled(
    f: Callable[..., Any], init: Any, items: Any, steps: int, reverse: bool, turns: int
) -> tuple[Any, Any]:
    """A scan of which each turn makes several steps, and the steps that are left."""
    if turns == steps:
        return _written_out(f, as_nodes(init, "init"), items, steps, reverse)
    left = steps % turns
    front = left if reverse else 0
    nodes = nodes_of(items)
    chunks = [
        node[front : front + steps - left].reshape((-1, turns, *node.shape[1:]))
        for node in nodes
    ]

    def chunk(carry: Any, items: Any) -> tuple[Any, Any]:
        return _written_out(f, carry, items, turns, reverse)

    count = steps // turns
    carry, values = scan(chunk, init, refill(items, chunks), count, reverse)
    merged = [node.reshape((-1, *node.shape[2:])) for node in nodes_of(values)]
    values = refill(values, merged)
    if not left:
        return carry, values
    rest = refill(items, [n[:left] if reverse else n[steps - left :] for n in nodes])
    carry, others = _written_out(f, carry, rest, left, reverse)
    first, second = (others, values) if reverse else (values, others)
    pairs = zip(nodes_of(first), nodes_of(second), strict=True)
    return carry, refill(values, [concatenate(pair) for pair in pairs])


def _written_out(
    f: Callable[..., Any], carry: Any, items: Any, steps: int, reverse: bool
) -> tuple[Any, Any]:
    """The steps of a scan, one after the other."""
    nodes = nodes_of(items)
    rows: dict[int, list[Node]] = {}
    values: Any = None
    for t in reversed(range(steps)) if reverse else range(steps):
        since = as_node(0)
        after, values = _pair(f(carry, refill(items, [node[t] for node in nodes])))
        _number_names([*leaves_of(after), *leaves_of(values)], since)
        carry = refill(carry, kept_types(carry, after, "gc.scan"))
        values = as_nodes(values, "gc.scan, a value of a step")
        rows[t] = nodes_of(values)
    columns = zip(*(rows[t] for t in range(steps)), strict=True)
    return carry, refill(values, [stack(column) for column in columns])


def _number_names(results: Sequence[Any], since: Node) -> None:
    """Let the names that a step gives be numbered, since each step gives them."""
    for node in ancestors([each for each in results if isinstance(each, Node)]):
        is_new = node.index > since.index and node.op.role not in NAMED
        if is_new and node.name is not None and node.naming is None:
            Naming(node.name).adopt(node)
