"""Options of ops in few words, in formulas, and as keywords in drawings."""

from __future__ import annotations

import itertools
from typing import Any, cast

from ..ir.dims import Dim
from ..ir.node import Node
from ..ops.slices import index_source

_UNSAID = frozenset(
    [
        *("axis1", "axis2", "constant_values", "dtype", "eps", "ignore_index"),
        *("keepdims", "padding_idx", "pad_width", "part", "parts", "place", "rcond"),
        *("shape", "threshold", "type"),
    ]
)
"""Options of which a formula does not speak."""

_NAMED = frozenset(
    ["decimals", "dilation", "groups", "output_padding", "padding", "shift", "stride"]
)
"""Options whose values would not say what they are."""

_OF_WINDOWS = frozenset(["dilation", "kernel_size", "padding", "stride"])

_USUAL = {
    **dict.fromkeys(("alpha", "beta", "dilation", "groups", "stride"), 1),
    **dict.fromkeys(("padding", "output_padding", "k", "offset"), 0),
    **dict.fromkeys(("endpoint", "lower", "upper"), True),
    **dict.fromkeys(("label_smoothing",), 0.0),
    **dict.fromkeys(("method", "mode"), ("linear", "nearest", "constant", "full")),
    "approximate": "none",
    "padding_mode": "zeros",
    "reduction": "mean",
    "side": "left",
    "UPLO": "L",
}
"""Values of options that go without saying."""


def words(node: Node) -> list[str]:
    """Attributes that tell an application from another one, as few words."""
    found: list[str] = []
    for name, value in node.attributes.items():
        if name in _UNSAID or name in node.op.bodies or value is None or value is False:
            continue
        if name in ("axis", "axes", "dim"):
            axes = cast(
                "tuple[Any, ...]", value if isinstance(value, tuple) else (value,)
            )
            if node.inputs and not _is_last(node, axes):
                called = "axis" if len(axes) == 1 else "axes"
                found.append(f"{called} {', '.join(map(str, axes))}")
        elif name in _USUAL and _is_usual(name, value):
            continue
        elif name == "index" and isinstance(value, tuple):
            found.append(index_source(node).replace(" ", ""))
        elif value is True:
            found.append(name.removeprefix("is_").replace("_", " "))
        elif (text := option_text(value := _one(value), _sign(value))) is not None:
            found.append(f"{name.replace('_', ' ')} {text}" if name in _NAMED else text)
    return found


def _one(value: Any) -> Any:
    """One number in the place of pairs of it: as many before as behind each axis."""
    if not isinstance(value, tuple):
        return value
    pairs = cast("tuple[Any, ...]", value)
    if not all(isinstance(pair, tuple) for pair in pairs):
        return pairs
    numbers = {*itertools.chain.from_iterable(pairs)}
    return numbers.pop() if len(numbers) == 1 else pairs


def _is_usual(name: str, value: Any) -> bool:
    if isinstance(value, tuple):
        parts = cast("tuple[Any, ...]", value)
        return all(_is_usual(name, part) for part in parts)
    usual = _USUAL[name]
    return value in usual if isinstance(usual, tuple) else value == usual


def _is_last(node: Node, axes: tuple[Any, ...]) -> bool:
    """True for all axes, and for the last, as that of vectors."""
    rank = max(parent.ndim for parent in node.inputs)
    last = tuple(range(rank - len(axes), rank))
    return axes in (last, (-1,)) or len(axes) == rank


def _sign(value: Any) -> str:
    """The sign between sizes, or other numbers."""
    is_of_sizes = isinstance(value, tuple) and all(
        isinstance(part, int | Dim) for part in cast("tuple[Any, ...]", value)
    )
    return "×" if is_of_sizes else ", "


def option_text(value: Any, sign: str = ", ") -> str | None:
    """A value in few characters, if it has such a text.

    Args:
        value: of an attribute.
        sign: between the numbers of a tuple.
    """
    if isinstance(value, Dim):
        return value.text
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bool | int | str):
        return str(value)
    if isinstance(value, tuple):
        parts = [option_text(part) for part in cast("tuple[Any, ...]", value)]
        if all(part is not None for part in parts):
            return sign.join(map(str, parts))
    return None


def options(node: Node) -> list[str]:
    """The same as keywords, for a drawing: `axis=1`, `index=[1:]`."""
    found: list[str] = []
    for name, value in node.attributes.items():
        if name in _UNSAID or name in node.op.bodies or value is None or value is False:
            continue
        if name == "stride" and value == node.attributes.get("kernel_size"):
            continue
        if name in ("axis", "axes") and _is_only_axis(node, value):
            continue
        if name == "index":
            found.append(f"index=[{index_source(node)}]")
        elif name in _USUAL and _is_usual(name, value):
            continue
        elif (text := option_text(_of_windows(name, value))) is not None:
            is_several = isinstance(value, tuple) and "," in text
            found.append(f"{name}={f'({text})' if is_several else text}")
    return found


def _of_windows(name: str, value: Any) -> Any:
    """One number for windows that are alike along all axes."""
    if name not in _OF_WINDOWS:
        return value
    sizes = cast("tuple[Any, ...] | Any", value)
    is_one = isinstance(sizes, tuple) and len({*cast("tuple[Any, ...]", sizes)}) == 1
    return cast("Any", sizes[0] if is_one else sizes)


def _is_only_axis(node: Node, axis: Any) -> bool:
    axes = cast("tuple[Any, ...]", axis) if isinstance(axis, tuple) else (axis,)
    return len(axes) == node.inputs[0].ndim if node.inputs else False
