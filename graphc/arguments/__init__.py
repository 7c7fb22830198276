"""Arguments of public functions and classes, held against their annotations."""

from .annotations import Count, Natural, Seed, Within
from .entries import entry, public, shown
from .names import getattr_of

__all__ = [
    "Count",
    "Natural",
    "Seed",
    "Within",
    "entry",
    "getattr_of",
    "public",
    "shown",
]
