"""Dissection against a loop over units and concepts in numpy, and cases whose answer is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm, logm
from torch import nn

from netopsy import InputError
from netopsy.core.drawing import render
from netopsy.data.concept_images import ConceptImages, concept_images
from netopsy.interpretability.cnn_visualization.dissection import dissect, dissect_maps, unit_pixels
from netopsy.interpretability.cnn_visualization.rotation import part_of, random_rotation, rotated
from netopsy.interpretability.dissection.enlarging import Enlarging
from netopsy.interpretability.dissection.quantiles import UpperQuantile
from netopsy.interpretability.layer_maps import token_grid
from netopsy.interpretability.receptive_field import receptive_field


def labelled(n=12, size=(10, 14), seed=0, unannotated=True):
    """Images of noise; one category with three concepts in patches, one with two that half of the images lack."""
    random = torch.Generator().manual_seed(seed)
    first = torch.randint(-1, 3, (n, *size), generator=random)
    second = torch.randint(-1, 2, (n, *size), generator=random)
    if unannotated:
        second[: n // 2] = -1
    images = torch.rand(n, 3, *size, generator=random)
    return ConceptImages(images, {"hue": first, "form": second}, {"hue": ("a", "b", "c"), "form": ("d", "e")})


def numpy_loop(maps, concepts, quantile, enlarge):
    """Every step of the method as one would write it down first."""
    thresholds, table = [], []
    for unit in range(maps.shape[1]):
        values = np.sort(maps[:, unit].numpy().ravel())[::-1]
        thresholds.append(values[int(np.floor(quantile * values.size + 1e-9))])
        row = []
        above = np.zeros((len(maps), *concepts.images.shape[2:]), dtype=bool)
        for image, y, x in np.ndindex(above.shape):
            value = bilinear(maps[image, unit].numpy().astype(float), y, x, enlarge)
            above[image, y, x] = value > thresholds[-1] + 1e-9
        for category, labels in concepts.labels.items():
            for number in range(len(concepts.names[category])):
                both = either = 0
                for image in range(len(maps)):
                    mask = labels[image].numpy()
                    if (mask < 0).all():
                        continue
                    both += (above[image] & (mask == number)).sum()
                    either += (above[image] | (mask == number)).sum()
                row.append(both / either if either else 0.0)
        table.append(row)
    return np.array(table), np.array(thresholds)


def bilinear(grid, y, x, enlarge):
    ends = []
    for place, first, stride, count in zip((y, x), enlarge.first, enlarge.stride, grid.shape, strict=True):
        at = min(max((place - first) / stride, 0), count - 1)
        low = min(int(at), count - 1)
        ends.append((low, min(low + 1, count - 1), at - low))
    (top, bottom, down), (left, right, across) = ends
    upper = (1 - across) * grid[top, left] + across * grid[top, right]
    lower = (1 - across) * grid[bottom, left] + across * grid[bottom, right]
    return (1 - down) * upper + down * lower


@pytest.mark.parametrize("grid", [(5, 7), (4, 3), (1, 4), (10, 14), (1, 1), (20, 14)])
@pytest.mark.parametrize("quantile", [0.02, 0.3])
def test_it_is_the_loop_in_numpy(grid, quantile):
    concepts = labelled()
    maps = torch.randn(12, 3, *grid, generator=torch.Generator().manual_seed(2))
    shifted = Enlarging((10, 14), (0.5, -1.0), (2.0, 2.5))
    enlarge = shifted if grid == (5, 7) else Enlarging.evenly((10, 14), grid)
    found = dissect_maps(maps, concepts, quantile=quantile, enlarge=enlarge)
    iou, thresholds = numpy_loop(maps, concepts, quantile, enlarge)
    np.testing.assert_allclose(found.thresholds.numpy(), thresholds)
    np.testing.assert_allclose(found.iou.numpy(), iou, atol=1e-12)
    assert found.concepts == ("a", "b", "c", "d", "e")
    assert found.categories == ("hue",) * 3 + ("form",) * 2


def test_it_is_the_matrix_product_of_enlarged_masks():
    concepts = labelled(seed=3)
    maps = torch.randn(12, 4, 5, 7, generator=torch.Generator().manual_seed(2))
    found = dissect_maps(maps, concepts, quantile=0.1)
    above = unit_pixels(maps, found.thresholds, found.enlarging)
    masks = torch.stack(
        [labels == number for name, labels in concepts.labels.items() for number in range(len(concepts.names[name]))], 1
    )
    counted = torch.stack([(labels >= 0).flatten(1).any(1) for labels in concepts.labels.values()], 1)[
        :, [0, 0, 0, 1, 1]
    ]
    both = torch.einsum("nuhw,nchw->uc", above.double(), masks.double())
    areas = torch.einsum("nuhw,nc->uc", above.double(), counted.double())
    torch.testing.assert_close(found.iou, both / (areas + masks.sum((0, 2, 3)) - both))


def test_enlarging_with_even_parts_is_torchs():
    maps = torch.randn(3, 5, 7, dtype=torch.float64)
    expected = nn.functional.interpolate(maps[:, None], (20, 15), mode="bilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(Enlarging.evenly((20, 15), (5, 7))(maps), expected)


def test_enlarged_values_stand_on_the_centres_of_receptive_fields():
    """A stride of 2 without padding: the places are pixels 1, 3, 5, 7, not those of four equal parts."""
    net = nn.Sequential(nn.Conv2d(1, 1, 3, stride=2))
    field = receptive_field(net, "0", torch.rand(1, 1, 9, 9))
    enlarge = Enlarging.on_centres(field, (4, 4))
    assert (enlarge.first, enlarge.stride) == ((1.0, 1.0), (2.0, 2.0))
    assert enlarge != Enlarging.evenly((9, 9), (4, 4))
    maps = torch.rand(2, 4, 4)
    torch.testing.assert_close(enlarge(maps)[:, 1::2, 1::2], maps)


@pytest.mark.parametrize(("frequency", "expected"), [(0.05, 0.1), (0.02, 0.25), (0.0025, 0.5)])
def test_a_unit_that_is_the_mask_of_a_concept(frequency, expected):
    """With noise that breaks ties: the share above the threshold, over the concept's share where that is larger."""
    random = torch.Generator().manual_seed(0)
    total = 20 * 100 * 100
    order = torch.randperm(total, generator=random)
    labels = torch.full((total,), -1)
    labels[order[: int(frequency * total)]] = 0
    labels = labels.reshape(20, 100, 100)
    maps = (labels == 0).double() + 1e-6 * torch.rand(20, 100, 100, generator=random, dtype=torch.float64)
    other = torch.zeros(20, 100, 100, dtype=torch.double)
    other[labels < 0] = torch.rand(int((labels < 0).sum()), generator=random, dtype=torch.double)
    concepts = ConceptImages(torch.zeros(20, 1, 100, 100), {"c": labels}, {"c": ("it",)})
    found = dissect_maps(torch.stack([maps, other], 1), concepts)
    assert found.iou[0, 0] == pytest.approx(expected, rel=1e-3)
    assert found.iou[1, 0] == 0
    assert found.detectors.tolist() == [True, False]
    assert found.unique == 1


