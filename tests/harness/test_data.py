"""Data that a model can't take: each an error that says what, where and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.targets.support import load, program, rows

Data = dict[str, Any]


def changed(name: str, change: Callable[[Any], Any]) -> Data:
    data: Data = rows(20)
    data[name] = change(data[name])
    return data


def put(place: Any, value: Any) -> Callable[[Any], Any]:
    def change(array: Any) -> Any:
        array[place] = value
        return array

    return change


BAD: dict[str, tuple[Data, str | None, list[str]]] = {
    "missing": ({"x": rows(5)["x"]}, "y", ["lacks the array 'y'; it has x"]),
    "nothing": ({}, "x", ["lacks the array 'x'; it has nothing"]),
    "extra": (
        {**rows(5), "z": 1},
        None,
        ["an array 'z' too many", "the model takes x, y"],
    ),
    "too large": (
        changed("x", lambda a: put((3, 1), 1e39)(a.astype("float64"))),
        "x",
        ["'x' has the value 1e+39 in row 3, which is not in the range -3.4"],
    ),
    "list too large": (
        {**rows(2), "x": [[0.0] * 8, [1e300] * 8]},
        "x",
        ["the value 1e+300 in row 1, which is not in the range -3.4"],
    ),
    "lossy labels": (
        changed("y", lambda a: a.astype("float32")),
        "y",
        ["'y' requires dtype int64, got float32", '.astype("int64")'],
    ),
    "complex": (changed("x", lambda a: a * 1j), "x", ["got complex"]),
    "text": (changed("y", lambda a: a.astype(str)), "y", ["got <U"]),
    "objects": (changed("y", lambda a: a.astype(object)), "y", ["got object"]),
    "list of floats": (changed("y", lambda a: [0.5] * 20), "y", ["got float64"]),
    "ragged": ({**rows(2), "x": [[1.0], [1.0, 2.0]]}, "x", ["'x' is no array"]),
    "rank": (
        changed("x", lambda a: a[0]),
        "x",
        ["'x' requires shape (rows, 8), got (8,)"],
    ),
    "width": (
        changed("x", lambda a: a[:, :7]),
        "x",
        ["'x' requires shape (rows, 8), got (20, 7)"],
    ),
    "column of labels": (
        changed("y", lambda a: a[:, None]),
        "y",
        ["'y' requires shape (rows,), got (20, 1)"],
    ),
    "row counts": (
        changed("y", lambda a: a[:19]),
        "y",
        ["'y' has 19 rows, but 'x' has 20"],
    ),
    "empty": (
        {name: array[:0] for name, array in rows(5).items()},
        "x",
        ["'x' has no rows"],
    ),
    "nan": (
        changed("x", put((7, 3), np.nan)),
        "x",
        ["'x' has the value nan in row 7, which is not finite (1 such of 160 values)"],
    ),
    "infinity": (changed("x", put((slice(4, 6), 0), -np.inf)), "x", ["-inf in row 4"]),
    "label too large": (
        changed("y", put(11, 3)),
        "y",
        ["'y' has the value 3 in row 11, which is not in the range 0 to 2"],
    ),
    "label negative": (
        changed("y", put([9, 12], -1)),
        "y",
        ["the value -1 in row 9", "(2 such of 20 values)"],
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_data_is_refused_before_anything_changes(module: Any, case: str) -> None:
    data, name, messages = BAD[case]
    parameters = module.init_parameters(0)
    state = module.init_state(parameters)
    before = {n: a.copy() for n, a in parameters.items()}
    for train, dev, label in ((data, None, "train"), (rows(5), data, "dev")):
        with pytest.raises(module.DataError) as raised:
            module.fit(parameters, state, train, dev, epochs=1, batch_size=4)
        text = str(raised.value)
        assert text.startswith(label)
        assert "\n" not in text
        for message in messages:
            assert message in text
        assert raised.value.input == name
        assert isinstance(raised.value, ValueError)
    assert all((parameters[n] == before[n]).all() for n in before)
    assert state["step"] == 0
    with pytest.raises(module.DataError):
        module.evaluate(parameters, data)


SAFE = {
    "x": ("uint8", "int8", "float16", ">f4", "bool", "float64", "int64", ">u4"),
    "y": ("int32", "uint8", ">i8", "uint64"),
}


@pytest.mark.parametrize(
    ("name", "dtype"), [(name, dtype) for name in SAFE for dtype in SAFE[name]]
)
def test_conversions_that_lose_no_number_are_made(
    module: Any, name: str, dtype: str
) -> None:
    data = rows(9)
    data["x"] = np.round(np.abs(data["x"]))
    given = {**data, name: data[name].astype(dtype)}
    checked = module.check_data(given)
    assert checked["x"].dtype == np.dtype("float32")
    assert checked["y"].dtype == np.dtype("int64")
    assert np.array_equal(checked[name], given[name])


def test_numbers_are_rounded_as_numpy_rounds_them(module: Any, tmp_path: Path) -> None:
    data = rows(9)
    wide = np.random.default_rng(0).normal(size=(9, 8))
    wide[0, :3] = 1e-300, 3.4e38, 2**24 + 1
    np.save(tmp_path / "x.npy", wide)
    with np.errstate(under="ignore"):
        expected = wide.astype("float32")
    # As a user may have it, and no reason to fail.
    with np.errstate(all="raise"):
        for given in (wide, wide.tolist(), np.asfortranarray(wide)):
            checked = module.check_data({**data, "x": given})
            np.testing.assert_array_equal(checked["x"], expected, strict=True)
        mapped = module.check_data({**data, "x": str(tmp_path / "x.npy")})
    batch = module.take_rows(mapped, slice(None))[0]
    np.testing.assert_array_equal(batch, expected, strict=True)


def test_integers_keep_their_values_or_are_refused() -> None:
    inputs = {"x": ("int8", ("batch",), None)}
    module = load(program(INPUTS=inputs))
    for values in ([-128, 127], np.array([-128, 127]), np.array([1, 0], bool)):
        found = module.check_data({"x": values})["x"]
        np.testing.assert_array_equal(found, np.asarray(values).astype("int8"))
    for values in ([0, 300], np.array([0, 128]), np.array([0, 2**63], "uint64")):
        with pytest.raises(module.DataError, match=r"in row 1, .* range -128 to 127"):
            module.check_data({"x": values})
    with pytest.raises(module.DataError, match="requires dtype int8, got float64"):
        module.check_data({"x": [1.0, 2.0]})


def test_strict_programs_take_no_wider_dtype() -> None:
    module = load(program(STRICT=True))
    data = rows(9)
    module.check_data(data)
    module.check_data({"x": data["x"].tolist(), "y": data["y"].tolist()})
    with pytest.raises(module.DataError, match="'x' requires dtype float32, got float"):
        module.check_data({**data, "x": data["x"].astype("float64")})
    with pytest.raises(module.DataError, match="'y' requires dtype int64, got uint64"):
        module.check_data({**data, "y": data["y"].astype("uint64")})


def test_lists_take_the_dtype_of_the_input(module: Any) -> None:
    checked = module.check_data({"x": [[0.5] * 8] * 2, "y": [0, 2]})
    assert checked["x"].dtype == np.dtype("float32")


def test_the_order_of_arrays_is_that_of_the_inputs(module: Any) -> None:
    data = rows(3)
    assert list(module.check_data({"y": data["y"], "x": data["x"]})) == ["x", "y"]


def test_an_ignored_label_may_lie_out_of_bounds() -> None:
    inputs = {
        "x": ("float32", ("batch", 8), None),
        "y": ("int64", ("batch",), (0, 2, -100)),
    }
    module = load(program(INPUTS=inputs))
    module.check_data(changed("y", put(3, -100)))
    with pytest.raises(module.DataError, match="the value -1 in row 3"):
        module.check_data(changed("y", put(3, -1)))


def test_other_named_sizes_must_agree_between_inputs() -> None:
    inputs = {
        "a": ("float32", ("batch", "time"), None),
        "b": ("float32", ("batch", "time", 2), None),
        "c": ("float32", ("2*time",), None),
    }
    module = load(program(INPUTS=inputs))
    ones = np.ones
    data = {"a": ones((4, 5), "f"), "b": ones((4, 5, 2), "f"), "c": ones(10, "f")}
    module.check_data(data)
    with pytest.raises(module.DataError, match="'b' has time = 6, but 'a' has 5"):
        module.check_data({**data, "b": ones((4, 6, 2), "f")})
    with pytest.raises(
        module.DataError, match=r"'c' has the value inf in index \(3,\)"
    ):
        module.check_data({**data, "c": put(3, np.inf)(ones(10, "f"))})


def test_a_fixed_number_of_rows_must_be_kept() -> None:
    inputs = {
        "x": ("float32", (10, 8), None),
        "y": ("int64", (10,), (0, 2)),
    }
    module = load(program(INPUTS=inputs))
    parameters = module.init_parameters(0)
    state = module.init_state(parameters)
    module.fit(parameters, state, rows(20), epochs=1, batch_size=10)
    assert state["step"] == 2
    assert set(module.evaluate(parameters, rows(30))) == {"loss", "accuracy"}
    with pytest.raises(module.OptionError, match=r"batch_size must be 10, .* got 5"):
        module.fit(parameters, state, rows(20), epochs=1, batch_size=5)
    with pytest.raises(module.DataError, match="25 rows, which can't be split"):
        module.fit(parameters, state, rows(25), epochs=1, batch_size=10)
    assert all(passed for _, passed in module.check_gradients().values())


def test_a_file_is_named_in_the_error(module: Any, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, **changed("y", put(2, 7)))
    with pytest.raises(
        module.DataError, match=r"data\.npz: 'y' has the value 7 in row 2"
    ):
        module.load_data(str(path))


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 cut short"])
def test_a_file_of_another_kind_is_refused(
    module: Any, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "data.npz"
    path.write_bytes(content)
    with pytest.raises(module.DataError, match=r"data\.npz is no \.npz file"):
        module.load_data(str(path))
    np.save(tmp_path / "one.npy", np.ones(3))
    with pytest.raises(module.DataError, match=r"one\.npy is no \.npz file"):
        module.load_data(str(tmp_path / "one.npy"))


def test_a_pickle_in_a_data_file_is_not_loaded(module: Any, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, x=np.array([print], dtype=object), y=np.ones(1))
    with pytest.raises(module.DataError, match="holds Python objects"):
        module.load_data(str(path))


def test_a_missing_file_is_an_os_error(module: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        module.load_data(str(tmp_path / "none.npz"))
