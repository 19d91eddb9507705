"""Editing, removing and inserting against a generator whose every unit is known; their manners; bad input."""

import numpy as np
import pytest
import torch
from scipy import linalg
from torch import nn

from netopsy import InputError
from netopsy.interpretability.frechet import frechet_distances
from netopsy.interpretability.gan_dissection import (
    artefact_units,
    average_causal_effect,
    conditional_mean,
    dissect,
    edit_layer,
    insertion_map,
    optimise_ace,
    removals,
    top_sets,
    unit_removal,
)
from netopsy.models import upsampling_generator


class Painter(nn.Module):
    """Three maps of 4 by 4; unit 0 paints class A, unit 1 class B, unit 2 a little of both and mostly nothing."""

    def __init__(self):
        super().__init__()
        self.units = nn.Sequential(nn.Identity(), nn.ReLU())
        self.up = nn.Upsample(scale_factor=2)
        self.paint = nn.Conv2d(3, 2, 1, bias=False)
        self.paint.weight.data[:] = torch.tensor([[1.0, 0, 0.01], [0, 1.0, 0.01]])[:, :, None, None]

    def forward(self, z):
        return self.paint(self.up(self.units(z)))


def logits(images):
    """Ground where neither colour is strong; else the colour that is."""
    return torch.cat([torch.full_like(images[:, :1], 4.0), 8 * images], 1)


def winners(images):
    return nn.functional.one_hot(logits(images).argmax(1), 3).permute(0, 3, 1, 2).float()


def rounded(images):
    return logits(images).round()


class Unfollowed(Painter):
    def forward(self, z):
        units = self.units(z)
        with torch.no_grad():
            return self.paint(self.up(units))


A, B = 1, 2


@pytest.fixture
def painter():
    return Painter()


@pytest.fixture
def z():
    """In every map a cell is on with a probability of a fifth, units never together."""
    drawn = torch.rand(80, 4, 4, generator=torch.Generator().manual_seed(0))
    return torch.stack([(drawn > 0.8), (drawn < 0.2), (drawn > 0.4) & (drawn < 0.6)], 1).float()


@pytest.fixture
def made():
    """A small generator of colour images with batch normalisation, and noise for it."""
    net = upsampling_generator(6, widths=(6, 5, 4), seed=1)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        net(torch.randn(200, 6, generator=random))
    return net, torch.randn(20, 6, generator=random)


def test_a_unit_that_paints_a_class_is_found_and_removes_it(painter, z):
    report = dissect(painter, "up", logits, z, labels=["ground", "a", "b"], background=0)
    assert report.iou[:, A].tolist() == [1, 0, 0]
    assert report.iou[:, B].tolist() == [0, 1, 0]
    assert report.label[:2].tolist() == [A, B]
    assert report.interpretable.tolist() == [True, True, False]
    assert unit_removal(painter, "units", logits, z, [0], A) == 1
    for others in ([1], [2], [1, 2]):
        assert unit_removal(painter, "units", logits, z, others, A) == 0
    assert unit_removal(painter, "units", logits, z, [2, 0], A, alpha=torch.tensor([1.0, 0.4])) == 0
    assert unit_removal(painter, "units", logits, z, [2, 0], A, alpha=torch.tensor([0.0, 0.6])) == 1


def test_the_search_finds_the_unit_that_paints(painter, z):
    start = torch.full((3,), 0.5)
    found = optimise_ace(painter, "units", logits, z, A, steps=80, pairs=30, evaluation_pairs=5, lr=0.02, init=start)
    assert found.alpha[0] >= 0.9
    assert found.alpha[2] < 0.3  # unit 1 is of use: where A is wanted, it is moved to 0, its mean in A
    assert found.history[-1] > found.history[0]
    assert found.history[-1] > 0.9
    by_iou = optimise_ace(painter, "units", logits, z, A, steps=2, pairs=30, evaluation_pairs=5)
    assert by_iou.alpha[0] > 0.9
    assert by_iou.value[0] == 1


