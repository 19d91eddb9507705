"""How a search is played: everything that may be chosen, and what is wrong with a choice."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from netopsy.core.errors import UnknownNameError, lookup, require
from netopsy.robustness.feature_guided_attack.moves import Signs
from netopsy.robustness.feature_guided_attack.tree import Backup, Player, Rules, Selection

Mode = Literal["mcts", "saliency"]
MOVES = 4
"""Moves that a search commits to by default: the paper's time for MNIST is four times that of one move."""
PLAYOUTS = {"mcts": 3, "saliency": 10}


@dataclass(frozen=True)
class Options:
    """As `feature_guided_search` describes them."""

    player: Player = "cooperative"
    norm: int = 0
    budget: float | int | None = None
    tau: float | int = 1.0
    signs: Signs = "farther"
    max_queries: int = 5000
    playouts: int | None = None
    exploration: float | int = 2**0.5
    region_pixels: Literal["auto"] | int | None = "auto"
    selection: Selection = "sample"
    backup: Backup = "playout"
    move_queries: int | None = None
    stride: int = 1
    mode: Mode = "mcts"
    visit: int | None = None

    @classmethod
    def of(cls, given: dict[str, Any]) -> Options:
        """From arguments by name, checked.

        Raises:
            InputError: a name that is none of these, or a value that cannot be used.
        """
        names = [field.name for field in fields(cls)]
        for name in given:
            if name not in names:
                raise UnknownNameError("option", name, names)
        made = cls(**given)
        made._check()
        return made

    @property
    def random_games(self) -> int:
        """Playouts for every new position."""
        return PLAYOUTS[self.mode] if self.playouts is None else self.playouts

    @property
    def rules(self) -> Rules:
        """How the tree is searched."""
        return Rules(self.player, self.random_games, float(self.exploration), self.selection, self.backup, self.stride)

    @property
    def queries_a_move(self) -> int | None:
        """Queries after which a move is made; ``None`` where none is."""
        if self.move_queries is None and self.backup == "playout":
            return max(1, self.max_queries // MOVES)
        return self.move_queries

    def _check(self) -> None:
        for kind, chosen, among in (
            ("player", self.player, Player), ("selection", self.selection, Selection), ("backup", self.backup, Backup),
            ("mode", self.mode, Mode), ("signs", self.signs, Signs),
        ):  # fmt: skip
            lookup(kind, chosen, dict.fromkeys(get_args(among)))
        norm = self.norm
        require(norm in (0, 1, 2) and not isinstance(norm, bool), f"norm must be 0, 1 or 2, got {norm!r}")
        for name in ("budget", "tau", "exploration"):
            number = getattr(self, name)
            fine = isinstance(number, float | int) and not isinstance(number, bool) and 0 < number < float("inf")
            also = {"budget": number is None or number == float("inf"), "exploration": number == 0}
            require(fine or also.get(name, False), f"{name} must be a number > 0, got {number!r}")
        for name in ("max_queries", "playouts", "move_queries", "stride", "visit", "region_pixels"):
            number = getattr(self, name)
            fine = isinstance(number, int) and not isinstance(number, bool) and number >= 1
            absent = number is None and name not in ("max_queries", "stride")
            fine = fine or absent or (name == "region_pixels" and number == "auto")
            require(fine, f"{name} must be an int of at least 1, got {number!r}")
        require(self.backup != "game" or self.stride == 1, f"stride must be 1 with backup='game', got {self.stride}")
