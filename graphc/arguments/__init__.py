"""Arguments of public functions and classes, held against their annotations."""

from .annotations import Count, Natural, Seed, Within
from .entries import entry, public, shown

__all__ = ["Count", "Natural", "Seed", "Within", "entry", "public", "shown"]
