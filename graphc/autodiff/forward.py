"""Forward mode: how outputs move when inputs do, as nodes of the same IR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from ..errors import DifferentiationError
from ..ir.facts import Role
from ..ir.node import Derivation, DerivativeRequest, Node
from ..ir.origin import Derivative, derived
from ..ir.types import TupleType, has_derivatives, is_floating
from ..ir.walk import ancestors, meaning_of, topological_order
from ..ops.shape import broadcast_to
from ..ops.source import ArrayLike, as_node, astype, full, input, zeros_like
from .reverse import adjoints_of, as_targets, backward, flow_to


def _dependencies(node: Node) -> tuple[Node, ...]:
    if node.op.is_block and node.op.jvp is None and node.op.vjp is None:
        return meaning_of(node)
    return node.inputs


def jvp(y: Node, wrt: Any, tangents: Any) -> Node:
    """The product of the Jacobian of `y` with tangents: its directional derivative.

    `result = sum_i dy/dwrt[i] @ tangents[i]`.

    Args:
        y: a floating node of any shape.
        wrt: a node, or a list, tuple or dict of nodes.
        tangents: one array or node for each, of its shape; structured as `wrt`.

    Returns:
        A node of the type of `y`; zeros where `y` does not depend on `wrt`.

    Raises:
        DifferentiationError: for integers, or tangents that don't fit `wrt`.

    >>> import graphc as gc
    >>> x = gc.input("x", (2,), "float64")
    >>> gc.evaluate(gc.jvp(x * x, x, [1.0, 0.0]), {"x": [3.0, 4.0]})
    array([6., 0.])
    """
    if not is_floating(y.dtype):
        raise DifferentiationError(
            f"derivatives of {y.dtype} values don't exist", node=y.describe()
        )
    targets = as_targets(wrt)
    seeds = _seeds(targets, wrt, tangents)
    (result,) = tangents_of((y,), tuple(seeds), tuple(seeds.values()))
    if result is None:
        return zeros_like(y).made_of((y, *targets))

    sources = (y, *seeds, *seeds.values())
    request = DerivativeRequest(sources, tuple(seeds), _derive)
    result.remember(Derivation(request, 0))
    return result.made_of((y, *targets))


def _derive(sources: tuple[Node, ...]) -> tuple[Node | None, ...]:
    """The tangent of a node for variables and as many tangents."""
    y, *others = sources
    count = len(others) // 2
    return tangents_of((y,), others[:count], others[count:])


def tangents_of(
    outputs: Sequence[Node], variables: Sequence[Node], tangents: Sequence[Node]
) -> tuple[Node | None, ...]:
    """The tangents of outputs for those of variables; None where none flows."""
    known = dict(zip(variables, tangents, strict=True))
    of_several: dict[Node, Sequence[Node | None]] = {}
    order = topological_order(ancestors(outputs, _dependencies), _dependencies)
    for node in order:
        if node in known or not has_derivatives(node.type):
            continue
        parents = _dependencies(node)
        tangent: Node | None = None
        if node.op.role is Role.RESULT:
            if parents[0] in of_several:
                index: int = node.attributes["index"]
                tangent = of_several[parents[0]][index]
        elif any(parent in known for parent in parents):
            if isinstance(node.type, TupleType):
                of_several[node] = _push_several(node, parents, known)
            else:
                tangent = _push(node, parents, known)
        if tangent is not None:
            known[node] = tangent
    return tuple(known.get(output) for output in outputs)


def _seeds(targets: tuple[Node, ...], wrt: Any, tangents: Any) -> dict[Node, Node]:
    values: list[ArrayLike]
    if isinstance(wrt, Node):
        values = [tangents]
    elif isinstance(wrt, Mapping):
        by_name = cast("Mapping[Any, ArrayLike]", tangents)
        missing = [
            name for name in cast("Mapping[Any, Any]", wrt) if name not in by_name
        ]
        if missing:
            raise DifferentiationError(f"a tangent is missing for {missing[0]!r}")
        values = [by_name[name] for name in cast("Mapping[Any, Any]", wrt)]
    else:
        try:
            values = list(cast("Sequence[ArrayLike]", tangents))
        except TypeError:
            raise DifferentiationError(
                f"tangents must be arrays or nodes, got {tangents!r}"
            ) from None
    if len(values) != len(targets):
        raise DifferentiationError(
            f"requires {len(targets)} tangents, got {len(values)}"
        )
    seeds: dict[Node, Node] = {}
    for target, value in zip(targets, values, strict=True):
        tangent = as_node(value, target.dtype)
        if tangent.shape != target.shape:
            raise DifferentiationError(
                f"a tangent must have the shape of its node, got {tangent.type} "
                f"for {target.type}",
                node=target.describe(),
            )
        seeds[target] = astype(tangent, target.dtype)
    return seeds


def _push(
    node: Node, parents: tuple[Node, ...], known: Mapping[Node, Node]
) -> Node | None:
    """The tangent of a node from those of its inputs; None where none flows."""
    rule = node.op.jvp
    if rule is None and node.op.vjp is None:
        return known.get(parents[0]) if node.op.is_block else None
    part = Derivative(node, "forward")
    with derived(node, f"jvp of {node.op.name}", derivative=part):
        if rule == "linear":
            return node.op.build((known[parents[0]],), node.attributes)
        if rule == "diagonal" or rule == "multilinear":
            total: Node | None = None
            for position, parent in enumerate(parents):
                if parent not in known:
                    continue
                term = _partial(node, position, known[parent])
                if term is not None:
                    total = term if total is None else total + term
            return total
        if rule is None:
            return _transposed(node, parents, known)
        filled = tuple(_tangent(parent, known) for parent in parents)
        return node.op.tangent(filled, node)


def _push_several(
    node: Node, parents: tuple[Node, ...], known: Mapping[Node, Node]
) -> Sequence[Node | None]:
    """The tangents of the results of a node; None where none flows."""
    moving = [
        known.get(parent) if node.op.bodies else _tangent(parent, known)
        for parent in parents
    ]
    part = Derivative(node, "forward")
    with derived(node, f"jvp of {node.op.name}", derivative=part):
        if node.op.jvp is None:
            return _transposed_several(node, parents, known)
        return node.op.tangent(moving, node, tangents_of)


def _transposed(
    node: Node, parents: tuple[Node, ...], known: Mapping[Node, Node]
) -> Node | None:
    """The tangent by the VJP rule, which is linear in the cotangent: by transposing it.

    So both modes follow the one rule that a block brings, also where its expansion has
    a kink that the function has not.
    """
    cotangent = input("cotangent", node.shape, node.dtype)
    adjoints = zip(parents, node.op.adjoints(cotangent, node, parents), strict=True)
    moving = [
        (flow_to(flow, parent), known[parent])
        for parent, flow in adjoints
        if flow is not None and parent in known
    ]
    if not moving:
        return None
    flows, tangents = zip(*moving, strict=True)
    return backward(flows, tangents, [cotangent]).of.get(cotangent)


def _transposed_several(
    node: Node, parents: tuple[Node, ...], known: Mapping[Node, Node]
) -> Sequence[Node | None]:
    """The tangents of several results by the VJP rule, see `_transposed`."""
    assert isinstance(node.type, TupleType)
    types = node.type.items
    if node.op.vjp is None:
        return [None] * len(types)
    # Each a node of its own, whatever its value, since no result depends on it.
    cotangents = [full(type.shape, 0, type.dtype) for type in types]
    flowing = node.op.adjoints(cotangents, node, parents, reverse=adjoints_of)
    moving = [
        (flow_to(flow, parent), known[parent])
        for parent, flow in zip(parents, flowing, strict=True)
        if flow is not None and parent in known
    ]
    if not moving:
        return [None] * len(types)
    flows, tangents = zip(*moving, strict=True)
    return adjoints_of(flows, tangents, cotangents)


def _tangent(parent: Node, known: Mapping[Node, Node]) -> Node | None:
    """The tangent of an input; zeros where it does not move, None for integers."""
    if parent in known:
        return known[parent]
    if not is_floating(parent.dtype):
        return None
    return zeros_like(parent)


def _partial(node: Node, position: int, tangent: Node) -> Node | None:
    """The contribution of one input's tangent."""
    if node.op.jvp == "multilinear":
        inputs = list(node.inputs)
        inputs[position] = tangent
        return node.op.build(tuple(inputs), node.attributes)
    term = node.op.adjoints(tangent, node, node.inputs)[position]
    if term is None:
        return None
    return astype(broadcast_to(term, node.shape), node.dtype)
