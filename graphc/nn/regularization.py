"""Dropout and noise, and the graph without them that a trained model is used with.

The mask is an input of the block and not part of its expansion: whatever a pass copies
or expands again, forward and backward use the one mask that was drawn.
"""

from __future__ import annotations

import functools
import math
from dataclasses import replace

import numpy as np

from ..errors import DTypeError, OptionError, ShapeError
from ..ir.bodies import map_bodies
from ..ir.dims import format_shape
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from ..ir.walk import ancestors, topological_order
from ..ops.random import bernoulli, standard_normal
from ..ops.source import ArrayLike, as_node
from ..ops.type_rules import floating
from .layer import FunctionLayer


def _dropout_infer(input: TensorType, mask: TensorType, *, p: float) -> TensorType:
    if mask.dtype != np.dtype(bool):
        raise DTypeError(f"requires a boolean mask, got {mask}")
    if mask.shape != input.shape:
        raise ShapeError(
            f"requires a mask of shape {format_shape(input.shape)}, "
            f"got {format_shape(mask.shape)}"
        )
    return floating(input)


def _dropout_expand(input: Node, mask: Node, *, p: float) -> Node:
    # With p = 1 the mask is false everywhere, so any finite scale gives zeros.
    scale = 1.0 / (1.0 - p) if p < 1.0 else 0.0
    factors = mask.astype(input.dtype).named("mask")
    return input * (factors * scale).named("scaled_mask")


DROPOUT = Op(
    name="dropout",
    inputs=("input", "mask"),
    infer=_dropout_infer,
    expand=_dropout_expand,
    # An adjoint is dropped like the value, so evaluation_mode finds it there too.
    vjp=lambda g, out, input, mask: (DROPOUT(g, mask, **out.attributes), None),
    jvp=lambda tangents, out, input, mask: DROPOUT(tangents[0], mask, **out.attributes),
    cases=(
        Case(((3, 4), (3, 4)), {"p": 0.5}, dtypes=("", "bool")),
        Case(((3, 4), (3, 4)), {"p": 0.0}, dtypes=("", "bool")),
        Case(((0, 4), (0, 4)), {"p": 0.2}, dtypes=("", "bool")),
    ),
)


def dropout(input: ArrayLike, p: float = 0.5, training: bool = True) -> Node:
    """Inverted dropout: each element is zeroed with probability `p`, others grow.

    `y = input * mask / (1 - p)`, `mask ~ Bernoulli(1 - p)` drawn anew in every run, so
    that the expectation of `y` is `input`.

    Args:
        input: floating, of any shape.
        p: the probability in [0, 1] that an element is zeroed.
        training: False gives `input` itself; for a graph that is declared already
            see `evaluation_mode`.

    Returns:
        An array of the type of `input`; `input` itself where `p` is 0.

    Raises:
        OptionError: `p` is not a probability.
        DTypeError: `input` is not floating.

    Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks
    from overfitting", section 10 for the scaling while training.

    >>> import graphc as gc
    >>> x = gc.input("x", (4,))
    >>> gc.evaluate(gc.nn.dropout(x, p=0.5), {"x": [1.0, 2.0, 3.0, 4.0]}, seed=1)
    array([2., 0., 0., 0.], dtype=float32)
    """
    node = as_node(input)
    probability = float(p)
    if not 0.0 <= probability <= 1.0:
        raise OptionError(
            f"p must be a probability in [0, 1], got {p!r}",
            node=f"dropout({node.describe()})",
        )
    if not training or probability == 0.0:
        return node
    kept = bernoulli(1.0 - probability, node.shape)
    # Marked as derived, which makes the name a hint: every dropout has its own.
    origin = replace(kept.origin, rules=(*kept.origin.rules, "mask of dropout"))
    return DROPOUT(node, kept.copy(name="kept", origin=origin), p=probability)


