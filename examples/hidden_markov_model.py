"""A hidden Markov model that finds when a casino rolls a loaded die.

    python examples/hidden_markov_model.py

A fair die and one that shows a six half of the time are changed now and then, unseen.
The likelihood of the rolls is a scan over them (the forward algorithm), and its
gradient finds how often dice change and what they show. The backward algorithm is
nowhere written: the gradient of the log likelihood by the scores of the states at each
roll is their probability, given all rolls. Sources: Durbin, Eddy, Krogh and Mitchison
1998, "Biological sequence analysis", whose casino it is; Eisner 2016, "Inside-outside
and forward-backward algorithms are just backprop".
"""

import numpy as np

import graphc as gc

DICE, FACES, LENGTH, SEQUENCES = 2, 6, 300, 20
CHANGE = np.array([[0.95, 0.05], [0.10, 0.90]])
SHOW = np.array([[1 / 6] * 6, [0.1] * 5 + [0.5]])

rolls = gc.input("rolls", ("batch", LENGTH), dtype="int64")
change = gc.parameter("change", (DICE, DICE), init=np.eye(DICE), dtype="float64")
show = gc.parameter(
    "show", (DICE, FACES), init=[[0] * 6, [0] * 5 + [1]], dtype="float64"
)

log_change = gc.nn.log_softmax(change, dim=1)
log_show = gc.nn.log_softmax(show, dim=1)
scores = gc.nn.embedding(gc.swapaxes(rolls, 0, 1), log_show.T)


def forward(total: gc.Node, score: gc.Node) -> tuple[gc.Node, None]:
    """The logarithm of the probability of all rolls so far, by the die."""
    return gc.logsumexp(total[:, :, None] + log_change, axis=1) + score, None


totals, _ = gc.scan(forward, scores[0] - np.log(DICE), scores[1:])
log_likelihood = gc.sum(gc.logsumexp(totals, axis=1))
loss = -log_likelihood / rolls.size

probability = gc.swapaxes(gc.grad(log_likelihood, scores), 0, 1).named("probability")


def make_data(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The dice, and what they showed."""
    rng = np.random.default_rng(seed)
    dice = np.empty((SEQUENCES, LENGTH), dtype="int64")
    die = rng.integers(DICE, size=SEQUENCES)
    for time in range(LENGTH):
        dice[:, time] = die
        die = (rng.random(SEQUENCES) < CHANGE[die, 1]).astype("int64")
    chance = np.cumsum(SHOW, axis=1)[dice]
    return dice, (rng.random(dice.shape)[..., None] > chance).sum(axis=2)


def main() -> None:
    dice, data = make_data(seed=0)
    found = gc.minimize(loss, {"rolls": data})
    for name, node, true in (
        ("a fair die is changed", log_change[0, 1], CHANGE[0, 1]),
        ("a loaded die is changed", log_change[1, 0], CHANGE[1, 0]),
        ("a loaded die shows a six", log_show[1, 5], SHOW[1, 5]),
    ):
        value = gc.evaluate(gc.exp(node), {}, parameters=found.parameters)
        print(f"{name:25} {value:.3f}  true {true}")
    guess = gc.compile(probability)
    found.assign(guess)
    missed = np.mean((guess(rolls=data)[:, :, 1] > 0.5) != dice)
    print(f"share of rolls by a loaded die {np.mean(dice):.3f}")
    print(f"share of rolls whose die is mistaken {missed:.3f}")


if __name__ == "__main__":
    main()
