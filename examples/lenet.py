"""LeNet-5, the first convolutional network in wide use, on MNIST.

    python examples/lenet.py FOLDER

reads the four IDX files of MNIST, gzipped or not, from a folder (by default that in the
environment variable GRAPHC_MNIST, or data/mnist) and trains for eight epochs. Source:
LeCun et al. 1998, "Gradient-based learning applied to document recognition", with
rectified units, maxima for means, and Adam.
"""

import os
import sys
from pathlib import Path

import graphc as gc

x = gc.input("x", ("batch", 1, 28, 28))
y = gc.input("y", ("batch",), dtype="int64")

network = gc.nn.Sequential(
    gc.nn.Conv2d(1, 6, 5, padding=2, name="edges"),
    gc.nn.ReLU(),
    gc.nn.MaxPool2d(2),
    gc.nn.Conv2d(6, 16, 5, name="shapes"),
    gc.nn.ReLU(),
    gc.nn.MaxPool2d(2),
    gc.nn.Flatten(),
    gc.nn.Linear(400, 120, name="features"),
    gc.nn.ReLU(),
    gc.nn.Linear(120, 84, name="hidden"),
    gc.nn.ReLU(),
    gc.nn.Linear(84, 10, name="output"),
)
logits = network(x)

loss = gc.nn.cross_entropy(logits, y)
accuracy = gc.mean((gc.argmax(logits, axis=1) == y).astype("float32"))

EPOCHS, BATCH_SIZE = 8, 64
step_size = gc.optim.CosineAnnealingLR(2e-3, T_max=EPOCHS)

trainer = gc.Trainer(loss, gc.optim.Adam(step_size), metrics={"accuracy": accuracy})


def main() -> int:
    if len(sys.argv) > 1:
        folder = Path(sys.argv[1])
    else:
        folder = Path(os.environ.get("GRAPHC_MNIST", "data/mnist"))
        if not folder.is_dir():
            print(f"skipped: no folder {folder}; name one that has MNIST's IDX files")
            return 0
    data = gc.datasets.mnist(folder, flat=False)
    trainer.fit(data.train, data.dev, epochs=EPOCHS, batch_size=BATCH_SIZE)
    scores = trainer.evaluate(data.test)
    print(f"test accuracy {scores['accuracy']:.4f}")
    assert scores["accuracy"] >= 0.988, "the network has learnt less than it should"
    return 0


if __name__ == "__main__":
    sys.exit(main())
