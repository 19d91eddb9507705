"""Gradient ascent against the closed form and its promise of progress; chains of retrained networks."""

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.robustness.fooling_images import ascend_fooling_images, retrain_with_fooling_class
from netopsy.robustness.fooling_images.ascent import Smoothing

SHAPE = (1, 4, 4)


def linear(classes=2, scale=1.0, seed=0):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, classes)).double()
    net[1].weight.data *= scale
    return net


@pytest.mark.parametrize("bounds", [(0, 1), (-2, 2)])
def test_ascent_without_decay_reaches_the_best_image_of_a_linear_classifier(bounds):
    net, (low, high) = linear(), bounds
    found = ascend_fooling_images(net, SHAPE, [0, 1], steps=1000, decay=0, bounds=bounds)
    weights = net[1].weight.detach().reshape(2, *SHAPE)
    optimum = low + (high - low) * torch.stack((weights[0] > weights[1], weights[1] > weights[0])).double()
    torch.testing.assert_close(found.images, optimum)
    torch.testing.assert_close(found.confidence, net(optimum).softmax(1).diag().detach())


def test_each_step_promises_what_it_is_to_promise_and_small_ones_keep_it():
    net = linear(3)
    found = ascend_fooling_images(net, SHAPE, [0, 1, 2], steps=30, decay=0, early=1e-4)
    torch.testing.assert_close(found.progress, torch.minimum(torch.full((30, 3), 1e-4), 0.1 * (1 - found.history[:-1])))
    torch.testing.assert_close(found.history.diff(dim=0), found.progress, rtol=0.02, atol=0)
    late = ascend_fooling_images(linear(3, 20.0), SHAPE, [0], steps=100, decay=0)
    near = late.history[:-1] > 0.75
    assert near.any()
    torch.testing.assert_close(late.progress[near], 0.1 * (1 - late.history[:-1][near]).double())
    bounded = ascend_fooling_images(net, SHAPE, [0], steps=1, decay=0, largest_rate=1.0)
    assert float(bounded.progress) < 1e-4


def test_the_gradient_is_that_of_the_probability():
    net, weights = linear(3, 3.0), []
    found = ascend_fooling_images(net, SHAPE, [1], steps=1, decay=0, mean=torch.full(SHAPE, 0.5), seed=4)
    start = 0.5 + torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(4)).double() / 255
    p = net(start).softmax(1).detach()[0]
    weights = net[1].weight.detach()
    gradient = (p[1] * (weights[1] - p @ weights)).reshape(SHAPE)
    step = min(0.03, 0.1 * (1 - float(p[1]))) / gradient.square().sum()
    torch.testing.assert_close(found.images[0], (start[0] + step * gradient).clamp(0, 1))


def test_decay_pulls_towards_the_mean_image_and_not_towards_black():
    class Flat(nn.Module):  # a gradient that is next to nothing
        def forward(self, images):
            return 1e-9 * images.flatten(1)[:, :2]

    mean = torch.rand(SHAPE)
    found = ascend_fooling_images(Flat(), SHAPE, [0], steps=400, decay=0.05, mean=mean, early=0.0)
    torch.testing.assert_close(found.images[0], mean, atol=1e-6, rtol=0)


def test_an_image_without_a_gradient_stays_as_it_is():
    found = ascend_fooling_images(lambda images: 0 * images.flatten(1), SHAPE, [0, 3], steps=5, decay=0.5)
    assert (found.progress == 0).all()
    start = 0.5 + torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(0)) / 255
    torch.testing.assert_close(found.images, start)


def test_the_first_step_that_answers_and_that_reaches_a_confidence_are_told():
    net = linear(3, 40.0)
    found = ascend_fooling_images(net, SHAPE, [0, 1, 2], steps=100, decay=0)
    for place in range(3):
        first = int(found.answered[place])
        shorter = [
            ascend_fooling_images(net, SHAPE, [0, 1, 2], steps=n, decay=0).images[place]
            for n in (first, first - 1)
            if n > 0
        ]
        answers = [int(net(image[None]).argmax()) == place for image in shorter]
        assert answers == [True, False][: len(answers)]
        at = int(found.reached(0.99)[place])
        assert found.history[at, place] >= 0.99
        assert (found.history[:at, place] < 0.99).all()


def test_smoothing_blurs_every_few_steps_and_drops_small_pixels():
    net = linear(2, 5.0)
    rough = ascend_fooling_images(net, (1, 4, 4), [0], steps=60, decay=0)
    smooth = ascend_fooling_images(net, (1, 4, 4), [0], steps=60, decay=0, smoothing=Smoothing(every=2, radius=1.0))

    def variation(images):
        return float(images.diff(dim=3).abs().mean() + images.diff(dim=2).abs().mean())

    assert variation(smooth.images) < 0.7 * variation(rough.images)
    few = ascend_fooling_images(net, (1, 4, 4), [0], steps=60, decay=0, smoothing=Smoothing(drop=0.75))
    assert int((few.images != 0.5).sum()) == 4
    none = ascend_fooling_images(net, (1, 4, 4), [0], steps=60, decay=0, smoothing=Smoothing(radius=0.2))
    assert torch.equal(none.images, rough.images)


