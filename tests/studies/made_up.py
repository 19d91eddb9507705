"""Verdicts of a study on made-up rows."""

from __future__ import annotations

from typing import Any

import pandas as pd

from netopsy.lab import Tables
from netopsy.lab.judging import Verdict
from netopsy.studies import load


def verdicts(slug: str, rows: Any, config: Any = None) -> dict[int, Verdict]:
    """The verdicts by the number of the claim; rows as a table or as dictionaries, without what is missing in each."""
    listed = rows.to_dict("records") if isinstance(rows, pd.DataFrame) else rows
    kept = [{key: value for key, value in row.items() if value is None or value == value} for row in listed]
    study = load(slug)
    found = study.verdicts(Tables(kept), config or study.configuration("laptop"))
    return {int(each.claim.removeprefix(f"{slug}-")): each for each in found}
