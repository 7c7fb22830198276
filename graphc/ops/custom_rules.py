"""Derivative rules of users' functions, applied to nodes and checked.

What a rule returns is held against what it was asked for; an error is at the line of
the rule.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from ..errors import DifferentiationError, DTypeError, UnsupportedError
from ..ir.dims import Dimension
from ..ir.facts import NAMED, Role
from ..ir.node import Node
from ..ir.types import TensorType, is_floating
from ..locations import Location
from .control import argument_names
from .reduction import sum as sum_of
from .source import as_node, astype
from .structures import Structure, matched
from .vmap import vmap


class Ruled(Protocol):
    """A function with rules of its own."""

    name: str
    fun: Callable[..., Any]
    rules: tuple[Callable[..., Any], ...]
    fixed: frozenset[int]
    """Positions of arguments that are not differentiated by."""

    def split(self, args: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Arguments that are not differentiated by, and the others."""
        ...


def nodes_of(returned: Any, what: str) -> tuple[Structure, list[Node]]:
    """The structure and nodes of what a user's function returned: nodes alone."""
    if isinstance(returned, int | float):
        returned = as_node(returned)
    form, nodes = Structure.of(returned)
    if any(not isinstance(each, Node) for each in _leaves(returned)):
        raise DTypeError(
            f"{what} must be nodes, got {returned!r}",
            hint="a node, or a list, tuple or dict of nodes",
        )
    return form, nodes


