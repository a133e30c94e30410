"""The collaborative head: centre and mask from one half of the channels, offset and size from the other.

After PLVL (arXiv:2504.16145): what must peak at the centre is what the mask is painted from. Differs: masks are painted
at a quarter of the side with the stem's edges, not in tiles of 16 x 16, and are logits; existence and anchor are new.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.grounding.layers import ConvNorm
from pipelines.grounding.shape import Shape

RARE = -2.2  # bias of heat maps: one cell in ten at the start


@dataclass(frozen=True)
class Outputs:
    """What the network says about B expressions; g is the side of the grid.

    Attributes:
        centre: logits of the heat map, (B, g, g).
        offset: of the centre within its cell, x before y, 0 to 1, (B, 2, g, g).
        size: width and height, 0 to 1 of the picture, (B, 2, g, g).
        mask: logits, (B, 4g, 4g).
        existence: logit of there being a referent, (B,).
        anchor: logits of the map of reference objects, (B, g, g).
        words: for each injection, what every cell looks at, (B, g * g, 24); each row sums to 1.
    """

    centre: Tensor
    offset: Tensor
    size: Tensor
    mask: Tensor
    existence: Tensor
    anchor: Tensor
    words: tuple[Tensor, ...]


class Head(nn.Module):
    """Tokens, fine features and text to `Outputs`."""

    def __init__(self, shape: Shape, is_frozen: bool) -> None:
        super().__init__()
        half, small = shape.width // 2, shape.width // 4
        self.semantic = ConvNorm(half, half, is_frozen=is_frozen)
        self.mask_own = None if shape.is_joint else ConvNorm(half, half, is_frozen=is_frozen)
        self.geometry = ConvNorm(half, half, is_frozen=is_frozen)
        self.centre_conv, self.centre = ConvNorm(half, small, is_frozen=is_frozen), nn.Conv2d(small, 1, 1)
        self.anchor_conv, self.anchor = ConvNorm(half, small, is_frozen=is_frozen), nn.Conv2d(small, 1, 1)
        self.offset_conv, self.offset = ConvNorm(half, small, is_frozen=is_frozen), nn.Conv2d(small, 2, 1)
        self.size_conv, self.size = ConvNorm(half, small, is_frozen=is_frozen), nn.Conv2d(small, 2, 1)
        self.tiles = ConvNorm(half, 16 * 16, 1, is_frozen=is_frozen)
        self.skip = nn.Conv2d(shape.stem[1], shape.paint, 3, padding=1)
        self.paint = nn.Conv2d(16, shape.paint, 3, padding=1, bias=False)
        self.refine = nn.Conv2d(shape.paint, shape.paint, 3, padding=1)
        self.mask = nn.Conv2d(shape.paint, 1, 3, padding=1)
        self.exist = nn.Sequential(nn.Linear(3 * shape.width, shape.width), nn.GELU(), nn.Linear(shape.width, 1))
        for heat in (self.centre, self.anchor, self.mask):
            nn.init.constant_(heat.get_parameter("bias"), RARE)
        for parameter in self.refine.parameters():  # adds nothing at the start
            nn.init.zeros_(parameter)

    def forward(self, tokens: Tensor, edges: Tensor, owner: Tensor, text: Tensor, words: tuple[Tensor, ...]) -> Outputs:
        """Tokens (B, N, d); edges of `skip`, by picture; owner (B,), the picture of each expression; text (B, T, d)."""
        side = round(tokens.shape[1] ** 0.5)
        x = tokens.transpose(1, 2).unflatten(2, (side, side))
        first, second = x.chunk(2, 1)
        shared, geometry = self.semantic(first), self.geometry(second)
        centre = self.centre(self.centre_conv(shared))[:, 0]
        painted = shared if self.mask_own is None else self.mask_own(first)
        up = F.pixel_shuffle(self.tiles(painted), 4)  # (B, 16, 4g, 4g)
        drawn = F.gelu(self.paint(up) + edges[owner])
        mask = self.mask(drawn + F.gelu(self.refine(drawn)))[:, 0]
        weights = centre.flatten(1).softmax(1).to(tokens.dtype)
        seen = (weights[:, None] @ tokens)[:, 0]
        return Outputs(
            centre,
            self.offset(self.offset_conv(geometry)).tanh() / 2 + 0.5,
            self.size(self.size_conv(geometry)).sigmoid(),
            mask,
            self.exist(torch.cat([seen, tokens.mean(1), text[:, 0]], 1))[:, 0],
            self.anchor(self.anchor_conv(shared))[:, 0],
            words,
        )
