from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mlxtend.frequent_patterns import apriori

from netopsy import InputError
from netopsy.interpretability.pattern_net import Peaks, frequent_itemsets, mine_itemsets


def planted(n=200, items=12, seed=0):
    """Items 2, 5 and 9 together in 60 of 100 images of class 1 and never together elsewhere; the rest by chance."""
    random = np.random.default_rng(seed)
    fired = random.random((n, items)) < 0.3
    labels = np.arange(n) % 2
    fired[:, [2, 5, 9]] = random.random((n, 3)) < 0.3
    for row in np.flatnonzero(fired[:, [2, 5, 9]].all(1)):
        fired[row, random.choice([2, 5, 9])] = False
    fired[np.flatnonzero(labels == 1)[:60][:, None], [2, 5, 9]] = True
    return torch.from_numpy(fired), torch.from_numpy(labels)


def brute_force(fired, labels, cls, peaks, radius, max_size, min_support):
    """Every set, counted image by image."""
    found = {}
    for size in range(1, max_size + 1):
        for items in combinations(range(fired.shape[1]), size):
            counts = [0, 0]
            for image in range(len(fired)):
                together = all(fired[image, item] for item in items)
                for a, b in combinations(items, 2):
                    if peaks is not None and radius is not None:
                        together &= abs(int(peaks.rows[image, a]) - int(peaks.rows[image, b])) <= radius
                        together &= abs(int(peaks.columns[image, a]) - int(peaks.columns[image, b])) <= radius
                counts[int(labels[image] != cls)] += int(together)
            if counts[0] / int((labels == cls).sum()) >= min_support - 1e-12:
                found[items] = tuple(counts)
    return found


def random_peaks(shape, seed):
    random = torch.Generator().manual_seed(seed)
    rows, columns = (torch.randint(4, shape, generator=random) for _ in range(2))
    return Peaks(torch.rand(shape), rows, columns)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(1, 6), st.integers(0, 1000), st.sampled_from([None, 0, 1, 2]), st.booleans())
def test_equals_brute_force_with_and_without_co_location(n, items, seed, radius, places):
    random = torch.Generator().manual_seed(seed)
    fired = torch.rand(n, items, generator=random) < 0.7
    labels = torch.cat([torch.tensor([0, 1]), torch.randint(2, (n - 2,), generator=random)])
    peaks = random_peaks((n, items), seed) if places else None
    expected = brute_force(fired, labels, 0, peaks, radius, 3, 0.3)
    found = frequent_itemsets(fired, labels, 0, peaks=peaks, radius=radius, max_size=3, min_support=0.3)
    assert {one.items: (one.inside, one.outside) for one in found} == expected


def test_equals_mlxtend():
    fired, labels = planted(300, 15, seed=3)
    own = pd.DataFrame(fired[labels == 1].numpy())
    expected = apriori(own, min_support=0.2, max_len=4)
    found = frequent_itemsets(fired, labels, 1, max_size=4, min_support=0.2)
    assert len(expected) > 20
    assert {frozenset(one.items): one.support for one in found} == pytest.approx(
        {sets: support for support, sets in zip(expected["support"], expected["itemsets"], strict=True)}
    )


def test_the_planted_set_is_first_with_its_direct_counts():
    fired, labels = planted()
    found = mine_itemsets(fired, labels, min_size=1)
    assert found[0].cls == 1
    assert found[0].items == (2, 5, 9)
    together = fired[:, [2, 5, 9]].all(1)
    assert found[0].support == pytest.approx(float(together[labels == 1].float().mean()))
    assert found[0].background == 0
    assert found[0].lift == pytest.approx(found[0].support / 1e-3)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([None, 1]))
def test_support_falls_as_sets_grow(seed, radius):
    random = torch.Generator().manual_seed(seed)
    fired, labels = torch.rand(30, 6, generator=random) < 0.8, torch.arange(30) % 2
    sets = frequent_itemsets(fired, labels, 0, peaks=random_peaks((30, 6), seed), radius=radius, min_support=0.05)
    support = {one.items: one.support for one in sets}
    for items, value in support.items():
        for part in combinations(items, len(items) - 1):
            assert not part or support[part] >= value


def test_sets_explained_by_a_part_and_doubles_are_dropped():
    labels = torch.arange(100) % 2
    fired = torch.zeros(100, 4, dtype=torch.bool)
    fired[labels == 0, :3] = True  # 0, 1 and 2 always fire together in class 0
    fired[:, 3] = True
    assert mine_itemsets(fired, labels, min_size=2) == []  # any of them alone says as much
    alone = mine_itemsets(fired, labels, min_size=1)
    assert [one.items for one in alone] == [(0,)]  # the others fire in the same images


def test_a_class_keeps_the_best_of_its_sets():
    fired, labels = planted(400, 12, seed=1)
    many = mine_itemsets(fired, labels, min_support=0.05, min_lift=1.0, per_class=50)
    few = mine_itemsets(fired, labels, min_support=0.05, min_lift=1.0, per_class=2)
    for cls in (0, 1):
        assert [one for one in many if one.cls == cls][:2] == [one for one in few if one.cls == cls]
        lifts = [one.lift for one in many if one.cls == cls]
        assert lifts == sorted(lifts, reverse=True)


def test_bad_input_is_named(unchecked):
    fired, labels = planted()
    with pytest.raises(InputError, match="at least two classes"):
        mine_itemsets(fired, labels * 0)
    with pytest.raises(InputError, match="hold class 0 alone"):
        frequent_itemsets(fired, labels * 0, 0)
    with pytest.raises(InputError, match="no image of class 7"):
        frequent_itemsets(fired, labels, 7)
    with pytest.raises(InputError, match="min_support"):
        mine_itemsets(fired, labels, min_support=0.0)
    with pytest.raises(InputError, match=r"labels must be \[200\]"):
        mine_itemsets(fired, labels[:5])
    with pytest.raises(InputError, match="min_size"):
        mine_itemsets(fired, labels, min_size=4)