def test_tied_activations_are_not_above_their_threshold():
    """A unit that is 0.1 in many places and never more: rounding must not lift an enlarged 0.1 over 0.1."""
    maps = torch.zeros(4, 1, 7, 7)
    maps[:2] = 0.1
    concepts = ConceptImages(torch.zeros(4, 1, 50, 50), {"c": torch.zeros(4, 50, 50).long()}, {"c": ("all",)})
    found = dissect_maps(maps, concepts)
    assert found.thresholds.item() == pytest.approx(0.1)
    assert found.iou.item() == 0


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 40), st.integers(1, 5), st.floats(0.01, 0.9), st.integers(0, 10**6), st.booleans(), st.integers(1, 9)
)
def test_thresholds_are_exact_whatever_the_parts(n, units, quantile, seed, tied, size):
    random = torch.Generator().manual_seed(seed)
    maps = torch.randn(n, units, 2, 3, generator=random)
    maps = maps.round() if tied else maps
    seen = UpperQuantile(quantile, n * 6)
    for part in maps.split(size):
        seen.add(part)
    found = seen.thresholds()
    flat = maps.transpose(0, 1).flatten(1)
    allowed = quantile * n * 6 + 1e-6
    assert bool(((flat > found[:, None]).sum(1) <= allowed).all())
    # The lowest such value: with the threshold a step lower there would be too many above.
    assert bool(((flat >= found[:, None]).sum(1) > allowed - 1e-3).all())


def test_one_quantile_for_all_images_and_not_one_an_image():
    maps = torch.rand(2, 1, 20, 20)
    maps[1] += 5
    concepts = ConceptImages(torch.zeros(2, 1, 20, 20), {"c": torch.zeros(2, 20, 20).long()}, {"c": ("all",)})
    above = unit_pixels(maps, dissect_maps(maps, concepts).thresholds, Enlarging.evenly((20, 20), (20, 20)))
    assert above.flatten(1).sum(1).tolist() == [0, 4]


