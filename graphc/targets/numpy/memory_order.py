"""Memory of training programs in fast style: what stands together."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...ir.dims import symbols_of
from ...program.footprint import Footprint, flat_bytes
from ...program.function import Function
from ...program.groups import ParameterUpdate, Update, groups_of, shared_nodes
from ...program.plan import TrainingPlan
from ...program.schedule import TILE
from ...program.update import LoweredUpdate, update_bytes
from ...pysource.writer import Writer
from .expressions import assign, parse
from .train_step import training_name


def footprint_of(
    plan: TrainingPlan,
    functions: Sequence[Function],
    updates: Sequence[LoweredUpdate],
    room: int,
) -> Footprint:
    """The bytes that a training step keeps allocated in fast style.

    Args:
        plan: of the program.
        functions: all of it.
        updates: those that NumPy computes.
        room: what others work in.
    """
    tile = plan.tiling.size or TILE
    differentiating = {training_name(step) for step in plan.steps}
    trainings = [f.footprint(tile) for f in functions if f.name in differentiating]
    names = symbols_of(size for node in plan.inputs for size in node.shape)
    return replace(
        functools.reduce(Footprint.together, trainings).of_program(names),
        parameters=flat_bytes(node.type for node in plan.parameters),
        state=flat_bytes(node.type for node in plan.state.values()),
        update=update_bytes(updates, tile) + room,
    )


class MemoryOrder:
    """The order of arrays in memory: those that follow one rule stand together."""

    def __init__(self, plan: TrainingPlan) -> None:
        self.gradients: dict[str, tuple[str, ...]] = {}
        """Those of each step, by its name."""
        trained: list[str] = []
        kept: list[str] = []
        for step in plan.steps:
            rules = [rule for group in _groups(step.update) for rule in group]
            own = tuple(str(rule.parameter.name) for rule in rules)
            self.gradients[step.name] = own
            trained += own
            kept += [
                f"{rule.parameter.name}.{slot}"
                for slot in dict.fromkeys(slot for rule in rules for slot in rule.slots)
                for rule in rules
                if slot in rule.slots
            ]
        others = [str(node.name) for node in plan.parameters]
        self.parameters = tuple(dict.fromkeys([*trained, *others]))
        self.slots = tuple(dict.fromkeys([*kept, *plan.state]))


def _groups(update: Update) -> list[list[ParameterUpdate]]:
    """The rules of an update, those of a group together."""
    return groups_of(update, set(shared_nodes(update)))


def write_rules(writer: Writer, updates: Mapping[str, LoweredUpdate]) -> None:
    """Write which arrays each loop of updates goes through, by names of losses."""
    tables = {
        step: tuple(
            (
                group.names,
                tuple(group.rule.slots),
                tuple(str(node.dtype) for node in group.scratch),
            )
            for group in update.groups
            if group.is_tiled
        )
        for step, update in updates.items()
    }
    if "" not in updates:
        writer.comment(
            "Of each rule of the updates, by their losses: its parameters, what the"
        )
        writer.comment("optimizer keeps of each, and the dtypes of arrays to work in.")
        writer.statement(assign("RULES_OF", parse(repr(tables))))
        return
    writer.comment(
        "Of each rule of the update: its parameters, what the optimizer keeps"
    )
    writer.comment("of each, and the dtypes of arrays to work in.")
    writer.statement(assign("RULES", parse(repr(tables[""]))))
