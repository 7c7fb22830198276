"""The state of a training program: optimizer's arrays, clock, random generators."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from ...ir.facts import PERSISTENT
from ...ir.graph import Graph
from ...program.memory import MemoryPlan
from ...program.plan import TrainingPlan
from ...program.steps import step_of
from ...pysource.writer import Writer
from .expressions import (
    assign,
    call,
    dtype_expression,
    literal,
    mapping,
    name,
    parse,
    subscript,
)
from .memory_order import MemoryOrder
from .values import Values


def write_state(
    writer: Writer,
    plan: TrainingPlan,
    values: Values,
    layout: MemoryOrder | None,
    is_full: bool,
) -> None:
    """Write `init_state`; without the whole loop, only with what something reads."""
    order = layout.slots if layout is not None else tuple(plan.state)
    scope, forms = values.names, values.forms
    graph = Graph(tuple(plan.state.values()))
    has_seed = is_full or bool(plan.draws)
    with writer.function("init_state", ["parameters", *["seed=0"] * has_seed]):
        writer.docstring("Return what training remembers from step to step.")
        used = [node for node in graph.nodes if node.op.role in PERSISTENT]
        for node in used:
            stored = subscript(name("parameters"), node.name)
            writer.statement(assign(scope[node], stored))
        for node in graph.nodes:
            if not forms.is_inline(node) and node.op.kind != "source":
                step = step_of(node, forms, MemoryPlan())
                for statement in values.computed(step, scope[node], scope[node]):
                    writer.statement(statement)
        slots: list[ast.expr] = []
        for key in order:
            node = plan.state[key]
            if node.op.kind == "source" and node.op.numpy is not None:
                slots.append(values.expression(forms[node]))
            elif node.op.role in PERSISTENT:
                slots.append(parse(f"{scope[node]}.copy()"))
            else:
                slots.append(values.value(node))
        slot_names: list[ast.expr] = [ast.Constant(key) for key in order]
        table: ast.expr = ast.Dict(list(slot_names), slots)
        alike = () if is_full or layout is not None else _alike(plan, slots)
        if alike:
            table = name("slots")
            writer.statement(assign("slots", ast.Dict([], [])))
            with writer.block("for name, array in parameters.items():"):
                for suffix in alike:
                    start = f"slots[name + {suffix!r}] = np.zeros_like(array)"
                    writer.statement(ast.parse(start).body[0])
        if layout is not None and slots:
            table = call("side_by_side", table)
        fields: dict[str, ast.expr] = {
            "step": ast.Constant(0),
            "epoch": ast.Constant(0),
            "scale": ast.Constant(1.0),
            "rng": parse("random_streams(seed)" if plan.draws else "{}"),
            "slots": table,
        }
        if not is_full and plan.plateau is None:
            del fields["scale"]
        if not has_seed:
            del fields["rng"]
        if plan.plateau is not None:
            start = [literal(value, str) for value in plan.plateau.state]
            fields["plateau"] = ast.List(start, ast.Load())
        keys: list[ast.expr] = [ast.Constant(key) for key in fields]
        writer.statement(ast.Return(ast.Dict(list(keys), list(fields.values()))))


def _alike(plan: TrainingPlan, slots: Sequence[ast.expr]) -> tuple[str, ...]:
    """Ends of the names of slots, where each parameter has the same ones of zeros."""
    first = str(plan.parameters[0].name) if plan.parameters else ""
    ends = tuple(key[len(first) :] for key in plan.state if key.startswith(f"{first}."))
    zeros = {
        f"{node.name}{end}": call(
            "np.zeros", literal(node.shape, str), dtype_expression(node.dtype)
        )
        for node in plan.parameters
        for end in ends
    }
    starts = dict(zip(plan.state, map(ast.unparse, slots), strict=True))
    is_so = starts == {key: ast.unparse(value) for key, value in zeros.items()}
    return ends if is_so and list(starts) == list(zeros) else ()


def write_averages(writer: Writer, plan: TrainingPlan) -> None:
    """Write the function that takes averages to evaluate with."""
    with writer.function("averaged_parameters", ["parameters", "state"]):
        writer.docstring(
            "Return the parameters with the optimizer's averages in their places."
        )
        writer.statement(assign("slots", subscript(name("state"), "slots")))
        slots = [subscript(name("slots"), slot) for slot in plan.averages.values()]
        writer.statement(assign("averages", mapping(list(plan.averages), slots)))
        writer.statement(ast.Return(parse("parameters | averages")))
