"""The model part of an emitted program, written by hand as a compiler should write it.

A 2-layer network with dropout, trained by SGD with momentum. Tests put the training
loop below it; they change its constants by editing the text.
"""

from typing import Any

import numpy as np

# --- model ---

MODEL = "mlp"
GRAPH_HASH = "5f1d2c3b4a59687786958473625140f0"
OPTIMIZER = "SGD 0f1e2d3c4b5a6978"
HYPERPARAMETERS = ()
GRAPHC_VERSION = "0.1.0"
INPUTS = {
    "x": ("float32", ("batch", 8), None),
    "y": ("int64", ("batch",), (0, 2)),
}
STRICT = False
PARAMETERS = {
    "hidden.weight": ("float32", (16, 8)),
    "hidden.bias": ("float32", (16,)),
    "output.weight": ("float32", (3, 16)),
    "output.bias": ("float32", (3,)),
}
METRICS = {"accuracy": None}

STEP_SIZE = 0.1
MOMENTUM = 0.9
DROPOUT = 0.0


def init_parameters(seed):
    """The start of each parameter, drawn from `seed`."""
    rng = np.random.default_rng(seed)
    return {
        "hidden.weight": rng.normal(0, 0.5, (16, 8)).astype(np.float32),
        "hidden.bias": np.zeros(16, np.float32),
        "output.weight": rng.normal(0, 0.25, (3, 16)).astype(np.float32),
        "output.bias": np.zeros(3, np.float32),
    }


def init_state(parameters, seed=0) -> dict[str, Any]:
    """What training changes beside the parameters."""
    return {
        "step": 0,
        "epoch": 0,
        "scale": 1.0,
        "rng": {"mask": np.random.default_rng([seed, 0, 1])},
        "slots": {
            f"{name}.momentum_buffer": np.zeros_like(array)
            for name, array in parameters.items()
        },
    }


def log_softmax(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def forward(parameters, x, y):
    """Loss and metrics by name, in evaluation mode."""
    hidden = np.tanh(x @ parameters["hidden.weight"].T + parameters["hidden.bias"])
    logits = hidden @ parameters["output.weight"].T + parameters["output.bias"]
    log_probabilities = log_softmax(logits)
    loss = -np.take_along_axis(log_probabilities, y[:, None], axis=1).mean()
    accuracy = np.mean((logits.argmax(axis=1) == y).astype(np.float32))
    return {"loss": loss, "accuracy": accuracy}


def loss_and_gradients(parameters, x, y, rng=None):
    """The loss in training mode, and its gradient by parameter."""
    hidden = np.tanh(x @ parameters["hidden.weight"].T + parameters["hidden.bias"])
    mask = 1
    if DROPOUT:
        stream = rng["mask"] if isinstance(rng, dict) else rng
        mask = (stream.random(hidden.shape, np.float32) >= DROPOUT) / (1 - DROPOUT)
        mask = mask.astype(x.dtype)
    dropped = hidden * mask
    logits = dropped @ parameters["output.weight"].T + parameters["output.bias"]
    log_probabilities = log_softmax(logits)
    loss = -np.take_along_axis(log_probabilities, y[:, None], axis=1).mean()
    d_logits = np.exp(log_probabilities)
    d_logits[np.arange(len(y)), y] -= 1
    d_logits /= len(y)
    d_hidden = (d_logits @ parameters["output.weight"]) * mask * (1 - hidden**2)
    return loss, {
        "hidden.weight": d_hidden.T @ x,
        "hidden.bias": d_hidden.sum(axis=0),
        "output.weight": d_logits.T @ dropped,
        "output.bias": d_logits.sum(axis=0),
    }


def train_step(parameters, state, x, y):
    """One step of SGD with momentum, in place; the loss before it."""
    loss, gradients = loss_and_gradients(parameters, x, y, rng=state["rng"])
    for name, gradient in gradients.items():
        buffer = state["slots"][f"{name}.momentum_buffer"]
        buffer *= np.float32(MOMENTUM)
        buffer += gradient
        parameters[name] -= np.float32(STEP_SIZE * state["scale"]) * buffer
    state["step"] += 1
    return loss


def step_size(state):
    """The step size of the last update."""
    return STEP_SIZE * state["scale"]
