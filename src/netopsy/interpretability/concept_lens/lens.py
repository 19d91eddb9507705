"""Concepts of a network's layer in one object: found, looked for in images, scored, tested, and grouped."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netopsy.core.arguments import checked_class
from netopsy.core.errors import InputError, require
from netopsy.core.fingerprints import fingerprint
from netopsy.core.layers import Layer, layer_names
from netopsy.core.modes import device_of
from netopsy.core.outputs import single_output
from netopsy.core.shapes import Images, Labels
from netopsy.core.split import Split, split_model
from netopsy.core.targets import Target, is_index, scores
from netopsy.interpretability.concept_lens import keeping
from netopsy.interpretability.concept_lens.checks import Codes, Score, Scores
from netopsy.interpretability.concept_lens.extraction import ConceptExtractor, Extraction
from netopsy.interpretability.concept_lens.fidelity import c_deletion, c_insertion, c_mu_fidelity
from netopsy.interpretability.concept_lens.importance import Importance, concept_importance
from netopsy.interpretability.concept_lens.layouts import as_the_layer, channels_last, patches, pooled, upsampled_codes
from netopsy.interpretability.concept_lens.strategies import Normalise, Plane, StrategyGraph, numbered, strategy_graph
from netopsy.interpretability.image_batches import Counted, ImageBatch, ManyImages, image_batches, only
from netopsy.interpretability.layer_maps import Reshape, storable, wide


@checked_class
class ConceptLens:
    """The concepts a network uses at one layer, and what each means to its answers.

    The network is cut behind ``layer``: what comes before turns images into activations, what comes after turns
    activations into the answer. `fit` factors the activations into concepts; everything else is asked in their terms.

    Args:
        model: any network; it runs in evaluation mode and is left as it was.
        layer: a name as in ``named_modules()`` or a submodule, through which everything passes: a grid
            ``[batch, channels, rows, columns]``, tokens ``[batch, tokens, channels]`` or features
            ``[batch, channels]``.
        n_concepts: how many to look for.
        method: ``"nmf"`` for layers behind a ReLU, ``"pca"`` for any, ``"kmeans"``.
        alpha: penalty of NMF, see `nmf`.
        patch_size: pixels; concepts are then found in crops of the images, as CRAFT does, instead of in the positions
            of whole images.
        reshape: lays tokens out as a grid for `concept_maps`: `netopsy.interpretability.layer_maps.token_grid`.
        batch_size: images, or decoded images, that go through the network at once.
        seed: for everything drawn at random.

    Attributes:
        extractor_: the fitted `ConceptExtractor`; its ``bank_`` is ``[concepts, channels]``.
        split_: the network in two parts.
        indices_: which of the images given to `fit` were used.

    Raises:
        InputError: a layer that a shortcut goes around, negative activations with NMF, no image of the class, a method
            called before `fit`.

    Source: Fel et al. 2023; CRAFT (Fel et al. 2023, CVPR) for patches.

    >>> net = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3))
    >>> images = torch.rand(12, 1, 8, 8)
    >>> lens = ConceptLens(net, "1", n_concepts=2).fit(images)
    >>> lens.encode(images).shape, lens.importance(images, 0).shape, lens.concept_maps(images).shape
    (torch.Size([12, 6, 6, 2]), torch.Size([12, 2]), torch.Size([12, 2, 8, 8]))
    """

    extractor_: ConceptExtractor
    split_: Split
    indices_: Int[Tensor, "images"]

    def __init__(
        self,
        model: nn.Module,
        layer: Layer,
        n_concepts: int = 10,
        *,
        method: Extraction = "nmf",
        alpha: float = 0.0,
        centre: bool = False,
        patch_size: int | None = None,
        reshape: Reshape | None = None,
        batch_size: int = 256,
        seed: int = 0,
    ) -> None:
        [self.layer] = layer_names(model, [layer])
        require(
            isinstance(batch_size, int) and batch_size >= 1, f"batch_size must be an int of at least 1: {batch_size!r}"
        )
        self.model, self.patch_size, self.reshape = model, patch_size, reshape
        self.batch_size, self.seed, self.method = batch_size, seed, method
        self._empty = ConceptExtractor(method, n_concepts, alpha=alpha, centre=centre, random_state=seed)

    def fit(self, images: ManyImages, class_id: int | None = None) -> ConceptLens:
        """Find the concepts of ``images``, or of those among them that the network takes for ``class_id``.

        Args:
            images: ``[n, channels, height, width]``, or batches of images or of ``(images, labels)`` such as a
                ``DataLoader``, which are gone through once: only the activations are kept, as they are factored
                together.
        """
        batches = image_batches(images, self.batch_size)
        first = next(batches)
        split = split_model(self.model, self.layer, self._there(first.images[:2]))
        chosen = Counted(chain([first], batches))
        seen = chosen if class_id is None else only(chosen, self._taken_for(split, class_id), self.batch_size)
        rows, numbers = [], []
        for batch in seen:
            numbers.append(batch.numbers)
            some = batch.images if self.patch_size is None else patches(batch.images, self.patch_size)
            for part in some.split(self.batch_size):
                values = self._activations(split, part)
                rows.append((pooled(values) if self.patch_size is not None else values).reshape(-1, values.shape[-1]))
        require(rows, f"class_id {class_id!r} is predicted for none of the {chosen.count} images")
        self.extractor_ = self._unfitted().fit(torch.cat(rows))
        self.split_, self.indices_ = split, torch.cat(numbers)
        return self

    def save(self, path: str | Path) -> None:
        """Write what was fitted to one safetensors file, with JSON beside the tensors; the network is not in it.

        Raises:
            InputError: not fitted, or a ``reshape`` of one's own: only `token_grid` can be written.
        """
        extractor, split = self._fitted()
        keeping.Kept(
            network=fingerprint(self.model.state_dict()),
            layer=self.layer,
            n_concepts=extractor.n_concepts,
            method=extractor.method,
            alpha=extractor.alpha,
            centre=extractor.centre,
            patch_size=self.patch_size,
            reshape=storable(self.reshape),
            batch_size=self.batch_size,
            seed=self.seed,
            bank=extractor.bank_,
            mean=extractor.mean_,
            codes=extractor.codes_,
            indices=self.indices_,
            reference=split.reference,
            repeated=split.repeated,
            precision=str(split.dtype),
            replayed=split.replayed,
        ).write(path)

    @classmethod
    def load(cls, path: str | Path, model: nn.Module) -> ConceptLens:
        """What `save` wrote, for the network that it was fitted on.

        Raises:
            InputError: a file that is not there, is damaged or holds something else, or another network.

        >>> net = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3))
        >>> images = torch.rand(12, 1, 8, 8)
        >>> lens = ConceptLens(net, "1", n_concepts=2).fit(images)
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     lens.save(f"{folder}/lens.safetensors")
        ...     again = ConceptLens.load(f"{folder}/lens.safetensors", net)
        >>> torch.equal(again.encode(images), lens.encode(images))
        True
        """
        kept, device = keeping.read(path, model), device_of(model)
        names = ("n_concepts", "method", "alpha", "centre", "patch_size", "reshape", "batch_size", "seed")
        lens = cls(model, kept.layer, **{name: getattr(kept, name) for name in names})
        lens.extractor_ = lens._unfitted()
        for name in ("bank", "mean", "codes"):
            setattr(lens.extractor_, f"{name}_", getattr(kept, name).to(device))
        lens.split_ = Split(model, lens.layer, kept.reference.to(device), kept.repeated, kept.dtype, kept.replayed)
        lens.indices_ = kept.indices
        return lens

    def encode(self, images: ManyImages) -> Codes:
        """Codes ``[batch, *positions, concepts]``; differentiable in ``images`` where those ask for a gradient.

        Args:
            images: a tensor, or batches such as a ``DataLoader``, as in every other method of a fitted lens.
        """
        self._fitted()
        return torch.cat([self._codes(batch) for batch in image_batches(images, self.batch_size)])

    def score(self, target: Target) -> Score:
        """F: from codes to the number that ``target`` (a class, or a function of the output) picks of the output."""
        extractor, split = self._fitted()
        fine = is_index(target) or (callable(target) and not isinstance(target, Tensor))
        require(fine, f"target must be a class index or a function from the output, got {target!r}")

        def function(codes: Codes) -> Float[Tensor, "n"]:
            # What is behind the layer runs in the network's own precision, everything else at least in single.
            activations = as_the_layer(extractor.decode(codes)).to(split.dtype)
            return scores(wide(split.tail(activations)), target)

        return function

    def importance(self, images: ManyImages, target: Target, method: Importance = "gi", **options: Any) -> Scores:
        """What each concept means to ``target`` for every image, ``[batch, concepts]``; see `concept_importance`."""
        codes = self.encode(_detached(images))
        return concept_importance(self.score(target), codes, method, **self._options(options))

    def global_importance(
        self, images: ManyImages, target: Target, method: Importance = "gi", *, share: bool = False, **options: Any
    ) -> Float[Tensor, "concepts"]:
        """The mean importance over the images, which for a class are those predicted to be of it.

        Args:
            share: as a part of the mean score instead, as the authors' site shows it.
        """
        codes, function = self.encode(_detached(images)), self.score(target)
        mean = concept_importance(function, codes, method, **self._options(options)).mean(0)
        if not share:
            return mean
        with torch.no_grad():
            whole = torch.cat([function(some) for some in codes.split(self.batch_size)]).mean()
        require(whole != 0, "share needs a mean score other than 0")
        return mean / whole

    def fidelity(self, images: ManyImages, target: Target, phi: Scores) -> dict[str, Float[Tensor, "batch"]]:
        """C-Deletion, C-Insertion and C-muFidelity of importances, an image each."""
        codes, function = self.encode(_detached(images)), self.score(target)
        phi = phi.to(codes)
        measures = {"c-deletion": c_deletion, "c-insertion": c_insertion, "c-mu-fidelity": c_mu_fidelity}
        return {name: measure(function, codes, phi, batch_size=self.batch_size) for name, measure in measures.items()}

    def concept_maps(self, images: ManyImages) -> Float[Tensor, "batch concepts height width"]:
        """Where each concept is, at the size of the images.

        At a layer with positions these are the codes, enlarged. At one without, they are how much each pixel moves the
        code: the size of its gradient, summed over colours.

        Raises:
            InputError: tokens without a ``reshape``, or k-means, whose codes are steps, at a layer without positions.
        """
        self._fitted()
        return torch.cat([self._maps(batch) for batch in image_batches(_detached(images), self.batch_size)])

    def _maps(self, batch: ImageBatch) -> Tensor:
        codes, size = self._codes(batch), (int(batch.images.shape[2]), int(batch.images.shape[3]))
        if codes.ndim == 2:
            require(
                self.method != "kmeans",
                f"layer {self.layer!r} has no positions, and codes of method='kmeans' do not change with the pixels: "
                "take an earlier layer, or method 'nmf' or 'pca'",
            )
            return self._input_maps(batch.images)
        if codes.ndim == 3:
            if self.reshape is None:
                raise InputError("reshape must be given to lay tokens out as a grid (token_grid)")
            return upsampled_codes(self.reshape(codes), size)
        return upsampled_codes(codes.movedim(-1, 1), size)

    def strategies(
        self,
        images: ManyImages,
        target: int,
        *,
        labels: Labels | None = None,
        method: Importance = "gi",
        clusters: int | None = None,
        normalise: Normalise = "image",
        plane: Plane = "auto",
        **options: Any,
    ) -> StrategyGraph:
        """Groups of the images predicted as ``target`` by the concepts that made them so; see `strategy_graph`.

        Args:
            labels: the true classes of all images, for the concepts' reliability; batches may hold them instead.

        Raises:
            InputError: no image is predicted as ``target``.
        """
        _, split = self._fitted()
        seen = Counted(image_batches(_detached(images), self.batch_size))
        chosen = list(self._chosen(only(seen, self._taken_for(split, target), self.batch_size)))
        require(chosen, f"target {target!r} is predicted for none of the {seen.count} images")
        codes, numbers, found = zip(*chosen, strict=True)
        phi = concept_importance(self.score(target), torch.cat(codes), method, **self._options(options))
        own = torch.cat([one for one in found if one is not None]) if found[0] is not None else None
        if labels is not None:
            own = labels.cpu()[torch.cat(numbers)]
        correct = None if own is None else own == target
        graph = strategy_graph(phi, correct, clusters=clusters, normalise=normalise, plane=plane, seed=self.seed)
        return numbered(graph, torch.cat(numbers))

    def _chosen(self, batches: Iterator[ImageBatch]) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        for batch in batches:
            yield self._codes(batch), batch.numbers, batch.labels

    def _taken_for(self, split: Split, class_id: int) -> Callable[[ImageBatch], Tensor]:
        return lambda batch: self._outputs(split, batch.images).argmax(1) == class_id

    def _codes(self, batch: ImageBatch) -> Tensor:
        extractor, split = self._fitted()
        if batch.images.requires_grad:
            return extractor.encode(channels_last(split.head(self._there(batch.images)), self.layer))
        return extractor.encode(self._activations(split, batch.images))

    def _input_maps(self, images: Images) -> Tensor:
        concepts, parts = len(self.extractor_.bank_), []
        for some in images.detach().split(max(1, self.batch_size // concepts)):
            with torch.enable_grad():
                each = some.repeat_interleave(concepts, 0).requires_grad_()
                codes = self.encode(each)
                own = codes.gather(1, torch.arange(concepts, device=codes.device).repeat(len(some))[:, None])
                gradient = torch.autograd.grad(own.sum(), each)[0]
            parts.append(gradient.abs().sum(1).unflatten(0, (len(some), concepts)))
        return torch.cat(parts)

    def _options(self, options: dict[str, Any]) -> dict[str, Any]:
        return {"seed": self.seed, "batch_size": self.batch_size, **options}

    def _unfitted(self) -> ConceptExtractor:
        return copy.copy(self._empty)

    def _fitted(self) -> tuple[ConceptExtractor, Split]:
        if not hasattr(self, "extractor_"):
            raise InputError("this lens has no concepts yet: call fit first")
        return self.extractor_, self.split_

    def _there(self, images: Images) -> Images:
        return images.to(device_of(self.model))

    @torch.no_grad()
    def _activations(self, split: Split, images: Images) -> Tensor:
        return wide(channels_last(split.head(self._there(images)), self.layer))

    @torch.no_grad()
    def _outputs(self, split: Split, images: Images) -> Tensor:
        outputs = single_output(split.tail(split.head(self._there(images))))
        require(outputs.ndim == 2, f"the network must return class scores [batch, classes], got {tuple(outputs.shape)}")
        return outputs


def _detached(images: ManyImages) -> ManyImages:
    return images.detach() if isinstance(images, Tensor) else images
