"""Batches that ranks share by rows: gradients, and scores."""

from __future__ import annotations

import contextlib
import functools
import importlib
import math
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import numpy as np

from .data import count_rows, take_rows
from .files import Array, Arrays
from .flat import join_neighbours
from .model import DRAW_AXES, INPUTS, METRICS, TOTALS, forward, loss_weight
from .ranks import REPRODUCIBLE, SHARDS, SIGNALS, meet, ranks
from .signals import INTERRUPTS
from .streams import random_streams

# --- imports above, copied into emitted programs below ---


# if shared_draws
class RowsOfDraws:
    """A generator that draws for all rows of a batch, and gives those of a part."""

    def __init__(self, generator: Any, axis: int | None, rows: int) -> None:
        self.generator, self.axis, self.rows = generator, axis, rows
        self.part = slice(0, rows)
        self.drawn: Any = None

    def __getattr__(self, distribution: str) -> Callable[..., Array]:
        """The method of a generator that draws from a distribution."""
        return functools.partial(self.draw, getattr(self.generator, distribution))

    def draw(self, method: Any, *options: Any, out: Any = None, **named: Any) -> Array:
        """The numbers of the part; the first part draws those of all."""
        if out is not None:
            named["size"] = out.shape
        if self.drawn is None:
            options = tuple(self.of_all(each) for each in options)
            named = {name: self.of_all(each) for name, each in named.items()}
            self.drawn = method(*options, **named)
        place: Any = ...
        if self.axis is not None:
            each = self.drawn.shape[self.axis] // self.rows
            part = slice(self.part.start * each, self.part.stop * each)
            place = (slice(None),) * self.axis + (part,)
        if out is None:
            return np.array(self.drawn[place], order="C")
        out[...] = self.drawn[place]
        return out

    def of_all(self, option: int | tuple[int, ...]) -> Any:
        """An option of the draw for all rows: a shape has more of them."""
        if self.axis is None or not isinstance(option, tuple):
            return option
        shape, rows = list(option), self.part.stop - self.part.start
        shape[self.axis] = shape[self.axis] // rows * self.rows
        return tuple(shape)


