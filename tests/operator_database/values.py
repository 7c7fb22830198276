"""Operators that compute numbers from numbers, with PyTorch's arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import graphc as gc
from tests.operator_database.lookup import (
    NoFunctionError,
    look_up,
    named,
)
from tests.operator_database.places import torch_slice


def torch_axes(dim: Any) -> Any:
    """None and the empty tuple both mean all axes to PyTorch."""
    return None if dim is None or dim == () or dim == [] else dim


def torch_reduction(name: str) -> Callable[..., Any]:
    def call(x: Any, dim: Any = None, keepdim: bool = False, **kwargs: Any) -> Any:
        axis = tuple(dim) if isinstance(dim, list) else torch_axes(dim)
        axis = axis if x.ndim else None
        return look_up(name)(x, axis=axis, keepdims=keepdim, **kwargs)

    return call


def torch_with_indices(values: str, indices: str) -> Callable[..., Any]:
    def call(x: Any, dim: int, keepdim: bool = False) -> Any:
        if x.ndim == 0:
            return x, gc.constant(0)
        return (
            look_up(values)(x, axis=dim, keepdims=keepdim),
            look_up(indices)(x, axis=dim, keepdims=keepdim),
        )

    return call


def torch_moments(name: str) -> Callable[..., Any]:
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
        axis = tuple(dim) if isinstance(dim, list) else torch_axes(dim)
        return look_up(name)(x, axis=axis, ddof=ddof, keepdims=keepdim)

    return call


def torch_with_mean(name: str) -> Callable[..., Any]:
    moments = torch_moments(name)

    def call(x: Any, dim: Any = None, *args: Any, **kwargs: Any) -> Any:
        axis = None if isinstance(dim, bool) else torch_axes(dim)
        axis = tuple(axis) if isinstance(axis, list) else axis
        mean = gc.mean(x, axis=axis, keepdims=kwargs.get("keepdim", False))
        return moments(x, dim, *args, **kwargs), mean

    return call


def torch_added(product: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def call(x: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
        scaled = product(a, b) * alpha
        return scaled if beta == 0 else x * beta + scaled

    return call


def torch_divide(x: Any, y: Any, *, rounding_mode: str | None = None) -> Any:
    if rounding_mode == "floor":
        return gc.floor_divide(x, y)
    quotient = gc.divide(x, y)
    return named("trunc")(quotient) if rounding_mode == "trunc" else quotient


def torch_norm(x: Any, p: Any = None, dim: Any = None, keepdim: bool = False) -> Any:
    if isinstance(dim, list):
        dim = tuple(dim)
    if p in ("fro", "nuc"):
        return named("linalg.norm")(x, p, axis=dim, keepdims=keepdim)
    return named("linalg.vector_norm")(
        x, ord=2 if p is None else p, axis=dim, keepdims=keepdim
    )


def torch_clip(x: Any, min: Any = None, max: Any = None) -> Any:
    return gc.clip(x, min, max)


def torch_quantile(name: str) -> Callable[..., Any]:
    def call(
        x: Any,
        q: Any,
        dim: Any = None,
        keepdim: bool = False,
        interpolation: str = "linear",
    ) -> Any:
        axis = dim if x.ndim else None
        return look_up(name)(x, q, axis=axis, keepdims=keepdim, method=interpolation)

    return call


def torch_median(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The lower one of two, as PyTorch has it; the position is not compared."""
    axis = dim if x.ndim else None
    return look_up("quantile")(x, 0.5, axis=axis, keepdims=keepdim, method="lower")


def torch_sort(
    x: Any, dim: int = -1, descending: bool = False, stable: bool = False
) -> Any:
    if x.ndim == 0:
        return x, gc.constant(0)
    indices = named("argsort")(x, axis=dim, descending=descending, stable=True)
    return gc.take_along_axis(x, indices, dim), indices


def torch_diff(
    x: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None
) -> Any:
    given = {"prepend": prepend, "append": append}
    kept = {key: value for key, value in given.items() if value is not None}
    return named("diff")(x, n=n, axis=dim, **kept)


