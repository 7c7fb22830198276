"""Reports: numbers against those computed by hand."""

from __future__ import annotations

import io

import pytest

import graphc as gc
from graphc.errors import OptionError
from graphc.ir import Dim
from graphc.viz.report import report


def rows(whole):
    return {row.name: row for row in whole.rows}


def test_a_perceptron(model):
    whole = report(model.loss)
    table = rows(whole)
    batch = Dim("batch")
    assert whole.parameters == 64 * 32 + 32 + 32 * 10 + 10 == 2410
    assert table["hidden.weight"].parameters == 2048
    assert table["hidden.weight"].bytes == 8192
    assert table["hidden.weight"].multiply_adds == 0
    # The product, and one addition for each element of the bias's sum.
    assert table["hidden"].multiply_adds == batch * (64 * 32 + 32)
    assert table["hidden"].bytes == batch * 128
    assert table["relu"].multiply_adds == batch * 32
    assert table["logits"].multiply_adds == batch * (32 * 10 + 10)
    assert table["labels"].dtype == "int64"
    assert table["labels"].bytes == batch * 8
    assert table["loss"].bytes == 4
    assert [row.name for row in whole.rows] == [
        "image",
        "hidden.weight",
        "hidden.bias",
        "hidden",
        "relu",
        "logits.weight",
        "logits.bias",
        "logits",
        "labels",
        "loss",
    ]
    assert table["hidden"].line.startswith("conftest.py:")


def test_numbers_for_given_sizes(model):
    whole = report(model.loss, batch=32)
    assert rows(whole)["hidden"].multiply_adds == 32 * (64 * 32 + 32)
    assert rows(whole)["hidden"].shape == (32, 32)
    symbolic = report(model.loss).multiply_adds
    assert isinstance(symbolic, Dim)
    assert whole.multiply_adds == symbolic.evaluate({"batch": 32})
    assert "batch = 32" in str(whole)
    page = whole._repr_html_()
    assert page.count("<tr>") == len(whole.rows) + 1
    assert "batch = 32" in page


def test_both_levels_count_the_same_arithmetic(model):
    primitive = report(model.loss, level="primitive")
    assert primitive.multiply_adds == report(model.loss).multiply_adds
    assert primitive.parameters == 2410
    assert "cross_entropy" not in {row.op for row in primitive.rows}


@pytest.mark.parametrize(
    ("node", "count"),
    [
        (gc.input("x", (2, 3, 4)) @ gc.input("y", (2, 4, 5)), 2 * 3 * 4 * 5),
        (gc.input("x", (4,)) @ gc.input("y", (4,)), 4),
        (gc.input("x", (3, 4)) @ gc.input("y", (4,)), 12),
        (gc.sum(gc.input("x", (3, 4)), axis=0), 12),
        (gc.argmax(gc.input("x", (3, 4)), axis=0), 12),
        (gc.input("x", (3, 1)) * gc.input("y", (4,)), 12),
        (gc.input("x", (3, 4)).T, 0),
        (gc.input("x", (3, 4))[0], 0),
        (gc.concatenate([gc.input("x", (3,)), gc.input("y", (4,))]), 0),
    ],
)
def test_multiply_adds(node, count):
    assert report(node).multiply_adds == count


def test_text_is_plain_and_aligned():
    x, w = gc.input("x", ("batch", 64)), gc.parameter("w", (64, 10))
    stream = io.StringIO()
    report((x @ w).named("scores")).print(stream)
    lines = stream.getvalue().splitlines()
    assert lines[0].split() == [
        "name",
        "op",
        "shape",
        "dtype",
        "parameters",
        "multiply-adds",
        "bytes",
        "line",
    ]
    assert lines[3].split()[:6] == ["w", "parameter", "(64,", "10)", "float32", "640"]
    assert lines[4].split()[:2] == ["scores", "@"]
    assert "640*batch" in lines[4]
    assert lines[-3:] == [
        "parameters: 640",
        "multiply-adds: 640*batch",
        "bytes of all values: 296*batch + 2560",
    ]
    assert "\x1b" not in stream.getvalue()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_table(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    # A name in brackets would be markup to rich.
    report({"[red]": gc.exp(gc.input("x", (3,)))}).print(stream)
    assert "multiply-adds" in stream.getvalue()
    assert "│" in stream.getvalue()


def test_sizes_are_checked():
    x = gc.input("x", ("batch", 3))
    with pytest.raises(OptionError, match="no size 'time'"):
        report(x, time=3)
    with pytest.raises(OptionError, match="must be an int"):
        report(x, batch=-1)
    with pytest.raises(OptionError, match="level must be"):
        report(x, level="blocks")


def test_what_does_not_have_all_its_sizes_stays_symbolic():
    x = gc.input("x", ("batch", "time"))
    row = report(gc.exp(x), batch=2).rows[1]
    assert row.shape == (2, Dim("time"))
    assert str(row.multiply_adds) == "batch*time"


def test_a_report_does_not_import_rich():
    import subprocess
    import sys

    code = (
        "import sys; from graphc.viz.report import report; import graphc as gc; "
        "print(report(gc.input('x', ())), 'rich' in sys.modules)"
    )
    text = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert text.endswith("False\n")
