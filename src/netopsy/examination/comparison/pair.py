"""Two trained networks and the same samples, as each of them takes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from netopsy.core.errors import InputError, require
from netopsy.examination.gate import why_not
from netopsy.examination.subject import Subject


@dataclass(eq=False)
class Pair:
    """Networks A and B on the same samples; B is looked at beside A, such as a new training run beside the old.

    Raises:
        InputError: other samples, other labels, or answers that cannot be told to be the same.
    """

    a: Subject
    b: Subject
    notes: dict[str, object] = field(default_factory=dict, repr=False)
    """What an instrument found out and needs again."""

    def __post_init__(self) -> None:
        counts = len(self.a.data), len(self.b.data)
        require(counts[0] == counts[1], f"A and B must be given the same samples, got {counts[0]:,} and {counts[1]:,}")
        _ = self.answers
        _ = self.one_architecture  # before `grid_views` adds modules to one of them alone
        names = [[subject.class_name(int(label)) for label in subject.labels] for subject in (self.a, self.b)]
        require(
            names[0] == names[1], "A and B must be given the same samples in one order, but their labels are different"
        )

    @cached_property
    def answers(self) -> tuple[Tensor, Tensor]:
        """The class that each answers, ``[samples]``, numbered as A's classes are; B's others follow behind them."""
        a, b = self.a, self.b
        if self.one_order:
            return a.predictions, b.predictions
        known = {a.class_name(number): number for number in range(a.class_count)}
        named = [len(subject.data.classes) >= subject.class_count for subject in (a, b)]
        if not all(named):
            raise InputError(
                f"A answers with {a.class_count} classes and B with {b.class_count}, and not all have names by which "
                "they could be told to be the same: give the names of the outputs (labels_a, labels_b)"
            )
        numbers = [known.setdefault(b.class_name(number), len(known)) for number in range(b.class_count)]
        return a.predictions, torch.tensor(numbers)[b.predictions]

    @cached_property
    def one_order(self) -> bool:
        """Whether the outputs of the two are of the same classes, in the same order."""
        a, b = self.a, self.b
        if a.class_count != b.class_count or not bool((a.labels == b.labels).all()):
            return False
        names = [[each.class_name(number) for number in range(each.class_count)] for each in (a, b)]
        named = all(
            len(each.data.classes) >= each.class_count and len(set(own)) == len(own)
            for each, own in zip((a, b), names, strict=True)
        )
        return not named or names[0] == names[1]

    @cached_property
    def right(self) -> tuple[Tensor, Tensor]:
        """Whether each answers right, ``[samples]``."""
        return self.a.predictions == self.a.labels, self.b.predictions == self.b.labels

    @property
    def written(self) -> tuple[nn.Module, nn.Module]:
        """The two as they were written, out of what `torch.compile` put around them."""
        a, b = (getattr(each.model, "_orig_mod", each.model) for each in (self.a, self.b))
        return a, b

    @cached_property
    def one_architecture(self) -> bool:
        """Whether the two have the same parameters and buffers, of the same shapes and types."""
        states = [
            {name: (value.shape, value.dtype) for name, value in each.state_dict().items()} for each in self.written
        ]
        return states[0] == states[1] and repr(self.written[0]) == repr(self.written[1])

    @property
    def subjects(self) -> dict[str, Subject]:
        """Both, by letter."""
        return {"A": self.a, "B": self.b}

    @property
    def seconds_a_call(self) -> float:
        """Of a forward pass of a single sample through both."""
        return self.a.seconds_a_call + self.b.seconds_a_call

    @property
    def seconds_a_sample(self) -> float:
        """Of a forward pass through both, in a batch."""
        return self.a.seconds_a_sample + self.b.seconds_a_sample

    def called(self, index: int) -> str:
        """What a sample is called."""
        return self.a.called(index)

    def answer(self, letter: str, index: int) -> str:
        """The class that a network answers for a sample, by name."""
        subject = self.subjects[letter]
        return subject.class_name(int(subject.predictions[index]))

    def affordable(self, passes: float | int, most: int, *, share: float = 1.0, fewest: int = 1) -> int:
        """How many samples an instrument may spend, where the dearer network decides; see `Subject.affordable`."""
        return min(each.affordable(passes, most, share=share, fewest=fewest) for each in (self.a, self.b))

    def why_senseless(self) -> str | None:
        """Why what they have learned cannot be compared; ``None`` where it can."""
        for letter, subject in self.subjects.items():
            reason = why_not(subject)
            if reason is not None:
                return f"{letter}: {reason}"
        return None
