"""Classic data sets as arrays by input name, ready for `Trainer.fit`.

A first course trains on the same few data sets, and everybody writes the same reader
for them. Nothing here is needed to train on data of one's own: a data set is a dict of
arrays and nothing more.
"""

from __future__ import annotations

import gzip
import math
import os
import sys
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .arguments import Natural, Seed, public
from .errors import DataError, OptionError
from .extras import import_extra

__all__ = ["Split", "digits", "fashion_mnist", "mnist", "read_idx"]

Array = np.ndarray[Any, Any]

_INSTALL = (
    "`pip install {}`, or `pip install -e '.[data]'` in a copy of graphc's source"
)


class Split(NamedTuple):
    """Three parts of a data set without a common row, each a dict of arrays.

    Attributes:
        train: rows to train on.
        dev: rows that decide between models and epochs.
        test: rows to be used once, at the end.

    >>> import graphc as gc
    >>> rows = [[0.0], [1.0], [2.0], [3.0]]
    >>> split = gc.datasets.Split({"x": rows[:2]}, {"x": rows[2:3]}, {"x": rows[3:]})
    >>> [len(part["x"]) for part in split]
    [2, 1, 1]
    """

    train: dict[str, Array]
    dev: dict[str, Array]
    test: dict[str, Array]


def digits(
    *, dev: Natural = 300, test: Natural = 300, seed: Seed = 0, flat: bool = True
) -> Split:
    """1,797 handwritten digits of 8×8 pixels, which come with scikit-learn.

    Args:
        dev, test: the numbers of rows of those parts; training gets the rest.
        seed: of the order in which rows are dealt out. The same seed gives the same
            parts.
        flat: False for images of shape `(1, 8, 8)` (channels, height, width).

    Returns:
        Parts with `x`, float32 in [0, 1] of shape `(rows, 64)`, and `y`, the digits as
        int64.

    Raises:
        MissingExtraError: scikit-learn is not installed.
        OptionError: the parts take more rows than there are.

    Source: E. Alpaydin and C. Kaynak 1998, "Optical Recognition of Handwritten Digits",
    UCI Machine Learning Repository; the copy of scikit-learn is its test set.

    >>> train, dev, test = digits()
    >>> train["x"].shape, dev["x"].shape, test["y"].shape
    ((1197, 64), (300, 64), (300,))
    """
    scikit_learn = import_extra(
        "sklearn.datasets",
        "the digits come with scikit-learn",
        _INSTALL.format("scikit-learn"),
    )
    bunch = scikit_learn.load_digits()
    images = (np.asarray(bunch.images) / 16.0).astype(np.float32)
    labels = np.asarray(bunch.target).astype(np.int64)
    if dev + test >= len(labels):
        raise OptionError(
            f"dev and test take {dev} + {test} rows, and the data set has only "
            f"{len(labels)}: none is left to train on"
        )
    order = np.random.default_rng(seed).permutation(len(labels))
    data = {"x": _shaped(images, flat)[order], "y": labels[order]}
    first = len(labels) - dev - test
    return Split(
        _rows(data, slice(first)),
        _rows(data, slice(first, first + dev)),
        _rows(data, slice(first + dev, None)),
    )


def mnist(
    root: str | os.PathLike[str] | None = None,
    *,
    dev: Natural = 10_000,
    flat: bool = True,
) -> Split:
    """MNIST: 60,000 + 10,000 handwritten digits of 28×28 pixels.

    Args:
        root: a folder with the four IDX files under their published names, gzipped or
            not. None downloads them once (11 MB), with checksums, to the user's cache.
        dev: the number of rows, the last of the training files, that become dev.
        flat: False for images of shape `(1, 28, 28)` (channels, height, width).

    Returns:
        Parts with `x`, float32 in [0, 1] of shape `(rows, 784)`, and `y`, the digits as
        int64. `test` holds the 10,000 published test images, in their order.

    Raises:
        DataError: files that are missing, damaged or not MNIST; a download that fails.
        MissingExtraError: nothing is installed that downloads.

    Source: LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to
    document recognition".

    >>> train, dev, test = mnist("data/mnist")  # doctest: +SKIP
    >>> train["x"].shape  # doctest: +SKIP
    (50000, 784)
    """
    return _idx_split("MNIST", "mnist", _MNIST, root, dev, flat)


