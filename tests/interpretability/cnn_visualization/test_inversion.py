"""Network inversion against ridge regression and orthogonal codes; decoders of layers; bad input."""

import numpy as np
import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.core.split import run_to
from netopsy.data import digits
from netopsy.interpretability.cnn_visualization import (
    Jitter,
    UpconvNet,
    balanced_weights,
    invert_representation,
    reconstruct,
    train_upconv_inverter,
)
from netopsy.interpretability.layer_maps import token_grid

SHAPE = (1, 4, 5)


def linear(outputs, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(20, outputs, bias=False)).double()


def grey(*shape, seed=0):
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("outputs", [12, 30])
@pytest.mark.parametrize("optimiser", ["adam", "momentum"])
def test_a_linear_layer_with_a_square_penalty_is_ridge_regression(outputs, optimiser):
    net, images, weight = linear(outputs), grey(3, *SHAPE), 0.05
    found = invert_representation(
        net,
        "1",
        images,
        lambda_alpha=weight,
        alpha=2.0,
        limits=None,
        steps=400,
        optimiser=optimiser,
        lr=0.05 if optimiser == "adam" else 0.3,
    )
    matrix = net[1].weight.detach().numpy()
    for image, made, error in zip(images, found.images, found.feature_error, strict=True):
        code = matrix @ image.flatten().numpy()
        size = code @ code
        expected = np.linalg.solve(matrix.T @ matrix / size + weight * np.eye(20), matrix.T @ code / size)
        np.testing.assert_allclose(made.flatten().numpy(), expected, atol=3e-3 if optimiser == "adam" else 1e-5)
        left = matrix @ expected - code
        assert float(error) == pytest.approx(left @ left / size, abs=1e-5)


def test_an_orthogonal_code_gives_the_image_back():
    net, images = linear(20), grey(4, *SHAPE)
    with torch.no_grad():
        net[1].weight.copy_(torch.linalg.qr(net[1].weight).Q)
    found = invert_representation(net, "1", images, steps=300, lr=0.05)
    torch.testing.assert_close(found.images, images, atol=1e-3, rtol=0)
    assert (found.feature_error < 1e-6).all()


def conv_net():
    torch.manual_seed(2)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 5)
    ).double()


def test_a_batch_is_what_single_images_are_each_with_a_weight_of_its_own():
    net, images = conv_net(), grey(3, 3, 8, 8)
    weights, start = torch.tensor([0.0, 1e-3, 1e-2], dtype=torch.float64), grey(3, 3, 8, 8, seed=1)
    options = {"steps": 30, "jitter": Jitter(1)}
    together = invert_representation(net, "2", images, lambda_tv=weights, lambda_alpha=weights, init=start, **options)
    for one in range(3):
        part, weight = slice(one, one + 1), float(weights[one])
        alone = invert_representation(
            net, "2", images[part], lambda_tv=weight, lambda_alpha=weight, init=start[part], **options
        )
        torch.testing.assert_close(together.images[part], alone.images, rtol=1e-6, atol=1e-8)
        torch.testing.assert_close(together.history[:, part], alone.history, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(
        together.feature_error,
        (run_to(net, "2", together.images) - run_to(net, "2", images)).flatten(1).square().sum(1).detach()
        / run_to(net, "2", images).flatten(1).square().sum(1).detach(),
    )
    assert together.history.shape == (30, 3)


def test_a_code_alone_can_be_inverted():
    net, images = conv_net(), grey(2, 3, 8, 8)
    code = run_to(net, "2", images).detach()
    from_code = invert_representation(net, "2", code=code, shape=(3, 8, 8), init=grey(2, 3, 8, 8, seed=5), steps=20)
    from_images = invert_representation(net, "2", images, init=grey(2, 3, 8, 8, seed=5), steps=20)
    assert torch.equal(from_code.images, from_images.images)


def test_standardised_images_are_inverted_alike():
    net, images = conv_net(), grey(2, 3, 8, 8)
    start = grey(2, 3, 8, 8, seed=7)

    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, x):
            return self.net(x * 4 - 1)

    options = {"steps": 25, "lambda_tv": 1e-3, "lambda_alpha": 1e-3}
    inside = invert_representation(Shifted(), "net.2", images, init=start, **options)
    outside = invert_representation(net, "2", images * 4 - 1, init=start * 4 - 1, limits=(-1.0, 3.0), **options)
    torch.testing.assert_close(outside.images, inside.images * 4 - 1, rtol=1e-6, atol=1e-8)


