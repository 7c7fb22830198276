"""`gc.page`: all that there is to see of a graph, in one file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..arguments import public
from ..errors import OptionError
from ..ir.facts import Role
from ..ir.graph import Graph
from ..runtime.files import check_writable, write_atomically
from ..runtime.interpretation import Interpretation
from ..runtime.interpreter import run_nodes
from ..runtime.summaries import in_lines
from ..version import __version__
from ..viz.text import printable
from .account import account
from .code import code_data, seconds_of_lines
from .document import document
from .graph import PageGraph, Shape, page_graph
from .layers import Layers
from .mathematics import derivation_data, formulas
from .recording import Recording
from .subject import Subject
from .turns import body_values
from .values import value_data


def page(
    target: Any,
    path: str | os.PathLike[str],
    *,
    wrt: Any = None,
    feeds: Mapping[Any, Any] | None = None,
    recording: Recording | None = None,
    times: bool = False,
    title: str | None = None,
) -> Path:
    """Write a page with graph, backward graph, derivation, code and rules, linked.

    It is one file of HTML that asks for nothing else: no network, no fonts. In it a
    reader opens and closes layers, follows each value to its formula, its line of code,
    its gradient and the rules that changed it, goes through the forward and the
    backward pass step by step, and, where training was recorded, through its epochs.

    Args:
        target: a `gc.Trainer`; a node, or a list, tuple or dict of nodes; or a compiled
            function.
        path: the file to write, which ends in `.html`.
        wrt: the nodes to differentiate by; by default what a trainer trains, all
            parameters of a scalar, or else its floating inputs.
        feeds: arrays by node or by name, a few rows. With them values and gradients
            are on the page. Parameters that are not fed are those of the trainer or the
            compiled function. By default those of the recording.
        recording: of a run of the trainer, see `gc.Recording`.
        times: True to measure what each line of the code takes, which needs `feeds`,
            and differs from run to run.
        title: of the page; by default the name of the file.

    Returns:
        The path.

    Raises:
        OptionError: a target that is none of these, another suffix, or `times` without
            `feeds`.
        DifferentiationError: `wrt` is no part of what a scalar depends on.
        FeedError: feeds that are missing, extra, or of another shape or dtype.
        OSError: the file can't be written, which is found before all else.

    >>> import pathlib, tempfile
    >>> import graphc as gc
    >>> x, w = gc.input("x", ("batch", 3)), gc.parameter("w", (3,))
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "model.html"
    >>> text = page(gc.mean(x @ w).named("loss"), path).read_text()
    >>> text.startswith("<!doctype html>"), len(text) < 200_000
    (True, True)
    """
    check_path(path)
    if feeds is None and recording is not None:
        feeds = recording.batch
    if times and feeds is None:
        raise OptionError("times are measured for feeds, and there are none")
    subject = Subject.of(target, wrt)
    graph = page_graph(subject.outputs, subject.trained)
    run = None if feeds is None else _run(graph, subject, feeds)
    seconds = None
    if times and run is not None:
        seconds = seconds_of_lines(subject.runner(_inputs(run)))
    name = printable(title or Path(path).stem)
    data = {
        "title": name,
        "version": __version__,
        "graph": Layers.of(graph).data(),
        "formulas": formulas(graph),
        "code": code_data(graph, subject.emitted, seconds),
        "derivations": derivation_data(graph, subject.losses),
        "account": account(graph, subject.target, _sizes(subject, run)),
    }
    if run is not None:
        data["values"] = {**_values(graph, run), **body_values(graph, run)}
    if recording is not None:
        data["recording"] = recording.data(graph)
    write_atomically(path, document(name, data))
    return Path(path)


def check_path(path: str | os.PathLike[str]) -> None:
    """Raise where a page can't be written, before any of it is made.

    Raises:
        OptionError: for another suffix than `.html`.
        OSError: for a folder, in one that is missing, or where nothing may be written.
    """
    name = os.fspath(path)
    is_replaced = os.path.isfile(name) or not os.path.exists(name)
    if is_replaced and Path(name).suffix.lower() not in (".html", ".htm"):
        raise OptionError(
            f"a page's file name must end in .html, got {name!r}",
            hint=repr(f"{Path(name).stem or 'model'}.html"),
        )
    check_writable(name)


def _run(
    graph: PageGraph, subject: Subject, feeds: Mapping[Any, Any]
) -> Interpretation:
    """The values of all vertices, gradients and flows."""
    inputs = Graph(tuple(node for _, node in subject.outputs)).inputs
    nodes = [*dict.fromkeys([*inputs, *graph.nodes])]
    return run_nodes(nodes, feeds, parameters=subject.parameters, function="gc.page")


def _inputs(run: Interpretation) -> dict[str, Any]:
    """The arrays that were fed, by name."""
    return {
        str(node.name): array
        for node, array in run.items()
        if node.op.role is Role.INPUT
    }


def _sizes(subject: Subject, run: Interpretation | None) -> dict[str, int]:
    """The sizes of the run that the graph has names for."""
    known = Graph(tuple(node for _, node in subject.outputs)).symbols
    sizes: Mapping[str, int] = {} if run is None else run.sizes
    return {name: size for name, size in sizes.items() if name in known}


def _value(shape: Shape, run: Interpretation) -> Mapping[str, Any]:
    """The value of a vertex, and the bytes that are computed for it."""
    node, value = shape.node, run[shape.node]
    # Few look at what is inside of blocks.
    is_inside = shape.parent is not None or shape.is_backward
    found = value_data(value, 20 if is_inside else 40)
    is_copied = node.op.kind == "source" or node.op.is_block or node.op.is_view(node)
    return found if is_copied else {**found, "bytes": value.nbytes}


def _values(graph: PageGraph, run: Interpretation) -> Mapping[str, Any]:
    """The values of vertices, of their gradients, and of what flows."""
    known = {*graph.nodes}
    vertices = {
        shape.number: _value(shape, run)
        for shape in graph.shapes
        if shape.refers is None and shape.node in known
    }
    gradients = {
        number: [
            {"name": printable(name), **value_data(run[node])}
            for name, node in pairs
            if node in known
        ]
        for number, pairs in graph.gradients.items()
    }
    flows: list[Mapping[str, Any] | None] = []
    arrived: dict[int, Any] = {}
    for flow in graph.flows:
        if not flow.values or not known.issuperset(flow.values):
            flows.append(None)
            continue
        value = np.sum([run[node] for node in flow.values], axis=0)
        found: dict[str, Any] = {"value": {"text": in_lines(value)}}
        if flow.head in arrived:
            value = arrived[flow.head] + value
            found["sofar"] = value_data(value)
        arrived[flow.head] = value
        flows.append(found)
    return {"vertices": vertices, "gradients": gradients, "flows": flows}


public(globals(), ["page"])
