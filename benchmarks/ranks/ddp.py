"""PyTorch's DistributedDataParallel with gloo: one rank, started by torchrun.

    torchrun --standalone --nproc-per-node 2 -m benchmarks.ranks.ddp relu-256 128

Rank 0 prints the seconds of each timed step, as JSON.
"""

from __future__ import annotations

import json
import sys
import time

import torch
import torch.distributed
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel

from benchmarks.training.torch_peers import model_of
from benchmarks.workloads import TIMED

from .scaling import STEPS, WARM_UP, network_of


def main(name: str, batch: int) -> None:
    """Train with a global batch of so many rows, each rank with its part of them."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo")
    rank = torch.distributed.get_rank()
    ranks = torch.distributed.get_world_size()
    network = network_of(TIMED[name], batch)
    data = network.data()
    model = model_of(network)
    with torch.no_grad():
        for layer, weight, bias in zip(
            model[::2], data.weights, data.biases, strict=True
        ):
            layer.weight.copy_(torch.from_numpy(weight))
            layer.bias.copy_(torch.from_numpy(bias))
    parallel = DistributedDataParallel(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=network.lr, fused=True)
    batches = [
        tuple(torch.from_numpy(part).tensor_split(ranks)[rank] for part in pair)
        for pair in data.batches
    ]
    seconds = []
    for index in range(WARM_UP + STEPS):
        start = time.perf_counter()
        x, y = batches[index % len(batches)]
        optimizer.zero_grad()
        F.cross_entropy(parallel(x), y).backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    if rank == 0:
        print(json.dumps(seconds[WARM_UP:]))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
