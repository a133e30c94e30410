"""Votes of a merge in pieces: which sign is the commonest is known when every piece has voted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Ballots:
    """What the pieces of one merge share.

    Attributes:
        sign: +1 or -1, what a weight takes whose votes cancel; +1 until `decide`.
        balance: how many more weights of all pieces have a positive sum of votes than a negative one.
        is_tied: whether `sign` decided anything in the newest piece.
    """

    sign: float = 1.0
    balance: int = 0
    is_tied: bool = False

    def count(self, balance: int, is_tied: bool) -> None:
        """Take in a piece."""
        self.balance, self.is_tied = self.balance + balance, is_tied

    def decide(self) -> bool:
        """Set the sign by what was counted; whether pieces with ties are to be merged again."""
        self.sign = -1.0 if self.balance < 0 else 1.0
        return self.sign < 0
