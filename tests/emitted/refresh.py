"""Write the text of `readable/` anew: `python -m tests.emitted.refresh [MODEL ...]`."""

from __future__ import annotations

import sys

from tests.emitted.models import MODELS
from tests.emitted.reading import mathematics
from tests.emitted.test_emitted import READABLE


def main(names: list[str]) -> None:
    """Write the text of these models, or of all."""
    READABLE.mkdir(exist_ok=True)
    for name in names or MODELS:
        trainer = MODELS[name](style="readable")
        text = mathematics(trainer.source)
        (READABLE / f"{name}.txt").write_text(text, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
