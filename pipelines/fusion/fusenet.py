"""FuseNet: one small network for four fusion tasks and any number of frames, in the structure of SegMiF.

After SegMiF (Liu et al. 2023, arXiv:2308.02097): dilated residual dense blocks, hierarchical interactive attention
with the features of a segmentation branch. Departures: one encoder shared by all frames (their role is a learned
offset), the heavy part at half resolution, an order-free exchange between frames, LayerNorm over channels only, and
an output that is a convex blend of the sources plus a bounded residual, kept near the range of the sources, so that
every point of every fader gives a sane picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.fusion.segnet import WIDTHS, ChannelNorm, SegNet
from pipelines.fusion.stripes import without_stripes

CHANNELS = 32
GROWTH = 16
HEADS = 4
STRIDE = 16  # inputs are padded to a multiple of this: the deepest stage of the segmentation branch
RESIDUAL_RANGE = 0.25
SHOWN_SPAN, SHARE_REACH_PX = 8 / 255, 4
OVERSHOOT = 0.1  # of luma, beyond what the frames show around a pixel


@dataclass(frozen=True)
class FuseOutput:
    """What the network says about a stack of frames.

    Attributes:
        blend: sum of the sources by the weights, (B, H, W).
        residual: added detail, (B, H, W), each frame's share within +-0.25, less what leaves the range of the frames.
        weights: (B, K, H, W), sums to 1 over K.
        logits: of the segmentation at a quarter of the size, (B, 7, H/4, W/4); None for tasks without it.
    """

    blend: Tensor
    residual: Tensor
    weights: Tensor
    logits: Tensor | None

    @property
    def fused(self) -> Tensor:
        """(B, H, W), not clipped: losses need the gradient outside 0 to 1."""
        return self.blend + self.residual


def _conv(inputs: int, outputs: int, dilation: int = 1) -> nn.Conv2d:
    """3 x 3; beyond its border a picture goes on as it ends: zeros there would be a dark frame around it."""
    return nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation, padding_mode="replicate")


def by_pixel(x: Tensor) -> Tensor:
    """The channels of a pixel side by side: all layers keep that order, and the convolutions are a sixth faster."""
    return x.contiguous(memory_format=torch.channels_last)


class DenseBlock(nn.Module):
    """Dilated residual dense block: three convolutions, each seeing all before it, and a 1 x 1 back (SegMiF 3.2)."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(_conv(CHANNELS + i * GROWTH, GROWTH, dilation=i + 1) for i in range(3))
        self.fuse = nn.Conv2d(CHANNELS + 3 * GROWTH, CHANNELS, 1)

    def forward(self, x: Tensor) -> Tensor:
        seen = [x]
        for conv in self.convs:
            seen.append(F.leaky_relu(conv(torch.cat(seen, 1)), 0.1))
        return x + F.leaky_relu(self.fuse(torch.cat(seen, 1)), 0.1)


