"""Step sizes that fall: a constant, each way to decay, and decay on a plateau.

    python examples/experiments/step_sizes.py

Small batches make noisy gradients. With a constant step size the parameters keep
jumping about the minimum; a step size that falls lets them settle. All runs start from
the same step size (one-cycle has it as its largest). Sources: Robbins and Monro 1951,
"A stochastic approximation method"; Loshchilov and Hutter 2017, "SGDR: stochastic
gradient descent with warm restarts"; Smith and Topin 2018, "Super-convergence".
"""

import math

import numpy as np

import graphc as gc
import support
from graphc import optim

x = gc.input("x", ("batch", 64))
y = gc.input("y", ("batch",), dtype="int64")

hidden = gc.nn.Linear(64, 32, name="hidden")
output = gc.nn.Linear(32, 10, name="output")
logits = output(gc.nn.sigmoid(hidden(x)))

# The penalty is a part of the loss: what is drawn is what is minimised.
penalty = optim.l2([hidden.weight, output.weight], 1e-3)
loss = gc.nn.cross_entropy(logits, y) + penalty
accuracy = gc.mean((gc.argmax(logits, axis=1) == y).astype("float32"))

LARGEST = 3.0
BATCH_SIZE = 10
PLATEAU = optim.ReduceLROnPlateau(factor=0.3, patience=3)


def schedules(epochs: int, images: int) -> dict[str, float | optim.Schedule]:
    """Every kind of decay, for this many epochs."""
    part = epochs // 4
    steps = epochs * math.ceil(images / BATCH_SIZE)
    return {
        "constant": LARGEST,
        "plateau": LARGEST,
        "steps": optim.StepLR(LARGEST, step_size=part, gamma=0.3),
        "milestones": optim.MultiStepLR(
            LARGEST, milestones=(2 * part, 3 * part), gamma=0.1
        ),
        "exponential": optim.ExponentialLR(LARGEST, gamma=0.01 ** (1 / epochs)),
        "1 / t": optim.InverseTimeLR(LARGEST, decay=8 / epochs),
        "linear": optim.PolynomialLR(LARGEST, total_iters=epochs),
        "cosine": optim.CosineAnnealingLR(LARGEST, T_max=epochs),
        "restarts": optim.CosineAnnealingWarmRestarts(LARGEST, T_0=part),
        "one cycle": optim.OneCycleLR(LARGEST, total_steps=steps),
    }


TICKS = (0.35, 0.5, 0.7, 1.0, 1.5, 2.0)
PANELS = (
    ("constant", "plateau", "steps", "milestones"),
    ("constant", "exponential", "1 / t", "linear"),
    ("constant", "cosine", "restarts", "one cycle"),
)


def main() -> None:
    options = support.options(__doc__)
    data = gc.datasets.digits()
    train, epochs, seeds = data.train, 40, [0, 1, 2]
    if options.quick:
        train, epochs, seeds = support.rows(train, 200), 8, [0]
    results = support.Results(
        "step_sizes",
        data=f"digits: {len(train['y']):,} images for training, "
        f"{len(data.dev['y'])} for dev; {epochs} epochs",
        seeds=seeds,
        quick=options.quick,
    )
    curves = {}
    for name, lr in schedules(epochs, len(train["y"])).items():
        trainer = gc.Trainer(
            loss,
            optim.SGD(lr),
            # The loss once more: over all images after each epoch, without noise.
            {"accuracy": accuracy, "objective": loss},
            plateau=PLATEAU if name == "plateau" else None,
        )
        histories = [
            trainer.restarted(seed=seed).fit(
                train,
                data.dev,
                epochs=epochs,
                batch_size=BATCH_SIZE,
                keep_best=False,
                verbose=False,
            )
            for seed in seeds
        ]
        curves[name] = np.mean([h["train_objective"] for h in histories], axis=0)
        results.add(
            schedule=name,
            last_step_size=np.mean([h["step_size"][-1] for h in histories]),
            loss_in_training=curves[name][-1],
            dev_accuracy=100 * np.mean([h["dev_accuracy"][-1] for h in histories]),
        )
    plt = support.pyplot()
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), sharex=True, sharey=True)
    for panel, names in zip(axes, PANELS, strict=True):
        for name in names:
            panel.plot(range(1, epochs + 1), curves[name], label=name)
        panel.set(xlabel="epoch", yscale="log", ylim=(0.3, 3.5))
        panel.set_yticks(TICKS, labels=[str(tick) for tick in TICKS])
        panel.minorticks_off()
        panel.legend(loc="upper right")
    axes[0].set_ylabel("loss in training, with its penalty")
    results.save(options.out, figure)


if __name__ == "__main__":
    main()
