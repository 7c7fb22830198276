"""What stands on a page: linked in all directions, and nothing of it executed."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DifferentiationError, OptionError
from graphc.pages.values import picture

ROWS = {
    "x": np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32),
    "y": np.arange(6) % 3,
}


def trainer() -> gc.Trainer:
    x = gc.input("x", ("batch", 4))
    y = gc.input("y", ("batch",), "int64")
    hidden = gc.nn.relu(gc.nn.Linear(4, 5, name="hidden")(x))
    logits = gc.nn.Linear(5, 3, name="output")(hidden) + hidden[:, :3]
    loss = gc.nn.cross_entropy(logits, y)
    return gc.Trainer(loss, gc.optim.SGD(lr=0.1), metrics={"top": gc.max(logits)})


class Elements(HTMLParser):
    """The names and attributes of all elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def written(target, path, **options):
    """The text of a page and its data."""
    text = gc.page(target, path / "page.html", **options).read_text(encoding="utf-8")
    (data,) = re.findall(r'type="application/json" id="data">(.*?)</script>', text)
    return text, json.loads(data)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    model = trainer()
    recording = gc.Recording(ROWS)
    model.fit(ROWS, ROWS, epochs=3, callbacks=[recording], verbose=False)
    path = tmp_path_factory.mktemp("page")
    return model, *written(model, path, recording=recording)


def test_everything_is_linked(whole):
    _, _, data = whole
    vertices, links = data["graph"]["vertices"], data["code"]["links"]
    values = [n for n, v in enumerate(vertices) if not {"parent", "refers"} & v.keys()]
    named = {vertices[n]["lines"][0]: n for n in values}
    blocks = [n for n, v in enumerate(vertices) if v["role"] == "block"]
    lines = data["code"]["text"].splitlines()
    for block in blocks:
        forward = [int(k) for k, link in links.items() if link.get("vertex") == block]
        inside = {n for n, v in enumerate(vertices) if v.get("parent") == block}
        forward += [int(k) for k, ln in links.items() if ln.get("vertex") in inside]
        assert forward, vertices[block]
        assert data["formulas"][str(block)].startswith("<math>")
        assert [v for v in vertices if v.get("through") in {block, *inside}]
    weight = named["hidden.weight"]
    made = [int(k) for k, ln in links.items() if ln.get("of") == weight]
    assert [lines[k - 1].strip() for k in made] == ["d_hidden_weight = d_hidden.T @ x"]
    told = {
        line["vertex"]
        for section in data["derivations"][0]["sections"]
        for line in section["lines"]
    }
    assert {weight, named["loss"]} <= told
    memory = [section for section in data["account"] if section["peak"] is not None]
    assert set(memory[0]["vertices"]) <= {*range(len(vertices))}
    rules = [rule for each in data["account"][0]["passes"] for rule in each["rules"]]
    assert rules
    assert all(rule["vertices"] for rule in rules)


def test_values_gradients_and_their_sums(whole):
    model, _, data = whole
    vertices, values = data["graph"]["vertices"], data["values"]
    loss = next(n for n, v in enumerate(vertices) if v["lines"][0] == "loss")
    exact = gc.evaluate(model.loss, ROWS, parameters=model.parameters)
    assert values["vertices"][str(loss)]["numbers"] == f"{exact:.4g}"
    bias = next(n for n, v in enumerate(vertices) if v["lines"][0] == "output.bias")
    (gradient,) = values["gradients"][str(bias)]
    found = np.array(gradient["numbers"], float)
    np.testing.assert_allclose(found, model.gradients(**ROWS)["output.bias"], rtol=1e-3)
    hidden = next(n for n, v in enumerate(vertices) if v["lines"][:1] == ["hidden"])
    inside = [n for n, v in enumerate(vertices) if v.get("parent") == hidden]
    counts = [values["vertices"][str(n)].get("bytes", 0) for n in inside]
    assert sum(counts) == 2 * 6 * 5 * 4  # The product, and the sum with the bias.
    # The hidden layer is used twice: two flows, and their sum stands with the second.
    heads = [head for _, head, _ in data["graph"]["flows"]]
    (twice,) = (head for head in set(heads) if heads.count(head) == 2)
    second = len(heads) - 1 - heads[::-1].index(twice)
    assert "sofar" not in values["flows"][heads.index(twice)]
    sofar = values["flows"][second]["sofar"]
    assert sofar["text"] == values["gradients"][str(twice)][0]["text"]


