"""Losses as layers, under torch.nn's class names: a function and its options."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from ..arguments import problem_of_call
from ..ir.node import Node
from .layer import Layer
from .losses.binary import binary_cross_entropy, binary_cross_entropy_with_logits
from .losses.cross_entropy import cross_entropy
from .losses.ctc import ctc_loss
from .losses.labels import nll_loss
from .losses.likelihoods import gaussian_nll_loss, kl_div, poisson_nll_loss
from .losses.margins import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from .losses.multiclass import (
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
)
from .losses.regression import huber_loss, l1_loss, mse_loss, smooth_l1_loss


class LossLayer(Layer):
    """A loss of `gc.nn` whose options were given before.

    A subclass names the function. Its arguments without a default are what the layer is
    called with, the others its constructor's.
    """

    function: ClassVar[Callable[..., Node]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.kind = cls.function.__name__
        given = inspect.signature(cls.function).parameters.values()
        name = inspect.Parameter("name", inspect.Parameter.KEYWORD_ONLY, default=None)
        options = [option for option in given if option.default is not option.empty]
        type.__setattr__(cls, "__signature__", inspect.Signature([*options, name]))

    def __init__(self, *arguments: Any, **options: Any) -> None:
        signature: inspect.Signature = vars(type(self))["__signature__"]
        label = f"gc.nn.{type(self).__name__}"
        if problem := problem_of_call(signature, label, arguments, options):
            raise problem
        bound = signature.bind(*arguments, **options)
        super().__init__(bound.arguments.pop("name", None))
        self.options = bound.arguments

    def forward(self, *inputs: Node) -> Node:
        """The function of the inputs."""
        return type(self).function(*inputs, **self.options)

    def _describe(self) -> str:
        return ", ".join(f"{key}={value!r}" for key, value in self.options.items())


class CrossEntropyLoss(LossLayer):
    """`gc.nn.cross_entropy` of logits and labels, or class probabilities, as a layer.

    >>> import graphc as gc
    >>> loss = gc.nn.CrossEntropyLoss(label_smoothing=0.1)
    >>> loss(gc.input("logits", ("batch", 3)), gc.input("labels", ("batch",), "int64"))
    <cross_entropy float32 ()>
    """

    function = cross_entropy


class CTCLoss(LossLayer):
    """`gc.nn.ctc_loss` of log-probabilities, labels and lengths, as a layer."""

    function = ctc_loss


class NLLLoss(LossLayer):
    """`gc.nn.nll_loss` of log-probabilities and labels, as a layer."""

    function = nll_loss


class BCELoss(LossLayer):
    """`gc.nn.binary_cross_entropy` of probabilities of yes and targets, as a layer."""

    function = binary_cross_entropy


class BCEWithLogitsLoss(LossLayer):
    """`gc.nn.binary_cross_entropy_with_logits` of logits of yes and targets."""

    function = binary_cross_entropy_with_logits


class MSELoss(LossLayer):
    """`gc.nn.mse_loss` of outputs and targets, as a layer."""

    function = mse_loss


class L1Loss(LossLayer):
    """`gc.nn.l1_loss` of outputs and targets, as a layer."""

    function = l1_loss


class HuberLoss(LossLayer):
    """`gc.nn.huber_loss` of outputs and targets, as a layer."""

    function = huber_loss


class SmoothL1Loss(LossLayer):
    """`gc.nn.smooth_l1_loss` of outputs and targets, as a layer."""

    function = smooth_l1_loss


class KLDivLoss(LossLayer):
    """`gc.nn.kl_div` of log-probabilities and probabilities, as a layer."""

    function = kl_div


class PoissonNLLLoss(LossLayer):
    """`gc.nn.poisson_nll_loss` of rates, or their logarithms, and counts."""

    function = poisson_nll_loss


class GaussianNLLLoss(LossLayer):
    """`gc.nn.gaussian_nll_loss` of means, targets and variances, as a layer."""

    function = gaussian_nll_loss


class HingeEmbeddingLoss(LossLayer):
    """`gc.nn.hinge_embedding_loss` of distances and targets of 1 and -1, as a layer."""

    function = hinge_embedding_loss


class MarginRankingLoss(LossLayer):
    """`gc.nn.margin_ranking_loss` of two scores and targets of 1 and -1, as a layer."""

    function = margin_ranking_loss


class SoftMarginLoss(LossLayer):
    """`gc.nn.soft_margin_loss` of scores and targets of 1 and -1, as a layer."""

    function = soft_margin_loss


class CosineEmbeddingLoss(LossLayer):
    """`gc.nn.cosine_embedding_loss` of two vectors and targets of 1 and -1."""

    function = cosine_embedding_loss


class TripletMarginLoss(LossLayer):
    """`gc.nn.triplet_margin_loss` of anchors, near and far vectors, as a layer."""

    function = triplet_margin_loss


class TripletMarginWithDistanceLoss(LossLayer):
    """`gc.nn.triplet_margin_with_distance_loss`, as a layer."""

    function = triplet_margin_with_distance_loss


class MultiMarginLoss(LossLayer):
    """`gc.nn.multi_margin_loss` of scores and labels, as a layer."""

    function = multi_margin_loss


class MultiLabelMarginLoss(LossLayer):
    """`gc.nn.multilabel_margin_loss` of scores and rows of labels, as a layer."""

    function = multilabel_margin_loss


class MultiLabelSoftMarginLoss(LossLayer):
    """`gc.nn.multilabel_soft_margin_loss` of logits and targets, as a layer."""

    function = multilabel_soft_margin_loss
