"""Arguments of public functions and classes, held against their annotations."""

from .annotations import Check, Count, Natural, Seed, Within, check_of
from .entries import entry, public, shown
from .names import getattr_of

__all__ = [
    "Check",
    "Count",
    "Natural",
    "Seed",
    "Within",
    "check_of",
    "entry",
    "getattr_of",
    "public",
    "shown",
]
