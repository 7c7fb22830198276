"""A reader of the DOT text that graphc writes, so that tests see structure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

import graphc as gc
from graphc.ir import Node
from graphc.viz.drawing import Drawing

ATTRIBUTE = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass
class Picture:
    """What a drawing shows."""

    vertices: dict[str, dict[str, str]] = field(default_factory=dict)
    edges: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    clusters: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    """Parent and label of each cluster."""
    cluster_of: dict[str, str | None] = field(default_factory=dict)

    def find(self, *lines: str) -> str:
        """The key of the only vertex whose label is exactly these lines."""
        text = "\n".join(lines)
        keys = [key for key, v in self.vertices.items() if v["label"] == text]
        assert len(keys) == 1, (text, [v["label"] for v in self.vertices.values()])
        return keys[0]

    def roles(self) -> list[str]:
        return sorted(vertex["class"] for vertex in self.vertices.values())

    def kind(self, name: str) -> list[tuple[str, str, str]]:
        """Edges of a class as tail, head and label; text beside a vertex is "value"."""
        return [
            (tail, head, attributes["label"])
            for tail, head, attributes in self.edges
            if attributes["class"] == name
        ]


def unquote(text: str) -> str:
    text = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], text)
    text = text.replace("&amp;", "&").replace("\u00a0", " ")
    return "\n".join(line.strip() for line in text.split("\n"))


def parse(source: str) -> Picture:
    picture = Picture()
    stack: list[str] = []
    lines = source.splitlines()
    assert lines[0].startswith("digraph ")
    assert lines[-1] == "}"
    for line in lines[1:-1]:
        text = line.strip()
        attributes = {k: unquote(v) for k, v in ATTRIBUTE.findall(text)}
        if text.startswith("subgraph "):
            stack.append(text.split('"')[1])
        elif text == "}":
            stack.pop()
        elif text.startswith("graph ") and stack:
            parent = stack[-2] if len(stack) > 1 else None
            picture.clusters[stack[-1]] = (parent, attributes["label"])
        elif text.startswith("{ rank=") or attributes.get("class") == "beside":
            continue
        elif match := re.match(r"beside_(\w+) \[", text):
            picture.edges.append((match[1], match[1], attributes))
        elif match := re.match(r"(\w+) -> (\w+) \[", text):
            picture.edges.append((match[1], match[2], attributes))
        elif match := re.match(r"(\w*(?:n|out)\d+) \[", text):
            assert match[1] not in picture.vertices
            picture.vertices[match[1]] = attributes
            picture.cluster_of[match[1]] = stack[-1] if stack else None
    assert not stack
    return picture


@pytest.fixture
def read() -> Callable[[Drawing], Picture]:
    return lambda drawing: parse(drawing.source)


@dataclass
class Model:
    """A 64-32-10 perceptron."""

    loss: Node
    metric_nodes: dict[str, Node]
    logits: Node
    parameters: list[Node]


@pytest.fixture
def model() -> Model:
    image = gc.input("image", ("batch", 64))
    labels = gc.input("labels", ("batch",), "int64")
    parameters = [
        gc.parameter("hidden.weight", (32, 64)),
        gc.parameter("hidden.bias", (32,)),
        gc.parameter("logits.weight", (10, 32)),
        gc.parameter("logits.bias", (10,)),
    ]
    hidden = gc.nn.linear(image, parameters[0], parameters[1]).named("hidden")
    logits = gc.nn.linear(gc.nn.relu(hidden), parameters[2], parameters[3])
    logits = logits.named("logits")
    loss = gc.nn.cross_entropy(logits, labels).named("loss")
    hits = (gc.argmax(logits, axis=1) == labels).astype("float32")
    return Model(loss, {"accuracy": gc.mean(hits)}, logits, parameters)
