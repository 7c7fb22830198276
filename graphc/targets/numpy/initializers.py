"""The start of parameters in emitted modules: initialisers and their helpers.

An initialiser is known by what it has, since it may be a user's own: a `source`, and
perhaps a `helper`. Anything else is an array, and copied.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from ...ir.node import Node
from ...ir.template import parsed
from ...pysource.writer import Writer
from .constants import Constants
from .expressions import assign, parse
from .workspace import side_by_side


def start_helpers(parameters: Sequence[Node]) -> list[str]:
    """The functions that initialisers bring, each text once."""
    starts = [node.attributes["init"] for node in parameters]
    helpers = [getattr(init, "helper", "") for init in starts]
    return [helper for helper in dict.fromkeys(helpers) if helper]


def write_init(
    writer: Writer,
    parameters: Sequence[Node],
    constants: Constants,
    order: Sequence[str] | None,
) -> None:
    """Write `init_parameters`, in which each initialiser's expression stands.

    In `order`, if given, the parameters stand side by side in memory.
    """
    with writer.function("init_parameters", ["seed=0"]):
        writer.docstring("Return the parameters that training starts from, by name.")
        sources = [_source(node, constants) for node in parameters]
        if any("rng" in parsed(source).names for source in sources):
            rng = parse("np.random.default_rng(seed)")
            writer.statement(assign("rng", rng))
        values = [parse(source) for source in sources]
        names = {str(node.name): None for node in parameters}
        table: ast.expr = ast.Dict([ast.Constant(key) for key in names], values)
        if order is not None:
            table = side_by_side(table, order, names)
        writer.statement(ast.Return(table))


def _source(parameter: Node, constants: Constants) -> str:
    """The expression of an initialiser, or of a copy of an array."""
    init = parameter.attributes["init"]
    if hasattr(init, "source"):
        return init.source(parameter.shape, parameter.dtype)
    return f"{constants.start(parameter)}.copy()"
