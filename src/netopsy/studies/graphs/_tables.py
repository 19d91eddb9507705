"""What all studies of graphs do with their rows."""

from __future__ import annotations

import pandas as pd


def of(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """The rows of one measure."""
    return rows[rows["measure"] == measure]
