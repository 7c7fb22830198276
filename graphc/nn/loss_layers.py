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
    """`gc.nn.ctc_loss` of log-probabilities, labels and lengths, as a layer.

    The example sums three ways to read a 1 from two frames: `1 1`, `- 1` and `1 -`.

    >>> import graphc as gc
    >>> log_probabilities = gc.log(gc.full((2, 1, 2), 0.5))
    >>> loss = gc.nn.CTCLoss()(log_probabilities, [[1]], [2], [1])
    >>> gc.evaluate(gc.exp(-loss).round(3), {})
    array(0.75, dtype=float32)
    """

    function = ctc_loss


class NLLLoss(LossLayer):
    """`gc.nn.nll_loss` of log-probabilities and labels, as a layer.

    >>> import graphc as gc
    >>> log_probabilities = gc.log([[0.5, 0.5], [0.25, 0.75]])
    >>> loss = gc.nn.NLLLoss(reduction="none")(log_probabilities, [0, 0])
    >>> gc.evaluate(gc.exp(-loss), {}).round(3)
    array([0.5 , 0.25])
    """

    function = nll_loss


class BCELoss(LossLayer):
    """`gc.nn.binary_cross_entropy` of probabilities of yes and targets, as a layer.

    >>> import graphc as gc
    >>> probability, target = gc.constant([0.5, 0.75]), gc.constant([1.0, 0.0])
    >>> loss = gc.nn.BCELoss(reduction="none")(probability, target)
    >>> gc.evaluate(gc.exp(-loss), {}).round(3)
    array([0.5 , 0.25])
    """

    function = binary_cross_entropy


class BCEWithLogitsLoss(LossLayer):
    """`gc.nn.binary_cross_entropy_with_logits` of logits of yes and targets.

    >>> import graphc as gc
    >>> logits, target = gc.constant([0.0, 100.0]), gc.constant([1.0, 1.0])
    >>> loss = gc.nn.BCEWithLogitsLoss(reduction="none")(logits, target)
    >>> gc.evaluate(gc.exp(-loss), {}).round(3)
    array([0.5, 1. ])
    """

    function = binary_cross_entropy_with_logits


class MSELoss(LossLayer):
    """`gc.nn.mse_loss` of outputs and targets, as a layer.

    >>> import graphc as gc
    >>> output, target = gc.constant([1.0, 2.0]), gc.constant([3.0, 6.0])
    >>> gc.evaluate(gc.nn.MSELoss()(output, target), {})
    array(10.)
    """

    function = mse_loss


class L1Loss(LossLayer):
    """`gc.nn.l1_loss` of outputs and targets, as a layer.

    >>> import graphc as gc
    >>> output, target = gc.constant([1.0, 2.0]), gc.constant([3.0, 6.0])
    >>> gc.evaluate(gc.nn.L1Loss()(output, target), {})
    array(3.)
    """

    function = l1_loss


class HuberLoss(LossLayer):
    """`gc.nn.huber_loss` of outputs and targets, as a layer.

    >>> import graphc as gc
    >>> loss = gc.nn.HuberLoss("none", delta=2.0)
    >>> gc.evaluate(loss(gc.constant([1.0, 4.0]), gc.zeros(2, "float64")), {})
    array([0.5, 6. ])
    """

    function = huber_loss


class SmoothL1Loss(LossLayer):
    """`gc.nn.smooth_l1_loss` of outputs and targets, as a layer.

    >>> import graphc as gc
    >>> loss = gc.nn.SmoothL1Loss(reduction="none", beta=2.0)
    >>> gc.evaluate(loss(gc.constant([1.0, 4.0]), gc.zeros(2, "float64")), {})
    array([0.25, 3.  ])
    """

    function = smooth_l1_loss


class KLDivLoss(LossLayer):
    """`gc.nn.kl_div` of log-probabilities and probabilities, as a layer.

    >>> import graphc as gc
    >>> p = gc.constant([[0.25, 0.75]])
    >>> loss = gc.nn.KLDivLoss(reduction="batchmean")
    >>> gc.evaluate(loss(gc.log(p), p).round(6), {})
    array(0.)
    """

    function = kl_div


class PoissonNLLLoss(LossLayer):
    """`gc.nn.poisson_nll_loss` of rates, or their logarithms, and counts.

    >>> import graphc as gc
    >>> rate, count = gc.constant([2.0, 3.0]), gc.constant([0.0, 0.0])
    >>> gc.evaluate(gc.nn.PoissonNLLLoss(log_input=False)(rate, count), {})
    array(2.5)
    """

    function = poisson_nll_loss


