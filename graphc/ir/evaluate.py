"""The value of one node: what an op's NumPy template computes.

The interpreter runs whole graphs with it, and constant folding computes with it at
compile time, so a folded value is the very value that the program would compute.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import CodeType
from typing import Any, Literal, cast

import numpy as np

from ..errors import (
    FeedError,
    GraphcError,
    IndexRangeError,
    LinAlgError,
    ShapeError,
)
from .dims import Dim, evaluate_shape
from .facts import Role
from .graph import Graph
from .labels import position_checks, row_axis
from .node import Node
from .types import TensorType, TupleType

Array = np.ndarray[Any, Any]

Watch = Callable[[Node, Array], None]
"""A function that is told of values, and may raise."""


@functools.lru_cache(maxsize=4096)
def compiled(template: str, mode: Literal["eval", "exec"]) -> CodeType:
    """NumPy source as code, compiled once for each text."""
    return compile(template, f"<{template}>", mode)


@functools.cache
def _helpers(sources: tuple[str, ...]) -> dict[str, Any]:
    """The functions that helpers of an op define."""
    scope: dict[str, Any] = {"np": np}
    for source in sources:
        exec(compiled(source, "exec"), scope)
    return scope


def evaluate_body(
    body: Graph,
    sizes: Mapping[str, int],
    *arguments: Array,
    check: Watch | None = None,
) -> tuple[Array, ...]:
    """The results of a body, as a function of its arguments.

    Args:
        body: a graph with arguments.
        sizes: what the named sizes stand for.
        arguments: their values.
        check: told of each value, arguments and blocks among them, if any.
    """
    values: dict[Node, Any] = {}
    for node in body.meanings:
        if node.op.role is Role.ARGUMENT:
            values[node] = arguments[node.attributes["index"]]
        elif node.op.is_block:
            values[node] = values[node.expansion]
        else:
            inputs = [values[parent] for parent in node.inputs]
            values[node] = evaluate_node(node, inputs, sizes, check=check)
        if check is not None and not isinstance(node.type, TupleType):
            check(node, values[node])
    return tuple(values[output] for output in body.outputs)


def random_streams(seed: int, nodes: Iterable[Node]) -> dict[str, np.random.Generator]:
    """The generators that draws among `nodes` take their numbers from, by name.

    Each is started from the seed and its name, so no draw has a part in the numbers of
    another one.
    """
    names = [stream_name(node) for node in nodes if not node.op.pure]
    return {name: np.random.default_rng([seed, *name.encode()]) for name in names}


def stream_name(node: Node) -> str:
    """The name of the stream that a draw takes its numbers from."""
    return node.name or node.op.name


def evaluate_node(
    node: Node,
    arrays: Sequence[Any],
    sizes: Mapping[str, int] | None = None,
    rng: np.random.Generator | None = None,
    check: Watch | None = None,
) -> Any:
    """The value of a primitive node, given those of its inputs.

    Args:
        node: any node but an input, a parameter, an argument or a block.
        arrays: the value of each input.
        sizes: what the named sizes stand for.
        rng: the generator that a random draw takes its numbers from.
        check: told of each value in the node's bodies.

    Returns:
        An array, or a tuple of arrays where the node has several results.

    Raises:
        FeedError: positions that depend on data are out of range.
        IndexRangeError: positions in the declaration are.
        ShapeError: the value is not of the type that the op's rule promised.
    """
    sizes = sizes or {}
    if node.op.role is Role.CONSTANT:
        return node.attributes["value"].array
    if node.op.role is Role.SIZE:
        size: Dim = node.attributes["size"]
        return np.asarray(size.evaluate(sizes), node.dtype)
    scope: dict[str, Any] = {**_helpers(node.op.helpers), "np": np, "rng": rng}
    scope |= {f"dim_{name}": size for name, size in sizes.items()}
    scope |= {k: _concrete(v, sizes, check) for k, v in node.attributes.items()}
    scope.setdefault("dtype", node.dtype.type)
    if isinstance(node.type, TupleType):
        items = node.type.items
        scope["types"] = [(evaluate_shape(t.shape, sizes), t.dtype) for t in items]
    for position, name in enumerate(node.op.inputs):
        if name.startswith("*"):
            scope[name[1:]] = tuple(arrays[position:])
        else:
            scope[name] = arrays[position]
    _check_positions(node, arrays, sizes)
    template = node.op.template(node)
    try:
        with np.errstate(all="ignore"):
            if node.op.is_statements(node):
                exec(compiled(template, "exec"), scope)
                result = scope["out"]
            else:
                result = eval(compiled(template, "eval"), scope)
    except IndexError as error:
        raise IndexRangeError(str(error), at=node) from None
    except GraphcError as error:
        raise error.locate(at=node) from None
    except np.linalg.LinAlgError as error:
        raise LinAlgError(str(error), at=node) from None
    except ValueError as error:
        raise FeedError(str(error), at=node) from None
    except Exception as error:
        error.add_note(f"in {node.describe()}, declared at {node.origin.location}")
        raise
    if isinstance(node.type, TupleType):
        for item, type in zip(result, node.type.items, strict=True):
            _check_type(node, type, item, sizes)
        return result
    value = np.asarray(result)
    _check_type(node, node.type, value, sizes)
    return value


def _check_positions(
    node: Node, arrays: Sequence[Array], sizes: Mapping[str, int]
) -> None:
    """Raise unless positions are in bounds: NumPy counts negative ones from the end."""
    for index, *bounds in position_checks(node):
        low, high = evaluate_shape(tuple(bounds), sizes)
        positions = arrays[index]
        bad = np.argwhere((positions < low) | (positions > high))
        if not len(bad):
            continue
        place = tuple(int(axis) for axis in bad[0])
        source = node.inputs[index]
        axis = row_axis(source)
        where = f" at {place}" if axis is None else f" in row {place[axis]}"
        row = where if place else ""
        raise FeedError(
            f"{source.name or source.op.name} has the value {positions[place]}{row}, "
            f"which is not in the range {low} to {high}",
            at=source,
            hint='gc.take(..., mode="wrap") or mode="clip", if others have a meaning',
        )


def _check_type(
    node: Node, type: TensorType, value: Array, sizes: Mapping[str, int]
) -> None:
    """Hold what a template computed against what the op's type rule promised."""
    expected = evaluate_shape(type.shape, sizes)
    if value.shape != expected or value.dtype != type.dtype:
        raise ShapeError(
            f"{node.op.name} was declared as {type}, but gave {value.dtype} "
            f"{value.shape} for sizes {dict(sizes)}",
            at=node,
        )


def _concrete(value: Any, sizes: Mapping[str, int], check: Watch | None) -> Any:
    """An attribute as the template's names mean it: named sizes filled in."""
    if isinstance(value, Dim):
        return value.evaluate(sizes)
    if isinstance(value, Graph):
        return functools.partial(evaluate_body, value, sizes, check=check)
    if isinstance(value, np.dtype):
        # `float32` in emitted code is `np.float32`, which can also be called.
        return cast("np.dtype[Any]", value).type
    if isinstance(value, tuple):
        items = cast("tuple[Any, ...]", value)
        if all(isinstance(item, int | Dim) for item in items):
            return evaluate_shape(items, sizes)
        return items
    return value
