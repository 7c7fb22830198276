"""A network that is large enough learns anything by heart, even noise.

    python examples/experiments/memorising_noise.py

The same network is trained on digits as they are, on digits with random labels, and on
random pixels. It reaches 100 % on all three; only of the first does it know anything
about images that it has not seen. Source: Zhang et al. 2017, "Understanding deep
learning requires rethinking generalization".
"""

import numpy as np

import graphc as gc
import support

x = gc.input("x", ("batch", 64))
y = gc.input("y", ("batch",), dtype="int64")

hidden = gc.nn.relu(gc.nn.Linear(64, 1024, name="hidden")(x))
logits = gc.nn.Linear(1024, 10, name="output")(hidden)

loss = gc.nn.cross_entropy(logits, y)
accuracy = gc.mean((gc.argmax(logits, axis=1) == y).astype("float32"))

EPOCHS = 120
falling = gc.optim.StepLR(0.003, step_size=80)
trainer = gc.Trainer(loss, gc.optim.Adam(falling), metrics={"accuracy": accuracy})


def random_labels(data: support.Data, seed: int) -> support.Data:
    """Each image with a label that has nothing to do with it."""
    rng = np.random.default_rng(seed)
    return data | {"y": rng.integers(0, 10, len(data["y"]))}


def random_pixels(data: support.Data, seed: int) -> support.Data:
    """Each label with pixels that have nothing to do with it, as bright as the real."""
    rng = np.random.default_rng(seed)
    pixels = rng.normal(data["x"].mean(), data["x"].std(), data["x"].shape)
    return data | {"x": pixels.astype(np.float32)}


def main() -> None:
    options = support.options(__doc__)
    data = gc.datasets.digits(dev=500, test=0)
    train, dev, epochs = data.train, data.dev, EPOCHS
    if options.quick:
        train, epochs = support.rows(train, 100), 80
    results = support.Results(
        "memorising_noise",
        data=f"digits: {len(train['y']):,} images of 8×8 for training, "
        f"{len(dev['y'])} for dev; {epochs} epochs",
        seeds=[0],
        quick=options.quick,
    )
    weights = sum(array.size for array in trainer.parameters.values())
    variants = {
        "true labels": (train, dev),
        "random labels": (random_labels(train, 1), random_labels(dev, 2)),
        "random pixels": (random_pixels(train, 1), random_pixels(dev, 2)),
    }
    plt = support.pyplot()
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), sharex=True)
    for name, (training, held_out) in variants.items():
        run = trainer.restarted()
        history = run.fit(
            training,
            held_out,
            epochs=epochs,
            batch_size=32,
            keep_best=False,
            verbose=False,
        )
        reached = history["train_accuracy"]
        left.plot(history["epoch"], [100 * value for value in reached], label=name)
        right.plot(history["epoch"], [100 * v for v in history["dev_accuracy"]])
        results.add(
            trained_on=name,
            train_accuracy=100 * reached[-1],
            dev_accuracy=100 * history["dev_accuracy"][-1],
            first_epoch_at_100=next(
                (r["epoch"] for r in history if r["train_accuracy"] >= 0.99999), None
            ),
        )
    right.axhline(10, color="gray", linewidth=0.8)
    right.annotate("chance", (epochs, 11.5), color="gray", ha="right")
    left.set(xlabel="epoch", ylabel="accuracy in training (%)", ylim=(0, 104))
    right.set(xlabel="epoch", ylabel="accuracy on dev (%)", ylim=(0, 104))
    left.legend(loc="lower right")
    results.save(options.out, figure, weights=weights)


if __name__ == "__main__":
    main()
