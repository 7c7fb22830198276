"""The benchmarks' harness and checks, on tiny workloads; no clock is asserted."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import __main__ as command
from benchmarks import document, first_call, gelu, imports, processes, report
from benchmarks.convolution import Convolution
from benchmarks.environment import machine_facts, thread_environment
from benchmarks.gelu import Gelu
from benchmarks.harness import Unavailable, count_denormals, measure
from benchmarks.hessian_vector import HessianVector
from benchmarks.hessian_vector import expert as hessian_vector_expert
from benchmarks.models import Model
from benchmarks.products import Product
from benchmarks.ranks import scaling
from benchmarks.recurrent import Recurrent
from benchmarks.scan import Scan
from benchmarks.training.expert import Expert
from benchmarks.training.floor import Floor
from benchmarks.training.network import PEERS, Training
from benchmarks.training.reference import loss_and_gradients
from benchmarks.workloads import EXTRA, TIMED

NETWORKS = (
    Training("softmax", (13, 4), 6),
    Training("softmax-row", (13, 4), 1),
    Training("sigmoid", (9, 5, 3), 4, "sigmoid", momentum=0.9),
    Training("sigmoid-row", (9, 5, 3), 1, "sigmoid"),
    Training("tanh-row", (6, 8, 7, 3), 1, "tanh", "Adam", lr=1e-2),
    Training("relu", (12, 16, 9, 5), 7, "relu", "Adam", lr=1e-2),
    Training("relu-row", (12, 16, 9, 5), 1, "relu", momentum=0.5),
)
TINY_CONVOLUTION = Convolution("convolution", 2, 3, 6, 4, 3)
TINY_PRODUCT = HessianVector("product", (11, 6, 4), batch=5)
OURS = ("graphc-native", "graphc-fast", "graphc-readable", "expert", "floor")
NEEDS_C = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler"
)


@dataclass(frozen=True)
class With:
    """A workload with a peer of the test's own, a function of this file."""

    inner: Any
    function: str
    name: str = "with"
    title: str = "With"

    @property
    def peers(self) -> dict[str, str]:
        return {"torch": f"{__name__}:{self.function}"}

    def data(self) -> Any:
        return self.inner.data()

    def check(self, peer: Any, data: Any) -> None:
        self.inner.check(peer, data)


def smaller_steps(workload: With, data: Any) -> Expert:
    return Expert(replace(workload.inner, lr=workload.inner.lr * 0.998), data)


class ForgottenBias(Expert):
    """Reports a last bias that was never updated: losses alone would hardly tell."""

    def __init__(self, workload: With, data: Any) -> None:
        super().__init__(workload.inner, data)
        self._old = data.biases[-1]

    def parameters(self) -> list[Any]:
        return [*super().parameters()[:-1], self._old]


def wrong_gradient(workload: With, data: Any) -> Any:
    right = gelu.expert(workload.inner, data)
    return gelu.Calls(lambda x: _nudge(right.step(0)), data)


def _nudge(results: Any) -> Any:
    value, gradient = results
    gradient[7] += 1e-3
    return value, gradient


def wrong_product(workload: With, data: Any) -> Any:
    right = hessian_vector_expert(workload.inner, data)
    return gelu.Calls(lambda *_: [0.999 * a for a in right.step(0)], data.ring)


def half_a_product(workload: With, data: Any) -> Any:
    right = hessian_vector_expert(workload.inner, data)
    return gelu.Calls(lambda *_: right.step(0)[:2], data.ring)


def refuses(workload: Any, data: Any) -> Any:
    raise Unavailable("there is no such machine")


def breaks(workload: Any, data: Any) -> Any:
    raise RuntimeError("the first line\nthe second line")