def test_the_network_is_left_as_it_was(left_as_found):
    net = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(16, 3)).train()
    net[2].bias.requires_grad_(False)
    before = left_as_found(net)
    found = ascend_fooling_images(net, SHAPE, [0, 2], steps=3)
    assert left_as_found(net) == before
    assert found.images.dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "net"}, "model must be a network or a function"),
        ({"model": lambda images: torch.ones(len(images), 2)}, "must be differentiable"),
        ({"classes": [2]}, "classes must be a class number from 0 to 1"),
        ({"classes": []}, "classes must name at least one"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"decay": 2.0}, "decay must be at most 1"),
        ({"early": -0.1}, "early must not be negative"),
        ({"mean": torch.zeros(1, 3, 3)}, "mean must have shape"),
        ({"mean": torch.full(SHAPE, 7.0)}, "mean must lie within 0 to 1"),
        ({"mean": torch.full(SHAPE, torch.nan)}, "mean hold NaN"),
        ({"bounds": (0, float("inf"))}, "bounds must be two numbers, the lower first, both finite"),
        ({"model": lambda images: images.flatten(1)[:, :1]}, "of two classes or more"),
    ],
)
def test_what_cannot_be_ascended_is_named(change, words, unchecked):
    with pytest.raises(InputError, match=words):
        ascend_fooling_images(**{"model": linear(), "shape": SHAPE, "classes": [0], "steps": 2} | change)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"every": 0}, "every must be"), ({"radius": torch.inf}, "radius must be"), ({"drop": 1.5}, "drop must lie")],
)
def test_smoothing_that_cannot_be_is_named(options, words):
    with pytest.raises(InputError, match=words):
        Smoothing(**options)


def test_half_precision_climbs_as_far_as_single_precision():
    net = nn.Sequential(nn.Flatten(), nn.Linear(64 * 64, 3))
    torch.manual_seed(0)
    nn.init.normal_(net[1].weight, std=1e-4)  # squares of gradients are 0 in half precision
    given = {"shape": (1, 64, 64), "classes": [0, 1, 2], "steps": 60}
    single = ascend_fooling_images(net, **given)
    half = ascend_fooling_images(net.half(), **given)
    assert half.images.dtype == torch.float16
    assert float(single.confidence.min()) > 0.34
    torch.testing.assert_close(half.confidence, single.confidence, atol=5e-3, rtol=0)


@pytest.mark.filterwarnings("error")
def test_probabilities_and_inference_mode_give_the_same_images():
    net = linear(3)
    wanted = ascend_fooling_images(net, SHAPE, [0, 2], steps=20).images
    told = ascend_fooling_images(nn.Sequential(net, nn.Softmax(1)), SHAPE, [0, 2], steps=20).images
    torch.testing.assert_close(told, wanted)
    with torch.inference_mode():
        assert torch.equal(ascend_fooling_images(net, SHAPE, [0, 2], steps=20).images, wanted)


def chain(**options):
    seen = []

    def train(images, labels, classes, number):
        seen.append((images, labels, classes, number))
        return linear(classes, seed=number).float()

    real, labels = torch.rand(12, *SHAPE), torch.tensor([0, 1, 2] * 4)
    given = {"rounds": 3, "generations": 2, "batch": 6} | options
    return real, seen, retrain_with_fooling_class(train, real, labels, **given)


def test_each_network_is_taught_all_images_found_before_it_as_one_further_class():
    real, seen, rounds = chain()
    assert [each[2:] for each in seen] == [(3, 0), (4, 1), (4, 2), (4, 3)]
    for number, (images, labels, _, _) in enumerate(seen):
        assert torch.equal(images[:12], real)
        assert labels[:12].tolist() == [0, 1, 2] * 4
        assert labels[12:].tolist() == [3] * (4 * number)  # the mean size of a class
        earlier = [torch.cat([found.images for found in each.found])[:4] for each in rounds[:number]]
        assert torch.equal(images[12:], torch.cat([real[:0], *earlier]))
        assert torch.equal(rounds[number].taught, images[12:])
    assert all(found.classes.tolist() == [0, 1, 2] for each in rounds for found in each.found)
    assert all(len(each.found) == 2 for each in rounds)
    torch.testing.assert_close(
        rounds[0].confidence, (rounds[0].found[0].confidence + rounds[0].found[1].confidence) / 2
    )


def test_how_many_are_added_can_be_said():
    _, seen, rounds = chain(rounds=2, added=7, encoding="direct")
    assert [len(each[0]) for each in seen] == [12, 19, 26]
    assert len(rounds[0].found) == 3


def test_a_classifier_without_the_further_class_is_named():
    real, labels = torch.rand(6, *SHAPE), torch.tensor([0, 1, 2] * 2)
    with pytest.raises(InputError, match="train must return a classifier of 4 classes, got one of 3"):
        retrain_with_fooling_class(
            lambda images, labels, classes, number: linear(3).float(), real, labels, rounds=1, generations=1, batch=4
        )


def test_some_are_added_where_classes_are_more_than_images():
    real, labels = torch.rand(2, *SHAPE), torch.tensor([0, 9])
    rounds = retrain_with_fooling_class(
        lambda images, labels, classes, number: linear(classes).float(), real, labels, rounds=1, generations=1, batch=4
    )
    assert len(rounds[1].taught) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [({"rounds": -1}, "rounds must not be negative"), ({"added": 0}, "added must be at least 1")],
)
def test_chains_that_cannot_be_are_named(options, words):
    with pytest.raises(InputError, match=words):
        chain(**options)
