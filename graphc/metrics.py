"""Metrics: what a trained model is judged by, exact over a data set of any size.

A node that is a mean over a batch (an accuracy, a squared error) is averaged over
batches. What is no such mean is a `Metric`: totals that are summed over batches, and a
formula over the sums. So an F1 score does not depend on the batch size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import numpy as np

from .errors import DTypeError, GraphcError, OptionError, ShapeError
from .ir.dims import Dim, format_shape
from .ir.node import Node
from .ir.origin import here
from .ir.types import is_floating, is_integer
from .nn.losses import class_axis
from .ops import reduction
from .ops.along_axis import SCATTER_ALONG_AXIS
from .ops.arithmetic import absolute, floor, maximum, minimum, sqrt, square, where
from .ops.exponential import exp
from .ops.indexing import take_along_axis
from .ops.reduction import argmax, mean
from .ops.shape import expand_dims, flip, ravel
from .ops.source import ArrayLike, as_node, constant, dimension, zeros

__all__ = [
    "Average",
    "Metric",
    "accuracy",
    "auc",
    "f1_score",
    "mean_absolute_error",
    "mean_squared_error",
    "perplexity",
    "precision",
    "r2_score",
    "recall",
    "root_mean_squared_error",
    "top_k_accuracy",
]
