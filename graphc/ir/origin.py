"""Origin of a node: the user's line, and the rules that derived it, if any.

A node that a user wrote takes the line of the call outside this package. A node that
graphc derives (an adjoint, an expansion, a simplification) inherits the line of the
node it was derived from and adds the name of the rule, so that every report, error and
drawing can lead back to what the user wrote.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from ..locations import Location, current_origin, user_location

if TYPE_CHECKING:
    from .node import Node


@dataclass(frozen=True, slots=True, eq=False)
class Derivative:
    """The part of a node in a derivative."""

    through: Node
    """The node whose derivative rule made it, or whose adjoints it adds up."""
    mode: Literal["reverse", "forward"]
    of: Node | None = None
    """The node whose adjoint it is, where it is a whole one."""


class Layered(Protocol):
    """A layer of layers, which headings name."""

    @property
    def name(self) -> str | None:
        """Its name, which may still change."""
        ...


@dataclass(frozen=True, slots=True)
class Origin:
    """The provenance of a node."""

    location: Location | None = None
    """The user's line."""
    rules: tuple[str, ...] = ()
    """The rules that derived it, the latest last; empty where a user wrote it."""
    block: Node | None = None
    """The block whose expansion it belongs to."""
    derivative: Derivative | None = None
    """None where no differentiation made it."""
    layer: Layered | None = None
    """The innermost layer of layers inside which it was declared."""

    @property
    def gradient_of(self) -> Node | None:
        """The node whose adjoint it is."""
        return self.derivative.of if self.derivative is not None else None

    def adjoint_of(self, node: Node | None) -> Origin:
        """This origin for the adjoint of `node`, if it is one of a derivative."""
        if self.derivative is None or self.derivative.of is node:
            return self
        return replace(self, derivative=replace(self.derivative, of=node))


def label_of(node: Node) -> str | None:
    """The name of a node, or `d_<name>` of an adjoint without one."""
    depth, named = 0, node
    while named.label is None and (forward := named.origin.gradient_of) is not None:
        named, depth = forward, depth + 1
    name = named.label or (named.op.name if depth else None)
    return name and "d_" * depth + name


_place: ContextVar[tuple[int, ...]] = ContextVar("graphc_place", default=())


def place() -> tuple[int, ...]:
    """The place in the declared order inside which a node created now stands."""
    return _place.get()


def is_declared_by_user() -> bool:
    """True where a node created now is the user's and not derived from others."""
    return current_origin.get() is None


def here() -> Origin:
    """The origin that a node created now gets."""
    current = current_origin.get()
    if isinstance(current, replacing):
        return current.origin
    known = cast("Origin | None", current)
    return known or Origin(user_location(), layer=_layer.get()[0])


_NOWHERE: tuple[Layered | None, Sequence[Any]] = None, ()
_layer: ContextVar[tuple[Layered | None, Sequence[Any]]] = ContextVar(
    "graphc_layer", default=_NOWHERE
)


def surroundings() -> tuple[Layered | None, Sequence[Any]]:
    """The innermost layer of layers that is being applied, and what it was given."""
    return _layer.get()


@contextmanager
def inside(layer: Layered | None, inputs: Sequence[Any] = ()) -> Generator[None]:
    """Let nodes created inside belong to a layer of layers; None changes nothing.

    Args:
        layer: the layer.
        inputs: what it is given.
    """
    token = _layer.set(_layer.get() if layer is None else (layer, inputs))
    try:
        yield
    finally:
        _layer.reset(token)


@contextmanager
def derived(
    source: Node,
    rule: str | None = None,
    *,
    block: Node | None = None,
    derivative: Derivative | None = None,
) -> Generator[None]:
    """Give nodes created inside the line of `source`, and `rule` as provenance."""
    origin = source.origin.adjoint_of(None)
    token = current_origin.set(
        Origin(
            location=origin.location,
            rules=(*origin.rules, rule) if rule else origin.rules,
            block=block if block is not None else origin.block,
            derivative=derivative or origin.derivative,
            layer=origin.layer,
        )
    )
    try:
        yield
    finally:
        current_origin.reset(token)


@contextmanager
def within(old: Node) -> Generator[None]:
    """Let nodes created inside stand at the place of `old` in the declared order."""
    token = _place.set(old.order)
    try:
        yield
    finally:
        _place.reset(token)


class replacing:
    """Give nodes created inside the line and the place in the order of `old`.

    A class, because passes enter it for every node, and a generator's context would
    cost them most of their time; and entered once for all the rules that are tried on
    a node, of which hardly any creates one: `rule` says which is being tried.
    """

    __slots__ = ("_old", "_outer", "_place", "rule")

    def __init__(self, old: Node, rule: str = "") -> None:
        self._old = old
        self.rule = rule

    @property
    def location(self) -> Location | None:
        """The line of the node that is replaced."""
        return self._old.origin.location

    @property
    def origin(self) -> Origin:
        """The origin of a node created now."""
        origin = self._old.origin.adjoint_of(None)
        return replace(origin, rules=(*origin.rules, self.rule))

    def __enter__(self) -> replacing:
        self._place = _place.set(self._old.order)
        self._outer = current_origin.set(self)
        return self

    def __exit__(self, *error: object) -> None:
        current_origin.reset(self._outer)
        _place.reset(self._place)