class FrameContext(nn.Module):
    """Adds to every frame what all frames say together: mean and maximum over frames, so order and count are free."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(2 * CHANNELS, CHANNELS, 1)

    def forward(self, x: Tensor, count: int) -> Tensor:
        frames = x.unflatten(0, (-1, count))  # (B, K, C, h, w)
        shared = self.mix(torch.cat([frames.mean(1), frames.amax(1)], 1))
        return (frames + shared[:, None]).flatten(0, 1)


class FrameBlock(nn.Module):
    """A dense block on each frame, then the exchange between frames."""

    def __init__(self) -> None:
        super().__init__()
        self.dense, self.context = DenseBlock(), FrameContext()

    def forward(self, x: Tensor, count: int) -> Tensor:
        return self.context(self.dense(x), count)


class InteractiveAttention(nn.Module):
    """Hierarchical interactive attention (SegMiF 3.3) between each frame and the segmentation features.

    Departures: the context matrix is a mean over pixels, so it does not grow with the picture; LayerNorm is per pixel.
    """

    def __init__(self, segmentation_width: int) -> None:
        super().__init__()
        self.from_segmentation = nn.Conv2d(segmentation_width, CHANNELS, 1)
        self.absent = nn.Parameter(torch.zeros(1, CHANNELS, 1, 1))  # the tokens of a task without segmentation
        self.split_frame = nn.Conv2d(CHANNELS, 2 * CHANNELS, 1)
        self.split_segmentation = nn.Conv2d(CHANNELS, 2 * CHANNELS, 1)
        self.modality_kv = nn.Conv2d(CHANNELS, 2 * CHANNELS, 1)
        self.semantic_kv = nn.Conv2d(CHANNELS, 2 * CHANNELS, 1)
        self.out = nn.Conv2d(2 * CHANNELS, CHANNELS, 1)
        self.norm = ChannelNorm(CHANNELS)

    def forward(self, x: Tensor, count: int, features: Tensor | None) -> Tensor:
        tokens = self._tokens(x, count, features)
        y, u = F.relu(self.split_frame(x)).chunk(2, 1)
        y_s, u_s = F.relu(self.split_segmentation(tokens)).chunk(2, 1)
        modality = _attend(u, *self.modality_kv(u_s).chunk(2, 1))
        semantic = _attend(y_s, *self.semantic_kv(y).chunk(2, 1)).expand_as(modality)
        return self.norm(x + self.out(torch.cat([modality, semantic], 1)))

    def _tokens(self, x: Tensor, count: int, features: Tensor | None) -> Tensor:
        if features is None:
            return self.absent.expand(x.shape[0], -1, -1, -1)  # (B*K, C, 1, 1)
        enlarged = F.interpolate(
            self.from_segmentation(features), size=x.shape[-2:], mode="bilinear", align_corners=False
        )
        return enlarged.repeat_interleave(count, 0)


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Linear attention by head: query times a (head_dim, head_dim) context; (B, C, *q), (B, C, *kv) -> (B, C, *q)."""
    q, k, v = (x.flatten(2).unflatten(1, (HEADS, -1)) for x in (query, key, value))  # (B, heads, d, N)
    context = (k @ v.transpose(2, 3)) / (k.shape[-1] * k.shape[2] ** 0.5)
    mixed = torch.softmax(context, dim=2).transpose(2, 3) @ q
    return mixed.flatten(1, 2).unflatten(2, query.shape[2:])


