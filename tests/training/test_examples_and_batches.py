"""Batches as tuples, and examples by position, as torch's data loaders have them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.errors import DataError, FeedError, OptionError
from tests.training.support import OPTIONS, make, rows, same

Array = np.ndarray[Any, Any]


class Loader:
    """An iterable of tuples, as torch's `DataLoader` is; each pass is another."""

    def __init__(self, data: dict[str, Array], size: int) -> None:
        self.data, self.size, self.passes = data, size, 0

    def __len__(self) -> int:
        return -(-len(self.data["y"]) // self.size)

    def __iter__(self) -> Iterator[tuple[Array, ...]]:
        self.passes += 1
        order = np.random.default_rng([0, 2, self.passes]).permutation(23)
        for start in range(0, 23, self.size):
            chosen = order[start : start + self.size]
            yield tuple(array[chosen] for array in self.data.values())


class Dataset:
    """Examples by position, as torch's `Dataset` has them."""

    def __init__(self, data: dict[str, Array], named: bool) -> None:
        self.data, self.named, self.taken = data, named, list[int]()

    def __len__(self) -> int:
        return len(self.data["y"])

    def __getitem__(self, place: int) -> Any:
        self.taken.append(place)
        example = {name: array[place] for name, array in self.data.items()}
        return example if self.named else tuple(example.values())


def test_an_epoch_is_a_pass_through_an_iterable_of_tuples() -> None:
    arrays, loaded = make(), make()
    expected = arrays.fit(rows(), rows(9, 1), batch_size=4, **OPTIONS)
    loader = Loader(rows(), 4)
    history = loaded.fit(loader, [tuple(rows(9, 1).values())], **OPTIONS)
    assert loader.passes == 2
    assert same(arrays.parameters, loaded.parameters)
    assert history["loss"] == expected["loss"]
    assert history["dev_accuracy"] == expected["dev_accuracy"]
    # The last batch is smaller, and counts by its rows.
    assert loaded.evaluate(Loader(rows(), 5)) == pytest.approx(loaded.evaluate(rows()))


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
def test_examples_train_as_the_rows_of_arrays_do(named: bool, drop_last: bool) -> None:
    options: dict[str, Any] = {**OPTIONS, "batch_size": 4, "drop_last": drop_last}
    arrays, examples = make(), make()
    a = arrays.fit(rows(), rows(9, 1), seed=5, **options)
    data, dev = Dataset(rows(), named), Dataset(rows(9, 1), named)
    b = examples.fit(data, dev, seed=5, **options)
    assert same(arrays.parameters, examples.parameters)
    assert a["loss"] == b["loss"]
    assert a["dev_loss"] == b["dev_loss"]
    assert len(set(data.taken[:20])) == 20
    assert dev.taken[:9] == list(range(9))
    assert examples.evaluate(dev, batch_size=2) == pytest.approx(
        arrays.evaluate(rows(9, 1))
    )


def test_a_run_on_examples_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    whole, parts = make(), make()
    options: dict[str, Any] = {"batch_size": 4, "verbose": False}
    whole.fit(Dataset(rows(), True), epochs=3, **options)
    make().fit(Dataset(rows(), True), epochs=1, checkpoint=path, **options)
    parts.fit(Dataset(rows(), True), epochs=3, checkpoint=path, resume=True, **options)
    assert same(whole.parameters, parts.parameters)


class Growing(Dataset):
    """Examples of which no two have one shape."""

    def __getitem__(self, place: int) -> Any:
        return {"x": np.ones(place), "y": 0}


class Same(Dataset):
    """Examples that are always the same value."""

    def __init__(self, value: Any) -> None:
        super().__init__(rows(), False)
        self.value = value

    def __getitem__(self, place: int) -> Any:
        return self.value


def test_what_is_wrong_is_said_by_batch_and_example() -> None:
    x, y = rows().values()
    cases: list[tuple[Any, str]] = [
        ([(x,)], "train: batch 1 has 1 arrays, and the model takes 2, in this order"),
        ([(y, x)], "batch 1: 'x' requires shape"),
        ([*zip(x, y, strict=True)], "train: batch 1 is one example: its arrays lack"),
        (iter([{"x": x[0], "y": 1}]), "train: batch 1 is one example"),
        ([{"x": [[1.0, 2.0], [3.0]], "y": y[:2]}], "batch 1: 'x' is no array"),
        (Growing(rows(), True), "in the shape of 'x'"),
        (Same((x[0],)), "has 1 arrays, and the model takes 2, in this order: x, y"),
        (Same(5), "must map input names to arrays, got int"),
        (Dataset({"x": x[:0], "y": y[:0]}, True), "train has no rows"),
        (iter([(x, y)]), "train gave no batch in epoch 2: an iterator"),
    ]
    for data, message in cases:
        with pytest.raises(DataError) as raised:
            make().fit(data, **OPTIONS)
        assert message in str(raised.value)
        assert "support.py" in str(raised.value) or __file__ in str(raised.value)
    with pytest.raises(OptionError, match="steps_per_epoch is for streams"):
        make().fit(Dataset(rows(), True), steps_per_epoch=2, **OPTIONS)


@pytest.mark.peer
def test_loaders_and_data_sets_of_torch() -> None:
    torch: Any = pytest.importorskip("torch")
    data: Any = pytest.importorskip("torch.utils.data")
    x, y = rows().values()
    arrays, examples, loaded = make(), make(), make()
    tensors = data.TensorDataset(torch.tensor(x), torch.tensor(y.astype("int64")))
    arrays.fit(rows(), batch_size=4, **OPTIONS)
    examples.fit(tensors, batch_size=4, **OPTIONS)
    assert same(arrays.parameters, examples.parameters)
    loaded.fit(data.DataLoader(tensors, batch_size=4, shuffle=True), **OPTIONS)
    whole = loaded.evaluate(rows())
    assert loaded.evaluate(data.DataLoader(tensors, batch_size=5)) == pytest.approx(
        whole
    )
    listed = [[x[:5], y[:5]], [x[5:], y[5:]]]
    assert loaded.evaluate(listed) == pytest.approx(whole)
    negative = torch._neg_view(torch.tensor(-x))
    assert loaded.evaluate({"x": negative, "y": y}) == whole
    halves = torch.tensor(x, dtype=torch.bfloat16, requires_grad=True)
    assert loaded.evaluate({"x": halves, "y": tensors.tensors[1]}) == whole


class OnlyDLPack:
    """An array of which no more is known than how to exchange it."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()


def test_arrays_come_by_dlpack() -> None:
    x, y = rows().values()
    given = {"x": OnlyDLPack(x), "y": OnlyDLPack(y)}
    assert make().evaluate(given) == make().evaluate(rows())


@pytest.mark.peer
@pytest.mark.parametrize("kind", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_numbers_of_few_bits_become_float32(kind: str) -> None:
    torch: Any = pytest.importorskip("torch")
    small: Any = pytest.importorskip("ml_dtypes")
    x, y = rows().values()
    x = x * np.float32(1.234)
    tensor = torch.tensor(x).to(getattr(torch, kind))
    expected = make().evaluate({"x": tensor.float().numpy(), "y": y})
    assert expected != make().evaluate({"x": x, "y": y})
    array = tensor.float().numpy().astype(getattr(small, kind))
    for given in (tensor, array):
        assert make().evaluate({"x": given, "y": y}) == expected
        assert make().evaluate([(given, y)]) == expected
        np.testing.assert_array_equal(
            make().predict(x=given), make().predict(x=tensor.float().numpy())
        )


@pytest.mark.peer
def test_tensors_without_all_numbers_are_errors() -> None:
    torch: Any = pytest.importorskip("torch")
    sparse: Any = pytest.importorskip("scipy.sparse")
    x, y = rows().values()
    cases = [
        (torch.tensor(x).to_sparse(), r"Use Tensor\.to_dense"),
        (torch.empty(x.shape, device="meta"), "no data"),
        (sparse.csr_array(x), r"it is sparse; \.toarray\(\) gives"),
    ]
    for given, says in cases:
        with pytest.raises(DataError, match=f"train: 'x' is no array: .*{says}"):
            make().fit({"x": given, "y": y}, **OPTIONS)
        with pytest.raises(FeedError, match=says):
            make().predict(x=given)
