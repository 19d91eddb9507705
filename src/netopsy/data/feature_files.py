"""Features of nodes from files: one row a node, by its name or in order."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from netopsy.core.errors import InputError, lookup, require

NODE = "node"
"""The column with the names of the nodes, if a table has it."""


def read_features(path: str | os.PathLike[str], nodes: Sequence[str]) -> np.ndarray:
    """The features in a file, float64 ``[nodes, columns]``, in the order of ``nodes``.

    By its ending: ``.csv``, ``.tsv`` and ``.parquet`` are tables with names of columns; where one of them is ``node``,
    rows are matched with the nodes by name, otherwise they must be in order. ``.npy`` is an array kept by numpy.

    Args:
        nodes: what the nodes are called.

    Raises:
        InputError: no such file, another ending, contents that are no table of finite numbers, or rows that do not
            match the nodes one to one.
    """
    file = Path(path)
    require(file.is_file(), f"feature file {str(path)!r} does not exist")
    ending = lookup("feature file ending", file.suffix.lower(), {known: known for known in ENDINGS})
    try:
        table = _table(file, ending)
    except InputError:
        raise
    except Exception as error:  # whatever a reader makes of a broken file
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"feature file {file.name!r} cannot be read: {reason}") from error
    if NODE in table.columns:
        table = _ordered(table, [str(node) for node in nodes], file.name)
    require(
        len(table) == len(nodes) and table.shape[1] > 0,
        f"feature file {file.name!r} must have a row for each of the {len(nodes)} nodes and at least one column of "
        f"features, got {len(table)} rows and {table.shape[1]} columns",
    )
    try:
        values = table.to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        words = next(name for name in table.columns if not pd.api.types.is_numeric_dtype(table[name]))
        raise InputError(f"feature file {file.name!r} has a column that is not numbers: {words!r}") from None
    require(np.isfinite(values).all(), f"feature file {file.name!r} holds NaN, infinity or empty fields")
    return values


ENDINGS = (".csv", ".tsv", ".parquet", ".npy")


def _table(file: Path, ending: str) -> pd.DataFrame:
    if ending == ".npy":
        array = np.load(file, allow_pickle=False)
        require(array.ndim == 2, f"feature file {file.name!r} must hold a matrix, got shape {array.shape}")
        return pd.DataFrame(array)
    if ending == ".parquet":
        return pd.read_parquet(file)
    return pd.read_csv(file, sep="\t" if ending == ".tsv" else ",", dtype={NODE: str})


def _ordered(table: pd.DataFrame, nodes: Sequence[str], name: str) -> pd.DataFrame:
    names = table[NODE].astype(str)
    twice = names[names.duplicated()]
    require(twice.empty, f"feature file {name!r} names node {twice.iloc[0] if len(twice) else ''!r} twice")
    missing = sorted(set(nodes) - set(names))
    require(not missing, f"feature file {name!r} has no row for node {missing[0] if missing else ''!r}")
    strange = sorted(set(names) - set(nodes))
    require(
        not strange, f"feature file {name!r} names {strange[0] if strange else ''!r}, which is no node of the graph"
    )
    return table.drop(columns=NODE).set_index(pd.Index(names)).loc[list(nodes)]
