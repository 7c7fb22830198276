"""Weights by torch's names: read from mappings and files, and held against a layer."""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Mapping, MutableMapping
from io import BytesIO
from typing import Any, TypeAlias, cast

import numpy as np

from ..arguments import shown
from ..errors import ArgumentError, DTypeError, ShapeError, UnknownNameError
from ..extras import import_extra
from ..ir.dims import format_shape
from ..ir.node import Node
from ..tensors import plain_tensor

State: TypeAlias = "Mapping[str, np.ndarray[Any, Any]]"


_TORCH = (".pt", ".pth", ".bin", ".ckpt")


def read_state(source: Any) -> Mapping[str, Any]:
    """The weights of a mapping, or of the file at a path.

    Raises:
        ArgumentError: neither, a file of another kind, or one that is damaged.
        MissingExtraError: a file whose package is not installed.
    """
    if isinstance(source, Mapping):
        return cast("Mapping[str, Any]", source)
    if not isinstance(source, str | os.PathLike):
        raise ArgumentError(
            "state_dict must be a dict of arrays by name, or the path of a file, got "
            f"{type(source).__name__}",
            hint="module.state_dict()" if hasattr(source, "state_dict") else None,
        )
    path = os.fspath(cast("str", source))
    if path.endswith(".npz"):
        return _read_npz(path)
    if path.endswith(".safetensors"):
        return _read_safetensors(path)
    if path.endswith(_TORCH):
        return _read_torch(path)
    raise ArgumentError(
        f"weights are read from .npz, .safetensors, {', '.join(_TORCH)} files, got "
        f"{path!r}",
        hint="numpy.savez, or safetensors.torch.save_file, of a state_dict",
    )


def save_state_dict(
    state_dict: Mapping[str, Any],
    path: str | os.PathLike[str],
    *,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write weights by name to an `.npz` or a `.safetensors` file, in one step.

    Args:
        state_dict: arrays by name; `layer.state_dict(trainer.parameters)` has them.
        path: of the file; the ending says its kind.
        metadata: texts by name, for the head of a `.safetensors` file. It says
            `"format": "pt"` besides, since names and layouts are torch's.

    Raises:
        ArgumentError: another ending, or metadata for an `.npz` file.
        MissingExtraError: `.safetensors`, without the package that writes it.
        OSError: the file can't be written; one of that name is then as it was.

    >>> import graphc as gc, numpy as np, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "weights.npz")
    >>> gc.nn.save_state_dict({"weight": np.ones((1, 2)), "bias": np.zeros(1)}, path)
    >>> gc.nn.Linear(2, 1).load_state_dict(path)
    """
    name = os.fspath(path)
    arrays = {
        key: _numbers(key, value).copy(order="C") for key, value in state_dict.items()
    }
    if name.endswith(".npz"):
        if metadata:
            raise ArgumentError("metadata is for .safetensors files")
        content = BytesIO()
        np.savez(content, allow_pickle=False, **arrays)
        _write(name, content.getvalue())
    elif name.endswith(".safetensors"):
        head = {"format": "pt", **(metadata or {})}
        _write(name, _safetensors("safetensors.numpy").save(arrays, head))
    else:
        raise ArgumentError(
            f"weights are written to .npz and .safetensors files, got {name!r}"
        )


def _write(path: str, content: bytes) -> None:
    """Replace a file in one step, so that a reader sees the old one or the new one."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(f"{path} is not a file, and is not replaced by one")
    target = os.path.realpath(path)
    beside = f"{target}.{os.getpid()}.part"
    try:
        with open(beside, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)


def _safetensors(module: str) -> Any:
    return import_extra(
        module,
        "a .safetensors file needs safetensors",
        'pip install "graphc[safetensors]"',
    )


