"""Emitted training programs: functions against the interpreter, and their text."""

import ast
import functools
import inspect
import os
import subprocess
import sys

import numpy as np
import pytest

import graphc as gc
from graphc import optim
from graphc.errors import OptionError
from graphc.ir.graph import Graph
from graphc.nn.evaluation import evaluation_mode
from graphc.runtime.interpreter import initial_parameters
from graphc.training import assemble

from .support import assert_clean, assert_formatted, run

STYLES = ("readable", "fast")


@pytest.fixture(params=STYLES)
def style(request):
    return request.param


def floats(rng, shape):
    return rng.normal(size=shape).astype("float32")


class Classifier:
    """A network with dropout, a metric, and batches of any size."""

    def __init__(self):
        x = gc.input("x", ("batch", 5))
        y = gc.input("y", ("batch",), "int64")
        net = gc.nn.Sequential(
            gc.nn.Linear(5, 8, name="hidden"),
            gc.nn.Tanh(),
            gc.nn.Dropout(0.4),
            gc.nn.Linear(8, 3, name="out"),
        )
        logits = net(x)
        self.loss = gc.nn.cross_entropy(logits, y)
        self.metrics = {"accuracy": gc.mean(gc.argmax(logits, axis=1) == y)}

    def batch(self, rng, size=6):
        return {"x": floats(rng, (size, 5)), "y": rng.integers(0, 3, size)}


class ManyInputs:
    """Several inputs, one that only the metric reads; parameters of every kind."""

    def __init__(self):
        a = gc.input("a", ("batch", 3))
        b = gc.input("b", (4, 3))
        weights = gc.input("weights", ("batch",))
        shared = gc.parameter("shared", (3, 3), gc.init.normal(0, 0.5))
        gain = gc.parameter("gain", (), gc.init.constant(0.7))
        shift = gc.parameter("shift", (3,), np.array([0.5, -1.0, 2.0], "float32"))
        table = gc.parameter("table", (30,), np.arange(30, dtype="float32") / 30)
        small = gc.constant(np.array([1.0, 2.0, 4.0], "float32"))
        large = gc.constant(np.linspace(0, 1, 120, dtype="float32").reshape(40, 3))
        h = gc.tanh((a @ shared) @ shared.T * gain + shift * small)
        loss = gc.mean(h**2) + gc.mean(b @ shared) + gc.sum(table**2) / 30
        self.loss = loss + gc.mean(gc.abs(h @ large.T))
        self.metrics = {"weighted": gc.mean(weights * gc.sum(h, axis=1))}

    def batch(self, rng, size=6):
        return {
            "a": floats(rng, (size, 3)),
            "b": floats(rng, (4, 3)),
            "weights": floats(rng, (size,)),
        }


class StaticBatch:
    """A batch of a fixed size, in double precision, and no metric."""

    def __init__(self):
        x = gc.input("x", (4, 3), "float64")
        w = gc.parameter("w", (3, 2), gc.init.glorot_uniform(), "float64")
        self.loss = gc.nn.mse_loss(gc.nn.sigmoid(x @ w), gc.zeros((4, 2), "float64"))
        self.metrics = {}

    def batch(self, rng, size=4):
        return {"x": rng.normal(size=(4, 3))}


MODELS = [Classifier, ManyInputs, StaticBatch]


@pytest.fixture(params=MODELS, ids=lambda model: model.__name__)
def model(request):
    return made(request.param)


@functools.cache
def made(model):
    return model()


@functools.cache
def emitted(model, style, optimizer=None, **options):
    return assemble.training_program(
        model.loss,
        optimizer or optim.SGD(0.1, momentum=0.9),
        metrics=model.metrics,
        style=style,
        **options,
    )


def assert_close(found, expected, **tolerance):
    tolerance = tolerance or {"rtol": 2e-5, "atol": 2e-6}
    assert list(found) == list(expected)
    for name, value in found.items():
        assert np.shape(value) == np.shape(expected[name]), name
        np.testing.assert_allclose(value, expected[name], **tolerance, err_msg=name)


