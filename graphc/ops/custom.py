"""Functions with derivative rules of the user's own: `custom_vjp` and `custom_jvp`.

An application is one node with the function's body, which passes replace by what it
computes. A rule is applied to the nodes at hand each time that one differentiates, so
derivatives of any order follow from what it returns.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, ParamSpec, TypeVar, cast

from ..errors import ArgumentError, DifferentiationError
from ..ir.batching import Batch
from ..ir.bodies import shared
from ..ir.facts import Facts, Role
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.op import Differentiate, Op
from ..ir.types import TensorType, TupleType
from ..ir.walk import ancestors
from .control import argument, argument_names, call_type, closed, results_of
from .custom_rules import BatchedRule, Rule, from_outside, nodes_of, those
from .functions import name_of
from .source import full
from .structures import Structure

_P = ParamSpec("_P")
_R = TypeVar("_R")


class _Function(Generic[_P, _R]):
    """A function whose derivatives are what the user says."""

    kind: str
    op: Op
    name: str
    fun: Callable[..., Any]
    rules: tuple[Callable[..., Any], ...]
    fixed: frozenset[int]

    def __init__(
        self, fun: Callable[_P, _R], nondiff_argnums: int | Iterable[int] = ()
    ) -> None:
        if not callable(fun):
            raise ArgumentError(f"gc.{self.kind} requires a function, got {fun!r}")
        functools.update_wrapper(self, fun)
        self.fun = fun
        try:
            self._signature = inspect.signature(fun)
        except (TypeError, ValueError):
            raise ArgumentError(
                f"gc.{self.kind} requires a function whose arguments are known, got "
                f"{fun!r}",
                hint="a function of Python's own, defined by def or lambda",
            ) from None
        self.name = getattr(fun, "__name__", self.kind)
        numbers = (
            [nondiff_argnums] if isinstance(nondiff_argnums, int) else nondiff_argnums
        )
        count = len(self._signature.parameters)
        self.fixed = frozenset(n + count if n < 0 else n for n in numbers)
        if any(not 0 <= n < count for n in self.fixed):
            raise ArgumentError(
                f"gc.{self.kind}: nondiff_argnums must be positions of arguments of "
                f"{self.name}, which has {count}, got {nondiff_argnums!r}"
            )
        self.rules = ()

    def __reduce__(self) -> str:
        return str(self.__dict__["__qualname__"])

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}>"

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        if not self.rules:
            define = "defvjp(fwd, bwd)" if self.kind == "custom_vjp" else "defjvp(jvp)"
            raise DifferentiationError(
                f"{self.name} is a gc.{self.kind} without a rule",
                hint=f"{self.name}.{define}",
            )
        bound = self._bound(args, kwargs)
        form, nodes = Structure.of(bound)
        own = [
            argument(place, node.type, name)
            for place, (node, name) in enumerate(
                zip(nodes, self._names(bound), strict=True)
            )
        ]
        returned = self.fun(*form.filled(own))
        outputs = nodes_of(returned, f"the results of {self.name}")
        body, captured = closed(outputs[1], own)
        if captured:
            raise from_outside(self.name, captured[0], self.name)
        rule = Rule(self, form, outputs[0])
        attributes = {"body": body, "rule": rule}
        node = self.op.build(tuple(nodes), attributes, name=name_of(self.fun))
        return cast("_R", outputs[0].filled(results_of(node)))

    def _bound(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[Any, ...]:
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise ArgumentError(f"{self.name}: {error}") from None
        bound.apply_defaults()
        if bound.kwargs:
            raise ArgumentError(
                f"{self.name} has keyword-only arguments, which a gc.{self.kind} can't "
                "have",
                hint="arguments that may be given by position",
            )
        return bound.args

    def _names(self, bound: Sequence[Any]) -> list[str | None]:
        """A name for each node of the arguments."""
        names: list[str | None] = []
        for value, called in itertools.zip_longest(bound, argument_names(self.fun)):
            nodes = Structure.of(value)[1]
            is_whole = len(nodes) == 1 and value is nodes[0]
            names += [called] if is_whole else [node.name for node in nodes]
        return names

    def split(self, args: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Arguments that are not differentiated by, and the others."""
        fixed = [value for n, value in enumerate(args) if n in self.fixed]
        return fixed, [value for n, value in enumerate(args) if n not in self.fixed]


def _zeros(type: TensorType) -> Node:
    return full(type.shape, 0, type.dtype)


