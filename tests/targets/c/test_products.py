"""Products of matrices in C: values of all shapes and layouts, and bits that stay."""

from __future__ import annotations

import ctypes
import itertools
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from graphc.harness import native
from graphc.targets.c.products import matmul_room, products

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler"
)

Array = np.ndarray[Any, Any]

ENTRY = """
void {name}_entry(const int64_t *s, const {type} *a, const {type} *b, {type} *c,
                  {type} *room)
{{
    {name}(s[0], s[1], s[2], a, s[3], s[4], b, s[5], s[6], c, s[7], (int)s[8], room);
}}
"""
PLACES = """
void {name}_entry(const struct axis *axes, const int64_t *s, const {type} *a,
                  const {type} *b, {type} *c, {type} *room)
{{
    {name}(a, axes, axes + 1, b, axes + 2, axes + 3, c, s[0], s[1], room);
}}
"""
TYPES = {"float32": "float", "float64": "double"}
SHAPES = [
    *itertools.product((0, 1, 3), (0, 1, 5), (0, 1, 4)),
    *((1, 70, 300), (1, 9, 30), (70, 1, 300), (7, 16, 2), (12, 17, 33), (13, 40, 257)),
    *((6, 31, 512), (2, 260, 5), (247, 258, 259)),
]


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    text = "#include <stdint.h>\n" + products(TYPES, TYPES)
    assert not any(word in text for word in ("alloc", "FLOAT64_LANES float", "math.h"))
    for name, dtype in itertools.product(("own_matmul", "matmul"), TYPES):
        text += ENTRY.format(name=f"{name}_{dtype}", type=TYPES[dtype])
    for dtype, kind in TYPES.items():
        text += PLACES.format(name=f"matmul_of_places_{dtype}", type=kind)
    return native.compiled(text, "-Wall", "-Wextra", "-Werror")


def product(
    library: ctypes.CDLL,
    a: Array,
    b: Array,
    to: Array | None = None,
    kind: str = "own_",
) -> Array:
    """The product, added to `to` if that is given; nothing else may be written."""
    size, (rows, inner), columns = a.itemsize, a.shape, b.shape[1]
    c = np.full((rows + 2, columns + 3), 7.0, a.dtype)
    c[1:-1, 1:-2] = 0.5 if to is None else to
    count = matmul_room(rows, columns, inner)
    room = np.full(count + 64, 7.0, a.dtype)
    strides = [step // size for step in (*a.strides, *b.strides, c.strides[0])]
    sizes = np.array([rows, columns, inner, *strides, to is not None], np.int64)
    out = c.ctypes.data + c.strides[0] + size
    entry = library[f"{kind}matmul_{a.dtype}_entry"]
    addresses = [sizes.ctypes.data, a.ctypes.data, b.ctypes.data, out, room.ctypes.data]
    entry(*map(ctypes.c_void_p, addresses))
    result = c[1:-1, 1:-2].copy()
    c[1:-1, 1:-2] = 7.0
    assert (c == 7.0).all()
    assert (room[count:] == 7.0).all()
    return result


def layouts(array: Array) -> Iterator[Array]:
    """The matrix by rows, by columns, and of every second number."""
    yield np.ascontiguousarray(array)
    yield np.asfortranarray(array)
    wide = np.zeros([2 * size for size in array.shape], array.dtype)
    wide[::2, ::2] = array
    yield wide[::2, ::2]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("kind", ["own_", ""])
def test_all_shapes_and_layouts(library: ctypes.CDLL, dtype: str, kind: str) -> None:
    if not kind:
        if not native.blas_functions("sgemm", "dgemm"):
            pytest.skip("this NumPy has no BLAS to call")
        native.use_blas(library)
    rng = np.random.default_rng(0)
    epsilon = np.finfo(dtype).eps
    for rows, columns, inner in [*SHAPES, (100, 70, 40)]:
        left = rng.uniform(-1, 1, (rows, inner)).astype(dtype)
        right = rng.uniform(-1, 1, (inner, columns)).astype(dtype)
        start = rng.uniform(-1, 1, (rows, columns)).astype(dtype)
        exact = left.astype(np.float64) @ right.astype(np.float64)
        bound = (inner + 2) * epsilon * (1 + np.abs(left) @ np.abs(right))
        for a, b in itertools.product(layouts(left), layouts(right)):
            for to in (None, start):
                value = product(library, a, b, to, kind)
                wanted = exact if to is None else exact + to
                assert (np.abs(value - wanted) <= bound).all(), (a.shape, b.shape)
    for name in TYPES:
        library[f"use_blas_{name}"](None)


@pytest.mark.parametrize("dtype", TYPES)
def test_the_bits_do_not_depend_on_the_division_of_work(
    library: ctypes.CDLL, dtype: str
) -> None:
    rng = np.random.default_rng(1)
    a = rng.standard_normal((250, 300)).astype(dtype)
    b = rng.standard_normal((300, 290)).astype(dtype)
    whole = product(library, a, b)
    for rows, columns in ((1, 40), (5, 7), (13, 290), (250, 17), (241, 257)):
        part = product(library, a[-rows:], b[:, 3 : 3 + columns])
        np.testing.assert_array_equal(part, whole[-rows:, 3 : 3 + columns])
        flipped = product(library, np.asfortranarray(a[-rows:]), b[:, 3 : 3 + columns])
        np.testing.assert_array_equal(flipped, part)
    for middle in (1, 2, 150, 256):
        part = product(library, a[:, :middle], b[:middle])
        part = product(library, a[:, middle:], b[middle:], part)
        np.testing.assert_array_equal(part, whole)


def test_blas_is_called_where_it_is_faster(library: ctypes.CDLL) -> None:
    calls: list[tuple[bytes, ...]] = []

    def gemm(*arguments: int) -> None:
        calls.append(tuple(ctypes.string_at(each, 1) for each in arguments[:2]))

    fake = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 13)(gemm)
    library.use_blas_float32(fake)
    try:
        for rows, columns, inner in ((1, 90, 90), (90, 1, 90), (9, 9, 1), (8, 20, 30)):
            a, b = np.ones((rows, inner), "f"), np.ones((inner, columns), "f")
            product(library, a, b, kind="")
            assert not calls
        a, b = np.ones((100, 200), "f"), np.ones((200, 300), "f")
        broadcast = np.broadcast_to(a[:, :1], a.shape)
        for left in (a, np.asfortranarray(a), broadcast):
            for right in (b, np.asfortranarray(b)):
                product(library, left, right, kind="")
    finally:
        library.use_blas_float32(None)
    both = itertools.product((b"N", b"T"), repeat=2)
    assert calls == [(right, left) for left, right in both]