def test_the_start_has_the_norm_of_the_reference_and_penalties_smooth(left_as_found):
    net, images = conv_net().train(), grey(2, 3, 8, 8)
    before = left_as_found(net)
    plain = invert_representation(net, "2", images, steps=1, lr=1e-9, limits=None, mean=0.5)
    sizes = [(each - 0.5).flatten(1).norm(dim=1) for each in (plain.images, images)]
    torch.testing.assert_close(*sizes, rtol=1e-6, atol=1e-6)
    smooth = invert_representation(net, "2", images, steps=60, lambda_tv=1.0)
    rough = invert_representation(net, "2", images, steps=60)
    assert (smooth.images.diff(dim=-1).square().sum() < 0.5 * rough.images.diff(dim=-1).square().sum()).item()
    assert (rough.feature_error < smooth.feature_error).all()
    assert left_as_found(net) == before
    assert len(rough.plot().axes) == 2


def test_balanced_weights_are_those_of_the_definition():
    found = balanced_weights(0.3, (10, 20), alpha=4.0, beta=1.0, span=0.5)
    assert found["lambda_alpha"] == pytest.approx(0.3 / 200 / 0.5**4)
    assert found["lambda_tv"] == pytest.approx(0.3 / 200 * 6.5 / 0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "nowhere"}, "unknown layer"),
        ({"steps": 0}, "steps must be an int of at least 1"),
        ({"lr": 0.0}, "lr must be positive"),
        ({"optimiser": "sgd"}, "optimiser must be 'adam' or 'momentum'"),
        ({"code": torch.ones(2, 5)}, "give either reference images or a code"),
        ({"reference": None}, "give either reference images or a code"),
        ({"reference": None, "code": torch.ones(2, 5)}, r"shape \(channels, height, width\) must be given with a code"),
        (
            {"reference": None, "code": torch.ones(2, 4), "shape": (3, 8, 8)},
            "code must have the shape of what layer '5'",
        ),
        ({"shape": (3, 8, 8)}, "shape must be left out"),
        ({"reference": torch.ones(3, 8, 8)}, "images must be"),
        ({"lambda_tv": -1.0}, "lambda_tv must be finite and not negative"),
        ({"lambda_alpha": torch.ones(3)}, "lambda_alpha must be a number or one a code"),
        ({"init": torch.ones(1, 3, 8, 8)}, "init must have shape"),
        ({"limits": (0.0, 0.0)}, "limits must be two values"),
        ({"lr": 1e300, "limits": None}, "the errors do not stay finite"),
    ],
)
def test_bad_input(options, message, unchecked):
    given = {"layer": "5", "reference": grey(2, 3, 8, 8), "steps": 3, **options}
    with pytest.raises(InputError, match=message):
        invert_representation(conv_net(), given.pop("layer"), given.pop("reference"), **given)


def test_a_start_without_gradient_is_told():
    net = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU())
    with torch.no_grad():
        net[0].weight.fill_(1.0)
    init = torch.tensor([-1.0, 1.0, -1.0]).view(3, 1, 1, 1).expand(3, 1, 2, 2)
    with pytest.warns(UserWarning, match="layer '1' has no gradient at the start of image 0, 2,"):
        found = invert_representation(net, "1", torch.ones(3, 1, 2, 2), init=init, steps=5, limits=(-2.0, 2.0))
    assert found.feature_error.tolist() == [1.0, 0.0, 1.0]


def test_a_code_of_zeros_cannot_be_inverted():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
    with torch.no_grad():
        net[0].bias.fill_(-100.0)
    with pytest.raises(InputError, match="code of layer '1' is zero for an image"):
        invert_representation(net, "1", torch.rand(1, 1, 5, 5))


# ---------------------------------------------------------------- decoders


@pytest.mark.parametrize(
    ("code", "image"),
    [
        ((7,), (1, 8, 8)),
        ((40,), (3, 30, 45)),
        ((5, 4, 4), (3, 16, 16)),
        ((5, 3, 7), (1, 11, 13)),
        ((2, 9, 9), (1, 9, 9)),
    ],
)
def test_decoders_of_vectors_and_grids_have_the_images_size(code, image):
    decoder = UpconvNet(code, image, width=16)
    assert decoder(torch.rand(2, *code)).shape == (2, *image)
    transposed = [layer for layer in decoder.layers if isinstance(layer, nn.ConvTranspose2d)]
    assert all(layer.kernel_size == (4, 4) and layer.stride == (2, 2) for layer in transposed)
    assert all(layer.negative_slope == 0.2 for layer in decoder.layers if isinstance(layer, nn.LeakyReLU))


