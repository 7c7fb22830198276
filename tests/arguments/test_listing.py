"""Completion at a prompt offers what is public, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphc as gc

MODULES = (gc, gc.errors, gc.linalg, gc.nn, gc.random, gc.special, gc.init, gc.optim)
MODULES = (*MODULES, gc.metrics, gc.datasets)

X = gc.input("x", (2, 3))
LAYER = gc.nn.Linear(3, 2)
LOSS = gc.sum(LAYER(X))
SGD = gc.optim.SGD(0.1)
OF_LAYERS = (
    "buffers forward load_state_dict name parameters register_buffer "
    "register_parameter state_dict"
)
OF_ARRAYS = (
    "T all any argmax argmin argpartition argsort astype at choose clip compress conj "
    "cumprod cumsum diagonal dot dtype flatten mT max mean min ndim prod ravel repeat "
    "reshape round shape size squeeze std sum swapaxes take trace transpose var"
)


def _objects() -> dict[str, Any]:
    """Objects by their public names."""
    trainer = gc.Trainer(LOSS, SGD)
    return {
        f"{OF_ARRAYS} attributes bodies copy describe expansion formula inputs label "
        "name named op origin type": X,
        "add apply divide get max min multiply power set subtract": X.at[0],
        "compile emit end_epoch epoch evaluate fit footprint gradients history "
        "is_trained last_failure load loss lr_range_test metrics optimizer parameters "
        "predict save seed source step steps": trainer,
        "footprint graph input_nodes parameter_nodes parameters source": gc.compile(X),
        f"{OF_LAYERS} bias in_features out_features weight": LAYER,
        OF_LAYERS: gc.nn.Sequential(LAYER),
        f"{OF_LAYERS} batch_first bias bidirectional dropout hidden_size input_size "
        "num_layers proj_size": gc.nn.LSTM(3, 4),
        "apply averaged dampening decoupled_weight_decay dialect init_state lr "
        "maximize momentum nesterov slots step_size update weight_decay": gc.optim.SGD(
            0.1
        ),
        "best columns count index interrupted kept plot save test to_dict": (
            gc.History()
        ),
        "bytes multiply_adds parameters print rows sizes summary": gc.report(X),
        "markdown sections": gc.explain(LOSS),
        "drawings forward gradients latex markdown steps": (
            gc.derivation(LOSS, LAYER.weight)
        ),
        "equations latex markdown": X.formula(),
        "get gradient items keys names sizes values": (
            gc.interpret([X], {"x": np.ones((2, 3))})
        ),
    }


def test_completion_offers_public_names() -> None:
    for module in MODULES:
        names = {name for name in dir(module) if not name.startswith("_")}
        assert names == {name for name in module.__all__ if not name.startswith("_")}
    for names, value in _objects().items():
        offered = [name for name in dir(value) if not name.startswith("_")]
        assert offered == sorted(names.split()), type(value)
