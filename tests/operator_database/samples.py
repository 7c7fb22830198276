"""Samples of the database, and the result of one: right, refused, missing, or wrong."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db

import graphc as gc
from graphc.errors import GraphcError, NoAttributeError
from graphc.ir.graph import declared_inputs
from tests.operator_database.lookup import NoFunctionError
from tests.operator_database.names import find

STYLES = ("interpreter", "readable", "fast")
LIMIT = 12
"""Samples of one operator, the first and others spread over the rest."""

OUTSIDE = (
    *("fft.", "sparse.", "jiterator", "torch.ops.", "torch._scaled", "_segment"),
    *(
        "native_",
        "_native",
        "_batch_norm",
        "_upsample",
        "_unsafe",
        "_chunk",
        "_softmax",
    ),
    *("hash_tensor", "masked.", "signal.", "stft", "istft", "to_sparse", "bmm.triton"),
    *("linalg.ldl", "linalg.lu", "lu", "geqrf", "ormqr", "linalg.householder"),
    *("linalg.eig.", "cfloat", "cdouble", "chalf", "complex", "polar", "view_as_"),
    *("resolve_", "conj", "real", "imag", "angle", "H", "mH", "as_strided"),
    *("resize_", "empty", "new_empty", "masked_select", "nonzero", "argwhere"),
    *("unique", "histogramdd", "svd_lowrank", "pca_lowrank", "combinations"),
    *("item", "bfloat16", "randn", "rand_like", "randint", "multinomial", "normal"),
    *("uniform", "cauchy", "exponential", "geometric", "log_normal", "bernoulli"),
    *("nn.functional.dropout", "nn.functional.alpha", "nn.functional.feature"),
    *("nn.functional.rrelu", "nn.functional.fractional", "nn.functional.max_unpool"),
    *("nn.functional.linear_cross", "max_pool2d_with", "grid_sampler", "zero_"),
    *("fill", "to", "sum_to_size", "scalar_tensor", "renorm", "lu_unpack"),
    *("lu_solve", "conj_physical", "put"),
    *("cholesky_", "triangular_solve", "special.chebyshev", "special.hermite"),
    *("special.laguerre", "special.legendre", "special.shifted", "special.airy"),
    *("special.spherical", "masked_scatter", "movedim.", "permute.", "linalg.tensor"),
    *("linalg.eig", "linalg.eigvals", "linalg.lstsq", "linalg.matrix_rank"),
    *("linalg.solve_ex", "ones", "zeros", "isreal", "ldexp", "frexp", "rand"),
)
"""Operators that are not functions of a static graph of real numbers, by the start of
their name, and draws at random, whose numbers differ."""

KEPT = ("linalg.eigh", "linalg.eigvalsh", "topk", "ones_like", "zeros_like", "tile")
"""Operators that begin as one outside does, but are inside."""

SEVEN_DIGITS = tuple(f"special.bessel_{name}" for name in ("j0", "j1", "y0", "y1"))
"""Operators of which PyTorch's own values have no more digits."""


@dataclass
class Outcome:
    """Counts of the samples of one operator."""

    name: str
    right: int = 0
    refused: list[str] = field(default_factory=list[str])
    wrong: list[str] = field(default_factory=list[str])
    crashed: list[str] = field(default_factory=list[str])
    missing: bool = False

    @property
    def samples(self) -> int:
        """All of them."""
        return self.right + len(self.refused) + len(self.wrong) + len(self.crashed)

    def __str__(self) -> str:
        if self.missing:
            return f"{self.name}: missing"
        text = f"{self.name}: {self.right} of {self.samples} right"
        for kind in ("refused", "wrong", "crashed"):
            entries = getattr(self, kind)
            if entries:
                text += f"\n  {len(entries)} {kind}"
                for entry in dict.fromkeys(entries[:3]):
                    text += f"\n    {entry}"
        return text


def operators() -> list[Any]:
    """The operators that a static graph of real numbers can have."""
    return [
        info
        for info in op_db
        if torch.float64 in info.supported_dtypes("cpu")
        and (full_name(info) in KEPT or not _is_outside(full_name(info)))
    ]


def _is_outside(name: str) -> bool:
    return any(
        name == start
        or (name.startswith(start) and not start[-1].isalpha())
        or (len(start) > 4 and name.startswith(start))
        for start in OUTSIDE
    )


