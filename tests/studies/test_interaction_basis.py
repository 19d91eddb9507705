"""The study of the interaction basis: what is planted, what is masked, and what its judge makes of known tables."""

import pytest
import torch
from tests.studies.made_up import verdicts

from netopsy.core.seeds import generator
from netopsy.models import mlp
from netopsy.studies import load
from netopsy.studies.landscape.interaction_basis.degeneracies import _dependent, _in_step
from netopsy.studies.landscape.interaction_basis.modularity import Present, masks_of, pairs
from netopsy.studies.landscape.interaction_basis.plan import (
    BLOCKS,
    COMPONENTS,
    DENSE,
    INTERACTION,
    LOCAL,
    MODULAR,
    RANKS,
    SPARSE,
    TOLERANCES,
    TURNED,
    UNITS,
    Pairs,
)

EDGES = {INTERACTION: 80, LOCAL: 80, COMPONENTS: 100, TURNED: 200, UNITS: 200}


def rows(wrong=0, needed=80, invariant=1e-9, components=0.5, modular=0.2, sparse=0.4, coefficient=0.1):
    """A made-up table of results with a little scatter over seeds."""
    for draw in range(200):
        counts = {"predicted": 9, "value": 9 - (draw < wrong), "silent": 0, "gap": 1e-3}
        yield {"measure": "counted", "draw": draw, "method": (RANKS, BLOCKS)[draw % 2], **counts}
    for network in range(5):
        for method, value in ((INTERACTION, invariant), (COMPONENTS, components)):
            value += 1e-3 * network * (method == COMPONENTS)
            yield {"measure": "reparametrised", "network": network, "method": method, "value": value}
    for seed in range(6):
        off = 1e-3 * seed
        yield {"measure": "accuracy", "seed": seed, "value": 0.97}
        for method, edges in {**EDGES, INTERACTION: needed}.items():
            for section in (1, 2, 3):
                own = {"method": method, "seed": seed, "section": section}
                yield {"measure": "edges", **own, "value": edges + seed, "total": 1024, "reached": True}
                yield {"measure": "nodes", **own, "value": 9, "total": 32}
        for method, share in ((MODULAR, modular + off), (DENSE, 0.3), (SPARSE, sparse)):
            own = {"method": method, "seed": seed}
            yield {"measure": "training", **own, "step": 300, "value": 0.03, "reached": True}
            for eps in TOLERANCES:
                yield {"measure": "effective", **own, "eps": eps, "value": share}
            value = coefficient + off if method == MODULAR else 0.2
            yield {"measure": "coefficient", **own, "value": value, "drift": 0.01}


def answers(**options):
    return {number: each.verdict for number, each in verdicts("interaction-basis", list(rows(**options))).items()}


def test_verdicts_follow_the_criteria():
    assert answers() == dict.fromkeys((1, 2, 3, 4), "holds")


@pytest.mark.parametrize(
    ("options", "claim", "answer"),
    [
        ({"wrong": 6}, 1, "undecided"),
        ({"wrong": 40}, 1, "does not hold"),
        ({"needed": 95}, 2, "does not hold"),
        ({"invariant": 1e-3}, 3, "does not hold"),
        ({"components": 0.05}, 3, "does not hold"),
        ({"modular": 0.35}, 4, "does not hold"),
        ({"sparse": 0.1}, 4, "does not hold"),
        ({"coefficient": 0.3}, 4, "does not hold"),
    ],
)
def test_a_claim_falls_with_each_of_its_parts(options, claim, answer):
    found = answers(**options)
    assert found.pop(claim) == answer
    assert set(found.values()) == {"holds"}


def test_runs_are_compared_where_all_networks_reach_the_loss():
    table = list(rows())
    for row in table:
        if row["measure"] == "training" and row["seed"] == 0:
            row["reached"] = row["method"] != SPARSE
    [part, *_] = verdicts("interaction-basis", table)[4].parts
    assert part.estimate.n == 5


def test_masks_are_of_one_size_and_what_is_left_answers_as_the_masked_network():
    model = mlp([32, 6, 6, 20], seed=0)
    sizes = {}
    for method in (MODULAR, SPARSE, DENSE):
        masks = masks_of(method, model, 0)
        sizes[method] = [int(mask.sum()) for mask in masks.values()]
        with torch.no_grad():
            masked = mlp([32, 6, 6, 20], seed=0)
            for name, mask in masks.items():
                masked.get_parameter(name).mul_(mask)
        inputs = torch.randn(5, 32)
        present = Present(masked, masks)
        torch.testing.assert_close(present(inputs), masked(inputs))
        assert [each.numel() for each in present.parameters()] == sizes[method]
    assert sizes[MODULAR] == sizes[SPARSE] == [size // 2 for size in sizes[DENSE]]


def test_the_two_digits_are_drawn_independently_and_modules_see_one_each():
    data = pairs(Pairs(examples=50))
    assert data.inputs.shape == (50, 32)
    assert (data.targets.sum(1) == 2).all()
    model = mlp([32, 6, 6, 20], seed=0)
    with torch.no_grad():
        for name, mask in masks_of(MODULAR, model, 0).items():
            model.get_parameter(name).mul_(mask)
    moved = data.inputs.clone()
    moved[:, :16] += 1
    assert (model(moved)[:, 10:] == model(data.inputs)[:, 10:]).all()
    assert (model(moved)[:, :10] != model(data.inputs)[:, :10]).any()


def test_planted_duplicates_and_blocks_are_there():
    for seed in range(4):
        model, inputs, names, free = _dependent(generator(seed))
        shares = (model[:3](inputs) > 0).double().mean(0)
        assert ((shares > 0.19) & (shares < 0.81)).all()
        assert names == ["fc2.weight"]
        assert free >= 0
        model, inputs, _, free = _in_step(generator(seed))
        live = (model[:2](inputs) > 0).T
        sizes = {tuple(row.tolist()): int((live == row).all(1).sum()) for row in live}
        assert sum(size**2 for size in sizes.values()) == free


def test_the_presets_plan_every_measure():
    study = load("interaction-basis")
    for preset in study.presets:
        cells = study.cells(study.configuration(preset))
        assert {cell.measure for cell in cells} == {"counted", "sparsity", "reparametrised", "modularity"}
