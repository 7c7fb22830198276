"""Initialisers: their distributions, their fans, and one start for all programs."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import graphc as gc
from graphc.errors import DTypeError, GraphcError, OptionError, ShapeError
from graphc.nn.init import fans

# An initialiser of each kind, and a shape that it takes.
STARTS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "zeros": (gc.init.zeros(), (3, 2)),
    "ones": (gc.init.ones(), (3,)),
    "constant": (gc.init.constant(0.01), ()),
    "uniform": (gc.init.uniform(-0.5, 0.25), (4, 3)),
    "normal": (gc.init.normal(1.0, 0.5), (7,)),
    "truncated_normal": (gc.init.truncated_normal(0.1, 0.5, -0.2, 0.4), (5, 3)),
    "truncated_tail": (gc.init.truncated_normal(0.0, 0.5, 4.0, 5.0), (5, 3)),
    "truncated_scalar": (gc.init.truncated_normal(), ()),
    "glorot_uniform": (gc.init.glorot_uniform(), (4, 6)),
    "glorot_normal": (gc.init.glorot_normal(5 / 3, "out_in"), (4, 6)),
    "he_uniform": (gc.init.he_uniform("fan_out"), (8, 3, 3, 3)),
    "he_normal": (gc.init.he_normal("fan_avg", "in_out_out"), (6, 2, 3)),
    "xavier_uniform": (gc.init.xavier_uniform(2.0), (4, 6)),
    "xavier_normal": (gc.init.xavier_normal(), (4, 6)),
    "kaiming_uniform": (gc.init.kaiming_uniform(math.sqrt(5)), (4, 6)),
    "kaiming_normal": (gc.init.kaiming_normal(mode="fan_out"), (4, 6)),
    "lecun_uniform": (gc.init.lecun_uniform(), (4, 6)),
    "lecun_normal": (gc.init.lecun_normal(), (4, 6)),
    "orthogonal": (gc.init.orthogonal(1.5), (4, 6)),
    "orthogonal_conv": (gc.init.orthogonal(), (6, 2, 2)),
    "orthogonal_empty": (gc.init.orthogonal(), (0, 3)),
    "identity": (gc.init.identity(0.5), (3, 4)),
    "eye": (gc.init.eye(), (3, 3)),
    "sparse": (gc.init.sparse(0.3), (7, 5)),
    "sparse_rows": (gc.init.sparse(0.3, 1.0, axis=1), (5, 7)),
    "dirac": (gc.init.dirac(2), (4, 2, 3, 3)),
    "array": (np.arange(3.0), (3,)),
}


def start(init: Any, shape: tuple[int, ...], dtype: str = "float64", seed: int = 0):
    return gc.evaluate(gc.parameter("w", shape, init, dtype), {}, seed=seed)


def network() -> Any:
    """A scalar of one parameter of each kind, in both precisions."""
    loss: Any = 0.0
    for dtype in ("float32", "float64"):
        for key, (init, shape) in STARTS.items():
            node = gc.parameter(f"{key}_{dtype}", shape, init, dtype)
            loss = loss + gc.sum(node * node).astype("float64")
    return loss


def test_every_program_starts_from_the_same_bits(tmp_path: Path) -> None:
    """The interpreter, a compiled function, and the emitted file by itself."""
    loss = network()
    trainer = gc.Trainer(loss, gc.optim.SGD(0.1), seed=5)
    compiled = gc.compile(loss, seed=5)
    # All at once: a parameter by itself would take the first draws.
    together = gc.evaluate(_parameters(loss), {}, seed=5)
    assert set(together) == set(compiled.parameters) == set(trainer.parameters)
    path = tmp_path / "train.py"
    trainer.emit(path, style="readable")
    code = (
        "import sys; sys.modules['graphc'] = None; sys.path.insert(0, '.')\n"
        "import numpy, train\n"
        "numpy.savez('start.npz', **train.init_parameters(5))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    emitted = np.load(tmp_path / "start.npz")
    for name, expected in together.items():
        for given in (compiled.parameters[name], trainer.parameters[name]):
            assert given.tobytes() == expected.tobytes(), name
            assert given.dtype == expected.dtype
            assert given.shape == expected.shape
            assert given.flags.c_contiguous, name
        assert emitted[name].tobytes() == expected.tobytes(), name


def _parameters(loss: Any) -> dict[str, Any]:
    from graphc.ir import Graph

    return {str(node.name): node for node in Graph((loss,)).parameters}


def test_a_helper_is_emitted_once() -> None:
    source = gc.Trainer(network(), gc.optim.SGD(0.1)).source
    for name in ("truncated_normal", "orthogonal", "dirac"):
        assert source.count(f"def {name}(") == 1
    plain = gc.parameter("w", (2,), gc.init.normal(), "float64")
    assert "NormalDist" not in gc.Trainer(gc.sum(plain**2), gc.optim.SGD(0.1)).source


def test_a_name_that_a_helper_has_is_still_free_for_users() -> None:
    x = gc.input("orthogonal", ("n", 2), "float64")
    w = gc.parameter("dirac", (2, 2), gc.init.orthogonal(), "float64")
    expected = gc.evaluate(w, {})
    trainer = gc.Trainer(gc.sum(x @ w), gc.optim.SGD(0.0))
    assert math.isfinite(trainer.step(orthogonal=np.ones((3, 2))))
    np.testing.assert_array_equal(trainer.parameters["dirac"], expected)


class Ramp:
    """An initialiser of a user's own, with a helper."""

    helper = "from math import tau\n\n\ndef ramp(n):\n    return np.arange(n) * tau\n"

    def source(self, shape: tuple[int, ...], dtype: Any) -> str:
        return f"ramp({shape[0]}).astype(np.{dtype})"


