"""The expected calibration error on cases known by hand."""

import pytest
import torch

from netopsy import InputError
from netopsy.core.calibration import expected_calibration_error


def of_confidence(confidence, right):
    """Two classes, of which the first is answered with the given confidences, and right so often."""
    first = torch.as_tensor(confidence)
    return torch.stack([first, 1 - first], 1), 1 - torch.as_tensor(right, dtype=torch.int64)


def test_confidence_that_is_right_as_often_as_it_says_has_no_error():
    assert expected_calibration_error(*of_confidence([0.8] * 10, [1] * 8 + [0] * 2)) == pytest.approx(0, abs=1e-6)


def test_gaps_are_weighted_by_the_size_of_their_bin():
    probabilities, labels = of_confidence([0.6] * 30 + [0.9] * 10, [1] * 15 + [0] * 15 + [1] * 10)
    assert expected_calibration_error(probabilities, labels) == pytest.approx((30 * 0.1 + 10 * 0.1) / 40)
    assert expected_calibration_error(probabilities, labels, bins=1) == pytest.approx(abs(0.675 - 25 / 40))


@pytest.mark.parametrize(
    ("probabilities", "labels", "bins", "message"),
    [
        (torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64), 15, "n of at least 1"),
        (torch.eye(2), torch.tensor([0]), 15, r"got shapes \(2, 2\) and \(1,\)"),
        (torch.tensor([[3.0, -2.0]]), torch.tensor([0]), 15, "scores need a softmax"),
        (torch.tensor([[3.0, 2.0]]), torch.tensor([0]), 15, "must add up to 1"),
        (torch.eye(2), torch.tensor([0, 2]), 15, "labels must be from 0 to 1, got 0 to 2"),
        (torch.eye(2), torch.tensor([0, 1]), 0, "bins must be at least 1"),
    ],
)
def test_bad_input(probabilities, labels, bins, message, unchecked):
    with pytest.raises(InputError, match=message):
        expected_calibration_error(probabilities, labels, bins)
