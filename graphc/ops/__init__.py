"""The primitive operations, one file a family, each op declared in one place."""

from . import (
    arithmetic,
    comparison,
    exponential,
    indexing,
    linalg,
    random,
    reduction,
    shape,
    source,
)

__all__ = [
    "arithmetic",
    "comparison",
    "exponential",
    "indexing",
    "linalg",
    "random",
    "reduction",
    "shape",
    "source",
]
