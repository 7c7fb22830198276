"""Optimizers, schedules and regularisers: rules in symbolic nodes."""

from .adam import Adam
from .base import Clock, Optimizer
from .sgd import SGD

__all__ = ["SGD", "Adam", "Clock", "Optimizer"]
