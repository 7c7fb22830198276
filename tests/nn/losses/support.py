"""Scores and labels that tests of losses share, and their losses as in a textbook."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphc as gc

RNG = np.random.default_rng(7)
LOGITS = RNG.normal(size=(6, 4))
LABELS = np.array([0, 3, 1, 1, 2, 0])
WEIGHT = np.array([0.5, 1.0, 2.0, 0.25])


def log_probabilities(logits: Any) -> Any:
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def textbook_losses(logits: Any, labels: Any, weight: Any = None) -> Any:
    """One after another, as a textbook's loop."""
    logs = log_probabilities(logits)
    result = [-logs[n, label] for n, label in enumerate(labels)]
    if weight is not None:
        result = [weight[k] * v for k, v in zip(labels, result, strict=True)]
    return np.array(result)


def nodes(dtype: str = "float64", labels: str = "int64") -> tuple[Any, Any]:
    return (
        gc.input("logits", ("batch", 4), dtype),
        gc.input("labels", ("batch",), labels),
    )


FEEDS = {"logits": LOGITS, "labels": LABELS}
