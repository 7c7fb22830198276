"""The inputs and results of a compiled function, as `inspect` and `help` tell them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

from ..ir.node import Node

_INDENT = "\n    "


def signature_of(inputs: Sequence[Node], results: Any) -> inspect.Signature:
    """The inputs with their types, as `inspect.signature` tells them.

    Directions of Hessian-vector products have names such as `weight.direction`, which
    no signature has.

    Args:
        inputs: placeholders, in order.
        results: types in the structure of what is returned.
    """
    types = {str(node.name): str(node.type) for node in inputs}
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        inspect.Parameter(name, kind, annotation=types[name])
        for name in types
        if name.isidentifier()
    ]
    if len(parameters) < len(types):
        parameters = [
            inspect.Parameter("arguments", inspect.Parameter.VAR_POSITIONAL),
            inspect.Parameter("feeds", inspect.Parameter.VAR_KEYWORD),
        ]
    return inspect.Signature(parameters, return_annotation=results)


def documentation_of(
    inputs: Iterable[Node], needed: Iterable[Node], results: Any, parameters: Any
) -> str:
    """The text of `help`.

    Args:
        inputs: placeholders that may be fed, in order.
        needed: those that have to be.
        results: types in the structure of what is returned.
        parameters: nodes whose arrays the function keeps.
    """
    fed = frozenset(needed)
    lines = [
        f"{node.name}: {node.type}{'' if node in fed else ', may be left out'}"
        for node in inputs
    ]
    parts = ["Compute arrays, given by position or by name, with NumPy."]
    if lines:
        parts.append(_INDENT.join(["Args:", *lines]))
    parts.append(f"Returns:{_INDENT}{_shown(results)}")
    if kept := [f"{node.name}: {node.type}" for node in parameters]:
        parts.append(_INDENT.join(["Parameters, as `parameters[name]`:", *kept]))
    parts.append(
        f"Raises:{_INDENT}FeedError: an array is missing, unknown, or does not fit its "
        "input."
    )
    return "\n\n".join(parts) + "\n"


def _shown(results: Any) -> str:
    return results if isinstance(results, str) else repr(results).replace("'", "")
