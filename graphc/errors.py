"""The exceptions of graphc: requirement, value given, place, and what to try.

Every class also subclasses the built-in that fits, so that `except ValueError` in
users' code keeps its meaning. An error finds the user's line when it is made. Its text
is assembled from parts, because the part that knows what is wrong (a type rule, say)
rarely knows the node. Its traceback ends at that line, too: `full_tracebacks` shows the
functions of graphc below it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import numpy as np

from .locations import (
    NOT_THE_USERS,
    PACKAGE,
    Declared,
    Location,
    current_origin,
    is_generated,
    is_of_library,
    user_location,
)

__all__ = [
    "ArgumentError",
    "BroadcastWarning",
    "CheckpointError",
    "CompilerError",
    "DTypeError",
    "DataError",
    "DifferentiationError",
    "FeedError",
    "GraphError",
    "GraphcError",
    "GraphcWarning",
    "IndexRangeError",
    "InternalError",
    "LinAlgError",
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
    "full_tracebacks",
]


def __dir__() -> list[str]:
    return __all__


_F = TypeVar("_F", bound=Callable[..., Any])

_tracebacks_are_full = False


def full_tracebacks(shown: bool = True) -> None:
    """Show graphc's own functions in the tracebacks of its errors, or hide them again.

    A traceback ends at the line of yours that graphc could do nothing with. Those of
    an `InternalError`, which is a fault of graphc's, are always full.

    Args:
        shown: True to show them, False to hide them.

    >>> import graphc as gc
    >>> gc.full_tracebacks()
    >>> gc.full_tracebacks(False)
    """
    global _tracebacks_are_full
    _tracebacks_are_full = bool(shown)


def hide_inner_frames(error: GraphcError) -> None:
    """Leave graphc's functions out of the traceback of an error.

    It is for `except` clauses that go on with a bare `raise`, which does not add their
    own function again.
    """
    if _tracebacks_are_full or isinstance(error, InternalError):
        return
    error.__traceback__ = _without_inner(error.__traceback__, NOT_THE_USERS)
    # A program that was emitted is shown where NumPy raised in it.
    if isinstance(cause := error.__cause__, Exception):
        cause.__traceback__ = _without_inner(cause.__traceback__, (PACKAGE,))


def without_inner_frames(function: _F) -> _F:
    """Decorate a public function, so that its errors end at the line of its caller."""

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        try:
            return function(*arguments, **keywords)
        except GraphcError as error:
            hide_inner_frames(error)
            raise

    return cast("_F", call)


def _without_inner(
    trace: TracebackType | None, hidden: tuple[str, ...]
) -> TracebackType | None:
    kept: list[TracebackType] = []
    inside = False
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_code.co_filename.startswith(hidden) or is_generated(frame):
            inside = True
        elif not (inside and is_of_library(frame)):
            kept.append(trace)
            inside = False
        trace = trace.tb_next
    for outer in reversed(kept):
        outer.tb_next, trace = trace, outer
    return trace


class GraphcError(Exception):
    """Base of all errors that graphc raises on purpose.

    `message` says what was required and what was given; `node` names the node or op
    concerned, `location` is the user's `file:line`, and `hint` says what to try.
    `at` is a node whose declaration is at fault, and gives both `node` and `location`.
    Otherwise the location is the line of the node from which graphc derives others
    now, or else the innermost line on the stack that is the user's. In a notebook it
    is the cell, as `Cell In[3], line 2`, and the message has the text of the line.

    >>> import graphc as gc
    >>> try:
    ...     gc.zeros((2, 3)) + gc.zeros(4)
    ... except gc.errors.GraphcError as error:
    ...     print(error.message)
    ...     print(error.hint)
    requires shapes that broadcast, got (2, 3) and (4,): 3 and 4 meet at axis -1
    equal sizes, or 1 where an axis is to be broadcast
    """

    def __init__(
        self,
        message: str,
        *,
        node: str | None = None,
        location: str | Location | None = None,
        hint: str | None = None,
        at: Declared | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.node, self.hint = message, node, hint
        self.location: str | None = None
        self._code = ""
        if isinstance(location, Location):
            self.stand_at(location)
        else:
            self.location = location
        self._is_located = location is not None
        if at is not None:
            self.locate(at=at)
        if self.location is None:
            origin = current_origin.get()
            known = origin.location if origin is not None else None
            found = known or user_location()
            if found is not None:
                self.stand_at(found)

    def stand_at(self, location: Location) -> None:
        """Tell this place."""
        self.location = str(location)
        # A traceback has no line of a cell that has run before.
        if not os.path.exists(location.file):
            self._code = location.code

    def locate(self, *, node: str | None = None, at: Declared | None = None) -> Self:
        """Say which node it is about, and where, unless whoever made it said so."""
        self.node = self.node or node
        if at is not None:
            self.node = self.node or at.describe()
            if not self._is_located and at.origin.location is not None:
                self.stand_at(at.origin.location)
                self._is_located = True
        return self

    def __str__(self) -> str:
        lines = [self.message]
        if self.node:
            lines.append(f"  node: {self.node}")
        if self.location:
            code = f": {self._code}" if self._code else ""
            lines.append(f"  at:   {self.location}{code}")
        if self.hint:
            lines.append(f"  try:  {self.hint}")
        return "\n".join(lines)


class ShapeError(GraphcError, ValueError):
    """Shapes that an op can't combine.

    >>> import graphc as gc
    >>> try:
    ...     gc.zeros((2, 3)) + gc.zeros(4)
    ... except gc.errors.ShapeError as error:
    ...     print(error.message)
    requires shapes that broadcast, got (2, 3) and (4,): 3 and 4 meet at axis -1
    """


class DTypeError(GraphcError, TypeError):
    """A dtype that an op can't take, or a value that is not a tensor.

    >>> import graphc as gc
    >>> try:
    ...     gc.nn.sigmoid(gc.input("count", (3,), "int64"))
    ... except gc.errors.DTypeError as error:
    ...     print(error.message)
    requires input of a floating dtype, got int64 (3,)
    """


class IndexRangeError(GraphcError, IndexError):
    """An index or axis outside the range that a shape allows.

    >>> import graphc as gc
    >>> try:
    ...     gc.sum(gc.input("x", ("batch", 4)), axis=2)
    ... except gc.errors.IndexRangeError as error:
    ...     print(error.message)
    axis 2 is out of range for shape (batch, 4)
    """


class NamingError(GraphcError, ValueError):
    """A name that is not an identifier, is reserved, or is used twice.

    >>> import graphc as gc
    >>> try:
    ...     gc.input("two words", (2,))
    ... except gc.errors.NamingError as error:
    ...     print(error.message)
    input name 'two words' is not a Python identifier
    """


class OptionError(GraphcError, ValueError):
    """An argument outside the values that a function takes.

    >>> import graphc as gc
    >>> try:
    ...     gc.optim.SGD(-0.1)
    ... except gc.errors.OptionError as error:
    ...     print(error.message)
    SGD requires lr to be a number >= 0 or a function, got -0.1
    """


class ArgumentError(OptionError, TypeError):
    """An argument that a function does not have, lacks, or can't take at all.

    >>> import graphc as gc
    >>> try:
    ...     gc.sum(gc.ones((2, 2)), dims=0)
    ... except gc.errors.ArgumentError as error:
    ...     print(error.message)
    gc.sum has no argument 'dims'; it takes a, axis, dtype, keepdims, initial, where
    """


class UnsupportedError(GraphcError, ValueError):
    """Something NumPy allows and a static graph does not.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch",))
    >>> try:
    ...     x[x > 0.0]
    ... except gc.errors.UnsupportedError as error:
    ...     print(error.message)
    indexing with booleans gives a shape that depends on the data
    """


class GraphError(GraphcError, ValueError):
    """A graph that breaks an invariant of the IR.

    >>> import graphc as gc
    >>> x, y = gc.input("x", (2,)), gc.input("y", (2,))
    >>> try:
    ...     gc.compile(x + y, inputs=[x])
    ... except gc.errors.GraphError as error:
    ...     print(error.message)
    the outputs depend on the input 'y', which inputs lacks
    """


class DifferentiationError(GraphcError, ValueError):
    """A derivative that does not exist or was asked for wrongly.

    >>> import graphc as gc
    >>> x = gc.input("x", (3,))
    >>> try:
    ...     gc.grad(gc.square(x), x)
    ... except gc.errors.DifferentiationError as error:
    ...     print(error.message)
    grad requires a scalar, got float32 (3,)
    """


class FeedError(GraphcError, ValueError):
    """Arrays fed to a program that do not fit its inputs.

    >>> import graphc as gc
    >>> try:
    ...     gc.evaluate(gc.input("x", (2,)), {"x": [1.0, 2.0, 3.0]})
    ... except gc.errors.FeedError as error:
    ...     print(error.message)
    input 'x' requires shape (2,), got (3,)
    """


class LinAlgError(FeedError, np.linalg.LinAlgError):
    """Matrices that have no result: singular, or not positive definite.

    >>> import graphc as gc
    >>> try:
    ...     gc.evaluate(gc.linalg.inv(gc.zeros((2, 2))), {})
    ... except gc.errors.LinAlgError as error:
    ...     print(error.message)
    Singular matrix
    """


class DataError(GraphcError, ValueError):
    """Training or evaluation data that a model can't take.

    >>> import graphc as gc
    >>> x, w = gc.input("x", ("batch",)), gc.parameter("w", (), 1.0)
    >>> trainer = gc.Trainer(gc.mean(gc.square(w * x)), gc.optim.SGD(0.1))
    >>> try:
    ...     trainer.fit({"y": [1.0, 2.0]})
    ... except gc.errors.DataError as error:
    ...     print(error.message)
    train lacks the array 'x'; it has y
    """


class UnknownNameError(GraphcError, KeyError):
    """A name under which there is nothing.

    >>> import graphc as gc
    >>> run = gc.interpret([gc.input("x", (1,))], {"x": [1.0]})
    >>> try:
    ...     run["y"]
    ... except gc.errors.UnknownNameError as error:
    ...     print(error.message)
    no node of the run is called 'y'; it has x
    """


class NoAttributeError(GraphcError, AttributeError):
    """An attribute that a node does not have.

    >>> import graphc as gc
    >>> try:
    ...     gc.input("x", (2,)).colour
    ... except gc.errors.NoAttributeError as error:
    ...     print(error.message)
    a node has no attribute 'colour'
    """


class NonFiniteError(GraphcError, ArithmeticError):
    """A NaN or an infinity where a number was needed.

    >>> import graphc as gc
    >>> try:
    ...     gc.evaluate(gc.log([1.0, -1.0]), {}, check_finite=True)
    ... except gc.errors.NonFiniteError as error:
    ...     print(error.message)
    NaN in log at (1,): 1 of 2 elements are not finite
    """


class CheckpointError(GraphcError, ValueError):
    """A checkpoint that is damaged or belongs to another model.

    >>> import graphc as gc
    >>> from pathlib import Path
    >>> trainer = gc.Trainer(gc.square(gc.parameter("w", (), 1.0)), gc.optim.SGD(0.1))
    >>> _ = Path("broken.npz").write_bytes(b"not an archive")
    >>> try:
    ...     trainer.load("broken.npz")
    ... except gc.errors.CheckpointError as error:
    ...     print(error.message)
    broken.npz is no .npz file, or it is cut short
    """


class CompilerError(GraphcError, RuntimeError):
    """C for which there is no compiler, or that it can't compile.

    >>> import graphc as gc
    >>> issubclass(gc.errors.CompilerError, RuntimeError)
    True
    """


class RenderError(GraphcError, RuntimeError):
    """A drawing that can't be made here.

    >>> import graphc as gc
    >>> issubclass(gc.errors.RenderError, RuntimeError)
    True
    """


class MissingExtraError(GraphcError, ImportError):
    """A feature whose optional package is not installed.

    >>> import graphc as gc
    >>> issubclass(gc.errors.MissingExtraError, ImportError)
    True
    """


class InternalError(GraphcError, RuntimeError):
    """A failure that no check foresaw; its cause is the exception that arose.

    >>> import graphc as gc
    >>> issubclass(gc.errors.InternalError, RuntimeError)
    True
    """


class GraphcWarning(UserWarning):
    """Base of all warnings of graphc, of things allowed that are hardly ever meant.

    They are silenced, or made errors, as all warnings of Python are.

    >>> import graphc as gc
    >>> import warnings
    >>> warnings.simplefilter("error", gc.errors.GraphcWarning)
    """


class BroadcastWarning(GraphcWarning):
    """Arrays that broadcasting pairs row by row with each other.

    >>> import graphc as gc
    >>> import warnings
    >>> prediction, y = gc.input("prediction", ("batch", 1)), gc.input("y", ("batch",))
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     pairs = prediction - y
    >>> pairs.shape, told[0].category.__name__
    ((batch, batch), 'BroadcastWarning')
    """


class LogitsWarning(GraphcWarning):
    """Probabilities where a loss takes logits.

    >>> import graphc as gc
    >>> import warnings
    >>> logits, y = gc.input("logits", (2, 3)), gc.input("y", (2,), "int64")
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     loss = gc.nn.cross_entropy(gc.nn.softmax(logits, -1), y)
    >>> told[0].category.__name__
    'LogitsWarning'
    """


class UntrainedWarning(GraphcWarning):
    """Fresh parameters in the place of trained ones.

    >>> import graphc as gc
    >>> import warnings
    >>> x, w = gc.input("x", ()), gc.parameter("w", (), 1.0)
    >>> trainer = gc.Trainer(gc.square(w * x), gc.optim.SGD(0.25))
    >>> _ = trainer.step(x=1.0)
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     fresh = gc.evaluate(w, {})
    >>> fresh, trainer.parameters["w"], told[0].category.__name__
    (array(1., dtype=float32), array(0.5, dtype=float32), 'UntrainedWarning')
    """
