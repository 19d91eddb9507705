"""Results of searches on disk, what training returned among them."""

from __future__ import annotations

from functools import partial

from netopsy.core import stored
from netopsy.training import Evaluation, Fit, History

_RECORDS = (Evaluation, Fit, History)

write = partial(stored.write, records=_RECORDS)
read = partial(stored.read, records=_RECORDS)
