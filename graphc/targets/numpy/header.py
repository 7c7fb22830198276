"""The head of a training program: what it runs on, and what it is about."""

from __future__ import annotations

import ast
from typing import Any

from ...ir.dims import Dim
from ...ir.node import Node
from ...program.plan import TrainingPlan
from ...pysource.writer import Writer
from .expressions import assign, call, parse


def write_requirements(writer: Writer) -> None:
    """Say at once what is too old, and not by an error somewhere in the text."""
    writer.statement(assign("OLDEST_PYTHON", parse("(3, 10)")))
    writer.statement(assign("OLDEST_NUMPY", ast.Constant("1.26.0")))
    numpy = "np.lib.NumpyVersion(np.__version__) < OLDEST_NUMPY"
    with writer.block(f"if sys.version_info < OLDEST_PYTHON or {numpy}:"):
        message = "this program needs Python 3.10 and NumPy 1.26, or later"
        error = call("ImportError", ast.Constant(message))
        writer.statement(ast.Raise(error))


def write_facts(writer: Writer, plan: TrainingPlan) -> None:
    """Write the constants that say what the model is and what it takes."""
    inputs = {
        node.name: (str(node.dtype), _plain(node.shape), _allowed(plan, node))
        for node in plan.inputs
    }
    parameters = {
        node.name: (str(node.dtype), _plain(node.shape)) for node in plan.parameters
    }
    facts: dict[str, Any] = {
        "MODEL": plan.title,
        "GRAPHC_VERSION": plan.version,
        "GRAPH_HASH": plan.hash,
        "OPTIMIZER": dict(plan.options),
    }
    for key, value in facts.items():
        writer.statement(assign(key, parse(repr(value))))
    writer.heading(
        "Of each input: dtype, shape, bounds of labels or what need not be finite."
    )
    writer.statement(assign("INPUTS", parse(repr(inputs))))
    writer.comment("Whether data of a wider dtype is refused, and not rounded.")
    writer.statement(assign("STRICT", ast.Constant(plan.strict)))
    writer.comment("Of each parameter: dtype and shape.")
    writer.statement(assign("PARAMETERS", parse(repr(parameters))))
    writer.comment('Of each metric "max" or "min", whichever is best, if it says so.')
    writer.statement(assign("METRICS", parse(repr(dict(plan.metrics)))))
    if plan.predict is not None:
        writer.comment("What `predict` takes, and the names of what it returns.")
        taken = tuple(node.name for node in plan.predict_inputs)
        writer.statement(assign("PREDICT_INPUTS", parse(repr(taken))))
        writer.statement(assign("OUTPUTS", parse(repr(plan.outputs))))
    if plan.finish is not None:
        writer.comment("What `forward` returns that is summed over batches.")
        writer.statement(assign("TOTALS", parse(repr(plan.totals))))
    if plan.micro_batches > 1:
        writer.comment("How many batches an update takes.")
        writer.statement(assign("MICRO_BATCHES", parse(repr(plan.micro_batches))))
    if plan.unchecked:
        writer.comment(
            "Parameters whose gradients finite differences do not tell, why."
        )
        writer.statement(assign("UNCHECKED", parse(repr(dict(plan.unchecked)))))
    if plan.plateau is not None:
        writer.comment("When and how much the step size decays.")
        writer.statement(assign("PLATEAU", parse(repr(dict(plan.plateau.options)))))


def _allowed(plan: TrainingPlan, node: Node) -> tuple[Any, ...] | None:
    """Smallest and largest label, and the ignored one if there is one."""
    bounds = plan.bounds.get(node)
    if bounds is None:
        return plan.admitted.get(node)
    return tuple(bound for bound in bounds if bound is not None)


def _plain(shape: tuple[Any, ...]) -> tuple[int | str, ...]:
    return tuple(str(size) if isinstance(size, Dim) else size for size in shape)