def misses(workload: Any, data: Any) -> Any:
    import no_such_framework

    return no_such_framework


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_the_reference_has_the_gradients_of_its_loss(activation):
    rng = np.random.default_rng(0)
    shapes = [(5, 4), (5,), (3, 5), (3,)]
    parameters = [rng.normal(size=shape) for shape in shapes]
    x, y = rng.normal(size=(6, 4)), rng.integers(0, 3, 6)
    _, gradients = loss_and_gradients(activation, parameters, x, y)
    direction = [rng.normal(size=shape) for shape in shapes]

    def loss_at(distance: float) -> float:
        moved = [p + distance * v for p, v in zip(parameters, direction, strict=True)]
        return loss_and_gradients(activation, moved, x, y)[0]

    slope = (loss_at(1e-6) - loss_at(-1e-6)) / 2e-6
    product = sum((g * v).sum() for g, v in zip(gradients, direction, strict=True))
    assert product == pytest.approx(slope, rel=1e-7)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_hand_written_steps_train_every_kind_of_network(network):
    data = network.data()
    network.check(Expert(network, data), data)
    floor = Floor(network, data)
    for index in range(3):
        floor.step(index)


@NEEDS_C
@pytest.mark.parametrize("network", [NETWORKS[2], NETWORKS[4]], ids=lambda n: n.name)
def test_graphc_is_measured_beside_the_yardsticks(network):
    outcome = measure(network, OURS, rounds=2, block=1e-4)
    assert outcome.notes == {}
    assert list(outcome.timings) == list(OURS)
    for timing in outcome.timings.values():
        assert len(timing.seconds) == len(timing.cores) == 2
        assert min(timing.seconds) > 0
    assert outcome.denormals["expert"][0] == 0


@NEEDS_C
def test_functions_of_graphc_are_measured_too():
    names = (*OURS[:4], "as-written", "floor")
    outcome = measure(Gelu("tiny", 300), names, rounds=1, block=1e-4)
    assert (outcome.notes, list(outcome.timings)) == ({}, list(names))
    outcome = measure(TINY_PRODUCT, OURS, rounds=1, block=1e-4)
    assert (outcome.notes, list(outcome.timings)) == ({}, list(OURS))
    outcome = measure(Recurrent("lstm", 3, 2, 4), OURS[:3], rounds=1, block=1e-4)
    assert (outcome.notes, list(outcome.timings)) == ({}, list(OURS[:3]))
    names = ("graphc-native", "graphc-fast", "c")
    outcome = measure(Scan("scan", 20), names, rounds=1, block=1e-4)
    assert (outcome.notes, list(outcome.timings)) == ({}, list(names))


@pytest.mark.peer
@pytest.mark.parametrize("length", [0, 5])
def test_models_are_held_against_pytorch(length):
    names = ("graphc-native", "graphc-fast", "graphc-readable", "torch", "jax")
    outcome = measure(Model("model", 3, length), names, rounds=1, block=1e-4)
    assert (outcome.notes, list(outcome.timings)) == ({}, list(names))


def test_parts_in_threads_make_up_the_whole(monkeypatch):
    workload = Gelu("large", 5 * gelu.TILE + 77)
    data = workload.data()
    alone = [array.copy() for array in gelu.expert(workload, data).arrays()]
    monkeypatch.setattr(gelu, "cores", lambda: 3)
    peer = gelu.expert(workload, data)
    workload.check(peer, data)
    for array, other in zip(peer.arrays(), alone, strict=True):
        np.testing.assert_array_equal(array, other)


@pytest.mark.parametrize(
    ("inner", "function", "why"),
    [
        (NETWORKS[0], "smaller_steps", "wrong, so not timed: the loss of step"),
        (NETWORKS[5], "ForgottenBias", "wrong, so not timed: the bias of layer 3"),
        (Gelu("tiny", 300), "wrong_gradient", "wrong, so not timed: the gradient"),
        (TINY_PRODUCT, "wrong_product", "wrong, so not timed: the weight of layer 1"),
        (TINY_PRODUCT, "half_a_product", "wrong, so not timed: 2 results, not 4"),
        (NETWORKS[0], "refuses", "there is no such machine"),
        (NETWORKS[0], "breaks", "failed: RuntimeError: the first line"),
        (NETWORKS[0], "misses", "not installed: No module named 'no_such_framework'"),
    ],
)
def test_a_peer_that_is_wrong_or_broken_is_named_and_not_timed(inner, function, why):
    outcome = measure(With(inner, function), ["torch"], rounds=1, block=1e-4)
    assert outcome.timings == {}
    assert outcome.notes["torch"].startswith(why)


