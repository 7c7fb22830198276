"""Transfer learning: a new last layer, on features that stay as they are.

    python examples/frozen_layers.py

A convolutional network learns the handwritten digits 0 to 4 of scikit-learn. It is then
given 100 images of the digits 5 to 9, and a trainer of a new last layer alone: for the
layers before that no gradient is computed. To compare, the same is done on features as
they start, and all layers are trained.
"""

import numpy as np

import graphc as gc

x = gc.input("x", ("batch", 1, 8, 8))
y = gc.input("y", ("batch",), dtype="int64")

features = gc.nn.Sequential(
    gc.nn.Conv2d(1, 16, 3, padding=1, name="edges"),
    gc.nn.ReLU(),
    gc.nn.MaxPool2d(2),
    gc.nn.Conv2d(16, 32, 3, padding=1, name="shapes"),
    gc.nn.ReLU(),
    gc.nn.MaxPool2d(2),
    gc.nn.Flatten(),
)
old_output = gc.nn.Linear(128, 5, name="old_output")
new_output = gc.nn.Linear(128, 5, name="new_output")


def make_trainer(output: gc.nn.Linear, **options: object) -> gc.Trainer:
    """A trainer of the features under a last layer."""
    logits = output(features(x))
    return gc.Trainer(
        gc.nn.cross_entropy(logits, y),
        gc.optim.Adam(lr=0.003),
        metrics={
            "accuracy": gc.mean((gc.argmax(logits, axis=1) == y).astype("float32"))
        },
        **options,
    )


trainer = make_trainer(new_output, parameters=new_output.parameters())


def digits_from(first: int, rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The five digits from `first` on, as classes 0 to 4."""
    chosen = (rows["y"] >= first) & (rows["y"] < first + 5)
    return {"x": rows["x"][chosen], "y": rows["y"][chosen] - first}


def copy_features(source: gc.Trainer, target: gc.Trainer) -> None:
    """Give one trainer the convolutions of another."""
    for name, array in source.parameters.items():
        if name.startswith(("edges", "shapes")):
            target.parameters[name][...] = array


def main() -> None:
    data = gc.datasets.digits(flat=False)
    first = make_trainer(old_output)
    first.fit(digits_from(0, data.train), epochs=20, batch_size=32, verbose=False)
    accuracy = first.evaluate(digits_from(0, data.test))["accuracy"]
    print(f"digits 0 to 4                          {accuracy:.3f}")

    few = {name: rows[:100] for name, rows in digits_from(5, data.train).items()}
    test = digits_from(5, data.test)

    def score(trainer: gc.Trainer) -> float:
        trainer.fit(few, epochs=40, batch_size=25, verbose=False)
        return trainer.evaluate(test)["accuracy"]

    untrained = make_trainer(new_output, parameters=new_output.parameters())
    print(f"digits 5 to 9, features as they start  {score(untrained):.3f}")
    whole = make_trainer(new_output)
    copy_features(first, whole)
    print(f"digits 5 to 9, all layers trained      {score(whole):.3f}")
    copy_features(first, trainer)
    accuracy = score(trainer)
    print(f"digits 5 to 9, features of 0 to 4      {accuracy:.3f}")
    for name, array in first.parameters.items():
        if name.startswith(("edges", "shapes")):
            assert np.array_equal(trainer.parameters[name], array), "a feature moved"
    assert accuracy >= 0.93, "the features do not help"


if __name__ == "__main__":
    main()
