import pytest
import torch
import torch.nn.utils.prune
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from netopsy import InputError
from netopsy.core.masks import density
from netopsy.data import Dataset, digits_split
from netopsy.models import mlp
from netopsy.sparsity.lottery_ticket import (
    iterative_magnitude_pruning,
    iterative_magnitude_pruning_many,
    magnitude_masks,
)
from netopsy.training import Recipe, evaluate, trainer

TRAIN, VALIDATION, TEST = digits_split()
RECIPE = Recipe(steps=20, lr=5e-3)


def net(seed=0):
    return mlp([64, 24, 16, 10], seed=seed)


def prune(model, rounds=3, recipe=RECIPE, seed=0, **options):
    return iterative_magnitude_pruning(model, trainer(TRAIN, recipe, seed=seed), rounds, **options)


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_equals_the_algorithm_written_out_by_hand():
    found = prune(net(), rounds=2)
    model, train = net(), trainer(TRAIN, RECIPE)
    start = {name: value.clone() for name, value in model.state_dict().items()}
    rates = {"fc1.weight": 0.2, "fc2.weight": 0.2, "output.weight": 0.1}
    masks = None
    for r in range(3):
        model.load_state_dict(start)
        train(model) if masks is None else trainer(TRAIN, RECIPE, masks=masks)(model)
        assert equal(found.final[r], model.state_dict())
        masks = magnitude_masks({name: model.get_parameter(name).detach() for name in rates}, masks, rates)
        if r < 2:
            assert equal(found.masks[r + 1], masks)


def test_tickets_hold_their_own_initial_values_bit_for_bit():
    found = prune(net(seed=5))
    initial = net(seed=5).state_dict()
    for r in range(4):
        ticket = found.ticket(r).state_dict()
        for name, mask in found.masks[r].items():
            assert torch.equal(ticket[name][mask], initial[name][mask])
            assert (ticket[name][~mask] == 0).all()
        assert all(torch.equal(ticket[name], initial[name]) for name in initial if name not in found.masks[r])
        assert found.density[r] == density(found.masks[r])


def test_masks_nest_and_trained_tickets_keep_their_zeros():
    found = prune(net())
    for before, after in zip(found.masks, found.masks[1:], strict=False):
        assert all((after[name] <= before[name]).all() for name in after)
    for masks, final in zip(found.masks, found.final, strict=True):
        assert all((final[name][~mask] == 0).all() for name, mask in masks.items())


def test_pruning_nothing_repeats_the_dense_run_bit_for_bit():
    found = prune(net(), rounds=1, rate=1e-9)
    assert found.density == [1.0, 1.0]
    assert equal(found.final[0], found.final[1])
    assert torch.equal(found.fits[0].history.train_loss, found.fits[1].history.train_loss)


def test_norms_and_their_statistics_are_reset_too():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 10))
    found = prune(model, rounds=1, rate=1e-9)
    assert (found.state0["2.running_mean"] == 0).all()
    assert (found.final[0]["2.running_mean"] != 0).any()
    assert equal(found.final[0], found.final[1])


def test_rewinding_goes_back_to_the_early_state_and_step():
    found = prune(net(), rounds=2, rewind_step=15, recipe=Recipe(steps=40, schedule="cosine"))
    model, seen = net(), {}

    def catch(done, trained):
        if done == 15:
            seen.update({name: value.clone() for name, value in trained.state_dict().items()})

    trainer(TRAIN, Recipe(steps=40, schedule="cosine"))(model, on_step=catch)
    assert equal(found.state0, seen)
    assert [len(fit.history.train_loss) for fit in found.fits] == [40, 25, 25]


def test_continued_training_resets_only_for_the_last_round():
    found = prune(net(), rounds=2, recipe=Recipe(steps=40, lr=5e-3), reset=False)
    first_losses = [fit.history.train_loss[0].item() for fit in found.fits]
    assert first_losses[1] < 0.7 * first_losses[0]
    assert first_losses[2] > 1.2 * first_losses[1]


