"""Every function of `gc.nn` against torch: values, gradients, signatures."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphc as gc

torch = pytest.importorskip("torch")
functional = pytest.importorskip("torch.nn.functional")

pytestmark = pytest.mark.peer

RNG = np.random.default_rng(0)


def _compare(
    name: str, arrays: list[Any], options: dict[str, Any], tolerance: float = 1e-12
) -> None:
    """Value and vector-Jacobian products of `name` in both, for floating arrays."""
    nodes = [gc.input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)]
    # torch has no derivative by the weights of classes.
    weights = 2 if name in ("nll_loss", "cross_entropy") else len(arrays)
    tensors = [
        torch.tensor(a, requires_grad=a.dtype.kind == "f" and i < weights)
        for i, a in enumerate(arrays)
    ]
    output = getattr(gc.nn, name)(*nodes, **options)
    expected = getattr(functional, name)(*tensors, **options)
    cotangent = RNG.normal(size=tuple(expected.shape)).astype(arrays[0].dtype)
    variables = {n: t for n, t in zip(nodes, tensors, strict=True) if t.requires_grad}
    expected.backward(torch.tensor(cotangent))
    feeds = {f"x{i}": a for i, a in enumerate(arrays)}
    pulled = gc.vjp(output, list(variables), cotangent)
    value, slopes = gc.evaluate([output, pulled], feeds)
    assert value.shape == tuple(expected.shape)
    assert str(value.dtype) == str(expected.dtype).removeprefix("torch.")
    close = {"rtol": tolerance, "atol": tolerance}
    np.testing.assert_allclose(value, expected.detach().numpy(), **close)
    for tensor, slope in zip(variables.values(), slopes, strict=True):
        np.testing.assert_allclose(slope, tensor.grad.numpy(), **close)


def _points(shape: tuple[int, ...], dtype: str = "float64") -> Any:
    points = RNG.normal(size=shape) * 3
    points.flat[:3] = [0.0, -6.0, 6.0]
    return points.astype(dtype)


OF_ONE_ARRAY: list[tuple[str, dict[str, Any]]] = [
    ("tanh", {}),
    ("softmax", {"dim": 1}),
    ("softmax", {"dim": 0}),
    ("log_softmax", {"dim": -1}),
    ("softplus", {"beta": 3.0, "threshold": 2.0}),
    ("hardtanh", {"min_val": -6.0, "max_val": 6.0}),
    ("relu6", {}),
    ("layer_norm", {"normalized_shape": (8,)}),
    ("layer_norm", {"normalized_shape": (6, 8), "eps": 1e-3}),
]


def _declared() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every block of one array that is declared as a function, by its own cases."""
    for name in gc.nn.__all__:
        op = getattr(getattr(gc.nn, name), "op", None)
        if op is None or len(op.inputs) != 1 or not hasattr(functional, name):
            continue
        parameters = list(inspect.signature(getattr(gc.nn, name)).parameters.values())
        if all(p.default is not p.empty for p in parameters[1:]):
            yield name, {}
        for case in op.cases:
            options = {k: v for k, v in case.attributes.items() if v is not None}
            if options and case.shapes == ((3, 4),):
                yield name, options


@pytest.mark.parametrize(("name", "options"), [*_declared(), *OF_ONE_ARRAY])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_of_one_array(name: str, options: Any, dtype: str) -> None:
    tolerance = 3e-6 if dtype == "float32" else 1e-12
    if name == "hardsigmoid":
        tolerance = 3e-6  # The sixth in torch's derivative is rounded to float32.
    _compare(name, [_points((6, 8), dtype)], options, tolerance)


@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 5, 3), (0, 3)])
def test_linear(shape: tuple[int, ...]) -> None:
    weight, bias = RNG.normal(size=(4, 3)), RNG.normal(size=4)
    _compare("linear", [RNG.normal(size=shape), weight, bias], {})
    _compare("linear", [RNG.normal(size=shape), weight], {})


def test_layer_norm_with_weight_and_bias() -> None:
    arrays = [RNG.normal(size=(5, 2, 3)), *RNG.normal(size=(2, 2, 3))]
    nodes = [gc.input(f"x{i}", a.shape, "float64") for i, a in enumerate(arrays)]
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    output = gc.nn.layer_norm(nodes[0], (2, 3), nodes[1], nodes[2])
    expected = functional.layer_norm(tensors[0], (2, 3), tensors[1], tensors[2])
    cotangent = RNG.normal(size=(5, 2, 3))
    expected.backward(torch.tensor(cotangent))
    feeds = {f"x{i}": a for i, a in enumerate(arrays)}
    value, slopes = gc.evaluate([output, gc.vjp(output, nodes, cotangent)], feeds)
    np.testing.assert_allclose(value, expected.detach().numpy(), rtol=1e-12)
    for slope, tensor in zip(slopes, tensors, strict=True):
        np.testing.assert_allclose(slope, tensor.grad.numpy(), rtol=1e-11, atol=1e-12)


