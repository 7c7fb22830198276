"""Data sets: what they hold, that they are the same every time, and what goes wrong."""

from __future__ import annotations

import gzip
import struct
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import graphc as gc
from graphc.datasets import read_idx

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx_bytes(array: np.ndarray) -> bytes:
    """An IDX file, by the format's description and not by graphc's reader."""
    kind = f"{array.dtype.kind}{array.dtype.itemsize}"
    head = struct.pack(">BBBB", 0, 0, CODES[kind], array.ndim)
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return head + sizes + array.astype(f">{kind}").tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve training and five test images in MNIST's files, two of them gzipped."""
    rng = np.random.default_rng(0)
    arrays = [
        rng.integers(0, 256, (12, 28, 28), dtype=np.uint8),
        rng.integers(0, 10, 12, dtype=np.uint8),
        rng.integers(0, 256, (5, 28, 28), dtype=np.uint8),
        rng.integers(0, 10, 5, dtype=np.uint8),
    ]
    for position, (name, array) in enumerate(zip(FILES, arrays, strict=True)):
        content = idx_bytes(array)
        if position % 2:
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (tmp_path / name).write_bytes(content)
    return tmp_path


# The IDX format


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("shape", [(), (4,), (0, 3), (2, 3, 4)])
def test_every_dtype_and_shape_is_read(kind, shape, tmp_path):
    array = np.full(shape, 0.0)
    array[...] = np.random.default_rng(0).standard_normal(shape) * 50
    array = array.astype(kind)
    path = tmp_path / "array"
    path.write_bytes(idx_bytes(array))
    read = read_idx(path)
    np.testing.assert_array_equal(read, array)
    assert read.dtype == np.dtype(kind)
    assert read.dtype.isnative
    assert read.shape == shape


def test_gzip_is_seen_from_the_content(tmp_path):
    path = tmp_path / "no-suffix"
    path.write_bytes(gzip.compress(idx_bytes(np.arange(3, dtype="u1"))))
    assert read_idx(path).tolist() == [0, 1, 2]


GOOD = idx_bytes(np.arange(6, dtype="i2").reshape(2, 3))

DAMAGED = {
    "empty": (b"", "not an IDX file"),
    "other magic": (b"\x01" + GOOD[1:], "not an IDX file.*01 00 0b 02"),
    "png": (b"\x89PNG\r\n\x1a\n", "not an IDX file"),
    "unknown dtype": (GOOD[:2] + b"\x0a" + GOOD[3:], "unknown IDX dtype 0x0a"),
    "header cut": (GOOD[:9], "cut short.*axes end at byte 12"),
    "cut short": (GOOD[:-1], r"cut short.*int16 \(2, 3\) takes 24 bytes.*got 23"),
    "trailing": (GOOD + b"\0", "trailing bytes.*24.*got more"),
    "huge": (b"\0\0\x08\x02" + b"\xff" * 8, "cut short"),
    "many axes": (b"\0\0\x08\xff" + b"\0" * 1100, "255 axes"),
    "gzip cut": (gzip.compress(GOOD)[:-3], "gzip"),
    "gzip damaged": (gzip.compress(GOOD)[:-6] + b"\0" * 6, "gzip"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_named_with_what_is_wrong(case, tmp_path):
    content, message = DAMAGED[case]
    path = tmp_path / "broken-file"
    path.write_bytes(content)
    with pytest.raises(gc.errors.DataError, match=message) as caught:
        read_idx(path)
    assert "broken-file" in str(caught.value)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "nothing")


# MNIST and Fashion-MNIST from a folder


@pytest.mark.parametrize("load", [gc.datasets.mnist, gc.datasets.fashion_mnist])
def test_the_parts_of_a_folder(load, folder):
    split = load(folder, dev=4)
    pixels = read_idx(folder / FILES[0])
    labels = read_idx(folder / f"{FILES[1]}.gz")
    np.testing.assert_array_equal(
        np.concatenate([split.train["x"], split.dev["x"]]),
        pixels.reshape(12, 784).astype(np.float32) / np.float32(255),
    )
    np.testing.assert_array_equal(
        np.concatenate([split.train["y"], split.dev["y"]]), labels
    )
    assert [len(part["y"]) for part in split] == [8, 4, 5]
    assert split.test["x"].dtype == np.float32
    assert split.test["y"].dtype == np.int64


def test_images_keep_their_form_on_request(folder):
    flat = gc.datasets.mnist(folder, dev=4).test["x"]
    images = gc.datasets.mnist(folder, dev=4, flat=False).test["x"]
    assert images.shape == (5, 1, 28, 28)
    np.testing.assert_array_equal(images.reshape(5, 784), flat)


def test_names_with_a_dot_are_found_too(folder):
    (folder / FILES[0]).rename(folder / FILES[0].replace("-idx", ".idx"))
    assert len(gc.datasets.mnist(folder, dev=4).train["y"]) == 8


def test_a_missing_file_is_named(folder):
    (folder / f"{FILES[3]}.gz").unlink()
    with pytest.raises(gc.errors.DataError, match=f"lacks {FILES[3]}"):
        gc.datasets.mnist(folder)


def test_a_missing_folder_is_said_to_be_missing(tmp_path):
    with pytest.raises(gc.errors.DataError, match="there is no such folder"):
        gc.datasets.mnist(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (FILES[0], np.zeros((12, 784), "u1"), r"uint8 numbers along 3 axes.*\(12, 784"),
        (FILES[0], np.zeros((12, 28, 28), "i4"), "got int32"),
        (FILES[0], np.zeros((11, 28, 28), "u1"), "11 images.*12 labels"),
        (FILES[1], np.full(12, 10, "u1"), "the label 10 in row 0"),
        (FILES[1], np.zeros((12, 1), "u1"), "uint8 numbers along 1 axis"),
    ],
)
def test_arrays_that_are_no_mnist(name, array, message, folder):
    (folder / f"{name}.gz").unlink(missing_ok=True)
    (folder / name).write_bytes(idx_bytes(array))
    with pytest.raises(gc.errors.DataError, match=message):
        gc.datasets.mnist(folder, dev=4)


