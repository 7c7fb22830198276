"""The primitive operations, one file a family, each op declared in one place."""

from . import (
    along_axis,
    arithmetic,
    comparison,
    control,
    decompositions,
    exponential,
    indexing,
    joining,
    linalg,
    products,
    random,
    reduction,
    shape,
    source,
)

__all__ = [
    "along_axis",
    "arithmetic",
    "comparison",
    "control",
    "decompositions",
    "exponential",
    "indexing",
    "joining",
    "linalg",
    "products",
    "random",
    "reduction",
    "shape",
    "source",
]
