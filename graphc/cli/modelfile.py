"""Load a model file and find in it what a command is about."""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from ..errors import GraphcError, OptionError
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.types import is_floating
from ..ir.walk import ancestors
from ..training.trainer import Trainer

MODEL_MODULE = "graphc_model_"
"""The beginning of the names of modules of model files."""


class ModelError(Exception):
    """A model file that raised; the text is the traceback of the user's own lines."""


@dataclass(frozen=True)
class ModelFile:
    """The variables of a model file, and the choice among them."""

    path: str
    variables: Mapping[str, Any]
    """The variables of the module, in the order of definition."""

    def trainer(self, name: str | None) -> Trainer:
        """The trainer of that name; `trainer`, or the only one, where there is none.

        Raises:
            OptionError: no trainer, or several to choose from.
        """
        found = self.find_trainer(name)
        if found is None:
            raise OptionError(
                f"{self.path} defines no Trainer",
                hint="trainer = gc.Trainer(loss, gc.optim.SGD(lr=0.1)) in that file",
            )
        return found

    def find_trainer(self, name: str | None) -> Trainer | None:
        """The same as `trainer`, but None if there is something else."""
        if name is not None:
            value = self._named(name, lambda _: True)
            return value if isinstance(value, Trainer) else None
        trainers = {k: v for k, v in self.variables.items() if isinstance(v, Trainer)}
        if len(set(map(id, trainers.values()))) <= 1:
            return next(iter(trainers.values()), None)
        if "trainer" in trainers:
            return trainers["trainer"]
        raise OptionError(
            f"{self.path} defines several trainers: {', '.join(trainers)}",
            hint=f"--name {next(iter(trainers))}",
        )

    def target(self, name: str | None) -> Any:
        """The target to draw, show or compile: a trainer, or nodes by name.

        Without a name and a trainer these are the nodes that no other node of the
        module is computed from.

        Raises:
            OptionError: nothing of that kind is there.
        """
        trainer = self.find_trainer(name)
        if trainer is not None:
            return trainer
        if name is not None:
            value = self._named(name, _holds_nodes)
            return {name: value} if isinstance(value, Node) else value
        nodes = self._results()
        if not nodes:
            raise OptionError(
                f"{self.path} defines no Trainer and no nodes",
                hint="trainer = gc.Trainer(...), or a node in a variable of the module",
            )
        return nodes

    def loss(self, name: str | None) -> Node:
        """The scalar whose gradients are meant.

        Raises:
            OptionError: none, or several to choose from.
        """
        trainer = self.find_trainer(name)
        if trainer is not None:
            return trainer.loss
        if name is not None:
            return self._named(name, lambda value: isinstance(value, Node))
        loss = self.variables.get("loss")
        if isinstance(loss, Node):
            return loss
        scalars = {
            key: node
            for key, node in self._results().items()
            if not node.shape and is_floating(node.dtype)
        }
        if len(scalars) != 1:
            found = f"several: {', '.join(scalars)}" if scalars else "none"
            raise OptionError(
                f"{self.path} must define a Trainer, a node `loss` or one floating "
                f"scalar; it has {found}",
                hint="--name of the node to differentiate",
            )
        return next(iter(scalars.values()))

    def _named(self, name: str, allows: Callable[[Any], bool]) -> Any:
        if name not in self.variables:
            known = [
                key
                for key, value in self.variables.items()
                if isinstance(value, Trainer) or _holds_nodes(value)
            ]
            raise OptionError(
                f"{self.path} has no variable {name!r}; "
                f"it defines {', '.join(known) or 'no nodes'}"
            )
        value = self.variables[name]
        if not allows(value):
            raise OptionError(
                f"{name!r} in {self.path} is neither a Trainer nor a node, but "
                f"{type(value).__name__}"
            )
        return value

    def _results(self) -> dict[str, Node]:
        """Computed nodes in variables, without those that others are computed from."""
        nodes = {
            key: value
            for key, value in self.variables.items()
            if isinstance(value, Node) and value.inputs and not key.startswith("_")
        }
        used: set[Node] = set()
        for node in dict.fromkeys(nodes.values()):
            used.update(ancestors(node.inputs))
        found: dict[str, Node] = {}
        for key, node in nodes.items():
            if node not in used and node not in set(found.values()):
                found[key] = node
        return found


def _holds_nodes(value: Any) -> bool:
    """True for a node, a graph, or a non-empty collection of nodes."""
    if isinstance(value, Node | Graph):
        return True
    items: list[Any] = []
    if isinstance(value, Mapping):
        items = list(cast("Mapping[Any, Any]", value).values())
    elif isinstance(value, list | tuple):
        items = list(cast("list[Any]", value))
    return bool(items) and all(isinstance(item, Node) for item in items)


def load_model(path: str) -> ModelFile:
    """Run a model file, but not what stands under `if __name__ == "__main__"`.

    Its folder comes first on the path of imports, as when Python runs it. This executes
    the file, which is the user's own program.

    Raises:
        ModelError: the file raised something; the text shows where.
        GraphcError: the file made graphc raise, with the user's line.
        OSError: the file can't be read.
    """
    source = Path(path).read_bytes()
    folder = str(Path(path).resolve().parent)
    digest = hashlib.sha256(str(Path(path).resolve()).encode()).hexdigest()[:12]
    module = ModuleType(f"{MODEL_MODULE}{digest}")
    module.__file__ = path
    if folder not in sys.path:
        sys.path.insert(0, folder)
    # Dataclasses and type hints look their module up by its name.
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, path, "exec"), module.__dict__)
    except GraphcError:
        raise
    except SystemExit as error:
        raise ModelError(
            f"{path} called sys.exit({error.code!r}) while it was loaded; put what is "
            'not the model under `if __name__ == "__main__":`'
        ) from None
    except Exception as error:
        raise ModelError(_users_traceback(error, path)) from error
    return ModelFile(path, dict(vars(module)))


def _users_traceback(error: Exception, path: str) -> str:
    """The traceback from the first line of the model file on."""
    text = traceback.TracebackException.from_exception(error)
    while text.stack and text.stack[0].filename != path:
        del text.stack[0]
    return "".join(text.format()).rstrip()
