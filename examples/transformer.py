"""A transformer that reads English text and writes the next character.

    python examples/transformer.py

The text is graphc's own documentation, as characters. Two layers, each of causal
attention (a character sees those before it and itself, no later one) and a network for
each position, predict every character of a piece of 64 from those before it. Every
tenth piece is kept for the test. Source: Vaswani et al. 2017, "Attention is all you
need", with learnt positions and normalisation before each part, as in Radford et al.
2019, "Language models are unsupervised multitask learners".
"""

import math
from pathlib import Path

import numpy as np

import graphc as gc

LENGTH, FEATURES, HEADS, LAYERS = 64, 64, 4, 2
# Printable ASCII, and a line break in the place of all else.
CHARACTERS = "\n" + "".join(map(chr, range(32, 127)))

x = gc.input("x", ("batch", LENGTH), dtype="int64")
y = gc.input("y", ("batch", LENGTH), dtype="int64")

small = gc.init.normal(0.02)
embedding = gc.nn.Embedding(
    len(CHARACTERS), FEATURES, weight_init=small, name="letters"
)
positions = gc.parameter("positions", (LENGTH, FEATURES), init=small)
flow = embedding(x) + positions
for number in range(1, LAYERS + 1):
    layer = gc.nn.TransformerEncoderLayer(
        FEATURES,
        HEADS,
        dim_feedforward=4 * FEATURES,
        dropout=0.0,
        activation="gelu",
        batch_first=True,
        norm_first=True,
        name=f"layer{number}",
    )
    flow = layer(flow, is_causal=True)
flow = gc.nn.LayerNorm(FEATURES, name="norm")(flow)
logits = gc.nn.Linear(FEATURES, len(CHARACTERS), name="output")(flow)

classes = logits.reshape((-1, len(CHARACTERS)))
loss = gc.nn.cross_entropy(classes, y.reshape(-1))
bits = (loss / math.log(2.0)).named("bits")

EPOCHS, BATCH_SIZE = 5, 16
step_size = gc.optim.CosineAnnealingLR(3e-3, T_max=EPOCHS)

trainer = gc.Trainer(loss, gc.optim.AdamW(step_size), metrics={"bits": bits})


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
    assert scores["bits"] <= 2.5, "the model has learnt less than it should"


if __name__ == "__main__":
    main()
