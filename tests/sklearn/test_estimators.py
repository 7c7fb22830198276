"""Estimators of scikit-learn: its own checks, other solvers' results, and errors."""

from __future__ import annotations

import pickle
import subprocess
import sys
from functools import partial
from operator import mul
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import (
    GraphcError,
    MissingExtraError,
    NonFiniteError,
    OptionError,
    ShapeError,
)

base: Any = pytest.importorskip("sklearn.base")
exceptions: Any = pytest.importorskip("sklearn.exceptions")
linear_model: Any = pytest.importorskip("sklearn.linear_model")
model_selection: Any = pytest.importorskip("sklearn.model_selection")
neural_network: Any = pytest.importorskip("sklearn.neural_network")
optimize: Any = pytest.importorskip("scipy.optimize")
pipeline_of: Any = pytest.importorskip("sklearn.pipeline").make_pipeline
preprocessing: Any = pytest.importorskip("sklearn.preprocessing")
estimator_checks: Any = pytest.importorskip("sklearn.utils.estimator_checks")

Classifier: Any = gc.sklearn.GraphClassifier
Regressor: Any = gc.sklearn.GraphRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
CLASSES = np.array(["a", "b", "c"])[
    (X @ RNG.normal(size=(4, 3)) + 0.5 * RNG.normal(size=(90, 3))).argmax(axis=1)
]
Y = X @ [1.0, -2.0, 0.5, 0.0] + 0.3 + 0.2 * RNG.standard_t(2, size=90)


def half_square(prediction: gc.Node, target: gc.Node) -> gc.Node:
    return 0.5 * (prediction - target) ** 2


def swish(x: gc.Node) -> gc.Node:
    return x * gc.nn.sigmoid(x)


def first_of(x: gc.Node) -> gc.Node:
    return x[0]


def number(*_: gc.Node) -> float:
    return 3.0


def unchanged(x: gc.Node, outputs: int) -> gc.Node:
    return x


def bottleneck(x: gc.Node, outputs: int) -> gc.Node:
    hidden = gc.nn.Linear(4, 2, dtype="float64")(x)
    return gc.nn.Linear(2, outputs, dtype="float64")(gc.tanh(hidden))


# scikit-learn's own checks


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@estimator_checks.parametrize_with_checks(
    [
        Classifier((10,), optimizer=gc.optim.Adam(0.01), max_iter=60),
        Regressor((10,), optimizer=gc.optim.Adam(0.05), max_iter=60),
    ]
)
def test_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


# Oracles

CONVERGED: dict[str, Any] = {"optimizer": "lbfgs", "tol": 1e-12, "max_iter": 5000}


@pytest.mark.parametrize("kinds", [2, 3])
def test_a_linear_classifier_is_logistic_regression(kinds: int) -> None:
    names = CLASSES if kinds == 3 else np.where(CLASSES == "c", "b", CLASSES)
    # Two columns of weights share the penalty of one.
    alpha = 0.7 if kinds == 3 else 1.4
    ours = Classifier((), alpha=alpha, **CONVERGED).fit(X, names)
    theirs = linear_model.LogisticRegression(C=1.0 / 0.7, tol=1e-10, max_iter=5000).fit(
        X, names
    )
    assert ours.classes_.tolist() == theirs.classes_.tolist()
    np.testing.assert_allclose(
        ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5
    )
    weight = ours.trainer_.parameters["output.weight"]
    if kinds == 3:
        np.testing.assert_allclose(weight, theirs.coef_, atol=1e-4)
    else:
        np.testing.assert_allclose(weight[1:] - weight[:1], theirs.coef_, atol=1e-4)
        np.testing.assert_allclose(
            ours.decision_function(X), theirs.decision_function(X), atol=1e-4
        )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", ["classifier", "regressor"])
