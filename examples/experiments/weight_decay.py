"""Weight decay, coupled and decoupled: the same under SGD, different under Adam.

    python examples/experiments/weight_decay.py

Coupled decay adds `strength * w` to the gradient, as a penalty in the loss does.
Decoupled decay shrinks the weights beside the step of the optimizer. A step of SGD is
proportional to its gradient, so both are one. Adam divides each gradient by its usual
size, and that of the penalty with it: weights with large gradients hardly decay.
Source: Loshchilov and Hutter 2019, "Decoupled weight decay regularization".
"""

from dataclasses import dataclass

import numpy as np

import graphc as gc
import support

x = gc.input("x", ("batch", 64), dtype="float64")
y = gc.input("y", ("batch",), dtype="int64")

hidden = gc.nn.tanh(gc.nn.Linear(64, 32, name="hidden", dtype="float64")(x))
logits = gc.nn.Linear(32, 10, name="output", dtype="float64")(hidden)

loss = gc.nn.cross_entropy(logits, y)
accuracy = gc.mean((gc.argmax(logits, axis=1) == y).astype("float64"))


@dataclass(frozen=True)
class DecoupledDecay(gc.optim.Transformation):
    """Any optimizer, which sees no penalty; then `w = w - lr * strength * w`."""

    strength: float = 0.0

    def apply(self, parameters, gradients, state, clock):
        new, new_state = self.inner.apply(parameters, gradients, state, clock)
        factor = self.step_size(clock) * self.strength
        return [n - factor * w for n, w in zip(new, parameters, strict=True)], new_state


STRENGTH = 0.01
PAIRS = {
    "SGD": (
        gc.optim.SGD(0.1, weight_decay=STRENGTH),
        DecoupledDecay(gc.optim.SGD(0.1), STRENGTH),
    ),
    "Adam": (
        gc.optim.Adam(0.001, weight_decay=STRENGTH),
        DecoupledDecay(gc.optim.Adam(0.001), STRENGTH),
    ),
    # The same optimizer twice, written by hand above and by the library.
    "AdamW": (
        gc.optim.AdamW(0.001, weight_decay=STRENGTH),
        DecoupledDecay(gc.optim.Adam(0.001), STRENGTH),
    ),
}


def main() -> None:
    options = support.options(__doc__)
    data = gc.datasets.digits()
    train, dev = (
        part | {"x": part["x"].astype(np.float64)} for part in (data.train, data.dev)
    )
    epochs = 2 if options.quick else 40
    results = support.Results(
        "weight_decay",
        data=f"digits: {len(train['y']):,} images for training, {len(dev['y'])} for "
        f"dev; {epochs} epochs in float64",
        seeds=[0],
        quick=options.quick,
    )
    plt = support.pyplot()
    figure, axes = plt.subplots(figsize=(6, 3.6))
    for name, pair in PAIRS.items():
        trainers = [gc.Trainer(loss, each, {"accuracy": accuracy}) for each in pair]
        distances = []
        now = 0
        for epoch, batch in support.batches(train, 32, epochs):
            if epoch > now:
                distances.append(distance(*trainers))
                now = epoch
            for trainer in trainers:
                trainer.step(**batch)
        distances.append(distance(*trainers))
        # Zero can't be drawn on a logarithmic axis.
        axes.plot(
            range(1, epochs + 1), np.maximum(distances, 1e-17), label=LABELS[name]
        )
        first, second = (each.evaluate(dev)["accuracy"] for each in trainers)
        results.add(
            optimizers=LABELS[name],
            largest_difference=max(distances),
            norms=" / ".join(f"{norm(each):.2f}" for each in trainers),
            dev_accuracies=f"{100 * first:.1f} / {100 * second:.1f}",
        )
    axes.set(
        xlabel="epoch",
        ylabel="distance of weights,\nrelative to their norm",
        yscale="log",
        ylim=(3e-18, 30),
    )
    axes.legend(loc="center right")
    results.save(options.out, figure)


LABELS = {
    "SGD": "SGD: coupled and decoupled",
    "Adam": "Adam: coupled and decoupled",
    "AdamW": "AdamW and decoupled Adam",
}


def norm(trainer: gc.Trainer) -> float:
    """The norm of all parameters together."""
    return float(np.sqrt(sum((w**2).sum() for w in trainer.parameters.values())))


def distance(one: gc.Trainer, other: gc.Trainer) -> float:
    """The norm of the difference of all parameters, relative to the norm of one."""
    squares = ((w - other.parameters[name]) ** 2 for name, w in one.parameters.items())
    return float(np.sqrt(sum(square.sum() for square in squares))) / norm(one)


if __name__ == "__main__":
    main()
