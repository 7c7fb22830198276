"""Reverse mode: the backward graph of a graph, as nodes of the same IR.

Every op says what flows to each of its inputs. What is common to all of them is done
here and once: contributions to a value that is used several times add up, broadcasting
is undone by sums where the shapes require it, and nothing is derived for a node that
no target depends on. Source: Griewank and Walther, *Evaluating Derivatives* (2008),
chapter 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast, overload

from ..errors import DifferentiationError
from ..ir.collector import paused
from ..ir.dims import broadcast_shapes
from ..ir.facts import Role
from ..ir.nest import flatten, refill
from ..ir.node import Derivation, DerivativeRequest, Node
from ..ir.origin import Derivative, derived
from ..ir.types import TupleType, has_derivatives, is_floating
from ..ir.walk import Dependencies, ancestors, meaning_of, topological_order
from ..ops.parts import whole_of
from ..ops.shape import broadcast_to, sum_to
from ..ops.source import ArrayLike, as_node, astype, constant, zeros_like

Unused = Literal["error", "zeros"]


@dataclass(frozen=True)
class Adjoints:
    """The result of reverse mode."""

    of: Mapping[Node, Node]
    """The adjoint of each node that the targets and outputs have between them."""
    flows: Mapping[tuple[Node, int], Node]
    """The part of an adjoint that each node sends along each of its input edges."""


def unit_cotangent(y: Node) -> Node:
    """The adjoint of a scalar by itself: 1."""
    return constant(1.0, y.dtype)


def differentiable_inputs(node: Node) -> tuple[Node, ...]:
    """The nodes that derivatives flow to; a block without a rule is seen through."""
    if node.op.is_block and node.op.vjp is None:
        return meaning_of(node)
    return node.inputs


def _active(order: Iterable[Node], targets: Iterable[Node]) -> set[Node]:
    """The nodes whose value depends on a target through floating values."""
    active = set(targets)
    for node in order:
        is_result = node.op.role is Role.RESULT
        if not has_derivatives(node.type) or not (
            node.op.vjp or node.op.is_block or is_result
        ):
            continue
        if any(parent in active for parent in differentiable_inputs(node)):
            active.add(node)
    return active


def backward(
    outputs: Sequence[Node], cotangents: Sequence[Node], targets: Sequence[Node]
) -> Adjoints:
    """Adjoints of `targets`, and of every node on the way, for given output cotangents.

    Runs in time linear in the number of nodes and without recursion.
    """
    dependencies: Dependencies = differentiable_inputs
    order = topological_order(ancestors(outputs, dependencies), dependencies)
    active = _active(order, targets)
    # Of a node with several results, those that have adjoints.
    pending: dict[Node, list[Node]] = {}
    for output, cotangent in zip(outputs, cotangents, strict=True):
        pending.setdefault(output, []).append(cotangent)
    adjoints: dict[Node, Node] = {}
    flows: dict[tuple[Node, int], Node] = {}
    for node in reversed(order):
        if node not in pending or node not in active:
            continue
        arrived = pending.pop(node)
        if isinstance(node.type, TupleType):
            cotangent = _cotangents(node.type, arrived, adjoints)
        else:
            cotangent = adjoints[node] = _accumulate(node, arrived)
            if node.op.role is Role.RESULT:
                flows[node, 0] = cotangent
                pending.setdefault(node.inputs[0], []).append(node)
                continue
        for position, (parent, flow) in enumerate(_flows(node, cotangent)):
            if flow is None or parent not in active or not is_floating(parent.dtype):
                continue
            flows[node, position] = flow
            pending.setdefault(parent, []).append(flow)
    _remember(outputs, cotangents, targets, adjoints)
    return Adjoints(adjoints, flows)


def adjoints_of(
    outputs: Sequence[Node], cotangents: Sequence[Node], variables: Sequence[Node]
) -> tuple[Node | None, ...]:
    """The adjoints of variables; None where none flows."""
    found = backward(outputs, cotangents, variables).of
    return tuple(found.get(variable) for variable in variables)


def _cotangents(
    type: TupleType, results: Iterable[Node], adjoints: Mapping[Node, Node]
) -> list[Node | None]:
    """The adjoint of each of several results, if it has one."""
    found: list[Node | None] = [None] * len(type.items)
    for result in results:
        index: int = result.attributes["index"]
        known, adjoint = found[index], adjoints[result]
        found[index] = adjoint if known is None else known + adjoint
    return found


def _remember(
    outputs: Sequence[Node],
    cotangents: Sequence[Node],
    targets: Sequence[Node],
    adjoints: Mapping[Node, Node],
) -> None:
    """Note in the adjoint of each target how it can be derived again."""
    sources = (*outputs, *cotangents, *targets)
    request = DerivativeRequest(sources, tuple(targets), partial(_derive, len(outputs)))
    for position, target in enumerate(targets):
        if target in adjoints:
            adjoints[target].remember(Derivation(request, position))


def _derive(count: int, sources: tuple[Node, ...]) -> tuple[Node | None, ...]:
    """The adjoints for outputs, as many cotangents, and variables."""
    outputs, cotangents = sources[:count], sources[count : 2 * count]
    return adjoints_of(outputs, cotangents, sources[2 * count :])


def _accumulate(node: Node, contributions: list[Node]) -> Node:
    """The sum of what flowed to a node, labelled as its adjoint."""
    total, *others = contributions
    if others:
        with derived(node, "accumulation", derivative=Derivative(node, "reverse")):
            # Of a node that was split, the parts are joined.
            joined = whole_of(contributions)
            for contribution in others if joined is None else ():
                total = total + contribution
            total = total if joined is None else joined
    is_part = total.origin.derivative is not None and total.origin.gradient_of is None
    # An argument is one node of its body.
    if is_part and total.op.role is not Role.ARGUMENT:
        total = total.copy(origin=total.origin.adjoint_of(node))
    return total


def _flows(node: Node, cotangent: Any) -> Iterable[tuple[Node, Node | None]]:
    parents = differentiable_inputs(node)
    if node.op.is_block and node.op.vjp is None:
        return [(parents[0], cotangent)]
    if node.op.vjp is None:
        return []
    part = Derivative(node, "reverse")
    with derived(node, f"vjp of {node.op.name}", derivative=part):
        raw = node.op.adjoints(cotangent, node, node.inputs, reverse=adjoints_of)
        return [
            (parent, None if flow is None else flow_to(flow, parent))
            for parent, flow in zip(parents, raw, strict=True)
        ]


def flow_to(flow: Node, parent: Node) -> Node:
    """Undo broadcasting and promotion: an adjoint has the type of its node."""
    if flow.shape != parent.shape:
        if broadcast_shapes(flow.shape, parent.shape) == parent.shape:
            flow = broadcast_to(flow, parent.shape)
        else:
            flow = sum_to(flow, parent.shape)
    return astype(flow, parent.dtype)


def as_targets(wrt: Any) -> tuple[Node, ...]:
    """The nodes to differentiate by, checked: floating ones, in any structure."""
    if isinstance(wrt, Iterable) and not isinstance(wrt, Node | Mapping):
        wrt = list(cast("Iterable[Any]", wrt))
    targets = flatten(wrt, "wrt", DifferentiationError)
    for target in targets:
        if not is_floating(target.dtype):
            raise DifferentiationError(
                f"derivatives by integers don't exist, got dtype {target.dtype}",
                node=target.describe(),
                hint="a floating dtype, or another node",
            )
    return tuple(targets)


def _collect(
    adjoints: Adjoints, targets: tuple[Node, ...], output: Node, unused: Unused
) -> list[Node]:
    results: list[Node] = []
    sources = (output, *targets)
    for target in targets:
        adjoint = adjoints.of.get(target)
        if adjoint is None:
            if unused == "error":
                raise DifferentiationError(
                    f"{output.describe()} does not depend on "
                    f"{target.describe()} through differentiable ops",
                    node=target.describe(),
                    hint='unused="zeros" for zeros, or leave it out of wrt',
                )
            adjoint = zeros_like(target)
        results.append(adjoint.made_of(sources))
    return results


@overload
def grad(y: Node, wrt: Node, *, unused: Unused = "error") -> Node: ...
@overload
def grad(y: Node, wrt: Sequence[Node], *, unused: Unused = "error") -> list[Node]: ...
@overload
def grad(
    y: Node, wrt: Mapping[str, Node], *, unused: Unused = "error"
) -> dict[str, Node]: ...
def grad(y: Node, wrt: Any, *, unused: Unused = "error") -> Any:
    """Gradients of a scalar by each node of `wrt`, as nodes.

    Args:
        y: a floating node of shape `()`.
        wrt: a node, or a list, tuple or dict of nodes; anything `y` is computed from.
        unused: what to do where `y` does not depend on a node: `"error"` or `"zeros"`.

    Returns:
        A gradient of the same shape and dtype for each node, structured as `wrt`.

    Raises:
        DifferentiationError: `y` is no floating scalar, a node of `wrt` is an integer
            or is not used by `y`.

    >>> import graphc as gc
    >>> x = gc.input("x", (3,), "float64")
    >>> gc.evaluate(gc.grad(gc.sum(x**2), x), {"x": [1.0, 2.0, 3.0]})
    array([2., 4., 6.])
    """
    if y.shape:
        raise DifferentiationError(
            f"grad requires a scalar, got {y.type}",
            node=y.describe(),
            hint="gc.mean(y) or gc.sum(y); gc.vjp or gc.jacobian for arrays",
        )
    return vjp(
        y, wrt, constant(1.0, y.dtype) if is_floating(y.dtype) else 1.0, unused=unused
    )


def value_and_grad(y: Node, wrt: Any, *, unused: Unused = "error") -> tuple[Node, Any]:
    """`(y, gc.grad(y, wrt))`.

    >>> import graphc as gc
    >>> x = gc.input("x", (), "float64")
    >>> gc.evaluate(gc.value_and_grad(x * x, x), {"x": 3.0})
    (array(9.), array(6.))
    """
    return y, cast("Any", grad(y, wrt, unused=unused))


def vjp(y: Node, wrt: Any, cotangent: ArrayLike, *, unused: Unused = "error") -> Any:
    """The product of a cotangent with the Jacobian of `y` by each node of `wrt`.

    `result = cotangent^T @ dy/dwrt`, without ever forming the Jacobian.

    Args:
        y: a floating node of any shape.
        wrt: a node, or a list, tuple or dict of nodes.
        cotangent: of the shape of `y`.
        unused: `"error"` or `"zeros"`, where `y` does not depend on a node.

    Raises:
        DifferentiationError: as `gc.grad`, or a cotangent of another shape.

    >>> import graphc as gc
    >>> x = gc.input("x", (2,), "float64")
    >>> gc.evaluate(gc.vjp(gc.exp(x), x, [1.0, 10.0]), {"x": [0.0, 0.0]})
    array([ 1., 10.])
    """
    if not is_floating(y.dtype):
        raise DifferentiationError(
            f"derivatives of {y.dtype} values don't exist",
            node=y.describe(),
            hint="a floating output",
        )
    targets = as_targets(wrt)
    seed = as_node(cotangent, y.dtype)
    if seed.shape != y.shape:
        raise DifferentiationError(
            f"the cotangent must have the shape of y, got {seed.type} for {y.type}",
            node=y.describe(),
        )
    seed = astype(seed, y.dtype)
    with paused():
        adjoints = backward([y], [seed], targets)
    return refill(wrt, _collect(adjoints, targets, y, unused))