@pytest.mark.parametrize("dev", [12, 100, -1, 1.5, True])
def test_dev_must_leave_rows_to_train_on(dev, folder):
    with pytest.raises(gc.errors.OptionError, match="dev"):
        gc.datasets.mnist(folder, dev=dev)


# Downloads: pooch is replaced, so that no test needs a network


class FakePooch(types.ModuleType):
    """As much of pooch as is used, which copies from a folder or fails."""

    def __init__(self, source: Path | Exception) -> None:
        super().__init__("pooch")
        self.source = source
        self.asked: dict = {}

    def os_cache(self, project):
        return Path("/cache") / project

    def create(self, **options):
        self.asked = options
        return self

    def get_logger(self):
        import logging

        return logging.getLogger("fake-pooch")

    def HTTPDownloader(self, **options):
        return options

    def fetch(self, name, downloader):
        assert name in self.asked["registry"]
        if isinstance(self.source, Exception):
            raise self.source
        found = [p for p in self.source.iterdir() if name.startswith(p.name[:12])]
        return str(next(p for p in found if p.name.removesuffix(".gz") == name[:-3]))


def test_without_a_folder_the_files_are_downloaded(folder, monkeypatch):
    fake = FakePooch(folder)
    monkeypatch.setitem(sys.modules, "pooch", fake)
    split = gc.datasets.fashion_mnist(dev=4)
    assert [len(part["y"]) for part in split] == [8, 4, 5]
    assert fake.asked["base_url"].startswith("https://")
    checksums = fake.asked["registry"].values()
    assert all(c.startswith("sha256:") and len(c) == 71 for c in checksums)


def test_the_two_data_sets_have_different_sources(folder, monkeypatch):
    fake = FakePooch(folder)
    monkeypatch.setitem(sys.modules, "pooch", fake)
    asked = []
    for load in (gc.datasets.mnist, gc.datasets.fashion_mnist):
        load(dev=4)
        asked.append(fake.asked)
    mnist, fashion = asked
    assert mnist["path"] != fashion["path"]
    assert not set(mnist["registry"].values()) & set(fashion["registry"].values())


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("no route to host"),
        ValueError("SHA256 hash of downloaded file does not match"),
    ],
)
def test_a_download_that_fails_says_what_else_to_do(error, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", FakePooch(error))
    with pytest.raises(gc.errors.DataError, match=str(error)) as caught:
        gc.datasets.mnist()
    assert 'gc.datasets.mnist("folder")' in str(caught.value)


def without(monkeypatch, package: str) -> None:
    """Make a package one that is not installed."""
    for name in (package, *sys.modules):
        if name.split(".")[0] == package:
            monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize(
    ("load", "package", "command"),
    [
        (gc.datasets.mnist, "pooch", "pip install pooch"),
        (gc.datasets.digits, "sklearn", "pip install scikit-learn"),
    ],
)
def test_a_missing_extra_is_named_with_its_command(load, package, command, monkeypatch):
    without(monkeypatch, package)
    with pytest.raises(gc.errors.MissingExtraError) as caught:
        load()
    message = str(caught.value)
    assert command in message
    assert "'.[data]'" in message
    # That name on the package index is another project's.
    assert "pip install graphc" not in message


# Digits


def test_digits_are_dealt_out_without_loss():
    from sklearn.datasets import load_digits

    whole = load_digits()
    split = gc.datasets.digits()
    assert [len(part["y"]) for part in split] == [1197, 300, 300]
    x = np.concatenate([part["x"] for part in split])
    y = np.concatenate([part["y"] for part in split])
    assert x.dtype == np.float32
    assert y.dtype == np.int64
    assert x.min() == 0.0
    assert x.max() == 1.0
    ours = sorted((*row, label) for row, label in zip(x * 16, y, strict=True))
    theirs = sorted((*r, n) for r, n in zip(whole.data, whole.target, strict=True))
    assert ours == theirs


def test_digits_are_the_same_for_the_same_seed():
    first, again, other = (gc.datasets.digits(seed=seed).test for seed in (0, 0, 1))
    np.testing.assert_array_equal(first["x"], again["x"])
    assert (first["y"] != other["y"]).any()


def test_digits_as_images():
    assert gc.datasets.digits(flat=False).dev["x"].shape == (300, 1, 8, 8)


def test_parts_without_rows_are_allowed_except_for_training():
    assert len(gc.datasets.digits(dev=0, test=0).train["y"]) == 1797
    with pytest.raises(gc.errors.OptionError, match="none is left to train on"):
        gc.datasets.digits(dev=1000, test=797)


def test_importing_graphc_imports_no_extra():
    import subprocess

    code = (
        "import sys, graphc\n"
        "found = {'sklearn', 'pooch', 'click', 'wasmtime'} & set(sys.modules)\n"
        "sys.exit(repr(found) if found else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
