"""The bottleneck's curve against closed forms and the known points of the icosahedral task."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netopsy import InputError
from netopsy.representations.information_plane import (
    ib_critical_beta,
    ib_inconsistency,
    icosahedral_dataset,
    information_bottleneck,
)

BSC = torch.tensor([[0.45, 0.05], [0.05, 0.45]], dtype=torch.float64)
NOISY = icosahedral_dataset(gamma=8.0922)[1] / 4096


def h(q):
    return -(q * np.log2(q) + (1 - q) * np.log2(1 - q))


def test_a_binary_symmetric_channel_has_its_closed_form():
    # The slope of the closed form gives the beta at which the encoder flips with probability q.
    for q, point in ((0.1, (0.53100, 0.31992)), (0.2, (0.27807, 0.17325))):
        mixed = q * 0.9 + (1 - q) * 0.1
        beta = np.log((1 - q) / q) / (0.8 * np.log((1 - mixed) / mixed))
        curve = information_bottleneck(BSC, [50, beta])
        found = curve.ixt[-1], curve.ity[-1]
        assert found == pytest.approx((1 - h(q), 1 - h(mixed)), abs=1e-6)
        assert found == pytest.approx(point, abs=1e-5)
    assert ib_critical_beta(BSC) == pytest.approx(1.5625)
    assert information_bottleneck(BSC, [1.5]).ixt[0] == pytest.approx(0, abs=1e-6)


def test_the_icosahedral_task_has_its_known_points():
    assert ib_critical_beta(NOISY) == pytest.approx(1.00498, abs=1e-5)
    curve = information_bottleneck(NOISY, [1.02, 1.1, 2, 100])
    known = [(1.2843, 0.9894), (0.9991, 0.9852), (0.9815, 0.9705), (0.8731, 0.8662)]
    assert np.stack([curve.ixt, curve.ity], 1) == pytest.approx(np.array(known), abs=1e-4)
    assert curve.beta.tolist() == [100, 2, 1.1, 1.02]
    assert curve.converged.all()
    assert curve.bound([0, 5]) == pytest.approx([0, curve.ity[0]])


def test_points_of_the_curve_are_fixed_points_and_other_encoders_are_not():
    curve = information_bottleneck(NOISY, [2, 1.1])
    for encoder, beta in zip(curve.encoders, curve.beta, strict=True):
        assert ib_inconsistency(NOISY, torch.from_numpy(encoder), float(beta)) == pytest.approx(0, abs=1e-7)
    mixed = 0.5 * curve.encoders[0] + 0.5 * curve.encoders[0][:, ::-1] * 0.6 + 0.2 * curve.encoders[0]
    assert ib_inconsistency(NOISY, torch.from_numpy(mixed), 2.0) > 0.01  # against 1e-7 on the curve


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), beta=st.floats(1.5, 30))
def test_no_encoder_is_better_than_what_x_says(seed, beta):
    joint = np.random.default_rng(seed).dirichlet(np.ones(12)).reshape(4, 3)
    curve = information_bottleneck(torch.from_numpy(joint), [float(beta), 1000.0], tol=1e-8)
    whole = (joint * np.log2(joint / np.outer(joint.sum(1), joint.sum(0)))).sum()
    assert (curve.ity <= curve.ixt + 1e-9).all()
    assert (curve.ity <= whole + 1e-9).all()
    assert curve.ity[0] == pytest.approx(whole, abs=0.02)
    assert all(np.allclose(each.sum(1), 1) for each in curve.encoders)


def test_bad_distributions_and_betas_are_named():
    cases = (
        (BSC * 2, [2.0], {}, "p_xy"),
        (-BSC, [2.0], {}, "p_xy"),
        (BSC, [], {}, "betas"),
        (BSC, [0.0], {}, "betas"),
        (BSC, [2.0], {"n_clusters": 0}, "n_clusters"),
        (BSC, [2.0], {"tol": 0.0}, "tol"),
    )
    for p_xy, betas, more, match in cases:
        with pytest.raises(InputError, match=match):
            information_bottleneck(p_xy, betas, **more)
    with pytest.raises(InputError, match="encoder"):
        ib_inconsistency(BSC, torch.ones(3, 1), 2)
    assert ib_critical_beta(torch.full((2, 2), 0.25)) == np.inf
    assert information_bottleneck(NOISY, [100], n_clusters=2).encoders[0].shape == (4096, 2)
