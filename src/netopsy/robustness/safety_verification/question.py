"""One question: the network, the region, and what must be kept in mind so that an answer is not a wrong one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.errors import InputError, require
from netopsy.core.layers import INPUT
from netopsy.robustness.checks import Bounds
from netopsy.robustness.queries import Classifier, Queries
from netopsy.robustness.safety_verification.bounds import Interval, lower_bounds
from netopsy.robustness.safety_verification.forward_bounds import closest_bounds
from netopsy.robustness.safety_verification.network import Operations
from netopsy.robustness.safety_verification.reading import read_network
from netopsy.robustness.safety_verification.region import Region
from netopsy.robustness.safety_verification.rounding import rounding_error
from netopsy.robustness.safety_verification.solvers import Limits

LEAST_MARGIN = 1e-6
TIGHT = 1024
"""Results up to this size are bounded from the back where one region is asked about."""
TIMED = 512
"""Points that are asked about between two looks at the clock."""
CLOSE = 1e-4
"""Relative: leads below it are asked again one by one, since batches of another size round differently."""


@dataclass(frozen=True, eq=False)
class Found:
    """A point of another class, and which."""

    point: Tensor
    label: int


class Question:
    """Whether the class of an image stays in a region; holds the network as read, and asks the network itself."""

    def __init__(
        self,
        model: Classifier,
        image: Tensor,
        region: Region,
        bounds: Bounds | None,
        margin: float,
        batch_size: int,
        *,
        read: bool = True,
        tight: int = TIGHT,
    ) -> None:
        self.model, self.image, self.region = model, image.detach().cpu().clone(), region
        self.queries = Queries(model, batch_size=batch_size)
        scores = self._asked(self.image[None])[0]
        self.predicted = int(scores.argmax())
        self.classes = len(scores)
        self.network: Operations | None = None
        self.screened = 0
        self.unread = ""
        self.close = max(CLOSE, 16 * torch.finfo(image.dtype).eps)
        if read:
            self._read()
        if self.network is None:
            self._require_single()
        if region.layer != INPUT:
            self.centre, self.bounds = self._activations(region.layer), None
        else:
            self.centre, self.bounds = self.image, bounds
        self.box = region.box(self.centre, self.bounds)
        self.intervals: list[Interval] = []
        self.margins = torch.full((self.classes,), float(margin), dtype=torch.float64)
        if self.network is not None:
            self.intervals = closest_bounds(self.network, self.box, tight=tight)
            error = rounding_error(self.network, self.intervals)[0]
            self.margins = torch.maximum(self.margins, error + error[self.predicted])

    def _read(self) -> None:
        if not isinstance(self.model, nn.Module):
            self.unread = "a function's layers cannot be read"
            return
        try:
            whole = read_network(self.model, self.image)
        except InputError as error:
            self.unread = str(error)
            return
        self.network = whole.after(self.region.layer)

    def _asked(self, images: Tensor) -> Tensor:
        return self.queries(images.clone())  # a network may change its input in place

    def _require_single(self) -> None:
        """The network as read answers about one image at a time; one that is not read must be seen to."""
        random = torch.Generator().manual_seed(0)
        noise = torch.rand((3, *self.image.shape), generator=random).to(self.image.dtype)
        images, asked = torch.cat([self.image[None], noise]), Queries(self.model)
        together = asked(images.clone())
        alone = torch.cat([asked(images[number : number + 1].clone()) for number in range(len(images))])
        far = float((together - alone).abs().max())
        require(
            far <= self.close * max(1.0, float(alone.abs().max())),
            f"the network must answer the same about an image whatever is asked beside it, but its scores differ by "
            f"{far:.2g}: they are random, or depend on the batch",
        )

    def need_network(self) -> Operations:
        """The network as read, or an `InputError` that says why it is not."""
        require(self.network is not None, self.unread)
        assert self.network is not None
        return self.network

    @property
    def rivals(self) -> list[int]:
        """All classes but the predicted one."""
        return [number for number in range(self.classes) if number != self.predicted]

    @property
    def margin(self) -> float:
        """The largest lead that is asked for."""
        return float(self.margins[self.rivals].max())

    def leads(self, found: list[Interval]) -> tuple[Tensor, Tensor]:
        """Lower bounds ``[batch, rivals]`` of the predicted score's lead beyond its margin, and corners to try."""
        network = self.need_network()
        rows = torch.zeros(len(self.rivals), self.classes, dtype=torch.float64)
        rows[:, self.predicted] = 1
        rows[torch.arange(len(rows)), self.rivals] = -1
        linear = lower_bounds(network, found, rows, len(network.steps))
        last = found[-1]
        plain = last.low[:, [self.predicted]] - last.high[:, self.rivals]
        return torch.maximum(linear.low, plain) - self.margins[self.rivals], linear.corner

    def inside(self, points: Tensor) -> Tensor:
        """Points in the network's precision, brought into the box, whose ends are rounded inwards."""
        low, high = (one[0].to(self.centre.dtype) for one in (self.box.low, self.box.high))
        above = torch.full_like(low, torch.inf)
        low = torch.where(low.double() < self.box.low[0], torch.nextafter(low, above), low)
        high = torch.where(high.double() > self.box.high[0], torch.nextafter(high, -above), high)
        found = points.reshape(-1, *self.centre.shape).to(self.centre.dtype)
        free = self.box.high[0] > self.box.low[0]
        return torch.where(free, found.maximum(low).minimum(high), self.centre)

    def scores(self, points: Tensor) -> Tensor:
        """What the network itself answers, ``[n, classes]``, with the points in place of the layer's activations."""
        if self.region.layer == INPUT:
            return self._asked(points)
        assert isinstance(self.model, nn.Module)
        with _in_place_of(self.model.get_submodule(self.region.layer), points):
            return self._asked(self.image.expand(len(points), *self.image.shape))

    def broken(self, points: Tensor, limits: Limits | None = None) -> Found | None:
        """The first of the points whose class is another or ties, each asked by itself where it is close.

        Of activations, those that lead by more than rounding can do in the layers as read need not be asked about.

        Raises:
            TimeUp: not all of them could be asked about.
        """
        timed = limits is not None and limits.deadline is not None
        for number, some in enumerate(points.split(TIMED if timed else max(1, len(points)))):
            if limits is not None and number > 0:
                limits.require_time()
            if (found := self._broken(some, limits)) is not None:
                return found
        return None

    def _broken(self, points: Tensor, limits: Limits | None) -> Found | None:
        if self.region.layer != INPUT:
            self.screened += len(points)
            points = points[self._lead(self.need_network()(points.double())) <= self.margin]
            if len(points) == 0:
                return None
        scores = self.scores(points)
        lead = self._lead(scores)
        close = lead.abs() <= self.close * scores.abs().amax(1).clamp(min=1)
        for number in ((lead <= 0) | close).nonzero()[:, 0].tolist():
            alone = self.scores(points[number : number + 1])
            if float(self._lead(alone)) <= 0:
                return Found(points[number], self._rival(alone[0]))
            if limits is not None:
                limits.require_time()
        return None

    def _lead(self, scores: Tensor) -> Tensor:
        return scores[:, self.predicted] - scores[:, self.rivals].amax(1)

    def _rival(self, scores: Tensor) -> int:
        return self.rivals[int(scores[self.rivals].argmax())]

    @property
    def evaluated(self) -> int:
        """Points that the network, or what follows the layer, was asked about, the image itself apart."""
        return self.screened or self.queries.count - 1

    def _activations(self, layer: str) -> Tensor:
        from netopsy.core.capture import layer_activations

        assert isinstance(self.model, nn.Module)
        require(self.network is not None, self.unread)
        return layer_activations(self.model, self.image[None].to(_device(self.model)), layer)[layer][0].cpu()


def _device(model: nn.Module) -> torch.device:
    from netopsy.core.modes import device_of

    return device_of(model)


@contextmanager
def _in_place_of(module: nn.Module, values: Tensor) -> Iterator[None]:
    """Inside the block, the module's first output in each run is ``values``, batch by batch."""
    place = 0

    def replace(_: nn.Module, __: Any, output: Tensor) -> Tensor:
        nonlocal place
        some = values[place : place + len(output)].to(output, copy=True)
        place += len(output)
        return some

    handle = module.register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()
