"""Layers: they create named parameters once and are called on nodes.

A layer is a convenience and no node: what it declares is exactly what the functions of
`gc.nn` declare. Its name is the name of its output and the prefix of its parameters.

Where no name is given it follows from the declaration alone, never from what else a
process has declared: `Sequential` numbers its unnamed children by kind (`linear_1`,
`relu_1`, `linear_2`; torch numbers by position, but `0.weight` is no identifier), a
named or nested one puts its own name before theirs (`encoder.linear_1`), and a lone
`Linear` is `linear`. Where two of these meet in a graph that is put to use, the one
declared later is numbered (`linear_2`); two layers of one given name are refused.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, cast, overload

import numpy as np

from ..errors import IndexRangeError, OptionError
from ..ir.dims import check_identifier, format_shape, product
from ..ir.naming import Naming
from ..ir.node import Node
from ..ops.axes import normalize_axis
from ..ops.shape import reshape
from ..ops.source import ArrayLike, as_node
from . import init
from .affine import linear
from .normalization import layer_norm
from .parameter import parameter
from .regularization import dropout


class Layer(ABC):
    """What all layers have: a name, parameters, and being called on nodes."""

    kind: ClassVar[str]
    """How unnamed layers of this class are called, before their number."""

    def __init_subclass__(cls) -> None:
        if "kind" not in cls.__dict__:
            cls.kind = cls.__name__.lower()

    def __init__(self, name: str | None = None) -> None:
        if name is not None:
            _check_name(name)
        self._name = name
        self._naming: Naming | None = None
        self._is_fixed = name is not None
        self._calls = 0
        self._nodes: dict[str, Node] = {}

    @property
    def name(self) -> str | None:
        """The name, given or by `Sequential`; None where none is needed.

        One that is not given may get a number where its graph is put to use.
        """
        return self._name if self._naming is None else self._naming.text

    @property
    def parameters(self) -> list[Node]:
        """The trainable nodes, in the order of declaration."""
        self._fix()
        return list(self._nodes.values())

    @abstractmethod
    def forward(self, input: Node) -> Node:
        """The output for an input, not yet named."""

    def __call__(self, input: ArrayLike) -> Node:
        """Apply the layer. Its first output takes its name, later ones `name_2`, ..."""
        self._fix()
        node = as_node(input)
        output = self.forward(node)
        # What is passed through is the user's node, and keeps the user's name.
        if self.name is None or output is node or output.name is not None:
            return output
        self._calls += 1
        return self._named(output, "" if self._calls == 1 else f"_{self._calls}")

    def _fix(self) -> None:
        """Keep the name from now on, because the user holds nodes that have it."""
        if not self._is_fixed:
            self._is_fixed = True
            if self.name is None and self._nodes:
                self._take_name(self.kind, is_given=False)

    def _take_name(self, name: str, *, is_given: bool) -> None:
        """Call the layer and its parameters so: for good, or until it is numbered."""
        self._name = name
        self._naming = None if is_given else Naming(name)
        self._nodes = {
            part: self._named(node, f".{part}") for part, node in self._nodes.items()
        }

    def _named(self, node: Node, suffix: str) -> Node:
        if self._naming is not None:
            return self._naming.give(node, suffix)
        return node.copy(name=f"{self._name}{suffix}")

    def _declare(self, part: str, shape: tuple[int, ...], start: Any, dtype: Any):
        """Create the parameter `<name>.<part>`."""
        prefix = self._name or self.kind
        self._nodes[part] = parameter(f"{prefix}.{part}", shape, start, dtype)

    def _parameter(self, part: str) -> Node | None:
        self._fix()
        return self._nodes.get(part)

    def _adopt(self, name: str, *, is_given: bool) -> None:
        """Take a name from a container, unless a name is given or was seen already.

        Args:
            name: the name.
            is_given: whether the user gave the part of it that tells it from others.
        """
        if not self._is_fixed:
            self._take_name(name, is_given=is_given)

    def _describe(self) -> str:
        """The constructor's arguments, for `repr`."""
        return ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._describe()})"


def _check_name(name: object) -> None:
    parts = name.split(".") if isinstance(name, str) else [name]
    for part in parts:
        check_identifier(part, "layer name")


