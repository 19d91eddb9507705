"""What the measurements of the dagnn study say about its four claims. The criteria are the catalogue's."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd

from netopsy.catalogue import claim
from netopsy.lab import Verdict, bootstrap_mean, mean_interval
from netopsy.studies.graphs._dagnn_measures import APPNP_NAME, DAGNN_NAME, GCN_NAME, LAST, MEAN, RESIDUAL, SUM
from netopsy.studies.graphs._dagnn_recipes import RECIPES

PAPER = "dagnn"


def judge(rows: pd.DataFrame, config: Any) -> list[Verdict]:
    """One verdict a claim."""
    return [entangled(rows), better(rows, config), gated(rows), limited(rows)]


def entangled(rows: pd.DataFrame) -> Verdict:
    """Deep graph convolutions collapse and deep propagation does not."""
    about = claim(PAPER, "dagnn-1")
    gcn, deep = accuracies(rows, GCN_NAME), accuracies(rows, DAGNN_NAME)
    low, high = gcn.columns.min(), gcn.columns.max()
    fall = bootstrap_mean(gcn[low], gcn[high])
    rise = bootstrap_mean(deep[high], deep[low])
    parts = [
        Verdict.above(about, fall, 0.2, f"GCN of {low} layers less that of {high}: {fall:.3f} ({told(gcn)})"),
        Verdict.above(about, rise, -0.01, f"DAGNN of {high} hops less that of {low}: {rise:.3f} ({told(deep)})"),
    ]
    verdict = Verdict.all_of(about, parts)
    residual = accuracies(rows, RESIDUAL)
    also = f"; with residual connections GCN has {told(residual)}" if len(residual.columns) else ""
    return with_detail(verdict, verdict.detail + also)


def better(rows: pd.DataFrame, config: Any) -> Verdict:
    """DAGNN of the depth fixed beforehand against GCN of two layers."""
    about = claim(PAPER, "dagnn-2")
    deep, gcn, appnp = accuracies(rows, DAGNN_NAME), accuracies(rows, GCN_NAME), accuracies(rows, APPNP_NAME)
    hops = {
        graph: RECIPES[graph].hops if graph in RECIPES else config.compared
        for graph in deep.index.get_level_values("graph").unique()
    }
    chosen = pd.Series({run: deep.loc[run, hops[run[0]]] for run in deep.index})
    gain = bootstrap_mean(chosen, gcn[gcn.columns.min()])
    over = bootstrap_mean(chosen, appnp.iloc[:, 0])
    detail = (
        f"{'/'.join(map(str, dict.fromkeys(hops.values())))} hops {chosen.mean():.3f}, "
        f"GCN-2 {gcn[gcn.columns.min()].mean():.3f}, APPNP {appnp.iloc[:, 0].mean():.3f} (gain over it {over:.3f})"
    )
    found = Verdict.exceeds(about, gain, 0.015, detail)
    near = [reported(about, chosen[graph], graph) for graph in hops if graph in RECIPES]
    return Verdict.all_of(about, [found, *near]) if near else found


def reported(about: Any, accuracy: pd.Series, graph: str) -> Verdict:
    """The mean over runs on a citation network is within a point of what the paper reports."""
    wanted = RECIPES[graph].accuracy
    away = mean_interval(accuracy - wanted)
    words = f"{graph}, {RECIPES[graph].hops} hops: {accuracy.mean():.3f}, the paper {wanted:.3f}, away by {away:.3f}"
    return Verdict.between(about, away, -0.01, 0.01, words)


def gated(rows: pd.DataFrame) -> Verdict:
    """The gate against the last hop and against the mean of all, at the largest depth."""
    about = claim(PAPER, "dagnn-3")
    deep = accuracies(rows, DAGNN_NAME)
    most = deep.columns.max()
    parts = []
    for name in (LAST, MEAN):
        other = accuracies(rows, name)[most]
        gain = bootstrap_mean(deep[most], other)
        words = f"{most} hops, gate {deep[most].mean():.3f}, {name} {other.mean():.3f}: {gain:.3f}"
        parts.append(Verdict.exceeds(about, gain, 0.02, words))
    verdict = Verdict.all_of(about, parts)
    weights = rows[rows["measure"] == "gate"].groupby("hop")["value"].mean()
    even = f"; the gate's weight by hop, median over the nodes: from {weights.min():.2f} to {weights.max():.2f}"
    return with_detail(verdict, verdict.detail + even + ungated(rows, deep[most]))


def ungated(rows: pd.DataFrame, gate: pd.Series) -> str:
    """Words on the sum of all hops without weights, which decides nothing: how much of the gain is the gate's."""
    plain = accuracies(rows, SUM)
    if not len(plain.columns):
        return ""
    gain = bootstrap_mean(gate, plain[plain.columns.max()])
    return (
        f"; for information, the plain sum of all hops, without gate or weights, has "
        f"{plain[plain.columns.max()].mean():.3f}: the gate's gain over it is {gain:.3f}"
    )


def limited(rows: pd.DataFrame) -> Verdict:
    """The distance to the limit is what the eigenvalues say, and features grow ever more alike."""
    about = claim(PAPER, "dagnn-4")
    table = rows[rows["measure"] == "limit"]
    gap = float((table["error"] - table["predicted"]).abs().max())
    rising = 0
    for _, own in table.sort_values("hop").groupby("graph"):
        late = own.loc[own["hop"] >= 10, "smoothness"].to_numpy(dtype=float)
        rising += int((late[1:] >= late[:-1]).sum())
    hops = int(table["hop"].max())
    words = (
        f"largest gap between measured and predicted distance over {hops} hops of "
        f"{', '.join(table['graph'].unique())}: {gap:.1e}; hops from 10 on at which features did not grow more "
        f"alike: {rising}"
    )
    return Verdict.of(about, "holds" if gap <= 1e-9 and rising == 0 else "does not hold", None, words)


def accuracies(rows: pd.DataFrame, network: str) -> pd.DataFrame:
    """A row for each graph and run, a column for each depth."""
    own = rows[(rows["measure"] == "accuracy") & (rows["network"] == network)]
    table = own.pivot(index=["graph", "seed"], columns="depth", values="value")
    return table.rename(columns=int)


def told(table: pd.DataFrame) -> str:
    """Mean accuracies by depth."""
    return ", ".join(f"{depth}: {table[depth].mean():.3f}" for depth in table.columns)


def with_detail(verdict: Verdict, detail: str) -> Verdict:
    """The same verdict, other words."""
    return dataclasses.replace(verdict, detail=detail)
