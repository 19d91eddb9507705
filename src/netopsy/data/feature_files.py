"""Features of nodes from files: one row a node, by its name or in order."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from netopsy.core.errors import InputError, lookup, require
from netopsy.core.paths import file_from
from netopsy.data.matrix_sizes import weigh

NODE = "node"
"""The column with the names of the nodes, if a table has it."""


def read_features(path: str | os.PathLike[str], nodes: Sequence[str]) -> np.ndarray:
    """The features in a file, float64 ``[nodes, columns]``, in the order of ``nodes``.

    By its ending: ``.csv``, ``.tsv`` and ``.parquet`` are tables with names of columns; where one of them is ``node``,
    rows are matched with the nodes by name, otherwise they must be in order; a first column without a name that counts
    the rows, as pandas writes it, is no feature. ``.npy`` is an array kept by numpy.

    Args:
        nodes: what the nodes are called.

    Raises:
        InputError: no such file, another ending, contents that are no table of finite numbers, or rows that do not
            match the nodes one to one.
    """
    file = file_from(path, "feature file")
    ending = lookup("feature file ending", file.suffix.lower(), {known: known for known in ENDINGS})
    try:
        with file.open("rb") as opened:
            weigh(opened, ending, f"feature file {file.name!r}")
        table = _table(file, ending)
    except InputError:
        raise
    except Exception as error:  # whatever a reader makes of a broken file
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"feature file {file.name!r} cannot be read: {reason}") from error
    table = _with_names(table, file.name)
    if NODE in table.columns:
        table = _ordered(table, [str(node) for node in nodes], file.name)
    require(
        len(table) == len(nodes) and table.shape[1] > 0,
        f"feature file {file.name!r} must have a row for each of the {len(nodes)} nodes and at least one column of "
        f"features, got {len(table)} rows and {table.shape[1]} columns",
    )
    real = [
        pd.api.types.is_numeric_dtype(kind) and not np.issubdtype(kind, np.complexfloating) for kind in table.dtypes
    ]
    words = [str(name) for name, good in zip(table.columns, real, strict=True) if not good]
    require(not words, f"feature file {file.name!r} has a column that is not real numbers: {', '.join(words[:3])}")
    values = table.to_numpy(dtype=np.float64)
    require(np.isfinite(values).all(), f"feature file {file.name!r} holds NaN, infinity or empty fields")
    return values


_EMPTY = ["", "nan", "NaN", "NA"]
ENDINGS = (".csv", ".tsv", ".parquet", ".npy")


def _table(file: Path, ending: str) -> pd.DataFrame:
    if ending == ".npy":
        array = np.load(file, allow_pickle=False)
        require(array.ndim == 2, f"feature file {file.name!r} must hold a matrix, got shape {array.shape}")
        return pd.DataFrame(array)
    if ending == ".parquet":
        return pd.read_parquet(file)
    separator = "\t" if ending == ".tsv" else ","
    head = pd.read_csv(file, sep=separator, nrows=0, index_col=False)
    named = {name: str for name in head.columns if str(name).strip().lower() == NODE}
    # index_col=False: a heading that is one short must not make an index of the first column.
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            return pd.read_csv(
                file,
                sep=separator,
                dtype=named,
                index_col=False,
                keep_default_na=False,
                na_values={name: _EMPTY for name in head.columns if name not in named},
            )
        except pd.errors.ParserWarning:
            raise InputError(f"feature file {file.name!r} has fewer names of columns than columns") from None


def _with_names(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """With the nodes' names, if there are any, in a column ``node``, and without a count of the rows."""
    if table.index.name is not None and str(table.index.name).strip().lower() == NODE:
        table = table.reset_index()
    counted = pd.RangeIndex(len(table))
    nodes = [column for column in table.columns if str(column).strip().lower() == NODE]
    plain = isinstance(table.index, pd.RangeIndex) or table.index.equals(counted) or bool(nodes)
    require(plain, f"feature file {name!r} keeps names beside its columns: put them into a column 'node'")
    require(len(nodes) < 2, f"feature file {name!r} has several columns called 'node'")
    table = table.rename(columns=dict.fromkeys(nodes, NODE))
    first = str(table.columns[0]) if len(table.columns) else ""
    if first == "" or first.startswith("Unnamed:"):
        one = table.iloc[:, 0].reset_index(drop=True)
        counts = any(one.equals(pd.Series(counted + start, name=one.name)) for start in (0, 1))
        require(
            counts, f"feature file {name!r} has a first column without a name: call it 'node' if it names the nodes"
        )
        table = table.iloc[:, 1:]
    return table


def _ordered(table: pd.DataFrame, nodes: Sequence[str], name: str) -> pd.DataFrame:
    names = table[NODE].astype(str).str.strip()
    twice = names[names.duplicated()]
    require(twice.empty, f"feature file {name!r} names node {twice.iloc[0] if len(twice) else ''!r} twice")
    missing = sorted(set(nodes) - set(names))
    require(not missing, f"feature file {name!r} has no row for node {missing[0] if missing else ''!r}")
    strange = sorted(set(names) - set(nodes))
    require(
        not strange, f"feature file {name!r} names {strange[0] if strange else ''!r}, which is no node of the graph"
    )
    return table.drop(columns=NODE).set_index(pd.Index(names)).loc[list(nodes)]
