"""The paper's task: binary patterns on the vertices of an icosahedron."""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require

GAMMA = 8.0922
"""Steepness at which the label says 0.99 bits of the input."""
THRESHOLD = 118.5


@cache
def _scores() -> tuple[Tensor, Tensor]:
    import networkx as nx

    distances = torch.from_numpy(nx.floyd_warshall_numpy(nx.icosahedral_graph(), nodelist=range(12))).double()
    inputs = (torch.arange(4096)[:, None] >> torch.arange(12) & 1).double()
    edges, opposite = (torch.einsum("ni,ij,nj->n", inputs, (distances == d).double(), inputs) / 2 for d in (1, 3))
    ones = inputs.sum(1)
    return inputs, 31 * ones - 3 * ones**2 + 7 * edges - 4 * opposite


@checked
def icosahedral_dataset(gamma: float | None = None) -> tuple[Float[Tensor, "4096 12"], Tensor]:
    """All binary patterns on an icosahedron's vertices, with a label that no rotation changes.

    Shwartz-Ziv and Tishby 2017, section 2.4. With ``w`` ones, ``e`` edges and ``p`` opposite pairs with both ends 1,
    the score is ``s = 31 w - 3 w^2 + 7 e - 4 p`` and the label ``s >= 119``, found to equal the released labels.

    Args:
        gamma: steepness of the stochastic rule ``p(y=1|x) = sigmoid(gamma (s - 118.5))``; 8.0922 gives I(X;Y) = 0.99
            bits. The paper's own function and steepness (30.5) are unconfirmed. ``None`` for the labels themselves.

    Returns:
        The patterns, and int64 labels ``[4096]`` or, with ``gamma``, float64 ``p(y|x)`` ``[4096, 2]``.

    Raises:
        InputError: a ``gamma`` that is not positive and finite.

    >>> inputs, labels = icosahedral_dataset()
    >>> int(labels.sum())
    2118
    """
    inputs, scores = _scores()
    if gamma is None:
        return inputs.float(), (scores >= THRESHOLD).long()
    require(0 < gamma < float("inf"), f"gamma must be positive and finite, got {gamma}")
    one = torch.sigmoid(gamma * (scores - THRESHOLD))
    return inputs.float(), torch.stack([torch.sigmoid(-gamma * (scores - THRESHOLD)), one], 1)
