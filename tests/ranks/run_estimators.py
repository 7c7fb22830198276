"""Estimators of scikit-learn as one process and as ranks fit them: for `mpiexec`."""

from __future__ import annotations

import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

import graphc as gc
from graphc.harness.ranks import is_first_rank

_sparse: Any = sparse
RNG = np.random.default_rng(0)
X = RNG.normal(size=(53, 4))
Y = X @ [1.0, -0.5, 0.1, 0.0]
CLASSES = (Y > -0.3).astype(int) + (Y > 0.6)
WEIGHT = RNG.uniform(0.1, 1.0, 53)

SHARED: dict[str, Any] = {
    "hidden_layer_sizes": (5,),
    "alpha": 0.5,
    "batch_size": 20,
    "max_iter": 5,
    "random_state": 0,
}
EARLY: dict[str, Any] = {"early_stopping": True, "validation_fraction": 0.4}


def mean_of_squares(prediction: gc.Node, target: gc.Node) -> gc.Node:
    return gc.mean((prediction - target) ** 2)


def results() -> dict[str, list[Any]]:
    """The loss of each epoch and the parameters, after fits with a penalty."""
    classifier: Any = gc.sklearn.GraphClassifier
    regressor: Any = gc.sklearn.GraphRegressor
    whole = {**SHARED, "batch_size": "auto", "optimizer": "lbfgs"}
    fits: dict[str, tuple[Any, ...]] = {
        "classes": (classifier(**SHARED), X, CLASSES),
        "weighted classes": (classifier(**SHARED), X, CLASSES, WEIGHT),
        "weighted": (regressor(**SHARED), X, Y, WEIGHT),
        "sparse": (regressor(**SHARED), _sparse.csr_array(X), Y),
        "mean": (regressor(**SHARED, loss=mean_of_squares), X, Y),
        "aside": (regressor(**SHARED, **EARLY), X, Y),
        "at once": (classifier(**whole), X, CLASSES),
    }
    found: dict[str, list[Any]] = {}
    for name, (estimator, *data) in fits.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            estimator.fit(*data)
        again = pickle.loads(pickle.dumps(estimator))
        losses = [estimator.loss_curve_, estimator.validation_loss_curve_ or []]
        trained = estimator.trainer_.parameters
        arrays = [np.array(array) for _, array in sorted(trained.items())]
        found[name] = [*map(np.array, losses), *arrays, again.predict(X)]
    return found


if __name__ == "__main__":
    told = results()
    if is_first_rank():
        Path(sys.argv[1]).write_bytes(pickle.dumps(told))
