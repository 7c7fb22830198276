"""Nodes in, a NumPy function out.

Here, and in `training` for whole programs, the packages meet: differentiation, passes,
printer and runtime know nothing of one another.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ParamSpec, cast

import numpy as np

from ..arguments import Count, Natural, Seed, unlisted
from ..errors import GraphcError, GraphError, OptionError, ShapeError, hide_inner_frames
from ..ir.collector import paused
from ..ir.dims import symbols_of
from ..ir.evaluate import random_streams
from ..ir.facts import PERSISTENT, Role
from ..ir.graph import Graph, check_names, declared_inputs
from ..ir.labels import label_bounds
from ..ir.naming import number_unnamed
from ..ir.nest import filler, flatten
from ..ir.node import Node
from ..ir.sizes import inputs_for_sizes, size_bounds
from ..passes.one_row import for_one_row
from ..passes.pipeline import Optimization, accelerate, optimize
from ..program.footprint import Footprint
from ..program.plan import RunStyle
from ..program.schedule import TILE, Tiling
from ..program.storage import is_free, is_written, storage_of
from ..targets.numpy.module import Emitted, emit_function
from ..version import __version__
from .feeds import Binder
from .fresh_parameters import warn_of_fresh
from .html import html_text
from .interpreter import initial_parameters
from .load import Program
from .parameters import Array, LazyState, LiveParameters
from .signatures import documentation_of, signature_of
from .styles import style_here

_P = ParamSpec("_P")


@unlisted("emitted", "optimization", "share")
class CompiledFunction(LazyState):
    """A graph as a callable: `f(x=array)`, `f(array)`. Made by `gc.compile`.

    A copy, and what a pickle gives, has parameters of its own.
    """

    def __init__(
        self,
        structure: Any,
        graphs: Sequence[Graph],
        emitted: Emitted,
        binder: Binder,
        updates: Sequence[Node],
        seed: int,
        optimization: Optimization,
    ) -> None:
        told = (size for node in binder.order for size in node.shape)
        names = {*symbols_of(told), *(name for g in graphs for name in g.symbols)}
        self._footprint = emitted.footprint.of_program(names)
        self._program = Program(emitted.source, emitted.lines)
        self._binder = binder
        self._updates = tuple(str(node.name) for node in updates)
        graph = graphs[0]
        self._count = len(graph.outputs) - len(updates)
        self._changed = _not_as_they_are([g.outputs[: self._count] for g in graphs])
        self._fill = filler(structure)
        self._draws = graph.draws
        declared = [*graph.parameters, *updates]
        unique = sorted(dict.fromkeys(declared), key=lambda node: node.order)
        self.parameter_nodes = tuple(unique)
        """The parameters as nodes, in the order of declaration."""
        self._seed = seed
        types = self._fill([str(n.type) for n in graph.outputs[: self._count]])
        self.__signature__ = signature_of(binder.order, types)
        self.__doc__ = documentation_of(
            binder.order, graph.inputs, types, self.parameter_nodes
        )
        self.optimization = optimization
        """The graph as declared, and the way from it to that of the text."""
        made_of = (structure, graphs, emitted, binder, updates, seed, optimization)
        self._made_of = made_of

    def _begin(self) -> tuple[dict[str, Array], dict[str, Any]]:
        streams = random_streams(self._seed, self._draws)
        state = {"rng": streams} if streams else {}
        return initial_parameters(self.parameter_nodes, self._seed), state

    def __getstate__(self) -> tuple[Any, Any]:
        return self._made_of, self._is_begun and (self._arrays, self._state)

    def __setstate__(self, state: tuple[Any, Any]) -> None:
        made_of, begun = state
        CompiledFunction.__init__(self, *made_of)
        if begun:
            self._arrays, self._state = copy.deepcopy(begun)

    @property
    def parameters(self) -> LiveParameters:
        """The live arrays by name; assign, or write into them, to change them."""
        return LiveParameters(self.parameter_nodes, self._arrays)

    def share(self, arrays: Mapping[str, Array]) -> None:
        """Compute with these very arrays, where they are parameters of this function.

        Args:
            arrays: by name, of the shapes and dtypes of the parameters.
        """
        self._arrays.update((k, arrays[k]) for k in self._arrays if k in arrays)

    @parameters.setter
    def parameters(self, values: Mapping[str, Any]) -> None:
        """Copy values into the parameters, by name."""
        self.parameters.assign(values)

    @property
    def input_nodes(self) -> tuple[Node, ...]:
        """The placeholders that may be fed, in the order of arrays without names."""
        return self._binder.order

    @property
    def footprint(self) -> Footprint:
        """The bytes of the arrays that stay allocated between calls.

        `footprint.at(n=1000)` is their number for given sizes.
        """
        return self._footprint

    @property
    def graph(self) -> Graph:
        """The optimised graph that the text computes."""
        return self._made_of[1][0]

    @property
    def emitted(self) -> Emitted:
        """The text that runs, and the nodes that its lines compute."""
        return self._made_of[2]

    @property
    def source(self) -> str:
        """The text that runs."""
        return self._program.source

    def __repr__(self) -> str:
        takes = ", ".join(f"{node.name}: {node.type}" for node in self.input_nodes)
        results = ", ".join(n.describe() for n in self.graph.outputs[: self._count])
        count = sum(int(node.size) for node in self.parameter_nodes)
        more = f", with {count:,} parameters" if count else ""
        return f"<compiled function of ({takes}) that returns ({results}){more}>"

    def _repr_html_(self) -> str:
        """The text, by which notebooks show it."""
        return html_text(repr(self))

    def __call__(self, /, *arrays: Any, **feeds: Any) -> Any:
        """Run, and return arrays in the structure asked for.

        Args:
            arrays: the first inputs, in order.
            feeds: other inputs by name.

        Raises:
            FeedError: an array is missing, unknown, or does not fit its input.
        """
        try:
            bound = self._binder.bind(feeds, arrays)
            results = self._program.call("compute", self._arrays, *bound, **self._state)
        except GraphcError as error:
            hide_inner_frames(error)
            raise
        outputs = list(results[: self._count])
        for position, shared in self._changed:
            array = np.asarray(outputs[position])
            copy = shared or not array.flags.writeable
            outputs[position] = array.copy() if copy else array
        if self._updates:
            # Copies, since a new value may look into a parameter that is written first.
            new = [np.array(value) for value in results[self._count :]]
            for name, value in zip(self._updates, new, strict=True):
                self._arrays[name][...] = value
        return self._fill(outputs)


def _not_as_they_are(versions: Sequence[Sequence[Node]]) -> list[tuple[int, bool]]:
    """Positions of results without arrays of their own; True for those that share one.

    Scalars become arrays, and what is shared or read-only is copied, so that the caller
    may write to all. There may be several versions of the outputs: for one row, too.
    """
    shared = {p for outputs in versions for p in _shared_outputs(outputs)}
    changed = {
        position
        for outputs in versions
        for position, node in enumerate(outputs)
        if position in shared or not node.shape or node.op.is_view(node)
    }
    return [(position, position in shared) for position in sorted(changed)]


def _shared_outputs(outputs: Sequence[Node]) -> set[int]:
    """Positions of outputs that look into an input, a parameter or another output."""
    shared: set[int] = set()
    seen: set[object] = set()
    for position, node in enumerate(outputs):
        array, key = storage_of(node), None
        if array.op.role is Role.RESULT:
            key = array.inputs[0], array.attributes["index"]
        # A function may return what it is passed, or a view of it.
        is_returned = key is not None and bool(key[0].op.bodies)
        is_returned = is_returned and not is_written(array)
        if is_free(array) or (key or array) in seen or is_returned:
            shared.add(position)
        seen.add(key or array)
    return shared


def compile_nodes(
    outputs: Any,
    *,
    inputs: Node | str | Sequence[Node | str] | None = None,
    style: RunStyle = "fast",
    simplify: bool = True,
    updates: Mapping[Node, Node] | None = None,
    seed: Seed = 0,
    tile_size: Count | None = TILE,
    threads: Natural = 0,
    strict: bool = False,
) -> CompiledFunction:
    """Compile nodes to a NumPy function.

    Args:
        outputs: a node, or a list, tuple or dict of nodes, nested as you like.
        inputs: placeholders, or their names, in the order of arrays that are given
            without names; by default all that `outputs` were declared from, in the
            order of declaration. Those that the outputs do not need, such as the data
            that a derivative no longer depends on, may be fed or not.
        style: `"fast"` allocates a workspace once and writes with `out=`;
            `"readable"` is textbook NumPy; `"native"` computes in C, which is compiled
            at the first call; `"auto"` is that where a C compiler works, and else
            `"fast"`, with a warning. All compute the same but for rounding: sums and
            matrix products may be added up in another order.
        simplify: apply the algebra and stability rules; False leaves the graph as
            written.
        updates: new values for parameters, assigned after each call.
        seed: for parameters that start at random, and for random draws.
        tile_size: in fast style, how many numbers chains of elementwise ops on large
            arrays take at a time, so that they stay in cache; None for all at once.
        threads: how many threads share the tiles of large arrays in fast style, and
            large loops in native style; 0 for as many as `OMP_NUM_THREADS` says, or
            as there are cores. The results are the same, bit for bit.
        strict: refuse arrays of a wider dtype than an input's. By default numbers are
            rounded to the input's dtype (float64 to float32), integers become others
            of the same value, and only what would overflow or wrap is refused.

    Returns:
        `f(*arrays, **feeds)`: arrays by position or input name in, arrays in the
        structure of `outputs` back. `f.source` is its text, `f.parameters[name]` its
        live parameters.

    Raises:
        NamingError: two inputs or parameters share a name.
        GraphError: `inputs` lacks one that is needed, or a size that no input tells.
        OptionError: an unknown style, or a wrong tile size or number of threads.

    >>> import graphc as gc
    >>> x = gc.input("x", ("n",))
    >>> f = gc.compile({"mean": x.mean(), "double": 2 * x})
    >>> f(x=[1.0, 3.0])
    {'mean': array(2., dtype=float32), 'double': array([2., 6.], dtype=float32)}
    """
    style = style_here(style)
    with paused():
        nodes = flatten(outputs)
        targets = _check_updates(updates or {})
        everything = Graph((*nodes, *(updates or {}).values()))
        number_unnamed(everything.nodes)
        everything.check_names()
        order = _order(inputs, everything)
        graph = optimize(everything, simplify=simplify)
        if simplify and style != "readable":
            graph = accelerate(graph, native=style == "native")
        symbols = {*everything.symbols, *graph.symbols}
        sized = inputs_for_sizes(order, everything.inputs, symbols)
        taken = [node for node in order if node in {*everything.inputs, *sized}]
        needs = size_bounds(everything)
        one_row = for_one_row(graph, taken) if style != "readable" else None
        needed = "NumPy" if style != "native" else "NumPy and a C compiler"
        emitted = emit_function(
            graph,
            taken,
            docstring=f"Compiled by graphc {__version__}; needs only {needed}.",
            style=style,
            tiling=Tiling(tile_size, threads),
            size_bounds=needs,
            one_row=one_row,
        )
        graphs = [graph] if one_row is None else [graph, one_row.graph]
        bounds = label_bounds(everything)
        binder = Binder(taken, bounds, order, sized, strict=strict, needs=needs)
        is_fast, is_native = style != "readable", style == "native"
        way = Optimization(everything, simplify, is_fast, is_native)
        return CompiledFunction(outputs, graphs, emitted, binder, targets, seed, way)


def _warning_of_fresh(
    function: Callable[_P, CompiledFunction],
) -> Callable[_P, CompiledFunction]:
    """A function that warns, besides, where trained parameters start anew."""

    @functools.wraps(function)
    def compile(*args: _P.args, **kwargs: _P.kwargs) -> CompiledFunction:
        compiled = function(*args, **kwargs)
        warn_of_fresh(compiled.parameter_nodes, "gc.compile")
        return compiled

    return compile


compile = _warning_of_fresh(compile_nodes)
"""Compilation for users; parts of graphc bring the parameters, and need no warning."""


def _order(inputs: Any, graph: Graph) -> tuple[Node, ...]:
    """All placeholders that may be fed, in the order of arrays without names."""
    known = declared_inputs(graph.outputs)
    if inputs is None:
        return known
    by_name = {node.name: node for node in known}
    one = isinstance(inputs, Node | str) or not isinstance(inputs, Iterable)
    order: list[Any] = [inputs] if one else list(cast("Iterable[Any]", inputs))
    order = [by_name.get(i, i) if isinstance(i, str) else i for i in order]
    for given in order:
        if not isinstance(given, Node) or given.op.role is not Role.INPUT:
            names = ", ".join(str(node.name) for node in known) or "none"
            raise OptionError(
                f"inputs must be placeholders or their names, got {given!r}",
                hint=f"those that the outputs were declared from are {names}",
            )
    nodes = dict.fromkeys(node for node in order if isinstance(node, Node))
    missing = [node for node in graph.inputs if node not in nodes]
    if missing:
        raise GraphError(
            f"the outputs depend on the input {missing[0].name!r}, which inputs lacks",
            node=missing[0].describe(),
            hint=f"inputs=[{', '.join(str(n.name) for n in (*nodes, *missing))}]",
        )
    check_names(nodes)
    return tuple(nodes)


def _check_updates(updates: Mapping[Node, Node]) -> list[Node]:
    for parameter, value in updates.items():
        where = parameter.describe()
        if parameter.op.role not in PERSISTENT:
            raise OptionError(
                f"only parameters can be updated, got {parameter!r}", node=where
            )
        if value.type != parameter.type:
            raise ShapeError(
                f"an update must have the parameter's type {parameter.type}, "
                f"got {value.type}",
                node=where,
            )
    return list(updates)
