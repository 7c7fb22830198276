"""The training loop: what it learns, keeps, repeats, and how it ends."""

from __future__ import annotations

import ast
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.harness import FEATURES, harness_source
from tests.targets.support import load, program, rows


@pytest.fixture(scope="module")
def module() -> Any:
    return load(program())


@pytest.fixture(scope="module")
def random_module() -> Any:
    return load(program(DROPOUT=0.3))


def start(module: Any, seed: int = 0) -> tuple[Any, Any]:
    parameters = module.init_parameters(seed)
    return parameters, module.init_state(parameters, seed)


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return list(a) == list(b) and all(
        a[n].dtype == b[n].dtype and a[n].tobytes() == b[n].tobytes() for n in a
    )


def copies(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in arrays.items()}


# The text -----------------------------------------------------------------------------


def test_the_text_is_formatted_and_clean_under_both_configurations(
    tmp_path: Path,
) -> None:
    file = tmp_path / "train.py"
    file.write_text(program())
    root = Path(__file__).parents[2]
    for options in (["--isolated"], ["--config", str(root / "pyproject.toml")]):
        for action in (["check"], ["format", "--check", "--diff"]):
            done = subprocess.run(
                [sys.executable, "-m", "ruff", *action, *options, str(file)],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr


FEATURES_IN_USE = [frozenset[str](), frozenset(("totals",)), FEATURES]


@pytest.mark.parametrize("features", FEATURES_IN_USE, ids=sorted)
def test_imports_are_those_that_the_text_uses(features: frozenset[str]) -> None:
    harness = harness_source(features)
    assert "# if" not in harness.text
    assert "# end" not in harness.text
    tree = ast.parse(harness.text)
    assert not [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    modules = {m for m, _ in harness.imports} | {m for m, _ in harness.from_imports}
    assert {m.partition(".")[0] for m in modules} <= {"numpy", *sys.stdlib_module_names}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names = [alias or m for m, alias in harness.imports]
    names += [name for _, name in harness.from_imports]
    assert set(names) <= used
    assert harness.imports == tuple(sorted(harness.imports))


def test_importing_a_program_imports_hardly_more_than_numpy_does(
    tmp_path: Path,
) -> None:
    """And no random generators, which NumPy itself loads when they are first named."""
    x = gc.input("x", ("batch", 4))
    w = gc.parameter("w", (4, 3), gc.init.truncated_normal())
    loss = gc.mean(gc.nn.dropout(x @ w) ** 2)
    for style in ("fast", "readable"):
        gc.Trainer(loss, gc.optim.Adam()).emit(tmp_path / f"{style}.py", style=style)
    code = (
        "import sys, numpy; before = set(sys.modules); import fast, readable; "
        "print(*sorted(set(sys.modules) - before))"
    )
    flags = ["-W", "error", "-c", code]
    done = subprocess.run(
        [sys.executable, *flags],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    # A thread is asked for its number, so that its memory is its own.
    loaded = {"__future__", "_weakrefset", "fast", "readable", "signal", "threading"}
    assert set(done.stdout.split()) <= loaded


def test_every_public_function_of_the_text_says_what_it_does() -> None:
    for node in ast.parse(harness_source(FEATURES).text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            assert ast.get_docstring(node), node.name


# What it learns -----------------------------------------------------------------------


def test_it_learns_and_records_every_epoch(module: Any) -> None:
    parameters, state = start(module)
    train, dev = rows(303), rows(100, 1)
    seen: list[dict[str, Any]] = []
    history = module.fit(
        parameters, state, train, dev, epochs=15, batch_size=32, report=seen.append
    )
    assert history == seen
    assert [record["epoch"] for record in history] == list(range(1, 16))
    assert list(history[0]) == [
        *("epoch", "step", "step_size", "loss", "train_accuracy", "dev_loss"),
        *("dev_accuracy", "best", "seconds"),
    ]
    # 303 rows are 9 batches of 32 and one of 15.
    assert [record["step"] for record in history] == [10 * n for n in range(1, 16)]
    assert history[-1]["train_accuracy"] > 0.95
    assert history[-1]["loss"] < 0.3 * history[0]["loss"]
    assert state["epoch"] == 15
    assert state["step"] == 150


def test_each_epoch_takes_every_row_once_in_another_order(module: Any) -> None:
    seen: list[np.ndarray] = []

    def train_step(parameters: Any, state: Any, x: Any, y: Any) -> float:
        seen.append(x[:, 0].copy())
        assert len(x) == len(y)
        return 1.0

    spy = load(program())
    spy.train_step = train_step
    parameters, state = start(spy)
    data = rows(10)
    spy.fit(parameters, state, data, epochs=2, batch_size=4)
    assert [len(batch) for batch in seen] == [4, 4, 2, 4, 4, 2]
    first, second = np.concatenate(seen[:3]), np.concatenate(seen[3:])
    assert sorted(first) == sorted(data["x"][:, 0])
    assert sorted(second) == sorted(data["x"][:, 0])
    assert list(first) != list(second)


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows() -> None:
    module = load(program())
    losses = iter([1.0, 2.0, 6.0])
    module.train_step = lambda *_: next(losses)
    parameters, state = start(module)
    history = module.fit(parameters, state, rows(10), epochs=1, batch_size=4)
    assert history[0]["loss"] == pytest.approx((1 * 4 + 2 * 4 + 6 * 2) / 10)


def test_the_same_seed_gives_the_same_bits_and_another_does_not(
    random_module: Any,
) -> None:
    results = []
    for seed in (3, 3, 4):
        parameters, state = start(random_module, 3)
        random_module.fit(
            parameters, state, rows(100), epochs=3, batch_size=7, seed=seed
        )
        results.append(parameters)
    assert same(results[0], results[1])
    assert not same(results[0], results[2])


def test_data_in_another_memory_order_gives_the_same_bits(module: Any) -> None:
    data = rows(100)
    turned = {"x": np.asfortranarray(data["x"]), "y": data["y"][::-1].copy()[::-1]}
    results = []
    for given in (data, turned):
        parameters, state = start(module)
        module.fit(parameters, state, given, given, epochs=2, batch_size=7)
        results.append(parameters)
    assert same(*results)


def test_a_second_fit_goes_on_where_the_first_ended(module: Any) -> None:
    parameters, state = start(module)
    module.fit(parameters, state, rows(50), epochs=2, batch_size=8)
    again = module.fit(parameters, state, rows(50), epochs=2, batch_size=8)
    assert [record["epoch"] for record in again] == [3, 4]
    other, other_state = start(module)
    module.fit(other, other_state, rows(50), epochs=4, batch_size=8)
    assert same(parameters, other)


def test_no_epochs_change_nothing(module: Any) -> None:
    parameters, state = start(module)
    before = copies(parameters)
    assert module.fit(parameters, state, rows(5), epochs=0, batch_size=8) == []
    assert same(parameters, before)


# Evaluation ---------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 7, 10, 1024])
def test_evaluation_is_the_mean_over_all_rows(module: Any, batch_size: int) -> None:
    parameters, _ = start(module)
    data = rows(10)
    scores = module.evaluate(parameters, data, batch_size=batch_size)
    whole = module.forward(parameters, **data)
    assert list(scores) == ["loss", "accuracy"]
    assert scores["loss"] == pytest.approx(float(whole["loss"]), rel=1e-6)
    assert scores["accuracy"] == pytest.approx(float(whole["accuracy"]))
    assert type(scores["loss"]) is float


def test_an_input_without_rows_is_passed_whole() -> None:
    inputs = {
        "weights": ("float32", (3,), None),
        "x": ("float32", ("batch", 8), None),
        "y": ("int64", ("batch",), (0, 2)),
    }
    module = load(program(INPUTS=inputs))
    batches = []

    def train_step(parameters: Any, state: Any, weights: Any, x: Any, y: Any) -> float:
        batches.append((weights.shape, x.shape, y.shape))
        return 0.5

    module.train_step = train_step
    module.METRICS = {}
    parameters, state = start(module)
    data = {**rows(5), "weights": np.ones(3, np.float32)}
    module.fit(parameters, state, data, epochs=1, batch_size=3)
    assert batches == [((3,), (3, 8), (3,)), ((3,), (2, 8), (2,))]


def test_a_model_without_inputs_trains_on_one_row_of_nothing() -> None:
    module = load(program(INPUTS={}))
    module.train_step = lambda parameters, state: 0.5
    module.METRICS = {}
    parameters, state = start(module)
    history = module.fit(parameters, state, {}, epochs=2, batch_size=32)
    assert [record["loss"] for record in history] == [0.5, 0.5]


# The best -----------------------------------------------------------------------------


def scripted(
    scores: list[float], name: str = "accuracy", mode: str | None = None
) -> tuple[Any, Any]:
    """A program whose dev scores are given, and whose parameters count epochs."""
    module = load(program(METRICS={} if name == "loss" else {name: mode}))
    parameters, state = start(module)
    for array in parameters.values():
        array[...] = 0

    def train_step(parameters: Any, state: Any, x: Any, y: Any) -> float:
        for array in parameters.values():
            array += 1
        state["step"] += 1
        return 1.0

    def forward(parameters: Any, x: Any, y: Any) -> dict[str, float]:
        epoch = int(parameters["hidden.bias"][0])
        # By the loss the first epoch is best.
        return {"loss": float(epoch), name: scores[epoch - 1]}

    module.train_step, module.forward = train_step, forward
    return module, (parameters, state)


@pytest.mark.parametrize(
    ("name", "mode", "best", "scores", "expected"),
    [
        ("loss", None, None, [0.3, 0.4, 0.2, 0.4], 3),
        ("loss", None, "loss", [0.3, 0.4, 0.2, 0.4], 3),
        ("loss", None, "max loss", [0.3, 0.4, 0.2, 0.4], 2),
        # A metric decides only if it is asked for, whatever it is called.
        ("accuracy", None, None, [0.1, 0.5, 0.5, 0.4], 1),
        ("accuracy", "max", None, [0.1, 0.5, 0.5, 0.4], 1),
        ("nll", None, None, [0.3, 0.1, 0.2, 0.4], 1),
        ("accuracy", None, "max accuracy", [0.1, 0.5, 0.5, 0.4], 2),
        ("accuracy", None, "min accuracy", [0.3, 0.5, 0.1, 0.4], 3),
        ("nll", "min", "nll", [0.3, 0.1, 0.2, 0.4], 2),
        ("error", "max", "error", [0.3, 0.1, 0.2, 0.4], 4),
        ("error", "max", "min error", [0.3, 0.1, 0.2, 0.4], 2),
        ("f1", "max", "f1", [math.nan, 0.2, math.nan, 0.1], 2),
        ("f1", "max", "f1", [math.inf, 0.2, math.nan, 0.1], 1),
        ("f1", "max", "f1", [math.nan] * 4, 4),
    ],
)
def test_the_best_epoch_on_dev_is_kept(
    name: str, mode: str | None, best: str | None, scores: list[float], expected: int
) -> None:
    module, (parameters, state) = scripted(scores, name, mode)
    data = rows(4)
    history = module.fit(
        parameters, state, data, data, epochs=4, batch_size=4, best=best
    )
    assert parameters["output.bias"][0] == expected
    marked = [record["epoch"] for record in history if record["best"]]
    assert (marked or [4])[-1] == expected


def kept(scores: list[float], best: str | None = None, **options: Any) -> str:
    module, (parameters, state) = scripted(scores)
    dev = rows(4) if options.pop("dev", True) else None
    keep = options.get("keep_best", True)
    history = module.fit(
        *(parameters, state, rows(4), dev),
        **{"epochs": len(scores), "batch_size": 4, "best": best, **options},
    )
    return module.describe_kept(history, best, keep)


def test_a_run_says_what_it_kept_and_by_what() -> None:
    scores = [0.1, 0.5, 0.4]
    assert kept(scores, "max accuracy") == (
        "best on dev: epoch 2, kept by max accuracy 0.5000"
    )
    halves = {"evaluations_per_epoch": 2, "batch_size": 2}
    assert kept([0.3, 0.5], "max accuracy", epochs=1, **halves) == (
        "best on dev: epoch 1, step 2, kept by max accuracy 0.5000"
    )
    assert kept(scores, keep_best=False) == (
        "best on dev: epoch 1, by min loss 1.000; kept the last epoch, 3"
    )
    assert kept(scores, dev=False) == "kept the last epoch, 3: there was no dev data"
    assert kept([math.nan] * 2, "min accuracy") == (
        "kept the last epoch, 2: dev accuracy was NaN in every evaluation"
    )
    assert kept(scores, epochs=0) == ""


def test_patience_ends_a_run_whose_score_stays_nan() -> None:
    module, (parameters, state) = scripted([math.nan] * 9)
    options = {"epochs": 9, "batch_size": 4, "patience": 3, "best": "max accuracy"}
    history = module.fit(parameters, state, rows(4), rows(4), **options)
    assert len(history) == 3
    without = scripted([math.nan] * 9)
    options |= {"best": None}
    assert len(without[0].fit(*without[1], rows(4), None, **options)) == 9


def test_the_last_is_kept_without_dev_or_on_request() -> None:
    for dev, keep in ((None, True), (rows(4), False)):
        module, (parameters, state) = scripted([0.9, 0.1, 0.1])
        options = {"epochs": 3, "batch_size": 4, "keep_best": keep}
        module.fit(parameters, state, rows(4), dev, **options)
        assert parameters["output.bias"][0] == 3


def test_patience_ends_a_run_that_no_longer_improves() -> None:
    module, (parameters, state) = scripted([0.1, 0.5, 0.2, 0.3, 0.9, 0.9])
    data = rows(4)
    options = {"epochs": 6, "batch_size": 4, "patience": 2, "best": "max accuracy"}
    history = module.fit(parameters, state, data, data, **options)
    assert len(history) == 4
    assert parameters["output.bias"][0] == 2


@pytest.mark.parametrize("best", ["accuracy", "max", "max f1", "most accuracy"])
def test_an_unknown_criterion_is_refused(module: Any, best: str) -> None:
    parameters, state = start(module)
    with pytest.raises(module.OptionError, match="'max' or 'min' and one of loss, acc"):
        module.fit(parameters, state, rows(4), epochs=1, batch_size=4, best=best)


# Ends before the end ------------------------------------------------------------------


def test_an_interrupt_keeps_the_best_and_undoes_the_broken_epoch(module: Any) -> None:
    data, dev = rows(64), rows(40, 1)

    def interrupt(done: int, total: int, loss: float) -> None:
        if state["epoch"] == 3 and done == 32:
            raise KeyboardInterrupt

    parameters, state = start(module)
    options = {"batch_size": 16, "keep_best": False}
    history = module.fit(
        parameters, state, data, dev, epochs=9, progress=interrupt, **options
    )
    assert history[-1] == {"epoch": 4, "interrupted": True}
    assert [record["epoch"] for record in history[:-1]] == [1, 2, 3]
    other, other_state = start(module)
    expected = module.fit(other, other_state, data, dev, epochs=3, **options)
    assert same(parameters, other)
    assert same(state["slots"], other_state["slots"])
    assert (state["step"], state["epoch"]) == (12, 3)
    assert [r["dev_loss"] for r in history[:3]] == [r["dev_loss"] for r in expected]


def test_an_interrupt_in_the_report_counts_the_epoch(module: Any) -> None:
    def report(record: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    parameters, state = start(module)
    history = module.fit(
        parameters, state, rows(8), epochs=3, batch_size=4, report=report
    )
    assert [record["epoch"] for record in history] == [1, 2]
    assert history[-1]["interrupted"]


def test_a_loss_that_is_not_finite_stops_at_once_and_nothing_is_lost() -> None:
    module = load(program())
    parameters, state = start(module)
    honest = module.train_step
    expected: dict[str, np.ndarray] = {}

    def train_step(parameters: Any, state: Any, x: Any, y: Any) -> float:
        if state["step"] == 8:
            expected.update(copies(parameters))
        loss = honest(parameters, state, x, y)
        if state["step"] == 10:
            for array in parameters.values():
                array[...] = np.nan
            return math.nan
        return loss

    module.train_step = train_step
    with pytest.raises(FloatingPointError) as raised:
        module.fit(parameters, state, rows(64), epochs=9, batch_size=16)
    message = str(raised.value)
    assert "loss became nan in epoch 3, step 10" in message
    assert "smaller step size" in message
    assert same(parameters, expected)
    assert state["epoch"] == 2


def test_parameters_that_become_infinite_in_the_last_step_are_noticed() -> None:
    module = load(program())
    parameters, state = start(module)
    before = copies(parameters)

    def train_step(parameters: Any, state: Any, x: Any, y: Any) -> float:
        parameters["output.bias"][0] = np.inf
        return 1.0

    module.train_step = train_step
    with pytest.raises(FloatingPointError, match=r"'output\.bias' is no longer finite"):
        module.fit(parameters, state, rows(16), epochs=1, batch_size=16)
    assert same(parameters, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number, got 2.5"),
        ({"batch_size": True}, "batch_size must be a whole number, got True"),
        ({"epochs": -1}, "epochs must be at least 0, got -1"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"patience": 0}, "patience must be at least 1, got 0"),
        ({"resume": True}, "resume needs the path of a checkpoint"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    module: Any, options: dict[str, Any], message: str
) -> None:
    parameters, state = start(module)
    given = {"epochs": 1, "batch_size": 4, **options}
    with pytest.raises(module.OptionError) as raised:
        module.fit(parameters, state, rows(4), **given)
    assert str(raised.value) == message
    assert isinstance(raised.value, ValueError)


# Gradients ----------------------------------------------------------------------------

TRUE = "* mask * (1 - hidden**2)"
IN_FLOAT32 = (
    "    parameters = {n: a.astype(np.float32) for n, a in parameters.items()}\n"
    "    x = x.astype(np.float32)\n"
    "    hidden = np.tanh("
)


def checked(source: str) -> dict[str, tuple[float, bool]]:
    return load(source).check_gradients()


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_right_gradients_pass_closely(dropout: float) -> None:
    results = checked(program(DROPOUT=dropout))
    assert list(results) == list(load(program()).PARAMETERS)
    assert all(passed for _, passed in results.values())
    assert max(error for error, _ in results.values()) < 1e-6


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        (TRUE, "* mask * (1 - hidden)", ["hidden.weight", "hidden.bias"]),
        (TRUE, "* mask * (1 - hidden**2) * 1.001", ["hidden.weight", "hidden.bias"]),
        ("d_logits.T @ dropped", "d_logits.T @ hidden", ["output.weight"]),
        ("d_logits.sum(axis=0)", "-d_logits.sum(axis=0)", ["output.bias"]),
        ("d_logits.sum(axis=0)", "d_logits.sum(axis=0) * np.nan", ["output.bias"]),
        ("d_logits.sum(axis=0)", "np.zeros(3)", ["output.bias"]),
    ],
)
def test_wrong_gradients_fail(old: str, new: str, wrong: list[str]) -> None:
    source = program(DROPOUT=0.4)
    assert source.count(old) == 1
    results = checked(source.replace(old, new))
    assert [name for name, (_, passed) in results.items() if not passed] == wrong


def test_a_program_that_rounds_to_float32_is_checked_too() -> None:
    head, training = program().split("def loss_and_gradients", 1)
    training = training.replace("    hidden = np.tanh(", IN_FLOAT32, 1)
    source = f"{head}def loss_and_gradients{training}"
    results = checked(source)
    assert all(passed for _, passed in results.values())
    assert max(error for error, _ in results.values()) > 1e-8
    wrong = checked(source.replace(TRUE, "* mask * (1 - hidden)"))
    assert not wrong["hidden.weight"][1]


def test_the_check_changes_nothing(module: Any) -> None:
    parameters, _ = start(module)
    before = copies(parameters)
    module.check_gradients(parameters, rows(20))
    assert same(parameters, before)


def test_data_without_a_finite_loss_can_not_be_checked_on() -> None:
    source = program().replace("return loss, {", "return loss * np.nan, {")
    module = load(source)
    with pytest.raises(module.DataError, match=r"the loss of the data .* is nan"):
        module.check_gradients()
