"""All optimizers: on one network, and their paths on three functions of two numbers.

    python examples/experiments/optimizers.py

Each optimizer gets the step size that is best of a few by its loss in training, so that
no default decides. The functions are graphs like any other, and what moves the point is
the update that graphc emits. Sources: Rosenbrock 1960, "An automatic method for finding
the greatest or least value of a function"; Beale 1958, "On an iterative method for
finding a local minimum of a function of more than one variable".
"""

from collections.abc import Callable

import numpy as np

import graphc as gc
import support

# The network

x = gc.input("x", ("batch", 64))
y = gc.input("y", ("batch",), dtype="int64")

hidden = gc.nn.tanh(gc.nn.Linear(64, 32, name="hidden")(x))
logits = gc.nn.Linear(32, 10, name="output")(hidden)

loss = gc.nn.cross_entropy(logits, y)
accuracy = gc.mean((gc.argmax(logits, axis=1) == y).astype("float32"))


def muon(lr: float) -> gc.optim.Optimizer:
    """Muon is for matrices; vectors get Adam."""
    groups = {"*.weight": gc.optim.Muon(lr)}
    return gc.optim.ParameterGroups(groups, default=gc.optim.Adam(0.003))


# Each with the step sizes that are tried.
OPTIMIZERS: dict[str, tuple[Callable[[float], gc.optim.Optimizer], list[float]]] = {
    "SGD": (gc.optim.SGD, [0.3, 1.0, 3.0]),
    "momentum": (lambda lr: gc.optim.SGD(lr, momentum=0.9), [0.1, 0.3, 1.0]),
    "Nesterov": (
        lambda lr: gc.optim.SGD(lr, momentum=0.9, nesterov=True),
        [0.1, 0.3, 1.0],
    ),
    "ASGD": (lambda lr: gc.optim.ASGD(lr, t0=100), [0.3, 1.0, 3.0]),
    "SignSGD": (gc.optim.SignSGD, [0.003, 0.01, 0.03]),
    "Lion": (gc.optim.Lion, [0.001, 0.003, 0.01]),
    "Rprop": (gc.optim.Rprop, [0.00001, 0.0001, 0.001]),
    "Adagrad": (gc.optim.Adagrad, [0.03, 0.1, 0.3]),
    "Adadelta": (gc.optim.Adadelta, [3.0, 10.0, 30.0]),
    "RMSprop": (gc.optim.RMSprop, [0.003, 0.01, 0.03]),
    "Adam": (gc.optim.Adam, [0.01, 0.03, 0.1]),
    "AMSGrad": (lambda lr: gc.optim.Adam(lr, amsgrad=True), [0.01, 0.03, 0.1]),
    "AdamW": (gc.optim.AdamW, [0.01, 0.03, 0.1]),
    "Adamax": (gc.optim.Adamax, [0.01, 0.03, 0.1]),
    "NAdam": (gc.optim.NAdam, [0.01, 0.03, 0.1]),
    "RAdam": (gc.optim.RAdam, [0.01, 0.03, 0.1]),
    "LARS": (
        lambda lr: gc.optim.LARS(lr, trust_coefficient=0.01),
        [0.1, 0.3, 1.0],
    ),
    "LAMB": (gc.optim.LAMB, [0.003, 0.01, 0.03]),
    "Adafactor": (gc.optim.Adafactor, [0.03, 0.1, 0.3]),
    "Muon": (muon, [0.01, 0.03, 0.1]),
}

FAMILIES = {
    "gradient and momentum": ["momentum", "Nesterov", "ASGD", "LARS"],
    "signs": ["SignSGD", "Lion", "Rprop"],
    "sums of squares": ["Adagrad", "Adadelta", "RMSprop", "Adafactor"],
    "Adam": ["Adam", "AMSGrad", "AdamW", "Adamax"],
    "Adam, corrected otherwise": ["NAdam", "RAdam", "LAMB"],
    "matrices": ["Muon"],
}


# Three functions: a valley that bends, one with plateaus, and one that is 25 times
# steeper in one direction than in the other.


def rosenbrock(w: gc.Node) -> gc.Node:
    return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2


def beale(w: gc.Node) -> gc.Node:
    a, b = w[0], w[1]
    terms = (1.5 - a + a * b, 2.25 - a + a * b**2, 2.625 - a + a * b**3)
    return sum(term**2 for term in terms)


def quadratic(w: gc.Node) -> gc.Node:
    return (w[0] ** 2 + 25 * w[1] ** 2) / 2


# Each with a start, its minimum, and the part of the plane that is drawn.
SURFACES = {
    "Rosenbrock": (rosenbrock, (-1.2, 1.0), (1.0, 1.0), (-2.0, 2.0, -0.8, 2.6)),
    "Beale": (beale, (1.0, 1.5), (3.0, 0.5), (-0.5, 4.0, -1.8, 2.0)),
    "quadratic": (quadratic, (-4.0, 1.5), (0.0, 0.0), (-4.8, 2.2, -2.0, 2.0)),
}

