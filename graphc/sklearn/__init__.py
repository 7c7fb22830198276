"""Estimators of scikit-learn whose loss, activation and model are nodes.

scikit-learn is imported when an estimator is first named, so that the rest of graphc
does without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ..arguments import getattr_of
from ..errors import without_inner_frames
from ..extras import import_extra

if TYPE_CHECKING:
    from .estimators import GraphClassifier, GraphRegressor

__all__ = ["GraphClassifier", "GraphRegressor"]


def __dir__() -> list[str]:
    return __all__


# A type checker takes a function of this name as word that every name exists.
if not TYPE_CHECKING:
    _without = getattr_of(__name__, __all__)

    @without_inner_frames
    def __getattr__(name: str) -> object:
        """Import the estimators when one is named for the first time."""
        if name not in __all__:
            return _without(name)
        import_extra(
            "sklearn",
            f"gc.sklearn.{name} is an estimator of scikit-learn",
            'pip install "graphc[sklearn]"',
        )
        value = getattr(import_module(f"{__name__}.estimators"), name)
        globals()[name] = value
        return value
