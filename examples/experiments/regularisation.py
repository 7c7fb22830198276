"""1,000 images are few: weight decay and dropout against overfitting.

    python examples/experiments/regularisation.py [--mnist FOLDER]

The same network four times: as it is, with weight decay, with dropout, with both. It
learns 1,000 images of MNIST, or without a folder 1,000 of the small digits. Sources:
Krogh and Hertz 1992, "A simple weight decay can improve generalization"; Srivastava et
al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".
"""

import numpy as np

import graphc as gc
import support


def network(pixels: int, weight_decay: float, dropout: bool) -> gc.Trainer:
    """A network of one hidden layer of 100 ReLU units, far too large for its data.

    Dropout leaves out a fifth of the pixels and half of the hidden units.
    """
    x = gc.input("x", ("batch", pixels))
    y = gc.input("y", ("batch",), dtype="int64")

    seen = gc.nn.dropout(x, 0.2) if dropout else x
    hidden = gc.nn.relu(gc.nn.Linear(pixels, 100, name="hidden")(seen))
    if dropout:
        hidden = gc.nn.dropout(hidden, 0.5)
    logits = gc.nn.Linear(100, 10, name="output")(hidden)

    loss = gc.nn.cross_entropy(logits, y)
    accuracy = gc.mean((gc.argmax(logits, axis=1) == y).astype("float32"))
    optimizer = gc.optim.ParameterGroups(
        {"*.bias": gc.optim.SGD(lr=0.1)},
        default=gc.optim.SGD(lr=0.1, weight_decay=weight_decay),
    )
    return gc.Trainer(loss, optimizer, metrics={"accuracy": accuracy})


VARIANTS = {
    "neither": (0.0, False),
    "weight decay": (0.002, False),
    "dropout": (0.0, True),
    "both": (0.002, True),
}


def main() -> None:
    options = support.options(__doc__)
    name, train, dev = images(options)
    epochs, seeds = (10, [0]) if options.quick else (100, [0, 1, 2])
    results = support.Results(
        "regularisation",
        data=f"{name}: {len(train['y']):,} images for training, {len(dev['y']):,} for "
        f"dev; {epochs} epochs",
        seeds=seeds,
        quick=options.quick,
    )
    plt = support.pyplot()
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), sharex=True)
    for label, (weight_decay, dropout) in VARIANTS.items():
        trainer = network(train["x"].shape[1], weight_decay, dropout)
        curves = np.mean([run(trainer, train, dev, epochs, s) for s in seeds], axis=0)
        for panel, curve in zip(axes, curves, strict=True):
            panel.plot(range(1, epochs + 1), curve, label=label)
        train_accuracy, dev_accuracy, dev_loss = curves[:, -1]
        results.add(
            regularisation=label,
            train_accuracy=train_accuracy,
            dev_accuracy=dev_accuracy,
            gap=train_accuracy - dev_accuracy,
            dev_loss=dev_loss,
            least_dev_loss=curves[2].min(),
        )
    titles = ("accuracy in training (%)", "accuracy on dev (%)", "loss on dev")
    for panel, title in zip(axes, titles, strict=True):
        panel.set(xlabel="epoch", ylabel=title)
    axes[0].set_ylim(bottom=axes[1].get_ylim()[0])
    axes[1].set_ylim(axes[0].get_ylim())
    axes[0].legend(loc="lower right")
    results.save(options.out, figure)


def images(options) -> tuple[str, support.Data, support.Data]:
    """1,000 images to train on, and others to measure on."""
    if options.quick or options.mnist is None:
        train, dev, _ = gc.datasets.digits(dev=700, test=0)
        return "digits", support.rows(train, 100 if options.quick else 1000), dev
    train, dev, _ = gc.datasets.mnist(options.mnist)
    return "MNIST", support.rows(train, 1000), support.rows(dev, 3000)


def run(trainer, train, dev, epochs, seed) -> np.ndarray:
    """Train and dev accuracy in percent, and dev loss, after each epoch."""
    history = trainer.restarted(seed=seed).fit(
        train, dev, epochs=epochs, batch_size=10, keep_best=False, verbose=False
    )
    accuracies = [history["train_accuracy"], history["dev_accuracy"]]
    return np.stack([*(100 * np.array(accuracies)), history["dev_loss"]])


if __name__ == "__main__":
    main()
