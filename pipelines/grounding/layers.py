"""Layers that text encoder, backbone and head share."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

MASKED = -1e4  # added to a score: finite, so that a window of padding alone gives no NaN


class ConvNorm(nn.Module):
    """A convolution, its BatchNorm and GELU; frozen, the norm is folded into the convolution."""

    def __init__(self, inward: int, outward: int, size: int = 3, stride: int = 1, is_frozen: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inward, outward, size, stride, size // 2, bias=is_frozen)
        self.norm = nn.Identity() if is_frozen else nn.BatchNorm2d(outward)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.norm(self.conv(x)))


class Perceptron(nn.Module):
    """Two linear layers with GELU between, on the last axis."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.expand, self.shrink = nn.Linear(width, ratio * width), nn.Linear(ratio * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.shrink(F.gelu(self.expand(x)))


class Attention(nn.Module):
    """Multi-head attention; softmax written out, whose backward CPUs like better than the fused one's."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.keyvalue = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, context: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(B, Q, d), (B, K, d), valid (B, K) or None for all -> (B, Q, d), and what was looked at, (B, heads, Q, K)."""
        q = self.query(x).unflatten(2, (self.heads, -1)).transpose(1, 2)  # (B, heads, Q, d_head)
        k, v = self.keyvalue(context).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(2, 3) / q.shape[3] ** 0.5
        if valid is not None:
            scores = scores + MASKED * (~valid[:, None, None]).to(scores.dtype)
        shares = scores.softmax(3).to(v.dtype)
        return self.out((shares @ v).transpose(1, 2).flatten(2)), shares


class SelfBlock(nn.Module):
    """Pre-norm: x <- x + attention(LN x); x <- x + perceptron(LN x)."""

    def __init__(self, width: int, heads: int, ratio: int) -> None:
        super().__init__()
        self.attention, self.perceptron = Attention(width, heads), Perceptron(width, ratio)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def attend(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """The first half."""
        normed = self.norm1(x)
        return x + self.attention(normed, normed, valid)[0]

    def think(self, x: Tensor) -> Tensor:
        """The second half."""
        return x + self.perceptron(self.norm2(x))

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        return self.think(self.attend(x, valid))
