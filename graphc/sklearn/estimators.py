"""A classifier and a regressor as scikit-learn asks for them.

What they know of scikit-learn stands here and in `fitting.py`; the graph that is
trained, in `network.py`, knows nothing of it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from scipy import special
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import metaestimators, multiclass

from ..arguments import entry, unchecked_entry
from ..errors import OptionError
from ..nn import multi_margin_loss
from .fitting import GraphEstimator, Rows, checks
from .network import name_of

Array = np.ndarray[Any, Any]

# Functions without types.
_metaestimators: Any = metaestimators
_multiclass: Any = multiclass
_special: Any = special


def _has_probabilities(estimator: Any) -> bool:
    """True unless the loss is known to be of scores that mean no probabilities."""
    return estimator.loss != name_of(multi_margin_loss)


@partial(entry, label="gc.sklearn.GraphClassifier")
class GraphClassifier(ClassifierMixin, GraphEstimator):
    """A classifier of scikit-learn with a model, an activation and a loss of your own.

    Parameters that scikit-learn's `MLPClassifier` has mean the same here. Numbers are
    computed in float32 for rows of float32, else in float64.

    Args:
        hidden_layer_sizes: the widths of hidden layers; `()` for a linear model.
        activation: a function of a node, or the name of one of `gc.nn`; "logistic" and
            "identity", too.
        model: in place of both, a layer of `gc.nn`, or a function of rows (a node) and
            the number of classes, that gives a score for each class: logits, for most
            losses.
        loss: a function of scores, of shape (batch, classes), and of targets, integers
            from 0 in the order of `classes_`, that gives the loss of each row, or their
            mean; "cross_entropy", which None means, or "multi_margin_loss".
        optimizer: of `gc.optim`; or, with `MLPClassifier`'s options, "adam", "sgd"
            (with Nesterov's momentum of 0.9), or "lbfgs", which takes all rows in every
            step.
        alpha: strength of the L2 penalty `0.5 * alpha * sum(w**2) / rows` of arrays of
            two axes or more.
        batch_size: rows of a batch; "auto" is 200, or all if they are fewer.
        learning_rate_init: the step size of an optimizer that is named; 0.001 if None.
        max_iter: the largest number of epochs, or of iterations of lbfgs.
        random_state: an integer, a `RandomState`, or None, of the start of parameters,
            of the order of rows and of what is set aside.
        tol: the loss has to fall by so much, or it does not count as falling; of lbfgs
            the tolerance.
        verbose: True to print a line an epoch.
        warm_start: True to go on with the parameters of the fit before.
        early_stopping: True to set rows aside, and to end, with the best parameters,
            when the loss on them no longer falls.
        validation_fraction: the share of rows that are set aside.
        n_iter_no_change: epochs without a fall of the loss, after which a run ends.
        style: of the program that runs, as for `gc.Trainer`.

    Attributes:
        classes_: the classes, sorted.
        n_features_in_, feature_names_in_: columns of the rows, and their names.
        trainer_: the `gc.Trainer`, which shows, explains and emits what was trained.
        loss_curve_: the loss of each epoch; with a penalty, if there is one.
        validation_loss_curve_: the same on rows that were set aside, else None.
        n_iter_: epochs, or iterations of lbfgs, of the last fit.

    Raises:
        OptionError: when fitted: parameters that mean nothing, or not together.
        ShapeError: when fitted: a model or a loss of another shape.
        NonFiniteError: when fitted: a loss that is not finite.

    >>> import graphc as gc
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> def focal(scores, target):
    ...     losses = gc.nn.cross_entropy(scores, target, reduction="none")
    ...     return (1.0 - gc.exp(-losses)) ** 2 * losses
    >>> def swish(x):
    ...     return x * gc.nn.sigmoid(x)
    >>> classifier = gc.sklearn.GraphClassifier(
    ...     (16,), swish, loss=focal, optimizer="lbfgs", max_iter=1000, random_state=0
    ... )
    >>> X, y = load_iris(return_X_y=True)
    >>> pipeline = make_pipeline(StandardScaler(), classifier).fit(X, y)
    >>> pipeline.score(X, y) > 0.95
    True
    """

    classes_: Array

    _has_classes = True

    @unchecked_entry
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> GraphClassifier:
        """Train on rows and their classes.

        Args:
            X: rows, of shape (rows, features), dense or sparse; lbfgs makes them dense.
            y: a class for each row: integers, texts, ...
            sample_weight: how much each row counts; all the same if None.
        """
        goes_on = self.warm_start and hasattr(self, "trainer_")
        rows, targets = self._validated(X, y, reset=not goes_on)
        if not goes_on:
            self.classes_ = np.unique(targets)
        self._train(self._rows(rows, targets, sample_weight), goes_on=goes_on)
        return self

    @unchecked_entry
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> GraphClassifier:
        """Go on training, by one epoch over these rows.

        Args:
            X, y, sample_weight: as for `fit`.
            classes: all classes that may come; needed by the first call.
        """
        is_first = not hasattr(self, "trainer_")
        rows, targets = self._validated(X, y, reset=is_first)
        if is_first:
            if classes is None:
                raise OptionError(
                    "the first call of partial_fit needs classes, all that may come",
                    hint="partial_fit(X, y, classes=numpy.unique(all_y))",
                )
            self.classes_ = np.unique(classes)
        elif classes is not None and not np.array_equal(
            np.unique(classes), self.classes_
        ):
            raise OptionError(
                f"classes must be those of the calls before, {self.classes_}, got "
                f"{np.unique(classes)}"
            )
        chosen = self._rows(rows, targets, sample_weight)
        self._train(chosen, goes_on=not is_first, epochs=1)
        return self

    def _validated(self, X: Any, y: Any, *, reset: bool) -> tuple[Array, Array]:
        rows, classes = self._checked(X, y, reset=reset)
        classes = checks.column_or_1d(classes, warn=True)
        _multiclass.check_classification_targets(classes)
        return rows, classes

    def _rows(self, rows: Array, targets: Array, sample_weight: Any) -> Rows:
        unknown = np.setdiff1d(targets, self.classes_)
        if unknown.size:
            raise OptionError(
                f"y has the classes {unknown[:5]}, which are not among {self.classes_}"
            )
        places = np.searchsorted(self.classes_, targets).astype(np.int64)
        return Rows.of(rows, places, sample_weight, len(self.classes_))

    @unchecked_entry
    def predict(self, X: Any) -> Array:
        """The class of the highest score of each row."""
        scores = self._computed(X, "output")
        return self.classes_[scores.argmax(axis=1)]

    @unchecked_entry
    def decision_function(self, X: Any) -> Array:
        """The scores of each row, by class.

        Of two classes it is the score of the second less that of the first.
        """
        scores = self._computed(X, "output")
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    @_metaestimators.available_if(_has_probabilities)
    @unchecked_entry
    def predict_proba(self, X: Any) -> Array:
        """The softmax of the scores of each row, by class.

        These are probabilities as far as the loss made logits of the scores, as
        cross-entropy does; with "multi_margin_loss" there is no such method.
        """
        return self._computed(X, "probabilities")

    @_metaestimators.available_if(_has_probabilities)
    @unchecked_entry
    def predict_log_proba(self, X: Any) -> Array:
        """The logarithms of `predict_proba`, which are finite where those are 0."""
        return _special.log_softmax(self._computed(X, "output"), axis=1)


@partial(entry, label="gc.sklearn.GraphRegressor")
class GraphRegressor(RegressorMixin, GraphEstimator):
    """A regressor of scikit-learn with a model, an activation and a loss of your own.

    Args:
        model: a layer of `gc.nn`, or a function of rows (a node) and the number of
            outputs, that gives a node of shape (batch, outputs).
        loss: a function of predictions and targets, both of shape (batch,), or of
            (batch, outputs) where `y` has two axes, that gives the loss of each row, or
            of each of its outputs, or their mean; "mse_loss", which None means,
            "l1_loss", "huber_loss" or "smooth_l1_loss".
        hidden_layer_sizes, activation, optimizer, alpha, batch_size: see
            `GraphClassifier`.
        learning_rate_init, max_iter, random_state, tol, verbose, warm_start: see there.
        early_stopping, validation_fraction, n_iter_no_change, style: see there.

    Attributes:
        n_features_in_, feature_names_in_: columns of the rows, and their names.
        trainer_, loss_curve_, validation_loss_curve_, n_iter_: see `GraphClassifier`.

    Raises:
        OptionError, ShapeError, NonFiniteError: as `GraphClassifier`.

    >>> import graphc as gc, numpy as np
    >>> def pinball(prediction, target):
    ...     error = target - prediction
    ...     return gc.maximum(0.9 * error, -0.1 * error)
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(size=(200, 1))
    >>> y = X[:, 0] + rng.exponential(size=200)
    >>> regressor = gc.sklearn.GraphRegressor(
    ...     (), loss=pinball, optimizer=gc.optim.Adam(0.1), random_state=0
    ... )
    >>> below = y <= regressor.fit(X, y).predict(X)
    >>> bool(0.85 < below.mean() < 0.95)
    True
    """

    _has_classes = False

    @unchecked_entry
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> GraphRegressor:
        """Train on rows and their targets.

        Args:
            X: rows, of shape (rows, features), dense or sparse; lbfgs makes them dense.
            y: numbers, of shape (rows,) or (rows, outputs).
            sample_weight: how much each row counts; all the same if None.
        """
        goes_on = self.warm_start and hasattr(self, "trainer_")
        rows = self._rows(X, y, sample_weight, reset=not goes_on)
        self._train(rows, goes_on=goes_on)
        return self

    @unchecked_entry
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> GraphRegressor:
        """Go on training, by one epoch over these rows; see `fit`."""
        goes_on = hasattr(self, "trainer_")
        rows = self._rows(X, y, sample_weight, reset=not goes_on)
        self._train(rows, goes_on=goes_on, epochs=1)
        return self

    def _rows(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> Rows:
        rows, targets = self._checked(
            X, y, reset=reset, multi_output=True, y_numeric=True
        )
        if targets.ndim == 2 and targets.shape[1] == 1:
            targets = checks.column_or_1d(targets, warn=True)
        outputs = 1 if targets.ndim == 1 else targets.shape[1]
        return Rows.of(rows, targets.astype(rows.dtype), sample_weight, outputs)

    @unchecked_entry
    def predict(self, X: Any) -> Array:
        """The prediction for each row, of shape (rows,) or (rows, outputs)."""
        return self._computed(X, "output")

    def __sklearn_tags__(self) -> Any:
        """Tags for scikit-learn: rows may be sparse, and have several outputs."""
        inherited: Any = super()
        tags = inherited.__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
