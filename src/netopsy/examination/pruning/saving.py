"""The best networks of a comparison, as files that any loader reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from netopsy.core.files import replacing
from netopsy.examination.pruning.measure import prune_source
from netopsy.examination.pruning.study import Config
from netopsy.sparsity.comparison import Pruned


def best_methods(lines: Sequence[Mapping[str, Any]], config: Config) -> dict[float, str]:
    """The method of the highest mean accuracy at each sparsity; the first of equal ones."""
    found = {}
    for sparsity in config.sparsities:
        own = [line for line in lines if line["sparsity"] == sparsity]
        found[sparsity] = str(max(own, key=lambda line: line["accuracy"])["method"])
    return found


def save_networks(chosen: Mapping[float, str], config: Config, place: Callable[[str], Path]) -> None:
    """Make the network of the first seed again, which is the same one, and write its weights and its masks.

    Args:
        place: where a file of a given name goes.
    """
    for sparsity, method in chosen.items():
        found = prune_source(config.source, config.budget, method, sparsity, 0)
        stem = f"{method}-{100 * sparsity:g}"
        write_network(found, place(f"{stem}.safetensors"), place(f"{stem}.masks.safetensors"))


def write_network(found: Pruned, weights: Path, masks: Path) -> None:
    """A pruned network's state, loaded by ``--weights`` like any other, and its masks by parameter name."""
    from safetensors.torch import save_file

    state = {name: value.detach().cpu().contiguous().clone() for name, value in found.network.state_dict().items()}
    about = {"format": "pt", "steps": str(found.steps)}
    for tensors, place in ((state, weights), ({name: mask.cpu() for name, mask in found.masks.items()}, masks)):
        with replacing(place) as unfinished:
            save_file(tensors, unfinished, about)