def test_denormals_are_counted():
    tiny = np.finfo(np.float32).tiny
    array = np.array([0, tiny, tiny / 2, -tiny / 4, 1], np.float32)
    assert count_denormals([array, np.zeros(3)]) == (2, 8)


def test_batches_are_many_enough():
    for workload in TIMED.values():
        if isinstance(workload, Training):
            assert workload.ring >= 16
            assert (
                2_000 < workload.ring * workload.batch <= 8_192 or workload.batch < 32
            )


def test_one_thread_is_told_to_every_library():
    environment = thread_environment(1)
    assert {environment[f"{n}_NUM_THREADS"] for n in ("OPENBLAS", "OMP", "MKL")} == {
        "1"
    }
    assert "XLA_FLAGS" not in thread_environment(2)


@NEEDS_C
@pytest.mark.parametrize("peer", ["graphc-native", "graphc-fast", "graphc-readable"])
def test_first_calls_are_checked(peer, monkeypatch):
    assert first_call.measure(peer, 9, repeats=2) > 0
    monkeypatch.setitem(first_call.CALLS, peer, lambda factors: lambda x: x)
    with pytest.raises(ValueError, match="off by"):
        first_call.measure(peer, 9, repeats=1)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_holds_parameters_gradients_and_state():
    at_most, warm = json.loads(processes.run_module("memory", ["relu-256", "expert"]))
    arrays = 4 * 4 * (784 * 256 + 256 + 256 * 256 + 256 + 256 * 10 + 10)
    for grown in (at_most, warm):
        assert arrays < grown < 3 * arrays


def test_imports_are_measured_and_missing_modules_named(monkeypatch):
    modules = {"numpy": "numpy", "emitted": "emitted", "torch": "no_such_module"}
    monkeypatch.setattr(imports, "MODULES", modules)
    seconds, notes = imports.measure(rounds=2)
    assert {name: len(values) for name, values in seconds.items()} == {
        "numpy": 2,
        "emitted": 2,
    }
    assert notes["torch"].endswith("No module named 'no_such_module'")
    row = report.imports_table(seconds, notes).rows[0]
    assert (row[0], row[-1]) == ("NumPy", "1.00")


def test_processes_that_fail_or_hang_are_told_apart():
    with pytest.raises(processes.Failed, match="nonsense"):
        processes.run_module("first_call", ["nonsense", "1"])
    with pytest.raises(TimeoutError, match=r"over 0\.01 s"):
        processes.run_module("first_call", ["graphc-fast", "1"], limit=0.01)
    outcome = processes.timed("no-such-workload", ["jax"], 1, 1, 1e-4)
    assert outcome["notes"]["jax"].startswith("the whole process broke: Error: Invalid")


def outcome_of(**microseconds: list[float]) -> dict[str, Any]:
    timings = {
        peer.replace("_", "-"): {
            "seconds": [value * 1e-6 for value in values],
            "cores": [1.0] * len(values),
            "build": 0.0,
        }
        for peer, values in microseconds.items()
    }
    return {"timings": timings, "notes": {"jax": "not installed"}, "denormals": {}}


