"""The language-guided backbone: local blocks look, global blocks are told.

After PLVL (arXiv:2504.16145): local blocks attend within the four quarters of the grid and are purely visual; in the
global ones text enters between attention and perceptron, through a norm and an adapter of its own each time. Differs:
padding of text is masked, queries are normalised, no relative positions; coordinates are given to the stem instead.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.grounding.layers import Attention, ConvNorm, SelfBlock
from pipelines.grounding.shape import Shape


class Stem(nn.Module):
    """Four convolutions of stride 2 on colours and coordinates, and a learned position for every cell."""

    def __init__(self, shape: Shape, is_frozen: bool) -> None:
        super().__init__()
        widths = (5, *shape.stem, shape.width)
        self.convs = nn.ModuleList(ConvNorm(a, b, stride=2, is_frozen=is_frozen) for a, b in pairwise(widths))
        self.position = nn.Parameter(0.02 * torch.randn(1, shape.width, shape.grid, shape.grid))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels (B, 3, S, S), 0 to 1 -> tokens' map (B, d, S/16, S/16) and features at a quarter (B, C, S/4, S/4)."""
        x = torch.cat([2 * pixels - 1, coordinates(pixels)], 1).contiguous(memory_format=torch.channels_last)
        fine = self.convs[1](self.convs[0](x))
        x = self.convs[3](self.convs[2](fine))
        position: Tensor = self.position
        if position.shape[2:] != x.shape[2:]:
            position = F.interpolate(position, x.shape[2:], mode="bilinear", align_corners=False)
        return x + position, fine


def coordinates(pixels: Tensor) -> Tensor:
    """x and y of every pixel, -1 to 1, (B, 2, H, W)."""
    (batch, _, height, width), like = pixels.shape, pixels
    y = torch.linspace(-1, 1, height, device=like.device, dtype=like.dtype)
    x = torch.linspace(-1, 1, width, device=like.device, dtype=like.dtype)
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([columns, rows]).expand(batch, 2, height, width)


class Injection(nn.Module):
    """x <- x + attention of x on adapted text."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.text_norm, self.norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.down, self.up = nn.Linear(width, shape.bottleneck), nn.Linear(shape.bottleneck, width)
        self.attention = Attention(width, shape.heads)

    def forward(self, x: Tensor, text: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, N, d) and text (B, T, d) -> tokens, and words looked at, mean of the heads, (B, N, T)."""
        text = self.text_norm(text)
        told, shares = self.attention(self.norm(x), text + self.up(F.relu(self.down(text))), valid)
        return x + told, shares.mean(1)


class Backbone(nn.Module):
    """Tokens and text to tokens; local and global blocks by turns, the first one local."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.is_progressive = shape.is_progressive
        self.blocks = nn.ModuleList(SelfBlock(shape.width, shape.heads, 4) for _ in range(shape.blocks))
        self.injections = nn.ModuleList(Injection(shape) for _ in range(shape.injections))
        self.norm = nn.LayerNorm(shape.width)

    def look(self, x: Tensor) -> Tensor:
        """What no text reaches, (B, d, g, g) -> (B, N, d): the first block, or all of them if fusion is late."""
        side = x.shape[2]
        x = x.flatten(2).transpose(1, 2)
        if self.is_progressive:
            return quartered(self.blocks[0], x, side)
        for index, block in enumerate(self.blocks):
            x = block(x) if index % 2 else quartered(block, x, side)
        return x

    def listen(self, x: Tensor, text: Tensor, valid: Tensor, side: int) -> tuple[Tensor, list[Tensor]]:
        """The rest: tokens (B, N, d), and the words looked at by each injection, (B, N, T)."""
        looked = []
        if not self.is_progressive:
            for injection in self.injections:
                x, shares = injection(x, text, valid)
                looked.append(shares)
            return self.norm(x), looked
        for index in range(1, len(self.blocks)):
            block = self.blocks[index]
            assert isinstance(block, SelfBlock)
            if index % 2 == 0:
                x = quartered(block, x, side)
                continue
            x, shares = self.injections[index // 2](block.attend(x), text, valid)
            x = block.think(x)
            looked.append(shares)
        return self.norm(x), looked


def quartered(block: nn.Module, x: Tensor, side: int) -> Tensor:
    """Run a block in each quarter of the grid by itself, (B, side * side, d)."""
    batch, _, width = x.shape
    half = side // 2
    x = x.reshape(batch, 2, half, 2, half, width).transpose(2, 3).reshape(batch * 4, half * half, width)
    x = block(x)
    return x.reshape(batch, 2, 2, half, half, width).transpose(2, 3).reshape(batch, side * side, width)
