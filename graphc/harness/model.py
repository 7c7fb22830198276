"""The part of a program that the compiler generates, as the training loop sees it.

These are placeholders: they tell the type checker what each emitted program defines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

MODEL: str = ""
"""The name of the model."""
GRAPH_HASH: str = ""
"""The fingerprint of the graph: model, loss and metrics."""
OPTIMIZER: str = ""
"""The optimizer, and the fingerprint of its rule."""
GRAPHC_VERSION: str = ""
INPUTS: dict[str, tuple[str, tuple[int | str, ...], tuple[Any, ...] | None]] = {}
"""Dtype, shape and allowed values: for labels the smallest and largest, and one that
is ignored; for floating numbers "nan" or "inf", where the model asks."""
HYPERPARAMETERS: tuple[str, ...] = ()
"""Constants that training depends on, and that the command line changes."""
ROW_INPUTS: tuple[str, ...] = ()
"""Without the whole loop: the inputs that have a row for each example."""
ROW_AXES: dict[str, int] = {}
"""With later_rows: these inputs, and the axis of each that counts rows."""
BATCH_SIZE: int = 0
"""With a number of rows that is fixed: that number."""
STRICT: bool = False
"""True if data of a wider dtype than an input's is refused, and not rounded."""
PARAMETERS: dict[str, tuple[str, tuple[int, ...]]] = {}
"""Dtype and shape."""
METRICS: dict[str, str | None] = {}
"""The better direction of each metric, "max" or "min"; None where unknown."""
PREDICT_INPUTS: tuple[str, ...] = ()
"""With predict: the inputs that it takes."""
OUTPUTS: tuple[str, ...] = ()
"""With predict: the names of its results; several are returned in a dict."""
TOTALS: tuple[str, ...] = ()
"""With totals: results of `forward` that are summed over batches, not averaged."""
STREAMS: tuple[str, ...] = ()
"""With random draws: their names."""
DRAW_AXES: dict[str, int] = {}
"""With random draws and ranks: those that draw for each row, and the axis of rows."""
TILE: int = 0
"""In fast style: the most numbers that an operation on an array takes at a time."""
THREADS: int = 0
"""The threads that share large arrays; 0 for as many as there are cores."""
RULES: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = ()
"""In fast style, for each rule of the update: its parameters, the slots of each in the
optimizer's state, and the dtypes of arrays to work in."""
RULES_OF: dict[
    str, tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...]
] = {}
"""In fast style with several losses, the same by the name of each loss."""
LOSSES: dict[str, Callable[..., tuple[Any, ...]]] = {}
"""With several losses, by the name of each the function that differentiates it."""
C_SOURCE: str = ""
"""In native style: the text of its functions in C."""
C_ARRAYS: dict[str, Callable[..., tuple[tuple[str, tuple[int, ...]], ...]]] = {}
"""Of each of them, a function of sizes that tells dtypes and shapes of its arrays."""
C_UPDATES: dict[
    str,
    tuple[
        str,
        str,
        int,
        tuple[tuple[str, str, str, tuple[int, ...], bool], ...],
        tuple[
            tuple[
                tuple[str, ...],
                tuple[str, ...],
                tuple[str, ...],
                tuple[tuple[int, ...] | None, ...],
            ],
            ...,
        ],
    ],
] = {}
"""In native style, by the name of each loss: the function in C of its update, that of a
step with it, the bytes that it works in, arrays that it takes by themselves, and of
each rule the parameters, the slots of each, the dtypes of parameter, gradient and
slots, and those of their shapes that are not the parameter's."""
C_DRAWS: dict[
    str,
    tuple[Callable[..., None], tuple[str, ...], dict[str, tuple[str, tuple[int, ...]]]],
] = {}
"""In native style, by the names of losses whose updates draw: the function that draws,
its streams, and the dtypes and shapes of the arrays that it draws to."""
UNCHECKED: dict[str, str] = {}
"""With gradients that finite differences do not tell: the parameters, and reasons."""
PLATEAU: dict[str, Any] = {}
"""With decay on a plateau: its options."""


def init_parameters(seed: int) -> dict[str, np.ndarray[Any, Any]]:
    """The start of each parameter."""
    raise NotImplementedError


def init_state(
    parameters: dict[str, np.ndarray[Any, Any]], seed: int = 0
) -> dict[str, Any]:
    """All that changes in training beside parameters: `step`, `epoch`, `scale`, under
    `rng` a generator for each random draw and, under `slots`, the optimizer's arrays;
    with decay on a plateau `plateau`."""
    raise NotImplementedError


def forward(
    parameters: dict[str, np.ndarray[Any, Any]], *inputs: Any
) -> dict[str, Any]:
    """Loss and metrics by name, in evaluation mode."""
    raise NotImplementedError


def predict(parameters: dict[str, np.ndarray[Any, Any]], *inputs: Any) -> Any:
    """With predict: the outputs in evaluation mode."""
    raise NotImplementedError


def loss_and_gradients(
    parameters: dict[str, np.ndarray[Any, Any]],
    *inputs: Any,
    rng: Any = None,
) -> tuple[Any, dict[str, np.ndarray[Any, Any]]]:
    """The loss in training mode and its gradients by parameter."""
    raise NotImplementedError


def loss_weight(parameters: dict[str, np.ndarray[Any, Any]], *inputs: Any) -> Any:
    """With weights: the weight of a batch in the mean of the loss."""
    raise NotImplementedError


def train_step(
    parameters: dict[str, np.ndarray[Any, Any]], state: dict[str, Any], *inputs: Any
) -> Any:
    """One update of parameters and state, in place; the loss before it. If that is not
    finite, nothing is updated, nor if a gradient is not, a `FloatingPointError`."""
    raise NotImplementedError


def micro_batches() -> int:
    """With accumulation: the number of batches of an update."""
    raise NotImplementedError


def step_size(state: dict[str, Any]) -> float:
    """The step size of the last update."""
    raise NotImplementedError


def step_sizes(state: dict[str, Any]) -> list[Any]:
    """With groups: all step sizes of the last update."""
    raise NotImplementedError


def averaged_parameters(
    parameters: dict[str, np.ndarray[Any, Any]], state: dict[str, Any]
) -> dict[str, np.ndarray[Any, Any]]:
    """With averages: the parameters to evaluate with."""
    raise NotImplementedError


def index_arrays(*inputs: Any) -> list[tuple[str, Any, int, int]]:
    """With computed positions: indices that are computed from data, by name, with
    the smallest and largest value allowed."""
    raise NotImplementedError


def finish_metrics(totals: dict[str, Any]) -> dict[str, Any]:
    """With totals: loss and metrics of a data set, from what `forward` returns."""
    raise NotImplementedError


def update_plateau(
    options: dict[str, Any], state: Any, metric: float, lr: float
) -> tuple[Any, float]:
    """With decay on a plateau: its state and the scale after an evaluation."""
    raise NotImplementedError
