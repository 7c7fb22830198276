"""Files made by hand to do harm: refused, with nothing changed and no memory taken."""

from __future__ import annotations

import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.targets.support import load, program, rows

LARGE = 200_000_000
"""Bytes that a file announces, of which none may be read."""


@pytest.fixture(scope="module")
def module() -> Any:
    return load(program(DROPOUT=0.3))


def start(module: Any) -> tuple[Any, Any]:
    parameters = module.init_parameters(1)
    return parameters, module.init_state(parameters, 1)


OPTIONS: dict[str, Any] = {"epochs": 3, "batch_size": 9}


@pytest.fixture
def checkpoint(module: Any, tmp_path: Path) -> Path:
    path = tmp_path / "run.npz"
    module.fit(*start(module), rows(50), rows(20), checkpoint=str(path), **OPTIONS)
    return path


def entries(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, content: dict[str, bytes], **options: Any) -> None:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def npy(array: np.ndarray[Any, Any]) -> bytes:
    """The content of an `.npy` file."""
    import io

    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array)
    return buffer.getvalue()


def assert_refused(module: Any, path: Path, message: str = r"run\.npz|state") -> None:
    """Resuming fails with one clear error, and all is as it was."""
    parameters, state = start(module)
    before = [
        array.copy() for array in (*parameters.values(), *state["slots"].values())
    ]
    rng = repr(state["rng"]["mask"].bit_generator.state)
    options: dict[str, Any] = {**OPTIONS, "checkpoint": str(path), "resume": True}
    with pytest.raises(module.CheckpointError, match=message) as raised:
        module.fit(parameters, state, rows(50), rows(20), **options)
    assert len(str(raised.value)) < 1000
    after = (*parameters.values(), *state["slots"].values())
    for array, other in zip(before, after, strict=True):
        assert array.tobytes() == other.tobytes()
    assert repr(state["rng"]["mask"].bit_generator.state) == rng
    assert (state["step"], state["epoch"], state["scale"]) == (0, 0, 1.0)


# Headers ------------------------------------------------------------------------------

PCG = {"bit_generator": "PCG64", "has_uint32": 0, "uinteger": 0}
WRONG: dict[str, list[Any]] = {
    "step": ["a", -5, 1.5, None, True, 10**400, []],
    "epoch": ["a", -5, None, 2.0],
    "part": [-1, 1, "0", None],
    "scale": ["a", None, -1.0, float("nan"), float("inf"), []],
    "rng": [
        *(None, "a", {}, [], 5, {"other": {}}, {"mask": 5}, {"mask": None}),
        {"mask": {"bit_generator": "MT19937", "state": {"key": [1], "pos": 0}}},
        {"mask": {**PCG, "state": {}}},
        {"mask": {**PCG, "state": {"state": "a", "inc": 1}}},
        {"mask": {**PCG, "state": {"state": -1, "inc": 1}}},
        {"mask": {**PCG, "state": {"state": 2**200, "inc": 1}}},
        {"mask": {**PCG, "state": None}},
    ],
    "history": [None, "a", {}, 5, [1], [{}], [[]], [{"epoch": "a", "step": 1}]],
    "best": [
        *(5, "a", [], {}),
        {"epoch": 1, "step": 6, "score": "a"},
        {"epoch": -1, "step": 6, "score": 0.5},
    ],
    "run": [5, "a", [], {}, {"first_epoch": "a"}, {"first_epoch": 9}],
    "format": [None, "1", 2, []],
    "graph": [None, 5, [], "0"],
}


@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_header_is_refused_before_anything_is_changed(
    module: Any, checkpoint: Path, key: str
) -> None:
    content = entries(checkpoint)
    name = f"{module.HEADER}.npy"
    header = json.loads(np.load(checkpoint)[module.HEADER].tobytes())
    for value in WRONG[key]:
        changed = json.dumps({**header, key: value}).encode()
        write(checkpoint, {**content, name: npy(np.frombuffer(changed, np.uint8))})
        assert_refused(module, checkpoint)
    del header[key]
    changed = json.dumps(header).encode()
    write(checkpoint, {**content, name: npy(np.frombuffer(changed, np.uint8))})
    assert_refused(module, checkpoint, "damaged header")


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"5", b"\xff", b"[" * 100_000, b"1" * 5000], ids=str
)
def test_a_header_that_is_not_one(module: Any, checkpoint: Path, text: bytes) -> None:
    header = {f"{module.HEADER}.npy": npy(np.frombuffer(text, np.uint8))}
    write(checkpoint, {**entries(checkpoint), **header})
    assert_refused(module, checkpoint, "damaged header")


# Archives -----------------------------------------------------------------------------


def foreign(content: dict[str, bytes]) -> None:
    content["notes.txt"] = b"hello"


def unknown(content: dict[str, bytes]) -> None:
    content["evil/x.npy"] = npy(np.zeros(3))


def no_array(content: dict[str, bytes]) -> None:
    content["hidden.bias.npy"] = b"not an array"


def missing(content: dict[str, bytes]) -> None:
    del content["best/hidden.bias.npy"]


def pickled(content: dict[str, bytes]) -> None:
    data = npy(np.zeros(16, np.float32))
    content["hidden.bias.npy"] = data.replace(b"'<f4'", b"'|O' ")


def too_large(content: dict[str, bytes]) -> None:
    data = npy(np.zeros(16, np.float32))
    content["hidden.bias.npy"] = data.replace(b"(16,), }   ", b"(10**15,), }"[:12])


def longer(content: dict[str, bytes]) -> None:
    content["hidden.bias.npy"] += b"\0" * 4


