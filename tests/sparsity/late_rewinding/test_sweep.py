"""The sweep against the lottery ticket's own search, one network after the other against the stack, and its ends."""

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.core.masks import zero_masked
from netopsy.data import digits_split
from netopsy.models import mlp
from netopsy.sparsity.late_rewinding import (
    masked_l2,
    rewind_sweep,
    rewind_sweep_many,
    stability_to_data_order,
    stability_to_pruning,
)
from netopsy.sparsity.lottery_ticket import iterative_magnitude_pruning
from netopsy.training import Recipe, evaluate, trainer

TRAIN, _, TEST = (part[:120] for part in digits_split())
RECIPE = Recipe(steps=8, batch_size=40, optimizer="sgd", lr=0.1, momentum=0.9, schedule="step", milestones=(4,))
PLAIN = Recipe(steps=8, batch_size=40, optimizer="sgd", lr=0.1, schedule="cosine")


def net(seed=0):
    """With a norm, whose statistics have to be put back with the weights."""
    body = mlp([64, 12, 10], seed=seed)
    return nn.Sequential(body[:2], nn.BatchNorm1d(12), body[2:])


def accuracy(model):
    return evaluate(model, TEST).accuracy


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def sweep(steps, rounds=2, recipe=RECIPE, **options):
    return rewind_sweep(net(), trainer(TRAIN, recipe), steps, rounds, rate=0.5, evaluate=accuracy, **options)


@pytest.fixture(scope="module")
def found():
    return sweep((0, 3, 8), seeds=(3, 9))


def same_search(ours, theirs):
    assert len(ours.masks) == len(theirs.masks)
    for one, other in zip(ours.masks + ours.final, theirs.masks + theirs.final, strict=True):
        assert equal(one, other)
    assert equal(ours.state0, theirs.state0)
    assert ours.metrics == theirs.metrics


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_rewinding_to_the_start_is_the_lottery_ticket_bit_for_bit(scope):
    ours = sweep((0,), scope=scope, compared=()).results[0][0]
    fit = trainer(TRAIN, RECIPE)
    same_search(ours, iterative_magnitude_pruning(net(), fit, 2, rate=0.5, scope=scope, evaluate=accuracy))


def test_without_momentum_a_later_step_is_late_resetting_bit_for_bit():
    ours = sweep((3,), recipe=PLAIN, compared=()).results[3][0]
    fit = trainer(TRAIN, PLAIN)
    options = {"rate": 0.5, "scope": "global", "evaluate": accuracy}
    same_search(ours, iterative_magnitude_pruning(net(), fit, 2, rewind_step=3, **options))


def test_with_momentum_each_training_has_a_new_optimiser(found):
    ours = found.results[3][0]
    model, kept = net(), {}

    def keep(done, trained):
        if done == 3:
            kept.update({name: value.clone() for name, value in trained.state_dict().items()})

    train = trainer(TRAIN, RECIPE, seed=3)
    train(model, on_step=keep)
    assert equal(ours.state0, kept)
    again = net()
    again.load_state_dict(kept)
    train(again, start_step=3)
    assert equal(ours.final[0], again.state_dict())
    assert not equal(ours.final[0], model.state_dict())  # which carried its momentum on


def test_each_row_is_what_the_two_stabilities_say(found):
    for step in (0, 3):
        search = found.results[step][0]
        rows = found.table.query("step == @step and round == 2").set_index("variant")
        given = net(), search.state0, search.masks[2], trainer(TRAIN, RECIPE)
        assert rows.loc["ticket", "to_pruning"] == stability_to_pruning(*given, step=step, seed=3)
        assert rows.loc["ticket", "to_data_order"] == stability_to_data_order(*given, step=step, seeds=(3, 9))
        assert rows.loc["ticket", "metric"] == search.metrics[2]
        assert rows.loc["random", "density"] == rows.loc["ticket", "density"] == search.density[2]
        assert (rows["survivors"] == sum(int(mask.sum()) for mask in search.masks[2].values())).all()
        assert rows["to_data_order"].gt(0).all()
    first = found.table.query("round == 0")
    assert set(first["variant"]) == {"ticket"}
    assert (first["to_pruning"] == 0).all()
    assert first["cosine_pruning"].tolist()[:2] == pytest.approx([1, 1])


def test_rewinding_to_the_end_is_pruning_at_one_go_without_training(found):
    search = found.results[8][0]
    dense = net()
    trainer(TRAIN, RECIPE, seed=3)(dense)
    assert equal(search.final[0], dense.state_dict())
    pruned = zero_masked(dense, search.masks[2])
    assert equal(search.final[2], pruned.state_dict())
    rows = found.table.query("step == 8")
    assert rows.query("variant == 'ticket' and round == 2")["metric"].item() == accuracy(pruned)
    assert (rows[["to_pruning", "to_data_order"]] == 0).all(axis=None)
    assert rows["cosine_pruning"].isna().all()


def test_only_rounds_that_are_compared_train_others():
    table = sweep((0,), compared=(2,)).table.set_index(["round", "variant"])
    assert table.index.tolist() == [(0, "ticket"), (1, "ticket"), (2, "ticket"), (2, "random")]
    assert table["to_data_order"].isna().tolist() == [True, True, False, False]
    assert table["to_pruning"].notna().all()


