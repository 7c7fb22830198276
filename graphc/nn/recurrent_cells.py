"""Cells of recurrent networks: one step of a state, as functions and as layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias, cast

from ..arguments import unlisted
from ..errors import DTypeError, OptionError, ShapeError
from ..ir.dims import Shape, format_shape
from ..ir.naming import Naming
from ..ir.node import Node
from ..ops.exponential import tanh
from ..ops.source import ArrayLike, as_node, zeros
from ..ops.splitting import split
from . import init
from .activations import relu, sigmoid
from .affine import linear
from .layer import Layer, check_size

State: TypeAlias = tuple[Node, ...]
"""The hidden state, and what else a cell keeps from step to step."""

Step: TypeAlias = Callable[[Node, State, "Weights"], State]
"""The next state, of the projected input and the state before."""


class Weights:
    """The parameters of a layer in one direction, by their names without a suffix."""

    def __init__(self, named: Callable[[str], Node | None]) -> None:
        self._named = named

    def __getattr__(self, part: str) -> Any:
        """A parameter, or None."""
        return self._named(part)


def _called(node: Node, name: str) -> Node:
    """A node of a name that is numbered where another one has it."""
    return Naming(name).give(node, "")


def rnn_step(activation: Callable[[Node], Node]) -> Step:
    """A step of a plain recurrent network."""

    def rnn(projected: Node, state: State, weights: Weights) -> State:
        (hidden,) = state
        recurrent = linear(hidden, weights.weight_hh)
        return (_called(activation(projected + recurrent), "next_hidden"),)

    return rnn


def lstm_step(projected: Node, state: State, weights: Weights) -> State:
    """A step of a long short-term memory."""
    hidden, cell = state
    gates = _called(projected + linear(hidden, weights.weight_hh), "gates")
    i, f, g, o = split(gates, 4, axis=-1)
    input_gate = _called(sigmoid(i), "input_gate")
    forget_gate = _called(sigmoid(f), "forget_gate")
    candidate = _called(tanh(g), "candidate")
    output_gate = _called(sigmoid(o), "output_gate")
    next_cell = _called(forget_gate * cell + input_gate * candidate, "next_cell")
    next_hidden = output_gate * _called(tanh(next_cell), "squashed_cell")
    if weights.weight_hr is not None:
        next_hidden = linear(next_hidden, weights.weight_hr)
    return _called(next_hidden, "next_hidden"), next_cell


def gru_step(projected: Node, state: State, weights: Weights) -> State:
    """A step of gated recurrent units."""
    (hidden,) = state
    size = hidden.shape[-1]
    recurrent = linear(hidden, weights.weight_hh, weights.bias_hh)
    recurrent = _called(recurrent, "recurrent")
    gates = sigmoid(projected[..., : 2 * size] + recurrent[..., : 2 * size])
    reset_gate, update_gate = split(_called(gates, "gates"), 2, axis=-1)
    reset = _called(reset_gate, "reset_gate") * recurrent[..., 2 * size :]
    candidate = _called(tanh(projected[..., 2 * size :] + reset), "candidate")
    difference = _called(hidden - candidate, "difference")
    step = _called(update_gate, "update_gate") * difference
    return (_called(candidate + step, "next_hidden"),)


NONLINEARITIES: dict[str, Callable[[Node], Node]] = {"tanh": tanh, "relu": relu}


def nonlinearity_of(name: str, layer: Layer) -> Callable[[Node], Node]:
    """The function of a name.

    Raises:
        OptionError: neither `"tanh"` nor `"relu"`.
    """
    if name not in NONLINEARITIES:
        raise OptionError(
            f'nonlinearity must be "tanh" or "relu", got {name!r}',
            node=type(layer).__name__,
        )
    return NONLINEARITIES[name]


def projected_input(input: Node, weights: Weights, *, adds_biases: bool) -> Node:
    """Projection of an input, of one step or of all, for a step to take.

    Args:
        input: features along the last axis.
        weights: of the layer.
        adds_biases: True where both biases are only ever added up.
    """
    bias = weights.bias_ih
    if bias is not None and adds_biases:
        bias = _called(bias + weights.bias_hh, "bias")
    return _called(linear(input, weights.weight_ih, bias), "projected")


@unlisted("adds_biases", "gates", "states")
class RecurrentLayer(Layer):
    """Weights that start uniform on `[-1/sqrt(hidden_size), 1/sqrt(hidden_size))`."""

    gates: ClassVar[int]
    """The number of parts of a weight, one for each gate."""
    states: ClassVar[tuple[str, ...]]
    """The names of what is kept from step to step."""
    adds_biases: ClassVar[bool] = True
    """False where the second bias is more than another summand of the first."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, name: str | None
    ) -> None:
        super().__init__(name)
        self.input_size = check_size(input_size, "input_size", self)
        self.hidden_size = check_size(hidden_size, "hidden_size", self)
        self.bias = bias

    def _declare_weights(
        self, suffix: str, input_size: int, output_size: int, dtype: Any
    ) -> None:
        """Declare those of one direction of one layer."""
        bound = 1 / math.sqrt(self.hidden_size)
        start = init.uniform(-bound, bound)
        rows = self.gates * self.hidden_size
        self._declare(f"weight_ih{suffix}", (rows, input_size), start, dtype)
        self._declare(f"weight_hh{suffix}", (rows, output_size), start, dtype)
        for part in ("bias_ih", "bias_hh") if self.bias else ():
            self._declare(part + suffix, (rows,), start, dtype)
        if output_size != self.hidden_size:
            shape = (output_size, self.hidden_size)
            self._declare(f"weight_hr{suffix}", shape, start, dtype)

    def _weights(self, suffix: str) -> Weights:
        return Weights(lambda part: self._nodes.get(part + suffix))

    _step: Step
    """The function that goes from a state to the next."""

    def _check_input(self, input: Node, ranks: Sequence[int]) -> None:
        if input.ndim in ranks and input.shape[-1] == self.input_size:
            return
        axes = " or ".join(str(rank) for rank in ranks)
        raise ShapeError(
            f"requires an input of {axes} axes, the last one of the {self.input_size} "
            f"features that input_size says, got {format_shape(input.shape)}",
            node=type(self).__name__,
        )

    def _given_states(
        self, hx: Any, dtype: Any, shapes: Sequence[Shape]
    ) -> list[Node] | None:
        """The initial states that were given, or None.

        Args:
            hx: one array or several.
            dtype: of states.
            shapes: of each state.
        """
        if hx is None:
            return None
        place = type(self).__name__
        several = isinstance(hx, tuple) or (isinstance(hx, list) and len(shapes) > 1)
        found: list[Any] = [*cast("Sequence[Any]", hx)] if several else [hx]
        if len(found) != len(shapes):
            raise ShapeError(
                f"requires {' and '.join(self.states)} as initial states, "
                f"got {len(found)} arrays",
                node=place,
                hint="(h0, c0)" if len(shapes) > 1 else "one array",
            )
        nodes = [as_node(each, dtype) for each in found]
        for name, state, shape in zip(self.states, nodes, shapes, strict=True):
            if state.shape != shape:
                raise ShapeError(
                    f"requires {name} of shape {format_shape(shape)}, "
                    f"got {format_shape(state.shape)}",
                    node=place,
                    hint="a state for each direction of each layer",
                )
            if state.dtype != dtype:
                raise DTypeError(
                    f"requires {name} of {dtype}, as input and weights are together, "
                    f"got {state.dtype}",
                    node=place,
                    hint=f'.astype("{dtype}")',
                )
        return nodes