def negative(content: dict[str, bytes]) -> None:
    data = npy(np.zeros((4, 4), np.float32))
    content["hidden.bias.npy"] = data.replace(b"(4, 4)", b"(-4,-4")


@pytest.mark.parametrize(
    "damage",
    [foreign, unknown, no_array, missing, pickled, too_large, longer, negative],
)
def test_a_damaged_archive_is_refused(
    module: Any, checkpoint: Path, damage: Callable[[dict[str, bytes]], None]
) -> None:
    content = entries(checkpoint)
    damage(content)
    write(checkpoint, content)
    assert_refused(module, checkpoint)


def test_every_flipped_bit_of_an_array_s_header_is_noticed(
    module: Any, checkpoint: Path
) -> None:
    content = entries(checkpoint)
    right = content["hidden.bias.npy"]
    parameters = np.load(checkpoint)["hidden.bias"]
    for place in range(128):
        for bit in (0, 3, 6):
            damaged = bytearray(right)
            damaged[place] ^= 1 << bit
            # The checksum is right: only the header can tell.
            write(checkpoint, {**content, "hidden.bias.npy": bytes(damaged)})
            try:
                loaded = module.load_checkpoint(str(checkpoint))
            except module.CheckpointError:
                continue
            # Another padding, or another order of an array with one axis.
            same = loaded["parameters"]["hidden.bias"]
            assert same.tobytes() == parameters.tobytes()


def test_an_encrypted_archive_is_refused(module: Any, checkpoint: Path) -> None:
    content = bytearray(checkpoint.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(mark)
        while at >= 0:
            content[at + place] |= 1
            at = content.find(mark, at + 4)
    checkpoint.write_bytes(content)
    assert_refused(module, checkpoint, "encrypted")


def test_what_is_wrong_is_said_in_a_line(module: Any, checkpoint: Path) -> None:
    content = bytearray(checkpoint.read_bytes())
    # The length of the first name: what follows it is taken for a part of it.
    content[27] = 0x40
    checkpoint.write_bytes(content)
    assert_refused(module, checkpoint, "File name in directory")


def test_an_archive_with_one_name_twice_is_refused(
    module: Any, checkpoint: Path
) -> None:
    content = entries(checkpoint)
    with (
        zipfile.ZipFile(checkpoint, "a") as archive,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        archive.writestr("hidden.bias.npy", content["hidden.bias.npy"])
    assert_refused(module, checkpoint, "one name")


# Files that are small, and what they hold is not --------------------------------------


def bomb(array: np.ndarray[Any, Any]) -> dict[str, bytes]:
    return {"bomb.npy": npy(array)}


def peak_of(function: Callable[[], None]) -> int:
    """The most bytes that were taken at once."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


ZEROS = npy(np.zeros(LARGE, np.uint8))


@pytest.mark.parametrize(
    "name",
    ["bomb", "hidden.bias", "best/hidden.bias", "slots/bomb", "checkpoint/header"],
)
def test_a_checkpoint_that_is_a_bomb_takes_no_memory(
    module: Any, checkpoint: Path, name: str
) -> None:
    content = {**entries(checkpoint), f"{name}.npy": ZEROS}
    write(checkpoint, content, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
    assert checkpoint.stat().st_size < LARGE / 100
    peak = peak_of(lambda: assert_refused(module, checkpoint))
    assert peak < LARGE / 10


@pytest.mark.parametrize(
    ("name", "message"),
    [("bomb", "'bomb' too many"), ("x", "'x' requires shape"), ("y", "'y' has")],
)
def test_data_that_is_a_bomb_takes_no_memory(
    module: Any, tmp_path: Path, name: str, message: str
) -> None:
    path = tmp_path / "data.npz"
    content = {f"{key}.npy": npy(array) for key, array in rows(5).items()}
    write(
        path,
        {**content, f"{name}.npy": ZEROS},
        compression=zipfile.ZIP_DEFLATED,
        compresslevel=1,
    )

    def refuse() -> None:
        with pytest.raises(module.DataError, match=message):
            module.load_data(str(path))

    assert peak_of(refuse) < LARGE / 10


def test_parameters_may_be_compressed(module: Any, tmp_path: Path) -> None:
    parameters, _ = start(module)
    np.savez_compressed(tmp_path / "best.npz", **parameters)
    loaded = module.load_parameters(str(tmp_path / "best.npz"))
    assert all(loaded[n].tobytes() == a.tobytes() for n, a in parameters.items())


@pytest.mark.parametrize(
    "sizes", [(0, 2**32 - 1, 2**32 - 1), (2**32 - 1,), (2**32 - 1,) * 3, (5, 7)]
)
@pytest.mark.parametrize("ending", ["idx", "idx.gz"])
def test_an_idx_file_of_other_sizes_than_it_says(
    module: Any, tmp_path: Path, sizes: tuple[int, ...], ending: str
) -> None:
    import gzip

    path = tmp_path / f"x.{ending}"
    content = bytes([0, 0, 8, len(sizes)])
    content += b"".join(size.to_bytes(4, "big") for size in sizes)
    path.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
    with pytest.raises(module.DataError, match="IDX file, or it is damaged"):
        module.read_array(str(path))


@pytest.mark.parametrize(
    "shape", [b"(-1,)", b"(10**9)", b"(3,,)", b"('a',)", b"(2**99,)", b"[3]", b"(3"]
)
def test_a_damaged_npy_file(module: Any, tmp_path: Path, shape: bytes) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(
        npy(np.zeros(3)).replace(
            b"(3,), }     ", shape + b"}" + b" " * (10 - len(shape))
        )
    )
    with pytest.raises(module.DataError, match="is damaged"):
        module.read_array(str(path))
