import itertools

import pandas as pd
import pytest
import torch
from tests.studies.made_up import verdicts

from netopsy import InputError
from netopsy.lab.subjects.cues import DIGIT, CueSetting, planted, trained_on_cues
from netopsy.studies.interpretability.concept_lens.plan import MEASURES, RANKED

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


def verdict(number, **options):
    return verdicts("concept-lens", table(**options))[number]


def test_all_hold_where_the_table_says_so():
    found = list(verdicts("concept-lens", table()).values())
    assert [each.verdict for each in found] == ["holds"] * 4
    assert found[3].estimate == pytest.approx(0.85, abs=0.05)


@pytest.mark.parametrize(
    ("number", "options", "answer"),
    [
        (1, {"gap": 2e-5}, "does not hold"),
        (1, {"mu": 0.99}, "does not hold"),
        (1, {"gap": 9e-6}, "holds"),
        (2, {"report": {"nmf": REPORT["nmf"] | {"instability": 0.3}}}, "does not hold"),
        (2, {"report": {"nmf": REPORT["nmf"] | {"instability": 0.1}}}, "undecided"),
        (2, {"report": {"kmeans": REPORT["kmeans"] | {"relative l2": 0.1}}}, "does not hold"),
        (2, {"report": {"pca": REPORT["pca"] | {"sparsity": 0.7}}}, "does not hold"),
        (3, {"deletion": {"oc": 3.0}}, "does not hold"),
        (3, {"deletion": {"ig": 2.0}}, "undecided"),
        (3, {"deletion": {"random": -5.0}}, "holds"),  # reported alone
        (4, {"found": {"importance": 0.2}}, "does not hold"),
        (4, {"found": {"pixels": 0.7}}, "does not hold"),
        (4, {"found": {"importance": 0.45}, "noise": 0.1}, "undecided"),
    ],
)
def test_each_claim_can_fail_and_stay_open(number, options, answer):
    assert verdict(number, **options).verdict == answer


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


def test_canvases_with_cues_must_be_counted():
    with pytest.raises(InputError, match="how many canvases"):
        trained_on_cues(CueSetting(train_images=None), 0)
