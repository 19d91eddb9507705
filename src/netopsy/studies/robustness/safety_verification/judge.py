"""Identities are counted over everything; shares and distances are over networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from netopsy.lab import Part, Tables, below, exact, mean_interval, open_part, paired_difference
from netopsy.studies.robustness.safety_verification.plan import ALIKE, OPEN, SAFE, SEARCH, SIGN, UNSAFE, Config


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Identities are counted over everything; shares and distances over networks."""
    table = tables["agreement"]
    wrong = int((table["search"] != table["one by one"]).sum())
    beside = {"grids": len(table), "unsafe": int((table["search"] == UNSAFE).sum())}
    yield "safety-verification-1", exact("answers that differ from one by one", wrong, beside=beside)
    decided = table[table["region"] != OPEN]
    against = int(((decided["region"] == SAFE) & (decided["one by one"] == UNSAFE)).sum())
    yield (
        "safety-verification-1",
        exact("safe regions with an adversarial grid point", against, beside={"regions decided": len(decided)}),
    )
    invented = int(table["invented"].sum())
    beside = {"counterexamples": int(table["counterexamples"].sum())}
    yield "safety-verification-1", exact("counterexamples of the same class", invented, beside=beside)
    yield from _refinement(tables, config)
    yield from _distances(tables)


def _refinement(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    pairs = pairs_of(tables, "region")
    count, against = len(pairs), int(pairs["violated"].sum())
    beside = {"pairs": count, "unsafe only deeper": int(pairs["deeper"].sum())}
    if count >= config.pairs or against:
        yield "safety-verification-2", exact("regions safe at a layer and unsafe below", against, beside=beside)
    else:
        why = f"fewer than {config.pairs} pairs decided at both layers"
        yield "safety-verification-2", open_part("regions safe at a layer and unsafe below", why=why, beside=beside)
    grids = pairs_of(tables, "grid")
    share = grids.groupby(["network", "seed"])["violated"].mean()
    beside = {"pairs": len(grids), "violations": int(grids["violated"].sum())}
    beside |= {"unsafe only deeper": int(grids["deeper"].sum())}
    share_of = mean_interval(share.to_numpy(dtype=float))
    yield (
        "safety-verification-2",
        below("share of grids safe at a layer and unsafe below", share_of, ALIKE, unit="networks", beside=beside),
    )


def pairs_of(tables: Tables, level: str) -> pd.DataFrame:
    """Neighbouring layers that are both decided, and whether the answers contradict or go the safe way apart."""
    table = tables.rows("refinement", level=level)
    wide = table.pivot(index=["network", "seed", "image", "radius"], columns="depth", values="answer")
    parts = [pd.DataFrame({"lower": wide[depth], "upper": wide[depth + 1], "depth": depth + 1}) for depth in range(2)]
    found = pd.concat(parts).reset_index()
    found = found[(found["lower"] != OPEN) & (found["upper"] != OPEN)]
    violated = (found["upper"] == SAFE) & (found["lower"] == UNSAFE)
    return found.assign(violated=violated, deeper=(found["upper"] == UNSAFE) & (found["lower"] == SAFE))


def _distances(tables: Tables) -> Iterator[tuple[str, Part | str]]:
    by: dict[str, Any] = {"index": ["network", "seed"], "columns": "method"}
    l1, l2, success = (tables.wide("distance", values=each, **by) for each in ("L1", "L2", "success"))
    beside = {f"L1, {method}": l1[method].mean() for method in (SEARCH, SIGN)}
    beside |= {f"L2, {method}": l2[method].mean() for method in (SEARCH, SIGN)}
    beside |= {f"success, {method}": success[method].mean() for method in (SEARCH, SIGN)}
    less = paired_difference(l1[SEARCH], l1[SIGN])
    yield (
        "safety-verification-3",
        below("L1 of the search less the sign method's", less, unit="networks", beside=beside),
    )
    apart = paired_difference(l2[SEARCH], l2[SIGN])
    yield "safety-verification-3", f"L2 of the search less the sign method's: {apart}."
    short = success[success[SIGN] < success[SEARCH]]
    if len(short):
        yield (
            "safety-verification-3",
            f"In {len(short)} of {len(success)} networks the sign method never succeeds as often as the search.",
        )
