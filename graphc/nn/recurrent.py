"""Recurrent layers along sequences: loops over the steps of cells."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import OptionError, ShapeError
from ..ir.node import Node
from ..ops.arithmetic import where
from ..ops.joining import concatenate, stack
from ..ops.loops import scan
from ..ops.shape import expand_dims, squeeze, swapaxes
from ..ops.source import ArrayLike, arange, promote, zeros
from .layer import check_size
from .lengths import checked_lengths
from .recurrent_cells import (
    RecurrentLayer,
    State,
    gru_step,
    lstm_step,
    nonlinearity_of,
    projected_input,
    rnn_step,
)
from .regularization import dropout


class _Hidden(NamedTuple):
    """State of a plain network or of gated units."""

    hidden: Any


class _HiddenAndCell(NamedTuple):
    """State of a long short-term memory."""

    hidden: Any
    cell: Any


class _Recurrent(RecurrentLayer):
    """Layers of cells, each along the sequence of the one before."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(input_size, hidden_size, bias, name)
        self.num_layers = check_size(num_layers, "num_layers", self)
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        if not 0 <= proj_size < self.hidden_size:
            raise OptionError(
                f"requires a proj_size below hidden_size, {self.hidden_size}, "
                f"got {proj_size}",
                node=type(self).__name__,
            )
        if not 0.0 <= dropout <= 1.0:
            raise OptionError(
                f"dropout must be a probability, got {dropout}",
                node=type(self).__name__,
            )
        size = self.input_size
        for suffixes in self._suffixes:
            for suffix in suffixes:
                self._declare_weights(suffix, size, self._output_size, dtype)
            size = len(suffixes) * self._output_size

    @property
    def _output_size(self) -> int:
        return self.proj_size or self.hidden_size

    @property
    def _suffixes(self) -> list[list[str]]:
        """Ends of the names of parameters, of each direction of each layer."""
        directions = ("", "_reverse") if self.bidirectional else ("",)
        layers = range(self.num_layers)
        return [[f"_l{layer}{way}" for way in directions] for layer in layers]

    def __call__(
        self, input: ArrayLike, hx: Any = None, *others: Any, **options: Any
    ) -> Any:
        """The output of all steps, and the state after the last one."""
        return super().__call__(input, *others, hx=hx, **options)

    def forward(
        self, input: Node, hx: Any = None, *, lengths: ArrayLike = None
    ) -> tuple[Node, Any]:
        """The output of all steps, and the state after the last one."""
        self._check_input(input, (2, 3))
        is_batch = input.ndim == 3
        if not is_batch:
            input = expand_dims(input, 1)
        elif self.batch_first:
            input = swapaxes(input, 0, 1)
        starts = self._starts(hx, input, is_batch)
        runs = None if lengths is None else self._runs(lengths, input, is_batch)
        last: list[State] = []
        for layer, suffixes in enumerate(self._suffixes):
            if layer and self.dropout:
                input = dropout(input, self.dropout)
            outputs: list[Node] = []
            for suffix in suffixes:
                start = None if starts is None else [s[len(last)] for s in starts]
                output, state = self._along(input, suffix, start, runs)
                outputs.append(output)
                last.append(state)
            input = outputs[0] if len(outputs) == 1 else concatenate(outputs, -1)
        states = [stack(each) for each in zip(*last, strict=True)]
        if not is_batch:
            input = squeeze(input, 1)
            states = [squeeze(state, 1) for state in states]
        elif self.batch_first:
            input = swapaxes(input, 0, 1)
        return input, tuple(states) if len(states) > 1 else states[0]

    def _describe(self) -> str:
        return f"{self.input_size}, {self.hidden_size}, {self.num_layers}"

    def _along(
        self, input: Node, suffix: str, start: list[Node] | None, runs: Node | None
    ) -> tuple[Node, State]:
        """One direction of one layer: the output of all steps and the last state."""
        weights = self._weights(suffix)
        if start is None:
            dtype = promote([input, weights.weight_ih])
            sizes = (self._output_size, self.hidden_size)[: len(self.states)]
            start = [zeros((input.shape[1], n), dtype) for n in sizes]
        kind = _HiddenAndCell if len(start) > 1 else _Hidden

        def step(state: Any, items: Any) -> tuple[Any, Node]:
            projected = projected_input(
                items["x"], weights, adds_biases=self.adds_biases
            )
            found = self._step(projected, tuple(state), weights)
            if runs is None:
                return kind(*found), found[0]
            # Beyond its length, a sequence keeps its state and has no output.
            is_run = expand_dims(items["runs"], -1)
            kept = [where(is_run, *pair) for pair in zip(found, state, strict=True)]
            return kind(*kept), where(is_run, found[0], 0.0)

        step.__name__ = f"{self.kind}_steps"
        items = {"x": input}
        if runs is not None:
            items["runs"] = runs
        is_reverse = suffix.endswith("_reverse")
        state, output = scan(step, kind(*start), items, reverse=is_reverse)
        return output, tuple(state)

    def _starts(self, hx: Any, input: Node, is_batch: bool) -> list[Node] | None:
        """The first states that were given, of all layers and directions."""
        count = self.num_layers * (2 if self.bidirectional else 1)
        batch = input.shape[1:2] if is_batch else ()
        sizes = (self._output_size, self.hidden_size)[: len(self.states)]
        shapes = [(count, *batch, size) for size in sizes]
        dtype = promote([input, self._weights("_l0").weight_ih])
        given = self._given_states(hx, dtype, shapes)
        if given is None or is_batch:
            return given
        return [expand_dims(state, 1) for state in given]

    def _runs(self, lengths: ArrayLike, input: Node, is_batch: bool) -> Node:
        """True at the steps and examples that are not beyond a length."""
        steps, batch = input.shape[:2]
        place = type(self).__name__
        if not is_batch:
            raise ShapeError("lengths are those of a batch's examples", node=place)
        valid = checked_lengths(lengths, steps, batch, "lengths", place)
        return expand_dims(arange(steps), 1) < valid


