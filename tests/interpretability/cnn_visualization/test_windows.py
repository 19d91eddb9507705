import pytest
import torch

from netopsy.core.split import run_to
from netopsy.interpretability.cnn_visualization import windows
from netopsy.interpretability.receptive_field import receptive_field
from netopsy.lab.subjects.patches import PatchSetting, trained

SMALL = PatchSetting(train_images=64, test_images=32, widths=(3, 4, 5), hidden=8, epochs=1)


def test_a_filter_has_settled_when_it_stays():
    alike = torch.tensor([[1.0, 0.2, 0.95, 0.9], [0.5, 0.95, 0.95, 0.9], [0.95, 0.95, 0.95, 0.9], [1, 1, 1, torch.nan]])
    assert windows.settling(alike, 0.9) == [2, 1, 0, None]


def test_silent_filters_have_no_cosine():
    looks = torch.randn(3, 4, 1, 2, 2)
    looks[1, 0] = 0
    looks[2, 1] = 0
    found = windows.cosines(looks)
    assert found[1, 0] == 0
    assert bool(found[:, 1].isnan().all())
    expected = torch.cosine_similarity(looks[0, 2].flatten(), looks[2, 2].flatten(), dim=0)
    assert found[0, 2] == pytest.approx(float(expected), abs=1e-5)


def test_projections_of_the_first_layer_are_its_filters_wherever_their_image_is():
    parts = trained(SMALL, 0)
    images, layer = parts.train.inputs[:20], "features.act1"
    field = receptive_field(parts.model, layer, images)
    found = windows.projections(parts.model, layer, images, field)
    height = run_to(parts.model, layer, images).flatten(2).amax((0, 2)).detach()
    filters = parts.model.features.conv1.weight.detach()
    assert found.shape == filters.shape
    for unit in range(3):
        # Off the image's edge there is nothing.
        inside = found[unit] != 0
        assert bool(inside.any()) == bool(height[unit] > 0)
        torch.testing.assert_close(found[unit][inside], (filters[unit] * height[unit])[inside])


def test_top_windows_are_of_the_images_in_which_a_filter_is_highest():
    parts = trained(SMALL, 0)
    images, layer = parts.train.inputs[:20], "features.act1"
    field = receptive_field(parts.model, layer, images)
    projected, seen = windows.top_windows(parts.model, layer, images, field, 9)
    conv = parts.model.features.conv1
    assert projected.shape == seen.shape == (len(conv.weight), 9, 1, 5, 5)
    reached = (seen * conv.weight.detach()[:, None]).sum((2, 3, 4)) + conv.bias.detach()[:, None]
    highest = run_to(parts.model, layer, images).flatten(2).amax(2).detach().T.sort(descending=True).values[:, :9]
    torch.testing.assert_close(reached.relu(), highest)
    assert torch.equal(projected[:, 0], windows.projections(parts.model, layer, images, field))
