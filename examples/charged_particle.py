"""A charged particle that is aimed at the origin by moving what repels it.

    python examples/charged_particle.py

Two fixed charges repel a particle that flies by, in steps of 0.1 by Euler's method, and
the place of one of them is what we may choose. The force is the gradient of a
potential, so the gradient by the place goes through gradients at each step. The flight
is a scan of more steps than it takes, in which the particle stops above the axis: that
has gradients. Forward mode needs no such bound, and is taken of a loop that ends with
the flight. Source: Pearlmutter and Siskind 2008, "Using programming language theory to
make automatic differentiation sound and efficient"; in GradBench it is `particle`.
"""

import numpy as np

import graphc as gc

TIME, MOST_STEPS = 0.1, 500
PLACE, VELOCITY = np.array([0.0, 8.0]), np.array([0.75, 0.0])

w = gc.parameter("w", (), init=gc.init.zeros(), dtype="float64")
charges = gc.stack([gc.stack([10.0, 10.0 - w]), np.array([10.0, 0.0])])


def potential(place: gc.Node) -> gc.Node:
    """The sum over both charges of one by the distance."""
    return gc.sum(1.0 / gc.sqrt(gc.sum((place - charges) ** 2, axis=1)))


def euler(flight: dict[str, gc.Node]) -> dict[str, gc.Node]:
    """Place and velocity one step later."""
    place, velocity = flight["place"], flight["velocity"]
    force = -gc.grad(potential(place), place)
    return {"place": place + TIME * velocity, "velocity": velocity + TIME * force}


def is_above(flight: dict[str, gc.Node]) -> gc.Node:
    """True where the next step does not cross the axis."""
    return (flight["place"] + TIME * flight["velocity"])[1] > 0.0


def miss(flight: dict[str, gc.Node]) -> gc.Node:
    """The squared distance from the origin, on a straight line from the last place."""
    place, velocity = flight["place"], flight["velocity"]
    crossing = place[0] - place[1] / velocity[1] * velocity[0]
    return crossing**2


def step(flight: dict[str, gc.Node], _: None) -> tuple[dict[str, gc.Node], gc.Node]:
    """A step, unless it would cross the axis."""
    after = euler(flight)
    flies = is_above(flight)
    after = {name: gc.where(flies, after[name], flight[name]) for name in flight}
    return after, after["place"]


start = {"place": gc.constant(PLACE), "velocity": gc.constant(VELOCITY)}
end, places = gc.scan(step, start, length=MOST_STEPS)
loss = miss(end)


def main() -> None:
    # The same flight, by a loop that ends with it.
    landed = miss(gc.while_loop(is_above, euler, start))
    both = gc.compile([gc.grad(loss, w), gc.jvp(landed, w, 1.0)])
    reverse, forward = both()
    print(f"slope at 0: {reverse:.6f} in reverse mode, {forward:.6f} in forward mode")
    assert np.isclose(reverse, forward)
    found = gc.minimize(loss, tolerance=1e-12)
    print(f"w {found.parameters['w']:.6f}")
    print(f"misses the origin by {np.sqrt(found.loss):.1e}")


if __name__ == "__main__":
    main()
