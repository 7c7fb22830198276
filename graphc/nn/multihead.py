"""Attention with several heads: projections, heads side by side, and their layer."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, cast

from ..errors import DTypeError, OptionError, ShapeError, UnsupportedError
from ..ir.dims import Dimension, format_shape
from ..ir.node import Node
from ..ops import reduction
from ..ops.arithmetic import where
from ..ops.joining import concatenate
from ..ops.linalg import matmul
from ..ops.shape import broadcast_to, expand_dims, reshape, transpose
from ..ops.source import ArrayLike, arange, as_node, constant, zeros
from . import init
from .affine import Linear, linear
from .attention import ATTENTION_WEIGHTS, scaled_dot_product_attention
from .layer import Layer, check_size
from .regularization import dropout


def multi_head_attention_forward(
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: ArrayLike,
    in_proj_bias: ArrayLike,
    bias_k: ArrayLike,
    bias_v: ArrayLike,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: ArrayLike,
    out_proj_bias: ArrayLike,
    training: bool = True,
    key_padding_mask: ArrayLike = None,
    need_weights: bool = True,
    attn_mask: ArrayLike = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: ArrayLike = None,
    k_proj_weight: ArrayLike = None,
    v_proj_weight: ArrayLike = None,
    static_k: ArrayLike = None,
    static_v: ArrayLike = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Node, Node | None]:
    """Attention of several heads, each with projections of its own; see
    `gc.nn.MultiheadAttention`, which has the weights.

    Args:
        query: `(queries, batch, features)`, or without the batch.
        key: `(keys, batch, features)`.
        value: `(keys, batch, features)`.
        embed_dim_to_check: the number of features of the query.
        num_heads: a divisor of it.
        in_proj_weight: `(3 * features, features)`, of queries, keys and values; None
            with `use_separate_proj_weight`.
        in_proj_bias: `(3 * features,)`, or None.
        bias_k: `(1, 1, features)`, one more key for all, or None.
        bias_v: its value, or None.
        add_zero_attn: True for one more key and value of zeros.
        dropout_p: the probability that a weight of attention is dropped.
        out_proj_weight: `(features, features)`.
        out_proj_bias: `(features,)`, or None.
        training: True for dropout; a trainer evaluates without it.
        key_padding_mask: `(batch, keys)`: True where a key is ignored, or numbers to
            add to the scores.
        need_weights: True to return the weights of attention, too.
        attn_mask: `(queries, keys)` or `(batch * heads, queries, keys)`: True where
            attention may not go, or numbers to add to the scores.
        use_separate_proj_weight: True for three weights of the projections.
        q_proj_weight: `(features, features)`.
        k_proj_weight: `(features, features of key)`.
        v_proj_weight: `(features, features of value)`.
        static_k: None.
        static_v: None.
        average_attn_weights: True for the mean of the weights over the heads.
        is_causal: True to let query `i` attend to keys `0` to `i` alone.

    Returns:
        The output, `(queries, batch, features)`, and the weights, `(batch, queries,
        keys)` or `(batch, heads, queries, keys)`, or None.

    Raises:
        ShapeError, DTypeError: arrays that don't fit.
        OptionError: `num_heads` does not divide the features.

    Source: Vaswani et al. 2017, "Attention is all you need", section 3.2.2.

    >>> import graphc as gc
    >>> x = gc.input("x", (5, "batch", 4))
    >>> weights = gc.ones((12, 4)), gc.zeros(12), None, None, False, 0.0, gc.eye(4)
    >>> attend = gc.nn.multi_head_attention_forward
    >>> heads, scores = attend(x, x, x, 4, 2, *weights, gc.zeros(4))
    >>> heads.shape, scores.shape
    ((5, batch, 4), (batch, 5, 5))
    """
    if static_k is not None or static_v is not None:
        raise UnsupportedError(
            "static_k and static_v are not supported",
            node="multi_head_attention_forward",
            hint="scaled_dot_product_attention of heads of your own",
        )
    inputs = [as_node(query), as_node(key), as_node(value)]
    size = embed_dim_to_check
    if inputs[0].shape[-1:] != (size,):
        raise ShapeError(
            f"requires a query of {size} features, got {format_shape(inputs[0].shape)}",
            node="multi_head_attention_forward",
        )
    weights: Any = (q_proj_weight, k_proj_weight, v_proj_weight)
    if not use_separate_proj_weight:
        weights = as_node(in_proj_weight)
    biases = None if in_proj_bias is None else as_node(in_proj_bias)
    return attend(
        project(inputs, weights, biases, size),
        num_heads=num_heads,
        out=(out_proj_weight, out_proj_bias),
        more=(bias_k, bias_v, add_zero_attn),
        dropout_p=dropout_p if training else 0.0,
        key_padding_mask=key_padding_mask,
        attn_mask=attn_mask,
        is_causal=is_causal,
        need_weights=need_weights,
        average_attn_weights=average_attn_weights,
        batch_first=False,
    )


def project(inputs: list[Node], weights: Any, biases: Node | None, size: int) -> Any:
    """Queries, keys and values: the inputs times their parts of the weights.

    Args:
        inputs: query, key and value.
        weights: three, or one for all, whose rows they share.
        biases: one for all, or None.
        size: the number of rows of each.
    """
    query, key, value = inputs
    parts = [slice(part * size, (part + 1) * size) for part in range(3)]
    if isinstance(weights, tuple):
        shifts = [None if biases is None else biases[part] for part in parts]
        each = cast("tuple[ArrayLike, ...]", weights)
        given = zip(inputs, each, shifts, strict=True)
        return [linear(x, weight, shift) for x, weight, shift in given]
    if query is key is value:
        # One product instead of three.
        packed = _called("projected", linear(query, weights, biases))
        return [packed[..., part] for part in parts]
    return [
        linear(x, weights[part], None if biases is None else biases[part])
        for x, part in zip(inputs, parts, strict=True)
    ]


def attend(
    projected: list[Node],
    *,
    num_heads: int,
    out: tuple[ArrayLike, ArrayLike],
    more: tuple[ArrayLike, ArrayLike, bool],
    dropout_p: float,
    key_padding_mask: ArrayLike,
    attn_mask: ArrayLike,
    is_causal: bool,
    need_weights: bool,
    average_attn_weights: bool,
    batch_first: bool,
) -> tuple[Node, Node | None]:
    """Attention of heads; see `multi_head_attention_forward`."""
    query, key, value = projected
    size = query.shape[-1]
    if not isinstance(size, int) or num_heads < 1 or size % num_heads:
        raise OptionError(
            f"requires num_heads that divides the {size} features, got {num_heads}",
            node="multi_head_attention_forward",
        )
    if query.ndim not in (2, 3) or not query.ndim == key.ndim == value.ndim:
        raise ShapeError(
            "requires query, key and value with three axes each, or two without a "
            f"batch, got {', '.join(format_shape(x.shape) for x in projected)}",
            node="multi_head_attention_forward",
        )
    named = zip(("query", "key", "value"), projected, strict=True)
    q, k, v = (_heads(x, num_heads, batch_first, f"{n}_heads") for n, x in named)
    padding = None if key_padding_mask is None else as_node(key_padding_mask)
    mask = None if attn_mask is None else as_node(attn_mask)
    added = 0
    for shift, other in zip(more[:2], (False, True), strict=True):
        if shift is None:
            continue
        row = reshape(as_node(shift), (1, size))
        row = _heads(row, num_heads, batch_first, "last_row")
        if other:
            v = _with_row(v, row)
        else:
            k, added = _with_row(k, row), added + 1
    if more[2]:
        none = zeros((num_heads, 1, size // num_heads), k.dtype)
        k, v, added = _with_row(k, none), _with_row(v, none), added + 1
    is_plain = is_causal and mask is None and padding is None and not added
    bias = None
    if not is_plain:
        bias = _mask(q, k.shape[-2], added, mask, padding, is_causal)
    masks = () if bias is None else (bias,)
    shares = ATTENTION_WEIGHTS(q, k, *masks, is_causal=is_plain, scale=None)
    if dropout_p:
        shares = dropout(shares, dropout_p)
        heads = matmul(shares, v)
    else:
        heads = scaled_dot_product_attention(q, k, v, bias, is_causal=is_plain)
    # From heads first to features last, as they were given.
    order = (
        (1, 0, 2) if heads.ndim == 3 else (0, 2, 1, 3) if batch_first else (2, 0, 1, 3)
    )
    heads = transpose(_called("attended", heads), order)
    joined = _called("joined_heads", reshape(heads, query.shape))
    output = linear(joined, *out)
    if not need_weights:
        return output, None
    if average_attn_weights:
        shares = reduction.mean(shares, -3)
    return output, shares


def _called(name: str, x: Node) -> Node:
    """The node under a name that may be another's, too, as those of blocks' parts."""
    origin = replace(x.origin, rules=(*x.origin.rules, "attention of several heads"))
    return x.copy(name=name, origin=origin)


def _heads(x: Node, num_heads: int, batch_first: bool, name: str) -> Node:
    """`(..., heads, length, features)`: the features in as many parts as heads."""
    size = x.shape[-1]
    assert isinstance(size, int)
    shape = (*x.shape[:-1], num_heads, size // num_heads)
    split = _called(name, reshape(x, shape))
    if split.ndim == 3:
        return transpose(split, (1, 0, 2))
    return transpose(split, (0, 2, 1, 3) if batch_first else (1, 2, 0, 3))


def _with_row(x: Node, row: Node) -> Node:
    """Keys or values with one more, the same for all of a batch."""
    return concatenate([x, broadcast_to(row, (*x.shape[:-2], 1, x.shape[-1]))], -2)


def _mask(
    q: Node,
    keys: Dimension,
    added: int,
    mask: Node | None,
    padding: Node | None,
    is_causal: bool,
) -> Node | None:
    """Numbers to add to the scores, or booleans, True where attention may go.

    In torch's masks of this function True is where it may not.
    """
    queries = q.shape[-2]
    masks: list[Node] = []
    if is_causal and mask is None:
        masks.append(arange(keys - added) > expand_dims(arange(queries), 1))
    if mask is not None:
        if mask.ndim == 3 and q.ndim == 4:
            mask = reshape(mask, (*q.shape[:2], *mask.shape[1:]))
        masks.append(mask)
    if padding is not None:
        masks.append(expand_dims(padding, (-2, -3)) if padding.ndim == 2 else padding)
    for each in masks:
        if each.dtype.kind not in "bf":
            raise DTypeError(
                f"requires masks of booleans or numbers, got {each.describe()}",
                node="multi_head_attention_forward",
                hint="mask != 0",
            )
    if added:
        # The keys that are added may always be attended to.
        masks = [
            concatenate([m, zeros((*m.shape[:-1], added), m.dtype)], -1) for m in masks
        ]
    if not masks:
        return None
    if all(each.dtype.kind == "b" for each in masks):
        hidden = masks[0] if len(masks) == 1 else masks[0] | masks[1]
        return ~hidden
    numbers = [
        where(each, constant(-math.inf, q.dtype), constant(0.0, q.dtype))
        if each.dtype.kind == "b"
        else each
        for each in masks
    ]
    return numbers[0] if len(numbers) == 1 else numbers[0] + numbers[1]


class MultiheadAttention(Layer):
    """Attention of several heads, each with projections of its own.

    `y = concatenate(head_1, ..., head_h) @ out_proj.weight.T + out_proj.bias` with
    `head_i = softmax(q_i @ k_i.T / sqrt(features / h)) @ v_i`, and `q_i`, `k_i` and
    `v_i` parts of linear maps of query, key and value.

    It is called with `(query, key, value, key_padding_mask=None, need_weights=True,
    attn_mask=None, average_attn_weights=True, is_causal=False)` and returns the output
    and the weights of attention, or None for these.

    Args:
        embed_dim: the number of features of queries and outputs.
        num_heads: a divisor of it.
        dropout: the probability that a weight of attention is dropped; a trainer
            evaluates without.
        bias: True for biases.
        add_bias_kv: True for one more key and value, which are learned.
        add_zero_attn: True for one more key and value of zeros.
        kdim: the number of features of keys; None for `embed_dim`.
        vdim: the number of features of values; None for `embed_dim`.
        batch_first: True for `(batch, length, features)`, False for `(length, batch,
            features)`, torch's default.
        name: the name of the output and prefix of the parameters.
        dtype: the dtype of the parameters.

    Raises:
        OptionError: `num_heads` does not divide `embed_dim`.

    Source: Vaswani et al. 2017, "Attention is all you need", section 3.2.2.

    >>> import graphc as gc
    >>> layer = gc.nn.MultiheadAttention(8, 2, batch_first=True, name="attention")
    >>> x = gc.input("x", ("batch", "time", 8))
    >>> layer(x, x, x, is_causal=True)
    (<linear 'attention' float32 (batch, time, 8)>, <mean float32 (batch, time, time)>)
    """

    kind = "multihead_attention"

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        *,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name)
        self.embed_dim = check_size(embed_dim, "embed_dim", self)
        self.num_heads = check_size(num_heads, "num_heads", self)
        if self.embed_dim % self.num_heads:
            raise OptionError(
                f"requires num_heads that divides embed_dim, got {num_heads} and "
                f"{embed_dim}",
                node="MultiheadAttention",
            )
        self.dropout = dropout
        self.add_zero_attn = add_zero_attn
        self.batch_first = batch_first
        sizes = [
            self.embed_dim if given is None else check_size(given, what, self)
            for given, what in ((None, ""), (kdim, "kdim"), (vdim, "vdim"))
        ]
        start = init.xavier_uniform()
        self.is_packed = sizes == [self.embed_dim] * 3
        if self.is_packed:
            shape = (3 * self.embed_dim, self.embed_dim)
            self._declare("in_proj_weight", shape, start, dtype)
        else:
            for part, size in zip("qkv", sizes, strict=True):
                shape = (self.embed_dim, size)
                self._declare(f"{part}_proj_weight", shape, start, dtype)
        if bias:
            self._declare("in_proj_bias", (3 * self.embed_dim,), init.zeros(), dtype)
        if add_bias_kv:
            normal = init.normal(0.0, math.sqrt(2.0 / (2 * self.embed_dim)))
            for part in ("bias_k", "bias_v"):
                self._declare(part, (1, 1, self.embed_dim), normal, dtype)
        self.out_proj = Linear(
            self.embed_dim,
            self.embed_dim,
            bias,
            bias_init=init.zeros() if bias else None,
            dtype=dtype,
        )

    def forward(
        self,
        query: Node,
        key: Node,
        value: Node,
        key_padding_mask: ArrayLike = None,
        need_weights: bool = True,
        attn_mask: ArrayLike = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Node, Node | None]:
        """`gc.nn.multi_head_attention_forward` with the layer's weights."""
        weights: Any = tuple(self._nodes.get(f"{part}_proj_weight") for part in "qkv")
        if self.is_packed:
            weights = self._nodes["in_proj_weight"]
        biases = self._nodes.get("in_proj_bias")
        return attend(
            project([query, key, value], weights, biases, self.embed_dim),
            num_heads=self.num_heads,
            out=(self.out_proj.weight, self.out_proj.bias),
            more=(
                *(self._nodes.get("bias_k"), self._nodes.get("bias_v")),
                self.add_zero_attn,
            ),
            dropout_p=self.dropout,
            key_padding_mask=key_padding_mask,
            attn_mask=attn_mask,
            is_causal=is_causal,
            need_weights=need_weights,
            average_attn_weights=average_attn_weights,
            batch_first=self.batch_first,
        )

    def _describe(self) -> str:
        return f"{self.embed_dim}, {self.num_heads}, batch_first={self.batch_first}"
