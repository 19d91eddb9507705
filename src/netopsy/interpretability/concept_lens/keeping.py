"""A fitted lens on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netopsy.core.errors import require
from netopsy.core.fingerprints import check_network
from netopsy.core.stored import read_record, write_record
from netopsy.interpretability.concept_lens.checks import Bank
from netopsy.interpretability.concept_lens.extraction import Extraction
from netopsy.interpretability.layer_maps import TokenGrid

KIND = "the concepts of a network"


@dataclass(frozen=True, eq=False)
class Kept:
    """All of a fitted `ConceptLens` but the network."""

    network: str
    """The fingerprint of its weights."""
    layer: str
    n_concepts: int
    method: Extraction
    alpha: float
    centre: bool
    patch_size: int | None
    reshape: TokenGrid | None
    batch_size: int
    seed: int
    bank: Bank
    mean: Float[Tensor, "channels"]
    codes: Float[Tensor, "rows concepts"]
    indices: Int[Tensor, "images"]
    reference: Float[Tensor, "1 ..."]
    repeated: bool
    precision: str
    replayed: bool

    @property
    def dtype(self) -> torch.dtype:
        """Of what the layer puts out."""
        return _PRECISIONS[self.precision]

    def write(self, path: str | Path) -> None:
        """To one file."""
        write_record(path, KIND, self, records=(TokenGrid,))


def read(path: str | Path, model: nn.Module) -> Kept:
    """What of a lens was written to a file, which must be one for this network.

    Raises:
        InputError: a file that is not there, is damaged or holds something else, or another network.
    """
    kept = read_record(path, KIND, Kept, records=(TokenGrid,))
    check_network(model, kept.network, path)
    shapes = kept.bank.shape[0] == kept.codes.shape[1] == kept.n_concepts and kept.mean.shape == kept.bank.shape[1:]
    require(
        shapes and kept.precision in _PRECISIONS,
        f"{str(path)!r} cannot be read as {KIND}: its bank, codes and options do not go together",
    )
    return kept


_PRECISIONS = {str(each): each for each in (torch.float16, torch.bfloat16, torch.float32, torch.float64)}
