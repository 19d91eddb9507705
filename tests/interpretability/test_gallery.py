import numpy as np
import pytest
import torch

from netopsy import InputError
from netopsy.interpretability.gallery import gallery


def test_shows_each_image_over_its_own_range():
    figure = gallery(torch.rand(3, 3, 4, 5) * 7 - 2, ["a", "b", "c"], columns=2, row_titles=["one", "two"])
    shown = [np.asarray(axes.images[0].get_array()) for axes in figure.axes]
    assert [picture.shape for picture in shown] == [(4, 5, 3)] * 3
    assert all(picture.min() == 0 and picture.max() == pytest.approx(1) for picture in shown)
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "c"]
    assert [axes.get_ylabel() for axes in figure.axes] == ["one", "", "two"]


def test_common_limits_boxes_and_grey():
    figure = gallery(torch.full((1, 1, 4, 4), 0.5), limits=(0.0, 2.0), boxes=torch.tensor([[0, 1, 2, 3]]))
    assert np.asarray(figure.axes[0].images[0].get_array()).max() == pytest.approx(0.25)
    assert figure.axes[0].patches[0].get_bbox().bounds == (0.5, -0.5, 2.0, 2.0)


def test_bad_input_is_named(unchecked):
    with pytest.raises(InputError, match="titles must be as many"):
        gallery(torch.rand(2, 1, 4, 4), ["one"])
    with pytest.raises(InputError, match="at least one"):
        gallery(torch.rand(0, 1, 4, 4))
    with pytest.raises(InputError, match="row_titles"):
        gallery(torch.rand(2, 1, 4, 4), row_titles=["a", "b"])
