import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.core.split import run_to
from netopsy.interpretability.layer_maps import token_grid
from netopsy.interpretability.top_images import top_images
from netopsy.models import small_conv_net


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_equals_sorting_all_peaks(batch_size):
    model, images = small_conv_net(seed=0), torch.rand(11, 1, 12, 12)
    found = top_images(model, "features.conv3", images, k=4, batch_size=batch_size)
    maps = run_to(model, "features.conv3", images)
    for unit in range(maps.shape[1]):
        peaks = maps[:, unit].flatten(1).amax(1)
        order = peaks.argsort(descending=True)[:4]
        torch.testing.assert_close(found.values[unit], peaks[order])
        assert torch.equal(found.indices[unit], order)
        for image, row, column, value in zip(
            order, found.rows[unit], found.columns[unit], found.values[unit], strict=True
        ):
            torch.testing.assert_close(maps[image, unit, row, column], value)


def test_equal_images_come_in_their_order():
    images = torch.rand(1, 1, 12, 12).expand(6, 1, 12, 12)
    found = top_images(small_conv_net(seed=0), "features.act2", images, k=3, batch_size=2)
    assert found.indices[0].tolist() == [0, 1, 2]


def test_tokens_are_laid_out():
    model = nn.Sequential(nn.Flatten(2), nn.Identity())
    found = top_images(model, "1", torch.rand(3, 7, 2, 2), k=1, reshape=token_grid(2, 3, skip=1))
    assert found.values.shape == (4, 1)


def test_bad_input_is_named():
    model, images = small_conv_net(seed=0), torch.rand(3, 1, 12, 12)
    with pytest.raises(InputError, match="k must be from 1 to the number of images, 3, got 4"):
        top_images(model, "output", images, k=4)
    with pytest.raises(InputError, match="NaN"):
        top_images(model, "output", images * torch.nan, k=1)
    with pytest.raises(InputError, match="at least 1"):
        top_images(model, "output", images, k=1, batch_size=0)