def torch_cov(
    x: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None
) -> Any:
    return named("cov")(x, ddof=correction, fweights=fweights, aweights=aweights)


def torch_trapezoid(y: Any, x: Any = None, *, dx: float = 1.0, dim: int = -1) -> Any:
    return named("trapezoid")(y, x=x, dx=dx, axis=dim)


def torch_gradient(
    x: Any, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1
) -> Any:
    spacing = 1 if spacing is None else spacing
    steps = spacing if isinstance(spacing, tuple | list) else (spacing,)
    return named("gradient")(x, *steps, axis=dim, edge_order=edge_order)


def torch_histc(x: Any, bins: int = 100, min: Any = 0, max: Any = 0) -> Any:
    """The whole range of the numbers where both ends are 0."""
    limits = None if min == max else (min, max)
    return gc.astype(named("histogram")(x, bins, limits)[0], x.dtype)


def torch_histogram(
    x: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False
) -> Any:
    counts, edges = named("histogram")(x, bins, range, density, weight)
    return gc.astype(counts, x.dtype), edges


def torch_zeta(x: Any, q: Any) -> Any:
    """Of an exponent that is a number: there is none of an array of them."""
    if isinstance(x, gc.Node):
        raise NoFunctionError("zeta of exponents in an array")
    return named("special.zeta")(x, q)


def torch_scalar_safe(function: Callable[..., Any]) -> Callable[..., Any]:
    """For operators that PyTorch lets have an axis where there is none."""

    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        return x if x.ndim == 0 else function(x, *args, **kwargs)

    return call


def torch_einsum(operands: Any, equation: str) -> Any:
    return named("einsum")(equation, *operands)


def torch_lerp(x: Any, end: Any, weight: Any) -> Any:
    return x + weight * (end - x)


def torch_tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    return named("tensordot")(a, b, axes=dims)


def torch_mvlgamma(x: Any, p: int) -> Any:
    return named("special.multigammaln")(x, p)


def torch_svd(x: Any, some: bool = True, compute_uv: bool = True) -> Any:
    u, s, vh = named("linalg.svd")(x, full_matrices=not some)
    return u, s, gc.swapaxes(vh, -1, -2)


def torch_softmax(name: str) -> Callable[..., Any]:
    def call(x: Any, dim: int = -1, dtype: Any = None, **kwargs: Any) -> Any:
        x = x if dtype is None else gc.astype(x, dtype)
        if x.ndim == 0:
            x = gc.reshape(x, (1,))
            return gc.reshape(getattr(gc.nn, name)(x, -1), ())
        return getattr(gc.nn, name)(x, dim)

    return call


def torch_cross(x: Any, y: Any, dim: int = -1) -> Any:
    return named("cross")(x, y, axis=dim)


def torch_searchsorted(
    sorted_sequence: Any,
    values: Any,
    *,
    right: bool = False,
    side: str | None = None,
    **kwargs: Any,
) -> Any:
    kwargs.pop("out_int32", None)
    chosen = side or ("right" if right else "left")
    return named("searchsorted")(sorted_sequence, values, side=chosen, **kwargs)


def torch_isin(
    elements: Any, test: Any, *, assume_unique: Any = False, **kw: Any
) -> Any:
    return named("isin")(elements, test, invert=kw.get("invert", False))


