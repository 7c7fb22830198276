"""`gc.check_gradients`: a check in one call that the gradients of a model are right.

The comparison itself is in `autodiff.finite_differences`; here its point is chosen:
data and parameters that were given, and random ones for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..arguments import Count, Seed, public
from ..autodiff.finite_differences import compare_gradients, widen
from ..autodiff.gradient_report import GradientReport
from ..autodiff.reverse import as_targets, grad
from ..errors import DifferentiationError
from ..ir.bodies import inline, is_plain, is_with_rules
from ..ir.dims import Dim, evaluate_shape, symbols_of
from ..ir.facts import Role
from ..ir.graph import Graph, declared_inputs, expand
from ..ir.labels import LabelBounds, label_bounds
from ..ir.naming import number_unnamed
from ..ir.node import Node
from ..ir.sizes import inputs_for_sizes, size_bounds
from ..ir.types import is_floating
from .feeds import bind_feeds, check_size_bounds
from .interpreter import initial_parameters

Array = np.ndarray[Any, Any]


def check_gradients(
    loss: Node,
    wrt: Node | Iterable[Node] | None = None,
    feeds: Mapping[Any, Any] | None = None,
    *,
    rows: Count = 8,
    directions: Count = 3,
    seed: Seed = 0,
    custom: bool = False,
) -> GradientReport:
    """Hold the gradients of a loss against finite differences, in float64.

    For random directions v, `(loss(p + h v) - loss(p - h v)) / 2h` must be the product
    of v and the gradient, up to rounding. Where it is not, the report names the node
    whose derivative rule is wrong and the line that declared it.

    Args:
        loss: a floating scalar.
        wrt: nodes to differentiate by; by default all parameters, or where there are
            none all floating inputs.
        feeds: arrays by node or by name, for inputs and parameters, those included
            that the loss was declared from and does not need. Inputs that are not fed
            are random and fit their shape, dtype and labels; parameters that are not
            fed are near where they start.
        rows: the value of every named size of a random input.
        directions: how many random directions to try for each node of `wrt`.
        seed: of all that is random, dropout included.
        custom: check the rules of `gc.custom_vjp` and `gc.custom_jvp`, too. Without it
            a rule may say anything, and what flows through it is left out. What
            `gc.stop_gradient` lets pass is a constant either way.

    Returns:
        A report: `report.passed`, `report.variables` and `report.nodes` with their
        errors, `report.worst_node`, and `report.unchecked`, what was left out. Printed,
        it is a table.

    Raises:
        DifferentiationError: the loss is not a floating scalar, or does not depend on a
            node of `wrt`.
        FeedError: feeds that don't fit the inputs.
        NonFiniteError: the loss is not finite for these feeds.

    Source: Griewank and Walther, *Evaluating Derivatives* (2008), section 3.4.

    >>> import graphc as gc
    >>> x, w = gc.input("x", ("batch", 3)), gc.parameter("w", (3,))
    >>> print(gc.check_gradients(gc.mean(gc.exp(x @ w))).passed)
    True
    """
    graph = Graph((loss,))
    number_unnamed(graph.nodes)
    graph.check_names()
    variables = _variables(graph, wrt)
    # Asked for now, so that what can't be differentiated is said in the user's terms.
    grad(loss, list(variables))
    arrays = _point(graph, feeds or {}, rows, seed)
    sizes = bind_feeds(arrays, arrays)[1]
    check_size_bounds(size_bounds(graph), sizes)
    # What a body computes is checked, too, node by node.
    whole = inline(Graph((loss, *variables)), which=is_plain)
    if any(is_with_rules(node) for node in {*whole.meanings} - {*whole.nodes}):
        whole = expand(whole)
    loss, *variables = whole.outputs
    wide = widen([loss])
    return compare_gradients(
        wide[loss],
        [wide[node] for node in variables],
        {wide[node]: _widened(array) for node, array in arrays.items() if node in wide},
        sizes,
        directions=directions,
        seed=seed,
        custom=custom,
    )


def _variables(graph: Graph, wrt: Node | Iterable[Node] | None) -> tuple[Node, ...]:
    if wrt is not None:
        return as_targets(wrt)
    floating = tuple(node for node in graph.inputs if is_floating(node.dtype))
    variables = graph.trainable or floating
    if not variables:
        raise DifferentiationError(
            "there is nothing to differentiate by: no parameter and no floating input",
            node=graph.outputs[0].describe(),
            hint="gc.parameter(...), or a floating dtype for an input",
        )
    return variables


def _point(
    graph: Graph, feeds: Mapping[Any, Any], rows: int, seed: int
) -> dict[Node, Array]:
    """An array for each input and parameter, those of `feeds` where it has them."""
    declared = declared_inputs(graph.outputs)
    by_name = {node.name: node for node in (*declared, *graph.parameters)}
    given = {key if isinstance(key, Node) else by_name.get(key) for key in feeds}
    known = tuple(node for node in by_name.values() if node in given)
    bounds = label_bounds(graph)
    arrays, sizes = bind_feeds(known, feeds, bounds, declared)
    inputs = (*graph.inputs, *inputs_for_sizes(declared, graph.inputs, graph.symbols))
    for name in symbols_of(size for node in inputs for size in node.shape):
        sizes.setdefault(name, rows)
    rng = np.random.default_rng(seed)
    for node in inputs:
        if node not in arrays:
            shape = evaluate_shape(node.shape, sizes)
            arrays[node] = _random(node, shape, bounds.get(node), rng)
    starts = initial_parameters(graph.parameters, seed)
    for node in graph.parameters:
        if node not in arrays:
            # Moved a little, because relu and the like have no derivative at exactly 0.
            start = starts[str(node.name)]
            moved: Array = start + np.asarray(rng.normal(0.0, 0.01, start.shape), float)
            is_moved = is_floating(node.dtype) and node.op.role is Role.PARAMETER
            arrays[node] = moved.astype(node.dtype) if is_moved else start
    return arrays


def _random(
    node: Node,
    shape: tuple[int, ...],
    bounds: LabelBounds | None,
    rng: np.random.Generator,
) -> Array:
    if is_floating(node.dtype):
        return np.asarray(rng.standard_normal(shape)).astype(node.dtype)
    low, high = (bounds.low, bounds.high) if bounds else (0, 1)
    return rng.integers(low, high, shape, endpoint=True).astype(node.dtype)


def first_rows(graph: Graph, data: Mapping[str, Any], rows: int) -> dict[str, Any]:
    """The first rows of every array of a data set that has an axis of rows.

    That is the first axis of inputs whose first size is named like that of the first
    input with a named one.

    >>> import graphc as gc
    >>> y = gc.input("x", ("batch", 2)) + gc.input("shift", (2,))
    >>> data = {"x": np.zeros((9, 2)), "shift": np.ones(2)}
    >>> {name: len(a) for name, a in first_rows(Graph((y,)), data, 4).items()}
    {'x': 4, 'shift': 2}
    """
    firsts = [node.shape[0] for node in graph.inputs if node.shape]
    batch = next((size for size in firsts if isinstance(size, Dim)), None)
    counted = {
        n.name for n in graph.inputs if batch is not None and n.shape[:1] == (batch,)
    }
    return {
        name: array[:rows] if name in counted and np.ndim(array) else array
        for name, array in data.items()
    }


def _widened(array: Array) -> Array:
    return array.astype(np.float64) if is_floating(array.dtype) else array


public(globals(), ["check_gradients"])
