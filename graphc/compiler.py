"""Nodes in, a NumPy function out.

Here, and in `training` for whole programs, the packages meet: differentiation, passes,
printer and runtime know nothing of one another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from . import __version__
from .codegen.function import Style
from .codegen.memory import storage_of
from .codegen.module import Emitted, emit_function
from .codegen.operands import is_free
from .errors import OptionError, ShapeError
from .ir.graph import Graph
from .ir.labels import LabelBounds, label_bounds
from .ir.node import Node
from .ir.origin import here
from .passes.pipeline import optimize
from .runtime.feeds import bind_feeds
from .runtime.interpreter import initial_parameters
from .runtime.program import Program

__all__ = ["CompiledFunction", "check_style", "compile"]


class CompiledFunction:
    """A graph as a callable: `f(x=array)`. Made by `gc.compile`.

    Attributes:
        source: the text that runs.
        parameters: the live arrays by name; write into them to change them.
    """

    def __init__(
        self,
        structure: Any,
        graph: Graph,
        emitted: Emitted,
        inputs: Sequence[Node],
        updates: Sequence[Node],
        bounds: Mapping[Node, LabelBounds],
        seed: int,
    ) -> None:
        self._structure = structure
        self._program = Program(emitted.source, emitted.variables)
        self._inputs = tuple(inputs)
        self._updates = tuple(str(node.name) for node in updates)
        self._bounds = bounds
        self._shared = _shared_outputs(graph.outputs)
        self._random = any(not node.op.pure for node in graph.nodes)
        self._rng = np.random.default_rng(seed)
        declared = [*graph.parameters, *updates]
        unique = sorted(dict.fromkeys(declared), key=lambda node: node.order)
        self.parameters = initial_parameters(unique, seed)

    @property
    def source(self) -> str:
        """The text that runs."""
        return self._program.source

    def __call__(self, /, **feeds: Any) -> Any:
        """Run with arrays by input name; return arrays in the structure asked for.

        Raises:
            FeedError: an array is missing, extra, or does not fit its input.
        """
        arrays, _ = bind_feeds(self._inputs, feeds, self._bounds)
        values = [arrays[node] for node in self._inputs]
        random = {"rng": self._rng} if self._random else {}
        with np.errstate(all="ignore"):
            results = self._program.call("compute", self.parameters, *values, **random)
        count = len(results) - len(self._updates)
        new = [np.array(value) for value in results[count:]]
        outputs = [
            _own(value, copy=position in self._shared)
            for position, value in enumerate(results[:count])
        ]
        for name, value in zip(self._updates, new, strict=True):
            self.parameters[name][...] = value
        return _fill(self._structure, iter(outputs))


def _own(value: Any, *, copy: bool) -> np.ndarray[Any, Any]:
    """A result as an array that the caller may write to."""
    array = np.asarray(value)
    return array.copy() if copy or not array.flags.writeable else array


def _shared_outputs(outputs: Sequence[Node]) -> set[int]:
    """Positions of outputs that look into an input, a parameter or another output."""
    shared: set[int] = set()
    seen: set[Node] = set()
    for position, node in enumerate(outputs):
        array = storage_of(node)
        if is_free(array) or array in seen:
            shared.add(position)
        seen.add(array)
    return shared


def _flatten(nodes: Any, found: list[Node]) -> None:
    if isinstance(nodes, Node):
        found.append(nodes)
    elif isinstance(nodes, Mapping):
        for value in cast("Mapping[Any, Any]", nodes).values():
            _flatten(value, found)
    elif isinstance(nodes, list | tuple):
        for value in cast("Sequence[Any]", nodes):
            _flatten(value, found)
    else:
        raise TypeError(f"outputs must be nodes, got {type(nodes).__name__} {nodes!r}")


def _fill(structure: Any, values: Any) -> Any:
    if isinstance(structure, Node):
        return next(values)
    if isinstance(structure, Mapping):
        items = cast("Mapping[Any, Any]", structure).items()
        return {key: _fill(value, values) for key, value in items}
    filled = [_fill(value, values) for value in cast("Sequence[Any]", structure)]
    return tuple(filled) if isinstance(structure, tuple) else filled


def check_style(style: str) -> Style:
    """`style` if it is one, else raise."""
    if style not in ("fast", "readable"):
        raise OptionError(
            f'style must be "fast" or "readable", got {style!r}',
            location=str(here().location),
        )
    return style


def compile(
    outputs: Any,
    *,
    style: str = "fast",
    simplify: bool = True,
    updates: Mapping[Node, Node] | None = None,
    seed: int = 0,
) -> CompiledFunction:
    """Compile nodes to a NumPy function.

    Args:
        outputs: a node, or a list, tuple or dict of nodes, nested as you like.
        style: `"fast"` allocates a workspace once and writes with `out=`;
            `"readable"` is textbook NumPy. Both compute the same numbers.
        simplify: apply the algebra and stability rules; False leaves the graph as
            written.
        updates: new values for parameters, assigned after each call.
        seed: for parameters that start at random, and for random draws.

    Returns:
        `f(**feeds)`: arrays by input name in, arrays in the structure of `outputs`
        back. `f.source` is its text, `f.parameters[name]` its live parameters.

    Raises:
        NamingError: two inputs or parameters share a name.
        OptionError: an unknown style.

    >>> import graphc as gc
    >>> x = gc.input("x", ("n",))
    >>> f = gc.compile({"mean": x.mean(), "double": 2 * x})
    >>> f(x=[1.0, 3.0])
    {'mean': array(2., dtype=float32), 'double': array([2., 6.], dtype=float32)}
    """
    nodes: list[Node] = []
    _flatten(outputs, nodes)
    targets = _check_updates(updates or {})
    everything = Graph((*nodes, *(updates or {}).values()))
    everything.check_names()
    inputs = everything.inputs
    bounds = label_bounds(everything)
    graph = optimize(everything, simplify=simplify)
    emitted = emit_function(
        graph,
        inputs,
        docstring=f"Compiled by graphc {__version__}; needs only NumPy.",
        style=check_style(style),
    )
    return CompiledFunction(outputs, graph, emitted, inputs, targets, bounds, seed)


def _check_updates(updates: Mapping[Node, Node]) -> list[Node]:
    for parameter, value in updates.items():
        where = {"node": parameter.describe(), "location": str(here().location)}
        if parameter.op.name != "parameter":
            raise OptionError(
                f"only parameters can be updated, got {parameter!r}", **where
            )
        if value.type != parameter.type:
            raise ShapeError(
                f"an update must have the parameter's type {parameter.type}, "
                f"got {value.type}",
                **where,
            )
    return list(updates)