class Dropout(FunctionLayer):
    """`gc.nn.dropout` with probability `p` as a layer, always of training.

    A trainer evaluates and predicts without it.

    >>> import graphc as gc
    >>> gc.nn.Dropout(0.2)(gc.input("x", ("batch", 3)))
    <dropout float32 (batch, 3)>
    """

    function = dropout

    def __init__(self, p: float = 0.5, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.p = p


def _noise_infer(input: TensorType, noise: TensorType, *, std: float) -> TensorType:
    if noise != input:
        raise ShapeError(f"requires noise of the type {input}, got {noise}")
    return floating(input)


def _noise_expand(input: Node, noise: Node, *, std: float) -> Node:
    return input + (noise * std).named("scaled_noise")


GAUSSIAN_NOISE = Op(
    name="gaussian_noise",
    inputs=("input", "noise"),
    infer=_noise_infer,
    expand=_noise_expand,
    cases=(
        Case(((3, 4), (3, 4)), {"std": 0.5}),
        Case(((0, 4), (0, 4)), {"std": 0.0}),
    ),
)


def gaussian_noise(input: ArrayLike, std: float, training: bool = True) -> Node:
    """Add noise to each element: `y = input + std * n`, `n ~ N(0, 1)` drawn anew.

    As dropout it is there in training only; see `evaluation_mode`.

    Args:
        input: floating, of any shape.
        std: the standard deviation of the noise, at least 0.
        training: False gives `input` itself.

    Returns:
        An array of the type of `input`; `input` itself where `std` is 0.

    Raises:
        OptionError: `std` is not a number of at least 0.
        DTypeError: `input` is not floating.

    Source: Bishop 1995, "Training with noise is equivalent to Tikhonov regularization".

    >>> import graphc as gc
    >>> x = gc.input("x", (2,))
    >>> gc.evaluate(gc.nn.gaussian_noise(x, 0.1), {"x": [1.0, 2.0]}, seed=1)
    array([1.1729103, 1.8571546], dtype=float32)
    """
    node = as_node(input)
    if not 0.0 <= std < math.inf:
        raise OptionError(
            f"std must be a number of at least 0, got {std!r}",
            node=f"gaussian_noise({node.describe()})",
        )
    if not training or std == 0.0:
        return node
    drawn = standard_normal(node.shape, node.dtype)
    origin = replace(drawn.origin, rules=(*drawn.origin.rules, "gaussian noise"))
    return GAUSSIAN_NOISE(node, drawn.copy(name="noise", origin=origin), std=float(std))


_RANDOM_BLOCKS = (DROPOUT, GAUSSIAN_NOISE)


def evaluation_mode(graph: Graph) -> Graph:
    """The same graph with all dropout and noise, and their adjoints, passed by.

    Before: a training graph with `dropout` and `gaussian_noise` blocks, at any depth of
    expansion. After: none; what used `dropout(x)` uses `x`, and a block that contains
    one stands expanded. Sound because the scaled mask has expectation 1, and noise 0.

    Args:
        graph: any graph; gradients in it become those of evaluation.

    Returns:
        A graph with as many outputs, of the same types, that draws no mask.

    >>> import graphc as gc
    >>> from graphc.ir import Graph
    >>> x = gc.input("x", ("n",))
    >>> y = gc.nn.dropout(gc.exp(x))
    >>> evaluation_mode(Graph((y,))).outputs
    (<exp float32 (n,)>,)
    """

    @functools.cache
    def contains(node: Node) -> bool:
        """True where `node` expands, down to its own inputs, into one of these."""
        if not node.op.is_block or node.op in _RANDOM_BLOCKS:
            return False
        ends = set(node.inputs)
        inside = ancestors([node.expansion], lambda n: () if n in ends else n.inputs)
        return any(
            n.op in _RANDOM_BLOCKS or contains(n) for n in inside if n not in ends
        )

    def dependencies(node: Node) -> tuple[Node, ...]:
        if node.op in _RANDOM_BLOCKS:
            return node.inputs[:1]
        return (node.expansion,) if contains(node) else node.inputs

    order = topological_order(ancestors(graph.outputs, dependencies), dependencies)
    replaced: dict[Node, Node] = {}
    for node in order:
        if node.op in _RANDOM_BLOCKS or contains(node):
            replaced[node] = replaced[dependencies(node)[0]]
            continue
        inputs = tuple(replaced[parent] for parent in node.inputs)
        replaced[node] = node.with_inputs(inputs)
    passed_by = Graph(tuple(replaced[output] for output in graph.outputs))
    return map_bodies(passed_by, evaluation_mode)