def full_name(info: Any) -> str:
    """The name with its variant."""
    variant = info.variant_test_name
    return f"{info.name}.{variant}" if variant else info.name


def _drops_out(info: Any, sample: Any) -> bool:
    """True for an attention that drops weights, by its positional argument."""
    is_attention = info.name.endswith("multi_head_attention_forward")
    return is_attention and bool(sample.args[9]) and sample.kwargs["training"]


def samples(info: Any) -> Iterator[Any]:
    """Some samples of an operator, spread over all that it has."""
    torch.manual_seed(0)
    needs = info.supports_autograd
    found = [
        sample
        for sample in info.sample_inputs("cpu", torch.float64, requires_grad=needs)
        # Draws at random differ.
        if not sample.kwargs.get("dropout_p") and not _drops_out(info, sample)
    ]
    step = max(1, -(-len(found) // LIMIT))
    yield from found[::step]


@dataclass
class _Placeholders:
    """Inputs for the tensors of a sample, in order."""

    nodes: list[gc.Node] = field(default_factory=list[gc.Node])
    arrays: list[Any] = field(default_factory=list[Any])
    tensors: list[Any] = field(default_factory=list[Any])
    static: bool = False

    def convert(self, value: Any) -> Any:
        """A value of a sample with a node in place of each tensor."""
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, torch.Size):
            return tuple(value)
        if isinstance(value, tuple | list):
            kind = type(value) if type(value) in (tuple, list) else tuple
            return kind(self.convert(item) for item in value)
        if isinstance(value, dict):
            return {key: self.convert(item) for key, item in value.items()}
        if isinstance(value, torch.dtype):
            return str(value).removeprefix("torch.")
        if isinstance(value, torch.Tensor | np.generic):
            return value.item()
        return value

    def _tensor(self, value: Any) -> Any:
        for node, tensor in zip(self.nodes, self.tensors, strict=True):
            if tensor is value:
                return node
        array = value.detach().numpy()
        if self.static and array.dtype.kind in "iub":
            return array.copy()
        node = gc.input(f"x{len(self.nodes)}", tuple(array.shape), str(array.dtype))
        self.nodes.append(node)
        self.arrays.append(np.ascontiguousarray(array).reshape(array.shape))
        self.tensors.append(value)
        return node


def _flat(result: Any) -> list[Any]:
    if isinstance(result, tuple | list):
        return [leaf for item in result for leaf in _flat(item)]
    return [result]


def run(info: Any, styles: Sequence[str] = STYLES) -> Outcome:
    """All samples of an operator."""
    outcome = Outcome(full_name(info))
    try:
        find(outcome.name)
    except NoFunctionError:
        outcome.missing = True
        return outcome
    for sample in samples(info):
        text = _describe(sample)
        try:
            problem = _try(info, sample, styles)
        except (NoFunctionError, NoAttributeError):
            outcome.missing = True
            return outcome
        except (GraphcError, TypeError, AttributeError, NotImplementedError) as error:
            kept = (
                outcome.refused if isinstance(error, GraphcError) else (outcome.crashed)
            )
            reason = str(error).strip().splitlines()
            kept.append(f"{text}: {type(error).__name__}: {' '.join(reason)[:300]}")
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            outcome.crashed.append(f"{text}: {' '.join(reason.split())[:300]}")
        else:
            if problem is None:
                outcome.right += 1
            else:
                outcome.wrong.append(f"{text}: {problem}")
    return outcome


def _describe(sample: Any) -> str:
    def short(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return f"{str(value.dtype)[6:]}{list(value.shape)}"
        if isinstance(value, tuple | list):
            return [short(item) for item in value]
        return value

    keywords = {key: short(value) for key, value in sample.kwargs.items()}
    return f"{short(sample.input)} {[short(a) for a in sample.args]} {keywords}"


def _apply(name: str, sample: Any, static: bool) -> tuple[_Placeholders, list[Any]]:
    placeholders = _Placeholders(static=static)
    first = placeholders.convert(sample.input)
    args = placeholders.convert(tuple(sample.args))
    kwargs = placeholders.convert(dict(sample.kwargs))
    return placeholders, _flat(find(name)(first, *args, **kwargs))


def _try(info: Any, sample: Any, styles: Sequence[str]) -> str | None:
    """A text on what is wrong with values or gradients, or None."""
    name = full_name(info)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = info(sample.input, *sample.args, **sample.kwargs)
        if name.startswith("linalg.eigh"):
            found = sample.output_process_fn_grad(found)
        wanted = [leaf for leaf in _flat(found) if leaf is not None]
    try:
        placeholders, results = _apply(name, sample, static=False)
    except GraphcError:
        placeholders, results = _apply(name, sample, static=True)
    nodes = [gc.constant(r) if not isinstance(r, gc.Node) else r for r in results]
    targets = [
        w.detach().numpy(force=True) if isinstance(w, torch.Tensor) else np.asarray(w)
        for w in wanted[: len(nodes)]
    ]
    gradients, expected = _gradients(info, placeholders, nodes, wanted)
    needed = {node.name for node in declared_inputs([*nodes, *gradients])}
    feeds = {
        name: array
        for k, array in enumerate(placeholders.arrays)
        if (name := f"x{k}") in needed
    }
    for style in styles:
        values, grads = _evaluate(style, nodes, gradients, placeholders, feeds)
        for place, (value, target) in enumerate(zip(values, targets, strict=False)):
            problem = _differ(value, target, full_name(info) in SEVEN_DIGITS)
            if problem:
                return f"{style}: value {place}: {problem}"
        for place, (value, target) in enumerate(zip(grads, expected, strict=True)):
            problem = _differ(value, target)
            if problem:
                return f"{style}: gradient {place}: {problem}"
    return None


def _gradients(
    info: Any, placeholders: _Placeholders, nodes: list[Any], wanted: list[Any]
) -> tuple[list[Any], list[Any]]:
    """Gradients of a weighted sum of all floating results, ours and PyTorch's."""
    pairs = [
        (node, tensor)
        for node, tensor in zip(nodes, wanted, strict=False)
        if isinstance(tensor, torch.Tensor) and tensor.requires_grad
    ]
    if not info.supports_autograd or not pairs:
        return [], []
    rng = np.random.default_rng(0)
    ours: Any = None
    theirs: Any = None
    for node, tensor in pairs:
        weights = rng.standard_normal(tuple(tensor.shape))
        weights = weights.astype(str(tensor.dtype)[6:])
        term = gc.sum(node * weights)
        ours = term if ours is None else ours + term
        other = (tensor * torch.from_numpy(np.asarray(weights))).sum()
        theirs = other if theirs is None else theirs + other
    leaves = [
        (node, tensor)
        for node, tensor in zip(placeholders.nodes, placeholders.tensors, strict=True)
        if tensor.requires_grad
    ]
    if not leaves:
        return [], []
    got = gc.grad(ours, [node for node, _ in leaves], unused="zeros")
    want = torch.autograd.grad(
        theirs, [tensor for _, tensor in leaves], allow_unused=True, retain_graph=True
    )
    filled = [
        np.zeros(tuple(tensor.shape))
        if gradient is None
        else gradient.numpy(force=True)
        for gradient, (_, tensor) in zip(want, leaves, strict=True)
    ]
    return list(got), filled


def _evaluate(
    style: str,
    nodes: list[Any],
    gradients: list[Any],
    placeholders: _Placeholders,
    feeds: dict[str, Any],
) -> tuple[list[Any], list[Any]]:
    everything = [*nodes, *gradients]
    if style == "interpreter":
        found = gc.evaluate(everything, feeds)
    else:
        function: Callable[..., Any] = gc.compile(everything, style=style)
        found = function(**feeds)
    return list(found[: len(nodes)]), list(found[len(nodes) :])


def _differ(value: Any, target: Any, loosely: bool = False) -> str | None:
    value, target = np.asarray(value), np.asarray(target)
    if value.shape != target.shape:
        return f"shape {value.shape}, expected {target.shape}"
    if value.size == 0:
        return None
    if target.dtype.kind != "f":
        same = np.array_equal(value, target)
        return None if same else f"got {value.ravel()[:4]}, not {target.ravel()[:4]}"
    tolerance = {8: 1e-7, 4: 1e-4, 2: 1e-2}[target.dtype.itemsize]
    tolerance = max(tolerance, 1e-6) if loosely else tolerance
    if np.allclose(value, target, rtol=tolerance, atol=tolerance, equal_nan=True):
        return None
    with np.errstate(all="ignore"):
        worst = np.nanmax(np.abs(value - target))
    return f"off by {worst:.3g}: {value.ravel()[:4]}, not {target.ravel()[:4]}"
