"""The whole path of graphc: declare, draw, train, emit, and run the emitted program.

    python examples/digits_mlp.py

trains a network of 64, 32 and 10 units on the handwritten digits of scikit-learn and
writes its drawings and its training program to build/demo/. As a model file,

    graphc show examples/digits_mlp.py --batch 32

and the other commands of graphc take it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import graphc as gc

# The model: everything that is trained, drawn and emitted below.

x = gc.input("x", ("batch", 64))
y = gc.input("y", ("batch",), dtype="int64")

hidden = gc.nn.relu(gc.nn.Linear(64, 32, name="hidden")(x))
logits = gc.nn.Linear(32, 10, name="output")(hidden)

loss = gc.nn.cross_entropy(logits, y)
accuracy = gc.mean((gc.argmax(logits, axis=1) == y).astype("float32"))

# The style of the program that is emitted below, so that both give the same bits.
trainer = gc.Trainer(
    loss, gc.optim.Adam(lr=0.003), metrics={"accuracy": accuracy}, style="readable"
)


FOLDER = Path("build/demo")
EPOCHS, BATCH_SIZE = 30, 32


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    data = gc.datasets.digits()

    print("Training on", len(data.train["y"]), "images:")
    trainer.fit(data.train, data.dev, epochs=EPOCHS, batch_size=BATCH_SIZE)
    scores = trainer.evaluate(data.test)
    print(f"test accuracy {scores['accuracy']:.4f}")
    assert scores["accuracy"] >= 0.95, "the network has learnt less than it should"

    gc.render(trainer).save(FOLDER / "forward.svg")
    gc.render(trainer, backward="graph").save(FOLDER / "backward.svg")
    gc.render(trainer, backward="overlay").save(FOLDER / "overlay.svg")
    script = trainer.emit(FOLDER / "train_digits.py")
    for part in ("train", "dev"):
        np.savez(FOLDER / f"{part}.npz", **getattr(data, part))
    print(f"wrote drawings, data and {script}")

    print(f"\nRunning {script} where graphc can't be imported:")
    run_without_graphc(
        script,
        *("--data", "train.npz", "--dev", "dev.npz"),
        *("--epochs", str(EPOCHS), "--batch-size", str(BATCH_SIZE), "--seed", "0"),
        *("--out", "best.npz"),
    )
    with np.load(FOLDER / "best.npz") as best:
        for name, array in trainer.parameters.items():
            same = best[name].dtype == array.dtype and np.array_equal(best[name], array)
            assert same, f"{name} differs"
            print(f"{name}: the same {array.size:,} numbers, bit for bit")
    print("OK")


def run_without_graphc(script: Path, *arguments: str) -> None:
    """Run a program in a Python that has NumPy and nothing else.

    -S leaves out site-packages, where graphc is installed, and -I whatever else could
    lead to it; a folder that holds NumPy alone is then all that is added. So graphc is
    not hidden or blocked in that Python: it is not there.
    """
    with tempfile.TemporaryDirectory() as folder:
        packages = Path(np.__file__).parent.parent
        # Beside NumPy some platforms keep the libraries that it links to.
        for part in ("numpy", "numpy.libs"):
            if (packages / part).exists():
                link_or_copy(packages / part, Path(folder, part))
        bootstrap = (
            "import importlib.util, runpy, sys\n"
            "sys.path.append(sys.argv[1])\n"
            "assert importlib.util.find_spec('graphc') is None\n"
            "del sys.argv[:2]\n"
            "runpy.run_path(sys.argv[0], run_name='__main__')\n"
        )
        command = [sys.executable, "-I", "-S", "-c", bootstrap, folder]
        command += [str(script.resolve()), *arguments]
        sys.stdout.flush()
        subprocess.run(command, cwd=script.parent, check=True)


def link_or_copy(source: Path, target: Path) -> None:
    """A link, or a copy where links need special rights (Windows)."""
    try:
        os.symlink(source, target, target_is_directory=True)
    except OSError:
        shutil.copytree(source, target)


if __name__ == "__main__":
    main()
