"""Arguments of public functions and classes, held against their annotations."""

from .annotations import Count, Seed
from .entries import entry, public, shown

__all__ = ["Count", "Seed", "entry", "public", "shown"]
