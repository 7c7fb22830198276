"""The command line of an emitted program."""

from __future__ import annotations

import contextlib
import importlib
import io
import math
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from .best import describe_kept, parse_criterion
from .check import run_check
from .data import BATCH_DIMENSION, load_data
from .epoch import describe_record
from .files import (
    Arrays,
    CheckpointError,
    OptionError,
    check_overwriting,
    check_writable,
    keep_older,
    load_parameters,
    save_parameters,
    say,
    write_arrays,
)
from .loop import check_options, fit
from .means import mean_scores
from .model import (
    GRAPHC_VERSION,
    HYPERPARAMETERS,
    INPUTS,
    MODEL,
    PREDICT_INPUTS,
    init_parameters,
    init_state,
)
from .native import CompilerError
from .positions import DataError
from .predict import predict_rows
from .ranks import end_if_alone, ranks
from .signals import catch_signals

# --- imports above, copied into emitted programs below ---

# if whole
# Command line -------------------------------------------------------------------------


def build_argument_parser() -> Any:
    """The options of this program, as an `argparse.ArgumentParser`."""
    import argparse

    parser = argparse.ArgumentParser(
        description=f"Train {MODEL} (emitted by graphc {GRAPHC_VERSION}).",
        epilog=f"Data is an .npz file with one array for each input: "
        f"{', '.join(INPUTS)}; a .csv file with columns called so, or so and numbered; "
        "or a folder of .npy or IDX files called so.",
    )
    add, told = parser.add_argument, "default: %(default)s"
    add("--data", metavar="PATH", help="rows to train on")
    add("--dev", metavar="PATH", help="rows that decide which epoch is the best")
    add("--test", metavar="PATH", help="rows to evaluate on when training is over")
    add(
        "--columns",
        nargs="+",
        metavar="INPUT=A,B",
        type=lambda text: text.split("=", 1),
        help="the columns of a .csv file that an input is made of",
    )
    add("--epochs", type=int, default=20, help=told)
    size = BATCH_DIMENSION if isinstance(BATCH_DIMENSION, int) else 32
    add("--batch-size", type=int, default=size, help=told)
    add("--init", metavar="NPZ", help="start from parameters that --out wrote")
    add("--seed", type=int, default=0, help=told)
    kept = "which dev score decides, as in 'max accuracy'; default: min loss"
    add("--best", metavar="SCORE", help=kept)
    add("--patience", type=int, help="evaluations without a better dev score")
    add(
        "--evaluations-per-epoch",
        type=int,
        default=1,
        metavar="N",
        help="how often dev is evaluated; default: %(default)s",
    )
    add("--out", metavar="NPZ", help="write the best (without dev the last) parameters")
    add("--checkpoint", metavar="NPZ", help="default: beside --out")
    add(
        "--checkpoint-every",
        type=float,
        default=1.0,
        metavar="SECONDS",
        help="between two checkpoints, 0 for all evaluations; default: %(default)s",
    )
    add("--drop-last", action="store_true", help="leave out a smaller last batch")
    add("--resume", action="store_true", help="go on where the checkpoint stopped")
    # if predict
    add("--predict", metavar="PATH", help="write outputs for these rows, do not train")
    # end
    add("--check", action="store_true", help="check gradients, and do not train")
    # if mpi
    bits = "the same bits, whatever the number of ranks that mpiexec starts"
    add("--reproducible", action="store_true", dest="REPRODUCIBLE", help=bits)
    # end
    add("--threads", type=int, metavar="N", help="how many compute a matrix product")
    for name in HYPERPARAMETERS:
        flag, usual = "--" + name.lower().replace("_", "-"), globals()[name]
        short = ["--lr"] * (name == "LEARNING_RATE")
        add(*short, flag, type=usual.__class__, default=usual, dest=name, help=told)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status.

    0 is success, 1 a failed gradient check or a loss that is not finite, 2 bad
    arguments, data or files, 130 an interrupt, 143 and 129 SIGTERM and SIGHUP.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # A console may lack a letter.
            stream.reconfigure(errors="backslashreplace")
    parser = build_argument_parser()
    options = parser.parse_args(argv)
    try:
        # if learning_rate
        if not 0 <= options.LEARNING_RATE < math.inf:
            raise OptionError("--lr must be a number of at least 0")
        # end
        globals().update({name: getattr(options, name) for name in HYPERPARAMETERS})
        # if mpi
        globals()["REPRODUCIBLE"] = options.REPRODUCIBLE
        ranks()
        # end
        check_options(
            options.epochs,
            options.batch_size,
            options.seed,
            options.patience,
            options.evaluations_per_epoch,
            options.checkpoint_every,
        )
        parse_criterion(options.best)
        action = run_checking if options.check else run_training
        # if predict
        action = action if options.predict is None else run_prediction
        # end
        if options.data is None and action is run_training:
            parser.error("--data is required to train")
        with (
            catch_signals() as interrupts,
            interrupts.allowed(),
            limited_threads(options.threads),
        ):
            return action(options)
    # if native
    except CompilerError as error:
        say(f"{parser.prog}: error: {error}", error=True)
        return 2
    # end
    except (DataError, CheckpointError, OptionError, OSError) as error:
        problem, status = str(error), 2
    except ArithmeticError as error:
        problem, status = str(error), 1
    except KeyboardInterrupt:
        problem, status = "interrupted", 130
    # if mpi
    end_if_alone(f"error: {problem}", status)
    # end
    say(f"{parser.prog}: error: {problem}", error=True)
    return status


