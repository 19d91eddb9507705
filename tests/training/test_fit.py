import math

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.core.masks import prunable_parameters
from netopsy.data import Dataset, digits_split, index_batches
from netopsy.models import mlp
from netopsy.training import Recipe, evaluate, fit

TRAIN, VALIDATION, TEST = digits_split()


def net(seed=0):
    return mlp([64, 16, 10], seed=seed)


def frozen_first():
    model = net()
    model.fc1.requires_grad_(False)
    return model


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_equals_a_loop_written_out_by_hand():
    ours, plain = net(), net()
    fit(ours, TRAIN, Recipe(steps=40, lr=0.01, optimizer="sgd", momentum=0.9, weight_decay=1e-3), seed=3)
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-3)
    batches = index_batches(len(TRAIN), 60, 3)
    for _ in range(40):
        indices = next(batches)
        optimizer.zero_grad()
        nn.functional.cross_entropy(plain(TRAIN.inputs[indices]), TRAIN.targets[indices]).backward()
        optimizer.step()
    for p, q in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-5, atol=1e-7)


def test_learns_the_digits():
    model = net()
    run = fit(model, TRAIN, Recipe(steps=400, lr=0.01), evaluation={"validation": VALIDATION, "test": TEST})
    assert run.history.accuracy["test"][-1] > 0.9
    assert run.history.accuracy["test"][-1] == pytest.approx(evaluate(model, TEST).accuracy)


def test_kept_states_rewind_bit_for_bit():
    model = net()
    run = fit(model, TRAIN, Recipe(steps=30), keep_states=[0, 10, 30])
    assert sorted(run.states) == [0, 10, 30]
    assert all(torch.equal(run.states[0][n], v) for n, v in net().state_dict().items())
    assert all(torch.equal(run.states[30][n], v) for n, v in model.state_dict().items())
    model.load_state_dict(run.states[10])
    again = net()
    fit(again, TRAIN, Recipe(steps=10))
    assert same(model, again)


def test_start_step_goes_on_with_the_batches_and_rate_of_that_step():
    recipe = Recipe(steps=30, optimizer="sgd", lr=0.1, schedule="cosine")
    whole, part = net(), net()
    run = fit(whole, TRAIN, recipe, keep_states=[12])
    part.load_state_dict(run.states[12])
    fit(part, TRAIN, recipe, start_step=12)
    assert same(whole, part)


class InterruptError(Exception):
    pass


def test_the_network_trains_in_training_mode_and_keeps_the_mode_it_had():
    model, seen = net().eval(), []
    fit(model, TRAIN, Recipe(steps=2), on_step=lambda done, trained: seen.append(trained.training))
    assert seen == [True, True]
    assert not model.training


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_an_interrupted_run_resumes_to_the_same_end(tmp_path, optimizer):
    recipe = Recipe(steps=50, optimizer=optimizer, momentum=0.0, lr=0.01)
    options = {"evaluation": VALIDATION, "evaluate_every": 10, "checkpoint_every": 15}
    whole = net()
    expected = fit(whole, TRAIN, recipe, **options)

    def stop(done, model):
        if done == 38:
            raise InterruptError

    with pytest.raises(InterruptError):
        fit(net(), TRAIN, recipe, checkpoint=tmp_path / "run.pt", on_step=stop, **options)
    resumed = net(seed=9)
    run = fit(resumed, TRAIN, recipe, checkpoint=tmp_path / "run.pt", **options)
    assert same(resumed, whole)
    assert torch.equal(run.history.train_loss, expected.history.train_loss)
    assert torch.equal(run.history.loss["validation"], expected.history.loss["validation"])
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]


def noisy():
    return nn.Sequential(net()[:2], nn.Dropout(0.5), net()[2:])


def test_dropout_goes_on_where_it_was(tmp_path):
    def stop(done, model):
        if done == 12:
            raise InterruptError

    whole, resumed, recipe, path = noisy(), noisy(), Recipe(steps=20), tmp_path / "run.pt"
    fit(whole, TRAIN, recipe)
    with pytest.raises(InterruptError):
        fit(noisy(), TRAIN, recipe, checkpoint=path, checkpoint_every=10, on_step=stop)
    torch.manual_seed(6)
    fit(resumed, TRAIN, recipe, checkpoint=path, checkpoint_every=10)
    assert same(whole, resumed)


def test_dropout_follows_the_seed_and_leaves_the_global_random_state():
    runs = [noisy() for _ in range(3)]
    for model, seed, surroundings in zip(runs, (1, 1, 2), (7, 8, 8), strict=True):
        torch.manual_seed(surroundings)
        before = torch.get_rng_state()
        fit(model, TRAIN, Recipe(steps=10, batch_size=len(TRAIN)), seed=seed)
        assert torch.equal(torch.get_rng_state(), before)
    assert same(runs[0], runs[1])
    assert not torch.allclose(runs[1][0].fc1.weight, runs[2][0].fc1.weight, atol=1e-4)


