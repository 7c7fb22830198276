"""Layers without an operation of their own: Sequential, Residual, Flatten, Identity."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, overload

from ..errors import IndexRangeError, OptionError, ShapeError
from ..ir.dims import format_shape, product
from ..ir.naming import Naming
from ..ir.node import Node
from ..ir.origin import inside
from ..ops.axes import normalize_axis
from ..ops.shape import reshape
from ..ops.source import ArrayLike, as_node
from .layer import Layer


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
        NamingError: a name that is not an identifier.

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
        self._sequence: tuple[Any, ...] = layers
        self._layers = {
            str(place): layer
            for place, layer in enumerate(layers)
            if isinstance(layer, Layer)
        }
        # A layer that has a name, its own or from another Sequential, keeps it.
        self._unnamed = [
            layer
            for layer in dict.fromkeys(layers)
            if isinstance(layer, Layer) and layer.name is None
        ]
        self._name_children(name, is_given=name is not None)

    def _name_children(self, name: str | None, *, is_given: bool) -> None:
        prefix = f"{name}." if name else ""
        for layer, own in self._numbered(prefix):
            layer._adopt(prefix + own, is_given=is_given)

    def _numbered(self, prefix: str) -> Iterator[tuple[Layer, str]]:
        """The children without names of their own, and those by kind and number."""
        taken = {layer.name for layer in self._layers.values()}
        taken.difference_update(layer.name for layer in self._unnamed)
        counts: Counter[str] = Counter()
        for layer in self._unnamed:
            counts[layer.kind] += 1
            while f"{prefix}{layer.kind}_{counts[layer.kind]}" in taken:
                counts[layer.kind] += 1
            yield layer, f"{layer.kind}_{counts[layer.kind]}"

    def _adopt(self, name: str, *, is_given: bool) -> None:
        if not self._is_fixed:
            self._name = name
            self._name_children(name, is_given=is_given)

    def _take_name(self, name: str, naming: Naming | None, suffix: str = "") -> None:
        self._name, self._naming, self._suffix = name, naming, suffix
        for layer, own in self._numbered(f"{name}{suffix}."):
            if not layer._is_fixed:
                layer._take_name(name, naming, f"{suffix}.{own}")

    def _fix(self) -> None:
        self._is_fixed = True
        for layer in self._layers.values():
            layer._fix()

    def _copy(self) -> Sequential:
        copies: dict[Layer, Layer] = {}
        for layer in self._layers.values():
            copies.setdefault(layer, layer._copy())
        copied = copy.copy(self)
        sequence = (copies.get(layer, layer) for layer in self._sequence)
        Sequential.__init__(copied, *sequence)
        return copied

    def forward(self, input: Node) -> Node:
        """Each layer applied to the output of the one before."""
        for layer in self._in_turn(self._sequence):
            input = layer(input)
        return input

    def __call__(self, input: ArrayLike) -> Node:
        """Apply the layers; the output has the name of the last one."""
        self._fix()
        node = as_node(input)
        with inside(self, (node,)):
            return self.forward(node)

    def __len__(self) -> int:
        return len(self._sequence)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._sequence)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return Sequential(*self._sequence[index], name=self._name)
        try:
            return self._sequence[index]
        except (IndexError, TypeError):
            raise IndexRangeError(
                f"requires a position in {len(self)} layers, got {index!r}",
                node=type(self).__name__,
            ) from None

    def _describe(self) -> str:
        return ", ".join(repr(layer) for layer in self._sequence)


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


class Residual(Layer):
    """The input and a layer's output for it, added: `y = input + layer(input)`.

    Args:
        layer: a layer, or a function of a node, that keeps the shape.
        name: the name of the output and prefix of the parameters.

    Source: He et al. 2016, "Deep residual learning for image recognition", equation 1.

    >>> import graphc as gc
    >>> block = gc.nn.Residual(gc.nn.Linear(8, 8), name="block")
    >>> block(gc.input("x", ("batch", 8)))
    <add 'block' float32 (batch, 8)>
    >>> block.parameters[0]
    <parameter 'block.layer.weight' float32 (8, 8)>
    """

    def __init__(self, layer: Any, *, name: str | None = None) -> None:
        super().__init__(name)
        if not callable(layer):
            raise OptionError(f"Residual takes a layer, got {layer!r}", node="Residual")
        self.layer: Any = layer

    def forward(self, input: Node) -> Node:
        """`input + layer(input)`."""
        output: Node = self.layer(input)
        if output.shape != input.shape:
            raise ShapeError(
                f"requires a layer that keeps the shape {format_shape(input.shape)}, "
                f"got {format_shape(output.shape)}",
                node=f"Residual of {input.describe()}",
            )
        return input + output

    def _describe(self) -> str:
        return repr(self.layer)


class ModuleList(Sequential):
    """Layers in a list, which a layer of your own applies as it likes.

    Iteration, `len`, indexing and slicing work as on a tuple.

    Args:
        modules: the layers.
        name: an identifier to put before the names of unnamed children.

    >>> import graphc as gc
    >>> layers = gc.nn.ModuleList([gc.nn.Linear(2, 2) for _ in range(3)], name="steps")
    >>> [layer.name for layer in layers]
    ['steps.linear_1', 'steps.linear_2', 'steps.linear_3']
    """

    def __init__(
        self, modules: Iterable[Any] | None = None, *, name: str | None = None
    ) -> None:
        super().__init__(*(() if modules is None else modules), name=name)

    def forward(self, input: Node) -> Node:
        """Refused: a list has no order of its own to be applied in."""
        raise OptionError(
            "a ModuleList is not applied itself, but its layers are",
            node="ModuleList",
            hint="gc.nn.Sequential, or a loop over it in forward",
        )