def address(array: Array) -> ctypes.c_void_p:
    """That of the first element, where elements go back as well."""
    return ctypes.c_void_p(array.__array_interface__["data"][0])


class Axis(ctypes.Structure):
    _fields_ = [
        ("digits", ctypes.c_int),
        ("sizes", ctypes.c_int64 * 8),
        ("steps", ctypes.c_int64 * 8),
    ]


@pytest.mark.parametrize("dtype", TYPES)
def test_elements_at_places(library: ctypes.CDLL, dtype: str) -> None:
    """Axes of several axes of an array, with steps of all kinds."""
    rng = np.random.default_rng(2)
    cases = [
        # Rows, inner axis and columns; of a and b, which of them vary fastest.
        ([6], [3, 5, 5], [4, 40]),
        ([16], [7], [5, 3, 2]),
        ([2, 3], [10, 30], [2, 5, 5]),
        ([70], [300], [2, 3, 50]),
        ([250], [2, 150], [270]),
        ([1], [1], [9]),
        ([3, 4], [0], [5]),
        ([0], [4], [5]),
        ([2], [4], [3, 0]),
        ([11], [2, 2, 2, 2, 2, 2, 2, 2], [17]),
        ([13], [3, 100], [9]),
        ([2, 4], [2, 1030], [3]),
        ([1], [0, 64], [3]),
    ]
    for rows, inner, columns in cases:
        for a_order, b_order in itertools.product(range(4), repeat=2):
            exact: list[Array] = []
            axes: list[Axis] = []
            memory: list[Array] = []
            for first, second, order in (
                (rows, inner, a_order),
                (inner, columns, b_order),
            ):
                sizes, count = [*first, *second], len(first)
                places = list(range(len(sizes)))
                if order == 1:
                    places = places[::-1]
                if order == 2:
                    places = list(rng.permutation(places))
                if order == 3:
                    places = [*places[count:], *places[:count]]
                array = rng.uniform(-1, 1, [sizes[p] for p in places]).astype(dtype)
                view = array.transpose(np.argsort(places))
                if order == 2 and sizes[-1] > 1:
                    view = view[..., ::-1]
                memory.append(view)
                steps = [step // array.itemsize for step in view.strides]
                for begin, end in ((0, count), (count, len(sizes))):
                    axis = Axis(end - begin)
                    axis.sizes[: end - begin] = sizes[begin:end]
                    axis.steps[: end - begin] = steps[begin:end]
                    axes.append(axis)
                shape = [int(np.prod(first)), int(np.prod(second))]
                exact.append(view.reshape(shape).astype(np.float64))
            left, right = exact
            shape = (len(left), right.shape[1])
            bound = (len(right) + 2) * np.finfo(dtype).eps
            for c_row, c_column in ((shape[1] + 1, 1), (1, shape[0] + 2)):
                c = np.full((shape[0] + 2) * (shape[1] + 2), 7.0, dtype)
                room = np.full(69_632 + 64, 7.0, dtype)
                given = np.array([c_row, c_column], np.int64)
                library[f"matmul_of_places_{dtype}_entry"](
                    (Axis * 4)(*axes),
                    address(given),
                    *(
                        ctypes.c_void_p(m.__array_interface__["data"][0])
                        for m in memory
                    ),
                    address(c),
                    address(room),
                )
                i, j = np.indices(shape)
                found = c[i * c_row + j * c_column]
                limit = bound * (1 + np.abs(left) @ np.abs(right))
                assert (np.abs(found - left @ right) <= limit).all(), (rows, inner)
                c[i * c_row + j * c_column] = 7.0
                assert (c == 7.0).all()
                assert (room[69_632:] == 7.0).all()