# end
# if mpi
def shards_of(
    parameters: Arrays, arguments: Sequence[Any]
) -> Iterator[tuple[list[Any], float, float]]:
    """The parts of a batch that this rank computes.

    Each has its arguments, for which those of the batch may end with generators, and
    its shares of a mean over the rows of the batch and of the mean that is the loss.
    """
    batch, others = arguments[: len(INPUTS)], arguments[len(INPUTS) :]
    data, group = dict(zip(INPUTS, batch, strict=True)), ranks()
    rank, size = (0, 1) if group is None else (group.rank, group.size)
    rows, shards = count_rows(data), SHARDS if REPRODUCIBLE else size
    # if weights
    whole = float(loss_weight(parameters, *batch))
    # end
    # if shared_draws
    others = [
        {name: RowsOfDraws(g, DRAW_AXES.get(name), rows) for name, g in each.items()}
        for each in others
    ]
    # end
    for shard in range(shards * rank // size, shards * (rank + 1) // size):
        start, stop = rows * shard // shards, rows * (shard + 1) // shards
        share = share_of_loss = (stop - start) / rows
        # A rank for which no row is left computes one that counts nothing.
        start, stop = min(start, rows - 1), max(stop, start + 1)
        part = take_rows(data, slice(start, stop))
        # if weights
        weight = float(loss_weight(parameters, *part)) if share else 0.0
        share_of_loss = weight / whole if whole else math.nan
        # end
        # if shared_draws
        for draws in (each for streams in others for each in streams.values()):
            draws.part = slice(start, stop)
        # end
        yield [*part, *others], share, share_of_loss


def share_scores(parameters: Arrays, *batch: Any) -> dict[str, Any]:
    """The results of `forward` for a batch, of which each rank computes a part."""
    if ranks() is None and not REPRODUCIBLE:
        return forward(parameters, *batch)
    found: list[dict[str, Any]] = []
    # if random_scores
    batch = (*batch, random_streams(None))
    # end
    for part, share, share_of_loss in shards_of(parameters, batch):
        scores = forward(parameters, *part) if share else {}
        shares = dict.fromkeys(scores, share) | {"loss": share_of_loss}
        # if totals
        shares |= dict.fromkeys(TOTALS, 1.0)
        # end
        # What counts nothing need not be finite.
        counted = {name: x for name, x in scores.items() if shares[name]}
        found.append({n: np.float64(x) * shares[n] for n, x in counted.items()})
    sums: dict[str, Any] = dict.fromkeys(("loss", *METRICS), 0.0)
    for scores in (each for of_rank in meet(found) for each in of_rank):
        for name, value in scores.items():
            sums[name] = sums.get(name, 0.0) + value
    return sums


@contextlib.contextmanager
def sums_over_ranks(group: Any, share: float) -> Generator[Callable[..., None]]:
    """Start to add up arrays over ranks, in place; at the end of the block, wait.

    Each counts by the share of this rank. Without a group, they get that only.
    """
    requests: list[Any] = []
    # if early_sums
    started: set[int] = set()
    # end

    def start_sum(*arrays: Array) -> None:
        # if early_sums
        arrays = tuple(each for each in arrays if id(each) not in started)
        started.update(map(id, arrays))
        for request in requests:
            request.Test()  # MPI goes on with it meanwhile.
        if not arrays:
            return
        # end
        # if sums_in_place
        # Those of a dtype that follow one another in memory are one.
        order = sorted(arrays, key=lambda a: (a.dtype.str, a.ctypes.data))
        arrays = tuple(each for (each,) in join_neighbours((a,) for a in order))
        # end
        for array in arrays:
            if share:
                np.multiply(array, share, out=array)
            else:
                array.fill(0.0)  # What counts nothing need not be finite.
            if group is not None:
                in_place = importlib.import_module("mpi4py.MPI").IN_PLACE
                requests.append(group.Iallreduce(in_place, array))

    try:
        yield start_sum
    finally:
        for request in requests:
            request.Wait()


def add_in_order(terms: Sequence[Array], arrays: Sequence[Array]) -> None:
    """Write the sum of the terms of all ranks, in their order, to arrays."""
    every, group = np.stack(terms), ranks()
    if group is not None:
        own, every = every, np.empty((SHARDS, len(every[0])), every.dtype)
        counts = np.diff([SHARDS * n // group.size for n in range(group.size + 1)])
        group.Allgatherv(own, [every, counts * len(every[0])])
    sums, place = np.add.reduce(every), 0
    for array in arrays:
        array[...] = sums[place : place + array.size].reshape(array.shape)
        place += array.size


def share_gradients(
    differentiate: Callable[..., Any],
    parameters: Arrays,
    *arguments: Any,
    # if early_sums
    starts_sums: bool = False,
    # end
) -> Any:
    """The loss and gradients of a batch, of which each rank computes a part.

    Args:
        differentiate: gives a loss that is a mean over rows, and its gradients.
        parameters: its first argument.
        arguments: a batch, the same in all ranks, and what else the function takes.
        # if early_sums
        starts_sums: True where the function takes `start_sum`, for gradients that are
            known while others are computed.
        # end

    Raises:
        KeyboardInterrupt: some rank was told to end.
    """
    group = ranks()
    if group is None and not REPRODUCIBLE:
        return differentiate(parameters, *arguments)
    together = None if REPRODUCIBLE else group
    terms: list[Array] = []
    told = np.zeros(2)
    gradients: Arrays = {}
    results: Any = None
    for part, _, share in shards_of(parameters, arguments):
        with sums_over_ranks(together, share) as start_sum:
            # if early_sums
            early = {"start_sum": start_sum} if starts_sums and together else {}
            results = differentiate(parameters, *part, **early)
            # else
            results = differentiate(parameters, *part)
            # end
            # if sums_in_place
            gradients = results[1]
            # else
            gradients = {
                name: np.array(
                    gradient, np.result_type(np.float32, gradient), order="C"
                )
                for name, gradient in results[1].items()
            }
            # end
            start_sum(*gradients.values())
            told = np.array([0.0, float(results[0]) * share if share else 0.0])
            # if short
            told[0] = len(SIGNALS)
            # else
            told[0] = INTERRUPTS.signal
            # end
            if together is not None:
                together.Allreduce(told.copy(), told)
        if REPRODUCIBLE:
            dtype = np.result_type(*(each.dtype for each in gradients.values()))
            flat = np.concatenate([told, *gradients.values()], axis=None, dtype=dtype)
            terms.append(flat)
    if REPRODUCIBLE:
        add_in_order(terms, [told, *gradients.values()])
    if told[0]:
        raise KeyboardInterrupt
    # if sums_in_place
    # else
    for name, gradient in results[1].items():
        gradients[name] = gradients[name].astype(gradient.dtype)
    # end
    return (told[1], gradients, *results[2:])


# end