def test_a_recording_has_each_epoch_and_changes_nothing(whole):
    model, _, data = whole
    plain = trainer()
    history = plain.fit(ROWS, ROWS, epochs=3, verbose=False)
    for name, array in plain.parameters.items():
        np.testing.assert_array_equal(array, model.parameters[name])
    records = data["recording"]["records"]
    assert [record.get("epoch") for record in records] == [None, 1, 2, 3]
    assert records[-1]["loss"] == float(f"{history[-1]['loss']:.4g}")
    frames = data["recording"]["values"]
    weight = next(
        str(n)
        for n, v in enumerate(data["graph"]["vertices"])
        if v["lines"][0] == "hidden.weight"
    )
    start = trainer().parameters["hidden.weight"]
    assert frames[weight][0]["norm"] == float(f"{np.linalg.norm(start):.4g}")
    assert frames[weight][-1]["gradient"] > 0
    assert frames[weight][0]["picture"] != frames[weight][-1]["picture"]


def test_a_long_recording_keeps_every_second_record():
    model, recording = trainer(), gc.Recording(ROWS)
    model.fit(ROWS, epochs=100, callbacks=[recording], verbose=False)
    epochs = [frame.record.get("epoch", 0) for frame in recording.frames]
    assert epochs == [*range(0, 101, 4)]


