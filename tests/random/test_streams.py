"""Streams: each draw has numbers of its own, whatever else is drawn, and anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import NamingError
from graphc.ir.graph import Graph

STYLES = ("readable", "fast")
X = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
Y = np.random.default_rng(1).normal(size=(5, 2)).astype("float32")


def every_draw(x: gc.Node) -> dict[str, gc.Node]:
    random = gc.random
    return {
        "random": random.random(x.shape),
        "uniform": random.uniform(-1.0, 1.0, x.shape),
        "normal": random.normal(x, 2.0, dtype="float64"),
        "exponential": random.exponential(2.0, ("batch",)),
        "laplace": random.laplace(x, 2.0),
        "logistic": random.logistic(x, 2.0),
        "gumbel": random.gumbel(x, 2.0),
        "truncated": random.truncated_normal(-1.0, 1.0, 4),
        "bernoulli": random.bernoulli(0.3, x.shape),
        "integers": random.integers("batch", size=7),
        "categorical": random.categorical(x),
        "permutation": random.permutation("batch"),
        "choice": random.choice(x, 4),
        "dropout": gc.nn.dropout(x, 0.4),
        "noise": gc.nn.gaussian_noise(x, 0.4),
        "number": random.normal(),
    }


def same(a: Any, b: Any) -> None:
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name, strict=True)


@pytest.mark.parametrize("rows", [1, 5])
@pytest.mark.parametrize("style", STYLES)
def test_interpreter_runtime_and_text_draw_the_same(style: Any, rows: int) -> None:
    nodes = every_draw(gc.input("x", ("batch", 3)))
    expected = gc.evaluate(nodes, {"x": X[:rows]}, seed=7)
    compiled = gc.compile(nodes, style=style, seed=7)
    found = compiled(x=X[:rows])
    for name, value in expected.items():
        # A product may be rounded once more where terms are summed otherwise.
        np.testing.assert_allclose(found[name], value, rtol=1e-6, err_msg=name)
    scope: dict[str, Any] = {}
    exec(compiled.source, scope)
    text = scope["compute"]({}, X[:rows], rng=7)
    same(found, dict(zip(nodes, map(np.asarray, text), strict=True)))
    streams = scope["random_streams"](7)
    again = [scope["compute"]({}, X[:rows], rng=streams) for _ in range(2)]
    same(found, dict(zip(nodes, map(np.asarray, again[0]), strict=True)))
    same(compiled(x=X[:rows]), dict(zip(nodes, map(np.asarray, again[1]), strict=True)))
    # One generator may serve all, as NumPy users pass one.
    generator = np.random.default_rng(3)
    assert len(scope["compute"]({}, X[:rows], rng=generator)) == len(nodes)


def test_each_draw_keeps_its_numbers_when_others_come_and_go() -> None:
    x = gc.input("x", ("batch", 3))
    nodes = every_draw(x)
    together = gc.evaluate(nodes, {"x": X}, seed=2)
    for name, node in nodes.items():
        (alone, _) = gc.evaluate([node, x], {"x": X}, seed=2)
        np.testing.assert_array_equal(alone, together[name], err_msg=name)
    backwards = gc.evaluate(dict(reversed(nodes.items())), {"x": X}, seed=2)
    same(dict(reversed(backwards.items())), together)


def model(*, extra: bool, style: Any = "readable") -> gc.Trainer:
    """A network with dropout and a named draw; with more draws before and between."""
    x, y = gc.input("x", ("batch", 3)), gc.input("y", ("batch", 2))
    given = gc.nn.gaussian_noise(x, 0.0 if not extra else 1e-30)
    hidden = gc.tanh(gc.nn.Linear(3, 4, name="hidden")(given))
    unused = gc.random.normal(size=("batch", 4)) if extra else 0.0
    dropped = gc.nn.dropout(hidden, 0.5)
    epsilon = gc.random.normal(size=("batch", 2), name="epsilon")
    out = gc.nn.Linear(4, 2, name="output")(dropped + 0.0 * unused)
    return gc.Trainer(
        gc.nn.mse_loss(out + 0.1 * epsilon, y), gc.optim.SGD(lr=0.1), style=style
    )


@pytest.mark.parametrize("style", STYLES)
def test_training_is_the_same_beside_other_draws(style: Any) -> None:
    plain, noisy = model(extra=False, style=style), model(extra=True, style=style)
    assert plain.module.STREAMS == ("epsilon", "hidden.kept")
    assert {"x.noise", "epsilon"} < {*noisy.module.STREAMS}
    for _ in range(3):
        assert plain.step(x=X, y=Y) == pytest.approx(noisy.step(x=X, y=Y), rel=1e-6)


@pytest.mark.parametrize("style", STYLES)
def test_the_first_step_draws_what_the_interpreter_draws(style: Any) -> None:
    trainer = model(extra=False, style=style).restarted(seed=11)
    feeds: dict[str, Any] = {"x": X, "y": Y}
    parameters = {name: array.copy() for name, array in trainer.parameters.items()}
    expected = gc.evaluate(trainer.loss, feeds, parameters=parameters, seed=11)
    assert trainer.step(**feeds) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("style", STYLES)
def test_a_checkpoint_goes_on_in_every_stream(style: Any, tmp_path: Path) -> None:
    unbroken, first = model(extra=True, style=style), model(extra=True, style=style)
    losses = [unbroken.step(x=X, y=Y) for _ in range(5)]
    for _ in range(2):
        first.step(x=X, y=Y)
    first.save(tmp_path / "run.npz")
    resumed = model(extra=True, style=style).restarted(seed=5)
    resumed.load(tmp_path / "run.npz")
    assert [resumed.step(x=X, y=Y) for _ in range(3)] == losses[2:]
    for name, array in unbroken.parameters.items():
        assert resumed.parameters[name].tobytes() == array.tobytes()


def test_unnamed_draws_are_numbered_and_names_are_unique() -> None:
    first, second = gc.random.normal(size=3), gc.random.normal(size=3)
    assert "STREAMS = ('normal', 'normal_2')" in gc.compile(
        [second, first]
    ).source.replace('"', "'")
    alike = gc.evaluate([first, second], {}, seed=1)
    assert (alike[0] != alike[1]).any()
    named = [gc.random.normal(size=3, name="epsilon") for _ in range(2)]
    assert (gc.evaluate(named[0], {}) == gc.evaluate(named[1], {})).all()
    with pytest.raises(NamingError, match="epsilon"):
        gc.evaluate(named, {})
    renamed = gc.random.normal(size=3).named("epsilon")
    assert (gc.evaluate(renamed, {}) == gc.evaluate(named[0], {})).all()


def test_a_draw_is_named_after_the_node_it_is_for() -> None:
    x = gc.input("x", ("batch", 3))
    layers = [gc.nn.Linear(3, 3), gc.nn.Linear(3, 3)]
    dropped = [gc.nn.dropout(gc.nn.relu(layer(x))) for layer in layers]
    source = gc.compile(dropped).source
    for name in ("linear.kept", "linear_2.kept"):
        assert f'rng["{name}"]' in source


def test_layers_draw_the_same_when_there_are_enough_for_a_function() -> None:
    def streams(count: int) -> list[str]:
        layer = gc.nn.TransformerEncoderLayer(4, 2, 8, 0.5)
        encoder = gc.nn.TransformerEncoder(layer, count, name="encoder")
        graph = Graph((encoder(gc.input("x", (3, "batch", 4))),))
        return [str(node.name) for node in graph.draws]

    two, three = streams(2), streams(3)
    assert {*two} < {*three}
    assert "encoder.layers.transformer_encoder_layer_1.self_attn.input.kept" in two


def test_prediction_samples_by_a_seed() -> None:
    x, w = gc.input("x", ("batch", 3)), gc.parameter("w", (), 1.0)
    sample = gc.random.normal(w * x, 0.5)
    loss = gc.mean(sample**2) + 0.0 * gc.sum(gc.nn.dropout(x, 0.5))
    trainer = gc.Trainer(loss, gc.optim.SGD(lr=0.1), outputs=sample)
    one, two = (trainer.predict(x=X, seed=seed) for seed in (1, 2))
    assert (one != two).any()
    assert (trainer.predict(x=X, seed=1) == one).all()
    assert (trainer.predict(x=X, seed=0) == trainer.predict(X)).all()
    expected = gc.evaluate(sample, {"x": X}, parameters={"w": 1.0}, seed=1)
    np.testing.assert_allclose(one, expected, rtol=1e-6)
