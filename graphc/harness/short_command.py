"""The command line in a few lines."""

from __future__ import annotations

import argparse
import io
import math
import os
import sys
from collections.abc import Sequence
from typing import Any

from .check import run_check
from .epoch import describe_record
from .files import CheckpointError, OptionError
from .model import (
    HYPERPARAMETERS,
    INPUTS,
    MODEL,
    init_parameters,
    init_state,
)
from .native import CompilerError
from .positions import DataError
from .ranks import end_if_alone, is_first_rank, ranks
from .short_data import load_data
from .short_files import write_arrays
from .short_loop import fit

# --- imports above, copied into emitted programs below ---

# Command line -------------------------------------------------------------------------


# if short
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status.

    0 is success, 1 a failed gradient check or a loss that is not finite, 2 bad
    arguments, data or files, 130 an interrupt.
    """
    parser = argparse.ArgumentParser(description=f"Train {MODEL}.")
    add, told = parser.add_argument, "default: %(default)s"
    files = f".npz file, or folder of .npy files, with {', '.join(INPUTS)}"
    add("--data", metavar="PATH", help=f"rows to train on: an {files}")
    add("--dev", metavar="PATH", help="rows that decide which epoch is the best")
    add("--epochs", type=int, default=20, help=told)
    add("--batch-size", type=int, default=32, help=told)
    add("--seed", type=int, default=0, help=told)
    add("--out", metavar="NPZ", help="write the best (without dev the last) parameters")
    # if csv
    columns = "the columns of a .csv file that an input is made of"
    add("--columns", nargs="+", metavar="INPUT=A,B", help=columns)
    # end
    # if checkpoint
    add("--resume", action="store_true", help="go on where the checkpoint stopped")
    # end
    # if check
    add("--check", action="store_true", help="check gradients, and do not train")
    # end
    # if mpi
    bits = "the same bits, whatever the number of ranks that mpiexec starts"
    add("--reproducible", action="store_true", dest="REPRODUCIBLE", help=bits)
    # end
    for name in HYPERPARAMETERS:
        flag, usual = "--" + name.lower().replace("_", "-"), globals()[name]
        short = ["--lr"] * (name == "LEARNING_RATE")
        add(*short, flag, type=usual.__class__, default=usual, dest=name, help=told)
    options = parser.parse_args(argv)
    try:
        # if learning_rate
        if not 0 <= options.LEARNING_RATE < math.inf:
            raise OptionError("--lr must be a number of at least 0")
        # end
        globals().update({name: getattr(options, name) for name in HYPERPARAMETERS})
        # if mpi
        globals()["REPRODUCIBLE"] = options.REPRODUCIBLE
        if ranks() is not None and not is_first_rank():
            # What the first one prints, all would.
            sys.stdout = sys.stderr = io.StringIO()
        # end
        # if csv
        options.columns = parse_columns(options.columns)
        # end
        # if check
        if options.check:
            # if csv
            data = options.data and load_data(options.data, options.columns)
            # else
            data = options.data and load_data(options.data)
            # end
            return run_check(None, data, options.seed)
        # end
        if options.data is None:
            parser.error("--data is required to train")
        run_training(options)
    # if native
    except CompilerError as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return 2
    # end
    except (DataError, CheckpointError, OptionError, OSError) as error:
        # if mpi
        end_if_alone(f"error: {error}", 2)
        # end
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return 2
    except (ArithmeticError, KeyboardInterrupt) as error:
        # if mpi
        end_if_alone(f"error: {str(error) or 'interrupted'}")
        # end
        print(f"{parser.prog}: error: {str(error) or 'interrupted'}", file=sys.stderr)
        return 1 if isinstance(error, ArithmeticError) else 130
    return 0


# if csv
def parse_columns(texts: Sequence[str] | None) -> dict[str, list[str]]:
    """The columns that are chosen for inputs."""
    pairs = [text.partition("=") for text in texts or ()]
    for name, _, names in pairs:
        if name not in INPUTS or not names:
            raise OptionError(f"--columns must be INPUT=A,B with {', '.join(INPUTS)}")
    return {name: names.split(",") for name, _, names in pairs}


# end
def run_training(options: Any) -> None:
    """Train, and write the parameters."""
    # if csv
    train = load_data(options.data, options.columns)
    dev = options.dev and load_data(options.dev, options.columns)
    # else
    train = load_data(options.data)
    dev = options.dev and load_data(options.dev)
    # end
    out = options.out or ""
    folder = os.path.dirname(os.path.realpath(out))
    is_other = os.path.exists(out) and not os.path.isfile(out)
    if out and (is_other or not os.access(folder, os.W_OK)):
        raise OptionError(f"{out} can't be written")
    parameters = init_parameters(options.seed)
    # if streams
    state = init_state(parameters, options.seed)
    # else
    state = init_state(parameters)
    # end
    # if checkpoint
    checkpoint = options.out and os.path.splitext(options.out)[0] + ".checkpoint.npz"
    if options.resume and not os.path.exists(checkpoint or ""):
        print(f"no {checkpoint} yet: starting from the beginning", file=sys.stderr)
    # end
    run: dict[str, Any] = {"epochs": options.epochs, "batch_size": options.batch_size}
    # if checkpoint
    run |= {"checkpoint": checkpoint, "resume": options.resume}
    # end
    try:
        fit(
            *(parameters, state, train, dev),
            **run,
            seed=options.seed,
            report=lambda record: print(describe_record(record), flush=True),
        )
    finally:
        if options.out is not None and state["epoch"]:
            write_arrays(options.out, parameters)
            print(f"wrote {options.out}")


if __name__ == "__main__":
    sys.exit(main())
# end
