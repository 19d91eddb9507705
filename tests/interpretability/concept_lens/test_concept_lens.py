"""The lens on networks of several kinds, strategy graphs, and what they leave behind."""

import math

import pytest
import torch
from matplotlib import pyplot
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from netopsy import InputError
from netopsy.core.capture import layer_activations
from netopsy.interpretability.concept_lens import ConceptLens, patches, strategy_graph, token_grid
from netopsy.interpretability.concept_lens.layouts import pooled


class Transformer(nn.Module):
    """Patches of 4x4, a class token, one attention layer; the class token alone is read."""

    def __init__(self, classes=3, width=8):
        super().__init__()
        torch.manual_seed(0)
        self.cut = nn.Conv2d(3, width, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.block = nn.TransformerEncoderLayer(width, 2, 16, dropout=0.1, batch_first=True)
        self.mix = nn.TransformerEncoderLayer(width, 2, 16, dropout=0.1, batch_first=True)
        self.out = nn.Linear(width, classes)

    def forward(self, x):
        grid = self.cut(x).flatten(2).mT
        tokens = torch.cat([self.token.expand(len(x), -1, -1), grid], 1)
        return self.out(self.mix(self.block(tokens))[:, 0])


def colour(n=16, size=8, seed=0):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed))


def corner_net():
    """Two positive channels: brightness of the left and of the right half; the score is left less right."""
    net = nn.Sequential()
    net.conv = nn.Conv2d(1, 2, 1, bias=False)
    net.act = nn.ReLU()
    net.pool = nn.AdaptiveAvgPool2d(1)
    net.flat = nn.Flatten()
    net.out = nn.Linear(2, 2)
    with torch.no_grad():
        net.conv.weight[:] = torch.tensor([1.0, -1.0])[:, None, None, None]
        net.out.weight[:] = torch.tensor([[2.0, 0.5], [-1.0, 3.0]])
        net.out.bias[:] = torch.tensor([0.1, 0.2])
    return net


def test_known_concepts_are_found_placed_and_scored():
    """Bright pixels are one concept, dark ones (below 0) the other: two orthogonal directions."""
    images = torch.zeros(6, 1, 4, 4)
    images[:, :, :, :2], images[:, :, 0, 2:] = 1.0, -1.0
    images = images * torch.linspace(0.5, 1, 6)[:, None, None, None]
    net = corner_net()
    lens = ConceptLens(net, "act", 2).fit(images)
    bank = nn.functional.normalize(lens.extractor_.bank_, dim=1)
    order = bank.argmax(1)
    torch.testing.assert_close(bank[order.argsort()], torch.eye(2), atol=1e-3, rtol=0)
    phi = lens.importance(images, 0)[:, order.argsort()]
    features = layer_activations(net, images, "flat")["flat"]
    torch.testing.assert_close(phi, features * net.out.weight[0].detach(), atol=2e-3, rtol=0)
    maps = lens.concept_maps(images)[:, order.argsort()]
    assert (maps[:, 0, :, :2] > 0).all()
    assert (maps[:, 0, :, 2:] < 1e-3).all()
    assert (maps[:, 1, 0, 2:] > 0).all()


def test_shares_of_an_affine_rest_without_bias_add_up_to_one():
    net = corner_net()
    nn.init.zeros_(net.out.bias)
    images = torch.rand(7, 1, 4, 4) - 0.3
    lens = ConceptLens(net, "act", 2).fit(images)
    mean, share = lens.global_importance(images, 0), lens.global_importance(images, 0, share=True)
    torch.testing.assert_close(mean, lens.importance(images, 0).mean(0))
    assert float(share.sum()) == pytest.approx(1, abs=1e-4)
    torch.testing.assert_close(share / share.sum(), mean / mean.sum())


@pytest.mark.parametrize("method", ["nmf", "pca", "kmeans"])
def test_as_many_concepts_as_channels_give_the_answer_back(net, images, method):
    lens = ConceptLens(net, "act", 4, method=method).fit(images.repeat(1, 1, 2, 2))
    answers = net.eval()(images).detach()
    decoded = lens.score(2)(lens.encode(images))
    if method == "pca":
        torch.testing.assert_close(decoded, answers[:, 2])
    assert decoded.shape == (3,)
    assert lens.score(lambda out: out[:, 0] - out[:, 1])(lens.encode(images)).shape == (3,)


