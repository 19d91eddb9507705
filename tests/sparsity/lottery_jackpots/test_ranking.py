"""Ranking and exchanging entries, against plain sorting."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netopsy.sparsity.lottery_jackpots.ranking import swapped

ROWS = st.lists(st.lists(st.integers(0, 6), min_size=8, max_size=8), min_size=1, max_size=3)


def by_sorting(row, count):
    order = sorted(range(len(row)), key=lambda place: (row[place], place))
    return [place in order[:count] for place in range(len(row))]


def one(kept, scores, share):
    """One exchange in one row."""
    kept = torch.tensor([kept], dtype=torch.bool)
    zeros = (~kept).sum(1)
    new, asked, done = swapped(kept, torch.tensor([scores]), zeros, torch.tensor([share], dtype=torch.float64))
    return new[0].int().tolist(), int(asked), int(done)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (1.0, ([1, 1, 0, 0], 2, 2)),
        (0.5, ([1, 0, 1, 0], 2, 1)),
        (0.01, ([1, 0, 1, 0], 2, 1)),
        (0.0, ([0, 0, 1, 1], 2, 0)),
    ],
)
def test_the_case_by_hand(share, expected):
    assert one([0, 0, 1, 1], [0.9, 0.8, 0.7, 0.6], share) == expected


@given(ROWS, st.data())
def test_an_exchange_is_the_one_written_out_with_lists(rows, data):
    kept = [data.draw(st.lists(st.booleans(), min_size=8, max_size=8)) for _ in rows]
    share = [data.draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])) for _ in rows]
    zeros = torch.tensor([row.count(False) for row in kept])
    new, asked, done = swapped(
        torch.tensor(kept), torch.tensor(rows).float(), zeros, torch.tensor(share, dtype=torch.float64)
    )
    for r, row in enumerate(rows):
        removed = by_sorting(row, kept[r].count(False))
        entering = sorted((j for j in range(8) if not kept[r][j] and not removed[j]), key=lambda j: (-row[j], j))
        leaving = sorted((j for j in range(8) if kept[r][j] and removed[j]), key=lambda j: (row[j], j))
        few = math.ceil(len(entering) * share[r])
        expected = (set(torch.tensor(kept[r]).nonzero()[:, 0].tolist()) | set(entering[:few])) - set(leaving[:few])
        assert set(new[r].nonzero()[:, 0].tolist()) == expected
        assert (int(asked[r]), int(done[r])) == (len(entering), few)
        assert int(new[r].sum()) == sum(kept[r])
