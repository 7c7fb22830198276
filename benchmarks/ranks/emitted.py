"""A program that graphc wrote: one rank, started by mpiexec, or a process by itself.

    mpiexec -n 2 python -m benchmarks.ranks.emitted relu-256 128 FOLDER train

FOLDER has the program, `train.py` here. Rank 0 prints the seconds of each timed step.
"""

from __future__ import annotations

import importlib
import json
import sys
import time

from benchmarks.workloads import TIMED

from .scaling import STEPS, WARM_UP, network_of


def main(name: str, batch: int, folder: str, module: str) -> None:
    """Train with a global batch of so many rows, of which the program takes a part."""
    sys.path.insert(0, folder)
    program = importlib.import_module(module)
    data = network_of(TIMED[name], batch).data()
    parameters = program.init_parameters(seed=0)
    for number, pair in enumerate(zip(data.weights, data.biases, strict=True), start=1):
        for part, value in zip(("weight", "bias"), pair, strict=True):
            parameters[f"layer{number}.{part}"][...] = value
    state = program.init_state(parameters)
    seconds = []
    for index in range(WARM_UP + STEPS):
        start = time.perf_counter()
        program.train_step(parameters, state, *data.batches[index % len(data.batches)])
        seconds.append(time.perf_counter() - start)
    if program.is_first_rank():
        print(json.dumps(seconds[WARM_UP:]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4])
