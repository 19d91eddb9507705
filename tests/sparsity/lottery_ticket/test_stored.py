"""Results and searches on disk."""

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.data import Dataset, digits_split
from netopsy.models import mlp
from netopsy.sparsity.lottery_ticket import IMPResult, iterative_magnitude_pruning, iterative_magnitude_pruning_many
from netopsy.training import Recipe, evaluate, trainer

TRAIN, VALIDATION, TEST = digits_split()
RECIPE = Recipe(steps=6, lr=5e-3)


class InterruptError(Exception):
    pass


def net(seed=0):
    """With a norm and dropout, so that there is more to go wrong than weights."""
    body = mlp([64, 16, 10], seed=seed)
    return nn.Sequential(body[:2], nn.BatchNorm1d(16), nn.Dropout(0.2), body[2:])


def accuracy(model):
    return evaluate(model, TEST).accuracy


def prune(model, *, train=None, rounds=3, **options):
    return iterative_magnitude_pruning(
        model, train or trainer(TRAIN, RECIPE, evaluation=VALIDATION), rounds, **{"evaluate": accuracy, **options}
    )


def stopping_in(r):
    """An evaluation that is interrupted in round r."""
    asked = []

    def look(model):
        asked.append(model)
        if len(asked) > r:
            raise InterruptError
        return accuracy(model)

    return look


def same(a, b):
    for left, right in ((a.masks, b.masks), (a.final, b.final), ([a.state0], [b.state0])):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert one.keys() == other.keys()
            assert all(torch.equal(one[name], other[name]) for name in one)
    assert (a.density, a.metrics) == (b.density, b.metrics)
    for one, other in zip(a.fits, b.fits, strict=True):
        assert torch.equal(one.history.train_loss, other.history.train_loss)
        assert torch.equal(one.history.loss["validation"], other.history.loss["validation"])
        assert one.steps == other.steps


@pytest.mark.parametrize("options", [{}, {"rewind_step": 4}, {"reset": False}, {"scope": "global"}], ids=str)
def test_an_interrupted_search_goes_on_to_the_same_end(tmp_path, options):
    path, whole, model = tmp_path / "search", net(), net()
    expected = prune(whole, **options)
    for r in (0, 2, 1):  # interrupted before any round was finished, in round 2, and in the round after that
        with pytest.raises(InterruptError):
            prune(model, checkpoint=path, evaluate=stopping_in(r), **options)
    same(prune(model, checkpoint=path, **options), expected)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), whole.state_dict().values(), strict=True))
    assert [file.name for file in tmp_path.iterdir()] == ["search"]

    for again in (model, net()):  # the network as the search left it, and as it was at first
        same(prune(again, checkpoint=path, evaluate=stopping_in(0), **options), expected)


def test_a_stack_of_networks_goes_on_too(tmp_path):
    def search(models, **options):
        return iterative_magnitude_pruning_many(
            models, TRAIN, RECIPE, 2, seeds=[3, 8], evaluation=VALIDATION, **{"evaluate": accuracy, **options}
        )

    expected = search([net(0), net(1)])
    with pytest.raises(InterruptError):
        search([net(0), net(1)], checkpoint=tmp_path / "search", evaluate=stopping_in(3))
    for one, other in zip(search([net(0), net(1)], checkpoint=tmp_path / "search"), expected, strict=True):
        same(one, other)


@pytest.mark.parametrize(
    ("call", "differs"),
    [
        (lambda path: prune(net(1), checkpoint=path), "initial weights"),
        (lambda path: prune(net(), checkpoint=path, rate=0.3), "schedule"),
        (lambda path: prune(net(), checkpoint=path, rounds=4), "schedule"),
        (lambda path: prune(net(), checkpoint=path, evaluate=None), "evaluate"),
        (lambda path: prune(net(), checkpoint=path, train=trainer(TRAIN, Recipe(steps=13))), "training"),
        (lambda path: prune(net(), checkpoint=path, train=trainer(TRAIN, RECIPE, seed=1)), "training"),
        (
            lambda path: prune(net(), checkpoint=path, train=trainer(Dataset(TRAIN.inputs, 9 - TRAIN.targets), RECIPE)),
            "training",
        ),
    ],
)
def test_the_checkpoint_of_another_search_is_refused(tmp_path, call, differs):
    prune(net(), checkpoint=tmp_path / "search")
    with pytest.raises(InputError, match=f"belongs to another search: its {differs} differ"):
        call(tmp_path / "search")


def test_what_cannot_be_kept_is_said_and_the_search_goes_on(tmp_path):
    train = trainer(TRAIN, RECIPE)

    def loop(model, *, start_step, on_step):
        train(model, start_step=start_step, on_step=on_step)
        return object()

    with pytest.warns(UserWarning, match="a object cannot be saved"):
        found = prune(net(), train=loop, rounds=1, checkpoint=tmp_path / "search")
    assert None not in found.fits
    assert prune(net(), train=loop, rounds=1, checkpoint=tmp_path / "search").fits == [None, None]
    with pytest.raises(InputError, match="a object cannot be saved, only numbers, texts, tensors"):
        found.save(tmp_path / "result")
    assert not (tmp_path / "result").exists()


def test_a_result_is_read_as_it_was_written(tmp_path):
    found = prune(net(), evaluate=lambda model: {"accuracy": accuracy(model), "shape": (1, "a", None)})
    found.save(tmp_path / "folder" / "result.safetensors")
    read = IMPResult.load(tmp_path / "folder" / "result.safetensors", net(9))
    same(read, found)
    for one, other in zip(read.ticket(2).state_dict().values(), found.ticket(2).state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_damaged_and_foreign_files_are_refused(tmp_path):
    path = tmp_path / "result"
    found = prune(net(), rounds=1)
    found.save(path)
    with pytest.raises(InputError, match="network must have the architecture of the one that was pruned"):
        IMPResult.load(path, mlp([64, 16, 10]))
    with pytest.raises(InputError, match="there is no file"):
        IMPResult.load(tmp_path / "other", net())
    with pytest.raises(InputError, match="holds something else than the rounds"):
        prune(net(), rounds=1, checkpoint=path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="is damaged: its checksum does not fit"):
        IMPResult.load(path, net())
    path.write_bytes(content[:200])
    with pytest.raises(InputError, match="cannot be read as"):
        IMPResult.load(path, net())
