"""`gc.render`: any stage of a graph as a drawing.

The picture is how a person checks that the graph is the one they meant, so it must
show every node and edge of it, and never a simplified story.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

from ..arguments import public
from ..errors import OptionError
from ..ir.bodies import primitives
from ..ir.graph import Graph
from ..ir.naming import number_unnamed
from ..ir.node import Node
from ..ir.origin import label_of
from ..ir.walk import ancestors
from ..optim.base import Optimizer
from ..runtime.files import write_atomically
from .backend import FORMATS, render_dot
from .bodies import with_bodies
from .dot import to_dot
from .gradient import backward_scene, overlay_scene
from .layers import MANY, Depth, with_layers
from .neurons import neurons_dot
from .scene import Scene, build_scene, drawn_order
from .updates import update_of
from .values import with_values

Backward = Literal[False, "graph", "overlay"]
Level = Literal["block", "primitive", "neuron"]
Rankdir = Literal["TB", "LR"]


@dataclass(frozen=True)
class Drawing:
    """A drawing that a notebook shows and `save` writes.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch",))
    >>> drawing = gc.render(gc.square(x))
    >>> drawing.source.splitlines()[0]
    'digraph "forward" {'
    """

    source: str
    """The drawing in the DOT language; the same bytes for the same declaration."""

    def __repr__(self) -> str:
        return '<Drawing; .save("drawing.svg") writes it>'

    @cached_property
    def _svg(self) -> str:
        return render_dot(self.source, "svg").decode("utf-8")

    def _repr_svg_(self) -> str:
        """The drawing as SVG, by which notebooks show it."""
        return self._svg

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the drawing to a file, in the format that its suffix names.

        Args:
            path: a file name that ends in `.svg`, `.png`, `.pdf` or `.dot`.

        Raises:
            OptionError: for another suffix.
            RenderError: if nothing that is installed renders the format.
            OSError: if the file can't be written; it is then as it was.

        >>> import pathlib, tempfile
        >>> import graphc as gc
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "square.dot"
        >>> render(gc.input("x", ()) ** 2).save(path)
        >>> path.read_text().splitlines()[0]
        'digraph "forward" {'
        """
        suffix = Path(path).suffix
        format = suffix.removeprefix(".").lower()
        if format not in FORMATS:
            raise OptionError(
                f"a drawing's file name must end in one of "
                f"{', '.join(f'.{known}' for known in FORMATS)}, got {str(path)!r}",
                hint=repr(f"{Path(path).stem or 'drawing'}.svg"),
            )
        write_atomically(path, render_dot(self.source, format))


