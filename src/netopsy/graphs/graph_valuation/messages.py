"""What may cross between a buyer, a broker and sellers: a closed list, checked as each message is sent."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from netopsy.core.archives import check_zip
from netopsy.core.errors import InputError, lookup, require

BUYER, BROKER, SELLER = "buyer", "broker", "seller"


@dataclass(frozen=True)
class Kind:
    """One entry of the list: from whom to whom, and the arrays it consists of."""

    sender: str
    receiver: str
    fields: tuple[str, ...]


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "proxy": Kind(BROKER, BUYER, ("proxy", "noise")),
        "offer": Kind(BUYER, BROKER, ("roots", "variances", "directions")),
        "request": Kind(BROKER, SELLER, ("proxy", "noise", "directions")),
        "answer": Kind(SELLER, BROKER, ("roots", "variances")),
        "value": Kind(BROKER, BUYER, ("disparity", "relevance", "diversity")),
    }
)
"""All that crosses. Nothing goes between buyer and seller but, by way of the broker, the buyer's directions."""


@dataclass(frozen=True, eq=False)
class Message:
    """Named arrays on their way from one party to another."""

    kind: str
    """One of `KINDS`."""
    content: Mapping[str, np.ndarray]
    """Exactly the fields of its kind, float64."""
    seller: int | None = None
    """Which seller sends or receives it, or is valued by it."""

    def __post_init__(self) -> None:
        fields = lookup("kind of message", self.kind, KINDS).fields
        require(
            set(self.content) == set(fields),
            f"a message {self.kind!r} must hold {', '.join(fields)} and nothing else, got {', '.join(self.content)}",
        )
        for name, array in self.content.items():
            plain = isinstance(array, np.ndarray) and array.dtype == np.float64
            require(plain, f"{name} of a message {self.kind!r} must be an array of float64, got {type(array).__name__}")

    @property
    def sender(self) -> str:
        """Who it comes from."""
        return KINDS[self.kind].sender

    @property
    def receiver(self) -> str:
        """Who it goes to."""
        return KINDS[self.kind].receiver

    def to_bytes(self) -> bytes:
        """For a file or a wire."""
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **self.content)
        return buffer.getvalue()

    @staticmethod
    def from_bytes(kind: str, data: bytes, seller: int | None = None) -> Message:
        """What `to_bytes` made. Nothing in it is run.

        Raises:
            InputError: not such bytes, not the fields of this kind, or too much for the memory.
        """
        check_zip(io.BytesIO(data), f"this message {kind!r}")
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                content = {name: arrays[name] for name in arrays.files}
        except Exception as error:  # whatever a reader makes of broken bytes
            raise InputError(f"these bytes are no message {kind!r}: {error}") from error
        return Message(kind, content, seller)

    def describe(self) -> str:
        """In one line: who to whom, and the shapes.

        >>> Message("answer", {"roots": np.zeros((1, 4, 3)), "variances": np.zeros(2)}, seller=0).describe()
        'seller 0 -> broker: roots [1, 4, 3], variances [2]'
        """
        number = "" if self.seller is None else f" {self.seller}"
        sender, receiver = (f"{who}{number}" if who == SELLER else who for who in (self.sender, self.receiver))
        about = f" about seller {self.seller}" if self.kind == "value" else ""
        shapes = ", ".join(f"{name} {list(self.content[name].shape)}" for name in KINDS[self.kind].fields)
        return f"{sender} -> {receiver}{about}: {shapes}"