PATHS: dict[str, list[gc.optim.Optimizer]] = {
    "Rosenbrock": [
        gc.optim.SGD(0.001),
        gc.optim.SGD(0.001, momentum=0.9),
        gc.optim.RMSprop(0.01),
        gc.optim.Adam(0.1),
        gc.optim.Rprop(0.1),
    ],
    "Beale": [
        gc.optim.SGD(0.002),
        gc.optim.SGD(0.002, momentum=0.9),
        gc.optim.RMSprop(0.01),
        gc.optim.Adam(0.1),
        gc.optim.Rprop(0.1),
    ],
    "quadratic": [
        gc.optim.SGD(0.07),
        gc.optim.SGD(0.01, momentum=0.9),
        gc.optim.RMSprop(0.03),
        gc.optim.Adam(0.3),
        gc.optim.Rprop(0.1),
    ],
}
PATH_NAMES = ["SGD", "momentum", "RMSprop", "Adam", "Rprop"]


def path(surface: str, optimizer: gc.optim.Optimizer, steps: int) -> np.ndarray:
    """The points that an optimizer goes through."""
    function, start, _, _ = SURFACES[surface]
    point = gc.parameter("point", (2,), np.array(start), dtype="float64")
    trainer = gc.Trainer(function(point), optimizer)
    points = [trainer.parameters["point"].copy()]
    for _ in range(steps):
        trainer.step()
        points.append(trainer.parameters["point"].copy())
    return np.array(points)


def main() -> None:
    options = support.options(__doc__)
    plt = support.pyplot()
    compare_on_network(options, plt)
    draw_paths(options, plt)


def compare_on_network(options, plt) -> None:
    data = gc.datasets.digits()
    train, epochs = data.train, 20
    chosen = OPTIMIZERS
    if options.quick:
        train, epochs = support.rows(train, 200), 3
        chosen = {name: OPTIMIZERS[name] for name in ("SGD", "Adam", "Rprop", "Muon")}
    results = support.Results(
        "optimizers",
        data=f"digits: {len(train['y']):,} images for training, "
        f"{len(data.dev['y'])} for dev; {epochs} epochs",
        seeds=[0],
        quick=options.quick,
    )
    curves = {}
    for name, (make, step_sizes) in chosen.items():
        runs = []
        for lr in step_sizes[1:2] if options.quick else step_sizes:
            # The loss once more: over all images after each epoch, without noise.
            metrics = {"accuracy": accuracy, "objective": loss}
            trainer = gc.Trainer(loss, make(lr), metrics)
            # Rprop compares signs of gradients, for which noise is poison: it gets all
            # images in every step, and as many steps.
            steps = -(-len(train["y"]) // 32)
            size, every = (len(train["y"]), steps) if name == "Rprop" else (32, 1)
            history = trainer.fit(
                train, epochs=epochs * every, batch_size=size, verbose=False
            )
            losses = history["train_objective"][every - 1 :: every]
            runs.append((losses[-1], lr, losses, trainer.evaluate(data.dev)))
        last, lr, losses, scores = min(runs, key=lambda run: run[0])
        curves[name] = losses
        results.add(
            optimizer=name,
            step_size=lr,
            loss_in_training=last,
            dev_accuracy=100 * scores["accuracy"],
        )
    figure, axes = plt.subplots(2, 3, figsize=(9, 5.4), sharex=True, sharey=True)
    for panel, (title, names) in zip(axes.flat, FAMILIES.items(), strict=True):
        count = range(1, epochs + 1)
        panel.plot(count, curves["SGD"], color="0.7", linestyle="-", label="SGD")
        for name in names:
            if name in curves:
                panel.plot(count, curves[name], label=name)
        # Rprop, without noise, leaves the picture.
        panel.set(title=title, yscale="log", ylim=(4e-4, 4))
        panel.legend(loc="upper right")
    for panel in axes[1]:
        panel.set_xlabel("epoch")
    for panel in axes[:, 0]:
        panel.set_ylabel("loss in training")
    results.save(options.out, figure)


def draw_paths(options, plt) -> None:
    steps = 30 if options.quick else 1000
    results = support.Results(
        "optimizer_paths",
        data=f"functions of two numbers; {steps} steps in float64",
        seeds=[0],
        quick=options.quick,
    )
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.7))
    for panel, surface in zip(axes, SURFACES, strict=True):
        draw_surface(panel, surface)
        distances = {}
        minimum = np.array(SURFACES[surface][2])
        for name, optimizer in zip(PATH_NAMES, PATHS[surface], strict=True):
            points = path(surface, optimizer, steps)
            (line,) = panel.plot(*points.T, linewidth=1.2, label=name)
            panel.plot(*points[-1], ".", color=line.get_color())
            distances[name] = float(np.linalg.norm(points[-1] - minimum))
        results.add(function=surface, **distances)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, ncols=len(labels), loc="outside lower center")
    results.save(options.out, figure)


def draw_surface(panel, surface: str) -> None:
    function, start, minimum, (left, right, bottom, top) = SURFACES[surface]
    ticks = np.linspace(left, right, 120), np.linspace(bottom, top, 120)
    across, up = np.meshgrid(*ticks)
    # The same graph, for all points of the plane at once.
    points = gc.input("points", (2, *across.shape), dtype="float64")
    values = gc.evaluate(function(points), {"points": np.stack([across, up])})
    panel.contour(across, up, np.log1p(values), 14, colors="0.8", linewidths=0.6)
    panel.plot(*start, "ko", markersize=4)
    panel.plot(*minimum, "k*", markersize=9)
    panel.set(title=surface, xlim=(left, right), ylim=(bottom, top))
    panel.grid(False)


if __name__ == "__main__":
    main()
