"""The classic first network for handwritten digits: 784-30-10 sigmoid units on MNIST.

    python examples/mnist_sigmoid.py FOLDER

reads the four IDX files of MNIST, gzipped or not, from a folder (by default that in the
environment variable GRAPHC_MNIST, or data/mnist) and trains for ten epochs, a second or
two each. Source: M. Nielsen 2015, *Neural Networks and Deep Learning*, chapter 1, with
the softmax output and the cross-entropy of his chapter 3.
"""

import os
import sys
from pathlib import Path

import graphc as gc

x = gc.input("x", ("batch", 784))
y = gc.input("y", ("batch",), dtype="int64")

hidden = gc.nn.sigmoid(gc.nn.Linear(784, 30, name="hidden")(x))
logits = gc.nn.Linear(30, 10, name="output")(hidden)

loss = gc.nn.cross_entropy(logits, y)
accuracy = gc.mean((gc.argmax(logits, axis=1) == y).astype("float32"))

trainer = gc.Trainer(loss, gc.optim.SGD(lr=0.5), metrics={"accuracy": accuracy})


def main() -> int:
    if len(sys.argv) > 1:
        folder = Path(sys.argv[1])
    else:
        folder = Path(os.environ.get("GRAPHC_MNIST", "data/mnist"))
        if not folder.is_dir():
            print(f"skipped: no folder {folder}; name one that has MNIST's IDX files")
            return 0
    data = gc.datasets.mnist(folder)
    trainer.fit(data.train, data.dev, epochs=10, batch_size=10)
    scores = trainer.evaluate(data.test)
    print(f"test accuracy {scores['accuracy']:.4f}")
    assert scores["accuracy"] >= 0.95, "the network has learnt less than it should"
    return 0


if __name__ == "__main__":
    sys.exit(main())
