"""Rows of a table at integer positions, and bags of them; and their layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import (
    DTypeError,
    IndexRangeError,
    OptionError,
    ShapeError,
    UnsupportedError,
)
from ..ir.batching import shared_after
from ..ir.dims import Dimension, format_shape
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType, is_integer
from ..ops import extrema, reduction, truth
from ..ops.arithmetic import maximum, where
from ..ops.element_texts import at, elements, letters, over
from ..ops.indexing import SCATTER_ADD, take
from ..ops.shape import expand_dims
from ..ops.slices import ARRAY, Slice
from ..ops.source import ArrayLike, arange, as_node, ones, stop_gradient
from ..ops.type_rules import floating
from . import init
from .init.initializers import WithoutRow
from .layer import Layer, check_size


def _embedding_infer(
    input: TensorType, weight: TensorType, *, padding_idx: int | None
) -> TensorType:
    _check_positions(input)
    _check_table(weight)
    return weight.with_shape((*input.shape, weight.shape[1]))


def _check_table(weight: TensorType) -> None:
    floating(weight, "weight")
    if weight.ndim != 2:
        raise ShapeError(
            "requires a weight of shape (rows, features), got "
            f"{format_shape(weight.shape)}"
        )


def _check_positions(input: TensorType) -> None:
    if not is_integer(input.dtype):
        raise DTypeError(
            f"requires positions of an integer dtype, got {input}",
            hint='input.astype("int64"); the weight is the second argument',
        )


def _embedding_expand(input: Node, weight: Node, *, padding_idx: int | None) -> Node:
    rows = take(weight, input, axis=0)
    if padding_idx is None:
        return rows
    rows = rows.named("rows")
    is_padding = expand_dims((input == padding_idx).named("is_padding"), -1)
    return where(is_padding, stop_gradient(rows), rows)


def _elements(node: Node) -> str:
    *places, feature = letters(node.ndim)
    return elements([*places, feature], f"weight[{at('input', places)}, {feature}]")


def _gradients(node: Node) -> tuple[str | None, ...]:
    """The sum over places of a row, for rows that are not those of padding."""
    padding = node.attributes["padding_idx"]
    if padding is None:
        return ()
    *places, feature, row = letters(node.ndim + 1)
    chosen = f"indicator(Eq({at('input', places)}, {row}))"
    d = over(f"{chosen} * {at('d', [*places, feature])}", places)
    return (None, f"{row} {feature}: indicator(Ne({row}, {padding})) * {d}")


EMBEDDING = Op(
    name="embedding",
    mathematics=Mathematics(
        written="<1>_{<0>}", elements=_elements, gradients=_gradients, is_plain=True
    ),
    inputs=("input", "weight"),
    infer=_embedding_infer,
    expand=_embedding_expand,
    batch=shared_after(1),
    cases=tuple(
        Case(
            (shape, (5, 3)),
            {"padding_idx": padding},
            dtypes=("int64", ""),
            # A row that gets no gradient has a derivative all the same.
            maximum=(4, None),
        )
        for shape, padding in (((4,), None), ((2, 3), 4), ((), None), ((0,), None))
    ),
)


def _refuse(function: str, max_norm: float | None, scale_grad_by_freq: bool) -> None:
    if max_norm is not None:
        raise UnsupportedError(
            "max_norm would change the weight while it is read",
            node=function,
            hint="weight * gc.minimum(1.0, max_norm / norm), with the norm of each row",
        )
    if scale_grad_by_freq:
        raise UnsupportedError(
            "scale_grad_by_freq gives a gradient that is not the derivative",
            node=function,
            hint="a loss whose terms are weighted instead",
        )


def _padding_of(padding_idx: int | None, rows: Dimension, place: str) -> int | None:
    """The row that gets no gradient, counted from the start."""
    if padding_idx is None or not isinstance(rows, int):
        return padding_idx
    if not -rows <= padding_idx < rows:
        raise IndexRangeError(
            f"padding_idx {padding_idx} is out of range for {rows} rows", node=place
        )
    return int(padding_idx) % rows


def _rows(table: Node) -> Dimension:
    return table.shape[0] if table.shape else 0


def embedding(
    input: ArrayLike,
    weight: ArrayLike,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Node:
    """Rows of a table: `y[...] = weight[input[...]]`.

    Args:
        input: integer positions from 0 to `rows - 1`, of any shape. One out of range is
            an error, never another row.
        weight: the table, `(rows, features)`, floating.
        padding_idx: a row that gets no gradient; negative ones count from the end.
        max_norm: None: torch's option would change the weight while it is read.
        norm_type: the order of that norm.
        scale_grad_by_freq: False: torch's option gives what is not the derivative.
        sparse: taken and ignored; gradients are arrays of the shape of the weight.

    Returns:
        `(*input.shape, features)`.

    Raises:
        DTypeError: positions that are not integers, or a weight that is not floating.
        ShapeError: the weight is not a matrix.
        IndexRangeError: positions in the declaration, or `padding_idx`, out of range.
        UnsupportedError: `max_norm` or `scale_grad_by_freq` is given.

    Source: Bengio et al. 2003, "A neural probabilistic language model".

    >>> import graphc as gc
    >>> table = [[0.0, 0.5], [1.0, 1.5], [2.0, 2.5]]
    >>> gc.evaluate(gc.nn.embedding([2, 0], table), {})
    array([[2. , 2.5],
           [0. , 0.5]])
    """
    _refuse("embedding", max_norm, scale_grad_by_freq)
    positions, table = as_node(input), as_node(weight)
    row = _padding_of(padding_idx, _rows(table), "embedding")
    return EMBEDDING(positions, table, padding_idx=row)


def embedding_bag(
    input: ArrayLike,
    weight: ArrayLike,
    offsets: ArrayLike = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: ArrayLike = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Node:
    """Sums, means or maxima of bags of rows of a table.

    Args:
        input: integer positions: `(bags, length)`, or `(count,)` with `offsets`.
        weight: the table, `(rows, features)`, floating.
        offsets: `(bags,)`, where in a flat `input` each bag starts, the first at 0.
        max_norm: None; see `embedding`.
        norm_type: the order of that norm.
        scale_grad_by_freq: False; see `embedding`.
        mode: `"sum"`, `"mean"` or `"max"`. A bag without rows gives zeros.
        sparse: taken and ignored.
        per_sample_weights: a factor for each row, of the shape of `input`, for sums.
        include_last_offset: True where the last offset is the end of the last bag.
        padding_idx: a row that is left out of bags.

    Returns:
        `(bags, features)`.

    Raises:
        DTypeError, ShapeError, IndexRangeError: see `embedding`.
        OptionError: another `mode`, or factors where it is not `"sum"`.
        UnsupportedError: `max_norm` or `scale_grad_by_freq` is given.

    Source: Joulin et al. 2017, "Bag of tricks for efficient text classification".

    >>> import graphc as gc
    >>> table = [[0.0, 0.5], [1.0, 1.5], [2.0, 2.5]]
    >>> gc.evaluate(gc.nn.embedding_bag([[2, 0], [1, 1]], table, mode="sum"), {})
    array([[2., 3.],
           [2., 3.]])
    """
    _refuse("embedding_bag", max_norm, scale_grad_by_freq)
    positions, table = as_node(input), as_node(weight)
    place = f"embedding_bag({positions.describe()})"
    if mode not in ("sum", "mean", "max"):
        raise OptionError(
            f'mode must be "sum", "mean" or "max", got {mode!r}', node=place
        )
    if per_sample_weights is not None and mode != "sum":
        raise OptionError(
            f'per_sample_weights need mode="sum", got {mode!r}', node=place
        )
    if positions.ndim != (2 if offsets is None else 1):
        raise ShapeError(
            "requires input of shape (bags, length), or (count,) with offsets, got "
            f"{format_shape(positions.shape)}",
            node=place,
        )
    row = _padding_of(padding_idx, _rows(table), place)
    rows = EMBEDDING(positions, table, padding_idx=row)
    counts = None if row is None else (positions != row)
    if per_sample_weights is not None:
        factors = as_node(per_sample_weights, table.dtype)
        if factors.shape != positions.shape:
            raise ShapeError(
                "requires per_sample_weights of the shape of input "
                f"{format_shape(positions.shape)}, got {format_shape(factors.shape)}",
                node=place,
            )
        rows = rows * expand_dims(factors, -1)
    if offsets is None:
        return _reduce_bags(rows, counts, mode)
    starts = as_node(offsets)
    _check_offsets(starts, place)
    if include_last_offset:
        starts = starts[:-1]
    # Each row belongs to the last bag that starts at or before its position.
    place_of = arange(positions.shape[0])
    begun = expand_dims(place_of, 1) >= starts
    bag = reduction.sum(begun, 1) - 1
    if mode == "max":
        member = expand_dims(bag, 0) == expand_dims(arange(starts.shape[0]), 1)
        used = member if counts is None else member & counts
        return _largest(expand_dims(rows, 0), used)
    if counts is not None:
        rows = where(expand_dims(counts, -1), rows, 0.0)
    bags, features = starts.shape[0], table.shape[1]
    index = (ARRAY, Slice(None, None, None, features))
    total = SCATTER_ADD(rows, bag, index=index, shape=(bags, features))
    if mode == "sum":
        return total
    each = ones(positions.shape, rows.dtype)
    each = each if counts is None else counts.astype(rows.dtype)
    number = SCATTER_ADD(each, bag, index=(ARRAY,), shape=(bags,))
    return total / expand_dims(maximum(number, 1.0), 1)


def _check_offsets(starts: Node, place: str) -> None:
    if starts.ndim != 1 or not is_integer(starts.dtype):
        raise ShapeError(
            f"requires a vector of integer offsets, got {starts.type}", node=place
        )


def _reduce_bags(rows: Node, used: Node | None, mode: str) -> Node:
    if mode == "max":
        if used is None:
            return extrema.max(rows, 1)
        return _largest(rows, used)
    if used is not None:
        rows = where(expand_dims(used, -1), rows, 0.0)
    if mode == "sum":
        return reduction.sum(rows, 1)
    if used is None:
        return reduction.mean(rows, 1)
    number = reduction.sum(used.astype(rows.dtype), 1, keepdims=True)
    return reduction.sum(rows, 1) / maximum(number, 1.0)


def _largest(rows: Node, used: Node) -> Node:
    """The largest of the rows that are used along axis 1, and 0 where none is."""
    chosen = where(expand_dims(used, -1), rows, -np.inf)
    largest = extrema.max(chosen, 1)
    return where(truth.any(used, 1, keepdims=True), largest, 0.0)


class Embedding(Layer):
    """`gc.nn.embedding` with a table of its own, which starts standard normal.

    Args:
        num_embeddings: the number of rows.
        embedding_dim: the number of features of a row.
        padding_idx: a row that starts at 0 and gets no gradient.
        max_norm, norm_type, scale_grad_by_freq, sparse: see `gc.nn.embedding`.
        weight_init: an array or an initialiser of `gc.init`, in place of the start.
        name: the name of the output and prefix of the parameter.
        dtype: the dtype of the table.

    Raises:
        OptionError: a size that is not a positive integer.
        IndexRangeError: `padding_idx` is not a row.

    >>> import graphc as gc
    >>> tokens = gc.input("tokens", ("batch", "time"), "int64")
    >>> gc.nn.Embedding(1000, 16, name="words")(tokens)
    <embedding 'words' float32 (batch, time, 16)>
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        *,
        weight_init: Any = None,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name)
        self.num_embeddings = check_size(num_embeddings, "num_embeddings", self)
        self.embedding_dim = check_size(embedding_dim, "embedding_dim", self)
        _refuse("Embedding", max_norm, scale_grad_by_freq)
        shape = (self.num_embeddings, self.embedding_dim)
        start = init.normal() if weight_init is None else weight_init
        self.padding_idx = _padding_of(padding_idx, self.num_embeddings, "Embedding")
        if self.padding_idx is not None and weight_init is None:
            start = WithoutRow(start, self.padding_idx)
        self._declare("weight", shape, start, dtype)

    @property
    def weight(self) -> Node:
        """`(num_embeddings, embedding_dim)`."""
        self._fix()
        return self._nodes["weight"]

    def forward(self, input: Node) -> Node:
        """`gc.nn.embedding` with the layer's table."""
        return embedding(input, self.weight, self.padding_idx)

    def _describe(self) -> str:
        sizes = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is None:
            return sizes
        return f"{sizes}, padding_idx={self.padding_idx}"


