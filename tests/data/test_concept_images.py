import pytest
import torch
from scipy.stats import chisquare

from netopsy import InputError
from netopsy.data.concept_images import SHAPES, ConceptImages, concept_images
from netopsy.data.concept_images import TEXTURES as PATTERNS


@pytest.mark.parametrize(("size", "channels"), [(48, 3), ((20, 33), 3), (8, 1), (6, 2)])
def test_every_pixel_shows_what_its_labels_say(size, channels):
    drawn = concept_images(60, size=size, channels=channels, noise=0.0)
    height, width = (size, size) if isinstance(size, int) else size
    assert drawn.images.shape == (60, channels, height, width)
    first = "colour" if channels == 3 else "tone"
    assert list(drawn.labels) == list(drawn.names) == [first, "texture", "shape"]
    tone, texture, shape = (drawn.labels[name] for name in drawn.labels)
    figure = shape >= 0
    assert torch.equal(tone >= 0, figure)
    assert torch.equal(texture >= 0, figure)
    assert bool(figure.flatten(1).any(1).all())
    assert not bool(figure.flatten(1).all(1).any())
    # A colour is one point or, where the texture is dark, 0.35 of it; plain texture is never dark.
    for number in range(len(drawn.names[first])):
        seen = drawn.images.movedim(1, -1)[tone == number]
        brightest = seen.flatten(0, -2).amax(0)
        share = seen / brightest
        assert bool((((share - 1).abs() < 1e-5) | ((share - 0.35).abs() < 1e-5)).all())
        plain = drawn.images.movedim(1, -1)[(tone == number) & (texture == 0)]
        torch.testing.assert_close(plain, brightest.expand_as(plain))


def test_the_background_is_grey_and_concepts_are_rare_and_independent():
    drawn = concept_images(1500, size=32, noise=0.0)
    outside = drawn.images.movedim(1, -1)[drawn.labels["shape"] < 0]
    assert bool((outside == outside[:, :1]).all())
    assert float(outside.std()) > 0.2
    for place, category in enumerate(drawn.names):
        labels = drawn.labels[category].long()
        assert torch.equal(labels.flatten(1).amax(1), drawn.figures[:, place])
        share = torch.bincount(labels.flatten() + 1)[1:] / labels.numel()
        assert 0.005 < float(share.min()) < float(share.max()) < 0.06
    joint = torch.bincount(drawn.figures[:, 0] * 8 + drawn.figures[:, 2], minlength=64)
    assert chisquare(joint.numpy()).pvalue > 1e-3


def test_stripes_run_as_they_are_called():
    drawn = concept_images(200, size=32, channels=1, noise=0.0)
    texture, images = drawn.labels["texture"], drawn.images[:, 0]
    inside = {axis: texture == texture.roll(1, axis) for axis in (1, 2)}
    for name, still in (("horizontal", 2), ("vertical", 1)):
        for axis in (1, 2):
            pair = (texture == PATTERNS.index(name)) & inside[axis]
            pair.select(axis, 0).fill_(False)
            change = (images != images.roll(1, axis))[pair].float().mean()
            assert (change == 0) == (axis == still)


def test_areas_of_shapes_are_those_of_geometry():
    """A disc to the square around it as pi to 4; a ring less its hole of half the radius."""
    drawn = concept_images(400, size=64)
    shape = drawn.labels["shape"]
    filled = {}
    for number, name in enumerate(SHAPES):
        mask = shape[drawn.figures[:, 2] == number] == number
        rows, columns = mask.any(2).sum(1), mask.any(1).sum(1)
        filled[name] = float((mask.flatten(1).sum(1) / (rows * columns)).mean())
    assert filled["square"] == 1
    assert filled["disc"] == pytest.approx(torch.pi / 4, abs=0.02)
    assert filled["ring"] == pytest.approx(torch.pi / 4 * 0.75, abs=0.03)
    assert filled["triangle"] == pytest.approx(0.5, abs=0.04)
    assert filled["diamond"] == pytest.approx(0.5, abs=0.04)
    assert filled["frame"] == pytest.approx(0.75, abs=0.03)
    assert filled["bar"] == 1
    assert filled["cross"] == pytest.approx(1 - 4 * 0.335**2, abs=0.05)


def test_parts_seeds_and_training_labels():
    drawn, again, other = concept_images(10), concept_images(10), concept_images(10, seed=1)
    assert torch.equal(drawn.images, again.images)
    assert not torch.equal(drawn.images, other.images)
    parts = list(drawn.batches(4))
    assert [len(part) for part in parts] == [4, 4, 2]
    assert torch.equal(torch.cat([part.labels["shape"] for part in parts]), drawn.labels["shape"])
    data = drawn.dataset()
    assert data.targets.shape == (10, 24)
    assert data.classes[int(data.targets[0].argmax())] == drawn.names["colour"][int(drawn.figures[0, 0])]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: concept_images(0), "n must be an int of at least 1, got 0"),
        (lambda: concept_images(2, size=5), "size must be at least 6, got 5"),
        (lambda: concept_images(2, channels=0), "channels must be an int of at least 1"),
        (lambda: concept_images(2, noise=-0.1), "noise must not be negative"),
        (lambda: ConceptImages(torch.zeros(1, 1, 2, 2), {}, {}).dataset(), "have no figures"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