@pytest.mark.parametrize("layer", ["act", "block", "pool", "flat"])
def test_any_layer_behind_a_relu_on_a_network_with_bad_habits(net, images, layer, left_as_found):
    net.train()
    before = left_as_found(net)
    pictures = images.repeat(2, 1, 2, 2)
    lens = ConceptLens(net, layer, 3, batch_size=4).fit(pictures)
    phi = lens.importance(pictures, 1, "oc")
    maps = lens.concept_maps(pictures)
    fidelity = lens.fidelity(pictures, 1, phi)
    assert phi.shape == (6, 3)
    assert maps.shape == (6, 3, 22, 18)
    assert set(fidelity) == {"c-deletion", "c-insertion", "c-mu-fidelity"}
    assert left_as_found(net) == before


def test_maps_at_a_layer_without_places_are_gradients_of_the_codes(net, images):
    lens = ConceptLens(net, "flat", 2).fit(images)
    start = images.clone().requires_grad_()
    codes = lens.encode(start)
    for concept in range(2):
        gradient = torch.autograd.grad(codes[:, concept].sum(), start, retain_graph=True)[0]
        torch.testing.assert_close(lens.concept_maps(images)[:, concept], gradient.abs().sum(1))


def test_tokens_have_codes_and_maps():
    net, images = Transformer(), colour()
    lens = ConceptLens(net, "block", 3, method="pca", reshape=token_grid(2, 2)).fit(images)
    assert lens.encode(images).shape == (16, 5, 3)
    assert lens.importance(images, 1, "ig").shape == (16, 3)
    assert lens.concept_maps(images).shape == (16, 3, 8, 8)
    whole = ConceptLens(net, "block", 8, method="pca").fit(images)
    with torch.no_grad():
        torch.testing.assert_close(whole.score(0)(whole.encode(images)), net.eval()(images)[:, 0], atol=1e-5, rtol=0)
    with pytest.raises(InputError, match="reshape must be given"):
        whole.concept_maps(images)


def test_patches_are_crops_of_the_image_enlarged():
    images = torch.arange(2 * 16.0).reshape(2, 1, 4, 4)
    cut = patches(images, 2, stride=2)
    assert cut.shape == (8, 1, 4, 4)
    expected = nn.functional.interpolate(images[1:, :, 2:, :2], (4, 4), mode="bilinear")
    assert torch.equal(cut[6:7], expected)
    assert patches(images, 4).shape == images.shape
    assert torch.equal(patches(images, 4), images)
    assert pooled(torch.ones(2, 3, 3, 5)).shape == (2, 5)


def test_concepts_from_patches_are_looked_for_in_whole_images(net, images):
    lens = ConceptLens(net, "block", 2, patch_size=5).fit(images)
    assert lens.extractor_.codes_.shape == (3 * 2 * 2, 2)  # 11x9 pixels have two by two patches at a stride of 4
    assert lens.encode(images).shape[:1] == (3,)
    assert lens.encode(images).ndim == 4


def test_only_images_of_the_class_are_used():
    images = torch.cat([torch.ones(3, 1, 4, 4), -torch.ones(5, 1, 4, 4)])
    images = images * torch.linspace(0.5, 1, 8)[:, None, None, None]
    lens = ConceptLens(corner_net(), "act", 1).fit(images, class_id=1)
    assert lens.indices_.tolist() == [3, 4, 5, 6, 7]
    assert lens.extractor_.bank_[0].argmax() == 1
    with pytest.raises(InputError, match="predicted for none of the 3 images"):
        ConceptLens(corner_net(), "act", 1).fit(images[:3], class_id=1)


def test_strategies_of_a_lens_speak_of_the_callers_images():
    images = torch.cat([torch.ones(6, 1, 4, 4), -torch.ones(6, 1, 4, 4)])
    images[:6, :, :, 2:] = -0.05
    images = images * torch.linspace(0.5, 1, 12)[:, None, None, None]
    lens = ConceptLens(corner_net(), "act", 2).fit(images)
    labels = torch.tensor([0, 0, 0, 1, 1, 1] + [1] * 6)
    graph = lens.strategies(images, 0, labels=labels)
    assert graph.indices.tolist() == [0, 1, 2, 3, 4, 5]
    assert graph.reliability[graph.prevalence.argmax()] == 0.5
    with pytest.raises(InputError, match="predicted for none"):
        lens.strategies(images[6:], 0)