def render(
    target: Any,
    *,
    backward: Backward = False,
    level: Level = "block",
    feeds: Mapping[Any, Any] | None = None,
    rankdir: Rankdir = "TB",
    depth: Depth = "auto",
) -> Drawing:
    """Draw a graph, its backward pass, or the one over the other.

    Inputs are parallelograms, parameters cylinders, ops rounded boxes, blocks double
    boxes, results double ellipses; what differentiation made is a dashed octagon.
    Solid edges carry shapes; dashed edges carry gradients back. A loop or a branch
    stands in a frame with its body, that of a function in a frame beside its calls.

    Args:
        target: a node, a list, tuple or dict of nodes, a graph, a `Trainer`, of which
            the loss and the metrics are drawn, a compiled function, of which the
            optimised graph is, or an optimizer, of which the update of a parameter
            `theta` is. The body of a loop is a graph, too: `node.bodies[0]`.
        backward: `False` for the graph as it is; `"graph"` for the graph of the
            gradients of a scalar by all parameters (by floating inputs, where there
            are none), of a trainer's losses by those that each trains; `"overlay"` for
            the forward graph with the gradients that flow back along its edges.
        level: `"block"` for blocks as one vertex each, `"primitive"` for what they
            consist of, in a frame, `"neuron"` for dense layers as columns of circles.
        feeds: arrays by node or by name, as `gc.evaluate` takes them. With them the
            value of each node stands in it, small arrays whole, of others shape, mean
            and range, and over the graph the gradient beside it. Parameters that are
            not fed are those of the trainer or the compiled function, or start from
            their `init`. Dropout is on in a loss, as in training.
        rankdir: `"TB"` from top to bottom, `"LR"` from left to right.
        depth: levels of layers that are opened. A layer of layers stands in a frame
            where it is open; closed, it is one node with its class and the number of
            its parameters. 0 closes all, loops too; with 1 the layers in the
            outermost ones are one node each, `None` opens all and draws each
            parameter. `"auto"` is `None` up to 60 nodes, and beyond the most levels
            that keep to that. Unless all are open, of equal layers in a row one is
            drawn, with their number, and the updates of a trainer's buffers are left
            out.

    Returns:
        A drawing: show it in a notebook, or `save` it.

    Raises:
        OptionError: for a target that is none of these, or an unknown option.
        DifferentiationError: where gradients are asked for and `target` has no scalar
            that they flow from, or more than one.
        FeedError: feeds that are missing, extra, or of another shape or dtype.

    >>> import graphc as gc
    >>> x, w = gc.input("x", ("batch", 3)), gc.parameter("w", (3,))
    >>> drawing = render(gc.mean(x @ w).named("loss"), backward="overlay")
    >>> "d_w (3,)" in drawing.source
    True
    >>> x = gc.input("x", (2,), "float64")
    >>> loss = gc.sum(x * x).named("loss")
    >>> drawing = render(loss, backward="overlay", feeds={"x": [1.5, 2.0]})
    >>> "= 6.25" in drawing.source and "d_x = [3, 4]" in drawing.source
    True
    """
    if backward not in (False, "graph", "overlay"):
        raise OptionError(
            f"backward must be False, 'graph' or 'overlay', got {backward!r}"
        )
    if level not in ("block", "primitive", "neuron"):
        raise OptionError(
            f"level must be 'block', 'primitive' or 'neuron', got {level!r}"
        )
    if rankdir not in ("TB", "LR"):
        raise OptionError(f"rankdir must be 'TB' or 'LR', got {rankdir!r}")
    _check_depth(depth)
    outputs = named_outputs(target)
    if level == "neuron":
        if backward or feeds is not None:
            raise OptionError("neurons are drawn without backward and without feeds")
        return Drawing(neurons_dot(outputs))
    trained = getattr(target, "trained", None)
    if depth is not None:
        outputs = _without_updates(target, outputs, depth)
    primitive = level == "primitive"
    if backward == "graph":
        scene = backward_scene(outputs, trained, primitive=primitive)
    elif backward == "overlay":
        scene = overlay_scene(outputs, trained, primitive=primitive)
    else:
        scene = forward_scene(outputs, primitive=primitive)
    if feeds is not None:
        inputs = _fed_inputs(target, outputs, feeds)
        scene = with_values(scene, feeds, inputs, _parameters_of(target))
    scene = with_layers(scene, depth, folds=feeds is None)
    if backward != "overlay" and depth != 0:
        scene = with_bodies(scene, primitive=primitive)
    return Drawing(to_dot(replace(scene, rankdir=rankdir)))


def _check_depth(depth: object) -> None:
    is_count = isinstance(depth, int) and not isinstance(depth, bool) and depth >= 0
    if not is_count and depth is not None and depth != "auto":
        raise OptionError(
            f"depth must be a count of levels, None or 'auto', got {depth!r}"
        )


def _without_updates(
    target: Any, outputs: list[tuple[str, Node]], depth: int | Literal["auto"]
) -> list[tuple[str, Node]]:
    """Outputs without the new values of a trainer's buffers, where layers close."""
    order = drawn_order(node for _, node in outputs)
    if depth == "auto" and len(order) <= MANY:
        return outputs
    updates = {f"new {buffer.name}" for buffer in _updates_of(target)}
    return [(name, node) for name, node in outputs if name not in updates]