def test_dropout_of_a_rewound_run_is_that_of_the_steps_it_starts_from():
    whole, part, recipe = noisy(), noisy(), Recipe(steps=20, optimizer="sgd", lr=0.1)
    run = fit(whole, TRAIN, recipe, keep_states=[12])
    part.load_state_dict(run.states[12])
    fit(part, TRAIN, recipe, start_step=12)
    assert same(whole, part)


def test_patience_survives_an_interruption_and_a_finished_run_trains_nothing(tmp_path):
    noise = Dataset(TRAIN.inputs, TRAIN.targets[torch.randperm(len(TRAIN), generator=torch.Generator().manual_seed(0))])
    recipe = Recipe(steps=1000, lr=0.01)
    options = {"evaluation": VALIDATION, "evaluate_every": 10, "patience": 8, "checkpoint_every": 10}
    whole, path = net(), tmp_path / "run.pt"
    expected = fit(whole, noise, recipe, **options)
    assert 80 < expected.steps < 1000

    for at in (expected.steps - 25, expected.steps):  # the second stop is after the last checkpoint was written

        def stop(done, model, at=at):
            if done == at:
                raise InterruptError

        with pytest.raises(InterruptError):
            fit(net(), noise, recipe, checkpoint=path, on_step=stop, **options)
    for _ in range(3):
        resumed = net(seed=9)
        run = fit(resumed, noise, recipe, checkpoint=path, **options)
        assert run.steps == expected.steps
        assert same(resumed, whole)
        assert torch.equal(run.history.loss["validation"], expected.history.loss["validation"])


@pytest.mark.parametrize("precision", ["bf16-true", "bf16-mixed"])
def test_trains_and_is_evaluated_in_lower_precision(precision):
    from lightning_fabric import Fabric

    fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
    run = fit(net(), TRAIN, Recipe(steps=200, lr=0.01), evaluation=TEST, evaluate_every=100, fabric=fabric)
    assert run.history.steps.tolist() == [100, 200]
    assert run.history.accuracy["validation"][-1] > 0.8


