"""Metrics: what a trained model is judged by, exact over a data set of any size.

A node that is a mean over a batch (an accuracy, a squared error) is averaged over
batches. Any other is a `Metric`: totals that are summed over batches, and a
formula over the sums. So an F1 score does not depend on the batch size.
"""

from ..arguments import public
from .classification import (
    Average,
    accuracy,
    auc,
    f1_score,
    perplexity,
    precision,
    recall,
    top_k_accuracy,
)
from .metric import Metric
from .regression import (
    mean_absolute_error,
    mean_squared_error,
    r2_score,
    root_mean_squared_error,
)

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

public(globals(), __all__)
