"""The network whose behaviour on constant pictures becomes the tables of MEFLUT; it is thrown away afterwards.

Source: MEFLUT (Jiang et al., ICCV 2023). Differs: borders are replicated, not zero, so that a constant plane stays
constant through every convolution and a table entry does not depend on the size of the plane it is read from.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

CHANNELS = 24
SQUEEZE = 8
DILATIONS = (2, 4, 8)
SLOPE = 0.2
PROBE_PX = 8  # side of the constant planes the tables are read from


class AdaptiveNorm(nn.Module):
    """a x + b InstanceNorm(x), learned a, b; a constant plane passes by the first part, or all entries were equal."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.keep, self.change = nn.Parameter(torch.ones(1)), nn.Parameter(torch.zeros(1))
        self.norm = nn.InstanceNorm2d(channels, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.keep * x + self.change * self.norm(x)


class ChannelAttention(nn.Module):
    """Scales each channel by a sigmoid of all channels' means."""

    def __init__(self, channels: int, squeeze: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, squeeze, 1),
            nn.ReLU(),
            nn.Conv2d(squeeze, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)


class SharedStage(nn.Module):
    """Stage A, for all frames: channel attention, then attention over frames, the only place where they meet."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.enter = nn.Sequential(*_conv(1, CHANNELS), nn.LeakyReLU(SLOPE), *_conv(CHANNELS, CHANNELS))
        self.channels = ChannelAttention(CHANNELS, CHANNELS // SQUEEZE)
        self.frames = ChannelAttention(count, count)
        self.activate = nn.LeakyReLU(SLOPE)

    def forward(self, planes: Tensor) -> Tensor:
        x = self.enter(planes)  # (K, C, h, w)
        x = self.activate(x + self.channels(x))
        return self.frames(x.transpose(0, 1)).transpose(0, 1)


class DilatedBranch(nn.Module):
    """A dilated convolution and attention over pixels: maximum and mean over channels, 5 x 5, sigmoid."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.look = nn.Sequential(*_conv(CHANNELS, CHANNELS, dilation))
        self.gate = nn.Conv2d(2, 1, 5, padding=2, bias=False, padding_mode="replicate")

    def forward(self, x: Tensor) -> Tensor:
        x = self.look(x)
        summary = torch.cat([x.amax(dim=1, keepdim=True), x.mean(dim=1, keepdim=True)], dim=1)
        return x * torch.sigmoid(self.gate(summary))


class FrameStage(nn.Module):
    """Stage B, one per frame: three dilated branches side by side, then a weight per pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Sequential(*_conv(CHANNELS, CHANNELS), nn.LeakyReLU(SLOPE))
        self.branches = nn.ModuleList(DilatedBranch(dilation) for dilation in DILATIONS)
        self.join = nn.Conv2d(len(DILATIONS) * CHANNELS, CHANNELS, 1)
        self.leave = nn.Sequential(
            nn.LeakyReLU(SLOPE), *_conv(CHANNELS, CHANNELS), nn.LeakyReLU(SLOPE), nn.Conv2d(CHANNELS, 1, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        wide = torch.cat([branch(x) for branch in self.branches], dim=1)
        return self.leave(x + self.join(wide))


class MefLutNet(nn.Module):
    """Weights of `count` exposures, brightest first: (K, 1, h, w) luma in 0..1 -> (K, h, w), any sign."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.shared = SharedStage(count)
        self.stages = nn.ModuleList(FrameStage() for _ in range(count))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="leaky_relu", a=SLOPE)

    def forward(self, planes: Tensor) -> Tensor:
        features = self.shared(planes)
        return torch.cat([stage(x[None])[0] for stage, x in zip(self.stages, features, strict=True)])


def extract_tables(net: MefLutNet, count: int) -> Tensor:
    """What the network answers to `count` identical constant planes of each grey.

    Returns:
        (K, 256) weights, 0 to 1; each column sums to 1, for the network sees frames that are all alike.
    """
    with torch.no_grad():
        columns = [net(torch.full((count, 1, PROBE_PX, PROBE_PX), v / 255)).abs() + 1e-8 for v in range(256)]
    # On a constant guide the guided filter's slope is 0: enlarging changes nothing and is left out.
    return torch.stack([(column / column.sum(dim=0)).mean(dim=(1, 2)) for column in columns], dim=1)


def _conv(inputs: int, outputs: int, dilation: int = 1) -> tuple[nn.Module, nn.Module]:
    conv = nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation, bias=False, padding_mode="replicate")
    return conv, AdaptiveNorm(outputs)
