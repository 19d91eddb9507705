import pytest
import torch

from netopsy.graphs.dropout import Dropout, dropout


@pytest.mark.parametrize("p", [0.05, 0.5, 0.8])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_so_many_go_and_the_mean_stays(p, dtype):
    torch.manual_seed(0)
    x = torch.full((400, 500), 2.0, dtype=dtype)
    dropped = dropout(x, p, True)
    assert dropped.dtype == dtype
    gone = dropped == 0
    spread = (p * (1 - p) / x.numel()) ** 0.5
    assert gone.double().mean().item() == pytest.approx(p, abs=5 * spread)
    left = dropped[~gone].double()
    assert left.max() == left.min()
    assert left[0].item() == pytest.approx(2 / (1 - p), rel=1e-2 if dtype == torch.bfloat16 else 1e-4)
    # Neither rows nor columns are drawn together.
    for axis in (0, 1):
        share = gone.double().mean(axis)
        assert share.std().item() == pytest.approx((p * (1 - p) / x.shape[axis]) ** 0.5, rel=0.2)


def test_the_derivative_is_the_mask():
    torch.manual_seed(0)
    x = torch.randn(50, 7, requires_grad=True)
    made = dropout(x, 0.3, True)
    made.sum().backward()
    torch.testing.assert_close(x.grad, (made / x).detach())


@pytest.mark.parametrize(("p", "training"), [(0.0, True), (0.5, False)])
def test_nothing_is_drawn_where_nothing_goes(p, training):
    before = torch.random.get_rng_state()
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(dropout(x, p, training), x)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert (dropout(x, 1.0, True) == 0).all()
    with pytest.raises(ValueError, match="between 0 and 1"):
        dropout(x, 1.5, True)


def test_the_layer_follows_its_mode_and_the_seed():
    layer, x = Dropout(0.5), torch.ones(100)
    torch.manual_seed(3)
    first = layer(x)
    torch.manual_seed(3)
    assert torch.equal(layer(x), first)
    assert torch.equal(layer.eval()(x), x)
