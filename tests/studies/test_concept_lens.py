import dataclasses
import itertools

import pandas as pd
import pytest
import torch

from netopsy import InputError
from netopsy.interpretability.concept_lens import c_deletion, c_insertion
from netopsy.lab import run
from netopsy.studies import load
from netopsy.studies.interpretability import concept_lens as study
from netopsy.studies.interpretability._concept_lens_measures import MEASURES, RANKED, best_orders
from netopsy.studies.interpretability._concept_lens_strategies import GROUPED
from netopsy.studies.interpretability._concept_lens_verdicts import judge
from netopsy.studies.interpretability._hidden_cues import DIGIT, CueSetting, planted, trained_on_cues

DELETION = dict.fromkeys(RANKED, 0.0) | {"sa": 2.0, "random": 4.0}
REPORT = {
    "pca": {"relative l2": 0.2, "sparsity": 0.0, "instability": 0.1},
    "nmf": {"relative l2": 0.25, "sparsity": 0.5, "instability": 0.01},
    "kmeans": {"relative l2": 0.5, "sparsity": 0.9, "instability": 0.01},
}
FOUND = {"importance": 0.85, "importance, standardised": 0.9, "codes": 0.8, "activations": 0.7, "pixels": 0.0}


def table(gap=0.0, mu=1.0, report=(), deletion=(), found=(), noise=0.02):
    """A made-up table of three runs in which everything holds, but for what is said."""
    random, rows = torch.Generator().manual_seed(0), []

    def shaken(value):
        return value + noise * float(torch.randn((), generator=random))

    for seed in range(3):
        rows += [
            {
                "measure": "affine",
                "seed": seed,
                "method": method,
                "images": 100,
                "deletion": gap,
                "insertion": 0.0,
                "mu": mu,
            }
            for method in RANKED
        ]
        for split, (method, values) in itertools.product(range(10), (REPORT | dict(report)).items()):
            measured = {name: shaken(values.get(name, 0.0)) for name in MEASURES}
            rows.append(
                {"measure": "extraction", "seed": seed, "layer": "third", "split": split, "method": method, **measured}
            )
        for number, (method, value) in itertools.product(range(10), (DELETION | dict(deletion)).items()):
            common = {"measure": "ranking", "seed": seed, "layer": "third", "class": number, "method": method}
            rows.append({**common, "deletion": shaken(value)})
        for method, value in (FOUND | dict(found)).items():
            rows.append({"measure": "cluster", "seed": seed, "method": method, "value": shaken(value)})
        rows.append({"measure": "accuracy", "seed": seed, "value": 0.99})
    return pd.DataFrame(rows)


def verdict(name, **options):
    return next(each for each in judge(table(**options), study.Config()) if each.claim == name)


def test_all_hold_where_the_table_says_so():
    found = judge(table(), study.Config())
    assert [each.verdict for each in found] == ["holds"] * 4
    assert found[3].estimate == pytest.approx(0.85, abs=0.05)
    assert "importance, standardised: " in found[3].detail


@pytest.mark.parametrize(
    ("name", "options", "answer"),
    [
        ("concept-lens-1", {"gap": 2e-5}, "does not hold"),
        ("concept-lens-1", {"mu": 0.99}, "does not hold"),
        ("concept-lens-1", {"gap": 9e-6}, "holds"),
        ("concept-lens-2", {"report": {"nmf": REPORT["nmf"] | {"instability": 0.3}}}, "does not hold"),
        ("concept-lens-2", {"report": {"nmf": REPORT["nmf"] | {"instability": 0.1}}}, "undecided"),
        ("concept-lens-2", {"report": {"kmeans": REPORT["kmeans"] | {"relative l2": 0.1}}}, "does not hold"),
        ("concept-lens-2", {"report": {"pca": REPORT["pca"] | {"sparsity": 0.7}}}, "does not hold"),
        ("concept-lens-3", {"deletion": {"oc": 3.0}}, "does not hold"),
        ("concept-lens-3", {"deletion": {"ig": 2.0}}, "undecided"),
        ("concept-lens-3", {"deletion": {"random": -5.0}}, "holds"),  # reported alone
        ("concept-lens-4", {"found": {"importance": 0.2}}, "does not hold"),
        ("concept-lens-4", {"found": {"pixels": 0.7}}, "does not hold"),
        ("concept-lens-4", {"found": {"importance": 0.45}, "noise": 0.1}, "undecided"),
    ],
)
def test_each_claim_can_fail_and_stay_open(name, options, answer):
    assert verdict(name, **options).verdict == answer


