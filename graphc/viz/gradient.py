"""Drawings of the backward pass: as a graph of its own, and laid over the forward one.

Both come from reverse mode itself, which says what the adjoint of each value is and
what each op sends back along each of its edges; nothing is derived here again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..autodiff.reverse import (
    Adjoints,
    backward,
    differentiable_inputs,
    unit_cotangent,
)
from ..errors import DifferentiationError
from ..ir.bodies import primitives
from ..ir.called import shown, value_names
from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.types import TupleType, is_floating
from ..ir.walk import ancestors, reading_order
from ..notation.flows import Flows
from .notation import label, scalar_text
from .scene import (
    Edge,
    Scene,
    Vertex,
    build_scene,
    describe,
    drawn_order,
    shape_text,
)

Outputs = Sequence[tuple[str, Node]]

Trained = Mapping[str, Sequence[Node]]
"""The parameters that losses train, by the names of these among outputs."""


@dataclass(frozen=True)
class _Derivation:
    """The reverse pass of one scalar."""

    name: str
    loss: Node
    seed: Node
    targets: tuple[Node, ...]
    adjoints: Adjoints


def _derive(outputs: Outputs, trained: Trained | None) -> list[_Derivation]:
    """Differentiate the losses, each by what it trains."""
    if not trained:
        return [_derive_only(outputs)]
    by_name = dict(outputs)
    pairs = ((name, _passed(by_name[name], nodes)) for name, nodes in trained.items())
    return [
        _Derivation(name, by_name[name], *passed) for name, passed in pairs if passed
    ]


def _passed(
    loss: Node, targets: Sequence[Node]
) -> tuple[Node, tuple[Node, ...], Adjoints] | None:
    """The reverse pass by those of the targets that are reached, if any is."""
    seed = unit_cotangent(loss)
    adjoints = backward([loss], [seed], targets)
    reached = tuple(node for node in targets if node in adjoints.of)
    return (seed, reached, adjoints) if reached else None


def _derive_only(outputs: Outputs) -> _Derivation:
    """Differentiate the one output that has gradients, by parameters or else inputs."""
    candidates: dict[Node, str] = {}
    for name, node in outputs:
        if not node.shape and is_floating(node.dtype):
            candidates.setdefault(node, name)
    found = [
        derivation
        for node, name in candidates.items()
        if (derivation := _derive_one(name, node)) is not None
    ]
    # A metric may have gradients too, and it is not what is trained.
    chosen = [derivation for derivation in found if derivation.name == "loss"] or found
    if len(chosen) == 1:
        return chosen[0]
    given = ", ".join(f"{name}: {node.type}" for name, node in outputs)
    where = outputs[0][1]
    hint = "a loss, or gc.mean(y) or gc.sum(y) of an array"
    if len(found) > 1:
        names = " and ".join(derivation.name for derivation in found)
        message = f"a drawing of gradients takes one scalar, got {names}"
        hint = "one drawing for each"
    elif candidates:
        message = (
            f"{next(iter(candidates.values()))} depends on no parameter and no "
            "floating input through differentiable ops"
        )
    else:
        message = f"gradients flow from a floating scalar, got {given}"
    raise DifferentiationError(message, at=where, hint=hint)


def _derive_one(name: str, loss: Node) -> _Derivation | None:
    graph = Graph((loss,))
    floating = tuple(node for node in graph.inputs if is_floating(node.dtype))
    for targets in (graph.trainable, floating):
        if (passed := _passed(loss, targets)) is not None:
            return _Derivation(name, loss, *passed)
    return None


def _everything_behind(node: Node) -> tuple[Node, ...]:
    return (*node.inputs, node.expansion) if node.op.is_block else node.inputs


def backward_scene(
    outputs: Outputs, trained: Trained | None = None, *, primitive: bool
) -> Scene:
    """The graph of the gradients of a scalar; forward values it uses are its leaves.

    Args:
        outputs: named nodes, of which one is a scalar that gradients flow from.
        trained: what to differentiate by, and which of several outputs.
        primitive: whether to draw blocks as their primitives.

    Raises:
        DifferentiationError: where no output, or more than one, has gradients.
    """
    derivations = _derive(outputs, trained)
    losses = [derivation.loss for derivation in derivations]
    forward = set(ancestors(losses, _everything_behind))
    names = value_names(drawn_order(losses))
    gradients = [
        (f"d_{names[target]}", derivation.adjoints.of[target])
        for derivation in derivations
        for target in derivation.targets
    ]
    order = reading_order(
        (node for _, node in gradients),
        lambda node: () if node in forward else shown(node).inputs,
    )
    leaves = [node for node in order if node in forward]
    called = dict(zip(leaves, _leaf_names(leaves, names), strict=True))
    named = {derivation.seed: f"d_{derivation.name}" for derivation in derivations}
    if primitive:
        whole = [*(node for _, node in gradients), *called, *named]
        nodes = primitives(Graph(tuple(whole))).outputs
        expanded = dict(zip(whole, nodes, strict=True))
        gradients = [(name, expanded[node]) for name, node in gradients]
        called = {expanded[node]: name for node, name in called.items()}
        named = {expanded[node]: name for node, name in named.items()}
    scene = build_scene(
        "backward",
        gradients,
        leaves={n: text for n, text in called.items() if scalar_text(n) is None},
        named=named,
        clusters=primitive,
    )
    return _with_seeds(scene, named)


def _leaf_names(leaves: Iterable[Node], names: Mapping[Node, str]) -> Iterator[str]:
    """The names of forward values; those inside a block by the block's name too."""
    for node in leaves:
        block = node.origin.block
        if node in names:
            yield names[node]
        elif block is not None and node.name is None:
            inner = label(node, [scalar_text(parent) for parent in node.inputs])
            yield f"{inner} in {block.name or block.op.name}"
        else:
            yield node.label or node.op.name


