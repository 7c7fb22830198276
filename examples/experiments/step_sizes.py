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
import support

import graphc as gc
from graphc import optim

x = gc.input("x", ("batch", 64))
y = gc.input("y", ("batch",), dtype="int64")

hidden = gc.nn.sigmoid(gc.nn.Linear(64, 32, name="hidden")(x))
logits = gc.nn.Linear(32, 10, name="output")(hidden)

# Weight decay as a part of the loss: what is drawn is what is minimised.
weights = [node for node in gc.nn.parameters(logits) if node.ndim == 2]
loss = gc.nn.cross_entropy(logits, y) + optim.l2(weights, 1e-3)
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


PANELS = (
    ("constant", "plateau", "steps", "milestones"),
    ("constant", "exponential", "1 / t", "linear"),
    ("constant", "cosine", "restarts", "one cycle"),
)
