import numpy as np
import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.interpretability.causal_paths import irof, local_lipschitz


def test_lipschitz_constant_of_a_linear_map_is_bounded_by_its_norm():
    matrix = torch.randn(16, 16, generator=torch.Generator().manual_seed(0))
    images = torch.rand(5, 1, 4, 4)
    found = local_lipschitz(lambda x: x.flatten(1) @ matrix.T, images, n=50)
    assert (found <= torch.linalg.matrix_norm(matrix, 2) + 1e-4).all()
    assert (found > 0).all()


def test_lipschitz_equals_a_loop():
    images, random = torch.rand(3, 1, 4, 4), torch.Generator().manual_seed(7)
    noise = torch.randn(6, 3, 1, 4, 4, generator=random) * 0.2 + 0.1
    expected = [
        max(
            float((torch.sin(images[i] + noise[k, i]) - torch.sin(images[i])).norm() / noise[k, i].norm())
            for k in range(6)
        )
        for i in range(3)
    ]
    found = local_lipschitz(torch.sin, images, n=6, std=0.2, seed=7)
    assert found.tolist() == pytest.approx(expected, rel=1e-5)


class Brightness(nn.Module):
    """Class 1 has as its score the brightness of the upper left quarter."""

    def forward(self, x):
        half = x.shape[2] // 2, x.shape[3] // 2
        bright = x[:, :, : half[0], : half[1]].mean((1, 2, 3))
        return torch.stack([torch.zeros_like(bright), 10 * bright], 1)


def test_what_matters_taken_first_lowers_the_curve_most():
    images = torch.zeros(2, 1, 16, 16)
    images[:, :, :8, :8] = 1 + 0.01 * torch.rand(2, 1, 8, 8)
    right = torch.zeros(2, 16, 16)
    right[:, :8, :8] = 1
    good, bad = (irof(Brightness(), images, one, 1, n_segments=16, baseline="zero") for one in (right, 1 - right))
    assert (good.area < bad.area).all()
    assert torch.allclose(good.curve[:, 0], torch.ones(2))
    assert good.curve[0, -1] == pytest.approx(0.5, abs=1e-3)


def test_curve_equals_removing_segments_one_by_one():
    from skimage.segmentation import slic

    torch.manual_seed(0)
    image, attribution = torch.rand(1, 3, 12, 12), torch.rand(1, 12, 12)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 144, 4))
    shown = (image - image.min()) / (image.max() - image.min())
    cut = slic(shown[0].permute(1, 2, 0).double().numpy(), n_segments=9, start_label=0, channel_axis=-1)
    order = sorted(np.unique(cut), key=lambda s: -attribution[0].numpy()[cut == s].mean())
    edited, curve = image.clone(), []
    for segment in [None, *order]:
        if segment is not None:
            edited[0, :, torch.from_numpy(cut == segment)] = image.mean((2, 3)).T
        curve.append(model(edited).softmax(1)[0, 2].item())
    found = irof(model, image, attribution, 2, n_segments=9)
    assert found.curve[0].tolist() == pytest.approx([value / curve[0] for value in curve], rel=1e-4)
    expected = np.trapezoid(np.array(curve) / curve[0]) / (len(curve) - 1)
    assert float(found.area[0]) == pytest.approx(expected, rel=1e-4)


def test_a_class_for_each_image_and_small_batches_change_nothing():
    torch.manual_seed(0)
    images, maps = torch.rand(3, 1, 12, 12), torch.rand(3, 12, 12)
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 4))
    one = irof(model, images, maps, torch.tensor([2, 0, 1]), n_segments=8)
    other = irof(model, images, maps, torch.tensor([2, 0, 1]), n_segments=8, batch_size=1)
    torch.testing.assert_close(one.area, other.area)
    torch.testing.assert_close(one.area[:1], irof(model, images[:1], maps[:1], 2, n_segments=8).area)


def test_bad_input_is_named(unchecked):
    images = torch.rand(2, 1, 12, 12)
    with pytest.raises(InputError, match=r"attributions must be \[2, 12, 12\]"):
        irof(Brightness(), images, torch.rand(2, 6, 6), 0)
    with pytest.raises(InputError, match="baseline"):
        irof(Brightness(), images, torch.rand(2, 12, 12), 0, baseline="blur")
    with pytest.raises(InputError, match="out of range"):
        irof(Brightness(), images, torch.rand(2, 12, 12), 5)
    with pytest.raises(InputError, match="finite"):
        irof(Brightness(), images, torch.full((2, 12, 12), torch.nan), 0)
    with pytest.raises(InputError, match="n must be"):
        local_lipschitz(torch.sin, images, n=0)
    with pytest.raises(InputError, match="one explanation an image"):
        local_lipschitz(lambda x: x[:1], images)