def test_nothing_is_changed_to_the_bit_and_everything_goes(made):
    net, z = made
    net.eval()
    value = torch.rand(5)
    with torch.no_grad():
        before = net(z)
        with edit_layer(net, "layer3", 0.0, value):
            assert torch.equal(net(z), before)
        features = net[:5](z)
        without = features.clone()
        without[:, [1, 3]] = 0
        with edit_layer(net, "layer3", torch.tensor([0.0, 1, 0, 1, 0])):
            assert torch.equal(net(z), net[5:](without))
        place = torch.zeros(20, 5, 8, 8)
        place[3, 2, 4, 5] = 0.25
        moved = features.clone()
        moved[3, 2, 4, 5] = 0.75 * moved[3, 2, 4, 5] + 0.25 * value[2]
        with edit_layer(net, "layer3", place, value):
            torch.testing.assert_close(net(z), net[5:](moved))
        assert torch.equal(net(z), before)
        assert list(dict(net.named_children()))[4] == "layer3"


def test_an_edit_can_be_differentiated(made):
    net, z = made
    alpha = torch.full((5,), 0.5, requires_grad=True)
    with edit_layer(net.eval(), "layer3", alpha):
        net(z).square().sum().backward()
    assert (alpha.grad != 0).any()


def test_removals_are_those_of_editing_one_set_at_a_time(made):
    net, z = made
    alphas = torch.rand(4, 5, generator=torch.Generator().manual_seed(1))
    found = removals(net, "layer3", torch.nn.Identity(), z, alphas, batch_size=17)
    net.eval()

    def pixels(images):
        return nn.functional.one_hot(images.argmax(1), 3).sum((0, 1, 2)).float() / len(z)

    with torch.no_grad():
        torch.testing.assert_close(found.before, pixels(net(z)))
        for alpha, after in zip(alphas, found.after, strict=True):
            with edit_layer(net, "layer3", alpha):
                torch.testing.assert_close(after, pixels(net(z)))
    torch.testing.assert_close(found.share, 1 - found.after / found.before)


class Around(nn.Module):
    """A shortcut goes around the layer, so that the network cannot be cut there."""

    def __init__(self):
        super().__init__()
        self.inner = Painter()

    def forward(self, z):
        return self.inner(z) + 0.2 * self.inner.up(z[:, :2])


def test_a_shortcut_around_the_layer_is_no_matter(z):
    net = Around()
    assert unit_removal(net, "inner.units", logits, z, [0], A) == 1
    assert unit_removal(net, "inner.units", logits, z, [1], A) == 0


def test_sets_are_the_highest_scores():
    scores = torch.tensor([0.3, 0.9, 0.3, 0.1])
    assert top_sets(scores, [0, 1, 2, 4]).tolist() == [[0, 0, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]]
    assert top_sets(scores, [2], weights=scores).tolist() == [pytest.approx([0.3, 0.9, 0, 0])]


def test_the_conditional_mean_is_weighted_by_presence(painter, z):
    there = nn.functional.adaptive_avg_pool2d((logits(painter(z)).argmax(1) == A).float()[:, None], (4, 4))
    expected = (z * there).sum((0, 2, 3)) / there.sum()
    torch.testing.assert_close(conditional_mean(painter, "units", logits, z, A, batch_size=7), expected)
    assert expected.tolist() == [1, 0, 0]


def test_the_causal_effect_of_known_units(painter, z):
    own = average_causal_effect(painter, "units", logits, z, [0], A)
    assert own.inserted[A] > 0.75  # all but where B is painted, and which of the two comes first
    assert own.ablated[A] == 0
    assert own.effect[A] == own.inserted[A]
    assert average_causal_effect(painter, "units", logits, z, [2], A).effect.tolist() == [0, 0, 0]
    whole = average_causal_effect(painter, "units", logits, z, [0, 1], A, everywhere=True)
    assert whole.effect[A] == 1
    half = average_causal_effect(painter, "units", logits, z, [0], A, alpha=torch.tensor([0.2]))
    assert 0 < half.inserted[A] < 0.5


