"""Mutation and crossover against their closed forms."""

import colorsys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netopsy import InputError
from netopsy.robustness.fooling_images import DirectEncoding
from netopsy.robustness.fooling_images.colours import hls_to_rgb
from netopsy.robustness.fooling_images.variation import crossed, mutated, polynomial_steps

unit = st.floats(0, 1, width=32)


def test_a_mutation_step_has_its_known_values_and_is_symmetric_in_law():
    draws = torch.tensor([0.0, 0.5, 1.0, 0.25, 0.75], dtype=torch.float64)
    down, none, up, left, right = polynomial_steps(draws, 15).tolist()
    assert (down, none, up) == (-1, 0, 1)
    assert left == pytest.approx(0.5 ** (1 / 16) - 1)
    assert right == -left


def test_the_share_of_genes_that_mutate_is_the_rate_and_all_stay_in_bounds():
    genes = torch.rand(100_000, generator=torch.Generator().manual_seed(0))
    found = mutated(genes, 0.1, 15, torch.Generator().manual_seed(1))
    assert 0.096 < float((found != genes).float().mean()) < 0.104
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    assert torch.equal(mutated(genes, 0.0, 15, torch.Generator()), genes)


def by_hand(y1, y2, u, eta):
    """The crossover of two genes, written out as in its definition."""
    children = []
    for beta, sign in ((1 + 2 * y1 / (y2 - y1), -1), (1 + 2 * (1 - y2) / (y2 - y1), 1)):
        alpha = 2 - beta ** -(eta + 1)
        q = (u * alpha) ** (1 / (eta + 1)) if u <= 1 / alpha else (1 / (2 - u * alpha)) ** (1 / (eta + 1))
        children.append(min(max(0.5 * ((y1 + y2) + sign * q * (y2 - y1)), 0), 1))
    return children


@given(unit, unit, st.floats(0, 0.999), st.sampled_from([1, 10, 30]))
def test_crossover_is_its_definition(one, other, draw, eta):
    low, high = min(one, other), max(one, other)
    pair, (u,) = torch.tensor([one, other], dtype=torch.float64), torch.tensor([[draw]], dtype=torch.float64)
    found = [float(each) for each in crossed(pair[:1], pair[1:], u, eta)]
    if high - low < 1e-6:
        assert found == pytest.approx([low, high], abs=1e-6)
    else:
        assert found == pytest.approx(by_hand(low, high, draw, eta), abs=1e-7)


def test_children_sum_to_their_parents_where_both_sides_have_as_much_room():
    low, high = crossed(torch.tensor([0.3, 0.2]), torch.tensor([0.7, 0.6]), torch.tensor([0.9, 0.9]))
    assert float(low[0] + high[0]) == pytest.approx(1.0)
    assert abs(float(low[1] + high[1]) - 0.8) > 1e-6


def test_pairs_are_crossed_or_cloned_and_the_rate_is_halved():
    random = torch.Generator().manual_seed(0)
    encoding = DirectEncoding((1, 5, 5), mutation_rate=0.0)
    parents = encoding.random(401, random)
    children = encoding.children(parents, random)
    cloned = (children == parents).flatten(1).all(1)[:400].reshape(-1, 2)
    assert torch.equal(cloned[:, 0], cloned[:, 1])
    assert 0.4 < float(cloned.float().mean()) < 0.6
    assert torch.equal(children[400], parents[400])
    halved = DirectEncoding((1, 50, 50), mutation_rate=0.4, cross_rate=0.0, halve_every=10)
    before = halved.random(20, random)
    changed = [(halved.children(before, random, at) != before).float().mean() for at in (9, 10, 20)]
    assert [round(float(each), 1) for each in changed] == [0.4, 0.2, 0.1]


@given(unit, unit, unit)
def test_colours_are_those_of_the_standard_library(hue, lightness, saturation):
    found = hls_to_rgb(torch.tensor([hue, lightness, saturation], dtype=torch.float64)[None, :, None, None])
    assert found.flatten().tolist() == pytest.approx(colorsys.hls_to_rgb(hue, lightness, saturation), abs=1e-6)


def test_three_channels_are_rendered_as_hue_lightness_and_saturation():
    genes = torch.rand(4, 3, 2, 2)
    assert torch.equal(DirectEncoding((3, 2, 2)).render(genes), hls_to_rgb(genes))
    assert torch.equal(DirectEncoding((3, 2, 2), colour="plain").render(genes), genes)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shape": (8, 8)}, r"shape must be \(channels, height, width\)"),
        ({"shape": (1, 0, 8)}, "positive ints"),
        ({"mutation_rate": 1.5}, "mutation_rate must lie within 0 and 1"),
        ({"eta_c": -1}, "eta_c must not be negative"),
        ({"halve_every": 0}, "halve_every must be 1 or more"),
    ],
)
def test_what_no_encoding_can_be_made_of_is_named(options, words, unchecked):
    with pytest.raises(InputError, match=words):
        DirectEncoding(**{"shape": (1, 8, 8), **options})
    with pytest.raises(InputError, match="colour must be"):
        DirectEncoding((1, 8, 8), colour="cmyk")
