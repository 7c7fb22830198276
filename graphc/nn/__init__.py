"""Network functions under torch.nn.functional's names, and layers under torch.nn's."""

from ..arguments import public
from . import init
from .activations import (
    GELU,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
    gelu,
    logsigmoid,
    relu,
    sigmoid,
    silu,
    softplus,
    tanh,
)
from .affine import Linear, linear
from .encodings import one_hot
from .layer import Layer
from .losses.binary import binary_cross_entropy, binary_cross_entropy_with_logits
from .losses.cross_entropy import cross_entropy
from .losses.labels import nll_loss
from .losses.regression import huber_loss, l1_loss, mse_loss, smooth_l1_loss
from .normalization import LayerNorm, layer_norm
from .rectifiers import ELU, LeakyReLU, elu, hardtanh, leaky_relu, relu6
from .regularization import Dropout, dropout, gaussian_noise
from .sequential import Flatten, Identity, Sequential
from .softmaxes import LogSoftmax, Softmax, log_softmax, softmax

__all__ = [
    "ELU",
    "GELU",
    "Dropout",
    "Flatten",
    "Identity",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "dropout",
    "elu",
    "gaussian_noise",
    "gelu",
    "hardtanh",
    "huber_loss",
    "init",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "relu",
    "relu6",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "tanh",
]

public(globals(), __all__)
