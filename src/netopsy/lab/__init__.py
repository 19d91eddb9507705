"""What every study stands on: cells, the store, the executor, statistics, verdicts, evidence and figures.

Names are loaded when they are first used, so that reading verdicts does not import pandas.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netopsy.lab.cells import Cell, Rows
    from netopsy.lab.errors import CellsFailedError, StorageError
    from netopsy.lab.evidence import load_evidence
    from netopsy.lab.judging import Claim, Part, Verdict, above, below, between, exact, gain, most, open_part
    from netopsy.lab.runs import Run, run
    from netopsy.lab.statistics import (
        Estimate,
        bootstrap_mean,
        bootstrap_median,
        mean_interval,
        paired_difference,
        proportion_interval,
    )
    from netopsy.lab.study import Study
    from netopsy.lab.tables import Tables

_HOMES = {
    "cells": ("Cell", "Rows"),
    "errors": ("CellsFailedError", "StorageError"),
    "evidence": ("load_evidence",),
    "judging": ("Claim", "Part", "Verdict", "above", "below", "between", "exact", "gain", "most", "open_part"),
    "runs": ("Run", "run"),
    "statistics": (
        "Estimate",
        "bootstrap_mean",
        "bootstrap_median",
        "mean_interval",
        "paired_difference",
        "proportion_interval",
    ),
    "study": ("Study",),
    "tables": ("Tables",),
}
_EXPORTS = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [  # noqa: RUF022 - in the order of _HOMES
    "Cell",
    "Rows",
    "CellsFailedError",
    "StorageError",
    "load_evidence",
    "Claim",
    "Part",
    "Verdict",
    "above",
    "below",
    "between",
    "exact",
    "gain",
    "most",
    "open_part",
    "Run",
    "run",
    "Estimate",
    "bootstrap_mean",
    "bootstrap_median",
    "mean_interval",
    "paired_difference",
    "proportion_interval",
    "Study",
    "Tables",
]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(f"netopsy.lab.{_EXPORTS[name]}"), name)
    raise AttributeError(f"module 'netopsy.lab' has no attribute {name!r}")