def test_insertion_gains_a_cell_where_the_class_was_not(painter, z):
    found = insertion_map(painter, "units", logits, z, [0, 1], A, batch_size=40)
    torch.testing.assert_close(found, torch.full((4, 4), 4.0))  # 2 by 2 pixels
    z[:, 0, 1, 2] = 1
    z[:, 1, 1, 2] = 0
    found = insertion_map(painter, "units", logits, z, [0, 1], A)
    assert found.isnan().nonzero().tolist() == [[1, 2]]
    none = insertion_map(painter, "units", logits, z, [0], A, value=torch.zeros(3))
    assert none[~none.isnan()].abs().max() == 0


def test_the_distance_is_that_of_scipys_square_root():
    random = np.random.default_rng(0)
    samples, reference = random.normal(size=(3, 50, 4)), random.normal(1, 2, size=(60, 4)) @ random.normal(size=(4, 4))
    found = frechet_distances(torch.from_numpy(samples), torch.from_numpy(reference))
    for one, ours in zip(samples, found.tolist(), strict=True):
        first, second = np.cov(one.T), np.cov(reference.T)
        root = linalg.sqrtm(first @ second).real
        apart = ((one.mean(0) - reference.mean(0)) ** 2).sum()
        assert ours == pytest.approx(apart + np.trace(first + second - 2 * root), rel=1e-6)
    same = torch.from_numpy(samples[0])
    assert frechet_distances(same[None], same).item() == pytest.approx(0, abs=1e-9)


def test_the_unit_that_spoils_images_is_named_first():
    random = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Identity(), nn.Conv2d(4, 3, 1, bias=False))
    net[1].weight.data[:] = 0.1 * torch.rand(3, 4, 1, 1, generator=random)
    net[1].weight.data[0, 2] = 5.0
    z = torch.rand(200, 4, 4, 4, generator=random)
    with torch.no_grad():
        clean = z.clone()
        clean[:, 2] *= 0.02
        real = net(clean)
    found = artefact_units(net, "0", z, real, lambda images: images.mean((2, 3)), top=30)
    assert found.worst(1).tolist() == [2]
    assert found.images.shape == (4, 30)
    assert torch.equal(found.images[2, :1], z[:, 2].amax((1, 2)).topk(1).indices)
    assert found.overall > 0


def test_everything_is_left_as_it_was(made, left_as_found):
    net, z = made
    net.train()
    segmenter = nn.Sequential(nn.Conv2d(3, 3, 1, bias=False), nn.BatchNorm2d(3)).train()
    segmenter[0].weight.data[:] = torch.eye(3)[:, :, None, None]
    real = torch.rand(5, 3, 16, 16)
    before = left_as_found(net), left_as_found(segmenter)
    removals(net, "layer2", segmenter, z, torch.ones(1, 5))
    insertion_map(net, "layer2", segmenter, z[:3], [0], 0)
    average_causal_effect(net, "layer2", segmenter, z, [0], 0)
    optimise_ace(net, "layer2", segmenter, z, 0, steps=2, pairs=4, evaluation_pairs=1, init=torch.ones(5))
    artefact_units(net, "layer2", z, real, lambda images: images.mean((2, 3)), top=4)
    with pytest.raises(ZeroDivisionError), edit_layer(net, "layer2"):
        raise ZeroDivisionError
    assert (left_as_found(net), left_as_found(segmenter)) == before