def limited_threads(threads: int | None) -> Any:
    """Let matrix products use that many threads, as a context; None changes nothing."""
    if threads is None:
        return contextlib.nullcontext()
    if threads < 1:
        raise OptionError(f"--threads must be at least 1, got {threads}")
    try:
        pools = importlib.import_module("threadpoolctl")
    except ImportError:
        raise OptionError(
            "--threads needs threadpoolctl, which is not installed; without it, set "
            f"OPENBLAS_NUM_THREADS={threads} in the environment"
        ) from None
    return pools.threadpool_limits(threads, user_api="blas")


def run_checking(options: Any) -> int:
    """Check the gradients and print a line for each parameter."""
    data = None if options.data is None else load(options.data, options)
    parameters = None if options.init is None else load_parameters(options.init)
    return run_check(parameters, data, options.seed)


def load(path: str, options: Any, needed: Iterable[str] = INPUTS) -> Arrays:
    """The data at a path, from the columns that were chosen."""
    if options.columns is None:
        return load_data(path, None, needed)
    for name, *chosen in options.columns:
        if name not in INPUTS or not chosen:
            raise OptionError(f"--columns must be INPUT=A,B with {', '.join(INPUTS)}")
    columns = {name: text.split(",") for name, text in options.columns}
    return load_data(path, columns, needed)


# if predict
def run_prediction(options: Any) -> int:
    """Write what the parameters of --init give for rows, which need no labels."""
    if options.data is not None or None in (options.init, options.out):
        raise OptionError("--predict needs --init and --out, and no --data")
    check_output([options.out], [options.predict, options.init])
    data = load(options.predict, options, PREDICT_INPUTS)
    found = predict_rows(load_parameters(options.init), data)
    keep_older(options.out)
    write_arrays(options.out, found)
    say(f"wrote {options.out}")
    return 0


# end
def check_output(outputs: list[str | None], inputs: list[str | None]) -> None:
    """Raise unless the outputs, of which the first is --out, can be written."""
    program = globals().get("__file__")  # A module may have been made without a file.
    check_overwriting(outputs, [*inputs, program])
    if outputs[0] is not None:
        check_writable(outputs[0])


def run_training(options: Any) -> int:
    """Train, evaluate on test, and write the parameters."""
    checkpoint: str | None = options.checkpoint
    if options.out is not None and checkpoint is None:
        checkpoint = os.path.splitext(options.out)[0] + ".checkpoint.npz"
    read = [options.data, options.dev, options.test, options.init]
    check_output([options.out, checkpoint], read)
    resumed = options.resume and os.path.exists(checkpoint or "")
    if options.resume and not resumed:
        if checkpoint is None:
            raise OptionError("--resume needs --out or --checkpoint")
        say(f"no {checkpoint} yet: starting from the beginning", error=True)
    train = load(options.data, options)
    dev = None if options.dev is None else load(options.dev, options)
    test = None if options.test is None else load(options.test, options)
    parameters = init_parameters(options.seed)
    if options.init is not None:
        for name, array in load_parameters(options.init).items():
            parameters[name][...] = array
    state = init_state(parameters, options.seed)

    def write() -> None:
        if not resumed:
            keep_older(options.out)
        save_parameters(options.out, parameters)

    try:
        history = fit(
            parameters,
            state,
            train,
            dev,
            epochs=options.epochs,
            batch_size=options.batch_size,
            seed=options.seed,
            best=options.best,
            patience=options.patience,
            evaluations_per_epoch=options.evaluations_per_epoch,
            checkpoint=checkpoint,
            checkpoint_every=options.checkpoint_every,
            resume=options.resume,
            drop_last=options.drop_last,
            report=lambda record: say(describe_record(record)),
        )
    except FloatingPointError:
        if options.out is not None and state["epoch"] > 0:
            write()
        raise
    interrupted = bool(history) and "interrupted" in history[-1]
    if kept := describe_kept(history, options.best):
        say(kept)
    if options.out is not None and (state["epoch"] > 0 or not interrupted):
        write()
        say(f"wrote {options.out}")
    if interrupted:
        raise KeyboardInterrupt
    if test is not None:
        scores = mean_scores(parameters, test)
        line = "  ".join(f"{name} {value:#.4g}" for name, value in scores.items())
        say(f"test {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
# end
