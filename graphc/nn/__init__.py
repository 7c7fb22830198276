"""Network functions under torch.nn.functional's names, and layers under torch.nn's."""

from . import init
from .activations import relu, sigmoid, tanh
from .affine import linear
from .entropy import cross_entropy
from .losses import LabelBounds, label_bounds, nll_loss
from .probabilities import log_softmax, softmax
from .regression import mse_loss
from .regularization import dropout, evaluation_mode

__all__ = [
    "LabelBounds",
    "cross_entropy",
    "dropout",
    "evaluation_mode",
    "init",
    "label_bounds",
    "linear",
    "log_softmax",
    "mse_loss",
    "nll_loss",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]
