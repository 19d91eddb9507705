"""The archive against its whole history, and evolved images against the best there are."""

import numpy as np
import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.robustness.fooling_images import (
    CPPNEncoding,
    DirectEncoding,
    best_of_random,
    distance_to_real,
    evolve_fooling_images,
    map_elites,
    transfer_rate,
)
from netopsy.robustness.fooling_images.evolution import evolve_independently

SHAPE = (1, 4, 4)


def linear(classes=2, scale=1.0, seed=0):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, classes))
    net[1].weight.data *= scale
    return net


@pytest.mark.parametrize("encoding", [DirectEncoding(SHAPE), CPPNEncoding(SHAPE)])
def test_the_archive_is_the_best_of_all_that_was_ever_scored(encoding):
    every = []
    net = linear(5, 4.0)

    def score(images):
        return net(images).softmax(1).detach()

    found = map_elites(
        score,
        encoding,
        generations=12,
        batch=15,
        initial=7,
        callback=lambda number, images, scores: every.append((images, scores)),
    )
    best, which = torch.cat([scores for _, scores in every]).max(0)
    assert torch.equal(found.scores, best)
    assert torch.equal(found.images, torch.cat([images for images, _ in every])[which])
    torch.testing.assert_close(encoding.render(found.genomes), found.images)
    running = torch.stack([scores.max(0).values for _, scores in every]).cummax(0).values
    assert torch.equal(found.history, running)
    assert found.evaluations == 7 + 12 * 15 == sum(len(images) for images, _ in every)


def test_an_image_takes_a_cell_only_where_it_is_strictly_better():
    counted = []

    def score(images):  # every image is as good as every other
        counted.append(images)
        return torch.ones(len(images), 3)

    found = map_elites(score, DirectEncoding(SHAPE), generations=3, batch=4)
    assert torch.equal(found.images, counted[0][:1].expand(3, -1, -1, -1))


def test_parents_are_drawn_over_the_cells_and_not_over_the_images():
    class Watched(DirectEncoding):
        def children(self, parents, random, generation=0):
            drawn.append(parents)
            return parents

    drawn = []

    def score(images):  # the brightest image holds nine cells, the darkest one
        bright = images.mean((1, 2, 3))
        return torch.stack([bright] * 9 + [-bright], 1)

    map_elites(score, Watched(SHAPE), generations=40, batch=50, initial=20)
    darkest = min(float(each.mean()) for each in drawn[0])
    share = np.mean([float(each.mean()) == darkest for each in torch.cat(drawn)])
    assert 0.08 < share < 0.12


@pytest.mark.parametrize("bounds", [(0, 1), (-1.0, 3.0)])
def test_raw_pixels_of_a_linear_classifier_come_close_to_the_closed_form_and_never_pass_it(bounds):
    net, (low, high) = linear(2, 2.0), bounds
    found = evolve_fooling_images(net, SHAPE, "direct", generations=150, batch=100, bounds=bounds)
    weights = net[1].weight.detach().reshape(2, *SHAPE)
    optimum = low + (high - low) * torch.stack((weights[0] > weights[1], weights[1] > weights[0])).float()
    limit = net(optimum).softmax(1).diag().detach()
    assert (found.history.diff(dim=0) >= 0).all()
    assert (found.confidence <= limit + 1e-6).all()
    assert (found.confidence > limit - 0.02).all()
    torch.testing.assert_close(net(found.images).softmax(1).diag().detach(), found.confidence)


def test_the_network_is_left_as_it_was_and_the_seed_decides_all(left_as_found):
    net = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(16, 3)).train()
    before, state = left_as_found(net), torch.get_rng_state()
    options = {"generations": 5, "batch": 10}
    one, same, other = (evolve_fooling_images(net, SHAPE, seed=seed, **options) for seed in (1, 1, 2))
    assert left_as_found(net) == before
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.images, same.images)
    assert not torch.equal(one.images, other.images)


def test_some_classes_alone_a_function_that_returns_arrays_and_stopping_early():
    def predict(images):
        share = images.flatten(1).mean(1).numpy()
        return np.stack([share / 2, share / 2, 1 - share], 1)

    found = evolve_fooling_images(predict, SHAPE, "direct", classes=[2], generations=500, batch=10, enough=0.7)
    assert found.classes.tolist() == [2]
    assert float(found.confidence[0]) >= 0.7
    assert float(found.history[-2, 0]) < 0.7
    assert found.queries == 10 * len(found.history) < 5000
    assert found.reached(0.7).tolist() == [len(found.history) - 1]
    assert found.reached(0.999).tolist() == [-1]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
@pytest.mark.parametrize("encoding", ["direct", "cppn"])
def test_images_are_of_the_type_of_the_weights(dtype, encoding):
    net = linear(3).to(dtype)
    found = evolve_fooling_images(net, SHAPE, encoding, generations=3, batch=10)
    assert found.images.dtype == dtype
    assert transfer_rate(net, found.images, found.classes) > 0
    own = net(found.images).float().softmax(1).diag().detach()
    torch.testing.assert_close(own, found.confidence.float(), atol=2e-3, rtol=0)


def test_the_best_of_random_images_is_that_and_costs_as_much():
    net = linear(3)
    found = best_of_random(net, SHAPE, "direct", count=1000, batch=100)
    assert found.queries == 1000
    random = torch.Generator().manual_seed(0)
    drawn = [DirectEncoding(SHAPE).random(100, random)]
    for _ in range(9):
        torch.randint(3, (100,), generator=random)  # the parents, who leave nothing
        drawn.append(DirectEncoding(SHAPE).random(100, random))
    torch.testing.assert_close(found.confidence, net(torch.cat(drawn)).softmax(1).max(0).values.detach())


