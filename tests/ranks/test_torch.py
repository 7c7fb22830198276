"""Two ranks of an emitted program, held against torch in one process."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from tests.ranks import support
from tests.ranks.test_ranks import needs_ranks
from tests.targets.support import load

pytestmark = [pytest.mark.peer, pytest.mark.mpi]
torch = pytest.importorskip("torch")

ROWS, BATCH, EPOCHS, SEED = 53, 10, 3, 4
"""With a last batch of three rows, of which the ranks have two and one."""


def optimizer_of(name: str, parameters: Any) -> Any:
    """The optimizer of torch's, under the name of graphc's."""
    if name == "SGD":
        return torch.optim.SGD(parameters, 0.1, momentum=0.9, weight_decay=0.01)
    return torch.optim.Adam(parameters, 0.02)


@pytest.mark.parametrize(
    ("style", "include"),
    [("readable", ["mpi"]), ("fast", ["all", "mpi"]), ("native", ["mpi"])],
)
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_two_ranks_train_as_torch_does(
    name: str, style: Any, include: Any, tmp_path: Path
) -> None:
    needs_ranks()
    x, y = gc.input("x", ("batch", 8), "float64"), gc.input("y", ("batch",), "int64")
    hidden = gc.nn.Linear(8, 6, name="hidden", dtype="float64")
    output = gc.nn.Linear(6, 3, name="output", dtype="float64")
    loss = gc.nn.cross_entropy(output(gc.tanh(hidden(x))), y)
    optimizer: Any = gc.optim.Adam(0.02)
    if name == "SGD":
        optimizer = gc.optim.SGD(0.1, momentum=0.9, weight_decay=0.01)
    trainer = gc.Trainer(loss, optimizer)
    script = trainer.emit(tmp_path / "train.py", style, include=include)
    rng = np.random.default_rng(0)
    data = {"x": rng.standard_normal((ROWS, 8)), "y": rng.integers(0, 3, ROWS)}
    np.savez(tmp_path / "train.npz", **data)  # type: ignore[arg-type]
    told = ("--data", "train.npz", "--out", "last.npz", "--epochs", EPOCHS)
    told = (*told, "--batch-size", BATCH, "--seed", SEED)
    done = support.run(2, script.name, *told, cwd=tmp_path)
    assert done.returncode == 0, done.stderr

    layers = {
        "hidden": torch.nn.Linear(8, 6),
        "tanh": torch.nn.Tanh(),
        "output": torch.nn.Linear(6, 3),
    }
    model = torch.nn.Sequential(OrderedDict(layers)).double()
    start = load(script.read_text()).init_parameters(SEED)
    model.load_state_dict({key: torch.tensor(each) for key, each in start.items()})
    peer = optimizer_of(name, model.parameters())
    for epoch in range(1, EPOCHS + 1):
        order = np.random.default_rng([SEED, 2, epoch]).permutation(ROWS)
        for first in range(0, ROWS, BATCH):
            rows = order[first : first + BATCH]
            peer.zero_grad()
            scores = model(torch.tensor(data["x"][rows]))
            error = torch.nn.functional.cross_entropy(
                scores, torch.tensor(data["y"][rows])
            )
            error.backward()
            peer.step()
    with np.load(tmp_path / "last.npz") as found:
        assert {*found} == {*start}
        for key, array in model.state_dict().items():
            np.testing.assert_allclose(found[key], array.numpy(), 1e-10, 1e-12)
            assert np.abs(found[key] - start[key]).max() > 0.05
