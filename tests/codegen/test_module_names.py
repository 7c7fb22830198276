"""Names that users choose, against those that a program uses itself.

What a program uses is read from its text, so that no name can be forgotten.
"""

import symtable

import numpy as np
import pytest

import graphc as gc
from graphc import optim, training
from graphc.codegen.harness import FEATURES, harness_source
from graphc.codegen.module import defined_names
from graphc.codegen.starts import top_level_names

BATCHES = (3, 1)
WIDTH = 600  # Wide enough for tiles.
OWN = {"first", "labels", "dense", "batch"}
ROLES = ("input", "size", "parameter")


def everything():
    """An optimizer that makes use of all that an update may consist of."""
    steps = optim.StepLR(0.01, step_size=1)
    groups = {"dense.weight": optim.Muon(steps)}
    inner = optim.ParameterGroups(groups, default=optim.Adam(steps))
    noisy = optim.GradientNoise(optim.ClipByNorm(inner, max_norm=1.0))
    return optim.EMA(optim.GradientAccumulation(noisy, steps=2))


def build(names, style, shift=0):
    """A model in which each name is that of something.

    That is an input, a size or a parameter, in turn, or a constant if it is upper.
    """
    x = gc.input("first", ("batch", 4))
    layer = gc.nn.Linear(4, WIDTH, name="dense", bias=False)
    hidden = gc.nn.dropout(gc.nn.gelu(layer(x)), 0.5)
    labels = gc.input("labels", ("batch",), "int64")
    logits = hidden[:, :10]
    loss = gc.nn.cross_entropy(logits, labels) + gc.mean(hidden * hidden)
    values = np.linspace(0.0, 1.0, 20, dtype="float32")
    for position, name in enumerate(names):
        chosen = {role: f"{name}_{role}" for role in ROLES}
        if name.isupper():
            constant = gc.constant(values + position, "float32")
            part = constant.named(name.capitalize())
        else:
            chosen[ROLES[(position + shift) % len(ROLES)]] = name
            part = gc.input(chosen["input"], ("batch", chosen["size"]))
        weight = gc.parameter(chosen["parameter"], (1,), [0.1 * position])
        loss = loss + gc.mean(gc.tanh(part * weight))
    return training.training_program(
        loss,
        everything(),
        metrics={"f1": gc.metrics.f1_score(logits, labels, average="macro")},
        outputs=hidden,
        style=style,
        plateau=optim.ReduceLROnPlateau(),
    )


def feed(count, others, rng):
    """Inputs in the order of their declaration."""
    first = rng.standard_normal((count, 4), np.float32)
    rest = [rng.standard_normal((count, 5), np.float32) for _ in range(others)]
    return [first, rng.integers(0, 10, count), *rest]


def train(program):
    """The losses of a few steps, what `forward` then returns, and the parameters."""
    module, rng = program.module, np.random.default_rng(0)
    others = len(program.inputs) - 2
    parameters = module.init_parameters(0)
    state = module.init_state(parameters, 0)
    losses = [
        module.train_step(parameters, state, *feed(count, others, rng))
        for count in BATCHES
    ]
    results = module.forward(parameters, *feed(2, others, rng)).values()
    assert list(parameters) == [node.name for node in program.parameters]
    return [*losses, *results, *parameters.values()]


def own_names(source):
    """What the generated part of a module defines, and what its functions read of it
    or take."""
    copied = defined_names(harness_source(FEATURES))
    defined = top_level_names(source) - copied
    found = set(defined)
    for function in symtable.symtable(source, "program", "exec").get_children():
        name = function.get_name()
        # What a tile's function takes is called as the values are.
        if name in defined and not name.endswith("_tile"):
            found |= {*function.get_globals(), *function.get_parameters()}
    return found - OWN


def facts(program, names):
    """The module's own constants that are no arrays: what kind each is of."""
    values = {name: getattr(program.module, name, None) for name in names}
    return {
        name: type(value)
        for name, value in values.items()
        if name.isupper() and not isinstance(value, np.ndarray)
    }


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_names_of_the_program_may_be_chosen_for_values(style):
    usual = build(["usual"], style)
    names = sorted(name for name in own_names(usual.source) if "usual" not in name)
    kinds = facts(usual, names)
    assert {"update", "np", "MODEL", "init_state", "state"} <= set(names)
    plain = [
        f"{'PLAIN' if name.isupper() else 'plain'}_{number}"
        for number, name in enumerate(names)
    ]
    expected = train(build(plain, style))
    for shift in range(len(ROLES)):
        program = build(names, style, shift)
        for one, other in zip(train(program), expected, strict=True):
            np.testing.assert_array_equal(one, other)
        assert facts(program, kinds) == kinds
