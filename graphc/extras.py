"""Optional packages, imported when they are needed."""

from __future__ import annotations

import importlib
from typing import Any

from .errors import MissingExtraError


def import_extra(module: str, need: str, hint: str) -> Any:
    """Import a module of an optional package, when it is needed.

    Args:
        module: its name.
        need: a sentence that says what needs which package.
        hint: how to install it.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        message = f"{need}, which is not installed"
        raise MissingExtraError(message, hint=hint) from error
