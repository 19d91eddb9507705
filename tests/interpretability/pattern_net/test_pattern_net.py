import copy
import warnings

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from netopsy import InputError
from netopsy.core.split import run_to
from netopsy.interpretability.boxes import overlap_of_boxes
from netopsy.interpretability.layer_maps import token_grid
from netopsy.interpretability.pattern_net import (
    PatternLayers,
    PatternMiner,
    effective_regions,
    filter_peaks,
    regions,
    theoretical_regions,
    train_pattern_layers,
)
from netopsy.interpretability.pattern_net.network import filters_of
from netopsy.interpretability.pattern_net.proposals import suppressed
from netopsy.interpretability.receptive_field import receptive_field
from netopsy.models import small_conv_net


def detectors():
    """Three filters, each of which finds the bright pixel of one colour; a fourth never fires."""
    net = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.ReLU())
    weight = torch.zeros(4, 3, 1, 1)
    weight[:3, :, 0, 0] = torch.eye(3)
    net[0].weight.data = weight
    return net


def coloured(n=120, seed=0):
    """Class 1: red beside green, and blue far away; class 0: all three, but red far from green."""
    random = torch.Generator().manual_seed(seed)
    images, labels = 0.1 * torch.rand(n, 3, 12, 12, generator=random), torch.arange(n) % 2
    for number, label in enumerate(labels.tolist()):
        y, x = torch.randint(1, 5, (2,), generator=random).tolist()
        images[number, 0, y, x] = 1
        images[number, 1, y + (1 if label else 6), x] = 1
        images[number, 2, 11, 11] = 1
    return images * (1 + 0.2 * torch.rand(n, 3, 1, 1, generator=random)), labels


def test_peaks_are_the_maxima():
    model, images = small_conv_net(seed=0), torch.rand(5, 1, 12, 12)
    found = filter_peaks(model, "features.act2", images, batch_size=2)
    with torch.no_grad():
        maps = model.features[:6].eval()(images)
    torch.testing.assert_close(found.values, maps.amax((2, 3)))
    for image in range(5):
        for unit in range(maps.shape[1]):
            place = maps[image, unit, found.rows[image, unit], found.columns[image, unit]]
            torch.testing.assert_close(place, found.values[image, unit])


def test_what_is_near_in_one_class_alone_is_its_pattern():
    images, labels = coloured()
    miner = PatternMiner(detectors(), quantile=0.01).fit(images, labels)
    assert [(one.cls, one.filters) for one in miner.patterns_] == [(1, (0, 1))]
    fired = miner.fires(images)[:, 0]
    assert fired[labels == 1].float().mean() > 0.9
    assert not fired[labels == 0].any()
    anywhere = PatternMiner(detectors(), quantile=0.01, radius=None)
    with pytest.warns(UserWarning, match="the largest support seen is"):
        assert anywhere.fit(images, labels).patterns_ == []
    assert anywhere.transform(images).shape == (len(images), 0)
    assert anywhere.propose(images[:2])[1].shape == (0, 5)


def test_responses_and_maps_are_means_over_the_filters_means():
    images, labels = coloured()
    miner = PatternMiner(detectors(), quantile=0.01).fit(images, labels)
    peaks = filter_peaks(detectors(), "1", images)
    expected = (peaks.values[:, [0, 1]] / peaks.values[:, [0, 1]].mean(0)).mean(1)
    torch.testing.assert_close(miner.transform(images)[:, 0], expected)
    maps = miner.heatmap(images[:3], 0)
    torch.testing.assert_close(maps, (images[:3, :2] / miner.means_[:2, None, None]).mean(1))
    assert miner.means_[3] == 0


def test_batches_are_kept_together():
    images, labels = coloured()
    whole = PatternMiner(detectors(), quantile=0.01).fit(images, labels)
    parts = PatternMiner(detectors(), quantile=0.01).fit(zip(images.split(50), labels.split(50), strict=True))
    assert parts.patterns_ == whole.patterns_


