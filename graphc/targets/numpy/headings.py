"""Heads of emitted programs: their purpose, use, needs and origin.

A person finds there how to run the text, and `graphc verify` how it was made: the last
paragraph names the graph, the command that writes the same text again, and a hash of
the text, which tells whether it was edited.
"""

from __future__ import annotations

import hashlib
import re
import textwrap
from dataclasses import dataclass
from typing import Any

from ...ir.node import Node
from ...program.plan import TrainingPlan
from ...pysource.layout import WIDTH

UNHASHED = "0" * 12
"""In place of the hash of a text, while the text is not known yet."""


@dataclass(frozen=True)
class Made:
    """The way a text was made, in words of the command line."""

    part: Any
    style: Any
    include: tuple[Any, ...] = ()
    embeds: bool = False
    file: str = ""
    """The name of the file that it is written to."""

    @property
    def name(self) -> str:
        """The file that commands in the head run."""
        usual = {"program": "train.py", "model": "model.py", "predict": "predict.py"}
        return self.file or usual[self.part]


def head_of(plan: TrainingPlan, made: Made) -> str:
    """The docstring of a program."""
    parts = f" --with {','.join(made.include) or 'nothing'}"
    options = f"--part {made.part} --style {made.style}"
    options += parts if made.part == "program" else ""
    options += " --parameters NPZ" if made.embeds else ""
    compiler = ", and a C compiler" if made.style == "native" else ""
    return "\n".join(
        [
            *_purpose(plan, made),
            "",
            *_wrapped(
                f"Needs Python 3.10 and NumPy 1.26, or later{compiler}. "
                "The text is yours, under any license."
            ),
            *_wrapped(f"Written by `graphc emit {plan.file} {options}`,"),
            f"version {plan.version}, from graph {plan.hash}; text {UNHASHED}.",
        ]
    )


def _means(made: Made) -> str:
    return "NumPy and C" if made.style == "native" else "nothing but NumPy"


def _purpose(plan: TrainingPlan, made: Made) -> list[str]:
    run = f"    python {made.name}"
    if made.part == "predict":
        inputs = [_row(node) for node in plan.predict_inputs]
        given = "" if made.embeds else " --parameters best.npz"
        return [
            *_wrapped(f"Predict with {plan.title}, by {_means(made)}."),
            "",
            _fitting(f"{run} new.npz{given} --out predictions.npz"),
            "",
            *inputs,
        ]
    count = f"{plan.trained_numbers:,} number{'s' * (plan.trained_numbers != 1)}"
    title = _wrapped(
        f"Train {plan.title} with {_means(made)}: {plan.optimizer}, {count}."
    )
    rows = [_row(node) for node in plan.inputs]
    fixed = [f"{name} ({why})" for name, why in plan.untrained.items()]
    rows += ["", *_wrapped(f"Not trained: {', '.join(fixed)}.")] if fixed else []
    if made.part == "model":
        module = made.name.removesuffix(".py")
        return [
            *title,
            "",
            f"    import {module}",
            f"    parameters = {module}.init_parameters(seed=0)",
            f"    state = {module}.init_state(parameters)",
            f"    {module}.fit(parameters, state, train, dev, 20, batch_size=32)",
            "",
            *rows,
        ]
    data = f"{run} --data train.npz --dev dev.npz --out best.npz"
    commands = [_fitting(f"{data} --epochs 20")]
    if {"checkpoint", "all"} & {*made.include}:
        commands.append(_fitting(f"{data} --epochs 40 --resume"))
    if {"check", "all"} & {*made.include}:
        commands.append(f"{run} --check")
    return [
        *title,
        "",
        *commands,
        "",
        "Data is an .npz file with an array for each input, or a folder of .npy files.",
        "",
        *rows,
    ]


def _fitting(command: str) -> str:
    """A command without options that are too much for a line."""
    for option in (r" --epochs \d+", " --dev dev.npz", " --out predictions.npz"):
        if len(command) > WIDTH:
            command = re.sub(option, "", command)
    return command


def _wrapped(text: str) -> list[str]:
    """The lines of a paragraph, the first of which may begin a docstring."""
    width = WIDTH - len('"""')
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _row(node: Node) -> str:
    return f"    {node.name}  {node.dtype} ({_sizes(node)})"


def _sizes(node: Node) -> str:
    return ", ".join(map(str, node.shape)) + "," * (node.ndim == 1)


_MADE = re.compile(
    r"^Written\sby\s`graphc\semit\s.*?\s--part\s(\w+)\s--style\s(\w+)"
    r"(?:\s--with\s([\w,]+))?(\s--parameters\sNPZ)?`,\n"
    r"version (\S+), from graph (\w+); text [0-9a-f]{12}\.$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Origin:
    """The origin of an emitted text, as its head tells it."""

    made: Made
    version: str
    """That of graphc."""
    graph: str


def origin_of(source: str) -> Origin | None:
    """The origin of a text; None where its head does not tell it."""
    found = _MADE.search(source)
    if found is None:
        return None
    part, style, include, embeds, version, graph = found.groups()
    parts = () if include in (None, "nothing") else tuple(include.split(","))
    return Origin(Made(part, style, parts, embeds is not None), version, graph)


_HASH = re.compile(r"; text ([0-9a-f]{12})\.$", re.MULTILINE)


def hashed(source: str) -> str:
    """A text with its hash in its head."""
    return _HASH.sub(f"; text {_digest(source)}.", source, count=1)


def is_edited(source: str) -> bool:
    """True for a text that is not as it was emitted."""
    found = _HASH.search(source)
    return found is None or found[1] != _digest(source)


def _digest(source: str) -> str:
    blank = _HASH.sub(f"; text {UNHASHED}.", source, count=1)
    return hashlib.sha256(blank.encode()).hexdigest()[:12]
