import itertools

import numpy as np
import pytest
import torch
from tests.studies.made_up import verdicts
from torch import nn

from netopsy.studies.robustness.feature_guided_attack.jacobian import easiest, jacobian_saliency_attack
from netopsy.studies.robustness.feature_guided_attack.measure import fewest_of_all, playouts_alone


def table(game=3.0, white=4.0, success=1.0, guided=5.0, chance=6.0, share=0.9, worth=(0.5, 0.4, 0.3), spread=0.05):
    """Made-up rows of 5 networks with 4 images each."""
    random, rows = np.random.default_rng(0), []
    values = {
        "attacks": {"game": game, "Jacobian saliency": white, "Jacobian saliency, reduced": white - 0.5},
        "regions": {"keypoints": guided, "random": chance},
        "optimum": {"tree search": share, "playouts alone": share - 0.1},
        "players": dict(zip(("cooperative", "random", "adversarial"), worth, strict=True)),
    }
    for seed, image in itertools.product(range(5), range(4)):
        at = {"seed": seed, "image": image}
        rows.append({"measure": "success", **at, "value": success, "asked": 1000})
        for measure, methods in values.items():
            for method, value in methods.items():
                more = {"reached": True, "keypoints": True, "success": True}
                noise = float(random.normal(0, spread))
                rows.append({"measure": measure, **at, "method": method, "value": value + noise, **more})
        rows.append({"measure": "attacks", "seed": seed, "image": 9, "method": "Jacobian saliency", "value": 0.0,
                     "reached": False})  # fmt: skip
    return rows


@pytest.mark.parametrize(
    ("number", "options", "answer"),
    [
        (1, {}, "holds"),
        (1, {"game": 4.5}, "holds"),
        (1, {"game": 5.5}, "does not hold"),
        (1, {"success": 0.8}, "does not hold"),
        (1, {"game": 5.0, "spread": 0.6}, "undecided"),
        (2, {}, "holds"),
        (2, {"guided": 6.5}, "does not hold"),
        (2, {"guided": 6.0, "spread": 0.5}, "undecided"),
        (3, {}, "holds"),
        (3, {"share": 0.4}, "does not hold"),
        (4, {}, "holds"),
        (4, {"worth": (0.5, 0.3, 0.4)}, "does not hold"),
        (4, {"worth": (0.3, 0.5, 0.2)}, "does not hold"),
    ],
)
def test_each_claim_can_hold_fail_and_stay_open(number, options, answer):
    assert verdicts("feature-guided-attack", table(**options))[number].verdict == answer


def test_images_that_the_white_box_attack_cannot_change_do_not_count():
    part = verdicts("feature-guided-attack", table(spread=0.0))[1].parts[0]
    assert part.estimate.value == pytest.approx(-1)
    assert part.beside["mean L0, Jacobian saliency"] == 4


def linear(weights):
    net = nn.Sequential(nn.Flatten(), nn.Linear(weights.shape[1], len(weights), bias=False))
    net[1].weight.data = weights
    return net


def test_all_subsets_are_tried():
    torch.manual_seed(0)
    net, image = linear(torch.randn(3, 9)), torch.rand(1, 3, 3)
    label = int(net(image[None]).argmax(1))
    pixels = torch.tensor([0, 2, 3, 5, 7, 8])
    wanted = None
    for count in range(1, 7):
        for some in itertools.combinations(pixels.tolist(), count):
            changed = image.clone().flatten()
            changed[list(some)] = (changed[list(some)] < 0.5).float()
            if wanted is None and int(net(changed.view(1, 1, 3, 3)).argmax(1)) != label:
                wanted = count
    assert fewest_of_all(net, image, label, pixels) == wanted is not None
    certain = linear(torch.zeros(2, 9))
    assert fewest_of_all(certain, image, 0, pixels) is None


def test_the_saliency_map_attack_takes_the_most_telling_pixels_first():
    weights = torch.zeros(3, 6)
    weights[1] = torch.tensor([0.1, 0.9, 0.2, 0.5, 0.0, 0.4])
    weights[0, :5] = -0.1
    weights[0, 5] = -0.4
    net, images = linear(weights), torch.zeros(1, 1, 1, 6)
    flips = jacobian_saliency_attack(net, images, torch.tensor([0]), 1, 6)
    assert flips.nonzero()[:, 1].tolist() == [5]  # the product 0.4 * 0.4 is the greatest, and one is enough
    changed = flips.float().view(1, 1, 1, 6)
    assert int(net(changed).argmax(1)) == 1
    assert easiest(net, images, torch.tensor([0]), 3, 6).sum() == 1
    assert not jacobian_saliency_attack(linear(torch.zeros(3, 6)), images, torch.tensor([0]), 1, 6).any()


def test_playouts_alone_ask_no_more_than_they_may():
    torch.manual_seed(1)
    net, images = linear(torch.randn(3, 9)), torch.rand(2, 1, 3, 3)
    labels = net(images).argmax(1)
    divided = [torch.zeros(3, 3, dtype=torch.int64)] * 2
    for image, label, history in zip(
        images, labels.tolist(), playouts_alone(net, images, labels, divided, 80, [0, 1]), strict=True
    ):
        assert history
        assert max(asked for asked, _ in history) <= 80
        everything = fewest_of_all(net, image, label, torch.arange(9))
        assert min(severity for _, severity in history) >= everything
