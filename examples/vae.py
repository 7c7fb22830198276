"""A variational autoencoder that learns to write digits, and samples new ones.

    python examples/vae.py FOLDER

reads the four IDX files of MNIST from a folder (by default that in the environment
variable GRAPHC_MNIST, or data/mnist; where there are none, it takes the digits of
8 times 8 pixels that come with graphc), trains, prints the evidence lower bound of the
test pictures in nats, and draws a hundred new pictures to build/vae.png if matplotlib
is there. Source: Kingma and Welling 2014, "Auto-encoding variational Bayes".
"""

import os
import sys
from pathlib import Path

import graphc as gc

LATENT = 16


def model(pixels: int, hidden: int) -> tuple[gc.Trainer, gc.Node]:
    """A trainer of the negative bound, and a hundred pictures that the model draws."""
    x = gc.input("x", ("batch", pixels))
    code = gc.tanh(gc.nn.Linear(pixels, hidden, name="encoder")(x))
    mean = gc.nn.Linear(hidden, LATENT, name="mean")(code)
    log_variance = gc.nn.Linear(hidden, LATENT, name="log_variance")(code)
    z = gc.random.normal(mean, gc.exp(0.5 * log_variance), name="epsilon")

    decoder = gc.nn.Linear(LATENT, hidden, name="decoder")
    output = gc.nn.Linear(hidden, pixels, name="output")
    logits = output(gc.tanh(decoder(z)))

    bits = gc.nn.binary_cross_entropy_with_logits(logits, x, reduction="none")
    reconstruction = gc.mean(gc.sum(bits, axis=1)).named("reconstruction")
    terms = gc.exp(log_variance) + mean**2 - 1.0 - log_variance
    divergence = gc.mean(0.5 * gc.sum(terms, axis=1)).named("divergence")
    metrics = {"reconstruction": reconstruction, "divergence": divergence}
    optimizer = gc.optim.Adam(lr=0.001)
    trainer = gc.Trainer(reconstruction + divergence, optimizer, metrics=metrics)

    prior = gc.random.normal(size=(100, LATENT), name="prior")
    return trainer, gc.nn.sigmoid(output(gc.tanh(decoder(prior))))


trainer, pictures = model(784, 400)


def draw(values, path: Path) -> None:
    """Write a hundred pictures as one, if there is matplotlib."""
    try:
        from matplotlib import pyplot
    except ImportError:
        return
    side = int(values.shape[1] ** 0.5)
    rows = values.reshape(10, 10, side, side).swapaxes(1, 2)
    path.parent.mkdir(exist_ok=True)
    pyplot.imsave(path, rows.reshape(10 * side, 10 * side), cmap="gray")
    print(f"drawn to {path}")


def main() -> int:
    named = os.environ.get("GRAPHC_MNIST", "data/mnist")
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else named)
    if folder.is_dir():
        learner, samples, bound = trainer, pictures, 112.0
        data, epochs, batch_size = gc.datasets.mnist(folder), 10, 128
    else:
        (learner, samples), bound = model(64, 128), 26.0
        data, epochs, batch_size = gc.datasets.digits(), 60, 32
    train, dev, test = ({"x": part["x"]} for part in (data.train, data.dev, data.test))
    learner.fit(train, dev, epochs=epochs, batch_size=batch_size)
    scores = learner.evaluate(test)
    print(f"evidence lower bound {-scores['loss']:.2f} nats")
    draw(learner.compile(samples, seed=1)(), Path("build") / "vae.png")
    assert scores["loss"] <= bound, "the model has learnt less than it should"
    return 0


if __name__ == "__main__":
    sys.exit(main())
