"""The visual encoder: a word crop to a grid of tokens.

The "SVTR-B with convolutions" of IGTR (Zheng et al. 2025, arXiv:2401.17851) made small: convolution blocks, then
attention blocks, all post-norm. Differs: the second stage halves the rows, so that its attention is cheap; after
the base training every BatchNorm is frozen away (`frozen` layers), because a mix of networks would need new statistics.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.text_recognition.fit import HEIGHT_PX
from pipelines.text_recognition.layers import Affine, Attention, ConvNorm, Perceptron, drop_path
from pipelines.text_recognition.shape import Shape


class Stem(nn.Module):
    """Two convolutions of stride 2, and a learned position for every cell."""

    def __init__(self, shape: Shape, is_frozen: bool) -> None:
        super().__init__()
        first, second = shape.stem
        self.first = ConvNorm(3, first, (2, 2), is_frozen)
        self.second = ConvNorm(first, second, (2, 2), is_frozen)
        self.position = nn.Parameter(0.02 * torch.randn(1, second, HEIGHT_PX // 4, shape.columns))

    def forward(self, pixels: Tensor) -> Tensor:
        x = F.gelu(self.second(F.gelu(self.first(2 * pixels - 1))))
        return x + self.position  # (B, C, 8, 32)


class ConvolutionBlock(nn.Module):
    """x <- norm(x + grouped 5 x 5 (x)); x <- norm(x + perceptron(x))."""

    def __init__(self, width: int, groups: int, ratio: int, rate: float, is_frozen: bool) -> None:
        super().__init__()
        self.rate = rate
        self.mixer = nn.Conv2d(width, width, 5, padding=2, groups=groups)
        self.expand, self.shrink = nn.Conv2d(width, ratio * width, 1), nn.Conv2d(ratio * width, width, 1)
        norm = Affine if is_frozen else nn.BatchNorm2d
        self.norm1, self.norm2 = norm(width), norm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + drop_path(self.mixer(x), self.rate, self.training))
        return self.norm2(x + drop_path(self.shrink(F.gelu(self.expand(x))), self.rate, self.training))


class AttentionBlock(nn.Module):
    """x <- LN(x + attention(x)); x <- LN(x + perceptron(x))."""

    def __init__(self, width: int, heads: int, ratio: int, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.attention, self.perceptron = Attention(width, heads), Perceptron(width, ratio)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + drop_path(self.attention(x, x), self.rate, self.training))
        return self.norm2(x + drop_path(self.perceptron(x), self.rate, self.training))


class Stage2(nn.Module):
    """Fewer rows, convolution blocks, then attention over the whole grid."""

    def __init__(self, shape: Shape, rates: list[float], is_frozen: bool) -> None:
        super().__init__()
        width, convolutions = shape.width[1], shape.convolutions[1]
        self.merge = ConvNorm(shape.width[0], width, (shape.merge_rows[0], 1), is_frozen)
        self.convolutions = nn.Sequential(
            *(ConvolutionBlock(width, shape.groups[1], shape.ratio, r, is_frozen) for r in rates[:convolutions])
        )
        self.attentions = nn.Sequential(
            *(AttentionBlock(width, shape.heads[0], shape.ratio, r) for r in rates[convolutions:])
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.convolutions(self.merge(x))  # (B, C, rows, columns)
        return self.attentions(x.flatten(2).transpose(1, 2)).transpose(1, 2).unflatten(2, x.shape[2:])


class Stage3(nn.Module):
    """Fewer rows again or not, then attention; the grid leaves as a sequence of tokens, row by row."""

    def __init__(self, shape: Shape, rates: list[float]) -> None:
        super().__init__()
        width = shape.width[2]
        self.merge = nn.Conv2d(shape.width[1], width, 3, (shape.merge_rows[1], 1), 1)
        self.norm = nn.LayerNorm(width)
        self.attentions = nn.Sequential(*(AttentionBlock(width, shape.heads[1], shape.ratio, r) for r in rates))

    def forward(self, x: Tensor) -> Tensor:
        return self.attentions(self.norm(self.merge(x).flatten(2).transpose(1, 2)))  # (B, rows * columns, d)
