"""With or without replacement? How the images of a minibatch are drawn matters.

    python examples/experiments/sampling.py

Softmax regression with an L2 penalty is convex, so its least loss is known exactly and
one can measure how far above it stochastic gradient descent stays. Theory treats images
drawn with replacement; practice shuffles and goes through all of them. With a constant
step size the latter comes far closer. Source: Bottou 2009, "Curiously fast convergence
of some stochastic gradient descent algorithms"; proofs in Mishchenko, Khaled and
Richtárik 2020, "Random reshuffling: simple analysis with vast improvements".
"""

from collections.abc import Iterator

import numpy as np

import graphc as gc
import support

x = gc.input("x", ("batch", 64), dtype="float64")
y = gc.input("y", ("batch",), dtype="int64")

w = gc.parameter("w", (64, 10), init=gc.init.zeros(), dtype="float64")
loss = gc.nn.cross_entropy(x @ w, y) + gc.optim.l2([w], 0.05)

trainer = gc.Trainer(loss, gc.optim.SGD(lr=0.05))

BATCH_SIZE = 50


def without_replacement(rows: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Every row once an epoch, in a new order each time."""
    order = rng.permutation(rows)
    for start in range(0, rows, BATCH_SIZE):
        yield order[start : start + BATCH_SIZE]


def with_replacement(rows: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """As many batches, each of rows drawn from all."""
    for _ in range(0, rows, BATCH_SIZE):
        yield rng.integers(0, rows, BATCH_SIZE)


def in_one_order(rows: int, _: np.random.Generator) -> Iterator[np.ndarray]:
    """Every row once an epoch, always in the same order."""
    for start in range(0, rows, BATCH_SIZE):
        yield np.arange(start, min(start + BATCH_SIZE, rows))


SAMPLERS = {
    "with replacement": with_replacement,
    "without: a new order each epoch": without_replacement,
    "without: always the same order": in_one_order,
}


def least_loss(data: support.Data) -> float:
    """The minimum, by gradient descent on all images until nothing changes."""
    run = trainer.restarted()
    last = np.inf
    for _ in range(20_000):
        now = run.step(**data)
        if last - now < 1e-14:
            break
        last = now
    return now


def main() -> None:
    options = support.options(__doc__)
    data = gc.datasets.digits(dev=0, test=797).train
    data = data | {"x": data["x"].astype(np.float64)}
    epochs, seeds = (40, [0, 1]) if options.quick else (100, list(range(10)))
    if options.quick:
        data = support.rows(data, 200)
    rows = len(data["y"])
    results = support.Results(
        "sampling",
        data=f"digits: {rows:,} images for training; {epochs} epochs",
        seeds=seeds,
        quick=options.quick,
    )
    least = least_loss(data)
    plt = support.pyplot()
    figure, axes = plt.subplots(figsize=(6, 3.6))
    for name, sampler in SAMPLERS.items():
        excess = np.array([run(sampler, data, epochs, s) for s in seeds]) - least
        middle = np.median(excess, axis=0)
        axes.plot(range(epochs + 1), middle, label=name)
        low, high = np.quantile(excess, [0.1, 0.9], axis=0)
        axes.fill_between(range(epochs + 1), low, high, alpha=0.15, color="gray")
        results.add(sampling=name, excess_loss=middle[-1], least_loss=least)
    axes.set(xlabel="epoch", ylabel="loss above the least one", yscale="log")
    axes.legend()
    results.save(options.out, figure)


def run(sampler, data: support.Data, epochs: int, seed: int) -> list[float]:
    """The loss over all images before training and after each epoch."""
    fresh = trainer.restarted()
    rng = np.random.default_rng(seed)
    losses = [fresh.evaluate(data)["loss"]]
    for _ in range(epochs):
        for chosen in sampler(len(data["y"]), rng):
            fresh.step(**{name: array[chosen] for name, array in data.items()})
        losses.append(fresh.evaluate(data)["loss"])
    return losses


if __name__ == "__main__":
    main()
