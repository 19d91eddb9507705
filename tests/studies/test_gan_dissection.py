import pandas as pd
import pytest
from tests.studies.made_up import verdicts

from netopsy.lab import Tables
from netopsy.studies.interpretability.gan_dissection.judge import areas, gained

OBJECTS = ("sun", "house", "tree")


def table(*, presence=0.5, iou=0.5, removed=0.9, by_chance=0.1, lead=0.1, gain=(2.0, 0.1), house=(2.0, 0.1), seeds=3):
    """A made-up table: what the generators show, how their units agree, what goes and what comes."""
    rows = []
    for seed in range(seeds):
        off = 0.01 * (seed - 1)
        for name in OBJECTS:
            rows.append({"seed": seed, "measure": "presence", "object": name, "kind": "made", "value": presence})
            common = {"seed": seed, "measure": "iou", "object": name, "layer": "layer3"}
            rows.append({**common, "kind": "trained", "number": 0, "value": iou + off})
            for number in range(20):
                rows.append({**common, "kind": "shuffled", "number": number, "value": 0.1 + 0.001 * number})
                rows.append({**common, "kind": "untrained", "number": number, "value": 0.02})
            for layer in ("layer2", "layer3", "layer4"):
                common = {"seed": seed, "measure": "removal", "object": name, "layer": layer}
                rows.append({**common, "by": name, "number": 0, "value": removed + off})
                rows += [
                    {**common, "by": "random", "number": number, "value": by_chance + 0.01 * (number % 3)}
                    for number in range(20)
                ]
            for by, more in (("IoU", 0.0), ("alpha", lead + off / 2)):
                common = {"seed": seed, "measure": "curve", "object": name, "layer": "layer3", "by": by}
                rows += [{**common, "n": n, "value": n / 10 + (more if 0 < n < 10 else 0)} for n in range(11)]
            rows.append({"seed": seed, "measure": "full", "object": name, "value": 5, "units": 32})
            for row in range(8):
                above, below = gain if name == "sun" else house
                high = row < 4 if name == "sun" else 3 <= row < 6
                value = (above if high else below) + off
                common = {"seed": seed, "measure": "insertion", "object": name, "rows": 8}
                rows += [{**common, "row": row, "column": column, "value": value} for column in range(8)]
    return pd.DataFrame(rows)


def verdict(number, **options):
    return verdicts("gan-dissection", table(**options))[number]


def test_all_hold_where_the_table_says_so():
    found = list(verdicts("gan-dissection", table()).values())
    assert [each.verdict for each in found] == ["holds"] * 4
    assert found[0].estimate == pytest.approx(0.5 - 0.118, abs=0.001)
    assert found[1].estimate == pytest.approx(0.9 - 0.1095)


@pytest.mark.parametrize(
    ("number", "options", "answer"),
    [
        (1, {"iou": 0.13}, "does not hold"),
        (1, {"iou": 0.17}, "undecided"),
        (2, {"removed": 0.3}, "does not hold"),
        (2, {"removed": 0.41}, "undecided"),
        (3, {"lead": 0.0}, "does not hold"),
        (3, {"lead": -0.2}, "does not hold"),
        (3, {"lead": 0.025}, "undecided"),
        (4, {"gain": (0.1, 2.0)}, "does not hold"),
        (4, {"gain": (2.0, 1.0)}, "does not hold"),  # twice as many, not three times
        (4, {"gain": (2.0, -0.5)}, "holds"),
        (1, {"presence": 0.2}, "undecided"),
        (4, {"presence": 0.2}, "undecided"),
    ],
)
def test_each_claim_can_fail_and_stay_open(number, options, answer):
    assert verdict(number, **options).verdict == answer


def test_areas_are_those_of_trapezoids_and_bands_are_whole_rows():
    found = areas(Tables(table(lead=0.1).to_dict("records")))
    assert found["IoU"].to_numpy() == pytest.approx(0.5)
    assert (found["alpha"] - found["IoU"]).mean() == pytest.approx(0.09, abs=1e-6)
    rows = Tables(table(gain=(2.0, 0.1)).to_dict("records"))
    assert gained(rows, "sun", (0, 8)).mean() == pytest.approx(2.0)
    assert gained(rows, "sun", (10, 16)).mean() == pytest.approx(0.1)
    assert gained(rows, "sun", (9, 16)).equals(gained(rows, "sun", (10, 16)))
