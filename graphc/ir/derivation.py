"""How a derivative came to be, kept on the node that holds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .node import Node


@dataclass(frozen=True, eq=False, slots=True)
class DerivativeRequest:
    """A differentiation, kept so that a pass that rewrites a function can ask again.

    A pass that replaces a function by an equal one that is computed better wants the
    derivative of that one, too, and can't get it by rewriting the old derivative
    piece by piece.
    """

    sources: tuple[Node, ...]
    """All nodes the request names: functions, cotangents or tangents, variables."""
    variables: tuple[Node, ...]
    """Those of `sources` that are differentiated by."""
    derive: Callable[[tuple[Node, ...]], tuple[Node | None, ...]]
    """The derivatives for other nodes in the place of `sources`."""


@dataclass(frozen=True, eq=False, slots=True)
class Derivation:
    """One result of a `DerivativeRequest`."""

    request: DerivativeRequest
    position: int
    """Which of the results of `request.derive` it is."""
