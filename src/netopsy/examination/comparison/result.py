"""What a comparison of two networks found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netopsy.examination.comparison.differences import Difference
from netopsy.examination.comparison.limits import beyond, limits_from
from netopsy.examination.comparison.pair import Pair
from netopsy.examination.report import TWO_NETWORKS, Form
from netopsy.examination.result import Findings, Table

HEAD = ("sample", "label", "answer of A", "confidence of A", "answer of B", "confidence of B", "right")


@dataclass(frozen=True, repr=False)
class Comparison(Findings):
    """All findings on two networks."""

    differences: Mapping[str, Difference] = field(default_factory=dict)
    """By the short names on which limits can be set: what B has more or less of than A."""
    changes: Table = ()
    """Every sample that the two answer differently, those on which they are surest first, below a head."""

    @property
    def form(self) -> Form:
        """That of two networks."""
        return TWO_NETWORKS

    @property
    def tables(self) -> Mapping[str, Table]:
        """``changes.csv``."""
        return {"changes.csv": self.changes}

    def beyond(self, limits: str) -> list[str]:
        """Sentences on the limits that are broken, such as ``"accuracy < -0.5, ece > 2"``.

        Raises:
            InputError: a limit that says nothing here.
        """
        return beyond(limits_from(limits), self.differences)

    def to_json(self) -> dict[str, Any]:
        """The findings and the differences as plain values, without pictures."""
        return super().to_json() | {
            "differences": {
                name: {"value": each.value, "low": each.low, "high": each.high, "unit": each.unit, "what": each.words}
                for name, each in self.differences.items()
            }
        }


def changes_of(pair: Pair) -> Table:
    """A head and a row for each sample with two answers."""
    sure = [subject.probabilities.amax(1) for subject in (pair.a, pair.b)]
    apart = (pair.answers[0] != pair.answers[1]).nonzero()[:, 0]
    apart = apart[(sure[0] + sure[1])[apart].argsort(descending=True, stable=True)]
    whose = {(True, False): "A", (False, True): "B", (False, False): "neither"}
    rows = (
        (
            pair.called(index),
            pair.a.class_name(int(pair.a.labels[index])),
            pair.answer("A", index),
            f"{float(sure[0][index]):.4f}",
            pair.answer("B", index),
            f"{float(sure[1][index]):.4f}",
            whose[bool(pair.right[0][index]), bool(pair.right[1][index])],
        )
        for index in apart.tolist()
    )
    return (HEAD, *rows)
