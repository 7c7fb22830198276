"""Programs that predict: inference alone, in evaluation mode."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...harness import harness_source
from ...program.footprint import Footprint
from ...program.function import Declared
from ...program.lower import lower
from ...program.plan import Style, TrainingPlan
from ...pysource.plain import without_annotations
from ...pysource.writer import Writer
from ..c.module import supports
from .constants import Constants, literal_array
from .expressions import assign, call, dtype_expression, mapping, name, parse, subscript
from .function import Wording, write_function
from .headings import Made, hashed, head_of
from .helpers import called_helpers, names_of_helpers, write_helper
from .module import (
    Emitted,
    called_features,
    defined_names,
    module_names,
    write_imports,
    write_streams,
    write_tiling,
)
from .settings import Settings
from .sidecar import Sidecar

_RESERVED = (
    *("np", "parameters", "rng", "dtype", "thread", "get_ident", "predict", "main"),
    *("predict_workspace", "PARAMETERS", "STREAMS", "THREADS", "TILE", "argparse"),
    *("parser", "args", "data", "found"),
)
_SHORT = 200
"""The most trained numbers that a text holds."""

_SECTIONS = ("arrays", "cores", "tiles", "positions", "streams")


def emit_predict(
    plan: TrainingPlan,
    style: Style,
    trained: Mapping[str, np.ndarray[Any, Any]] | None,
    file: str = "",
) -> Emitted:
    """The program that computes the outputs of a model.

    Args:
        plan: of the model, which has outputs.
        style: of the text.
        trained: parameters to write into it, by name; None to take them from a file.
        file: the name of the file to write to; with one, long arrays are beside it.
    """
    graph = plan.predict
    assert graph is not None
    inputs = plan.predict_inputs
    declared = Declared(
        "predict",
        graph,
        inputs,
        converts=True,
        follows_dtypes=False,
        random=bool(graph.draws),
        tile=plan.tiling.size,
        size_bounds=plan.size_bounds.get("predict", ()),
    )
    wording = Wording(
        "Return the model's outputs for a batch, in evaluation mode.",
        lambda values: [ast.Return(_one_or_dict(plan, values))],
    )
    native = supports if style == "native" else None
    function = lower(declared, fast=style != "readable", native=native)
    helpers = called_helpers(function.forms_used())
    needed = frozenset(("arrays", "cores", "indexing", "streams", "tiles", "whole"))
    taken = {*_RESERVED, *names_of_helpers(helpers)}
    taken |= defined_names(harness_source(needed, _SECTIONS))
    names = module_names(inputs, taken)
    sidecar = Sidecar.beside(file)
    settings = Settings(names, [graph])
    constants = Constants(names, settings, sidecar)
    writer, text = Writer(), Writer()
    for helper in helpers:
        write_helper(writer, text, without_annotations(helper))
    write_function(text, function, wording, names, constants)
    _write_main(text, plan, embeds=trained is not None)
    features = called_features([function]) | {"short"}
    tree = ast.parse(text.source())
    used = frozenset(n.id for n in ast.walk(tree) if isinstance(n, ast.Name))
    harness = harness_source(features, _SECTIONS, used)
    made = Made("predict", style, embeds=trained is not None, file=file)
    writer.docstring(head_of(plan, made))
    writer.import_("argparse")
    write_imports(writer, harness)
    write_tiling(writer, plan.tiling, features)
    write_streams(writer, graph.draws)
    settings.write(writer)
    arrays = Writer()
    constants.write(arrays)
    if trained is not None:
        stored = {
            str(n.name): np.asarray(trained[str(n.name)]) for n in graph.parameters
        }
        is_short = sum(array.size for array in stored.values()) <= _SHORT
        values = [
            literal_array(array)
            if is_short or sidecar is None
            else sidecar.add(f"parameters/{key}", array)
            for key, array in stored.items()
        ]
        arrays.statement(assign("PARAMETERS", mapping(list(stored), values)))
    if sidecar is not None:
        sidecar.write(writer)
    writer.append(arrays)
    if harness.text.strip():
        writer.raw(harness.text)
    writer.append(text)
    content = b"" if sidecar is None else sidecar.content
    return Emitted(hashed(writer.source()), {}, Footprint(), beside=content)


def _one_or_dict(plan: TrainingPlan, values: Any) -> ast.expr:
    return values[0] if len(values) == 1 else mapping(plan.outputs, values)


def _write_main(writer: Writer, plan: TrainingPlan, *, embeds: bool) -> None:
    """Write the command line."""
    with writer.block('if __name__ == "__main__":'):
        writer.statement(
            assign("parser", parse('argparse.ArgumentParser(description="Predict.")'))
        )
        names = ", ".join(str(node.name) for node in plan.predict_inputs)
        add = "parser.add_argument"
        about = ast.Constant(f"an .npz file with {names}")
        writer.statement(ast.Expr(call(add, ast.Constant("data"), help=about)))
        if not embeds:
            about = ast.Constant("an .npz file of training")
            option = ast.Constant("--parameters")
            required = ast.Constant(True)
            writer.statement(ast.Expr(call(add, option, required=required, help=about)))
        about = ast.Constant("an .npz file to write them to, too")
        writer.statement(ast.Expr(call(add, ast.Constant("--out"), help=about)))
        writer.statement(assign("args", parse("parser.parse_args()")))
        writer.statement(assign("data", parse("np.load(args.data)")))
        given: list[ast.expr] = [name("PARAMETERS")]
        if not embeds:
            given = [parse("dict(np.load(args.parameters))")]
        given += [
            call(
                "np.asarray",
                subscript(name("data"), node.name),
                dtype_expression(node.dtype),
            )
            for node in plan.predict_inputs
        ]
        writer.statement(assign("found", call("predict", *given)))
        writer.statement(ast.Expr(call("print", name("found"))))
        with writer.block("if args.out:"):
            is_one = len(plan.outputs) == 1
            keyword = ast.keyword(plan.outputs[0] if is_one else None, name("found"))
            saved = ast.Call(parse("np.savez"), [parse("args.out")], [keyword])
            writer.statement(ast.Expr(saved))
