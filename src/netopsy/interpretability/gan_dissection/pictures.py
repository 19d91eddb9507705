"""The report as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from netopsy.interpretability.gan_dissection.dissection import DissectReport


def plot_report(report: DissectReport, ax: Axes | None = None) -> Figure:
    """Bars of how many interpretable units have each class as their label, most first."""
    from matplotlib.ticker import MaxNLocator

    counts = report.label[report.interpretable].bincount(minlength=len(report.classes))
    order = [number for number in counts.argsort(descending=True, stable=True).tolist() if counts[number]]
    if ax is None:
        # Without pyplot: nothing global, no window, no figure that stays open.
        from matplotlib.figure import Figure

        ax = Figure(figsize=(4.6, 0.9 + 0.28 * max(1, len(order))), layout="constrained").subplots()
    ax.barh([report.classes[number] for number in order], [int(counts[number]) for number in order], color="#2f7fc1")
    ax.invert_yaxis()
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel=f"units of {len(report.label)}")
    return cast("Figure", ax.get_figure(root=True))