def test_ratios_are_those_of_the_same_round():
    # The machine is half as fast in the second round, for all alike.
    outcome = outcome_of(
        graphc_native=[10, 20, 11], torch=[30, 60, 33], floor=[5, 10, 5]
    )
    assert report.ratio(outcome, "torch", "graphc-native") == pytest.approx(3)
    assert report.ratio(outcome, "jax", "graphc-native") is None
    table = report.outcome_table("Title", outcome)
    assert table.rows[0][:2] == ["floor", "5.00 µs"]
    assert table.rows[2] == [
        "PyTorch eager",
        "33.0 µs",
        "31.5 µs – 46.5 µs",
        "3.00",
        "6.00",
        "1.00",
    ]
    assert table.notes == ["jax.jit: not installed."]
    (row,) = report.summary_table("Summary", {"logistic-1": outcome}).rows
    assert row[-1] == "3.00 (PyTorch eager)"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.99999, "1.00 s"),
        (12.34, "12.3 s"),
        (1234.5, "1234 s"),
        (4.567e-4, "457 µs"),
        (9.9996e-4, "1.00 ms"),
        (2e-9, "2.00 ns"),
    ],
)
def test_durations_have_three_digits(seconds, text):
    assert report.seconds_text(seconds) == text


def test_the_page_has_all_sections_and_is_the_same_each_time():
    results = {
        "machine": machine_facts(),
        "timed": {"1": {"logistic-1": outcome_of(graphc_native=[2.0], floor=[1.0])}},
        "first_calls": {"jax": {"10": 0.5, "100": "over 60 s", "1000": "it broke"}},
        "imports": [{"numpy": [0.1]}, {"torch": "it is not there"}],
        "memory": {"relu-256": {"graphc-native": [3 * 2**20, 2**20], "jax": "no"}},
        "scaling": {
            "relu-256": [
                {"graphc-fast": {"1": [0.004], "strong": [0.002], "weak": [0.005]}},
                {"torch-fused": "it is not there"},
            ]
        },
    }
    page = document.results_page(results)
    assert page == document.results_page(json.loads(json.dumps(results)))
    for line in (
        "## One thread",
        "### logistic-1: 784-10, SGD, batch 1",
        "| graphc, native | 2.00 µs | 2.00 µs – 2.00 µs | 1.00 | 2.00 | 1.00 |",
        "| jax.jit | 500 ms | over 60 s | failed |",
        "jax.jit, 1,000 operations: it broke.",
        "PyTorch: it is not there.",
        "| graphc, native | 3.00 MiB | 1.00 MiB | 1.00 |",
        "| graphc, fast | 4.00 ms | 2.00 ms | 5.00 ms | 2.00 | 0.80 |",
    ):
        assert line in page.splitlines()


def test_a_part_is_run_in_a_process_and_leaves_the_page_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "BUILD", tmp_path)
    monkeypatch.setattr(command, "RESULTS", tmp_path / "RESULTS.md")
    arguments = ["extra-vec*", "--peer", "expert", "--peer", "floor", "--threads", "1"]
    arguments += ["--rounds", "2", "--block", "0.0001"]
    run = CliRunner().invoke(command.main, arguments, catch_exceptions=False)
    assert run.exit_code == 0
    assert "NumPy by hand" in run.output
    assert not (tmp_path / "RESULTS.md").exists()
    timings = json.loads((tmp_path / "results.json").read_text())["timed"]["1"]
    assert list(timings) == ["extra-vector"]
    assert set(timings["extra-vector"]["timings"]) == {"expert", "floor"}


def test_a_whole_run_writes_the_page_and_spares_the_extra_shapes(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "BUILD", tmp_path)
    monkeypatch.setattr(command, "RESULTS", tmp_path / "RESULTS.md")
    monkeypatch.setattr(command, "cores", lambda: 3)
    ran: list[tuple[str, int]] = []

    def timed(name: str, peers: Any, threads: int, *rest: Any) -> dict[str, Any]:
        ran.append((name, threads))
        return outcome_of(graphc_fast=[1.0])

    monkeypatch.setattr(processes, "timed", timed)
    monkeypatch.setattr(
        processes, "first_calls", lambda *_, limit: {"jax": {"10": 1.0}}
    )
    monkeypatch.setattr(processes, "memory", lambda *_: {"jax": [1, 1]})
    monkeypatch.setattr(imports, "measure", lambda rounds: ({"numpy": [1.0]}, {}))
    monkeypatch.setattr(scaling, "measure", lambda *_: ({}, {"torch-fused": "no"}))
    CliRunner().invoke(command.main, [], catch_exceptions=False)
    assert [name for name, threads in ran if threads == 1] == list(TIMED)
    assert [n for n, threads in ran if threads == 3] == [
        n for n in TIMED if n not in EXTRA
    ]
    assert "## 3 threads" in (tmp_path / "RESULTS.md").read_text(encoding="utf-8")


