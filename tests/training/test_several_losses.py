"""Several losses, each with its optimizer and its parameters: a GAN, above all."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import (
    DifferentiationError,
    GraphcError,
    NamingError,
    NonFiniteError,
    OptionError,
)
from tests.styles import STYLES
from tests.targets.support import assert_clean, load, run
from tests.training.support import same

RNG = np.random.default_rng(0)
STARTS = {
    "generator.hidden": RNG.normal(size=(3, 5)),
    "generator.output": RNG.normal(size=(5, 2)),
    "discriminator.hidden": RNG.normal(size=(2, 4)),
    "discriminator.output": RNG.normal(size=(4,)),
}
FIRST, SECOND = "discriminator", "generator"


def rows(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"real": rng.normal(1, 1, (count, 2)), "noise": rng.normal(size=(count, 3))}


class Gan:
    """`tanh` networks of two layers, and the losses of Goodfellow et al. 2014."""

    def __init__(self, wrap: Any = lambda hidden: hidden) -> None:
        self.real = gc.input("real", ("batch", 2), "float64")
        self.noise = gc.input("noise", ("batch", 3), "float64")
        parameters = {
            name: gc.parameter(name, start.shape, start, "float64")
            for name, start in STARTS.items()
        }
        g1, g2, d1, d2 = parameters.values()
        self.fake = (gc.tanh(self.noise @ g1) @ g2).named("fake")

        def judge(points: gc.Node) -> gc.Node:
            return wrap(gc.tanh(points @ d1)) @ d2

        of_fake = judge(self.fake)
        real = gc.mean(gc.nn.softplus(-judge(self.real)))
        self.losses = {
            FIRST: real + gc.mean(gc.nn.softplus(of_fake)),
            SECOND: gc.mean(gc.nn.softplus(-of_fake)),
        }
        self.parameters = {FIRST: [d1, d2], SECOND: [g1, g2]}

    def trainer(self, **options: Any) -> gc.Trainer:
        optimizers = {FIRST: gc.optim.SGD(0.2, momentum=0.9), SECOND: gc.optim.Adam()}
        settings: dict[str, Any] = {
            "losses": self.losses,
            "optimizer": optimizers,
            "parameters": self.parameters,
            "outputs": self.fake,
            **options,
        }
        losses, optimizer = settings.pop("losses"), settings.pop("optimizer")
        return gc.Trainer(losses, optimizer, **settings)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


def by_hand(batches: list[dict[str, np.ndarray]]) -> tuple[list[float], Any]:
    """The losses of steps, and the parameters after them, by the chain rule."""
    g1, g2, d1, d2 = (start.copy() for start in STARTS.values())
    speed = [np.zeros_like(d1), np.zeros_like(d2)]
    means = [np.zeros_like(g1), np.zeros_like(g2)]
    squares = [np.zeros_like(g1), np.zeros_like(g2)]
    losses: list[float] = []
    for count, batch in enumerate(batches, 1):
        real, noise = batch["real"], batch["noise"]
        hidden = np.tanh(noise @ g1)
        fake = hidden @ g2
        # The discriminator: -log sigmoid(d(real)) - log(1 - sigmoid(d(fake))).
        h_real, h_fake = np.tanh(real @ d1), np.tanh(fake @ d1)
        loss = np.mean(np.log1p(np.exp(-(h_real @ d2))))
        loss += np.mean(np.log1p(np.exp(h_fake @ d2)))
        of_real = -sigmoid(-(h_real @ d2)) / len(real)
        of_fake = sigmoid(h_fake @ d2) / len(fake)
        gradients = [
            real.T @ (np.outer(of_real, d2) * (1 - h_real**2))
            + fake.T @ (np.outer(of_fake, d2) * (1 - h_fake**2)),
            h_real.T @ of_real + h_fake.T @ of_fake,
        ]
        speed = [0.9 * v + g for v, g in zip(speed, gradients, strict=True)]
        d1, d2 = d1 - 0.2 * speed[0], d2 - 0.2 * speed[1]
        # The generator, by the discriminator as it is now: -log sigmoid(d(fake)).
        h_fake = np.tanh(fake @ d1)
        loss += np.mean(np.log1p(np.exp(-(h_fake @ d2))))
        of_fake = -sigmoid(-(h_fake @ d2)) / len(fake)
        d_fake = (np.outer(of_fake, d2) * (1 - h_fake**2)) @ d1.T
        gradients = [noise.T @ ((d_fake @ g2.T) * (1 - hidden**2)), hidden.T @ d_fake]
        steps = []
        for i, gradient in enumerate(gradients):
            means[i] = 0.9 * means[i] + 0.1 * gradient
            squares[i] = 0.999 * squares[i] + 0.001 * gradient**2
            unbiased = means[i] / (1 - 0.9**count)
            root = np.sqrt(squares[i] / (1 - 0.999**count))
            steps.append(0.001 * unbiased / (root + 1e-8))
        g1, g2 = g1 - steps[0], g2 - steps[1]
        losses.append(float(loss))
    return losses, dict(zip(STARTS, (g1, g2, d1, d2), strict=True))


@pytest.mark.parametrize("style", STYLES)
def test_each_loss_sees_what_the_steps_before_it_changed(style: Any) -> None:
    trainer = Gan().trainer(style=style)
    batches = [rows(6, seed) for seed in range(5)]
    losses = [trainer.step(**batch) for batch in batches]
    expected, parameters = by_hand(batches)
    np.testing.assert_allclose(losses, expected, rtol=1e-12)
    for name, value in parameters.items():
        np.testing.assert_allclose(trainer.parameters[name], value, rtol=1e-9)
    assert trainer.steps == 5


@pytest.mark.parametrize("style", STYLES)
def test_gradients_are_those_of_the_loss_that_trains_a_parameter(style: Any) -> None:
    gan = Gan()
    trainer = gan.trainer(style=style)
    found = trainer.gradients(**rows(6))
    for name, nodes in gan.parameters.items():
        feeds = {k: v for k, v in rows(6).items() if name == FIRST or k == "noise"}
        gradients = gc.evaluate(gc.grad(gan.losses[name], nodes), feeds)
        for node, expected in zip(nodes, gradients, strict=True):
            np.testing.assert_allclose(found[str(node.name)], expected, rtol=1e-9)
    assert all(right for _, right in trainer.module.check_gradients().values())
    # A wrong one is seen, though the sum of losses has other gradients, too.
    module = load(trainer.source)
    differentiate = module.LOSSES[SECOND]

    def wrong(*arguments: Any, **options: Any) -> Any:
        loss, gradients = differentiate(*arguments, **options)
        return loss, {n: 1.1 * gradient for n, gradient in gradients.items()}

    module.LOSSES[SECOND] = wrong
    failed = [
        name for name, (_, right) in module.check_gradients().items() if not right
    ]
    assert failed == ["generator.hidden", "generator.output"]


SCHEDULED = gc.optim.ExponentialLR(0.05, gamma=0.5)
OPTIMIZERS: dict[str, Any] = {
    "of each": {FIRST: gc.optim.SGD(SCHEDULED, momentum=0.9), SECOND: gc.optim.Adam()},
    "one with state of its own": gc.optim.NAdam(0.01),
    "clipped, averaged": {
        FIRST: gc.optim.ClipByGlobalNorm(gc.optim.RMSprop(0.01), 0.1),
        SECOND: gc.optim.EMA(gc.optim.Adafactor(0.01)),
    },
    "accumulated": gc.optim.GradientAccumulation(gc.optim.Adam(0.01), 2),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_goes_on_and_an_emitted_one_is_the_same(
    optimizer: str, style: Any, tmp_path: Path
) -> None:
    dropped = Gan(lambda hidden: gc.nn.dropout(hidden, 0.3))
    given: dict[str, Any] = {"optimizer": OPTIMIZERS[optimizer], "style": style}
    options: dict[str, Any] = {"batch_size": 5, "verbose": False}
    train, dev = rows(20), rows(8, 1)
    whole = dropped.trainer(**given)
    history = whole.fit(train, dev, epochs=4, **options)
    path = tmp_path / "run.npz"
    dropped.trainer(**given).fit(train, dev, epochs=2, checkpoint=path, **options)
    second = dropped.trainer(**given)
    second.fit(train, dev, epochs=4, checkpoint=path, resume=True, **options)
    assert same(second.parameters, whole.parameters)
    script = whole.emit(tmp_path / "train.py", style)
    assert_clean(script)
    np.savez(tmp_path / "train.npz", **train)
    np.savez(tmp_path / "dev.npz", **dev)
    data = ("--data", tmp_path / "train.npz", "--dev", tmp_path / "dev.npz")
    out = tmp_path / "out.npz"
    done = run(script, *data, "--epochs", 4, "--batch-size", 5, "--out", out)
    with np.load(out) as saved:
        for name, value in whole.parameters.items():
            assert saved[name].tobytes() == value.tobytes(), name
    assert "train discriminator" in done.stdout
    record = history[0]
    scores = record["dev_discriminator"] + record["dev_generator"]
    assert record["dev_loss"] == pytest.approx(scores)
    assert "all gradients agree" in run(script, "--check").stdout


@pytest.mark.parametrize("style", STYLES)
def test_all_that_a_trainer_does_it_does_with_several_losses(style: Any) -> None:
    trainer = Gan().trainer(style=style)
    trainer.step(**rows(6))
    before = {name: array.copy() for name, array in trainer.parameters.items()}
    assert trainer.lr_range_test(rows(20), steps=3)
    assert same(trainer.parameters, before)
    others = [pickle.loads(pickle.dumps(trainer)), copy.deepcopy(trainer)]
    trainer.step(**rows(6, 1))
    for other in others:
        assert list(other.losses) == [FIRST, SECOND]
        other.step(**rows(6, 1))
        assert same(other.parameters, trainer.parameters)
    assert trainer.predict(noise=rows(6)["noise"]).shape == (6, 2)
    assert trainer.evaluate(rows(6)).keys() == {"loss", FIRST, SECOND}
    assert trainer.footprint.at(batch=1) < trainer.footprint.at(batch=9)
    drawing = gc.render(trainer).source
    assert all(f'"{name}"' in drawing for name in ("loss", FIRST, SECOND))


def test_functions_have_the_names_of_losses() -> None:
    source = Gan().trainer(style="readable").source
    module = load(source)
    for name in (FIRST, SECOND):
        assert callable(getattr(module, f"{name}_loss_and_gradients"))
        assert callable(getattr(module, f"update_{name}"))
    assert not hasattr(module, "update")
    # The discriminator has no use for gradients of the generator.
    start = source.index("def discriminator_loss_and_gradients")
    text = source[start : source.index("\ndef ", start)]
    assert "d_generator_hidden" not in text
    assert "d_discriminator_hidden" in text


@pytest.mark.parametrize("style", STYLES)
def test_names_of_the_program_are_free(style: Any) -> None:
    names = [
        "plateau_loss",
        "scratch_gradients",
        "LOSSES",
        "update_plateau",
        "RULES_OF",
    ]
    x = [gc.input(name, (), "float64") for name in names]
    a = gc.parameter("plateau_loss_and_gradients", (), 1.0, "float64")
    b = gc.parameter("update_scratch", (), 1.0, "float64")
    total = x[0] + x[1] + x[2] + x[3] + x[4]
    losses = {"plateau": (a * total - b) ** 2, "scratch": (b - 3.0 * a) ** 2}
    parameters = {"plateau": [a], "scratch": b}
    optimizer, plateau = gc.optim.SGD(0.25), gc.optim.ReduceLROnPlateau()
    trainer = gc.Trainer(
        losses, optimizer, parameters=parameters, plateau=plateau, style=style
    )
    # a: 1 - 0.25 * 2 * (2 - 1) * 2; b then: 1 - 0.25 * 2 * (1 - 0).
    assert trainer.step(1.0, 1.0, 0.0, 0.0, 0.0) == 2.0
    assert [float(value) for value in trainer.parameters.values()] == [0.0, 0.5]


def test_losses_without_common_parameters_need_no_lists_of_them() -> None:
    x = gc.input("x", (), "float64")
    a, b = (gc.parameter(name, (), 1.0, "float64") for name in "ab")
    trainer = gc.Trainer({"one": (a - x) ** 2, "two": b * x}, gc.optim.SGD(0.5))
    assert trainer.step(3.0) == 4.0 + 3.0
    assert [float(value) for value in trainer.parameters.values()] == [3.0, -0.5]


@pytest.mark.parametrize("style", STYLES)
def test_updates_are_of_what_was_before_the_first_step(style: Any) -> None:
    x = gc.input("x", (), "float64")
    a, b = (gc.parameter(name, (), 1.0, "float64") for name in "ab")
    old = gc.buffer("old", (2,), dtype="float64")
    losses = {"one": (a - x) ** 2, "two": (b - a) ** 2}
    chosen: dict[str, Any] = {"one": a, "two": b}
    updates = {old: gc.stack([a, b])}
    trainer = gc.Trainer(
        losses, gc.optim.SGD(0.5), parameters=chosen, updates=updates, style=style
    )
    trainer.step(3.0)
    trainer.step(5.0)
    assert trainer.parameters["old"].tolist() == [3.0, 3.0]
    assert [float(trainer.parameters[name]) for name in "ab"] == [5.0, 5.0]


@pytest.mark.parametrize("style", STYLES)
def test_a_loss_that_is_not_finite_takes_no_step(style: Any) -> None:
    x = gc.input("x", ("n",), "float64")
    a, b = (gc.parameter(name, (), 1.0, "float64") for name in "ab")
    losses = {"one": (a * gc.mean(x)) ** 2, "two": b * gc.mean(gc.log(x))}
    trainer = gc.Trainer(losses, gc.optim.SGD(0.25), style=style)
    with pytest.raises(NonFiniteError, match="log gave nan at") as caught:
        trainer.step([1.0, -3.0])
    assert "in step 1, which was not taken in full, by row 1" in str(caught.value)
    assert [float(trainer.parameters[name]) for name in "ab"] == [0.5, 1.0]
    with pytest.raises(NonFiniteError):
        trainer.fit({"x": [1.0, -3.0]}, epochs=1, verbose=False)
    assert [float(trainer.parameters[name]) for name in "ab"] == [0.5, 1.0]


def losses_and(**options: Any) -> Any:
    return lambda gan: options | {"losses": options.get("losses", gan.losses)}


BAD: dict[str, tuple[type[GraphcError], str, Any]] = {
    "optimizer missing": (
        OptionError,
        "optimizer must have the keys of the losses, 'discriminator', 'generator'; it "
        "has nothing for 'generator'",
        losses_and(optimizer={FIRST: gc.optim.Adam()}),
    ),
    "optimizer unknown": (
        OptionError,
        "it has 'critic'",
        losses_and(optimizer=dict.fromkeys([FIRST, SECOND, "critic"], gc.optim.Adam())),
    ),
    "parameters missing": (
        OptionError,
        "parameters must have the keys",
        lambda gan: {"parameters": {FIRST: gan.parameters[FIRST]}},
    ),
    "parameters of none": (
        OptionError,
        "parameters must be a dict where there are several losses",
        lambda gan: {"parameters": gan.parameters[FIRST]},
    ),
    "parameters of both": (
        OptionError,
        "'generator.hidden' would be by 'discriminator' and 'generator'",
        losses_and(parameters=None),
    ),
    "one loss, several optimizers": (
        OptionError,
        "optimizer is a dict, which is for several losses, and loss is one node",
        lambda gan: {"losses": gan.losses[FIRST]},
    ),
    "no losses": (
        OptionError,
        "requires a loss, got an empty dict",
        losses_and(losses={}),
    ),
    "a loss called loss": (
        NamingError,
        "can't be called 'loss'",
        lambda gan: {"losses": {"loss": gan.losses[FIRST]}},
    ),
    "not an identifier": (
        NamingError,
        "not a Python identifier",
        lambda gan: {"losses": {"a b": gan.losses[FIRST]}},
    ),
    "a metric of the same name": (
        NamingError,
        "a loss has that name",
        lambda gan: {"metrics": {FIRST: gan.losses[FIRST]}},
    ),
    "not a scalar": (
        DifferentiationError,
        "must be a scalar",
        lambda gan: {"losses": {**gan.losses, SECOND: gan.fake}},
    ),
    "nothing to train": (
        DifferentiationError,
        "depends on no parameter",
        lambda gan: {"parameters": {**gan.parameters, FIRST: []}},
    ),
    "of another loss": (
        DifferentiationError,
        "is not a parameter that the loss depends on",
        lambda gan: {
            "losses": {**gan.losses, SECOND: gc.mean(gan.fake)},
            "parameters": dict.fromkeys(gan.losses, gan.parameters[FIRST]),
            "optimizer": gc.optim.Adam(),
        },
    ),
    "micro-batches": (
        OptionError,
        "the same number of batches for all losses, got 2 for 'discriminator', 1 for",
        losses_and(
            optimizer={
                FIRST: gc.optim.GradientAccumulation(gc.optim.Adam(), 2),
                SECOND: gc.optim.Adam(),
            }
        ),
    ),
    "not a node": (GraphcError, "a node or a dict", lambda gan: {"losses": [1.0]}),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_refused(case: str) -> None:
    error, text, options = BAD[case]
    gan = Gan()
    with pytest.raises(error, match=text) as caught:
        gan.trainer(**options(gan))
    assert Path(__file__).name in str(caught.value)


@pytest.mark.peer
@pytest.mark.parametrize("style", STYLES)
def test_batch_norm_in_both_networks_is_that_of_torch(style: Any) -> None:
    import torch

    sizes = {"g": (3, 8, 2), "d": (2, 8, 1)}
    ours, theirs = {}, {}
    for key, (first, middle, last) in sizes.items():
        ours[key] = gc.nn.Sequential(
            gc.nn.Linear(first, middle, name=f"{key}1"),
            gc.nn.BatchNorm1d(middle, name=f"{key}2"),
            gc.nn.LeakyReLU(0.2),
            gc.nn.Linear(middle, last, name=f"{key}3"),
        )
        theirs[key] = torch.nn.Sequential(
            torch.nn.Linear(first, middle),
            torch.nn.BatchNorm1d(middle),
            torch.nn.LeakyReLU(0.2),
            torch.nn.Linear(middle, last),
        )
    real, noise = gc.input("real", ("n", 2)), gc.input("noise", ("n", 3))
    fake = ours["g"](noise)
    softplus = gc.nn.softplus
    losses = {
        "d": gc.mean(softplus(-ours["d"](real))) + gc.mean(softplus(ours["d"](fake))),
        "g": gc.mean(softplus(-ours["d"](fake))),
    }
    chosen = {key: ours[key].parameters for key in "dg"}
    rates = {"d": 0.1, "g": 0.05}
    optimizers = {key: gc.optim.SGD(lr, momentum=0.9) for key, lr in rates.items()}
    trainer = gc.Trainer(
        losses, optimizers, parameters=chosen, outputs=fake, style=style
    )
    torches = {
        key: torch.optim.SGD(theirs[key].parameters(), lr, momentum=0.9)
        for key, lr in rates.items()
    }

    def values() -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        for key in "dg":
            for name, value in theirs[key].state_dict().items():
                layer = {"0": "1", "1": "2", "3": "3"}[name[0]]
                found[f"{key}{layer}{name[1:]}"] = value.numpy()
        return found

    for name, array in trainer.parameters.items():
        array[...] = values()[name]
    plus = torch.nn.functional.softplus
    for seed in range(4):
        batch = {k: v.astype("f") for k, v in rows(8, seed).items()}
        trainer.step(**batch)
        x, z = (torch.tensor(batch[key]) for key in ("real", "noise"))
        torches["d"].zero_grad()
        of_real = plus(-theirs["d"](x)).mean()
        (of_real + plus(theirs["d"](theirs["g"](z).detach())).mean()).backward()
        torches["d"].step()
        torches["g"].zero_grad()
        # The generator runs anew here, as in the second of the emitted steps.
        plus(-theirs["d"](theirs["g"](z))).mean().backward()
        torches["g"].step()
    for name, array in trainer.parameters.items():
        np.testing.assert_allclose(array, values()[name], rtol=1e-3, atol=1e-4)
    theirs["g"].eval()
    with torch.no_grad():
        expected = theirs["g"](torch.tensor(rows(5)["noise"].astype("f"))).numpy()
    found = trainer.predict(rows(5)["noise"].astype("f"))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
