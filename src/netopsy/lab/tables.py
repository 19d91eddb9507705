"""The rows of a run, by measure: what a study's judge and figures read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import pandas as pd

from netopsy.core.arguments import checked_class
from netopsy.core.errors import InputError, lookup, require
from netopsy.lab.cells import Row

Table: TypeAlias = Any
"""A pandas table or series; its columns come from the data, which no type says."""


@checked_class
class Tables(Mapping[str, Any]):
    """One table a measure, with the columns that its own rows have.

    >>> tables = Tables([{"measure": "edges", "seed": s, "method": m, "value": s + (m == "b")}
    ...                  for s in (0, 1) for m in "ab"])
    >>> tables.wide("edges")["b"].tolist()
    [1.0, 2.0]
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows: dict[str, list[Row]] = {}
        for row in rows:
            require("measure" in row, f"every row needs a column 'measure', got {sorted(row)}")
            self._rows.setdefault(str(row["measure"]), []).append(dict(row))
        self._frames = {name: pd.DataFrame(found) for name, found in self._rows.items()}

    def __getitem__(self, measure: str) -> Table:
        """All rows of a measure, in the order of the plan; raises `UnknownNameError` if there are none."""
        return lookup("measure", measure, self._frames)

    def __iter__(self) -> Iterator[str]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)

    def __contains__(self, measure: object) -> bool:
        return measure in self._frames

    @property
    def frame(self) -> pd.DataFrame:
        """Everything as one table."""
        return pd.DataFrame([row for rows in self._rows.values() for row in rows])

    def rows(self, measure: str, **where: Any) -> Table:
        """The rows of a measure at which columns have the given values; a tuple or list names several values.

        Python keywords and names with spaces go in as ``**{"edge sparsity": 0.5}``.
        """
        table = self[measure]
        for column, wanted in where.items():
            require(column in table, f"{measure} has no column {column!r}: it has {', '.join(table.columns)}")
            values = list(wanted) if isinstance(wanted, tuple | list | set | range) else [wanted]
            table = table[table[column].isin(values)]
        return table

    def wide(
        self,
        measure: str,
        index: str | Sequence[str] = "seed",
        columns: str | Sequence[str] = "method",
        values: str = "value",
        **where: Any,
    ) -> Table:
        """A row for each ``index``, a column for each of ``columns`` in the order of the plan.

        ``index`` is what was drawn independently, a run or a graph: rows that agree in index and column are averaged,
        so that nothing below the unit enters an interval. `Tables.rows` explains ``where``. Empty if no row fits.
        """
        table = self.rows(measure, **where)
        by = [index] if isinstance(index, str) else list(index)
        across = [columns] if isinstance(columns, str) else list(columns)
        missing = [name for name in (*by, *across, values) if name not in table]
        if missing:
            raise InputError(f"{measure} has no column {missing[0]!r}: it has {', '.join(table.columns)}")
        if table.empty:
            return pd.DataFrame()
        found = table.astype({values: float}).groupby([*by, *across], sort=False, dropna=False)[values].mean()
        return found.unstack(across, sort=False).sort_index()

    def mean(self, measure: str, by: str | Sequence[str], values: str = "value", **where: Any) -> Table:
        """The mean over all rows for each value of ``by``, in the order of the plan: for figures and words."""
        return self.rows(measure, **where).groupby(by, sort=False)[values].mean()
