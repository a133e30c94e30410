"""SegNet-S: the segmentation branch of FuseNet, a small relative of SegFormer.

After SegMiF (Liu et al. 2023, arXiv:2308.02097), section on the segmentation network. Departures: three stages of
widths 24/48/96 at strides 4/8/16 instead of a MiT-B3, mixing by depthwise-separable convolution with attention at
stride 16 only, and no batch norm anywhere, because statistics of a batch do not survive an average of weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CLASS_COUNT = 7
WIDTHS = (24, 48, 96)
DEPTHS = (1, 1, 2)


class ChannelNorm(nn.Module):
    """LayerNorm over the channels of each pixel, so that the result does not depend on image size or tiling."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(1, keepdim=True)
        centred = x - mean
        variance = centred.square().mean(1, keepdim=True)
        return centred * torch.rsqrt(variance + 1e-5) * self.weight[:, None, None] + self.bias[:, None, None]


class GlobalAttention(nn.Module):
    """Self-attention over all pixels of a small map, keys and values averaged 2 x 2 (spatial reduction)."""

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Conv2d(channels, channels, 1)
        self.key_value = nn.Conv2d(channels, 2 * channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        reduced = F.avg_pool2d(x, 2, ceil_mode=True)
        query = self._split(self.query(x))  # (B, heads, N, head_dim)
        key, value = (self._split(half) for half in self.key_value(reduced).chunk(2, 1))
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.project(mixed.transpose(2, 3).reshape(batch, channels, height, width))

    def _split(self, x: Tensor) -> Tensor:
        return x.flatten(2).unflatten(1, (self.heads, -1)).transpose(2, 3)


class MixBlock(nn.Module):
    """Token mixing, then a feed-forward part with a depthwise 3 x 3 inside (SegFormer's Mix-FFN)."""

    def __init__(self, channels: int, with_attention: bool) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(channels)
        self.mix: nn.Module = (
            GlobalAttention(channels)
            if with_attention
            else nn.Sequential(
                nn.Conv2d(channels, channels, 5, padding=2, groups=channels), nn.Conv2d(channels, channels, 1)
            )
        )
        self.norm2 = ChannelNorm(channels)
        self.expand = nn.Conv2d(channels, 2 * channels, 1)
        self.depthwise = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels)
        self.reduce = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mix(self.norm1(x))
        return x + self.reduce(F.leaky_relu(self.depthwise(self.expand(self.norm2(x))), 0.1))


class SegNet(nn.Module):
    """(B, 3, H, W) composite, thermal and visible luma, 0 to 1 -> features of stages 1 and 2, logits at stride 4."""

    def __init__(self) -> None:
        super().__init__()
        inputs = (3, *WIDTHS[:-1])
        self.embed = nn.ModuleList(
            nn.Conv2d(wide_in, wide, 7 if stage == 0 else 3, 4 if stage == 0 else 2, 3 if stage == 0 else 1)
            for stage, (wide_in, wide) in enumerate(zip(inputs, WIDTHS, strict=True))
        )
        self.stages = nn.ModuleList(
            nn.Sequential(*(MixBlock(wide, with_attention=stage == 2) for _ in range(depth)), ChannelNorm(wide))
            for stage, (wide, depth) in enumerate(zip(WIDTHS, DEPTHS, strict=True))
        )
        self.to_head = nn.ModuleList(nn.Conv2d(wide, 64, 1) for wide in WIDTHS)
        self.head = nn.Sequential(nn.Conv2d(64 * len(WIDTHS), 64, 1), nn.LeakyReLU(0.1), nn.Conv2d(64, CLASS_COUNT, 1))

    def features(self, pixels: Tensor) -> list[Tensor]:
        """Maps of widths 24, 48, 96 at strides 4, 8, 16."""
        maps, x = [], pixels * 2 - 1
        for embed, stage in zip(self.embed, self.stages, strict=True):
            x = stage(embed(x))
            maps.append(x)
        return maps

    def classify(self, maps: list[Tensor]) -> Tensor:
        """Logits (B, 7, H/4, W/4) of the all-MLP head."""
        size = maps[0].shape[-2:]
        enlarged = [
            F.interpolate(project(x), size=size, mode="bilinear", align_corners=False)
            for project, x in zip(self.to_head, maps, strict=True)
        ]
        return self.head(torch.cat(enlarged, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        return self.classify(self.features(pixels))
