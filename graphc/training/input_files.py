"""Input files that no output may overwrite: data, and users' programs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from ..ir.graph import declaring_files
from ..ir.node import Node
from ..runtime.files import check_outputs
from .data import IN_ORDER, Batching, Data, read_data
from .tables import CSV


class InputFiles:
    """The files that one trainer reads.

    Args:
        module: the program, which reads files.
        nodes: declared by the user; the files with those lines count as read, too.
    """

    def __init__(self, module: Any, nodes: Iterable[Node]) -> None:
        self._module = module
        self._nodes = tuple(nodes)
        self.data: set[str] = set()
        """Paths of the files and folders that data came from."""

    def read(
        self,
        data: Data,
        label: str,
        steps: int | None = None,
        batching: Batching = IN_ORDER,
    ) -> Any:
        """See `read_data`."""
        path = data.path if isinstance(data, CSV) else data
        if isinstance(path, str | os.PathLike):
            self.data.add(os.fspath(path))
        self.data.update(self._module.files_of(data))
        return read_data(self._module, data, label, steps, batching)

    def output(self, path: str | os.PathLike[str]) -> str:
        """The path of a file to write.

        Raises:
            OptionError: it is one that was read.
        """
        check_outputs([path], self.data | declaring_files(self._nodes))
        return os.fspath(path)