def groups():
    random = torch.Generator().manual_seed(0)
    middles = torch.tensor([[5.0, 1, 0, 0], [0, 1, 4, 0], [0, 0, 1, 6]])
    kinds = torch.tensor([0] * 20 + [1] * 12 + [2] * 8)
    return middles[kinds] + 0.2 * torch.rand(40, 4, generator=random), kinds


@pytest.mark.parametrize("normalise", ["image", "concept"])
def test_groups_are_found_counted_and_described(normalise):
    phi, kinds = groups()
    correct = torch.ones(40, dtype=torch.bool)
    correct[:5] = False
    graph = strategy_graph(phi, correct, normalise=normalise, plane="pca")
    assert torch.equal(graph.clusters, kinds)
    assert graph.sizes.tolist() == [20, 12, 8]
    assert graph.silhouette > 0.8
    torch.testing.assert_close(graph.prevalence, torch.tensor([0.5, 0, 0.3, 0.2]))
    assert graph.reliability[0] == 0.75
    assert graph.reliability[2] == 1
    assert graph.reliability[1].isnan()
    torch.testing.assert_close(graph.mean_phi[1], phi[20:32].mean(0))
    tops = phi.topk(3, 1).indices
    both = sum(1 for row in tops.tolist() if 0 in row and 1 in row) / 40
    assert float(graph.together[0, 1]) == pytest.approx(both)
    assert torch.equal(graph.together, graph.together.T)
    for number, rows in enumerate(graph.examples):
        assert (kinds[rows] == number).all()


def test_a_concept_that_all_share_hides_the_others_unless_concepts_are_brought_to_one_spread():
    random = torch.Generator().manual_seed(0)
    kinds = torch.arange(60) % 2
    shared = 30 * torch.rand(60, 1, generator=random)
    other = 3 * torch.rand(60, 1, generator=random)
    cue = kinds[:, None] + 0.1 * torch.randn(60, 3, generator=random)
    phi = torch.cat([shared, other, cue], 1)
    by_image = strategy_graph(phi, clusters=2, plane="pca").clusters
    by_concept = strategy_graph(phi, clusters=2, normalise="concept", plane="pca").clusters
    agreement = [
        max(share, 1 - share) for share in (float((each == kinds).float().mean()) for each in (by_image, by_concept))
    ]
    assert agreement[1] > 0.95 > agreement[0]


def test_few_or_equal_images_are_one_group():
    for phi in (torch.rand(1, 3), torch.rand(2, 3), torch.ones(5, 3)):
        graph = strategy_graph(phi)
        assert graph.clusters.tolist() == [0] * len(phi)
        assert math.isnan(graph.silhouette)
        assert graph.plane.shape == (len(phi), 2)
        assert graph.plot() is not None


@pytest.mark.parametrize("plane", ["auto", "tsne", "pca"])
def test_the_graph_is_drawn_without_touching_anything_global(plane):
    phi, _ = groups()
    before = torch.random.get_rng_state()
    graph = (
        strategy_graph(phi, torch.rand(40) > 0.5, plane=plane) if plane == "pca" else strategy_graph(phi, plane=plane)
    )
    if plane != "pca":
        assert torch.equal(before, torch.random.get_rng_state())
    windows = pyplot.get_fignums()
    drawn = graph.plot(torch.rand(40, 3, 8, 8))
    assert len(drawn.axes) >= 3 + 3 * 6
    assert pyplot.get_fignums() == windows


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda net, x: ConceptLens(net, "nothing"), "unknown layer 'nothing'"),
        (lambda net, x: ConceptLens(net, "act", 2, batch_size=0), "batch_size must be an int"),
        (lambda net, x: ConceptLens(net, "act", 2).encode(x), "call fit first"),
        (lambda net, x: ConceptLens(net, "act", 2).importance(x, 0), "call fit first"),
        (lambda net, x: ConceptLens(net, "act", 5).fit(x), "n_concepts must be an int from 1 to 4"),
        (lambda net, x: ConceptLens(net, "stem", 2).fit(x), "must not be negative for NMF"),
        (lambda net, x: ConceptLens(net, "block.norm", 2, method="pca").fit(x), "a shortcut goes around it"),
        (lambda net, x: ConceptLens(net, "act", 2).fit(x[0]), "images must be"),
        (lambda net, x: ConceptLens(net, "act", 2, patch_size=10).fit(x), "patch_size must be an int from 1 to 9"),
        (lambda net, x: ConceptLens(net, "act", 2).fit(x).importance(x, 7), "class 7 is out of range"),
        (lambda net, x: ConceptLens(net, "act", 2).fit(x).score("cat"), "target must be a class index or a function"),
        (lambda net, x: ConceptLens(net, "act", 2).fit(x).importance(x, 0, "shap"), "unknown method 'shap'"),
        (lambda net, x: strategy_graph(torch.ones(3)), "phi must be importances"),
        (lambda net, x: strategy_graph(torch.ones(3, 2) * torch.nan), "phi holds NaN"),
        (lambda net, x: strategy_graph(torch.ones(3, 2), torch.ones(3)), "correct must be a bool"),
        (lambda net, x: strategy_graph(torch.ones(3, 2), clusters=4), "clusters must be an int from 1 to"),
        (lambda net, x: strategy_graph(torch.ones(3, 2), normalise="max"), "unknown normalise 'max'"),
        (lambda net, x: strategy_graph(torch.ones(3, 2), plane="sphere"), "unknown plane 'sphere'"),
    ],
)
def test_bad_input_is_named(make, words, net, images, unchecked):
    with pytest.raises(InputError, match=words):
        make(net, images)