@pytest.mark.skipif(
    importlib.util.find_spec("mpi4py") is None, reason="mpi4py is not installed"
)
def test_steps_of_two_ranks_are_measured(monkeypatch):
    monkeypatch.setattr(scaling, "cores", lambda: 2)
    seconds, notes = scaling.measure("logistic-32", ("graphc-fast",), 1)
    assert not notes
    assert {key: len(found) for key, found in seconds["graphc-fast"].items()} == {
        "1": 1,
        "strong": 1,
        "weak": 1,
    }


def test_an_unknown_workload_is_refused():
    run = CliRunner().invoke(command.main, ["nothing-*"])
    assert run.exit_code == 2
    assert "names no workload; there are: logistic-1" in run.output


@pytest.mark.peer
@pytest.mark.parametrize("network", [NETWORKS[2], NETWORKS[5]], ids=lambda n: n.name)
@pytest.mark.parametrize(
    "peer", ["torch", "torch-fused", "jax", "pytensor", "autograd"]
)
def test_peers_agree_with_the_reference(peer, network):
    pytest.importorskip(peer.partition("-")[0])
    assert measure(network, [peer], rounds=1, block=1e-4).notes == {}


@pytest.mark.parametrize("is_first", [False, True])
def test_our_convolutions_are_right(is_first):
    workload = replace(TINY_CONVOLUTION, is_first=is_first)
    peers = [peer for peer in OURS if peer != "floor"]
    assert measure(workload, [*peers, "as-written"], rounds=1, block=1e-4).notes == {}


TINY_PRODUCTS = (
    Product("rows", "rows", ((5, 4),)),
    Product("diagonal", "diagonal", ((4, 4),)),
    Product("chain", "chain", ((2, 3), (3, 4), (4, 5))),
    Product("attention", "attention", ((2, 3, 4),) * 3),
    Product("embedding", "embedding", ((5, 3),), rows=9),
)


@pytest.mark.parametrize("workload", TINY_PRODUCTS, ids=lambda w: w.name)
def test_our_products_are_right(workload):
    peers = [peer for peer in OURS if peer != "floor"]
    assert measure(workload, peers, rounds=1, block=1e-4).notes == {}


@pytest.mark.peer
@pytest.mark.parametrize("workload", TINY_PRODUCTS, ids=lambda w: w.name)
def test_peers_agree_on_products(workload):
    pytest.importorskip("torch")
    assert measure(workload, ["torch"], rounds=1, block=1e-4).notes == {}


@pytest.mark.peer
@pytest.mark.parametrize("peer", ["torch", "jax"])
def test_peers_agree_on_convolutions(peer):
    pytest.importorskip(peer)
    assert measure(TINY_CONVOLUTION, [peer], rounds=1, block=1e-4).notes == {}


@pytest.mark.peer
@pytest.mark.parametrize(
    "workload", [Gelu("tiny", 300), TINY_PRODUCT], ids=lambda w: w.name
)
@pytest.mark.parametrize("peer", ["torch", "jax", "pytensor", "casadi", "autograd"])
def test_peers_agree_on_functions(peer, workload):
    pytest.importorskip(peer)
    assert measure(workload, [peer], rounds=1, block=1e-4).notes == {}


def test_every_peer_has_a_label():
    named = {peer for workload in TIMED.values() for peer in workload.peers}
    assert named | set(first_call.PEERS) <= set(report.LABELS)
    assert set(PEERS) <= named
