"""Does a deeper network learn more? Sigmoid networks with 0 to 4 hidden layers of 30.

    python examples/experiments/depth.py --mnist FOLDER

Source: M. Nielsen 2015, *Neural Networks and Deep Learning*, chapter 5, whose networks
these are: minibatches of 10 images, the cross-entropy, weight decay, and weights that
start with a standard deviation of 1/sqrt(inputs). They differ from his in the softmax
output and in a step size that falls along a cosine, for which 12 epochs are enough.
"""

import math

import graphc as gc
import support

HIDDEN = 30
BATCH_SIZE = 10


def network(depth: int, images: int, epochs: int) -> gc.Trainer:
    """784-[30]*depth-10 sigmoid units with a softmax output."""
    x = gc.input("x", ("batch", 784))
    y = gc.input("y", ("batch",), dtype="int64")

    value, width = x, 784
    for number in range(1, depth + 1):
        value = gc.nn.sigmoid(layer(width, HIDDEN, f"hidden_{number}")(value))
        width = HIDDEN
    logits = layer(width, 10, "output")(value)

    loss = gc.nn.cross_entropy(logits, y)
    accuracy = gc.mean((gc.argmax(logits, axis=1) == y).astype("float32"))

    steps = epochs * math.ceil(images / BATCH_SIZE)
    falling = gc.optim.CosineAnnealingLR(0.5, T_max=steps, by="step")
    optimizer = gc.optim.SGD(falling, weight_decay=1e-4)
    return gc.Trainer(loss, optimizer, metrics={"accuracy": accuracy})


def layer(inputs: int, outputs: int, name: str) -> gc.nn.Linear:
    start = gc.init.normal(0.0, 1.0 / math.sqrt(inputs))
    return gc.nn.Linear(
        inputs,
        outputs,
        weight_init=start,
        bias_init=gc.init.normal(0.0, 1.0),
        name=name,
    )


# The test accuracies that Nielsen reports. He has no network without hidden layer.
REPORTED = {0: None, 1: 96.48, 2: 96.90, 3: 96.57, 4: 96.53}


def main() -> None:
    options = support.options(__doc__)
    train, dev, test = support.need_mnist(options.mnist)
    epochs = 12
    if options.quick:
        train, dev, epochs = support.rows(train, 2000), support.rows(dev, 500), 3
    images = len(train["y"])
    results = support.Results(
        "depth",
        data=f"MNIST: {images:,} images for training, {len(dev['y']):,} for dev, "
        f"{len(test['y']):,} for the test; {epochs} epochs",
        seeds=[0],
        quick=options.quick,
    )
    plt = support.pyplot()
    figure, axes = plt.subplots(figsize=(6, 3.6))
    for depth, reported in REPORTED.items():
        trainer = network(depth, images, epochs)
        history = trainer.fit(
            *(train, dev),
            epochs=epochs,
            batch_size=BATCH_SIZE,
            best="max accuracy",
            verbose=False,
        )
        errors = [100 - 100 * accuracy for accuracy in history["dev_accuracy"]]
        axes.plot(history["epoch"], errors, label=f"{depth}")
        results.add(
            hidden_layers=depth,
            test_accuracy=100 * trainer.evaluate(test)["accuracy"],
            reported=reported,
            best_epoch=history.best["epoch"],
            seconds=sum(history["seconds"]),
        )
    axes.set(xlabel="epoch", ylabel="error on dev (%)", yscale="log")
    ticks = [3, 4, 5, 6, 8, 10, 15, 20, 40]
    axes.set_yticks(ticks, labels=[str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.legend(title="hidden layers")
    results.save(options.out, figure)


if __name__ == "__main__":
    main()
