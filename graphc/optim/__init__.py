"""Optimizers, schedules and regularisers: rules in symbolic nodes."""

from ..arguments import public
from .adam import Adam, AdamW
from .adam_variants import Adamax, NAdam, RAdam
from .adaptive import Adadelta, Adagrad, RMSprop, Rprop
from .averages import EMA, GradientAccumulation, Lookahead, MaxNorm
from .base import Clock, Optimizer, Rule
from .cycles import ChainedScheduler, CyclicLR, OneCycleLR, RangeTest, SequentialLR
from .gradients import ClipByGlobalNorm, ClipByNorm, ClipByValue, GradientNoise
from .groups import ParameterGroups
from .layerwise import LAMB, LARS, Adafactor, Muon
from .plateau import PlateauState, ReduceLROnPlateau
from .regularizers import elastic_net, l1, l2
from .schedules import (
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    InverseTimeLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    Schedule,
    StepLR,
    WarmUp,
)
from .sgd import ASGD, SGD
from .signs import Lion, SignSGD
from .transformation import Transformation

__all__ = [
    "ASGD",
    "EMA",
    "LAMB",
    "LARS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "ChainedScheduler",
    "ClipByGlobalNorm",
    "ClipByNorm",
    "ClipByValue",
    "Clock",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "GradientAccumulation",
    "GradientNoise",
    "InverseTimeLR",
    "LambdaLR",
    "LinearLR",
    "Lion",
    "Lookahead",
    "MaxNorm",
    "MultiStepLR",
    "Muon",
    "NAdam",
    "OneCycleLR",
    "Optimizer",
    "ParameterGroups",
    "PlateauState",
    "PolynomialLR",
    "RAdam",
    "RMSprop",
    "RangeTest",
    "ReduceLROnPlateau",
    "Rprop",
    "Rule",
    "Schedule",
    "SequentialLR",
    "SignSGD",
    "StepLR",
    "Transformation",
    "WarmUp",
    "elastic_net",
    "l1",
    "l2",
]

public(globals(), __all__)
