"""The 28 kinds of orbit adjacency, and the graphlets and orbits they belong to.

A key is ``(hop, o1, o2)``: a row's node sits on orbit ``o1`` and a column's node on orbit ``o2`` of the same induced
copy of a graphlet, ``hop`` edges apart inside it. The matrix of ``(hop, o2, o1)`` is the transpose.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TypeAlias

from netopsy.core.errors import require

Key: TypeAlias = tuple[int, int, int]

GRAPHLETS = ("edge", "path of 3", "triangle", "path of 4", "claw", "cycle of 4", "paw", "diamond", "clique of 4")
"""The connected graphs of two to four nodes, by number."""

ORBITS = (
    "end of an edge",
    "end of a path of 3",
    "middle of a path of 3",
    "corner of a triangle",
    "end of a path of 4",
    "inner node of a path of 4",
    "leaf of a claw",
    "centre of a claw",
    "corner of a cycle of 4",
    "pendant of a paw",
    "corner of degree 2 of a paw",
    "corner of degree 3 of a paw",
    "corner of degree 2 of a diamond",
    "corner of degree 3 of a diamond",
    "corner of a clique of 4",
)
"""Nodes of a graphlet that its symmetries exchange share an orbit; by number."""

_OF_GRAPHLET: tuple[tuple[Key, ...], ...] = (
    ((1, 0, 0),),
    ((1, 1, 2), (1, 2, 1), (2, 1, 1)),
    ((1, 3, 3),),
    ((1, 4, 5), (1, 5, 4), (1, 5, 5), (2, 4, 5), (2, 5, 4), (3, 4, 4)),
    ((1, 6, 7), (1, 7, 6), (2, 6, 6)),
    ((1, 8, 8), (2, 8, 8)),
    ((1, 9, 11), (1, 11, 9), (1, 10, 10), (1, 10, 11), (1, 11, 10), (2, 9, 10), (2, 10, 9)),
    ((1, 12, 13), (1, 13, 12), (1, 13, 13), (2, 12, 12)),
    ((1, 14, 14),),
)
KEYS: tuple[Key, ...] = tuple(sorted(key for keys in _OF_GRAPHLET for key in keys))
"""All 28, the nearest pairs first."""

EDGE_KEYS: tuple[Key, ...] = tuple(key for key in KEYS if key[0] == 1 and 0 < key[1] <= key[2])
"""The columns of an edge's graphlet degree vector: the 12 kinds of edge in graphlets of three and four nodes."""

MIXTURES: MappingProxyType[int, MappingProxyType[Key, int]] = MappingProxyType(
    {
        1: MappingProxyType({(1, 0, 0): 1}),
        2: MappingProxyType({(2, 1, 1): 1, (1, 3, 3): 1}),
        3: MappingProxyType(
            {
                (3, 4, 4): 1,
                (1, 8, 8): 1,
                (2, 9, 10): 1,
                (2, 10, 9): 1,
                (1, 12, 13): 1,
                (1, 13, 12): 1,
                (2, 12, 12): 2,
                (1, 14, 14): 2,
                (1, 0, 0): 1,
                (1, 3, 3): 2,
                (1, 1, 2): 1,
                (1, 2, 1): 1,
            }
        ),
    }
)
"""How often each orbit adjacency is counted by the walks of a length that end at another node than they began."""

UNSEEN: tuple[Key, ...] = tuple(key for key in KEYS if not any(key in mixture for mixture in MIXTURES.values()))
"""The 15 that no walk of up to three edges counts."""


def check_key(key: object) -> Key:
    """The key itself, or `InputError` if it is none of the 28."""
    known = isinstance(key, tuple) and key in KEYS
    require(known, f"key must be one of the 28 orbit pairs (hop, o1, o2) such as (1, 0, 0) or (3, 4, 4), got {key!r}")
    assert isinstance(key, tuple)
    return key


def keys_of_graphlet(graphlet: int) -> tuple[Key, ...]:
    """All keys of a graphlet by its number, 0 to 8.

    >>> keys_of_graphlet(5)
    ((1, 8, 8), (2, 8, 8))
    """
    known = isinstance(graphlet, int) and 0 <= graphlet < len(GRAPHLETS)
    require(known, f"graphlet must be a number from 0 to {len(GRAPHLETS) - 1}, got {graphlet!r}")
    return _OF_GRAPHLET[graphlet]
