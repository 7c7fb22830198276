"""Closed forms of gradients of scalars, by SymPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..formulas.calculus import library
from .parse import FUNCTIONS, parse
from .text import Text
from .tree import Tree

_LONGEST = 48
_BACK = {name: sympy for sympy, name in reversed([*FUNCTIONS.items()])}


class _Unknown(Exception):
    """A formula has a part that SymPy does not take."""


def closed_form(tree: Tree, definitions: Mapping[str, Tree]) -> Tree | None:
    """A scalar formula over what nothing defines, if it gets short.

    Args:
        tree: a formula of scalars.
        definitions: formulas of the names in it.
    """
    symbols: dict[str, Tree] = {}
    try:
        expression = _expression(tree, definitions, symbols)
    except _Unknown:
        return None
    sympy = library()
    forms = [sympy.expand(expression), sympy.factor(expression)]
    if expression.count_ops() < 40:
        forms.append(sympy.simplify(expression))
    best = min(forms, key=lambda form: (form.count_ops(), str(form)))
    found = parse(str(best), symbols, _no_block)
    return found if len(Text()(found)) <= _LONGEST else None


def _no_block(*_: Any) -> Tree:
    raise AssertionError("SymPy has no blocks")


def _expression(
    tree: Tree, definitions: Mapping[str, Tree], symbols: dict[str, Tree]
) -> Any:
    sympy = library()
    if tree.rank:
        raise _Unknown
    if tree.head == "symbol":
        if tree.text in definitions:
            return _expression(definitions[tree.text], definitions, symbols)
        if not tree.text.isidentifier() or tree.data is None:
            raise _Unknown
        symbols[tree.text] = tree
        return sympy.Symbol(tree.text, real=True)
    if tree.head == "number":
        return (
            sympy.Rational(tree.text)
            if "." not in tree.text
            else sympy.Float(tree.data)
        )
    args = [_expression(arg, definitions, symbols) for arg in tree.args]
    match tree.head:
        case "add":
            return sympy.Add(*args)
        case "negative":
            return -args[0]
        case "times":
            return sympy.Mul(*args)
        case "fraction":
            return args[0] / args[1]
        case "power":
            return args[0] ** args[1]
        case "root":
            return sympy.sqrt(args[0])
        case "function" if tree.text in _BACK:
            return getattr(sympy, _BACK[tree.text])(*args)
        case _:
            raise _Unknown
