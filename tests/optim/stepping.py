"""Run an optimizer's rule for many steps by the reference interpreter."""

import functools
from collections.abc import Callable, Sequence
from types import CodeType

import numpy as np

import graphc as gc
from graphc.ir.graph import Graph
from graphc.optim import Clock, Optimizer
from graphc.training import assemble

SHAPES = {"weight": (3, 4), "bias": (4,)}

Arrays = dict[str, np.ndarray]
Gradients = Callable[[int, Arrays], Arrays]


@functools.cache
def compiled(expression: str) -> CodeType:
    """An op's NumPy expression."""
    return compile(expression, expression, "eval")


def is_joined(optimizer: Optimizer) -> bool:
    """True where programs update all parameters at once, as one array."""
    shapes = {"weight": (3, 4), "bias": (2, 3)}
    parameters = [gc.parameter(name, shape) for name, shape in shapes.items()]
    loss = sum(gc.sum(parameter * parameter) for parameter in parameters)
    rules = assemble.training_program(loss, optimizer).module.RULES
    return sum(len(names) for names, _, _ in rules) == len(parameters)


class Stepper:
    """The graph of one update, built once and evaluated again and again.

    Parameters start from `start`, by name; `values` and `state` hold what the last
    update gave.
    """

    def __init__(self, optimizer: Optimizer, start: Arrays) -> None:
        self.values = {name: np.array(value) for name, value in start.items()}
        self.parameters = [
            gc.parameter(name, value.shape, value, value.dtype)
            for name, value in start.items()
        ]
        self.gradients = [
            gc.input(f"d_{name.replace('.', '_')}", value.shape, value.dtype)
            for name, value in start.items()
        ]
        self.clock = Clock(
            *(gc.input(f"clock_{name}", (), "float64") for name in ("s", "e", "f"))
        )
        initial = optimizer.init_state(self.parameters)
        self.state: Arrays = gc.evaluate(initial, {}) if initial else {}
        self.slots = {
            name: gc.input(f"state_{position}", node.shape, node.dtype)
            for position, (name, node) in enumerate(initial.items())
        }
        new, state = optimizer.apply(
            self.parameters, self.gradients, self.slots, self.clock
        )
        assert list(state) == list(initial)
        for old, value in zip(self.parameters, new, strict=True):
            assert value.type == old.type
        for name, value in state.items():
            assert value.type == initial[name].type, name
        self.new_parameters, self.new_state = new, state
        graph = Graph((*new, *state.values()))
        self.order = graph.nodes
        self.steps = 0

    def step(
        self,
        gradients: Arrays,
        *,
        epoch: float = 0.0,
        scale: float = 1.0,
        seed: int = 0,
    ) -> Arrays:
        """Do one update."""
        self.steps += 1
        feeds = dict(zip(self.parameters, self.values.values(), strict=True))
        feeds |= dict(zip(self.gradients, gradients.values(), strict=True))
        feeds |= {node: self.state[name] for name, node in self.slots.items()}
        feeds |= {
            self.clock.step: np.float64(self.steps),
            self.clock.epoch: np.float64(epoch),
            self.clock.scale: np.float64(scale),
        }
        values = self._evaluate(feeds, np.random.default_rng(seed))
        self.values = {
            str(old.name): values[new]
            for old, new in zip(self.parameters, self.new_parameters, strict=True)
        }
        self.state = {name: values[node] for name, node in self.new_state.items()}
        return self.values

    def _evaluate(
        self, values: dict[gc.Node, np.ndarray], rng: np.random.Generator
    ) -> dict[gc.Node, np.ndarray]:
        """`gc.evaluate` without sorting the same graph in every step."""
        for node in self.order:
            if node in values:
                continue
            if node.op.name == "constant":
                values[node] = node.attributes["value"].array
                continue
            scope = {"np": np, "rng": rng, **node.attributes, "dtype": node.dtype.type}
            for position, name in enumerate(node.op.inputs):
                rest = [values[parent] for parent in node.inputs[position:]]
                scope[name.lstrip("*")] = rest if name.startswith("*") else rest[0]
            with np.errstate(all="ignore"):
                values[node] = np.asarray(eval(compiled(node.op.template(node)), scope))
        return values


def random_start(dtype: str = "float64", seed: int = 0) -> Arrays:
    """Parameters of a small linear layer."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(size=shape).astype(dtype) for name, shape in SHAPES.items()
    }


def random_gradients(steps: int, dtype: str = "float64", seed: int = 1) -> list[Arrays]:
    """Gradients of changing size, some of them zero."""
    rng = np.random.default_rng(seed)
    sequence = []
    for number in range(steps):
        scale = 10.0 ** rng.uniform(-3, 1)
        gradients = {}
        for name, shape in SHAPES.items():
            gradient = rng.normal(scale=scale, size=shape)
            gradient[rng.random(shape) < 0.1] = 0.0
            gradients[name] = (gradient * (number % 13 != 5)).astype(dtype)
        sequence.append(gradients)
    return sequence


def run(
    optimizer: Optimizer, gradients: Sequence[Arrays], start: Arrays | None = None
) -> tuple[list[Arrays], Arrays]:
    """The parameters after each update, and the last state."""
    stepper = Stepper(optimizer, random_start() if start is None else start)
    return [stepper.step(gradient) for gradient in gradients], stepper.state


def largest_difference(left: Sequence[Arrays], right: Sequence[Arrays]) -> float:
    """The largest difference relative to the largest value of each array.

    Values that are not finite must be so in both.
    """
    worst = 0.0
    for one, other in zip(left, right, strict=True):
        for name in one:
            a, b = np.asarray(one[name]), np.asarray(other[name])
            assert a.shape == b.shape
            finite = np.isfinite(b)
            np.testing.assert_array_equal(np.isfinite(a), finite)
            a, b = a[finite], b[finite]
            scale = max(1.0, float(np.max(np.abs(b), initial=0.0)))
            worst = max(worst, float(np.max(np.abs(a - b), initial=0.0)) / scale)
    return worst
