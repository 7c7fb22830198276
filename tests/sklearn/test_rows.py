"""Rows that are sparse, or that several ranks share; and what `MLPClassifier` does."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import OptionError
from tests.ranks import support

neural_network: Any = pytest.importorskip("sklearn.neural_network")
sparse: Any = pytest.importorskip("scipy.sparse")

Classifier: Any = gc.sklearn.GraphClassifier
Regressor: Any = gc.sklearn.GraphRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)) * (RNG.uniform(size=(60, 4)) < 0.6)
Y = X @ [1.0, -0.5, 0.1, 0.0]
CLASSES = np.where(Y > 0.0, "more", "less")
WEIGHT = RNG.uniform(0.1, 1.0, 60)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 25},
        {"early_stopping": True, "validation_fraction": 0.3},
        {"optimizer": "lbfgs"},
    ],
)
def test_sparse_rows_train_as_dense_ones(options: Any, weight: Any) -> None:
    shared = {"max_iter": 6, "random_state": 0, **options}
    for make, y in ((Classifier, CLASSES), (Regressor, Y)):
        dense = make((5,), **shared).fit(X, y, sample_weight=weight)
        rows = sparse.coo_array(X)
        thin = make((5,), **shared).fit(rows, y, sample_weight=weight)
        assert thin.loss_curve_ == dense.loss_curve_
        assert thin.validation_loss_curve_ == dense.validation_loss_curve_
        for name, array in dense.trainer_.parameters.items():
            np.testing.assert_array_equal(thin.trainer_.parameters[name], array)
        np.testing.assert_array_equal(thin.predict(rows), dense.predict(X))
    many = sparse.csr_array(np.tile(X, (40, 1)))
    np.testing.assert_allclose(dense.predict(many)[-60:], dense.predict(X), rtol=1e-12)


def test_ranks_fit_what_one_process_does(tmp_path: Path) -> None:
    if reason := support.missing():
        pytest.skip(reason)
    from tests.ranks import run_estimators

    path = tmp_path / "found"
    run = Path(run_estimators.__file__)
    done = support.run(3, run, path)
    assert done.returncode == 0, done.stderr
    found = pickle.loads(path.read_bytes())
    for name, expected in run_estimators.results().items():
        for ours, theirs in zip(found[name], expected, strict=True):
            np.testing.assert_allclose(ours, theirs, 1e-9, 1e-9, err_msg=name)


def test_sgd_is_that_of_a_multilayer_perceptron() -> None:
    shared: dict[str, Any] = {"learning_rate_init": 0.05, "batch_size": 60}
    shared |= {"alpha": 0.1, "n_iter_no_change": 99}
    theirs: Any = neural_network.MLPRegressor(
        hidden_layer_sizes=(5,),
        activation="tanh",
        solver="sgd",
        warm_start=True,
        max_iter=1,
        **shared,
    )
    regressor = Regressor((5,), "tanh", loss=_half, optimizer="sgd", **shared)
    regressor.set_params(max_iter=12).fit(X, Y)
    start = regressor.trainer_.restarted().parameters
    theirs.fit(X, Y)
    layers = ("hidden_1", "output")
    theirs.coefs_ = [start[f"{name}.weight"].T.copy() for name in layers]
    theirs.intercepts_ = [start[f"{name}.bias"].copy() for name in layers]
    theirs.set_params(max_iter=12).fit(X, Y)
    np.testing.assert_allclose(
        regressor.loss_curve_, theirs.loss_curve_[-12:], rtol=1e-9
    )
    np.testing.assert_allclose(regressor.predict(X), theirs.predict(X), rtol=1e-8)


def _half(prediction: gc.Node, target: gc.Node) -> gc.Node:
    return 0.5 * (prediction - target) ** 2


def test_iterations_are_counted_as_those_of_a_multilayer_perceptron() -> None:
    mlp: Any = neural_network.MLPClassifier
    for make in (Classifier, mlp):
        warm = make(hidden_layer_sizes=(3,), max_iter=4, warm_start=True).fit(
            X, CLASSES
        )
        assert (warm.fit(X, CLASSES).n_iter_, len(warm.loss_curve_)) == (4, 8)
        part = make(hidden_layer_sizes=(3,)).partial_fit(
            X, CLASSES, classes=["less", "more"]
        )
        part.partial_fit(X, CLASSES)
        assert (part.n_iter_, len(part.loss_curve_)) == (1, 2)


def test_logarithms_of_probabilities() -> None:
    classifier = Classifier((), random_state=0, max_iter=3).fit(X, CLASSES)
    np.testing.assert_allclose(
        classifier.predict_log_proba(X), np.log(classifier.predict_proba(X)), 1e-12
    )
    far = classifier.predict_log_proba(1e6 * X[:9])
    assert np.isfinite(far).all()
    assert far.min() < -1000
    margins = Classifier(loss="multi_margin_loss", max_iter=1).fit(X, CLASSES)
    assert not hasattr(margins, "predict_log_proba")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("activation", gc.nn.ReLU),
        ("loss", gc.nn.CrossEntropyLoss),
        ("model", gc.nn.Linear),
    ],
)
def test_the_class_of_a_layer_is_no_layer(name: str, value: Any) -> None:
    with pytest.raises(OptionError, match=f"{name} must be a layer or a function") as e:
        Classifier(**{name: value}).fit(X, CLASSES)
    assert e.value.hint == f"{value.__name__}(...)"
