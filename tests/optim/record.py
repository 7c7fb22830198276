"""Record what torch, Keras and optax do, for tests that run without them.

    python -m tests.optim.record torch
    KERAS_BACKEND=torch python -m tests.optim.record keras
    python -m tests.optim.record optax

Each writes `recorded_<framework>.npz`: for every case of `cases.py` the parameters
after all updates, in float64, flat and joined, and the version of the framework.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .cases import EVERY as TORCH
from .cases import KERAS, OPTAX, Options, named
from .stepping import Arrays, random_gradients, random_start

STEPS = 60

FILES = {
    framework: Path(__file__).parent / f"recorded_{framework}.npz"
    for framework in ("torch", "keras", "optax")
}


def flat(values: Arrays) -> np.ndarray:
    """All parameters in one vector."""
    return np.concatenate([np.ravel(value) for value in values.values()])


def torch_final(name: str, options: Options, gradients: list[Arrays]) -> Arrays:
    """The last parameters of torch's optimizer of that name."""
    from .torch_oracle import run_torch

    return run_torch(name, options, gradients)[0][-1]


KERAS_NAMES = {"NAdam": "Nadam", "LAMB": "Lamb"}
KERAS_OPTIONS = {"lr": "learning_rate", "eps": "epsilon", "alpha": "rho"}


def keras_final(name: str, options: Options, gradients: list[Arrays]) -> Arrays:
    """The last parameters of Keras's optimizer."""
    import keras

    keras.config.set_floatx("float64")
    arguments = {KERAS_OPTIONS.get(key, key): value for key, value in options.items()}
    if "betas" in arguments:
        arguments["beta_1"], arguments["beta_2"] = arguments.pop("betas")
    optimizer = getattr(keras.optimizers, KERAS_NAMES.get(name, name))(**arguments)
    variables = {
        key: keras.Variable(value, dtype="float64", name=key)
        for key, value in random_start().items()
    }
    optimizer.build(list(variables.values()))
    for gradient in gradients:
        values = [keras.ops.convert_to_tensor(gradient[key]) for key in variables]
        optimizer.apply(values, list(variables.values()))
    return {
        key: keras.ops.convert_to_numpy(variable) for key, variable in variables.items()
    }


def optax_rule(optax: Any, name: str, options: Options) -> Any:
    """optax's function with our options under its names."""
    arguments: dict[str, Any] = {"learning_rate": options["lr"]}
    if "betas" in options:
        arguments |= dict(zip(("b1", "b2"), options["betas"], strict=True))
    names = {
        "weight_decay": "weight_decay",
        "eps": "eps",
        "rho": "rho",
        "alpha": "decay",
        "nesterov": "nesterov",
        "centered": "centered",
        "trust_coefficient": "trust_coefficient",
        "initial_accumulator_value": "initial_accumulator_value",
        "momentum": "momentum",
    }
    arguments |= {
        new: options[old] for old, new in names.items() if options.get(old) is not None
    }
    if name in ("SGD", "RMSprop") and not arguments.get("momentum"):
        arguments.pop("momentum", None)
    if name == "Adam" and options["amsgrad"]:
        return optax.amsgrad(**arguments)
    functions = {"SignSGD": "sign_sgd", "Adamax": "adamax"}
    return getattr(optax, functions.get(name, name.lower()))(**arguments)


def optax_final(name: str, options: Options, gradients: list[Arrays]) -> Arrays:
    """The last parameters of optax's optimizer."""
    import jax
    import optax

    jax.config.update("jax_enable_x64", True)
    rule = optax_rule(optax, name, options)
    values: Any = {
        key: jax.numpy.asarray(value) for key, value in random_start().items()
    }
    state = rule.init(values)

    @jax.jit
    def step(values: Any, state: Any, gradient: Any) -> Any:
        updates, state = rule.update(gradient, state, values)
        return optax.apply_updates(values, updates), state

    for gradient in gradients:
        values, state = step(values, state, gradient)
    return {key: np.asarray(values[key]) for key in random_start()}


FRAMEWORKS: dict[str, tuple[dict[str, tuple[str, Options]], Callable[..., Arrays]]] = {
    "torch": (TORCH, torch_final),
    "keras": (named(KERAS), keras_final),
    "optax": (named(OPTAX), optax_final),
}


def main(framework: str) -> None:
    """Record all cases of a framework."""
    cases, final = FRAMEWORKS[framework]
    gradients = random_gradients(STEPS)
    rows = [flat(final(name, options, gradients)) for name, options in cases.values()]
    version = __import__(framework).__version__
    np.savez_compressed(
        FILES[framework],
        version=np.array(version),
        names=np.array(list(cases)),
        final=np.array(rows),
    )
    print(f"{len(rows)} cases of {framework} {version} in {FILES[framework]}")


if __name__ == "__main__":
    main(sys.argv[1])
