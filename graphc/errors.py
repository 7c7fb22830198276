"""The exceptions of graphc: what was required, what was given, where, and what to try.

Every class also subclasses the built-in that fits, so that `except ValueError` in
users' code keeps its meaning. The text is assembled from parts, because the part
that knows what is wrong (a type rule, say) rarely knows where the user wrote it.
"""

from __future__ import annotations

from typing import Self

__all__ = [
    "ArgumentError",
    "BroadcastWarning",
    "CheckpointError",
    "DTypeError",
    "DataError",
    "DifferentiationError",
    "FeedError",
    "GraphError",
    "GraphcError",
    "GraphcWarning",
    "IndexRangeError",
    "InternalError",
    "LogitsWarning",
    "MissingExtraError",
    "NamingError",
    "NoAttributeError",
    "NonFiniteError",
    "OptionError",
    "RenderError",
    "ShapeError",
    "UnknownNameError",
    "UnsupportedError",
    "UntrainedWarning",
]


class GraphcError(Exception):
    """Base of all errors that graphc raises on purpose.

    `message` says what was required and what was given; `node` names the node or op
    concerned, `location` is the user's `file:line`, and `hint` says what to try.
    """

    def __init__(
        self,
        message: str,
        *,
        node: str | None = None,
        location: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.node = node
        self.location = location
        self.hint = hint

    def locate(self, *, node: str | None = None, location: str | None = None) -> Self:
        """Fill in where it happened, unless that is known already."""
        self.node = self.node or node
        self.location = self.location or location
        return self

    def __str__(self) -> str:
        lines = [self.message]
        if self.node:
            lines.append(f"  node: {self.node}")
        if self.location:
            lines.append(f"  at:   {self.location}")
        if self.hint:
            lines.append(f"  try:  {self.hint}")
        return "\n".join(lines)


class ShapeError(GraphcError, ValueError):
    """Shapes that an op can't combine."""


class DTypeError(GraphcError, TypeError):
    """A dtype that an op can't take, or a value that is no tensor."""


class IndexRangeError(GraphcError, IndexError):
    """An index or axis outside the range that a shape allows."""


class NamingError(GraphcError, ValueError):
    """A name that is no identifier, is reserved, or is used twice."""


class OptionError(GraphcError, ValueError):
    """An argument outside the values that a function takes."""


class ArgumentError(OptionError, TypeError):
    """An argument that a function does not have, lacks, or can't take at all."""


class UnsupportedError(GraphcError, ValueError):
    """Something NumPy allows and a static graph does not."""


class GraphError(GraphcError, ValueError):
    """A graph that breaks an invariant of the IR."""


class DifferentiationError(GraphcError, ValueError):
    """A derivative that does not exist or was asked for wrongly."""


class FeedError(GraphcError, ValueError):
    """Arrays fed to a program that do not fit its inputs."""


class DataError(GraphcError, ValueError):
    """Training or evaluation data that a model can't take."""


class UnknownNameError(GraphcError, KeyError):
    """A name under which there is nothing."""


class NoAttributeError(GraphcError, AttributeError):
    """An attribute that a node does not have."""


class NonFiniteError(GraphcError, ArithmeticError):
    """A NaN or an infinity where a number was needed."""


class CheckpointError(GraphcError, ValueError):
    """A checkpoint that is damaged or belongs to another model."""


class RenderError(GraphcError, RuntimeError):
    """A drawing that can't be made here."""


class MissingExtraError(GraphcError, ImportError):
    """A feature whose optional package is not installed."""


class InternalError(GraphcError, RuntimeError):
    """A failure that no check foresaw; its cause is the exception that arose."""


class GraphcWarning(UserWarning):
    """Base of all warnings of graphc: what is allowed, and hardly ever meant."""


class BroadcastWarning(GraphcWarning):
    """Arrays that broadcasting pairs row by row with each other."""


class LogitsWarning(GraphcWarning):
    """Probabilities where a loss takes logits."""


class UntrainedWarning(GraphcWarning):
    """Fresh parameters in the place of trained ones."""