def fed(nodes, batch, parameters):
    """Feeds of the interpreter: what the nodes depend on, of these."""
    graph = Graph(tuple(nodes))
    wanted = {node.name for node in (*graph.inputs, *graph.parameters)}
    return {k: v for k, v in {**batch, **parameters}.items() if k in wanted}


def test_names_and_signatures(model, style):
    module = emitted(model, style).module
    batch = list(model.batch(np.random.default_rng(0)))

    def arguments(name):
        return list(inspect.signature(getattr(module, name)).parameters)

    assert arguments("init_parameters") == ["seed"]
    assert arguments("forward") == ["parameters", *batch]
    assert arguments("loss_and_gradients") == ["parameters", *batch, "rng"]
    assert arguments("train_step") == ["parameters", "state", *batch]
    assert callable(module.evaluate)
    assert callable(module.fit)
    assert callable(module.main)
    for name, function in vars(module).items():
        if inspect.isfunction(function) and function.__module__ == module.__name__:
            assert function.__doc__, name


def test_parameters_start_from_their_initialisers(model, style):
    program = emitted(model, style)
    for seed in (0, 7):
        expected = initial_parameters(program.plan.parameters, seed)
        found = program.module.init_parameters(seed)
        assert_close(found, expected, rtol=0)
        for name, value in found.items():
            assert value.dtype == expected[name].dtype
            assert value.flags.writeable
    again = program.module.init_parameters(7)
    for name, value in found.items():
        value[...] = 3
        assert not np.shares_memory(value, again[name])
    assert_close(program.module.init_parameters(7), expected, rtol=0)


def test_forward_evaluates(model, style):
    module = emitted(model, style).module
    rng = np.random.default_rng(1)
    parameters = module.init_parameters(0)
    names = ["loss", *model.metrics]
    nodes = evaluation_mode(Graph((model.loss, *model.metrics.values()))).outputs
    for size in (6, 1, 6, 9):
        batch = model.batch(rng, size)
        found = module.forward(parameters, **batch)
        values = gc.evaluate(list(nodes), fed(nodes, batch, parameters))
        assert_close(found, dict(zip(names, values, strict=True)))
        again = module.forward(parameters, **batch)
        assert_close(again, found, rtol=0)


@pytest.mark.parametrize("simplify", [False, True])
def test_loss_and_gradients(model, style, simplify):
    program = emitted(model, style, simplify=simplify)
    module = program.module
    rng = np.random.default_rng(2)
    parameters = module.init_parameters(3)
    wrt = [n for n in program.plan.parameters if n.name in module.PARAMETERS]
    wanted = [model.loss, *gc.grad(model.loss, wrt)]
    kept = []
    for size in (6, 2, 6):
        batch = model.batch(rng, size)
        if isinstance(model, Classifier):
            loss, gradients = module.loss_and_gradients(
                parameters, **batch, rng=np.random.default_rng(5)
            )
            kept.append((loss, gradients, float(loss), copies(gradients)))
            continue
        loss, gradients = module.loss_and_gradients(parameters, **batch)
        expected, *values = gc.evaluate(wanted, fed(wanted, batch, parameters))
        np.testing.assert_allclose(loss, expected, rtol=2e-5)
        names = [node.name for node in wrt]
        assert_close(gradients, dict(zip(names, values, strict=True)))
        for name, value in gradients.items():
            assert value.dtype == parameters[name].dtype, name
            assert not np.shares_memory(value, parameters[name])
            assert not any(np.shares_memory(value, array) for array in batch.values())
        kept.append((loss, gradients, float(loss), copies(gradients)))
    for loss, gradients, value, arrays in kept:
        assert loss == value
        assert_close(gradients, arrays, rtol=0)


def copies(arrays):
    return {name: np.array(value) for name, value in arrays.items()}


