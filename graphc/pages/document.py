"""One HTML document of data, scripts and styles, which asks for nothing else.

Names, formulas and code in the data are other people's text. The data stands in an
element that no browser executes, with every `<` of it escaped, and the page's policy
allows no script and no style but these very texts, and no connection at all.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

_SCRIPTS = (
    "vendor/dagre-3.1.3.min.js",
    "model.js",
    "layout.js",
    "drawing.js",
    "values.js",
    "panels.js",
    "code.js",
    "stepping.js",
    "training.js",
    "main.js",
)
_ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def document(title: str, data: Mapping[str, Any]) -> str:
    """The text of the file.

    Args:
        title: any text.
        data: what `json` can write.
    """
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    script, style = _together(_SCRIPTS), _together(("page.css",))
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return Template(_file("page.html")).substitute(
        title=html.escape(title),
        policy=policy,
        style=style,
        data=written.translate(_ESCAPES),
        script=script,
    )


@cache
def _file(name: str) -> str:
    folder = files(__name__.rpartition(".")[0])
    return folder.joinpath(*name.split("/")).read_text(encoding="utf-8")


@cache
def _together(names: tuple[str, ...]) -> str:
    return "\n" + "\n".join(_file(name) for name in names)


@cache
def _hash(text: str) -> str:
    """The source of a policy that allows this text alone."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