def conv():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True))


def test_parts_from_a_loader_give_what_memory_gives():
    concepts, net = concept_images(50, size=20), conv()
    whole = dissect(net, "2", concepts, quantile=0.05)
    parts = [(part.images, part.labels) for part in concepts.batches(7)]
    streamed = dissect(net, "2", parts, quantile=0.05, names=concepts.names)
    assert torch.equal(whole.iou, streamed.iou)
    assert whole.concepts == streamed.concepts
    assert dissect(net, "2", parts, quantile=0.05).concepts[:2] == ("colour 0", "colour 1")
    by_hand = dissect_maps(net.eval()(concepts.images).detach(), concepts, quantile=0.05, enlarge=whole.enlarging)
    torch.testing.assert_close(whole.iou, by_hand.iou)


def test_what_does_not_fit_is_run_again(monkeypatch):
    concepts, net = concept_images(30, size=16), conv()
    expected = dissect(net, "2", concepts, quantile=0.05)
    monkeypatch.setattr("netopsy.interpretability.cnn_visualization.dissection._KEPT", 1)
    monkeypatch.setattr("netopsy.interpretability.dissection.counting._AT_ONCE", 3)
    monkeypatch.setattr("netopsy.interpretability.dissection.counting._PIXELS_AT_ONCE", 10)
    assert torch.equal(dissect(net, "2", concepts, quantile=0.05, batch_size=7).iou, expected.iou)


def test_unique_detectors_count_concepts_and_not_units():
    concepts = concept_images(60, size=16)
    one = (concepts.labels["colour"] == 5)[:, None].float()
    two = (concepts.labels["texture"] == 1)[:, None].float()
    report = dissect_maps(torch.cat([one, one, two, torch.zeros_like(one)], 1), concepts, quantile=0.3)
    assert report.detectors.tolist() == [True, True, True, False]
    assert report.unique == 2
    assert report.counts() == {"blue": 2, "horizontal": 1}
    assert [report.name_of(unit) for unit in range(3)] == ["blue", "blue", "horizontal"]
    assert torch.equal(report.best[:3], torch.ones(3, dtype=torch.double))
    assert len(report.plot().patches) == 2


def test_names_from_outside_are_drawn_as_they_are():
    labels = torch.zeros(4, 8, 8).long()
    labels[2:] = 1
    concepts = ConceptImages(torch.zeros(4, 1, 8, 8), {"$\\k$": labels}, {"$\\k$": (r"cat$\x$", "$")})
    drawn = dissect_maps((labels == 0)[:, None].float(), concepts, quantile=0.6).plot()
    assert render(drawn.figure, "svg")
    assert [tick.get_text() for tick in drawn.get_yticklabels()] == [r"cat\$\x\$"]


def test_a_transformers_tokens_are_laid_out():
    net = nn.Sequential(nn.Conv2d(3, 6, 4, stride=4), nn.Flatten(2))

    class Tokens(nn.Module):
        def forward(self, x):
            return x.transpose(1, 2)

    concepts = concept_images(20, size=16)
    tokens = dissect(nn.Sequential(*net, Tokens()), "2", concepts, reshape=token_grid(4, 4, skip=0))
    grid = dissect(net, "0", concepts, enlarge=Enlarging.evenly((16, 16), (4, 4)))
    assert torch.equal(tokens.iou, grid.iou)


# ---- rotations


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 24), st.integers(0, 10**6), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_parts_of_a_rotation(units, seed, share, other):
    turn = random_rotation(units, seed=seed)
    eye = torch.eye(units, dtype=torch.float64)
    tight = {"rtol": 0, "atol": 1e-10}
    torch.testing.assert_close(turn @ turn.T, eye, **tight)
    assert float(torch.linalg.det(turn)) == pytest.approx(1)
    part = part_of(turn, share)
    torch.testing.assert_close(part_of(turn, 0.0), eye, **tight)
    torch.testing.assert_close(part_of(turn, 1.0), turn, **tight)
    torch.testing.assert_close(part @ part.T, eye, **tight)
    torch.testing.assert_close(part @ part_of(turn, other), part_of(turn, share + other), **tight)
    maps = torch.randn(2, units, 3, 3, dtype=torch.float64)
    torch.testing.assert_close(rotated(maps, part).norm(dim=1), maps.norm(dim=1))


@pytest.mark.parametrize("seed", range(5))
def test_parts_are_those_of_the_matrix_logarithm(seed):
    turn = random_rotation(9, seed=seed)
    expected = expm(0.3 * logm(turn.numpy())).real
    np.testing.assert_allclose(part_of(turn, 0.3).numpy(), expected, atol=1e-10)