def test_a_page_asks_for_nothing_and_is_the_same_each_time(whole, tmp_path):
    _, text, _ = whole
    elements = Elements(text).found
    policy = next(a["content"] for t, a in elements if t == "meta" and "content" in a)
    (script,) = re.findall(r'<script type="module">(.*?)</script>', text, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    for part in (script, style):
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert not [a for _, a in elements if {"src", "href", "style"} & a.keys()]
    addresses = {*re.findall(r"https?://[\w./]+", text)}
    assert addresses <= {"http://www.w3.org/2000/svg"}
    first, second = (written(trainer(), tmp_path)[0] for _ in range(2))
    assert first == second
    assert len(first) < 400_000


SCRIPT, IMAGE = "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>"
MARKUP = {"math", "mrow", "mi", "mn", "mo", "mfrac", "msub", "msup", "mtext"}
MARKUP |= {"munder", "mspace"}


def test_names_stay_text(tmp_path, whole):
    """Names of values are identifiers; those of files, outputs and pages are not."""
    code = (
        "import graphc as gc\nx = gc.input('x', (2,))\nloss = gc.sum(gc.exp(x * x))\n"
    )
    names = {"__name__": "model"}
    exec(compile(code, f"{IMAGE}.py", "exec"), names)
    outputs = {SCRIPT: names["loss"], "$title": names["x"]}
    text, data = written(outputs, tmp_path, title=SCRIPT, feeds={"x": [1.0, 2.0]})
    _, plain, _ = whole
    assert [t for t, _ in Elements(text).found] == [t for t, _ in Elements(plain).found]
    vertices = data["graph"]["vertices"]
    assert {SCRIPT, "$title"} <= {v["lines"][0] for v in vertices}
    assert f"{IMAGE}.py:3" in {v.get("line") for v in vertices}
    assert data["title"] == SCRIPT
    # A byte of a file name that is no character.
    _, data = written(names["loss"], tmp_path, title="a\udcff")
    assert data["title"] == r"a\udcff"
    markup = [*data["formulas"].values()]
    for section in data["derivations"][0]["sections"]:
        markup += [form for line in section["lines"] for form in line["forms"]]
    tags = {tag for form in markup for tag, _ in Elements(form).found}
    assert tags <= MARKUP


class Twice(gc.nn.Layer):
    """A layer of two."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.first, self.second = gc.nn.Linear(3, 4), gc.nn.Linear(4, 3)

    def forward(self, x: gc.Node) -> gc.Node:
        return self.second(gc.tanh(self.first(x)))


def test_layers_of_layers_hold_their_values_and_parameters(tmp_path):
    x = gc.input("x", ("batch", 3))
    loss = gc.mean(Twice("last")(Twice("early")(x)) ** 2).named("loss")
    _, data = written(loss, tmp_path)
    vertices = data["graph"]["vertices"]
    layers = {v["lines"][0]: n for n, v in enumerate(vertices) if v["role"] == "layer"}
    assert vertices[layers["early"]]["lines"] == ["early", "Twice", "31 parameters"]
    assert {"backward of early", "backward of last"} <= layers.keys()
    inside = {v["lines"][0] for v in vertices if v.get("parent") == layers["early"]}
    assert {"early.first.weight", "early.second.bias", "early.first"} <= inside
    # Equal layers in a row are in one vertex, forward and backward.
    for name in ("early … last", "backward of early … last"):
        both = layers[name]
        assert vertices[both]["lines"][1] == "2 × Twice"
        assert sum(v.get("parent") == both for v in vertices) == 2
    outside = {v["lines"][0] for v in vertices if "parent" not in v}
    assert {"x", "loss"} <= outside


def test_bodies_branches_and_functions_can_be_opened(tmp_path):
    xs = gc.input("xs", (5, 2))
    w = gc.parameter("w", (2,), [0.5, 1.0])
    total, steps = gc.scan(lambda c, x: (c + w * x, gc.tanh(c)), gc.zeros((2,)), xs)
    loss = gc.sum(gc.cond(gc.sum(total) > 0, gc.exp, gc.sin, total)) + gc.sum(steps)
    _, data = written(loss, tmp_path, feeds={"xs": np.ones((5, 2)), "w": [1, 2]})
    vertices = data["graph"]["vertices"]
    forward = [(n, v) for n, v in enumerate(vertices) if "backward" not in v]
    inside = [n for n, v in forward if "parent" in v]
    holders = {vertices[vertices[n]["parent"]]["op"] for n in inside}
    assert {"scan", "cond"} <= holders
    # What is inside has a value at each turn, and that of the other branch none.
    values, turns = data["values"], data["values"]["turns"]
    assert not {str(n) for n in inside} & values["vertices"].keys()
    (loop,) = (n for n, v in forward if v["op"] == "scan" and v["role"] == "block")
    assert turns[str(loop)] == [f"turn {n} of 5" for n in range(1, 6)]
    found = {vertices[n]["lines"][0]: values["inside"].get(str(n)) for n in inside}
    assert [each["numbers"] for each in found["tanh"]][:2] == [
        ["0", "0"],
        [f"{np.tanh(1.0):.4g}", f"{np.tanh(2.0):.4g}"],
    ]
    assert found["exp"]
    assert found["sin"] is None
    assert {"next c", "value of each step"} <= found.keys()
    for holder, ends in data["graph"]["exits"].items():
        assert {vertices[n]["parent"] for n in ends} == {int(holder)}


def test_what_has_no_gradient_has_a_page(tmp_path):
    x = gc.input("x", ("n",), "int64")
    _, data = written({"even": x % 2 == 0}, tmp_path)
    assert data["graph"]["flows"] == data["derivations"] == []
    compiled = gc.compile(gc.exp(gc.input("x", ("n",))).named("y"), style="fast")
    _, data = written(compiled, tmp_path, feeds={"x": [1.0]}, times=True)
    assert data["code"]["text"] == compiled.source
    assert all(float(seconds) >= 0.0 for seconds in data["code"]["seconds"].values())
    assert data["code"]["seconds"].keys() & data["code"]["links"].keys()


def test_a_picture_is_the_array_in_levels():
    told = picture(np.array([[0.0, -2.0], [1.0, np.nan]]), 40)
    levels = np.frombuffer(base64.b64decode(told["bytes"]), np.uint8)
    assert (levels.tolist(), told["largest"]) == ([128, 1, 192, 0], "2")
    large = np.arange(100.0 * 90).reshape(100, 90)
    told = picture(large, 10)
    levels = np.frombuffer(base64.b64decode(told["bytes"]), np.uint8).reshape(10, 10)
    means = large.reshape(10, 10, 10, 9).mean((1, 3))
    np.testing.assert_array_equal(levels, 128 + np.round(127 * means / means.max()))
    told = picture(np.ones((2, 3, 4, 5)), 40)
    assert (told["rows"], told["columns"]) == (4, 3 * 5 + 2)


def test_mistakes(tmp_path):
    x = gc.input("x", (2,))
    with pytest.raises(OptionError, match="times are measured for feeds"):
        gc.page(gc.sum(x), tmp_path / "page.html", times=True)
    with pytest.raises(OptionError, match="takes the batch"):
        gc.Recording({})
    with pytest.raises(DifferentiationError, match="does not depend on"):
        gc.page(gc.sum(x), tmp_path / "page.html", wrt=gc.parameter("w", ()))
    (tmp_path / "old.html").mkdir()
    bad = {
        (3, "page.html"): (OptionError, "page takes a node.*got int"),
        (gc.nn.Linear(2, 3), "page.html"): (OptionError, "page takes .* got Linear"),
        (x, "page.txt"): (OptionError, "must end in .html, got "),
        (x, "none/page.html"): (FileNotFoundError, "the folder of .* does not exist"),
        (x, "old.html"): (IsADirectoryError, "old.html is a folder"),
    }
    for (target, name), (kind, words) in bad.items():
        with pytest.raises(kind, match=words):
            gc.page(target, tmp_path / name)
    with pytest.raises(OptionError, match=r"must end in \.html, got ''"):
        gc.page(x, "")
    assert [each.name for each in tmp_path.iterdir()] == ["old.html"]
