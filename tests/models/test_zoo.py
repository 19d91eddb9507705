"""Sizes, shapes, names and seeds of the networks."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from netopsy.core.errors import InputError, UnknownNameError
from netopsy.models import (
    conv_net,
    dcgan_discriminator,
    dcgan_generator,
    lenet,
    lenet_300_100,
    mlp,
    resnet,
    resnet18,
    small_conv_net,
    spectral_discriminator,
    unet,
    upsampling_generator,
    vgg,
)


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def weights(model):
    return sum(parameter.numel() for parameter in model.parameters() if parameter.ndim > 1)


SMALL = {
    "mlp": (lambda seed: mlp((64, 20, 10), seed=seed), (1, 8, 8)),
    "lenet": (lambda seed: lenet_300_100(64, seed=seed), (1, 8, 8)),
    "conv6": (lambda seed: conv_net(6, channels=1, size=(8, 11), widths=(4, 4, 4), hidden=(7,), seed=seed), (1, 8, 11)),
    "lenet_conv": (lambda seed: lenet((4, 6), (9,), kernel=3, size=8, seed=seed), (1, 8, 8)),
    "small_conv_net": (lambda seed: small_conv_net(seed=seed), (1, 8, 8)),
    "resnet8": (lambda seed: resnet(8, width=4, seed=seed), (3, 9, 9)),
    "resnet8 conv": (lambda seed: resnet(8, width=4, shortcut="conv", seed=seed), (3, 8, 8)),
    "resnet18 large": (lambda seed: resnet18(widths=(4, 6, 8, 10), stem="large", seed=seed), (3, 64, 64)),
    "vgg11": (lambda seed: vgg(11, width=4, size=16, seed=seed), (3, 16, 16)),
}
BATCH_NORM = [name for name in SMALL if name.startswith(("small", "resnet", "vgg"))]


@pytest.mark.parametrize(
    ("model", "published"),
    [
        # Frankle and Carbin 2019, Fig. 2, to the digits given there.
        (lambda: lenet_300_100(), "266K"),
        (lambda: conv_net(2), "4.3M"),
        (lambda: conv_net(4), "2.4M"),
        (lambda: vgg(19), "20M"),
        # He et al. 2016, Table 6.
        (lambda: resnet(20), "0.27M"),
        (lambda: resnet(32), "0.46M"),
        (lambda: resnet(56), "0.85M"),
    ],
)
def test_published_sizes(model, published):
    number, unit = float(published[:-1]), {"K": 1e3, "M": 1e6}[published[-1]]
    decimals = len(published[:-1].partition(".")[2])
    assert round(weights(model()) / unit, decimals) == number


def test_conv6_has_the_convolutions_of_the_paper_but_not_its_total():
    model = conv_net(6)
    assert round(weights(model.features) / 1e6, 1) == 1.1
    assert weights(model.classifier) == 4096 * 256 + 256 * 256 + 256 * 10


def test_resnet18_has_the_well_known_size():
    assert parameters(resnet18(stem="large", classes=1000)) == 11_689_512


@pytest.mark.parametrize("name", SMALL)
def test_logits_follow_from_the_seed_alone(name):
    build, shape = SMALL[name]
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same, other = build(1), build(1), build(2)
    assert torch.equal(torch.get_rng_state(), before)
    for (key, value), twin in zip(one.state_dict().items(), same.state_dict().values(), strict=True):
        assert torch.equal(value, twin), key
    images = torch.rand(3, *shape, generator=torch.Generator().manual_seed(0))
    logits = one.eval()(images)
    assert logits.shape == (3, 10)
    assert logits.isfinite().all()
    assert not torch.allclose(logits, other.eval()(images))


@pytest.mark.parametrize("name", SMALL)
def test_weights_are_all_drawn(name):
    for key, parameter in SMALL[name][0](0).named_parameters():
        if parameter.ndim > 1:
            assert parameter.isfinite().all(), key
            assert len(parameter.unique()) > 0.9 * parameter.numel(), key


@pytest.mark.parametrize("name", SMALL)
def test_activations_never_work_in_place(name):
    assert not any(getattr(module, "inplace", False) for module in SMALL[name][0](0).modules())


@pytest.mark.parametrize("name", BATCH_NORM)
@pytest.mark.parametrize("training", [True, False])
def test_replicas_under_vmap_equal_one_at_a_time(name, training):
    build, shape = SMALL[name]
    models = [build(seed).train(training) for seed in range(3)]
    parameters, buffers = stack_module_state(models)
    images = torch.rand(3, 4, *shape, generator=torch.Generator().manual_seed(0))

    def forward(parameters, buffers, images):
        return functional_call(models[0], (parameters, buffers), (images,))

    together = vmap(forward)(parameters, buffers, images)
    alone = torch.stack([model(batch) for model, batch in zip(models, images, strict=True)])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)
    for key, stacked in buffers.items():
        wanted = torch.stack([dict(model.named_buffers())[key] for model in models])
        torch.testing.assert_close(stacked, wanted, atol=1e-4, rtol=1e-4)


def test_layers_have_readable_names():
    assert [name for name, _ in mlp((4, 3, 2)).named_children()] == ["flatten", "fc1", "act1", "output"]
    names = dict(conv_net(4).named_modules())
    assert {"features.conv1", "features.act4", "features.pool2", "classifier.fc2", "classifier.output"} <= set(names)
    names = dict(resnet(20).named_modules())
    assert {"stem.conv", "stage3.block3.norm2", "stage2.block1.shortcut", "output"} <= set(names)
    assert {"stage5.conv4", "stage5.act4", "pool4", "output"} <= set(dict(vgg(19, width=2).named_modules()))


def test_parameter_free_shortcut_by_hand():
    shortcut = resnet(8, width=4).get_submodule("stage2.block1.shortcut")
    features = torch.rand(2, 4, 5, 5)
    out = shortcut(features)
    assert out.shape == (2, 8, 3, 3)
    assert torch.equal(out[:, 2:6], features[:, :, ::2, ::2])
    assert out[:, :2].abs().sum() + out[:, 6:].abs().sum() == 0


def test_a_block_with_a_silent_branch_is_its_shortcut():
    block = resnet(8, width=4).get_submodule("stage1.block1").eval()
    nn.init.zeros_(block.conv2.weight)
    features = torch.randn(2, 4, 5, 5)
    assert torch.equal(block(features), features.relu())


@pytest.mark.parametrize(("height", "width"), [(8, 8), (17, 12), (31, 33)])
def test_unet_keeps_the_size_of_any_image(height, width):
    model = unet(3, 2, widths=(4, 6, 8, 10)).eval()
    assert model(torch.rand(1, 3, height, width)).shape == (1, 2, height, width)


def test_unet_sees_all_around_and_can_be_trained():
    model = unet(1, widths=(4, 8), activation="tanh", batch_norm=False)
    images = torch.rand(1, 1, 40, 40, requires_grad=True)
    model(images)[0, 0, 20, 20].backward()
    rows, columns = images.grad[0, 0].nonzero().T
    # By hand: two convolutions reach rows 18..22, on the half grid 9..11, two more 7..13, in full 14..27, two more
    # 12..29; past the bottom it would only be 16..24.
    for reached in (rows, columns):
        assert 12 <= reached.min() < 16
        assert 24 < reached.max() <= 29
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("size", [8, 10, 12, 14, 28, 32, 64])
def test_generator_and_discriminator_fit_each_other(size):
    generator = dcgan_generator(16, channels=3, size=size, width=4, seed=3)
    discriminator = dcgan_discriminator(channels=3, size=size, width=4, seed=3)
    images = generator(torch.randn(5, 16))
    assert images.shape == (5, 3, size, size)
    assert images.abs().max() <= 1
    assert discriminator(images).shape == (5,)
    discriminator(images).sum().backward()
    assert all(parameter.grad is not None for parameter in generator.parameters())


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: mlp([]), "sizes must not be empty"),
        (lambda: mlp([4]), "at least inputs and outputs"),
        (lambda: mlp([4, 0, 2]), "at least 1, got 0"),
        (lambda: mlp([4, 2.5, 2]), "got 2.5"),
        (lambda: conv_net(3), "depth must be 2, 4 or 6"),
        (lambda: conv_net(6, size=7), "size must be at least 8 for Conv-6"),
        (lambda: conv_net(4, widths=(64,)), "widths must name 2"),
        (lambda: conv_net(2, channels=0), "channels must be an int of at least 1"),
        (lambda: conv_net(2, hidden=(0,)), "hidden"),
        (lambda: small_conv_net((4, 4), (1,)), "strides must be as many"),
        (lambda: lenet(kernel=4), "kernel must be an odd int"),
        (lambda: lenet(size=3), "size must be at least 4"),
        (lambda: small_conv_net(classes=True), "classes must be an int"),
        (lambda: resnet(18), "depth must be 8, 14, 20"),
        (lambda: resnet(20, shortcut="skip"), "shortcut must be 'pad' or 'conv'"),
        (lambda: resnet18(stem="tiny"), "unknown stem"),
        (lambda: resnet18(widths=()), "widths must not be empty"),
        (lambda: vgg(12), "depth must be 11, 13, 16 or 19"),
        (lambda: vgg(11, size=8), "size must be at least 16"),
        (lambda: unet(widths=(4,)), "at least one stage and the bottom"),
        (lambda: unet(widths=(4, 8, 8))(torch.rand(1, 3, 3, 9)), "at least 4 pixels a side"),
        (lambda: dcgan_generator(size=9), "size must be 4, 5, 6 or 7 doubled"),
        (lambda: dcgan_discriminator(size=7), "got 7"),
    ],
)
def test_bad_input_is_named(build, message):
    with pytest.raises(InputError, match=message):
        build()


def test_unknown_activation_names_the_near_ones():
    with pytest.raises(UnknownNameError, match="'leaky_relu'"):
        mlp((4, 3, 2), activation="leakyrelu")


@pytest.mark.parametrize(("widths", "size"), [((6, 4), 8), ((6, 5, 4), 16), ((8, 8, 6, 4), 32)])
def test_an_upsampling_generator_doubles_its_grid(widths, size):
    net = upsampling_generator(7, widths=widths, seed=2).eval()
    images = net(torch.randn(3, 7))
    assert images.shape == (3, 3, size, size)
    assert images.abs().max() <= 1
    names = [name for name, _ in net.named_children() if name.startswith("layer")]
    assert names == [f"layer{number}" for number in range(1, 2 * len(widths))]
    assert all(
        (layer[-1].__class__, layer[1].__class__) == (nn.ReLU, nn.BatchNorm2d)
        for layer in net
        if len(list(layer.children())) == 3
    )
    assert torch.equal(upsampling_generator(7, widths=widths, seed=2).layer1.conv.weight, net.layer1.conv.weight)


def test_a_spectral_discriminator_has_singular_values_of_one():
    state = torch.random.get_rng_state()
    net = spectral_discriminator(size=8, widths=(4, 6), seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    net.train()
    for _ in range(200):
        net(torch.zeros(2, 3, 8, 8))
    net.eval()
    for layer in (net.layer1.conv, net.layer2.conv, net.output):
        largest = torch.linalg.svdvals(layer.weight.flatten(1))[0]
        assert largest.item() == pytest.approx(1, abs=0.02)
    assert net(torch.rand(5, 3, 8, 8)).shape == (5,)


def test_sizes_of_the_scene_networks_are_checked():
    with pytest.raises(InputError, match="widths must be at least two"):
        upsampling_generator(widths=(4,))
    with pytest.raises(InputError, match="size must be divisible by 2"):
        spectral_discriminator(size=10, widths=(4, 4))