def _with_seeds(scene: Scene, named: Mapping[Node, str]) -> Scene:
    """The scene with the gradients that everything starts from shown as one."""
    vertices: list[Vertex] = []
    for vertex in scene.vertices:
        name = None if vertex.node is None else named.get(vertex.node)
        if name is not None and vertex.key.startswith("n"):
            lines = (f"{name} = 1",)
            vertex = replace(vertex, role="gradient-output", lines=lines)
        vertices.append(vertex)
    return replace(scene, vertices=tuple(vertices))


def overlay_scene(
    outputs: Outputs, trained: Trained | None = None, *, primitive: bool
) -> Scene:
    """The forward graph with what flows back along each of its edges.

    At the level of primitives the gradients are those of the primitives, also where a
    block has a rule of its own, for that rule says nothing of what is inside.

    Args:
        outputs: named nodes, of which one is a scalar that gradients flow from.
        trained: what to differentiate by, and which of several outputs. Where these are
            several, each flow says which it is of.
        primitive: whether to draw blocks as their primitives.

    Raises:
        DifferentiationError: where no output, or more than one, has gradients.
    """
    if primitive:
        nodes = primitives(Graph(tuple(node for _, node in outputs))).outputs
        outputs = [(name, node) for (name, _), node in zip(outputs, nodes, strict=True)]
    derivations = _derive(outputs, trained)
    order = drawn_order(node for _, node in outputs)
    names = value_names(order)
    for derivation in derivations:
        if derivation.loss.name is None:
            names[derivation.loss] = derivation.name
    adjoints = {node for derivation in derivations for node in derivation.adjoints.of}
    targets = (node for derivation in derivations for node in derivation.targets)
    scene = build_scene(
        "overlay",
        outputs,
        named={n: names[n] for n in order if n in adjoints and n.inputs},
        extra={node: (f"d_{names[node]}",) for node in targets},
        clusters=primitive,
    )
    scene = replace(
        scene,
        vertices=tuple(
            replace(vertex, gradients=_gradients(vertex, derivations, names))
            for vertex in scene.vertices
        ),
    )
    formulas = Flows(
        [node for _, node in outputs],
        {n: names[n] for n in order if n in adjoints and n.inputs},
        [derivation.loss for derivation in derivations],
    )
    edges = list(scene.edges)
    for derivation in derivations:
        whose = f"{derivation.name}: " if len(derivations) > 1 else ""
        edges += _flowing_back(scene, derivation, names, whose, formulas)
    return replace(
        scene,
        edges=tuple(edges),
        remark=formulas.remark,
        through=formulas.by_jacobians,
    )


