"""Put what the experiments measured into docs/experiments.md and docs/course.md.

    python examples/experiments/table.py

Each experiment writes its numbers as JSON next to its picture. This writes them as
tables below the comments `<!-- results: NAME -->` of the pages, and a table of all
below `<!-- all results -->`.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "docs" / "experiments.md", ROOT / "docs" / "course.md")
IMAGES = ROOT / "docs" / "images"

MARK = re.compile(
    r"<!-- (?:results: (?P<name>\w+)|all results) -->\n.*?<!-- end of results -->", re.S
)


def written(page: str, images: Path = IMAGES) -> str:
    """The page with the numbers that stand in the folder of pictures."""
    records = {
        name: json.loads((images / f"{name}.json").read_text("utf-8"))
        for name in re.findall(r"<!-- results: (\w+) -->", page)
    }

    def replaced(found: re.Match[str]) -> str:
        name = found["name"]
        text = overview(records) if name is None else results(records[name])
        first = found[0].splitlines()[0]
        return f"{first}\n{text}\n<!-- end of results -->"

    return MARK.sub(replaced, page)


def results(record: dict[str, Any]) -> str:
    """The rows of one experiment, and how they were measured."""
    seeds = record["seeds"]
    drawn = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds"
    foot = f"Measured on {record['data']}; {drawn}; {record['seconds']:.0f} seconds."
    return f"\n{table(record['rows'])}\n\n{foot}\n"


def overview(records: dict[str, dict[str, Any]]) -> str:
    """One row for each experiment."""
    rows = [
        {
            "experiment": f"[{name}](#{name.replace('_', '-')})",
            "data": record["data"],
            "seeds": len(record["seeds"]),
            "seconds": round(record["seconds"]),
        }
        for name, record in records.items()
    ]
    return f"\n{table(rows)}\n"


def table(rows: list[dict[str, Any]]) -> str:
    """Rows of equal keys as Markdown; numbers stand to the right."""
    lines = [[key.replace("_", " ") for key in rows[0]]]
    lines.append([alignment([row[key] for row in rows]) for key in rows[0]])
    lines += [[cell(value) for value in row.values()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def alignment(column: list[Any]) -> str:
    return "---" if any(isinstance(value, str) for value in column) else "---:"


def cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main() -> int:
    for page in PAGES:
        page.write_text(written(page.read_text("utf-8")), "utf-8")
        print(f"wrote {page.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
