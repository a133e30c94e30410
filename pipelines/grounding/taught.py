"""The base's second lesson: a readout of the tokens is to tell what every cell shows.

Ours, in training alone. The losses of PLVL (arXiv:2504.16145) ask for colours only through expressions, and a small
network learns nouns and drops colours on the way from the pixels to the tokens, where no word can bring them back.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.grounding.looks import COUNTS, NO_VALUE
from pipelines.grounding.plvl import PLVL, Outputs
from pipelines.grounding.tokenizer import Tokens


class Taught(nn.Module):
    """A network and the readout of its tokens; only the network is kept."""

    def __init__(self, network: PLVL) -> None:
        super().__init__()
        self.network = network
        self.readout = nn.Linear(network.shape.width, sum(COUNTS))

    def forward(self, pixels: Tensor, tokens: Tokens, owner: Tensor) -> tuple[Outputs, Tensor]:
        """What is said of the expressions, and logits of the looks at every cell, (S, g * g, values of all fields)."""
        seen = self.network.see(pixels)
        return self.network.ground(seen, tokens, owner), self.readout(seen.tokens)


def look_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy of the readout, mean over fields; cells without a value do not count.

    Args:
        logits: (S, N, values of all fields). truth: int64 (S, N, fields).
    """
    found = [
        F.cross_entropy(each.flatten(0, 1).float(), truth[:, :, at].flatten(), ignore_index=NO_VALUE, reduction="sum")
        / (truth[:, :, at] != NO_VALUE).sum().clamp_min(1)
        for at, each in enumerate(logits.split(COUNTS, 2))
    ]
    return sum(found[1:], found[0]) / len(found)
