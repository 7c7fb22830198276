"""Why deep networks were hard to train: gradients that vanish on their way back.

    python examples/experiments/vanishing_gradients.py

Seven weight matrices in a row, six of them 64×64: how large is the gradient of the loss
by each, for three activations and four ways to start the weights? Sources: Glorot and
Bengio 2010, "Understanding the difficulty of training deep feedforward neural
networks"; He et al. 2015, "Delving deep into rectifiers".
"""

import numpy as np

import graphc as gc
import support

LAYERS, WIDTH = 6, 64

ACTIVATIONS = {"sigmoid": gc.nn.sigmoid, "tanh": gc.nn.tanh, "relu": gc.nn.relu}
STARTS = {
    "Glorot": gc.init.glorot_normal(),
    "He": gc.init.he_normal(),
    "naive, σ = 1": gc.init.normal(0.0, 1.0),
    "naive, σ = 0.01": gc.init.normal(0.0, 0.01),
}


def network(activation: str, start: str) -> gc.Trainer:
    """64-[64]*6-10 units of one activation, with one kind of start."""
    x = gc.input("x", ("batch", WIDTH))
    y = gc.input("y", ("batch",), dtype="int64")

    value = x
    for number in range(1, LAYERS + 1):
        hidden = layer(WIDTH, f"hidden_{number}", start)
        value = ACTIVATIONS[activation](hidden(value))
    logits = layer(10, "output", start)(value)

    loss = gc.nn.cross_entropy(logits, y)
    accuracy = gc.mean((gc.argmax(logits, axis=1) == y).astype("float32"))
    return gc.Trainer(loss, gc.optim.SGD(lr=0.1), metrics={"accuracy": accuracy})


def layer(outputs: int, name: str, start: str) -> gc.nn.Linear:
    return gc.nn.Linear(
        WIDTH,
        outputs,
        weight_init=STARTS[start],
        bias_init=gc.init.zeros(),
        name=name,
    )


NAMES = [*(f"hidden_{number}" for number in range(1, LAYERS + 1)), "output"]


def gradient_norms(trainer: gc.Trainer, data: support.Data) -> list[float]:
    """The norm of the gradient by each weight matrix, over a whole data set."""
    gradients = trainer.gradients(**data)
    return [float(np.linalg.norm(gradients[f"{name}.weight"])) for name in NAMES]


def train(trainer: gc.Trainer, data: support.Data, epochs: int) -> list[list[float]]:
    """Gradient norms before each epoch and after the last; fewer if it diverges."""
    norms = [gradient_norms(trainer, data)]
    now = 0
    try:
        for epoch, batch in support.batches(data, 32, epochs):
            if epoch > now:
                norms.append(gradient_norms(trainer, data))
                now = epoch
            trainer.step(**batch)
        norms.append(gradient_norms(trainer, data))
    except gc.errors.NonFiniteError:
        pass
    return norms


def main() -> None:
    options = support.options(__doc__)
    data = gc.datasets.digits()
    training, epochs = data.train, 40
    if options.quick:
        training, epochs = support.rows(training, 200), 2
    results = support.Results(
        "vanishing_gradients",
        data=f"digits: {len(training['y'])} images of 8×8 for training, "
        f"{len(data.dev['y'])} for dev; {epochs} epochs",
        seeds=[0],
        quick=options.quick,
    )
    plt = support.pyplot()
    figure, axes = plt.subplots(2, 3, figsize=(8, 5.2), sharey="row")
    for column, activation in enumerate(ACTIVATIONS):
        above, below = axes[:, column]
        best = "He" if activation == "relu" else "Glorot"
        for start in STARTS:
            trainer = network(activation, start)
            norms = train(trainer, training, epochs)
            above.plot(range(1, LAYERS + 2), norms[0], marker=".", label=start)
            results.add(
                activation=activation,
                start=start,
                first_layer=norms[0][0],
                last_layer=norms[0][-1],
                ratio=norms[0][0] / norms[0][-1],
                dev_accuracy=100 * trainer.evaluate(data.dev)["accuracy"],
            )
            if start == best:
                draw_training(below, norms, best)
        above.set(title=activation, xlabel="weight matrix", yscale="log")
        below.set(xlabel="epoch", yscale="log")
    axes[0, 0].set_ylabel("gradient norm at the start")
    axes[1, 0].set_ylabel("gradient norm in training")
    axes[0, 2].legend(loc="center", bbox_to_anchor=(0.5, 0.41))
    axes[1, 2].legend(loc="upper right", title="weight matrix")
    results.save(options.out, figure)


def draw_training(axes, norms, start) -> None:
    """One line for each weight matrix, the first ones darkest."""
    for position, values in enumerate(zip(*norms, strict=True)):
        label = {0: "first", LAYERS: "last"}.get(position)
        shade = str(0.75 * position / LAYERS)
        dashes = "-" if label else ":"
        axes.plot(values, color=shade, linestyle=dashes, label=label)
    axes.set_title(f"started as {start}", fontsize="small")


if __name__ == "__main__":
    main()
