"""Operators of PyTorch as a user of graphc writes them.

An operator without an entry is looked up by its own name in `gc`, `gc.nn`, `gc.linalg`
and `gc.special`, with `dim` and `keepdim` as NumPy spells them. An entry is a name, or
a function of PyTorch's own arguments.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

import graphc as gc

AXIS_NAMES = {"dim": "axis", "keepdim": "keepdims", "dims": "axis", "unbiased": "ddof"}
"""Arguments that NumPy has under another name."""


IGNORED = ("device", "requires_grad", "layout", "memory_format", "pin_memory")
"""Arguments that are about where tensors are, and mean nothing in a graph."""


class NoFunctionError(Exception):
    """There is no function of that name."""


def find(name: str) -> Callable[..., Any]:
    """The function that a user would take for an operator of the database.

    Raises:
        NoFunctionError: there is none.
    """
    entry = ENTRIES.get(name)
    if callable(entry):
        return entry
    return _renamed(_look_up(entry or name))


def _look_up(name: str) -> Callable[..., Any]:
    for prefix, face in (
        ("nn.functional.", "nn"),
        ("linalg.", "linalg"),
        ("special.", "special"),
    ):
        if name.startswith(prefix):
            return _from(face, name.removeprefix(prefix))
    for face in ("", "nn", "special", "linalg"):
        try:
            return _from(face, name)
        except NoFunctionError:
            continue
    raise NoFunctionError(name)


def _from(face: str, name: str) -> Callable[..., Any]:
    try:
        found = getattr(getattr(gc, face) if face else gc, name)
    except AttributeError:
        raise NoFunctionError(name) from None
    if not callable(found):
        raise NoFunctionError(name)
    return found


def _renamed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function under the argument names of PyTorch."""
    parameters = inspect.signature(function).parameters

    def call(*args: Any, **kwargs: Any) -> Any:
        for name in IGNORED:
            kwargs.pop(name, None)
        for theirs, ours in AXIS_NAMES.items():
            if theirs in kwargs and theirs not in parameters and ours in parameters:
                kwargs[ours] = kwargs.pop(theirs)
        return function(*args, **kwargs)

    return call


def _g(name: str) -> Callable[..., Any]:
    """A function looked up when it is called, so that a missing one is counted."""
    return lambda *args, **kwargs: _renamed(_look_up(name))(*args, **kwargs)


def _axes(dim: Any) -> Any:
    """None and the empty tuple both mean all axes to PyTorch."""
    return None if dim is None or dim == () or dim == [] else dim


def _reduction(name: str) -> Callable[..., Any]:
    def call(x: Any, dim: Any = None, keepdim: bool = False, **kwargs: Any) -> Any:
        axis = tuple(dim) if isinstance(dim, list) else _axes(dim)
        axis = axis if x.ndim else None
        return _look_up(name)(x, axis=axis, keepdims=keepdim, **kwargs)

    return call


def _with_indices(values: str, indices: str) -> Callable[..., Any]:
    def call(x: Any, dim: int, keepdim: bool = False) -> Any:
        if x.ndim == 0:
            return x, gc.constant(0)
        return (
            _look_up(values)(x, axis=dim, keepdims=keepdim),
            _look_up(indices)(x, axis=dim, keepdims=keepdim),
        )

    return call


def _moments(name: str) -> Callable[..., Any]:
    def call(
        x: Any,
        dim: Any = None,
        unbiased: Any = None,
        *,
        correction: Any = None,
        keepdim: bool = False,
    ) -> Any:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        ddof = 1 if correction is None else correction
        ddof = ddof if unbiased is None else int(unbiased)
        axis = tuple(dim) if isinstance(dim, list) else _axes(dim)
        return _look_up(name)(x, axis=axis, ddof=ddof, keepdims=keepdim)

    return call


def _with_mean(name: str) -> Callable[..., Any]:
    moments = _moments(name)

    def call(x: Any, dim: Any = None, *args: Any, **kwargs: Any) -> Any:
        axis = None if isinstance(dim, bool) else _axes(dim)
        axis = tuple(axis) if isinstance(axis, list) else axis
        mean = gc.mean(x, axis=axis, keepdims=kwargs.get("keepdim", False))
        return moments(x, dim, *args, **kwargs), mean

    return call


