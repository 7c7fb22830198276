"""Steps that fail while sums over ranks go on, and a training after them."""

from __future__ import annotations

import pickle
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

from graphc.harness.ranks import is_first_rank, launched
from graphc.program import early_sums
from tests.ranks.support import DEV, TRAIN, model, wide

FAILS = "after its sums have started"

if __name__ == "__main__":
    early_sums.LARGE_SUM = 1
    path, style, who_fails = sys.argv[1:]
    trainer = model(style)
    module: Any = trainer._module
    differentiate = module.loss_and_gradients_in_place
    sums: list[Any] = []

    def fail(*arguments: Any, start_sum: Any) -> Any:
        def start(*arrays: Any) -> None:
            sums.extend(arrays)
            start_sum(*arrays)

        differentiate(*arguments, start_sum=start)
        raise MemoryError(FAILS)

    batch = {name: array[:20] for name, array in TRAIN.items()}
    before = {name: np.array(array) for name, array in trainer.parameters.items()}
    if who_fails == "all" or launched()[1] == 1:
        module.loss_and_gradients_in_place = fail
    try:
        trainer.step(**batch)
    except MemoryError:
        assert sums
        if who_fails != "all":
            raise
    module.loss_and_gradients_in_place = differentiate
    module.INTERRUPTS.signal = signal.SIGINT if launched()[1] == 1 else 0
    try:
        trainer.step(**batch)
    except KeyboardInterrupt:
        module.INTERRUPTS.signal = 0
    else:
        raise AssertionError("no rank was told of the signal")
    for name, array in trainer.parameters.items():
        np.testing.assert_array_equal(array, before[name])
    trainer = model(style)
    trainer.fit(TRAIN, DEV, epochs=2, batch_size=20, verbose=False)
    found = wide(style)
    if is_first_rank():
        found |= {name: np.array(array) for name, array in trainer.parameters.items()}
        Path(path).write_bytes(pickle.dumps(found))
