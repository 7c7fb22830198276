"""The mathematics of emitted programs, and how many of its statements are named."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from graphc.ir import OPS

_COMPUTING = ("forward", "predict", "loss_and_gradients")


def computing_functions(source: str) -> Iterator[ast.FunctionDef]:
    """The functions that compute the model and its gradients."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith(_COMPUTING):
            yield node


def variables(source: str) -> list[str]:
    """The variable of each statement that computes, without those that fetch."""
    found: list[str] = []
    for function in computing_functions(source):
        for node in ast.walk(function):
            if not isinstance(node, ast.Assign):
                continue
            targets = [n for t in node.targets for n in ast.walk(t)]
            names = [n.id for n in targets if isinstance(n, ast.Name)]
            fetches = isinstance(node.value, ast.Subscript) and isinstance(
                node.value.slice, ast.Constant
            )
            if not fetches:
                found += [n for n in names if n != "_"]
    return found


def named_by_op(source: str, declared: str) -> list[str]:
    """Variables that have no more than the name of an op, and maybe a number.

    Args:
        source: of an emitted program.
        declared: the text that declares the model, whose own names are not meant.
    """
    own = set(re.findall(r"\w+", declared))
    found: list[str] = []
    for name in variables(source):
        stem = re.sub(r"^(d_)+|_\d+$", "", name).removesuffix("_value")
        if stem in OPS and stem not in own:
            found.append(name)
    return found