class _Cell(RecurrentLayer):
    """One step of a recurrent layer."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(input_size, hidden_size, bias, name)
        self._declare_weights("", self.input_size, self.hidden_size, dtype)

    def __call__(
        self, input: ArrayLike, hx: Any = None, *others: Any, **options: Any
    ) -> Any:
        """The next state; one of zeros goes before it, where none is given."""
        return super().__call__(input, *others, hx=hx, **options)

    def forward(self, input: Node, hx: Any = None) -> Any:
        """The next state."""
        self._check_input(input, (1, 2))
        weights = self._weights("")
        projected = projected_input(input, weights, adds_biases=self.adds_biases)
        shapes = [(*input.shape[:-1], self.hidden_size)] * len(self.states)
        given = self._given_states(hx, projected.dtype, shapes)
        given = given or [zeros(shape, projected.dtype) for shape in shapes]
        found = self._step(projected, tuple(given), weights)
        return found[0] if len(self.states) == 1 else found

    def _describe(self) -> str:
        return f"{self.input_size}, {self.hidden_size}"


class RNNCell(_Cell):
    """A step of a plain recurrent network, as in torch.

    `h' = tanh(weight_ih @ x + bias_ih + weight_hh @ h + bias_hh)`

    It is called with `(input, hx=None)`: features `(batch, input_size)` or
    `(input_size,)`, and a hidden state, zeros by default. It returns the next one.

    Args:
        input_size: the number of features of an input.
        hidden_size: the number of features of the hidden state.
        bias: True for biases.
        nonlinearity: `"tanh"` or `"relu"`.
        name: the prefix of the parameters.
        dtype: the dtype of the parameters.

    Raises:
        OptionError: another nonlinearity, or sizes that are not positive.

    Source: Elman 1990, "Finding structure in time".

    >>> import graphc as gc
    >>> cell = gc.nn.RNNCell(3, 5, name="cell")
    >>> cell(gc.input("x", ("batch", 3))).shape
    (batch, 5)
    """

    kind = "rnn_cell"
    gates = 1
    states = ("hx",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(input_size, hidden_size, bias, name=name, dtype=dtype)
        self.nonlinearity = nonlinearity
        self._step = rnn_step(nonlinearity_of(nonlinearity, self))


class LSTMCell(_Cell):
    """A step of a long short-term memory, as in torch.

    `i, f, o = sigmoid(...)` and `g = tanh(...)` of the four parts of
    `weight_ih @ x + bias_ih + weight_hh @ h + bias_hh`, in the order `i, f, g, o`;
    `c' = f * c + i * g` and `h' = o * tanh(c')`.

    It is called with `(input, (h, c))`: features `(batch, input_size)` or
    `(input_size,)`, and hidden state and cell, zeros by default. It returns the next
    two.

    Args:
        input_size: the number of features of an input.
        hidden_size: the number of features of hidden state and cell.
        bias: True for biases.
        name: the prefix of the parameters.
        dtype: the dtype of the parameters.

    Raises:
        OptionError: sizes that are not positive.

    Source: Hochreiter and Schmidhuber 1997, "Long short-term memory"; the forget gate
    is Gers, Schmidhuber and Cummins 2000, "Learning to forget".

    >>> import graphc as gc
    >>> cell = gc.nn.LSTMCell(3, 5, name="cell")
    >>> h, c = cell(gc.input("x", ("batch", 3)))
    >>> h, c = cell(gc.input("y", ("batch", 3)), (h, c))
    """

    kind = "lstm_cell"
    gates = 4
    states = ("hx", "cx")
    _step = staticmethod(lstm_step)


class GRUCell(_Cell):
    """A step of gated recurrent units, as in torch.

    `r, z = sigmoid(...)` of the first two parts of `weight_ih @ x + bias_ih +
    weight_hh @ h + bias_hh`, `n = tanh(x_n + r * h_n)` of the third parts of both
    products, and `h' = (1 - z) * n + z * h`.

    It is called with `(input, hx=None)`: features `(batch, input_size)` or
    `(input_size,)`, and a hidden state, zeros by default. It returns the next one.

    Args:
        input_size: the number of features of an input.
        hidden_size: the number of features of the hidden state.
        bias: True for biases.
        name: the prefix of the parameters.
        dtype: the dtype of the parameters.

    Raises:
        OptionError: sizes that are not positive.

    Source: Cho et al. 2014, "Learning phrase representations using RNN
    encoder-decoder", with the reset gate after the product.

    >>> import graphc as gc
    >>> cell = gc.nn.GRUCell(3, 5, name="cell")
    >>> cell(gc.input("x", ("batch", 3))).shape
    (batch, 5)
    """

    kind = "gru_cell"
    gates = 3
    states = ("hx",)
    adds_biases = False
    _step = staticmethod(gru_step)
