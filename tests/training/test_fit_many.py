import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.core.masks import prunable_parameters
from netopsy.data import Dataset, digits_split
from netopsy.models import mlp
from netopsy.training import Recipe, evaluate, fit, fit_many

TRAIN, VALIDATION, TEST = digits_split()
SEEDS = [4, 5, 6]


def conv_net(seed):
    # No bias before the norm: its gradient is 0 but for rounding, and Adam turns rounding into steps of full size.
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(96, 10),
    )


def deep(seed):
    return mlp([64, 24, 16, 10], seed=seed)


def random_masks(model, seed):
    random = torch.Generator().manual_seed(seed)
    return {name: torch.rand(p.shape, generator=random) < 0.4 for name, p in prunable_parameters(model).items()}


@pytest.mark.parametrize("make", [deep, conv_net])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(steps=12, lr=2e-3),
        Recipe(steps=12, optimizer="sgd", lr=0.05, momentum=0.9, weight_decay=1e-3, schedule="cosine", warmup=5),
    ],
    ids=["adam", "sgd"],
)
def test_agrees_with_as_many_single_runs(make, masked, recipe):
    alone, together = [make(s) for s in SEEDS], [make(s) for s in SEEDS]
    masks = [random_masks(model, seed) for model, seed in zip(alone, SEEDS, strict=True)] if masked else None
    sets = {"validation": VALIDATION, "test": TEST}
    options = {"evaluation": sets, "evaluate_every": 4, "keep_states": [0, 6]}
    singles = [
        fit(m, TRAIN, recipe, seed=s, masks=masks[i] if masks else None, **options)
        for i, (m, s) in enumerate(zip(alone, SEEDS, strict=True))
    ]
    stack = fit_many(together, TRAIN, recipe, seeds=SEEDS, masks=masks, **options)
    for one, many, a, b in zip(singles, stack, alone, together, strict=True):
        torch.testing.assert_close(one.history.train_loss, many.history.train_loss, atol=1e-4, rtol=0)
        assert torch.equal(one.history.steps, many.history.steps)
        for name in sets:
            torch.testing.assert_close(one.history.loss[name], many.history.loss[name], atol=1e-4, rtol=0)
            torch.testing.assert_close(one.history.accuracy[name], many.history.accuracy[name], atol=4e-3, rtol=0)
        for name, value in a.state_dict().items():
            torch.testing.assert_close(value, b.state_dict()[name], atol=1e-4, rtol=0)
        for step in (0, 6):
            assert one.states[step].keys() == many.states[step].keys()
            for name, value in one.states[step].items():
                torch.testing.assert_close(value, many.states[step][name], atol=1e-4, rtol=0)
        torch.testing.assert_close(evaluate(a, TEST).outputs, evaluate(b, TEST).outputs, atol=2e-3, rtol=0)
    if masks:
        for model, own in zip(together, masks, strict=True):
            weights = dict(model.named_parameters())
            assert all((weights[name][~mask] == 0).all() for name, mask in own.items())


def test_a_replica_does_not_depend_on_its_neighbours():
    pair, trio = [deep(s) for s in SEEDS[:2]], [deep(s) for s in SEEDS]
    fit_many(pair, TRAIN, Recipe(steps=20), seeds=SEEDS[:2])
    fit_many(trio, TRAIN, Recipe(steps=20), seeds=SEEDS)
    for a, b in zip(pair, trio[:2], strict=True):
        torch.testing.assert_close(a.output.weight, b.output.weight)


class Tied(nn.Module):
    """A weight in an embedding and a linear layer, and a layer that is there under two names."""

    def __init__(self, seed):
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        self.words = nn.Embedding(7, 5, _weight=torch.randn(7, 5, generator=random))
        self.middle = mlp([5, 5], seed=seed)
        self.again = self.middle
        self.out = nn.Linear(5, 7, bias=False)
        self.out.weight = self.words.weight

    def forward(self, tokens):
        return self.out(self.again(self.middle(self.words(tokens).mean(1)).tanh()))


def test_tied_weights_stay_tied():
    tokens = Dataset(torch.arange(80).reshape(40, 2) % 7, torch.arange(40) % 7)
    recipe, many = Recipe(steps=30, batch_size=10, lr=0.02), [Tied(seed) for seed in SEEDS]
    runs = fit_many(many, tokens, recipe, seeds=SEEDS, keep_states=[10])
    for seed, model, run in zip(SEEDS, many, runs, strict=True):
        alone = Tied(seed)
        expected = fit(alone, tokens, recipe, seed=seed, keep_states=[10])
        assert model.out.weight is model.words.weight
        torch.testing.assert_close(model.state_dict(), alone.state_dict(), atol=1e-4, rtol=0)
        torch.testing.assert_close(run.states[10], dict(expected.states[10]), atol=1e-4, rtol=0)


