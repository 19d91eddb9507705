import pytest
import torch
from tests.robustness.safety_verification.nets import image_for, small
from torch import nn

from netopsy import InputError
from netopsy.robustness.safety_verification import Region, input_region, read_network, search
from netopsy.robustness.safety_verification.pullback import pull_back, track
from netopsy.robustness.safety_verification.region import extremal


def test_a_point_of_a_full_rank_layer_is_taken_back_by_its_inverse():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    image = torch.rand(1, 2, 2).double()
    network = read_network(net, image)
    on = track(network, image, Region((0, 1, 2, 3), (1.0,) * 4, (1,) * 4), 3, 4)
    wanted = torch.rand(1, 2, 2).double()
    target = net[1](wanted.flatten()).detach()[on.dims[-1]]
    (found,) = pull_back(on, target[None], (0, 1), 0.1)
    torch.testing.assert_close(found, wanted)
    assert len(pull_back(on, target[None] + 100, (0, 1), 0.1)) == 0


def test_images_taken_back_reach_their_targets_through_the_network():
    net, image = small("conv", seed=1, size=8).double(), image_for(1, 8, torch.float64)
    network = read_network(net, image)
    on = track(network, image, input_region(image, n_dims=4, span=0.5), 1, 3)
    before = net[:1](image[None]).detach()[0].flatten()
    targets = before[on.dims[1]] + torch.linspace(-0.05, 0.05, 5).double()[:, None]
    images = pull_back(on, targets, (0, 1), 0.0)
    assert len(images) > 0
    reached = net[:1](images).detach().flatten(1)[:, on.dims[1]]
    for one in reached:
        assert float((targets - one).abs().amax(1).min()) < 1e-6


@pytest.mark.parametrize(("layers", "mode"), [(("",), "convex"), (("1",), "line"), (("", "2"), "convex")])
@pytest.mark.parametrize("path", ["single", "multi"])
def test_a_search_ends_in_an_image_of_another_class_or_says_nothing(layers, mode, path):
    broken = 0
    for seed in (2, 3):  # nothing is found for the one, an image for the other
        net, image = small("dense", seed=seed), image_for(seed)
        dims, rounds = (2, 2) if mode == "line" else (3, 5)
        found = search(net, image, layers=layers, n_dims=dims, rounds=rounds, path=path, mode=mode, seed=1)
        assert found.status in ("unsafe", "unknown")
        if found.status == "unsafe":
            broken += 1
            assert int(net(found.counterexample[None]).argmax()) == found.found != int(net(image[None]).argmax())
            assert 0 <= float(found.counterexample.min()) <= float(found.counterexample.max()) <= 1
            assert found.distance(1) > 0
        else:
            assert "rounds" in found.reason
    assert broken == 1


def test_pixels_are_not_chosen_again_until_all_were():
    values = torch.tensor([0.0, 10.0, 4.9, 5.1, 1.0])
    assert extremal(values, 2) == [0, 1]
    assert extremal(values, 2, used=[0, 1]) == [3, 4]
    assert extremal(values, 2, used=range(5)) == [0, 1]
    assert extremal(values, 2, among=torch.tensor([False, False, True, True, False])) == [2, 3]


def test_the_same_seed_searches_the_same_way():
    net, image = small("dense", seed=2), image_for(2)
    first, again = (search(net, image, n_dims=2, rounds=8, seed=3) for _ in range(2))
    assert (first.status, first.evaluated) == (again.status, again.evaluated)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": ()}, "layers"),
        ({"rounds": 0}, "rounds"),
        ({"path": "wide"}, "path"),
        ({"tolerance": -1.0}, "tolerance"),
        ({"layers": ("nowhere",)}, "unknown layer"),
    ],
)
def test_what_a_search_refuses(options, message, unchecked):
    with pytest.raises(InputError, match=message):
        search(small("dense"), image_for(), **options)
