import numpy as np
import pandas as pd
import pytest
from tests.studies.made_up import verdicts

from netopsy.studies.graphs.neural_common_neighbor.plan import BARE, COUNT, GAE, NCN, NCNC, SEEN, TUNED


def table(count=0.85, ncn=0.93, seen=0.9, ncnc=0.97, precise=0.0, growth=0.1, ratio=1.8, bare=2.2, spread=0.002):
    """A made-up table of 5 seeds."""
    random, rows = np.random.default_rng(0), []
    for seed in range(5):
        for drop in (0.0, 0.2, 0.4):
            hits = {NCN: ncn, NCNC: ncnc + growth * drop}
            if drop == 0:
                hits |= {"common neighbours": count, GAE: 0.8, COUNT: 0.91, SEEN: seen, TUNED: ncnc}
            for model, value in hits.items():
                noisy = {f"Hits@{k}": value + float(random.normal(0, spread)) for k in (20, 50, 100)} | {"AP": value}
                if model == NCNC:
                    noisy["AP"] -= precise
                at = {"network": "digits", "drop": drop, "seed": seed}
                rows.append({**at, "measure": "held out", "model": model, **noisy})
        rows.append({"measure": "counts", "seed": seed, "which": "test links", "mean": 3.0, "distance": 0.0})
    for repeat in range(3):
        for nodes in (1000, 2000):
            times = {"encoder alone": 0.5, GAE: 1.0, NCN: ratio + float(random.normal(0, spread)), NCNC: 9.0}
            times |= {GAE + BARE: 0.5, NCN + BARE: 0.5 * bare + float(random.normal(0, spread)), NCNC + BARE: 8.5}
            for model, value in times.items():
                rows.append({"measure": "cost", "model": model, "nodes": nodes, "repeat": repeat, "value": value})
    return pd.DataFrame(rows)


def verdict(number, **options):
    return verdicts("neural-common-neighbor", table(**options))[number]


def test_all_hold_where_the_table_says_so():
    found = list(verdicts("neural-common-neighbor", table()).values())
    assert [each.verdict for each in found] == ["holds"] * 4
    assert found[1].estimate == pytest.approx(0.03, abs=0.005)
    assert found[2].estimate == pytest.approx(0.1, abs=0.02)
    alone, whole = found[3].weakest.estimate.value, found[3].parts[0].estimate.value
    assert (whole, alone) == pytest.approx((1.8, 2.2), abs=0.02)


@pytest.mark.parametrize(
    ("number", "options", "answer"),
    [
        (1, {"count": 0.92}, "does not hold"),
        (1, {"ncnc": 0.935}, "does not hold"),
        (1, {"precise": 0.05}, "does not hold"),
        (1, {"count": 0.3, "ncn": 1.5, "ncnc": 1.52, "spread": 0.1}, "undecided"),
        (2, {"seen": 0.93}, "does not hold"),
        (2, {"seen": 0.915, "spread": 0.03}, "undecided"),
        (3, {"growth": -0.1}, "does not hold"),
        (3, {"growth": 0.0, "spread": 0.02}, "undecided"),
        (4, {"ratio": 4.0}, "does not hold"),
        (4, {"bare": 4.0}, "does not hold"),
        (4, {"ratio": 3.0, "spread": 0.1}, "undecided"),
    ],
)
def test_each_claim_can_fail_and_stay_open(number, options, answer):
    assert verdict(number, **options).verdict == answer
