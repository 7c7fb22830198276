"""Pictures of a history."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import graphc as gc
from graphc.errors import (
    MissingExtraError,
    OptionError,
)
from tests.targets.support import load
from tests.training.support import OPTIONS, make, rows


def test_a_history_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    trainer = make()
    history = trainer.fit(rows(), rows(9, 1), batch_size=4, **OPTIONS)
    for name in ("curves.svg", "curves.png", "curves.pdf"):
        history.plot(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000
    text = (tmp_path / "curves.svg").read_text()
    assert "train accuracy" in text
    assert "dev loss" in text
    figure = history.plot(None, "loss")
    (line,) = figure.axes[0].get_lines()
    assert line.get_ydata().tolist() == history["loss"]
    assert figure._repr_png_().startswith(b"\x89PNG")
    page = history._repr_html_()
    assert page.count("<tr>") == len(history) + 1
    assert f"{history['loss'][-1]:.4g}" in page
    assert f"{history['loss'][-1]:.4g}" in trainer._repr_html_()
    trainer.lr_range_test(rows(), steps=5).plot(tmp_path / "range.svg", "loss")
    assert "step size" in (tmp_path / "range.svg").read_text()
    with pytest.raises(OptionError, match="nothing to draw"):
        gc.History().plot(tmp_path / "none.png")
    with pytest.raises(KeyError, match="the columns are"):
        history.plot(tmp_path / "none.png", "f1")
    with pytest.raises(OptionError, match="is not a picture file"):
        history.plot(tmp_path / "curves.txt")
    assert load(trainer.source).METRICS == {"accuracy": None}


def test_drawing_without_matplotlib_says_what_to_install(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    history = gc.History([{"epoch": 1, "loss": 0.5}])
    with pytest.raises(MissingExtraError, match="pip install matplotlib"):
        history.plot(tmp_path / "none.png")
