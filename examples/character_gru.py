"""A recurrent network that reads English text and writes the next character.

    python examples/character_gru.py

The text is graphc's own documentation, as characters. The cell, a gated recurrent unit,
is written by hand, and a scan takes it along pieces of 64 characters: one loop in the
emitted program, whatever the length. Every tenth piece is kept for the test. Source:
Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder for
statistical machine translation".
"""

import math
from pathlib import Path

import numpy as np

import graphc as gc

LENGTH, UNITS = 64, 128
# Printable ASCII, and a line break in the place of all else.
CHARACTERS = "\n" + "".join(map(chr, range(32, 127)))

x = gc.input("x", ("batch", LENGTH), dtype="int64")
y = gc.input("y", ("batch", LENGTH), dtype="int64")

embedding = gc.nn.Embedding(len(CHARACTERS), 32, name="letters")
of_letter = gc.nn.Linear(32, 3 * UNITS, name="of_letter")
of_state = gc.nn.Linear(UNITS, 3 * UNITS, name="of_state")
output = gc.nn.Linear(UNITS, len(CHARACTERS), name="output")


def cell(state: gc.Node, letter: gc.Node) -> tuple[gc.Node, gc.Node]:
    """The next state: a mixture of the last one and of a new proposal."""
    letter_reset, letter_keep, letter_new = gc.split(of_letter(letter), 3, axis=1)
    state_reset, state_keep, state_new = gc.split(of_state(state), 3, axis=1)
    reset = gc.nn.sigmoid(letter_reset + state_reset).named("reset")
    keep = gc.nn.sigmoid(letter_keep + state_keep).named("keep")
    new = gc.tanh(letter_new + reset * state_new).named("new")
    state = keep * state + (1 - keep) * new
    return state, state


letters = gc.swapaxes(embedding(x), 0, 1)
start = gc.zeros((x.shape[0], UNITS))
_, states = gc.scan(cell, start, letters)
logits = gc.swapaxes(output(states), 0, 1).named("logits")

classes = logits.reshape((-1, len(CHARACTERS)))
loss = gc.nn.cross_entropy(classes, y.reshape(-1))
bits = (loss / math.log(2.0)).named("bits")

EPOCHS, BATCH_SIZE = 5, 16
step_size = gc.optim.CosineAnnealingLR(5e-3, T_max=EPOCHS)

trainer = gc.Trainer(loss, gc.optim.Adam(step_size), metrics={"bits": bits})


def read_text() -> str:
    """The documentation, in characters that the model knows."""
    docs = Path(__file__).parent.parent / "docs"
    texts = [file.read_text(encoding="utf-8") for file in sorted(docs.glob("*.md"))]
    text = "\n".join(texts)
    return "".join(letter if letter in CHARACTERS else "\n" for letter in text)


def make_data(text: str) -> dict[str, np.ndarray]:
    """Pieces of a text as numbers, and each piece moved on by one character."""
    codes = np.array([CHARACTERS.index(letter) for letter in text])
    rows = (len(codes) - 1) // LENGTH
    return {
        "x": codes[: rows * LENGTH].reshape(rows, LENGTH),
        "y": codes[1 : rows * LENGTH + 1].reshape(rows, LENGTH),
    }


def write(start: str, letters: int, seed: int) -> str:
    """The text that the model writes after a start."""
    predict = trainer.compile(logits)
    rng = np.random.default_rng(seed)
    text = start
    for _ in range(letters):
        seen = [CHARACTERS.index(letter) for letter in text[-LENGTH:]]
        # What comes later has no influence, so that any padding will do.
        padded = np.array([seen + [0] * (LENGTH - len(seen))])
        scores = predict(x=padded)[0, len(seen) - 1]
        # Gumbel noise: the largest of these is a draw by the probabilities.
        text += CHARACTERS[int(np.argmax(scores / 0.7 + rng.gumbel(size=scores.shape)))]
    return text


def main() -> None:
    text = read_text()
    data = make_data(text)
    kept = np.arange(len(data["x"])) % 10 == 9
    train = {name: rows[~kept] for name, rows in data.items()}
    test = {name: rows[kept] for name, rows in data.items()}
    print(f"{len(text):,} characters")
    trainer.fit(train, epochs=EPOCHS, batch_size=BATCH_SIZE)
    scores = trainer.evaluate(test)
    print(write("The gradient of", 200, seed=0))
    print(f"bits per character {scores['bits']:.3f}")
    assert scores["bits"] <= 2.0, "the model has learnt less than it should"


if __name__ == "__main__":
    main()
