"""Errors of emitted programs as graphc's own, with the node and the user's line.

A program that runs alone knows inputs by name only; here their nodes are known.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import (
    CheckpointError,
    DataError,
    FeedError,
    NonFiniteError,
    OptionError,
)
from ..ir.node import Node
from ..runtime.diagnosis import Failure, find_non_finite
from ..runtime.load import compiler_error, silently

if TYPE_CHECKING:
    from .assemble import TrainingProgram


def _rank_errors(module: Any) -> tuple[type[Exception], ...]:
    """The error of ranks that can't work together, where a program has ranks."""
    return (module.RankError,) if hasattr(module, "RankError") else ()


@contextmanager
def translated(
    compiled: TrainingProgram,
    loss: Node,
    losses: Iterable[Node] = (),
    failed: Callable[[Failure], None] = lambda failure: None,
) -> Generator[None]:
    """Raise the errors of an emitted program as graphc's.

    Args:
        compiled: the program.
        loss: the node that it minimises.
        losses: where that is a sum of several, those.
        failed: told of a step that was not taken.
    """
    module: Any = compiled.module
    try:
        with compiled.program.tracing():
            yield
    except module.DataError as error:
        node = next((n for n in compiled.inputs if n.name == error.input), None)
        for bound in compiled.plan.all_size_bounds:
            if str(error).startswith(f"{bound.message}, got "):
                raise FeedError(str(error), at=bound.node) from None
        if node is None:
            node = compiled.program.node_of(error)
        if node is None:
            node = compiled.program.positions.get(str(error.input))
        raise DataError(str(error), at=node) from None
    except (module.OptionError, *_rank_errors(module)) as error:
        raise OptionError(str(error)) from None
    except module.CheckpointError as error:
        raise CheckpointError(str(error)) from None
    except getattr(module, "CompilerError", ()) as error:
        raise compiler_error(error) from None
    except FloatingPointError as caught:
        error: Any = caught
        problem, _, hint = str(error).partition(": try ")
        node, source = loss, None
        if isinstance(error, module.NonFiniteError):
            names = [str(node.name) for node in compiled.inputs]
            batch = dict(zip(names, error.batch, strict=True))
            given = error.parameters, batch
            found = (find_non_finite(each, *given) for each in (*losses, loss))
            source = next(filter(None, found), None)
            row = silently(module.find_row, error.parameters, error.batch)
            axes = compiled.plan.row_axes
            failed(Failure(problem, source, row, batch, error.parameters, axes))
        if source is not None:
            node, problem = source.node, f"{problem}: {source.sentence}"
        raise NonFiniteError(problem, at=node, hint=hint or None) from None
    except ValueError as error:
        # NumPy's own, of values that it can't compute with; others are a callback's.
        node = compiled.program.node_of(error)
        if node is None:
            raise
        raise FeedError(str(error), at=node) from error