def _leaves(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        value = list(cast("Mapping[Any, Any]", value).values())
    if isinstance(value, list | tuple):
        for item in cast("Sequence[Any]", value):
            yield from _leaves(item)
    else:
        yield as_node(value) if hasattr(value, "__array__") else value


def from_outside(name: str, node: Node, where: str) -> UnsupportedError:
    """The error of what is used and is no argument.

    Args:
        name: the function.
        node: what it is.
        where: the function or rule that uses it.
    """
    what = "draws" if not node.op.pure else "takes"
    return UnsupportedError(
        f"{where} {what} {node.describe()} from outside: a function with a derivative "
        "of its own has arguments alone",
        node=name,
        hint=f"{node.name or 'it'} as an argument of {name}",
    )


def _place_of(function: Callable[..., Any]) -> Location | None:
    """The line at which a function begins."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code and Location(code.co_filename, code.co_firstlineno)


class Errors:
    """Errors in what a rule returned, at the line of the rule."""

    def __init__(self, name: str, rule: Callable[..., Any], role: str) -> None:
        self.name, self.rule = name, rule
        self.what = f"{role} of {name}"

    def __call__(self, message: str, hint: str | None = None) -> DifferentiationError:
        return DifferentiationError(
            message, node=self.name, location=_place_of(self.rule), hint=hint
        )

    def check_closed(self, found: Iterable[Node], known: Sequence[Node]) -> None:
        """Raise where a rule used something that it was not given."""
        seen = set(known)
        stack = list(found)
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            if node.op.role in {*NAMED, Role.ARGUMENT} or not node.op.pure:
                error = from_outside(self.name, node, f"the {self.what}")
                if (place := _place_of(self.rule)) is not None:
                    error.stand_at(place)
                raise error
            stack += node.inputs

    def typed(self, value: Any, like: TensorType, what: str) -> Node:
        """A value that has to be of the shape of a type, in its dtype."""
        node = as_node(value, like.dtype)
        if node.shape != like.shape:
            raise self(
                f"the {self.what} returned {node.type} for {what}, which is {like}",
                hint="a value of its shape",
            )
        return astype(node, like.dtype)


@dataclass(frozen=True)
class Rule:
    """The rule of one application of a function, by its nodes in a row."""

    function: Ruled
    form: Structure
    """The arguments."""
    results: Structure

    def __repr__(self) -> str:
        return repr(self.function)

    def adjoints(
        self, cotangents: Sequence[Node], inputs: Sequence[Node]
    ) -> list[Node | None]:
        """The adjoint of each input."""
        function = self.function
        forward, backward = function.rules
        args = self.form.filled(inputs)
        fixed, moving = function.split(args)
        errors = Errors(function.name, forward, "forward rule")
        returned = forward(*args)
        if not isinstance(returned, tuple) or len(cast("Any", returned)) != 2:
            raise errors(
                f"the {errors.what} must return a pair: what {function.name} returns, "
                f"and values for the backward rule; got {_short(returned)}",
            )
        values, residuals = cast("tuple[Any, Any]", returned)
        form, nodes = nodes_of(values, f"the values of the {errors.what}")
        if form != self.results:
            raise errors(
                f"the {errors.what} must return values of the form {self.results}, "
                f"as {function.name} does, got {form}"
            )
        for node, cotangent in zip(nodes, cotangents, strict=True):
            if is_floating(node.dtype) and node.type != cotangent.type:
                raise errors(
                    f"the {errors.what} must return a value of type {cotangent.type}, "
                    f"as {function.name} does, got {node.type}"
                )
        kept, saved = Structure.of(residuals)
        errors.check_closed((*nodes, *saved), inputs)
        errors = Errors(function.name, backward, "backward rule")
        found = backward(*fixed, kept.filled(saved), self.results.filled(cotangents))
        _, skeletons = function.split(self.form.skeleton)
        if not isinstance(found, tuple) or len(cast("Any", found)) != len(moving):
            given = _short(found)
            raise errors(
                f"the {errors.what} must return a tuple with a cotangent for each of "
                f"the {len(moving)} arguments that it differentiates by, got {given}",
                hint=f"({given},)" if len(moving) == 1 else None,
            )
        names = [
            name
            for n, name in enumerate(argument_names(function.fun))
            if n not in function.fixed
        ]
        names += [f"argument {n}" for n in range(len(names), len(moving))]
        by_node: dict[int, Node | None] = {}
        places = iter(self._moving_places())
        for value, skeleton, name in zip(
            cast("tuple[Any, ...]", found), skeletons, names, strict=False
        ):
            for part, what in matched(value, skeleton, name, errors):
                place = next(places)
                is_moving = part is not None and is_floating(inputs[place].dtype)
                by_node[place] = (
                    errors.typed(part, inputs[place].type, what) if is_moving else None
                )
        adjoints = [by_node.get(place) for place in range(len(inputs))]
        known = (*inputs, *saved, *cotangents)
        errors.check_closed(those(adjoints), known)
        return adjoints

    def _moving_places(self) -> Iterable[int]:
        """The positions of nodes that belong to arguments differentiated by."""
        place = 0
        for n, skeleton in enumerate(self.form.skeleton):
            count = sum(1 for _ in matched(None, skeleton, "", DifferentiationError))
            if n not in self.function.fixed:
                yield from range(place, place + count)
            place += count

    def tangents(
        self,
        tangents: Sequence[Node],
        types: Sequence[TensorType],
        inputs: Sequence[Node],
    ) -> list[Node | None]:
        """The tangent of each result, of which the types are given."""
        function = self.function
        (rule,) = function.rules
        errors = Errors(function.name, rule, "rule")
        fixed, primals = function.split(self.form.filled(inputs))
        directions = function.split(self.form.filled(tangents))[1]
        returned = rule(*fixed, tuple(primals), tuple(directions))
        if not isinstance(returned, tuple) or len(cast("Any", returned)) != 2:
            raise errors(
                f"the {errors.what} must return a pair: what {function.name} returns, "
                f"and its tangents; got {_short(returned)}"
            )
        _, found = cast("tuple[Any, Any]", returned)
        parts = matched(found, self.results.skeleton, "the result", errors)
        nodes = [
            errors.typed(part, type, what)
            if part is not None and is_floating(type.dtype)
            else None
            for (part, what), type in zip(parts, types, strict=True)
        ]
        errors.check_closed(those(nodes), (*inputs, *tangents))
        return nodes


def those(nodes: Iterable[Node | None]) -> list[Node]:
    """The nodes that there are."""
    return [node for node in nodes if node is not None]


@dataclass(frozen=True)
class BatchedRule:
    """A rule for several examples: the rule for one, applied by `vmap`."""

    rule: Any
    mapped: tuple[bool, ...]
    size: Dimension

    def __repr__(self) -> str:
        return repr(self.rule)

    def _axes(self, others: int) -> tuple[int | None, ...]:
        return (*(0 if each else None for each in self.mapped), *(0,) * others)

    def adjoints(
        self, cotangents: Sequence[Node], inputs: Sequence[Node]
    ) -> list[Node | None]:
        """The adjoint of each input; summed over examples, where they share it."""
        count, places = len(inputs), list[int]()

        def one(*nodes: Node) -> list[Node]:
            found = self.rule.adjoints(nodes[count:], nodes[:count])
            places[:] = [n for n, node in enumerate(found) if node is not None]
            return [found[n] for n in places]

        given = (*inputs, *cotangents)
        values = vmap(one, self._axes(len(cotangents)), axis_size=self.size)(*given)
        found: list[Node | None] = [None] * count
        for place, value in zip(places, values, strict=True):
            found[place] = value if self.mapped[place] else sum_of(value, axis=0)
        return found

    def tangents(
        self,
        tangents: Sequence[Node],
        types: Sequence[TensorType],
        inputs: Sequence[Node],
    ) -> list[Node | None]:
        """The tangent of each result, of which the types are given."""
        count, places = len(inputs), list[int]()
        of_one = [type.with_shape(type.shape[1:]) for type in types]

        def one(*nodes: Node) -> list[Node]:
            found = self.rule.tangents(nodes[count:], of_one, nodes[:count])
            places[:] = [n for n, node in enumerate(found) if node is not None]
            return [found[n] for n in places]

        axes = self._axes(0)
        given = (*inputs, *tangents)
        values = vmap(one, (*axes, *axes), axis_size=self.size)(*given)
        found: list[Node | None] = [None] * len(types)
        for place, value in zip(places, values, strict=True):
            found[place] = value
        return found


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
