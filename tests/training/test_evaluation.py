"""Where `forward` goes on from what `predict` returns, and where it does not."""

import numpy as np
import pytest

import graphc as gc

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 4)).astype("float32")
Y = RNG.integers(0, 3, 5)


def hidden():
    return gc.nn.relu(gc.nn.Linear(4, 6, name="hidden")(gc.input("x", ("batch", 4))))


def classifier():
    logits = gc.nn.Linear(6, 3, name="output")(hidden())
    return gc.nn.cross_entropy(logits, gc.input("y", ("batch",), "int64")), logits


def of_two():
    """Both outputs are wanted by the loss."""
    h = hidden()
    first, second = gc.nn.Linear(6, 1)(h), gc.nn.Linear(6, 1)(h)
    return gc.mean(gc.square(first - second)), {"first": first, "second": second}


def of_more():
    """The loss needs what the outputs are made of, too."""
    h = hidden()
    logits = gc.nn.Linear(6, 3, name="output")(h)
    y = gc.input("y", ("batch",), "int64")
    return gc.nn.cross_entropy(logits, y) + gc.mean(gc.abs(h)), logits


def of_less():
    """One of the outputs is not needed for the loss."""
    loss, logits = classifier()
    return loss, {"logits": logits, "other": gc.nn.softmax(logits, dim=1)}


def of_probabilities():
    """The loss is computed from logits, which no one sees."""
    logits = gc.nn.Linear(6, 3, name="output")(hidden())
    y = gc.input("y", ("batch",), "int64")
    probabilities = gc.nn.softmax(logits, dim=1)
    return gc.nn.nll_loss(gc.log(probabilities), y), probabilities


@pytest.mark.parametrize(
    ("model", "is_continued"),
    [
        (classifier, True),
        (of_two, True),
        (of_more, False),
        (of_less, False),
        (of_probabilities, False),
    ],
)
def test_forward_is_written_once(model, is_continued):
    loss, outputs = model()
    data = {"x": X} if model is of_two else {"x": X, "y": Y}
    values = []
    for style in ("readable", "fast"):
        trainer = gc.Trainer(loss, gc.optim.SGD(0.1), outputs=outputs, style=style)
        values.append(trainer.evaluate(data)["loss"])
        if style == "readable":
            forward = trainer.source.partition("def forward(")[2].partition("\n\n\n")[0]
            assert ("= predict(parameters" in forward) == is_continued
            expected = gc.evaluate(loss, data, parameters=trainer.parameters)
            predicted = trainer.predict(x=X)
            wanted = gc.evaluate(outputs, {"x": X}, parameters=trainer.parameters)
    np.testing.assert_allclose(values, float(expected), rtol=1e-5)
    if isinstance(outputs, dict):
        for key, value in wanted.items():
            np.testing.assert_allclose(predicted[key], value, rtol=1e-4, atol=1e-6)
    else:
        np.testing.assert_allclose(predicted, wanted, rtol=1e-4, atol=1e-6)
