"""PLVL, small: visual grounding with language in the backbone and one head for box, mask and centre.

After "Progressive Language-guided Visual Learning for Multi-Task Visual Grounding" (Wang et al. 2025,
arXiv:2504.16145). Departures are said where they are made: text_encoder.py, backbone.py, head.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipelines.grounding.backbone import Backbone, Stem
from pipelines.grounding.head import Head, Outputs
from pipelines.grounding.shape import SHAPES, Shape
from pipelines.grounding.text_encoder import TextEncoder
from pipelines.grounding.tokenizer import Tokens

__all__ = ["PLVL", "SHAPES", "Outputs", "Seen", "Shape"]


@dataclass(frozen=True)
class Seen:
    """What is computed of S pictures once, whatever is asked about them.

    Attributes:
        tokens: (S, N, d).
        edges: (S, C, side / 4, side / 4), for the mask.
    """

    tokens: Tensor
    edges: Tensor


class PLVL(nn.Module):
    """Pictures and expressions to boxes, masks and centres.

    Args:
        is_frozen: as stored and merged, without BatchNorm; False is the form in which a base is trained.
    """

    def __init__(self, shape: Shape = SHAPES["C"], is_frozen: bool = True) -> None:
        super().__init__()
        self.shape, self.is_frozen = shape, is_frozen
        self.text = TextEncoder(shape)
        self.stem = Stem(shape, is_frozen)
        self.backbone = Backbone(shape)
        self.head = Head(shape, is_frozen)

    def see(self, pixels: Tensor) -> Seen:
        """Pictures (S, 3, side, side), 0 to 1; the side is a multiple of 32."""
        x, fine = self.stem(pixels)
        return Seen(self.backbone.look(x), self.head.skip(fine))

    def ground(self, seen: Seen, tokens: Tokens, owner: Tensor) -> Outputs:
        """Answers to B expressions; `owner` (B,) says which picture each is about."""
        text = self.text(tokens)
        side = seen.edges.shape[2] // 4
        x, words = self.backbone.listen(seen.tokens[owner], text, tokens.valid, side)
        return self.head(x, seen.edges, owner, text, tuple(words))

    def forward(self, pixels: Tensor, tokens: Tokens, owner: Tensor | None = None) -> Outputs:
        """See and ground in one call; without `owner` an expression per picture."""
        at = torch.arange(len(pixels), device=pixels.device) if owner is None else owner
        return self.ground(self.see(pixels), tokens, at)