@pytest.mark.parametrize("weighted", [False, True])
def test_each_epoch_is_that_of_a_multilayer_perceptron(
    kind: str, weighted: bool
) -> None:
    shared: dict[str, Any] = {"alpha": 0.3, "batch_size": 90, "n_iter_no_change": 99}
    ours_of, theirs_of = (
        (Classifier, neural_network.MLPClassifier)
        if kind == "classifier"
        else (Regressor, neural_network.MLPRegressor)
    )
    y = CLASSES if kind == "classifier" else Y
    weight = RNG.uniform(0.5, 2.0, size=90) if weighted else None
    own = {} if kind == "classifier" else {"loss": half_square}
    ours = ours_of(
        (5, 3), "tanh", optimizer=gc.optim.SGD(0.05), max_iter=12, **own, **shared
    ).fit(X, y, sample_weight=weight)
    start = ours.trainer_.restarted().parameters
    theirs: Any = theirs_of(
        hidden_layer_sizes=(5, 3),
        activation="tanh",
        solver="sgd",
        momentum=0.0,
        learning_rate_init=0.05,
        warm_start=True,
        max_iter=1,
        **shared,
    ).fit(X, y, sample_weight=weight)
    layers = ("hidden_1", "hidden_2", "output")
    theirs.coefs_ = [start[f"{name}.weight"].T.copy() for name in layers]
    theirs.intercepts_ = [start[f"{name}.bias"].copy() for name in layers]
    theirs.set_params(max_iter=12).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_[-12:], rtol=1e-9)
    trained = ours.trainer_.parameters
    for name, coefficients in zip(layers, theirs.coefs_, strict=True):
        np.testing.assert_allclose(
            trained[f"{name}.weight"], coefficients.T, rtol=1e-8, atol=1e-12
        )
    np.testing.assert_allclose(
        *(
            each.predict_proba(X) if kind == "classifier" else each.predict(X)
            for each in (ours, theirs)
        ),
        rtol=1e-8,
    )


def test_several_outputs_are_ridge_regression() -> None:
    targets = np.stack([Y, 2.0 * Y + X[:, 0], -X[:, 1]], axis=1)
    ours = Regressor((), alpha=0.8, **CONVERGED).fit(X, targets)
    # The mean over outputs makes the penalty three times as strong.
    theirs = linear_model.Ridge(alpha=0.5 * 3 * 0.8).fit(X, targets)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-5)
    assert ours.predict(X).shape == (90, 3)


def test_an_own_loss_is_minimised() -> None:
    def huber(prediction: gc.Node, target: gc.Node) -> gc.Node:
        error = gc.abs(prediction - target)
        return gc.where(error < 0.1, 0.5 * error**2, 0.1 * (error - 0.05))

    def of(w: Any) -> float:
        total = 0.0
        for row, target in zip(X.tolist(), Y.tolist(), strict=True):
            error = abs(sum(map(mul, row, w[:4])) + w[4] - target)
            total += 0.5 * error**2 if error < 0.1 else 0.1 * (error - 0.05)
        return total / len(Y)

    ours = Regressor((), alpha=0.0, loss=huber, **CONVERGED).fit(X, Y)
    theirs = optimize.minimize(of, np.zeros(5), method="BFGS", tol=1e-9)
    np.testing.assert_allclose(ours.loss_curve_[-1], theirs.fun, rtol=1e-7)
    found = ours.trainer_.parameters["output.weight"][0]
    np.testing.assert_allclose(found, theirs.x[:4], atol=1e-4)
    named = Regressor(
        (),
        alpha=0.0,
        loss=partial(gc.nn.huber_loss, reduction="none", delta=0.1),
        **CONVERGED,
    ).fit(X, Y)
    np.testing.assert_allclose(named.predict(X), ours.predict(X), atol=1e-4)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_pinball_loss_is_quantile_regression() -> None:
    def pinball(prediction: gc.Node, target: gc.Node) -> gc.Node:
        error = target - prediction
        return gc.maximum(0.8 * error, -0.2 * error)

    steps = gc.optim.ExponentialLR(0.1, gamma=0.99)
    ours = Regressor(
        (),
        alpha=0.0,
        loss=pinball,
        optimizer=gc.optim.Adam(steps),
        max_iter=900,
        n_iter_no_change=900,
    ).fit(X, Y)
    theirs = linear_model.QuantileRegressor(quantile=0.8, alpha=0.0).fit(X, Y)

    def loss(each: Any) -> Any:
        error = Y - each.predict(X)
        return np.maximum(0.8 * error, -0.2 * error).mean()

    assert loss(ours) == pytest.approx(loss(theirs), rel=1e-3)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=0.05)