_KINDS = {
    **{f"F{bits}": f"f{bits // 8}" for bits in (16, 32, 64)},
    **{f"I{bits}": f"i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"u{bits // 8}" for bits in (8, 16, 32, 64)},
    "BOOL": "?",
}
"""Kinds of numbers of the format that are NumPy's, too."""


def _read_npz(path: str) -> Mapping[str, Any]:
    import zipfile
    import zlib

    damage = (EOFError, OSError, RuntimeError, TypeError, ValueError)
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except (*damage, zipfile.BadZipFile, zlib.error) as error:
            raise ArgumentError(
                f"{path!r} is no .npz file of numbers alone: {error}",
                hint="numpy.savez, of a state_dict",
            ) from None


def _read_safetensors(path: str) -> Mapping[str, Any]:
    library = _safetensors("safetensors")
    with open(path, "rb") as file:
        content = file.read()
    try:
        entries: list[tuple[str, Any]] = library.deserialize(content)
    except library.SafetensorError as error:
        raise ArgumentError(f"{path!r} is no .safetensors file: {error}") from None
    found: dict[str, Any] = {}
    for name, entry in entries:
        kind, data = entry["dtype"], entry["data"]
        if kind == "BF16":
            # The upper halves of float32.
            array = (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
        elif kind in _KINDS:
            array = np.frombuffer(data, np.dtype(_KINDS[kind]).newbyteorder("<"))
        else:
            raise DTypeError(f"{path!r} has {name!r} in {kind}, which is not read")
        found[name] = array.reshape(entry["shape"])
    return found


def _read_torch(path: str) -> Mapping[str, Any]:
    """The tensors of a file of torch's, of which nothing is executed."""
    torch = import_extra(
        "torch",
        "a file that torch.save wrote is read by torch",
        "safetensors.torch.save_file(state_dict, 'weights.safetensors') where torch "
        "is, and that file here",
    )
    try:
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        # Torch's own text is an advice to execute it.
        raise ArgumentError(
            f"{path!r} is no file of tensors alone: it holds other objects, too",
            hint="torch.save(module.state_dict(), path)",
        ) from None
    except (EOFError, RuntimeError, ValueError) as error:
        raise ArgumentError(
            f"{path!r} is no file of tensors: {str(error).splitlines()[0]}",
            hint="torch.save(module.state_dict(), path)",
        ) from None
    if not isinstance(found, Mapping):
        raise ArgumentError(
            f"{path!r} must hold a state_dict, holds {type(found).__name__}",
            hint="torch.save(module.state_dict(), path)",
        )
    return cast("Mapping[str, Any]", found)


def loaded(
    state: Mapping[str, Any], nodes: Mapping[str, Node], strict: bool, layer: str
) -> State:
    """Arrays that fit the parameters of a layer, by torch's names.

    Prefixes that torch's wrappers of modules give to all names are left out.

    Raises:
        UnknownNameError: names are missing or unknown, where `strict`; or none fits.
        ShapeError, DTypeError: an array does not fit its parameter.
    """
    keys = cast("Mapping[Any, Any]", state)
    if wrong := [key for key in keys if not isinstance(key, str)]:
        raise ArgumentError(
            f"state_dict must be a dict of arrays by name, has the key {wrong[0]!r}",
            node=layer,
        )
    state = _unwrapped(state, nodes)
    # A parameter of two layers may be there once only.
    covered = {node for key, node in nodes.items() if key in state}
    missing = [
        key
        for key, node in nodes.items()
        if node not in covered and not key.endswith(_UNUSED)
    ]
    unknown = [key for key in state if key not in nodes and not key.endswith(_UNUSED)]
    arrays = {key: _numbers(key, state[key], layer) for key in nodes if key in state}
    wrong = [
        f"{key!r} must have shape {format_shape(nodes[key].shape)}, got {array.shape}"
        for key, array in arrays.items()
        if array.shape != nodes[key].shape
    ]
    told = [f"missing {_listed(missing)}"] if missing else []
    told += [f"unknown {_listed(unknown)}"] if unknown else []
    if told and (strict or not arrays):
        told += [_first(wrong, "; ")] if wrong else []
        raise UnknownNameError(
            f"the names do not fit the layer: {'; '.join(told)}",
            node=layer,
            hint=_nested(state, nodes)
            or ("strict=False to load what fits" if arrays else None),
        )
    if wrong:
        raise ShapeError(_first(wrong, "; "), node=layer)
    return {
        key: _converted(key, array, nodes[key], layer) for key, array in arrays.items()
    }


def _unwrapped(
    state: Mapping[str, Any], nodes: Mapping[str, Node]
) -> Mapping[str, Any]:
    """The weights without `module.` and `_orig_mod.`, which no name here begins with.

    `DataParallel`, `DistributedDataParallel` and `torch.compile` put them in front.
    """
    for prefix in 2 * ("module.", "_orig_mod."):
        is_wrapped = all(key.startswith(prefix) for key in state)
        if is_wrapped and not any(key.startswith(prefix) for key in nodes):
            state = {key.removeprefix(prefix): state[key] for key in state}
    return state


def _nested(state: Mapping[str, Any], nodes: Mapping[str, Node]) -> str | None:
    """A hint where the weights are one entry of a checkpoint, or begin otherwise."""
    for key, value in state.items():
        inner = cast("Any", value) if isinstance(value, Mapping) else ()
        if any(str(name).endswith(tuple(nodes)) for name in inner):
            return f"load_state_dict(checkpoint[{key!r}])"
        prefix = next((key.removesuffix(n) for n in nodes if key.endswith("." + n)), "")
        if prefix and all(prefix + name in state for name in nodes):
            return f"names without {prefix!r}, which they begin with here"
    return None


_UNUSED = "num_batches_tracked"
"""A number that old files lack and that only batch normalisation by the mean of all
batches uses."""


def _listed(names: list[str]) -> str:
    return _first([repr(name) for name in names], ", ")


def _first(texts: list[str], between: str) -> str:
    few = between.join(texts[:5])
    return few if len(texts) <= 5 else f"{few} and {len(texts) - 5} more"


def _numbers(key: str, value: Any, layer: str | None = None) -> np.ndarray[Any, Any]:
    """The array of a weight."""
    try:
        array = np.asarray(plain_tensor(value))
    except ValueError as error:
        raise DTypeError(f"{key!r} is no array: {error}", node=layer) from None
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"{key!r} must hold numbers, got {shown(value)}", node=layer)
    return array


def _converted(
    key: str, array: np.ndarray[Any, Any], node: Node, layer: str
) -> np.ndarray[Any, Any]:
    """Numbers rounded to those of a parameter."""
    with np.errstate(all="ignore"):
        converted = array.astype(node.dtype)
    lost = ~np.isfinite(converted) & np.isfinite(array)
    if lost.any():
        raise DTypeError(
            f"{key!r} holds {array[lost][0]}, which is not a {node.dtype}", node=layer
        )
    return converted


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
