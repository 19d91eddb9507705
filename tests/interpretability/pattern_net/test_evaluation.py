import pytest
import torch

from netopsy.interpretability.pattern_net import PatternMiner
from netopsy.interpretability.pattern_net.evaluation import equal_support, peaks_inside
from netopsy.lab.subjects.images import ImageSubject, scenes_of, trained


def test_peaks_inside_equal_the_loop_over_images():
    subject = ImageSubject(objects=1, train_images=200, test_images=30, epochs=1)
    found = trained(subject, 0)
    model, test, train = found.model, found.scenes, scenes_of(subject, "train", 0)
    miner = PatternMiner(model, "features.act4", min_support=0.2, min_lift=1.0).fit(train.images, train.labels)
    best = {one.cls: number for number, one in reversed(list(enumerate(miner.patterns_)))}
    found = peaks_inside(miner, test.images, test.labels, test.boxes.float())
    assert found
    for image in range(30):
        label = int(test.labels[image])
        if label not in best:
            assert image not in found
            continue
        cells = miner.heatmap(test.images[image : image + 1], best[label], resize=False)[0]
        row, column = divmod(int(cells.argmax()), cells.shape[1])
        y, x = miner.field_.centre(torch.tensor(row), torch.tensor(column)).tolist()
        top, left, bottom, right = test.boxes[image].tolist()
        assert found[image] == (top <= y < bottom and left <= x < right)


def test_the_control_fires_as_often_in_the_class_as_the_pattern():
    random = torch.Generator().manual_seed(0)
    values = torch.rand(400, 6, generator=random)
    own = torch.arange(400) < 100
    values[own, 3] += 0.5  # the one filter that says something
    best, level = equal_support(values, own, 0.4)
    assert best == 3
    assert float((values[own, best] > level).double().mean()) == pytest.approx(0.4, abs=0.02)