def test_weights_count_rows_several_times() -> None:
    weight = RNG.integers(0, 3, size=90)
    weighted = Classifier((), **CONVERGED)
    repeated = base.clone(weighted)
    weighted.fit(X, CLASSES, sample_weight=weight)
    repeated.fit(X.repeat(weight, axis=0), CLASSES.repeat(weight))
    assert weighted.loss_curve_[-1] == pytest.approx(repeated.loss_curve_[-1])
    probabilities = weighted.predict_proba(X)
    np.testing.assert_allclose(probabilities, repeated.predict_proba(X), atol=1e-4)


# Models, losses and activations of one's own

SHORT: dict[str, Any] = {
    "optimizer": gc.optim.Adam(0.01),
    "max_iter": 6,
    "random_state": 0,
}
pytestmark = pytest.mark.filterwarnings(
    "ignore:the loss still fell:sklearn.exceptions.ConvergenceWarning"
)


def layer() -> Any:
    return gc.nn.Sequential(
        gc.nn.Linear(4, 6), gc.nn.BatchNorm1d(6), gc.nn.ReLU(), gc.nn.Linear(6, 3)
    )


@pytest.mark.parametrize(
    "options",
    [
        {"activation": swish},
        {"activation": "gelu", "hidden_layer_sizes": (4, 4)},
        {"activation": "logistic", "hidden_layer_sizes": 4},
        {"activation": "identity"},
        {"model": bottleneck},
        {"model": layer()},
        {"loss": "multi_margin_loss"},
        {"loss": gc.nn.cross_entropy},
        {"early_stopping": True, "validation_fraction": 0.3},
        {"style": "readable"},
        {"style": "auto"},
    ],
)
def test_two_fits_are_one_and_pickles_predict_the_same(options: Any) -> None:
    first = Classifier(**{**SHORT, **options}).fit(X, CLASSES)
    again = base.clone(first).fit(X, CLASSES)
    assert again.loss_curve_ == first.loss_curve_
    for name, array in first.trainer_.parameters.items():
        np.testing.assert_array_equal(again.trainer_.parameters[name], array)
    assert first.score(X, CLASSES) == again.score(X, CLASSES)
    assert first.n_iter_ == len(first.loss_curve_)
    loaded = pickle.loads(pickle.dumps(first))
    scores = first.decision_function(X)
    np.testing.assert_array_equal(loaded.decision_function(X), scores)
    for each in (first, loaded):
        each.partial_fit(X, CLASSES)
    np.testing.assert_array_equal(
        loaded.decision_function(X), first.decision_function(X)
    )
    assert (first.decision_function(X) != scores).any()


def test_a_pickle_has_arrays_and_no_program() -> None:
    state = Regressor(**SHORT).fit(X, Y).__getstate__()["trainer_"]
    assert state["parameters"]["output.bias"].shape == (1,)
    assert b"def train_step" not in pickle.dumps(state)


def test_a_warm_start_goes_on() -> None:
    whole = Regressor(**SHORT).fit(X, Y)
    halves = Regressor(**{**SHORT, "max_iter": 3}, warm_start=True).fit(X, Y).fit(X, Y)
    assert halves.loss_curve_ == whole.loss_curve_
    np.testing.assert_array_equal(halves.predict(X), whole.predict(X))
    # Weights of rows may come later, and change the program only.
    halves.fit(X, Y, sample_weight=np.ones(90))
    assert halves.n_iter_ == 3
    assert halves.loss_curve_[-1] < whole.loss_curve_[-1]


def test_a_warm_start_keeps_its_columns() -> None:
    for estimator, y in ((Regressor(**SHORT), Y), (Classifier(**SHORT), Y > 0)):
        going = estimator.set_params(warm_start=True).fit(X, y)
        before = going.predict(X)
        with pytest.raises(ValueError, match="is expecting"):
            going.fit(X[:, :1], y)
        np.testing.assert_array_equal(going.predict(X), before)