def _check_size(value: Any, what: str, layer: Layer) -> int:
    """A number of features: a positive integer."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not 1 <= value < 2**63:
        raise OptionError(
            f"{what} must be a positive integer, got {value!r}",
            node=type(layer).__name__,
        )
    return int(cast(int, value))


class Linear(Layer):
    """Affine map with a weight and a bias of its own, `y = input @ weight.T + bias`.

    Both start uniform on `[-1/sqrt(in_features), 1/sqrt(in_features))`, as in torch.

    Args:
        in_features: the size of the last axis of inputs.
        out_features: the size of the last axis of outputs.
        bias: whether there is one.
        weight_init: an array `(out, in)` or an initialiser of `gc.init`; those that
            scale by fans are told that the layout is `(out, in)`.
        bias_init: an array `(out,)` or an initialiser.
        name: the name of the output and prefix of the parameters.
        dtype: the dtype of both parameters.

    Raises:
        OptionError: a number of features that is no positive integer.
        NamingError: a name that is no identifier.

    Source: the start is LeCun et al. 1998, "Efficient BackProp", up to a constant.

    >>> import graphc as gc
    >>> hidden = gc.nn.Linear(64, 32, name="hidden")
    >>> hidden(gc.input("x", ("batch", 64)))
    <linear 'hidden' float32 (batch, 32)>
    >>> hidden.parameters[0]
    <parameter 'hidden.weight' float32 (32, 64)>
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        weight_init: Any = None,
        bias_init: Any = None,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name)
        self.in_features = _check_size(in_features, "in_features", self)
        self.out_features = _check_size(out_features, "out_features", self)
        bound = 1.0 / math.sqrt(self.in_features)
        start = init.uniform(-bound, bound)
        if isinstance(weight_init, init.ScaledUniform | init.ScaledNormal):
            weight_init = replace(weight_init, layout="out_in")
        shape = (self.out_features, self.in_features)
        weight_start = start if weight_init is None else weight_init
        self._declare("weight", shape, weight_start, dtype)
        if bias:
            bias_start = start if bias_init is None else bias_init
            self._declare("bias", (self.out_features,), bias_start, dtype)
        elif bias_init is not None:
            raise OptionError(
                "bias_init was given for a layer without bias",
                node="Linear",
                hint="bias=True, or no bias_init",
            )

    @property
    def weight(self) -> Node:
        """`(out_features, in_features)`."""
        self._fix()
        return self._nodes["weight"]

    @property
    def bias(self) -> Node | None:
        """`(out_features,)`, or None."""
        return self._parameter("bias")

    def forward(self, input: Node) -> Node:
        """`gc.nn.linear` with the layer's weight and bias."""
        return linear(input, self.weight, self.bias)

    def _describe(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={'bias' in self._nodes}"
        )


class Dropout(Layer):
    """`gc.nn.dropout` with probability `p` as a layer, always of training.

    A trainer evaluates and predicts without it.

    >>> import graphc as gc
    >>> gc.nn.Dropout(0.2)(gc.input("x", ("batch", 3)))
    <dropout float32 (batch, 3)>
    """

    def __init__(self, p: float = 0.5, *, name: str | None = None) -> None:
        super().__init__(name)
        self.p = p

    def forward(self, input: Node) -> Node:
        """`input` with elements dropped."""
        return dropout(input, self.p)

    def _describe(self) -> str:
        return f"p={self.p}"


class Flatten(Layer):
    """Axes `start_dim` to `end_dim` joined into one, in C order.

    >>> import graphc as gc
    >>> gc.nn.Flatten()(gc.input("x", ("batch", 3, 8, 8)))
    <reshape float32 (batch, 192)>
    """

    def __init__(
        self, start_dim: int = 1, end_dim: int = -1, *, name: str | None = None
    ) -> None:
        super().__init__(name)
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Node) -> Node:
        """`input` in the joined shape."""
        first = normalize_axis(self.start_dim, input.ndim, input, "start_dim")
        last = normalize_axis(self.end_dim, input.ndim, input, "end_dim")
        if first > last:
            raise OptionError(
                f"start_dim {self.start_dim} is after end_dim {self.end_dim} "
                f"in shape {format_shape(input.shape)}",
                node=f"Flatten of {input.describe()}",
            )
        joined = product(input.shape[first : last + 1])
        return reshape(input, (*input.shape[:first], joined, *input.shape[last + 1 :]))

    def _describe(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Identity(Layer):
    """The input itself; any arguments are taken and ignored, as torch does.

    >>> import graphc as gc
    >>> gc.nn.Identity()(gc.input("x", ("batch", 3)))
    <input 'x' float32 (batch, 3)>
    """

    def __init__(self, *_: Any, name: str | None = None, **__: Any) -> None:
        super().__init__(name)

    def forward(self, input: Node) -> Node:
        """`input`."""
        return input


class LayerNorm(Layer):
    """`gc.nn.layer_norm` with a weight that starts at 1 and a bias that starts at 0.

    Args:
        normalized_shape: an integer, or the sizes of the last axes.
        eps: added to the variance.
        elementwise_affine: whether there are a weight and a bias.
        bias: whether there is a bias, if there is a weight.
        name: the name of the output and prefix of the parameters.
        dtype: the dtype of both parameters.

    >>> import graphc as gc
    >>> gc.nn.LayerNorm(8, name="norm")(gc.input("x", ("batch", 8)))
    <layer_norm 'norm' float32 (batch, 8)>
    """

    kind = "layer_norm"

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name)
        several = isinstance(normalized_shape, list | tuple)
        sizes: tuple[Any, ...] = (normalized_shape,)
        if several:
            sizes = tuple(cast("tuple[Any, ...]", normalized_shape))
        self.normalized_shape = tuple(
            _check_size(size, "a size of normalized_shape", self) for size in sizes
        )
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        if elementwise_affine:
            self._declare("weight", self.normalized_shape, init.ones(), dtype)
            if bias:
                self._declare("bias", self.normalized_shape, init.zeros(), dtype)

    @property
    def weight(self) -> Node | None:
        """Of shape `normalized_shape`, or None."""
        return self._parameter("weight")

    @property
    def bias(self) -> Node | None:
        """Of shape `normalized_shape`, or None."""
        return self._parameter("bias")

    def forward(self, input: Node) -> Node:
        """`gc.nn.layer_norm` with the layer's weight and bias."""
        return layer_norm(
            input, self.normalized_shape, self.weight, self.bias, self.eps
        )

    def _describe(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}"
        )


