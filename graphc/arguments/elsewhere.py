"""Names of other libraries that have no counterpart here, and what does the same."""

from __future__ import annotations

NAMES = {
    "Dense": "gc.nn.Linear",
    "Input": "gc.input",
    "Module": "gc.nn.Layer",
    "Parameter": "gc.parameter",
    "functional": "gc.nn.relu and the like: functions and layers are in one module",
    "no_grad": "gc.stop_gradient",
    "placeholder": "gc.input",
    "tensor": "gc.constant",
}
"""Functions, classes and modules."""

ARGUMENTS = {
    "device": "leave it out: programs run on the processor",
    "inplace": "leave it out: a compiled program reuses arrays wherever it can",
    "memory_format": "leave it out: the layout is chosen when a graph is compiled",
    "pin_memory": "leave it out: programs run on the processor",
    "requires_grad": "gc.Trainer(parameters=...) says what is trained",
    "shuffle": "leave it out: the rows are in random order in every epoch",
}
"""Arguments."""

PARAMETERS_OF_OPTIMIZERS = (
    "gc.Trainer(loss, gc.optim.Adam(lr=0.001), parameters=...): the trainer knows what "
    "to train"
)
"""Parameters, which are the first argument of an optimizer elsewhere."""

_DTYPE = "dtype= of the constructor"
_EVALUATION = (
    "gc.Trainer trains; its predict, evaluate and compile are in evaluation mode"
)
_PLACE = "leave it out: programs run on the processor"
_SEQUENCE = "gc.nn.Sequential(*layers), from a list that has all of them"

OF_LAYERS = {
    "add_module": "self.name = layer, in a layer of your own",
    "append": _SEQUENCE,
    "apply": "weight_init= and bias_init= of the layers",
    "children": "a loop over a Sequential, or the attributes of a layer of your own",
    "cpu": _PLACE,
    "cuda": _PLACE,
    "double": _DTYPE,
    "eval": _EVALUATION,
    "extend": _SEQUENCE,
    "float": _DTYPE,
    "half": _DTYPE,
    "insert": _SEQUENCE,
    "modules": "a loop over a Sequential, or the attributes of a layer of your own",
    "named_parameters": "layer.state_dict().items()",
    "requires_grad_": "gc.Trainer(parameters=...) says what is trained",
    "to": _PLACE,
    "train": _EVALUATION,
    "zero_grad": "leave it out: gc.Trainer computes each gradient anew",
}
"""Methods of layers."""