def test_distance_to_real_is_nearest_neighbours():
    real, made = torch.rand(600, 2, 3, 3), torch.rand(5, 2, 3, 3)
    points, others = real.flatten(1).double().numpy(), made.flatten(1).double().numpy()
    between = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(between, np.inf)
    wanted = np.linalg.norm(others[:, None] - points[None], axis=-1).min(1) / between.min(1).mean()
    np.testing.assert_allclose(distance_to_real(made, real).numpy(), wanted, rtol=1e-3)
    assert distance_to_real(real[:3], real).max() == 0


def test_images_transfer_to_the_same_network_and_not_to_one_that_says_the_opposite():
    net = linear(2, 5.0)
    found = evolve_fooling_images(net, SHAPE, "direct", generations=20)
    assert transfer_rate(net, found.images, found.classes) == 1.0
    assert transfer_rate(lambda images: -net(images), found.images, found.classes) == 0.0


def test_they_are_shown_with_class_and_confidence():
    found = evolve_fooling_images(linear(3), SHAPE, generations=2, batch=10)
    axes = found.plot(class_names=["cat", "a$b"])
    assert [ax.get_title().split("\n")[0] for ax in axes] == ["cat", r"a\$b", "2"]
    assert len(found.plot(most=2)) == 2
    with pytest.raises(InputError, match="axes must be at least 3"):
        found.plot(axes[:1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": nn.Linear}, "model must be a network or a function"),
        ({"model": nn.Sequential(nn.Flatten(), nn.Linear(9, 2))}, "do not go through the network"),
        ({"classes": [2]}, "classes must be a class number from 0 to 1, got 2"),
        ({"classes": [-1]}, "classes must be a class number from 0 up"),
        ({"classes": []}, "classes must name at least one"),
        ({"bounds": (1, 0)}, "bounds must be two numbers, the lower first, both finite"),
        ({"generations": -1}, "generations and batch must be positive"),
        ({"initial": 0}, "initial must be at least 1"),
        ({"shape": (4, 4)}, "shape must be"),
        ({"encoding": DirectEncoding((3, 4, 4))}, r"encoding must be made for shape, \(1, 4, 4\)"),
        ({"encoding": DirectEncoding}, "encoding must be 'direct', 'cppn' or an encoding with"),
        ({"enough": float("nan")}, "enough must be a number"),
        ({"encoding": "dirct"}, "unknown encoding 'dirct': did you mean 'direct'"),
    ],
)
def test_what_cannot_be_fooled_is_named(change, words, unchecked):
    given = {"model": linear(), "shape": SHAPE, "encoding": "direct", "generations": 1, "batch": 4} | change
    with pytest.raises(InputError, match=words):
        evolve_fooling_images(**given)


def test_scores_and_real_images_that_cannot_be_used_are_named(unchecked):
    with pytest.raises(InputError, match="one row of finite numbers an image"):
        map_elites(lambda images: images.flatten(1)[:1], DirectEncoding(SHAPE), generations=1, batch=4)
    with pytest.raises(InputError, match="one row of finite numbers an image"):
        map_elites(lambda images: images.flatten(1)[:, :0], DirectEncoding(SHAPE), generations=1, batch=4)
    with pytest.raises(InputError, match="device must hold values"):
        map_elites(lambda images: images.flatten(1), DirectEncoding(SHAPE), generations=1, batch=4, device="meta")
    with pytest.raises(InputError, match="one shape"):
        distance_to_real(torch.rand(2, 1, 2, 2), torch.rand(2, 1, 3, 3))
    with pytest.raises(InputError, match="at least two"):
        distance_to_real(torch.rand(2, 1, 2, 2), torch.rand(1, 1, 2, 2))
    with pytest.raises(InputError, match="must differ"):
        distance_to_real(torch.rand(2, 1, 8, 8), torch.rand(1, 1, 8, 8).expand(100, 1, 8, 8))
    with pytest.raises(InputError, match="labels must be a class number"):
        transfer_rate(linear(), torch.rand(2, *SHAPE), torch.tensor([0, 2]))


@pytest.mark.parametrize("encoding", ["direct", "cppn"])
def test_evolutions_that_run_together_come_out_as_each_does_alone(encoding):
    net, asked = linear(3, 3.0), []

    def seen(images):
        asked.append(len(images))
        return net(images)

    options = {"classes": [0, 2], "generations": 9, "batch": 12, "initial": 5, "enough": 0.8, "bounds": (0, 1)}
    randoms = [torch.Generator().manual_seed(seed) for seed in range(3)]
    together = evolve_independently(seen, SHAPE, encoding, randoms, **options)
    assert asked[0] == 15
    assert sum(asked) == sum(each.queries for each in together)
    for seed, each in enumerate(together):
        alone = evolve_fooling_images(net, SHAPE, encoding, seed=seed, **options)
        torch.testing.assert_close(each.images, alone.images)
        torch.testing.assert_close(each.history, alone.history)
        assert each.queries == alone.queries


def test_an_encoding_that_gives_another_number_of_images_is_named(unchecked):
    class Short(DirectEncoding):
        def render(self, genomes, *, device="cpu"):
            return super().render(genomes, device=device)[1:]

    with pytest.raises(InputError, match="as many images as were asked for, 6, got 5"):
        evolve_fooling_images(linear(), SHAPE, Short(SHAPE), generations=1, batch=6)
