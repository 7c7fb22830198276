"""The training loop that emitted programs carry, as real source.

The files of this folder are linted, type-checked and tested as they are. The lines
below the marker line of each are copied word for word into emitted programs, in the
order of `SECTIONS`. Above it are only imports: those of the standard library and NumPy
move to the head of the emitted file, those of `model` name generated functions. A
function comes before those that call it, and near them. Annotations are never
evaluated: every emitted program has the `__future__` import.

Lines between `# if <feature>` and `# end` are left out without the feature (`or`
joins several); those
between `# else` and `# end` are for the others. A program has the functions that
something in it uses. `whole` is the loop of a `Trainer`, with all that a session at a
prompt and a run of days need: streams of batches, signals, files that are kept. `short`
is that of a program to read; what both have in common is written once.
"""

from __future__ import annotations

import ast
import functools
import pkgutil
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..pysource.plain import without_annotations

MARKER = "# --- imports above, copied into emitted programs below ---"
SECTIONS = (
    "cores",
    "native",
    "c_calls",
    "arrays",
    "tiles",
    "flat",
    "c_update",
    "ranks",
    "signals",
    "positions",
    "streams",
    "files",
    "short_files",
    "formats",
    "data",
    "short_data",
    "checkpoint",
    "short_checkpoint",
    "best",
    "denormals",
    "finite",
    "sharing",
    "means",
    "totals",
    "epoch",
    "loop",
    "short_loop",
    "model_loop",
    "plateau",
    "predict",
    "check",
    "command",
    "short_command",
)
PARTS = ("csv", "idx", "checkpoint", "check")
"""Parts of a program that can be left out; `whole` has all."""
FEATURES = frozenset(
    (
        "accumulation",
        "arrays",
        "averages",
        "buffers",
        "c_calls",
        "c_draws",
        "c_update",
        "computed_positions",
        "cores",
        "denormals",
        "early_sums",
        "fixed_rows",
        "flat",
        "groups",
        "indexing",
        "later_rows",
        "learning_rate",
        "mpi",
        "native",
        "plateau",
        "predict",
        "random_scores",
        "schedule",
        "shared_draws",
        "steps",
        "streams",
        "strict",
        "sums_in_place",
        "tiles",
        "totals",
        "unchecked",
        "update_tiles",
        "weights",
        "shared_inputs",
    )
)
"""Updates that take several batches; memory for fast style; averages of parameters to
evaluate with; values that a step assigns; positions that data can be checked for; state
that decays; gradients whose sum over ranks starts early; a number of rows that is
fixed; arrays side by side; several step sizes; positions that depend on data; threads;
rows along another axis than the first; one step size, or a first one; ranks that share
batches; code in C, and updates in it; decay on a plateau; outputs that are predicted; a
step size that changes; several losses; random draws; data that must have the dtypes of
the inputs; gradients that ranks sum where they are; chains in tiles; metrics made of
totals; gradients that finite differences do not tell; updates over tiles; a loss whose
mean is not over rows; inputs without rows."""
_ROOTS = frozenset(("evaluate", "fit"))
"""Functions for those who import a program."""


@dataclass(frozen=True)
class HarnessSource:
    """Text to stand below the generated model, and the imports that it needs."""

    text: str
    """Starts without a blank line and ends with one line break."""
    imports: tuple[tuple[str, str | None], ...]
    """Modules with their aliases, sorted: `("math", None)`, `("numpy", "np")`."""
    from_imports: tuple[tuple[str, str], ...]
    """Modules with a name taken from each, sorted: `("typing", "Any")`."""


_DIRECTIVE = re.compile(r" *# (if \w+(?: or \w+)*|else|end)\n")


def harness_source(
    features: frozenset[str] = frozenset(),
    sections: tuple[str, ...] = SECTIONS,
    used: frozenset[str] | None = None,
) -> HarnessSource:
    """The training loop as text.

    Args:
        features: what the model needs of `FEATURES`, `whole` and `PARTS`.
        sections: those of `SECTIONS` to take.
        used: the names that the model uses; by default nothing is left out.

    >>> ("numpy", "np") in harness_source(frozenset(["whole"])).imports
    True
    """
    return _harness_source(features, sections, used)


