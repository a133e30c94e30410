"""ShapesViT: a small vision transformer whose one head is a table of class prototypes, shared by all tasks.

After ViT (Dosovitskiy et al. 2021, arXiv:2010.11929) with a convolutional stem (Xiao et al. 2021, arXiv:2106.14881),
which trains in far fewer steps than flat patches. No BatchNorm, so every mix runs as it is. As in the studies of
merged CLIP encoders the classes are fixed points in feature space: the prototypes are learned with the base and never
moved by an expert, so experts keep one signature and only the encoder is merged.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.lab.tasks import CLASS_COUNT, TASKS


@dataclass(frozen=True)
class Sizes:
    """Sizes of the network; `side` is that of the token grid, a quarter of the picture's."""

    side: int = 8
    width: int = 96
    depth: int = 4
    heads: int = 4
    hidden: int = 192  # twice the width, not four times: files and training stay small
    temperature: float = 16.0  # cosines become logits; fixed, so that no mix changes it


class Stem(nn.Module):
    """Three convolutions: pictures to a grid of tokens at a quarter of the size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 24, 3, stride=2, padding=1)
        self.second = nn.Conv2d(24, 48, 3, stride=2, padding=1)
        self.third = nn.Conv2d(48, width, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        x = F.gelu(self.second(F.gelu(self.first(2 * pixels - 1))))
        return self.third(x).flatten(2).transpose(1, 2)  # (B, T, width)


class Block(nn.Module):
    """Attention and a two-layer perceptron, each on normalised input and added."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.heads = sizes.heads
        self.norm1, self.norm2 = nn.LayerNorm(sizes.width), nn.LayerNorm(sizes.width)
        self.qkv = nn.Linear(sizes.width, 3 * sizes.width)
        self.out = nn.Linear(sizes.width, sizes.width)
        self.expand = nn.Linear(sizes.width, sizes.hidden)
        self.shrink = nn.Linear(sizes.hidden, sizes.width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm1(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (B, heads, T, d)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)  # (B, T, width)
        x = x + self.out(mixed)
        return x + self.shrink(F.gelu(self.expand(self.norm2(x))))


class ShapesViT(nn.Module):
    """Pictures -> one feature each -> likeness to class prototypes."""

    def __init__(self, sizes: Sizes = Sizes()) -> None:
        super().__init__()
        self.temperature = sizes.temperature
        self.stem = Stem(sizes.width)
        self.position = nn.Parameter(0.02 * torch.randn(1, sizes.side**2, sizes.width))
        self.blocks = nn.ModuleList(Block(sizes) for _ in range(sizes.depth))
        self.norm = nn.LayerNorm(sizes.width)
        self.prototypes = nn.Parameter(torch.randn(CLASS_COUNT, sizes.width))

    def features(self, pixels: Tensor) -> Tensor:
        """(B, 3, 32, 32), 0 to 1 -> (B, width), of length 1."""
        x = self.stem(pixels) + self.position
        for block in self.blocks:
            x = block(x)
        return F.normalize(self.norm(x).mean(1), dim=1)

    def forward(self, pixels: Tensor, task: str | None = None) -> Tensor:
        """Logits of the task's classes, (B, classes); of all tasks' classes where `task` is None.

        Args:
            pixels: (B, 3, 32, 32), 0 to 1.
        """
        prototypes = self.prototypes if task is None else self.prototypes[TASKS[task].span]
        return self.temperature * self.features(pixels) @ F.normalize(prototypes, dim=1).T
