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

A layer of layers has them as attributes, and they are named after it: a parameter of
`self.query = gc.nn.Linear(8, 8)` in a layer `attention` is `attention.query.weight`. In
`state_dict` it is `query.weight`, as in torch.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar, cast

import numpy as np

from ..arguments import in_place_of_method, unlisted
from ..errors import NoAttributeError, OptionError, ShapeError, UnsupportedError
from ..ir.dims import check_identifier
from ..ir.facts import PERSISTENT
from ..ir.hyperparameters import owned_by
from ..ir.naming import Naming
from ..ir.node import Node
from ..ir.origin import inside
from ..ir.source_names import yielding
from ..ir.types import TensorType, as_dtype
from ..ops.functions import function
from ..ops.source import BUFFER, PARAMETER, ArrayLike, as_node
from .parameter import buffer, parameter, parameter_like, start_from
from .state import loaded, put_into, read_state, taken_from

_L = TypeVar("_L", bound="Layer")

_FEWEST = 3
"""Fewer layers that are alike, or of fewer parts, are read best where they stand."""


class ParameterList(list[Node]):
    """The parameters of a layer, which may be called, as torch's method is."""

    def __call__(self) -> ParameterList:
        """The list itself."""
        return self


@unlisted("kind", "persistent")
class Layer(ABC):
    """A name, parameters, and being called on nodes: the base of all layers.

    A class of your own calls `super().__init__(name)`, keeps other layers as
    attributes, and defines `forward`.

    >>> import graphc as gc
    >>> class Block(gc.nn.Layer):
    ...     def __init__(self, size, name=None):
    ...         super().__init__(name)
    ...         self.hidden = gc.nn.Linear(size, 2 * size)
    ...         self.output = gc.nn.Linear(2 * size, size)
    ...
    ...     def forward(self, input):
    ...         return input + self.output(gc.nn.relu(self.hidden(input)))
    >>> [parameter.name for parameter in Block(8, name="block").parameters()][:2]
    ['block.hidden.weight', 'block.hidden.bias']
    """

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
        self._suffix = ""
        self._is_fixed = name is not None
        self._is_called = False
        self._calls = 0
        self._nodes: dict[str, Node] = {}
        self._tied: set[str] = set()
        self._layers: dict[str, Layer] = {}

    @property
    def name(self) -> str | None:
        """The name, given or by `Sequential`; None where none is needed.

        One that is not given may get a number where its graph is put to use.
        """
        if self._naming is not None:
            return self._naming.text + self._suffix
        return None if self._name is None else self._name + self._suffix

    @property
    def parameters(self) -> ParameterList:
        """The trainable nodes, in the order of declaration, each once."""
        return ParameterList(node for node in self.persistent if node.op is not BUFFER)

    @property
    def buffers(self) -> ParameterList:
        """The persistent nodes that are not trained, in the order of declaration."""
        return ParameterList(node for node in self.persistent if node.op is BUFFER)

    @property
    def persistent(self) -> list[Node]:
        """Parameters and buffers, in the order of declaration, each once."""
        self._fix()
        return list(dict.fromkeys(node for _, node in self._state()))

    @abstractmethod
    def forward(self, *inputs: Any, **options: Any) -> Any:
        """The output for inputs, not yet named."""

    def __call__(self, input: ArrayLike, *others: ArrayLike, **options: Any) -> Any:
        """Apply the layer. Its first output takes its name, later ones `name_2`, ..."""
        self._fix()
        self._is_called = True
        # Options, of which None is one, may be given by position, too.
        kept = (bool, str, type(None))
        nodes = [x if isinstance(x, kept) else as_node(x) for x in (input, *others)]
        with owned_by(self._name or ""), inside(self if self._layers else None, nodes):
            output = self.forward(*nodes, **options)
        if type(output) is tuple and output:
            first, *rest = cast("tuple[Any, ...]", output)
            return (self._output(first, nodes), *rest)
        return self._output(output, nodes)

    def _output(self, output: Any, inputs: list[Any]) -> Any:
        # A layer of the user's may return anything, such as nodes by name, and a node
        # that is passed through keeps the user's name.
        passed = not isinstance(output, Node) or any(output is x for x in inputs)
        if passed or self.name is None or output.name is not None:
            return output
        self._calls += 1
        suffix = "" if self._calls == 1 else f"_{self._calls}"
        return yielding(self._named(output, suffix))

    def _in_turn(self, layers: Iterable[Any]) -> Iterator[Callable[..., Any]]:
        """Layers, and functions of nodes, as they are applied one after another.

        Three that are alike, of three parts with parameters or more, become calls of
        one function. They have to be graphc's own: a layer of the user's may keep a
        node that it computes, which means nothing outside of a function.
        """
        layers = tuple(layers)
        own = [isinstance(each, Layer) and _is_closed(each) for each in layers]
        pairs = zip(layers, own, strict=True)
        keys = [layer._structure() if is_own else None for layer, is_own in pairs]
        counts = Counter(keys)
        for layer, key in zip(layers, keys, strict=True):
            is_repeated = key is not None and counts[key] >= _FEWEST
            yield layer._as_function() if is_repeated else layer

    def _as_function(self) -> Callable[..., Any]:
        """The layer as a function that stays one, whose result has its name."""
        call = function(self)

        def apply(*inputs: Any, **options: Any) -> Any:
            calls = self._calls
            try:
                output = call(*inputs, **options)
            except UnsupportedError:
                self._calls = calls
                return self(*inputs, **options)
            self._calls = calls
            return self._output(output, list(inputs))

        return apply

    def _structure(self) -> Hashable | None:
        """A key that layers have in common that are alike but for their parameters.

        None for one that is small, or assigns to buffers.
        """
        parts = tuple(self._parts())
        is_small = sum(bool(types) for _, types in parts) < _FEWEST
        assigns = any(node.op is BUFFER for _, node in self._state())
        return None if is_small or assigns else parts

    def _parts(self) -> Iterator[tuple[Any, Any]]:
        """The classes of the layer and of those inside, and the types of parameters."""
        yield type(self), tuple((part, node.type) for part, node in self._nodes.items())
        for layer in self._layers.values():
            yield from layer._parts()

    def state_dict(self, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The parameters by torch's names, as a torch module's `state_dict` has them.

        Args:
            parameters: arrays by the names of nodes, such as `trainer.parameters`; None
                for the nodes themselves, which `gc.evaluate` takes as they are.

        Returns:
            Copies of the arrays, or nodes. `np.savez(path, **state)` writes them.

        >>> import graphc as gc
        >>> model = gc.nn.Sequential(gc.nn.Linear(2, 3), gc.nn.ReLU())
        >>> list(model.state_dict())
        ['0.weight', '0.bias']
        """
        self._fix()
        if parameters is None:
            return dict(self._state())
        return {
            key: taken_from(parameters, str(node.name), type(self).__name__)
            for key, node in self._state()
        }

    def load_state_dict(
        self, state_dict: Any, strict: bool = True, *, parameters: Any = None
    ) -> None:
        """Start from arrays by torch's names, as a module's `state_dict` has them.

        Args:
            state_dict: arrays or torch tensors by name, or the path of an `.npz` or
                `.safetensors` file of them, or with torch of a `.pt` file.
            strict: False takes what fits by name and leaves the rest. Counts of batches
                that torch tracks are left anyway.
            parameters: where to write arrays, such as `trainer.parameters`; None for
                the start of the layer's parameters, which have to be loaded before the
                layer is called.

        Raises:
            UnknownNameError: names are missing or unknown, where `strict`; none fits.
            ShapeError: an array of another shape than its parameter.
            OptionError: the layer was called already.

        >>> import graphc as gc, numpy as np
        >>> layer = gc.nn.Linear(2, 1)
        >>> layer.load_state_dict({"weight": np.ones((1, 2)), "bias": np.zeros(1)})
        >>> gc.evaluate(layer([3.0, 4.0]), {})
        array([7.])
        """
        nodes = dict(self._state())
        arrays = loaded(read_state(state_dict), nodes, strict, type(self).__name__)
        if parameters is None:
            self._check_not_called()
            for key, array in arrays.items():
                start_from(nodes[key], array)
        else:
            put_into(parameters, {str(nodes[k].name): a for k, a in arrays.items()})

    def _state(self, prefix: str = "") -> Iterator[tuple[str, Node]]:
        """The parameters by torch's names, those of layers after its own."""
        for part, node in self._nodes.items():
            yield prefix + part, node
        for key, layer in self._layers.items():
            yield from layer._state(f"{prefix}{key}.")

    def _check_not_called(self) -> None:
        if self._is_called:
            raise OptionError(
                "weights are loaded before a layer is called: what was compiled since "
                "would not have them",
                node=type(self).__name__,
                hint="load_state_dict(weights, parameters=trainer.parameters)",
            )
        for layer in self._layers.values():
            layer._check_not_called()

    def _restart(self, start: Any) -> None:
        """Give all weights of two axes or more another start."""
        for part, node in self._nodes.items():
            if node.ndim > 1 and part not in self._tied:
                start_from(node, start)
        for layer in self._layers.values():
            layer._restart(start)

    def register_parameter(
        self, name: str, shape: Any, init: Any = None, dtype: Any = "float32"
    ) -> None:
        """Declare a parameter, `<name of the layer>.<name>`, an attribute from then on.

        Args:
            name: of the attribute, and in `state_dict`.
            shape, init, dtype: as for `gc.parameter`.

        >>> import graphc as gc
        >>> class Scale(gc.nn.Layer):
        ...     def __init__(self, size, name=None):
        ...         super().__init__(name)
        ...         self.register_parameter("factor", (size,), gc.init.ones())
        ...
        ...     def forward(self, input):
        ...         return input * self.factor
        >>> Scale(3, name="scale").parameters()
        [<parameter 'scale.factor' float32 (3,)>]
        """
        check_identifier(name, "parameter name")
        self._declare(name, shape, init, dtype)

    def register_buffer(
        self, name: str, shape: Any, init: Any = 0, dtype: Any = "float32"
    ) -> None:
        """Declare a buffer as `register_parameter` declares a parameter."""
        check_identifier(name, "buffer name")
        self._declare(name, shape, init, dtype, buffer)

    def __getattr__(self, name: str) -> Any:
        """A parameter that was registered under this name."""
        if name in self.__dict__.get("_nodes", ()):
            return self._parameter(name)
        hint = None if name.startswith("_") else in_place_of_method(name, self)
        message = f"{type(self).__name__} has no attribute {name!r}"
        raise NoAttributeError(message, hint=hint)

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep an attribute; a layer becomes one of the layers of this one.

        A parameter or buffer becomes one of this layer's, under the name that it has.
        """
        super().__setattr__(name, value)
        if name.startswith("_"):
            return
        if "_layers" not in self.__dict__:
            raise OptionError(
                "a layer of your own calls super().__init__(name) first",
                node=type(self).__name__,
            )
        self._layers.pop(name, None)
        self._nodes.pop(name, None)
        if isinstance(value, Node) and value.op.role in PERSISTENT:
            self._nodes[name] = value
            self._tied.add(name)
        if isinstance(value, Layer):
            self._layers[name] = value
            if self._name is not None:
                value._join(self, name)

    def _join(self, parent: Layer, key: str) -> None:
        """Take the name of an attribute of a layer, unless a name was given or seen."""
        if not self._is_fixed:
            suffix = f"{parent._suffix}.{key}"
            self._take_name(str(parent._name), parent._naming, suffix)

    def _copy(self: _L) -> _L:
        """The same layer with parameters of its own, unnamed, that start anew."""
        copied = copy.copy(self)
        copied._nodes = {
            part: node if part in self._tied else parameter_like(node, self.kind, part)
            for part, node in self._nodes.items()
        }
        copied._name, copied._naming, copied._suffix = None, None, ""
        copied._is_fixed, copied._is_called, copied._calls = False, False, 0
        copied._layers = {}
        for key, layer in self._layers.items():
            setattr(copied, key, layer._copy())
        return copied

    def _fix(self) -> None:
        """Keep the name from now on, because the user holds nodes that have it."""
        if not self._is_fixed:
            if self.name is None and any(self._state()):
                self._take_name(self.kind, Naming(self.kind))
            self._is_fixed = True
        for layer in self._layers.values():
            layer._fix()

    def _take_name(self, name: str, naming: Naming | None, suffix: str = "") -> None:
        """Call the layer and its parameters so: for good, or until it is numbered.

        Args:
            name: the name of the layer, or of the one that it belongs to.
            naming: how that one is named for now; None for good.
            suffix: what follows that name in the name of this layer.
        """
        self._name, self._naming, self._suffix = name, naming, suffix
        self._nodes = {
            part: node if part in self._tied else self._named(node, f".{part}")
            for part, node in self._nodes.items()
        }
        for key, layer in self._layers.items():
            layer._join(self, key)

    def _named(self, node: Node, suffix: str) -> Node:
        if self._naming is not None:
            return self._naming.give(node, self._suffix + suffix)
        return node.copy(name=f"{self._name}{self._suffix}{suffix}")

    def _declare(
        self,
        part: str,
        shape: tuple[int, ...],
        start: Any,
        dtype: Any,
        kind: Callable[..., Node] = parameter,
    ) -> None:
        """Create the parameter, or the buffer, `<name>.<part>`.

        One that is given as start is shared.
        """
        if isinstance(start, Node):
            self._tie(part, start, shape, dtype)
            return
        prefix = self._name or self.kind
        self._nodes[part] = kind(f"{prefix}.{part}", shape, start, dtype)

    def _tie(self, part: str, node: Node, shape: tuple[int, ...], dtype: Any) -> None:
        """Take the parameter of another layer as one of this layer."""
        required = TensorType(as_dtype(dtype), shape)
        if node.op is not PARAMETER or node.type != required:
            raise ShapeError(
                f"requires a parameter of type {required} for {part}, "
                f"got {node.describe()}",
                node=type(self).__name__,
            )
        self._nodes[part] = node
        self._tied.add(part)

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
            self._take_name(name, None if is_given else Naming(name))

    def _describe(self) -> str:
        """The constructor's arguments, for `repr`."""
        return ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._describe()})"


def _is_closed(part: Any) -> bool:
    """True for a layer, or a function, of graphc's, if all that it holds is so."""
    is_layer = isinstance(part, Layer)
    module = getattr(type(part) if is_layer else part, "__module__", None)
    held: list[Any] = [*vars(part).values()] if is_layer else []
    for value in held:
        if isinstance(value, tuple | list | dict):
            items = cast("Any", value)
            held += items.values() if isinstance(value, dict) else items
    closed = all(_is_closed(value) for value in held if callable(value))
    return closed and str(module).startswith("graphc.")


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

    A subclass names the function, the kind of unnamed layers, and takes its options.
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
