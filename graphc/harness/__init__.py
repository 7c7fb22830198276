"""The training loop that every emitted program carries, as real source.

The files of this folder are linted, type-checked and tested as they are. The lines
below the marker line of each are copied word for word into emitted programs, in the
order of `SECTIONS`. Above it are only imports: those of the standard library and NumPy
move to the head of the emitted file, those of `model` name generated functions. A
function comes before those that call it, and near them. Annotations are never
evaluated: every emitted program has the `__future__` import.

Sections, and lines between `# if <feature>` and `# end`, that a model does not need are
left out; those between `# else` and `# end` are for the others.
"""

from __future__ import annotations

import ast
import functools
import pkgutil
import re
from dataclasses import dataclass

MARKER = "# --- imports above, copied into emitted programs below ---"
SECTIONS = (
    "arrays",
    "tiles",
    "flat",
    "denormals",
    "signals",
    "positions",
    "streams",
    "files",
    "data",
    "checkpoint",
    "best",
    "finite",
    "loop",
    "means",
    "totals",
    "plateau",
    "predict",
    "check",
    "command",
)
FEATURES = frozenset(
    (
        "accumulation",
        "arrays",
        "averages",
        "buffers",
        "computed_positions",
        "denormals",
        "flat",
        "groups",
        "indexing",
        "plateau",
        "predict",
        "schedule",
        "steps",
        "streams",
        "tiles",
        "totals",
        "unchecked",
        "weights",
    )
)
"""Updates that take several batches; memory for fast style; averages of parameters to
evaluate with; values that a step assigns; positions that data can be checked for; state
that decays; arrays side by side; several step sizes; positions that depend on data;
decay on a plateau; outputs that are predicted; a step size that changes; several
losses; random draws; chains in tiles; metrics made of totals; gradients
that finite differences do not tell; a loss whose mean is not
over rows."""


@dataclass(frozen=True)
class HarnessSource:
    """Text to stand below the generated model, and the imports that it needs."""

    text: str
    """Starts without a blank line and ends with one line break."""
    imports: tuple[tuple[str, str | None], ...]
    """Modules with their aliases, sorted: `("math", None)`, `("numpy", "np")`."""
    from_imports: tuple[tuple[str, str], ...]
    """Modules with a name taken from each, sorted: `("typing", "Any")`."""


_REGION = re.compile(
    r"^ *# if (\w+)\n(.*?)(?:^ *# else\n(.*?))?^ *# end\n", re.DOTALL | re.MULTILINE
)


@functools.cache
def harness_source(
    features: frozenset[str] = frozenset(), sections: tuple[str, ...] = SECTIONS
) -> HarnessSource:
    """The training loop as text.

    Args:
        features: what the model needs of `FEATURES`.
        sections: those of `SECTIONS` to take.

    >>> ("numpy", "np") in harness_source().imports
    True
    """
    texts: list[str] = []
    imports: set[tuple[str, str | None]] = set()
    from_imports: set[tuple[str, str]] = set()

    def region(match: re.Match[str]) -> str:
        return match[2] if match[1] in features else match[3] or ""

    for section in sections:
        optional = section in FEATURES and section not in features
        if optional or (section == "means" and "totals" in features):
            continue
        # `importlib.resources` does this too, and takes longer than all else here.
        source = pkgutil.get_data(__name__, f"{section}.py") or b""
        head, marker, text = source.decode("utf-8").partition(MARKER)
        assert marker, section
        texts.append(_REGION.sub(region, text).strip())
        for node in ast.parse(head).body:
            if isinstance(node, ast.Import):
                imports |= {(alias.name, alias.asname) for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                from_imports |= {(str(node.module), a.name) for a in node.names}
    from_imports.discard(("__future__", "annotations"))
    return HarnessSource(
        "\n\n\n".join(texts) + "\n",
        tuple(sorted(imports, key=str)),
        tuple(sorted(from_imports)),
    )