def test_half_circles_have_parts_too():
    turn = torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0, -1.0, -1.0], dtype=torch.float64))
    half = part_of(turn, 0.5)
    torch.testing.assert_close(half @ half, turn)
    assert not half.is_complex()


def test_rotations_are_uniform_in_their_signs():
    """Without fixing the signs of the decomposition the diagonal would lean to one side."""
    draws = torch.stack([random_rotation(3, seed=seed) for seed in range(600)])
    assert float(draws.mean(0).abs().max()) < 4 / (3 * 600) ** 0.5


def test_a_rotated_basis_is_dissected():
    concepts, net = concept_images(40, size=16), conv()
    swap = torch.eye(8)[[1, 2, 0, *range(3, 8)]]
    plain = dissect(net, "2", concepts, quantile=0.05)
    torch.testing.assert_close(dissect(net, "2", concepts, quantile=0.05, rotation=swap).iou[0], plain.iou[1])


def test_the_model_is_left_as_it_was(net, images, left_as_found):
    net.train()
    labels = torch.randint(-1, 2, (3, 11, 9))
    before = left_as_found(net)
    report = dissect(net, "block", ConceptImages(images, {"c": labels}, {"c": ("a", "b")}), quantile=0.1)
    assert not report.iou.requires_grad
    assert left_as_found(net) == before


class Flat(nn.Module):
    def forward(self, x):
        return x.flatten(1)


GOOD = labelled(4, (8, 8), unannotated=False)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net: dissect(net, "nosuch", GOOD), "unknown layer 'nosuch'"),
        (lambda net: dissect(net, "3", GOOD), "no grid"),
        (lambda net: dissect(net, "0", GOOD, quantile=0.0), "quantile must be above 0"),
        (lambda net: dissect(net, "0", GOOD, iou=1.0), "iou must be above 0 and below 1"),
        (lambda net: dissect(net, "0", GOOD, batch_size=0), "batch_size must be at least 1"),
        (lambda net: dissect(net, "0", GOOD, rotation=torch.eye(3)), "of the layer's 8 units, got one of 3"),
        (lambda net: dissect(net, "0", GOOD, rotation=torch.ones(8, 8)), "orthogonal"),
        (lambda net: dissect(net, "0", GOOD, rotation=torch.ones(8)), "square matrix"),
        (lambda net: dissect(net, "0", 5), "concepts must be ConceptImages, or parts"),
        (lambda net: dissect(net, "0", iter([(GOOD.images, GOOD.labels)])), "run through more than once"),
        (lambda net: dissect(net, "0", []), "no images"),
        (lambda net: dissect(net, "0", [GOOD.images]), "each part of concepts must be"),
        (lambda net: dissect(net, "0", [(GOOD.images, {})]), "labels must be a dict"),
        (lambda net: dissect(net, "0", [(GOOD.images, {"c": torch.zeros(4, 8, 8)})]), "tensor of ints"),
        (lambda net: dissect(net, "0", [(GOOD.images, {"c": torch.zeros(4, 8, 7).long()})]), "size of the images"),
        (lambda net: dissect(net, "0", [(GOOD.images, {"c": torch.full((4, 8, 8), -1)})]), "no annotated pixel"),
        (lambda net: dissect(net, "0", [(GOOD.images, {"c": torch.full((4, 8, 8), -2)})]), "must be -1 or more"),
        (lambda net: dissect(net, "0", GOOD, names={"hue": ("a",), "form": ("d", "e")}), "must be below 1"),
        (
            lambda net: dissect(net, "0", [(GOOD.images, GOOD.labels), (GOOD.images, {"c": GOOD.labels["hue"]})]),
            "the same categories",
        ),
        (lambda net: dissect(net, "0", [(GOOD.images / 0, GOOD.labels)]), "NaN or infinite"),
        (lambda net: dissect_maps(torch.zeros(3, 1, 2, 2), GOOD), r"maps must be \[4, units"),
        (lambda net: dissect_maps(torch.zeros(4, 1, 2, 2) / 0, GOOD), "maps must be finite"),
        (lambda net: part_of(torch.diag(torch.tensor([1.0, -1.0])), 0.5), "a reflection"),
        (lambda net: random_rotation(0), "units must be an int of at least 1"),
        (lambda net: dissect_maps(torch.rand(4, 1, 2, 2), GOOD).name_of(1), "unit must be from 0 to 0"),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call(nn.Sequential(*conv(), Flat()))
