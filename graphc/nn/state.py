"""Weights by torch's names: read from mappings and files, and held against a layer."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from typing import Any, TypeAlias, cast

import numpy as np

from ..arguments import shown
from ..errors import ArgumentError, DTypeError, ShapeError, UnknownNameError
from ..extras import import_extra
from ..ir.dims import format_shape
from ..ir.node import Node

State: TypeAlias = "Mapping[str, np.ndarray[Any, Any]]"


def read_state(source: Any) -> Mapping[str, Any]:
    """The weights of a mapping, or of the file at a path.

    Raises:
        ArgumentError: neither, or a file of another kind.
        MissingExtraError: a `.safetensors` file, without the package that reads it.
    """
    if isinstance(source, Mapping):
        return cast("Mapping[str, Any]", source)
    if not isinstance(source, str | os.PathLike):
        raise ArgumentError(
            "state_dict must be a dict of arrays by name, or the path of a file, got "
            f"{type(source).__name__}"
        )
    path = os.fspath(cast("str", source))
    if path.endswith(".npz"):
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    if path.endswith(".safetensors"):
        return _safetensors().load_file(path)
    raise ArgumentError(
        f"weights are read from .npz and .safetensors files, got {path!r}",
        hint="numpy.savez, or safetensors.torch.save_file, of a state_dict",
    )


def save_state_dict(
    state_dict: Mapping[str, Any], path: str | os.PathLike[str]
) -> None:
    """Write weights by name to an `.npz` or a `.safetensors` file.

    Args:
        state_dict: arrays by name; `layer.state_dict(trainer.parameters)` has them.
        path: of the file; the ending says its kind.

    Raises:
        ArgumentError: another ending.
        MissingExtraError: `.safetensors`, without the package that writes it.

    >>> import graphc as gc, numpy as np, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "weights.npz")
    >>> gc.nn.save_state_dict({"weight": np.ones((1, 2)), "bias": np.zeros(1)}, path)
    >>> gc.nn.Linear(2, 1).load_state_dict(path)
    """
    name = os.fspath(path)
    arrays = {key: np.ascontiguousarray(value) for key, value in state_dict.items()}
    for key, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise DTypeError(f"{key!r} must hold numbers, got {shown(state_dict[key])}")
    if name.endswith(".npz"):
        with open(name, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
    elif name.endswith(".safetensors"):
        _safetensors().save_file(arrays, name)
    else:
        raise ArgumentError(
            f"weights are written to .npz and .safetensors files, got {name!r}"
        )


def _safetensors() -> Any:
    return import_extra(
        "safetensors.numpy",
        "a .safetensors file needs safetensors",
        'pip install "graphc[safetensors]"',
    )


def loaded(
    state: Mapping[str, Any], nodes: Mapping[str, Node], strict: bool, layer: str
) -> State:
    """Arrays that fit the parameters of a layer, by torch's names.

    Raises:
        UnknownNameError: names are missing or unknown, where `strict`.
        ShapeError, DTypeError: an array does not fit its parameter.
    """
    keys = cast("Mapping[Any, Any]", state)
    if wrong := [key for key in keys if not isinstance(key, str)]:
        raise ArgumentError(
            f"state_dict must be a dict of arrays by name, has the key {wrong[0]!r}",
            node=layer,
        )
    # A parameter of two layers may be there once only.
    covered = {node for key, node in nodes.items() if key in state}
    missing = [
        key
        for key, node in nodes.items()
        if node not in covered and not key.endswith(_UNUSED)
    ]
    unknown = [key for key in state if key not in nodes and not key.endswith(_UNUSED)]
    if strict and (missing or unknown):
        told = [f"missing {_listed(missing)}"] if missing else []
        told += [f"unknown {_listed(unknown)}"] if unknown else []
        raise UnknownNameError(
            f"the names do not fit the layer: {'; '.join(told)}",
            node=layer,
            hint="strict=False to load what fits",
        )
    found = {key: node for key, node in nodes.items() if key in state}
    return {key: _array(key, state[key], node, layer) for key, node in found.items()}


_UNUSED = "num_batches_tracked"
"""A number that old files lack and that only batch normalisation by the mean of all
batches uses."""


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _array(key: str, value: Any, node: Node, layer: str) -> np.ndarray[Any, Any]:
    # Tensors of torch that require a gradient are not arrays yet.
    array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"{key!r} must hold numbers, got {array.dtype}", node=layer)
    if array.shape != node.shape:
        raise ShapeError(
            f"{key!r} must have shape {format_shape(node.shape)}, got {array.shape}",
            node=layer,
        )
    return array.astype(node.dtype)


def taken_from(
    parameters: Mapping[str, Any], name: str, layer: str
) -> np.ndarray[Any, Any]:
    """A copy of the array of a node's name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in parameters:
        raise UnknownNameError(
            f"no array of the name {name!r}: the layer is not part of that program",
            node=layer,
        )
    return np.array(parameters[name])


def put_into(parameters: Any, arrays: State) -> None:
    """Write arrays by the names of nodes: into a program's, or into a dict."""
    if hasattr(parameters, "assign"):
        parameters.assign(arrays)
    elif isinstance(parameters, MutableMapping):
        cast("MutableMapping[str, Any]", parameters).update(arrays)
    else:
        raise ArgumentError(
            "parameters must be those of a program, or a dict, got "
            f"{type(parameters).__name__}",
            hint="trainer.parameters",
        )