def _added(product: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def call(x: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
        scaled = product(a, b) * alpha
        return scaled if beta == 0 else x * beta + scaled

    return call


def _divide(x: Any, y: Any, *, rounding_mode: str | None = None) -> Any:
    if rounding_mode == "floor":
        return gc.floor_divide(x, y)
    quotient = gc.divide(x, y)
    return _g("trunc")(quotient) if rounding_mode == "trunc" else quotient


def _repeat(x: Any, *sizes: Any) -> Any:
    counts = sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    return _g("tile")(x, tuple(counts))


def _expand(x: Any, *sizes: Any) -> Any:
    shape = tuple(sizes[0] if isinstance(sizes[0], tuple | list) else sizes)
    lead = len(shape) - x.ndim
    return gc.broadcast_to(
        x,
        tuple(
            x.shape[place - lead] if size == -1 else size
            for place, size in enumerate(shape)
        ),
    )


def _narrow(x: Any, dim: int, start: Any, length: int) -> Any:
    start = int(start) if not isinstance(start, gc.Node) else start
    start = start + x.shape[dim] if start < 0 else start
    return _slice(x, dim, start, start + length)


def _slice(
    x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Any:
    index = [slice(None)] * x.ndim
    index[dim] = slice(start, end, step)
    return x[tuple(index)]


def _select(x: Any, dim: int, place: int) -> Any:
    index: list[Any] = [slice(None)] * x.ndim
    index[dim] = place
    return x[tuple(index)]


def _at(x: Any, dim: int, item: Any) -> Any:
    index: list[Any] = [slice(None)] * x.ndim
    index[dim] = item
    return x.at[tuple(index)]


def _index_add(x: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    source = source * alpha
    if x.ndim == 0:
        return gc.reshape(gc.reshape(x, (1,)).at[index].add(source), ())
    return _at(x, dim, index).add(source)


def _index_set(x: Any, dim: int, index: Any, source: Any) -> Any:
    if x.ndim == 0:
        return gc.reshape(gc.reshape(x, (1,)).at[index].set(source), ())
    return _at(x, dim, index).set(source)


def _index_reduce(
    x: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True
) -> Any:
    names = {"prod": "multiply", "amax": "max", "amin": "min"}
    if reduce not in names or not include_self:
        raise NoFunctionError(f"index_reduce {reduce}")
    return getattr(_at(x, dim, index), names[reduce])(source)


def _scatter(x: Any, dim: int, index: Any, source: Any, *, reduce: Any = None) -> Any:
    """By `.at`, with an index for each axis."""
    if x.ndim == 0:
        return x.at[...].set(source) if reduce is None else x.at[...].add(source)
    where = list(np.ogrid[tuple(slice(0, size) for size in index.shape)])
    where[dim] = index
    if isinstance(source, gc.Node) and source.ndim == index.ndim:
        source = source[tuple(slice(0, size) for size in index.shape)]
    method = {None: "set", "add": "add", "multiply": "multiply"}[reduce]
    return getattr(x.at[tuple(where)], method)(source)


def _scatter_reduce(
    x: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True
) -> Any:
    names = {"sum": "add", "prod": "multiply", "amax": "max", "amin": "min"}
    if reduce not in names or not include_self:
        raise NoFunctionError(f"scatter_reduce {reduce}")
    if x.ndim == 0:
        return getattr(x.at[...], names[reduce])(source)
    where = list(np.ogrid[tuple(slice(0, size) for size in index.shape)])
    where[dim] = index
    source = source[tuple(slice(0, size) for size in index.shape)]
    return getattr(x.at[tuple(where)], names[reduce])(source)


def _gather(x: Any, dim: int, index: Any) -> Any:
    if x.ndim == 0:
        return gc.broadcast_to(x, index.shape)
    for axis, size in enumerate(index.shape):
        if axis != dim % x.ndim and size != x.shape[axis]:
            x = _slice(x, axis, 0, size)
    return gc.take_along_axis(x, index, dim)


def _take_along(x: Any, index: Any, dim: Any = None) -> Any:
    return gc.take_along_axis(x, index if dim is not None else index.ravel(), dim)


def _norm(x: Any, p: Any = None, dim: Any = None, keepdim: bool = False) -> Any:
    if isinstance(dim, list):
        dim = tuple(dim)
    if p in ("fro", "nuc"):
        return _g("linalg.norm")(x, p, axis=dim, keepdims=keepdim)
    return _g("linalg.vector_norm")(
        x, ord=2 if p is None else p, axis=dim, keepdims=keepdim
    )


def _flip(x: Any, *axes: Any, dims: Any = None) -> Any:
    chosen = axes if dims is None else (dims,)
    if len(chosen) == 1 and not isinstance(chosen[0], int):
        (chosen,) = chosen
    return _g("flip")(x, tuple(chosen))


def _split(x: Any, size: Any, dim: int = 0) -> Any:
    count = x.shape[dim]
    if isinstance(size, int):
        cuts = list(range(size, count, size))
    else:
        cuts = [int(cut) for cut in np.cumsum(size)[:-1]]
    return _g("split")(x, cuts, axis=dim)


def _tensor_split(x: Any, parts: Any, dim: int = 0) -> Any:
    parts = parts.tolist() if isinstance(parts, np.ndarray) else parts
    parts = list(parts) if isinstance(parts, tuple) else parts
    return _g("array_split")(x, parts, axis=dim)


def _clip(x: Any, min: Any = None, max: Any = None) -> Any:
    return gc.clip(x, min, max)


def _linspace(start: Any, end: Any, steps: int, **kwargs: Any) -> Any:
    return _g("linspace")(start, end, steps, **kwargs)


def _logspace(
    start: Any, end: Any, steps: int, base: float = 10.0, **kwargs: Any
) -> Any:
    return _g("logspace")(start, end, steps, base=base, **kwargs)


def _quantile(name: str) -> Callable[..., Any]:
    def call(
        x: Any,
        q: Any,
        dim: Any = None,
        keepdim: bool = False,
        interpolation: str = "linear",
    ) -> Any:
        return _look_up(name)(x, q, axis=dim, keepdims=keepdim, method=interpolation)

    return call


def _median(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The lower one of two, as PyTorch has it; the position is not compared."""
    return _look_up("quantile")(x, 0.5, axis=dim, keepdims=keepdim, method="lower")


def _sort(x: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    if x.ndim == 0:
        return x, gc.constant(0)
    indices = _g("argsort")(x, axis=dim, descending=descending, stable=True)
    return gc.take_along_axis(x, indices, dim), indices


def _diff(
    x: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None
) -> Any:
    given = {"prepend": prepend, "append": append}
    kept = {key: value for key, value in given.items() if value is not None}
    return _g("diff")(x, n=n, axis=dim, **kept)


def _cov(
    x: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None
) -> Any:
    return _g("cov")(x, ddof=correction, fweights=fweights, aweights=aweights)


def _masked_fill(x: Any, mask: Any, value: Any) -> Any:
    return gc.where(mask, value, x)


def _diagonal(x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    return _g("diagonal")(x, offset, dim1, dim2)


def _diag_embed(x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    return _g("diag_embed")(x, offset, dim1, dim2)


def _unfold(x: Any, dim: int, size: int, step: int) -> Any:
    if x.ndim == 0:
        return gc.reshape(x, (1,))[:size]
    windows = _g("sliding_window_view")(x, size, axis=dim)
    index = [slice(None)] * windows.ndim
    index[dim if dim >= 0 else dim - 1] = slice(None, None, step)
    return windows[tuple(index)]


def _trapezoid(y: Any, x: Any = None, *, dx: float = 1.0, dim: int = -1) -> Any:
    return _g("trapezoid")(y, x=x, dx=dx, axis=dim)


def _gradient(x: Any, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> Any:
    steps = spacing if isinstance(spacing, tuple | list) else (spacing,)
    return _g("gradient")(x, *steps, axis=dim, edge_order=edge_order)


def _scalar_safe(function: Callable[..., Any]) -> Callable[..., Any]:
    """For operators that PyTorch lets have an axis where there is none."""

    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        return x if x.ndim == 0 else function(x, *args, **kwargs)

    return call


def _einsum(operands: Any, equation: str) -> Any:
    return _g("einsum")(equation, *operands)


def _lerp(x: Any, end: Any, weight: Any) -> Any:
    return x + weight * (end - x)


def _glue(name: str) -> Callable[..., Any]:
    return lambda *tensors, **kwargs: _look_up(name)(
        tensors[0] if isinstance(tensors[0], tuple | list) else tensors, **kwargs
    )


def _atleast(name: str) -> Callable[..., Any]:
    def call(*tensors: Any) -> Any:
        if isinstance(tensors[0], tuple | list):
            tensors = tuple(tensors[0])
        found = _look_up(name)(*tensors)
        return found

    return call


def _tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    return _g("tensordot")(a, b, axes=dims)


def _polygamma(n: int, x: Any) -> Any:
    return _g("special.polygamma")(n, x)


def _mvlgamma(x: Any, p: int) -> Any:
    return _g("special.multigammaln")(x, p)


def _svd(x: Any, some: bool = True, compute_uv: bool = True) -> Any:
    u, s, vh = _g("linalg.svd")(x, full_matrices=not some)
    return u, s, gc.swapaxes(vh, -1, -2)


def _softmax(name: str) -> Callable[..., Any]:
    def call(x: Any, dim: int = -1, dtype: Any = None, **kwargs: Any) -> Any:
        x = x if dtype is None else gc.astype(x, dtype)
        if x.ndim == 0:
            x = gc.reshape(x, (1,))
            return gc.reshape(getattr(gc.nn, name)(x, -1), ())
        return getattr(gc.nn, name)(x, dim)

    return call


def _cross(x: Any, y: Any, dim: int = -1) -> Any:
    return _g("cross")(x, y, axis=dim)


def _full(shape: Any, value: Any, **kwargs: Any) -> Any:
    return _g("full")(shape, value, **kwargs)


def _new(name: str) -> Callable[..., Any]:
    def call(x: Any, *args: Any, dtype: Any = None, **kwargs: Any) -> Any:
        return _g(name)(*args, dtype=x.dtype if dtype is None else dtype, **kwargs)

    return call


def _cast(dtype: str) -> Callable[..., Any]:
    return lambda x, **kwargs: gc.astype(x, dtype)


def _pad(x: Any, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    return _g("nn.functional.pad")(x, tuple(pad), mode, value)


def _roll(x: Any, shifts: Any, dims: Any = None) -> Any:
    if dims == ():
        dims = None
    return _g("roll")(x, shifts, axis=dims)


def _searchsorted(
    sorted_sequence: Any,
    values: Any,
    *,
    right: bool = False,
    side: str | None = None,
    **kwargs: Any,
) -> Any:
    kwargs.pop("out_int32", None)
    chosen = side or ("right" if right else "left")
    return _g("searchsorted")(sorted_sequence, values, side=chosen, **kwargs)


def _isin(elements: Any, test: Any, *, assume_unique: Any = False, **kw: Any) -> Any:
    return _g("isin")(elements, test, invert=kw.get("invert", False))


def _topk(
    x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> Any:
    if x.ndim == 0:
        return x, gc.constant(0)
    return _g("topk")(x, k, axis=dim, largest=largest, sorted=sorted)


def _argsort(
    x: Any, dim: int = -1, descending: bool = False, stable: bool = False
) -> Any:
    if x.ndim == 0:
        return gc.constant(0)
    return _g("argsort")(x, axis=dim, descending=descending, stable=True)


def _repeat_interleave(
    x: Any, repeats: Any, dim: Any = None, *, output_size: Any = None
) -> Any:
    return _g("repeat")(x if x.ndim or dim is None else x[None], repeats, axis=dim)


def _batch_norm(
    x: Any, running_mean: Any = None, running_var: Any = None, *args: Any, **kwargs: Any
) -> Any:
    return _g("nn.functional.batch_norm")(x, running_mean, running_var, *args, **kwargs)


def _embedding(indices: Any, weight: Any, **kwargs: Any) -> Any:
    """The operator itself has the weight first."""
    return _g("nn.functional.embedding")(weight, indices, **kwargs)


def _squeeze(x: Any, *dim: Any) -> Any:
    axes = dim[0] if len(dim) == 1 else dim or None
    if axes is None:
        return gc.squeeze(x)
    axes = (axes,) if isinstance(axes, int) else axes
    kept = tuple(axis for axis in axes if x.ndim and x.shape[axis] == 1)
    return gc.squeeze(x, kept) if kept else x


def _movedim(x: Any, source: Any, destination: Any) -> Any:
    return gc.moveaxis(x, source, destination)


def _unflatten(x: Any, dim: int, sizes: Any) -> Any:
    dim = dim % x.ndim
    return gc.reshape(x, (*x.shape[:dim], *sizes, *x.shape[dim + 1 :]))


def _flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    if x.ndim == 0:
        return gc.reshape(x, (1,))
    start, end = start_dim % x.ndim, end_dim % x.ndim
    return gc.reshape(x, (*x.shape[:start], -1, *x.shape[end + 1 :]))


def _transpose(x: Any, *axes: Any) -> Any:
    chosen = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
    return gc.transpose(x, tuple(chosen))


def _reshape(x: Any, *shape: Any) -> Any:
    chosen = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
    return gc.reshape(x, tuple(chosen))


def _std_like(x: Any, scale: Any = None) -> Any:
    return gc.reciprocal(gc.sqrt(x)) if scale is None else x


def _logit(x: Any, eps: Any = None) -> Any:
    if eps is not None:
        x = gc.clip(x, eps, 1.0 - eps)
    return _g("special.logit")(x)


def _swapped(name: str) -> Callable[..., Any]:
    return lambda x, y: _look_up(name)(y, x)


def _alpha(name: str) -> Callable[..., Any]:
    def call(x: Any, y: Any, *, alpha: Any = 1) -> Any:
        return _look_up(name)(x, y if alpha == 1 else y * alpha)

    return call


def _pow(x: Any, y: Any) -> Any:
    return gc.power(x, y)


def _isclose(x: Any, y: Any, **kwargs: Any) -> Any:
    return _g("isclose")(x, y, **kwargs)


def _count_nonzero(x: Any, dim: Any = None) -> Any:
    axis = tuple(dim) if isinstance(dim, list) else _axes(dim)
    return _g("count_nonzero")(x, axis=axis)


def _logsumexp(x: Any, dim: Any, keepdim: bool = False) -> Any:
    axis = tuple(dim) if isinstance(dim, list) else dim
    return _g("logsumexp")(x, axis=axis if x.ndim else None, keepdims=keepdim)


def _arg(name: str) -> Callable[..., Any]:
    def call(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if x.ndim == 0:
            return gc.constant(0)
        return getattr(gc, name)(x, axis=dim, keepdims=keepdim)

    return call


def _cumulative(name: str, indices: bool = False) -> Callable[..., Any]:
    def call(x: Any, dim: int, **kwargs: Any) -> Any:
        if x.ndim == 0:
            return (x, gc.constant(0)) if indices else x
        found = _look_up(name)(x, axis=dim, **kwargs)
        return found

    return call


def _triplet(
    a: Any, p: Any, n: Any, *, distance_function: Any = None, **kwargs: Any
) -> Any:
    """Distances that are modules of PyTorch under the names of functions."""
    if distance_function is not None:
        name = type(distance_function).__name__
        names = {"PairwiseDistance": "pairwise_distance"}
        if name not in names:
            raise NoFunctionError(name)
        distance_function = _look_up(f"nn.functional.{names[name]}")
    return _g("nn.functional.triplet_margin_with_distance_loss")(
        a, p, n, distance_function=distance_function, **kwargs
    )


def _eigh(x: Any, UPLO: str = "L") -> Any:
    """Vectors without their sign, as the database compares them."""
    values, vectors = _g("linalg.eigh")(x, UPLO)
    return values, gc.abs(vectors)


def _pinv(
    x: Any,
    rcond: Any = None,
    *,
    hermitian: bool = False,
    rtol: Any = None,
    atol: Any = None,
) -> Any:
    if atol is not None:
        raise NoFunctionError("pinv with atol")
    given = rcond if rtol is None else rtol
    kept = {} if given is None else {"rcond": given}
    return _g("linalg.pinv")(x, hermitian=hermitian, **kept)


def _matrix_norm(
    x: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False
) -> Any:
    return _g("linalg.norm")(x, ord, axis=tuple(dim), keepdims=keepdim)


def _solve(a: Any, b: Any, *, left: bool = True) -> Any:
    """Vectors of a stack are told from a matrix by the number of axes."""
    if not left:
        raise NoFunctionError("solve from the right")
    if b.ndim == a.ndim - 1 and b.shape == a.shape[:-1]:
        return _g("linalg.solve")(a, b[..., None])[..., 0]
    return _g("linalg.solve")(a, b)


def _index_put(x: Any, index: Any, values: Any, accumulate: bool = False) -> Any:
    method = "add" if accumulate else "set"
    return getattr(x.at[tuple(index)], method)(values)


def _scalar_kth(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    if x.ndim == 0:
        return x, gc.constant(0)
    return _g("kthvalue")(x, k, axis=dim, keepdims=keepdim)


def _cumulative_trapezoid(
    y: Any, x: Any = None, *, dx: float = 1.0, dim: int = -1
) -> Any:
    """Each area is half of a sum of neighbours, times their distance."""
    count = y.shape[dim]
    heights = (_slice(y, dim, 1) + _slice(y, dim, 0, count - 1)) / 2
    if x is None:
        return gc.cumsum(heights * dx, axis=dim)
    if x.ndim == 1:
        shape = [1] * y.ndim
        shape[dim] = count
        x = gc.reshape(x, tuple(shape))
    widths = _slice(x, dim, 1) - _slice(x, dim, 0, count - 1)
    return gc.cumsum(heights * widths, axis=dim)


ENTRIES: dict[str, str | Callable[..., Any]] = {
    "acos": "arccos",
    "acosh": "arccosh",
    "asin": "arcsin",
    "asinh": "arcsinh",
    "atan": "arctan",
    "atan2": "arctan2",
    "atanh": "arctanh",
    "add": _alpha("add"),
    "sub": _alpha("subtract"),
    "rsub": lambda x, y, alpha=1: y - x * alpha,
    "mul": "multiply",
    "div.no_rounding_mode": _divide,
    "div.trunc_rounding": _divide,
    "div.floor_rounding": _divide,
    "true_divide": "divide",
    "neg": "negative",
    "ne": "not_equal",
    "eq": "equal",
    "ge": "greater_equal",
    "gt": "greater",
    "le": "less_equal",
    "lt": "less",
    "equal": "array_equal",
    "sgn": "sign",
    "pow": _pow,
    "rsqrt": lambda x: 1.0 / gc.sqrt(x),
    "frac": lambda x: x - _g("trunc")(x),
    "lerp": _lerp,
    "round.decimals_0": "round",
    "round.decimals_3": "round",
    "round.decimals_neg_3": "round",
    "clamp": _clip,
    "clamp_min": lambda x, y: gc.maximum(x, y),
    "clamp_max": lambda x, y: gc.minimum(x, y),
    "max.binary": "maximum",
    "min.binary": "minimum",
    "max.reduction_no_dim": "max",
    "min.reduction_no_dim": "min",
    "max.reduction_with_dim": _with_indices("max", "argmax"),
    "min.reduction_with_dim": _with_indices("min", "argmin"),
    "aminmax": lambda x, *, dim=None, keepdim=False: (
        gc.min(x, axis=dim if x.ndim else None, keepdims=keepdim),
        gc.max(x, axis=dim if x.ndim else None, keepdims=keepdim),
    ),
    "amax": _reduction("max"),
    "amin": _reduction("min"),
    "argmax": _arg("argmax"),
    "argmin": _arg("argmin"),
    "all": _reduction("all"),
    "any": _reduction("any"),
    "sum": _reduction("sum"),
    "mean": _reduction("mean"),
    "prod": _reduction("prod"),
    "nansum": _reduction("nansum"),
    "nanmean": _reduction("nanmean"),
    "count_nonzero": _count_nonzero,
    "std": _moments("std"),
    "var": _moments("var"),
    "std.unbiased": _moments("std"),
    "var.unbiased": _moments("var"),
    "std_mean": _with_mean("std"),
    "var_mean": _with_mean("var"),
    "std_mean.unbiased": _with_mean("std"),
    "var_mean.unbiased": _with_mean("var"),
    "median": _median,
    "nanmedian": lambda x, dim=None, keepdim=False: _look_up("nanquantile")(
        x, 0.5, axis=dim, keepdims=keepdim, method="lower"
    ),
    "quantile": _quantile("quantile"),
    "nanquantile": _quantile("nanquantile"),
    "logsumexp": _logsumexp,
    "cumsum": _cumulative("cumsum"),
    "cumprod": _cumulative("cumprod"),
    "cummax": _cumulative("cummax", indices=True),
    "cummin": _cumulative("cummin", indices=True),
    "logcumsumexp": _cumulative("logcumsumexp"),
    "diff": _diff,
    "trapz": _trapezoid,
    "trapezoid": _trapezoid,
    "gradient": _gradient,
    "cov": _cov,
    "sort": _sort,
    "msort": _scalar_safe(lambda x: _g("sort")(x, axis=0)),
    "argsort": _argsort,
    "topk": _topk,
    "searchsorted": _searchsorted,
    "isin": _isin,
    "isclose": _isclose,
    "addmm": _added(lambda a, b: a @ b),
    "addmm.decomposed": _added(lambda a, b: a @ b),
    "addmv": _added(lambda a, b: a @ b),
    "addr": _added(lambda a, b: gc.outer(a, b)),
    "baddbmm": _added(lambda a, b: a @ b),
    "addbmm": _added(lambda a, b: gc.sum(a @ b, axis=0)),
    "addcmul": lambda x, a, b, *, value=1: x + value * a * b,
    "addcdiv": lambda x, a, b, *, value=1: x + value * (a / b),
    "bmm": "matmul",
    "mm": "matmul",
    "mv": "matmul",
    "dot": "dot",
    "__rmatmul__": _swapped("matmul"),
    "__radd__": _swapped("add"),
    "__rsub__": _swapped("subtract"),
    "__rmul__": _swapped("multiply"),
    "__rdiv__": _swapped("divide"),
    "__rmod__": _swapped("remainder"),
    "__rpow__": _swapped("power"),
    "einsum": _einsum,
    "tensordot": _tensordot,
    "cross": _cross,
    "linalg.cross": _cross,
    "trace": "trace",
    "norm": _norm,
    "norm.nuc": _norm,
    "norm.fro": _norm,
    "norm.inf": _norm,
    "dist": lambda x, y, p=2: _g("linalg.vector_norm")(x - y, ord=p),
    "matrix_exp": "linalg.expm",
    "pinverse": "linalg.pinv",
    "logdet": lambda x: _g("linalg.slogdet")(x)[1],
    "svd": _svd,
    "cholesky": lambda x, upper=False: _g("linalg.cholesky")(x, upper=upper),
    "linalg.svd": lambda x, full_matrices=True: _g("linalg.svd")(
        x, full_matrices=full_matrices
    ),
    "linalg.qr": lambda x, mode="reduced": _g("linalg.qr")(x, mode=mode),
    "linalg.eigh": _eigh,
    "linalg.diagonal": lambda x, *, offset=0, dim1=-2, dim2=-1: _g("diagonal")(
        x, offset, dim1, dim2
    ),
    "linalg.vander": lambda x, *, N=None: _g("vander")(x, N, increasing=True),
    "linalg.solve_triangular": lambda a, b, *, upper, left=True, unitriangular=False: (
        _g("linalg.solve_triangular")(
            a, b, lower=not upper, unit_diagonal=unitriangular
        )
        if left
        else gc.swapaxes(
            _g("linalg.solve_triangular")(
                gc.swapaxes(a, -1, -2),
                gc.swapaxes(b, -1, -2),
                lower=upper,
                unit_diagonal=unitriangular,
            ),
            -1,
            -2,
        )
    ),
    "linalg.inv_ex": lambda x, **kwargs: _g("linalg.inv")(x),
    "linalg.cholesky_ex": lambda x, upper=False, **kw: _g("linalg.cholesky")(
        x, upper=upper
    ),
    "linalg.vecdot": lambda x, y, dim=-1: _g("vecdot")(x, y, axis=dim),
    "broadcast_tensors": lambda *xs: _g("broadcast_arrays")(*xs),
    "broadcast_to": lambda x, shape: gc.broadcast_to(x, shape),
    "expand": _expand,
    "expand_copy": _expand,
    "expand_as": lambda x, y: gc.broadcast_to(x, y.shape),
    "permute": _transpose,
    "permute_copy": _transpose,
    "transpose": lambda x, a, b: gc.swapaxes(x, a, b) if x.ndim else x,
    "transpose_copy": lambda x, a, b: gc.swapaxes(x, a, b) if x.ndim else x,
    "t": gc.transpose,
    "t_copy": gc.transpose,
    "T": lambda x: x.T,
    "mT": lambda x: gc.swapaxes(x, -1, -2),
    "movedim": _movedim,
    "reshape": _reshape,
    "view": _reshape,
    "view_copy": _reshape,
    "reshape_as": lambda x, y: gc.reshape(x, y.shape),
    "view_as": lambda x, y: gc.reshape(x, y.shape),
    "flatten": _flatten,
    "unflatten": _unflatten,
    "unsqueeze": lambda x, dim: gc.expand_dims(x, dim),
    "unsqueeze_copy": lambda x, dim: gc.expand_dims(x, dim),
    "squeeze": _squeeze,
    "squeeze_copy": _squeeze,
    "squeeze.multiple": _squeeze,
    "cat": lambda xs, dim=0: gc.concatenate(xs, axis=dim),
    "stack": lambda xs, dim=0: gc.stack(xs, axis=dim),
    "hstack": _glue("hstack"),
    "vstack": _glue("vstack"),
    "dstack": _glue("dstack"),
    "column_stack": _glue("column_stack"),
    "meshgrid.variadic_tensors": lambda *xs, indexing="ij": _g("meshgrid")(
        *xs, indexing=indexing
    ),
    "meshgrid.list_of_tensors": lambda xs, indexing="ij": _g("meshgrid")(
        *xs, indexing=indexing
    ),
    "atleast_1d": _atleast("atleast_1d"),
    "atleast_2d": _atleast("atleast_2d"),
    "atleast_3d": _atleast("atleast_3d"),
    "repeat": _repeat,
    "tile": _repeat,
    "repeat_interleave": _repeat_interleave,
    "flip": _flip,
    "roll": _roll,
    "rot90": lambda x, k=1, dims=(0, 1): _g("rot90")(x, k, dims),
    "split": _split,
    "split.list_args": _split,
    "unsafe_split": _split,
    "split_with_sizes": _split,
    "split_with_sizes_copy": _split,
    "tensor_split": _tensor_split,
    "chunk": lambda x, chunks, dim=0: _split(x, -(-x.shape[dim] // chunks), dim),
    "unsafe_chunk": lambda x, chunks, dim=0: _split(x, -(-x.shape[dim] // chunks), dim),
    "hsplit": lambda x, parts: _g("hsplit")(x, parts),
    "vsplit": lambda x, parts: _g("vsplit")(x, parts),
    "dsplit": lambda x, parts: _g("dsplit")(x, parts),
    "unbind": lambda x, dim=0: _g("unstack")(x, axis=dim),
    "unbind_copy": lambda x, dim=0: _g("unstack")(x, axis=dim),
    "narrow": _narrow,
    "narrow_copy": _narrow,
    "slice": _slice,
    "select": _select,
    "select_scatter": lambda x, source, dim, index: _at(x, dim, index).set(source),
    "slice_scatter": lambda x, source, dim=0, start=None, end=None, step=1: _at(
        x, dim, slice(start, end, step)
    ).set(source),
    "diagonal": _diagonal,
    "diagonal_copy": _diagonal,
    "diag_embed": _diag_embed,
    "unfold": _unfold,
    "unfold_copy": _unfold,
    "gather": _gather,
    "take_along_dim": _take_along,
    "take": lambda x, index: gc.take(gc.reshape(x, -1), index),
    "index_select": lambda x, dim, index: (
        gc.take(x, index, axis=dim) if x.ndim else gc.reshape(x, (1,))[index][0]
    ),
    "index_add": _index_add,
    "index_copy": _index_set,
    "index_fill": _index_set,
    "index_reduce.mean": _index_reduce,
    "index_reduce.prod": _index_reduce,
    "index_reduce.amax": _index_reduce,
    "index_reduce.amin": _index_reduce,
    "__getitem__": lambda x, *index: x[index[0] if len(index) == 1 else index],
    "scatter": _scatter,
    "scatter_add": lambda x, dim, index, source: _scatter(
        x, dim, index, source, reduce="add"
    ),
    "scatter_reduce.sum": _scatter_reduce,
    "scatter_reduce.prod": _scatter_reduce,
    "scatter_reduce.amax": _scatter_reduce,
    "scatter_reduce.amin": _scatter_reduce,
    "masked_fill": _masked_fill,
    "where": lambda x, mask, y: gc.where(mask, x, y),
    "clone": lambda x, **kwargs: x,
    "contiguous": lambda x, **kwargs: x,
    "alias_copy": lambda x: x,
    "positive": lambda x: +x,
    "bool": _cast("bool"),
    "double": _cast("float64"),
    "float": _cast("float32"),
    "half": _cast("float16"),
    "int": _cast("int32"),
    "long": _cast("int64"),
    "short": _cast("int16"),
    "char": _cast("int8"),
    "byte": _cast("uint8"),
    "new_zeros": _new("zeros"),
    "new_ones": _new("ones"),
    "new_full": _new("full"),
    "full": _full,
    "eye": "eye",
    "linspace": _linspace,
    "linspace.tensor_overload": _linspace,
    "logspace": _logspace,
    "logspace.tensor_overload": _logspace,
    "softmax": _softmax("softmax"),
    "softmax.with_dtype": _softmax("softmax"),
    "log_softmax": _softmax("log_softmax"),
    "log_softmax.with_dtype": _softmax("log_softmax"),
    "nn.functional.softmin": _softmax("softmin"),
    "nn.functional.softmin.with_dtype": _softmax("softmin"),
    "nn.functional.batch_norm": _batch_norm,
    "nn.functional.embedding": _embedding,
    "nn.functional.embedding_bag": lambda weight, indices, **kwargs: _g(
        "nn.functional.embedding_bag"
    )(indices, weight, **kwargs),
    "nn.functional.triplet_margin_with_distance_loss": _triplet,
    "cdist": lambda x, y, p=2.0, compute_mode=None: _g("nn.functional.cdist")(x, y, p),
    "linalg.pinv": _pinv,
    "linalg.pinv.hermitian": _pinv,
    "linalg.matrix_norm": _matrix_norm,
    "linalg.solve": _solve,
    "index_put": _index_put,
    "kthvalue": _scalar_kth,
    "nn.functional.upsample_bilinear": lambda x, size=None, scale_factor=None: _g(
        "nn.functional.interpolate"
    )(x, size, scale_factor, "bilinear", align_corners=True),
    "nn.functional.upsample_nearest": lambda x, size=None, scale_factor=None: _g(
        "nn.functional.interpolate"
    )(x, size, scale_factor, "nearest"),
    "cumulative_trapezoid": _cumulative_trapezoid,
    "nn.functional.pad.constant": _pad,
    "nn.functional.pad.reflect": _pad,
    "nn.functional.pad.replicate": _pad,
    "nn.functional.pad.replicate_negative": _pad,
    "nn.functional.pad.circular": _pad,
    "constant_pad_nd": lambda x, pad, value=0.0: _pad(x, pad, "constant", value),
    "nn.functional.silu": "nn.functional.silu",
    "logit": _logit,
    "lgamma": "special.gammaln",
    "mvlgamma.mvlgamma_p_1": _mvlgamma,
    "mvlgamma.mvlgamma_p_3": _mvlgamma,
    "mvlgamma.mvlgamma_p_5": _mvlgamma,
    "special.i1": "special.i1",
    "special.zeta": "special.zeta",
    "special.bessel_j0": "special.j0",
    "special.bessel_j1": "special.j1",
    "special.bessel_y0": "special.y0",
    "special.bessel_y1": "special.y1",
    "special.modified_bessel_i0": "special.i0",
    "special.modified_bessel_i1": "special.i1",
    "special.modified_bessel_k0": "special.k0",
    "special.modified_bessel_k1": "special.k1",
    "special.scaled_modified_bessel_k0": "special.k0e",
    "special.scaled_modified_bessel_k1": "special.k1e",
    "igamma": "special.gammainc",
    "igammac": "special.gammaincc",
    **{f"polygamma.polygamma_n_{n}": _swapped("polygamma") for n in range(5)},
    "special.polygamma.special_polygamma_n_0": _swapped("polygamma"),
    **{
        f"nn.functional.interpolate.{mode}": "nn.functional.interpolate"
        for mode in (
            *("nearest", "nearest-exact", "linear", "bilinear", "bicubic"),
            *("trilinear", "area"),
        )
    },
}
