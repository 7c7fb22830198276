"""Full-batch training: a loss to its minimum, with all data in every step."""

from .minimize import Iteration, Minimum, minimize

__all__ = ["Iteration", "Minimum", "minimize"]
