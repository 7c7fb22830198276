"""Faults planted on purpose, to see that tests see them; taken out again at the end."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from graphc.ir import OPS, Op


@contextmanager
def redeclared(op: Op, **fields: Any) -> Generator[None]:
    """Let an op have other fields inside."""
    declared = {name: getattr(op, name) for name in fields}
    try:
        for name, value in fields.items():
            object.__setattr__(op, name, value)
        yield
    finally:
        for name, value in declared.items():
            object.__setattr__(op, name, value)


@contextmanager
def undeclared_later() -> Generator[None]:
    """Forget the ops that are declared inside."""
    before = set(OPS)
    try:
        yield
    finally:
        for name in set(OPS) - before:
            del OPS[name]
