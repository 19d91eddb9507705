"""A verdict in a file, with all that is needed to replay it: image, region, settings, and a digest of the weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from netopsy.core import stored
from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, require
from netopsy.core.fingerprints import fingerprint
from netopsy.core.modes import check_model
from netopsy.robustness.checks import Bounds, as_batch, check_bounds
from netopsy.robustness.safety_verification.region import Region
from netopsy.robustness.safety_verification.replay import replayed
from netopsy.robustness.safety_verification.verdict import Method, Verdict
from netopsy.robustness.safety_verification.verification import verify

KIND = "a safety certificate"


@dataclass(frozen=True, eq=False)
class Certificate:
    """What a verdict was about, and the verdict. Comes from `certify` and `load_certificate`."""

    weights: str
    """Digest of the network's weights."""
    network: str
    """The network's layers, as it prints itself."""
    method: str
    mode: str
    asked_margin: float
    bounds: tuple[float, ...]
    """Of pixels; empty for none."""
    timeout: float | None
    nodes: int | None
    verdict: Verdict

    def save(self, path: str | Path) -> None:
        """Write it as safetensors, with its checksum."""
        stored.write_record(path, KIND, self, records=(Verdict, Region))


@checked
def certify(
    model: nn.Module,
    image: Tensor,
    region: Region,
    *,
    method: Method = "milp",
    mode: str = "line",
    margin: float | int = 1e-4,
    bounds: Bounds | None = (0, 1),
    timeout: float | int | None = None,
    nodes: int | None = None,
) -> Certificate:
    """`verify`, and everything that is needed to replay it with `check_certificate`.

    Raises:
        InputError: what `verify` raises.

    >>> import torch
    >>> from netopsy.robustness.safety_verification import input_region
    >>> net, image = nn.Sequential(nn.Flatten(), nn.Linear(2, 2)), torch.rand(1, 1, 2)
    >>> check_certificate(certify(net, image, input_region(image, n_dims=2, span=1e-3)), net).status
    'safe'
    """
    check_model(model)
    options = {"margin": margin, "bounds": bounds, "timeout": timeout, "nodes": nodes}
    verdict = verify(model, image, region, method=method, mode=mode, **options)  # type: ignore[arg-type]
    return Certificate(
        weights=fingerprint(model.state_dict()),
        network=str(model),
        method=method,
        mode=mode,
        asked_margin=float(margin),
        bounds=() if bounds is None else (float(bounds[0]), float(bounds[1])),
        timeout=None if timeout is None else float(timeout),
        nodes=nodes,
        verdict=verdict,
    )


@checked
def load_certificate(path: str | Path) -> Certificate:
    """A certificate from its file; nothing in it is run as code.

    Raises:
        InputError: no file, a damaged one, or one that holds something else.

    >>> import tempfile
    >>> import torch
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     certify(net, torch.rand(1, 1, 2), Region((0,), (1e-3,), (1,))).save(f"{folder}/one.safetensors")
    ...     load_certificate(f"{folder}/one.safetensors").method
    'milp'
    """
    return stored.read_record(path, KIND, Certificate, records=(Verdict, Region))


@checked
def check_certificate(certificate: Certificate, model: nn.Module, image: Tensor | None = None) -> Verdict:
    """Replay a certificate on the network it names: run the counterexample again, or prove again what was proved.

    Args:
        image: the image it should be about; by default the one that it holds.

    Returns:
        The verdict as it came out now.

    Raises:
        InputError: another network, other weights, another image, or a verdict that does not come out again.

    >>> import torch
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    >>> check_certificate(certify(net, torch.rand(1, 1, 2), Region((0,), (1e-3,), (1,))), net).status
    'safe'
    """
    then = certificate.verdict
    check_model(model)
    require(
        fingerprint(model.state_dict()) == certificate.weights,
        "network must be the one, with the weights, that the certificate was written for",
    )
    require(str(model) == certificate.network, "network must be the one of the certificate: its layers are others")
    if image is not None:
        same = image.shape == then.image.shape and bool((image.detach().cpu().double() == then.image.double()).all())
        require(same, "image must be the one that the certificate is about: its pixels are others")
    now = _again(certificate, model)
    require(
        now.predicted == then.predicted,
        f"the certificate says class {then.predicted}, and the network gives the image class {now.predicted}",
    )
    if now.status != then.status and then.status != "unknown":
        reason = f" ({now.reason})" if now.reason else ""
        raise InputError(f"the certificate says {then.status!r}, and replaying it gives {now.status!r}{reason}")
    return now


def _again(certificate: Certificate, model: nn.Module) -> Verdict:
    then = certificate.verdict
    bounds: Bounds | None = check_bounds(certificate.bounds) if certificate.bounds else None
    as_batch(then.image, bounds, "the certificate's image")
    if then.broken and then.counterexample is not None:
        return replayed(then, model, bounds)
    return verify(
        model,
        then.image,
        then.region,
        method=certificate.method,  # type: ignore[arg-type]
        mode=certificate.mode,  # type: ignore[arg-type]
        margin=certificate.asked_margin,
        bounds=bounds,
        timeout=certificate.timeout,
        nodes=certificate.nodes,
    )
