"""The head of a training program: what it runs on, and what it is about."""

from __future__ import annotations

import ast
from collections.abc import Collection
from typing import Any

from ...ir.dims import Dim
from ...ir.node import Node
from ...program.plan import TrainingPlan
from ...pysource.writer import Writer
from .expressions import assign, call, long_text, parse


def write_requirements(writer: Writer) -> None:
    """Say at once what is too old, and not by an error somewhere in the text."""
    writer.import_("sys")
    numpy = 'np.lib.NumpyVersion(np.__version__) < "1.26.0"'
    with writer.block(f"if sys.version_info < (3, 10) or {numpy}:"):
        message = "this program needs Python 3.10 and NumPy 1.26, or later"
        error = call("ImportError", ast.Constant(message))
        writer.statement(ast.Raise(error))


def write_facts(
    writer: Writer, plan: TrainingPlan, used: frozenset[str] | None = None
) -> None:
    """Write the constants that say what the model is and what it takes.

    Args:
        writer: to write to.
        plan: of the program.
        used: the names that the program uses; by default it may use all.
    """
    inputs = {
        node.name: (str(node.dtype), _plain(node.shape), _allowed(plan, node))
        for node in plan.inputs
    }
    is_full = used is None
    facts: dict[str, str] = {
        "MODEL": plan.title,
        "GRAPHC_VERSION": plan.version,
        "GRAPH_HASH": plan.hash,
        "OPTIMIZER": plan.options,
    }
    for key, value in facts.items():
        if is_full or key in {"MODEL", "GRAPH_HASH", *used}:
            writer.statement(assign(key, long_text(value)))
    writer.heading(
        "Of each input: dtype, shape, bounds of labels or what need not be finite."
    )
    writer.statement(assign("INPUTS", parse(repr(inputs))))
    if used is not None:
        _write_rows(writer, plan)
    if used is not None and plan.fixed_rows is not None:
        writer.statement(assign("BATCH_SIZE", ast.Constant(plan.fixed_rows)))
    if is_full or plan.strict:
        writer.comment("Whether data of a wider dtype is refused, and not rounded.")
        writer.statement(assign("STRICT", ast.Constant(plan.strict)))
    if is_full or "PARAMETERS" in used:
        _write_parameters(writer, plan)
    if is_full:
        writer.comment(
            'Of each metric "max" or "min", whichever is best, if it says so.'
        )
    metrics = dict(plan.metrics) if is_full else tuple(plan.metrics)
    writer.statement(assign("METRICS", parse(repr(metrics))))
    if plan.predict is not None and is_full:
        writer.comment("What `predict` takes, and the names of what it returns.")
        taken = tuple(node.name for node in plan.predict_inputs)
        writer.statement(assign("PREDICT_INPUTS", parse(repr(taken))))
        writer.statement(assign("OUTPUTS", parse(repr(plan.outputs))))
    if plan.finish is not None:
        writer.comment("What `forward` returns that is summed over batches.")
        writer.statement(assign("TOTALS", parse(repr(plan.totals))))
    if plan.unchecked and (is_full or "UNCHECKED" in used):
        writer.comment(
            "Parameters whose gradients finite differences do not tell, why."
        )
        writer.statement(assign("UNCHECKED", parse(repr(dict(plan.unchecked)))))
    if plan.plateau is not None:
        writer.comment("When and how much the step size decays.")
        writer.statement(assign("PLATEAU", parse(repr(dict(plan.plateau.options)))))


def write_model_facts(
    writer: Writer, plan: TrainingPlan, used: Collection[str]
) -> None:
    """Write the names of inputs, and what else a loop of a page needs."""
    names = tuple(node.name for node in plan.inputs)
    writer.statement(assign("INPUTS", parse(repr(names))))
    _write_rows(writer, plan)
    if "PARAMETERS" in used:
        _write_parameters(writer, plan)
    if plan.plateau is not None:
        writer.comment("When and how much the step size decays.")
        writer.statement(assign("PLATEAU", parse(repr(dict(plan.plateau.options)))))


def _write_rows(writer: Writer, plan: TrainingPlan) -> None:
    if "later_rows" in plan.features:
        writer.comment("Axes that count examples; other inputs go to every batch.")
        writer.statement(assign("ROW_AXES", parse(repr(dict(plan.row_axes)))))
    elif "shared_inputs" in plan.features:
        writer.comment("Those with a row for each example; others go to every batch.")
        writer.statement(assign("ROW_INPUTS", parse(repr((*plan.row_axes,)))))


def _write_parameters(writer: Writer, plan: TrainingPlan) -> None:
    parameters = {
        node.name: (str(node.dtype), _plain(node.shape)) for node in plan.parameters
    }
    writer.comment("Of each parameter: dtype and shape.")
    writer.statement(assign("PARAMETERS", parse(repr(parameters))))


def _allowed(plan: TrainingPlan, node: Node) -> tuple[Any, ...] | None:
    """Smallest and largest label, and the ignored one if there is one."""
    bounds = plan.bounds.get(node)
    if bounds is None:
        return plan.admitted.get(node)
    return tuple(bound for bound in bounds if bound is not None)


def _plain(shape: tuple[Any, ...]) -> tuple[int | str, ...]:
    return tuple(str(size) if isinstance(size, Dim) else size for size in shape)
