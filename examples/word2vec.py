"""Vectors of words, learnt from which words stand close to each other.

    python examples/word2vec.py

The text is graphc's own: its docstrings and docs. A word's vector is trained to tell
words that stand within four of it from words drawn at random, the negative samples.
Words that are used alike then have similar vectors. Source: Mikolov, Sutskever, Chen,
Corrado and Dean 2013, "Distributed representations of words and phrases and their
compositionality".
"""

import ast
import re
from collections import Counter
from pathlib import Path

import numpy as np

import graphc as gc

WORDS, FEATURES, NEGATIVES, WINDOW = 800, 48, 5, 4

word = gc.input("word", ("batch",), dtype="int64")
near = gc.input("near", ("batch",), dtype="int64")
random = gc.input("random", ("batch", NEGATIVES), dtype="int64")

vectors = gc.parameter("vectors", (WORDS, FEATURES), init=gc.init.normal(0.1))
contexts = gc.parameter("contexts", (WORDS, FEATURES), init=gc.init.zeros())

vector = gc.nn.embedding(word, vectors)
score = gc.sum(vector * gc.nn.embedding(near, contexts), axis=1)
random_scores = gc.sum(vector[:, None] * gc.nn.embedding(random, contexts), axis=2)
right = gc.nn.logsigmoid(score) + gc.sum(gc.nn.logsigmoid(-random_scores), axis=1)
loss = -gc.mean(right)

EPOCHS, BATCH_SIZE = 5, 512
step_size = gc.optim.CosineAnnealingLR(0.005, T_max=EPOCHS)

trainer = gc.Trainer(loss, gc.optim.Adam(step_size))


def read_words() -> list[str]:
    """All words of the documentation, in their order."""
    docs = Path(__file__).parent.parent / "docs"
    texts = [file.read_text(encoding="utf-8") for file in sorted(docs.glob("*.md"))]
    for file in sorted(Path(gc.__file__).parent.rglob("*.py")):
        texts += [
            ast.get_docstring(node) or ""
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        ]
    return re.findall(r"[a-z]+(?:_[a-z]+)*", " ".join(texts).lower())


def make_data(words: list[str], seed: int) -> tuple[list[str], dict[str, np.ndarray]]:
    """The most frequent words, and pairs of neighbours with negative samples."""
    vocabulary = [word for word, _ in Counter(words).most_common(WORDS)]
    number = {word: position for position, word in enumerate(vocabulary)}
    text = np.array([number[word] for word in words if word in number])

    rng = np.random.default_rng(seed)
    share = np.bincount(text, minlength=WORDS) / len(text)
    # As in the paper, most of the places of very frequent words are left out.
    text = text[rng.random(len(text)) < np.sqrt(1e-3 / share[text])]
    before = np.concatenate([text[:-shift] for shift in range(1, WINDOW + 1)])
    after = np.concatenate([text[shift:] for shift in range(1, WINDOW + 1)])
    frequency = share**0.75 / np.sum(share**0.75)
    data = {
        "word": np.concatenate([before, after]),
        "near": np.concatenate([after, before]),
        "random": rng.choice(WORDS, (2 * len(before), NEGATIVES), p=frequency),
    }
    return vocabulary, data


def main() -> None:
    words = read_words()
    vocabulary, data = make_data(words, seed=0)
    print(f"{len(words):,} words, {len(data['word']):,} pairs")
    trainer.fit(data, epochs=EPOCHS, batch_size=BATCH_SIZE)

    found = trainer.parameters["vectors"]
    found = found / np.linalg.norm(found, axis=1, keepdims=True)
    similarity = found @ found.T
    for name in ("convolution", "variance", "triangle", "exp", "channels", "momentum"):
        # The text changes, and a word may become too rare.
        if name in vocabulary:
            order = np.argsort(-similarity[vocabulary.index(name)])
            print(f"{name:11} ", ", ".join(vocabulary[other] for other in order[1:6]))
    pairs = [("train", "dev"), ("adam", "sgd"), ("mean", "variance")]
    first, second = np.transpose([[vocabulary.index(w) for w in p] for p in pairs])
    related, usual = np.mean(similarity[first, second]), np.mean(similarity)
    print(f"mean cosine of two words {usual:.2f}, of related ones {related:.2f}")
    assert related >= usual + np.std(similarity), "no meaning was learnt"


if __name__ == "__main__":
    main()