def test_thresholds_come_from_training_images_alone():
    images, labels = coloured()
    miner = PatternMiner(detectors(), quantile=0.01).fit(images, labels)
    before = miner.fires(images[:7])
    miner.transform(100 * images)
    assert torch.equal(miner.fires(images[:7]), before)
    assert torch.equal(miner.fires(torch.cat([images[:7], 100 * images]))[:7], before)


def test_a_box_is_what_the_peak_sees():
    model = nn.Sequential(nn.Conv2d(1, 2, 5, padding=2, bias=False), nn.ReLU())
    model[0].weight.data.zero_()
    model[0].weight.data[0, 0, 1:4, 2] = 1  # three pixels high, one wide
    model[0].weight.data[1, 0] = 1
    images = torch.zeros(6, 1, 16, 16)
    images[torch.arange(6), 0, torch.arange(6) + 5, 8] = 1
    field = receptive_field(model, "1", images)
    boxes = effective_regions(model, "1", images, filter_peaks(model, "1", images), [0, 1], field)
    assert boxes.tolist() == [[-1.5, -0.5, 1.5, 0.5], [-2.5, -2.5, 2.5, 2.5]]


class WithItsMean(nn.Module):
    """A grid whose cells see the whole image, a little, though pixels that are no number do not show it."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(1, 3, 3, padding=1)

    def forward(self, images):
        seen = self.layer(images)
        return torch.relu(seen + images.nanmean((2, 3), keepdim=True))


@pytest.mark.parametrize(
    ("model", "layer"),
    [(small_conv_net(seed=0), "features.act4"), (small_conv_net(seed=1), "features.act3"), (WithItsMean(), "")],
)
@pytest.mark.parametrize("side", [40, 53])
def test_boxes_from_the_part_a_cell_sees_are_those_from_the_whole_image(model, layer, side, monkeypatch):
    model = nn.Sequential(model).eval()
    layer = f"0.{layer}".rstrip(".")
    images = torch.rand(12, 1, side, side + 3, generator=torch.Generator().manual_seed(0))
    images[:6, :, 9:] *= 0.1
    peaks, field = filter_peaks(model, layer, images), receptive_field(model, layer, images)
    filters = [0, 1, 2]
    ran = []
    handle = model.register_forward_pre_hook(lambda _, given: ran.append(given[0].shape[2:].numel()))
    ours = effective_regions(model, layer, images, peaks, filters, field)
    handle.remove()
    assert min(ran) < side * (side + 3) / 2
    monkeypatch.setattr(regions.Windows, "of", lambda *_: None)
    torch.testing.assert_close(ours, effective_regions(model, layer, images, peaks, filters, field))


@pytest.mark.parametrize("model", [WithItsMean(), small_conv_net(seed=0)])
def test_boxes_from_images_that_are_run_once_are_those_of_each_peak_for_itself(model):
    model = model.eval()
    layer = "" if isinstance(model, WithItsMean) else "features.act3"
    whole = nn.Sequential(model) if layer == "" else model
    layer = layer or "0"
    images = torch.rand(70, 1, 10, 9, generator=torch.Generator().manual_seed(0))
    images[::3, :, :, 4:] *= 2
    peaks, field = filter_peaks(whole, layer, images), receptive_field(whole, layer, images)
    ran = []
    handle = whole.register_forward_pre_hook(lambda _, given: ran.append(len(given[0])))
    ours = effective_regions(whole, layer, images, peaks, [2, 0, 1], field, k=40, reshape=nn.Identity())
    handle.remove()
    for filter, box in zip([2, 0, 1], ours, strict=True):
        boxes = []
        for one in peaks.values[:, filter].argsort(descending=True, stable=True)[:40].tolist():
            image = images[one : one + 1].clone().requires_grad_()
            row, column = peaks.rows[one, filter], peaks.columns[one, filter]
            (gradient,) = torch.autograd.grad(run_to(whole, layer, image)[0, filter, row, column], image)
            strong = gradient[0, 0].abs() >= 0.1 * gradient.abs().max()
            rows, columns = (strong.any(1 - axis).nonzero()[[0, -1], 0] for axis in (0, 1))
            middle = field.centre(row, column)
            ends = torch.stack([rows[0], columns[0], rows[1] + 1, columns[1] + 1]) - middle.repeat(2)
            boxes.append(ends if gradient.any() else theoretical_regions(field, 1)[0])
        torch.testing.assert_close(box, torch.stack(boxes).mean(0))
    assert sum(ran) <= len(images)


def test_boxes_move_with_the_image():
    images, labels = coloured()
    miner = PatternMiner(detectors(), quantile=0.01).fit(images, labels)
    moved = images.roll((2, 3), (2, 3))
    one, other = miner.propose(images[1:2], top=1)[0], miner.propose(moved[1:2], top=1)[0]
    assert (other[0, :4] - one[0, :4]).tolist() == [2, 3, 2, 3]
    assert one[0, 4] == pytest.approx(float(other[0, 4]))


def test_shifting_by_the_stride_moves_peaks_by_one_cell():
    model = small_conv_net(seed=0).eval()
    image = torch.zeros(1, 1, 64, 64)
    image[:, :, 28:34, 28:34] = torch.rand(6, 6, generator=torch.Generator().manual_seed(0))
    field = receptive_field(model, "features.act4", image)
    one, other = (
        filter_peaks(model, "features.act4", shown) for shown in (image, image.roll((field.stride[0],) * 2, (2, 3)))
    )
    seen = one.values[0] > one.values[0].quantile(0.5)
    inner = seen & (one.rows[0] > 3) & (one.rows[0] < 12) & (one.columns[0] > 3) & (one.columns[0] < 12)
    assert inner.sum() > 3
    assert (other.rows - one.rows)[0, inner].unique().tolist() == [1]
    assert (other.columns - one.columns)[0, inner].unique().tolist() == [1]


def test_smaller_scales_find_larger_things():
    images, labels = coloured()
    miner = PatternMiner(detectors(), quantile=0.01).fit(images, labels)
    alone, more = (miner.propose(images[:3], top=20, scales=scales, overlap=0.9) for scales in ((1.0,), (1.0, 0.5)))
    sizes = [(one[:, 2] - one[:, 0]).max() for one in (alone[1], more[1])]
    assert sizes[1] == pytest.approx(2 * float(sizes[0]), rel=0.01)


def test_suppression_equals_the_plain_loop():
    random = torch.Generator().manual_seed(0)
    corners = 20 * torch.rand(7, 30, 2, generator=random)
    boxes = torch.cat([corners, corners + 1 + 8 * torch.rand(7, 30, 2, generator=random)], 2)
    scores = torch.rand(7, 30, generator=random)
    for own, score, found in zip(boxes, scores, suppressed(boxes, scores, 10, 0.4), strict=True):
        kept = []
        for number in score.argsort(descending=True).tolist():
            if len(kept) < 10 and all(overlap_of_boxes(own[number], own[other]) <= 0.4 for other in kept):
                kept.append(number)
        torch.testing.assert_close(found[:, 4], score[kept])
        torch.testing.assert_close(found[:, :4], own[kept])


def test_rows_of_the_learned_combinations_add_up_and_one_hot_rows_are_filters():
    layers = PatternLayers(torch.zeros(5), torch.ones(5), patterns=3, classes=2)
    torch.testing.assert_close(layers.shares.sum(1), torch.ones(3))
    layers.free.data = 1e3 * torch.eye(5)[:3]
    peaks = torch.rand(7, 5)
    torch.testing.assert_close(layers.patterns(peaks), torch.sigmoid(peaks[:, :3]))
    assert [members for _, members in filters_of(layers, 3)] == [(0,), (1,), (2,)]


def test_learning_lowers_the_loss_and_finds_a_telling_combination():
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(200) % 2
    peaks = torch.rand(200, 8, generator=random)
    peaks[labels == 1, 3] += 1
    peaks[labels == 1, 6] += 1
    layers = PatternLayers(peaks.quantile(0.8, dim=0), 0.1 * peaks.std(0), patterns=4, classes=2)
    losses = train_pattern_layers(layers, peaks, labels)
    assert losses[-1] < 0.5 * losses[0]
    assert any({3, 6} & set(members) for cls, members in filters_of(layers, 3) if cls == 1)


def test_learned_patterns_fulfil_the_conditions_on_firings():
    images, labels = coloured(400)
    miner = PatternMiner(
        detectors(), method="net", quantile=0.3, radius=None, min_size=1, min_lift=1.01, min_support=0.3
    )
    miner.fit(images, labels)
    assert miner.patterns_
    fired = miner.fires(images)
    for number, one in enumerate(miner.patterns_):
        own = labels == one.cls
        assert one.support == pytest.approx(float(fired[own, number].float().mean()))
        assert one.background == pytest.approx(float(fired[~own, number].float().mean()))
        assert one.lift >= 1.01


def test_tokens_are_laid_out():
    model = nn.Sequential(nn.Conv2d(1, 6, 4, 4), nn.Flatten(2), _Swap())
    images = torch.rand(60, 1, 8, 8)
    miner = PatternMiner(
        model, "2", reshape=token_grid(2, 2, skip=0), min_support=0.05, min_lift=0.1, radius=None, quantile=0.3
    ).fit(images, torch.arange(60) % 2)
    assert miner.patterns_
    assert miner.propose(images[:2])[0].shape[1] == 5


class _Swap(nn.Module):
    def forward(self, x):
        return x.transpose(1, 2)


@pytest.mark.filterwarnings("ignore:no pattern")
@pytest.mark.parametrize("method", ["mine", "net"])
def test_the_network_is_left_as_it_was(method):
    model, images = small_conv_net(seed=0).train(), torch.rand(30, 1, 12, 12)
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    miner = PatternMiner(model, method=method, quantile=0.2, min_support=0.1, min_lift=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the learned method may find no pattern in noise
        miner.fit(images, torch.arange(30) % 3)
    miner.transform(images)
    miner.propose(images[:3])
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.training
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert torch.equal(state, torch.get_rng_state())


def test_bad_input_is_named(unchecked):
    images, labels = coloured(20)
    with pytest.raises(InputError, match="quantile must lie between 0 and 1"):
        PatternMiner(detectors(), quantile=1.0)
    with pytest.raises(InputError, match="method must be"):
        PatternMiner(detectors(), method="dig")
    with pytest.raises(InputError, match="at least two classes"):
        PatternMiner(detectors()).fit(images, labels * 0)
    with pytest.raises(InputError, match="labels must be given"):
        PatternMiner(detectors()).fit(images)
    with pytest.raises(InputError, match="these have no labels"):
        PatternMiner(detectors()).fit(images.split(5))
    with pytest.raises(InputError, match="class numbers"):
        PatternMiner(detectors()).fit(images, labels[:3])
    with pytest.raises(InputError, match="call fit"):
        PatternMiner(detectors()).transform(images)
    with pytest.raises(InputError, match="no grid|a grid"):
        PatternMiner(nn.Sequential(nn.Flatten(), nn.Linear(432, 3)), "1").fit(images, labels)
    miner = PatternMiner(detectors(), quantile=0.01).fit(*coloured())
    with pytest.raises(InputError, match="pattern must be from 0 to 0"):
        miner.heatmap(images, 4)
    with pytest.raises(InputError, match="scales"):
        miner.propose(images, scales=(0.0,))


def told(miner, images, labels):
    with pytest.warns(UserWarning, match="no pattern of 2 to 3 filters") as said:
        assert miner.fit(images, labels).patterns_ == []
    return str(said[0].message)


def test_filters_that_a_single_one_explains_are_said_to_be():
    images, labels = torch.zeros(40, 3, 6, 6), torch.arange(40) % 2
    images[labels == 0, :2, 2, 2] = 1
    text = told(PatternMiner(detectors(), quantile=0.4), images, labels)
    assert "support 0.5 and lift 5.0 (up to 1.000 and 1000.000)" in text
    assert "filter 0 of class 0 explains them" in text
    alone = PatternMiner(detectors(), quantile=0.4, min_size=1).fit(images, labels)
    assert {one.filters for one in alone.patterns_} == {(0,)}


def test_a_quantile_that_leaves_no_class_its_support_is_named_and_not_the_default():
    images, labels = coloured(200)
    text = told(PatternMiner(detectors(), quantile=0.8), images, labels)
    assert "a filter fires in 0.2 of all images, at most 0.4 of a class that is 0.5 of them" in text
    assert "set quantile to 0.75 or less" in text
    assert PatternMiner(detectors(), min_lift=1.01, min_support=0.3).fit(images, labels).quantile_ == 0.8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert PatternMiner(detectors()).fit(images, labels).quantile_ == 0.5
        assert PatternMiner(detectors()).fit(images, torch.arange(200) % 3).quantile_ == 0.8


def test_two_balanced_classes_have_a_pattern_at_the_defaults():
    random, labels = torch.Generator().manual_seed(0), torch.arange(200) % 2
    images = 0.01 * torch.rand(200, 3, 12, 12, generator=random)
    images[labels == 1, 0, 3, 3], images[labels == 1, 1, 3, 4] = 1 + torch.rand(2, 100, generator=random)
    images[0::16, 0, 3, 3] = images[2::16, 1, 3, 4] = 3.0  # each filter alone fires in the other class, too
    (pattern,) = (one for one in PatternMiner(detectors()).fit(images, labels).patterns_ if one.cls == 1)
    assert pattern.filters == (0, 1)
    assert pattern.support >= 0.5


@pytest.mark.parametrize("make", [lambda labels: labels.numpy(), lambda labels: labels.tolist()])
def test_labels_may_be_an_array_or_a_list(make):
    images, labels = coloured()
    whole = PatternMiner(detectors(), quantile=0.01).fit(images, labels)
    assert PatternMiner(detectors(), quantile=0.01).fit(images, make(labels)).patterns_ == whole.patterns_


def test_batches_in_any_order_find_the_patterns_of_one_tensor():
    images, labels = coloured()
    order = torch.randperm(120, generator=torch.Generator().manual_seed(0))
    whole = PatternMiner(detectors(), quantile=0.01, batch_size=16).fit(images, labels)
    data = TensorDataset(images, labels)
    parts = PatternMiner(detectors(), quantile=0.01, batch_size=16).fit(DataLoader(data, batch_size=50))
    assert parts.patterns_ == whole.patterns_
    assert torch.equal(parts.means_, whole.means_)
    loader = DataLoader(data, batch_size=7)
    assert torch.equal(whole.transform(images), parts.transform(loader))
    assert torch.equal(whole.fires(images), parts.fires(loader))
    assert torch.equal(whole.fires(images), whole.fires(filter_peaks(detectors(), "1", images)))
    for one, other in zip(whole.propose(images, 3), parts.propose(loader, 3), strict=True):
        assert torch.equal(one, other)
    mixed = DataLoader(data, batch_size=50, shuffle=True, generator=torch.Generator().manual_seed(0))
    assert [(one.cls, one.filters) for one in PatternMiner(detectors(), quantile=0.01).fit(mixed).patterns_] == [
        (1, (0, 1))
    ]
    shuffled = PatternMiner(detectors(), quantile=0.01).fit(images[order], labels[order])
    assert [one.inside for one in shuffled.patterns_] == [one.inside for one in whole.patterns_]


class Changing:
    """Batches that are other ones each time."""

    def __init__(self, images, labels):
        self.images, self.labels, self.times = images, labels, 0

    def __iter__(self):
        self.times += 1
        yield self.images + self.times, self.labels


def test_batches_that_change_are_refused():
    with pytest.raises(InputError, match="the same images each time"):
        PatternMiner(detectors(), quantile=0.01).fit(Changing(*coloured()))
