import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.training.attack import Attack, pgd


def test_adversarial_noise_stays_in_its_ball_and_raises_the_loss():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(36, 4)).train()
    images, labels = torch.rand(8, 1, 6, 6), torch.arange(8) % 4
    found = pgd(net, images, labels, Attack())
    assert (found - images).abs().max() <= 0.1 + 1e-6
    assert found.min() >= 0
    assert found.max() <= 1
    before, after = (nn.functional.cross_entropy(net(x), labels, reduction="none") for x in (images, found))
    assert (after > before).all()
    assert net.training
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    # A linear network of two classes has a known worst case: every pixel moves as far as it may.
    two = nn.Sequential(nn.Flatten(), nn.Linear(36, 2))
    direction = (two[1].weight[1] - two[1].weight[0]).sign().reshape(6, 6)
    expected = (images + 0.1 * direction).clamp(0, 1)
    torch.testing.assert_close(pgd(two, images, torch.zeros(8).long(), Attack(step=0.03, steps=9)), expected)
    with pytest.raises(InputError, match="must be positive"):
        pgd(net, images, labels, Attack(radius=0.0))
