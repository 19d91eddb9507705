"""The information plane (Shwartz-Ziv and Tishby 2017, arXiv 1703.00810).

How much a layer says about the input, against how much it says about the label; the bound that the information
bottleneck sets; and whether gradients are drift or diffusion.
"""

from netopsy.representations.information_plane.bottleneck import (
    IBCurve,
    ib_critical_beta,
    ib_inconsistency,
    information_bottleneck,
)
from netopsy.representations.information_plane.codes import discretize
from netopsy.representations.information_plane.entropy import entropy_bits, mutual_information
from netopsy.representations.information_plane.gradients import GradientSNR, gradient_snr
from netopsy.representations.information_plane.icosahedron import icosahedral_dataset
from netopsy.representations.information_plane.layers import LayerInformation, layer_information
from netopsy.representations.information_plane.tracking import (
    log_epochs,
    plot_information_plane,
    track_information_plane,
)

__all__ = [
    "GradientSNR",
    "IBCurve",
    "LayerInformation",
    "discretize",
    "entropy_bits",
    "gradient_snr",
    "ib_critical_beta",
    "ib_inconsistency",
    "icosahedral_dataset",
    "information_bottleneck",
    "layer_information",
    "log_epochs",
    "mutual_information",
    "plot_information_plane",
    "track_information_plane",
]
