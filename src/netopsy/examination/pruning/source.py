"""A network and its data, named so that another process finds the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import torch
from torch import nn

from netopsy.core.computed import copied
from netopsy.core.errors import InputError, require
from netopsy.core.fingerprints import fingerprint
from netopsy.core.seeds import derive
from netopsy.data import Dataset, digits_split
from netopsy.examination.default import INITIALISATION
from netopsy.examination.named import network_named
from netopsy.examination.preprocessing import Preprocessing
from netopsy.models import small_conv_net
from netopsy.sparsity.comparison import check_prunable
from netopsy.sparsity.comparison.redrawing import redraw
from netopsy.sparsity.lottery_ticket import reinitialise


@dataclass(frozen=True)
class Source:
    """Where a network comes from and what it is trained and tested on; `identified` also says what that was."""

    model: str = ""
    """As ``--model`` takes it; the network that is examined by default where there is none."""
    weights: str = ""
    """A file of trained weights, for the methods that start from a trained network."""
    train: str = "digits"
    test: str = "digits"
    shown: Preprocessing = field(default_factory=Preprocessing)
    limit: int | None = None
    device: str = "cpu"
    contents: str = ""
    """A digest of the data and the weights: another process that finds others stops."""

    def identified(self) -> Source:
        """The same with the digest of what is there now."""
        return replace(self, contents=_digest(*_loaded(self)))

    def data(self) -> tuple[Dataset, Dataset]:
        """The training and the test set, on the device.

        Raises:
            InputError: they cannot be read, or are others than when the comparison began.
        """
        train, test, trained = _loaded(self)
        require(
            not self.contents or _digest(train, test, trained) == self.contents,
            f"the data or the weights of {self.model or 'the network'} are others than when the comparison began",
        )
        return train, test

    def trained(self) -> nn.Module | None:
        """A copy of the network with its trained weights, where there are any."""
        found = _loaded(self)[2]
        return None if found is None else copied(found)

    def untrained(self, seed: int) -> nn.Module:
        """The network with initial values of its own.

        What makes the network is called anew, seeded. Where that gives the same values whatever the seed, as a
        pretrained network does, they are drawn anew the way torch first draws each layer.
        """
        if not self.model:
            made: nn.Module = small_conv_net(
                strides=(1, 1, 2, 1), initialisation=INITIALISATION, seed=derive(seed, "weights")
            )
            return made.to(self.device)
        made = copied(network_named(self.model, None, seed=derive(seed, "weights")))
        other = network_named(self.model, None, seed=derive(seed, "other weights"))
        if fingerprint(dict(made.named_parameters())) == fingerprint(dict(other.named_parameters())):
            made = reinitialise(made, init=redraw, seed=derive(seed, "weights"))
        return made.to(self.device)


@lru_cache(maxsize=2)
def _loaded(source: Source) -> tuple[Dataset, Dataset, nn.Module | None]:
    if not source.model:
        train, _, test = digits_split()
        return train.to(source.device), test.to(source.device), None
    network = network_named(source.model, source.weights or None)
    shown = [source.shown.for_network(network, spec) for spec in (source.train, source.test)]
    parts = [
        how.read(spec, split=split, limit=source.limit).to(source.device)
        for how, spec, split in zip(shown, (source.train, source.test), ("train", "test"), strict=True)
    ]
    return parts[0], parts[1], network.to(source.device) if source.weights else None


def fitting(source: Source, methods: Sequence[str], sparsities: Sequence[float]) -> tuple[list[str], dict[str, str]]:
    """The methods that can prune the network so far, and why the others cannot."""
    network, (train, _) = source.untrained(0), source.data()
    fit, reasons = [], {}
    for method in methods:
        try:
            for sparsity in sparsities:
                check_prunable(network, train, method, sparsity=sparsity)
            fit.append(method)
        except InputError as error:
            reasons[method] = str(error)
    return fit, reasons


def _digest(train: Dataset, test: Dataset, trained: nn.Module | None) -> str:
    tensors = {
        f"{name} {kind}": value
        for name, part in (("train", train), ("test", test))
        for kind, value in (("inputs", torch.as_tensor(part.inputs[:])), ("targets", part.targets))
    }
    return fingerprint({**tensors, **(trained.state_dict() if trained is not None else {})})
