"""Programs to read, models and predictions: parts of a program, as asked for."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import OptionError
from tests.targets.support import ISOLATED, OURS, assert_clean, load, run
from tests.training.support import same


def model(style: Any = "fast", width: int = 6) -> gc.Trainer:
    x, y = gc.input("x", ("batch", 8)), gc.input("y", ("batch",), "int64")
    hidden = gc.nn.dropout(gc.tanh(gc.nn.Linear(8, width, name="hidden")(x)), 0.2)
    logits = gc.nn.Linear(width, 3, name="output")(hidden)
    loss = gc.nn.cross_entropy(logits, y)
    accuracy = gc.mean((gc.argmax(logits, axis=1) == y).astype("float32"))
    optimizer = gc.optim.AdamW(gc.optim.StepLR(0.01, step_size=20))
    return gc.Trainer(loss, optimizer, {"accuracy": accuracy}, style=style)


def rows(count: int, seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, 8)).astype(np.float32)
    return {"x": x, "y": np.argmax(x[:, :3] + 0.5 * x[:, 3:6], axis=1)}


TRAIN, DEV = rows(100), rows(30, 1)


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_a_short_program_gives_the_bits_of_fit(style: Any, tmp_path: Path) -> None:
    script = model().emit(tmp_path / "train.py", style)
    np.savez(tmp_path / "train.npz", **TRAIN)  # type: ignore[arg-type]
    (tmp_path / "dev").mkdir()
    for name, array in DEV.items():
        np.save(tmp_path / "dev" / f"{name}.npy", array)
    options = ("--data", "train.npz", "--dev", "dev", "--out", "best.npz")
    for epochs in (2, 5):
        said = run(script, *options, "--epochs", epochs, "--resume").stdout
    assert [line[:9] for line in said.splitlines()[:-1]] == [
        f"epoch   {epoch}" for epoch in (3, 4, 5)
    ]
    whole = model(style)
    whole.fit(TRAIN, DEV, epochs=5, verbose=False)
    with np.load(tmp_path / "best.npz") as best:
        assert same(dict(best), whole.parameters)
    # A Trainer goes on from its checkpoint, and it from that of a Trainer.
    path = tmp_path / "best.checkpoint.npz"
    part = model(style)
    part.fit(TRAIN, DEV, epochs=6, checkpoint=path, resume=True, verbose=False)
    run(script, *options, "--epochs", 7, "--resume")
    whole = model(style)
    whole.fit(TRAIN, DEV, epochs=7, verbose=False)
    with np.load(tmp_path / "best.npz") as best:
        assert same(dict(best), whole.parameters)
    assert "all gradients agree" in run(script, "--check").stdout
    done = run(script, *options, "--seed", 1, "--resume", status=2)
    assert "can't be resumed with another seed: it was 0 and is 1" in done.stderr


def test_a_step_size_is_a_constant_and_an_option(tmp_path: Path) -> None:
    """Once at the top; with `--lr` the bits are those of another optimizer."""
    x, y = gc.input("x", ("batch", 8)), gc.input("y", ("batch",), "int64")
    loss = gc.nn.cross_entropy(gc.nn.Linear(8, 3, name="output")(x), y)
    np.savez(tmp_path / "train.npz", **TRAIN)  # type: ignore[arg-type]

    def made(lr: float) -> gc.Trainer:
        inner = gc.optim.AdamW(lr, weight_decay=0.1)
        return gc.Trainer(loss, gc.optim.ClipByGlobalNorm(inner, 1.0))

    script = made(0.01).emit(tmp_path / "train.py", "fast")
    assert script.read_text().count("0.01\n") == 1
    options = ("--data", "train.npz", "--epochs", 2, "--out", "best.npz")
    for lr in (0.01, 0.3):
        run(script, *options, "--lr", lr)
        trainer = made(lr)
        trainer.fit(TRAIN, epochs=2, verbose=False)
        with np.load(tmp_path / "best.npz") as best:
            assert same(dict(best), trainer.parameters)
    done = run(script, *options, "--resume", status=2)
    assert "with another LEARNING_RATE: it was 0.3 and is 0.01" in done.stderr
    assert "--lr must be" in run(script, *options, "--lr", -1, status=2).stderr
    # A constant that was edited is noticed, and each one is an option.
    text = script.read_text().replace("WEIGHT_DECAY = 0.1", "WEIGHT_DECAY = 0.2")
    script.write_text(text)
    done = run(script, *options, "--lr", 0.3, "--resume", status=2)
    assert "with another WEIGHT_DECAY: it was 0.1 and is 0.2" in done.stderr
    run(script, *options, "--lr", 0.3, "--weight-decay", 0.1, "--resume")


def test_constants_of_layers_with_odd_names_are_options(
    tmp_path: Path, capsys: Any
) -> None:
    """Named as Python spells names in capitals; what divides by zero is one line."""
    x, y = gc.input("x", ("batch", 8)), gc.input("y", ("batch",), "int64")
    hidden = gc.nn.Dropout(0.1, name="help")(x)
    hidden = gc.nn.Dropout(0.2, name="\N{GREEK SMALL LETTER IOTA WITH TONOS}_2")(hidden)
    hidden = gc.nn.Dropout(0.3, name="\u0390")(hidden)
    loss = gc.nn.cross_entropy(gc.nn.Linear(8, 3, name="output")(hidden), y)
    trainer = gc.Trainer(loss, gc.optim.Adafactor(0.01))
    module = load(trainer.emitted("readable", "program", []).source)
    data = tmp_path / "train.npz"
    np.savez(data, **TRAIN)  # type: ignore[arg-type]
    given = ["--data", str(data), "--epochs=1", "--epsilon2=0.01"]
    assert module.main([*given, "--help-dropout-p=0.4"]) == 0
    assert vars(module)["HELP_DROPOUT_P"] == 0.4
    assert module.main([*given, "--help-dropout-p=1"]) == 1
    assert "error: float division by zero" in capsys.readouterr().err
    assert module.main([*given, "--help-dropout-p=0.4", "--epsilon2=nan"]) == 1
    assert "nan in epoch 1, step 2: try a smaller step" in capsys.readouterr().err


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_a_constant_that_is_edited_counts_everywhere(
    tmp_path: Path, style: Any
) -> None:
    """A program trains like a declaration with the numbers that were written into it,
    and with those that its command line is given."""
    usual = {
        "LEARNING_RATE": (0.05, 0.02),
        "T_MAX": (4, 6),
        "BETA1": (0.9, 0.7),
        "BETA2": (0.99, 0.8),
        "EPS": (1e-8, 1e-3),
        "WEIGHT_DECAY": (0.1, 0.3),
        "MAX_NORM": (0.5, 0.2),
        "DROPOUT_P": (0.25, 0.5),
        "LABEL_SMOOTHING": (0.1, 0.2),
        "L2_STRENGTH": (0.01, 0.1),
        "MARGIN": (0.5, 0.75),
        "SMOOTH_L1_BETA": (1.0, 0.5),
        "BATCH_NORM_EPS": (1e-5, 0.1),
        "BATCH_NORM_MOMENTUM": (0.1, 0.3),
        "LAYER_NORM_EPS": (1e-5, 0.01),
    }
    x, y = gc.input("x", ("batch", 8)), gc.input("y", ("batch",), "int64")
    hidden = gc.nn.Linear(8, 6, name="hidden")
    output = gc.nn.Linear(6, 3, name="output")

    def made(*, edited: bool) -> gc.Trainer:
        number = {key: pair[edited] for key, pair in usual.items()}
        schedule = gc.optim.CosineAnnealingLR(
            number["LEARNING_RATE"], T_max=number["T_MAX"], by="step"
        )
        inner = gc.optim.AdamW(
            schedule,
            betas=(number["BETA1"], number["BETA2"]),
            eps=number["EPS"],
            weight_decay=number["WEIGHT_DECAY"],
        )
        eps, momentum = number["BATCH_NORM_EPS"], number["BATCH_NORM_MOMENTUM"]
        norm = gc.nn.BatchNorm1d(6, eps=eps, momentum=momentum, name="norm")
        active = gc.nn.relu(norm(hidden(x))).named("active")
        active = gc.nn.layer_norm(active, 6, eps=number["LAYER_NORM_EPS"])
        kept = gc.nn.dropout(active, number["DROPOUT_P"])
        logits = output(kept)
        smoothing = number["LABEL_SMOOTHING"]
        loss = gc.nn.cross_entropy(logits, y, label_smoothing=smoothing)
        loss = loss + gc.optim.l2([hidden.weight], number["L2_STRENGTH"])
        signs = gc.where(y > 0, 1.0, -1.0).astype("float32")
        first = logits[:, 0]
        loss = loss + gc.nn.hinge_embedding_loss(first, signs, number["MARGIN"])
        bend = number["SMOOTH_L1_BETA"]
        loss = loss + gc.nn.smooth_l1_loss(first, signs, beta=bend)
        optimizer = gc.optim.ClipByGlobalNorm(inner, number["MAX_NORM"])
        return gc.Trainer(loss, optimizer, style=style)

    trainer = made(edited=True)
    script = made(edited=False).emit(tmp_path / "train.py", style)
    text = script.read_text()
    for key, (old, new) in usual.items():
        text, count = re.subn(rf"(?m)^{key} = {old}$", f"{key} = {new}", text)
        assert count == 1, key
    module = load(text)
    parameters = module.init_parameters(0)
    state = module.init_state(parameters, 0)
    module.fit(parameters, state, TRAIN, None, epochs=2, batch_size=32)
    trainer.fit(TRAIN, epochs=2, batch_size=32, verbose=False)
    assert same(parameters, trainer.parameters)
    np.savez(tmp_path / "train.npz", **TRAIN)  # type: ignore[arg-type]
    told = [f"--{key.lower().replace('_', '-')}={usual[key][1]}" for key in usual]
    given = ["--data", str(tmp_path / "train.npz"), "--out", str(tmp_path / "best.npz")]
    assert load(script.read_text()).main([*given, "--epochs=2", *told]) == 0
    with np.load(tmp_path / "best.npz") as best:
        assert same(dict(best), trainer.parameters)


def test_a_short_program_says_what_it_can_not_read(tmp_path: Path) -> None:
    script = model().emit(tmp_path / "train.py")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "x.idx.gz").touch()
    (tmp_path / "text.npz").write_text("text")
    wide = {**TRAIN, "x": TRAIN["x"][:, :5]}
    bad = TRAIN["x"].copy()
    bad[7, 3] = np.nan
    np.savez(tmp_path / "wide.npz", **wide)  # type: ignore[arg-type]
    np.savez(tmp_path / "nan.npz", x=bad, y=TRAIN["y"])
    np.savez(tmp_path / "label.npz", x=TRAIN["x"], y=TRAIN["y"] - 1)
    np.savez(tmp_path / "real.npz", x=TRAIN["x"], y=TRAIN["y"] * 1.0)
    np.savez(tmp_path / "less.npz", x=TRAIN["x"])
    module = load(script.read_text())
    for name, message in {
        "a.csv": "emit the program --with csv",
        "images": "emit the program --with idx",
        "text.npz": "is no .npz file, or it is damaged",
        "wide.npz": r"'x' requires shape \('rows', 8\) .*, got \(100, 5\)",
        "nan.npz": r"'x' has the value nan at \(7, 3\), which is not finite",
        "label.npz": r"the value -1 at \(\d+,\), which is not in the range 0 to 2",
        "real.npz": "'y' requires dtype int64, got float64",
        "less.npz": "must have the arrays x, y; it has x",
    }.items():
        with pytest.raises(module.DataError, match=message):
            module.load_data(str(tmp_path / name))
    parameters = module.init_parameters(0)
    state = module.init_state(parameters)
    with pytest.raises(module.OptionError, match="batch_size at least 1"):
        module.fit(parameters, state, TRAIN, epochs=1, batch_size=0)
    with pytest.raises(OptionError, match='include must be a list of one of "csv"'):
        model().emit(script, include=["pdf"])  # type: ignore[list-item]


def test_a_short_program_replaces_nothing_but_files(tmp_path: Path) -> None:
    module = load(model().emit(tmp_path / "train.py").read_text())
    np.savez(tmp_path / "train.npz", **TRAIN)  # type: ignore[arg-type]
    pipe, link = tmp_path / "pipe", tmp_path / "link.npz"
    os.mkfifo(pipe)
    link.symlink_to(tmp_path / "target.npz")
    given = ["--data", str(tmp_path / "train.npz"), "--epochs=1", "--out"]
    for path in (pipe, tmp_path):
        assert module.main([*given, str(path)]) == 2
        with pytest.raises(OSError, match="is not a file"):
            module.write_arrays(str(path), {})
    assert pipe.is_fifo()
    for _ in range(2):
        assert module.main([*given, str(link)]) == 0
    assert link.is_symlink()
    assert {*np.load(tmp_path / "target.npz")} == {*module.init_parameters(0)}
    assert not [*tmp_path.glob("*.tmp")]


def test_a_short_program_that_writes_nothing_needs_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = load(model().emit(tmp_path / "train.py").read_text())
    np.savez(tmp_path / "train.npz", **TRAIN)  # type: ignore[arg-type]
    monkeypatch.setattr(os, "access", lambda *_: False)
    given = ["--data", str(tmp_path / "train.npz"), "--epochs=1"]
    assert module.main(given) == 0
    assert module.main([*given, "--out", str(tmp_path / "best.npz")]) == 2


def test_whatever_ends_a_short_run_its_parameters_are_the_best() -> None:
    trainer = model("readable")
    module = load(trainer.emitted("readable", "program", []).source)
    expected = trainer.restarted()
    expected.fit(TRAIN, epochs=2, verbose=False)
    parameters = module.init_parameters(0)
    honest, steps = module.train_step, 0

    def train_step(*arguments: Any) -> float:
        nonlocal steps
        steps += 1
        if steps > 10:
            raise KeyboardInterrupt
        return honest(*arguments)

    module.train_step = train_step
    state = module.init_state(parameters)
    with pytest.raises(KeyboardInterrupt):
        module.fit(parameters, state, TRAIN, epochs=9, batch_size=32)
    assert same(parameters, expected.parameters)


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_a_model_trains_and_a_prediction_predicts(style: Any, tmp_path: Path) -> None:
    trainer = model(style)
    file = trainer.emit(tmp_path / "model.py", style, "model")
    module = load(file.read_text())
    assert not {"sys", "os", "open"} & set(re.findall(r"\w+", file.read_text()))
    parameters = module.init_parameters(0)
    state = module.init_state(parameters)
    module.fit(parameters, state, TRAIN, DEV, epochs=2, batch_size=32)
    trainer.fit(TRAIN, epochs=2, verbose=False)
    assert same(parameters, trainer.parameters)
    np.savez(tmp_path / "new.npz", x=DEV["x"])
    np.savez(tmp_path / "best.npz", **trainer.parameters)
    expected = trainer.predict(DEV["x"])
    for width, embed in ((6, False), (6, True), (60, True)):
        own = trainer if width == 6 else model(style, width)
        script = own.emit(tmp_path / "predict.py", style, "predict", embed=embed)
        given = () if embed else ("--parameters", "best.npz")
        run(script, "new.npz", *given, "--out", "found.npz")
        with np.load(tmp_path / "found.npz") as found:
            expected = own.predict(DEV["x"])
            assert found["output"].tobytes() == expected.tobytes()
        assert_clean(tmp_path, *ISOLATED)
        assert_clean(tmp_path, *OURS)
    # The last one has its parameters beside it.
    beside = tmp_path / "predict.arrays.npz"
    content = bytearray(beside.read_bytes())
    content[-100] ^= 1
    beside.write_bytes(content)
    assert "emit both again" in run(script, "new.npz", status=1).stderr


@pytest.mark.parametrize("style", ["readable", "fast", "native"])
@pytest.mark.parametrize("label", [3, -4, -(2**63), 2**62])
def test_a_model_refuses_labels_that_are_none(style: Any, label: int) -> None:
    if style == "native" and not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("there is no C compiler")
    module = load(model(style).emitted(style, "model", []).source)
    parameters, batch = module.init_parameters(0), {k: v[:4] for k, v in TRAIN.items()}
    state = module.init_state(parameters)
    batch["y"] = np.array([0, 1, label, 2])
    before = {name: array.copy() for name, array in parameters.items()}
    for function, *given in ((module.train_step, state), (module.forward,)):
        with pytest.raises((IndexError, ValueError), match=f"{label} (in row|is out)"):
            function(parameters, *given, **batch)
    assert same(parameters, before)


def test_long_arrays_stand_beside_a_program_or_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = np.random.default_rng(0).standard_normal((8, 9)).astype(np.float32)
    x, w = gc.input("x", ("batch", 8)), gc.parameter("w", (9,), gc.init.ones())
    trainer = gc.Trainer(gc.mean((x @ table * w) ** 2), gc.optim.SGD(0.1))
    script = trainer.emit(tmp_path / "train.py")
    assert "base64" not in script.read_text()
    monkeypatch.syspath_prepend(str(tmp_path))
    import train  # type: ignore[import-not-found]

    sys.modules.pop("train")
    parameters = train.init_parameters(0)
    found = train.forward(parameters, TRAIN["x"])["loss"]
    assert found == pytest.approx(np.mean((TRAIN["x"] @ table) ** 2), rel=1e-5)
    before = {file: file.read_bytes() for file in tmp_path.glob("train.*")}
    script.unlink()
    script.mkdir()
    with pytest.raises(OSError, match=r"train\.py"):
        gc.Trainer(gc.mean((x @ (table + 1) * w) ** 2), gc.optim.SGD(0.1)).emit(script)
    beside = tmp_path / "train.arrays.npz"
    assert beside.read_bytes() == before[beside]


def test_a_model_decays_on_a_plateau_and_needs_no_inputs() -> None:
    w = gc.parameter("w", (3,), gc.init.ones())
    plateau = gc.optim.ReduceLROnPlateau(patience=1)
    outputs, optimizer = {"file": w * 2.0}, gc.optim.SGD(0.25)
    loss = gc.sum((w - 2.0) ** 2)
    trainer = gc.Trainer(loss, optimizer, outputs=outputs, plateau=plateau)
    module = load(trainer.emitted("readable", "model", []).source)
    parameters = module.init_parameters(0)
    state = module.init_state(parameters)
    module.fit(parameters, state, {}, {}, epochs=4, batch_size=1)
    np.testing.assert_array_equal(parameters["w"], np.full(3, 2 - 0.5**4, np.float32))
    with pytest.raises(OptionError, match="to a file as 'file'"):
        trainer.emitted("readable", "predict", [])


def test_parts_have_few_lines() -> None:
    x, y = gc.input("x", ("batch", 64)), gc.input("y", ("batch",), "int64")
    hidden = gc.nn.relu(gc.nn.Linear(64, 32, name="hidden")(x))
    logits = gc.nn.Linear(32, 10, name="output")(hidden)
    accuracy = gc.mean((gc.argmax(logits, axis=1) == y).astype("float32"))
    trainer = gc.Trainer(
        gc.nn.cross_entropy(logits, y), gc.optim.Adam(0.003), {"accuracy": accuracy}
    )
    parts: Any
    for parts, goal in (("predict", 40), ("model", 160), ("program", 750)):
        text = trainer.emitted("readable", parts, ["checkpoint", "check"]).source
        assert text.count("\n") < goal, parts


def test_a_file_is_current_stale_or_edited(tmp_path: Path) -> None:
    def plain(lr: float = 0.1, factor: float = 1.0) -> gc.Trainer:
        x, w = gc.input("x", ("batch", 8)), gc.parameter("w", (8,), gc.init.ones())
        loss = gc.mean(gc.tanh(x @ w) ** 2) * factor
        return gc.Trainer(loss, gc.optim.SGD(lr), outputs=gc.tanh(x @ w))

    parts: Any
    for style, parts in (
        ("readable", ("program", ["checkpoint"])),
        ("fast", ("program", ["all"])),
        ("readable", ("model", [])),
        ("readable", ("predict", [])),
    ):
        part, include = parts
        file = plain().emit(tmp_path / "a.py", style, part, include=include)
        found = gc.verify(str(file), plain())
        assert str(found) == f"{file} is current"
        if part != "predict":
            found = gc.verify(str(file), plain(lr=0.2))
            assert str(found) == f"{file} is stale: the optimizer changed"
        found = gc.verify(str(file), plain(factor=2.0))
        assert (found.status, found.is_edited) == ("stale", False)
        text = file.read_text()
        file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
        assert str(gc.verify(str(file), plain())) == f"{file} is current"
        file.write_text(text.replace("np.tanh(", "np.tanh(  # Bounded.\n"))
        assert str(gc.verify(str(file), plain())).endswith("layout, or its comments")
        file.write_text(text.replace("np.tanh(", "np.sin("))
        found = gc.verify(str(file), plain())
        assert found.status == "edited"
        assert "predict" in found.edited or part == "model"
        assert "init_parameters" not in found.edited
    # The file is that of `predict` now; a model without outputs has none.
    weights = gc.parameter("w", (8,), gc.init.ones())
    bare = gc.Trainer(gc.sum(weights**2), gc.optim.SGD(0.1))
    file.write_text(text)
    assert str(gc.verify(str(file), bare)) == f"{file} is stale: the outputs changed"
    # Constants at the top that were edited by hand are told by their names.
    text = model().emit(file).read_text()
    for old, new in (("BETA1 = 0.9", "BETA1 = 0.8"), ("DROPOUT_P = 0.2\n", "")):
        assert old in text
        text = text.replace(old, new, 1)
    file.write_text(text)
    found = gc.verify(str(file), model())
    assert (found.status, found.edited) == ("edited", ("BETA1", "DROPOUT_P"))
    for text, reason in (("x = 1", "lost its head"), ("x = (", "read as Python")):
        file.write_text(text)
        with pytest.raises(OptionError, match=reason):
            gc.verify(str(file), plain())