def search(g, z, **options):
    return optimise_ace(g, "units", logits, z, A, **{"steps": 2, "pairs": 4, "evaluation_pairs": 1, **options})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g, z: edit_layer(g, "nosuch").__enter__(), "unknown layer 'nosuch'"),
        (lambda g, z: edit_layer(g, "").__enter__(), "got its input"),
        (lambda g, z: edit_layer(g, "units", 1.5).__enter__(), "alpha must lie from 0 to 1"),
        (lambda g, z: edit_layer(g, "units", float("nan")).__enter__(), "alpha must lie from 0 to 1"),
        (lambda g, z: edit_layer(g, "units", torch.ones(2, 3)).__enter__(), "alpha must have 0, 1, 3 or 4 axes"),
        (lambda g, z: edit_layer(g, "units", 1.0, float("inf")).__enter__(), "value must be finite"),
        (lambda g, z: edited(g, z, torch.ones(7)), r"alpha of shape \(7, 1, 1\) does not fit"),
        (lambda g, z: removals(g, "units", logits, z, torch.ones(2, 7)), "alphas must have 3 units"),
        (lambda g, z: removals(g, "units", logits, z, torch.ones(3)), r"float \[sets, units\]"),
        (lambda g, z: removals(g, "units", logits, z, -torch.ones(1, 3)), "from 0 to 1"),
        (lambda g, z: removals(g, "units", None, z, torch.ones(1, 3)), "segmenter must be callable"),
        (lambda g, z: unit_removal(g, "units", logits, z, [3], A), "units must be different numbers from 0 to 2"),
        (lambda g, z: unit_removal(g, "units", logits, z, [1, 1], A), "units must be different numbers"),
        (lambda g, z: unit_removal(g, "units", logits, z, [], A), "units must be a sequence of at least one"),
        (lambda g, z: unit_removal(g, "units", logits, z, [0], 3), "cls must be a class number from 0 to 2"),
        (lambda g, z: unit_removal(g, "units", logits, 0 * z, [0], A), "class 1 is never present"),
        (lambda g, z: unit_removal(g, "units", logits, z, [0], A, alpha=torch.ones(2)), r"alpha must be \[1\]"),
        (lambda g, z: conditional_mean(g, "units", logits, 0 * z, A), "class 1 is never present"),
        (lambda g, z: conditional_mean(g, "units", lambda x: x[:, :, 0], z, A), "segmenter must return"),
        (lambda g, z: insertion_map(g, "units", logits, z, [0], A, value=torch.ones(5)), r"value must be \[3\]"),
        (lambda g, z: top_sets(torch.rand(3), [4]), "counts must be from 0 to the number of units, 3"),
        (lambda g, z: search(g, z, steps=0), "steps must be an int of at least 1"),
        (lambda g, z: search(g, z, lr=-1.0), "lr must be positive"),
        (lambda g, z: search(g, z, l2=-1.0), "l2 must be finite and not negative"),
        (lambda g, z: search(g, z, init=torch.ones(4)), r"init must be \[3\] strengths"),
        (lambda g, z: search(g, z, init="zeros"), r"init must be \[3\] strengths"),
        (lambda g, z: search(g, z[:2]), "z must hold at least 4"),
        (lambda g, z: search(g, 0 * z), "class 1 is never present"),
        (lambda g, z: optimise_ace(g, "units", lambda x: x > 0.5, z, 0, steps=1), "must return logits"),
        (lambda g, z: optimise_ace(g, "units", winners, z, A, steps=1), "segmenter must be differentiable"),
        (lambda g, z: optimise_ace(g, "units", torch.no_grad()(logits), z, A), "segmenter must be differentiable"),
        (lambda g, z: optimise_ace(g, "units", rounded, z, A, steps=9), "the gradient of its answer is 0"),
        (lambda g, z: optimise_ace(Unfollowed(), "units", logits, z, A), "lets no gradient"),
        (lambda g, z: artefact_units(g, "units", z, z, lambda x: x, top=9), "features must return"),
        (lambda g, z: artefact_units(g, "units", z, z, None), "features must be callable"),
        (lambda g, z: artefact_units(g, "units", z, z, lambda x: x, top=500), "top must be an int from 2 to 80"),
    ],
)
def test_bad_input_is_named_in_one_sentence(painter, z, call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call(painter, z)


def edited(net, z, alpha):
    with edit_layer(net, "units", alpha):
        net(z)
