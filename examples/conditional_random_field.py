"""A linear-chain conditional random field that finds where hidden states change.

    python examples/conditional_random_field.py

A chain of states, of which each likes to stay, is seen through noise. Scored are whole
chains: a score for each state at each place, from what is seen there, and one for each
pair of neighbours. The sum over all chains, which the likelihood divides by, is a scan
(the forward algorithm), and so is the search for the best chain (Viterbi's). Scored
place by place alone, the states are found less often. Source: Lafferty, McCallum and
Pereira 2001, "Conditional random fields: probabilistic models for segmenting and
labeling sequence data".
"""

import numpy as np

import graphc as gc

STATES, SIGNALS, LENGTH = 3, 6, 30

x = gc.input("x", ("batch", LENGTH), dtype="int64")
y = gc.input("y", ("batch", LENGTH), dtype="int64")

emission = gc.parameter("emission", (SIGNALS, STATES), init=gc.init.zeros())
transition = gc.parameter("transition", (STATES, STATES), init=gc.init.zeros())

scores = gc.nn.embedding(x, emission)  # (batch, LENGTH, STATES)


def forward(total: gc.Node, score: gc.Node) -> tuple[gc.Node, None]:
    """The logarithm of the sum over all chains, by their last state."""
    return gc.logsumexp(total[:, :, None] + transition, axis=1) + score, None


by_place = gc.swapaxes(scores, 0, 1)
totals, _ = gc.scan(forward, by_place[0], by_place[1:])
all_chains = gc.logsumexp(totals, axis=1)

at_places = gc.sum(gc.take_along_axis(scores, y[:, :, None], axis=2), axis=(1, 2))
between = gc.sum(transition[y[:, :-1], y[:, 1:]], axis=1)
loss = gc.mean(all_chains - at_places - between)


def best(score_of: gc.Node, score: gc.Node) -> tuple[gc.Node, gc.Node]:
    """The score of the best chain by its last state, and the state before that."""
    candidates = score_of[:, :, None] + transition
    return gc.max(candidates, axis=1) + score, gc.argmax(candidates, axis=1)


def back(state: gc.Node, before: gc.Node) -> tuple[gc.Node, gc.Node]:
    """The state before, and this one."""
    return gc.take_along_axis(before, state[:, None], axis=1)[:, 0], state


score_of, before = gc.scan(best, by_place[0], by_place[1:])
first, others = gc.scan(back, gc.argmax(score_of, axis=1), before, reverse=True)
chain = gc.swapaxes(gc.concatenate([first[None], others]), 0, 1).named("chain")
accuracy = gc.mean((chain == y).astype("float32"))

trainer = gc.Trainer(loss, gc.optim.Adam(0.05), metrics={"accuracy": accuracy})


def make_data(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Chains that stay with probability 0.9, and signals that tell half of the time."""
    rng = np.random.default_rng(seed)
    states = rng.integers(STATES, size=(rows, LENGTH))
    for place in range(1, LENGTH):
        stays = rng.random(rows) < 0.9
        states[stays, place] = states[stays, place - 1]
    signals = rng.integers(SIGNALS, size=(rows, LENGTH))
    tells = rng.random((rows, LENGTH)) < 0.5
    signals[tells] = 2 * states[tells] + rng.integers(2, size=np.count_nonzero(tells))
    return {"x": signals, "y": states}


def main() -> None:
    train, test = make_data(1000, seed=0), make_data(1000, seed=1)
    trainer.fit(train, epochs=10, batch_size=50)
    alone = np.mean(test["x"] // 2 == test["y"])
    found = trainer.evaluate(test)["accuracy"]
    print(f"right states by their own signal alone {alone:.3f}")
    print(f"right states in the best chain {found:.3f}")
    assert found >= alone + 0.1, "the neighbours tell nothing"


if __name__ == "__main__":
    main()
