"""Layers that encoder and decoder share: normalisation that can be frozen, perceptron, attention, stochastic depth."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Affine(nn.Module):
    """Scale and shift per channel: what is left of a BatchNorm whose statistics stand still."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight.view(-1, 1, 1) + self.bias.view(-1, 1, 1)  # (B, C, H, W)


class ConvNorm(nn.Module):
    """A 3 x 3 convolution and its BatchNorm; frozen, a convolution with a bias."""

    def __init__(self, inward: int, outward: int, stride: tuple[int, int], is_frozen: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inward, outward, 3, stride, 1, bias=is_frozen)
        self.norm = nn.Identity() if is_frozen else nn.BatchNorm2d(outward)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


class Perceptron(nn.Module):
    """Two linear layers with GELU between, on the last axis."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.expand, self.shrink = nn.Linear(width, ratio * width), nn.Linear(ratio * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.shrink(F.gelu(self.expand(x)))


class Attention(nn.Module):
    """Multi-head attention of queries on keys; the same tokens in the encoder, others in the decoder."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.keyvalue = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, context: Tensor, valid: Tensor | None = None) -> Tensor:
        """(B, Q, d), (B, K, d), valid (B, K) or None for all -> (B, Q, d)."""
        shares, v = self._shares(x, context, valid)
        return self.out((shares @ v).transpose(1, 2).flatten(2))

    def weights(self, x: Tensor, context: Tensor) -> Tensor:
        """What each query looks at, mean of the heads: (B, Q, K), every row sums to 1."""
        return self._shares(x, context, None)[0].mean(1)

    def _shares(self, x: Tensor, context: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
        """Softmax written out: on CPUs the backward of torch's fused attention takes four times as long."""
        q, k, v = self._heads(x, context)
        scores = q @ k.transpose(2, 3) / q.shape[3] ** 0.5  # (B, heads, Q, K)
        if valid is not None:
            scores = scores.masked_fill(~valid[:, None, None], float("-inf"))
        return scores.softmax(3), v

    def _heads(self, x: Tensor, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q = self.query(x).unflatten(2, (self.heads, -1)).transpose(1, 2)  # (B, heads, Q, d_head)
        k, v = self.keyvalue(context).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return q, k, v


def drop_path(x: Tensor, rate: float, is_training: bool) -> Tensor:
    """A residual branch left out for a share `rate` of the samples, the others scaled to the same mean."""
    if not rate or not is_training:
        return x
    keep = torch.rand(x.shape[0], *[1] * (x.ndim - 1), device=x.device) >= rate
    return x * keep / (1 - rate)