class EmbeddingBag(Embedding):
    """`gc.nn.embedding_bag` with a table of its own, which starts standard normal.

    Args:
        num_embeddings: the number of rows.
        embedding_dim: the number of features of a row.
        max_norm, norm_type, scale_grad_by_freq, sparse: see `gc.nn.embedding`.
        mode: `"sum"`, `"mean"` or `"max"`.
        include_last_offset: True where the last offset is the end of the last bag.
        padding_idx: a row that starts at 0, gets no gradient and is left out of bags.
        weight_init: an array or an initialiser of `gc.init`, in place of the start.
        name: the name of the output and prefix of the parameter.
        dtype: the dtype of the table.

    Raises:
        OptionError: a size that is not a positive integer.
        IndexRangeError: `padding_idx` is not a row.

    >>> import graphc as gc
    >>> words = gc.input("words", ("batch", 20), "int64")
    >>> gc.nn.EmbeddingBag(1000, 16, name="text")(words)
    <mean 'text' float32 (batch, 16)>
    """

    kind = "embedding_bag"

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        *,
        weight_init: Any = None,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(
            *(num_embeddings, embedding_dim, padding_idx, max_norm, norm_type),
            *(scale_grad_by_freq, sparse),
            weight_init=weight_init,
            name=name,
            dtype=dtype,
        )
        self.mode = mode
        self.include_last_offset = include_last_offset

    def forward(
        self,
        input: Node,
        offsets: ArrayLike = None,
        per_sample_weights: ArrayLike = None,
    ) -> Node:
        """`gc.nn.embedding_bag` with the layer's table."""
        return embedding_bag(
            input,
            self.weight,
            offsets,
            mode=self.mode,
            per_sample_weights=per_sample_weights,
            include_last_offset=self.include_last_offset,
            padding_idx=self.padding_idx,
        )

    def _describe(self) -> str:
        return f"{super()._describe()}, mode={self.mode!r}"