SHAPES = [(5, 4), (4,), (3, 4, 2)]
REDUCTIONS = ["mean", "sum", "none"]


def _labels(shape: tuple[int, ...]) -> Any:
    return RNG.integers(0, 4, shape[:1] + shape[2:] if len(shape) > 1 else ())


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignored", [None, 1, -100])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_losses_of_labels(
    shape: tuple[int, ...],
    reduction: str,
    ignored: int | None,
    weighted: bool,
    smoothing: float,
) -> None:
    labels = _labels(shape)
    options: dict[str, Any] = {"reduction": reduction}
    if ignored is not None:
        options["ignore_index"] = ignored
        if labels.shape:
            labels.flat[0] = ignored
        labels = np.where(labels == 1, 2, labels) if not labels.shape else labels
    arrays = [RNG.normal(size=shape), labels]
    if weighted:
        arrays.append(RNG.uniform(0.5, 2.0, 4))
    if not smoothing:
        _compare("nll_loss", arrays, options)
    _compare("cross_entropy", arrays, {**options, "label_smoothing": smoothing})


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_cross_entropy_of_probabilities(
    shape: tuple[int, ...], reduction: str, weighted: bool, smoothing: float
) -> None:
    axis = 1 if len(shape) > 1 else 0
    target = RNG.uniform(size=shape)
    target /= target.sum(axis=axis, keepdims=True)
    arrays = [RNG.normal(size=shape), target]
    if weighted:
        arrays.append(RNG.uniform(0.5, 2.0, 4))
    options = {"reduction": reduction, "label_smoothing": smoothing}
    _compare("cross_entropy", arrays, options)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mse_loss", {}),
        ("l1_loss", {}),
        ("huber_loss", {}),
        ("huber_loss", {"delta": 0.4}),
        ("smooth_l1_loss", {}),
        ("smooth_l1_loss", {"beta": 0.4}),
        ("smooth_l1_loss", {"beta": 0.0}),
    ],
)
def test_losses_of_numbers(name: str, options: Any, reduction: str) -> None:
    arrays = [RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))]
    arrays[1][0] = arrays[0][0]
    _compare(name, arrays, {**options, "reduction": reduction})


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_cross_entropy(reduction: str) -> None:
    probabilities = RNG.uniform(0.01, 0.99, (5, 4))
    probabilities[0] = [0.0, 1.0, 0.0, 1.0]
    target = RNG.uniform(size=(5, 4))
    target[0] = [0.0, 1.0, 1.0, 0.0]
    x, y = gc.input("x", (5, 4), "float64"), gc.input("y", (5, 4), "float64")
    tensor = torch.tensor(probabilities, requires_grad=True)
    for weight in (None, RNG.uniform(size=(5, 4))):
        tensor.grad = None
        expected = functional.binary_cross_entropy(
            tensor,
            torch.tensor(target),
            weight if weight is None else torch.tensor(weight),
            reduction=reduction,
        )
        cotangent = RNG.normal(size=tuple(expected.shape))
        expected.backward(torch.tensor(cotangent))
        loss = gc.nn.binary_cross_entropy(x, y, weight, reduction=reduction)
        value, slope = gc.evaluate(
            [loss, gc.vjp(loss, x, cotangent)], {"x": probabilities, "y": target}
        )
        np.testing.assert_allclose(value, expected.detach().numpy(), rtol=1e-12)
        # torch's bound of the denominator is 1e-12 rounded to float32.
        np.testing.assert_allclose(slope, tensor.grad.numpy(), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_binary_cross_entropy_with_logits(
    weighted: bool, positive: bool, reduction: str
) -> None:
    points, target = _points((5, 4)), RNG.uniform(size=(5, 4))
    weight = RNG.uniform(size=(5, 4)) if weighted else None
    pos_weight = RNG.uniform(0.5, 3.0, size=4) if positive else None
    x, y = gc.input("x", (5, 4), "float64"), gc.input("y", (5, 4), "float64")
    loss = gc.nn.binary_cross_entropy_with_logits(
        x, y, weight, reduction=reduction, pos_weight=pos_weight
    )
    tensors = [torch.tensor(a, requires_grad=True) for a in (points, target)]
    expected = functional.binary_cross_entropy_with_logits(
        *tensors,
        None if weight is None else torch.tensor(weight),
        reduction=reduction,
        pos_weight=None if pos_weight is None else torch.tensor(pos_weight),
    )
    cotangent = RNG.normal(size=tuple(expected.shape))
    expected.backward(torch.tensor(cotangent))
    value, slopes = gc.evaluate(
        [loss, gc.vjp(loss, [x, y], cotangent)], {"x": points, "y": target}
    )
    np.testing.assert_allclose(value, expected.detach().numpy(), rtol=1e-12)
    for slope, tensor in zip(slopes, tensors, strict=True):
        np.testing.assert_allclose(slope, tensor.grad.numpy(), rtol=1e-11, atol=1e-12)


def test_one_hot() -> None:
    labels = RNG.integers(0, 6, (3, 4))
    value = gc.evaluate(gc.nn.one_hot(labels, 6), {})
    expected = functional.one_hot(torch.tensor(labels), 6).numpy()
    np.testing.assert_array_equal(value, expected)
    assert value.dtype == expected.dtype


EXTRA = {
    "size_average",
    "reduce",
    "inplace",
    "_stacklevel",
    "out",
}
"""Arguments that torch deprecates, or that mean nothing for immutable arrays."""


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in gc.nn.__all__
        if hasattr(functional, name)
        and inspect.isfunction(getattr(functional, name))
        and inspect.isfunction(getattr(gc.nn, name))
    ],
)
def test_signatures_are_torchs(name: str) -> None:
    """Argument names in torch's order, with torch's defaults."""
    mine = inspect.signature(getattr(gc.nn, name)).parameters
    # What chooses by `return_indices` takes any arguments, and passes them on.
    same = getattr(functional, f"{name}_with_indices", getattr(functional, name))
    theirs = inspect.signature(same).parameters
    expected = [parameter for parameter in theirs if parameter not in EXTRA]
    assert [p for p in expected if p in mine] == list(mine)
    missing = [p for p in expected if p not in mine]
    assert not missing
    for parameter in mine:
        default = theirs[parameter].default
        if name in ("softmax", "log_softmax", "softmin") and parameter == "dim":
            continue
        assert mine[parameter].default == default