class Several(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = net()

    def forward(self, x):
        return self.net(x), x


def test_a_finished_checkpoint_is_loaded_and_nothing_is_trained(tmp_path):
    recipe, path = Recipe(steps=5), tmp_path / "run.pt"
    first = net()
    fit(first, TRAIN, recipe, checkpoint=path)
    again, steps = net(), []
    fit(again, TRAIN, recipe, checkpoint=path, on_step=lambda done, model: steps.append(done))
    assert same(first, again)
    assert steps == []


def flipped(data):
    return Dataset(data.inputs.flip(-1), data.targets)


MASKS = {"fc1.weight": torch.arange(16 * 64).reshape(16, 64) % 2 == 0}


@pytest.mark.parametrize(
    ("model", "data", "options", "differs"),
    [
        (net(), TRAIN, {"seed": 1}, "seed"),
        (net(), flipped(TRAIN), {}, "data"),
        (net(), Dataset(TRAIN.inputs, 9 - TRAIN.targets), {}, "data"),
        (net(), TRAIN, {"evaluation": flipped(VALIDATION)}, "evaluation"),
        (net(), TRAIN, {"evaluation": {"other": VALIDATION}}, "evaluation"),
        (net(), TRAIN, {"evaluate_every": 2}, "evaluate_every"),
        (net(), TRAIN, {"patience": 3}, "patience"),
        (net(), TRAIN, {"masks": {"fc1.weight": ~MASKS["fc1.weight"]}}, "masks"),
        (net(), TRAIN, {"masks": None}, "masks"),
        (net(), TRAIN, {"keep_states": [2]}, "keep_states"),
        (net(), TRAIN, {"start_step": 1}, "start_step"),
        (net(), TRAIN, {"augment": lambda inputs, random: inputs}, "augment"),
        (mlp([64, 16, 16, 10]), TRAIN, {}, "architecture"),
        (mlp([64, 16, 10], activation="tanh"), TRAIN, {}, "architecture"),
        (frozen_first(), TRAIN, {}, "architecture"),
    ],
)
def test_the_checkpoint_of_another_run_is_refused_and_nothing_of_it_loaded(tmp_path, model, data, options, differs):
    usual = {"evaluation": VALIDATION, "evaluate_every": 5, "masks": MASKS, "checkpoint": tmp_path / "run.pt"}
    fit(net(), TRAIN, Recipe(steps=5), **usual)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(InputError, match=f"belongs to another run: its {differs} differ"):
        fit(model, data, Recipe(steps=5), **{**usual, **options})
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_broken_checkpoints_are_refused(tmp_path):
    path = tmp_path / "run.pt"
    fit(net(), TRAIN, Recipe(steps=5), checkpoint=path)
    with pytest.raises(InputError, match="belongs to another run: its recipe and seed differ"):
        fit(net(), TRAIN, Recipe(steps=6), seed=1, checkpoint=path)
    torch.save({"identity": {}}, other := tmp_path / "other.pt")
    path.write_bytes(path.read_bytes()[:100])
    for broken in (path, other):
        with pytest.raises(InputError, match="cannot be read"):
            fit(net(), TRAIN, Recipe(steps=5), checkpoint=broken)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_masked_weights_stay_zero_to_the_end(optimizer):
    model = net()
    masks = {n: torch.rand(p.shape) < 0.3 for n, p in prunable_parameters(model).items()}
    zeros = []

    def look(done, model):
        weights = dict(model.named_parameters())
        zeros.append(all((weights[name][~mask] == 0).all() for name, mask in masks.items()))

    fit(model, TRAIN, Recipe(steps=10, optimizer=optimizer, weight_decay=0.1), masks=masks, on_step=look)
    assert zeros == [True] * 10


def test_patience_stops_at_a_plateau_and_names_the_best_step():
    noise = Dataset(TRAIN.inputs, TRAIN.targets[torch.randperm(len(TRAIN), generator=torch.Generator().manual_seed(0))])
    run = fit(net(), noise, Recipe(steps=3000, lr=0.01), evaluation=VALIDATION, evaluate_every=20, patience=4)
    losses = run.history.loss["validation"]
    assert run.steps < 3000
    assert run.steps == run.history.early_stop_step() + 4 * 20
    batches, drawn = run.history.plot().lines
    assert len(batches.get_ydata()) == run.steps
    assert drawn.get_ydata().tolist() == losses.tolist()
    assert losses[run.history.best()] == losses.min()


def test_frozen_parameters_stay_and_losses_by_name_run():
    model = net()
    model.fc1.requires_grad_(False)
    before = model.fc1.weight.clone()
    fit(model, TRAIN, Recipe(steps=5))
    assert torch.equal(model.fc1.weight, before)
    hot = Dataset(TRAIN.inputs, nn.functional.one_hot(TRAIN.targets, 10).float())
    for loss in ("bce", "mse"):
        run = fit(net(), hot, Recipe(steps=60, loss=loss, lr=0.01), evaluation=hot)
        assert run.history.train_loss[-5:].mean() < run.history.train_loss[:5].mean()
        assert math.isnan(run.history.accuracy["validation"][-1]) == (loss == "mse")


def test_several_processes_train_like_one():
    """Two data-parallel processes, each with half of every batch, take the same steps as one."""
    from lightning_fabric import Fabric

    alone = net()
    fit(alone, TRAIN, Recipe(steps=6, optimizer="sgd", lr=0.1))
    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp_fork")  # which need not import torch again
    weights = torch.tensor(fabric.launch(_train_one_of_several))
    torch.testing.assert_close(weights, nn.utils.parameters_to_vector(alone.parameters()).detach())


def _train_one_of_several(fabric):
    torch.set_num_threads(1)
    model = net()
    fit(model, TRAIN, Recipe(steps=6, optimizer="sgd", lr=0.1), fabric=fabric)
    return nn.utils.parameters_to_vector(model.parameters()).tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Recipe(steps=0), "steps must be"),
        (lambda: Recipe(optimizer="adamm"), "unknown optimizer 'adamm': did you mean 'adam'"),
        (lambda: Recipe(schedule="linear"), "unknown schedule"),
        (lambda: Recipe(loss="hinge"), "unknown loss"),
        (lambda: Recipe(lr=-1.0), "lr must be a finite number and not negative"),
        (lambda: Recipe(milestones=(3,)), "milestones go with"),
        (lambda: fit(net(), TRAIN, Recipe(steps=5), evaluate_every=2), "needs an evaluation set"),
        (lambda: fit(net(), TRAIN, Recipe(steps=5), start_step=6), "start_step must be from 0 to 5"),
        (lambda: fit(net(), TRAIN, Recipe(steps=5), patience=2), "patience must be"),
        (lambda: fit(net(), TRAIN, Recipe(steps=5), masks={"fc1": torch.ones(1)}), "unknown parameter in masks"),
        (lambda: evaluate(net(), TEST, loss="nll"), "unknown loss"),
        (lambda: evaluate(Several(), TEST), "must return one tensor, but returns tuple"),
        (lambda: fit(Several(), TRAIN, Recipe(steps=5)), "must return one tensor, but returns tuple"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()
