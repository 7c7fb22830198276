"""The layout of emitted modules, and the module of a single function."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...harness import HarnessSource, harness_source
from ...ir.dims import symbols_of
from ...ir.evaluate import stream_name
from ...ir.graph import Graph, OneRow
from ...ir.node import Node
from ...ir.pickling import Together
from ...ir.sizes import SizeBound, check_known, sizes_told_by
from ...ir.template import top_level_names
from ...program.footprint import Footprint
from ...program.function import Declared, Function
from ...program.loops.sharing import is_shared
from ...program.lower import lower
from ...program.plan import Style
from ...program.schedule import TILE, Tiling
from ...pysource.writer import Writer
from ..c.module import supports
from .constants import Constants
from .expressions import assign, parse
from .function import Wording, write_function
from .helpers import called_helpers, names_of_helpers, write_helper
from .names import Names
from .settings import Settings


@dataclass(frozen=True)
class Emitted:
    """The text of a module, and the nodes that its lines compute."""

    source: str
    lines: Mapping[int, Node]
    """By number from 1: fetches, checks, updates and tiles have a node, too."""
    footprint: Footprint
    """The memory that a call, or a training step, keeps allocated."""
    positions: Mapping[str, Node] = field(default_factory=dict[str, Node])
    """Computed positions by the text that checks of data call them."""

    beside: bytes = b""
    """The content of the file beside it."""

    def __reduce__(self) -> tuple[Any, ...]:
        nodes = Together([*self.lines.values(), *self.positions.values()])
        keys = (*self.lines, *self.positions)
        return _emitted, (self.source, keys, nodes, self.footprint)


def _emitted(
    source: str, keys: Sequence[int | str], nodes: Sequence[Node], footprint: Footprint
) -> Emitted:
    """Emitted text as it was before pickling."""
    pairs = list(zip(keys, nodes, strict=True))
    lines = {key: node for key, node in pairs if isinstance(key, int)}
    positions = {key: node for key, node in pairs if isinstance(key, str)}
    return Emitted(source, lines, footprint, positions)


def nodes_of_lines(writer: Writer) -> dict[int, Node]:
    """The nodes that the writer was told of."""
    return {n: node for n, node in writer.subjects().items() if isinstance(node, Node)}


def check_sizes(graphs: Sequence[Graph], inputs: Sequence[Node]) -> None:
    """Raise where a graph needs a size that no input tells."""
    known = {name for node in inputs for name in sizes_told_by(node)}
    for graph in graphs:
        check_known(graph, known)


def write_streams(writer: Writer, draws: Iterable[Node]) -> None:
    """Write the names of random draws, if there are any."""
    names = tuple(dict.fromkeys(map(stream_name, draws)))
    if names:
        writer.comment("Random draws, each with a generator of its own.")
        writer.statement(assign("STREAMS", parse(repr(names))))


# What fixed parts of emitted functions call their own values: no input goes by these.
_LOCAL_NAMES = ("loss", "gradients", "name", "parameter", "gradient", "slots")


_RESERVED = (
    *("np", "parameters", "rng", "dtype", "thread", "get_ident", "compute"),
    *("compute_for_one_row", "compute_for_one_row_workspace", "compute_workspace"),
    *("STREAMS", "THREADS", "TILE"),
)


def module_names(
    inputs: Sequence[Node], reserved: Iterable[str], local: Iterable[str] = ()
) -> Names:
    """A scope in which inputs and sizes have their own names, where those are free.

    Args:
        inputs: of all functions.
        reserved: what the module defines.
        local: what fixed parts of functions call their own values besides the usual.
    """
    reserved = set(reserved)
    locals_ = Names((*reserved, *_LOCAL_NAMES, *local))
    locals_.assign(inputs)
    names = Names(reserved)
    for node in inputs:
        names.alias(node, names.reserve(locals_[node]))
        names.outside.add(names[node])
    for symbol in symbols_of(size for node in inputs for size in node.shape):
        names.symbol(symbol)
    return names


def emit_function(
    graph: Graph,
    inputs: Sequence[Node],
    *,
    docstring: str,
    style: Style,
    tiling: Tiling,
    size_bounds: tuple[SizeBound, ...] = (),
    one_row: OneRow | None = None,
) -> Emitted:
    """A module with one function, `compute(parameters, *inputs)`, giving a tuple."""
    check_sizes([graph], inputs)
    declared = Declared(
        name="compute",
        graph=graph,
        inputs=tuple(inputs),
        random=bool(graph.draws),
        tile=tiling.size,
        size_bounds=size_bounds,
        one_row=one_row,
    )
    wording = Wording(
        "Return the outputs as a tuple.",
        lambda values: [ast.Return(ast.Tuple(list(values), ast.Load()))],
    )
    native = supports if style == "native" else None
    function = lower(declared, fast=style != "readable", native=native)
    helpers = called_helpers(function.forms_used())
    every = harness_source(_HELPERS, _SECTIONS)
    taken = {*_RESERVED, *defined_names(every), *names_of_helpers(helpers)}
    names = module_names(inputs, taken)
    settings = Settings(names, [graph])
    constants = Constants(names, settings)
    constants.c.threads = tiling.threads
    writer, functions = Writer(), Writer()
    for helper in helpers:
        write_helper(writer, functions, helper)
    write_function(functions, function, wording, names, constants)
    features = called_features([function])
    footprint = function.footprint(tiling.size or TILE)
    if footprint.rows():
        docstring += f"\n\nArrays besides inputs and outputs, in bytes:\n\n{footprint}"
    writer.docstring(docstring)
    positions = ["positions"] if "indexing" in features else []
    sections = ("arrays", "cores", "tiles", *positions, "streams", "native", "c_calls")
    harness = harness_source(features, sections)
    write_imports(writer, harness)
    write_tiling(writer, tiling, features)
    write_streams(writer, graph.draws)
    settings.write(writer)
    constants.write(writer)
    writer.append(functions)
    if harness.text.strip():
        writer.raw(harness.text)
    return Emitted(writer.source(), nodes_of_lines(writer), footprint)


_HELPERS = frozenset(
    ("arrays", "c_calls", "cores", "flat", "indexing", "native", "streams", "tiles")
)
_SECTIONS = (
    *("arrays", "cores", "tiles", "positions", "streams", "native", "c_calls"),
)


def called_features(functions: Iterable[Function]) -> frozenset[str]:
    """The parts of the harness that the functions of a module call."""
    wanted: set[str] = set()
    for function in (each for f in functions for each in f.everything()):
        if function.workspace.is_used:
            wanted |= {"arrays"}
        if function.has_tiles:
            wanted |= {"arrays", "cores", "tiles"}
        if function.regions:
            wanted |= {"arrays", "native", "c_calls"}
            shared = any(
                is_shared(each.region.nests.items) for each in function.regions
            )
            wanted |= {"cores"} if shared else set()
        if function.has_checks:
            wanted |= {"indexing"}
        if function.declared.graph.draws:
            wanted |= {"streams"}
    return frozenset(wanted)


def write_imports(writer: Writer, harness: HarnessSource) -> None:
    """Ask for NumPy and for what the training loop imports."""
    writer.import_("numpy", "np", if_used=True)
    for module, alias in harness.imports:
        writer.import_(module, alias)
    for module, item in harness.from_imports:
        writer.from_import(module, item)


def write_tiling(writer: Writer, tiling: Tiling, features: frozenset[str]) -> None:
    """Write the constants that say how large arrays are cut."""
    if features & {"tiles", "flat"}:
        writer.comment("How many numbers are computed at a time, to stay in cache.")
        writer.statement(assign("TILE", ast.Constant(tiling.size or TILE)))
    if "cores" in features:
        writer.comment("How many threads share large arrays; 0 for all cores.")
        writer.statement(assign("THREADS", ast.Constant(tiling.threads)))


def defined_names(harness: HarnessSource) -> set[str]:
    """Names that the training loop defines and imports at the top level."""
    names = {alias or module for module, alias in harness.imports}
    names |= {item for _, item in harness.from_imports}
    return names | top_level_names(harness.text)