def test_both_styles_take_the_same_steps(model):
    results = []
    for style in STYLES:
        module = emitted(model, style).module
        parameters = module.init_parameters(0)
        state = module.init_state(parameters, 4)
        arrays = dict(parameters)
        rng = np.random.default_rng(6)
        losses = []
        # The last batch of an epoch is smaller.
        for size in (6, 6, 3, 6, 6, 3):
            batch = model.batch(rng, size)
            kept = copies(batch)
            losses.append(module.train_step(parameters, state, **batch))
            assert_close(batch, kept, rtol=0)
        assert all(isinstance(loss, float) for loss in losses)
        assert all(parameters[name] is arrays[name] for name in arrays)
        assert state["step"] == 6
        results.append((losses, parameters))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-6)
    assert_close(results[0][1], results[1][1], rtol=1e-5, atol=1e-7)


def test_a_step_descends_along_the_gradient(style):
    model = made(StaticBatch)
    module = emitted(model, style, optim.SGD(0.5)).module
    parameters = module.init_parameters(0)
    before = copies(parameters)
    batch = model.batch(np.random.default_rng(0))
    loss, gradients = module.loss_and_gradients(parameters, **batch)
    assert module.train_step(parameters, module.init_state(parameters), **batch) == loss
    expected = {name: before[name] - 0.5 * gradients[name] for name in before}
    assert_close(parameters, expected, rtol=1e-14)


def test_dropout_is_drawn_anew_and_seeded(style):
    model = made(Classifier)
    module = emitted(model, style).module
    parameters = module.init_parameters(0)
    batch = model.batch(np.random.default_rng(0), 50)

    def losses(seed):
        rng = np.random.default_rng(seed)
        return [
            float(module.loss_and_gradients(parameters, **batch, rng=rng)[0])
            for _ in range(2)
        ]

    first, second = losses(1)
    assert first != second
    assert losses(1) == [first, second]


# Text ---------------------------------------------------------------------------------


def test_text_is_formatted_and_lint_clean(model, style, tmp_path):
    assert_formatted(emitted(model, style, optim.AdamW()).source, tmp_path)


FILES = [
    "plain.py",
    'quo"te".py',
    '"""import os""".py',
    "it's.py",
    "back\\slash.py",
    "end\\",
    "new\nline.py",
    "tab\t.py",
    "süß 字.py",
    "\u202egnp.py",
    '"',
    "# fmt: off.py",
    "{braces} %s.py",
]


def test_model_files_of_any_name(tmp_path):
    text = (
        "import graphc as gc\n"
        "x = gc.input('x', ('batch', 2))\n"
        "w = gc.parameter('w', (2,), gc.init.ones())\n"
        "loss = gc.mean(gc.tanh(x * w))\n"
    )
    folder = tmp_path / "someone's own place"
    (tmp_path / "emitted").mkdir()
    for position, file in enumerate(FILES):
        scope = {}
        exec(compile(text, str(folder / file), "exec"), scope)
        program = assemble.training_program(scope["loss"], optim.SGD(0.1))
        source = program.source
        assert str(tmp_path) not in source
        assert "own place" not in source
        assert all(sign.isprintable() or sign == "\n" for sign in source)
        docstring = ast.get_docstring(ast.parse(source))
        assert docstring is not None
        assert "Written by `graphc emit " in docstring
        assert f"\nversion {gc.__version__}, from graph " in docstring
        if file.isprintable() and "\\" not in file:
            assert file in docstring
        (tmp_path / "emitted" / f"{position}.py").write_text(source, "utf-8")
    assert_clean(tmp_path / "emitted")


def test_wrong_style():
    loss, optimizer = made(StaticBatch).loss, optim.SGD(0.1)
    with pytest.raises(OptionError, match="'quick'"):
        gc.Trainer(loss, optimizer, style="quick")
    with pytest.raises(OptionError, match="'quick'"):
        gc.Trainer(loss, optimizer).emit("x.py", style="quick")


def test_a_program_in_another_style_is_the_program_in_that_style(style):
    model = made(Classifier)
    other = next(name for name in STYLES if name != style)
    program = emitted(model, style)
    assert program.emit(style, "whole", frozenset(), "").source == program.source
    assert (
        program.emit(other, "whole", frozenset(), "").source
        == program.reloaded(other).source
    )
    assert program.reloaded().source == program.source


