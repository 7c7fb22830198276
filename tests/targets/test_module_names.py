"""Names that users choose, against those that a program uses itself.

What a program uses is read from its text, so that no name can be forgotten.
"""

import symtable

import numpy as np
import pytest

import graphc as gc
from graphc import optim
from graphc.harness import FEATURES, harness_source
from graphc.ir.template import top_level_names
from graphc.targets.numpy.module import defined_names
from graphc.training import assemble
from tests.styles import assert_styles_agree

from .support import assert_formatted

STYLES = ("readable", "fast")
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
    return assemble.training_program(
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
    assert list(parameters) == [node.name for node in program.plan.parameters]
    return [*losses, *results, *parameters.values()]


def own_names(source):
    """What the generated part of a module defines, and what its functions read of it
    or take."""
    copied = defined_names(harness_source(FEATURES | {"whole"}))
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
    # The styles share their names: each has the roles that the other leaves out.
    for shift in [0] if style == "readable" else [1, 2]:
        program = build(names, style, shift)
        for one, other in zip(train(program), expected, strict=True):
            np.testing.assert_array_equal(one, other)
        assert facts(program, kinds) == kinds


# Names that are likely to clash -------------------------------------------------------

HOSTILE = [
    "np",
    "parameters",
    "state",
    "seed",
    "fit",
    "main",
    "data",
    "evaluate",
    "Array",
    "json",
    "rng",
    "update",
    "gradients",
    "loss",
    "slots",
    "name",
    "parameter",
    "gradient",
    "scratch",
    "scratch_1",
    "step",
    "deepcopy",
    "lru_cache",
    "cache",
    "base64",
    "MODEL",
    "INPUTS",
    "CONSTANT",
    "d_w",
    "float",
    "print",
    "self",
    "match",
    "batch",
    "update_scratch",
    "forward",
    "loss_and_gradients_workspace",
    "Ünïcödé",
]


@pytest.mark.parametrize("style", STYLES)
def test_any_identifier_may_name_an_input_or_a_parameter(style, tmp_path):
    """Many at once: each as an input and as a parameter, and some as sizes."""
    total, feeds = gc.constant(0.0, "float32"), {}
    rng = np.random.default_rng(0)
    large = gc.constant(np.linspace(0, 1, 40, dtype="float32"), "float32")
    half = HOSTILE[STYLES.index(style) :: 2]
    for position, name in enumerate(half):
        size = name if position % 3 else f"{name}_size"
        x = gc.input(name, (size, 2))
        w = gc.parameter(f"of.{name}", (2,), gc.init.normal(0, 1))
        v = gc.parameter(f"layer_{name}.w", (), gc.init.ones())
        total = total + gc.mean(gc.tanh(x * w) * v) / x.shape[0] + gc.mean(large * v)
        feeds[name] = rng.normal(size=(position % 3 + 1, 2)).astype("float32")
    adam = optim.Adam(0.1)
    program = assemble.training_program(total, adam, style=style)
    module = program.module
    parameters = module.init_parameters(0)
    values = [feeds[node.name] for node in program.inputs]
    found = module.forward(parameters, *values)["loss"]
    loss, gradients = module.loss_and_gradients(parameters, *values)
    wanted = [total, *gc.grad(total, list(program.plan.parameters))]
    expected = gc.evaluate(wanted, {**feeds, **parameters})
    np.testing.assert_allclose(found, expected[0], rtol=1e-5)
    for name, value in zip(parameters, expected[1:], strict=True):
        np.testing.assert_allclose(gradients[name], value, rtol=1e-4, atol=1e-6)
    state = module.init_state(parameters)
    assert module.train_step(parameters, state, *values) == pytest.approx(float(loss))
    assert_formatted(program.source, tmp_path)


@pytest.mark.parametrize("name", HOSTILE)
def test_parameters_may_have_names_of_the_module(name):
    style = STYLES[HOSTILE.index(name) % 2]
    x = gc.input("x", ("batch", 2))
    w = gc.parameter(name, (2,), gc.init.normal(0, 1))
    loss = gc.mean(gc.tanh(x * w))
    module = assemble.training_program(loss, optim.Adam(0.1), style=style).module
    parameters = module.init_parameters(0)
    before = {key: value.copy() for key, value in parameters.items()}
    feed = np.ones((3, 2), "float32")
    module.train_step(parameters, module.init_state(parameters), feed)
    assert list(parameters) == [name]
    np.testing.assert_allclose(abs(parameters[name] - before[name]), 0.1, rtol=1e-3)


@pytest.mark.parametrize("name", ["rules", "tile", "threads"])
def test_constants_do_not_take_the_names_of_the_program(name):
    x = gc.input("x", ("batch", 40))
    w = gc.parameter("w", (40,), gc.init.ones())
    table = gc.constant(np.linspace(0.5, 1.5, 40, dtype=np.float32)).named(name)
    loss = gc.mean(gc.tanh(x * table * w) * gc.sin(x) ** 2)
    data = {"x": np.random.default_rng(0).random((8, 40), dtype=np.float32)}
    values = []
    for style in ("fast", "readable"):
        trainer = gc.Trainer(loss, gc.optim.SGD(0.1), style=style)
        trainer.step(**data)
        values.append(trainer.parameters["w"].copy())
    assert_styles_agree(*values)
    assert not np.array_equal(values[0], np.ones(40))
