"""Formulas and derivations of a model file, for `graphc show`."""

from __future__ import annotations

from ..ir.graph import Graph
from ..ir.mathematics import Printed
from ..ir.types import is_floating
from ..notation.derivation import derivation
from ..training.trainer import Trainer
from ..viz.drawing import named_outputs
from .modelfile import ModelFile


def mathematics(
    file: ModelFile,
    name: str | None,
    formulas: bool,
    derives: bool,
    depth: int,
    language: str,
) -> str:
    """The formulas of the results of a model, and the derivation of gradients.

    Args:
        file: the model.
        name: of a trainer or of nodes in it; None for the only ones.
        formulas: whether to give formulas: of a trainer that of its loss.
        derives: whether to derive the gradients of the loss.
        depth: levels of blocks that formulas open.
        language: text, latex or markdown.
    """
    found: list[Printed] = []
    if formulas:
        target = file.target(name)
        target = target.loss if isinstance(target, Trainer) else target
        found += (node.formula(depth) for _, node in named_outputs(target))
    if derives:
        loss = file.loss(name)
        graph = Graph((loss,))
        inputs = [node for node in graph.inputs if is_floating(node.dtype)]
        found.append(derivation(loss, [*graph.trainable] or inputs))
    if language == "text":
        return "\n\n".join(map(str, found))
    return "\n\n".join(getattr(one, language) for one in found)