class GaussianNLLLoss(LossLayer):
    """`gc.nn.gaussian_nll_loss` of means, targets and variances, as a layer.

    >>> import graphc as gc
    >>> mean, y, variance = gc.constant([1.0]), gc.constant([5.0]), gc.constant([1.0])
    >>> gc.evaluate(gc.nn.GaussianNLLLoss()(mean, y, variance), {})
    array(8.)
    """

    function = gaussian_nll_loss


class HingeEmbeddingLoss(LossLayer):
    """`gc.nn.hinge_embedding_loss` of distances and targets of 1 and -1, as a layer.

    >>> import graphc as gc
    >>> distance, target = gc.constant([0.5, 0.25]), gc.constant([1.0, -1.0])
    >>> gc.evaluate(gc.nn.HingeEmbeddingLoss(reduction="none")(distance, target), {})
    array([0.5 , 0.75])
    """

    function = hinge_embedding_loss


class MarginRankingLoss(LossLayer):
    """`gc.nn.margin_ranking_loss` of two scores and targets of 1 and -1, as a layer.

    >>> import graphc as gc
    >>> first, second = gc.constant([2.0, 1.0]), gc.constant([1.0, 3.0])
    >>> loss = gc.nn.MarginRankingLoss(margin=0.5, reduction="none")
    >>> gc.evaluate(loss(first, second, gc.constant([1.0, 1.0])), {})
    array([0. , 2.5])
    """

    function = margin_ranking_loss


class SoftMarginLoss(LossLayer):
    """`gc.nn.soft_margin_loss` of scores and targets of 1 and -1, as a layer.

    >>> import graphc as gc
    >>> score, target = gc.constant([0.0, 100.0]), gc.constant([1.0, 1.0])
    >>> loss = gc.nn.SoftMarginLoss(reduction="none")(score, target)
    >>> gc.evaluate(gc.exp(-loss), {}).round(3)
    array([0.5, 1. ])
    """

    function = soft_margin_loss


class CosineEmbeddingLoss(LossLayer):
    """`gc.nn.cosine_embedding_loss` of two vectors and targets of 1 and -1.

    >>> import graphc as gc
    >>> first, second = gc.constant([[1.0, 0.0]]), gc.constant([[0.0, 2.0]])
    >>> gc.evaluate(gc.nn.CosineEmbeddingLoss()(first, second, gc.constant([1.0])), {})
    array(1.)
    """

    function = cosine_embedding_loss


class TripletMarginLoss(LossLayer):
    """`gc.nn.triplet_margin_loss` of anchors, near and far vectors, as a layer.

    >>> import graphc as gc
    >>> anchor, near, far = (gc.constant([[x, 0.0]]) for x in (0.0, 3.0, 2.0))
    >>> gc.evaluate(gc.nn.TripletMarginLoss()(anchor, near, far).round(3), {})
    array(2.)
    """

    function = triplet_margin_loss


class TripletMarginWithDistanceLoss(LossLayer):
    """`gc.nn.triplet_margin_with_distance_loss`, as a layer.

    >>> import graphc as gc
    >>> def distance(x, y):
    ...     return gc.sum(gc.abs(x - y), axis=-1)
    >>> loss = gc.nn.TripletMarginWithDistanceLoss(distance_function=distance)
    >>> anchor, near, far = (gc.constant([[x, 0.0]]) for x in (0.0, 3.0, 2.0))
    >>> gc.evaluate(loss(anchor, near, far), {})
    array(2.)
    """

    function = triplet_margin_with_distance_loss


class MultiMarginLoss(LossLayer):
    """`gc.nn.multi_margin_loss` of scores and labels, as a layer.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.MultiMarginLoss()(gc.constant([[1.0, 1.5]]), [0]), {})
    array(0.75)
    """

    function = multi_margin_loss


class MultiLabelMarginLoss(LossLayer):
    """`gc.nn.multilabel_margin_loss` of scores and rows of labels, as a layer.

    >>> import graphc as gc
    >>> scores, labels = gc.constant([[3.0, 2.5]]), gc.constant([[0, -1]])
    >>> gc.evaluate(gc.nn.MultiLabelMarginLoss()(scores, labels), {})
    array(0.25)
    """

    function = multilabel_margin_loss


class MultiLabelSoftMarginLoss(LossLayer):
    """`gc.nn.multilabel_soft_margin_loss` of logits and targets, as a layer.

    >>> import graphc as gc
    >>> logits, targets = gc.constant([[0.0, 0.0]]), gc.constant([[1.0, 0.0]])
    >>> loss = gc.nn.MultiLabelSoftMarginLoss()(logits, targets)
    >>> gc.evaluate(gc.exp(-loss).round(3), {})
    array(0.5)
    """

    function = multilabel_soft_margin_loss