def test_an_own_initialiser_may_bring_a_helper() -> None:
    w = gc.parameter("w", (3,), Ramp(), "float64")
    expected = np.arange(3) * math.tau
    np.testing.assert_array_equal(gc.evaluate(w, {}), expected)
    trainer = gc.Trainer(gc.sum(w), gc.optim.SGD(0.1))
    np.testing.assert_array_equal(trainer.parameters["w"], expected)


@pytest.mark.parametrize("key", STARTS)
def test_draws_depend_on_the_seed_alone_and_are_rounded_to_the_dtype(key: str) -> None:
    init, shape = STARTS[key]
    first = start(init, shape, seed=1)
    assert first.shape == shape
    assert first.tobytes() == start(init, shape, seed=1).tobytes()
    for dtype in ("float16", "float32"):
        narrow = start(init, shape, dtype, seed=1)
        assert narrow.dtype == dtype
        np.testing.assert_array_equal(narrow, first.astype(dtype))
    fixed = ("zeros", "ones", "constant", "identity", "eye", "dirac", "array")
    other = start(init, shape, seed=2)
    assert np.array_equal(first, other) == (key in fixed or not first.size)


# Distributions: with 40,000 draws of a fixed seed, a p-value below 0.001 is a fault.

DRAWS = (200, 200)


# What the formulas promise for a weight of that shape.
PROMISED: dict[str, Any] = {
    "uniform": stats.uniform(-0.5, 0.75),
    "normal": stats.norm(1.0, 0.5),
    "glorot_uniform": stats.uniform(-math.sqrt(6 / 400), 2 * math.sqrt(6 / 400)),
    "glorot_normal": stats.norm(0, 5 / 3 * math.sqrt(2 / 400)),
    "lecun_uniform": stats.uniform(-math.sqrt(3 / 200), 2 * math.sqrt(3 / 200)),
    "lecun_normal": stats.norm(0, math.sqrt(1 / 200)),
    "kaiming_uniform": stats.uniform(-math.sqrt(1 / 200), 2 * math.sqrt(1 / 200)),
    "kaiming_normal": stats.norm(0, math.sqrt(2 / 200)),
}