def torch_topk(
    x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> Any:
    if x.ndim == 0:
        return x, gc.constant(0)
    return named("topk")(x, k, axis=dim, largest=largest, sorted=sorted)


def torch_argsort(
    x: Any, dim: int = -1, descending: bool = False, stable: bool = False
) -> Any:
    if x.ndim == 0:
        return gc.constant(0)
    return named("argsort")(x, axis=dim, descending=descending, stable=True)


def torch_batch_norm(
    x: Any, running_mean: Any = None, running_var: Any = None, *args: Any, **kwargs: Any
) -> Any:
    return named("nn.functional.batch_norm")(
        x, running_mean, running_var, *args, **kwargs
    )


def torch_logit(x: Any, eps: Any = None) -> Any:
    if eps is not None:
        x = gc.clip(x, eps, 1.0 - eps)
    return named("special.logit")(x)


def torch_swapped(name: str) -> Callable[..., Any]:
    return lambda x, y: look_up(name)(y, x)


def torch_alpha(name: str) -> Callable[..., Any]:
    def call(x: Any, y: Any, *, alpha: Any = 1) -> Any:
        return look_up(name)(x, y if alpha == 1 else y * alpha)

    return call


def torch_pow(x: Any, y: Any) -> Any:
    return gc.power(x, y)


def torch_isclose(x: Any, y: Any, **kwargs: Any) -> Any:
    return named("isclose")(x, y, **kwargs)


def torch_count_nonzero(x: Any, dim: Any = None) -> Any:
    axis = tuple(dim) if isinstance(dim, list) else torch_axes(dim)
    return named("count_nonzero")(x, axis=axis)


def torch_logsumexp(x: Any, dim: Any, keepdim: bool = False) -> Any:
    axis = tuple(dim) if isinstance(dim, list) else dim
    return named("logsumexp")(x, axis=axis if x.ndim else None, keepdims=keepdim)


def torch_arg(name: str) -> Callable[..., Any]:
    def call(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if x.ndim == 0:
            return gc.constant(0)
        return getattr(gc, name)(x, axis=dim, keepdims=keepdim)

    return call


def torch_cumulative(name: str, indices: bool = False) -> Callable[..., Any]:
    def call(x: Any, dim: int, **kwargs: Any) -> Any:
        if x.ndim == 0:
            return (x, gc.constant(0)) if indices else x
        found = look_up(name)(x, axis=dim, **kwargs)
        return found

    return call


def torch_triplet(
    a: Any, p: Any, n: Any, *, distance_function: Any = None, **kwargs: Any
) -> Any:
    """Distances that are modules of PyTorch under the names of functions."""
    if distance_function is not None:
        name = type(distance_function).__name__
        names = {"PairwiseDistance": "pairwise_distance"}
        if name not in names:
            raise NoFunctionError(name)
        distance_function = look_up(f"nn.functional.{names[name]}")
    return named("nn.functional.triplet_margin_with_distance_loss")(
        a, p, n, distance_function=distance_function, **kwargs
    )


def torch_eigh(x: Any, UPLO: str = "L") -> Any:
    """Vectors without their sign, as the database compares them."""
    values, vectors = named("linalg.eigh")(x, UPLO)
    return values, gc.abs(vectors)


def torch_pinv(
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
    return named("linalg.pinv")(x, hermitian=hermitian, **kept)


def torch_matrix_norm(
    x: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False
) -> Any:
    return named("linalg.norm")(x, ord, axis=tuple(dim), keepdims=keepdim)


def torch_solve(a: Any, b: Any, *, left: bool = True) -> Any:
    """Vectors of a stack are told from a matrix by the number of axes."""
    if not left:
        raise NoFunctionError("solve from the right")
    if b.ndim == a.ndim - 1 and b.shape == a.shape[:-1]:
        return named("linalg.solve")(a, b[..., None])[..., 0]
    return named("linalg.solve")(a, b)


def torch_scalar_kth(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    if x.ndim == 0:
        return x, gc.constant(0)
    return named("kthvalue")(x, k, axis=dim, keepdims=keepdim)


def torch_cumulative_trapezoid(
    y: Any, x: Any = None, *, dx: float = 1.0, dim: int = -1
) -> Any:
    """Each area is half of a sum of neighbours, times their distance."""
    count = y.shape[dim]
    heights = (torch_slice(y, dim, 1) + torch_slice(y, dim, 0, count - 1)) / 2
    if x is None:
        return gc.cumsum(heights * dx, axis=dim)
    if x.ndim == 1:
        shape = [1] * y.ndim
        shape[dim] = count
        x = gc.reshape(x, tuple(shape))
    widths = torch_slice(x, dim, 1) - torch_slice(x, dim, 0, count - 1)
    return gc.cumsum(heights * widths, axis=dim)