def test_parts_are_fitted_with_classes_that_come_later() -> None:
    parts = Classifier(**SHORT)
    known = CLASSES != "c"
    with pytest.raises(OptionError, match="needs classes"):
        parts.partial_fit(X[known], CLASSES[known])
    parts.partial_fit(X[known], CLASSES[known], classes=["c", "b", "a"])
    assert parts.predict_proba(X).shape == (90, 3)
    parts.partial_fit(X, CLASSES, sample_weight=np.ones(90))
    assert parts.n_iter_ == 1
    with pytest.raises(OptionError, match="those of the calls before"):
        parts.partial_fit(X, CLASSES, classes=["a", "b"])
    with pytest.raises(OptionError, match=r"y has the classes \['d'\]"):
        parts.partial_fit(X, np.full(90, "d"))


def test_early_stopping_keeps_the_best() -> None:
    options = {**SHORT, "max_iter": 300, "n_iter_no_change": 4}
    found = Regressor((50,), **options, early_stopping=True).fit(X, X[:, 0])
    losses = found.validation_loss_curve_
    assert found.n_iter_ == len(losses) < 300
    assert min(losses) < losses[-1] or len(losses) > 5
    assert Regressor(**SHORT).fit(X, Y).validation_loss_curve_ is None


def test_a_run_ends_when_the_loss_no_longer_falls() -> None:
    found = Regressor((), tol=0.1, max_iter=500, n_iter_no_change=3).fit(X, Y)
    assert found.n_iter_ < 500
    tail = found.loss_curve_[-4:]
    assert min(found.loss_curve_[:-4]) - min(tail) <= 4 * 0.1
    with pytest.warns(exceptions.ConvergenceWarning, match="max_iter=2") as caught:
        Regressor((), max_iter=2).fit(X, Y)
    assert caught[0].filename == __file__


# Neighbours


def test_searches_pipelines_and_cross_validation() -> None:
    pipeline = pipeline_of(preprocessing.StandardScaler(), Classifier((4,), **SHORT))
    search: Any = model_selection.GridSearchCV(
        pipeline,
        {
            "graphclassifier__activation": ["tanh", swish],
            "graphclassifier__optimizer": [gc.optim.SGD(1e-9), gc.optim.Adam(0.05)],
        },
        cv=2,
    ).fit(X, CLASSES)
    assert repr(search.best_params_["graphclassifier__optimizer"]).startswith("Adam")
    scores = model_selection.cross_val_score(Regressor((4,), **SHORT), X, Y, cv=2)
    assert scores.shape == (2,)


def test_frames_have_names() -> None:
    pandas: Any = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["p", "q", "r", "s"])
    found = Regressor(**SHORT).fit(frame, pandas.Series(Y))
    assert found.feature_names_in_.tolist() == ["p", "q", "r", "s"]
    np.testing.assert_array_equal(found.predict(frame), found.predict(frame.copy()))
    with pytest.raises(ValueError, match="feature names"):
        found.predict(frame[["q", "p", "r", "s"]])


