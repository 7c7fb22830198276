"""Operators of shapes, places and parts of arrays, with PyTorch's arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphc as gc
from tests.operator_database.lookup import (
    look_up,
    named,
)


def torch_repeat(x: Any, *sizes: Any) -> Any:
    counts = sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    return named("tile")(x, tuple(counts))


def torch_expand(x: Any, *sizes: Any) -> Any:
    shape = tuple(sizes[0] if isinstance(sizes[0], tuple | list) else sizes)
    lead = len(shape) - x.ndim
    return gc.broadcast_to(
        x,
        tuple(
            x.shape[place - lead] if size == -1 else size
            for place, size in enumerate(shape)
        ),
    )


def torch_narrow(x: Any, dim: int, start: Any, length: int) -> Any:
    start = int(start) if not isinstance(start, gc.Node) else start
    start = start + x.shape[dim] if start < 0 else start
    return torch_slice(x, dim, start, start + length)


def torch_slice(
    x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Any:
    index = [slice(None)] * x.ndim
    index[dim] = slice(start, end, step)
    return x[tuple(index)]


def torch_select(x: Any, dim: int, place: int) -> Any:
    index: list[Any] = [slice(None)] * x.ndim
    index[dim] = place
    return x[tuple(index)]


def torch_at(x: Any, dim: int, item: Any) -> Any:
    index: list[Any] = [slice(None)] * x.ndim
    index[dim] = item
    return x.at[tuple(index)]


def torch_index_add(
    x: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1
) -> Any:
    source = source * alpha
    if x.ndim == 0:
        return gc.reshape(gc.reshape(x, (1,)).at[index].add(source), ())
    return torch_at(x, dim, index).add(source)


def torch_index_set(x: Any, dim: int, index: Any, source: Any) -> Any:
    if x.ndim == 0:
        return gc.reshape(gc.reshape(x, (1,)).at[index].set(source), ())
    return torch_at(x, dim, index).set(source)


def reduced_at(x: Any, index: Any, source: Any, reduce: str, include_self: bool) -> Any:
    """Values combined with an array at places, or with each other there."""
    kind = {"sum": "add", "mean": "add", "prod": "multiply"}.get(reduce, reduce[1:])
    neutral = {"add": 0.0, "multiply": 1.0, "max": -np.inf, "min": np.inf}[kind]
    start = x if include_self else x.at[index].set(neutral)
    found = getattr(start.at[index], kind)(source)
    if reduce != "mean":
        return found
    own = gc.ones(x.shape, x.dtype)
    own = own if include_self else own.at[index].set(0.0)
    return found / gc.maximum(own.at[index].add(1.0), 1.0)


def torch_index_reduce(
    x: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True
) -> Any:
    if x.ndim == 0:
        x, source = gc.reshape(x, (1,)), gc.reshape(source, (1,))
        found = reduced_at(x, index, source, reduce, include_self)
        return gc.reshape(found, ())
    place: list[Any] = [slice(None)] * x.ndim
    place[dim] = index
    return reduced_at(x, tuple(place), source, reduce, include_self)


def torch_scatter(
    x: Any, dim: int, index: Any, source: Any, *, reduce: Any = None
) -> Any:
    """By `.at`, with an index for each axis."""
    if x.ndim == 0:
        return x.at[...].set(source) if reduce is None else x.at[...].add(source)
    where = list(np.ogrid[tuple(slice(0, size) for size in index.shape)])
    where[dim] = index
    if isinstance(source, gc.Node) and source.ndim == index.ndim:
        source = source[tuple(slice(0, size) for size in index.shape)]
    method = {None: "set", "add": "add", "multiply": "multiply"}[reduce]
    return getattr(x.at[tuple(where)], method)(source)


def torch_scatter_reduce(
    x: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True
) -> Any:
    if x.ndim == 0:
        return reduced_at(x, ..., source, reduce, include_self)
    where = list(np.ogrid[tuple(slice(0, size) for size in index.shape)])
    where[dim] = index
    source = source[tuple(slice(0, size) for size in index.shape)]
    return reduced_at(x, tuple(where), source, reduce, include_self)


def torch_gather(x: Any, dim: int, index: Any) -> Any:
    if x.ndim == 0:
        return gc.broadcast_to(x, index.shape)
    if 0 in index.shape:
        return gc.zeros(index.shape, x.dtype)
    for axis, size in enumerate(index.shape):
        if axis != dim % x.ndim and size != x.shape[axis]:
            x = torch_slice(x, axis, 0, size)
    return gc.take_along_axis(x, index, dim)


def torch_take_along(x: Any, index: Any, dim: Any = None) -> Any:
    return gc.take_along_axis(x, index if dim is not None else index.ravel(), dim)


def torch_flip(x: Any, *axes: Any, dims: Any = None) -> Any:
    chosen = axes if dims is None else (dims,)
    if len(chosen) == 1 and not isinstance(chosen[0], int):
        (chosen,) = chosen
    return named("flip")(x, tuple(chosen))


def torch_split(x: Any, size: Any, dim: int = 0) -> Any:
    count = x.shape[dim]
    if isinstance(size, int):
        cuts = list(range(size, count, size))
    else:
        cuts = [int(cut) for cut in np.cumsum(size)[:-1]]
    return named("split")(x, cuts, axis=dim)


def torch_tensor_split(x: Any, parts: Any, dim: int = 0) -> Any:
    parts = parts.tolist() if isinstance(parts, np.ndarray) else parts
    parts = list(parts) if isinstance(parts, tuple) else parts
    return named("array_split")(x, parts, axis=dim)


def torch_linspace(start: Any, end: Any, steps: int, **kwargs: Any) -> Any:
    return named("linspace")(start, end, steps, **kwargs)


def torch_logspace(
    start: Any, end: Any, steps: int, base: float = 10.0, **kwargs: Any
) -> Any:
    return named("logspace")(start, end, steps, base=base, **kwargs)


def torch_masked_fill(x: Any, mask: Any, value: Any) -> Any:
    return gc.where(mask, value, x)


def torch_diagonal(x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    return named("diagonal")(x, offset, dim1, dim2)


def torch_diag_embed(x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    return named("diag_embed")(x, offset, dim1, dim2)


def torch_unfold(x: Any, dim: int, size: int, step: int) -> Any:
    if x.ndim == 0:
        return gc.reshape(x, (1,))[:size]
    windows = named("sliding_window_view")(x, size, axis=dim)
    index = [slice(None)] * windows.ndim
    index[dim if dim >= 0 else dim - 1] = slice(None, None, step)
    return windows[tuple(index)]


def torch_glue(name: str) -> Callable[..., Any]:
    return lambda *tensors, **kwargs: look_up(name)(
        tensors[0] if isinstance(tensors[0], tuple | list) else tensors, **kwargs
    )


def torch_atleast(name: str) -> Callable[..., Any]:
    def call(*tensors: Any) -> Any:
        if isinstance(tensors[0], tuple | list):
            tensors = tuple(tensors[0])
        found = look_up(name)(*tensors)
        return found

    return call


def torch_full(shape: Any, value: Any, **kwargs: Any) -> Any:
    return named("full")(shape, value, **kwargs)


def torch_new(name: str) -> Callable[..., Any]:
    def call(x: Any, *args: Any, dtype: Any = None, **kwargs: Any) -> Any:
        return named(name)(*args, dtype=x.dtype if dtype is None else dtype, **kwargs)

    return call


def torch_cast(dtype: str) -> Callable[..., Any]:
    return lambda x, **kwargs: gc.astype(x, dtype)


def torch_pad(x: Any, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    return named("nn.functional.pad")(x, tuple(pad), mode, value)


def torch_roll(x: Any, shifts: Any, dims: Any = None) -> Any:
    if dims == ():
        dims = None
    return named("roll")(x, shifts, axis=dims)


def torch_repeat_interleave(
    x: Any, repeats: Any, dim: Any = None, *, output_size: Any = None
) -> Any:
    return named("repeat")(x if x.ndim or dim is None else x[None], repeats, axis=dim)


def torch_embedding(indices: Any, weight: Any, **kwargs: Any) -> Any:
    """The operator itself has the weight first."""
    return named("nn.functional.embedding")(weight, indices, **kwargs)


def torch_squeeze(x: Any, *dim: Any) -> Any:
    axes = dim[0] if len(dim) == 1 else dim or None
    if axes is None:
        return gc.squeeze(x)
    axes = (axes,) if isinstance(axes, int) else axes
    kept = tuple(axis for axis in axes if x.ndim and x.shape[axis] == 1)
    return gc.squeeze(x, kept) if kept else x


def torch_movedim(x: Any, source: Any, destination: Any) -> Any:
    return gc.moveaxis(x, source, destination)


def torch_unflatten(x: Any, dim: int, sizes: Any) -> Any:
    dim = dim % x.ndim
    return gc.reshape(x, (*x.shape[:dim], *sizes, *x.shape[dim + 1 :]))


def torch_flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    if x.ndim == 0:
        return gc.reshape(x, (1,))
    start, end = start_dim % x.ndim, end_dim % x.ndim
    return gc.reshape(x, (*x.shape[:start], -1, *x.shape[end + 1 :]))


def torch_transpose(x: Any, *axes: Any) -> Any:
    chosen = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
    return gc.transpose(x, tuple(chosen))


def torch_reshape(x: Any, *shape: Any) -> Any:
    chosen = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
    return gc.reshape(x, tuple(chosen))


def torch_index_put(x: Any, index: Any, values: Any, accumulate: bool = False) -> Any:
    method = "add" if accumulate else "set"
    return getattr(x.at[tuple(index)], method)(values)


def torch_diagonal_scatter(
    x: Any, source: Any, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Any:
    rows = np.arange(source.shape[-1]) - min(offset, 0)
    moved = gc.moveaxis(x, (dim1, dim2), (-2, -1))
    return gc.moveaxis(
        moved.at[..., rows, rows + offset].set(source), (-2, -1), (dim1, dim2)
    )


def torch_cartesian_prod(*vectors: Any) -> Any:
    if len(vectors) == 1:
        return vectors[0]
    grids = named("meshgrid")(*vectors, indexing="ij")
    return gc.stack([gc.ravel(grid) for grid in grids], axis=-1)