MODEL_FILE = """
import graphc as gc
x = gc.input("x", ("batch", 4))
y = gc.input("y", ("batch",), "int64")
net = gc.nn.Sequential(gc.nn.Linear(4, 6), gc.nn.ReLU(), gc.nn.Dropout(0.2),
                       gc.nn.Linear(6, 3))
logits = net(x)
trainer = gc.Trainer(
    gc.nn.cross_entropy(logits, y),
    gc.optim.Adam(0.01),
    metrics={"accuracy": gc.mean(gc.argmax(logits, axis=1) == y)},
    tile_size=8,
    threads=2,
)
"""


def test_the_text_is_the_same_in_every_process(tmp_path):
    script = tmp_path / "model.py"
    show = "".join(f"trainer.emit('{s}.py', style='{s}')\n" for s in STYLES)
    script.write_text(f"{MODEL_FILE}\n{show}")
    texts = set()
    for seed in ("0", "77"):
        folder = tmp_path / f"from {seed}"
        folder.mkdir()
        path = os.pathsep.join([str(tmp_path), os.getcwd()])
        subprocess.run(
            [sys.executable, str(script)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
            cwd=folder,
            check=True,
            capture_output=True,
        )
        texts.add(tuple((folder / f"{s}.py").read_text() for s in STYLES))
    assert len(texts) == 1
    readable, fast = texts.pop()
    assert "run_in_tiles(" in fast
    for text in (readable, fast):
        assert str(tmp_path) not in text
        assert os.getcwd() not in text


def test_a_program_runs_where_graphc_is_not(tmp_path, style):
    scope = {}
    exec(compile(MODEL_FILE, "model.py", "exec"), scope)
    trainer = scope["trainer"]
    trainer.emit(tmp_path / "train.py", style=style)
    rng = np.random.default_rng(0)
    x = floats(rng, (50, 4))
    data = {"x": x, "y": np.argmax(x[:, :3], axis=1)}
    np.savez(tmp_path / "train.npz", **data)
    done = run(
        tmp_path / "train.py",
        *("--data", "train.npz", "--dev", "train.npz", "--epochs", 2),
        *("--batch-size", 16, "--seed", 0, "--out", "best.npz"),
    )
    assert "epoch" in done.stdout
    run(tmp_path / "train.py", "--check", "--data", "train.npz")
    with np.load(tmp_path / "best.npz", allow_pickle=False) as best:
        assert set(trainer.parameters) <= set(best.files)


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_draws_of_the_loss_itself_are_the_same_in_every_evaluation(style):
    x = gc.input("x", ("batch", 3))
    w = gc.parameter("w", (3,), [1.0, 2.0, 3.0])
    noisy = x @ w * gc.bernoulli(0.5, x.shape[:1])
    trainer = gc.Trainer(gc.mean(noisy**2), gc.optim.SGD(0.1), style=style)
    data = {"x": np.random.default_rng(0).random((64, 3), dtype=np.float32)}
    first = trainer.evaluate(data)["loss"]
    assert trainer.evaluate(data)["loss"] == first
    full = float(np.mean((data["x"] @ np.array([1.0, 2.0, 3.0])) ** 2))
    assert 0.2 * full < first < 0.8 * full


def test_inputs_that_disagree_about_the_rows_are_refused(style):
    x, y = gc.input("x", ("batch", 3)), gc.input("y", ("batch",), "int64")
    w = gc.parameter("w", (3, 4), gc.init.ones())
    program = assemble.training_program(
        gc.nn.cross_entropy(x @ w, y), optim.SGD(0.1), style=style
    )
    parameters = program.module.init_parameters(0)
    one, two = np.ones((1, 3), "float32"), np.ones((2, 3), "float32")
    for rows, labels in ((one, [1, 99]), (two, [99])):
        with pytest.raises((IndexError, ValueError)):
            program.module.loss_and_gradients(parameters, rows, np.array(labels))