def test_what_is_emitted_predicts_the_same(tmp_path: Path) -> None:
    found = Classifier((5,), swish, **SHORT).fit(X, CLASSES)
    path = found.emit(tmp_path / "predict.py")
    np.savez(tmp_path / "rows.npz", x=X)
    program = (
        "import sys; sys.modules['graphc'] = sys.modules['sklearn'] = None\n"
        "import numpy as np, predict\n"
        "x = np.load('rows.npz')['x']\n"
        "parameters = predict.PARAMETERS if hasattr(predict, 'PARAMETERS') else None\n"
        "np.savez('out.npz', **predict.predict(parameters, x))\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=path.parent, check=True)
    with np.load(tmp_path / "out.npz") as made:
        np.testing.assert_allclose(
            made["probabilities"], found.predict_proba(X), rtol=1e-12
        )
    assert (
        "def train_step"
        in found.emit(tmp_path / "train.py", part="program").read_text()
    )


def test_float32_stays_float32() -> None:
    found = Regressor((), **SHORT).fit(X.astype("float32"), Y)
    assert found.predict(X).dtype == np.float32
    assert Regressor((), **SHORT).fit(X, Y).predict(X).dtype == np.float64


# Errors

NOT_A_LOSS: dict[str, Any] = {"loss": number}
WRONG: list[tuple[Any, dict[str, Any], Any, str]] = [
    (Classifier, {"activation": "rellu"}, OptionError, "activation must be"),
    (Classifier, {"loss": "mse_loss"}, OptionError, "or one of cross_entropy, multi"),
    (Regressor, {"loss": "huber"}, OptionError, "'huber_loss'"),
    (Classifier, NOT_A_LOSS, ShapeError, "loss must give a node"),
    (Classifier, {"optimizer": "adamm"}, OptionError, "optimizer must be"),
    (
        Classifier,
        {"optimizer": gc.optim.SGD(1.0), "learning_rate_init": 0.1},
        OptionError,
        "step size of its own",
    ),
    (
        Classifier,
        {"optimizer": "lbfgs", "early_stopping": True},
        OptionError,
        "all rows in",
    ),
    (
        Classifier,
        {"optimizer": "lbfgs", "learning_rate_init": 1.0},
        OptionError,
        "no step size",
    ),
    (
        Classifier,
        {"model": layer(), "activation": "tanh"},
        OptionError,
        "takes the place",
    ),
    (Classifier, {"model": 5}, OptionError, "model must be a layer or a function"),
    (
        Classifier,
        {"model": unchanged},
        ShapeError,
        "shape (batch, 3), one number a class",
    ),
    (Classifier, {"activation": first_of}, ShapeError, "activation must give"),
    (Classifier, {"alpha": -1.0}, OptionError, "alpha must be a number >= 0"),
    (Classifier, {"max_iter": 0}, OptionError, "max_iter must be a positive"),
    (Classifier, {"batch_size": 2.5}, OptionError, "batch_size must be"),
    (
        Classifier,
        {"hidden_layer_sizes": (3, 0)},
        OptionError,
        "hidden_layer_sizes must",
    ),
    (Classifier, {"validation_fraction": 1.5}, OptionError, "validation_fraction must"),
    (
        Regressor,
        {"learning_rate_init": 1e200, "optimizer": "sgd"},
        NonFiniteError,
        "the loss became nan",
    ),
]


@pytest.mark.parametrize(("kind", "options", "error", "says"), WRONG)
def test_errors_are_told_when_it_is_fitted(
    kind: Any, options: Any, error: Any, says: str
) -> None:
    estimator = pipeline_of(preprocessing.StandardScaler(), kind(**options))
    with pytest.raises(error) as caught:
        estimator.fit(X, CLASSES if kind is Classifier else Y)
    assert says in str(caught.value)
    assert __file__ in str(caught.value)


def test_other_errors() -> None:
    mean = {"loss": gc.nn.mse_loss}
    with pytest.raises(OptionError, match="sample_weight needs"):
        Regressor(**mean, **SHORT).fit(X, Y, sample_weight=np.ones(90))
    with pytest.raises(OptionError, match="no epochs to go on by"):
        Regressor(optimizer="lbfgs").partial_fit(X, Y)
    going = Regressor(**SHORT).partial_fit(X, Y)
    with pytest.raises(OptionError, match="must have 1 outputs"):
        going.partial_fit(X, np.stack([Y, Y], axis=1))
    with pytest.raises(AttributeError, match="predict_proba"):
        _ = Classifier(loss="multi_margin_loss").predict_proba
    with pytest.raises(AttributeError, match="GraphClassifier"):
        vars(gc.sklearn)["__getattr__"]("GraphClasifier")


def test_scikit_learn_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(vars(gc.sklearn), "GraphRegressor", raising=False)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtraError, match=r"graphc\[sklearn\]") as caught:
        _ = gc.sklearn.GraphRegressor
    assert isinstance(caught.value, GraphcError)
    assert __file__ in str(caught.value)
