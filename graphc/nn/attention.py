"""Attention: means of values, weighted by the similarity of queries and keys."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import DTypeError, GraphcError, OptionError, ShapeError
from ..ir.batching import Batch, along_axes
from ..ir.dims import Shape, broadcast_shapes, format_shape
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from ..ops import exponential, reduction
from ..ops.arithmetic import where
from ..ops.comparison import isfinite
from ..ops.extrema import largest_along
from ..ops.linalg import matmul
from ..ops.shape import expand_dims, reshape, swapaxes
from ..ops.source import ArrayLike, arange, as_node, constant
from ..ops.type_rules import floating, same_floating_type
from .regularization import dropout
from .softmaxes import SOFTMAX


def _masked_softmax_expand(input: Node) -> Node:
    largest = largest_along(input, (input.ndim - 1,)).named("largest")
    # A row without anything to attend to has the weights 0.
    shift = where(isfinite(largest).named("is_finite"), largest, 0.0).named("shift")
    exponentials = exponential.exp((input - shift).named("shifted"))
    exponentials = exponentials.named("exponentials")
    total = reduction.sum(exponentials, -1, keepdims=True).named("total")
    return exponentials / where((total > 0.0).named("has_any"), total, 1.0)


def _masked_softmax_vjp(g: Node, out: Node, input: Node) -> tuple[Node]:
    mean = reduction.sum(g * out, -1, keepdims=True).named("mean_flow")
    return ((g - mean).named("centered_flow") * out,)


MASKED_SOFTMAX = Op(
    name="masked_softmax",
    inputs=("input",),
    infer=same_floating_type,
    expand=_masked_softmax_expand,
    batch=along_axes,
    vjp=_masked_softmax_vjp,
    # The Jacobian is symmetric.
    jvp=lambda tangents, out, input: _masked_softmax_vjp(tangents[0], out, input)[0],
    cases=(Case(((3, 4),)), Case(((0, 4),))),
)
"""Softmax along the last axis, 0 where all of it is minus infinity."""


def _scores_shape(query: TensorType, key: TensorType) -> Shape:
    stack = broadcast_shapes(query.shape[:-2], key.shape[:-2])
    return (*stack, query.shape[-2], key.shape[-2])


def _infer(
    query: TensorType,
    key: TensorType,
    value: TensorType,
    *mask: TensorType,
    is_causal: bool,
    scale: float | None,
) -> TensorType:
    given = {"query": query, "key": key, "value": value}
    for name, part in given.items():
        floating(part, name)
        if part.ndim < 2:
            raise ShapeError(
                f"requires {name} of shape (..., length, features), "
                f"got {format_shape(part.shape)}"
            )
    if query.shape[-1] != key.shape[-1]:
        raise ShapeError(
            "requires queries and keys of one number of features, got query "
            f"{format_shape(query.shape)} and key {format_shape(key.shape)}"
        )
    if key.shape[-2] != value.shape[-2]:
        raise ShapeError(
            "requires a value for each key, got key "
            f"{format_shape(key.shape)} and value {format_shape(value.shape)}"
        )
    scores = _scores_shape(query, key)
    for part in mask:
        _check_mask(part, scores)
    stack = broadcast_shapes(scores[:-2], value.shape[:-2])
    dtype = np.result_type(query.dtype, key.dtype, value.dtype)
    return TensorType(dtype, (*stack, query.shape[-2], value.shape[-1]))


def _check_mask(mask: TensorType, scores: Shape) -> None:
    if mask.dtype.kind not in "bf":
        raise DTypeError(
            "requires attn_mask of booleans, True where attention may go, or of "
            f"numbers to add to the scores, got {mask}",
            hint="attn_mask != 0",
        )
    try:
        fits = broadcast_shapes(mask.shape, scores) == scores
    except GraphcError:
        fits = False
    if not fits:
        raise ShapeError(
            f"requires attn_mask that broadcasts to the scores {format_shape(scores)}, "
            f"got {format_shape(mask.shape)}"
        )


def _weights_infer(
    query: TensorType,
    key: TensorType,
    *mask: TensorType,
    is_causal: bool,
    scale: float | None,
) -> TensorType:
    result = _infer(query, key, key, *mask, is_causal=is_causal, scale=scale)
    return result.with_shape(_scores_shape(query, key))


def _weights_expand(
    query: Node, key: Node, *masks: Node, is_causal: bool, scale: float | None
) -> Node:
    mask = masks[0] if masks else None
    features = query.shape[-1]
    if scale is None and isinstance(features, int):
        scale = 1.0 / math.sqrt(features) if features else 1.0
    if scale is None:
        raise ShapeError(
            "requires a known number of features, or scale, got query "
            f"{format_shape(query.shape)}"
        )
    scaled = query if scale == 1.0 else (query * scale).named("scaled_query")
    scores = matmul(scaled, swapaxes(key, -1, -2)).named("scores")
    if is_causal:
        queries, keys = scores.shape[-2:]
        row = expand_dims(arange(queries).named("query_positions"), 1)
        mask = (arange(keys).named("key_positions") <= row).named("is_past")
    if mask is not None:
        # Added, not chosen: that is done in place, and leaves the flow as it is.
        scores = (scores + _bias(mask, scores)).named("masked_scores")
    # Of the past, each query may attend to the first key at least.
    if mask is None or is_causal:
        return SOFTMAX(scores, axis=scores.ndim - 1)
    return MASKED_SOFTMAX(scores)


def _bias(mask: Node, scores: Node) -> Node:
    if mask.dtype != np.dtype(bool):
        return mask.astype(scores.dtype)
    zero, never = (constant(number, scores.dtype) for number in (0.0, -np.inf))
    return where(mask, zero, never).named("mask_bias")


def _of_examples(batch: Batch, node: Node) -> Node | None:
    query, key, *others = node.inputs
    # A mask broadcasts to the scores, which then have to be those of each example.
    if not (batch.is_mapped(query) or batch.is_mapped(key)):
        return None
    inputs = [batch.aligned(each, node.ndim) for each in (query, key, *others)]
    return node.op(*inputs, **node.attributes)


def _weights_formula(node: Node, mask: int = 2) -> str | None:
    """The softmax, where input number `mask`, which is one, is left out."""
    scale = node.attributes["scale"]
    query = node.inputs[0]
    if len(node.inputs) > mask or node.attributes["is_causal"] or node.ndim < 2:
        return None
    scores = "query @ key.T"
    if scale is None:
        scores = f"{scores} / sqrt({query.shape[-1]})"
    else:
        scores = f"{scale!r} * ({scores})"
    return f"softmax({scores}, axis={node.ndim - 1})"


def _weights_written(node: Node, mask: int = 2) -> str:
    """The softmax, of scores with a mask, which is input number `mask`, if any."""
    scale = node.attributes["scale"]
    scores = "<0> <1>^T"
    if scale is None:
        scores = f"{scores} / √{{{node.inputs[0].shape[-1]}}}"
    elif scale != 1.0:
        scores = f"{scale:.6g} {scores}"
    below = "_{causal}" if node.attributes["is_causal"] else ""
    if len(node.inputs) > mask and node.inputs[mask].dtype == np.dtype(bool):
        below = "_{where <" + str(mask) + ">}"
    elif len(node.inputs) > mask:
        scores += f" + <{mask}>"
    return f"softmax{below}({scores})"


ATTENTION_WEIGHTS = Op(
    name="attention_weights",
    mathematics=Mathematics(formula=_weights_formula, written=_weights_written),
    inputs=("query", "key", "*attn_mask"),
    infer=_weights_infer,
    expand=_weights_expand,
    batch=_of_examples,
    cases=(Case(((2, 3, 4), (2, 5, 4)), {"is_causal": False, "scale": None}),),
)
"""The weight of each key for each query, which add up to 1."""


def _expand(
    query: Node,
    key: Node,
    value: Node,
    *mask: Node,
    is_causal: bool,
    scale: float | None,
) -> Node:
    options = {"is_causal": is_causal, "scale": scale}
    weights = ATTENTION_WEIGHTS(query, key, *mask, **options)
    return matmul(weights.named("attention"), value)


def _gradients(node: Node) -> tuple[str, ...]:
    scale = node.attributes["scale"]
    weights = _weights_formula(node, 3)
    if weights is None or node.ndim != 2:
        return ()
    flow = f"({weights} * (d @ value.T - sum((d @ value.T) * {weights}, 1, True)))"
    end = f" / sqrt({node.inputs[0].shape[-1]})" if scale is None else ""
    front = "" if scale is None else f"{scale!r} * "
    return (
        f"{front}({flow} @ key){end}",
        f"{front}({flow}.T @ query){end}",
        f"{weights}.T @ d",
    )


ATTENTION = Op(
    name="scaled_dot_product_attention",
    mathematics=Mathematics(
        written=lambda node: f"{_weights_written(node, 3)} <2>",
        gradients=_gradients,
    ),
    inputs=("query", "key", "value", "*attn_mask"),
    infer=_infer,
    expand=_expand,
    batch=_of_examples,
    cases=(
        Case(((2, 3, 4), (2, 5, 4), (2, 5, 2)), {"is_causal": False, "scale": None}),
        Case(((3, 4), (3, 4), (3, 4)), {"is_causal": True, "scale": None}),
        Case(
            ((2, 2, 3, 4), (2, 2, 3, 4), (2, 2, 3, 4), (3, 3)),
            {"is_causal": False, "scale": 0.3},
            dtypes=("", "", "", "bool"),
        ),
        Case(((3, 4), (5, 4), (5, 4), (3, 5)), {"is_causal": False, "scale": None}),
    ),
)


def scaled_dot_product_attention(
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    attn_mask: ArrayLike = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Node:
    """Means of values, weighted by a softmax over products of queries and keys.

    `y = softmax(scale * query @ key.T + mask) @ value`, for each stack.

    Args:
        query: `(..., queries, features)`, floating.
        key: `(..., keys, features)`.
        value: `(..., keys, outputs)`.
        attn_mask: broadcasting to `(..., queries, keys)`: booleans, True where
            attention may go, or numbers to add to the scores. A query that may attend
            to nothing gets zeros.
        dropout_p: the probability that a weight is dropped. A trainer evaluates
            without dropout; torch leaves it to the caller.
        is_causal: True to let query `i` attend to keys `0` to `i` alone.
        scale: a factor of the products; None for `1 / sqrt(features)`.
        enable_gqa: True where there are several heads of queries, which are axis -3,
            for each head of keys and values.

    Returns:
        `(..., queries, outputs)`.

    Raises:
        ShapeError, DTypeError: arrays that don't fit.
        OptionError: both `attn_mask` and `is_causal`, or a `dropout_p` that is not a
            probability.

    Source: Vaswani et al. 2017, "Attention is all you need", equation 1.

    >>> import graphc as gc
    >>> q = gc.input("q", ("batch", 8, "time", 64))
    >>> gc.nn.scaled_dot_product_attention(q, q, q, is_causal=True)
    <scaled_dot_product_attention float32 (batch, 8, time, 64)>
    """
    q, k, v = as_node(query), as_node(key), as_node(value)
    place = f"scaled_dot_product_attention({q.describe()}, {k.describe()})"
    if attn_mask is not None and is_causal:
        raise OptionError("takes attn_mask or is_causal, not both", node=place)
    mask = () if attn_mask is None else (as_node(attn_mask),)
    heads: Shape | None = None
    if enable_gqa:
        heads = q.shape[:-2]
        q, k, v, mask = _grouped(q, k, v, mask, place)
    options: dict[str, Any] = {
        "is_causal": bool(is_causal),
        "scale": None if scale is None else float(scale),
    }
    if dropout_p:
        weights = ATTENTION_WEIGHTS(q, k, *mask, **options)
        result = matmul(dropout(weights, dropout_p), v)
    else:
        result = ATTENTION(q, k, v, *mask, **options)
    return result if heads is None else reshape(result, (*heads, *result.shape[-2:]))


def _grouped(
    q: Node, k: Node, v: Node, mask: tuple[Node, ...], place: str
) -> tuple[Node, Node, Node, tuple[Node, ...]]:
    """Heads of queries in groups, each of which shares a head of keys and values."""
    counts = [x.shape[-3] if x.ndim > 2 else 0 for x in (q, k, v)]
    heads, shared, of_values = counts
    if not (isinstance(heads, int) and isinstance(shared, int) and shared):
        raise ShapeError(
            f"enable_gqa requires known numbers of heads, got {counts}", node=place
        )
    if of_values != shared or heads % shared:
        raise ShapeError(
            "enable_gqa requires heads of queries that are a multiple of those of keys "
            f"and values, got {counts}",
            node=place,
        )
    group = heads // shared
    q = reshape(q, (*q.shape[:-3], shared, group, *q.shape[-2:]))
    k, v = expand_dims(k, -3), expand_dims(v, -3)
    if mask and mask[0].ndim > 2:
        (part,) = mask
        split = (1, 1) if part.shape[-3] == 1 else (shared, group)
        mask = (reshape(part, (*part.shape[:-3], *split, *part.shape[-2:])),)
    return q, k, v, mask