def _gradients(
    vertex: Vertex, derivations: Sequence[_Derivation], names: Mapping[Node, str]
) -> tuple[tuple[str, Node], ...]:
    """The gradients of the value of a vertex, named as the edges name them."""
    node = vertex.node
    if node is None or vertex.key.startswith("out"):
        return ()
    return tuple(
        (f"{f'{each.name}: ' if len(derivations) > 1 else ''}d_{names[node]}", adjoint)
        for each in derivations
        if (adjoint := each.adjoints.of.get(node)) is not None
    )


@dataclass(frozen=True)
class _Flow:
    """The flow back along one drawn edge; several where a block uses it inside."""

    node: Node
    parent: Node
    values: tuple[Node, ...]
    position: int


def _flowing_back(
    scene: Scene,
    derivation: _Derivation,
    names: Mapping[Node, str],
    whose: str,
    formulas: Flows,
) -> Iterator[Edge]:
    keys = {v.node: v.key for v in scene.vertices if v.key.startswith("n")}
    flows = [
        flow
        for node in keys
        if node is not None
        and (node in derivation.adjoints.of or isinstance(node.type, TupleType))
        for flow in _flows_of(node, derivation.adjoints)
    ]
    used: dict[Node, int] = {}
    for flow in flows:
        used[flow.parent] = used.get(flow.parent, 0) + len(flow.values)
    for vertex in scene.vertices:
        if vertex.node is derivation.loss and vertex.role == "output":
            text = f"d_{names[derivation.loss]} = 1"
            yield Edge(
                vertex.key, keys[derivation.loss], (text,), (text,), is_gradient=True
            )
            break
    for flow in flows:
        name = names[flow.parent]
        formula, *meanings = _formulas(flow, derivation.adjoints, formulas)
        sign = "+=" if used[flow.parent] > 1 else "="
        lines = [f"{whose}d_{name} {shape_text(flow.parent)}".rstrip()]
        lines += [f"{sign} {formula}", *meanings]
        tooltip = (*lines, *describe(flow.values[0])[1:])
        ends = keys[flow.node], keys[flow.parent]
        edge = Edge(*ends, tuple(lines), tooltip, True, values=flow.values)
        yield replace(edge, by=flow.parent)


def _formulas(flow: _Flow, adjoints: Adjoints, formulas: Flows) -> Sequence[str]:
    """The flow in terms of the incoming gradient and forward values."""
    node = shown(flow.node)
    if isinstance(flow.parent.type, TupleType):
        return ["d"]
    if not isinstance(node.type, TupleType):
        return formulas.lines(node, flow.position)
    results = [
        one
        for one in adjoints.of
        if one.op.role is Role.RESULT and one.inputs[0] is node
    ]
    return [formulas.by_jacobians(results, flow.parent)]


def _flows_of(node: Node, adjoints: Adjoints) -> Iterator[_Flow]:
    """The flows back along the drawn input edges of a node."""
    if not node.op.is_block or node.op.vjp is not None:
        whole = shown(node)
        for position, parent in enumerate(whole.inputs):
            value = adjoints.flows.get((whole, position))
            if value is not None:
                yield _Flow(node, parent, (value,), position)
        return
    # Reverse mode saw through this block: its inputs are reached from its inside.
    inputs = set(node.inputs)
    inside = [
        inner
        for inner in reading_order(
            [node], lambda n: () if n in inputs else differentiable_inputs(n)
        )
        if inner not in inputs
    ]
    arriving: dict[Node, list[Node]] = {}
    for inner in inside:
        for position, parent in enumerate(differentiable_inputs(inner)):
            value = adjoints.flows.get((inner, position))
            if parent in inputs and value is not None:
                arriving.setdefault(parent, []).append(value)
    for position, parent in enumerate(node.inputs):
        if parent in arriving:
            yield _Flow(node, parent, tuple(arriving.pop(parent)), position)
