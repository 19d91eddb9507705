"""The game's values and the nearest images, against everything tried."""

import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.robustness.feature_guided_attack.games import exact_value, fewest, linear
from torch import nn

from netopsy.robustness.feature_guided_attack import Keypoints, feature_guided_search, feature_guided_searches

GAINS, REGIONS = [0.6, 0.5, 0.1, 0.45, 0.05], [[0, 1, 2], [3, 4]]
IMAGE = torch.rand(3, 10, 9, generator=torch.Generator().manual_seed(5))
NO_KEYPOINTS = Keypoints(torch.zeros(1, 2), torch.ones(1), torch.ones(1))


def play(gains, regions, margin=1.0, **options):
    numbers = torch.full((1, len(gains)), -1)
    for number, own in enumerate(regions):
        numbers[0, own] = number
    image = torch.zeros(1, 1, len(gains))
    options = {"regions": numbers, "keypoints": NO_KEYPOINTS, **options}
    return feature_guided_search(linear(gains, margin), image, **options)


@pytest.mark.parametrize(("player", "value"), [("cooperative", 1 / 2), ("random", 7 / 18), ("adversarial", 1 / 3)])
@pytest.mark.parametrize("selection", ["sample", "argmax"])
def test_a_search_that_backs_up_the_game_ends_at_its_exact_value(player, value, selection):
    assert exact_value(GAINS, REGIONS, 1.0, player) == pytest.approx(value)
    found = play(GAINS, REGIONS, player=player, backup="game", selection=selection)
    assert found.value == pytest.approx(value)
    assert found.severity == 2


games = st.lists(st.floats(0.05, 1).map(lambda it: round(it, 2)), min_size=2, max_size=5)


@settings(max_examples=15, deadline=None)
@given(games, st.integers(0, 2**20), st.sampled_from(["cooperative", "random", "adversarial"]), st.data())
def test_so_does_every_small_game(gains, seed, player, data):
    cut = data.draw(st.integers(1, len(gains)))
    regions = [part for part in (list(range(cut)), list(range(cut, len(gains)))) if part]
    margin = 0.4 * sum(gains) + 0.0037  # no subset's sum is so near to it that rounding decides
    found = play(gains, regions, margin, player=player, backup="game", seed=seed)
    assert found.value == pytest.approx(exact_value(gains, regions, margin, player))
    assert found.severity == fewest(gains, margin)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0.05, 1).map(lambda it: round(it, 2)), min_size=2, max_size=7), st.integers(0, 99))
def test_the_cooperative_search_finds_the_fewest_pixels(gains, seed):
    margin = 0.5 * sum(gains) + 0.0037
    found = play(
        gains, [list(range(0, len(gains), 2)), list(range(1, len(gains), 2))], margin, seed=seed, max_queries=400
    )
    assert found.severity == fewest(gains, margin)
    assert found.minimal


def test_values_come_nearer_with_more_queries():
    """On a game too large to be played out, of 12 moves."""
    gains = [round(0.1 + 0.07 * ((5 * number) % 12), 2) for number in range(12)]
    regions = [list(range(6)), list(range(6, 12))]
    wanted = fewest(gains, 2.9)
    errors = [
        sum(
            abs(1 / play(gains, regions, 2.9, max_queries=count, seed=seed, backup="game").severity - 1 / wanted)
            for seed in range(3)
        )
        for count in (30, 800)
    ]
    assert errors[1] == 0
    assert errors[0] > 0


def test_players_are_worth_what_their_names_say():
    values = {
        player: play(GAINS, REGIONS, player=player, backup="game", max_queries=60).value
        for player in ("cooperative", "random", "adversarial")
    }
    assert values["cooperative"] > values["random"] > values["adversarial"] > 0


class Counting(nn.Module):
    """A network that counts the rows it is shown."""

    def __init__(self):
        super().__init__()
        self.rows = self.calls = 0
        torch.manual_seed(3)
        self.net = nn.Sequential(nn.Conv2d(3, 6, 3), nn.Tanh(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 4))
        with torch.no_grad():  # the classes are near to one another, so that a few pixels decide
            self.net[-1].bias -= self.net(IMAGE[None])[0] - torch.tensor([0.04, 0.0, 0.01, 0.02])

    def forward(self, images):
        self.rows += len(images)
        self.calls += 1
        return self.net(images)


