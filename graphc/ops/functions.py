"""Functions that stay functions, and functions whose values are computed again."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from ..arguments import unchecked_entry
from ..errors import ArgumentError, DTypeError
from ..ir.bodies import shared
from ..ir.dims import check_identifier
from ..ir.facts import PERSISTENT, Facts, Role
from ..ir.graph import Graph, rebuild
from ..ir.node import Node
from ..ir.op import Op
from .control import (
    CALL,
    argument,
    argument_names,
    call_batch,
    call_jvp,
    call_type,
    call_vjp,
    closed,
    results,
)
from .structures import Structure, places_of_others

_P = ParamSpec("_P")
_R = TypeVar("_R")

CHECKPOINT = Op(
    name="checkpoint",
    inputs=("*inputs",),
    infer=call_type,
    kind="control",
    role=Role.CALL,
    bodies=("body",),
    numpy="body(*inputs)",
    facts=Facts(notation="checkpoint", recomputes=True),
    vjp=call_vjp,
    jvp=call_jvp,
    batch=call_batch,
)


def function(fun: Callable[_P, _R], name: str | None = None) -> Callable[_P, _R]:
    """A function of nodes, or a layer, that stays one function where it is used.

    Each application is one node. Functions that are applied several times, and layers
    that are alike but for their parameters, are one function in emitted code, and so
    are their gradients: twelve layers are twelve calls of `layer` and twelve of
    `layer_backward`, which is passed what it needs of the forward pass. What `fun`
    takes from outside, parameters above all, is passed as further arguments. A
    function that is applied once stands where it is called.

    Args:
        fun: takes and returns nodes, or lists, tuples and dicts of them; other
            arguments are passed as they are. It is applied once for each call.
        name: that of the function in emitted code; by default its own, or that of the
            class of the layer.

    Returns:
        A function of the same arguments.

    Raises:
        ArgumentError: `fun` is no function.
        NamingError: a name that is not an identifier.
        DTypeError: where it is called, if it returns something else than nodes.
        UnsupportedError: where it is called, if a random draw in it depends on an
            argument.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 4))
    >>> for n in range(3):
    ...     x = gc.function(gc.nn.Linear(4, 4, name=f"hidden_{n}"))(x)
    >>> gc.compile(x, style="readable").source.count("def linear(")
    1
    """
    return _wrapped(CALL, fun, name)


def checkpoint(fun: Callable[_P, _R]) -> Callable[_P, _R]:
    """A function of nodes, or a layer, whose values the backward pass computes again.

    As JAX's: the value and the gradients are those of `fun`. But between the forward
    and the backward pass only its arguments are kept, and not what it computes of them.
    So memory is that of one application, with the time of a second forward pass. In
    emitted code it is a function, and so is its gradient, which begins with the values.
    A checkpoint inside of another is computed again with it.

    Args:
        fun: takes and returns nodes, or lists, tuples and dicts of them; other
            arguments are passed as they are.

    Returns:
        A function of the same arguments.

    Raises:
        ArgumentError: `fun` is no function.
        DTypeError: where it is called, if it returns something else than nodes.
        UnsupportedError: where it is called, if a random draw in it depends on an
            argument.

    Source: Griewank and Walther 2000, "Algorithm 799: revolve".

    >>> import graphc as gc
    >>> x, w = gc.input("x", (), "float64"), gc.parameter("w", (), 2.0, "float64")
    >>> y = gc.checkpoint(lambda x: gc.sin(gc.exp(w * x)))(x)
    >>> gc.evaluate(gc.grad(y, x), {"x": 0.0}, parameters={"w": 0.0})
    array(0.)
    """
    return _wrapped(CHECKPOINT, fun, None)


def _wrapped(op: Op, fun: Callable[_P, _R], name: str | None) -> Callable[_P, _R]:
    if not callable(fun):
        raise ArgumentError(
            f"gc.{'function' if op is CALL else op.name} requires a function of nodes, "
            f"got {fun!r}"
        )
    called = name_of(fun)
    if name is not None:
        called = check_identifier(name, "function name")

    @unchecked_entry
    def apply(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        return _applied(op, fun, called, args, kwargs)

    return functools.update_wrapper(apply, fun, updated=())


def name_of(fun: Callable[..., Any]) -> str | None:
    """The name of a function, or that of the class of a layer."""
    name = getattr(fun, "__name__", None)
    if name is None:
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(fun).__name__).lower()
    return name if name.isidentifier() else None


def _applied(
    op: Op, fun: Callable[..., Any], name: str | None, args: Any, kwargs: Any
) -> Any:
    body, inputs, outcome = traced(fun, name, args, kwargs)
    return outcome.filled(results(body, inputs, name, op))


def traced(
    fun: Callable[..., Any], name: str | None, args: Any, kwargs: Any
) -> tuple[Graph, tuple[Node, ...], Structure]:
    """A function of nodes as a body.

    Args:
        fun: the function, which is applied once.
        name: its name, for errors.
        args: its arguments by position.
        kwargs: those by name.

    Returns:
        The body, what to pass it, and the structure of its results.
    """
    form, nodes = Structure.of((args, kwargs))
    names = _names(fun, args, kwargs)
    own = [
        argument(place, node.type, called)
        for place, (node, called) in enumerate(zip(nodes, names, strict=True))
    ]
    inner_args, inner_kwargs = form.filled(own)
    returned = fun(*inner_args, **inner_kwargs)
    what = f"the results of {getattr(fun, '__name__', name)}"
    outcome, outputs = Structure.of(returned)
    for value, place in places_of_others(outcome.skeleton, what):
        if value is not None:
            raise DTypeError(
                f"{place} must be nodes, got {type(value).__name__} {value!r}",
                hint="a node, or a list, tuple or dict of nodes",
            )
    if not outputs:
        raise DTypeError(f"{what} must be nodes, got {returned!r}")
    body, captured = closed(outputs, own)
    renamed = _without_prefix(body, captured)
    if renamed is not body:
        # So that no other graph stands for all that are written like this one.
        del body
        renamed = shared(renamed)
    return renamed, (*nodes, *captured), outcome


def _names(fun: Callable[..., Any], args: Any, kwargs: Any) -> list[str | None]:
    """A name for each node of arguments: that of the parameter, where it is one."""
    names: list[str | None] = []
    known = argument_names(fun)[: len(args)]
    pairs = [*itertools.zip_longest(known, args), *kwargs.items()]
    for called, value in pairs:
        nodes = Structure.of(value)[1]
        is_whole = len(nodes) == 1 and value is nodes[0]
        names += [called] if is_whole else [node.name for node in nodes]
    return names


def _without_prefix(body: Graph, captured: Sequence[Node]) -> Graph:
    """The body with names that are the same for all layers that are alike.

    A layer's parameters begin with its name; inside of the function they do not.
    """
    names = [str(node.name) for node in captured if node.op.role in PERSISTENT]
    parts = zip(*(name.split(".")[:-1] for name in names), strict=False)
    common = itertools.takewhile(lambda part: len({*part}) == 1, parts)
    prefix = "".join(f"{part[0]}." for part in common)
    if not prefix:
        return body

    def rule(node: Node) -> Node:
        if node.name is None or not node.name.startswith(prefix):
            return node
        return node.copy(name=node.name.removeprefix(prefix))

    return rebuild(body, rule)
