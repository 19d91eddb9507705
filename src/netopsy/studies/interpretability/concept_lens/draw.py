"""The figures of the concept-lens study."""

from __future__ import annotations

from typing import Any

import pandas as pd
import torch
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid
from netopsy.interpretability.concept_lens import strategy_graph
from netopsy.lab import Tables, mean_interval
from netopsy.lab.plots import from_text, growth
from netopsy.studies.interpretability.concept_lens.plan import EXTRACTIONS, GROUPED, MEASURES, RANDOM, Config

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
}
MARKED = ("gi", "ig", "oc", "sa", RANDOM)
"""Those that the claim speaks of and its controls; the other scores are drawn without a name."""
COLORS = dict(zip(MARKED, [*PALETTE[:3], PALETTE[3], PALETTE[4]], strict=True))
DASHES = dict(zip(MARKED, ["-", "--", ":", "-", "-"], strict=True))
TITLES = {
    "relative l2": "relative error",
    "sparsity": "codes that are 0",
    "instability": "instability of the bank",
    "frechet": "Fréchet distance",
    "ood": "distance off the data",
    "agreement": "same answer",
}
EXTRACTION_NAMES = {"pca": "PCA", "nmf": "NMF", "kmeans": "k-means"}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """The extraction methods compared, the deletion and insertion curves, the groups found, and the cost."""
    drawn = {
        "extraction": _extraction(tables),
        "curves": _curves(tables),
        "cues": _cues(tables),
        "cost": _cost(tables),
    }
    if "image" in tables and len(tables["image"]) > 3:
        drawn["strategies"] = _strategies(tables["image"])
    return drawn


def _extraction(tables: Tables) -> Figure:
    found = tables["extraction"]
    found = found[found["layer"] == found["layer"].iloc[0]]
    drawn, axes = figure_grid(2, 3, 7.6, 3.4, sharey=True)
    for ax, measure in zip(axes.flatten(), MEASURES, strict=True):
        for place, method in enumerate(EXTRACTIONS):
            own = found[found["method"] == method].groupby("seed")[measure].mean()
            ax.plot(own, [place] * len(own), "o", color=PALETTE[place], alpha=0.4)
            ax.plot(own.mean(), place, "D", color=PALETTE[place], markersize=6)
        ax.set_title(TITLES[measure], fontsize=9)
        ax.set_yticks(range(len(EXTRACTIONS)), [EXTRACTION_NAMES[method] for method in EXTRACTIONS])
        ax.set_ylim(len(EXTRACTIONS) - 0.5, -0.5)
        ax.margins(x=0.08)
    axes[1, 1].set_xlabel("a dot a run, a diamond the mean")
    return drawn


def _curves(tables: Tables) -> Figure:
    found = tables["curve"]
    found = found[found["layer"] == found["layer"].iloc[0]]
    drawn, axes = figure_grid(1, 2, 8.2, 3.4, sharey=True)
    for ax, kind in zip(axes[0], ("deletion", "insertion"), strict=True):
        own = found[found["kind"] == kind].groupby(["method", "step"])["value"].mean().unstack()
        for method in NAMES:
            if method in own.index:
                line, marked = own.loc[method], method in MARKED
                options: Any = {"color": COLORS[method] if marked else INK, "alpha": 1.0 if marked else 0.35}
                label = NAMES[method] if marked else "other scores" if method == "sb" else None
                ax.plot(line.index, line, DASHES[method] if marked else "-", label=label, **options)
        ax.set(
            xlabel="concepts taken away" if kind == "deletion" else "concepts put in", title=f"C-{kind.capitalize()}"
        )
    axes[0, 0].set_ylabel("logit of the class")
    axes[0, 1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawn


def _cues(tables: Tables) -> Figure:
    found = tables["cluster"]
    drawn, ax = figure(5.4, 2.3)
    for place, name in enumerate(GROUPED):
        own = found[found["method"] == name]["value"]
        ax.plot(own, [place] * len(own), "o", color=PALETTE[0], alpha=0.5, clip_on=False)
        ax.plot(mean_interval(own).value, place, "D", color=PALETTE[1], clip_on=False)
    ax.axvline(0.5, color=INK, linewidth=0.8, linestyle="--")
    ax.set_yticks(range(len(GROUPED)), GROUPED)
    ax.set(ylim=(len(GROUPED) - 0.5, -0.5), xlim=(-0.05, 1.0))
    ax.set(xlabel="adjusted Rand index with the hidden cue, a dot a run", title="What is grouped")
    return drawn


def _strategies(images: pd.DataFrame) -> Figure:
    columns = sorted((name for name in images if str(name).startswith("phi")), key=lambda name: int(str(name)[3:]))
    phi = torch.tensor(images[columns].dropna(axis=1).to_numpy(dtype=float)).float()
    pictures = torch.stack([from_text(str(text)) for text in images["picture"]])[:, None]
    clusters = images["cue"].nunique()
    graph = strategy_graph(phi, clusters=max(2, clusters), normalise="concept", plane="pca")
    return graph.plot(pictures)


def _cost(tables: Tables) -> Figure:
    drawn, axes = figure_grid(1, 2, 7.6, 3.0, sharey=True)
    for ax, x, label in ((axes[0, 0], "side", "pixels a side"), (axes[0, 1], "concepts", "concepts")):
        growth(ax, tables[f"cost_by_{x}"], x=x, by="method")
        ax.set_xlabel(label)
    axes[0, 0].get_legend().remove()
    axes[0, 0].set(ylabel="milliseconds for 8 images", title="Cost at the third convolution")
    axes[0, 1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawn
