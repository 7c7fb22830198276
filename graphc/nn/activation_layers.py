"""Activations as layers, under torch.nn's names: each is its function with options."""

from __future__ import annotations

from ..ir.node import Node
from .activations import (
    gelu,
    relu,
    sigmoid,
    silu,
    softplus,
    tanh,
)
from .layers import Layer
from .probabilities import log_softmax, softmax
from .rectifiers import elu, leaky_relu


class ReLU(Layer):
    """`gc.nn.relu` as a layer.

    >>> import graphc as gc
    >>> gc.nn.ReLU()(gc.input("x", ("batch", 3)))
    <relu float32 (batch, 3)>
    """

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name)

    def forward(self, input: Node) -> Node:
        """`max(input, 0)`."""
        return relu(input)


class Sigmoid(Layer):
    """`gc.nn.sigmoid` as a layer.

    >>> import graphc as gc
    >>> gc.nn.Sigmoid()(gc.input("x", ("batch", 3)))
    <sigmoid float32 (batch, 3)>
    """

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name)

    def forward(self, input: Node) -> Node:
        """`1 / (1 + exp(-input))`."""
        return sigmoid(input)


class Tanh(Layer):
    """`gc.nn.tanh` as a layer.

    >>> import graphc as gc
    >>> gc.nn.Tanh()(gc.input("x", ("batch", 3)))
    <tanh float32 (batch, 3)>
    """

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name)

    def forward(self, input: Node) -> Node:
        """The hyperbolic tangent."""
        return tanh(input)


class SiLU(Layer):
    """`gc.nn.silu` as a layer.

    >>> import graphc as gc
    >>> gc.nn.SiLU()(gc.input("x", ("batch", 3)))
    <silu float32 (batch, 3)>
    """

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name)

    def forward(self, input: Node) -> Node:
        """`input * sigmoid(input)`."""
        return silu(input)


class GELU(Layer):
    """`gc.nn.gelu` as a layer.

    >>> import graphc as gc
    >>> gc.nn.GELU()(gc.input("x", ("batch", 3)))
    <gelu float32 (batch, 3)>
    """

    def __init__(self, approximate: str = "none", *, name: str | None = None) -> None:
        super().__init__(name)
        self.approximate = approximate

    def forward(self, input: Node) -> Node:
        """`input * Phi(input)`, exactly or by tanh."""
        return gelu(input, self.approximate)

    def _describe(self) -> str:
        return f"approximate={self.approximate!r}"


class LeakyReLU(Layer):
    """`gc.nn.leaky_relu` as a layer.

    >>> import graphc as gc
    >>> gc.nn.LeakyReLU()(gc.input("x", ("batch", 3)))
    <leaky_relu float32 (batch, 3)>
    """

    kind = "leaky_relu"

    def __init__(
        self, negative_slope: float = 0.01, *, name: str | None = None
    ) -> None:
        super().__init__(name)
        self.negative_slope = negative_slope

    def forward(self, input: Node) -> Node:
        """`input`, with a slope below 0."""
        return leaky_relu(input, self.negative_slope)

    def _describe(self) -> str:
        return f"negative_slope={self.negative_slope!r}"


class ELU(Layer):
    """`gc.nn.elu` as a layer.

    >>> import graphc as gc
    >>> gc.nn.ELU()(gc.input("x", ("batch", 3)))
    <elu float32 (batch, 3)>
    """

    def __init__(self, alpha: float = 1.0, *, name: str | None = None) -> None:
        super().__init__(name)
        self.alpha = alpha

    def forward(self, input: Node) -> Node:
        """`input`, or `alpha * (exp(input) - 1)` below 0."""
        return elu(input, self.alpha)

    def _describe(self) -> str:
        return f"alpha={self.alpha!r}"


class Softplus(Layer):
    """`gc.nn.softplus` as a layer.

    >>> import graphc as gc
    >>> gc.nn.Softplus()(gc.input("x", ("batch", 3)))
    <softplus float32 (batch, 3)>
    """

    def __init__(
        self, beta: float = 1.0, threshold: float = 20.0, *, name: str | None = None
    ) -> None:
        super().__init__(name)
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Node) -> Node:
        """`log(1 + exp(beta * input)) / beta`."""
        return softplus(input, self.beta, self.threshold)

    def _describe(self) -> str:
        return f"beta={self.beta!r}, threshold={self.threshold!r}"


class Softmax(Layer):
    """`gc.nn.softmax` as a layer.

    >>> import graphc as gc
    >>> gc.nn.Softmax(dim=1)(gc.input("x", ("batch", 3)))
    <softmax float32 (batch, 3)>
    """

    def __init__(self, dim: int, *, name: str | None = None) -> None:
        super().__init__(name)
        self.dim = dim

    def forward(self, input: Node) -> Node:
        """Probabilities along `dim`."""
        return softmax(input, self.dim)

    def _describe(self) -> str:
        return f"dim={self.dim!r}"


class LogSoftmax(Layer):
    """`gc.nn.log_softmax` as a layer.

    >>> import graphc as gc
    >>> gc.nn.LogSoftmax(dim=1)(gc.input("x", ("batch", 3)))
    <log_softmax float32 (batch, 3)>
    """

    kind = "log_softmax"

    def __init__(self, dim: int, *, name: str | None = None) -> None:
        super().__init__(name)
        self.dim = dim

    def forward(self, input: Node) -> Node:
        """Log-probabilities along `dim`."""
        return log_softmax(input, self.dim)

    def _describe(self) -> str:
        return f"dim={self.dim!r}"