@pytest.mark.parametrize("key", PROMISED)
def test_distributions(key: str) -> None:
    expected = PROMISED[key]
    values = start(STARTS[key][0], DRAWS).ravel()
    assert stats.kstest(values, expected.cdf).pvalue > 1e-3
    assert abs(values.mean() - expected.mean()) < 5 * expected.std() / 200
    assert values.std() == pytest.approx(expected.std(), rel=0.02)


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [
        (0.0, 1.0, -2.0, 2.0),
        (0.0, 0.02, -2.0, 2.0),
        (0.5, 2.0, 0.4, 0.41),
        (0.0, 1.0, -7.0, -5.0),
        (0.0, 1.0, 5.0, 7.0),
        (3.0, 0.1, 4.0, 9.0),
        (1.0, 1.0, 1.0, 40.0),
        (0.0, 1.0, 30.0, 31.0),
    ],
)
def test_truncated_normal_is_exactly_distributed(
    mean: float, std: float, a: float, b: float
) -> None:
    values = start(gc.init.truncated_normal(mean, std, a, b), DRAWS).ravel()
    assert values.min() >= a
    assert values.max() <= b
    expected = stats.truncnorm((a - mean) / std, (b - mean) / std, mean, std)
    assert stats.kstest(values, expected.cdf).pvalue > 1e-3
    assert len(np.unique(values)) > 0.99 * values.size


@pytest.mark.parametrize("shape", [(6, 6), (4, 9), (9, 4), (1, 5), (8, 2, 3, 3)])
@pytest.mark.parametrize("gain", [1.0, math.sqrt(2)])
def test_orthogonal_matrices_are_orthogonal(shape: Any, gain: float) -> None:
    w = start(gc.init.orthogonal(gain), shape).reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, gain**2 * np.eye(len(product)), atol=1e-14)


def test_orthogonal_matrices_favour_no_rotation() -> None:
    """In the plane, the angle of the first column is uniform on the whole circle."""
    init = gc.init.orthogonal()
    columns = [start(init, (2, 2), seed=seed)[:, 0] for seed in range(400)]
    angles = [math.atan2(y, x) for x, y in columns]
    uniform = stats.uniform(-math.pi, 2 * math.pi)
    assert stats.kstest(angles, uniform.cdf).pvalue > 1e-3


def test_sparse_counts_zeros_in_each_column() -> None:
    w = start(gc.init.sparse(0.25, std=2.0), (10, 2000))
    assert ((w == 0).sum(axis=0) == 3).all()
    assert stats.kstest(w[w != 0], stats.norm(0, 2.0).cdf).pvalue > 1e-3
    # Every row is as likely as any other to be zero.
    assert stats.chisquare((w == 0).sum(axis=1)).pvalue > 1e-3
    rows = start(gc.init.sparse(0.25, axis=1), (2000, 10))
    assert ((rows == 0).sum(axis=1) == 3).all()
    assert not start(gc.init.sparse(1.0), (3, 3)).any()


def test_dirac_passes_channels_on() -> None:
    w = start(gc.init.dirac(), (3, 2, 3, 5))
    assert w.sum() == 2
    assert w[0, 0, 1, 2] == w[1, 1, 1, 2] == 1