def _documented(name: str) -> dict[str, Any]:
    """Arguments of a function that is not Python, from the first lines of its text."""
    text = str(getattr(functional, name).__doc__).strip()
    call = ast.parse("def " + text[: text.index(")") + 1] + ": ...").body[0]
    assert isinstance(call, ast.FunctionDef)
    names = [argument.arg for argument in call.args.args]
    given = [ast.literal_eval(default) for default in call.args.defaults]
    required = len(names) - len(given)
    return dict(zip(names, [inspect.Parameter.empty] * required + given, strict=True))


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in gc.nn.__all__
        if inspect.isbuiltin(getattr(functional, name, None))
        and inspect.isfunction(getattr(gc.nn, name))
    ],
)
def test_signatures_are_those_that_torch_documents(name: str) -> None:
    mine = inspect.signature(getattr(gc.nn, name)).parameters
    theirs = _documented(name)
    expected = {key: value for key, value in theirs.items() if key not in EXTRA}
    assert {key: p.default for key, p in mine.items()} == expected
    assert list(mine) == list(expected)


ARGUMENTS: dict[str, list[Any]] = {
    "Linear": [3, 4],
    **{f"Conv{i}d": [4, 6, 3] for i in (1, 2, 3)},
    **{f"ConvTranspose{i}d": [4, 6, 3] for i in (1, 2, 3)},
    **{f"{kind}Pool{i}d": [2] for kind in ("Avg", "Max") for i in (1, 2, 3)},
    **{f"Adaptive{kind}Pool{i}d": [2] for kind in ("Avg", "Max") for i in (1, 2, 3)},
    **{f"LPPool{i}d": [2, 2] for i in (1, 2, 3)},
    **{
        f"{kind}Pad{i}d": [2]
        for kind in ("Zero", "Reflection", "Replication", "Circular")
        for i in (1, 2, 3)
    },
    **{f"ConstantPad{i}d": [2, 1.0] for i in (1, 2, 3)},
    "ChannelShuffle": [2],
    "Fold": [4, 2],
    "PixelShuffle": [2],
    "PixelUnshuffle": [2],
    "Unflatten": [1, (2, 3)],
    "Unfold": [2],
    "LayerNorm": [3],
    "Threshold": [0.1, 20.0],
    "Softmax": [1],
    "LogSoftmax": [1],
}
DROPPED = (
    *("inplace", "device", "dtype", "args", "kwargs"),
    *("min_value", "max_value", "_weight", "_freeze", "size_average", "reduce"),
)
"""Arguments that mean nothing here, or that torch deprecates."""

LAYERS = [
    name
    for name in gc.nn.__all__
    if inspect.isclass(getattr(gc.nn, name))
    and hasattr(torch.nn, name)
    and name not in ("Sequential", "TransformerEncoder", "TransformerDecoder")
]


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("name", LAYERS)
def test_layers_take_torchs_arguments(name: str) -> None:
    mine = inspect.signature(getattr(gc.nn, name)).parameters
    starred = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    required = [p for p in mine.values() if p.default is p.empty]
    sizes = [4 for p in required if p.kind not in starred]
    arguments = ARGUMENTS.get(name, sizes)
    theirs = inspect.signature(getattr(torch.nn, name)).parameters
    for parameter, given in theirs.items():
        if parameter in DROPPED:
            continue
        assert parameter in mine
        if parameter not in ("dim", "activation"):
            assert mine[parameter].default == given.default
    layer = getattr(gc.nn, name)(*arguments)
    module = getattr(torch.nn, name)(*arguments)
    shapes = [tuple(p.shape) for p in layer.parameters]
    assert shapes == [tuple(p.shape) for p in module.parameters()]
