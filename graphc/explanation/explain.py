"""`gc.explain`: what the compiler did, and why it may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ..arguments import Count, public
from ..errors import DTypeError, OptionError
from ..ir.graph import Graph
from ..ir.naming import number_unnamed
from ..ir.nest import flatten
from ..ir.node import Node
from ..passes.pipeline import Optimization
from ..runtime.compiler import CompiledFunction
from ..runtime.diagnosis import Failure
from ..training.trained import in_evaluation_mode
from ..training.trainer import Trainer
from .failures import failure_section
from .loops import bodies_section
from .memory import is_differentiated, memory_section, peak_notes
from .native import native_section
from .passes import Rules, passes_section
from .sections import Explanation, Section
from .sizes import Size


def explain(
    target: Any,
    *,
    rules: Rules = "first",
    depth: Count | None = None,
    **sizes: int,
) -> Explanation:
    """Tell what the compiler did to a graph, pass by pass, and why it may.

    For each pass: nodes, multiply-adds and bytes of all values after it; each rule
    that it went by, with formulas before and after, the user's line, and the condition
    under which both are the same, which the rule has checked. Where there are
    gradients, memory is told too: for each layer parameters and what is kept for the
    backward pass, and the peak of all values, with the node that is computed then. A
    layer of layers has its own row, which those of its parts are counted in. Bodies of
    loops, branches and functions that are called have a table, for one run.

    Args:
        target: a node, or a list, tuple or dict of nodes, as `gc.compile` takes them;
            a compiled function; a `gc.Trainer`, for its training step, the optimizer's
            update and evaluation; or the `last_failure` of a trainer, to learn in which
            node, row and operands a NaN or an infinity came up.
        rules: `"first"` shows one rewrite by each rule, `"all"` every one that
            differs, with its count, `"none"` only the table.
        depth: the levels of layers, and of layers inside of them, that have rows in the
            account of memory; all by default.
        sizes: named sizes to evaluate numbers for: `batch=32`.

    Returns:
        An `Explanation`: `print` it, take its `markdown`, or iterate over its records.

    Raises:
        OptionError: for a target that is none of these, or a size that the graph does
            not have.

    >>> import graphc as gc
    >>> x = gc.input("x", ("n", 8))
    >>> y = gc.log(gc.sum(gc.exp(x) * 1, axis=1))
    >>> print(gc.explain(y, rules="none", n=10))
    passes
      after        nodes  multiply-adds  bytes
      as declared      6            250    720
      algebra          4            170    400
      peak: 360 bytes of values, while sum is computed (...)
    """
    if isinstance(target, Failure):
        return Explanation((failure_section(target),))
    found = list(_optimizations(target))
    known = {name for _, each in found for name in each.graph.symbols}
    for name in sizes:
        if name not in known:
            raise OptionError(
                f"the graph has no size {name!r}",
                hint=", ".join(sorted(known)) or "no sizes: all are integers",
            )
    sections: list[Section] = []
    last = 0
    for name, each in found:
        of = f" of {name}" if name else ""
        section, graph = passes_section(f"passes{of}", each, rules, sizes)
        if is_differentiated(graph):
            sections.append(section)
            last = len(sections)
            title = f"memory{of}"
            sections.append(memory_section(title, graph, sizes, depth=depth))
        else:
            notes = peak_notes(graph, sizes)
            sections.append(replace(section, notes=(*section.notes, *notes)))
        if (inside := bodies_section(f"bodies{of}", graph, sizes)) is not None:
            sections.append(inside)
        if each.native:
            sections.append(native_section(f"native style{of}", graph, sizes))
    if isinstance(target, Trainer):
        size = target.footprint.total(sizes)
        if target.prediction is not None:
            sections.append(_prediction(target.prediction, sizes))
        note = f"a training step in fast style allocates, once: {size} bytes"
        sections[last] = replace(sections[last], notes=(*sections[last].notes, note))
    return Explanation(tuple(sections))


def _prediction(graph: Graph, sizes: Mapping[str, int]) -> Section:
    """The account of what `predict` computes, which has been optimised already."""
    return Section(
        "prediction",
        (),
        ("", "nodes", "multiply-adds", "bytes"),
        (("as optimised", *Size.of(graph, sizes).cells()),),
        notes=peak_notes(graph, sizes),
    )


def _optimizations(target: Any) -> Iterator[tuple[str, Optimization]]:
    """Titles, and the graphs that were or would be optimised."""
    if isinstance(target, Trainer):
        for name, each in target.optimizations().items():
            yield f"a training step of {name}" if name else "a training step", each
        for name, each in target.update_optimizations().items():
            yield f"the update by {name}", each
        values = (target.loss, *target.metric_nodes.values())
        graph = Graph(tuple(in_evaluation_mode(values)))
        yield "evaluation", Optimization(graph, fast=True)
    elif isinstance(target, CompiledFunction):
        yield "", target.optimization
    else:
        graph = target if isinstance(target, Graph) else Graph(tuple(_nodes(target)))
        number_unnamed(graph.nodes)
        yield "", Optimization(graph, fast=True)


def _nodes(target: Any) -> list[Node]:
    if target is None:
        raise OptionError(
            "there is nothing to explain: got None",
            hint="a trainer's last_failure is None until a loss or gradient is not "
            "finite",
        )
    with suppress(DTypeError):
        if nodes := flatten(target):
            return nodes
    raise OptionError(
        "explain takes a node, a list, tuple or dict of nodes, a compiled "
        f"function, a Trainer or its last_failure, got {target!r}",
        hint="of a function or a layer, explain what it returns for inputs",
    )


public(globals(), ["explain"])
