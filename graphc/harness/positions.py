"""Positions and labels, checked before they index: negative ones count from the end."""

from __future__ import annotations

from typing import Any

import numpy as np

# --- imports above, copied into emitted programs below ---

# Errors -------------------------------------------------------------------------------


class DataError(ValueError):
    """Data that this model can't take; `input` names the array concerned, if any."""

    def __init__(self, message: str, input: str | None = None) -> None:
        super().__init__(message)
        self.input = input


# if indexing
def check_positions(
    positions: Any,
    low: int,
    high: int,
    name: str,
    row_axis: int | None = 0,
    where: str = "",
) -> None:
    """Raise `DataError` unless all positions along an axis are from `low` to `high`.

    NumPy would take -1 for the last one, and so a missing label for a class.
    """
    positions = np.asarray(positions)
    if not positions.size or (low <= positions.min() and positions.max() <= high):
        return
    bad = np.argwhere((positions < low) | (positions > high))[0].tolist()
    if bad and not where:
        where = f" at {tuple(bad)}" if row_axis is None else f" in row {bad[row_axis]}"
    raise DataError(
        f"{name!r} has the value {positions[tuple(bad)]}{where}, "
        f"which is not in the range {low} to {high}",
        name,
    )


# end