@pytest.mark.parametrize("mode", ["mcts", "saliency"])
@pytest.mark.parametrize("most", [1, 57, 300])
def test_queries_are_the_rows_that_the_network_saw_and_never_more_than_allowed(mode, most):
    net = Counting()
    found = feature_guided_search(net, IMAGE, mode=mode, max_queries=most)
    assert found.n_queries == net.rows <= most
    assert net.calls < net.rows or most == 1


@pytest.mark.parametrize("mode", ["mcts", "saliency"])
@pytest.mark.parametrize("norm", [0, 1, 2])
def test_what_is_found_is_of_another_class_at_the_distance_told_and_needs_every_pixel(mode, norm):
    net = Counting()
    found = feature_guided_search(net, IMAGE, mode=mode, norm=norm, max_queries=600)
    assert found.success
    assert found.minimal
    answers = net(torch.stack([IMAGE, found.adversarial])).argmax(1).tolist()
    assert answers == [found.label, found.predicted]
    assert found.label != found.predicted
    change = found.adversarial - IMAGE
    changed = change.abs().amax(0) > 0
    assert {tuple(each) for each in changed.nonzero().tolist()} == {
        tuple(each) for each in found.manipulations.tolist()
    }
    wanted = {0: int(changed.sum()), 1: float(change.abs().sum()), 2: float(change.norm())}[norm]
    assert found.severity == pytest.approx(wanted, rel=1e-5)
    for row, column in found.manipulations.tolist():
        restored = found.adversarial.clone()
        restored[:, row, column] = IMAGE[:, row, column]
        assert int(net(restored[None]).argmax(1)) == found.label
    severities = [severity for _, severity in found.history]
    assert severities == sorted(severities, reverse=True)
    assert severities[-1] == found.severity


def test_pixels_go_to_the_farther_bound_by_tau_all_channels_together():
    found = feature_guided_search(Counting(), IMAGE, tau=0.25, max_queries=700)
    flipped = torch.where(IMAGE > 0.5, IMAGE - 0.25, IMAGE + 0.25)
    assert found.success
    rows, columns = found.manipulations.T
    assert torch.equal(found.adversarial[:, rows, columns], flipped[:, rows, columns])


def test_with_both_signs_a_pixel_is_still_changed_once():
    found = feature_guided_search(Counting(), IMAGE, tau=0.5, signs="both", max_queries=700)
    assert found.success
    assert len({tuple(each) for each in found.manipulations.tolist()}) == len(found.manipulations) == found.severity


def test_nothing_beyond_the_budget_is_found_or_worth_anything():
    found = play(GAINS, REGIONS, budget=1)
    assert not found.success
    assert found.value == 0
    assert found.severity == float("inf")
    assert torch.equal(found.adversarial, found.image)
    assert play(GAINS, REGIONS, budget=2).severity == 2


def test_a_wrong_classifier_needs_no_search():
    found = feature_guided_search(Counting(), IMAGE, 3 - int(Counting()(IMAGE[None]).argmax(1)))
    assert (found.success, found.severity, found.n_queries) == (True, 0.0, 1)
    assert found.predicted != found.label
    assert torch.equal(found.adversarial, IMAGE)


def test_the_seed_decides_all_and_nothing_global_does(left_as_found):
    net = Counting().train()
    before, state = left_as_found(net), torch.get_rng_state()
    one, same = (feature_guided_search(net, IMAGE, max_queries=300, seed=4) for _ in range(2))
    other = feature_guided_search(net, IMAGE, max_queries=300, seed=5)
    assert torch.equal(one.adversarial, same.adversarial)
    assert one.history == same.history != other.history
    assert left_as_found(net) == before
    assert torch.equal(torch.get_rng_state(), state)


def test_probabilities_of_an_array_library_are_as_good_as_scores():
    net = Counting()
    ours = feature_guided_search(net, IMAGE, max_queries=300)
    theirs = feature_guided_search(lambda images: net(images).softmax(1).detach().numpy(), IMAGE, max_queries=300)
    assert torch.equal(ours.adversarial, theirs.adversarial)


