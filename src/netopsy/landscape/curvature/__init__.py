"""The curvature of a network's mean loss: matrix-vector products, top eigenpairs, trace and spectrum.

Pearlmutter (1994, Fast exact multiplication by the Hessian) for the products; the matrices are never formed unless
asked for.
"""

from netopsy.landscape.curvature.eigen import Eigenpairs, dense, top_eigenpairs
from netopsy.landscape.curvature.loss import LossFunction, mean_gradient, sample_losses, slopes
from netopsy.landscape.curvature.operators import Curvature, gauss_newton, hessian
from netopsy.landscape.curvature.spectrum import Spectrum, spectral_density
from netopsy.landscape.curvature.trace import Trace, hutchinson_trace

__all__ = [
    "Curvature",
    "Eigenpairs",
    "LossFunction",
    "Spectrum",
    "Trace",
    "dense",
    "gauss_newton",
    "hessian",
    "hutchinson_trace",
    "mean_gradient",
    "sample_losses",
    "slopes",
    "spectral_density",
    "top_eigenpairs",
]
