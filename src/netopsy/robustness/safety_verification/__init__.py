"""Is one decision of a network stable in a region? Searched exhaustively, bounded soundly, or decided completely."""

from netopsy.robustness.safety_verification.certificate import (
    Certificate,
    certify,
    check_certificate,
    load_certificate,
)
from netopsy.robustness.safety_verification.grid import grid_points
from netopsy.robustness.safety_verification.ladder_search import search
from netopsy.robustness.safety_verification.propagation import propagate_region
from netopsy.robustness.safety_verification.radius import Radius, certified_radius, min_adversarial_radius
from netopsy.robustness.safety_verification.reading import Standardise, read_network
from netopsy.robustness.safety_verification.region import Region, input_region
from netopsy.robustness.safety_verification.verdict import Verdict
from netopsy.robustness.safety_verification.verification import verify, verify_layers

__all__ = [
    "Certificate",
    "Radius",
    "Region",
    "Standardise",
    "Verdict",
    "certified_radius",
    "certify",
    "check_certificate",
    "grid_points",
    "input_region",
    "load_certificate",
    "min_adversarial_radius",
    "propagate_region",
    "read_network",
    "search",
    "verify",
    "verify_layers",
]
