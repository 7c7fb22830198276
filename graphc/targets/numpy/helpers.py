"""Functions that ops and initialisers bring along, each once in a module."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable

from ...ir.template import top_level_names
from ...program.forms import Form
from ...pysource.writer import Writer


def names_of_helpers(helpers: Iterable[str]) -> set[str]:
    """The names that no value may go by."""
    return {name for helper in helpers for name in top_level_names(helper)}


def called_helpers(forms: Iterable[Form]) -> list[str]:
    """The helpers that code of these forms calls, and those that these call, once."""
    found: dict[str, None] = {}
    for form in forms:
        names = set(form.template.names)
        called: list[str] = []
        for helper in reversed(form.node.op.helpers):
            if not top_level_names(helper).isdisjoint(names):
                called.append(helper)
                names |= _names_in(helper)
        found |= dict.fromkeys(reversed(called))
    return list(found)


@functools.cache
def _names_in(source: str) -> frozenset[str]:
    nodes = ast.walk(ast.parse(source))
    return frozenset(node.id for node in nodes if isinstance(node, ast.Name))


def write_helper(writer: Writer, functions: Writer, helper: str) -> None:
    """Write imports to the top of the module, and the rest as it stands."""
    lines = helper.splitlines()
    last_import = 0
    for statement in ast.parse(helper).body:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                writer.import_(alias.name, alias.asname)
        elif isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                writer.from_import(str(statement.module), alias.name)
        else:
            continue
        last_import = statement.end_lineno or statement.lineno
    functions.raw("\n".join(lines[last_import:]))
