"""Layers: they create named parameters once and are called on nodes.

A layer is a convenience and not a node: it declares exactly the nodes that the
functions of `gc.nn` declare. Its name is the name of its output and the prefix of its
parameters.

Where no name is given it follows from the declaration alone, never from what else a
process has declared: `Sequential` numbers its unnamed children by kind (`linear_1`,
`relu_1`, `linear_2`; torch numbers by position, but `0.weight` is not an identifier), a
named or nested one puts its own name before theirs (`encoder.linear_1`), and a lone
`Linear` is `linear`. Where two of these meet in a graph that is put to use, the one
declared later is numbered (`linear_2`); two layers of one given name are refused.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, cast

import numpy as np

from ..errors import OptionError
from ..ir.dims import check_identifier
from ..ir.naming import Naming
from ..ir.node import Node
from ..ops.source import BUFFER, ArrayLike, as_node
from .parameter import parameter


class Layer(ABC):
    """A name, parameters, and being called on nodes: the base of all layers."""

    kind: ClassVar[str]
    """Name of unnamed layers of this class, before their number."""

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
        return [node for node in self.persistent if node.op is not BUFFER]

    @property
    def buffers(self) -> list[Node]:
        """The persistent nodes that are not trained, in the order of declaration."""
        return [node for node in self.persistent if node.op is BUFFER]

    @property
    def persistent(self) -> list[Node]:
        """Parameters and buffers, in the order of declaration."""
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
        # A node that is passed through is the user's, and keeps the user's name.
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

    def _declare(
        self,
        part: str,
        shape: tuple[int, ...],
        start: Any,
        dtype: Any,
        kind: Callable[..., Node] = parameter,
    ) -> None:
        """Create the parameter, or the buffer, `<name>.<part>`."""
        prefix = self._name or self.kind
        self._nodes[part] = kind(f"{prefix}.{part}", shape, start, dtype)

    def _parameter(self, part: str) -> Node | None:
        self._fix()
        return self._nodes.get(part)

    def _adopt(self, name: str, *, is_given: bool) -> None:
        """Take a name from a container, unless a name is given or was seen already.

        Args:
            name: the name.
            is_given: True where the user gave the part that tells it from others.
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


def check_size(value: Any, what: str, layer: Layer) -> int:
    """A number of features: a positive integer."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not 1 <= value < 2**63:
        raise OptionError(
            f"{what} must be a positive integer, got {value!r}",
            node=type(layer).__name__,
        )
    return int(cast(int, value))


class FunctionLayer(Layer):
    """A layer that applies one function of `gc.nn`, with its options as attributes.

    A subclass names the function, from which unnamed layers take their kind, and lists
    its options as the constructor's arguments.
    """

    function: ClassVar[Callable[..., Node]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "function" in cls.__dict__:
            cls.kind = cls.function.__name__

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name)

    def _options(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if not k.startswith("_")}

    def forward(self, input: Node) -> Node:
        """The function of `input`."""
        return type(self).function(input, **self._options())

    def _describe(self) -> str:
        return ", ".join(f"{k}={v!r}" for k, v in self._options().items())
