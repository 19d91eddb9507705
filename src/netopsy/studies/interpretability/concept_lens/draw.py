"""The figures of the concept-lens study."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE, figure
from netopsy.interpretability.concept_lens import strategy_graph
from netopsy.lab import Tables
from netopsy.lab.pictures import from_text
from netopsy.lab.plots import dots, growths, lines, panels
from netopsy.studies.interpretability.concept_lens.plan import GROUPED, MEASURES, RANDOM, Config

NAMES = {
    "gi": "gradient-input",
    "ig": "integrated gradients",
    "oc": "occlusion",
    "ri": "RISE",
    "sb": "Sobol",
    "sg": "SmoothGrad",
    "sq": "SquareGrad",
    "vg": "VarGrad",
    "sa": "absolute gradient",
    RANDOM: "random order",
    "pca": "PCA",
    "nmf": "NMF",
    "kmeans": "k-means",
}
VARIANT = "Grouped by standardised importances: a variant of ours, of which the claim does not speak"
CLAIMED = "gradient-input, integrated gradients, occlusion"
DRAWN = dict.fromkeys(("gi", "ig", "oc"), CLAIMED) | {"sa": NAMES["sa"], RANDOM: NAMES[RANDOM]}
"""What the curves tell apart: the scores that the claim speaks of, which all but agree, and its controls."""
COLORS = dict(zip(dict.fromkeys(DRAWN.values()), (PALETTE[0], PALETTE[3], PALETTE[4]), strict=True))
COLORS |= {NAMES[score]: COLORS[shown] for score, shown in DRAWN.items()}
TITLES = {
    "relative l2": "relative error",
    "sparsity": "codes that are 0",
    "instability": "instability of the bank",
    "frechet": "Fréchet distance",
    "ood": "distance off the data",
    "agreement": "same answer",
}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Extraction methods compared, deletion and insertion by step and by score, the groups found, and the cost."""
    extraction, ranking, curve = (_first_layer(tables, name) for name in ("extraction", "ranking", "curve"))
    compared = {TITLES[measure]: measure for measure in MEASURES}
    kinds = {"C-Deletion": "deletion", "C-Insertion": "insertion"}
    sizes = {"pixels a side": "side", "concepts": "concepts"}
    costs = {label: (tables.rows("cost", by=by), "size") for label, by in sizes.items()}
    drawn = {
        "extraction": panels(compared, partial(_dots, extraction), width=2.6, height=1.7, sharey=True),
        "curves": panels(kinds, partial(_curves, curve), width=4.0, sharey=True, legend=True),
        "scores": panels(kinds, partial(_scores, ranking), width=4.4, height=2.9, sharey=True),
        "cues": _cues(tables["cluster"]),
        "cost": growths(costs, "milliseconds for 8 images, third convolution"),
    }
    if "image" in tables and len(tables["image"]) > 3:
        drawn["strategies"] = _strategies(tables["image"])
    return drawn


def _first_layer(tables: Tables, measure: str) -> pd.DataFrame:
    found: pd.DataFrame = tables.rows(measure, layer=tables[measure]["layer"].iloc[0])
    return found.assign(method=found["method"].replace(NAMES))


def _dots(table: pd.DataFrame, ax: Axes, measure: str) -> None:
    colors = dict(zip(table["method"].unique(), PALETTE, strict=False))
    dots(ax, table, by="method", values=measure, colors=COLORS | colors)
    ax.locator_params(axis="x", nbins=4)
    ax.ticklabel_format(axis="x", useOffset=False)


def _curves(table: pd.DataFrame, ax: Axes, kind: str) -> None:
    """The logit while concepts go, or come, in the order of their scores."""
    table = table[table["kind"] == kind].replace({"method": {NAMES[score]: shown for score, shown in DRAWN.items()}})
    lines(ax, table, x="step", by="method", names=list(dict.fromkeys(DRAWN.values())), colors=COLORS)
    ax.set_xlabel("concepts taken away" if kind == "deletion" else "concepts put in")
    ax.set_ylabel("logit of the class")
    ax.label_outer()


def _scores(table: pd.DataFrame, ax: Axes, kind: str) -> None:
    """The mean of each score's curve, best first by deletion."""
    order = table.groupby("method")["deletion"].mean().sort_values().index
    dots(ax, table, by="method", values=kind, names=list(order), colors=dict.fromkeys(order, INK) | COLORS)
    ax.set_xlabel(f"mean logit, {'lower' if kind == 'deletion' else 'higher'} is better; a dot a run")


def _cues(table: pd.DataFrame) -> Figure:
    drawn, ax = figure(5.4, 2.3)
    dots(ax, table, by="method", names=GROUPED)
    ax.axvline(0.5, color=INK, linewidth=0.8, linestyle="--")
    ax.set(xlabel="adjusted Rand index with the hidden cue, a dot a run", title="What is grouped", xlim=(-0.05, 1.03))
    return drawn


def _strategies(images: pd.DataFrame) -> Figure:
    columns = sorted((name for name in images if str(name).startswith("phi")), key=lambda name: int(str(name)[3:]))
    phi = torch.tensor(images[columns].dropna(axis=1).to_numpy(dtype=float)).float()
    pictures = torch.stack([from_text(str(text)) for text in images["picture"]])[:, None]
    groups: Any = {"clusters": max(2, images["cue"].nunique()), "plane": "pca"}
    drawn = strategy_graph(phi, normalise="concept", **groups).plot(pictures)
    drawn.suptitle(VARIANT, color=INK, fontsize=9)
    return drawn