# Ops ----------------------------------------------------------------------------------


def _custom_type(*inputs: TensorType, body: Graph, rule: Any) -> TupleType:
    return call_type(*inputs, body=body)


def _batch(batch: Batch, node: Node) -> tuple[Node, ...]:
    mapped = tuple([batch.is_mapped(parent) for parent in node.inputs])
    old = node.bodies[0]
    body, _ = batch.body(old, mapped, [True] * len(old.outputs))
    rule = BatchedRule(node.attributes["rule"], mapped, batch.size)
    attributes = {"body": shared(body), "rule": rule}
    inputs = tuple(map(batch.value, node.inputs))
    return results_of(node.op.build(inputs, attributes, name=node.name))


def _items(out: Node) -> tuple[TensorType, ...]:
    assert isinstance(out.type, TupleType)
    return out.type.items


def _filled(nodes: Sequence[Node | None], types: Sequence[TensorType]) -> list[Node]:
    """Nodes with zeros in the place of those that are None."""
    pairs = zip(nodes, types, strict=True)
    return [_zeros(type) if node is None else node for node, type in pairs]


def _vjp_of_rule(
    reverse: Differentiate, cotangents: Sequence[Node | None], out: Node, *inputs: Node
) -> list[Node | None]:
    given = _filled(cotangents, _items(out))
    return out.attributes["rule"].adjoints(given, inputs)


def _jvp_of_rule(
    forward: Differentiate, tangents: Sequence[Node | None], out: Node, *inputs: Node
) -> list[Node | None]:
    given = _filled(tangents, [node.type for node in inputs])
    return out.attributes["rule"].tangents(given, _items(out), inputs)


def _transposed(
    reverse: Differentiate, cotangents: Sequence[Node | None], out: Node, *inputs: Node
) -> list[Node | None]:
    """Adjoints by a rule of tangents, which is linear in them."""
    rule = out.attributes["rule"]
    # Each a node of its own, whatever its value, since no result depends on it.
    seeds = [_zeros(node.type) for node in inputs]
    found = rule.tangents(seeds, _items(out), inputs)
    pairs = zip(found, cotangents, strict=True)
    moving = [(t, g) for t, g in pairs if t is not None and g is not None]
    if not moving:
        return [None] * len(inputs)
    flows, arrived = zip(*moving, strict=True)
    adjoints = list(reverse(flows, arrived, seeds))
    if not set(seeds).isdisjoint(ancestors(those(adjoints))):
        raise DifferentiationError(
            f"the rule of {rule!r} is not linear in the tangents, so gradients don't "
            "follow from it",
            node=out.describe(),
            hint="gc.custom_vjp for a rule of gradients",
        )
    return adjoints


CUSTOM_VJP = Op(
    name="custom_vjp",
    inputs=("*inputs",),
    infer=_custom_type,
    kind="control",
    role=Role.CALL,
    bodies=("body",),
    numpy="body(*inputs)",
    facts=Facts(notation="custom_vjp", only_rules=True),
    vjp=_vjp_of_rule,
    batch=_batch,
)

CUSTOM_JVP = Op(
    name="custom_jvp",
    inputs=("*inputs",),
    infer=_custom_type,
    kind="control",
    role=Role.CALL,
    bodies=("body",),
    numpy="body(*inputs)",
    facts=Facts(notation="custom_jvp", only_rules=True),
    vjp=_transposed,
    jvp=_jvp_of_rule,
    batch=_batch,
)


# Functions ----------------------------------------------------------------------------