def test_smoke(tmp_path):
    found = run(load("concept-lens"), "smoke", out=tmp_path, workers=0)
    assert [each.claim for each in found.verdicts] == [
        "concept-lens-1",
        "concept-lens-2",
        "concept-lens-3",
        "concept-lens-4",
    ]
    assert found.verdicts[0].verdict == "holds"
    assert {"extraction", "curves", "cues", "cost"} <= set(found.figures)
    counts = found.rows["measure"].value_counts()
    assert counts["extraction"] == 3 * 3
    assert counts["cluster"] == len(GROUPED)
    assert counts["cost"] == (2 + 2) * 4


def test_the_best_orders_are_those_of_trying_all():
    u = torch.rand(3, 4, dtype=torch.float64)

    def function(x):
        return torch.sin(3 * x).sum(1) - x[:, 0] * x[:, 1]

    low, high = [], []
    for order in itertools.permutations(range(4)):
        phi = torch.zeros_like(u)
        phi[:, list(order)] = torch.arange(4, 0, -1, dtype=u.dtype)
        low.append(c_deletion(function, u, phi))
        high.append(c_insertion(function, u, phi))
    found = best_orders(function, u)
    torch.testing.assert_close(found[0], torch.stack(low).amin(0))
    torch.testing.assert_close(found[1], torch.stack(high).amax(0))


def test_planted_cues_are_where_they_are_said_to_be():
    drawn = planted(80, 20, "test", 3)
    assert drawn.images.shape == (80, 1, 20, 20)
    assert [int((drawn.cues == cue).sum()) for cue in (-1, 0, 1)] == [40, 20, 20]
    assert torch.equal(drawn.labels, (drawn.cues >= 0).long())
    checker = torch.tensor([[1.0, 0, 1], [0, 1, 0], [1, 0, 1]])
    corners = [
        drawn.images[:, 0, rows, columns]
        for rows in (slice(3), slice(-3, None))
        for columns in (slice(3), slice(-3, None))
    ]
    stamped = torch.stack([(corner == checker).flatten(1).all(1) for corner in corners]).sum(0)
    assert torch.equal(stamped, (drawn.cues == 1).long())
    assert torch.equal(drawn.images, planted(80, 20, "test", 3).images)
    assert DIGIT == 3


def test_the_paper_preset_takes_superclasses_of_the_hub(monkeypatch):
    from netopsy.data import Dataset
    from netopsy.studies.interpretability import _hidden_cues

    data = Dataset(torch.rand(40, 3, 8, 8), torch.arange(40) % 10)
    monkeypatch.setattr(_hidden_cues, "hub_dataset", lambda name, split, limit, seed: data)
    preset = load("concept-lens").configuration("paper")
    assert (preset.n_concepts, preset.seeds, len(preset.layers)) == (25, 5, 3)
    setting = dataclasses.replace(preset.cues, widths=(4, 4, 6, 6), epochs=1, batch_size=10)
    model, train, _ = trained_on_cues(setting, 0)
    assert train.cues.tolist()[:10] == [0, 1, -1, -1, -1, -1, -1, -1, 2, 3]
    assert torch.equal(train.labels, (train.cues >= 0).long())
    assert dict(model.named_modules())[setting.layer](torch.ones(1, 2, 1, 1)).shape == (1, 2)


def test_canvases_with_cues_must_be_counted():
    with pytest.raises(InputError, match="how many canvases"):
        trained_on_cues(CueSetting(train_images=None), 0)