def test_a_longer_stride_asks_less_for_a_playout():
    gains = [0.1] * 60
    asked = [play(gains, [list(range(60))], 3.9, max_queries=100, stride=stride).success for stride in (1, 10)]
    assert asked == [False, True]


def as_told(found):
    return found.success, found.severity, found.value, found.n_queries, found.history, found.manipulations.tolist()


@pytest.mark.parametrize("options", [{}, {"mode": "saliency", "norm": 1}, {"backup": "game", "player": "random"}])
def test_several_images_have_the_searches_that_each_has_alone_in_fewer_calls(options):
    images = torch.stack([IMAGE, IMAGE.flip(2), 1 - IMAGE])
    apart, together = Counting(), Counting()
    alone = [
        feature_guided_search(apart, image, max_queries=150, seed=seed, **options) for seed, image in enumerate(images)
    ]
    found = feature_guided_searches(together, images, max_queries=150, seed=[0, 1, 2], **options)
    assert [as_told(one) for one in found] == [as_told(one) for one in alone]
    assert together.rows == apart.rows == sum(one.n_queries for one in found)
    assert together.calls < 0.7 * apart.calls


def test_each_of_several_images_has_its_own_label_keypoints_regions_and_seed():
    net, images = Counting(), torch.stack([IMAGE, IMAGE])
    said = int(net(IMAGE[None]).argmax(1))
    other = (said + 1) % 4
    first, second = feature_guided_searches(net, images, [None, other], max_queries=40)
    assert (first.label, second.label) == (said, other)
    assert (second.severity, second.n_queries) == (0.0, 1)
    left = torch.full((10, 9), -1)
    left[:, :4] = 0
    places = [Keypoints(torch.tensor([[x, 5.0]]), torch.ones(1), torch.ones(1)) for x in (2.0, 7.0)]
    regions = [left, left.flip(1)]
    found = feature_guided_searches(net, images, keypoints=places, regions=regions, max_queries=400)
    assert all(one.success for one in found)
    assert found[0].manipulations[:, 1].max() < 4
    assert found[1].manipulations[:, 1].min() > 4
    one, same = feature_guided_searches(net, images, max_queries=60)
    assert one.history != same.history or not torch.equal(one.manipulations, same.manipulations)


def test_a_playout_on_a_large_image_costs_by_its_moves_and_not_by_their_square():
    """Thousands of moves between two questions; a set of all moves made after each would take minutes."""
    image = torch.rand(1, 130, 130, generator=torch.Generator().manual_seed(0))
    start = time.process_time()
    found = feature_guided_search(
        lambda images: torch.stack([torch.ones(len(images)), torch.zeros(len(images))], 1),
        image, keypoints=NO_KEYPOINTS, region_pixels=None, max_queries=30, stride=5000,
    )  # fmt: skip
    assert not found.success
    assert time.process_time() - start < 5


@pytest.mark.parametrize("norm", [0, 1, 2])
@pytest.mark.parametrize("player", ["cooperative", "adversarial"])
def test_a_budget_of_exactly_the_distance_is_enough(norm, player):
    """Three pixels of equal gain; sums of costs that are rounded must not lose the move that reaches the budget."""
    gains = [0.1] * 7
    distance = {0: 3, 1: sum([0.7] * 3), 2: sum([0.7**2] * 3) ** 0.5}[norm]
    options = {"tau": 0.7, "norm": norm, "player": player}
    assert play(gains, [list(range(7))], 0.2, budget=distance * (1 + 1e-6), **options).success
    assert not play(gains, [list(range(7))], 0.2, budget=distance * 0.99, **options).success


def test_queries_that_end_before_an_estimate_still_say_what_was_found():
    options = {"margin": 9.5, "max_queries": 40, "backup": "game"}
    assert play(
        [1.0] * 40, [list(range(20)), list(range(20, 40))], player="cooperative", **options
    ).value == pytest.approx(1 / 10)
    assert play([1.0] * 40, [list(range(20)), list(range(20, 40))], player="adversarial", **options).value == 0