class Sequential(Layer):
    """Layers applied one after another.

    Children without a name get one from their kind and number, after the name of the
    Sequential if it has one; a name that the user gave stays as it is. Iteration,
    `len`, indexing and slicing work as on a tuple.

    Args:
        layers: layers, other Sequentials included, or functions of one node.
        name: an identifier to put before the names of unnamed children.

    Raises:
        OptionError: something that can't be called.
        NamingError: a name that is no identifier.

    >>> import graphc as gc
    >>> model = gc.nn.Sequential(gc.nn.Linear(64, 8), gc.nn.Linear(8, 9))
    >>> model(gc.input("x", ("batch", 64)))
    <linear 'linear_2' float32 (batch, 9)>
    >>> [parameter.name for parameter in model.parameters]
    ['linear_1.weight', 'linear_1.bias', 'linear_2.weight', 'linear_2.bias']
    """

    def __init__(self, *layers: Any, name: str | None = None) -> None:
        super().__init__(name)
        for layer in layers:
            if not callable(layer):
                raise OptionError(
                    f"Sequential takes layers, got {layer!r}",
                    node="Sequential",
                    hint="Sequential(first, second), not a list of them",
                )
        self._layers: tuple[Any, ...] = layers
        # A layer that has a name, its own or from another Sequential, keeps it.
        self._unnamed = [
            layer
            for layer in dict.fromkeys(layers)
            if isinstance(layer, Layer) and layer.name is None
        ]
        self._name_children(name, is_given=name is not None)

    def _name_children(self, name: str | None, *, is_given: bool) -> None:
        prefix = f"{name}." if name else ""
        taken = {layer.name for layer in self._layers if isinstance(layer, Layer)}
        taken.difference_update(layer.name for layer in self._unnamed)
        counts: Counter[str] = Counter()
        for layer in self._unnamed:
            counts[layer.kind] += 1
            while f"{prefix}{layer.kind}_{counts[layer.kind]}" in taken:
                counts[layer.kind] += 1
            chosen = f"{prefix}{layer.kind}_{counts[layer.kind]}"
            layer._adopt(chosen, is_given=is_given)

    def _adopt(self, name: str, *, is_given: bool) -> None:
        if not self._is_fixed:
            self._name = name
            self._name_children(name, is_given=is_given)

    @property
    def parameters(self) -> list[Node]:
        """The trainable nodes of all children, each once."""
        self._fix()
        found: dict[Node, None] = {}
        for layer in self._layers:
            if isinstance(layer, Layer):
                found.update(dict.fromkeys(layer.parameters))
        return list(found)

    def forward(self, input: Node) -> Node:
        """Each layer applied to the output of the one before."""
        for layer in self._layers:
            input = layer(input)
        return input

    def __call__(self, input: ArrayLike) -> Node:
        """Apply the layers; the output has the name of the last one."""
        self._fix()
        return self.forward(as_node(input))

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._layers)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return Sequential(*self._layers[index], name=self._name)
        try:
            return self._layers[index]
        except (IndexError, TypeError):
            raise IndexRangeError(
                f"requires a position in {len(self)} layers, got {index!r}",
                node=type(self).__name__,
            ) from None

    def _describe(self) -> str:
        return ", ".join(repr(layer) for layer in self._layers)
