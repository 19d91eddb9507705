import torch

from netopsy.lab.subjects.patches import LAYERS, PatchSetting, network, trained

SMALL = PatchSetting(train_images=64, test_images=32, widths=(3, 4, 5), hidden=8, epochs=1)


def test_networks_are_seeded_and_have_the_named_layers():
    model = network(SMALL, 0)
    names = dict(model.named_modules())
    assert all(layer in names for layer in LAYERS)
    assert model(torch.rand(2, 1, 32, 32)).shape == (2, 16)
    assert torch.equal(network(SMALL, 0).features.conv1.weight, model.features.conv1.weight)
    assert not torch.equal(network(SMALL, 1).features.conv1.weight, model.features.conv1.weight)
    kept = trained(SMALL, 0, keep_states=[0, SMALL.steps])
    assert torch.equal(kept.states[0]["features.conv1.weight"], model.features.conv1.weight)
    assert torch.equal(kept.states[SMALL.steps]["features.conv1.weight"], kept.model.features.conv1.weight)
    assert not kept.model.training