def test_a_decoder_learns_what_the_layer_keeps(left_as_found):
    data = digits()
    images = data.inputs.reshape(-1, 1, 8, 8)
    keeps = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Flatten(), nn.Linear(64, 64)).train()
    loses = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
    before = left_as_found(keeps)
    errors = {}
    for name, net, layer in (("keeps", keeps, "2"), ("loses", loses, "1")):
        decoder = train_upconv_inverter(net, layer, images[:800], epochs=6, width=24, lr=1e-2)
        made = reconstruct(net, layer, decoder, images[800:900])
        about_mean = (images[800:900] - images[:800].mean(0)).square().sum()
        errors[name] = float((made - images[800:900]).square().sum() / about_mean)
    assert errors["keeps"] < 0.2
    assert 0.6 < errors["loses"] < 1.1
    assert left_as_found(keeps) == before


def test_the_same_seed_gives_the_same_decoder():
    net, images = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), torch.rand(30, 1, 8, 8)
    one, same, other = (
        train_upconv_inverter(net, "1", images, epochs=1, batch_size=10, width=8, seed=seed) for seed in (0, 0, 1)
    )
    assert torch.equal(one.layers[0].weight, same.layers[0].weight)
    assert not torch.equal(one.layers[0].weight, other.layers[0].weight)


def test_a_decoder_learns_from_batches_that_are_never_all_held():
    images = digits().inputs.reshape(-1, 1, 8, 8)
    net = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Flatten(), nn.Linear(64, 64))
    data = torch.utils.data.TensorDataset(images[:800], torch.arange(800))
    loader = torch.utils.data.DataLoader(data, 50, shuffle=True, generator=torch.Generator().manual_seed(0))
    longest = []
    handle = net.register_forward_pre_hook(lambda _, given: longest.append(len(given[0])))
    decoder = train_upconv_inverter(net, "2", loader, epochs=6, width=24, lr=1e-2)
    handle.remove()
    assert max(longest) == 50
    about_mean = (images[800:900] - images[:800].mean(0)).square().sum()
    made = reconstruct(net, "2", decoder, images[800:900])
    assert float((made - images[800:900]).square().sum() / about_mean) < 0.2
    whole = train_upconv_inverter(net, "2", images[:800], epochs=1, width=24)
    for name in ("code_mean", "code_scale", "image_mean", "image_scale"):
        torch.testing.assert_close(getattr(decoder, name), getattr(whole, name), atol=1e-5, rtol=1e-4)
    with pytest.raises(InputError, match="gone through again"):
        train_upconv_inverter(net, "2", iter(loader))
    with pytest.raises(InputError, match="at least one batch"):
        train_upconv_inverter(net, "2", [])
    with pytest.raises(InputError, match="one shape in all batches"):
        train_upconv_inverter(nn.Conv2d(1, 2, 3), "", [images[:4], torch.rand(4, 1, 9, 9)])


def test_a_decoder_of_tokens_needs_to_know_their_grid():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.cut = nn.Conv2d(1, 6, 2, 2)
            self.tokens = nn.Identity()

        def forward(self, images):
            return self.tokens(self.cut(images).flatten(2).mT)

    net, images, grid = Tokens(), torch.rand(20, 1, 8, 8), token_grid(4, 4, skip=0)
    given = {"epochs": 1, "batch_size": 10, "width": 8, "reshape": grid}
    decoder = train_upconv_inverter(net, "tokens", images, **given)
    same = train_upconv_inverter(net, "cut", images, epochs=1, batch_size=10, width=8)
    ours = reconstruct(net, "tokens", decoder, images, reshape=grid)
    torch.testing.assert_close(ours, reconstruct(net, "cut", same, images))
    batches = train_upconv_inverter(net, "tokens", [images[:10], images[10:]], **given)
    assert reconstruct(net, "tokens", batches, images, reshape=grid).shape == images.shape
    with pytest.raises(InputError, match="reshape="):
        train_upconv_inverter(net, "tokens", images)


def test_bad_input_to_decoders(unchecked):
    net, images = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(2)), torch.rand(4, 1, 8, 8)
    with pytest.raises(InputError, match="wanted"):
        train_upconv_inverter(net, "1", images)
    with pytest.raises(InputError, match="epochs must be"):
        train_upconv_inverter(net, "0", images, epochs=0)
    with pytest.raises(InputError, match="batch_size must be"):
        train_upconv_inverter(net, "0", images, batch_size=0)
    with pytest.raises(InputError, match="width must be"):
        train_upconv_inverter(net, "0", images, width=0)
    with pytest.raises(InputError, match="unknown layer"):
        train_upconv_inverter(net, "2", images)
    with pytest.raises(InputError, match="images must be"):
        reconstruct(net, "0", nn.Identity(), images[0])
    with pytest.raises(InputError, match="code must be"):
        UpconvNet((3, 4), (1, 8, 8))
