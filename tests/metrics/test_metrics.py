"""Metrics over data sets: scikit-learn's numbers, whatever the batch size."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as reference

import graphc as gc
from graphc.errors import DTypeError, OptionError, ShapeError
from tests.targets.support import load

HERE = Path(__file__).name
CLASSES = 4


def trainer(metrics: Any, style: str = "fast", **inputs: Any) -> gc.Trainer:
    """Whose loss is any, so that `evaluate` measures the metrics of its inputs."""
    w = gc.parameter("w", (), 1.0)
    loss = sum((gc.mean(node * 1.0) for node in inputs.values()), w * w)
    return gc.Trainer(loss, gc.optim.SGD(0.1), metrics, style=style)


def classification(rows: int = 53, ignored: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(rows)
    logits = rng.normal(size=(rows, CLASSES)).astype("f")
    labels = np.where(
        rng.random(rows) < 0.5, logits.argmax(1), rng.integers(0, 3, rows)
    )
    labels[:ignored] = -1
    return {"logits": logits, "labels": labels}


def scores(metrics: Any, data: Any, batch_size: int = 7) -> dict[str, float]:
    """The metrics of nodes `logits` and `labels`, from emitted text in either style."""
    logits = gc.input("logits", ("batch", CLASSES))
    labels = gc.input("labels", ("batch",), "int64")
    made = metrics(logits, labels)
    found = [
        trainer(made, style, logits=logits, labels=labels).evaluate(data, batch_size)
        for style in ("fast", "readable")
    ]
    assert found[0] == found[1]
    return found[0]


def test_scores_of_classes_are_those_of_scikit_learn() -> None:
    data = classification()
    predicted, labels = data["logits"].argmax(1), data["labels"]
    averages: Any = ("macro", "micro", "weighted")
    functions = {
        "precision": (gc.metrics.precision, reference.precision_score),
        "recall": (gc.metrics.recall, reference.recall_score),
        "f1": (gc.metrics.f1_score, reference.f1_score),
    }
    found = scores(
        lambda x, y: {
            f"{name}_{average}": function(x, y, average=average)
            for name, (function, _) in functions.items()
            for average in averages
        },
        data,
    )
    for name, (_, function) in functions.items():
        for average in averages:
            expected = function(labels, predicted, average=average)
            assert found[f"{name}_{average}"] == pytest.approx(expected, rel=1e-12)


def test_accuracies_are_those_of_scikit_learn() -> None:
    data = classification()
    found = scores(
        lambda x, y: {
            "accuracy": gc.metrics.accuracy(x, y),
            **{f"top{k}": gc.metrics.top_k_accuracy(x, y, k=k) for k in (1, 2, 3, 4)},
        },
        data,
    )
    assert found["accuracy"] == pytest.approx(found["top1"])
    for k in (1, 2, 3, 4):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # That k = 4 is always 1.
            expected = reference.top_k_accuracy_score(
                data["labels"], data["logits"], k=k, labels=range(CLASSES)
            )
        assert found[f"top{k}"] == pytest.approx(expected)


def test_equal_logits_count_in_the_order_of_classes() -> None:
    data = {"logits": np.zeros((4, CLASSES), "f"), "labels": np.arange(4)}
    data["logits"][3] = np.nan
    found = scores(
        lambda x, y: {f"top{k}": gc.metrics.top_k_accuracy(x, y, k=k) for k in (1, 2)},
        {**data, "logits": np.zeros((4, CLASSES), "f")},
    )
    assert found["top1"] == 0.25
    assert found["top2"] == 0.5
    unknown = gc.metrics.top_k_accuracy(data["logits"], data["labels"], k=3)
    assert float(gc.evaluate(unknown, {})) == 0.75


@pytest.mark.parametrize("batch_size", [1, 4, 7, 1000])
def test_ignored_labels_count_nowhere(batch_size: int) -> None:
    data = classification(ignored=11)
    kept = {name: array[11:] for name, array in data.items()}
    predicted = kept["logits"].argmax(1)

    def metrics(x: Any, y: Any) -> dict[str, Any]:
        return {
            "accuracy": gc.metrics.accuracy(x, y, ignore_index=-1),
            "top2": gc.metrics.top_k_accuracy(x, y, k=2, ignore_index=-1),
            "f1": gc.metrics.f1_score(x, y, average="macro", ignore_index=-1),
            "perplexity": gc.metrics.perplexity(x, y, ignore_index=-1),
        }

    found = scores(metrics, data, batch_size)
    assert found["accuracy"] == pytest.approx((predicted == kept["labels"]).mean())
    expected = reference.f1_score(kept["labels"], predicted, average="macro")
    assert found["f1"] == pytest.approx(expected)
    probabilities = np.exp(kept["logits"].astype(float))
    probabilities /= probabilities.sum(1, keepdims=True)
    expected = math.exp(
        reference.log_loss(kept["labels"], probabilities, labels=range(CLASSES))
    )
    assert found["perplexity"] == pytest.approx(expected, rel=1e-6)
    best = np.argsort(-kept["logits"], 1)[:, :2]
    assert found["top2"] == pytest.approx(
        (best == kept["labels"][:, None]).any(1).mean()
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_over_ignored_labels_is_the_mean_over_the_others(
    weighted: bool,
) -> None:
    data = classification(ignored=11)
    x = gc.input("logits", ("batch", CLASSES))
    y = gc.input("labels", ("batch",), "int64")
    scale = gc.parameter("scale", (), 1.0)
    weight = np.array([1, 2, 3, 4], "f") if weighted else None
    penalty = 0.25 * scale * scale
    loss = gc.nn.cross_entropy(scale * x, y, weight, ignore_index=-1) + penalty
    model = gc.Trainer(loss, gc.optim.SGD(0.1))
    whole = model.evaluate(data, batch_size=1000)["loss"]
    logits = data["logits"][11:].astype(float)
    labels = data["labels"][11:]
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(labels)), labels]
    shares = weight[labels] if weight is not None else None
    assert whole == pytest.approx(np.average(losses, weights=shares) + 0.25, rel=1e-6)
    # Of batches of 4, the first two hold nothing but ignored labels.
    for batch_size in (1, 4, 7):
        assert model.evaluate(data, batch_size)["loss"] == pytest.approx(whole, 1e-6)


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize(
    "case", ["masked", "guarded", "boolean", "means", "heads", "sums"]
)
def test_the_loss_over_a_data_set_is_that_of_one_batch(case: str, style: str) -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(40, 3)).astype("f"), rng.integers(0, 3, 40)
    mask = (rng.random(40) < 0.4).astype("f")
    mask[:8] = 0.0  # Of batches of 4, the first two count nothing.
    y[np.r_[:4, 20:30]] = -100
    input, label = gc.input("x", ("batch", 3)), gc.input("y", ("batch",), "int64")
    counts = gc.input("mask", ("batch",))
    scale = gc.parameter("scale", (), 1.5)
    squares, kept = gc.sum((scale * input) ** 2, axis=1), counts > 0.0
    entropy = gc.nn.cross_entropy(scale * input, label, ignore_index=-100)
    penalty = 0.1 * scale * scale
    losses = {
        "masked": gc.sum(squares * counts) / gc.sum(counts) + penalty,
        "guarded": gc.sum(squares * counts) / gc.maximum(gc.sum(counts), 1.0),
        "boolean": -2.0 * (gc.mean(gc.where(kept, squares, 0.0)) / gc.mean(kept)),
        "means": gc.sqrt(gc.mean(squares)) * gc.mean(squares) + penalty,
        "heads": entropy + gc.mean(squares) / 2.0 + penalty,
        "sums": (gc.sum(squares) + gc.sum(squares)) / (2 * input.shape[0]) + penalty,
    }
    error = (2.25 * x.astype("f8") ** 2).sum(1)
    masked = error[mask > 0].mean()
    logits, labels = 1.5 * x.astype("f8")[y >= 0], y[y >= 0]
    chosen = logits[np.arange(len(labels)), labels]
    expected = {
        "masked": masked + 0.225,
        "guarded": masked,
        "boolean": -2.0 * masked,
        "means": error.mean() ** 1.5 + 0.225,
        "heads": (np.log(np.exp(logits).sum(1)) - chosen).mean()
        + error.mean() / 2.0
        + 0.225,
        "sums": error.mean() + 0.225,
    }[case]
    # A metric that is the same has the same value, whatever else the loss is.
    metrics = {"same": losses[case]}
    model = gc.Trainer(losses[case], gc.optim.SGD(0.0), metrics, style=style)
    other = gc.Trainer(gc.mean(squares), gc.optim.SGD(0.0), metrics, style=style)
    data: dict[str, Any] = {"x": x, "mask": mask}
    if case == "heads":
        data = {"x": x, "y": y}
    elif case in ("means", "sums"):
        data = {"x": x}
    for batch_size in (1, 4, 7, 40):
        for each, score in ((model, "loss"), (model, "same"), (other, "same")):
            found = each.evaluate(data, batch_size)[score]
            assert found == pytest.approx(expected, rel=1e-6)
        history = model.fit(data, data, epochs=1, batch_size=batch_size, verbose=False)
        assert history[-1]["dev_loss"] == pytest.approx(expected, rel=1e-6)
        if case in ("masked", "guarded", "boolean", "sums"):
            assert history[-1]["loss"] == pytest.approx(expected, rel=1e-6)


def binary(rows: int = 61) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(rows)
    labels = rng.integers(0, 2, rows)
    scores = 1 / (1 + np.exp(-rng.normal(size=rows) - labels))
    return {"scores": scores.astype("f"), "labels": labels.astype("i8")}


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_binary_scores_are_those_of_scikit_learn(dtype: str) -> None:
    data = binary()
    x = gc.input("scores", ("batch",))
    y = gc.input("labels", ("batch",), dtype)
    options: Any = {"threshold": 0.6}
    model = trainer(
        {
            "accuracy": gc.metrics.accuracy(x, y, **options),
            "precision": gc.metrics.precision(x, y, **options),
            "recall": gc.metrics.recall(x, y, **options),
            "f1": gc.metrics.f1_score(x, y, **options),
            "auc": gc.metrics.auc(x, y),
            "logit_auc": gc.metrics.auc(gc.log(x / (1 - x)), y, from_logits=True),
        },
        scores=x,
        labels=y,
    )
    predicted, labels = data["scores"] > 0.6, data["labels"]
    found = model.evaluate({**data, "labels": labels.astype(dtype)}, batch_size=8)
    for name, function in (
        ("accuracy", reference.accuracy_score),
        ("precision", reference.precision_score),
        ("recall", reference.recall_score),
        ("f1", reference.f1_score),
    ):
        assert found[name] == pytest.approx(function(labels, predicted))
    expected = reference.roc_auc_score(labels, data["scores"])
    assert found["auc"] == pytest.approx(expected, abs=1e-4)
    assert found["logit_auc"] == pytest.approx(expected, abs=1e-4)
    # On the grid of bins it is exact, ties included.
    data["scores"] = (np.floor(data["scores"] * 20) / 20 + 0.01).astype("f")
    found = model.evaluate({**data, "labels": labels.astype(dtype)}, batch_size=8)
    expected = reference.roc_auc_score(labels, data["scores"])
    assert found["auc"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("center", "spread", "ones"),
    [
        (-7.0, 1.0, 30),
        (-4.0, 2.0, 40),
        (8.0, 1.0, 300),
        (0.0, 0.001, 500),
        (0.0, 5.0, 99),
        (-150.0, 25.0, 700),
    ],
    ids=["rare", "uncommon", "common", "untrained", "sure", "saturated"],
)
def test_the_area_is_that_of_scikit_learn(
    center: float, spread: float, ones: int
) -> None:
    rng = np.random.default_rng(ones)
    labels = np.zeros(3000, "i8")
    labels[rng.permutation(3000)[:ones]] = 1
    logits = center + spread * (rng.normal(size=3000) + 1.5 * labels)
    z, y = gc.input("z", ("batch",), "float64"), gc.input("y", ("batch",), "int64")
    metrics = {
        "probability": gc.metrics.auc(gc.nn.sigmoid(z), y),
        "logit": gc.metrics.auc(z, y, from_logits=True),
        "score": gc.metrics.auc(z, y),
    }
    model = trainer(metrics, z=z, y=y)
    probabilities = 1 / (1 + np.exp(-logits))
    expected = {
        "probability": reference.roc_auc_score(labels, probabilities),
        "logit": reference.roc_auc_score(labels, logits),
        "score": reference.roc_auc_score(labels, logits),
    }
    for batch_size in (100, 3000):
        found = model.evaluate({"z": logits, "y": labels}, batch_size)
        for name, area in expected.items():
            assert found[name] == pytest.approx(area, abs=1e-4), name


def test_what_never_occurs_scores_zero_and_an_area_of_one_class_is_nan() -> None:
    x = gc.input("scores", ("batch",))
    y = gc.input("labels", ("batch",), "int64")
    model = trainer(
        {
            "precision": gc.metrics.precision(x, y),
            "recall": gc.metrics.recall(x, y),
            "f1": gc.metrics.f1_score(x, y),
            "auc": gc.metrics.auc(x, y),
        },
        scores=x,
        labels=y,
    )
    data = {"scores": np.full(5, -1.0, "f"), "labels": np.zeros(5, "i8")}
    found = model.evaluate(data)
    assert [found[n] for n in ("precision", "recall", "f1")] == [0.0, 0.0, 0.0]
    assert math.isnan(found["auc"])


@pytest.mark.parametrize("batch_size", [1, 6, 100])
def test_errors_of_numbers_are_those_of_scikit_learn(batch_size: int) -> None:
    rng = np.random.default_rng(0)
    targets = (rng.normal(size=(47, 3)) * [1, 10, 0] + [2000, 0, 5]).astype("f")
    predictions = (targets + rng.normal(size=(47, 3))).astype("f")
    x = gc.input("predictions", ("batch", 3))
    y = gc.input("targets", ("batch", 3))
    model = trainer(
        {
            "mse": gc.metrics.mean_squared_error(x, y),
            "mae": gc.metrics.mean_absolute_error(x, y),
            "rmse": gc.metrics.root_mean_squared_error(x, y),
            "r2": gc.metrics.r2_score(x, y),
        },
        predictions=x,
        targets=y,
    )
    data = {"predictions": predictions, "targets": targets}
    found = model.evaluate(data, batch_size)
    a, b = targets.astype(float), predictions.astype(float)
    expected = {
        "mse": reference.mean_squared_error(a, b),
        "mae": reference.mean_absolute_error(a, b),
        "rmse": math.sqrt(reference.mean_squared_error(a, b)),
        "r2": reference.r2_score(a, b),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-6), name


# An own metric ------------------------------------------------------------------------


def test_an_own_metric_of_totals(tmp_path: Path) -> None:
    x = gc.input("x", ("batch",))
    spread = gc.metrics.Metric(
        {"sum": gc.sum(x), "squares": gc.sum(x * x), "count": gc.sum(x * 0 + 1)},
        lambda sum, squares, count: gc.sqrt(squares / count - (sum / count) ** 2),
        mode="min",
    )
    model = trainer({"spread": spread, "middle": x.mean()}, x=x)
    data = {"x": np.arange(10, dtype="f")}
    found = model.evaluate(data, batch_size=3)
    assert found["spread"] == pytest.approx(np.std(data["x"]))
    assert list(found) == ["loss", "spread", "middle"]
    # The emitted program gives totals of a batch, and a function that finishes them.
    module = load(model.emit(tmp_path / "train.py", include=["all"]).read_text())
    assert module.METRICS == {"spread": "min", "middle": None}
    assert module.TOTALS == ("spread.sum", "spread.squares", "spread.count")
    totals = module.forward(module.init_parameters(0), **data)
    assert totals["spread.count"] == 10
    results = module.finish_metrics(totals)
    assert results["spread"] == pytest.approx(np.std(data["x"]))
    history = model.fit(data, data, epochs=1, batch_size=4, verbose=False)
    assert history[0]["dev_spread"] == found["spread"]
    history = model.fit(data, data, epochs=1, best="spread", verbose=False)
    assert history.kept.endswith("kept by min spread 2.872")
    with pytest.raises(OptionError, match="best must be 'max' or 'min' and one of"):
        model.fit(data, data, epochs=1, best="middle", verbose=False)
    with pytest.raises(OptionError, match="mode must be 'max', 'min' or None"):
        gc.metrics.Metric({}, lambda: 0.0, "most")  # type: ignore[arg-type]


def test_models_without_totals_are_emitted_without_them() -> None:
    x = gc.input("x", ("batch",))
    source = trainer({"middle": x.mean()}, x=x).source
    assert "TOTALS" not in source
    assert "finish_metrics" not in source
    assert "plateau" not in source.replace("keeps improving", "")


# Errors -------------------------------------------------------------------------------


def test_what_does_not_fit_is_an_error_at_the_users_line() -> None:
    x = gc.input("x", ("batch", 3))
    y = gc.input("y", ("batch",), "int64")
    wrong = gc.input("wrong", ("batch", 3), "int64")
    cases: list[tuple[Any, type[Exception], str]] = [
        (lambda: gc.metrics.accuracy(x, x[:, :1]), DTypeError, "integer labels"),
        (
            lambda: gc.metrics.accuracy(x, wrong[:, :1]),
            ShapeError,
            "one axis, of class",
        ),
        (lambda: gc.metrics.f1_score(x, y), OptionError, "two classes, got 3"),
        (lambda: gc.metrics.f1_score(x, y, average="mean"), OptionError, '"binary"'),  # type: ignore[arg-type]
        (lambda: gc.metrics.top_k_accuracy(x, y), OptionError, "from 1 to 3"),
        (lambda: gc.metrics.auc(x, y), ShapeError, "scores of the shape of labels"),
        (lambda: gc.metrics.mean_squared_error(x, x[:, 0]), ShapeError, "of the shape"),
        (lambda: gc.metrics.r2_score(x[:, :1], x[:, 0]), ShapeError, "squeeze"),
        (lambda: trainer({"m": x.mean(0)}, x=x), ShapeError, "'m' must be a scalar"),
        (lambda: trainer({"m": 3}, x=x), OptionError, "a node or a Metric, got 3"),
        (
            lambda: trainer({"m": gc.metrics.Metric({"t": x}, lambda t: t)}, x=x),
            ShapeError,
            "total 't' of metric 'm' must have a fixed shape",
        ),
        (
            lambda: trainer(
                {"m": gc.metrics.Metric({"t": x.sum(0)}, lambda t: t)}, x=x
            ),
            ShapeError,
            "metric 'm' must be a scalar, got",
        ),
    ]
    for make, kind, message in cases:
        with pytest.raises(kind) as raised:
            make()
        assert message in str(raised.value)
        assert HERE in str(raised.value), str(raised.value)
