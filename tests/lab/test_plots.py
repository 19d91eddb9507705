import pytest

from netopsy import InputError
from netopsy.core.drawing import figure
from netopsy.lab.plots import mean_with_band


def test_band_is_the_interval():
    _, axes = figure()
    mean_with_band(axes, [0.0], [[1.0], [2.0], [3.0]])
    (band,) = axes.collections
    low, high = band.get_datalim(axes.transData).intervaly
    assert (low, high) == pytest.approx((-0.4841, 4.4841), abs=1e-3)


def test_samples_that_do_not_fit_are_refused():
    _, axes = figure()
    with pytest.raises(InputError, match="one column for each x"):
        mean_with_band(axes, [1, 2], [[1.0, 2.0, 3.0]])
