"""A small residual network with batch normalisation, on digits of 8 times 8 pixels.

    python examples/resnet.py

trains on the digits that come with scikit-learn. A block adds what two convolutions
find to its input, so that the gradient has a way back that no weight stands in. While a
batch is trained on, its own mean and variance normalise; running averages of them,
which are buffers, do so in evaluation. Sources: He, Zhang, Ren and Sun 2016, "Deep
residual learning for image recognition"; Ioffe and Szegedy 2015, "Batch normalization".
"""

import graphc as gc

x = gc.input("x", ("batch", 1, 8, 8))
y = gc.input("y", ("batch",), dtype="int64")


def convolution(node: gc.Node, filters: int, name: str, **options: int) -> gc.Node:
    """A convolution, normalised; a bias would be lost with the mean."""
    weights = gc.nn.Conv2d(node.shape[1], filters, **options, bias=False, name=name)
    return gc.nn.BatchNorm2d(filters, name=f"{name}_norm")(weights(node))


def block(node: gc.Node, filters: int, name: str, stride: int = 1) -> gc.Node:
    """The input, and two convolutions of it, added."""
    first, second, fit = f"{name}_first", f"{name}_second", f"{name}_fit"
    change = convolution(node, filters, first, kernel_size=3, stride=stride, padding=1)
    change = gc.nn.relu(change)
    change = convolution(change, filters, second, kernel_size=3, padding=1)
    if stride > 1:
        # Fewer pixels and more filters: the input has to be made to fit.
        node = convolution(node, filters, fit, kernel_size=1, stride=stride)
    return gc.nn.relu(node + change).named(name)


stem = gc.nn.relu(convolution(x, 16, "stem", kernel_size=3, padding=1))
fine = block(stem, 16, "fine")
coarse = block(fine, 32, "coarse", stride=2)
features = gc.mean(coarse, axis=(2, 3)).named("features")
logits = gc.nn.Linear(32, 10, name="output")(features)

loss = gc.nn.cross_entropy(logits, y)
accuracy = gc.mean((gc.argmax(logits, axis=1) == y).astype("float32"))

EPOCHS, BATCH_SIZE = 20, 32
step_size = gc.optim.CosineAnnealingLR(0.1, T_max=EPOCHS)
optimizer = gc.optim.SGD(step_size, momentum=0.9, nesterov=True, weight_decay=5e-4)

trainer = gc.Trainer(loss, optimizer, metrics={"accuracy": accuracy})


def main() -> None:
    data = gc.datasets.digits(flat=False)
    trainer.fit(data.train, data.dev, epochs=EPOCHS, batch_size=BATCH_SIZE)
    scores = trainer.evaluate(data.test)
    print(f"test accuracy {scores['accuracy']:.4f}")
    assert scores["accuracy"] >= 0.97, "the network has learnt less than it should"


if __name__ == "__main__":
    main()
