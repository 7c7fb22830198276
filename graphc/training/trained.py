"""A trained model in use: any of its nodes, with the parameters of the moment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from ..arguments import Seed, entry
from ..errors import OptionError, UntrainedWarning
from ..ir.facts import PERSISTENT
from ..ir.graph import Graph
from ..ir.nest import flatten, refill
from ..ir.node import Node
from ..locations import warn_at_user
from ..nn.evaluation import evaluation_mode
from ..ops.source import constant
from ..program.plan import RunStyle, Style
from ..runtime.compiler import CompiledFunction, compile_nodes
from ..runtime.files import write_together
from ..targets.numpy.module import Emitted
from .loaded import LoadedProgram
from .row_means import check_shared

Part = Literal["program", "model", "predict"]
"""The kinds of text that `emit` writes."""

Include = Literal["csv", "idx", "checkpoint", "check", "mpi", "all"]
"""Parts that a program may have besides its core."""


def in_evaluation_mode(outputs: Any) -> Any:
    """Nodes in the structure of `outputs`, with all dropout and noise passed by."""
    graph = Graph(tuple(flatten(outputs)))
    return refill(outputs, evaluation_mode(graph).outputs)


def with_values(outputs: Any, values: Mapping[str, Any], source: str) -> Any:
    """Nodes in the structure of `outputs`, with constants in place of parameters.

    Args:
        outputs: a node, or a list, tuple or dict of nodes, nested as you like.
        values: arrays by the names of the parameters.
        source: their origin, for errors.

    Raises:
        OptionError: an array is missing, or has another shape or dtype.
    """
    nodes = flatten(outputs)
    replaced: dict[Node, Node] = {}
    for node in Graph(tuple(nodes)).nodes:
        if node.op.role in PERSISTENT:
            value = values.get(str(node.name))
            found = "nothing" if value is None else f"{value.dtype} {value.shape}"
            wanted = f"{node.dtype} {node.shape}"
            if value is None or found != wanted:
                raise OptionError(
                    f"{source} must have {wanted} for the parameter {node.name!r}, "
                    f"has {found}"
                )
            name = str(node.name).replace(".", "_")
            replaced[node] = constant(value).named(name)
        else:
            replaced[node] = node.with_inputs(tuple(replaced[i] for i in node.inputs))
    return refill(outputs, [replaced[node] for node in nodes])


@partial(entry, label="gc.Trainer")
class Trained(LoadedProgram):
    """The uses of a trainer's parameters besides training them."""

    @property
    def epoch(self) -> int:
        """The number of epochs completed, as schedules count them."""
        return int(self._state["epoch"])

    def end_epoch(self, score: float | None = None) -> None:
        """Count an epoch, in a loop of your own: `fit` does so by itself.

        Schedules of the epoch go by this count, and decay on a plateau by `score`.

        Args:
            score: the number that decay on a plateau watches, such as the loss on dev.

        Raises:
            OptionError: a score for a trainer without `plateau`.

        >>> import graphc as gc
        >>> x, w = gc.input("x", ("n",)), gc.parameter("w", (), 1.0)
        >>> optimizer = gc.optim.SGD(lr=gc.optim.ExponentialLR(0.5, gamma=0.1))
        >>> trainer = gc.Trainer(gc.mean((w * x) ** 2), optimizer)
        >>> for _ in range(3):
        ...     _ = trainer.step(x=[1.0])
        ...     trainer.end_epoch()
        >>> trainer.epoch
        3
        """
        if score is not None:
            if self._compiled.plan.plateau is None:
                raise OptionError(
                    "a score is for decay on a plateau, which this trainer has not",
                    hint="gc.Trainer(..., plateau=gc.optim.ReduceLROnPlateau())",
                )
            module: Any = self._compiled.module
            module.decay_on_plateau(self._state, {"loss": float(score)}, "loss")
        self._state["epoch"] += 1

    def compile(
        self,
        outputs: Any,
        *,
        inputs: Node | str | Sequence[Node | str] | None = None,
        style: RunStyle | None = None,
        simplify: bool = True,
        seed: Seed = 0,
    ) -> CompiledFunction:
        """Compile nodes to a function that computes with the trained parameters.

        In evaluation mode: without dropout and noise. The parameters are those of the
        trainer itself, so that further training shows in the next call.

        Args:
            outputs: a node, or a list, tuple or dict of nodes, nested as you like: of
                the model, or computed from it, gradients included.
            inputs, simplify: see `gc.compile`.
            style: by default that of the trainer.
            seed: for draws that are left, such as those of `gc.random`.

        Returns:
            The same as `gc.compile`.

        Raises:
            OptionError: a parameter has the name of one of the trainer, and another
                shape or dtype.

        >>> import graphc as gc
        >>> x, w = gc.input("x", ("n",)), gc.parameter("w", (), 1.0)
        >>> trainer = gc.Trainer(gc.mean((w * x) ** 2), gc.optim.SGD(lr=0.5))
        >>> double = trainer.compile(2 * w * x)
        >>> _ = trainer.step(x=[1.0])
        >>> double(x=[1.0])
        array([0.], dtype=float32)
        """
        function = compile_nodes(
            in_evaluation_mode(outputs),
            inputs=inputs,
            style=self._compiled.style if style is None else style,
            simplify=simplify,
            seed=seed,
        )
        fresh = [name for name in function.parameters if name not in self.parameters]
        for name, start in function.parameters.items():
            array = self._arrays.get(name, start)
            if (array.shape, array.dtype) != (start.shape, start.dtype):
                raise OptionError(
                    f"parameter {name!r} is {array.dtype} {array.shape} in the trainer "
                    f"and {start.dtype} {start.shape} in the nodes to compile"
                )
        function.share(self._arrays)
        if fresh:
            warn_at_user(
                f"this trainer has no parameter {fresh[0]!r}, which starts fresh",
                UntrainedWarning,
            )
        return function

    def emit(
        self,
        path: str | os.PathLike[str],
        style: Style = "readable",
        part: Part = "program",
        *,
        include: Iterable[Include] = ("checkpoint", "check"),
        embed: bool = False,
    ) -> Path:
        """Write a standalone program, or a part of it, which needs only NumPy.

        Args:
            path: the file to write.
            style: `"readable"`, `"fast"` or `"native"`.
            part: `"program"` trains, on a command line; `"model"` has its mathematics
                and a loop of a page, and reads no files; `"predict"` computes the
                outputs in evaluation mode, for the rows of a file.
            include: what a program has besides its core, which reads `.npz` files
                and folders of `.npy` files: `"csv"` and `"idx"` for files of these
                kinds, `"checkpoint"` for `--resume`, `"check"` for `--check` of its
                gradients, `"mpi"` for ranks that `mpiexec` starts and that share
                batches; `"all"` for all of the others and what else `fit` can do.
            embed: True to write the parameters of now into `"predict"`, which takes
                them from a file otherwise.

        Arrays that are too long to read, and parameters to embed that are, go to a file
        beside it, `train.arrays.npz` of `train.py`, which the program loads and checks.

        Returns:
            The path.

        Raises:
            OSError: a file can't be written; all are then as they were.
            OptionError: nothing to predict, or an unknown part.
        """
        name = Path(path).name
        emitted = self.emitted(style, part, include, embed=embed, file=name)
        beside = f"{name.removesuffix('.py')}.arrays.npz"
        write_together(
            {
                self._files.output(path): emitted.source.encode(),
                self._files.output(Path(path).with_name(beside)): emitted.beside,
            }
        )
        return Path(path)

    def emitted(
        self,
        style: Style,
        part: Part,
        include: Iterable[Include],
        *,
        embed: bool = False,
        file: str = "",
    ) -> Emitted:
        """The text that `emit` writes, and the file beside it."""
        wanted = frozenset(include)
        if part == "predict":
            self._check_outputs()
            # `np.savez`, which writes them, has arguments of these names.
            for taken in {"file", "allow_pickle"} & {*self._compiled.plan.outputs}:
                raise OptionError(
                    f"what is predicted can't be written to a file as {taken!r}",
                    hint=f"gc.Trainer(..., outputs={{'{taken}_': ...}})",
                )
            trained = self._arrays if embed else None
            return self._compiled.emit_predict(style, trained, file)
        if embed:
            raise OptionError("embed=True is for part='predict'")
        if "mpi" in wanted:
            if part == "model":
                raise OptionError("include='mpi' is for part='program'")
            check_shared(self._compiled.plan, [*self.losses.values()] or [self.loss])
        kind = "model" if part == "model" else "whole" if "all" in wanted else "short"
        return self._compiled.emit(style, kind, wanted, file)

    def _check_outputs(self) -> None:
        """Raise where there is nothing to predict."""
        if self._compiled.plan.predict is None:
            raise OptionError(
                "this trainer has no outputs to predict",
                node=self.loss.describe(),
                hint='gc.Trainer(..., outputs={"probabilities": ...})',
            )
