"""The common part of estimators: parameters, training, pickling, emitted programs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import sklearn
from sklearn import model_selection, utils
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import validation

from ..arguments import shown, unchecked_entry
from ..errors import OptionError
from ..fullbatch.minimize import minimize
from ..locations import pass_by, warn_at_user
from ..program.plan import RunStyle, Style
from ..training.data import IN_ORDER, Batching
from ..training.trainer import Trainer
from .network import ACTIVATION, LBFGS, Network, optimizer_of

Array = np.ndarray[Any, Any]

# Functions without types.
checks: Any = validation
_selection: Any = model_selection
_utils: Any = utils

# Pipelines and searches call estimators.
for _library in (sklearn, joblib):
    pass_by(str(Path(str(_library.__file__)).parent))

FLOATS = (np.float64, np.float32)
"""Dtypes of rows that are computed in as they are; others become the first."""


@dataclass(frozen=True)
class Rows:
    """Checked rows to train on.

    Args:
        x, y: rows, which may be sparse, and targets or the places of classes.
        weight: of each row, or None.
        outputs: numbers that are computed for a row.
    """

    x: Any
    y: Array
    weight: Array | None
    outputs: int

    @staticmethod
    def of(x: Any, y: Array, sample_weight: Any, outputs: int) -> Rows:
        """Rows without those that have no weight."""
        if sample_weight is None:
            return Rows(x, y, None, outputs)
        weight: Array = checks._check_sample_weight(
            sample_weight, x, dtype=x.dtype, ensure_non_negative=True
        )
        kept = weight > 0
        return Rows(x[kept], y[kept], weight[kept], outputs)

    @property
    def is_sparse(self) -> bool:
        """True where `x` is a sparse array, of which batches are made dense."""
        return hasattr(self.x, "toarray")

    def arrays(self, alpha: float | None) -> dict[str, Any]:
        """The arrays by the names of inputs.

        Args:
            alpha: of the penalty, where its strength is an input; else None.
        """
        found: dict[str, Any] = {"x": _dense(self.x), "y": self.y}
        if self.weight is not None:
            found["weight"] = self.weight
        if alpha is not None:
            total = len(self.y) if self.weight is None else self.weight.sum()
            found["strength"] = 0.5 * alpha / total
        return found

    def batches(
        self, alpha: float | None, batching: Batching
    ) -> Callable[[int], Iterator[dict[str, Any]]]:
        """A function that gives the batches of an epoch, those of dense arrays."""
        return lambda epoch: (
            self.take(np.array(places)).arrays(alpha)
            for places in batching.of(len(self.y), epoch)
        )

    def take(self, places: Array) -> Rows:
        """Some of the rows."""
        weight = None if self.weight is None else self.weight[places]
        return replace(self, x=self.x[places], y=self.y[places], weight=weight)


class _Falling:
    """Ends a run when its loss has not fallen for some epochs.

    Args:
        key: the loss, in the records of epochs.
        tolerance: by how much a loss has to fall.
        patience: the number of epochs without a fall after which a run goes on.
    """

    def __init__(self, key: str, tolerance: float, patience: float) -> None:
        self.key, self._tolerance, self._patience = key, tolerance, patience
        self._best, self._waited = np.inf, 0
        self.has_ended = False

    def __call__(self, record: Mapping[str, Any]) -> bool:
        loss = record[self.key]
        fell = loss <= self._best - self._tolerance
        self._waited = 0 if fell else self._waited + 1
        self._best = min(self._best, loss)
        self.has_ended = self._waited > self._patience
        return self.has_ended


class GraphEstimator(BaseEstimator):
    """The base of both estimators; parameters are documented there."""

    _has_classes: bool
    style: RunStyle
    trainer_: Trainer
    n_features_in_: int
    loss_curve_: list[float]
    validation_loss_curve_: list[float] | None
    n_iter_: int

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = ACTIVATION,
        *,
        model: Any = None,
        loss: Any = None,
        optimizer: Any = "adam",
        alpha: Any = 0.0001,
        batch_size: Any = "auto",
        learning_rate_init: Any = None,
        max_iter: Any = 200,
        random_state: Any = None,
        tol: Any = 1e-4,
        verbose: Any = False,
        warm_start: Any = False,
        early_stopping: Any = False,
        validation_fraction: Any = 0.1,
        n_iter_no_change: Any = 10,
        style: Any = "fast",
    ) -> None:
        # As scikit-learn wants it, no value is looked at before `fit`.
        self.hidden_layer_sizes, self.activation = hidden_layer_sizes, activation
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.alpha, self.batch_size = alpha, batch_size
        self.learning_rate_init, self.max_iter = learning_rate_init, max_iter
        self.random_state, self.tol, self.verbose = random_state, tol, verbose
        self.warm_start, self.early_stopping = warm_start, early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change, self.style = n_iter_no_change, style

    def _train(self, rows: Rows, *, goes_on: bool, epochs: int | None = None) -> None:
        """Train, from the start or further, for so many epochs or until it ends."""
        self._check_parameters()
        if epochs is not None and self.optimizer == LBFGS:
            raise OptionError(
                "lbfgs has no epochs to go on by, which partial_fit does",
                hint='optimizer="adam"',
            )
        random = _utils.check_random_state(self.random_state)
        if goes_on:
            self._continue_with(rows)
        else:
            self._network = self._declare(rows)
            self._seed = int(random.randint(2**31 - 1))
            self.trainer_ = self._trainer()
            self.loss_curve_ = []
            self.validation_loss_curve_ = [] if self.early_stopping else None
        self.n_iter_ = 0
        if self.optimizer == LBFGS:
            self._minimize(rows)
            return
        dev = None
        if self.early_stopping and epochs is None:
            kept, aside = _selection.train_test_split(
                np.arange(len(rows.y)),
                test_size=self.validation_fraction,
                random_state=random,
                stratify=rows.y if self._has_classes else None,
            )
            rows, dev = rows.take(kept), rows.take(aside)
        self._descend(rows, dev, epochs)

    def _descend(self, rows: Rows, dev: Rows | None, epochs: int | None) -> None:
        size = min(200, len(rows.y)) if self.batch_size == "auto" else self.batch_size
        train = self._data(rows, Batching(int(size), self._seed))
        aside = None if dev is None else self._data(dev, IN_ORDER)
        key = "loss" if dev is None else "dev_loss"
        patience = np.inf if epochs else self.n_iter_no_change
        falling = _Falling(key, self.tol, patience)
        history = self.trainer_.fit(
            train,
            aside,
            epochs=self.max_iter if epochs is None else epochs,
            batch_size=int(size),
            callbacks=[falling],
            verbose=bool(self.verbose),
        )
        self.loss_curve_ = [*self.loss_curve_, *history["loss"]]
        self.n_iter_ += len(history)
        if dev is not None:
            earlier = self.validation_loss_curve_ or []
            self.validation_loss_curve_ = [*earlier, *history["dev_loss"]]
        if history.interrupted:
            raise KeyboardInterrupt
        if epochs is None and not falling.has_ended:
            warn_at_user(
                f"the loss still fell after max_iter={self.max_iter} epochs",
                ConvergenceWarning,
            )

    def _minimize(self, rows: Rows) -> None:
        """All rows in every step, by SciPy's L-BFGS."""
        found = minimize(
            self.trainer_.loss,
            rows.arrays(self._strength),
            parameters={n: a.copy() for n, a in self.trainer_.parameters.items()},
            tolerance=self.tol,
            max_iterations=self.max_iter,
            style=self.style,
        )
        found.assign(self.trainer_)
        self.loss_curve_ = [
            *self.loss_curve_,
            *(each.loss for each in found.history[1:]),
        ]
        self.n_iter_ += found.iterations
        if not found.converged:
            warn_at_user(
                f"lbfgs ended after {found.iterations} iterations: {found.message}",
                ConvergenceWarning,
            )

    def _data(self, rows: Rows, batching: Batching) -> Any:
        """The rows as arrays, or as batches where each has numbers of its own."""
        alpha = self._strength
        if rows.is_sparse or alpha is not None:
            return rows.batches(alpha, batching)
        return rows.arrays(alpha)

    @property
    def _strength(self) -> float | None:
        """Alpha, where the strength of the penalty is an input."""
        return self._network.alpha if self._network.is_counted else None

    # The program

    def _declare(self, rows: Rows) -> Network:
        return Network(
            hidden=tuple(np.atleast_1d(self.hidden_layer_sizes).astype(int).tolist()),
            activation=self.activation,
            model=self.model,
            loss=self.loss,
            alpha=float(self.alpha),
            features=rows.x.shape[1],
            outputs=rows.outputs,
            classes=self._has_classes,
            flat=not self._has_classes and rows.y.ndim == 1,
            weighted=rows.weight is not None,
            dtype=str(rows.x.dtype),
        )

    def _trainer(self) -> Trainer:
        optimizer = optimizer_of(self.optimizer, self.learning_rate_init)
        return self._network.trainer(optimizer, self._seed, self.style)

    def _continue_with(self, rows: Rows) -> None:
        """Take rows of the same kind as before, which may have weights now or not."""
        network, outputs = self._network, rows.outputs
        flat = not self._has_classes and rows.y.ndim == 1
        if (outputs, flat) != (network.outputs, network.flat):
            raise OptionError(
                f"y must have {network.outputs} outputs for each row, as before, got "
                f"an array of shape {rows.y.shape}"
            )
        weighted = rows.weight is not None
        if weighted != network.weighted:
            saved = self._snapshot()
            self._network = replace(network, weighted=weighted)
            self._restore(saved)

    def _snapshot(self) -> dict[str, Any]:
        """Parameters and the state of the optimizer, as plain arrays."""
        trainer: Any = self.trainer_
        return trainer.module.snapshot(trainer._arrays, trainer._state)

    def _restore(self, saved: dict[str, Any]) -> None:
        trainer: Any = self._trainer()
        trainer.module.restore(saved, trainer._arrays, trainer._state)
        self.trainer_ = trainer

    def __getstate__(self) -> dict[str, Any]:
        """The state to pickle: arrays in place of the program."""
        inherited: Any = super().__getstate__()
        state = dict(inherited)
        if "trainer_" in state:
            state["trainer_"] = self._snapshot()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Declare the graph anew, and take the arrays."""
        saved = state.get("trainer_")
        inherited: Any = super()
        inherited.__setstate__({k: v for k, v in state.items() if k != "trainer_"})
        if saved is not None:
            self._restore(saved)

    def _computed(self, X: Any, name: str) -> Array:
        """A result of the model, of rows that have the columns of those before."""
        checks.check_is_fitted(self)
        rows: Any = self._checked(X, reset=False)
        if not hasattr(rows, "toarray"):
            return self._predicted(rows, name)
        places = IN_ORDER.of(rows.shape[0], 0)
        parts = [self._predicted(rows[each].toarray(), name) for each in places]
        return np.concatenate(parts)

    def _predicted(self, rows: Array, name: str) -> Any:
        found: Any = self.trainer_.predict(x=rows)
        return found[name] if self._has_classes else found

    def _checked(self, *arrays: Any, **options: Any) -> Any:
        """Rows, and targets, of which scikit-learn has checked that they fit."""
        return checks.validate_data(
            self, *arrays, dtype=FLOATS, accept_sparse="csr", **options
        )

    def __sklearn_tags__(self) -> Any:
        """Tags for scikit-learn: rows may be sparse."""
        inherited: Any = super()
        tags = inherited.__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @unchecked_entry
    def emit(
        self,
        path: str | os.PathLike[str],
        style: Style = "readable",
        part: Any = "predict",
        **options: Any,
    ) -> Path:
        """Write a standalone program, which needs only NumPy.

        Args:
            path: the file to write.
            style, part, options: see `gc.Trainer.emit`; by default the program predicts
                with the parameters of now.

        Returns:
            The path.
        """
        checks.check_is_fitted(self)
        if part == "predict":
            options = {"embed": True, **options}
        return self.trainer_.emit(path, style, part, **options)

    # Parameters

    def _check_parameters(self) -> None:
        """Raise `OptionError` at a parameter that means nothing."""
        self._require("alpha", _is_number(self.alpha, 0), "a number >= 0")
        self._require("tol", _is_number(self.tol, 0), "a number >= 0")
        for name in ("max_iter", "n_iter_no_change"):
            value = getattr(self, name)
            self._require(name, _is_whole(value), "a positive integer")
        fits = self.batch_size == "auto" or _is_whole(self.batch_size)
        self._require("batch_size", fits, '"auto" or a positive integer')
        sizes = np.atleast_1d(np.asarray(self.hidden_layer_sizes, object))
        fits = sizes.ndim == 1 and all(map(_is_whole, sizes))
        self._require("hidden_layer_sizes", fits, "positive integers")
        fraction = self.validation_fraction
        fits = _is_number(fraction, 0) and 0 < fraction < 1
        self._require("validation_fraction", fits, "between 0 and 1")
        if self.model is not None:
            self._require("model", callable(self.model), "a layer or a function")
            given = (self.hidden_layer_sizes, self.activation)
            if given != ((100,), ACTIVATION):
                raise OptionError(
                    "model takes the place of hidden_layer_sizes and activation; give "
                    "either"
                )
        in_parts = self.early_stopping or self.batch_size != "auto"
        if in_parts and self.optimizer == LBFGS:
            raise OptionError(
                "lbfgs takes all rows in every step: without batch_size and "
                "early_stopping",
                hint='optimizer="adam"',
            )

    def _require(self, name: str, fits: bool, required: str) -> None:
        if not fits:
            value = shown(getattr(self, name))
            raise OptionError(f"{name} must be {required}, got {value}")


def _dense(rows: Any) -> Array:
    return rows.toarray() if hasattr(rows, "toarray") else rows


def _is_number(value: Any, least: float) -> bool:
    is_number = isinstance(value, int | float | np.number)
    return is_number and not isinstance(value, bool) and bool(least <= value < np.inf)


def _is_whole(value: Any) -> bool:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and bool(value >= 1)
