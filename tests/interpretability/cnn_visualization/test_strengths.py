import torch

from netopsy.interpretability.cnn_visualization import strengths
from netopsy.lab.subjects.patches import LAYERS, PatchSetting, trained

SMALL = PatchSetting(train_images=64, test_images=32, widths=(3, 4, 5), hidden=8, epochs=1)


def test_the_best_strength_counts_and_every_strength_is_tried_alike():
    parts = trained(SMALL, 0)
    tried, images = (1e-4, 10.0), parts.test.inputs[:3]
    options = {"steps": 10, "lr": 0.1, "seed": 0}
    made, errors, chosen = strengths.invert_at_best_strength(parts.model, LAYERS[0], images, tried, **options)
    assert errors.shape == (2, 3)
    assert torch.equal(chosen, torch.tensor(tried)[errors.argmin(0)])
    assert made.shape == images.shape
    assert torch.equal(strengths.image_error(images, images), torch.zeros(3))
    assert torch.allclose(strengths.image_error(2 * images, images), torch.ones(3))
