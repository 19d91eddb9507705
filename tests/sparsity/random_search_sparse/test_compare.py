"""Arms that are trained beside each other share all but the configuration."""

import pytest
import torch

from netopsy import InputError
from netopsy.core.seeds import derive
from netopsy.data import digits_split
from netopsy.models import mlp
from netopsy.sparsity.random_search_sparse import compare_sparse, random_search
from netopsy.sparsity.random_search_sparse.compare import steps_to
from netopsy.training import Recipe, evaluate, fit
from netopsy.training.history import Fit, History

TRAIN, VALIDATION, TEST = digits_split()
RECIPE = Recipe(steps=30, batch_size=32, optimizer="sgd", lr=0.1)


def parent(seed):
    return mlp([64, 32, 16, 10], initialisation="he_normal", seed=seed)


def compared(**options):
    options = {"recipe": RECIPE, "sparsities": (0.0, 0.75), "seeds": (0, 1), "n_candidates": 12, **options}
    return compare_sparse(parent, TRAIN, validation=VALIDATION, test=TEST, **options)


def test_every_arm_starts_from_its_parent_and_trains_as_it_would_alone(unchecked):
    table = compared()
    assert table["arm"].tolist() == ["dense"] * 2 + ["searched", "random", "worst"] * 2
    own = table[(table["seed"] == 1) & (table["arm"] == "searched")].iloc[0]
    found = random_search(parent(1), TRAIN, 0.75, n_candidates=12, seed=derive(1, "search", "0.75"))
    network = found.network(parent(1), found.best)
    assert own["initial_loss"] == pytest.approx(evaluate(network, TRAIN).loss)
    size = 64 * 8 + 8 + 8 * 4 + 4 + 4 * 10 + 10
    assert own["parameter_sparsity"] == pytest.approx(1 - size / sum(p.numel() for p in parent(0).parameters()))
    assert own["node_sparsity"] == pytest.approx(0.75)
    fit(network, TRAIN, RECIPE, seed=derive(1, "order"))
    assert own["accuracy"] == pytest.approx(evaluate(network, TEST).accuracy, abs=0.005)
    assert own["final_loss"] == pytest.approx(evaluate(network, TEST).loss, abs=1e-4)
    assert own["expected_best"][1] == pytest.approx(float(found.scores.mean()))
    for _, group in table[table["sparsity"] > 0].groupby("seed"):
        losses = group.set_index("arm")["initial_loss"]
        assert losses["searched"] <= losses["random"] <= losses["worst"]


def test_the_small_network_has_the_parameters_that_were_counted():
    found = random_search(mlp([64, 256, 256, 10]), TRAIN, 0.75, n_candidates=1, examples=10)
    network = found.network(mlp([64, 256, 256, 10]), found.best)
    assert sum(weight.numel() for weight in network.parameters()) == 8970


def run(*losses):
    steps = torch.arange(10, 10 * len(losses) + 1, 10)
    history = History(torch.zeros(1), steps, {"validation": torch.tensor(losses)}, {})
    return Fit(history, {}, 10 * len(losses))


def test_steps_to_a_threshold_are_interpolated():
    assert steps_to(run(1.0, 0.7, 0.3), 0.5) == (pytest.approx(25), True)
    assert steps_to(run(0.4, 0.7), 0.5) == (10, True)
    assert steps_to(run(0.9, 0.7), 0.5) == (20, False)
    assert steps_to(run(float("nan"), 0.5), 0.5) == (20, True)


def test_bad_arguments_are_named():
    for options, message in [({"seeds": ()}, "seeds is empty"), ({"sparsities": ()}, "sparsities is empty")]:
        with pytest.raises(InputError, match=message):
            compared(**options)
