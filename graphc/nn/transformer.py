"""Transformers: layers of attention and a small network, and stacks of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import OptionError
from ..ir.node import Node
from ..ops.source import ArrayLike
from .activations import relu
from .affine import Linear
from .gated import gelu
from .init import xavier_uniform
from .layer import Layer, check_size
from .multihead import MultiheadAttention
from .normalization import LayerNorm
from .regularization import Dropout
from .sequential import Sequential

Activation = str | Callable[[Node], Node]


class _TransformerLayer(Layer):
    """Attention to itself, and a network of two linear maps for each position."""

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name)
        self.d_model = check_size(d_model, "d_model", self)
        self.norm_first = norm_first
        self.activation = _activation(activation, self)

        def attention() -> MultiheadAttention:
            options: dict[str, Any] = {"batch_first": batch_first, "dtype": dtype}
            return MultiheadAttention(d_model, nhead, dropout, bias, **options)

        self.self_attn = attention()
        if self.has_memory:
            self.multihead_attn = attention()
        self.linear1 = Linear(d_model, dim_feedforward, bias, dtype=dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, dtype=dtype)
        for number in range(1, 4 if self.has_memory else 3):
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
            setattr(self, f"norm{number}", norm)
            setattr(self, f"dropout{number}", Dropout(dropout))

    has_memory = False
    """True for a layer that attends to another sequence, too."""

    def _added(self, x: Node, number: int, part: Callable[[Node], Node]) -> Node:
        """The input and a part of it, normalised before or after."""
        norm = self._layers[f"norm{number}"]
        drop = self._layers[f"dropout{number}"]
        if self.norm_first:
            return x + drop(part(norm(x)))
        return norm(x + drop(part(x)))

    def _network(self, x: Node) -> Node:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))

    def _describe(self) -> str:
        return f"{self.d_model}, {self.self_attn.num_heads}"


def _activation(given: Activation, layer: Layer) -> Callable[[Node], Node]:
    if callable(given):
        return given
    named = {"relu": relu, "gelu": gelu}
    if given not in named:
        raise OptionError(
            f'activation must be "relu", "gelu" or a function, got {given!r}',
            node=type(layer).__name__,
        )
    return named[given]


class TransformerEncoderLayer(_TransformerLayer):
    """Self-attention and a network for each position, each added to its input.

    It is called with `(src, src_mask=None, src_key_padding_mask=None,
    is_causal=False)`; masks are those of `MultiheadAttention`.

    Args:
        d_model: the number of features of inputs and outputs.
        nhead: the number of heads, a divisor of it.
        dim_feedforward: the number of hidden units of the network.
        dropout: the probability of dropout; a trainer evaluates without.
        activation: `"relu"`, `"gelu"` or a function of a node.
        layer_norm_eps: added to variances.
        batch_first: True for `(batch, length, features)`, False for `(length, batch,
            features)`, torch's default.
        norm_first: True to normalise before each part, False after its addition.
        bias: True for biases.
        name: the prefix of the parameters.
        dtype: the dtype of the parameters.

    Raises:
        OptionError: `nhead` does not divide `d_model`, or another `activation`.

    Source: Vaswani et al. 2017, "Attention is all you need", section 3.1; `norm_first`:
    Xiong et al. 2020, "On layer normalization in the transformer architecture".

    >>> import graphc as gc
    >>> layer = gc.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, name="layer")
    >>> layer(gc.input("x", ("batch", "time", 8)), is_causal=True)
    <layer_norm 'layer.norm2' float32 (batch, time, 8)>
    """

    kind = "transformer_encoder_layer"

    def forward(
        self,
        src: Node,
        src_mask: ArrayLike = None,
        src_key_padding_mask: ArrayLike = None,
        is_causal: bool = False,
    ) -> Node:
        """The layer applied to a sequence."""

        def attention(x: Node) -> Node:
            options: dict[str, Any] = {"attn_mask": src_mask}
            options["key_padding_mask"] = src_key_padding_mask
            options["is_causal"] = is_causal
            return self.self_attn(x, x, x, need_weights=False, **options)[0]

        x = self._added(src, 1, attention)
        return self._added(x, 2, self._network)


class TransformerDecoderLayer(_TransformerLayer):
    """Self-attention, attention to another sequence, and a network for each position.

    It is called with `(tgt, memory, tgt_mask=None, memory_mask=None,
    tgt_key_padding_mask=None, memory_key_padding_mask=None, tgt_is_causal=False,
    memory_is_causal=False)`; masks are those of `MultiheadAttention`.

    Args:
        d_model: the number of features of inputs and outputs.
        nhead: the number of heads, a divisor of it.
        dim_feedforward: the number of hidden units of the network.
        dropout: the probability of dropout; a trainer evaluates without.
        activation: `"relu"`, `"gelu"` or a function of a node.
        layer_norm_eps: added to variances.
        batch_first: True for `(batch, length, features)`, False for `(length, batch,
            features)`, torch's default.
        norm_first: True to normalise before each part, False after its addition.
        bias: True for biases.
        name: the prefix of the parameters.
        dtype: the dtype of the parameters.

    Raises:
        OptionError: `nhead` does not divide `d_model`, or another `activation`.

    Source: Vaswani et al. 2017, "Attention is all you need", section 3.1.

    >>> import graphc as gc
    >>> layer = gc.nn.TransformerDecoderLayer(8, 2, 16, batch_first=True, name="layer")
    >>> x, memory = (gc.input(n, ("batch", n + "s", 8)) for n in ("word", "source"))
    >>> layer(x, memory, tgt_is_causal=True)
    <layer_norm 'layer.norm3' float32 (batch, words, 8)>
    """

    kind = "transformer_decoder_layer"
    has_memory = True

    def forward(
        self,
        tgt: Node,
        memory: Node,
        tgt_mask: ArrayLike = None,
        memory_mask: ArrayLike = None,
        tgt_key_padding_mask: ArrayLike = None,
        memory_key_padding_mask: ArrayLike = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Node:
        """The layer applied to a sequence and the one that it attends to."""

        def to_itself(x: Node) -> Node:
            masks = {"attn_mask": tgt_mask, "key_padding_mask": tgt_key_padding_mask}
            options: dict[str, Any] = {
                "need_weights": False,
                "is_causal": tgt_is_causal,
            }
            return self.self_attn(x, x, x, **masks, **options)[0]

        def to_memory(x: Node) -> Node:
            options: dict[str, Any] = {"attn_mask": memory_mask}
            options["key_padding_mask"] = memory_key_padding_mask
            options["is_causal"] = memory_is_causal
            inputs = x, memory, memory
            return self.multihead_attn(*inputs, need_weights=False, **options)[0]

        x = self._added(tgt, 1, to_itself)
        x = self._added(x, 2, to_memory)
        return self._added(x, 3, self._network)


class _Stack(Layer):
    """Copies of a layer, each with parameters of its own, and a norm after them."""

    def __init__(
        self, layer: Layer, num_layers: int, norm: Layer | None, name: str | None
    ) -> None:
        super().__init__(name)
        self.num_layers = check_size(num_layers, "num_layers", self)
        self.layers = Sequential(*(layer._copy() for _ in range(self.num_layers)))
        if norm is not None:
            self.norm = norm

    def _through(self, x: Node, *others: Node, **options: Any) -> Node:
        for layer in self._in_turn(self.layers):
            x = layer(x, *others, **options)
        norm = self._layers.get("norm")
        return x if norm is None else norm(x)

    def _describe(self) -> str:
        return f"{self.layers[0]!r}, {self.num_layers}"


class TransformerEncoder(_Stack):
    """Layers of an encoder, one after another, each with parameters of its own.

    It is called with `(src, mask=None, src_key_padding_mask=None, is_causal=False)`.

    Args:
        encoder_layer: the layer to copy, whose parameters are not used themselves.
        num_layers: the number of copies.
        norm: a layer after them, or None.
        enable_nested_tensor: taken and ignored.
        mask_check: taken and ignored.
        name: the prefix of the parameters.

    >>> import graphc as gc
    >>> layer = gc.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    >>> encoder = gc.nn.TransformerEncoder(layer, 3, gc.nn.LayerNorm(8), name="encoder")
    >>> encoder(gc.input("x", ("batch", "time", 8)))
    <layer_norm 'encoder.norm' float32 (batch, time, 8)>
    """

    kind = "transformer_encoder"

    def __init__(
        self,
        encoder_layer: Layer,
        num_layers: int,
        norm: Layer | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(encoder_layer, num_layers, norm, name)

    def forward(
        self,
        src: Node,
        mask: ArrayLike = None,
        src_key_padding_mask: ArrayLike = None,
        is_causal: bool = False,
    ) -> Node:
        """All layers applied to a sequence."""
        return self._through(
            src,
            src_mask=mask,
            src_key_padding_mask=src_key_padding_mask,
            is_causal=is_causal,
        )


class TransformerDecoder(_Stack):
    """Layers of a decoder, one after another, each with parameters of its own.

    It is called with the arguments of `TransformerDecoderLayer`.

    Args:
        decoder_layer: the layer to copy, whose parameters are not used themselves.
        num_layers: the number of copies.
        norm: a layer after them, or None.
        name: the prefix of the parameters.

    >>> import graphc as gc
    >>> layer = gc.nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)
    >>> decoder = gc.nn.TransformerDecoder(layer, 3)
    >>> x, memory = (gc.input(n, ("batch", n + "s", 8)) for n in ("word", "source"))
    >>> decoder(x, memory, tgt_is_causal=True).shape
    (batch, words, 8)
    """

    kind = "transformer_decoder"

    def __init__(
        self,
        decoder_layer: Layer,
        num_layers: int,
        norm: Layer | None = None,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(decoder_layer, num_layers, norm, name)

    def forward(self, tgt: Node, memory: Node, **options: Any) -> Node:
        """All layers applied to a sequence and the one that they attend to."""
        return self._through(tgt, memory, **options)


class Transformer(Layer):
    """An encoder of one sequence and a decoder of another, which attends to it.

    It is called with `(src, tgt, src_mask=None, tgt_mask=None, memory_mask=None,
    src_key_padding_mask=None, tgt_key_padding_mask=None,
    memory_key_padding_mask=None, src_is_causal=False, tgt_is_causal=False,
    memory_is_causal=False)`. All weights start as `gc.init.xavier_uniform()` has them.

    Args:
        d_model: the number of features of inputs and outputs.
        nhead: the number of heads, a divisor of it.
        num_encoder_layers: the number of layers of the encoder.
        num_decoder_layers: the number of layers of the decoder.
        dim_feedforward: the number of hidden units of networks.
        dropout: the probability of dropout; a trainer evaluates without.
        activation: `"relu"`, `"gelu"` or a function of a node.
        custom_encoder: another encoder, or None.
        custom_decoder: another decoder, or None.
        layer_norm_eps: added to variances.
        batch_first: True for `(batch, length, features)`, False for `(length, batch,
            features)`, torch's default.
        norm_first: True to normalise before each part, False after its addition.
        bias: True for biases.
        name: the prefix of the parameters.
        dtype: the dtype of the parameters.

    Raises:
        OptionError: `nhead` does not divide `d_model`, or another `activation`.

    Source: Vaswani et al. 2017, "Attention is all you need", figure 1.

    >>> import graphc as gc
    >>> model = gc.nn.Transformer(8, 2, 1, 1, 16, batch_first=True, name="model")
    >>> source, target = (gc.input(n, ("batch", n + "s", 8)) for n in ("word", "token"))
    >>> model(source, target, tgt_is_causal=True).shape
    (batch, tokens, 8)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name)
        sizes = (d_model, nhead, dim_feedforward, dropout, activation)
        options: dict[str, Any] = {"layer_norm_eps": layer_norm_eps, "bias": bias}
        options |= {"batch_first": batch_first, "norm_first": norm_first}

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)

        self.encoder: Any = custom_encoder
        if custom_encoder is None:
            layer = TransformerEncoderLayer(*sizes, **options, dtype=dtype)
            self.encoder = TransformerEncoder(layer, num_encoder_layers, norm())
        self.decoder: Any = custom_decoder
        if custom_decoder is None:
            layer = TransformerDecoderLayer(*sizes, **options, dtype=dtype)
            self.decoder = TransformerDecoder(layer, num_decoder_layers, norm())
        self._restart(xavier_uniform())

    def forward(
        self,
        src: Node,
        tgt: Node,
        src_mask: ArrayLike = None,
        tgt_mask: ArrayLike = None,
        memory_mask: ArrayLike = None,
        src_key_padding_mask: ArrayLike = None,
        tgt_key_padding_mask: ArrayLike = None,
        memory_key_padding_mask: ArrayLike = None,
        src_is_causal: bool = False,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Node:
        """The decoder's output for a sequence and the one that it attends to."""
        memory = self.encoder(
            src,
            mask=src_mask,
            src_key_padding_mask=src_key_padding_mask,
            is_causal=src_is_causal,
        )
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int) -> Any:
        """A mask of numbers to add: minus infinity where attention would look ahead.

        >>> import graphc as gc
        >>> gc.nn.Transformer.generate_square_subsequent_mask(2)
        array([[  0., -inf],
               [  0.,   0.]], dtype=float32)
        """
        ahead = np.triu(np.ones((sz, sz), bool), 1)
        return np.where(ahead, np.float32(-np.inf), np.float32(0.0))