def test_any_training_loop_will_do_and_output_and_excluded_layers_are_respected():
    calls = []

    def loop(model, *, start_step, on_step):
        calls.append(start_step)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for done in range(1, 11):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(TRAIN.inputs[:60]), TRAIN.targets[:60]).backward()
            optimizer.step()
            on_step(done, model)
        return "done"

    found = iterative_magnitude_pruning(
        net(), loop, 2, rate=0.5, exclude=["fc2"], evaluate=lambda m: evaluate(m, TEST).accuracy, rewind_step=4
    )
    assert calls == [0, 4, 4]
    assert found.fits == ["done"] * 3
    assert list(found.masks[0]) == ["fc1.weight", "output.weight"]
    assert found.masks[1]["output.weight"].float().mean() == 0.75
    assert found.masks[1]["fc1.weight"].float().mean() == 0.5
    assert len(found.metrics) == 3
    assert found.plot().get_xscale() == "log"


def test_the_output_layer_is_the_last_that_runs_not_the_last_defined():
    class Swapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.head, self.body = nn.Linear(20, 10), nn.Linear(64, 20)

        def forward(self, x):
            return self.head(self.body(x.flatten(1)).relu())

    found = prune(Swapped(), rounds=1)
    assert found.masks[1]["head.weight"].float().mean().item() == pytest.approx(0.9)
    assert found.masks[1]["body.weight"].float().mean().item() == pytest.approx(0.8)


class Tied(nn.Module):
    """Its last linear layer has the weight of its embedding."""

    def __init__(self, seed):
        super().__init__()
        self.words = nn.Embedding(11, 4, _weight=torch.randn(11, 4, generator=torch.Generator().manual_seed(seed)))
        self.out = nn.Linear(4, 11, bias=False)
        self.out.weight = self.words.weight

    def forward(self, tokens):
        return self.out(self.words(tokens).mean(1))


def test_a_tied_weight_is_pruned_once_reset_and_known_as_the_output_layer():
    tokens = Dataset(torch.arange(60).reshape(30, 2) % 11, torch.arange(30) % 11)
    recipe = Recipe(steps=6, batch_size=10, lr=0.05)
    alone = iterative_magnitude_pruning(Tied(0), trainer(tokens, recipe, seed=4), 2, rewind_step=2)
    many = iterative_magnitude_pruning_many([Tied(0), Tied(1)], tokens, recipe, 2, seeds=[4, 5], rewind_step=2)[0]
    assert [round(44 * share) for share in alone.density] == [44, 40, 36]  # the output layer, at half the rate
    assert equal(alone.masks[2], many.masks[2])
    assert list(many.state0) == list(alone.state0) == ["words.weight", "out.weight"]
    for name, value in alone.final[2].items():
        torch.testing.assert_close(value, many.final[2][name], atol=1e-4, rtol=0)


@pytest.mark.parametrize("rewind_step", [0, 6])
def test_a_stack_of_networks_equals_one_at_a_time(rewind_step):
    seeds = [3, 8]
    together = iterative_magnitude_pruning_many(
        [net(s) for s in seeds], TRAIN, RECIPE, 2, seeds=seeds, rewind_step=rewind_step
    )
    for seed, many in zip(seeds, together, strict=True):
        alone = prune(net(seed), rounds=2, seed=seed, rewind_step=rewind_step)
        for r in range(3):
            assert equal(alone.masks[r], many.masks[r])
            for name, value in alone.final[r].items():
                torch.testing.assert_close(value, many.final[r][name], atol=1e-4, rtol=0)
        for name, value in alone.state0.items():
            torch.testing.assert_close(value, many.state0[name], atol=1e-5, rtol=0)


def computed(how):
    model = net()
    how(model.fc2)
    return model


COMPUTED = {
    "parametrization": weight_norm,
    "old weight_norm": lambda layer: torch.nn.utils.weight_norm(layer),
    "prune": lambda layer: torch.nn.utils.prune.l1_unstructured(layer, "weight", 0.3),
}


def untouchable(model, **options):
    raise AssertionError("trained before the arguments were checked")


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("how", COMPUTED.values(), ids=COMPUTED)
def test_layers_that_compute_their_weight_are_named_before_any_training(how):
    with pytest.raises(InputError, match=r"layer 'fc2' computes its weight .* or leave the layer out with exclude"):
        iterative_magnitude_pruning(computed(how), untouchable, 1)


