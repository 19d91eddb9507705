"""Reading a graph of 500,000 edges from a text file against pandas, which gives two columns and no graph."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.timing import Bound, Comparison, Growth
from netopsy.data.graph_files import read_graph

EDGES, NODES = 500_000, 100_000


def benchmarks() -> Iterator[Comparison | Bound | Growth]:
    """From separators of both kinds."""
    with tempfile.TemporaryDirectory() as folder:
        edges = np.random.default_rng(0).integers(0, NODES, (EDGES, 2))
        for ending, separator in (("txt", "\t"), ("csv", ",")):
            file = Path(folder) / f"edges.{ending}"
            pd.DataFrame(edges).to_csv(file, sep=separator, header=False, index=False)
            peer = partial(pd.read_csv, file, sep=separator, header=None)
            yield Comparison(f"read_graph_{ending}", partial(read_graph, file), peer, target=5.0, peer_name="pandas")