def small_net(dtype=torch.float32):
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, 3)).to(dtype).eval()


def test_a_lens_that_is_fitted_again_leaves_its_earlier_concepts_alone():
    lens = ConceptLens(small_net(), "1", 2)
    first = lens.fit(colour()).extractor_
    bank = first.bank_.clone()
    assert lens.fit(2 * colour(seed=1)).extractor_ is not first
    assert torch.equal(first.bank_, bank)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("layer", ["1", "4", "6"])
@pytest.mark.parametrize("method", ["nmf", "pca"])
def test_half_precision_networks_are_explained_nearly_as_single_ones(dtype, layer, method):
    images, half, single = colour(8), small_net(dtype), small_net()
    single.load_state_dict(half.state_dict())
    ours, other = (
        ConceptLens(net, layer, 2, method=method).fit(given)
        for net, given in ((half, images.to(dtype)), (single, images))
    )
    ours.extractor_ = other.extractor_
    for way in ("gi", "ig", "oc", "ri"):
        found, wanted = ours.importance(images.to(dtype), 1, way), other.importance(images, 1, way)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, wanted, rtol=0.1, atol=0.1 * float(wanted.abs().max()))
    phi = ours.importance(images.to(dtype), 1)
    assert all(values.isfinite().any() for values in ours.fidelity(images.to(dtype), 1, phi).values())


@pytest.mark.parametrize(("class_id", "patch_size"), [(2, None), (None, 5)])
def test_batches_of_any_size_are_as_good_as_one_tensor(class_id, patch_size):
    images = colour(14)
    net = small_net()
    labels = net(images).argmax(1)
    class_id = None if class_id is None else int(labels.mode().values)
    loader = DataLoader(TensorDataset(images, labels), batch_size=5)
    whole, parts = (
        ConceptLens(net, "4", 2, patch_size=patch_size, batch_size=16).fit(given, class_id)
        for given in (images, (batch for batch in loader))
    )
    assert torch.equal(whole.extractor_.bank_, parts.extractor_.bank_)
    assert torch.equal(whole.indices_, parts.indices_)
    target = int(labels.mode().values)
    assert torch.equal(whole.encode(images), parts.encode(loader))
    assert torch.equal(whole.concept_maps(images), parts.concept_maps(loader))
    phi = whole.importance(images, target)
    assert torch.equal(phi, parts.importance(loader, target))
    assert torch.equal(whole.global_importance(images, 0, share=True), parts.global_importance(loader, 0, share=True))
    found = parts.fidelity(loader, target, phi)
    for name, values in whole.fidelity(images, target, phi).items():
        torch.testing.assert_close(found[name], values, rtol=0, atol=0, equal_nan=True)
    options = {"clusters": 2, "plane": "pca"}
    one = whole.strategies(images, target, labels=labels, **options)
    other = parts.strategies(loader, target, **options)
    assert torch.equal(one.phi, other.phi)
    assert torch.equal(one.indices, other.indices)
    torch.testing.assert_close(one.reliability, other.reliability, rtol=0, atol=0, equal_nan=True)


def test_steps_have_no_maps_by_gradients():
    lens = ConceptLens(small_net(), "6", 2, method="kmeans").fit(colour())
    with pytest.raises(InputError, match="do not change with the pixels"):
        lens.concept_maps(colour())
