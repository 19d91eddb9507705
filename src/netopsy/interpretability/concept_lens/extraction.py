"""Concepts as directions in the activations of a layer: dictionary learning in three ways."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked_class
from netopsy.core.errors import InputError, UnknownNameError, require
from netopsy.core.seeds import check_seed
from netopsy.interpretability.concept_lens.checks import Bank, Rows, check_count, check_rows
from netopsy.interpretability.concept_lens.encode import non_negative_codes
from netopsy.interpretability.concept_lens.factorise import leading_directions, nmf

Extraction = Literal["nmf", "pca", "kmeans"]


@checked_class
class ConceptExtractor:
    """Factors activations A into codes U and a bank V with the least ``|A - U V|^2`` that the method allows.

    ``"nmf"``: both non-negative (CRAFT, ICE). ``"pca"``: the rows of the bank are orthonormal. ``"kmeans"``: every row
    is one concept and no other, U is one-hot (ACE).

    Args:
        method: ``"nmf"``, ``"pca"`` or ``"kmeans"``.
        n_concepts: at most as many as rows and as channels.
        alpha: penalty of NMF on the sizes of codes and bank, scaled as in scikit-learn; see `nmf`.
        centre: for PCA: take off the channels' means first, and keep them in `decode`.
        random_state: for what is drawn at random.

    Attributes:
        bank_: ``[concepts, channels]``.
        mean_: ``[channels]``; zeros unless centred.
        codes_: of what it was fitted to, ``[rows, concepts]``.

    Raises:
        InputError: an unknown method, negative activations with NMF, more concepts than rows or channels, not fitted.

    Source: Fel et al. 2023, the section on extraction as dictionary learning (place in the paper unconfirmed).

    >>> activations = torch.tensor([[1.0, 0.0, 1.0], [0.0, 2.0, 0.0], [3.0, 0.0, 3.0]])
    >>> concepts = ConceptExtractor(n_concepts=2).fit(activations)
    >>> torch.allclose(concepts.decode(concepts.encode(activations)), activations, atol=1e-3)
    True
    """

    bank_: Bank
    mean_: Float[Tensor, "channels"]
    codes_: Float[Tensor, "rows concepts"]

    def __init__(
        self,
        method: Extraction = "nmf",
        n_concepts: int = 10,
        *,
        alpha: float = 0.0,
        centre: bool = False,
        random_state: int = 0,
    ) -> None:
        if method not in get_args(Extraction):
            raise UnknownNameError("method", method, get_args(Extraction))
        require(alpha >= 0, f"alpha must not be negative, got {alpha}")
        require(not centre or method == "pca", f"centre=True is for pca, got method={method!r}")
        require(not alpha or method == "nmf", f"alpha is for nmf, got method={method!r}")
        check_seed(random_state)
        self.method: Extraction = method
        self.n_concepts, self.alpha, self.centre, self.random_state = n_concepts, alpha, centre, random_state

    def fit(self, activations: Rows) -> ConceptExtractor:
        """Find the bank of ``activations``, ``[rows, channels]``."""
        check_rows(activations)
        check_count(self.n_concepts, activations)
        data = activations.detach()
        data = data.float() if data.element_size() < 4 else data
        self.mean_ = data.mean(0) if self.centre else torch.zeros_like(data[0])
        if self.method == "nmf":
            found = nmf(data, self.n_concepts, alpha=self.alpha, seed=self.random_state)
            self.bank_, self.codes_ = found.bank, found.codes
        elif self.method == "pca":
            self.bank_ = _principal(data - self.mean_, self.n_concepts)
            self.codes_ = (data - self.mean_) @ self.bank_.T
        else:
            self.bank_, self.codes_ = _clusters(data, self.n_concepts, self.random_state)
        return self

    def encode(self, activations: Float[Tensor, "*rows channels"]) -> Float[Tensor, "*rows concepts"]:
        """Codes of ``activations`` in the bank; differentiable in them, but for k-means, whose codes are steps."""
        bank = self._fitted(activations)
        rows = activations.reshape(-1, activations.shape[-1]).to(bank.dtype)
        if self.method == "nmf":
            codes = non_negative_codes(rows, bank, alpha=self.alpha)
        elif self.method == "pca":
            codes = (rows - self.mean_) @ bank.T
        else:
            codes = torch.nn.functional.one_hot(torch.cdist(rows, bank).argmin(1), len(bank)).to(bank.dtype)
        return codes.reshape(*activations.shape[:-1], len(bank))

    def decode(self, codes: Float[Tensor, "*rows concepts"]) -> Float[Tensor, "*rows channels"]:
        """The activations that codes stand for."""
        if not hasattr(self, "bank_"):
            raise InputError("this extractor has no bank yet: call fit first")
        return codes @ self.bank_ + self.mean_

    def _fitted(self, activations: Tensor) -> Tensor:
        if not hasattr(self, "bank_"):
            raise InputError("this extractor has no bank yet: call fit first")
        require(
            isinstance(activations, Tensor) and activations.ndim >= 1 and activations.shape[-1] == self.bank_.shape[1],
            f"activations must have {self.bank_.shape[1]} channels as their last axis, as what it was fitted to, got "
            f"{tuple(getattr(activations, 'shape', ()))}",
        )
        return self.bank_


def _principal(data: Rows, count: int) -> Bank:
    """Right singular vectors, each with the sign that makes the sum of its projections positive."""
    right = leading_directions(data, count)[2]
    right = torch.linalg.qr(right.T).Q.T  # exact to rounding where singular values are nearly 0
    turned = (data @ right.T).sum(0) < 0
    return torch.where(turned[:, None], -right, right)


def _clusters(data: Rows, count: int, seed: int) -> tuple[Bank, Tensor]:
    from sklearn.cluster import KMeans

    found = KMeans(count, n_init=3, random_state=seed % 2**32).fit(data.cpu().numpy())
    bank = torch.from_numpy(found.cluster_centers_).to(data)
    codes = torch.nn.functional.one_hot(torch.from_numpy(found.labels_).long(), count)
    return bank, codes.to(data)