def test_a_layer_that_computes_its_weight_may_be_left_out():
    found = prune(computed(weight_norm), rounds=1, exclude=["fc2"])
    assert list(found.masks[1]) == ["fc1.weight", "output.weight"]
    assert found.ticket(1)(TEST.inputs).shape == (len(TEST), 10)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("how", ["old weight_norm", "prune"])
def test_networks_that_cannot_be_copied_are_refused_before_any_training(how):
    with pytest.raises(InputError, match="model cannot be copied, which tickets need"):
        iterative_magnitude_pruning(computed(COMPUTED[how]), untouchable, 1, exclude=["fc2"])


def test_an_excluded_output_layer_leaves_the_rates_of_the_others():
    found = prune(net(), rounds=1, exclude=["output"])
    assert {name: mask.float().mean().item() for name, mask in found.masks[1].items()} == pytest.approx(
        {"fc1.weight": 0.8, "fc2.weight": 0.8}, abs=2e-3
    )


def by_hand(every):
    """Plain gradient descent without an optimizer, which reports every so many steps."""

    def loop(model, *, start_step, on_step):
        for done in range(start_step + 1, 9):
            loss = nn.functional.cross_entropy(model(TRAIN.inputs[:60]), TRAIN.targets[:60])
            for parameter, gradient in zip(
                model.parameters(), torch.autograd.grad(loss, list(model.parameters())), strict=True
            ):
                parameter.data -= 0.1 * gradient
            if every and done % every == 0:
                on_step(done, model)

    return loop


def test_a_loop_without_an_optimizer_keeps_its_zeros_where_it_reports_its_steps():
    found = iterative_magnitude_pruning(net(), by_hand(1), 2)
    for masks, final in zip(found.masks, found.final, strict=True):
        assert all((final[name][~mask] == 0).all() for name, mask in masks.items())


@pytest.mark.parametrize(("every", "message"), [(0, r"in round 1 \(.* of fc1.weight"), (4, "between steps 0 and 4")])
def test_a_loop_that_brings_masked_weights_back_is_noticed(every, message):
    with pytest.raises(InputError, match=f"fit brought masked weights back {message}"):
        iterative_magnitude_pruning(net(), by_hand(every), 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": {"fc1.weight": 1.5}}, r"rate\['fc1.weight'\] must be strictly between"),
        ({"rate": {"fc1.weight": "0.5"}}, r"rate\['fc1.weight'\] must be strictly between"),
        ({"rate": {"fc9.weight": 0.5}}, "unknown layer in rate"),
        ({"rate": {"fc1.weight": 0.5}, "scope": "global"}, "goes with scope='layer'"),
        ({"rate": {}}, "rate is empty"),
        ({"evaluate": 3}, "evaluate must be a function"),
    ],
)
def test_wrong_options_are_refused_before_any_training(options, message, unchecked):
    with pytest.raises(InputError, match=message):
        iterative_magnitude_pruning(net(), untouchable, 1, **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: prune(net(), rounds=0), "rounds must be at least 1"),
        (lambda: prune(net(), rate=0.0), "rate must be strictly between"),
        (lambda: prune(net(), rate=2.0), "rate must be strictly between"),
        (lambda: prune(net(), output_rate_factor=0.0), "output_rate_factor must be"),
        (lambda: prune(net(), output_layer="fc9.weight"), "unknown output_layer"),
        (lambda: prune(net(), exclude=["fc9"]), "unknown module in exclude"),
        (lambda: prune(nn.Flatten()), "no weights to prune"),
        (lambda: prune(net(), rewind_step=-1), "rewind_step must not be negative"),
        (lambda: prune(net(), rewind_step=1.5), "rewind_step must be an int, got 1.5"),
        (lambda: prune(net(), rate="0.2"), "rate must be strictly between 0 and 1, got '0.2'"),
        (lambda: prune(net(), rewind_step=99), "never reported step 99"),
        (lambda: prune(net(), rounds=1).ticket(5), "round must be 0 to 1, got 5"),
        (lambda: prune(net(), rounds=1).plot(), "give evaluate"),
        (lambda: trainer(TRAIN, RECIPE, checkpoint="run.pt"), "checkpoint is for a single run"),
        (lambda: iterative_magnitude_pruning_many([], TRAIN, RECIPE, 1, seeds=[]), "models is empty"),
    ],
)
def test_bad_input(call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call()
