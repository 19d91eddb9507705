"""Networks from the field's model libraries, by name: ``timm:resnet18``, ``hf:owner/name``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from netopsy.core.errors import InputError, require

PREFIXES = ("timm:", "hf:")
_RESAMPLING = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
"""Pillow's numbers, which transformers writes down."""


def network_by_name(spec: str) -> nn.Module:
    """A pretrained network of timm or of transformers, with the preprocessing and the names that it carries.

    Raises:
        InputError: the library is not installed, knows no such network, or its weights are neither here nor to be had.
    """
    library, _, name = spec.partition(":")
    require(name, f"model must name a network after {library}:, got {spec!r}")
    return _timm(name) if library == "timm" else _transformers(name)


def _timm(name: str) -> nn.Module:
    try:
        import timm
    except ImportError as error:
        raise InputError(f"timm:{name} needs the package timm, which cannot be imported: {error}") from error
    try:
        return timm.create_model(name, pretrained=True)
    except Exception as error:
        raise InputError(f"timm has no network {name!r} with weights that can be had: {_first(error)}") from error


class HubClassifier(nn.Module):
    """An image classifier of transformers that returns its class scores as one tensor."""

    def __init__(self, network: nn.Module, settings: Mapping[str, Any]) -> None:
        super().__init__()
        self.network = network
        self.config = network.config
        self.pretrained_cfg = dict(settings)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores ``[batch, classes]``."""
        return self.network(images).logits


def _transformers(name: str) -> nn.Module:
    try:
        from transformers import AutoModelForImageClassification
    except ImportError as error:
        raise InputError(f"hf:{name} needs the package transformers, which cannot be imported: {error}") from error
    try:
        network = AutoModelForImageClassification.from_pretrained(name, use_safetensors=True)
    except Exception as error:
        raise InputError(
            f"transformers has no image classifier {name!r} with weights that can be had: {_first(error)}"
        ) from error
    return HubClassifier(network, _settings(name, network))


def _settings(name: str, network: nn.Module) -> dict[str, Any]:
    """The image processor's file, read as what it is: its class would ask for torchvision."""
    file = Path(name) / "preprocessor_config.json"
    if not file.is_file():
        from huggingface_hub import hf_hub_download

        try:
            file = Path(hf_hub_download(name, "preprocessor_config.json"))
        except Exception:
            return {}
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return settings_of(given, int(getattr(network.config, "num_channels", 3)))


def settings_of(given: Mapping[str, Any], channels: int) -> dict[str, Any]:
    """An image processor's settings in timm's words.

    >>> given = {"size": {"shortest_edge": 256}, "crop_size": 224, "do_center_crop": True, "resample": 3}
    >>> found = settings_of(given | {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}, 3)
    >>> found["input_size"], found["crop_pct"], found["interpolation"]
    ((3, 224, 224), 0.875, 'bicubic')
    """
    scaled, cut = _side(given.get("size")), _side(given.get("crop_size")) if given.get("do_center_crop") else None
    side = cut or scaled
    found: dict[str, Any] = {"interpolation": _RESAMPLING.get(given.get("resample", 2), "bilinear")}
    if side:
        found["input_size"] = (channels, side, side)
        if scaled and scaled >= side:
            found["crop_pct"] = side / scaled
    if given.get("do_normalize", True):
        found |= {"mean": given.get("image_mean"), "std": given.get("image_std")}
    return found


def _side(size: Any) -> int | None:
    if isinstance(size, Mapping):
        size = size.get("shortest_edge") or size.get("height")
    return size if isinstance(size, int) and size > 0 else None


def _first(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