class Stem(nn.Module):
    """Half-size features of each frame, its role as an offset, and a thin full-size skip."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = _conv(4, CHANNELS)
        self.skip = _conv(1, 8)
        self.role = nn.Parameter(torch.zeros(2, CHANNELS))

    def forward(self, frames: Tensor, roles: Tensor) -> tuple[Tensor, Tensor]:
        flat = frames.flatten(0, 1)[:, None]  # (B*K, 1, H, W)
        offsets = torch.where(roles[:, None] >= 0, self.role[roles.clamp(min=0)], 0.0)  # (K, C)
        x = self.conv(by_pixel(F.pixel_unshuffle(flat, 2)))
        x = x + offsets.repeat(frames.shape[0], 1)[:, :, None, None]
        return F.leaky_relu(x, 0.1), F.leaky_relu(self.skip(by_pixel(flat)), 0.1)


class Decoder(nn.Module):
    """Per frame: a weight logit and a detail residual at full size, (B*K, 2, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Conv2d(CHANNELS, 4 * 12, 1)
        self.conv = _conv(12 + 8, 16)
        self.head = _conv(16, 2)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = torch.cat([F.pixel_shuffle(self.up(x), 2), skip], 1)
        return self.head(F.leaky_relu(self.conv(x), 0.1))


class FuseNet(nn.Module):
    """Frames of one scene -> weights, residual and, on request, labels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem()
        self.block1, self.block2 = FrameBlock(), FrameBlock()
        self.attention1 = InteractiveAttention(WIDTHS[0])
        self.attention2 = InteractiveAttention(WIDTHS[1])
        self.decoder = Decoder()
        self.segmentation = SegNet()

    def forward(self, frames: Tensor, roles: Tensor, with_segmentation: bool = False) -> FuseOutput:
        """Fuse.

        Args:
            frames: luma, (B, K, H, W), 0 to 1. With segmentation K is 2: thermal, visible.
            roles: (K,) 0 or 1 for the two modalities of a pair, -1 for frames of one camera.
        """
        height, width = frames.shape[-2:]
        padded = pad_to_stride(frames)
        maps = self.segmentation.features(by_pixel(segmentation_input(padded))) if with_segmentation else None
        logit, residual = self._decode(padded, roles, maps)
        weights = torch.softmax(logit, 1)
        blend = (weights * padded).sum(1)
        added = (RESIDUAL_RANGE * torch.tanh(residual)).sum(1)
        shown = shown_range(padded)
        detail = within_range(blend + added * shown_share(*shown), *shown) - blend
        logits = self.segmentation.classify(maps) if maps is not None else None
        return FuseOutput(blend[:, :height, :width], detail[:, :height, :width], weights[:, :, :height, :width], logits)

    def _decode(self, frames: Tensor, roles: Tensor, maps: list[Tensor] | None) -> tuple[Tensor, Tensor]:
        count = frames.shape[1]
        x, skip = self.stem(frames, roles)
        x = self.block1(x, count)
        x = self.attention1(x, count, maps and maps[0])
        x = self.block2(x, count)
        x = self.attention2(x, count, maps and maps[1])
        decoded = without_stripes(self.decoder(x, skip)).unflatten(0, frames.shape[:2])  # (B, K, 2, H, W)
        return decoded[:, :, 0], decoded[:, :, 1]


def within_range(fused: Tensor, lowest: Tensor, highest: Tensor) -> Tensor:
    """Pixels brought back that leave what `shown_range` gives; (B, H, W) each.

    By `OVERSHOOT` they may, but no further than half way to black or white, where detail would drown. A mix of experts
    that were never trained together may add the same edge several times.
    """
    floor = torch.maximum(lowest - OVERSHOOT, lowest / 2)
    return torch.minimum(torch.maximum(fused, floor), torch.minimum(highest + OVERSHOOT, (1 + highest) / 2))


def shown_share(lowest: Tensor, highest: Tensor) -> Tensor:
    """Where there is anything to add detail to, 0 to 1, from what `shown_range` gives; (B, H, W) each.

    0 where 3 x 3 pixels of all frames are one grey, 1 where they span 8 of 255 steps, smoothed over 9 pixels so that no
    texture comes of it. Without it the black around a medical slice was lifted to a haze.
    """
    share = ((highest - lowest) / SHOWN_SPAN).clamp(max=1)
    around = F.pad(share[:, None], (SHARE_REACH_PX,) * 4, mode="replicate")
    return F.avg_pool2d(around, 2 * SHARE_REACH_PX + 1, 1)[:, 0]


def shown_range(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Darkest and brightest of all frames in 3 x 3 pixels, (B, K, H, W) -> two of (B, H, W)."""
    lowest = -F.max_pool2d(-frames.amin(1, keepdim=True), 3, 1, 1)
    return lowest[:, 0], F.max_pool2d(frames.amax(1, keepdim=True), 3, 1, 1)[:, 0]


def pad_to_stride(frames: Tensor) -> Tensor:
    """Repeat the last row and column until both sides are multiples of 16."""
    height, width = frames.shape[-2:]
    return F.pad(frames, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")


def segmentation_input(pair: Tensor, fused: Tensor | None = None) -> Tensor:
    """(B, 2, H, W) thermal and visible -> (B, 3, H, W): composite (or the fused image), thermal, visible."""
    composite = saliency_composite(pair) if fused is None else fused
    return torch.cat([composite[:, None], pair], 1)


def saliency_composite(pair: Tensor) -> Tensor:
    """Blend of two images by histogram saliency, S[g] = sum_i hist[i] |g - i| over 256 bins, (B, 2, H, W) -> (B, H, W).

    Source: SegMiF, the composite that feeds the segmentation before a fused image exists.
    """
    grey = (pair.detach() * 255).clamp(0, 255).long()
    bins = torch.arange(256, device=pair.device)
    flat = grey.flatten(2)
    histogram = torch.zeros(*flat.shape[:2], 256, device=pair.device)
    histogram.scatter_add_(2, flat, torch.ones_like(flat, dtype=torch.float32))
    saliency = histogram @ (bins[:, None] - bins[None]).abs().float()
    saliency = saliency / saliency.amax(2, keepdim=True).clamp(min=1)
    weight = torch.gather(saliency, 2, flat).view_as(pair) + 1e-3
    return (weight * pair).sum(1) / weight.sum(1)
