"""A long short-term memory with diagonal weights, as benchmarks of derivatives have it.

    python examples/diagonal_lstm.py

Two layers of 14 units along 1,024 characters of 14 bits, which guess the next one: the
sizes of ADBench's `lstm`, which GradBench has, too. All weights are diagonal, so a step
is elementwise work alone, and what is measured is the loop: forward along the text, and
backward through all of it. The objective is ADBench's, with its 2 in the normaliser.
Source: Srajer, Kukelova and Fitzgibbon 2018, "A benchmark of selected algorithmic
differentiation tools on some problems in computer vision and machine learning".
"""

import numpy as np

import graphc as gc

LAYERS, UNITS, LENGTH = 2, 14, 1024

text = gc.input("text", ("time", UNITS), dtype="float64")
# Of each layer, forget, input and output gate and change: a weight and a bias each.
layers = gc.parameter(
    "layers", (LAYERS, 2, 4, UNITS), gc.init.normal(0.5), dtype="float64"
)
ends = gc.parameter("ends", (3, UNITS), gc.init.normal(0.5), dtype="float64")


def cell(state: tuple[gc.Node, gc.Node], below: gc.Node, layer: gc.Node) -> tuple:
    """The next hidden and cell state of a layer above another one."""
    hidden, memory = state
    weight, bias = layer[0], layer[1]
    forget = gc.nn.sigmoid(below * weight[0] + bias[0])
    entering = gc.nn.sigmoid(hidden * weight[1] + bias[1])
    leaving = gc.nn.sigmoid(below * weight[2] + bias[2])
    change = gc.tanh(hidden * weight[3] + bias[3])
    memory = memory * forget + entering * change
    return leaving * gc.tanh(memory), memory


def step(states: list, characters: tuple[gc.Node, gc.Node]) -> tuple[list, gc.Node]:
    """The states after a character, and the score of the one that follows."""
    character, following = characters
    below, after = character * ends[0], []
    for number, state in enumerate(states):
        after.append(cell(state, below, layers[number]))
        below = after[-1][0]
    guess = below * ends[1] + ends[2]
    normaliser = gc.log(2.0 + gc.sum(gc.exp(guess)))
    return after, gc.sum(following * (guess - normaliser))


start = [(gc.zeros(UNITS, "float64"), gc.zeros(UNITS, "float64"))] * LAYERS
_, found = gc.scan(step, start, (text[:-1], text[1:]))
loss = -gc.mean(found) / UNITS


def make_data(seed: int) -> np.ndarray:
    """Characters with one bit of 14, each of which is followed by one of two."""
    rng = np.random.default_rng(seed)
    steps = rng.choice([1, 5], size=LENGTH)
    return np.eye(UNITS)[np.cumsum(steps) % UNITS]


def main() -> None:
    data = make_data(seed=0)
    found = gc.minimize(loss, {"text": data}, max_iterations=50)
    print(f"loss {found.history[0].loss:.4f} at first, after 50 steps {found.loss:.4f}")


if __name__ == "__main__":
    main()
