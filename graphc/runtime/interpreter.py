"""The reference interpreter: evaluates a graph node by node and keeps every value.

It runs the same NumPy source that the printer prints, one node at a time and with no
pass in between, so it is slow and plain: the debugger, and the oracle against which
optimised programs are held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ..arguments import Seed
from ..errors import NonFiniteError
from ..ir.dims import symbols_of
from ..ir.evaluate import compiled, evaluate_node, random_streams, stream_name
from ..ir.facts import PERSISTENT, Role
from ..ir.graph import Graph, check_names, declared_inputs
from ..ir.labels import label_bounds
from ..ir.literal import Literal as ArrayLiteral
from ..ir.naming import number_unnamed
from ..ir.nest import flatten, refill
from ..ir.node import Node
from ..ir.op import result_name
from ..ir.sizes import check_known, size_bounds
from ..ir.types import is_floating
from .feeds import Array, bind_feeds, check_size_bounds
from .fresh_parameters import warn_of_fresh
from .interpretation import Interpretation


def initial_parameters(parameters: Iterable[Node], seed: int) -> dict[str, Array]:
    """The start of each parameter by name, drawn in the order of declaration."""
    rng = np.random.default_rng(seed)
    return {str(node.name): initial_value(node, rng) for node in parameters}


def initial_value(node: Node, rng: np.random.Generator) -> Array:
    """The start of one parameter."""
    init = node.attributes["init"]
    if isinstance(init, ArrayLiteral):
        return init.array.copy()
    scope: dict[str, Any] = {"np": np, "rng": rng}
    exec(compiled(getattr(init, "helper", ""), "exec"), scope)
    value: Array = eval(compiled(init.source(node.shape, node.dtype), "eval"), scope)
    return value


def interpret(
    outputs: Any,
    feeds: Mapping[Any, Any],
    *,
    parameters: Mapping[str, Any] | None = None,
    seed: Seed = 0,
    check_finite: bool = False,
    strict: bool = False,
) -> Interpretation:
    """Run a graph and keep the value of every node, gradients included.

    Args:
        outputs: the node or nodes wanted, in lists or dicts as you like; all that they
            depend on is kept too.
        feeds: arrays by node or by name, for inputs and optionally parameters.
        parameters: values of parameters by name, such as `trainer.parameters`.
        seed: starts parameters that are not fed, and random draws.
        check_finite: raise at the first NaN or infinity.
        strict: see `evaluate`.

    Returns:
        A mapping from nodes, or their names, to arrays: `run[y]`, `run["y"]`, and
        `run.gradient("y")`, which is `run["d_y"]`. Printed, it is a table.

    Raises:
        FeedError: feeds that don't fit the inputs.
        NonFiniteError: with `check_finite`, naming the node and the user's line.

    >>> import graphc as gc
    >>> x = gc.input("x", (), "float64")
    >>> y = gc.exp(x)
    >>> run = gc.interpret([y * y], {"x": 0.0})
    >>> run[y]
    array(1.)
    """
    return run_nodes(
        flatten([*outputs] if isinstance(outputs, Iterator) else outputs),
        feeds,
        parameters=parameters,
        seed=seed,
        check_finite=check_finite,
        strict=strict,
    )


def run_nodes(
    outputs: Iterable[Node],
    feeds: Mapping[Any, Any],
    *,
    parameters: Mapping[str, Any] | None = None,
    seed: int = 0,
    check_finite: bool = False,
    strict: bool = False,
    function: str = "gc.evaluate",
) -> Interpretation:
    """The same as `interpret`, for a `function` that users call, which warnings name.

    Raises:
        FeedError: feeds that don't fit the inputs.
        NonFiniteError: with `check_finite`, naming the node and the user's line.
    """
    graph = Graph(tuple(flatten(list(outputs))))
    number_unnamed(graph.nodes)
    order = graph.meanings
    check_names(order)
    trained = [node for node in order if node.op.role in PERSISTENT]
    inputs = [node for node in order if node.op.role is Role.INPUT]
    known, fed = parameters or {}, {*feeds}
    given = {node: known[name] for node in trained if (name := str(node.name)) in known}
    given = {n: array for n, array in given.items() if fed.isdisjoint({n, n.name})}
    arrays, sizes = bind_feeds(
        [*inputs, *trained],
        {**given, **feeds},
        label_bounds(graph),
        (*declared_inputs(graph.outputs), *_fed_for_sizes(feeds, graph)),
        strict=strict,
    )
    check_known(order, sizes)
    check_size_bounds(size_bounds(graph), sizes)
    warn_of_fresh([node for node in trained if node not in arrays], function)
    starts = np.random.default_rng(seed)
    for node in trained:
        start = initial_value(node, starts)
        arrays.setdefault(node, start)
    streams = random_streams(seed, order)
    values: dict[Node, Array] = {}
    for node in order:
        if node.op.is_block:
            values[node] = values[node.expansion]
            continue
        value = (
            arrays[node]
            if node in arrays
            else evaluate_node(
                node,
                [values[parent] for parent in node.inputs],
                sizes,
                streams.get(stream_name(node)),
            )
        )
        if check_finite and not _is_finite(node, value):
            if node.op.role is Role.RESULT and node.inputs[0].op.bodies:
                # Once more, to find the node in the body.
                source = node.inputs[0]
                given = [values[parent] for parent in source.inputs]
                evaluate_node(source, given, sizes, check=_refuse_non_finite)
            raise _non_finite(node, value)
        values[node] = value
    return Interpretation(values, graph.outputs, sizes)


def _fed_for_sizes(feeds: Mapping[Any, Any], graph: Graph) -> list[Node]:
    """Placeholders that are fed as nodes and tell a size that is used."""
    placeholders = [
        key for key in feeds if isinstance(key, Node) and key.op.role is Role.INPUT
    ]
    return [
        node
        for node in placeholders
        if set(symbols_of(node.shape)) & set(graph.symbols)
    ]


def _is_finite(node: Node, value: Array) -> bool:
    return not is_floating(node.dtype) or bool(np.isfinite(value).all())


def _refuse_non_finite(node: Node, value: Array) -> None:
    if not _is_finite(node, value):
        raise _non_finite(node, value)


def _non_finite(node: Node, value: Array) -> NonFiniteError:
    bad = ~np.isfinite(value)
    position = tuple(int(i) for i in np.argwhere(bad)[0]) if value.shape else ()
    kind = "NaN" if np.isnan(value[position]) else "inf"
    of = node.origin.gradient_of
    label = f"gradient of {of.describe()}" if of is not None else node.describe()
    return NonFiniteError(
        f"{kind} in {result_name(node) or node.op.name} at {position}: "
        f"{int(bad.sum())} of {value.size} elements are not finite",
        node=label,
        at=node,
        hint="smaller inputs or step size, or a stable form of the op",
    )


def evaluate(
    nodes: Any,
    feeds: Mapping[Any, Any] | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
    seed: Seed = 0,
    check_finite: bool = False,
    strict: bool = False,
) -> Any:
    """The values of nodes, computed by the reference interpreter.

    Args:
        nodes: a node, or a list, tuple or dict of nodes, nested as you like.
        feeds: arrays by node or by name. Parameters that are not fed start from their
            `init`.
        parameters: values of parameters by name, such as `trainer.parameters`; those
            that the nodes do not depend on are left alone.
        seed: for parameters that are not fed and for random draws.
        check_finite: raise at the first NaN or infinity, naming node and line.
        strict: refuse arrays of a wider dtype than an input's, which are rounded to it
            by default, see `gc.compile`.

    Returns:
        Arrays in the structure of `nodes`.

    Raises:
        FeedError: feeds that are missing, extra, or of another shape or dtype.
        NonFiniteError: with `check_finite`.

    >>> import graphc as gc
    >>> x = gc.input("x", ("n",))
    >>> gc.evaluate({"double": 2 * x, "sum": x.sum()}, {"x": [1.0, 2.0]})
    {'double': array([2., 4.], dtype=float32), 'sum': array(3., dtype=float32)}
    """
    leaves = flatten(nodes)
    run = interpret(
        leaves,
        {} if feeds is None else feeds,
        parameters=parameters,
        seed=seed,
        check_finite=check_finite,
        strict=strict,
    )
    # Copies, so that nobody writes into a constant or another value of the run.
    return refill(nodes, [np.array(run[leaf]) for leaf in leaves])
