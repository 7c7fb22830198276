"""Source text without annotations, as a person writes who computes with arrays."""

from __future__ import annotations

import ast
import copy

from .layout import WIDTH
from .statement_text import format_header, format_statement


def without_annotations(source: str) -> str:
    """Formatted text without its annotations, and formatted again where they stood.

    >>> without_annotations("def double(x: float) -> float:\\n    return 2 * x\\n")
    'def double(x):\\n    return 2 * x\\n'
    """
    lines = source.splitlines()
    edits: list[tuple[int, int, list[str]]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            plain = copy.copy(node)
            plain.returns, plain.body, plain.decorator_list = None, [ast.Pass()], []
            plain.args = arguments = copy.deepcopy(node.args)
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            for each in (*every, arguments.vararg, arguments.kwarg):
                if each is not None:
                    each.annotation = None
            header = format_header(plain, "def", node.col_offset, WIDTH)
            edits.append((node.lineno - 1, node.body[0].lineno - 1, header))
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            assigned = ast.Assign([node.target], node.value)
            text = format_statement(assigned, node.col_offset)
            edits.append((node.lineno - 1, node.end_lineno or node.lineno, text))
    for start, stop, text in sorted(edits, reverse=True):
        lines[start:stop] = text
    return "\n".join(lines) + "\n"
