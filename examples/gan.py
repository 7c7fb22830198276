"""A generative adversarial network learns a ring of eight Gaussians.

    python examples/gan.py

The generator turns noise into points; the discriminator tells points of the ring from
those. Each has a loss, an optimizer and parameters of its own, and both are stepped on
every batch, the discriminator first. Its loss has a penalty on its gradient by the real
points, without which the generator leaves out some of the Gaussians: so the step of the
discriminator takes a second derivative. The emitted program is one file all the same,
with `discriminator_loss_and_gradients`, `update_discriminator`, and those of the
generator.

Sources: Goodfellow et al. 2014, "Generative adversarial nets"; Mescheder et al. 2018,
"Which training methods for GANs do actually converge?", section 4.1, for the penalty.
"""

import sys
from collections.abc import Iterator
from functools import partial

import numpy as np

import graphc as gc

MODES, SPREAD = 8, 0.1
ANGLES = 2 * np.pi * np.arange(MODES) / MODES
CENTRES = 2.0 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


def network(name: str, inputs: int, outputs: int) -> gc.nn.Sequential:
    """Two hidden layers of 64 units."""
    return gc.nn.Sequential(
        gc.nn.Linear(inputs, 64, name=f"{name}_1"),
        gc.nn.LeakyReLU(0.2),
        gc.nn.Linear(64, 64, name=f"{name}_2"),
        gc.nn.LeakyReLU(0.2),
        gc.nn.Linear(64, outputs, name=f"{name}_3"),
    )


generator = network("generator", 4, 2)
discriminator = network("discriminator", 2, 1)

real = gc.input("real", ("batch", 2))
noise = gc.input("noise", ("batch", 4))
fake = generator(noise).named("fake")
of_real, of_fake = discriminator(real), discriminator(fake)

# Minus the logarithms of probabilities: of being right, and of the other being wrong.
slopes = gc.grad(gc.sum(of_real), real)
penalty = gc.mean(gc.sum(slopes**2, axis=1))
wrong = gc.mean(gc.nn.softplus(-of_real) + gc.nn.softplus(of_fake))
discriminator_loss = wrong + 0.03 * penalty
generator_loss = gc.mean(gc.nn.softplus(-of_fake))

decayed = partial(gc.optim.ExponentialLR, gamma=0.85)
trainer = gc.Trainer(
    {"discriminator": discriminator_loss, "generator": generator_loss},
    {
        "discriminator": gc.optim.Adam(decayed(0.004), betas=(0.5, 0.9)),
        "generator": gc.optim.Adam(decayed(0.002), betas=(0.5, 0.9)),
    },
    parameters={
        "discriminator": discriminator.parameters(),
        "generator": generator.parameters(),
    },
    outputs=fake,
)


def points(count: int, rng: np.random.Generator) -> np.ndarray:
    """Points of the ring."""
    return rng.normal(CENTRES[rng.integers(MODES, size=count)], SPREAD)


def batches(epoch: int, steps: int = 200, rows: int = 128) -> Iterator[dict]:
    """Fresh points and fresh noise, the same ones for the same epoch."""
    rng = np.random.default_rng(epoch)
    for _ in range(steps):
        yield {"real": points(rows, rng), "noise": rng.standard_normal((rows, 4))}


def main() -> int:
    trainer.fit(batches, epochs=12)
    rng = np.random.default_rng(0)
    made = trainer.predict(noise=rng.standard_normal((10_000, 4)))
    distances = np.linalg.norm(made[:, None] - CENTRES, axis=2)
    near = distances.min(axis=1) < 4 * SPREAD
    shares = np.bincount(distances.argmin(axis=1)[near], minlength=MODES) / len(made)
    print("of points, in percent, near each of the modes:", *np.round(100 * shares))
    print(f"near one of them {near.mean():.1%}")
    print(f"modes with at least half of their share: {(shares > 0.5 / MODES).sum()}")
    assert shares.min() > 0.5 / MODES, "the generator has left out a mode"
    assert near.mean() > 0.6, "the generator has not learnt the ring"
    return 0


if __name__ == "__main__":
    sys.exit(main())
