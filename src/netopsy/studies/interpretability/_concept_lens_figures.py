"""The figures of the concept-lens study."""

from __future__ import annotations

from typing import Any

import pandas as pd
import torch
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid
from netopsy.interpretability.concept_lens import strategy_graph
from netopsy.lab import mean_interval
from netopsy.lab.costs import cost_lines
from netopsy.studies.interpretability._concept_lens_measures import EXTRACTIONS, MEASURES, RANDOM
from netopsy.studies.interpretability._concept_lens_strategies import GROUPED
from netopsy.studies.interpretability._pictures import from_text

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
COLORS = dict(zip(NAMES, [*PALETTE[:4], PALETTE[4], PALETTE[0], PALETTE[1], PALETTE[2], PALETTE[5], INK], strict=True))
DASHES = dict(zip(NAMES, ["-", "--", "-.", ":", "-", ":", ":", "--", "-", "-"], strict=True))
TITLES = {
    "relative l2": "relative error",
    "sparsity": "codes that are 0",
    "instability": "instability of the bank",
    "frechet": "Fréchet distance",
    "ood": "distance off the data",
    "agreement": "same answer",
}
EXTRACTION_NAMES = {"pca": "PCA", "nmf": "NMF", "kmeans": "k-means"}


def draw(rows: pd.DataFrame, config: Any) -> dict[str, Figure]:
    """The extraction methods compared, the deletion and insertion curves, the groups found, and the cost."""
    drawn = {
        "extraction": _extraction(rows),
        "curves": _curves(rows),
        "cues": _cues(rows),
        "cost": _cost(rows),
    }
    images = rows[rows["measure"] == "image"]
    return drawn | ({"strategies": _strategies(images)} if len(images) > 3 else {})


def _extraction(rows: pd.DataFrame) -> Figure:
    found = rows[rows["measure"] == "extraction"]
    found = found[found["layer"] == found["layer"].iloc[0]]
    drawn, axes = figure_grid(2, 3, 7.6, 3.4, sharey=True)
    for ax, measure in zip(axes.flatten(), MEASURES, strict=True):
        for place, method in enumerate(EXTRACTIONS):
            own = found[found["method"] == method][measure]
            ax.plot(own, [place] * len(own), "o", color=PALETTE[place], alpha=0.25)
            ax.plot(own.mean(), place, "D", color=PALETTE[place], markersize=6)
        ax.set_title(TITLES[measure], fontsize=9)
        ax.set_yticks(range(len(EXTRACTIONS)), [EXTRACTION_NAMES[method] for method in EXTRACTIONS])
        ax.set_ylim(len(EXTRACTIONS) - 0.5, -0.5)
        ax.margins(x=0.08)
    axes[1, 1].set_xlabel("a dot a split of a run, a diamond the mean")
    return drawn


def _curves(rows: pd.DataFrame) -> Figure:
    found = rows[rows["measure"] == "curve"]
    found = found[found["layer"] == found["layer"].iloc[0]]
    drawn, axes = figure_grid(1, 2, 8.2, 3.4, sharey=True)
    for ax, kind in zip(axes[0], ("deletion", "insertion"), strict=True):
        own = found[found["kind"] == kind].groupby(["method", "step"])["value"].mean().unstack()
        for method in NAMES:
            if method in own.index:
                line = own.loc[method]
                ax.plot(line.index, line, DASHES[method], color=COLORS[method], label=NAMES[method])
        ax.set(
            xlabel="concepts taken away" if kind == "deletion" else "concepts put in", title=f"C-{kind.capitalize()}"
        )
    axes[0, 0].set_ylabel("logit of the class")
    axes[0, 1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawn


def _cues(rows: pd.DataFrame) -> Figure:
    found = rows[rows["measure"] == "cluster"]
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


def _cost(rows: pd.DataFrame) -> Figure:
    found = rows[rows["measure"] == "cost"]
    drawn, axes = figure_grid(1, 2, 7.6, 3.0, sharey=True)
    for ax, varied in zip(axes[0], ("side", "concepts"), strict=True):
        own = found[found["varied"] == varied]
        cost_lines(ax, own, x=varied, by="method")
    axes[0, 0].get_legend().remove()
    axes[0, 0].set(xlabel="pixels a side", ylabel="milliseconds for 8 images", title="Cost at the third convolution")
    axes[0, 1].set(xlabel="concepts")
    axes[0, 1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawn
