"""Fit a plane by gradient descent, and compare it with the exact least squares.

    python examples/linear_regression.py

The smallest model that trains: it has a closed solution, so that one can see how close
gradient descent comes.
"""

import numpy as np

import graphc as gc

x = gc.input("x", ("batch", 3), dtype="float64")
y = gc.input("y", ("batch",), dtype="float64")

w = gc.parameter("w", (3,), init=gc.init.zeros(), dtype="float64")
b = gc.parameter("b", (), init=gc.init.zeros(), dtype="float64")

prediction = x @ w + b
loss = gc.mean((prediction - y) ** 2)

trainer = gc.Trainer(loss, gc.optim.SGD(lr=0.1), outputs=prediction)


def make_data(rows: int, seed: int) -> dict[str, np.ndarray]:
    """A plane with some noise around it."""
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((rows, 3))
    noise = rng.normal(0.0, 0.1, rows)
    return {"x": points, "y": points @ [1.0, -2.0, 0.5] + 3.0 + noise}


def main() -> None:
    data = make_data(200, seed=0)
    # One batch of all rows: gradient descent, with nothing random in it.
    trainer.fit(data, epochs=300, batch_size=200, verbose=False)

    table = np.column_stack([data["x"], np.ones(200)])
    exact, *_ = np.linalg.lstsq(table, data["y"])
    found = [*trainer.parameters["w"], float(trainer.parameters["b"])]
    for name, ours, best in zip(("w0", "w1", "w2", "b"), found, exact, strict=True):
        print(f"{name}  gradient descent {ours:.10f}  least squares {best:.10f}")
    assert np.allclose(found, exact, atol=1e-9)


if __name__ == "__main__":
    main()
