"""A neural ordinary differential equation that learns the motion on a spiral.

    python examples/neural_ode.py

The velocity at each point of the plane is a small network of the point. A trajectory is
its integral by the classical Runge-Kutta method, a scan over the steps, and the
gradient goes back through all of them. Trained are pieces of ten steps; the test is the
whole trajectory, 200 steps from the first point alone. Source: Chen, Rubanova,
Bettencourt and Duvenaud 2018, "Neural ordinary differential equations", whose spiral it
is.
"""

import numpy as np

import graphc as gc

STEP, LENGTH, STEPS, HIDDEN = 0.05, 10, 200, 32

start = gc.input("start", ("batch", 2))
path = gc.input("path", ("batch", LENGTH, 2))

inner = gc.nn.Linear(2, HIDDEN, name="inner")
outer = gc.nn.Linear(HIDDEN, 2, name="outer")


def velocity(point: gc.Node) -> gc.Node:
    """The network, of cubes as the paper has it."""
    return outer(gc.tanh(inner(point**3)))


def runge_kutta(point: gc.Node, _: None) -> tuple[gc.Node, gc.Node]:
    """One step of fourth order."""
    k1 = velocity(point)
    k2 = velocity(point + STEP / 2 * k1)
    k3 = velocity(point + STEP / 2 * k2)
    k4 = velocity(point + STEP * k3)
    point = point + STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return point, point


_, points = gc.scan(runge_kutta, start, length=LENGTH)
error = gc.swapaxes(points, 0, 1) - path
loss = gc.mean(error**2)

# The whole trajectory from its first point, by the same network.
_, trajectory = gc.scan(runge_kutta, start, length=STEPS)

EPOCHS, BATCH_SIZE = 300, 32
step_size = gc.optim.CosineAnnealingLR(0.01, T_max=EPOCHS)

trainer = gc.Trainer(loss, gc.optim.Adam(step_size))


def spiral() -> np.ndarray:
    """The true trajectory of x' = A x³, by the same method with smaller steps."""
    matrix = np.array([[-0.1, 2.0], [-2.0, -0.1]])
    small, point, points = STEP / 10, np.array([2.0, 0.0]), [np.array([2.0, 0.0])]
    for _ in range(STEPS):
        for _ in range(10):
            k1 = matrix @ point**3
            k2 = matrix @ (point + small / 2 * k1) ** 3
            k3 = matrix @ (point + small / 2 * k2) ** 3
            k4 = matrix @ (point + small * k3) ** 3
            point = point + small / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        points.append(point)
    return np.array(points, dtype="float32")


def main() -> None:
    true = spiral()
    begin = np.arange(STEPS - LENGTH + 1)
    pieces = true[begin[:, None] + np.arange(1, LENGTH + 1)]
    trainer.fit(
        {"start": true[begin], "path": pieces}, epochs=EPOCHS, batch_size=BATCH_SIZE
    )
    found = trainer.compile(trajectory)(start=true[:1])[:, 0]
    distance = np.linalg.norm(found - true[1:], axis=1)
    print(f"largest distance from the spiral {np.max(distance):.3f}")
    assert np.max(distance) <= 0.3, "the motion was not learnt"


if __name__ == "__main__":
    main()
