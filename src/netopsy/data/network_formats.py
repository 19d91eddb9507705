"""Files of graphs that networkx reads: GraphML, GML, GEXF, Pajek and JSON node-link."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from netopsy.core.errors import InputError, require
from netopsy.data.file_contents import decoded


def read_network(data: bytes, ending: str) -> Any:
    """The networkx graph in the bytes of a file, nodes called as they are in it."""
    return READERS[ending](data)


def _graphml(data: bytes) -> Any:
    import networkx as nx

    return nx.read_graphml(io.BytesIO(data))


def _gexf(data: bytes) -> Any:
    import networkx as nx

    return nx.read_gexf(io.BytesIO(data))


def _gml(data: bytes) -> Any:
    import networkx as nx

    text, _ = decoded(data)
    try:
        return nx.parse_gml(text)
    except nx.NetworkXError as error:
        if "label" not in str(error):
            raise
        return nx.parse_gml(text, label="id")  # some node has no label, or two have the same


def _pajek(data: bytes) -> Any:
    import networkx as nx

    return nx.parse_pajek(decoded(data)[0])


def _json(data: bytes) -> Any:
    """Nodes and links as D3 and networkx write them; links may name nodes by their places in the list."""
    import networkx as nx

    held = json.loads(decoded(data)[0])
    links = next((name for name in ("links", "edges") if isinstance(held, dict) and name in held), None)
    if links is None or not isinstance(held.get("nodes"), list) or not isinstance(held[links], list):
        raise InputError("the JSON must be of the node-link form: an object with lists 'nodes' and 'links'")
    names = [node.get("id", node.get("name")) if isinstance(node, dict) else node for node in held["nodes"]]
    require(None not in names, "a node of the JSON has no id")
    known = set(map(_key, names))
    graph: Any = nx.MultiDiGraph() if held.get("directed") else nx.MultiGraph()
    graph.add_nodes_from(map(str, names))
    for link in held[links]:
        ends = []
        for end in (link["source"], link["target"]):
            by_place = _key(end) not in known and isinstance(end, int) and 0 <= end < len(names)
            require(by_place or _key(end) in known, f"a link of the JSON names {end!r}, which is no node")
            ends.append(str(names[end] if by_place else end))
        graph.add_edge(*ends, **({"weight": link["weight"]} if "weight" in link else {}))
    return graph


def _key(name: Any) -> tuple[str, str]:
    return type(name).__name__, str(name)


READERS: Mapping[str, Callable[[bytes], Any]] = MappingProxyType(
    {
        ".graphml": _graphml,
        ".gml": _gml,
        ".gexf": _gexf,
        ".net": _pajek,
        ".paj": _pajek,
        ".pajek": _pajek,
        ".json": _json,
    }
)
