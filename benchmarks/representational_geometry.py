"""Kernels of layers: all pairs of two networks against torch-cka, alignment of patterns against rsatoolbox, growth."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.timing import Comparison, Growth
from netopsy.core.capture import layer_activations
from netopsy.models import mlp
from netopsy.representations.representational_geometry import parallelism_score
from netopsy.representations.similarity import cka, cka_matrix

SAMPLES, CONDITIONS, UNITS = 512, 400, 100


def benchmarks() -> Iterator[Comparison | Growth]:
    """Two comparisons, each where its peer is installed, and how the cost grows with samples and with conditions."""
    yield from _layers()
    yield from _patterns()
    random = torch.Generator().manual_seed(0)
    rows = {n: torch.randn(n, 4096, generator=random) for n in (250, 500, 1000)}
    yield Growth(
        "representational_geometry_samples",
        {n: lambda x=x: cka(x, x.flip(1), debiased=True) for n, x in rows.items()},  # type: ignore[misc]
        size_name="samples",
        rounds=3,
    )
    means = {p: torch.randn(p, 128, generator=random) for p in (64, 256, 1024)}
    yield Growth(
        "representational_geometry_parallelism",
        {p: lambda z=z: parallelism_score(z, _halves(len(z)), method="assignment") for p, z in means.items()},  # type: ignore[misc]
        size_name="conditions",
        rounds=3,
    )


def _halves(count: int) -> Tensor:
    return torch.where(torch.arange(count) < count // 2, 1.0, -1.0)


def _layers() -> Iterator[Comparison]:
    """Debiased CKA of every layer of one network with every layer of another, over one batch."""
    try:
        from torch_cka import CKA
    except ImportError:
        print("  torch-cka is missing, so the layers of two networks are not compared with it: pip install torch-cka\n")
        return
    models = [mlp([64, *[256] * 6, 10], seed=seed) for seed in (0, 1)]
    names = [name for name, module in models[0].named_modules() if isinstance(module, nn.Linear)]
    inputs = torch.rand(SAMPLES, 64, generator=torch.Generator().manual_seed(0))

    def ours() -> Tensor:
        first, second = (list(layer_activations(model, inputs, names).values()) for model in models)
        return cka_matrix(first, second, debiased=True)

    def peer(networks: Sequence[nn.Module] = models, given: Tensor = inputs) -> Tensor:
        loader = DataLoader(TensorDataset(given), batch_size=SAMPLES)
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()), torch.no_grad():
            warnings.simplefilter("ignore")
            # its hooks stay behind, and each run on the same networks would be slower than the last
            found = CKA(*map(deepcopy, networks), model1_layers=names, model2_layers=names)
            found.compare(loader)
            return found.export()["CKA"]  # type: ignore[no-any-return]

    torch.set_default_dtype(torch.float64)  # in single precision its sums of uncentred products lose three digits
    exact = peer([deepcopy(model).double() for model in models], inputs.double())
    torch.set_default_dtype(torch.float32)
    apart = float((ours() - exact).abs().max())
    print(f"CKA of {len(names)} layers with {len(names)} differs from that of torch-cka by at most {apart:.1e}")
    yield Comparison("representational_geometry_layers", ours, peer, target=0.5, peer_name="torch-cka", rounds=5)


def _patterns() -> Iterator[Comparison]:
    """Alignment of patterns, fewer units than conditions: the whitened cosine of squared distances is the same."""
    try:
        from rsatoolbox.data import Dataset
        from rsatoolbox.rdm import calc_rdm, compare
    except ImportError:
        print("  rsatoolbox is missing, so patterns are not compared with it: pip install rsatoolbox\n")
        return
    random = np.random.default_rng(0)
    x = random.normal(size=(CONDITIONS, UNITS))
    y = x + random.normal(size=(CONDITIONS, UNITS))
    tensors = [torch.from_numpy(each) for each in (x, y)]

    def peer() -> float:
        one, other = (calc_rdm(Dataset(each), method="euclidean") for each in (x, y))
        return float(np.squeeze(compare(one, other, method="cosine_cov")))

    print(f"alignment of {CONDITIONS} patterns differs from that of rsatoolbox by {abs(cka(*tensors) - peer()):.1e}")
    yield Comparison(
        "representational_geometry_patterns", lambda: cka(*tensors), peer, target=0.5, peer_name="rsatoolbox"
    )