def test_frozen_parameters_stay_as_they_are():
    models = [deep(s) for s in SEEDS]
    for model in models:
        model.fc1.requires_grad_(False)
    before = [model.fc1.weight.clone() for model in models]
    fit_many(models, TRAIN, Recipe(steps=5), seeds=SEEDS)
    assert all(torch.equal(model.fc1.weight, old) for model, old in zip(models, before, strict=True))
    assert all(model.training for model in models)


def noisy(seed, share=0.5):
    return nn.Sequential(deep(seed)[:2], nn.Dropout(share), deep(seed)[2:])


def test_dropout_follows_the_seeds_and_leaves_the_global_random_state():
    found = []
    for seeds, surroundings in (([1, 2], 7), ([1, 2], 8), ([1, 3], 8)):
        models = [noisy(s) for s in SEEDS[:2]]
        torch.manual_seed(surroundings)
        before = torch.get_rng_state()
        fit_many(models, TRAIN, Recipe(steps=5, batch_size=len(TRAIN)), seeds=seeds)
        assert torch.equal(torch.get_rng_state(), before)
        found.append(models[0][0].fc1.weight)
    assert torch.equal(found[0], found[1])
    assert not torch.allclose(found[0], found[2], atol=1e-4)


class Asking(nn.Module):
    """Looks at a value in Python, which a stack has several of."""

    def __init__(self):
        super().__init__()
        self.net = deep(0)

    def forward(self, x):
        outputs = self.net(x)
        return outputs if outputs.sum().item() > 0 else 2 * outputs


def averaging(seed):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.BatchNorm1d(10, momentum=None))


def partly_frozen(seed):
    model = deep(seed)
    model.fc1.requires_grad_(False)
    return model


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ([averaging(0), averaging(1)], "layer '2' is a batch norm with momentum=None"),
        ([deep(0), partly_frozen(1)], "requires_grad differs for fc1.bias, fc1.weight"),
        ([deep(0)] * 2, "two of them share parameters"),
        ([noisy(0, 0.1), noisy(1, 0.5)], "their layers differ"),
        ([deep(0), deep(1).double()], "their states differ"),
        ([Asking(), Asking()], "models cannot run as a stack"),
    ],
)
def test_networks_that_make_no_stack_are_refused_as_they_were(models, message):
    before = [{name: value.clone() for name, value in model.state_dict().items()} for model in models]
    with pytest.raises(InputError, match=message):
        fit_many(models, TRAIN, Recipe(steps=5), seeds=[0, 1])
    for model, old in zip(models, before, strict=True):
        assert all(torch.equal(value, old[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit_many([], TRAIN, Recipe(), seeds=[]), "models is empty"),
        (lambda: fit_many([deep(0)], TRAIN, Recipe(), seeds=[0, 1]), "seeds must have one entry a model, 1, got 2"),
        (lambda: fit_many([deep(0), conv_net(0)], TRAIN, Recipe(), seeds=[0, 1]), "one architecture"),
        (
            lambda: fit_many([deep(0), deep(1).eval()], TRAIN, Recipe(), seeds=[0, 1]),
            "all be in training mode, or all in evaluation mode",
        ),
        (
            lambda: fit_many([mlp([64, 8, 10]), mlp([64, 8, 10], activation="tanh")], TRAIN, Recipe(), seeds=[0, 1]),
            "their layers differ",
        ),
        (lambda: fit_many([deep(0)], TRAIN, Recipe(), seeds=[0], masks=[]), "masks must have one entry a model"),
        (
            lambda: fit_many(
                [deep(0), deep(1)],
                TRAIN,
                Recipe(),
                seeds=[0, 1],
                masks=[random_masks(deep(0), 0), {"fc1.weight": torch.ones(24, 64)}],
            ),
            "same parameters",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.parametrize("make", [deep, conv_net])
def test_the_gradient_is_really_traced(make, monkeypatch):
    from netopsy.training import stack

    seen = []
    original = stack.traced
    monkeypatch.setattr(stack, "traced", lambda *arguments: seen.append(original(*arguments)) or seen[-1])
    fit_many([make(s) for s in SEEDS], TRAIN, Recipe(steps=2), seeds=SEEDS)
    assert isinstance(seen[0], torch.fx.GraphModule)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_networks_whose_weights_lie_channels_last_train_as_they_would_alone(optimizer):
    def make(seed):
        torch.manual_seed(seed)
        layers = (nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.ReLU())
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(96, 10)).double().to(memory_format=torch.channels_last)

    data = Dataset(TRAIN.inputs[:200].double(), TRAIN.targets[:200])
    recipe = Recipe(steps=5, batch_size=50, optimizer=optimizer, lr=0.01)
    together, alone = [make(seed) for seed in SEEDS], [make(seed) for seed in SEEDS]
    fit_many(together, data, recipe, seeds=SEEDS)
    for many, one, seed in zip(together, alone, SEEDS, strict=True):
        fit(one, data, recipe, seed=seed)
        for a, b in zip(many.parameters(), one.parameters(), strict=True):
            torch.testing.assert_close(a, b, atol=1e-9, rtol=0)
        assert many[3].weight.is_contiguous(memory_format=torch.channels_last)
