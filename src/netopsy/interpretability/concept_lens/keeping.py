"""A fitted lens on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netopsy.core.errors import require
from netopsy.core.fingerprints import check_network, fingerprint
from netopsy.core.modes import device_of
from netopsy.core.split import Split
from netopsy.core.stored import read_record, write_record
from netopsy.interpretability.concept_lens.checks import Bank
from netopsy.interpretability.concept_lens.extraction import Extraction
from netopsy.interpretability.layer_maps import TokenGrid, storable

if TYPE_CHECKING:
    from netopsy.interpretability.concept_lens.lens import ConceptLens

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


def save(lens: ConceptLens, path: str | Path) -> None:
    """Write the lens to one file."""
    extractor, split = lens._fitted()
    kept = Kept(
        network=fingerprint(lens.model.state_dict()),
        layer=lens.layer,
        n_concepts=extractor.n_concepts,
        method=extractor.method,
        alpha=extractor.alpha,
        centre=extractor.centre,
        patch_size=lens.patch_size,
        reshape=storable(lens.reshape),
        batch_size=lens.batch_size,
        seed=lens.seed,
        bank=extractor.bank_,
        mean=extractor.mean_,
        codes=extractor.codes_,
        indices=lens.indices_,
        reference=split.reference,
        repeated=split.repeated,
        precision=str(split.dtype).removeprefix("torch."),
    )
    write_record(path, KIND, kept, records=(TokenGrid,))


def load(kind: type[ConceptLens], path: str | Path, model: nn.Module) -> ConceptLens:
    """What `save` wrote, on the device of the network."""
    kept = read_record(path, KIND, Kept, records=(TokenGrid,))
    check_network(model, kept.network, path)
    precision = getattr(torch, kept.precision, None)
    shapes = kept.bank.shape[0] == kept.codes.shape[1] == kept.n_concepts and kept.mean.shape == kept.bank.shape[1:]
    require(
        shapes and isinstance(precision, torch.dtype) and precision.is_floating_point,
        f"{str(path)!r} cannot be read as {KIND}: its bank, codes and options do not go together",
    )
    lens = kind(
        model,
        kept.layer,
        kept.n_concepts,
        method=kept.method,
        alpha=kept.alpha,
        centre=kept.centre,
        patch_size=kept.patch_size,
        reshape=kept.reshape,
        batch_size=kept.batch_size,
        seed=kept.seed,
    )
    device = device_of(model)
    extractor = lens._unfitted()
    extractor.bank_, extractor.mean_, extractor.codes_ = (
        each.to(device) for each in (kept.bank, kept.mean, kept.codes)
    )
    lens.extractor_, lens.indices_ = extractor, kept.indices
    assert isinstance(precision, torch.dtype)
    lens.split_ = Split(model, kept.layer, kept.reference.to(device), kept.repeated, precision)
    return lens
