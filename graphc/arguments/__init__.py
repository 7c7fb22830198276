"""Arguments of public functions and classes, held against their annotations."""

from .annotations import Check, Count, Natural, Seed, Within, check_of
from .entries import entry, problem_of_call, public, shown, unchecked_entry
from .listing import unlisted
from .names import closest, getattr_of, in_place_of_method

__all__ = [
    "Check",
    "Count",
    "Natural",
    "Seed",
    "Within",
    "check_of",
    "closest",
    "entry",
    "getattr_of",
    "in_place_of_method",
    "problem_of_call",
    "public",
    "shown",
    "unchecked_entry",
    "unlisted",
]
