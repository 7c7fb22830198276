"""Emitted files held against the declaration that they were made from."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..arguments import public
from ..errors import OptionError
from ..targets.numpy.headings import is_edited, origin_of
from .trainer import Trainer


@dataclass(frozen=True)
class Verification:
    """The state of an emitted file."""

    path: str
    changed: str = ""
    """The part of the declaration that changed since; empty if none did."""
    is_edited: bool = False
    """True for a file that is not as it was emitted."""
    edited: tuple[str, ...] = ()
    """The functions and constants that differ from what would be emitted now, where the
    declaration is as it was; and the file beside it. Empty where only layout or
    comments differ."""

    @property
    def status(self) -> Literal["current", "stale", "edited"]:
        """Stale where the declaration changed, edited where the file did."""
        if self.changed:
            return "stale"
        return "edited" if self.is_edited else "current"

    def __str__(self) -> str:
        if self.changed:
            also = "; it was edited, too" if self.is_edited else ""
            return f"{self.path} is stale: {self.changed} changed{also}"
        if self.is_edited:
            what = ", ".join(self.edited) or "its layout, or its comments"
            return f"{self.path} was edited: {what}"
        return f"{self.path} is current"


def verify(path: str, trainer: Trainer) -> Verification:
    """Tell whether an emitted file is what a trainer would emit now.

    Args:
        path: a file that `Trainer.emit` or `graphc emit` wrote, of any part and style.
        trainer: of the declaration as it is now.

    Raises:
        OptionError: a file that was not emitted for a trainer, or that Python can't
            read.
        OSError: a file that can't be read.

    >>> import pathlib, tempfile
    >>> import graphc as gc
    >>> x, w = gc.input("x", ("n",)), gc.parameter("w", (), 1.0)
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "train.py"
    >>> trainer = gc.Trainer(gc.mean((w * x) ** 2), gc.optim.SGD(lr=0.5))
    >>> _ = trainer.emit(file)
    >>> gc.verify(str(file), trainer).status
    'current'
    >>> other = gc.Trainer(gc.mean((w * x) ** 2), gc.optim.SGD(lr=0.1))
    >>> gc.verify(str(file), other).changed
    'the optimizer'
    """
    try:
        source = Path(path).read_text("utf-8-sig")
        ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise OptionError(f"{path} can't be read as Python: {error}") from None
    origin = origin_of(source)
    if origin is None:
        raise OptionError(f"{path} was not emitted for a trainer, or has lost its head")
    name, made = Path(path).name, origin.made
    edited = is_edited(source)
    try:
        now = trainer.emitted(made.style, made.part, made.include, file=name)
    except OptionError:  # Nothing is left to predict.
        return Verification(path, "the outputs", edited)
    is_same_version = f"\nversion {origin.version}, from graph " in now.source
    here, there = dict(_pieces(source)), dict(_pieces(now.source))
    if made.embeds:
        # The parameters of that time are not known any more.
        here, there = _function("predict", here), _function("predict", there)
    different = [k for k in (there | here) if here.get(k) != there.get(k)]
    beside = Path(path).with_name(f"{name.removesuffix('.py')}.arrays.npz")
    if now.beside and not (beside.is_file() and beside.read_bytes() == now.beside):
        different.append(beside.name)
    changed = ""
    if f", from graph {origin.graph};" not in now.source:
        changed = "the model"
    elif here.get("OPTIMIZER") != there.get("OPTIMIZER"):
        changed = "the optimizer"
    elif here and different and is_same_version and not edited:
        others = {each for each in different if not each.isupper() or each in _FACTS}
        others -= {"update", "step_size", beside.name}
        changed = "the declaration" if others else "the optimizer"
    return Verification(path, changed, edited, tuple(different) if edited else ())


_FACTS = {
    "INPUTS",
    "METRICS",
    "OUTPUTS",
    "PARAMETERS",
    "ROW_AXES",
    "ROW_INPUTS",
    "STRICT",
}
"""Constants that tell of the model, and not of the optimizer."""


def _function(key: str, pieces: dict[str, str]) -> dict[str, str]:
    return {key: pieces.get(key, "")}


def _pieces(source: str) -> Iterator[tuple[str, str]]:
    """The functions and constants of a text by name, and the rest together.

    Each is without its layout and comments, and without what names files and versions.
    """
    others: list[str] = []
    for node in ast.parse(source).body:
        text = ast.unparse(node)
        match node:
            case ast.FunctionDef(name=key) | ast.ClassDef(name=key):
                yield key, text
            case ast.Assign(targets=[ast.Name(id=key)]):
                if key not in ("GRAPHC_VERSION", "GRAPH_HASH", "MODEL"):
                    yield key, text
            case ast.Expr():
                pass
            case _:
                others.append(text)
    yield "what stands outside of functions", "\n".join(others)


public(globals(), ["verify"])