def test_full_batches_have_no_order_and_other_weights_are_tried_at_the_start_only(unchecked):
    whole = Recipe(steps=4, batch_size=len(TRAIN), optimizer="sgd", lr=0.1)
    table = sweep((0, 2), rounds=1, recipe=whole, init="he_normal", compared=(1,)).table
    assert table["to_data_order"].max() < 1e-5  # the sums of a batch are rounded in its order
    assert table["to_pruning"].max() > 1e-2
    assert set(table.query("variant == 'reinit'")["step"]) == {0}
    ticket, anew = (table.query("step == 0 and round == 1 and variant == @v").iloc[0] for v in ("ticket", "reinit"))
    assert ticket["survivors"] == anew["survivors"]
    assert ticket["to_pruning"] != pytest.approx(anew["to_pruning"], rel=1e-3)


def test_a_stack_finds_what_one_after_the_other_finds(unchecked):
    seeds = ((0, 1), (5, 6))
    options = {"rate": 0.5, "evaluate": accuracy, "compared": (1,)}
    many = rewind_sweep_many([net(0), net(1)], TRAIN, RECIPE, ("1ep1it",), 1, seeds=seeds, **options)
    for place, pair in enumerate(seeds):
        one = rewind_sweep(net(place), trainer(TRAIN, RECIPE), ("1ep1it",), 1, seeds=pair, **options).table
        own = many.table[many.table["network"] == place].drop(columns="network").reset_index(drop=True)
        one = one.drop(columns="network")
        keys = ["step", "round", "variant"]
        own, one = (table.sort_values(keys).reset_index(drop=True) for table in (own, one))
        assert own[keys].equals(one[keys])
        for column in ("density", "to_pruning", "to_data_order", "cosine_pruning", "cosine_data_order"):
            assert own[column].tolist() == pytest.approx(one[column].tolist(), rel=1e-3, abs=1e-5, nan_ok=True)


def test_any_training_loop_that_takes_a_seed_will_do():
    calls = []

    def make(seed):
        def loop(model, *, start_step, on_step):
            calls.append((seed, start_step))
            random = torch.Generator().manual_seed(seed)
            for step in range(6):
                batch = torch.randint(len(TRAIN), (20,), generator=random)
                if step < start_step:
                    continue
                loss = nn.functional.cross_entropy(model(TRAIN.inputs[batch]), TRAIN.targets[batch])
                gradients = torch.autograd.grad(loss, list(model.parameters()))
                with torch.no_grad():
                    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                        parameter -= 0.1 * gradient
                on_step(step + 1, model)

        return loop

    model = net()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = rewind_sweep(model, make, (2,), 1, rate=0.5, seeds=(4, 9))
    assert calls == [(4, 0), (4, 2), (9, 2), (4, 2), (9, 2), (4, 2), (9, 2)]
    search = found.results[2][0]
    assert all((search.final[1][name][~mask] == 0).all() for name, mask in search.masks[1].items())
    assert found.table["metric"].isna().all()
    assert equal(model.state_dict(), before)
    row = found.table.query("variant == 'ticket' and round == 1").iloc[0]
    assert masked_l2(search.final[0], search.final[1], search.masks[1]) == row["to_pruning"]
    with pytest.raises(InputError, match=r"must not lie behind the end .* never reported step \[7\]"):
        rewind_sweep(model, make, (0, 7), 1)


def test_grouped_and_transposed_convolutions_are_pruned_and_recurrent_parts_left_alone():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.spread, self.fold = nn.ConvTranspose2d(1, 4, 2), nn.Conv2d(4, 4, 3, groups=4)
            self.read, self.head = nn.GRU(7, 6, batch_first=True), nn.Linear(6, 10)

        def forward(self, x):
            return self.head(self.read(self.fold(self.spread(x)).relu().mean(1))[0][:, -1])

    torch.manual_seed(0)
    found = rewind_sweep(Odd(), trainer(TRAIN, Recipe(steps=3)), (0, 1), 1, rate=0.5, compared=(1,))
    assert set(found.results[1][0].masks[1]) == {"spread.weight", "fold.weight", "head.weight"}
    assert found.table.query("round == 1")["to_pruning"].gt(0).all()


def test_it_is_drawn(found):
    axes = found.plot(value="to_pruning")
    assert axes.get_ylabel() == "distance to the dense network"
    assert [line.get_label() for line in axes.get_lines()] == ["ticket", "random"]
    with pytest.raises(InputError, match="unknown value 'accuracy'"):
        found.plot(value="accuracy")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"steps": ()}, "steps must be a list of at least one step"),
        ({"steps": "3it"}, "steps must be a list of at least one step, got '3it'"),
        ({"steps": (3, "1ep")}, r"steps must all differ, got \[3, 3\]"),
        ({"steps": (0, 9)}, "step must be from 0 to 8, the end of training, got 9"),
        ({"steps": (-1,)}, "must not be negative"),
        ({"rounds": 0}, "rounds must be at least 1"),
        ({"rate": 1.0}, "rate must be strictly between 0 and 1"),
        ({"seeds": (0, -1)}, "seed must be a non-negative int, got -1"),
        ({"exclude": ["0", "2"]}, "no weights to prune"),
        ({"evaluate": 3}, "evaluate must be"),
        ({"compared": (2,)}, "compared must hold rounds from 0 to 1, got 2"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_trained(change, says, unchecked):
    given = {"steps": (0,), "rounds": 1, **change}
    with pytest.raises(InputError, match=says):
        rewind_sweep(net(), trainer(TRAIN, RECIPE), **given)


def test_a_stack_needs_a_pair_of_seeds_for_each_network():
    with pytest.raises(InputError, match="seeds must have one pair a model, 2, got 1"):
        rewind_sweep_many([net(0), net(1)], TRAIN, RECIPE, (0,), 1, seeds=((0, 1),))
    with pytest.raises(InputError, match="steps must be from 0 to 8, the end of training, got 15"):
        rewind_sweep_many([net(0)], TRAIN, RECIPE, ("5ep",), 1, seeds=((0, 1),))