@functools.cache
def _harness_source(
    features: frozenset[str], sections: tuple[str, ...], used: frozenset[str] | None
) -> HarnessSource:
    if "whole" in features:
        features |= {*PARTS}
    elif "model" not in features:
        features |= {"short"}
    kept: list[tuple[_Chunk, ...]] = []
    heads: list[str] = []
    for section in sections:
        optional = section in FEATURES and section not in features
        if optional or (section == "means" and "totals" in features):
            continue
        # `importlib.resources` does this too, and takes longer than all else here.
        source = pkgutil.get_data(__name__, f"{section}.py") or b""
        head, marker, text = source.decode("utf-8").partition(MARKER)
        assert marker, section
        text = "".join(_chosen(text, features))
        if "whole" not in features and used is not None:
            text = _without_annotations(text)
        kept.append(_chunks(text))
        heads.append(head)
    wanted = _reached(kept, used)
    files = [[chunk for chunk in chunks if chunk in wanted] for chunks in kept]
    imports: set[tuple[str, str | None]] = set()
    from_imports: set[tuple[str, str]] = set()
    for head, chunks in zip(heads, files, strict=True):
        names = frozenset[str]().union(*(chunk.uses for chunk in chunks))
        for node in ast.parse(head).body:
            if isinstance(node, ast.Import):
                every = {(alias.name, alias.asname) for alias in node.names}
                imports |= {each for each in every if (each[1] or each[0]) in names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                taken = {alias.name for alias in node.names} & names
                from_imports |= {(str(node.module), item) for item in taken}
    return HarnessSource(
        _joined(files) + "\n",
        tuple(sorted(imports, key=str)),
        tuple(sorted(from_imports)),
    )


_without_annotations = functools.cache(without_annotations)


def _chosen(text: str, features: frozenset[str]) -> Iterator[str]:
    """The lines that these features ask for."""
    inside: list[bool] = []
    for line in text.splitlines(keepends=True):
        found = _DIRECTIVE.fullmatch(line)
        if found is None:
            if all(inside):
                yield line
        elif found[1] == "end":
            inside.pop()
        elif found[1] == "else":
            inside[-1] = not inside[-1]
        else:
            wanted = found[1].removeprefix("if ").split(" or ")
            inside.append(not features.isdisjoint(wanted))
    assert not inside


@dataclass(frozen=True)
class _Chunk:
    """A statement of a module, with the comments above it."""

    heading: str
    """The title of the part of the program that it belongs to."""
    text: str
    defines: frozenset[str]
    uses: frozenset[str]
    is_block: bool
    """True for a function or a class."""
    space: int
    """Empty lines above it."""


@functools.cache
def _chunks(text: str) -> tuple[_Chunk, ...]:
    """The statements of a section, which few sets of features tell apart."""
    return tuple(_split(text))


def _split(text: str) -> Iterator[_Chunk]:
    lines = text.splitlines()
    heading, start = "", 0
    for node in ast.parse(text).body:
        above = lines[start : node.lineno - 1]
        decorators = getattr(node, "decorator_list", [])
        if decorators:
            above = lines[start : decorators[0].lineno - 1]
        start += len(above)
        comments = "\n".join(above).strip("\n")
        if _HEADING.match(comments):
            heading, _, comments = comments.partition("\n\n")
            if not comments.strip() and "\n#" in heading:
                comments = ""
        body = lines[start : node.end_lineno]
        yield _Chunk(
            heading=heading,
            text="\n".join([*([comments] if comments else []), *body]),
            defines=frozenset(_defined(node)),
            uses=frozenset(n.id for n in ast.walk(node) if isinstance(n, ast.Name)),
            is_block=isinstance(node, ast.FunctionDef | ast.ClassDef),
            space=min(2, len(above) - len("\n".join(above).lstrip("\n").splitlines())),
        )
        start = node.end_lineno or 0


_HEADING = re.compile(r"# .* -+$", re.MULTILINE)


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (each.id for each in node.targets if isinstance(each, ast.Name))


def _reached(
    sections: list[tuple[_Chunk, ...]], used: frozenset[str] | None
) -> frozenset[_Chunk]:
    """The statements that something uses, or that define nothing."""
    chunks = [chunk for section in sections for chunk in section]
    if used is None:
        return frozenset(chunks)
    names = used | _ROOTS
    found: set[_Chunk] = set()
    while True:
        new = {
            chunk
            for chunk in chunks
            if chunk not in found and (not chunk.defines or chunk.defines & names)
        }
        if not new:
            return frozenset(found)
        found |= new
        names = names.union(*(chunk.uses for chunk in new))


def _joined(files: Iterable[list[_Chunk]]) -> str:
    """The text of what is kept of files."""
    text, heading, before = "", "", None
    for place, chunk in ((p, c) for chunks in files for p, c in enumerate(chunks)):
        if before is not None:
            is_apart = place == 0 or chunk.is_block or before.is_block
            text += "\n" * (1 + (2 if is_apart else chunk.space))
        if chunk.heading not in ("", heading):
            heading = chunk.heading
            text += heading + ("\n\n\n" if chunk.is_block else "\n\n")
        text += chunk.text
        before = chunk
    return text
