"""Optimizers, schedules and regularisers: rules in symbolic nodes."""

from .adam import Adam, AdamW
from .adam_variants import Adamax, NAdam, RAdam
from .adaptive import Adadelta, Adagrad, RMSprop, Rprop
from .base import Clock, Optimizer
from .cycles import ChainedScheduler, CyclicLR, OneCycleLR, RangeTest, SequentialLR
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

__all__ = [
    "ASGD",
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
    "Clock",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "InverseTimeLR",
    "LambdaLR",
    "LinearLR",
    "Lion",
    "MultiStepLR",
    "Muon",
    "NAdam",
    "OneCycleLR",
    "Optimizer",
    "PlateauState",
    "PolynomialLR",
    "RAdam",
    "RMSprop",
    "RangeTest",
    "ReduceLROnPlateau",
    "Rprop",
    "Schedule",
    "SequentialLR",
    "SignSGD",
    "StepLR",
    "WarmUp",
    "elastic_net",
    "l1",
    "l2",
]
