"""One examination: every instrument that applies to a trained network, and one report of what they saw."""

from netopsy.core.finding import Finding, Picture
from netopsy.examination.examine import examine
from netopsy.examination.instrument import Instrument
from netopsy.examination.reading import Absence
from netopsy.examination.result import Examination
from netopsy.examination.subject import Subject

__all__ = ["Absence", "Examination", "Finding", "Instrument", "Picture", "Subject", "examine"]