def test_variance_is_kept_through_deep_layers() -> None:
    """The aim of initialisers: thirty layers neither die nor explode."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 100))
    signal = {"he": x, "glorot": x, "naive": x}
    for layer in range(30):
        he = start(gc.init.he_normal(), (100, 100), seed=layer)
        glorot = start(gc.init.glorot_normal(), (100, 100), seed=layer)
        signal["he"] = np.maximum(signal["he"] @ he, 0)
        signal["glorot"] = signal["glorot"] @ glorot
        signal["naive"] = np.maximum(signal["naive"] @ glorot, 0)
    assert 0.2 < np.square(signal["he"]).mean() < 5
    assert 0.2 < np.square(signal["glorot"]).mean() < 5
    assert np.square(signal["naive"]).mean() < 1e-6


# Fans.


def test_fans_of_attention_and_stacked_weights() -> None:
    assert fans((512, 8, 64), "in_out_out") == (512, 512)
    assert fans((8, 64, 512), "in_in_out") == (512, 512)
    assert fans((3, 512, 256), "stack_out_in") == (256, 512)
    assert fans((16, 3, 5), "in_out_kernel") == (80, 15)
    w = start(gc.init.xavier_uniform(layout="stack_out_in"), (3, 64, 64))
    assert abs(w).max() == pytest.approx(math.sqrt(6 / 128), rel=1e-2)


def test_fans_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match="two axes"):
        fans((3,))
    with pytest.raises(ShapeError, match="does not fit"):
        fans((3, 4), "in_out_out")
    with pytest.raises(OptionError, match="role of each axis"):
        fans((3, 4), "in")


# Errors stand at the user's line.

WRONG: dict[str, tuple[Any, type[GraphcError], str]] = {
    "nan": (lambda: gc.init.constant(math.nan), OptionError, "finite number"),
    "text": (lambda: gc.init.normal("1"), OptionError, "mean must be"),
    "boolean": (lambda: gc.init.constant(True), OptionError, "must be a number"),
    "negative std": (lambda: gc.init.normal(0, -1), OptionError, "of at least 0"),
    "bounds": (lambda: gc.init.uniform(1, 0), OptionError, "a <= b"),
    "wide": (lambda: gc.init.uniform(-1e308, 1e308), OptionError, "finite b - a"),
    "empty": (
        lambda: gc.init.truncated_normal(a=1, b=1),
        OptionError,
        "requires a < b",
    ),
    "zero std": (lambda: gc.init.truncated_normal(std=0), OptionError, "std > 0"),
    "far": (lambda: gc.init.truncated_normal(a=50, b=60), OptionError, "no chance"),
    "mode": (lambda: gc.init.he_normal("fan"), OptionError, "mode must be one of"),
    "layout": (lambda: gc.init.he_normal(layout="io"), OptionError, "role of each"),
    "gain": (lambda: gc.init.glorot_normal(-1), OptionError, "gain must be"),
    "unit": (
        lambda: gc.init.kaiming_normal(nonlinearity="gelu"),
        OptionError,
        "one of leaky_relu, tanh",
    ),
    "sparsity": (lambda: gc.init.sparse(1.5), OptionError, "at most 1"),
    "axis": (lambda: gc.init.sparse(0.5, axis=2), OptionError, "axis must be"),
    "groups": (lambda: gc.init.dirac(0), OptionError, "positive integer"),
    "vector": (
        lambda: gc.parameter("w", (3,), gc.init.he_normal()),
        ShapeError,
        "two axes",
    ),
    "orthogonal vector": (
        lambda: gc.parameter("w", (3,), gc.init.orthogonal()),
        ShapeError,
        "two axes",
    ),
    "identity tensor": (
        lambda: gc.parameter("w", (3, 3, 3), gc.init.eye()),
        ShapeError,
        "requires a matrix",
    ),
    "sparse tensor": (
        lambda: gc.parameter("w", (3, 3, 3), gc.init.sparse(0.1)),
        ShapeError,
        "requires a matrix",
    ),
    "dirac matrix": (
        lambda: gc.parameter("w", (3, 3), gc.init.dirac()),
        ShapeError,
        "3 to 5 axes",
    ),
    "dirac groups": (
        lambda: gc.parameter("w", (3, 3, 3), gc.init.dirac(2)),
        ShapeError,
        "2 groups divide",
    ),
    "integers": (
        lambda: gc.parameter("w", (3,), gc.init.normal(), "int64"),
        DTypeError,
        "floating parameter",
    ),
    "integer identity": (
        lambda: gc.parameter("w", (3, 3), gc.init.identity(0.5), "int64"),
        DTypeError,
        "floating parameter",
    ),
}


@pytest.mark.parametrize("key", WRONG)
def test_wrong_arguments_are_errors_at_the_users_line(key: str) -> None:
    call, kind, message = WRONG[key]
    with pytest.raises(kind, match=message) as caught:
        call()
    assert "test_init.py:" in str(caught.value)


def test_integers_may_start_from_zeros_and_an_identity() -> None:
    assert start(gc.init.eye(), (2, 2), "int64").tolist() == [[1, 0], [0, 1]]
    assert start(gc.init.zeros(), (2,), "bool").tolist() == [False, False]


# torch as oracle.


@pytest.mark.peer
@pytest.mark.parametrize("shape", [(4, 7), (6, 3, 5), (6, 3, 5, 2), (6, 3, 5, 2, 4)])
def test_fans_are_those_of_torch(shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
    assert fans(shape, "out_in") == theirs


@pytest.mark.peer
def test_gains_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    for unit in ("linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu", "conv2d"):
        theirs = torch.nn.init.calculate_gain(unit)
        assert gc.init.calculate_gain(unit) == pytest.approx(theirs, rel=1e-15)
    for unit in ("conv1d", "conv3d", "conv_transpose1d", "conv_transpose3d"):
        assert gc.init.calculate_gain(unit) == torch.nn.init.calculate_gain(unit)
    slope = math.sqrt(5)
    theirs = torch.nn.init.calculate_gain("leaky_relu", slope)
    assert gc.init.calculate_gain("leaky_relu", slope) == pytest.approx(theirs)


TORCH: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "xavier_uniform": (gc.init.xavier_uniform(2.0), "xavier_uniform_", {"gain": 2.0}),
    "xavier_normal": (gc.init.xavier_normal(), "xavier_normal_", {}),
    "kaiming_uniform": (
        gc.init.kaiming_uniform(math.sqrt(5)),
        "kaiming_uniform_",
        {"a": math.sqrt(5)},
    ),
    "kaiming_normal": (
        gc.init.kaiming_normal(mode="fan_out", nonlinearity="tanh"),
        "kaiming_normal_",
        {"mode": "fan_out", "nonlinearity": "tanh"},
    ),
    "trunc_normal": (
        gc.init.truncated_normal(0.1, 0.5, -0.3, 0.9),
        "trunc_normal_",
        {"mean": 0.1, "std": 0.5, "a": -0.3, "b": 0.9},
    ),
    "orthogonal": (gc.init.orthogonal(1.5), "orthogonal_", {"gain": 1.5}),
    "sparse": (gc.init.sparse(0.1, 0.5), "sparse_", {"sparsity": 0.1, "std": 0.5}),
}


@pytest.mark.peer
@pytest.mark.parametrize("key", TORCH)
def test_distributions_are_those_of_torch(key: str) -> None:
    torch = pytest.importorskip("torch")
    init, function, options = TORCH[key]
    torch.manual_seed(0)
    shape = (300, 50) if key == "sparse" else (150, 20, 5)
    theirs = torch.empty(shape, dtype=torch.float64)
    getattr(torch.nn.init, function)(theirs, **options)
    ours = start(init, shape)
    assert (ours == 0).sum() == (theirs == 0).sum()
    pair = (ours.ravel(), theirs.numpy().ravel())
    assert stats.ks_2samp(*pair).pvalue > 1e-3


@pytest.mark.peer
@pytest.mark.parametrize("shape", [(4, 2, 3), (2, 5, 3, 4), (6, 2, 1, 3, 5)])
@pytest.mark.parametrize("groups", [1, 2])
def test_dirac_is_torchs(shape: tuple[int, ...], groups: int) -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.nn.init.dirac_(torch.empty(shape), groups).numpy()
    np.testing.assert_array_equal(
        start(gc.init.dirac(groups), shape, "float32"), theirs
    )


@pytest.mark.peer
def test_eye_is_torchs() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.nn.init.eye_(torch.empty(3, 5)).numpy()
    np.testing.assert_array_equal(start(gc.init.eye(), (3, 5), "float32"), theirs)
