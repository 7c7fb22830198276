"""The trainer: a model, its optimizer and the emitted program that trains it.

All numbers are computed by the functions of that program. Added here are names of nodes
in errors, progress and a history, which a session at a prompt needs.
"""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Annotated, Any, Literal

import numpy as np

from ..arguments import Count, Natural, Seed, Within, entry, unlisted
from ..ir.node import Node
from ..metrics.evaluation import Metrics, check_metric_name
from ..ops.source import ArrayLike
from ..optim.base import Optimizer
from ..optim.plateau import ReduceLROnPlateau
from ..program.plan import RunStyle
from ..program.schedule import TILE, Tiling
from ..runtime.diagnosis import Failure, refuse_step
from ..runtime.feeds import Binder, check_batch
from ..runtime.load import silently
from ..runtime.styles import style_here
from . import assemble
from .callbacks import Callback, RecordFunction, running
from .data import Batching, Data, Examples
from .history import History
from .objectives import Selections, losses_by_name, total_loss
from .progress import reporting, say_result
from .step_size_range import range_of_step_sizes, range_test
from .trained import Trained
from .translation import translated

Array = np.ndarray[Any, Any]


@unlisted(
    *("emitted", "losses", "metric_nodes", "module", "optimizations"),
    *("parameter_nodes", "prediction", "restarted", "trained", "translated", "updates"),
    "update_optimizations",
)
@entry
class Trainer(Trained):
    """A model that can be trained: a loss, an optimizer, and metrics.

    Several losses, as the two of a GAN, are given as a dict, and are stepped in its
    order: each is computed with what the steps before it have changed. Each trains
    parameters of its own, and is a metric under its name; `loss` is their sum.

    Args:
        loss: a scalar node, or several by name.
        optimizer: of `gc.optim`; for several losses one of each, by their names.
        metrics: scalar nodes, such as means and formulas of means, or `gc.metrics`, by
            name. They decide nothing unless `fit` is told so.
        parameters: those to train, as nodes, names or layers, or a function of a
            parameter that is true of them; by default all that the loss depends on.
            No gradient is computed for the others, which stay as they are. For several
            losses those of each, by their names; no two may train the same.
        updates: what else a step assigns: to each buffer, or parameter that is not
            trained, a value of its type. It is computed from what parameters and
            buffers are before the step; of several, before the first.
        outputs: nodes that the emitted program's `predict` returns, if any.
        seed: of the start of the parameters, of dropout, and of the order of rows.
        plateau: when to lower the step size because dev no longer improves: by the
            score that decides what is best (`fit(best=...)`), if `mode` fits it, and
            else by the loss. Without dev data by the same in training.
        style: of the program that runs, `"fast"`, `"readable"` or `"native"`, or
            `"auto"`, see `gc.compile`; all compute the same but for rounding.
        simplify: False leaves the graph as written.
        tile_size, threads, strict: see `gc.compile`.
        reproducible: True for the same bits, whatever the number of ranks that
            `mpiexec` starts: every batch is computed in 12 parts. Ranks share batches
            in any case, see the page on parallel training.

    Raises:
        DifferentiationError: the loss is not a floating scalar or has no parameters.
        NamingError: a metric is called `loss`, or its name is not an identifier.
        OptionError: dicts that differ in their keys, or two losses that train the same
            parameter; or ranks are to share a loss that is not a mean over rows.

    >>> import graphc as gc
    >>> x = gc.input("x", ("n",))
    >>> a, b = gc.parameter("a", (), 2.0), gc.parameter("b", (), 1.0)
    >>> gap = gc.mean((a - b) * x)
    >>> trainer = gc.Trainer(
    ...     {"low": gap**2, "high": -gap},
    ...     {"low": gc.optim.SGD(lr=0.25), "high": gc.optim.SGD(lr=1.0)},
    ...     parameters={"low": [a], "high": [b]},
    ... )
    >>> trainer.step(x=[1.0])
    0.5
    """

    def __init__(
        self,
        loss: Node | Mapping[str, Node],
        optimizer: Optimizer | Mapping[str, Optimizer],
        metrics: Metrics | None = None,
        *,
        parameters: Selections | None = None,
        updates: Mapping[Node, ArrayLike] | None = None,
        outputs: Node | Mapping[str, Node] | None = None,
        seed: Seed = 0,
        plateau: ReduceLROnPlateau | None = None,
        style: RunStyle = "fast",
        simplify: bool = True,
        tile_size: Count | None = TILE,
        threads: Natural = 0,
        strict: bool = False,
        reproducible: bool = False,
    ) -> None:
        self.optimizer = optimizer
        self.metrics = dict(metrics or {})
        self.seed = int(seed)
        self.history = History()
        for name in self.metrics:
            check_metric_name(name)
        compiled = assemble.training_program(
            loss,
            optimizer,
            metrics=self.metrics,
            outputs=outputs,
            style=style_here(style),
            simplify=simplify,
            plateau=plateau,
            tiling=Tiling(tile_size, threads),
            strict=strict,
            shared=reproducible,
            parameters=parameters,
            updates=updates,
        )
        self.losses, self.loss = losses_by_name(loss), total_loss(loss)
        self._is_reproducible = reproducible
        self._start(compiled)

    # Training

    def step(self, /, *arrays: Any, **batch: Any) -> float:
        """Take one optimizer step on a batch; see `end_epoch` for schedules.

        Args:
            arrays: the first inputs, in the order of declaration.
            batch: the other inputs, by name.

        Returns:
            The loss of the batch before the step; NaN, and no step, where all labels of
            the batch are ignored. The sum of several, each before its own step.

        Raises:
            FeedError: an array is missing, extra, or does not fit its input.
            NonFiniteError: the loss or a gradient is not finite.
            OptionError: the schedule gives a step size that is negative or not finite.
                Parameters are as they were after each of these, but for steps of
                losses before the one that is not finite.
        """
        bound = self._bind(batch, arrays)
        try:
            loss = float(
                silently(self._module.train_step, self._arrays, self._state, *bound)
            )
        except Exception as error:
            # Entered only now: to enter it costs nearly as much as a small step.
            with self.translated():
                if isinstance(error, FloatingPointError):
                    self._refuse(str(error), bound)
                raise
        if not math.isfinite(loss):
            self._refuse(f"the loss became {loss}", bound)
        return loss

    def fit(
        self,
        train: Data,
        dev: Data | None = None,
        *,
        test: Data | None = None,
        epochs: int = 20,
        batch_size: int = 32,
        seed: Seed | None = None,
        best: str | None = None,
        keep_best: bool = True,
        patience: int | None = None,
        evaluations_per_epoch: int = 1,
        steps_per_epoch: Count | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: float = 1.0,
        resume: bool = False,
        drop_last: bool = False,
        callbacks: Sequence[Callback | RecordFunction] = (),
        verbose: bool | None = None,
        report: RecordFunction | None = None,
    ) -> History:
        """Train, and end with the parameters that were best on dev.

        Every epoch goes once through the rows of `train`, in random order without
        replacement, in batches of which the last may be smaller. A second `fit` goes
        on where the first ended.

        Args:
            train: arrays, or paths of `.npy` or IDX files, by input name; the path of
                an `.npz` or `.csv` file or of a folder of arrays; a frame or a
                `gc.CSV`; a stream of batches: an iterable of such mappings, or of
                tuples in the order of the inputs, as torch's `DataLoader` is, or a
                function that gives one for each epoch (of its number, if it takes an
                argument); or examples by position, as torch's `Dataset` has them.
            dev: evaluated after every epoch; decides which is best. Without it the
                last is kept.
            test: evaluated once at the end, as `history.test`.
            epochs: how many; for a resumed run, counted from its start.
            batch_size: rows of a batch; a stream has batches of its own.
            seed: of the order of rows; by default the trainer's.
            best: which dev score decides, and whether more or less of it is better:
                `"max accuracy"`; by default `"min loss"`. The name alone is enough of
                a `Metric` that has a `mode`, as `gc.metrics.f1_score`: `"f1"`.
            keep_best: False keeps the last parameters.
            patience: stop after that many evaluations without a better dev score; a
                NaN is never better.
            evaluations_per_epoch: how often dev is evaluated in an epoch.
            steps_per_epoch: batches of a stream that are an epoch, which goes on where
                the last one ended and, after its end, begins again; all by default.
            checkpoint: a file to write after evaluations and at the end; an older one
                that is not resumed is kept under the same name with ".1".
            checkpoint_every: seconds between two such evaluations; 0 for all.
            resume: go on from `checkpoint`, if it exists, bit for bit as if the run had
                not been broken.
            drop_last: leave out the last batch of an epoch where it would be smaller.
            callbacks: of `gc.Callback`, or functions called with the record of every
                evaluation; one that returns True or raises `gc.StopTraining` ends the
                run after it.
            verbose: None for a table and a progress bar on a terminal and a line an
                epoch elsewhere; True for lines; False for silence.
            report: one more function to call with every record.

        Returns:
            A record an evaluation; `history.kept` says which parameters were kept, and
            why. After an interrupt (Ctrl-C) `history.interrupted` is true, and the
            epoch it cut short is undone, as before SIGTERM or SIGHUP ends the process.

        Raises:
            DataError: data that does not fit the inputs; nothing is changed.
            OptionError: a number that means nothing, or a run of this trainer that goes
                on meanwhile, as in its callbacks; a schedule that gives a step size
                that is not a number of at least 0.
            CheckpointError: the checkpoint is damaged or of another model or run.
            NonFiniteError: a loss that is not finite. After it, and after whatever a
                callback raises, parameters are the best so far, or those of the last
                evaluation.
        """
        describe = self._module.describe_record
        with (
            self._alone(),
            self.translated(),
            reporting(verbose, epochs, describe, evaluations_per_epoch) as reporter,
        ):
            start = self.seed if seed is None else seed
            batching = Batching(batch_size, int(start), drop_last)
            arrays = self._files.read(train, "train", steps_per_epoch, batching)
            others = None if dev is None else self._files.read(dev, "dev")
            final = None if test is None else self._files.read(test, "test")
            if final is not None:
                final = self._module.check_stream(final, "test")
            functions = [reporter.epoch, report]
            with running(self, callbacks, functions) as run:
                try:
                    run.records = self._module.fit(
                        self._arrays,
                        self._state,
                        arrays,
                        others,
                        epochs=epochs,
                        batch_size=batch_size,
                        seed=start,
                        best=best,
                        keep_best=keep_best,
                        patience=patience,
                        evaluations_per_epoch=evaluations_per_epoch,
                        checkpoint=checkpoint and self._files.output(checkpoint),
                        checkpoint_every=checkpoint_every,
                        resume=resume,
                        # Batches of examples are made without it already.
                        drop_last=drop_last and not isinstance(arrays, Examples),
                        report=run.after_evaluation,
                        progress=reporter.batch,
                    )
                finally:
                    self.history = History(run.records, self._files.data)
                self.history.kept = self._module.describe_kept(
                    run.records, best, keep_best
                )
                if final is not None and not self.history.interrupted:
                    self.history.test = self._module.mean_scores(self._arrays, final)
        if verbose is not False:
            say_result(self.history)
        return self.history

    def evaluate(self, data: Data, batch_size: int = 1024) -> dict[str, float]:
        """The loss and the metrics over a data set.

        Args:
            data: as for `fit`.
            batch_size: rows that are computed at once.

        Raises:
            DataError: data that does not fit the inputs.
        """
        with self.translated():
            batching = Batching(batch_size)
            arrays = self._files.read(data, "data", batching=batching)
            return self._module.evaluate(self._arrays, arrays, batch_size)

    def predict(self, /, *arrays: Any, seed: Seed = 0, **inputs: Any) -> Any:
        """The outputs of the model for a batch, in evaluation mode.

        Args:
            arrays: the first inputs that the outputs depend on, as declared.
            seed: of the draws that outputs depend on, such as those of `gc.random`.
            inputs: the others by name; those of the loss alone are ignored.

        Returns:
            An array, or a dict of arrays where the trainer has several `outputs`.

        Raises:
            FeedError: an array is missing, extra, or does not fit its input.
            OptionError: the trainer has no outputs.
        """
        self._check_outputs()
        plan = self._compiled.plan
        needed = plan.predict_inputs
        order = tuple(dict.fromkeys((*needed, *self._inputs)))
        binder = Binder(needed, plan.bounds, order, strict=plan.strict)
        bound = binder.bind(inputs, arrays)
        check_batch(needed, bound, plan.admitted)
        with np.errstate(all="ignore"), self.translated():
            is_random = plan.predict is not None and bool(plan.predict.draws)
            drawn = {"rng": seed} if is_random else {}
            return self._module.predict(self._arrays, *bound, **drawn)

    def lr_range_test(
        self,
        train: Data,
        low: float = 1e-6,
        high: float = 1.0,
        steps: Annotated[int, Within(2)] = 100,
        batch_size: int = 32,
        *,
        mode: Literal["exponential", "linear"] = "exponential",
        seed: Seed | None = None,
    ) -> History:
        """Train with growing step sizes, to see which ones are good; then undo it.

        A good step size is somewhat below the one from which the loss rises. The test
        ends early where the loss is four times its least value, or not finite.

        Args:
            train: as for `fit`.
            low, high: the first and the last step size, in place of those that the
                optimizer's schedule gives.
            steps: how many.
            batch_size: rows of a batch.
            mode: `"exponential"`, where each step multiplies by the same factor, or
                `"linear"`.
            seed: of the order of rows; by default the trainer's.

        Returns:
            A record a step, of `step`, `step_size` and `loss` (before the step). Its
            `plot` draws the loss over the step size. The trainer is as it was.

        Raises:
            OptionError: step sizes that are not positive or do not grow.

        Source: Smith 2017, "Cyclical learning rates for training neural networks",
        section 3.3.
        """
        with self.translated():
            sizes = range_of_step_sizes(low, high, steps, mode)
            records = range_test(
                *(self._module, self._arrays, self._state),
                *(self._files.read(train, "train"), sizes, batch_size),
                self.seed if seed is None else seed,
            )
        return History(records, self._files.data)

    def gradients(self, /, *arrays: Any, **batch: Any) -> dict[str, Array]:
        """The gradient of the loss of a batch by each parameter, in training mode.

        With several losses it is that of the one which trains the parameter.
        Takes no step; random draws are those that the next `step` will make.
        """
        bound = self._bind(batch, arrays)
        rng = copy.deepcopy(self._state.get("rng"))
        with np.errstate(all="ignore"), self.translated():
            _, gradients = self._module.loss_and_gradients(
                self._arrays, *bound, rng=rng
            )
        # Copies, because the program uses the same memory for its next gradients.
        return {name: np.array(array) for name, array in gradients.items()}

    # Files

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a checkpoint: parameters, optimizer state, random streams, history.

        Emitted programs of the same model read it too.
        """
        module = self._module
        saved = module.snapshot(self._arrays, self._state, history=list(self.history))
        module.save_checkpoint(self._files.output(path), saved)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Read a checkpoint, or the parameters that an emitted program wrote (`--out`).

        From a checkpoint the state is restored too, so that training goes on as it
        would have. Parameters alone leave the optimizer's state as it is.

        Raises:
            CheckpointError: the file is damaged or of another model; nothing is
                changed.
        """
        module, name = self._module, os.fspath(path)
        with self.translated():
            header: Any = {module.HEADER}
            if not module.read_arrays(
                name, module.CheckpointError, header.intersection
            ):
                self.parameters = module.load_parameters(name)
                self._is_loaded = True
                return
            saved = module.load_checkpoint(name)
            module.restore(saved, self._arrays, self._state)
        self.history = History(saved["history"])

    # Inputs and errors

    def _bind(
        self, batch: Mapping[str, Any], arrays: Sequence[Any] = ()
    ) -> list[Array]:
        bound = self._binder.bind(batch, arrays)
        check_batch(self._inputs, bound, self._compiled.plan.admitted)
        return bound

    def _refuse(self, problem: str, batch: list[Array]) -> None:
        with self.translated():
            refuse_step(self._module, problem, self._arrays, self._state, batch)

    def translated(self) -> AbstractContextManager[None]:
        """A context in which the program's errors become graphc's, with nodes."""
        losses = self.losses.values()
        return translated(self._compiled, self.loss, losses, self._failed)

    def _failed(self, failure: Failure) -> None:
        self.last_failure = failure
