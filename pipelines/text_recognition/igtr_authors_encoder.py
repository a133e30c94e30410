"""The visual encoder of IGTR as its authors published it, under the names of their checkpoints.

"SVTR-B with convolutions" of IGTR (Zheng et al. 2025, arXiv:2401.17851). Differs: BatchNorm is stored as the scale and
shift it amounts to (`igtr_import.py`), because a mix of networks would need new statistics.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.text_recognition.layers import Affine

EPSILON = 1e-6  # of the norms in blocks; the one after the strided convolution has torch's default
HEAD_WIDTH = 32


@dataclass(frozen=True)
class AuthorsShape:
    """Sizes; pairs and triples go by stage. Heads are 32 wide, convolution groups too."""

    width: tuple[int, int, int] = (128, 256, 384)
    convolutions: tuple[int, int] = (6, 2)
    attentions: tuple[int, int] = (4, 6)
    layers: int = 1
    ratio: int = 4
    positions_hw: tuple[int, int] = (16, 32)
    visual_hw: tuple[int, int] = (8, 32)


class ConvNorm(nn.Module):
    """A 3 x 3 convolution without bias, and its norm."""

    def __init__(self, inward: int, outward: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(inward, outward, 3, 2, 1, bias=False), Affine(outward)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.norm(self.conv(x)))


class PatchEmbed(nn.Module):
    """Two convolutions of stride 2."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Sequential(ConvNorm(3, width // 2), ConvNorm(width // 2, width))

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x)


class Perceptron(nn.Module):
    """Two linear maps with GELU between; on channels first (convolutions) or last."""

    def __init__(self, width: int, ratio: int, is_convolution: bool = False) -> None:
        super().__init__()
        sizes = (width, ratio * width), (ratio * width, width)
        self.fc1, self.fc2 = (nn.Conv2d(*size, 1) if is_convolution else nn.Linear(*size) for size in sizes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class ConvolutionBlock(nn.Module):
    """x <- norm(x + grouped 5 x 5 (x)); x <- norm(x + perceptron(x))."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.local_mixer = nn.Conv2d(width, width, 5, padding=2, groups=max(width // HEAD_WIDTH, 1))
        self.mlp = Perceptron(width, ratio, is_convolution=True)
        self.norm1, self.norm2 = Affine(width), Affine(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.local_mixer(x))
        return self.norm2(x + self.mlp(x))


class SelfAttention(nn.Module):
    """Every token looks at every other."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = heads(self.qkv(x), 3)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class AttentionBlock(nn.Module):
    """x <- LN(x + attention(x)); x <- LN(x + perceptron(x))."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.mixer, self.mlp = SelfAttention(width), Perceptron(width, ratio)
        self.norm1, self.norm2 = nn.LayerNorm(width, EPSILON), nn.LayerNorm(width, EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.mixer(x))
        return self.norm2(x + self.mlp(x))


class Downsampling(nn.Module):
    """A convolution that halves the rows, on tokens row by row."""

    def __init__(self, inward: int, outward: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(inward, outward, 3, (2, 1), 1), nn.LayerNorm(outward)

    def forward(self, tokens: Tensor, columns: int) -> Tensor:
        return self.norm(self.conv(tokens.transpose(1, 2).unflatten(2, (-1, columns))).flatten(2).transpose(1, 2))


class Encoder(nn.Module):
    """Pictures (B, 3, H, W), -1 to 1, to tokens (B, H / 8 * W / 4, d), row by row."""

    def __init__(self, shape: AuthorsShape) -> None:
        super().__init__()
        first, second, third = shape.width
        self.patch_embed = PatchEmbed(first)
        self.pos_embed = nn.Parameter(torch.zeros(1, first, *shape.positions_hw))
        self.conv_blocks1 = nn.Sequential(
            *(ConvolutionBlock(first, shape.ratio) for _ in range(shape.convolutions[0])),
            nn.Sequential(nn.Conv2d(first, second, 3, 1, 1), Affine(second)),
            *(ConvolutionBlock(second, shape.ratio) for _ in range(shape.convolutions[1])),
        )
        self.trans_blocks = nn.ModuleList(
            [
                *(AttentionBlock(second, shape.ratio) for _ in range(shape.attentions[0])),
                Downsampling(second, third),
                *(AttentionBlock(third, shape.ratio) for _ in range(shape.attentions[1])),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embed(x)  # (B, C, H / 4, W / 4)
        rows, columns = x.shape[2:]
        x = self.conv_blocks1(x + self.pos_embed[:, :, :rows, :columns]).flatten(2).transpose(1, 2)
        for block in self.trans_blocks:
            x = block(x, columns) if isinstance(block, Downsampling) else block(x)
        return x


def heads(x: Tensor, parts: int) -> Tensor:
    """(B, N, parts * d) to (parts, B, heads, N, d_head)."""
    width = x.shape[2] // parts
    split = x.unflatten(2, (parts, max(width // HEAD_WIDTH, 1), -1))
    return split.permute(2, 0, 3, 1, 4)
