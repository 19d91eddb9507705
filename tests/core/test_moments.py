import numpy as np
import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.core.moments import Moments, unit_rows


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_uneven_parts_of_data_far_from_zero_give_numpys_correlation(dtype):
    random = torch.Generator().manual_seed(0)
    mixing = torch.randn(12, 12, generator=random, dtype=torch.float64)
    rows = (torch.randn(9001, 12, generator=random, dtype=torch.float64) @ mixing + 1e4).to(dtype)
    moments, second = Moments(), Moments()
    for part in rows[:5000].split([1, 7, 492, 4500]):
        moments.update(part)
    second.update(rows[5000:])
    moments.merge(second)
    wide = rows.double().numpy()
    assert moments.count == 9001
    np.testing.assert_allclose(moments.mean, wide.mean(0), rtol=1e-12)
    np.testing.assert_allclose(
        moments.correlation(), np.corrcoef(wide.T), atol=1e-6 if dtype == torch.float32 else 1e-12
    )
    np.testing.assert_allclose(moments.std(), wide.std(0), rtol=1e-6)


def test_a_column_that_never_moves_has_no_correlation():
    moments = Moments()
    moments.update(torch.tensor([[1.0, 0.1], [2.0, 0.1], [4.0, 0.1]]))
    wanted = torch.tensor([[1.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(moments.correlation(still=1e-6), wanted)


def test_places_of_a_convolution_are_rows():
    activations = nn.Conv2d(2, 3, 3)(torch.rand(4, 2, 6, 5))
    rows = unit_rows(activations)
    assert torch.equal(rows.reshape(4, 4, 3, 3).permute(0, 3, 1, 2), activations)
    assert torch.equal(unit_rows(activations.permute(0, 2, 3, 1), axis=-1), rows)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Moments().update(torch.zeros(0, 3)), "not empty"),
        (lambda: Moments().correlation(), "no rows"),
        (lambda: Moments(2, torch.zeros(3), torch.zeros(3, 3)).update(torch.zeros(2, 4)), "3 columns as before, got 4"),
        (lambda: Moments().update(torch.full((2, 2), torch.inf)), "rows"),
        (lambda: unit_rows(torch.zeros(3)), "axis of samples"),
        (lambda: unit_rows(torch.zeros(3, 2), axis=0), "axis must be"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()
