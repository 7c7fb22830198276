"""A physics-informed network: a differential equation solved by training.

    python examples/pinn.py

The equation is that of a damped oscillator, u'' + 0.4 u' + 9 u = 0 with u(0) = 1 and
u'(0) = 0, for times from 0 to 4. A network is trained to make the left side zero; no
value of the solution is shown to it. The derivatives by time are nodes of the graph,
and the loss is differentiated through them. Source: Raissi, Perdikaris and Karniadakis
2019, "Physics-informed neural networks".
"""

import numpy as np

import graphc as gc

DAMPING, STIFFNESS, END = 0.4, 9.0, 4.0

t = gc.input("t", ("batch", 1))

network = gc.nn.Sequential(
    gc.nn.Linear(1, 32, name="first"),
    gc.nn.Tanh(),
    gc.nn.Linear(32, 32, name="second"),
    gc.nn.Tanh(),
    gc.nn.Linear(32, 1, name="output"),
)
# The factor begins as t², so that every network meets both conditions at 0.
u = 1 + (1 - gc.exp(-(t**2))) * network(2 * t - END)

# Each row of u depends on its own t alone: the gradient of the sum holds them all.
velocity = gc.grad(gc.sum(u), t)
acceleration = gc.grad(gc.sum(velocity), t)
residual = acceleration + DAMPING * velocity + STIFFNESS * u
loss = gc.mean(residual**2)

EPOCHS, BATCH_SIZE = 300, 32
step_size = gc.optim.CosineAnnealingLR(0.01, T_max=EPOCHS)

trainer = gc.Trainer(loss, gc.optim.Adam(step_size), outputs=u)


def solution(t: np.ndarray) -> np.ndarray:
    """The closed solution."""
    decay = DAMPING / 2
    frequency = np.sqrt(STIFFNESS - decay**2)
    wave = np.cos(frequency * t) + decay / frequency * np.sin(frequency * t)
    return np.exp(-decay * t) * wave


def main() -> None:
    rng = np.random.default_rng(0)
    times = rng.uniform(0.0, END, (1024, 1)).astype(np.float32)
    trainer.fit({"t": times}, epochs=EPOCHS, batch_size=BATCH_SIZE, verbose=False)

    grid = np.linspace(0.0, END, 401, dtype=np.float32)[:, None]
    found, exact = trainer.predict(t=grid), solution(grid)
    for row in range(0, 401, 50):
        print(
            f"time {grid[row, 0]:.1f}  network {found[row, 0]:+.4f}  "
            f"solution {exact[row, 0]:+.4f}"
        )
    error = np.max(np.abs(found - exact))
    print(f"largest error {error:.5f}")
    assert error <= 0.005, "the equation was not solved"


if __name__ == "__main__":
    main()
