"""Arrays that are too long to read, in a file beside an emitted program."""

from __future__ import annotations

import ast
import hashlib
from typing import Any

import numpy as np

from ...harness import harness_source
from ...harness.files import archive_of
from ...pysource.writer import Writer
from .expressions import assign, call, name, subscript


class Sidecar:
    """Arrays that a program loads from a file beside it, which it knows by its hash."""

    def __init__(self, file: str) -> None:
        self.file = file
        """The name of the file."""
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}

    @classmethod
    def beside(cls, file: str) -> Sidecar | None:
        """That of a file: `train.arrays.npz` of `train.py`; None without a file."""
        return cls(f"{file.removesuffix('.py')}.arrays.npz") if file else None

    def add(self, key: str, array: np.ndarray[Any, Any]) -> ast.expr:
        """The expression of an array that is kept under a key."""
        self.arrays[key] = array
        return subscript(name("ARRAYS"), key)

    @property
    def content(self) -> bytes:
        """The bytes of the file; nothing where no array is in it."""
        return archive_of(self.arrays) if self.arrays else b""

    def write(self, writer: Writer) -> None:
        """Write what loads the arrays, if there are any."""
        if not self.arrays:
            return
        loads = frozenset(["load_arrays"])
        harness = harness_source(frozenset(["sidecar"]), ("sidecar",), loads)
        for module, alias in harness.imports:
            writer.import_(module, alias)
        writer.raw(harness.text)
        digest = hashlib.sha256(self.content).hexdigest()[:16]
        given = [ast.Constant(self.file), ast.Constant(digest)]
        writer.comment(
            "Arrays that are too long to read are in a file beside this one."
        )
        writer.statement(assign("ARRAYS", call("load_arrays", *given)))