def _updates_of(target: Any) -> Mapping[Node, Node]:
    """The new values of the buffers of a trainer."""
    is_trainer = isinstance(getattr(target, "loss", None), Node)
    found = getattr(target, "updates", None) if is_trainer else None
    return cast("Mapping[Node, Node]", found or {})


def forward_scene(outputs: list[tuple[str, Node]], *, primitive: bool) -> Scene:
    """Nodes and all that they are computed from, without what is inside of bodies."""
    if primitive:
        nodes = primitives(Graph(tuple(node for _, node in outputs))).outputs
        outputs = [(name, node) for (name, _), node in zip(outputs, nodes, strict=True)]
    return build_scene("forward", outputs, clusters=primitive)


def _fed_inputs(
    target: Any, outputs: list[tuple[str, Node]], feeds: Mapping[Any, Any]
) -> list[Node]:
    """The inputs of all outputs, and those that a compiled function only admits."""
    needed = Graph(tuple(node for _, node in outputs)).inputs
    admitted: Iterable[Node] = getattr(target, "input_nodes", ())
    fed = {*feeds}
    return [
        *needed,
        *(node for node in admitted if not fed.isdisjoint({node, node.name})),
    ]


def _parameters_of(target: Any) -> Mapping[str, Any] | None:
    """The live parameters of a trainer or a compiled function."""
    parameters = getattr(target, "parameters", None)
    if isinstance(parameters, Mapping) and not isinstance(target, Mapping | Node):
        return cast("Mapping[str, Any]", parameters)
    return None


def named_outputs(target: Any, function: str = "render") -> list[tuple[str, Node]]:
    """The nodes that a target stands for, with what each is called.

    Args:
        target: see `render`.
        function: the name of the function that takes it, for errors.

    >>> import graphc as gc
    >>> x = gc.input("x", (3,))
    >>> named_outputs({"total": gc.sum(x), "largest": gc.max(x)})
    [('total', <sum 'total' float32 ()>), ('largest', <max 'largest' float32 ()>)]
    """
    pairs: list[tuple[str | None, Any]]
    if isinstance(target, Node):
        pairs = [(None, target)]
    elif isinstance(target, Graph):
        pairs = [(None, node) for node in target.outputs]
    elif isinstance(graph := getattr(target, "graph", None), Graph):
        pairs = [(None, node) for node in graph.outputs]
    elif isinstance(target, Mapping):
        pairs = [(str(k), v) for k, v in cast("Mapping[Any, Any]", target).items()]
    elif isinstance(target, list | tuple):
        pairs = [(None, node) for node in cast("Iterable[Any]", target)]
    elif isinstance(target, Optimizer):
        pairs = [*update_of(target)]
    elif isinstance(getattr(target, "loss", None), Node):
        metrics = cast("Mapping[str, Any]", getattr(target, "metric_nodes", None) or {})
        pairs = [("loss", target.loss), *metrics.items()]
        updates = _updates_of(target)
        pairs += [(f"new {buffer.name}", value) for buffer, value in updates.items()]
    else:
        raise _not_drawable(function, type(target).__name__)
    for _, node in pairs:
        if not isinstance(node, Node):
            raise _not_drawable(function, f"{type(node).__name__} among nodes")
    if not pairs:
        raise _not_drawable(function, "no node")
    number_unnamed(ancestors([node for _, node in pairs]))
    return [
        (_called(name, node, None if len(pairs) == 1 else position), node)
        for position, (name, node) in enumerate(pairs)
    ]


def _called(name: str | None, node: Node, position: int | None) -> str:
    if name is not None:
        return name
    if (called := label_of(node)) is not None:
        return called
    if position is not None:
        return f"output {position}"
    # A block says what it is; `output` would also be the name of many a last layer.
    return node.op.name if node.op.is_block else "output"


def _not_drawable(function: str, given: str) -> OptionError:
    return OptionError(
        f"{function} takes a node, a list, tuple or dict of nodes, a Graph, a Trainer, "
        f"a compiled function or an optimizer, got {given}",
        hint="of a function or a layer, what it returns for inputs",
    )


public(globals(), ["Drawing", "render"])
