"""Borders around arrays as layers."""

from __future__ import annotations

from typing import Any, ClassVar

from ..ir.node import Node
from .layer import Layer
from .padding import pad
from .spatial import sizes_of


class _Pad(Layer):
    mode: ClassVar[str]
    rank: ClassVar[int]

    def __init__(self, padding: Any, *, name: str | None = None) -> None:
        super().__init__(name)
        at = type(self).__name__
        count = 2 * self.rank
        self.padding = sizes_of(padding, count, "padding", at, least=-(2**31))
        self.value: float | None = None

    def forward(self, input: Node) -> Node:
        """`gc.nn.pad` of `input`."""
        return pad(input, self.padding, self.mode, self.value)

    def _describe(self) -> str:
        value = "" if self.value is None else f", value={self.value!r}"
        return f"padding={self.padding}{value}"


class ZeroPad1d(_Pad):
    """Zeros at both ends of the last axis: an integer, or `(left, right)`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.ZeroPad1d((1, 2))(gc.constant([[[1.0, 2.0]]])), {})
    array([[[0., 1., 2., 0., 0.]]])
    """

    mode, rank = "constant", 1


class ZeroPad2d(_Pad):
    """Zeros around images: an integer, or `(left, right, top, bottom)`.

    >>> import graphc as gc
    >>> gc.nn.ZeroPad2d(1)(gc.input("x", ("batch", 3, 8, 8))).shape
    (batch, 3, 10, 10)
    """

    mode, rank = "constant", 2


class ZeroPad3d(_Pad):
    """Zeros around volumes: an integer, or six, from the last axis on.

    >>> import graphc as gc
    >>> gc.nn.ZeroPad3d(1)(gc.input("x", ("batch", 3, 4, 8, 8))).shape
    (batch, 3, 6, 10, 10)
    """

    mode, rank = "constant", 3


class _ConstantPad(_Pad):
    mode = "constant"

    def __init__(self, padding: Any, value: float, *, name: str | None = None) -> None:
        super().__init__(padding, name=name)
        self.value = value


class ConstantPad1d(_ConstantPad):
    """A number at both ends of the last axis.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.ConstantPad1d(1, 9.0)(gc.constant([[[1.0, 2.0]]])), {})
    array([[[9., 1., 2., 9.]]])
    """

    rank = 1


class ConstantPad2d(_ConstantPad):
    """A number around images.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.ConstantPad2d((1, 0, 0, 1), 9.0)(gc.zeros((1, 1, 2))), {})
    array([[[9., 0., 0.],
            [9., 9., 9.]]], dtype=float32)
    """

    rank = 2


class ConstantPad3d(_ConstantPad):
    """A number around volumes.

    >>> import graphc as gc
    >>> gc.nn.ConstantPad3d(1, 9.0)(gc.input("x", ("batch", 3, 4, 8, 8))).shape
    (batch, 3, 6, 10, 10)
    """

    rank = 3


class ReflectionPad1d(_Pad):
    """`gc.nn.pad` of the last axis with `mode="reflect"`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.ReflectionPad1d(2)(gc.constant([[[1.0, 2.0, 3.0]]])), {})
    array([[[3., 2., 1., 2., 3., 2., 1.]]])
    """

    mode, rank = "reflect", 1


class ReflectionPad2d(_Pad):
    """`gc.nn.pad` of images with `mode="reflect"`.

    >>> import graphc as gc
    >>> gc.nn.ReflectionPad2d(1)(gc.input("x", ("batch", 3, 8, 8))).shape
    (batch, 3, 10, 10)
    """

    mode, rank = "reflect", 2


class ReflectionPad3d(_Pad):
    """`gc.nn.pad` of volumes with `mode="reflect"`.

    >>> import graphc as gc
    >>> gc.nn.ReflectionPad3d(1)(gc.input("x", ("batch", 3, 4, 8, 8))).shape
    (batch, 3, 6, 10, 10)
    """

    mode, rank = "reflect", 3


class ReplicationPad1d(_Pad):
    """`gc.nn.pad` of the last axis with `mode="replicate"`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.ReplicationPad1d(2)(gc.constant([[[1.0, 2.0, 3.0]]])), {})
    array([[[1., 1., 1., 2., 3., 3., 3.]]])
    """

    mode, rank = "replicate", 1


class ReplicationPad2d(_Pad):
    """`gc.nn.pad` of images with `mode="replicate"`.

    >>> import graphc as gc
    >>> gc.nn.ReplicationPad2d(1)(gc.input("x", ("batch", 3, 8, 8))).shape
    (batch, 3, 10, 10)
    """

    mode, rank = "replicate", 2


class ReplicationPad3d(_Pad):
    """`gc.nn.pad` of volumes with `mode="replicate"`.

    >>> import graphc as gc
    >>> gc.nn.ReplicationPad3d(1)(gc.input("x", ("batch", 3, 4, 8, 8))).shape
    (batch, 3, 6, 10, 10)
    """

    mode, rank = "replicate", 3


class CircularPad1d(_Pad):
    """`gc.nn.pad` of the last axis with `mode="circular"`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.CircularPad1d(2)(gc.constant([[[1.0, 2.0, 3.0]]])), {})
    array([[[2., 3., 1., 2., 3., 1., 2.]]])
    """

    mode, rank = "circular", 1


class CircularPad2d(_Pad):
    """`gc.nn.pad` of images with `mode="circular"`.

    >>> import graphc as gc
    >>> gc.nn.CircularPad2d(1)(gc.input("x", ("batch", 3, 8, 8))).shape
    (batch, 3, 10, 10)
    """

    mode, rank = "circular", 2


class CircularPad3d(_Pad):
    """`gc.nn.pad` of volumes with `mode="circular"`.

    >>> import graphc as gc
    >>> gc.nn.CircularPad3d(1)(gc.input("x", ("batch", 3, 4, 8, 8))).shape
    (batch, 3, 6, 10, 10)
    """

    mode, rank = "circular", 3