class RNN(_Recurrent):
    """Layers of a plain recurrent network, as in torch.

    `h_t = tanh(weight_ih @ x_t + bias_ih + weight_hh @ h_{t-1} + bias_hh)`


    It is called with `(input, hx=None, lengths=None)`: a sequence `(length, batch,
    input_size)`, or without the batch; a first state `(num_layers * directions,
    batch, hidden_size)`, zeros by default; and the number of steps of each example,
    `(batch,)`, where they differ. It returns the output of all steps, and the state
    after the last one. Beyond its length an example has an output of zeros, and keeps
    its state; the other direction begins at its last step. That is what
    `pack_padded_sequence` is for in torch.

    Args:
        input_size: the number of features of an input.
        hidden_size: the number of features of the hidden state.
        num_layers: the number of layers, each along the output of the one before.
        nonlinearity: `"tanh"` or `"relu"`.
        bias: True for biases.
        batch_first: True for `(batch, length, features)`, False for `(length, batch,
            features)`, torch's default.
        dropout: the probability of dropout between layers; a trainer evaluates without.
        bidirectional: True for a second direction, from the last step to the first,
            whose output stands after that of the first one.
        name: the name of the output and prefix of the parameters.
        dtype: the dtype of the parameters.

    Raises:
        OptionError: another nonlinearity, sizes that are not positive, or no
            probability.
        ShapeError: an input, a state or lengths of a shape that doesn't fit.
        IndexRangeError: a length that is above the number of steps.

    Source: Elman 1990, "Finding structure in time".

    >>> import graphc as gc
    >>> layer = gc.nn.RNN(3, 5, name="layer")
    >>> output, last = layer(gc.input("x", ("time", "batch", 3)))
    >>> output.shape, last.shape
    ((time, batch, 5), (1, batch, 5))
    """

    kind = "rnn"
    gates = 1
    states = ("h0",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        options = (bias, batch_first, dropout, bidirectional)
        sizes = (input_size, hidden_size, num_layers)
        super().__init__(*sizes, *options, name=name, dtype=dtype)
        self.nonlinearity = nonlinearity
        self._step = rnn_step(nonlinearity_of(nonlinearity, self))


class LSTM(_Recurrent):
    """Layers of long short-term memories, as in torch.

    A step is that of `LSTMCell`. With a projection the hidden state is `weight_hr @ h`.


    It is called with `(input, hx=None, lengths=None)`: a sequence `(length, batch,
    input_size)`, or without the batch; first states `(h0, c0)`, each `(num_layers *
    directions, batch, hidden_size)`, zeros by default; and the number of steps of each
    example, `(batch,)`, where they differ. It returns the output of all steps, and the
    states `(h, c)` after the last one. Beyond its length an example has an output of
    zeros, and keeps its state; the other direction begins at its last step. That is
    what `pack_padded_sequence` is for in torch.

    Args:
        input_size: the number of features of an input.
        hidden_size: the number of features of the hidden state.
        num_layers: the number of layers, each along the output of the one before.
        bias: True for biases.
        batch_first: True for `(batch, length, features)`, False for `(length, batch,
            features)`, torch's default.
        dropout: the probability of dropout between layers; a trainer evaluates without.
        bidirectional: True for a second direction, from the last step to the first,
            whose output stands after that of the first one.
        proj_size: the number of features of the hidden state after a projection; 0 for
            none.
        name: the name of the output and prefix of the parameters.
        dtype: the dtype of the parameters.

    Raises:
        OptionError: sizes that are not positive, or no probability.
        ShapeError: an input, a state or lengths of a shape that doesn't fit.
        IndexRangeError: a length that is above the number of steps.

    Source: Hochreiter and Schmidhuber 1997, "Long short-term memory"; the projection
    is Sak, Senior and Beaufays 2014, "Long short-term memory based recurrent neural
    network architectures for large vocabulary speech recognition".

    >>> import graphc as gc
    >>> layer = gc.nn.LSTM(3, 5, 2, batch_first=True, name="layer")
    >>> x, lengths = gc.input("x", ("batch", 7, 3)), gc.input("n", ("batch",), "int64")
    >>> output, (h, c) = layer(x, lengths=lengths)
    >>> output.shape, h.shape, c.shape
    ((batch, 7, 5), (2, batch, 5), (2, batch, 5))
    """

    kind = "lstm"
    gates = 4
    states = ("h0", "c0")
    _step = staticmethod(lstm_step)


class GRU(_Recurrent):
    """Layers of gated recurrent units, as in torch.

    A step is that of `GRUCell`.


    It is called with `(input, hx=None, lengths=None)`: a sequence `(length, batch,
    input_size)`, or without the batch; a first state `(num_layers * directions,
    batch, hidden_size)`, zeros by default; and the number of steps of each example,
    `(batch,)`, where they differ. It returns the output of all steps, and the state
    after the last one. Beyond its length an example has an output of zeros, and keeps
    its state; the other direction begins at its last step. That is what
    `pack_padded_sequence` is for in torch.

    Args:
        input_size: the number of features of an input.
        hidden_size: the number of features of the hidden state.
        num_layers: the number of layers, each along the output of the one before.
        bias: True for biases.
        batch_first: True for `(batch, length, features)`, False for `(length, batch,
            features)`, torch's default.
        dropout: the probability of dropout between layers; a trainer evaluates without.
        bidirectional: True for a second direction, from the last step to the first,
            whose output stands after that of the first one.
        name: the name of the output and prefix of the parameters.
        dtype: the dtype of the parameters.

    Raises:
        OptionError: sizes that are not positive, or no probability.
        ShapeError: an input, a state or lengths of a shape that doesn't fit.
        IndexRangeError: a length that is above the number of steps.

    Source: Cho et al. 2014, "Learning phrase representations using RNN
    encoder-decoder", with the reset gate after the product.

    >>> import graphc as gc
    >>> layer = gc.nn.GRU(3, 5, bidirectional=True, name="layer")
    >>> output, last = layer(gc.input("x", ("time", "batch", 3)))
    >>> output.shape, last.shape
    ((time, batch, 10), (2, batch, 5))
    """

    kind = "gru"
    gates = 3
    states = ("h0",)
    adds_biases = False
    _step = staticmethod(gru_step)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        options = (bias, batch_first, dropout, bidirectional)
        sizes = (input_size, hidden_size, num_layers)
        super().__init__(*sizes, *options, name=name, dtype=dtype)