def fashion_mnist(
    root: str | os.PathLike[str] | None = None,
    *,
    dev: Natural = 10_000,
    flat: bool = True,
) -> Split:
    """Fashion-MNIST: pictures of clothes in the format and number of `mnist`.

    Labels are 0 T-shirt, 1 trouser, 2 pullover, 3 dress, 4 coat, 5 sandal, 6 shirt,
    7 sneaker, 8 bag and 9 ankle boot. Arguments, result and errors are those of
    `mnist`; the download has 30 MB.

    Source: Xiao, Rasul and Vollgraf 2017, "Fashion-MNIST: a novel image dataset for
    benchmarking machine learning algorithms", arXiv:1708.07747.

    >>> train, dev, test = fashion_mnist("data/fashion")  # doctest: +SKIP
    """
    return _idx_split("Fashion-MNIST", "fashion-mnist", _FASHION, root, dev, flat)


# The IDX format

_IDX_DTYPES = {
    0x08: ">u1",
    0x09: ">i1",
    0x0B: ">i2",
    0x0C: ">i4",
    0x0D: ">f4",
    0x0E: ">f8",
}


def read_idx(path: str | os.PathLike[str]) -> Array:
    """The array in an IDX file, gzipped or not.

    An IDX file is two zero bytes, a byte for the dtype, a byte for the number of axes,
    the size of each axis as a big-endian 32-bit integer, and the numbers, big-endian.

    Args:
        path: the file, which may be gzipped.

    Returns:
        An array in the byte order of this machine.

    Raises:
        DataError: the file is not an IDX file, is cut short, or has bytes too many.
        OSError: the file can't be read.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "labels"
    >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    >>> read_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    name = os.fspath(path)
    content = _read(name, 4 + 4 * 255)
    if len(content) < 4 or content[:2] != b"\0\0":
        start = content[:4].hex(" ") or "nothing"
        raise DataError(
            f"{name} is not an IDX file: it must start with two zero bytes, a dtype "
            f"and a number of axes, got {start}"
        )
    code, axes = content[2], content[3]
    if code not in _IDX_DTYPES:
        known = ", ".join(f"0x{known:02x}" for known in _IDX_DTYPES)
        raise DataError(
            f"{name} has the unknown IDX dtype 0x{code:02x}; those of IDX are {known}"
        )
    if axes > 32:
        raise DataError(f"{name} is not an IDX file: it claims to have {axes} axes")
    start = 4 + 4 * axes
    if len(content) < start:
        raise DataError(
            f"{name} is cut short: the sizes of {axes} axes end at byte {start}, "
            f"the file at {len(content)}"
        )
    shape = tuple(
        int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4)
    )
    dtype = np.dtype(_IDX_DTYPES[code])
    expected = start + math.prod(shape) * dtype.itemsize
    content = _read(name, expected + 1)
    if len(content) != expected:
        short = len(content) < expected
        problem = "is cut short" if short else "has trailing bytes"
        raise DataError(
            f"{name} {problem}: an array of {dtype.newbyteorder('=')} {shape} takes "
            f"{expected} bytes with its header, got {len(content) if short else 'more'}"
        )
    try:
        array: Array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    except ValueError as error:
        raise DataError(f"{name} is not an array of {shape}: {error}") from None
    return array.astype(dtype.newbyteorder("="))


def _read(name: str, size: int) -> bytes:
    """The first bytes of a file, unzipped if it is gzipped, and no more than `size`."""
    with open(name, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            return (gzip.GzipFile(fileobj=file) if zipped else file).read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(
                f"{name} is a damaged or truncated gzip file: {error}"
            ) from None
        except (MemoryError, OverflowError):
            raise DataError(
                f"{name} is cut short, or too large: it announces {size - 1} bytes"
            ) from None


# Data sets in IDX files


class _Source(NamedTuple):
    """The address of a published data set, and the SHA-256 of its files."""

    url: str
    checksums: tuple[str, ...]


_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

_MNIST = _Source(
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
)

_FASHION = _Source(
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)


def _idx_split(
    title: str,
    folder: str,
    source: _Source,
    root: str | os.PathLike[str] | None,
    dev: int,
    flat: bool,
) -> Split:
    if root is None:
        paths = _download(title, folder, source)
    else:
        paths = [_find(title, Path(root), name) for name in _FILES]
    train = _read_pair(paths[0], paths[1], flat)
    test = _read_pair(paths[2], paths[3], flat)
    first = len(train["y"]) - dev
    if first <= 0:
        raise OptionError(
            f"dev takes {dev} of {len(train['y'])} training rows: none is left to "
            "train on"
        )
    return Split(_rows(train, slice(first)), _rows(train, slice(first, None)), test)


def _find(title: str, root: Path, name: str) -> Path:
    """A file under its published name, as it is or gzipped."""
    # Some copies were unpacked by programs that take the last part for a suffix.
    alternatives = (name, name.replace("-idx", ".idx"))
    tried = [root / f"{each}{end}" for each in alternatives for end in ("", ".gz")]
    for path in tried:
        if path.is_file():
            return path
    problem = "there is no such folder" if not root.is_dir() else f"lacks {name}[.gz]"
    raise DataError(
        f"{title} can't be read from {root}: {problem}",
        hint=f"a folder with {', '.join(f'{known}[.gz]' for known in _FILES)}",
    )


def _read_pair(images: Path, labels: Path, flat: bool) -> dict[str, Array]:
    x, y = read_idx(images), read_idx(labels)
    for path, array, axes in ((images, x, 3), (labels, y, 1)):
        if array.dtype != np.uint8 or array.ndim != axes:
            raise DataError(
                f"{path} requires uint8 numbers along {axes} "
                f"ax{'e' if axes > 1 else 'i'}s, got {array.dtype} {array.shape}"
            )
    if len(x) != len(y):
        raise DataError(f"{images} has {len(x)} images, {labels} has {len(y)} labels")
    if not len(x):
        raise DataError(f"{images} has no images")
    if y.max() > 9:
        row = int(np.argmax(y > 9))
        raise DataError(f"{labels} has the label {y[row]} in row {row}, not 0 to 9")
    scaled = x.astype(np.float32)
    scaled /= 255.0
    return {"x": _shaped(scaled, flat), "y": y.astype(np.int64)}


def _download(title: str, folder: str, source: _Source) -> list[Path]:
    """The published files, from the cache or from their server."""
    library = import_extra(
        "pooch",
        f"downloading {title} needs pooch",
        f"{_INSTALL.format('pooch')}; or give the folder that holds its IDX files",
    )
    cache = library.create(
        path=library.os_cache("graphc") / folder,
        base_url=source.url,
        registry={
            f"{name}.gz": f"sha256:{checksum}"
            for name, checksum in zip(_FILES, source.checksums, strict=True)
        },
        env="GRAPHC_DATA",
    )
    # It reports on standard error, even where nobody looks at it.
    library.get_logger().setLevel("ERROR")
    paths: list[Path] = []
    for name in _FILES:
        with _progress(f"{title}: {name}") as bar:
            downloader = library.HTTPDownloader(progressbar=bar or False, timeout=60)
            try:
                path = cache.fetch(f"{name}.gz", downloader=downloader)
            except (OSError, ValueError) as error:
                raise DataError(
                    f"{title} could not be downloaded from {source.url}: {error}",
                    hint=f"again when online; or a folder with its IDX files: "
                    f'gc.datasets.{folder.replace("-", "_")}("folder")',
                ) from error
        paths.append(Path(path))
    return paths


class _Bar:
    """A progress bar as pooch needs it, on top of one of rich."""

    def __init__(self, bar: Any, title: str) -> None:
        self._bar = bar
        self._task = bar.add_task(title, total=None)
        self.total = 0

    def update(self, size: int) -> None:
        self._bar.update(self._task, total=self.total or None, advance=size)

    def reset(self) -> None:
        self._bar.reset(self._task)

    def close(self) -> None:
        pass


@contextmanager
def _progress(title: str) -> Generator[_Bar | None]:
    """A progress bar on a terminal, None elsewhere."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Bar(bar, title)


# Parts


def _shaped(images: Array, flat: bool) -> Array:
    """Images `(rows, height, width)` as rows, or with an axis for their channel."""
    return images.reshape(len(images), -1) if flat else images[:, np.newaxis]


def _rows(data: dict[str, Array], rows: slice) -> dict[str, Array]:
    return {name: array[rows] for name, array in data.items()}


public(globals(), __all__)
