import numpy as np
import pandas as pd
import pytest
from tests.studies.made_up import verdicts

from netopsy.lab import Tables
from netopsy.studies import load
from netopsy.studies.sparsity.random_search_sparse import SETTINGS, Config, correlation

RANDOM = np.random.default_rng(0)


def table(gain=0.0, faster=1.0, cost=1.0, searched_loss=2.2, reached=True, seeds=20):
    """A made-up run: ``gain`` and ``cost`` in points, ``faster`` the ratio of steps of searched to random."""
    rows = []
    for seed in range(seeds):
        shared = {"measure": "networks", "setting": "mlp-digits", "seed": seed, "reached": reached}
        rows.append({**shared, "sparsity": 0.0, "arm": "dense", "accuracy": 0.97, "parameter_sparsity": 0.0})
        for sparsity in Config().sparsities:
            for arm, loss in (("searched", searched_loss), ("random", 2.3), ("worst", 2.4)):
                own = arm == "searched"
                noise = 0.002 * RANDOM.standard_normal(2)
                rows.append(
                    {
                        **shared,
                        "sparsity": sparsity,
                        "arm": arm,
                        "accuracy": 0.97 - cost / 100 + own * gain / 100 + noise[0],
                        "initial_loss": loss + noise[1],
                        "steps_to_threshold": 100 * (faster if own else 1) * (1 + noise[1]),
                        "parameter_sparsity": 0.9,
                    }
                )
    return pd.DataFrame(rows)


def answers(**options):
    return {
        number: each.verdict for number, each in verdicts("random-search-sparse", table(**options), Config()).items()
    }


def test_no_difference_and_little_cost_is_what_the_paper_says():
    assert answers() == {1: "holds", 2: "holds", 3: "holds"}


@pytest.mark.parametrize(
    ("options", "claim", "verdict"),
    [
        ({"gain": 3.0}, 1, "does not hold"),
        ({"gain": -3.0}, 1, "does not hold"),
        ({"gain": 1.0}, 1, "undecided"),
        ({"searched_loss": 2.3}, 1, "undecided"),
        ({"searched_loss": 2.4}, 1, "undecided"),
        ({"faster": 0.7}, 2, "does not hold"),
        ({"faster": 1.3}, 2, "does not hold"),
        ({"reached": False}, 2, "undecided"),
        ({"cost": 6.0}, 3, "does not hold"),
        ({"cost": 3.0}, 3, "does not hold"),
        ({"cost": 2.0}, 3, "undecided"),
    ],
)
def test_other_numbers_give_other_verdicts(options, claim, verdict):
    assert answers(**options)[claim] == verdict


def test_a_search_that_found_nothing_shows_nothing():
    found = verdicts("random-search-sparse", table(searched_loss=2.3), Config())[1]
    controls = [part for part in found.parts if part.name.startswith("positive control")]
    assert len(controls) == 4
    assert all("not effective" in part.rule for part in controls)
    assert all(part.answer == "holds" for part in found.parts if part not in controls)


def test_the_rank_correlation_is_within_parents_with_an_interval_over_them():
    rows = table()
    falls = rows["arm"].map({"dense": 0.97, "searched": 0.96, "random": 0.95, "worst": 0.94})
    rising = rows.assign(accuracy=falls + 0.01 * rows["seed"])
    found = correlation(Tables(rising.to_dict("records")), "mlp-digits", 0.9)
    assert -1 <= found.low <= found.value <= found.high < -0.85
    unrelated = correlation(Tables(rows.to_dict("records")), "mlp-digits", 0.9)
    assert unrelated.low < 0 < unrelated.high


def test_every_setting_of_the_paper_preset_exists():
    assert set(load("random-search-sparse").presets["paper"].settings) <= set(SETTINGS)
