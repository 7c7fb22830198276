"""Arguments of public functions and classes, held against their annotations."""

from .annotations import AtLeast, Count, Natural, Seed
from .entries import entry, public, shown

__all__ = ["AtLeast", "Count", "Natural", "Seed", "entry", "public", "shown"]
