"""A table of all operators: `python -m tests.operator_database [NAME ...]`."""

from __future__ import annotations

import sys

from tests.operator_database.samples import STYLES, full_name, operators, run


def main(names: list[str]) -> None:
    """Print the outcome of the operators whose names contain one of those given."""
    outcomes = []
    for info in operators():
        name = full_name(info)
        if names and not any(part in name for part in names):
            continue
        outcomes.append(run(info, STYLES))
        print(outcomes[-1], flush=True)
    known = [outcome for outcome in outcomes if not outcome.missing]
    right = sum(outcome.right for outcome in known)
    total = sum(outcome.samples for outcome in known)
    wrong = sum(len(outcome.wrong) for outcome in known)
    crashed = sum(len(outcome.crashed) for outcome in known)
    print(
        f"{len(outcomes)} operators, {len(outcomes) - len(known)} missing; of {total} "
        f"samples of the others {right} are right, {wrong} wrong, {crashed} crashed"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