class CustomVjp(_Function[_P, _R]):
    """A function with a rule for gradients, see `custom_vjp`."""

    kind = "custom_vjp"
    op = CUSTOM_VJP

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Say how gradients follow.

        Args:
            fwd: takes the arguments of the function; returns what it returns, and
                values that `bwd` needs, in any structure.
            bwd: takes the arguments of `nondiff_argnums`, the values of `fwd`, and a
                cotangent for each result, in its structure; returns a tuple with a
                cotangent for each other argument, or None for zeros.
        """
        _check_callable(self.name, fwd, bwd)
        self.rules = (fwd, bwd)


class CustomJvp(_Function[_P, _R]):
    """A function with a rule for tangents, see `custom_jvp`."""

    kind = "custom_jvp"
    op = CUSTOM_JVP

    def defjvp(self, jvp: Callable[..., Any]) -> Callable[..., Any]:
        """Say how tangents follow; returns the rule, so that it may decorate it.

        Args:
            jvp: takes the arguments of `nondiff_argnums`, a tuple of the others and a
                tuple of their tangents; returns what the function returns, and the
                tangents of it, in which it is linear, or None for zeros.
        """
        _check_callable(self.name, jvp)
        self.rules = (jvp,)
        return jvp

    def defjvps(self, *jvps: Callable[..., Any] | None) -> None:
        """Say how tangents follow from each argument, of which they are the sum.

        Args:
            jvps: for each argument a function of its tangent, the result and the
                arguments; None where nothing follows from it.
        """
        _check_callable(self.name, *(jvp for jvp in jvps if jvp is not None))
        if self.fixed:
            raise ArgumentError(f"{self.name}.defjvps can't have nondiff_argnums")

        def rule(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
            out: Any = cast("Any", self)(*primals)
            parts = [
                jvp(tangent, out, *primals)
                for jvp, tangent in zip(jvps, tangents, strict=True)
                if jvp is not None
            ]
            return out, functools.reduce(operator.add, parts) if parts else None

        self.rules = (functools.wraps(self.fun)(rule),)


def _check_callable(name: str, *rules: object) -> None:
    for rule in rules:
        if not callable(rule):
            raise ArgumentError(f"a rule of {name} must be a function, got {rule!r}")


def custom_vjp(
    fun: Callable[_P, _R], nondiff_argnums: int | Iterable[int] = ()
) -> CustomVjp[_P, _R]:
    """A function of nodes with gradients of your own, as JAX's.

    Its value is what `fun` computes. Its gradients are what the rules say that
    `defvjp(fwd, bwd)` gives it: see there. The rules are functions of nodes
    themselves, so derivatives of higher order follow from them. `fun` and the rules use
    nothing from outside but constants.

    `gc.check_gradients(loss, custom=True)` holds them against finite differences.

    Args:
        fun: takes and returns nodes, or lists, tuples and dicts of them; other
            arguments are passed as they are.
        nondiff_argnums: positions of arguments that have no gradient.

    Returns:
        The function, which has no value before its `defvjp` was called.

    Raises:
        ArgumentError: what is no function; positions that it does not have.
        UnsupportedError: where it is called, if it uses something from outside.
        DifferentiationError: where it is differentiated, if a rule returns something
            of another structure or shape.

    >>> import graphc as gc
    >>> @gc.custom_vjp
    ... def clipped(x):
    ...     return x * 1.0
    >>> clipped.defvjp(lambda x: (clipped(x), None), lambda _, g: (gc.clip(g, -1, 1),))
    >>> x = gc.input("x", (2,), "float64")
    >>> gc.evaluate(gc.grad(gc.sum(clipped(x) ** 2), x), {"x": [0.1, 5.0]})
    array([0.2, 1. ])
    """
    return CustomVjp(fun, nondiff_argnums)


def custom_jvp(
    fun: Callable[_P, _R], nondiff_argnums: int | Iterable[int] = ()
) -> CustomJvp[_P, _R]:
    """A function of nodes with tangents of your own, as JAX's.

    Its value is what `fun` computes. Its derivatives are what the rule says that
    `defjvp(rule)` gives it, or `defjvps`: see there. Gradients follow from it, since it
    is linear in the tangents. `fun` and the rule use nothing from outside but
    constants.

    `gc.check_gradients(loss, custom=True)` holds them against finite differences.

    Args:
        fun: takes and returns nodes, or lists, tuples and dicts of them; other
            arguments are passed as they are.
        nondiff_argnums: positions of arguments that have no derivative.

    Returns:
        The function, which has no value before its `defjvp` was called.

    Raises:
        ArgumentError: what is no function; positions that it does not have.
        UnsupportedError: where it is called, if it uses something from outside.
        DifferentiationError: where it is differentiated, if the rule returns something
            of another structure or shape, or is not linear in the tangents.

    >>> import graphc as gc
    >>> @gc.custom_jvp
    ... def log1pexp(x):
    ...     return gc.log(1.0 + gc.exp(x))
    >>> @log1pexp.defjvp
    ... def rule(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return log1pexp(x), t * gc.nn.sigmoid(x)
    >>> x = gc.input("x", (), "float64")
    >>> gc.evaluate(gc.grad(log1pexp(x), x), {"x": 0.0})
    array(0.5)
    """
    return CustomJvp(fun, nondiff_argnums)
