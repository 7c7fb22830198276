"""The one literal order of passes.

There is no pass that removes dead code: a graph is its outputs and what they depend
on, so what nothing needs any more is gone with the rewrite that made it useless.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..ir.graph import Graph
from ..ir.verify import verify
from .algebra.rules import Algebra
from .base import Pass, Rewrite, recording
from .bodies import DropUnread, InlineCalls, run_everywhere
from .cse import MergeEqual
from .expand import ExpandBlocks
from .fold import FoldConstants
from .formulas.simplify import Simplify
from .forward_values import KeepForwardValues
from .layout import KeepBatchLast
from .loops.branches import TidyBranches
from .loops.grouping import GroupKnown
from .loops.moves import MoveOutOfLoops
from .loops.slices import StackSlices
from .loops.stacks import StackOnce
from .loops.tidy import TidyLoops
from .loops.values import KeepLoopValues
from .stable.rules import Stability
from .windows import MultiplyWindows


def pipeline(simplify: bool) -> tuple[Pass, ...]:
    """The passes in their order.

    Formulas are made stable first, while gradients are still what differentiation
    returned and blocks are whole. Functions that are called again stay functions, and
    pass on the values that their derivatives need. Merging before algebra lets rules
    see that two values are one. Loops are made small, keep what their derivatives need,
    and lose what needs no order before rules of algebra see the rest. The order of axes
    is chosen once formulas are final. Constants are broadcast to arrays last, when no
    operand is one any more.

    Without `simplify` the graph stays as written, calls included: a program needs
    primitives, and the expansion of a block is the same nodes wherever it is used.
    """
    if not simplify:
        return (ExpandBlocks(),)
    return (
        Stability(),
        ExpandBlocks(),
        KeepForwardValues(),
        DropUnread(),
        InlineCalls(),
        TidyBranches(),
        TidyLoops(),
        MergeEqual(),
        KeepLoopValues(),
        TidyLoops(),
        GroupKnown(),
        MoveOutOfLoops(),
        MergeEqual(),
        TidyLoops(),
        FoldConstants(),
        Algebra(),
        Simplify(),
        Algebra(),
        KeepBatchLast(),
        StackOnce(),
        TidyLoops(whole=True),
        FoldConstants(broadcast=True),
        MergeEqual(),
    )


SPEED: tuple[Pass, ...] = (
    StackSlices(),
    TidyLoops(whole=True),
    FoldConstants(broadcast=True),
    MergeEqual(),
)
"""Passes besides, for text that is to run fast and is no longer as one writes it."""

IN_PLACE: tuple[Pass, ...] = (MultiplyWindows(), MergeEqual())
"""Passes besides these, for programs that multiply windows where they are."""


def optimize(
    graph: Graph, *, simplify: bool = True, verify_each: bool = False
) -> Graph:
    """The graph that is emitted: in primitives, and optimised unless told not to.

    Args:
        graph: any graph; it stays as it is.
        simplify: False leaves the graph as written, with only blocks expanded.
        verify_each: check the invariants of a graph after every pass.

    Returns:
        A graph with as many outputs, of the same types and values.

    Raises:
        GraphError: with `verify_each`, where a pass broke an invariant.
    """
    # Constants overflow in here as they may in the program: what the user asked NumPy
    # to do about it concerns neither.
    with np.errstate(all="ignore"):
        for step in pipeline(simplify):
            graph = run_everywhere(step, graph)
            if verify_each:
                verify(graph)
    return graph


def accelerate(graph: Graph, *, native: bool = False) -> Graph:
    """The optimised graph as fast style computes it, or native style."""
    with np.errstate(all="ignore"):
        for step in (*SPEED, *(IN_PLACE if native else ())):
            graph = run_everywhere(step, graph)
    return graph


@dataclass(frozen=True, eq=False, slots=True)
class Stage:
    """One pass over a graph, and the rewrites that it noted."""

    step: Pass
    before: Graph
    after: Graph
    rewrites: tuple[Rewrite, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Optimization:
    """A graph as it was declared, and the way in which it is optimised."""

    graph: Graph
    simplify: bool = True
    fast: bool = False
    native: bool = False
    """True where C computes what the optimised graph is lowered to."""

    def stages(self) -> Iterator[Stage]:
        """The passes one by one, as `optimize` and `accelerate` run them."""
        graph = self.graph
        steps = [*pipeline(self.simplify)]
        if self.simplify and self.fast:
            steps += [*SPEED, *(IN_PLACE if self.native else ())]
        for step in steps:
            with recording() as found, np.errstate(all="ignore"):
                after = run_everywhere(step, graph)
            yield Stage(step, graph, after, tuple(found))
            graph = after


def reasons() -> dict[str, str]:
    """Every rule that a pass applies, and when it is sound: the registry of rules."""
    found: dict[str, str] = {}
    for step in (*pipeline(simplify=True), *SPEED, *IN_PLACE):
        found |= step.reasons
    return found


def rewrites(graph: Graph, *, simplify: bool = True) -> tuple[Rewrite, ...]:
    """Rewrites of a graph by `optimize`, each with its rule, node and reason."""
    with recording() as found:
        optimized = optimize(graph, simplify=simplify)
        if simplify:
            accelerate(optimized, native=True)
    return tuple(found)
