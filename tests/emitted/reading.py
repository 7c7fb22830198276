"""The mathematics of emitted programs, and how many of its statements are named."""

from __future__ import annotations

import ast
import re

import graphc as gc
from graphc.ir import OPS, Graph


def mathematics(source: str) -> str:
    """The functions of a program that compute, with the helpers and constants before.

    What a program has besides is the same for all models.
    """
    tree = ast.parse(source)
    starts = [n.name for n in tree.body if isinstance(n, _DEFINED)]
    first_step = starts.index("train_step")
    names = {*starts[:first_step]} - {"init_parameters", "init_state", "update"}
    lines = source.splitlines()
    parts: list[str] = []
    for node in tree.body:
        is_constant = isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        if is_constant or (isinstance(node, _DEFINED) and node.name in names):
            above = node.decorator_list if isinstance(node, _DEFINED) else []
            first = min([node.lineno, *(each.lineno for each in above)])
            parts.append("\n".join(lines[first - 1 : node.end_lineno]) + "\n")
        if isinstance(node, _DEFINED) and node.name == "train_step":
            break
    return "\n\n".join(parts)


_DEFINED = (ast.FunctionDef, ast.ClassDef)


def layer_names(trainer: gc.Trainer) -> set[str]:
    """The names of layers that number themselves."""
    nodes = Graph((trainer.loss,) if trainer.loss is not None else ()).nodes
    return {str(node.name) for node in nodes if node.naming is not None}


def variables(source: str) -> list[str]:
    """The variable of each statement that computes, without those that fetch."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Assign):
            continue
        targets = [n for t in node.targets for n in ast.walk(t)]
        names = [n.id for n in targets if isinstance(n, ast.Name)]
        fetches = isinstance(node.value, ast.Subscript) and isinstance(
            node.value.slice, ast.Constant
        )
        if not fetches:
            found += [n for n in names if n != "_" and not n.isupper()]
    return found


def named_by_op(source: str, declared: str, layers: set[str]) -> list[str]:
    """Variables that have no more than the name of an op, and maybe a number.

    Args:
        source: of an emitted program.
        declared: the text that declares the model, whose own names are not meant.
        layers: the names of layers, which number themselves.
    """
    own = set(re.findall(r"\w+", declared))
    found: list[str] = []
    for name in variables(source):
        value = re.sub(r"^(d_)+", "", name)
        stem = re.sub(r"_\d+$", "", value).removesuffix("_value")
        if value not in layers and stem in OPS and stem not in own:
            found.append(name)
    return found
