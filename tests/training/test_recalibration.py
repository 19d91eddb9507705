import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.training.recalibration import recalibrated


@pytest.fixture
def model():
    torch.manual_seed(0)
    layers = nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=0.3), nn.ReLU(), nn.Dropout(), nn.BatchNorm1d(4)
    return nn.Sequential(*layers, nn.BatchNorm1d(4, track_running_stats=False))


def test_statistics_are_the_mean_over_the_batches(model, generator, left_as_found):
    inputs, before = torch.randn(21, 3, generator=generator), left_as_found(model)
    fresh = recalibrated(model, inputs, batch_size=10)
    assert left_as_found(model) == before
    values = model[0](inputs).detach()
    parts = values[:10], values[10:20]  # the last sample is alone, and has no variance
    torch.testing.assert_close(fresh[1].running_mean, sum(part.mean(0) for part in parts) / 2)
    torch.testing.assert_close(fresh[1].running_var, sum(part.var(0) for part in parts) / 2)
    passed = [((part - part.mean(0)) / (part.var(0, correction=0) + 1e-5).sqrt()).relu() for part in parts]
    torch.testing.assert_close(fresh[4].running_mean, sum(part.mean(0) for part in passed) / 2)
    assert fresh.training
    assert (fresh[1].momentum, int(fresh[1].num_batches_tracked)) == (0.3, 2)
    assert torch.equal(fresh[0].weight, model[0].weight)


def test_bad_input_is_refused(model, unchecked):
    for inputs, options, says in (
        (torch.rand(1, 3), {}, r"inputs must be at least two samples, got \(1, 3\)"),
        (torch.rand(5, 2), {}, "do not go through the network"),
        ("images", {}, "inputs must be a tensor, got str"),
        (torch.rand(5, 3), {"batch_size": 1}, "batch_size must be at least 2, got 1"),
    ):
        with pytest.raises(InputError, match=says):
            recalibrated(model, inputs, **options)
